//! The settings beside the picture.

use eframe::egui;
use egui::accesskit::Role;
use heschl_core::scene::{BelowThreshold, ColourMap, MissingLook, NamedView};

use super::{SIDE, VIEWS, interior, navigation, slices};
use crate::gui::actions::{Action, Actions, PathPurpose};
use crate::gui::brain::{BrainInfo, BrainLayout, BrainSettings, has_view};
use crate::gui::icons;
use crate::gui::theme::INSIDE;
use crate::gui::widgets::{button, heading, name, tick, weak};

/// Colours and view.
pub(super) fn ui(
    ui: &mut egui::Ui,
    settings: &mut BrainSettings,
    info: &BrainInfo,
    actions: &mut Actions,
) {
    heading(ui, "Colours");
    let combo = egui::ComboBox::from_id_salt("colours of the brain")
        .width(SIDE - 20.0)
        .selected_text(settings.colours.to_string())
        .show_ui(ui, |ui| {
            for colours in ColourMap::all() {
                let words = colours.to_string();
                ui.selectable_value(&mut settings.colours, colours, words);
            }
        });
    name(&combo.response, Role::ComboBox, "Colour map");
    limits(ui, settings, info);
    ui.add_space(INSIDE);
    heading(ui, "View");
    ui.horizontal(|ui| {
        for (layout, words) in [
            (BrainLayout::Cortex, "Cortex"),
            (BrainLayout::Slices, "Slices"),
        ] {
            let is_it = settings.layout == layout;
            let response = ui.add(egui::Button::selectable(is_it, words));
            response
                .widget_info(|| egui::WidgetInfo::selected(Role::RadioButton, true, is_it, words));
            if response.clicked() {
                settings.layout = layout;
            }
        }
    });
    match settings.layout {
        BrainLayout::Cortex => cortex(ui, settings, info, actions),
        BrainLayout::Slices => slices::controls(ui, settings),
    }
    let picture = info.picture.ready();
    if picture.is_some_and(|picture| picture.placement.is_volume()) {
        depths(ui, settings);
    }
}

/// The noise ceiling from which voxels are shown unless the user chooses another.
const USUAL_CEILING: f64 = 0.2;

/// Which voxels are shown.
pub(super) fn voxels(ui: &mut egui::Ui, settings: &mut BrainSettings, fdr_level: Option<f64>) {
    ui.horizontal(|ui| {
        let words = "Significant only, q ≤";
        tick(ui, &mut settings.is_significant_only, words);
        let mut level = settings.fdr_level.or(fdr_level).unwrap_or_default();
        let field = egui::DragValue::new(&mut level)
            .speed(0.001)
            .range(0.0..=1.0)
            .max_decimals(4);
        let response = ui.add_enabled(settings.is_significant_only, field);
        name(&response, Role::SpinButton, "False discovery rate");
        if response.changed() {
            settings.fdr_level = Some(level);
        }
    });
    ui.horizontal(|ui| {
        let mut has_least = settings.least_ceiling.is_some();
        tick(ui, &mut has_least, "Noise ceiling at least");
        let mut least = settings.least_ceiling.unwrap_or(USUAL_CEILING);
        let field = egui::DragValue::new(&mut least)
            .speed(0.005)
            .range(0.0..=1.0)
            .max_decimals(3);
        let response = ui.add_enabled(has_least, field);
        name(&response, Role::SpinButton, "Least noise ceiling");
        settings.least_ceiling = has_least.then_some(least);
    });
}

/// From where the cortex is seen.
fn cortex(
    ui: &mut egui::Ui,
    settings: &mut BrainSettings,
    info: &BrainInfo,
    actions: &mut Actions,
) {
    ui.horizontal_wrapped(|ui| {
        for (view, words) in VIEWS {
            let is_it = settings.named == view && settings.saved.is_none();
            let can_be = info
                .subject
                .as_ref()
                .is_none_or(|open| has_view(&open.subject, view));
            let response = ui.add_enabled(can_be, egui::Button::selectable(is_it, words));
            let response = response.on_disabled_hover_text("The subject has no flat surface.");
            response.widget_info(|| {
                egui::WidgetInfo::selected(Role::RadioButton, can_be, is_it, words)
            });
            if response.clicked() {
                settings.take_view(view);
            }
        }
    });
    ui.add_space(INSIDE);
    let is_flat = settings.named == NamedView::Flat;
    ui.add_enabled_ui(!is_flat, |ui| {
        let slider = egui::Slider::new(&mut settings.unfold, 0.0..=1.0).show_value(false);
        ui.horizontal(|ui| {
            weak(ui, "Folded");
            let response = ui.add(slider);
            name(&response, Role::Slider, "Unfold");
            weak(ui, "flat");
        });
    });
    tick(ui, &mut settings.has_outlines, "Region outlines");
    over(ui, settings, info);
    egui::CollapsingHeader::new("More")
        .id_salt("more of the view")
        .show(ui, |ui| pose(ui, settings));
    egui::CollapsingHeader::new("Inside")
        .id_salt("inside of the cortex")
        .show(ui, |ui| interior::controls(ui, settings));
    tick(ui, &mut settings.is_lit, "Light");
    if button(ui, icons::ROTATE_CCW, "Reset view").clicked() {
        settings.reset_view();
    }
    ui.horizontal(|ui| {
        if button(ui, icons::SAVE, "Save view").clicked() {
            actions.push(Action::SaveView);
        }
        if button(ui, icons::FOLDER_OPEN, "Open view…").clicked() {
            actions.push(Action::Pick(PathPurpose::View));
        }
    });
    weak(ui, navigation::HINT);
}

