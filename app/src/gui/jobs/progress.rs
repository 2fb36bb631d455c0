//! What a job's events say of how far it is.

use std::time::Instant;

use heschl_core::run::progress::{Event, Stage};

use super::data::{Counted, Progress, StagePart, Task};
use crate::gui::text::thousands;

/// Adds up events.
#[derive(Debug, Default)]
pub(super) struct ProgressReader {
    /// How far the job is.
    pub(super) progress: Progress,
    /// What happened, a line each, the latest last.
    pub(super) lines: Vec<String>,
    /// Stories that this process and those before it have finished.
    pub(super) finished_stories: Vec<String>,
    /// Why the process gave up, if it said so.
    pub(super) error_message: Option<String>,
    /// Windows of the stories that are finished.
    n_before: u64,
    /// Windows of the run.
    n_all: u64,
    speed: SpeedMeter,
    /// The stages of the job.
    plan: Plan,
    /// Which of them it is at.
    at: Option<usize>,
}

/// The stages of a job, with their shares of its time.
type Plan = &'static [(StageKind, f32)];

/// What begins a stage.
#[derive(Debug, Clone, Copy, PartialEq)]
enum StageKind {
    /// Features are extracted.
    Extract,
    /// A fit begins.
    Read,
    /// A stage of the fit.
    Fit(Stage),
}

/// A fit, as measured of the whole sample: α is chosen in several rounds, and controls are fits of their own.
const FIT: Plan = &[
    (StageKind::Read, 0.1),
    (StageKind::Fit(Stage::ChooseAlpha), 0.4),
    (StageKind::Fit(Stage::FitAndScore), 0.3),
    (StageKind::Fit(Stage::Control), 0.2),
];
/// The whole sample: features, those of an untrained network, and the fit.
const SAMPLE: Plan = &[
    (StageKind::Extract, 0.4),
    (StageKind::Extract, 0.4),
    (StageKind::Read, 0.02),
    (StageKind::Fit(Stage::ChooseAlpha), 0.06),
    (StageKind::Fit(Stage::FitAndScore), 0.06),
    (StageKind::Fit(Stage::Control), 0.06),
];

impl ProgressReader {
    /// Adds up the events of a job.
    pub(super) fn of(task: &Task) -> Self {
        let plan: Plan = match task {
            Task::Encode { .. } => FIT,
            Task::Sample { .. } => SAMPLE,
            _ => &[],
        };
        Self {
            plan,
            ..Self::default()
        }
    }

    fn enter_stage_of(&mut self, event: &Event) {
        match event {
            Event::Started { .. } => self.enter(StageKind::Extract),
            Event::EncodeStarted { .. } => self.enter(StageKind::Read),
            Event::StageStarted { stage, .. } => self.enter(StageKind::Fit(*stage)),
            _ => {}
        }
    }

    /// Goes on to the next stage of a kind; the line never goes back.
    fn enter(&mut self, kind: StageKind) {
        let next = self.at.map_or(0, |at| at + 1);
        let found = (next..self.plan.len()).find(|at| self.plan[*at].0 == kind);
        // A stage that begins once more, as after a pause, stays where it is.
        let Some(at) = found.or(self.at) else {
            return;
        };
        self.at = Some(at);
        let before: f32 = self.plan[..at].iter().map(|(_, share)| share).sum();
        self.progress.part = Some(StagePart {
            number: [at + 1, self.plan.len()],
            span: [before, before + self.plan[at].1],
        });
    }

    /// Takes one line of the events' file.
    pub(super) fn take(&mut self, line: &str, now: Instant) {
        match serde_json::from_str::<Event>(line) {
            Ok(Event::Begun) => self.begin(),
            Ok(Event::Failed { message, remedies }) => {
                self.error_message = Some(message);
                self.progress.remedies.extend(remedies);
            }
            Ok(Event::Downloading {
                what,
                n_bytes,
                n_bytes_total,
            }) => self.download(&what, n_bytes, n_bytes_total, now),
            Ok(event) => self.event(event, now),
            // An empty line, or an event of a newer version.
            Err(_) => {}
        }
    }

    /// Another process begins, and goes on where the last one was.
    pub(super) fn begin(&mut self) {
        *self = Self {
            finished_stories: std::mem::take(&mut self.finished_stories),
            plan: self.plan,
            ..Self::default()
        };
    }

    fn download(&mut self, what: &str, n_bytes: u64, n_bytes_total: Option<u64>, now: Instant) {
        let stage = format!("Getting {what}");
        if self.progress.stage != stage {
            self.speed = SpeedMeter::default();
        }
        self.progress.stage = stage;
        self.progress.counted = Counted::Bytes;
        self.progress.done = n_bytes_total.map(|all| (n_bytes, all));
        self.progress.per_sec = self.speed.at(n_bytes, now);
    }

