//! Feature extraction, from recordings to hidden states.

use std::path::PathBuf;
use std::time::SystemTime;

use crate::remedy::{Finding, Remedy};
use crate::run::fingerprint;
use crate::run::progress::{CancelToken, Clock, Event, StageTimes};
use crate::run::recipe::SourceRecording;
use crate::run::recipe::{ExtractRecipe, LayerChoice, RunInfo};
use crate::run::store::{
    FeaturesFolder, Found, Journal, JournalHeader, LayerVector, Provenance, RowLayout, STALE_AFTER,
    StoreError, StoryRecord, find_litter, remove_litter, sha256_of_file,
};
use crate::run::warning::{Difference, Warning};
use crate::speech::audio::{AudioError, Recording, Resampling, SlidingAudio, count_samples};
use crate::speech::card::LastLayer;
use crate::speech::encoder::{Batch, Encoder, EncoderError};
use crate::speech::front_end::InputPreparation;
use crate::speech::stimuli::{Stimulus, name_problem};
use crate::speech::window::{WindowError, Windows};

/// Errors of extracting features.
#[derive(Debug, thiserror::Error)]
pub enum ExtractError {
    /// The recording cannot be read.
    #[error(transparent)]
    Audio(#[from] AudioError),
    /// The recording cannot be cut into windows.
    #[error("{source}\nFile: {}", path.display())]
    Window {
        /// The reason.
        source: WindowError,
        /// The recording.
        path: PathBuf,
    },
    /// The encoder failed.
    #[error(transparent)]
    Encoder(#[from] EncoderError),
    /// The encoder returned non-finite values.
    #[error(
        "The encoder gave numbers that are not finite for the window that ends at {end_secs:.1} s. Check the model; in half \
         precision, try single precision.\nFile: {}", path.display()
    )]
    NotFinite {
        /// End of the window, seconds.
        end_secs: f32,
        /// The recording.
        path: PathBuf,
    },
    /// The features cannot be written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ExtractError {
    /// Returns what the user can do about it, best first.
    #[must_use]
    pub fn remedies(&self) -> Vec<Remedy> {
        match self {
            Self::Audio(error) => error.remedies(),
            Self::Window { source, .. } => source.remedies(),
            Self::Encoder(error) => error.remedies(),
            Self::NotFinite { .. } => vec![Remedy::CheckModel, Remedy::SinglePrecision],
            Self::Store(error) => error.remedies(),
        }
    }

    /// Whether the error would recur for every other story.
    fn concerns_all_stories(&self) -> bool {
        match self {
            Self::Store(error) => !matches!(error, StoreError::InUse(_) | StoreError::Link(_)),
            Self::Encoder(_) => true,
            Self::Audio(_) | Self::Window { .. } | Self::NotFinite { .. } => false,
        }
    }
}

/// An extraction run over some stories.
pub struct Extraction<'a> {
    /// The recipe.
    pub recipe: &'a ExtractRecipe,
    /// The stories, in order.
    pub stories: &'a [Stimulus],
    /// The output folder.
    pub folder: &'a FeaturesFolder,
    /// Versions, device and model, for the provenance records.
    pub run: &'a RunInfo,
    /// Cancels the run after the current batch.
    pub cancel: &'a CancelToken,
}

/// The outcome of a run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Summary {
    /// Stories completed in this run.
    pub done: Vec<String>,
    /// Stories that were complete already.
    pub skipped: Vec<String>,
    /// Stories that failed, each with an error message.
    pub failed: Vec<(String, String)>,
    /// Whether the run was cancelled before all stories were done.
    pub stopped: bool,
    /// Rows computed in this run.
    pub n_rows: usize,
    /// Time spent in each stage.
    pub times: StageTimes,
}

/// The outcome of one story.
enum Ending {
    Finished,
    /// Another process completed it while this one was checking the recording.
    DoneByAnother,
    Stopped,
}

