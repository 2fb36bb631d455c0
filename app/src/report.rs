//! Events of long work, for a person at a terminal or for a machine.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use clap::ValueEnum;
use heschl_core::run::progress::Event;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::console;
use crate::failure::Failure;
use crate::remedies::with_words;

/// How progress is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum EventFormat {
    /// Text and a progress bar.
    #[default]
    Text,
    /// One JSON object per line on standard output.
    Json,
}

/// How this process tells of downloads, which happen wherever something is missing.
static TOLD_IN: OnceLock<EventFormat> = OnceLock::new();

/// Says how this process tells; once, as the command line asks for it.
pub(crate) fn report_in(format: EventFormat) {
    // A second word of the same process changes nothing.
    let _ = TOLD_IN.set(format);
}

/// Tells how much of a download is done, to a machine that reads along, if one does.
pub(crate) fn report_download(what: &str, n_bytes: u64, n_bytes_total: Option<u64>) {
    if TOLD_IN.get() == Some(&EventFormat::Json) {
        say_event(&Event::Downloading {
            what: what.into(),
            n_bytes,
            n_bytes_total,
        });
    }
}

/// Tells why nothing came of the command: to people always, and to a machine that reads along.
pub(crate) fn report_failure(failure: &Failure) {
    if TOLD_IN.get() == Some(&EventFormat::Json) {
        say_event(&Event::Failed {
            message: failure.message.clone(),
            remedies: failure.remedies.clone(),
        });
    }
    crate::failure::keep_message(failure);
    console::complain(failure);
}

/// Writes an event as a line of JSON.
pub(crate) fn say_event(event: &Event) {
    if let Ok(line) = serde_json::to_string(event) {
        let mut out = io::stdout().lock();
        // Nobody reads along any more where this fails.
        let _ = writeln!(out, "{line}").and_then(|()| out.flush());
    }
}

/// Tells events as they come.
pub(crate) enum Reporter {
    /// For people.
    Text(Box<TextReporter>),
    /// For machines.
    Json,
}

impl Reporter {
    /// A reporter of the given kind.
    #[must_use]
    pub(crate) fn new(format: EventFormat) -> Self {
        match format {
            EventFormat::Text => Self::Text(Box::default()),
            EventFormat::Json => Self::Json,
        }
    }

    /// Tells one event.
    pub(crate) fn notify(&mut self, event: &Event) {
        match self {
            Self::Text(text) => text.notify(event),
            Self::Json => say_event(event),
        }
    }
}

/// How often a line is printed where there is no terminal to draw on.
const LINE_EVERY: Duration = Duration::from_secs(30);

/// Lines and a progress bar.
pub(crate) struct TextReporter {
    bar: ProgressBar,
    rate: Rate,
    last_line: Instant,
    n_windows_of_run: usize,
    n_done_before_story: usize,
}

impl Default for TextReporter {
    fn default() -> Self {
        let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr_with_hz(4));
        let style = ProgressStyle::with_template("  {msg:<24} {wide_bar} {percent:>3} %  {prefix}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self {
            bar,
            rate: Rate::default(),
            last_line: Instant::now(),
            n_windows_of_run: 0,
            n_done_before_story: 0,
        }
    }
}

impl TextReporter {
    fn notify(&mut self, event: &Event) {
        match event {
            Event::Started {
                n_stories,
                n_windows,
                device,
                folder,
            } => {
                self.n_windows_of_run = *n_windows;
                let stories = console::count(*n_stories, "story", "stories");
                self.line(&format!(
                    "Extracting {stories}, about {n_windows} windows, on {device}\n  into {folder}"
                ));
            }
            Event::StoryStarted {
                story,
                n_windows,
                n_done,
            } => {
                if *n_done > 0 {
                    self.line(&format!(
                        "  {story}: resuming at window {n_done} of {n_windows}"
                    ));
                }
                self.bar.set_length(*n_windows as u64);
                self.bar.set_position(*n_done as u64);
                self.bar.set_message(console::visible(story));
                self.rate.begin_story(*n_done);
            }
            Event::Progress {
                story,
                n_done,
                n_windows,
            } => self.progress(story, *n_done, *n_windows),
            Event::StoryFinished {
                story,
                n_rows,
                times,
            } => {
                let n_computed = n_rows - self.rate.n_before();
                let rate = n_computed as f64 / times.total_secs().max(1e-9);
                self.n_done_before_story += n_rows;
                self.line(&format!(
                    "✓ {story}: {}, {rate:.1} windows/s",
                    console::count(*n_rows, "row", "rows")
                ));
            }
            Event::StorySkipped { story } => self.line(&format!("✓ {story}: already done")),
            Event::StoryFailed {
                story,
                message,
                remedies,
            } => {
                let message = with_words(message, remedies);
                self.line(&format!("✗ {story}: {}", indented(&message)));
            }
            Event::Warning(warning) => {
                let message = with_words(&warning.to_string(), &warning.remedies());
                self.line(&format!("! {}", indented(&message)));
            }
            Event::OnCpu { reason } => {
                self.line(&format!("! Computing on the CPU. {}", indented(reason)));
            }
            Event::Finished { .. } => self.bar.finish_and_clear(),
            Event::SetAside { folder } => {
                self.line(&format!(
                    "  scores of a different recipe were moved to {folder}"
                ));
            }
            // Downloads have a bar of their own, failures are told last, forecasts are tables.
            Event::Begun
            | Event::Downloading { .. }
            | Event::Failed { .. }
            | Event::Forecast(_)
            | Event::EncodeForecast(_) => {}
            Event::EncodeStarted { .. }
            | Event::StageStarted { .. }
            | Event::VoxelProgress { .. }
            | Event::EncodeFinished { .. } => self.encoding(event),
        }
    }

