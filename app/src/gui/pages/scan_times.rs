//! When the volumes were taken: the form, and what it says in words.

use std::path::{Path, PathBuf};

use eframe::egui;
use heschl_core::fmri::scans::TriggerRepair;
use heschl_core::run::recipe::ScansRecipe;
use heschl_core::run::recipe::bounds::REPETITION_SECS;

use crate::gui::actions::{Actions, PathPurpose};
use crate::gui::fitting::sentence_of;
use crate::gui::info::Info;
use crate::gui::manual::Topic;
use crate::gui::widgets::{NumberField, PathField, choices, problem, weak};

/// Where scan times come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ScanTimesSource {
    Even,
    Reports,
    Events,
    Lists,
}

const SOURCES: [(ScanTimesSource, &str); 4] = [
    (ScanTimesSource::Even, "Regular intervals"),
    (ScanTimesSource::Reports, "TR reports"),
    (ScanTimesSource::Events, "BIDS events"),
    (ScanTimesSource::Lists, "Lists"),
];

fn source(scans: &ScansRecipe) -> ScanTimesSource {
    match scans {
        ScansRecipe::Simulated { .. } => ScanTimesSource::Even,
        ScansRecipe::Reports { .. } => ScanTimesSource::Reports,
        ScansRecipe::Events { .. } => ScanTimesSource::Events,
        ScansRecipe::Lists { .. } => ScanTimesSource::Lists,
    }
}

fn of_source(source: ScanTimesSource, folder: PathBuf) -> ScansRecipe {
    match source {
        ScanTimesSource::Even => ScansRecipe::default(),
        ScanTimesSource::Reports => ScansRecipe::Reports {
            folder,
            repair: TriggerRepair::default(),
        },
        ScanTimesSource::Events => ScansRecipe::Events {
            folder,
            repetition_secs: Some(2.0),
        },
        ScanTimesSource::Lists => ScansRecipe::Lists { folder },
    }
}

/// What the form says, in a few words.
#[must_use]
pub(super) fn words(scans: &ScansRecipe) -> String {
    let of = |what: &str, folder: &Path| {
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        if name.is_empty() {
            format!("{what}, not chosen yet")
        } else {
            format!("{what} in {name}")
        }
    };
    match scans {
        ScansRecipe::Simulated {
            repetition_secs,
            sound_start_secs,
        } => format!(
            "every {repetition_secs} s; stimulus onset {sound_start_secs} s after the first scan"
        ),
        ScansRecipe::Reports { folder, .. } => of("TR reports", folder),
        ScansRecipe::Events { folder, .. } => of("BIDS events", folder),
        ScansRecipe::Lists { folder } => of("lists", folder),
    }
}

/// Shows the form.
pub(super) fn form(ui: &mut egui::Ui, info: &Info, scans: &mut ScansRecipe, actions: &mut Actions) {
    let mut chosen = source(scans);
    if choices(ui, &mut chosen, &SOURCES) {
        let folder = folder(scans).map(Path::to_path_buf).unwrap_or_default();
        *scans = of_source(chosen, folder);
    }
    match scans {
        ScansRecipe::Simulated {
            repetition_secs,
            sound_start_secs,
        } => {
            repetition(ui, repetition_secs, actions);
            let field = NumberField {
                label: "Sound begins",
                unit: "s",
                tooltip: "Stimulus onset relative to the start of the first volume. 10 s in the deep-fMRI dataset.",
                default: 10.0,
                topic: Topic::Align,
            };
            let check = |secs: f64| {
                let is_good = (-600.0..=600.0).contains(&secs);
                is_good.then_some(()).ok_or_else(|| {
                    "Stimulus onset must be within ten minutes of the first volume.".to_string()
                })
            };
            field.show(ui, sound_start_secs, actions, check);
        }
        ScansRecipe::Events {
            folder,
            repetition_secs,
        } => {
            let folder = folder.clone();
            repetition(ui, repetition_secs.get_or_insert(2.0), actions);
            path(ui, info, ("Folder of events", &folder), actions);
            weak(
                ui,
                "One file per story, <story>_events.tsv, with the stimulus onset.",
            );
        }
        ScansRecipe::Reports { folder, .. } => {
            path(ui, info, ("Folder of TR reports", &folder.clone()), actions);
            weak(ui, "One file per story, <story>.report.");
        }
        ScansRecipe::Lists { folder } => {
            path(ui, info, ("Folder of lists", &folder.clone()), actions);
            weak(
                ui,
                "One file per story, <story>.txt, .csv or .json, with the centre of each scan in seconds from stimulus onset.",
            );
        }
    }
}

fn folder(scans: &ScansRecipe) -> Option<&Path> {
    match scans {
        ScansRecipe::Simulated { .. } => None,
        ScansRecipe::Reports { folder, .. }
        | ScansRecipe::Events { folder, .. }
        | ScansRecipe::Lists { folder } => Some(folder),
    }
}

/// What is wrong with the form: a sentence.
#[must_use]
pub(crate) fn wrong(scans: &ScansRecipe) -> Option<String> {
    if folder(scans).is_some_and(|folder| folder.as_os_str().is_empty()) {
        return Some(
            "Choose a folder of scan times on Align, or switch to regular intervals.".into(),
        );
    }
    match scans {
        ScansRecipe::Simulated {
            repetition_secs, ..
        }
        | ScansRecipe::Events {
            repetition_secs: Some(repetition_secs),
            ..
        } => good_repetition(*repetition_secs).err(),
        ScansRecipe::Events { .. } | ScansRecipe::Reports { .. } | ScansRecipe::Lists { .. } => {
            None
        }
    }
}

fn good_repetition(secs: f64) -> Result<(), String> {
    REPETITION_SECS
        .check(secs)
        .map_err(|clause| sentence_of(&clause))
}

fn repetition(ui: &mut egui::Ui, secs: &mut f64, actions: &mut Actions) {
    let field = NumberField {
        label: "TR",
        unit: "s",
        tooltip: "Repetition time (TR): the interval between volumes.",
        default: 2.0,
        topic: Topic::Align,
    };
    field.show(ui, secs, actions, good_repetition);
}

fn path(ui: &mut egui::Ui, info: &Info, (label, folder): (&str, &Path), actions: &mut Actions) {
    PathField {
        label,
        purpose: PathPurpose::Reports,
        recent: &[],
        own: &[],
        home: info.home.as_deref(),
        picking: info.picking,
    }
    .show(
        ui,
        Some(folder).filter(|path| !path.as_os_str().is_empty()),
        actions,
    );
    if folder.as_os_str().is_empty() {
        problem(
            ui,
            "Choose a folder of scan times, or switch to regular intervals.",
        );
    }
}
