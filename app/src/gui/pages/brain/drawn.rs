//! The regions that the user draws: tools, a list, and what is known of the chosen one.

use eframe::egui;
use egui::WidgetInfo;
use egui::accesskit::Role;
use heschl_core::brain::drawing::Extent;

use super::SIDE;
use crate::gui::actions::{
    Action, Actions, PathPurpose, RegionAction, RegionChange, RegionsFormat,
};
use crate::gui::brain::{
    BrainLayout, BrainPicture, BrainSettings, DrawingMode, DrawingSettings, DrawingTool, RADII_MM,
    RegionDrawing, RegionFacts, RegionsRead,
};
use crate::gui::icons;
use crate::gui::text::thousands;
use crate::gui::theme::INSIDE;
use crate::gui::widgets::{button, heading, name, problem, tick, weak};

/// What the tools do, in a line each.
const LASSO: &str = "Drag around an area: the vertices seen inside become the region. Hold Shift to swap Add and Subtract; the right \
    button turns the cortex. With the keyboard: arrows, Space for a corner, Enter to close.";
const BRUSH: &str = "Drag over the cortex: the vertices within the radius along the surface become the region. Ctrl and the wheel, or \
    [ and ], set the radius; hold Shift to swap Add and Subtract; the right button turns the cortex. With the keyboard: arrows and \
    Space.";

/// A name that is being typed.
#[derive(Default)]
pub(super) struct Typed {
    name: String,
    /// The region whose name it was.
    of: Option<(usize, String)>,
}

impl Typed {
    /// Shows tools and regions.
    pub(super) fn ui(
        &mut self,
        ui: &mut egui::Ui,
        (drawing, settings): (&RegionDrawing, &BrainSettings),
        picture: &BrainPicture,
        actions: &mut Actions,
    ) {
        ui.add_space(INSIDE);
        heading(ui, "Draw regions");
        if settings.layout == BrainLayout::Slices {
            weak(ui, "Show the cortex to draw on it.");
            return;
        }
        let mut set = drawing.settings;
        weak(
            ui,
            match set.tool {
                None => {
                    "Choose Lasso or Brush above the cortex, or begin with a click or a row of the table."
                }
                Some(DrawingTool::Lasso) => LASSO,
                Some(DrawingTool::Brush) => BRUSH,
            },
        );
        begin(ui, drawing, settings, actions);
        if !drawing.regions.regions.is_empty() {
            list(ui, drawing, picture, actions);
            if let Some(index) = drawing.chosen {
                self.rename(ui, drawing, index, actions);
                change(ui, &mut set, actions);
                let facts = picture.over.drawn.get(index);
                if let Some(facts) = facts.filter(|_| picture.request.drawn.0 == drawing.regions) {
                    known(ui, facts);
                }
            }
            tick(ui, &mut set.is_shown, "Show drawn regions");
        }
        files(ui, drawing, actions);
        if set != drawing.settings {
            actions.push(Action::Region(RegionAction::Set(set)));
        }
    }

    fn rename(
        &mut self,
        ui: &mut egui::Ui,
        drawing: &RegionDrawing,
        index: usize,
        actions: &mut Actions,
    ) {
        let Some(region) = drawing.regions.regions.get(index) else {
            return;
        };
        let now = (index, region.name.clone());
        if self.of.as_ref() != Some(&now) {
            self.name.clone_from(&region.name);
            self.of = Some(now);
        }
        ui.horizontal(|ui| {
            weak(ui, "Name");
            let field = egui::TextEdit::singleline(&mut self.name).desired_width(SIDE - 120.0);
            let response = ui.add(field);
            let text = self.name.clone();
            response.widget_info(move || {
                let mut info = WidgetInfo::text_edit(true, &text, &text, "");
                info.label = Some("Name of the region".into());
                info
            });
            let is_left = ui.input(|input| input.key_pressed(egui::Key::Escape));
            if response.lost_focus() && is_left {
                self.name.clone_from(&region.name);
            } else if response.lost_focus() && self.name.trim() != region.name {
                // The name that it gets may be another, since two regions have different names.
                self.of = None;
                let name = self.name.trim().to_owned();
                actions.push(Action::Region(RegionAction::Rename(name)));
            }
        });
    }
}

