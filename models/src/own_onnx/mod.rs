//! User-supplied ONNX files: an exported speech encoder becomes a graph that outputs every hidden state.
//!
//! [`add`] reads the export, finds its transformer layers and writes an edited copy to Heschl's models folder: `model.onnx`
//! with Heschl's two inputs and one output, `model.onnx_data` with the weights, `heschl.json` with the model card. The
//! original file is only read.

mod edit;
mod error;
mod folder;
mod layers;
mod read;
mod shape;
mod sound;
mod wiring;

use std::io::Cursor;
use std::path::Path;

use heschl_core::files::disk;
use heschl_core::remedy::{Finding, Remedy};
use heschl_core::speech::card::{Card, FinalOutput, FrameRule, FrontEnd};
use heschl_core::speech::mel;
use prost::Message as _;

use crate::added::{self, Added};
use crate::catalogue::PREPROCESSOR_FILE;
use crate::folders::Surroundings;
use crate::preprocessor::Preprocessor;
use edit::GraphCut;
use layers::Layers;
use sound::{SoundInput, SoundKind, Stride};
use wiring::Wiring;

pub use error::OwnOnnxError;
pub(crate) use folder::OwnModel;
pub use layers::Evidence;
use read::Skeleton;

/// Windows shorter than 25 ms are dropped, as in the study for every encoder.
const SHORTEST_SAMPLES: u64 = 400;
/// Maximum number of similar names listed for an unknown one.
const MOST_NEAREST: usize = 5;

/// Options of adding an ONNX file.
#[derive(Debug, Clone, Default)]
pub struct AddOptions {
    /// Name of the model; that of the file without extension if omitted.
    pub name: Option<String>,
    /// Names of the hidden states' values, layer 0 first; searched for if empty.
    pub outputs: Vec<String>,
    /// Whether windows are normalised to mean 0 and variance 1.
    pub normalise: Normalise,
}

/// Whether windows are normalised to mean 0 and variance 1 before they enter the encoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Normalise {
    /// As in the `preprocessor_config.json` next to the file; not normalised if there is none.
    #[default]
    AsThePreprocessorSays,
    /// Normalised.
    Yes,
    /// Not normalised.
    No,
}

/// An added ONNX file.
#[derive(Debug, Clone)]
pub struct AddedOnnx {
    /// Name of the model and folder of its edited copy.
    pub added: Added,
    /// The model card.
    pub card: Card,
    /// Names of the hidden states' values, layer 0 first.
    pub hidden_states: Vec<String>,
    /// Evidence by which they were identified.
    pub evidence: Evidence,
    /// Assumptions made, one sentence each.
    pub notes: Vec<Finding>,
}

/// Adds an exported speech encoder to Heschl's models.
///
/// # Errors
/// Returns an [`OwnOnnxError`] if the file is not a supported speech encoder, or its copy cannot be written.
pub fn add(
    around: &Surroundings,
    file: &Path,
    options: &AddOptions,
) -> Result<AddedOnnx, OwnOnnxError> {
    let own_name = file.file_stem().unwrap_or_default().to_string_lossy();
    let name = options.name.as_deref().unwrap_or(&own_name);
    added::check_name_is_free(around, name, file)?;
    let skeleton = read::read(file)?;
    let understood = understand(&skeleton, &options.outputs)?;
    let edited = understood.edit(&skeleton)?;
    let mut notes = understood.notes();
    let normalise = normalise(&understood.sound, file, options.normalise, &mut notes)?;
    let card = understood.card(name, normalise);
    let folder = folder::write(around, &edited, &card, file)?;
    let added = added::add(around, &folder, Some(name)).inspect_err(|_| {
        // Without an entry in the list the copy would block the next attempt. The entry may be there although writing it
        // failed: the last step syncs the disk.
        let is_listed = added::added(around).map(|all| all.iter().any(|model| model.name == name));
        if let Ok(false) = is_listed {
            let _ = disk::remove_folder(&folder);
        }
    })?;
    Ok(AddedOnnx {
        added,
        card,
        hidden_states: understood.layers.names,
        evidence: understood.layers.evidence,
        notes,
    })
}

/// Returns the edited graph of an ONNX file in memory, without its large arrays: [`add`] without files.
///
/// # Errors
/// Returns the errors of [`add`].
pub fn edited_graph(bytes: &[u8], path: &Path) -> Result<Vec<u8>, OwnOnnxError> {
    let skeleton = read::read_from(Cursor::new(bytes), bytes.len() as u64, path)?;
    let mut edited = understand(&skeleton, &[])?.edit(&skeleton)?;
    edited.model.graph = Some(edited.graph);
    Ok(edited.model.encode_to_vec())
}

/// A graph with identified inputs and layers.
struct Understood {
    sound: SoundInput,
    layers: Layers,
    layout: edit::GraphLayout,
    dim: usize,
    stride: Option<Stride>,
}

fn understand(skeleton: &Skeleton, outputs: &[String]) -> Result<Understood, OwnOnnxError> {
    let path = || skeleton.path.clone();
    let sound = sound::find(skeleton)?;
    let wiring = Wiring::new(&skeleton.graph).map_err(|reason| OwnOnnxError::Damaged {
        reason,
        path: path(),
    })?;
    let layers = if outputs.is_empty() {
        layers::find(&wiring, &sound.input).map_err(|failed| OwnOnnxError::NoLayers {
            reason: failed.reason,
            candidates: failed.candidates,
            path: path(),
        })?
    } else {
        named_layers(skeleton, &wiring, &sound, outputs)?
    };
    let (layout, dim) = shape::of_hidden_states(skeleton, &wiring, &layers.names, &sound)?;
    let stride = sound::stride(skeleton, &wiring, &sound.input, &layers.names[0]);
    Ok(Understood {
        sound,
        layers,
        layout,
        dim,
        stride,
    })
}

