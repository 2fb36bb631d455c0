//! The penalties that are tried, and what they are chosen on.

use eframe::egui;
use heschl_core::linear::split::{CrossValidation, HeldChunks};
use heschl_core::run::recipe::Alphas;

use crate::gui::actions::Actions;
use crate::gui::fitting::{AlphaRange, FitStudy, HeldOut, check_alpha, check_count};
use crate::gui::manual::Topic;
use crate::gui::text::count;
use crate::gui::widgets::{NumberField, NumbersField, card, choices, field_label, heading};

pub(super) fn ui(ui: &mut egui::Ui, fit: &mut FitStudy, actions: &mut Actions) {
    card(ui, |ui| {
        ui.set_min_width(ui.available_width());
        heading(ui, "Penalty");
        match fit.alphas() {
            Some(range) => evenly(ui, range, fit, actions),
            None => listed(ui, fit),
        }
        held_out(ui, fit, actions);
    });
}

/// The α that are tried: a fit that says its range is too narrow is made again with a wider one.
fn evenly(ui: &mut egui::Ui, before: AlphaRange, fit: &mut FitStudy, actions: &mut Actions) {
    let of_preset = AlphaRange::of(&fit.preset.ridge().alphas).unwrap_or(before);
    let mut range = before;
    let field = |label, tooltip, default| NumberField {
        label,
        unit: "",
        tooltip,
        default,
        topic: Topic::Fit,
    };
    let smallest = field(
        "Smallest α",
        "Smallest penalty to try for each voxel. Note that scikit-learn's and himalaya's alpha is α².",
        of_preset.smallest,
    );
    smallest.show(ui, &mut range.smallest, actions, check_alpha);
    let largest = field(
        "Largest α",
        "Largest penalty to try. If many well-predicted voxels choose it, increase it.",
        of_preset.largest,
    );
    largest.show(ui, &mut range.largest, actions, check_alpha);
    let number = field(
        "Number of α",
        "Number of values, spaced evenly on a log scale.",
        of_preset.count as f64,
    );
    let mut count = range.count as f64;
    number.show(ui, &mut count, actions, check_count);
    range.count = count.clamp(0.0, 1e6).round() as usize;
    // Powers of ten that are taken apart and put together again differ in the last digits.
    if range == of_preset && range != before {
        fit.ridge.alphas = fit.preset.ridge().alphas;
    } else if range != before {
        fit.ridge.alphas = range.alphas();
    }
}

/// The α of a recipe that lists them.
fn listed(ui: &mut egui::Ui, fit: &mut FitStudy) {
    let mut values = fit.ridge.alphas.values();
    let field = NumbersField {
        label: "α",
        tooltip: "Penalties to try for each voxel, separated by commas. Note that scikit-learn's and himalaya's alpha is α².",
        example: "1, 10, 100",
    };
    if field.show(ui, &mut values, check_alpha) {
        fit.ridge.alphas = Alphas::List(values);
    }
    if ui.link("Space them evenly on a log scale").clicked() {
        fit.ridge.alphas = fit.preset.ridge().alphas;
    }
}

/// Which training scans are held out to choose a penalty.
fn held_out(ui: &mut egui::Ui, fit: &mut FitStudy, actions: &mut Actions) {
    let of_preset = fit.preset.ridge().cross_validation;
    let chunks = match HeldOut::of(of_preset) {
        Some(_) => of_preset,
        None => fit.ridge.cross_validation,
    };
    ui.horizontal(|ui| {
        field_label(ui, "Hold out")
            .on_hover_text("How training scans are held out when α is chosen.");
        let mut method = fit.ridge.cross_validation;
        let (folds, stories) = (
            CrossValidation::KFold { n_folds: 5 },
            CrossValidation::LeaveOneStoryOut,
        );
        let place = |method: CrossValidation| match method {
            CrossValidation::ChunkBootstrap { .. } => 0,
            CrossValidation::KFold { .. } => 1,
            CrossValidation::LeaveOneStoryOut => 2,
        };
        let mut chosen = place(method);
        let options = [
            (0, "Random chunks"),
            (1, "Folds"),
            (2, "One story at a time"),
        ];
        if choices(ui, &mut chosen, &options) {
            method = [chunks, folds, stories][chosen];
        }
        fit.ridge.cross_validation = method;
    });
    match fit.ridge.cross_validation {
        CrossValidation::ChunkBootstrap { .. } => in_chunks(ui, fit, actions),
        CrossValidation::KFold { mut n_folds } => {
            let field = (
                "Number of folds",
                "",
                "Number of stretches of consecutive training scans; each is held out once.",
            );
            whole(ui, field, &mut n_folds, (5, actions));
            fit.ridge.cross_validation = CrossValidation::KFold { n_folds };
        }
        CrossValidation::LeaveOneStoryOut => {}
    }
}

/// A whole number: its label, unit and tooltip; what reset sets.
fn whole(
    ui: &mut egui::Ui,
    (label, unit, tooltip): (&str, &str, &str),
    value: &mut usize,
    (default, actions): (usize, &mut Actions),
) {
    let field = NumberField {
        label,
        unit,
        tooltip,
        default: default as f64,
        topic: Topic::Fit,
    };
    let mut number = *value as f64;
    field.show(ui, &mut number, actions, |number| {
        let is_good = (1.0..=10_000.0).contains(&number) && number.fract() == 0.0;
        is_good
            .then_some(())
            .ok_or_else(|| "Write a whole number from 1 to 10,000.".to_string())
    });
    *value = number.clamp(1.0, 10_000.0).round() as usize;
}

fn in_chunks(ui: &mut egui::Ui, fit: &mut FitStudy, actions: &mut Actions) {
    let Some(mut held_out) = fit.held_out() else {
        return;
    };
    let of_preset = HeldOut::of(fit.preset.ridge().cross_validation).unwrap_or(held_out);
    let chunk = (
        "Chunks of",
        "scans",
        "Length of the chunks of consecutive training scans that are held out to choose α.",
    );
    whole(
        ui,
        chunk,
        &mut held_out.chunk_scans,
        (of_preset.chunk_scans, actions),
    );
    let rounds = (
        "Rounds",
        "",
        "Number of bootstrap rounds; the α with the best mean score over rounds is chosen.",
    );
    whole(
        ui,
        rounds,
        &mut held_out.n_rounds,
        (of_preset.n_rounds, actions),
    );
    ui.horizontal(|ui| {
        field_label(ui, "Held out")
            .on_hover_text("Fraction of the training scans held out in each round.");
        let mut options = vec![
            (HeldChunks::Quarter, "A quarter"),
            (HeldChunks::Fifth, "A fifth"),
        ];
        let number = match (of_preset.chunks, held_out.chunks) {
            (_, HeldChunks::Count(n)) | (HeldChunks::Count(n), _) => Some(n),
            _ => None,
        };
        let words = number.map(|n| count(n, "chunk", "chunks"));
        if let (Some(n), Some(words)) = (number, &words) {
            options.push((HeldChunks::Count(n), words));
        }
        choices(ui, &mut held_out.chunks, &options);
    });
    fit.ridge.cross_validation = held_out.method();
}