/// What else lies over the map, as far as the subject has it.
fn over(ui: &mut egui::Ui, settings: &mut BrainSettings, info: &BrainInfo) {
    let open = info.subject.as_ref();
    let over = &mut settings.over;
    if let Some(drawn) = open.and_then(|open| open.drawn.as_ref()) {
        if !drawn.regions.is_empty() {
            tick(ui, &mut over.has_overlays, "Regions drawn in pycortex");
        }
        if !drawn.sulci.is_empty() {
            tick(ui, &mut over.has_sulci, "Sulci");
        }
    }
    tick(ui, &mut over.has_names, "Names of outlined regions");
    if open.is_some_and(|open| !open.transforms.is_empty()) {
        tick(ui, &mut over.has_dropout, "Hatch where there is no signal");
    }
    if let Some(picture) = info.picture.ready() {
        for note in &picture.over.notes {
            weak(ui, note);
        }
    }
}

/// Depth, and how far the hemispheres are opened and apart.
fn pose(ui: &mut egui::Ui, settings: &mut BrainSettings) {
    let mut slide = |words: &str, slider: egui::Slider| {
        ui.horizontal(|ui| {
            weak(ui, words);
            let response = ui.add(slider);
            name(&response, Role::Slider, words);
            response.changed()
        })
        .inner
    };
    slide(
        "Depth, pial to white",
        egui::Slider::new(&mut settings.depth, 0.0..=1.0).max_decimals(2),
    );
    let is_opened = matches!(
        settings.named,
        NamedView::BothLateral | NamedView::BothMedial
    );
    let (pivot, gap) = if is_opened { (180.0, 10.0) } else { (0.0, 0.0) };
    let mut own = [settings.pivot.unwrap_or(pivot), settings.gap.unwrap_or(gap)];
    let slider = egui::Slider::new(&mut own[0], -180.0..=180.0);
    if slide("Opened", slider.suffix("°").max_decimals(0)) {
        settings.pivot = Some(own[0]);
    }
    let slider = egui::Slider::new(&mut own[1], 0.0..=80.0);
    if slide("Apart", slider.suffix(" mm").max_decimals(0)) {
        settings.gap = Some(own[1]);
    }
}

/// How many depths an image is averaged over.
fn depths(ui: &mut egui::Ui, settings: &mut BrainSettings) {
    ui.horizontal(|ui| {
        weak(ui, "Depths averaged");
        let response = ui.add(egui::DragValue::new(&mut settings.n_depths).range(1..=32));
        name(&response, Role::SpinButton, "Depths averaged");
    });
}

/// The values of the first and the last colour.
fn limits(ui: &mut egui::Ui, settings: &mut BrainSettings, info: &BrainInfo) {
    let Some(shown) = info.picture.ready().map(|picture| picture.limits) else {
        return;
    };
    let mut limits = settings.limits.unwrap_or(shown);
    let mut is_changed = false;
    ui.horizontal(|ui| {
        weak(ui, "From");
        let speed = f64::from((shown[1] - shown[0]).abs()) / 200.0;
        for (limit, words) in limits.iter_mut().zip(["Lower limit", "Upper limit"]) {
            let response = ui.add(egui::DragValue::new(limit).speed(speed).max_decimals(3));
            name(&response, Role::SpinButton, words);
            is_changed |= response.changed();
            if words == "Lower limit" {
                weak(ui, "to");
            }
        }
    });
    if is_changed {
        settings.limits = Some(limits);
    }
    if settings.limits.is_some() && button(ui, icons::ROTATE_CCW, "By the data").clicked() {
        settings.limits = None;
    }
    let mut has_threshold = settings.threshold.is_some();
    ui.horizontal(|ui| {
        tick(ui, &mut has_threshold, "Hide values below");
        let mut threshold = settings.threshold.unwrap_or(limits[0]);
        let speed = f64::from((shown[1] - shown[0]).abs()) / 200.0;
        let field = egui::DragValue::new(&mut threshold)
            .speed(speed)
            .max_decimals(3);
        let response = ui.add_enabled(has_threshold, field);
        name(&response, Role::SpinButton, "Threshold");
        settings.threshold = has_threshold.then_some(threshold);
    });
    let mut fades = settings.below == BelowThreshold::Faded;
    ui.add_enabled_ui(has_threshold, |ui| {
        tick(ui, &mut fades, "Fade them instead");
    });
    settings.below = if fades {
        BelowThreshold::Faded
    } else {
        BelowThreshold::Hidden
    };
    let mut is_marked = settings.missing == MissingLook::Marked;
    tick(ui, &mut is_marked, "Mark missing values");
    settings.missing = if is_marked {
        MissingLook::Marked
    } else {
        MissingLook::Plain
    };
}
