//! Jobs: a row for each, with what can be done about it.

use eframe::egui;
use egui::accesskit::Role;
use egui::{RichText, vec2};

use super::{blocker, remedies};
use crate::gui::actions::{Action, Actions, PathPurpose};
use crate::gui::icons;
use crate::gui::info::Info;
use crate::gui::jobs::data::{
    Counted, JobCommand, JobInfo, JobState, Progress, QueueInfo, Task, Times,
};
use crate::gui::manual::Topic;
use crate::gui::state::{Page, State};
use crate::gui::text::{bytes, count, duration, thousands};
use crate::gui::theme::{BETWEEN, Palette, semibold};
use crate::gui::widgets::{
    button, empty_state, heading, icon_button, name, page_title, problem, warning, weak,
};

/// The page "Jobs".
#[derive(Default)]
pub(crate) struct JobsPage {
    /// The jobs whose last lines are shown, or hidden where they are shown by themselves.
    unfolded: Vec<String>,
}

/// Space under a job's icon.
const INSET: i8 = 26;
/// Space for what is said of a job before its buttons.
const WORDS_WIDTH: f32 = 330.0;

impl JobsPage {
    /// Draws the page.
    pub(crate) fn ui(
        &mut self,
        ui: &mut egui::Ui,
        state: &State,
        info: &Info,
        actions: &mut Actions,
    ) {
        page_title(
            ui,
            "Jobs",
            "Running, queued, and finished jobs. Jobs continue when you close this window.",
        );
        let queue = &info.queue;
        if let Some(sentence) = &queue.problem {
            problem(ui, sentence);
        }
        if queue.is_run_elsewhere {
            warning(
                ui,
                "Another window runs the queue; this one only shows it. New jobs go to that queue.",
            );
        }
        if !queue.is_known {
            ui.spinner();
            return;
        }
        if queue.jobs.is_empty() {
            let (sentence, action, page) = if state.study().is_some() {
                (
                    "No jobs. Extract features to start one.",
                    "Go to Extract",
                    Page::Extract,
                )
            } else {
                (
                    "No jobs. Open a study or try the sample first.",
                    "Go to Home",
                    Page::Home,
                )
            };
            if empty_state(
                ui,
                icons::LIST_CHECKS,
                sentence,
                (icons::ARROW_RIGHT, action),
            ) {
                actions.push(Action::Go(page));
            }
            return;
        }
        let (over, mut to_come): (Vec<&JobInfo>, Vec<&JobInfo>) =
            queue.jobs.iter().partition(|job| job.state.is_over());
        to_come.sort_by_key(|job| job.state != JobState::Running);
        for job in &to_come {
            self.row(ui, job, (state, queue), actions);
        }
        if over.is_empty() {
            return;
        }
        if !to_come.is_empty() {
            ui.add_space(BETWEEN);
        }
        finished_heading(ui, &over, queue.is_run_elsewhere, actions);
        for job in over.iter().rev() {
            self.row(ui, job, (state, queue), actions);
        }
    }

    fn row(
        &mut self,
        ui: &mut egui::Ui,
        job: &JobInfo,
        (state, queue): (&State, &QueueInfo),
        actions: &mut Actions,
    ) {
        ui.push_id(&job.id, |ui| {
            ui.horizontal(|ui| {
                state_icon(ui, job);
                ui.label(RichText::new(&job.title).family(semibold()));
                let subtitle = RichText::new(&job.subtitle).color(Palette::of(ui).weak);
                ui.add(egui::Label::new(subtitle).truncate());
            });
            let inset = egui::Frame::new().inner_margin(egui::Margin {
                left: INSET,
                ..egui::Margin::ZERO
            });
            inset.show(ui, |ui| self.job(ui, job, (state, queue), actions));
        });
        ui.separator();
    }

