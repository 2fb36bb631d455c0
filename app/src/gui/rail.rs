//! The rail at the left: the study as a pipeline, each step with its state.

use std::path::Path;

use eframe::egui;
use egui::accesskit::Role;
use egui::{Align2, Color32, FontId, RichText, Sense, Vec2, WidgetInfo, vec2};

use super::actions::{Action, Actions};
use super::icons;
use super::info::Info;
use super::jobs::data::{JobInfo, JobState, Task};
use super::loading::Loading;
use super::shortcuts;
use super::state::{Page, State};
use super::theme::{BETWEEN, CORNER, INSIDE, Palette, semibold};
use super::widgets::icon_button;

/// A window narrower than this shows icons alone.
const NARROW: f32 = 1100.0;
const WIDE_RAIL: f32 = 188.0;
const SLIM_RAIL: f32 = 52.0;

/// The first pages are steps of the study, in order; the others stand below.
const N_STEPS: usize = 9;

/// How far a step of the study is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StepStatus {
    Empty,
    Ready,
    Running,
    Done,
    OutOfDate,
    Troubled,
}

/// Draws the rail.
pub(crate) fn ui(ui: &mut egui::Ui, state: &State, info: &Info, actions: &mut Actions) {
    let palette = Palette::of(ui);
    let is_wide = state.preferences.layout.is_rail_wide && ui.available_width() >= NARROW;
    let width = if is_wide { WIDE_RAIL } else { SLIM_RAIL };
    let frame = egui::Frame::new().fill(palette.side).inner_margin(INSIDE);
    let panel = egui::Panel::left("rail")
        .exact_size(width)
        .resizable(false)
        .frame(frame);
    panel.show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 2.0;
        head(ui, state, is_wide);
        for page in &Page::ALL[..N_STEPS] {
            entry(ui, state, info, *page, is_wide, actions);
        }
        ui.with_layout(egui::Layout::bottom_up(egui::Align::LEFT), |ui| {
            collapse(ui, state, is_wide, actions);
            for page in Page::ALL[N_STEPS..].iter().rev() {
                entry(ui, state, info, *page, is_wide, actions);
            }
        });
    });
}

fn head(ui: &mut egui::Ui, state: &State, is_wide: bool) {
    ui.add_space(4.0);
    if !is_wide {
        ui.vertical_centered(|ui| {
            ui.label(
                RichText::new(icons::AUDIO_WAVEFORM)
                    .size(20.0)
                    .color(Palette::of(ui).accent),
            )
        });
        ui.add_space(INSIDE);
        return;
    }
    ui.horizontal(|ui| {
        ui.add_space(4.0);
        ui.label(
            RichText::new(icons::AUDIO_WAVEFORM)
                .size(18.0)
                .color(Palette::of(ui).accent),
        );
        ui.label(RichText::new("Heschl").size(18.0).family(semibold()));
    });
    ui.horizontal(|ui| {
        ui.add_space(6.0);
        let words = state
            .study()
            .map_or("No study open", |study| study.name.as_str());
        let text = RichText::new(words).color(Palette::of(ui).weak);
        ui.add(egui::Label::new(text).truncate());
    });
    ui.add_space(BETWEEN - 4.0);
}

fn collapse(ui: &mut egui::Ui, state: &State, is_wide: bool, actions: &mut Actions) {
    let has_room = ui.ctx().content_rect().width() >= NARROW;
    if has_room {
        let label = if is_wide {
            "Show icons only"
        } else {
            "Show names"
        };
        if icon_button(ui, icons::PANEL_LEFT, label).clicked() {
            let mut layout = state.preferences.layout.clone();
            layout.is_rail_wide = !layout.is_rail_wide;
            actions.push(Action::Arrange(layout));
        }
    }
}

fn icon(page: Page) -> char {
    match page {
        Page::Home => icons::HOUSE,
        Page::Stimuli => icons::MUSIC,
        Page::Models => icons::BOXES,
        Page::Extract => icons::AUDIO_WAVEFORM,
        Page::Features => icons::GRID_3X3,
        Page::Align => icons::RULER,
        Page::Fit => icons::CHART_SPLINE,
        Page::Scores => icons::CHART_SCATTER,
        Page::Brain => icons::BRAIN,
        Page::Jobs => icons::LIST_CHECKS,
        Page::Settings => icons::SETTINGS,
        Page::Help => icons::CIRCLE_HELP,
    }
}