/// Extracts the features of every story: the hidden states of each layer for a causal window that ends at each time point.
///
/// A story whose files are complete is skipped unless the recipe says overwrite. A story that fails does not stop the
/// others. Runs that were interrupted are resumed from their journals.
///
/// # Errors
/// Returns an [`ExtractError`] for failures that concern every story: the disk, the encoder.
pub fn extract(
    work: &Extraction,
    encoder: &mut dyn Encoder,
    report: &mut dyn FnMut(Event),
) -> Result<Summary, ExtractError> {
    let layout = row_layout(encoder, &work.recipe.model.layers);
    let mut summary = Summary::default();
    // The records state the settings in effect: a request for the feature extractor may not apply to this encoder.
    let mut recipe = work.recipe.clone();
    recipe.model.use_featext = encoder
        .card()
        .uses_feature_extractor(recipe.model.use_featext);
    recipe.model.last_layer = encoder.card().last_layer.unwrap_or_default();
    let work = &Extraction {
        recipe: &recipe,
        ..*work
    };
    // Stale files of killed runs. Failing to remove them is no reason to stop.
    let _ = find_litter(work.folder.root(), STALE_AFTER)
        .and_then(|leftovers| remove_litter(&leftovers));
    leave_out_odd_stories(work, &layout, &mut summary, report);
    let last_layer = encoder.card().last_layer;
    if let Some(warning) = other_last_layers(work, last_layer) {
        report(Event::Warning(warning));
    }
    for stimulus in work.stories {
        let story = stimulus.story.clone();
        if summary.failed.iter().any(|(failed, _)| *failed == story) {
            continue;
        }
        if !work.recipe.output.overwrite && work.folder.is_complete(&story, &layout) {
            if let Some(warning) = made_otherwise(work, stimulus, last_layer) {
                report(Event::Warning(warning));
            }
            // A run that was killed after writing its last file may have left its journal.
            work.folder.clear_journal(&story)?;
            report(Event::StorySkipped {
                story: story.clone(),
            });
            summary.skipped.push(story);
            continue;
        }
        match extract_story(work, stimulus, encoder, &mut summary, report) {
            Ok(Ending::Finished) => summary.done.push(story),
            Ok(Ending::DoneByAnother) => summary.skipped.push(story),
            Ok(Ending::Stopped) => {
                summary.stopped = true;
                break;
            }
            // Cancelled: the current windows are discarded; all earlier ones are in the journal.
            Err(ExtractError::Encoder(_)) if work.cancel.is_cancelled() => {
                summary.stopped = true;
                break;
            }
            Err(error) if error.concerns_all_stories() => return Err(error),
            Err(error) => fail(
                &story,
                Finding::new(error.to_string(), &error.remedies()),
                &mut summary,
                report,
            ),
        }
    }
    work.folder.verify()?;
    report(Event::Finished {
        n_done: summary.done.len(),
        n_skipped: summary.skipped.len(),
        n_failed: summary.failed.len(),
        stopped: summary.stopped,
    });
    Ok(summary)
}

/// Reports stories that cannot be extracted before the first window is computed, by their names or file headers.
fn leave_out_odd_stories(
    work: &Extraction,
    layout: &RowLayout,
    summary: &mut Summary,
    report: &mut dyn FnMut(Event),
) {
    for stimulus in work.stories {
        let story = &stimulus.story;
        if let Some(sentence) = name_problem(stimulus) {
            fail(story, Finding::new(sentence, &[]), summary, report);
            continue;
        }
        if !work.recipe.output.overwrite && work.folder.is_complete(story, layout) {
            continue;
        }
        match Recording::open(&stimulus.path, work.recipe.stimuli.resampling) {
            Ok(recording) => {
                for note in &recording.info().notes {
                    report(Event::Warning(Warning::RecordingHeader {
                        story: story.clone(),
                        note: note.clone(),
                    }));
                }
            }
            Err(error) => {
                let why = Finding::new(error.to_string(), &error.remedies());
                fail(story, why, summary, report);
            }
        }
    }
}

fn fail(story: &str, why: Finding, summary: &mut Summary, report: &mut dyn FnMut(Event)) {
    report(Event::StoryFailed {
        story: story.to_string(),
        message: why.message.clone(),
        remedies: why.remedies,
    });
    summary.failed.push((story.to_string(), why.message));
}

