//! Home: the pipeline drawn once, three actions, recent studies.

use std::path::{Path, PathBuf};

use eframe::egui;
use egui::accesskit::Role;
use egui::{Align2, FontId, RichText, Sense, vec2};

use crate::gui::actions::{Action, Actions, PathPurpose, StudyAction};
use crate::gui::icons;
use crate::gui::info::Info;
use crate::gui::state::{Page, State};
use crate::gui::text::short_path;
use crate::gui::theme::{BETWEEN, CORNER, INSIDE, Palette, TYPE_SCALE, semibold};
use crate::gui::widgets::{
    PathField, TextField, button, card, heading, icon_button, name, primary_button, weak,
};

/// The page "Home".
#[derive(Default)]
pub(crate) struct HomePage {
    /// The name of a study that is to be made; `None` while nobody makes one.
    new_name: Option<String>,
}

/// The steps from sound to brain, as the first screen shows them.
const STEPS: [(char, &str, &str); 5] = [
    (
        icons::MUSIC,
        "Stories",
        "recordings that participants listened to",
    ),
    (
        icons::AUDIO_WAVEFORM,
        "Window",
        "16 s of audio up to each time point",
    ),
    (icons::BOXES, "Encoder", "hidden states of a speech model"),
    (
        icons::GRID_3X3,
        "Features",
        "time × dimension, layer by layer",
    ),
    (
        icons::CHART_SCATTER,
        "Voxels",
        "how well each one is predicted",
    ),
];

impl HomePage {
    /// Draws the page.
    pub(crate) fn ui(
        &mut self,
        ui: &mut egui::Ui,
        state: &State,
        info: &Info,
        actions: &mut Actions,
    ) {
        ui.vertical(|ui| {
            ui.set_max_width(ui.available_width().min(880.0));
            ui.add_space(INSIDE);
            let title = ui.label(
                RichText::new("How does the brain process speech?")
                    .size(TYPE_SCALE[3])
                    .family(semibold()),
            );
            name(&title, Role::Heading, "How does the brain process speech?");
            weak(
                ui,
                "Extract speech-model features from recordings and see how well they predict fMRI responses.",
            );
            ui.add_space(BETWEEN);
            pipeline(ui);
            ui.add_space(BETWEEN);
            self.actions(ui, state, info, actions);
            ui.add_space(BETWEEN);
            recent(ui, state, info, actions);
        });
    }

    fn actions(&mut self, ui: &mut egui::Ui, state: &State, info: &Info, actions: &mut Actions) {
        ui.horizontal_wrapped(|ui| {
            if primary_button(ui, icons::PLAY, "Try the sample", None)
                .on_hover_text("Extract features of a short recording. The first time, this downloads about 150 MB.")
                .clicked()
            {
                actions.push(Action::Study(StudyAction::TrySample));
            }
            if button(ui, icons::BRAIN, "Try a whole study")
                .on_hover_text(
                    "Four stories, their features, 20,484 simulated voxels, and their scores: about four minutes.",
                )
                .clicked()
            {
                actions.push(Action::Study(StudyAction::TryWholeSample));
            }
            if button(ui, icons::PLUS, "New study").clicked() {
                self.new_name = Some("My study".into());
            }
            if button(ui, icons::FOLDER_OPEN, "Open study").clicked() {
                actions.push(Action::Pick(PathPurpose::OpenStudy));
            }
        });
        if let Some(study) = state.study() {
            ui.horizontal(|ui| {
                weak(ui, "Open now:");
                ui.label(&study.name);
                if ui.link("Continue").clicked() {
                    actions.push(Action::Go(Page::Extract));
                }
                if ui.link("Close it").clicked() {
                    actions.push(Action::Study(StudyAction::Close));
                }
            });
        }
        if info.picking == Some(PathPurpose::OpenStudy) {
            open_field(ui, state, info, actions);
        }
        if self.new_name.is_some() {
            ui.add_space(INSIDE);
            self.new_study(ui, state, info, actions);
        }
    }

    /// The form for a new study: its name and the folder that it is put into.
    fn new_study(&mut self, ui: &mut egui::Ui, state: &State, info: &Info, actions: &mut Actions) {
        let Some(mut text) = self.new_name.clone() else {
            return;
        };
        let parent = parent(state, info);
        let mut is_done = false;
        card(ui, |ui| {
            heading(ui, "New study");
            ui.horizontal(|ui| {
                ui.label("Name");
                let field = TextField {
                    label: "Name of the study",
                    hint: "Name",
                    width: 260.0,
                };
                let response = field.show(ui, &mut text);
                is_done =
                    response.lost_focus() && ui.input(|input| input.key_pressed(egui::Key::Enter));
            });
            ui.horizontal(|ui| {
                ui.label("Folder");
                let field = PathField {
                    label: "Folder for studies",
                    purpose: PathPurpose::StudiesFolder,
                    recent: &[],
                    own: &[],
                    home: info.home.as_deref(),
                    picking: info.picking,
                };
                field.show(ui, Some(&parent), actions);
            });
            ui.horizontal(|ui| {
                let why_not = text
                    .trim()
                    .is_empty()
                    .then_some("Enter a name for the study.");
                is_done |= primary_button(ui, icons::CHECK, "Create", why_not).clicked();
                is_done &= why_not.is_none();
                if button(ui, icons::X, "Not now").clicked() {
                    self.new_name = None;
                }
            });
        });
        if is_done {
            self.new_name = None;
            actions.push(Action::Study(StudyAction::New { parent, name: text }));
        } else if self.new_name.is_some() {
            self.new_name = Some(text);
        }
    }
}