    fn job(
        &mut self,
        ui: &mut egui::Ui,
        job: &JobInfo,
        (state, queue): (&State, &QueueInfo),
        actions: &mut Actions,
    ) {
        progress(ui, job);
        if let Some((message, color)) = failure_text(job, Palette::of(ui)) {
            ui.add(egui::Label::new(RichText::new(message).color(color)).wrap());
        }
        for sentence in &job.progress.warnings {
            warning(ui, sentence);
        }
        for (story, sentence) in job.progress.failed.iter().skip(1) {
            weak(ui, format!("{story}: {sentence}"));
        }
        if failure_text(job, Palette::of(ui)).is_some() {
            let buttons = remedies::buttons(job, state);
            if !buttons.is_empty() {
                blocker::Remedy::row(&buttons, ui, actions);
            }
        }
        ui.horizontal_wrapped(|ui| {
            // So that the buttons of all rows begin at the same place.
            ui.scope(|ui| {
                ui.set_min_width(ui.available_width().min(WORDS_WIDTH));
                let words = [state_words(job), times_words(&job.times, Times::now_secs())];
                let words: Vec<String> = words.into_iter().filter(|it| !it.is_empty()).collect();
                weak(ui, words.join(" · "));
            });
            ui.add_enabled_ui(!queue.is_run_elsewhere, |ui| {
                ui.horizontal(|ui| ways_on(ui, job, queue, actions));
            });
            self.looks(ui, job, actions);
            if job.state != JobState::Running {
                ui.add_enabled_ui(!queue.is_run_elsewhere, |ui| {
                    if small(ui, icons::TRASH_2, "Remove", job) {
                        actions.push(Action::Job(job.id.clone(), JobCommand::Remove));
                    }
                });
            }
        });
        if self.is_unfolded(job) {
            last_lines(ui, job);
        }
    }

    /// Whether the last lines are shown; those of a check are what was asked for.
    fn is_unfolded(&self, job: &JobInfo) -> bool {
        let by_itself = matches!(job.task, Task::Check { .. }) && job.state == JobState::Done;
        self.unfolded.contains(&job.id) != by_itself
    }

    /// What can be looked at: the folder, the last lines, the manual.
    fn looks(&mut self, ui: &mut egui::Ui, job: &JobInfo, actions: &mut Actions) {
        let result = match &job.task {
            Task::Extract { features, .. } => Some(features),
            Task::Encode { scores, .. } | Task::Sample { scores, .. } => Some(scores),
            _ => None,
        };
        if let (true, Some(result)) = (job.state.has_results(), result)
            && small(ui, icons::FOLDER_OPEN, "Show the folder", job)
        {
            actions.push(Action::ShowFolder(result.clone()));
        }
        let is_unfolded = self.is_unfolded(job);
        let words = if is_unfolded {
            "Hide the log"
        } else {
            "Show the log"
        };
        if !job.last_lines.is_empty() && small(ui, icons::SCROLL_TEXT, words, job) {
            if self.unfolded.contains(&job.id) {
                self.unfolded.retain(|id| *id != job.id);
            } else {
                self.unfolded.push(job.id.clone());
            }
        }
        if failure_text(job, Palette::of(ui)).is_some()
            && small(ui, icons::CIRCLE_HELP, "What to do?", job)
        {
            actions.push(Action::Manual(Topic::Troubleshooting));
        }
    }
}

/// The heading over finished jobs, and what takes them away.
fn finished_heading(
    ui: &mut egui::Ui,
    over: &[&JobInfo],
    is_only_shown: bool,
    actions: &mut Actions,
) {
    ui.horizontal(|ui| {
        heading(ui, "Finished");
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            let is_clicked = ui
                .add_enabled_ui(!is_only_shown, |ui| ui.link("Clear the list").clicked())
                .inner;
            if is_clicked {
                let remove = |job: &&JobInfo| Action::Job(job.id.clone(), JobCommand::Remove);
                actions.extend(over.iter().map(remove));
            }
        });
    });
    ui.add_space(4.0);
}

/// A button that shows an icon alone, and names the job it is for.
fn small(ui: &mut egui::Ui, icon: char, words: &str, job: &JobInfo) -> bool {
    icon_button(ui, icon, &format!("{words}: {}", job.title)).clicked()
}

/// A button whose name says which job it is for.
fn labelled(ui: &mut egui::Ui, icon: char, words: &str, job: &JobInfo) -> bool {
    let response = button(ui, icon, words);
    name(&response, Role::Button, &format!("{words}: {}", job.title));
    response.clicked()
}

/// Why a job stands still, and in which colour it is told; the icon beside the title has the same.
fn failure_text<'a>(job: &'a JobInfo, palette: &Palette) -> Option<(&'a str, egui::Color32)> {
    match &job.state {
        JobState::Failed { message } => Some((message, palette.red)),
        JobState::Broken { message } | JobState::Partly { message } => {
            Some((message, palette.amber))
        }
        _ => None,
    }
}

