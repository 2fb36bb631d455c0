//! Jobs: a card for each, with what can be done about it.

use eframe::egui;
use egui::accesskit::Role;
use egui::{RichText, vec2};

use crate::gui::actions::{Action, Asked, Purpose};
use crate::gui::facts::Facts;
use crate::gui::icons;
use crate::gui::jobs::{JobFacts, JobState, Order, Progress, Task};
use crate::gui::manual::Topic;
use crate::gui::state::{Page, State};
use crate::gui::text::{bytes, duration, thousands};
use crate::gui::theme::{BETWEEN, INSIDE, Palette, semibold};
use crate::gui::widgets::{
    button, card, empty_state, icon_button, name, page_title, problem, warning, weak,
};

/// The page "Jobs".
#[derive(Default)]
pub(crate) struct JobsPage {
    /// The jobs whose last lines are shown.
    unfolded: Vec<String>,
}

impl JobsPage {
    /// Draws the page.
    pub(crate) fn ui(
        &mut self,
        ui: &mut egui::Ui,
        state: &State,
        facts: &Facts,
        asked: &mut Asked,
    ) {
        page_title(
            ui,
            "Jobs",
            "What runs, what waits, and what is done. Jobs go on when this window is closed.",
        );
        let queue = &facts.queue;
        if let Some(sentence) = &queue.trouble {
            problem(ui, sentence);
        }
        if queue.is_led_elsewhere {
            warning(
                ui,
                "Another window leads the queue; this one shows what it does. New jobs go to that queue.",
            );
        }
        if queue.jobs.is_empty() {
            let (sentence, action, page) = if state.study().is_some() {
                (
                    "Nothing runs and nothing waits. Extract features, and watch them come here.",
                    "Go to Extract",
                    Page::Extract,
                )
            } else {
                (
                    "Nothing runs and nothing waits. Open a study or try the sample first.",
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
                asked.push(Action::Go(page));
            }
            return;
        }
        let n_jobs = queue.jobs.len();
        for (at, job) in queue.jobs.iter().enumerate() {
            ui.push_id(&job.id, |ui| {
                card(ui, |ui| {
                    ui.set_min_width(ui.available_width());
                    self.job(ui, job, (at, n_jobs), queue.is_led_elsewhere, asked);
                });
            });
            ui.add_space(INSIDE);
        }
    }

    fn job(
        &mut self,
        ui: &mut egui::Ui,
        job: &JobFacts,
        (at, n_jobs): (usize, usize),
        is_only_shown: bool,
        asked: &mut Asked,
    ) {
        ui.horizontal(|ui| {
            state_icon(ui, job);
            ui.label(RichText::new(&job.title).family(semibold()));
            weak(ui, &job.subtitle);
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                weak(ui, state_words(job));
            });
        });
        progress(ui, job);
        match &job.state {
            JobState::Failed { message } => problem(ui, message),
            JobState::Broken { message } => warning(ui, message),
            _ => {}
        }
        for (story, sentence) in job.progress.failed.iter().skip(1) {
            weak(ui, format!("{story}: {sentence}"));
        }
        let is_unfolded = self.unfolded.contains(&job.id);
        ui.horizontal_wrapped(|ui| {
            ui.add_enabled_ui(!is_only_shown, |ui| {
                ui.horizontal(|ui| controls(ui, job, (at, n_jobs), asked));
            });
            let words = if is_unfolded {
                "Hide last lines"
            } else {
                "Show last lines"
            };
            if !job.last_lines.is_empty() && labelled(ui, icons::SCROLL_TEXT, words, job) {
                if is_unfolded {
                    self.unfolded.retain(|id| *id != job.id);
                } else {
                    self.unfolded.push(job.id.clone());
                }
            }
            if matches!(job.state, JobState::Failed { .. } | JobState::Broken { .. })
                && labelled(ui, icons::CIRCLE_HELP, "What to do?", job)
            {
                asked.push(Action::Manual(Topic::Troubles));
            }
        });
        if is_unfolded {
            last_lines(ui, job);
        }
    }
}

/// A button whose name says which job it is for.
fn labelled(ui: &mut egui::Ui, icon: char, words: &str, job: &JobFacts) -> bool {
    let response = button(ui, icon, words);
    name(&response, Role::Button, &format!("{words}: {}", job.title));
    response.clicked()
}