    fn event(&mut self, event: Event, now: Instant) {
        self.note(&event);
        self.enter_stage_of(&event);
        let is_second = self.at == Some(1) && self.plan == SAMPLE;
        let progress = &mut self.progress;
        match event {
            Event::Started {
                n_windows, device, ..
            } => {
                self.n_all = n_windows as u64;
                self.n_before = 0;
                progress.failed.clear();
                progress.finished = None;
                self.speed = SpeedMeter::default();
                progress.counted = Counted::Windows;
                progress.per_sec = None;
                progress.stage = if is_second {
                    "Extracting with an untrained network".into()
                } else {
                    "Extracting".into()
                };
                progress.device = Some(device);
                progress.done = Some((0, self.n_all));
            }
            Event::StoryStarted { story, n_done, .. } => {
                progress.story = Some(story);
                // What an earlier run has done is no speed of this one.
                self.speed = SpeedMeter::default();
                self.count(n_done, now);
            }
            Event::Progress { story, n_done, .. } => {
                progress.story = Some(story);
                self.count(n_done, now);
            }
            Event::StoryFinished { story, n_rows, .. } => {
                self.finished_stories.push(story);
                self.n_before += n_rows as u64;
                progress.done = Some((self.n_before, self.n_all.max(self.n_before)));
            }
            Event::StoryFailed {
                story,
                message,
                remedies,
            } => {
                progress.failed.push((story, message));
                progress.remedies.extend(remedies);
            }
            Event::Finished {
                n_done,
                n_skipped,
                n_failed,
                stopped,
            } => {
                progress.finished = Some((n_done, n_skipped, n_failed, stopped));
            }
            // The status bar says at all times why no GPU is used.
            Event::Warning(warning) => progress.warnings.push(warning.to_string()),
            event => self.fit_event(event, now),
        }
    }

    /// Takes an event of an encoding model's fit; others change nothing.
    fn fit_event(&mut self, event: Event, now: Instant) {
        let progress = &mut self.progress;
        match event {
            Event::EncodeStarted { .. } => {
                progress.failed.clear();
                progress.finished = None;
                progress.counted = Counted::Voxels;
                progress.done = None;
                progress.stage = "Reading features".into();
            }
            Event::StageStarted {
                stage,
                n_voxels,
                n_done,
            } => {
                progress.stage = stage.title().into();
                progress.per_sec = None;
                self.speed = SpeedMeter::default();
                self.n_before = 0;
                self.n_all = n_voxels as u64;
                self.count(n_done, now);
            }
            Event::VoxelProgress { n_done, .. } => self.count(n_done, now),
            Event::EncodeFinished {
                n_voxels, mean_r, ..
            } => {
                progress.finished = Some((1, 0, 0, false));
                progress.outcome =
                    mean_r.map(|r| format!("{} voxels · mean r {r:.4}", thousands(n_voxels)));
            }
            _ => {}
        }
    }

    /// Keeps an event as a line for people.
    fn note(&mut self, event: &Event) {
        let line = match event {
            Event::Started {
                n_windows, device, ..
            } => format!(
                "Extracting about {} windows on {device}",
                thousands(*n_windows)
            ),
            Event::StoryStarted {
                story,
                n_done,
                n_windows,
            } if *n_done > 0 => format!(
                "{story}: resuming at window {} of {}",
                thousands(*n_done),
                thousands(*n_windows)
            ),
            Event::StoryStarted {
                story, n_windows, ..
            } => format!("{story}: {} windows", thousands(*n_windows)),
            Event::StoryFinished { story, n_rows, .. } => {
                format!("{story}: done, {} rows", thousands(*n_rows))
            }
            Event::StorySkipped { story } => format!("{story}: already done"),
            Event::StoryFailed { story, message, .. } => format!("{story}: {message}"),
            Event::SetAside { folder } => {
                format!("Scores of a different recipe were moved to {folder}")
            }
            Event::Warning(warning) => warning.to_string(),
            Event::OnCpu { reason } => format!("Computing on the CPU. {reason}"),
            Event::EncodeStarted {
                n_voxels,
                n_columns,
                n_training_scans,
                ..
            } => format!(
                "Fitting {} voxels: {} columns, {} training scans",
                thousands(*n_voxels),
                thousands(*n_columns),
                thousands(*n_training_scans)
            ),
            Event::StageStarted { stage, n_done, .. } if *n_done > 0 => {
                format!("{} from voxel {} on", stage.title(), thousands(*n_done))
            }
            Event::StageStarted { stage, .. } => stage.title().to_string(),
            Event::EncodeFinished {
                n_voxels,
                mean_r: Some(mean_r),
                ..
            } => format!("{} voxels, mean r {mean_r:.4}", thousands(*n_voxels)),
            Event::Begun
            | Event::Downloading { .. }
            | Event::Failed { .. }
            | Event::Forecast(_)
            | Event::EncodeForecast(_)
            | Event::Progress { .. }
            | Event::VoxelProgress { .. }
            | Event::EncodeFinished { .. }
            | Event::Finished { .. } => return,
        };
        self.lines.push(line);
        if self.lines.len() > MAX_LINES {
            self.lines.remove(0);
        }
    }