fn state_icon(ui: &mut egui::Ui, job: &JobInfo) {
    let palette = Palette::of(ui);
    let (icon, color) = match &job.state {
        JobState::Waiting => (icons::CLOCK, palette.weak),
        JobState::Running => (icons::LOADER, palette.accent),
        JobState::Paused => (icons::PAUSE, palette.weak),
        JobState::Done => (icons::CIRCLE_CHECK, palette.accent),
        JobState::Failed { .. } => (icons::CIRCLE_ALERT, palette.red),
        JobState::Broken { .. } | JobState::Partly { .. } => (icons::TRIANGLE_ALERT, palette.amber),
        JobState::Cancelled => (icons::X, palette.weak),
    };
    ui.label(RichText::new(icon).size(16.0).color(color));
}

fn state_words(job: &JobInfo) -> String {
    match &job.state {
        JobState::Waiting => "waits".into(),
        JobState::Running if job.is_stopping => "stopping …".into(),
        JobState::Running => match (&job.progress.story, &job.progress.device) {
            (Some(story), Some(device)) => format!("{story} · on {device}"),
            _ => job.progress.stage.clone(),
        },
        JobState::Paused => "paused".into(),
        JobState::Done => match (&job.progress.outcome, job.progress.finished) {
            (Some(outcome), _) => outcome.clone(),
            (None, Some((n_done, n_before, ..))) if n_done + n_before > 0 => {
                let before = match n_before {
                    0 => String::new(),
                    n => format!(", {} of them earlier", thousands(n)),
                };
                let stories = count(n_done + n_before, "story", "stories");
                format!("{stories} done{before}")
            }
            _ => "done".into(),
        },
        JobState::Failed { .. } => "failed".into(),
        JobState::Partly { .. } => "done in part".into(),
        JobState::Broken { .. } => "broken off".into(),
        JobState::Cancelled => "cancelled".into(),
    }
}

/// `for 3 min`, `took 12 min · 2 h ago`; empty where no time is known.
#[must_use]
fn times_words(times: &Times, now_secs: u64) -> String {
    let length = |from: u64, to: u64| duration(to.saturating_sub(from) as f64);
    match (times.began_secs, times.ended_secs) {
        (None, _) => String::new(),
        (Some(began), None) => format!("begun {} ago", length(began, now_secs)),
        (Some(began), Some(ended)) => format!(
            "took {} · {} ago",
            length(began, ended),
            length(ended, now_secs)
        ),
    }
}

/// A thin line, and under it how much, how fast and for how long.
fn progress(ui: &mut egui::Ui, job: &JobInfo) {
    let palette = Palette::of(ui);
    let is_shown = matches!(
        job.state,
        JobState::Running | JobState::Paused | JobState::Broken { .. }
    );
    let Some(share) = job.progress.share().filter(|_| is_shown) else {
        return;
    };
    let (rect, response) =
        ui.allocate_exact_size(vec2(ui.available_width(), 4.0), egui::Sense::hover());
    response.widget_info(|| {
        let mut info = egui::WidgetInfo::labeled(
            Role::ProgressIndicator,
            true,
            format!("Progress of {}", job.title),
        );
        info.value = Some(f64::from(share) * 100.0);
        info
    });
    ui.painter().rect_filled(rect, 2.0, palette.control);
    let mut done = rect;
    done.set_width(rect.width() * share);
    let color = if job.state == JobState::Running {
        palette.accent
    } else {
        palette.weak
    };
    ui.painter().rect_filled(done, 2.0, color);
    weak(
        ui,
        progress_words(&job.progress, job.state == JobState::Running),
    );
}

/// `41 % · 2,520 of 6,151 windows · 11.4 windows/s · 5 min left`.
#[must_use]
pub(crate) fn progress_words(progress: &Progress, is_running: bool) -> String {
    // Of a job with several stages it is told which one it is at.
    let stage = progress.part.map(|part| {
        let [number, all] = part.number;
        format!("{number} of {all}: {}", progress.stage)
    });
    let percent = progress
        .share()
        .map(|share| format!("{:.0} %", share * 100.0));
    let Some((done, all)) = progress.done else {
        let words: Vec<String> = percent.into_iter().chain(stage).collect();
        return if words.is_empty() {
            progress.stage.clone()
        } else {
            words.join(" · ")
        };
    };
    let mut words: Vec<String> = percent.into_iter().chain(stage).collect();
    let of_all = |unit: &str| {
        let (done, all) = (thousands(done as usize), thousands(all as usize));
        format!("{done} of {all} {unit}")
    };
    words.push(match progress.counted {
        Counted::Windows => of_all("windows"),
        Counted::Voxels => of_all("voxels"),
        Counted::Bytes => format!("{} of {}", bytes(done), bytes(all)),
    });
    if let (Some(speed), true) = (speed_words(progress), is_running) {
        words.push(speed);
        words.extend(progress.secs_left().map(|secs| match progress.part {
            Some(_) => format!("{} left in this stage", duration(secs)),
            None => format!("{} left", duration(secs)),
        }));
    }
    words.join(" · ")
}