/// Returns a warning if skipped stories have another kind of last layer than this run produces.
fn other_last_layers(work: &Extraction, last_layer: Option<LastLayer>) -> Option<Warning> {
    let made = last_layer?;
    let is_here = |story: &String| work.stories.iter().any(|here| here.story == *story);
    let mut others = work.folder.stories_with_last_layer(made.other());
    others.retain(|story| !is_here(story));
    Some(Warning::OtherLastLayers {
        n_stories: others.len(),
        example: others.first()?.clone(),
        made,
    })
}

/// Returns a warning if a completed story was extracted with other settings, another model or another recording.
fn made_otherwise(
    work: &Extraction,
    stimulus: &Stimulus,
    last_layer: Option<LastLayer>,
) -> Option<Warning> {
    let story = &stimulus.story;
    let older = StoryRecord::read(&work.folder.record_path(story))
        .ok()?
        .provenance;
    let recording = SourceRecording {
        sha256: sha256_of_file(&stimulus.path).ok()?,
        ..older.recording.clone()
    };
    let newer = provenance(work, recording, now(), last_layer);
    if older.is_same_make(&newer) {
        return None;
    }
    let difference = if older.recording.sha256 != newer.recording.sha256 {
        Difference::Recording
    } else if older.recipe.window != newer.recipe.window {
        Difference::Window
    } else if older.recipe.model.precision != newer.recipe.model.precision {
        Difference::Precision
    } else if !older.is_same_last_layer(&newer) {
        Difference::LastLayer
    } else if older.recipe.model.use_featext != newer.recipe.model.use_featext {
        Difference::FeatureExtractor
    } else {
        Difference::ModelOrResampling
    };
    Some(Warning::MadeOtherwise {
        story: story.clone(),
        difference,
    })
}

fn extract_story(
    work: &Extraction,
    stimulus: &Stimulus,
    encoder: &mut dyn Encoder,
    summary: &mut Summary,
    report: &mut dyn FnMut(Event),
) -> Result<Ending, ExtractError> {
    let mut clock = Clock::default();
    let started = now();
    work.folder.verify()?;
    let recording = clock.audio(|| recording_facts(stimulus, work.recipe.stimuli.resampling))?;
    let windows = Windows::new(
        &work.recipe.window,
        encoder.card().reach(),
        recording.n_samples,
    )
    .map_err(|source| ExtractError::Window {
        source,
        path: stimulus.path.clone(),
    })?;
    let layout = row_layout(encoder, &work.recipe.model.layers);
    let n_batch = work
        .recipe
        .model
        .batch
        .unwrap_or_else(|| encoder.usual_batch());
    let header = journal_header(work, &recording, &windows, &layout, n_batch);
    let (mut journal, found) =
        Journal::<f32>::open(&work.folder.journal_path(&recording.story), header)?;
    let keeps_what_is_done = !work.recipe.output.overwrite && found == Found::Nothing;
    if keeps_what_is_done && work.folder.is_complete(&recording.story, &layout) {
        journal.remove()?;
        return Ok(Ending::DoneByAnother);
    }
    announce(&recording, &windows, found, report);

    let mut audio = SlidingAudio::open(&stimulus.path, work.recipe.stimuli.resampling, &windows)?;
    let card = encoder.card().clone();
    let front_end = card
        .front_end
        .with_feature_extractor(work.recipe.model.use_featext);
    let mut preparation = InputPreparation::new(front_end, windows.window_samples() as usize);
    while !journal.is_complete() {
        if work.cancel.is_cancelled() {
            journal.sync()?;
            return Ok(Ending::Stopped);
        }
        let first = journal.n_rows_done();
        let rows = first..windows.len().min(first + journal.n_batch_rows());
        let mut batch = Batch::default();
        for window in windows.range(rows.clone()) {
            let samples = clock.audio(|| audio.read(window))?;
            let input = clock.front_end(|| preparation.prepare(encoder, samples, window.start))?;
            batch.push(&card, samples.len(), input);
        }
        let features = clock.encoder(|| encoder.encode(&batch))?;
        let values = features.as_standard_layout();
        let values = values
            .as_slice()
            .ok_or_else(|| EncoderError::Run("its output is not contiguous in memory.".into()))?;
        if let Some(at) = values.iter().position(|value| !value.is_finite()) {
            return Err(ExtractError::NotFinite {
                end_secs: windows.times(first + at / layout.n_values())[1],
                path: stimulus.path.clone(),
            });
        }
        clock.store(|| journal.append(values))?;
        summary.n_rows += rows.len();
        report(Event::Progress {
            story: recording.story.clone(),
            n_done: rows.end,
            n_windows: windows.len(),
        });
    }

    let provenance = provenance(work, recording, started, card.last_layer);
    clock.store(|| work.folder.finish(journal, &windows, &layout, provenance))?;
    summary.times = summary.times.plus(&clock.0);
    report(Event::StoryFinished {
        story: stimulus.story.clone(),
        n_rows: windows.len(),
        times: clock.0,
    });
    Ok(Ending::Finished)
}