fn entry(
    ui: &mut egui::Ui,
    state: &State,
    info: &Info,
    page: Page,
    is_wide: bool,
    actions: &mut Actions,
) {
    let palette = Palette::of(ui);
    let is_here = state.page() == page;
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 34.0), Sense::click());
    let fill = if is_here {
        palette.tint
    } else if response.hovered() || response.has_focus() {
        palette.hovered
    } else {
        Color32::TRANSPARENT
    };
    ui.painter().rect_filled(rect, CORNER, fill);
    if response.has_focus() {
        ui.painter().rect_stroke(
            rect,
            CORNER,
            (1.5, palette.accent),
            egui::StrokeKind::Inside,
        );
    }
    let color = if is_here {
        palette.accent
    } else {
        palette.text
    };
    let at = rect.left_center() + vec2(18.0, 0.0);
    ui.painter().text(
        at,
        Align2::CENTER_CENTER,
        icon(page),
        FontId::proportional(17.0),
        color,
    );
    let step = step(state, info, page);
    if is_wide {
        let at = rect.left_center() + vec2(36.0, 0.0);
        ui.painter().text(
            at,
            Align2::LEFT_CENTER,
            page.title(),
            FontId::proportional(14.0),
            color,
        );
    }
    let words = mark(ui, rect, step, is_wide);
    if page == Page::Jobs {
        n_jobs(ui, rect, info.queue.n_alive(), is_wide);
    }
    let label = page.title();
    response.widget_info(|| WidgetInfo::selected(Role::Tab, true, is_here, label));
    let keys = shortcuts::of_page(page, ui.ctx());
    let response = response.on_hover_text(format!("{label} ({keys}){words}"));
    if response.clicked() {
        actions.push(Action::Go(page));
    }
}

/// Draws how many jobs run or wait.
fn n_jobs(ui: &egui::Ui, rect: egui::Rect, n_alive: usize, is_wide: bool) {
    if n_alive == 0 {
        return;
    }
    let (at, size) = if is_wide {
        (rect.right_center() - vec2(14.0, 0.0), 12.0)
    } else {
        (rect.right_bottom() - Vec2::splat(8.0), 10.0)
    };
    let accent = Palette::of(ui).accent;
    let font = FontId::new(size, semibold());
    ui.painter()
        .text(at, Align2::CENTER_CENTER, n_alive, font, accent);
}

/// Draws a step's mark; returns what it means, for the tooltip.
fn mark(ui: &egui::Ui, rect: egui::Rect, step: Option<StepStatus>, is_wide: bool) -> &'static str {
    let palette = Palette::of(ui);
    let (icon, color, words) = match step {
        None => return "",
        Some(StepStatus::Empty) => (icons::CIRCLE, palette.weak.gamma_multiply(0.6), ": to do"),
        Some(StepStatus::Ready) => (icons::CIRCLE_DOT, palette.accent, ": ready"),
        Some(StepStatus::Running) => (icons::LOADER, palette.accent, ": running"),
        Some(StepStatus::Done) => (icons::CIRCLE_CHECK, palette.accent, ": done"),
        Some(StepStatus::OutOfDate) => (
            icons::HISTORY,
            palette.amber,
            ": out of date (settings have changed)",
        ),
        Some(StepStatus::Troubled) => (icons::CIRCLE_ALERT, palette.red, ": needs attention"),
    };
    let (at, size) = if is_wide {
        (rect.right_center() - vec2(14.0, 0.0), 14.0)
    } else {
        (rect.right_bottom() - Vec2::splat(8.0), 10.0)
    };
    ui.painter().text(
        at,
        Align2::CENTER_CENTER,
        icon,
        FontId::proportional(size),
        color,
    );
    words
}

