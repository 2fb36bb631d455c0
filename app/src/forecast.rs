//! What a run will take: windows, time, memory, disk.

use std::path::Path;
use std::time::Instant;

use heschl_core::remedy::Finding;
use heschl_core::run::pipeline::row_layout;
use heschl_core::run::progress::{Event, ExtractionForecast, StoryOutlook};
use heschl_core::run::recipe::ExtractRecipe;
use heschl_core::speech::ENCODER_RATE_HZ;
use heschl_core::speech::audio::Recording;
use heschl_core::speech::encoder::{Batch, Encoder, EncoderError};
use heschl_core::speech::front_end::InputPreparation;
use heschl_core::speech::stimuli::{Stimulus, name_problem};
use heschl_core::speech::window::{EncoderReach, Windows};
pub(crate) use heschl_models::free_bytes;
use sysinfo::{ProcessRefreshKind, ProcessesToUpdate, System};

use crate::console;
use crate::remedies::with_words;
use crate::report::{EventFormat, say_event};

/// Feature values hardly compress: what is left of each byte in a finished file.
pub(crate) const COMPRESSED_SHARE: f64 = 0.93;
/// For how long the encoder is tried out.
const TRIAL_SECS: f64 = 1.5;

/// What a run will take.
pub(crate) struct Forecast {
    /// One entry per story, in order.
    pub(crate) stories: Vec<StoryForecast>,
    /// Full windows that the encoder computes in a second; `None` if it was not tried.
    pub(crate) windows_per_sec: Option<f64>,
    /// Memory in use by the program with the model loaded and tried, in bytes.
    pub(crate) memory_bytes: u64,
    /// Bytes of the finished files.
    pub(crate) disk_bytes: u64,
    /// Bytes of the largest story's journal, which is there beside its files for a moment.
    pub(crate) journal_bytes: u64,
    /// Bytes free where the features go.
    pub(crate) free_bytes: Option<u64>,
}

/// What one story will take.
pub(crate) struct StoryForecast {
    /// Its name.
    pub(crate) story: String,
    /// Its windows, as far as the file's header tells; or the sentence that says what is wrong with it.
    pub(crate) n_windows: Result<usize, Finding>,
    /// Length in seconds, where the header tells it.
    pub(crate) secs: Option<f64>,
    /// What is odd about the file's header, and how it is read: sentences.
    pub(crate) notes: Vec<String>,
}

impl Forecast {
    /// All windows.
    #[must_use]
    pub(crate) fn n_windows(&self) -> usize {
        self.stories
            .iter()
            .filter_map(|story| story.n_windows.as_ref().ok())
            .sum()
    }

    /// Counts windows from the files' headers, times the encoder, and checks memory and disk.
    ///
    /// # Errors
    /// [`EncoderError`] if the encoder fails on its trial.
    pub(crate) fn make(
        recipe: &ExtractRecipe,
        stories: &[Stimulus],
        encoder: &mut dyn Encoder,
        folder: &Path,
    ) -> Result<Self, EncoderError> {
        let mut forecast = Self::of_headers(recipe, stories, encoder, folder);
        forecast.windows_per_sec = Some(1.0 / try_out(recipe, encoder)?.max(1e-9));
        forecast.memory_bytes = memory_in_use();
        Ok(forecast)
    }

    /// The same without trying the encoder.
    #[must_use]
    pub(crate) fn of_headers(
        recipe: &ExtractRecipe,
        stories: &[Stimulus],
        encoder: &dyn Encoder,
        folder: &Path,
    ) -> Self {
        let reach = encoder.card().reach();
        let stories: Vec<StoryForecast> = stories
            .iter()
            .map(|stimulus| story_forecast(recipe, stimulus, reach))
            .collect();
        let layout = row_layout(encoder, &recipe.model.layers);
        let row_bytes = layout.n_values() as u64 * 4;
        let written_bytes = layout.n_written() as u64 * 4 + 8;
        let n_windows =
            |story: &StoryForecast| story.n_windows.as_ref().copied().unwrap_or(0) as u64;
        let total: u64 = stories.iter().map(n_windows).sum();
        let longest = stories.iter().map(n_windows).max().unwrap_or(0);
        Self {
            windows_per_sec: None,
            memory_bytes: 0,
            disk_bytes: (total as f64 * written_bytes as f64 * COMPRESSED_SHARE) as u64,
            journal_bytes: longest * row_bytes,
            free_bytes: free_bytes(folder),
            stories,
        }
    }

    /// A sentence, if the disk has too little room.
    #[must_use]
    pub(crate) fn disk_shortage(&self, folder: &Path) -> Option<String> {
        let needed = self.disk_bytes + self.journal_bytes;
        let free = self.free_bytes?;
        (free < needed).then(|| {
            format!(
                "The features need about {} of disk, but only {} are free. Free some space, choose fewer layers \
                 (--layers), or another output folder (--out).\nFolder: {}",
                console::bytes(needed),
                console::bytes(free),
                folder.display()
            )
        })
    }

    /// Tells the forecast, as lines for people or as one JSON object.
    pub(crate) fn notify(&self, folder: &Path, format: EventFormat) {
        match format {
            EventFormat::Text => self.print(folder),
            EventFormat::Json => say_event(&self.event(folder)),
        }
    }