/// Returns the layout of an encoder's rows, with the layers that are written.
#[must_use]
pub fn row_layout(encoder: &dyn Encoder, choice: &LayerChoice) -> RowLayout {
    let card = encoder.card();
    let chosen = choice.of(card.n_layers);
    let layers = encoder.layers().iter().enumerate();
    RowLayout {
        layers: layers
            .filter(|(_, layer)| chosen.contains(layer))
            .map(|(index, layer)| LayerVector {
                index,
                name: card.layer_name(*layer),
            })
            .collect(),
        n_vectors: card.n_outputs(encoder.layers()),
        dim: card.dim,
    }
}

/// Decodes a recording completely and returns its properties.
fn recording_facts(
    stimulus: &Stimulus,
    resampling: Resampling,
) -> Result<SourceRecording, ExtractError> {
    Ok(SourceRecording {
        story: stimulus.story.clone(),
        file: stimulus.path.clone(),
        n_samples: count_samples(&stimulus.path, resampling)?,
        sha256: sha256_of_file(&stimulus.path)?,
    })
}

/// Returns the header that must match for the rows of an earlier run to be reused.
fn journal_header(
    work: &Extraction,
    recording: &SourceRecording,
    windows: &Windows,
    layout: &RowLayout,
    n_batch_rows: usize,
) -> JournalHeader {
    let model = &work.recipe.model;
    let models: Vec<&str> = work
        .run
        .model_files
        .iter()
        .map(|file| file.sha256.as_str())
        .collect();
    // The number of threads does not affect the results.
    let device = work.run.device.split(',').next().unwrap_or_default();
    let decisive = (
        (work.recipe.window, work.recipe.stimuli.resampling, layout),
        (model.precision, model.use_featext, model.last_layer, models),
        (device, &work.run.onnxruntime),
        &recording.sha256,
    );
    JournalHeader {
        story: recording.story.clone(),
        n_rows: windows.len(),
        n_values: layout.n_values(),
        n_batch_rows,
        n_batch_values: 0,
        fingerprint: fingerprint(&decisive),
    }
}

fn announce(
    recording: &SourceRecording,
    windows: &Windows,
    found: Found,
    report: &mut dyn FnMut(Event),
) {
    tracing::debug!(
        story = recording.story,
        n_windows = windows.len(),
        ?found,
        "story opened"
    );
    if found == Found::Foreign {
        report(Event::Warning(Warning::UnfinishedRows {
            story: recording.story.clone(),
        }));
    }
    report(Event::StoryStarted {
        story: recording.story.clone(),
        n_windows: windows.len(),
        n_done: match found {
            Found::Rows(n_rows) => n_rows,
            Found::Nothing | Found::Foreign => 0,
        },
    });
}

fn provenance(
    work: &Extraction,
    recording: SourceRecording,
    started: String,
    last_layer: Option<LastLayer>,
) -> Provenance {
    let mut recipe = work.recipe.clone();
    recipe.stimuli.stories = vec![recording.story.clone()];
    Provenance {
        heschl: work.run.heschl.clone(),
        onnxruntime: work.run.onnxruntime.clone(),
        device: work.run.device.clone(),
        started,
        finished: now(),
        last_layer,
        recipe,
        model_files: work.run.model_files.clone(),
        recording,
    }
}

/// Returns the current time, UTC, to the second (RFC 3339).
#[must_use]
pub fn now() -> String {
    humantime::format_rfc3339_seconds(SystemTime::now()).to_string()
}