    /// Tells an event of an encoding model's fit.
    fn encoding(&mut self, event: &Event) {
        match event {
            Event::EncodeStarted {
                n_voxels,
                n_columns,
                n_training_scans,
                n_test_scans,
                folder,
            } => self.line(&format!(
                "Fitting {n_voxels} voxels: {n_columns} columns, {n_training_scans} training scans, {n_test_scans} test scans\n  \
                 into {folder}"
            )),
            Event::StageStarted {
                stage,
                n_voxels,
                n_done,
            } => {
                if *n_done > 0 {
                    let title = stage.title();
                    self.line(&format!("  {title}: resuming at voxel {n_done} of {n_voxels}"));
                }
                self.bar.set_length(*n_voxels as u64);
                self.bar.set_position(*n_done as u64);
                self.bar.set_message(stage.title());
                self.bar.set_prefix("");
                self.rate.begin_story(*n_done);
            }
            Event::VoxelProgress {
                stage,
                n_done,
                n_voxels,
            } => self.voxels(stage.title(), *n_done, *n_voxels),
            Event::EncodeFinished {
                n_voxels,
                mean_r,
                mean_r_interval,
                n_significant,
            } => {
                self.bar.finish_and_clear();
                let mean = mean_r.map_or(String::new(), |r| format!(", mean r {r:.4}"));
                let interval = mean_r_interval.map_or(String::new(), |[lower, upper]| {
                    format!(" (95 %: {lower:.4} to {upper:.4})")
                });
                let significant = n_significant.map_or(String::new(), |n| {
                    format!(", {n} significant")
                });
                self.line(&format!("✓ {n_voxels} voxels{mean}{interval}{significant}"));
            }
            _ => {}
        }
    }

    fn voxels(&mut self, stage: &str, n_done: usize, n_voxels: usize) {
        self.bar.set_position(n_done as u64);
        let Some(per_sec) = self.rate.at(n_done) else {
            return;
        };
        let left = console::duration((n_voxels - n_done) as f64 / per_sec);
        self.bar
            .set_prefix(format!("{per_sec:.0} voxels/s  {left} left"));
        if self.bar.is_hidden() && self.last_line.elapsed() >= LINE_EVERY {
            self.last_line = Instant::now();
            self.line(&format!(
                "  {stage}: {n_done} of {n_voxels} voxels, {per_sec:.0} voxels/s, {left} left"
            ));
        }
    }

    fn progress(&mut self, story: &str, n_done: usize, n_windows: usize) {
        self.bar.set_position(n_done as u64);
        let Some(per_sec) = self.rate.at(n_done) else {
            return;
        };
        let n_left = self
            .n_windows_of_run
            .max(self.n_done_before_story + n_windows)
            - self.n_done_before_story
            - n_done;
        let left = console::duration(n_left as f64 / per_sec);
        self.bar
            .set_prefix(format!("{per_sec:.1} windows/s  {left} left"));
        if self.bar.is_hidden() && self.last_line.elapsed() >= LINE_EVERY {
            self.last_line = Instant::now();
            self.line(&format!(
                "  {story}: {n_done} of {n_windows} windows, {per_sec:.1} windows/s, {left} left"
            ));
        }
    }

    fn line(&self, text: &str) {
        if io::stderr().is_terminal() {
            self.bar.suspend(|| console::note(text));
        } else {
            console::note(text);
        }
    }
}

fn indented(message: &str) -> String {
    message.replace('\n', "\n  ")
}

/// Windows per second since the story began in this run.
#[derive(Default)]
struct Rate {
    begun: Option<(Instant, usize)>,
}

impl Rate {
    fn begin_story(&mut self, n_done: usize) {
        self.begun = Some((Instant::now(), n_done));
    }

    /// Windows that an earlier run had done.
    fn n_before(&self) -> usize {
        self.begun.map_or(0, |(_, n_before)| n_before)
    }

    fn at(&self, n_done: usize) -> Option<f64> {
        let (since, n_before) = self.begun?;
        let secs = since.elapsed().as_secs_f64();
        (n_done > n_before && secs > 0.0).then(|| (n_done - n_before) as f64 / secs)
    }
}