    /// The forecast as an event.
    fn event(&self, folder: &Path) -> Event {
        let story = |story: &StoryForecast| StoryOutlook {
            story: story.story.clone(),
            n_windows: story.n_windows.as_ref().ok().copied(),
            message: story.n_windows.as_ref().err().map(ToString::to_string),
            remedies: story
                .n_windows
                .as_ref()
                .err()
                .map(|why| why.remedies.clone())
                .unwrap_or_default(),
            notes: story.notes.clone(),
        };
        Event::Forecast(ExtractionForecast {
            n_windows: self.n_windows(),
            windows_per_sec: self.windows_per_sec,
            memory_bytes: self.memory_bytes,
            disk_bytes: self.disk_bytes,
            journal_bytes: self.journal_bytes,
            free_bytes: self.free_bytes,
            folder: folder.display().to_string(),
            stories: self.stories.iter().map(story).collect(),
        })
    }

    fn print(&self, folder: &Path) {
        for story in &self.stories {
            match &story.n_windows {
                Ok(n) => {
                    let length = story
                        .secs
                        .map(|secs| format!("  {}", console::clock(secs)))
                        .unwrap_or_default();
                    console::say(format_args!(
                        "  {}{length}  {}",
                        story.story,
                        console::count(*n, "window", "windows")
                    ));
                }
                Err(why) => console::say(format_args!(
                    "✗ {}: {}",
                    story.story,
                    with_words(&why.message, &why.remedies).replace('\n', "\n  ")
                )),
            }
            for note in &story.notes {
                console::say(format_args!("  ! {}: {note}.", story.story));
            }
        }
        console::say(format_args!("windows  {}", self.n_windows()));
        if let Some(rate) = self.windows_per_sec {
            let secs = self.n_windows() as f64 / rate;
            console::say(format_args!(
                "time     about {} ({rate:.1} windows/s)",
                console::duration(secs)
            ));
        }
        console::say(format_args!(
            "memory   about {}",
            console::bytes(self.memory_bytes)
        ));
        let free = self
            .free_bytes
            .map(|n| format!(", {} are free", console::bytes(n)))
            .unwrap_or_default();
        console::say(format_args!(
            "disk     about {}, and {} more while the longest story is computed{free}",
            console::bytes(self.disk_bytes),
            console::bytes(self.journal_bytes)
        ));
        console::say(format_args!("folder   {}", folder.display()));
    }
}

fn story_forecast(
    recipe: &ExtractRecipe,
    stimulus: &Stimulus,
    reach: EncoderReach,
) -> StoryForecast {
    if let Some(sentence) = name_problem(stimulus) {
        return StoryForecast {
            story: stimulus.story.clone(),
            n_windows: Err(Finding::new(sentence, &[])),
            secs: None,
            notes: vec![],
        };
    }
    let opened = Recording::open(&stimulus.path, recipe.stimuli.resampling);
    let info = opened.map(|recording| recording.info().clone());
    let secs = info.as_ref().ok().and_then(|info| info.duration_secs);
    let notes = info
        .as_ref()
        .map_or_else(|_| vec![], |info| info.notes.clone());
    let n_windows = info
        .map_err(|error| Finding::new(error.to_string(), &error.remedies()))
        .and_then(|_| match secs {
            None => Ok(0),
            Some(secs) => {
                let n_samples = (secs * f64::from(ENCODER_RATE_HZ)).round() as u64;
                let windows = Windows::new(&recipe.window, reach, n_samples);
                windows
                    .map(|windows| windows.len())
                    .map_err(|error| Finding::new(error.to_string(), &error.remedies()))
            }
        });
    StoryForecast {
        story: stimulus.story.clone(),
        n_windows,
        secs,
        notes,
    }
}

/// Seconds per full window, measured on noise.
fn try_out(recipe: &ExtractRecipe, encoder: &mut dyn Encoder) -> Result<f64, EncoderError> {
    let Ok(lengths) = recipe.window.lengths() else {
        return Ok(0.0);
    };
    let n_samples = lengths.window_samples as usize;
    let n_batch = recipe.model.batch.unwrap_or_else(|| encoder.usual_batch());
    let card = encoder.card().clone();
    let front_end = card
        .front_end
        .with_feature_extractor(recipe.model.use_featext);
    let mut preparation = InputPreparation::new(front_end, n_samples);
    let noise: Vec<f32> = (0..n_samples)
        .map(|i| ((i * 7919 % 2003) as f32 / 1001.0 - 1.0) * 0.1)
        .collect();
    let mut batch = Batch::default();
    for _ in 0..n_batch {
        let input = preparation.prepare(encoder, &noise, 0)?;
        batch.push(&card, n_samples, input);
    }
    encoder.encode(&batch)?;
    let begun = Instant::now();
    let mut n_batches = 0;
    while n_batches == 0 || begun.elapsed().as_secs_f64() < TRIAL_SECS {
        encoder.encode(&batch)?;
        n_batches += 1;
    }
    Ok(begun.elapsed().as_secs_f64() / (n_batches * n_batch) as f64)
}

/// Bytes that this process holds in memory; 0 if the system does not tell.
#[must_use]
pub(crate) fn memory_in_use() -> u64 {
    let (Ok(pid), Ok(mut system)) = (sysinfo::get_current_pid(), System::new()) else {
        return 0;
    };
    let memory = ProcessRefreshKind::nothing().with_memory();
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&[pid]), true, memory);
    system.process(pid).map_or(0, sysinfo::Process::memory)
}

/// Bytes of memory that the machine has, and that are free; 0 where the system does not tell.
#[must_use]
pub(crate) fn memory_of_machine() -> (u64, u64) {
    let Ok(mut system) = System::new() else {
        return (0, 0);
    };
    system.refresh_memory();
    (system.total_memory(), system.available_memory())
}
