//! The numbers behind a figure.

use std::fmt::Write as _;

use heschl_core::figure::{Cell, Table};

use super::FeatureFigure;
use crate::csv::cell;
use crate::gui::features::{Analysis, Beside, LayerInfo, View};

/// More would be a file that no table program opens.
const MOST_VALUES: usize = 20_000_000;

pub(super) fn with_recipe(recipe: &str) -> String {
    let mut text = String::new();
    for line in recipe.lines() {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "# {line}");
    }
    text
}

/// A table, the recipe in front of it as comments.
pub(super) fn table(table: &Table, recipe: &str) -> String {
    let mut text = with_recipe(recipe);
    let names: Vec<String> = table.names.iter().map(|name| cell(name)).collect();
    let _ = writeln!(text, "{}", names.join(","));
    for row in &table.rows {
        let cells: Vec<String> = row
            .iter()
            .map(|value| match value {
                Cell::Number(number) if number.is_finite() => number.to_string(),
                Cell::Number(_) => String::new(),
                Cell::Words(words) => cell(words),
            })
            .collect();
        let _ = writeln!(text, "{}", cells.join(","));
    }
    text
}

/// The numbers of features, the recipe in front of them as comments.
pub(super) fn features(figure: &FeatureFigure, recipe: &str) -> Result<String, String> {
    let mut text = with_recipe(recipe);
    match figure.selection.view {
        View::HeatMap => rows_of_layer(&mut text, figure)?,
        _ => analysis(&mut text, figure)?,
    }
    Ok(text)
}

fn rows_of_layer(text: &mut String, figure: &FeatureFigure) -> Result<(), String> {
    let layer = figure.layer()?;
    let features = layer.map.features();
    let [from, to] = figure
        .shown_secs(layer)
        .map(|secs| layer.row_at(secs).max(0.0).floor() as usize);
    let rows = from.min(features.nrows())..(to + 1).min(features.nrows());
    let n_values = rows.len() * features.ncols();
    if n_values > MOST_VALUES {
        return Err(format!(
            "{n_values} numbers are too many for one table. Zoom in first, or read the .npz file itself: see the manual, Files \
             and folders."
        ));
    }
    text.push_str("window_end_secs");
    for dim in 0..features.ncols() {
        let _ = write!(text, ",dimension_{dim}");
    }
    text.push('\n');
    for row in rows {
        let _ = write!(text, "{:.6}", layer.secs_of(row));
        for value in features.row(row) {
            let _ = write!(text, ",{value}");
        }
        text.push('\n');
    }
    Ok(())
}

fn analysis(text: &mut String, figure: &FeatureFigure) -> Result<(), String> {
    match figure.analysis()? {
        Analysis::Layers { layers, cka, .. } => {
            let titles: Vec<String> = layers
                .iter()
                .map(heschl_core::display::library::Layer::title)
                .collect();
            square(text, "layer", &titles, cka);
        }
        Analysis::OverTime { rows, correlation } => {
            let layer = figure.layer()?;
            let titles: Vec<String> = rows
                .iter()
                .map(|row| format!("{:.6}", layer.secs_of(*row)))
                .collect();
            square(text, "window_end_secs", &titles, correlation);
        }
        Analysis::Plane { rows, plane } => plane_rows(text, figure.layer()?, rows, plane),
        Analysis::Compare { beside } => compared(text, beside),
    }
    Ok(())
}

fn square(text: &mut String, corner: &str, titles: &[String], values: &[f64]) {
    let titles: Vec<String> = titles.iter().map(|title| cell(title)).collect();
    let _ = writeln!(text, "{corner},{}", titles.join(","));
    for (title, row) in titles.iter().zip(values.chunks(titles.len().max(1))) {
        text.push_str(title);
        for value in row {
            let _ = write!(text, ",{value}");
        }
        text.push('\n');
    }
}

fn plane_rows(
    text: &mut String,
    layer: &LayerInfo,
    rows: &[usize],
    plane: &heschl_core::display::similarity::Plane,
) {
    let [first, second] = plane.shares;
    let _ = writeln!(
        text,
        "# share of the variance: {first}, {second}\nwindow_end_secs,first,second"
    );
    for (row, [x, y]) in rows.iter().zip(&plane.points) {
        let _ = writeln!(text, "{:.6},{x},{y}", layer.secs_of(*row));
    }
}

fn compared(text: &mut String, beside: &[Beside]) {
    let _ = writeln!(
        text,
        "layer,largest_difference,row,dimension,largest_value,correlation,not_finite,problem"
    );
    for Beside { layer, difference } in beside {
        let title = layer.title();
        let _ = match difference {
            Ok(found) => {
                let [row, dim] = found.at;
                let (largest, value, r) = (found.largest, found.largest_value, found.correlation);
                writeln!(
                    text,
                    "{title},{largest},{row},{dim},{value},{r},{},",
                    found.n_not_finite
                )
            }
            Err(sentence) => writeln!(
                text,
                "{title},,,,,,,\"{}\"",
                sentence.replace('"', "\"\"").replace('\n', " ")
            ),
        };
    }
}
