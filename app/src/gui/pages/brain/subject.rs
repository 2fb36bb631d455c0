//! The subject that scores are shown on, and what its folder holds.

use eframe::egui;
use egui::accesskit::Role;
use heschl_core::brain::folders::{FolderKind, Part};

use super::SIDE;
use crate::brain_map::OpenSubject;
use crate::gui::actions::{Action, Actions, PathPurpose, ViewAction};
use crate::gui::brain::{BrainInfo, SubjectChoice};
use crate::gui::icons;
use crate::gui::info::Info;
use crate::gui::state::State;
use crate::gui::text::thousands;
use crate::gui::theme::INSIDE;
use crate::gui::widgets::{PathField, button, heading, name, weak};

/// The field of the subject's folder.
pub(super) fn field(ui: &mut egui::Ui, state: &State, info: &Info, actions: &mut Actions) {
    let choice = state.subject();
    ui.horizontal(|ui| {
        weak(ui, "Subject");
        if choice.folder.is_none() {
            ui.label("fsaverage5, or");
        }
        PathField {
            label: "Folder of the subject",
            purpose: PathPurpose::Subject,
            recent: &state.preferences.recent_subjects,
            own: &[],
            home: info.home.as_deref(),
            picking: info.picking,
        }
        .show(ui, choice.folder.as_deref(), actions);
        if choice.folder.is_some() && button(ui, icons::ROTATE_CCW, "Use fsaverage5").clicked() {
            actions.push(Action::View(ViewAction::Subject(SubjectChoice::default())));
        }
    });
    ui.add_space(INSIDE);
}

/// What the folder holds, what is missing, and what cannot be done without it.
pub(super) fn ui(
    ui: &mut egui::Ui,
    choice: &SubjectChoice,
    info: &BrainInfo,
    actions: &mut Actions,
) {
    let Some(open) = info.subject.as_deref() else {
        return;
    };
    ui.add_space(INSIDE);
    heading(ui, "Subject");
    weak(ui, description(open));
    transforms(ui, choice, open, actions);
    if let Some(picture) = info.picture.ready() {
        for note in &picture.placement.notes {
            weak(ui, note);
        }
        if let Some(anatomy) = &picture.anatomy {
            weak(ui, format!("Under the slices: {}.", anatomy.name));
        }
    }
    if open.files.is_empty() {
        return;
    }
    egui::CollapsingHeader::new("Files")
        .id_salt("files of the subject")
        .show(ui, |ui| files(ui, open));
}

fn description(open: &OpenSubject) -> String {
    let subject = &open.subject;
    let source = match open.kind {
        Some(FolderKind::FreeSurfer) => "from FreeSurfer",
        Some(FolderKind::FmriPrep) => "from fMRIPrep",
        Some(FolderKind::Pycortex) => "from a pycortex store",
        None => "FreeSurfer\u{2019}s average cortex",
    };
    let [left, right] = [0, 1].map(|side| thousands(subject.hemispheres[side].n_vertices()));
    format!(
        "{}, {source}: {left} vertices at the left, {right} at the right.",
        subject.name
    )
}

/// The transform to the image whose voxels were scored, where there are several.
fn transforms(
    ui: &mut egui::Ui,
    choice: &SubjectChoice,
    open: &OpenSubject,
    actions: &mut Actions,
) {
    if open.transforms.len() < 2 {
        return;
    }
    let shown = choice.transform.as_deref().unwrap_or("chosen by the mask");
    let combo = egui::ComboBox::from_id_salt("transform of the subject")
        .width(SIDE - 20.0)
        .selected_text(shown)
        .show_ui(ui, |ui| {
            for transform in &open.transforms {
                let is_it = choice.transform.as_ref() == Some(&transform.name);
                if ui.selectable_label(is_it, &transform.name).clicked() {
                    actions.push(Action::View(ViewAction::Subject(SubjectChoice {
                        transform: Some(transform.name.clone()),
                        ..choice.clone()
                    })));
                }
            }
        });
    name(&combo.response, Role::ComboBox, "Transform");
}

/// Every file that was looked for, and what cannot be done without those that are missing.
fn files(ui: &mut egui::Ui, open: &OpenSubject) {
    for file in &open.files {
        let side = file.side.map(|side| format!("{side} ")).unwrap_or_default();
        let what = format!("{side}{}", of_part(&file.part));
        match (&file.path, file.part.purpose()) {
            (Some(path), _) => {
                let response = ui.add(egui::Label::new(format!("\u{2713} {what}")).truncate());
                response.on_hover_text(path.display().to_string());
            }
            (None, Some(purpose)) => {
                weak(
                    ui,
                    format!("\u{2013} {what}: missing, needed for {purpose}"),
                );
            }
            (None, None) => {}
        }
    }
    for note in &open.notes {
        weak(ui, note);
    }
}

fn of_part(part: &Part) -> String {
    match part {
        Part::Surface(kind) => format!("{kind} surface"),
        Part::Curvature => "curvature".into(),
        Part::SulcalDepth => "sulcal depth".into(),
        Part::Thickness => "thickness".into(),
        Part::Regions(name) => format!("regions {name}"),
        Part::Transform(name) => format!("transform {name}"),
        Part::Mask { transform, mask } => format!("mask {mask} of {transform}"),
        Part::Overlays => "regions drawn on the flat map".into(),
        Part::View(name) => format!("view {name}"),
    }
}
