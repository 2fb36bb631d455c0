//! The layer in numbers, and the value under the cursor.

use eframe::egui;

use crate::gui::features::{FeatureSelection, LayerInfo};
use crate::gui::pages::time_axis::tick_words;
use crate::gui::state::State;
use crate::gui::text::thousands;
use crate::gui::theme::{INSIDE, semibold};
use crate::gui::widgets::{heading, weak};

/// Draws the statistics.
pub(super) fn ui(
    ui: &mut egui::Ui,
    layer: &LayerInfo,
    selection: &FeatureSelection,
    state: &State,
) {
    let found = &layer.statistics;
    egui::ScrollArea::vertical()
        .auto_shrink(false)
        .show(ui, |ui| {
            heading(ui, &format!("Layer {}", layer.layer.title()));
            weak(
                ui,
                format!("{} rows × {}", thousands(found.n_rows), found.n_dims),
            );
            let length = tick_words(layer.end_secs(), 0.1);
            let source = if layer.has_times {
                "from <story>_times.npz"
            } else {
                "no <story>_times.npz: taken from the recipe, or 0.1 s"
            };
            weak(ui, format!("every {:.3} s, to {length}", layer.step_secs)).on_hover_text(source);
            ui.add_space(INSIDE);
            row(ui, "mean", &number(found.mean), "Mean of all values");
            row(
                ui,
                "sd",
                &number(found.sd),
                "Standard deviation of all values",
            );
            row(
                ui,
                "min",
                &number(f64::from(found.min)),
                "The smallest value",
            );
            row(
                ui,
                "max",
                &number(f64::from(found.max)),
                "The largest value",
            );
            row(
                ui,
                "length",
                &number(found.mean_norm),
                "Mean L2 norm of a row",
            );
            row(
                ui,
                "constant",
                &found.n_still_dims.to_string(),
                "Dimensions whose standard deviation is below a thousandth of the layer's",
            );
            row(
                ui,
                "not finite",
                &thousands(found.n_not_finite),
                "Values that are NaN or infinite",
            );
            ui.add_space(INSIDE);
            at_cursor(ui, layer, selection, state);
        });
}

fn at_cursor(ui: &mut egui::Ui, layer: &LayerInfo, selection: &FeatureSelection, state: &State) {
    heading(ui, "At the cursor");
    let row_at = layer.row_at(state.cursor_secs);
    let features = layer.map.features();
    let value = features
        .get([row_at.max(0.0) as usize, selection.dim])
        .filter(|_| row_at >= 0.0);
    row(
        ui,
        "time",
        &tick_words(state.cursor_secs, 0.1),
        "Time at the cursor",
    );
    row(
        ui,
        "dimension",
        &selection.dim.to_string(),
        "Selected dimension",
    );
    let words = value.map_or_else(|| "no row".to_owned(), |value| number(f64::from(*value)));
    row(ui, "value", &words, "Value of the feature at the cursor");
}

fn row(ui: &mut egui::Ui, name: &str, value: &str, tooltip: &str) {
    ui.horizontal(|ui| {
        weak(ui, name).on_hover_text(tooltip);
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            ui.label(egui::RichText::new(value).family(semibold()))
                .on_hover_text(tooltip);
        });
    });
}

/// Four digits that count.
#[must_use]
pub(crate) fn number(value: f64) -> String {
    match value.abs() {
        0.0 => "0".into(),
        size if !(1e-3..1e5).contains(&size) => format!("{value:.3e}"),
        size => {
            let n_digits = (3.0 - size.log10().floor()).clamp(0.0, 6.0) as usize;
            format!("{value:.n_digits$}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn numbers_have_four_digits_that_count() {
        let found = [0.0, 0.012_345, 1.0, -12.345_6, 12_345.6, 1.5e-7, 3e9].map(number);
        assert_eq!(
            found,
            [
                "0", "0.01235", "1.000", "-12.35", "12346", "1.500e-7", "3.000e9"
            ]
        );
    }
}
