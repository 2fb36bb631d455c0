//! What extraction needs, put together: the runtime, the model, the encoder, the stories.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use heschl_core::run::pipeline::now;
use heschl_core::run::progress::{CancelToken, Event};
use heschl_core::run::recipe::FileChecksum;
use heschl_core::run::recipe::{ExtractRecipe, RunInfo};
use heschl_core::run::store::{check_story_names, sha256_of_file};
use heschl_core::run::warning::Warning;
use heschl_core::speech::encoder::{
    Device, Interrupter, Model, OnnxEncoder, OnnxOptions, OnnxRuntime, Precision,
};
use heschl_core::speech::stimuli::{self, Depth, Stimulus};
use heschl_models::cuda::cuda_blocker;
use heschl_models::folders::Surroundings;
use heschl_models::resolve::resolve;
use heschl_models::{InputMode, OpenModel};
use sysinfo::System;

use crate::failure::Failure;
use crate::fetching;

/// An encoder, ready to run, and what it was made of.
pub(crate) struct ExtractionSetup {
    /// ONNX Runtime.
    pub(crate) runtime: OnnxRuntime,
    /// The model folder.
    pub(crate) opened: OpenModel,
    /// What the graph makes its layers of.
    pub(crate) input_mode: InputMode,
    /// The graph that runs.
    pub(crate) model: Model,
    /// The encoder.
    pub(crate) encoder: OnnxEncoder,
}

impl ExtractionSetup {
    /// Loads the runtime and the recipe's model.
    ///
    /// # Errors
    /// A sentence if either is missing or damaged, or the device cannot be used.
    pub(crate) fn open(recipe: &ExtractRecipe, runtime: Option<&Path>) -> Result<Self, Failure> {
        let opened = open_model(&recipe.model.model)?.with_last_layer(recipe.model.last_layer)?;
        let layers = recipe.model.layers.computed(opened.card().n_layers);
        let step_samples = recipe.window.lengths()?.step_samples;
        let input_mode = opened.input_mode(recipe.model.use_featext, step_samples);
        let model = opened.build_for(input_mode, &layers, recipe.model.precision)?;
        let runtime = open_runtime(runtime)?;
        let options = OnnxOptions {
            device: recipe.model.device,
            n_threads: n_threads(),
        };
        let encoder = OnnxEncoder::load(&runtime, &model, options)?;
        Ok(Self {
            runtime,
            opened,
            input_mode,
            model,
            encoder,
        })
    }

    /// What the records of a run say of versions, device and model.
    ///
    /// # Errors
    /// A sentence if a file of the model cannot be read.
    pub(crate) fn run_info(&self) -> Result<RunInfo, Failure> {
        let checksum = |path: &PathBuf| -> Result<FileChecksum, Failure> {
            Ok(FileChecksum::new(
                path.display().to_string(),
                sha256_of_file(path)?,
            ))
        };
        Ok(RunInfo {
            heschl: env!("CARGO_PKG_VERSION").into(),
            onnxruntime: self.runtime.version().into(),
            device: self.encoder.device().to_string(),
            started: now(),
            model_files: self
                .model
                .files
                .iter()
                .map(checksum)
                .collect::<Result<_, _>>()?,
            recordings: vec![],
        })
    }

    /// What the user should know before the work begins.
    pub(crate) fn notices(&self, recipe: &ExtractRecipe) -> Vec<Event> {
        let notices = [
            self.half_precision_notice(),
            self.samples_notice(recipe),
            unknown_entries_notice(&self.opened),
            recipe_notice(recipe),
        ];
        let warnings = notices
            .into_iter()
            .flatten()
            .map(|text| Event::Warning(Warning::Other { text }));
        let on_cpu = self.no_gpu().map(|reason| Event::OnCpu { reason });
        on_cpu.into_iter().chain(warnings).collect()
    }

    /// Why the GPU is not used. What the files tell is plainer than the runtime's own words.
    fn no_gpu(&self) -> Option<String> {
        let refusal = self.encoder.gpu_refusal()?;
        let blocker = cuda_blocker(&Surroundings::of_this_process(), self.runtime.library());
        Some(blocker.unwrap_or_else(|| refusal.to_string()))
    }

    fn half_precision_notice(&self) -> Option<String> {
        let slow = self.model.precision == Precision::F16
            && matches!(self.encoder.device(), Device::Cpu { .. });
        slow.then(|| "Half precision is slower than single precision on a CPU. Leave out --precision f16 here.".into())
    }