    fn count(&mut self, n_done: usize, now: Instant) {
        let done = self.n_before + n_done as u64;
        self.progress.done = Some((done, self.n_all.max(done)));
        self.progress.per_sec = self.speed.at(done, now).or(self.progress.per_sec);
    }
}

/// Nobody reads more in a card.
const MAX_LINES: usize = 8;

/// Speed over the last half minute.
#[derive(Debug, Default)]
struct SpeedMeter {
    seen: std::collections::VecDeque<(Instant, u64)>,
}

const MEASURED_SECS: f64 = 30.0;
/// Before so much time has passed, a speed is a guess.
const SHORTEST_SECS: f64 = 0.5;

impl SpeedMeter {
    fn at(&mut self, n_done: u64, now: Instant) -> Option<f64> {
        // What is read at once, such as all that was said before the window was opened, took no time to be done.
        self.seen.retain(|(at, _)| *at != now);
        self.seen.push_back((now, n_done));
        while self.seen.len() > 2
            && now.duration_since(self.seen[0].0).as_secs_f64() > MEASURED_SECS
        {
            self.seen.pop_front();
        }
        let (began, n_before) = *self.seen.front()?;
        let secs = now.duration_since(began).as_secs_f64();
        (secs >= SHORTEST_SECS).then(|| n_done.saturating_sub(n_before) as f64 / secs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn events_add_up_to_a_share_a_speed_and_an_end() {
        let begin = Instant::now();
        let mut progress_reader = ProgressReader::default();
        let at = |secs: f64| begin + Duration::from_secs_f64(secs);
        for (secs, line) in [
            (
                0.0,
                r#"{"event":"downloading","what":"whisper","n_bytes":10,"n_bytes_total":40}"#,
            ),
            (
                2.0,
                r#"{"event":"downloading","what":"whisper","n_bytes":30,"n_bytes_total":40}"#,
            ),
        ] {
            progress_reader.take(line, at(secs));
        }
        assert_eq!(
            (
                progress_reader.progress.done,
                progress_reader.progress.per_sec
            ),
            (Some((30, 40)), Some(10.0))
        );
        assert_eq!(progress_reader.progress.secs_left(), Some(1.0));
        for (secs, line) in [
            (
                3.0,
                r#"{"event":"started","n_stories":2,"n_windows":100,"device":"CPU","folder":"f"}"#,
            ),
            (
                3.0,
                r#"{"event":"story_started","story":"a","n_windows":60,"n_done":20}"#,
            ),
            (
                3.0,
                r#"{"event":"progress","story":"a","n_done":20,"n_windows":60}"#,
            ),
            (
                7.0,
                r#"{"event":"progress","story":"a","n_done":40,"n_windows":60}"#,
            ),
            (7.0, "no event at all"),
        ] {
            progress_reader.take(line, at(secs));
        }
        // Twenty windows in four seconds; what an earlier run did does not count as speed.
        assert_eq!(
            (
                progress_reader.progress.done,
                progress_reader.progress.per_sec
            ),
            (Some((40, 100)), Some(5.0))
        );
        assert_eq!(progress_reader.progress.secs_left(), Some(12.0));
        for line in [
            r#"{"event":"story_finished","story":"a","n_rows":60,"times":{"audio_secs":0,"front_end_secs":0,"encoder_secs":0,"store_secs":0}}"#,
            r#"{"event":"story_failed","story":"b","message":"It is damaged."}"#,
            r#"{"event":"warning","message":"It clips."}"#,
            r#"{"event":"on_cpu","reason":"There is no GPU."}"#,
            r#"{"event":"finished","n_done":1,"n_skipped":0,"n_failed":1,"stopped":false}"#,
        ] {
            progress_reader.take(line, at(9.0));
        }
        assert_eq!(progress_reader.progress.done, Some((60, 100)));
        assert_eq!(
            progress_reader.progress.failed,
            [("b".into(), "It is damaged.".into())]
        );
        assert_eq!(progress_reader.progress.finished, Some((1, 0, 1, false)));
        assert_eq!(progress_reader.progress.warnings, ["It clips."]);
        assert_eq!(
            progress_reader.lines,
            [
                "Extracting about 100 windows on CPU",
                "a: resuming at window 20 of 60",
                "a: done, 60 rows",
                "b: It is damaged.",
                "It clips.",
                "Computing on the CPU. There is no GPU."
            ]
        );
    }

    #[test]
    fn a_job_of_several_stages_fills_its_line_once() {
        let now = Instant::now();
        let started =
            r#"{"event":"started","n_stories":1,"n_windows":100,"device":"CPU","folder":"f"}"#;
        let extraction = |n_done: usize| {
            format!(r#"{{"event":"progress","story":"a","n_done":{n_done},"n_windows":100}}"#)
        };
        let stage = |stage: &str| {
            format!(r#"{{"event":"stage_started","stage":"{stage}","n_voxels":200,"n_done":0}}"#)
        };
        let voxels = |stage: &str| {
            format!(r#"{{"event":"voxel_progress","stage":"{stage}","n_done":200,"n_voxels":200}}"#)
        };
        let begun = r#"{"event":"encode_started","n_voxels":200,"n_columns":8,"n_training_scans":9,"n_test_scans":9,"folder":"f"}"#;
        let mut lines = vec![];
        for _ in 0..2 {
            lines.extend([started.to_owned(), extraction(50), extraction(100)]);
        }
        lines.push(begun.into());
        for name in ["choose_alpha", "fit_and_score", "control"] {
            lines.extend([stage(name), voxels(name)]);
        }
        let task = Task::Sample {
            study: "s".into(),
            scores: "s".into(),
        };
        let mut progress_reader = ProgressReader::of(&task);
        let mut last = 0.0;
        for line in &lines {
            progress_reader.take(line, now);
            let share = progress_reader.progress.share().unwrap();
            assert!(share >= last, "{line}: from {last} back to {share}");
            last = share;
        }
        assert!(last > 0.999, "{last}");
        assert_eq!(progress_reader.progress.part.unwrap().number, [6, 6]);
        // The stages of the plan take all of the time.
        for plan in [FIT, SAMPLE] {
            let sum: f32 = plan.iter().map(|(_, share)| share).sum();
            assert!((sum - 1.0).abs() < 1e-6);
        }
        // Half of the first of two extractions.
        let mut progress_reader = ProgressReader::of(&task);
        progress_reader.take(started, now);
        progress_reader.take(&extraction(50), now);
        assert!((progress_reader.progress.share().unwrap() - 0.2).abs() < 1e-6);
        assert_eq!(progress_reader.progress.part.unwrap().number, [1, 6]);
    }

    #[test]
    fn a_process_that_begins_leaves_behind_what_the_last_one_said() {
        let now = Instant::now();
        let mut progress_reader = ProgressReader::default();
        for line in [
            r#"{"event":"started","n_stories":1,"n_windows":60,"device":"CPU","folder":"f"}"#,
            r#"{"event":"story_finished","story":"a","n_rows":60,"times":{"audio_secs":0,"front_end_secs":0,"encoder_secs":0,"store_secs":0}}"#,
            r#"{"event":"failed","message":"The disk is full."}"#,
        ] {
            progress_reader.take(line, now);
        }
        assert_eq!(
            progress_reader.error_message.as_deref(),
            Some("The disk is full.")
        );
        progress_reader.take(r#"{"event":"begun"}"#, now);
        assert_eq!(
            (progress_reader.progress, progress_reader.error_message),
            (Progress::default(), None)
        );
        assert_eq!(progress_reader.finished_stories, ["a"]);
    }

    #[test]
    fn what_was_said_before_the_window_was_opened_counts_for_no_speed() {
        let begin = Instant::now();
        let mut progress_reader = ProgressReader::default();
        let mut take = |n_done: u64, secs: f64| {
            let line =
                format!(r#"{{"event":"progress","story":"a","n_done":{n_done},"n_windows":900}}"#);
            progress_reader.take(&line, begin + Duration::from_secs_f64(secs));
            progress_reader.progress.per_sec
        };
        for n_done in (0..=500).step_by(10) {
            assert_eq!(take(n_done, 0.0), None);
        }
        // Ten windows in two seconds.
        assert_eq!(take(510, 2.0), Some(5.0));
    }
}
