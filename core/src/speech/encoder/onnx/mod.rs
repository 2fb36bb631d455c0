//! Encoders run by ONNX Runtime, which is loaded from a shared library at run time.

mod weights;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use memmap2::Mmap;
use ndarray::{Array2, Array3, ArrayD, ArrayViewD, ArrayViewMut3, Axis, Ix2, Ix3, s};
use ort::ep::ExecutionProvider as _;
use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};
use ort::session::{RunOptions, Session};
use ort::value::TensorRef;

use super::{Batch, Device, DeviceChoice, Encoder, EncoderError, Model, Weight};
use crate::remedy::Remedy;
use crate::speech::card::Card;
use weights::{map_file, weight_value};

/// Default batch size on a GPU.
const CUDA_BATCH: usize = 16;
/// Maximum total size of the weights held by parallel sessions, in bytes.
const MOST_WEIGHT_BYTES: usize = 1 << 30;
/// Name of the graph's input for windows.
const INPUT: &str = "input";
/// Name of the graph's input for the requested output frames.
const WANTED_FRAMES: &str = "wanted_frames";

/// Errors of loading ONNX Runtime or a model.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// The library cannot be loaded.
    #[error(
        "ONNX Runtime could not be loaded: {reason}\nHeschl needs version 1.24 or newer for this kind of machine. Choose another \
         library, or let Heschl download one.\n\
         File: {}", path.display()
    )]
    Library {
        /// Message of the loader.
        reason: String,
        /// The library.
        path: PathBuf,
    },
    /// The requested device is not available.
    #[error(
        "The device {device} cannot be used: {reason}\nTo continue without it, compute on the CPU or \
         let the device be chosen automatically."
    )]
    Device {
        /// The requested device.
        device: DeviceChoice,
        /// The reason.
        reason: String,
    },
    /// The runtime rejected the graph or its weights.
    #[error("The model could not be loaded: {reason}\nCheck the model.\nFolder: {}", folder.display())]
    Model {
        /// Message of the runtime.
        reason: String,
        /// The model's folder.
        folder: PathBuf,
    },
    /// A weight file cannot be read.
    #[error("The model's weights could not be read: {source}\nFile: {}", path.display())]
    Weights {
        /// The error of the operating system.
        source: std::io::Error,
        /// The file.
        path: PathBuf,
    },
}

impl RuntimeError {
    /// Returns what the user can do about it, best first.
    #[must_use]
    pub fn remedies(&self) -> Vec<Remedy> {
        match self {
            Self::Library { .. } => vec![Remedy::OtherRuntime, Remedy::FetchRuntime],
            Self::Device { .. } => vec![Remedy::OtherDevice],
            Self::Model { .. } => vec![Remedy::CheckModel],
            Self::Weights { .. } => Vec::new(),
        }
    }
}

/// A loaded ONNX Runtime.
pub struct OnnxRuntime {
    environment: ort::environment::Environment,
    library: PathBuf,
    version: String,
}

impl OnnxRuntime {
    /// Loads the library at an absolute path. A process can load only one: later calls return the first library whatever
    /// the path.
    ///
    /// # Errors
    /// Returns [`RuntimeError::Library`] if it is missing, built for another machine, or older than 1.24.
    pub fn load(library: &Path) -> Result<Self, RuntimeError> {
        let refuse = |reason: String| RuntimeError::Library {
            reason,
            path: library.to_path_buf(),
        };
        if !library.is_file() {
            return Err(refuse("there is no such file.".into()));
        }
        match ort::util::probe(library) {
            None => {
                return Err(refuse(
                    "it is not ONNX Runtime, or not for this kind of machine.".into(),
                ));
            }
            Some(minor) if minor < ort::MINOR_VERSION => {
                return Err(refuse(format!(
                    "it is version 1.{minor}, which is too old."
                )));
            }
            Some(_) => {}
        }
        let environment = ort::init_from(library)
            .map_err(|error| refuse(error.to_string()))?
            .with_name("heschl")
            .with_telemetry(false)
            .build()
            .map_err(|error| refuse(error.message().to_string()))?;
        environment.set_log_level(ort::logging::LogLevel::Fatal);
        Ok(Self {
            environment,
            library: library.to_path_buf(),
            version: version_from_build_info(library),
        })
    }

    /// Returns the path of the library.
    #[must_use]
    pub fn library(&self) -> &Path {
        &self.library
    }

    /// Returns its version, such as `1.32.0`.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Tries to initialise CUDA on GPU `index`.
    ///
    /// # Errors
    /// Returns the message of the runtime on failure.
    pub fn try_cuda(&self, index: u32) -> Result<(), String> {
        let cuda = ort::ep::CUDA::default().with_device_id(index as i32);
        if !ort::ep::CUDA::is_available().unwrap_or(false) {
            return Err("this ONNX Runtime was built without CUDA.".into());
        }
        let builder = Session::builder(&self.environment).map_err(|error| error.to_string())?;
        builder
            .with_execution_providers([cuda.build().error_on_failure()])
            .map(drop)
            .map_err(|error| error.message().to_string())
    }

