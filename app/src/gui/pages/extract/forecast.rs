//! What the job will take: rows, time, memory, disk; and why it cannot run.

use eframe::egui;
use heschl_core::speech::ENCODER_RATE_HZ;
use heschl_core::speech::audio::Resampling;
use heschl_core::speech::window::Windows;
use heschl_models::catalogue;

use crate::forecast::COMPRESSED_SHARE;
use crate::gui::actions::{Actions, PathPurpose};
use crate::gui::info::{Info, ModelInfo, SaveStatus, StoryInfo};
use crate::gui::loading::Loading;
use crate::gui::pages::blocker::{Blocker, Remedy};
use crate::gui::state::{Page, Study};
use crate::gui::text::{bytes, duration, thousands};
use crate::gui::widgets::{warning, weak};

/// What the job will take, as far as headers and a trial tell.
pub(super) struct ForecastPanel {
    /// Rows of all wanted stories.
    n_rows: usize,
    /// Bytes of the finished files.
    disk_bytes: u64,
    /// Seconds, if the encoder was tried.
    secs: Option<f64>,
    /// Why the job cannot run.
    pub(super) why_not: Option<Blocker>,
    /// Stories that cannot be done, with their sentences.
    unusable: Vec<(String, String)>,
}

impl ForecastPanel {
    /// Looks ahead.
    #[must_use]
    pub(super) fn of(study: &Study, info: &Info) -> Self {
        let mut forecast = Self {
            n_rows: 0,
            disk_bytes: 0,
            secs: None,
            why_not: why_not(study, info),
            unusable: vec![],
        };
        let Some(model) = info.model.ready() else {
            return forecast;
        };
        let wanted: Vec<&StoryInfo> = info.wanted(study).collect();
        for story in &wanted {
            match rows(story, study, model) {
                Ok(n_rows) => forecast.n_rows += n_rows,
                Err(sentence) => forecast.unusable.push((story.story.clone(), sentence)),
            }
        }
        if forecast.why_not.is_none()
            && !wanted.is_empty()
            && forecast.unusable.len() == wanted.len()
        {
            forecast.why_not = forecast.unusable.first().map(|(story, sentence)| {
                let resample = Remedy::edit("Resample", study, |study| {
                    study.resampling = Resampling::ToEncoderRate;
                });
                let resample = (study.resampling == Resampling::Refuse).then_some(resample);
                let remedies = resample.into_iter().chain([Remedy::go(Page::Stimuli)]);
                Blocker::new(format!("{story}: {sentence}"), remedies.collect())
            });
        }
        forecast.disk_bytes =
            (forecast.n_rows as f64 * row_bytes(study, model) * COMPRESSED_SHARE) as u64;
        forecast.secs = info
            .trial
            .ready()
            .map(|trial| forecast.n_rows as f64 / trial.windows_per_sec.max(1e-9));
        if let Some(free) = info.trial.ready().and_then(|trial| trial.free_bytes)
            && free < forecast.disk_bytes
        {
            forecast.why_not = Some(Blocker::new(
                format!(
                    "The features need about {} of disk space, but only {} is free. Choose fewer layers or another folder.",
                    bytes(forecast.disk_bytes),
                    bytes(free)
                ),
                vec![Remedy::pick("Choose another folder", PathPurpose::Output)],
            ));
        }
        forecast
    }