fn state_icon(ui: &mut egui::Ui, job: &JobFacts) {
    let palette = Palette::of(ui);
    let (icon, color) = match &job.state {
        JobState::Waiting => (icons::CLOCK, palette.weak),
        JobState::Running => (icons::LOADER, palette.accent),
        JobState::Paused => (icons::PAUSE, palette.weak),
        JobState::Done => (icons::CIRCLE_CHECK, palette.accent),
        JobState::Failed { .. } => (icons::CIRCLE_ALERT, palette.red),
        JobState::Broken { .. } => (icons::TRIANGLE_ALERT, palette.amber),
        JobState::Cancelled => (icons::X, palette.weak),
    };
    ui.label(RichText::new(icon).size(16.0).color(color));
}

fn state_words(job: &JobFacts) -> String {
    match &job.state {
        JobState::Waiting => "waits".into(),
        JobState::Running if job.is_stopping => "stopping …".into(),
        JobState::Running => match (&job.progress.story, &job.progress.device) {
            (Some(story), Some(device)) => format!("{story} · on {device}"),
            _ => job.progress.stage.clone(),
        },
        JobState::Paused => "paused".into(),
        JobState::Done => "done".into(),
        JobState::Failed { .. } => "failed".into(),
        JobState::Broken { .. } => "broken off".into(),
        JobState::Cancelled => "cancelled".into(),
    }
}

/// A thin line, and under it how much, how fast and for how long.
fn progress(ui: &mut egui::Ui, job: &JobFacts) {
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
    let Some((done, all)) = progress.done else {
        return progress.stage.clone();
    };
    let mut words = vec![format!("{:.0} %", progress.share().unwrap_or(0.0) * 100.0)];
    words.push(if progress.is_download {
        format!("{} of {}", bytes(done), bytes(all))
    } else {
        format!(
            "{} of {} windows",
            thousands(done as usize),
            thousands(all as usize)
        )
    });
    if let (Some(per_sec), true) = (progress.per_sec, is_running) {
        words.push(if progress.is_download {
            format!("{}/s", bytes(per_sec as u64))
        } else {
            format!("{per_sec:.1} windows/s")
        });
        words.extend(
            progress
                .secs_left()
                .map(|secs| format!("{} left", duration(secs))),
        );
    }
    words.join(" · ")
}

fn controls(ui: &mut egui::Ui, job: &JobFacts, (at, n_jobs): (usize, usize), asked: &mut Asked) {
    let mut order = |ui: &mut egui::Ui, icon, words: &str, order| {
        if labelled(ui, icon, words, job) {
            asked.push(Action::Job(job.id.clone(), order));
        }
    };
    match &job.state {
        JobState::Running if !job.is_stopping => {
            if !matches!(job.task, Task::Add { .. } | Task::Check { .. }) {
                order(ui, icons::PAUSE, "Pause", Order::Pause);
            }
            order(ui, icons::X, "Cancel", Order::Cancel);
        }
        JobState::Waiting => order(ui, icons::X, "Cancel", Order::Cancel),
        JobState::Paused => order(ui, icons::PLAY, "Resume", Order::GoOn),
        JobState::Broken { .. } => order(ui, icons::PLAY, "Go on", Order::GoOn),
        JobState::Failed { .. } => order(ui, icons::ROTATE_CCW, "Retry", Order::GoOn),
        JobState::Cancelled => order(ui, icons::ROTATE_CCW, "Begin again", Order::GoOn),
        JobState::Running | JobState::Done => {}
    }
    if let (JobState::Done, Task::Extract { features, .. }) = (&job.state, &job.task) {
        if labelled(ui, icons::GRID_3X3, "Look at the features", job) {
            asked.push(Action::Use(Purpose::Features, features.clone()));
        }
        if labelled(ui, icons::FOLDER_OPEN, "Show the folder", job) {
            asked.push(Action::ShowFolder(features.clone()));
        }
    }
    let mut small = |ui: &mut egui::Ui, icon, words: &str, order| {
        if icon_button(ui, icon, &format!("{words}: {}", job.title)).clicked() {
            asked.push(Action::Job(job.id.clone(), order));
        }
    };
    if job.state == JobState::Waiting {
        if at > 0 {
            small(ui, icons::ARROW_UP, "Up", Order::Up);
        }
        if at + 1 < n_jobs {
            small(ui, icons::ARROW_DOWN, "Down", Order::Down);
        }
    }
    if job.state != JobState::Running {
        small(ui, icons::TRASH_2, "Remove", Order::Remove);
    }
}

fn last_lines(ui: &mut egui::Ui, job: &JobFacts) {
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