    /// Returns the shortest time of `n_repeats` runs of a single-input graph on the CPU, in seconds, after one warm-up run.
    ///
    /// # Errors
    /// Returns [`RuntimeError::Model`] if the runtime rejects the graph.
    pub fn best_time(
        &self,
        graph: &[u8],
        input: &ArrayD<f32>,
        n_threads: usize,
        n_repeats: usize,
    ) -> Result<f64, RuntimeError> {
        let refuse = |reason: String| RuntimeError::Model {
            reason,
            folder: PathBuf::new(),
        };
        let failed = |error: ort::Error| refuse(error.message().to_string());
        let mut builder = self
            .builder(Device::Cpu { n_threads }, n_threads)
            .map_err(refuse)?;
        let mut session = builder.commit_from_memory(graph).map_err(failed)?;
        let mut best = f64::INFINITY;
        for repeat in 0..=n_repeats {
            let input = TensorRef::from_array_view(input.view()).map_err(failed)?;
            let begun = Instant::now();
            session.run(ort::inputs![input]).map_err(failed)?;
            if repeat > 0 {
                best = best.min(begun.elapsed().as_secs_f64());
            }
        }
        Ok(best)
    }

    fn builder(&self, device: Device, n_threads: usize) -> Result<SessionBuilder, String> {
        let text = |error: ort::Error<SessionBuilder>| error.message().to_string();
        let builder = Session::builder(&self.environment)
            .map_err(|error| error.message().to_string())?
            .with_optimization_level(GraphOptimizationLevel::All)
            .map_err(text)?
            .with_log_level(ort::logging::LogLevel::Fatal)
            .map_err(text)?;
        match device {
            Device::Cpu { .. } => builder.with_intra_threads(n_threads).map_err(text),
            Device::Cuda { index } => {
                let cuda = ort::ep::CUDA::default()
                    .with_device_id(index as i32)
                    .with_tf32(false);
                builder
                    .with_execution_providers([cuda.build().error_on_failure()])
                    .map_err(text)
            }
        }
    }
}

/// The version from the library's build information, else the file's name.
fn version_from_build_info(library: &Path) -> String {
    let info = ort::info();
    let tag = info
        .split(&[',', ' '][..])
        .find_map(|word| word.strip_prefix("git-branch=rel-"));
    if let Some(version) = tag {
        return version.to_string();
    }
    let name = library.file_name().unwrap_or_default().to_string_lossy();
    let digits = |c: char| c.is_ascii_digit();
    name.find(digits).map_or_else(
        || format!("1.{} or newer", ort::MINOR_VERSION),
        |at| {
            name[at..]
                .trim_end_matches(|c: char| !digits(c))
                .to_string()
        },
    )
}

/// Options for running a model.
#[derive(Debug, Clone, Copy)]
pub struct OnnxOptions {
    /// Compute device.
    pub device: DeviceChoice,
    /// Number of CPU threads.
    pub n_threads: usize,
}

/// An encoder run by ONNX Runtime.
pub struct OnnxEncoder {
    // Dropped before the memory maps that hold their weights.
    workers: Vec<Session>,
    stem: Option<Session>,
    _maps: Vec<Mmap>,
    card: Card,
    layers: Vec<usize>,
    device: Device,
    gpu_refusal: Option<String>,
    options: Arc<RunOptions>,
}

/// Interrupts an encoder's computation from another thread.
#[derive(Clone)]
pub struct Interrupter(Arc<RunOptions>);

impl Interrupter {
    /// Makes the current and all later windows fail at the graph's next node, even within loops, which a third-party graph
    /// may never leave.
    pub fn interrupt(&self) {
        // If the runtime refuses, there is nobody to report it to.
        let _ = self.0.terminate();
    }
}

impl OnnxEncoder {
    /// Returns a handle that interrupts the computation from another thread.
    #[must_use]
    pub fn interrupter(&self) -> Interrupter {
        Interrupter(Arc::clone(&self.options))
    }