/// The layers named by the user.
fn named_layers(
    skeleton: &Skeleton,
    wiring: &Wiring,
    sound: &SoundInput,
    outputs: &[String],
) -> Result<Layers, OwnOnnxError> {
    let is_sound = match wiring.id(&sound.input) {
        Some(input) => wiring.reached_from(input),
        None => Vec::new(),
    };
    for name in outputs {
        let Some(id) = wiring.id(name) else {
            return Err(OwnOnnxError::UnknownOutput {
                name: name.clone(),
                nearest: nearest(wiring, name),
                path: skeleton.path.clone(),
            });
        };
        if !is_sound[id] || *name == sound.input {
            return Err(OwnOnnxError::NoHiddenState {
                name: name.clone(),
                reason: "it is not computed from the sound".into(),
                path: skeleton.path.clone(),
            });
        }
    }
    Ok(Layers {
        names: outputs.to_vec(),
        evidence: Evidence::Named,
    })
}

/// The values whose names share the longest prefix and suffix with a mistyped one.
fn nearest(wiring: &Wiring, name: &str) -> Vec<String> {
    let alike = |other: &str| {
        let forwards = other.bytes().zip(name.bytes());
        let backwards = other.bytes().rev().zip(name.bytes().rev());
        forwards.take_while(|(a, b)| a == b).count() + backwards.take_while(|(a, b)| a == b).count()
    };
    let made = (0..wiring.names.len()).filter(|id| wiring.producer(*id).is_some());
    let mut ranked: Vec<(usize, &str)> = made
        .map(|id| (alike(wiring.names[id]), wiring.names[id]))
        .filter(|(n_alike, _)| *n_alike > name.len() / 2)
        .collect();
    ranked.sort_by_key(|(n_alike, other)| (std::cmp::Reverse(*n_alike), other.len()));
    let nearest = ranked.into_iter().take(MOST_NEAREST);
    nearest.map(|(_, other)| other.to_string()).collect()
}

impl Understood {
    fn edit(&self, skeleton: &Skeleton) -> Result<Skeleton, OwnOnnxError> {
        let cut = GraphCut {
            sound: &self.sound,
            hidden: &self.layers.names,
            layout: self.layout,
            dim: self.dim,
        };
        edit::edit(skeleton, &cut)
    }

    fn notes(&self) -> Vec<Finding> {
        let mut notes = Vec::new();
        let usual = sound::usual_stride();
        if self.sound.kind == SoundKind::Waveform && self.stride.is_none() {
            let note = format!(
                "The graph does not tell which samples an output frame hears; {} samples with a stride of {} are \
                 assumed, as in wav2vec 2.0.",
                usual.first_samples, usual.stride_samples
            );
            notes.push(Finding::new(note, &[]));
        }
        notes
    }

    fn card(&self, name: &str, normalise: bool) -> Card {
        let stride = self.stride.unwrap_or(sound::usual_stride());
        let shared = |front_end, frame_rule, stride_samples| Card {
            name: name.to_string(),
            architecture: "onnx".into(),
            front_end,
            frame_rule,
            stride_samples,
            shortest_samples: SHORTEST_SAMPLES,
            longest_samples: None,
            n_layers: self.layers.names.len(),
            final_output: FinalOutput::LastLayer,
            last_layer: None,
            dim: self.dim,
            layer_prefix: "layer".into(),
        };
        match self.sound.kind {
            SoundKind::Waveform => Card {
                shortest_samples: SHORTEST_SAMPLES.max(stride.first_samples as u64),
                ..shared(
                    FrontEnd::Waveform { normalise },
                    FrameRule::Last {
                        first_samples: stride.first_samples,
                        stride_samples: stride.stride_samples,
                    },
                    stride.stride_samples,
                )
            },
            SoundKind::LogMel { n_mels } => Card {
                longest_samples: Some(mel::PADDED_SAMPLES as u64),
                layer_prefix: "encoder".into(),
                ..shared(
                    FrontEnd::LogMel { n_mels },
                    FrameRule::LastReachedByStem,
                    2 * mel::HOP_SAMPLES,
                )
            },
        }
    }
}

fn normalise(
    sound: &SoundInput,
    file: &Path,
    wish: Normalise,
    notes: &mut Vec<Finding>,
) -> Result<bool, OwnOnnxError> {
    if sound.kind != SoundKind::Waveform {
        return Ok(false);
    }
    let beside = match wish {
        Normalise::Yes => return Ok(true),
        Normalise::No => return Ok(false),
        Normalise::AsThePreprocessorSays => preprocessor_says(file)?,
    };
    Ok(beside.unwrap_or_else(|| {
        let note = format!(
            "There is no {PREPROCESSOR_FILE} beside the file that says whether windows are normalised to mean 0 and \
             variance 1, so they are not. If the model was trained on normalised sound, as wav2vec 2.0 large and \
             HuBERT large were, remove it and add it again with normalised windows."
        );
        notes.push(Finding::new(note, &[Remedy::NormaliseWindows]));
        false
    }))
}

/// Whether the files next to an exported encoder specify normalisation; `None` if they are missing or do not say.
fn preprocessor_says(file: &Path) -> Result<Option<bool>, OwnOnnxError> {
    let folder = file.parent().unwrap_or(Path::new(""));
    let read = Preprocessor::read(folder).and_then(|beside| {
        let normalises = beside.normalises()?;
        Ok(beside.says_normalisation().then_some(normalises))
    });
    read.map_err(|error| OwnOnnxError::Preprocessor(Box::new(error)))
}