/// How far the step of a page is; `None` for pages that are no steps.
pub(super) fn step(state: &State, info: &Info, page: Page) -> Option<StepStatus> {
    let study = state.study()?;
    let stimuli = match &info.stories {
        Loading::Nothing | Loading::Waiting => StepStatus::Empty,
        Loading::Failed(_) => StepStatus::Troubled,
        Loading::Ready(_) if info.wanted(study).next().is_none() => StepStatus::Empty,
        Loading::Ready(_) => StepStatus::Done,
    };
    let model = if info.model.ready().is_some() {
        StepStatus::Done
    } else {
        StepStatus::Empty
    };
    match page {
        Page::Stimuli => Some(stimuli),
        Page::Models => Some(model),
        Page::Extract | Page::Features => {
            let can_run = (stimuli, model) == (StepStatus::Done, StepStatus::Done);
            Some(extraction(state, info, page, can_run))
        }
        Page::Align if study.fit.responses.is_none() => Some(StepStatus::Empty),
        Page::Align => Some(match fit(state, info, Page::Fit) {
            StepStatus::Done => StepStatus::Done,
            _ => StepStatus::Ready,
        }),
        Page::Fit | Page::Scores | Page::Brain => Some(fit(state, info, page)),
        _ => None,
    }
}

/// How far the steps are that an extraction of this study does.
fn extraction(state: &State, info: &Info, page: Page, can_run: bool) -> StepStatus {
    let idle = if can_run && page == Page::Extract {
        StepStatus::Ready
    } else {
        StepStatus::Empty
    };
    match last_job(state, info, Task::is_of_study) {
        Some(job) => after_job(job, info.recipe_of_now.as_ref(), page, idle),
        None if has_all_features(state, info) => StepStatus::Done,
        None => idle,
    }
}

/// Whether features of all wanted stories lie where the study's would go.
fn has_all_features(state: &State, info: &Info) -> bool {
    let extracted = info
        .study_contents
        .ready()
        .and_then(|found| found.extracted.as_ref());
    let (Some(open), Some((folder, stories))) = (&state.open, extracted) else {
        return false;
    };
    let mut wanted = info.wanted(&open.study).peekable();
    wanted.peek().is_some()
        && wanted.all(|story| stories.contains(&story.story))
        && open.study.own_features(&open.folder).as_ref() == Some(folder)
}

/// How far fit and scores are.
fn fit(state: &State, info: &Info, page: Page) -> StepStatus {
    let idle = if info.fit_of_now.is_some() && page == Page::Fit {
        StepStatus::Ready
    } else {
        StepStatus::Empty
    };
    if let Some(job) = last_job(state, info, Task::is_fit_of_study) {
        return after_job(job, info.fit_of_now.as_ref(), page, idle);
    }
    match state.fit_recipe() {
        Ok(recipe)
            if info
                .study_contents
                .ready()
                .and_then(|found| found.scores.as_ref())
                == Some(&recipe.output.folder) =>
        {
            StepStatus::Done
        }
        _ => idle,
    }
}

/// The last of the jobs that are of the open study and of a kind.
fn last_job<'a>(
    state: &State,
    info: &'a Info,
    is_ours: impl Fn(&Task, &Path) -> bool,
) -> Option<&'a JobInfo> {
    let folder = state.open.as_ref()?.folder.as_path();
    let mut jobs = info.queue.jobs.iter().rev();
    jobs.find(|job| is_ours(&job.task, folder))
}

/// How far the step of a page is by its last job; `now`: the recipe that a job would have now, `idle`: what it is without a job.
fn after_job(job: &JobInfo, now: Option<&String>, page: Page, idle: StepStatus) -> StepStatus {
    match &job.state {
        // The whole sample has no recipe of its own.
        JobState::Done if job.recipe.is_some() && job.recipe.as_ref() != now => {
            StepStatus::OutOfDate
        }
        JobState::Done | JobState::Partly { .. } => StepStatus::Done,
        // What runs or has failed is the step before; of what it makes there is nothing yet.
        _ if matches!(page, Page::Features | Page::Scores | Page::Brain) => idle,
        JobState::Waiting | JobState::Running => StepStatus::Running,
        JobState::Failed { .. } | JobState::Broken { .. } => StepStatus::Troubled,
        JobState::Paused | JobState::Cancelled => idle,
    }
}