    /// Loads a model. Its weights are memory-mapped, not copied.
    ///
    /// # Errors
    /// Returns [`RuntimeError::Device`] if a device was requested by name and cannot be used, [`RuntimeError::Model`] or
    /// [`RuntimeError::Weights`] if the model's files do not match its graph.
    pub fn load(
        runtime: &OnnxRuntime,
        model: &Model,
        options: OnnxOptions,
    ) -> Result<Self, RuntimeError> {
        let (device, gpu_refusal) = choose_device(runtime, options)?;
        let refuse = |reason: String| RuntimeError::Model {
            reason,
            folder: model.folder.clone(),
        };
        let mut maps = BTreeMap::new();
        let stem_weights = model.stem.iter().flat_map(|stem| &stem.weights);
        for weight in model.weights.iter().chain(stem_weights) {
            if !maps.contains_key(&weight.file) {
                maps.insert(weight.file.clone(), map_file(&weight.file)?);
            }
        }
        let (n_workers, n_threads) = share_out(model, device);
        let mut workers = Vec::with_capacity(n_workers);
        for _ in 0..n_workers {
            let builder = runtime.builder(device, n_threads).map_err(refuse)?;
            let worker = session(builder, &model.graph, &model.weights, &maps);
            workers.push(worker.map_err(refuse)?);
        }
        let stem = match &model.stem {
            None => None,
            Some(stem) => {
                let builder = runtime.builder(device, 1).map_err(refuse)?;
                let stem = session(builder, &stem.graph, &stem.weights, &maps);
                Some(stem.map_err(refuse)?)
            }
        };
        let options = RunOptions::new().map_err(|error| refuse(error.message().to_string()))?;
        Ok(Self {
            options: Arc::new(options),
            workers,
            stem,
            _maps: maps.into_values().collect(),
            card: model.card.clone(),
            layers: model.layers.clone(),
            device,
            gpu_refusal,
        })
    }

    /// Returns the device in use.
    #[must_use]
    pub fn device(&self) -> Device {
        self.device
    }

    /// Returns why the GPU is not used, if the device was chosen automatically.
    #[must_use]
    pub fn gpu_refusal(&self) -> Option<&str> {
        self.gpu_refusal.as_deref()
    }
}

/// Number of parallel sessions, and threads of each. A single-threaded session never waits for other threads, so many of
/// them are faster than one multi-threaded session; but each holds its own copy of the weights.
fn share_out(model: &Model, device: Device) -> (usize, usize) {
    let Device::Cpu { n_threads } = device else {
        return (1, 1);
    };
    let n_bytes: usize = model.weights.iter().map(Weight::n_bytes).sum();
    let most_workers = (MOST_WEIGHT_BYTES / n_bytes.max(1)).clamp(1, n_threads);
    // The largest number that leaves no thread idle.
    let n_workers = (1..=most_workers)
        .rev()
        .find(|n| n_threads.is_multiple_of(*n))
        .unwrap_or(1);
    (n_workers, n_threads / n_workers)
}

/// Creates a session for a graph over memory-mapped weights.
fn session(
    mut builder: SessionBuilder,
    graph: &[u8],
    weights: &[Weight],
    maps: &BTreeMap<PathBuf, Mmap>,
) -> Result<Session, String> {
    for weight in weights {
        let map = maps
            .get(&weight.file)
            .ok_or("a file of weights is not there.")?;
        let value = weight_value(map, weight)?;
        builder = builder
            .with_external_initializer(&weight.name, value)
            .map_err(|error| error.message().to_string())?;
    }
    builder
        .commit_from_memory(graph)
        .map_err(|error| error.message().to_string())
}

fn choose_device(
    runtime: &OnnxRuntime,
    options: OnnxOptions,
) -> Result<(Device, Option<String>), RuntimeError> {
    let cpu = Device::Cpu {
        n_threads: options.n_threads,
    };
    match options.device {
        DeviceChoice::Cpu => Ok((cpu, None)),
        DeviceChoice::Cuda(index) => match runtime.try_cuda(index) {
            Ok(()) => Ok((Device::Cuda { index }, None)),
            Err(reason) => Err(RuntimeError::Device {
                device: options.device,
                reason,
            }),
        },
        DeviceChoice::Auto => Ok(match runtime.try_cuda(0) {
            Ok(()) => (Device::Cuda { index: 0 }, None),
            Err(reason) => (cpu, Some(reason)),
        }),
    }
}

impl Encoder for OnnxEncoder {
    fn card(&self) -> &Card {
        &self.card
    }

    fn layers(&self) -> &[usize] {
        &self.layers
    }

    fn usual_batch(&self) -> usize {
        match self.device {
            // Small enough for prompt cancellation, large enough that workers seldom wait for each other.
            Device::Cpu { .. } => match self.workers.len() {
                1 => 1,
                n => 2 * n,
            },
            Device::Cuda { .. } => CUDA_BATCH,
        }
    }