    /// Samples that reach a model otherwise than in its training.
    fn samples_notice(&self, recipe: &ExtractRecipe) -> Option<String> {
        let card = self.opened.card();
        let is_left_out = card.uses_feature_extractor(true)
            && !card.uses_feature_extractor(recipe.model.use_featext);
        is_left_out.then(|| {
            "This model was trained on samples of mean 0 and variance 1 (do_normalize), but gets them as they are in \
             the recording. To normalise each window as the study's published command does, add --use-featext."
                .into()
        })
    }
}

/// What is told of a `config.json` with entries that nobody knows.
pub(crate) fn unknown_entries_notice(opened: &OpenModel) -> Option<String> {
    let entries = opened.unknown_entries();
    (!entries.is_empty()).then(|| {
        format!(
            "These entries of the model's config.json are unknown to Heschl and to transformers and are ignored: {}.",
            entries.join(", ")
        )
    })
}

fn recipe_notice(recipe: &ExtractRecipe) -> Option<String> {
    let secs = recipe.window.stride_secs?;
    (secs * 1000.0 > recipe.window.chunk_ms + recipe.window.context_ms).then(|| {
        format!("The stride of {secs} s is longer than the window, so some audio is never heard.")
    })
}

/// Opens a model by the catalogue's name or by its folder.
///
/// # Errors
/// A sentence if it is not there or damaged.
pub(crate) fn open_model(name_or_folder: &str) -> Result<OpenModel, Failure> {
    let found = resolve(&Surroundings::of_this_process(), name_or_folder)?;
    Ok(OpenModel::open(&found.path, &found.name)?)
}

/// Finds ONNX Runtime, or gets it, and loads it.
///
/// # Errors
/// A sentence if it is missing and cannot be got, or cannot be loaded.
pub(crate) fn open_runtime(setting: Option<&Path>) -> Result<OnnxRuntime, Failure> {
    Ok(OnnxRuntime::load(
        &fetching::find_or_fetch_runtime(setting)?.path,
    )?)
}

/// Threads for matrix products: one per core. Two on one core would only wait for each other.
#[must_use]
pub(crate) fn n_threads() -> usize {
    let allowed = std::thread::available_parallelism().map_or(1, usize::from);
    System::physical_core_count().map_or(allowed, |cores| cores.clamp(1, allowed))
}

/// The recipe's stories.
///
/// # Errors
/// A sentence if the folder or a story is not there.
pub(crate) fn find_stories(recipe: &ExtractRecipe) -> Result<Vec<Stimulus>, Failure> {
    let depth = if recipe.stimuli.recursive {
        Depth::Recursive
    } else {
        Depth::TopLevel
    };
    let all = stimuli::find_stimuli(&recipe.stimuli.recordings_folder(), depth)?;
    let names: Vec<&str> = all.iter().map(|stimulus| stimulus.story.as_str()).collect();
    check_story_names(&names)?;
    Ok(stimuli::choose(all, &recipe.stimuli.stories)?)
}

/// Windows in hand get this long after a stop was asked for.
const PATIENCE: Duration = Duration::from_secs(5);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Sees to it that one stop is enough, whatever the model's graph does: gives the windows in hand up where they take long, and
/// ends the process where even that does not help. What is done is in the journal.
pub(crate) fn give_up_when_stopped(cancel: &CancelToken, interrupter: Interrupter) {
    let cancel = cancel.clone();
    std::thread::spawn(move || {
        while !cancel.is_cancelled() {
            std::thread::sleep(LOOK_EVERY);
        }
        std::thread::sleep(PATIENCE);
        interrupter.interrupt();
        std::thread::sleep(PATIENCE);
        std::process::exit(i32::from(crate::failure::STOPPED));
    });
}

/// A token that SIGINT (Ctrl+C) and SIGTERM cancel. A second one ends the program at once.
///
/// # Errors
/// A sentence if the system takes no handler.
pub(crate) fn cancel_on_signals() -> Result<CancelToken, Failure> {
    static CANCEL: OnceLock<CancelToken> = OnceLock::new();
    // A command of several steps asks for each of them.
    if let Some(cancel) = CANCEL.get() {
        return Ok(cancel.clone());
    }
    let cancel = CancelToken::default();
    let token = cancel.clone();
    let asked = AtomicBool::new(false);
    ctrlc::set_handler(move || {
        if asked.swap(true, Ordering::Relaxed) {
            std::process::exit(i32::from(crate::failure::STOPPED));
        }
        crate::console::note("Stopping after the current batch. Finished work is kept.");
        token.cancel();
    })?;
    Ok(CANCEL.get_or_init(|| cancel).clone())
}