fn radio<T: PartialEq>(ui: &mut egui::Ui, value: &mut T, own: T, words: &str) -> egui::Response {
    let is_it = *value == own;
    let response = ui.add(egui::Button::selectable(is_it, words));
    response.widget_info(|| WidgetInfo::selected(Role::RadioButton, true, is_it, words));
    if response.clicked() {
        *value = own;
    }
    response
}

/// The tools, in a row above the picture.
pub(super) fn tools(ui: &mut egui::Ui, now: DrawingSettings, actions: &mut Actions) {
    let mut set = now;
    ui.horizontal_wrapped(|ui| {
        radio(ui, &mut set.tool, None, "Turn");
        let lasso = Some(DrawingTool::Lasso);
        radio(ui, &mut set.tool, lasso, "Lasso").on_hover_text(LASSO);
        let brush = Some(DrawingTool::Brush);
        radio(ui, &mut set.tool, brush, "Brush").on_hover_text(BRUSH);
        if set.tool.is_some() {
            ui.separator();
            radio(ui, &mut set.mode, DrawingMode::Add, "Add");
            radio(ui, &mut set.mode, DrawingMode::Subtract, "Subtract");
        }
        if set.tool == brush {
            ui.separator();
            weak(ui, "Radius");
            let range = RADII_MM[0]..=RADII_MM[1];
            let slider = egui::Slider::new(&mut set.radius_mm, range);
            let slider = slider.logarithmic(true).suffix(" mm").max_decimals(1);
            name(&ui.add(slider), Role::Slider, "Radius of the brush");
        }
    });
    if set != now {
        actions.push(Action::Region(RegionAction::Set(set)));
    }
}

/// Other beginnings of a region.
fn begin(
    ui: &mut egui::Ui,
    drawing: &RegionDrawing,
    settings: &BrainSettings,
    actions: &mut Actions,
) {
    let mut ask = |action| actions.push(Action::Region(action));
    ui.horizontal_wrapped(|ui| {
        let has_tool = drawing.settings.tool.is_some();
        if drawing.chosen.is_some() && has_tool && button(ui, icons::PLUS, "New region").clicked() {
            ask(RegionAction::Choose(None));
        }
        if settings.picked.is_some() {
            let response = button(ui, icons::PLUS, "Cluster here");
            let words = "Begin a region with all vertices above the threshold that are connected with the chosen one";
            if response.on_hover_text(words).clicked() {
                ask(RegionAction::Cluster);
            }
        }
        if let Some((_, region)) = &settings.region {
            let response = button(ui, icons::COPY, "Copy to edit");
            if response.on_hover_text(format!("Begin a region with {region}")).clicked() {
                ask(RegionAction::Copy);
            }
        }
    });
}

fn list(ui: &mut egui::Ui, drawing: &RegionDrawing, picture: &BrainPicture, actions: &mut Actions) {
    let grid = egui::Grid::new("drawn regions")
        .num_columns(4)
        .striped(true);
    grid.show(ui, |ui| {
        for words in ["region", "mean", "sig.", "size"] {
            weak(ui, words);
        }
        ui.end_row();
        for (index, region) in drawing.regions.regions.iter().enumerate() {
            let is_it = drawing.chosen == Some(index);
            let words = region.name.as_str();
            let response = ui
                .scope(|ui| {
                    ui.set_max_width(SIDE - 150.0);
                    ui.add(egui::Button::selectable(is_it, words).truncate())
                })
                .inner;
            response.widget_info(|| WidgetInfo::selected(Role::Row, true, is_it, words));
            if response.on_hover_text(words).clicked() {
                let chosen = (!is_it).then_some(index);
                actions.push(Action::Region(RegionAction::Choose(chosen)));
            }
            // While a region changes, its numbers are still those of before.
            let facts = picture.over.drawn.get(index);
            let facts = facts.filter(|facts| facts.n_vertices == region.n_vertices());
            ui.label(facts.map_or("…".into(), |facts| number(facts.mean)));
            ui.label(facts.map_or("…".into(), |facts| percent(facts.significant_share)));
            ui.label(thousands(region.n_vertices()));
            ui.end_row();
        }
    });
}