/// `11.4 windows/s`; `None` if no speed is known.
#[must_use]
pub(crate) fn speed_words(progress: &Progress) -> Option<String> {
    let per_sec = progress.per_sec?;
    Some(match progress.counted {
        Counted::Windows => format!("{per_sec:.1} windows/s"),
        Counted::Voxels => format!("{} voxels/s", thousands(per_sec.round() as usize)),
        Counted::Bytes => format!("{}/s", bytes(per_sec as u64)),
    })
}

/// What can be made of a job next.
fn ways_on(ui: &mut egui::Ui, job: &JobInfo, queue: &QueueInfo, actions: &mut Actions) {
    let mut order = |ui: &mut egui::Ui, icon, words: &str, order| {
        if labelled(ui, icon, words, job) {
            actions.push(Action::Job(job.id.clone(), order));
        }
    };
    match &job.state {
        JobState::Running if !job.is_stopping => {
            if !matches!(job.task, Task::Add { .. } | Task::Check { .. }) {
                order(ui, icons::PAUSE, "Pause", JobCommand::Pause);
            }
            order(ui, icons::X, "Cancel", JobCommand::Cancel);
        }
        JobState::Waiting => order(ui, icons::X, "Cancel", JobCommand::Cancel),
        JobState::Paused => order(ui, icons::PLAY, "Resume", JobCommand::GoOn),
        JobState::Broken { .. } => order(ui, icons::PLAY, "Go on", JobCommand::GoOn),
        JobState::Failed { .. } | JobState::Partly { .. } => {
            order(ui, icons::ROTATE_CCW, "Retry", JobCommand::GoOn);
        }
        JobState::Cancelled => order(ui, icons::ROTATE_CCW, "Begin again", JobCommand::GoOn),
        JobState::Running | JobState::Done => {}
    }
    if let (true, Task::Extract { features, .. }) = (job.state.has_results(), &job.task)
        && labelled(ui, icons::GRID_3X3, "Show the features", job)
    {
        actions.push(Action::Use(PathPurpose::Features, features.clone()));
    }
    if let (JobState::Done, Task::Encode { scores, .. } | Task::Sample { scores, .. }) =
        (&job.state, &job.task)
        && labelled(ui, icons::CHART_SCATTER, "Show the scores", job)
    {
        actions.push(Action::Use(PathPurpose::Scores, scores.clone()));
    }
    let is_waiting = |other: &&JobInfo| other.state == JobState::Waiting;
    let mut waiting = queue.jobs.iter().filter(is_waiting);
    if job.state == JobState::Waiting {
        let is_first = waiting.next().is_some_and(|first| first.id == job.id);
        let is_last = waiting.next_back().is_none_or(|last| last.id == job.id);
        if !is_first && small(ui, icons::ARROW_UP, "Up", job) {
            actions.push(Action::Job(job.id.clone(), JobCommand::Up));
        }
        if !is_last && small(ui, icons::ARROW_DOWN, "Down", job) {
            actions.push(Action::Job(job.id.clone(), JobCommand::Down));
        }
    }
}

fn last_lines(ui: &mut egui::Ui, job: &JobInfo) {
    let palette = Palette::of(ui);
    let frame = egui::Frame::new()
        .fill(palette.side)
        .inner_margin(BETWEEN / 2.0)
        .corner_radius(4);
    frame.show(ui, |ui| {
        ui.set_min_width(ui.available_width());
        for line in &job.last_lines {
            ui.add(egui::Label::new(RichText::new(line).monospace()).wrap());
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_well() {
        let words = |began_secs, ended_secs| {
            let times = Times {
                began_secs,
                ended_secs,
            };
            times_words(&times, 10_000)
        };
        assert_eq!(words(None, None), "");
        assert_eq!(words(Some(9_990), None), "begun 10 s ago");
        assert_eq!(
            words(Some(2_000), Some(2_720)),
            "took 12 min · 2 h 01 min ago"
        );
        // A clock that was set back.
        assert_eq!(words(Some(11_000), None), "begun 0 s ago");
    }
}