    /// Draws the forecast.
    pub(super) fn ui(&self, ui: &mut egui::Ui, study: &Study, info: &Info, actions: &mut Actions) {
        ui.vertical(|ui| {
            ui.horizontal_wrapped(|ui| {
                figure(
                    ui,
                    &thousands(self.n_rows),
                    "rows",
                    "One row per window, for each layer",
                );
                match (&info.trial, self.secs) {
                    (Loading::Ready(trial), Some(secs)) => {
                        let tip = format!(
                            "Just measured: {:.1} windows per second",
                            trial.windows_per_sec
                        );
                        figure(
                            ui,
                            &format!("about {}", duration(secs)),
                            "on this machine",
                            &tip,
                        );
                        figure(
                            ui,
                            &bytes(trial.memory_bytes),
                            "memory",
                            "Memory in use with the model loaded, as measured",
                        );
                    }
                    (Loading::Waiting, _) => {
                        ui.spinner();
                        weak(ui, "benchmarking the encoder …");
                    }
                    (Loading::Nothing, _) if info.queue.running().is_some() => {
                        weak(ui, "time and memory: measured once the running job is done");
                    }
                    _ => {}
                }
                figure(
                    ui,
                    &bytes(self.disk_bytes),
                    "disk",
                    "Size of the finished files, compressed",
                );
            });
            if let Loading::Failed(sentence) = &info.trial {
                warning(ui, sentence);
            }
            for (story, sentence) in self.unusable.iter().take(3) {
                let leave_out = Remedy::edit(format!("Leave out {story}"), study, |study| {
                    study.want(story, false);
                });
                Blocker::new(format!("{story}: {sentence}"), vec![leave_out]).ui(ui, actions);
            }
            if self.unusable.len() > 3 {
                weak(
                    ui,
                    format!("… and {} more; see Stimuli.", self.unusable.len() - 3),
                );
            }
        });
    }
}

fn figure(ui: &mut egui::Ui, number: &str, unit: &str, tooltip: &str) {
    ui.label(egui::RichText::new(number).strong())
        .on_hover_text(tooltip);
    weak(ui, unit).on_hover_text(tooltip);
    ui.add_space(12.0);
}

/// Why nothing can run, the first reason first.
fn why_not(study: &Study, info: &Info) -> Option<Blocker> {
    if let (SaveStatus::Unsaved(_), None) = (&info.save_status, &study.output) {
        return Some(Blocker::new(
            "The study's folder cannot be written to. Choose another folder for the features.",
            vec![Remedy::pick("Choose another folder", PathPurpose::Output)],
        ));
    }
    let recordings = || {
        vec![
            Remedy::pick("Choose recordings", PathPurpose::Stimuli),
            Remedy::go(Page::Stimuli),
        ]
    };
    match &info.stories {
        Loading::Nothing => {
            return Some(Blocker::new(
                "Choose a folder of recordings first, under Stimuli.",
                recordings(),
            ));
        }
        Loading::Waiting => return Some(Blocker::passing("Looking for recordings …")),
        Loading::Failed(_) => {
            return Some(Blocker::new(
                "The folder of recordings cannot be read: see Stimuli.",
                recordings(),
            ));
        }
        Loading::Ready(_) if info.wanted(study).next().is_none() => {
            let all = Remedy::edit("Select all stories", study, Study::want_all);
            return Some(Blocker::new(
                "No story is selected. Select at least one under Stimuli.",
                vec![all, Remedy::go(Page::Stimuli)],
            ));
        }
        Loading::Ready(_) => {}
    }
    match &info.model {
        Loading::Ready(_) => None,
        // A model of the catalogue is fetched when the job runs.
        Loading::Failed(_) if catalogue::find(&study.model).is_some() => None,
        Loading::Failed(_) => Some(Blocker::new(
            "The model cannot be used: see above. Choose another one.",
            vec![Remedy::go(Page::Models)],
        )),
        _ => Some(Blocker::passing("Reading the model …")),
    }
}

/// A story's rows, as far as its header tells.
fn rows(story: &StoryInfo, study: &Study, model: &ModelInfo) -> Result<usize, String> {
    let info = match &story.header {
        None => return Ok(0),
        Some(Err(sentence)) => return Err(sentence.clone()),
        Some(Ok(info)) => info,
    };
    if study.resampling == Resampling::Refuse && !info.is_encoder_ready() {
        return Err("it is not 16 kHz mono. Turn on \"Resample\" under Stimuli.".into());
    }
    let Some(secs) = info.duration_secs else {
        return Ok(0);
    };
    let n_samples = (secs * f64::from(ENCODER_RATE_HZ)).round() as u64;
    let windows = Windows::new(&study.window, model.card.reach(), n_samples)
        .map_err(|error| error.to_string())?;
    Ok(windows.len())
}

/// Bytes of one row in all its files, uncompressed.
fn row_bytes(study: &Study, model: &ModelInfo) -> f64 {
    let card = &model.card;
    let layers = study.layers.of(card.n_layers);
    ((layers.len() + 1) * card.dim * 4 + 8) as f64
}