/// Changes of the chosen region.
fn change(ui: &mut egui::Ui, set: &mut DrawingSettings, actions: &mut Actions) {
    let mut ask = |action| actions.push(Action::Region(action));
    ui.horizontal(|ui| {
        weak(ui, "By");
        let (mut value, mut is_mm) = match set.step {
            Extent::Rings(n) => (f64::from(n), false),
            Extent::Mm(mm) => (mm, true),
        };
        let field =
            egui::DragValue::new(&mut value).range(if is_mm { 0.5..=20.0 } else { 1.0..=20.0 });
        let field = field.max_decimals(usize::from(is_mm)).speed(0.1);
        name(&ui.add(field), Role::SpinButton, "Step");
        radio(ui, &mut is_mm, false, "rings");
        radio(ui, &mut is_mm, true, "mm");
        set.step = if is_mm {
            Extent::Mm(value)
        } else {
            Extent::Rings(value.round() as u32)
        };
    });
    ui.horizontal_wrapped(|ui| {
        for (icon, words, change) in [
            (icons::CHEVRON_UP, "Grow", RegionChange::Grow),
            (icons::CHEVRON_DOWN, "Shrink", RegionChange::Shrink),
            (icons::CIRCLE, "Smooth border", RegionChange::Smooth),
            (icons::CIRCLE_DOT, "Fill holes", RegionChange::Fill),
        ] {
            if button(ui, icon, words).clicked() {
                ask(RegionAction::Change(change));
            }
        }
        if button(ui, icons::TRASH_2, "Delete region").clicked() {
            ask(RegionAction::Delete);
        }
    });
}

/// What is known of a region.
pub(super) fn known(ui: &mut egui::Ui, facts: &RegionFacts) {
    let area = format!("{:.0} mm²", facts.area_mm2);
    let vertices = thousands(facts.n_vertices);
    let voxels = thousands(facts.n_voxels);
    weak(ui, format!("{vertices} vertices, {area}, {voxels} voxels."));
    let [r, low, high] = facts.r;
    if r.is_finite() {
        let words = if low.is_finite() && high.is_finite() {
            format!("Mean r {r:.3}; its voxels' bounds average {low:.3} and {high:.3}")
        } else {
            format!("Mean r {r:.3}")
        };
        weak(
            ui,
            format!("{words}. {} significant.", percent(facts.significant_share)),
        );
    }
    if facts.noise_ceiling.is_finite() {
        weak(ui, format!("Noise ceiling {:.3}.", facts.noise_ceiling));
    }
}

fn number(value: f64) -> String {
    if value.is_finite() {
        format!("{value:.3}")
    } else {
        "–".into()
    }
}

fn percent(share: f64) -> String {
    if share.is_finite() {
        format!("{:.0} %", 100.0 * share)
    } else {
        "–".into()
    }
}

/// Saving and opening regions.
fn files(ui: &mut egui::Ui, drawing: &RegionDrawing, actions: &mut Actions) {
    ui.horizontal_wrapped(|ui| {
        if !drawing.regions.regions.is_empty() {
            let menu = ui.menu_button((egui::RichText::new(icons::SAVE), "Save regions"), |ui| {
                for (format, words) in RegionsFormat::ALL {
                    if ui.button(words).clicked() {
                        actions.push(Action::Region(RegionAction::Save(format)));
                        ui.close();
                    }
                }
            });
            name(&menu.response, Role::Button, "Save regions");
            let words = "Save the drawn regions into the folder regions of the scores";
            menu.response.on_hover_text(words);
        }
        if button(ui, icons::FOLDER_OPEN, "Open regions…").clicked() {
            actions.push(Action::Pick(PathPurpose::Regions));
        }
    });
    if let RegionsRead::Failed(sentence) = &drawing.read {
        problem(ui, sentence);
    }
    let is_kept = drawing
        .place
        .as_ref()
        .is_some_and(|place| place.study.is_some());
    if !is_kept && !drawing.regions.regions.is_empty() {
        weak(
            ui,
            "No study is open, so these regions are lost when the window is closed. Save them as JSON to open them again.",
        );
    }
}