/// The folder that new studies are put into.
fn parent(state: &State, info: &Info) -> PathBuf {
    let settings = &state.preferences.settings;
    let in_home = || info.home.as_ref().map(|home| home.join("Heschl"));
    settings
        .studies_folder
        .clone()
        .or_else(in_home)
        .unwrap_or_default()
}

/// The path can be typed while the dialog is awaited, which may never come.
fn open_field(ui: &mut egui::Ui, state: &State, info: &Info, actions: &mut Actions) {
    let field = PathField {
        label: "Folder of the study",
        purpose: PathPurpose::OpenStudy,
        recent: &state.preferences.recent_studies,
        own: &[],
        home: info.home.as_deref(),
        picking: info.picking,
    };
    field.show(ui, None, actions);
}

/// The pipeline, drawn once.
fn pipeline(ui: &mut egui::Ui) {
    let palette = Palette::of(ui);
    let n_steps = STEPS.len() as f32;
    let gap = 28.0;
    let width = (ui.available_width() - gap * (n_steps - 1.0)) / n_steps;
    let (rect, response) =
        ui.allocate_exact_size(vec2(ui.available_width(), 104.0), Sense::hover());
    name(
        &response,
        Role::Image,
        "From stories through a sliding window and an encoder to features, and to voxels",
    );
    for (at, (icon, title, words)) in STEPS.iter().enumerate() {
        let left = rect.left_top() + vec2(at as f32 * (width + gap), 0.0);
        let step = egui::Rect::from_min_size(left, vec2(width, rect.height()));
        ui.painter().rect(
            step,
            CORNER,
            palette.side,
            (1.0, palette.hairline),
            egui::StrokeKind::Inside,
        );
        let at_text = step.left_top() + vec2(14.0, 20.0);
        ui.painter().text(
            at_text,
            Align2::LEFT_CENTER,
            icon,
            FontId::proportional(20.0),
            palette.accent,
        );
        ui.painter().text(
            at_text + vec2(30.0, 0.0),
            Align2::LEFT_CENTER,
            title,
            FontId::new(14.0, semibold()),
            palette.text,
        );
        let words = ui.painter().layout(
            (*words).to_owned(),
            FontId::proportional(12.0),
            palette.weak,
            width - 28.0,
        );
        ui.painter()
            .galley(step.left_top() + vec2(14.0, 44.0), words, palette.weak);
        if at + 1 < STEPS.len() {
            let arrow = step.right_center() + vec2(gap / 2.0, 0.0);
            ui.painter().text(
                arrow,
                Align2::CENTER_CENTER,
                icons::ARROW_RIGHT,
                FontId::proportional(16.0),
                palette.weak,
            );
        }
    }
}

fn recent(ui: &mut egui::Ui, state: &State, info: &Info, actions: &mut Actions) {
    heading(ui, "Recent studies");
    if state.preferences.recent_studies.is_empty() {
        weak(
            ui,
            "None yet. Drop a folder of recordings anywhere on this window to start one.",
        );
        return;
    }
    for folder in &state.preferences.recent_studies {
        ui.horizontal(|ui| recent_study(ui, folder, info, actions));
    }
}

fn recent_study(ui: &mut egui::Ui, folder: &Path, info: &Info, actions: &mut Actions) {
    let words = folder
        .file_name()
        .unwrap_or(folder.as_os_str())
        .to_string_lossy();
    let is_missing = info.missing_studies.iter().any(|missing| missing == folder);
    let label = format!("Open {words}");
    let button = egui::Button::new((RichText::new(icons::FOLDER), words.as_ref()))
        .min_size(vec2(200.0, 30.0));
    let response = ui.add_enabled(!is_missing, button);
    name(&response, Role::Button, &label);
    if response.clicked() {
        actions.push(Action::Study(StudyAction::Open(folder.to_path_buf())));
    }
    weak(ui, short_path(folder, info.home.as_deref()));
    if is_missing {
        let amber = Palette::of(ui).amber;
        ui.label(RichText::new("missing").color(amber))
            .on_hover_text("The folder was moved, or its disk is not mounted. Drop the folder here from its new location.");
    }
    if icon_button(ui, icons::X, &format!("Remove {words} from the list")).clicked() {
        actions.push(Action::Study(StudyAction::Forget(folder.to_path_buf())));
    }
}