    fn stem(&mut self, heard: &Array2<f32>) -> Result<Array2<f32>, EncoderError> {
        let failed = |error: ort::Error| EncoderError::Run(error.message().to_string());
        let Some(stem) = &mut self.stem else {
            return Err(EncoderError::Run("it has no convolutions to share.".into()));
        };
        let input = TensorRef::from_array_view(heard.view()).map_err(failed)?;
        let inputs = ort::inputs![INPUT => input];
        let outputs = stem
            .run_with_options(inputs, &self.options)
            .map_err(failed)?;
        let frames = outputs[0].try_extract_array::<f32>().map_err(failed)?;
        match frames.view().into_dimensionality::<Ix2>() {
            Ok(matrix) if matrix.dim() == (heard.nrows(), self.card.dim) => Ok(matrix.to_owned()),
            _ => Err(EncoderError::Shape {
                found: frames.shape().to_vec(),
                expected: vec![heard.nrows(), self.card.dim],
            }),
        }
    }

    fn encode(&mut self, batch: &Batch) -> Result<Array3<f32>, EncoderError> {
        let n_rows = batch.wanted_frames.len();
        let n_outputs = self.card.n_outputs(&self.layers);
        let mut hidden = Array3::zeros((n_rows, n_outputs, self.card.dim));
        // On a CPU, one window at a time is fastest, and makes a row bitwise independent of its batch.
        let n_at_once = match self.device {
            Device::Cpu { .. } => 1,
            Device::Cuda { .. } => n_rows,
        };
        let n_each = n_rows.div_ceil(self.workers.len()).max(1);
        let shares = batch.inputs.chunks(n_each);
        let shares = shares.zip(batch.wanted_frames.chunks(n_each));
        let shares = shares.zip(hidden.axis_chunks_iter_mut(Axis(0), n_each));
        let options = &*self.options;
        std::thread::scope(|scope| {
            let running: Vec<_> = self
                .workers
                .iter_mut()
                .zip(shares)
                .map(|(worker, ((inputs, wanted), hidden))| {
                    let mut worker = Worker {
                        session: worker,
                        options,
                    };
                    scope.spawn(move || worker.encode_share(inputs, wanted, hidden, n_at_once))
                })
                .collect();
            let ended = |_| Err(EncoderError::Run("a thread of it ended.".into()));
            running
                .into_iter()
                .try_for_each(|worker| worker.join().unwrap_or_else(ended))
        })?;
        Ok(hidden)
    }
}

/// A session with its run options.
struct Worker<'a> {
    session: &'a mut Session,
    options: &'a RunOptions,
}

impl Worker<'_> {
    /// Computes some of a batch's rows, grouping consecutive inputs of the same shape up to the maximum batch size.
    fn encode_share(
        &mut self,
        mut inputs: &[ArrayD<f32>],
        mut wanted: &[i64],
        mut hidden: ArrayViewMut3<f32>,
        n_at_once: usize,
    ) -> Result<(), EncoderError> {
        let mut n_done = 0;
        while let Some(first) = inputs.first() {
            let is_alike = |input: &&ArrayD<f32>| input.shape() == first.shape();
            let n = inputs.iter().take(n_at_once).take_while(is_alike).count();
            let (now, later) = inputs.split_at(n);
            let (wanted_now, wanted_later) = wanted.split_at(n.min(wanted.len()));
            let mut output = hidden.slice_mut(s![n_done..n_done + n, .., ..]);
            match now {
                [one] => self.run(one.view().insert_axis(Axis(0)), wanted_now, &mut output)?,
                several => {
                    let views: Vec<_> = several.iter().map(|input| input.view()).collect();
                    let stacked = ndarray::stack(Axis(0), &views)
                        .map_err(|error| EncoderError::Run(error.to_string()))?;
                    self.run(stacked.view(), wanted_now, &mut output)?;
                }
            }
            (inputs, wanted) = (later, wanted_later);
            n_done += n;
        }
        Ok(())
    }

    fn run(
        &mut self,
        inputs: ArrayViewD<f32>,
        wanted: &[i64],
        output: &mut ArrayViewMut3<f32>,
    ) -> Result<(), EncoderError> {
        let failed = |error: ort::Error| EncoderError::Run(error.message().to_string());
        let inputs = TensorRef::from_array_view(inputs).map_err(failed)?;
        let wanted = TensorRef::from_array_view(([wanted.len()], wanted)).map_err(failed)?;
        let inputs = ort::inputs![INPUT => inputs, WANTED_FRAMES => wanted];
        let outputs = self
            .session
            .run_with_options(inputs, self.options)
            .map_err(failed)?;
        let hidden = outputs[0].try_extract_array::<f32>().map_err(failed)?;
        let other_shape = EncoderError::Shape {
            found: hidden.shape().to_vec(),
            expected: output.shape().to_vec(),
        };
        match hidden.into_dimensionality::<Ix3>() {
            Ok(hidden) if hidden.shape() == output.shape() => output.assign(&hidden),
            _ => return Err(other_shape),
        }
        Ok(())
    }
}
