//! Figures of features: heat map, similarity of layers and of time points, principal components, comparison of folders.

use std::path::PathBuf;
use std::sync::Arc;

use eframe::egui::Color32;
use heschl_core::display::heat_map::{Shading, Stretch};
use heschl_core::display::library::{FeatureLibrary, Layer};
use heschl_core::display::similarity::Plane;
use heschl_core::figure::{Axis, ColourBar, Figure, Ink, Mark, Names, Panel, range};

use crate::gui::colours;
use crate::gui::features::{Analysis, Beside, FeatureSelection, LayerInfo, View};

/// Pixels of a heat map at the most.
const MOST_PIXELS: [usize; 2] = [1600, 800];
/// Places at which a line of many rows is sampled.
const LINE_PLACES: usize = 800;
/// Colours of a colour bar.
const BAR_COLOURS: usize = 128;
/// More layers than this, and their similarities are not written into the cells.
const MOST_WRITTEN: usize = 14;

/// What is shown of features.
pub(crate) struct FeatureFigure {
    /// What the user looks at.
    pub(crate) selection: FeatureSelection,
    /// The time that is shown, in seconds.
    pub(crate) shown: Option<[f64; 2]>,
    /// The folder.
    pub(crate) library: Arc<FeatureLibrary>,
    /// The layer.
    pub(crate) layer: Option<Arc<LayerInfo>>,
    /// What was computed of it.
    pub(crate) analysis: Option<Arc<Analysis>>,
}

impl FeatureFigure {
    /// The figure.
    ///
    /// # Errors
    /// A sentence if something is not computed yet.
    pub(super) fn figure(&self) -> Result<Figure, String> {
        let panels = match self.selection.view {
            View::HeatMap => heat_map(self)?,
            _ => match self.analysis()? {
                Analysis::Layers { layers, cka, .. } => vec![layers_square(layers, cka)],
                Analysis::OverTime { rows, correlation } => {
                    vec![over_time(self.layer()?, rows.len(), correlation)]
                }
                Analysis::Plane { plane, .. } => vec![components(plane, self.layer()?.end_secs())],
                Analysis::Compare { beside } => vec![compared(beside)],
            },
        };
        Ok(Figure {
            name: self.name(),
            title: self.title(),
            subtitle: self.subtitle().into(),
            panels,
            table: heschl_core::figure::Table::default(),
        })
    }

    fn title(&self) -> String {
        let story = self.selection.story.as_deref().unwrap_or_default();
        let model = self.library.folder().file_name().unwrap_or_default();
        let model = model.to_string_lossy();
        match self.selection.view {
            View::HeatMap | View::OverTime | View::Plane => {
                format!("{story} · {model}, layer {}", self.layer_title())
            }
            View::Layers | View::Compare => format!("{story} · {model}"),
        }
    }

    fn subtitle(&self) -> &'static str {
        match self.selection.view {
            View::HeatMap => "Hidden states over time",
            View::Layers => "Similarity of layers (linear CKA)",
            View::OverTime => "Correlation between hidden states at two time points",
            View::Plane => "First two principal components, coloured by time",
            View::Compare => "Correlation with the features of another folder",
        }
    }

    fn layer_title(&self) -> String {
        let layer = self.selection.layer.as_ref();
        layer.map(Layer::title).unwrap_or_default()
    }

    /// `<story>-layer-2-heat-map`.
    fn name(&self) -> String {
        let layer = self.layer_title();
        let story = self.selection.story.as_deref().unwrap_or("story");
        let what = match self.selection.view {
            View::HeatMap => format!("layer-{layer}-heat-map"),
            View::Layers => "layers".into(),
            View::OverTime => format!("layer-{layer}-over-time"),
            View::Plane => format!("layer-{layer}-components"),
            View::Compare => "compared".into(),
        };
        format!("{}-{what}", story.replace(['/', '\\'], "-"))
    }

    /// The folder that figures are saved below, and its recipe.
    pub(super) fn places(&self) -> (PathBuf, PathBuf) {
        let folder = self.library.folder();
        (folder.into(), folder.join("recipe.toml"))
    }

    /// The name of the file, without a suffix.
    pub(super) fn file_name(&self) -> String {
        self.name()
    }

    pub(super) fn layer(&self) -> Result<&LayerInfo, String> {
        let layer = self.layer.as_deref();
        layer.ok_or_else(|| "The layer is still loading.".to_owned())
    }

    pub(super) fn analysis(&self) -> Result<&Analysis, String> {
        let analysis = self.analysis.as_deref();
        analysis.ok_or_else(|| "Not computed yet.".to_owned())
    }

    /// The time that is shown, in seconds.
    pub(super) fn shown_secs(&self, layer: &LayerInfo) -> [f64; 2] {
        self.shown.unwrap_or([0.0, layer.end_secs()])
    }
}

fn rgb(colour: Color32) -> [u8; 3] {
    [colour.r(), colour.g(), colour.b()]
}

fn bar(title: &str, range: [f64; 2], colour: impl Fn(f32) -> Color32) -> ColourBar {
    let at = |step: usize| rgb(colour(step as f32 / (BAR_COLOURS - 1) as f32));
    ColourBar {
        title: title.into(),
        range,
        colours: (0..BAR_COLOURS).map(at).collect(),
    }
}

const TIME: &str = "time in the story (s)";

fn heat_map(figure: &FeatureFigure) -> Result<Vec<Panel>, String> {
    let layer = figure.layer()?;
    let shading = figure.selection.shading;
    let (colour, words): (fn(f32) -> Color32, _) = match shading {
        Shading::Values => (colours::sequential, "value of the hidden state"),
        Shading::PerDimension => (colours::diverging, "z-score per dimension"),
    };
    let shown = figure.shown_secs(layer);
    let rows = shown.map(|secs| layer.row_at(secs));
    let n_dims = layer.statistics.n_dims;
    let n_rows = (rows[1] - rows[0]).ceil().max(1.0) as usize;
    let size = [n_rows.min(MOST_PIXELS[0]), n_dims.clamp(1, MOST_PIXELS[1])];
    let stretch = Stretch {
        rows,
        dims: [0.0, n_dims as f64],
    };
    let cells = layer.map.cells(stretch, size, shading);
    let ends = [0.0, n_dims as f64];
    // Dimension 0 is on top.
    let mut map = Panel::new(
        Axis::over("", shown),
        Axis::over("dimension", [ends[1], ends[0]]),
    );
    map.marks.push(Mark::Image {
        size,
        pixels: cells.into_iter().map(|share| rgb(colour(share))).collect(),
        extent: [shown[0], shown[1], ends[1], ends[0]],
    });
    map.colour_bar = Some(bar(words, layer.map.range(shading).map(f64::from), colour));
    map.height = 2.6;
    Ok(vec![
        map,
        dimension(layer, figure.selection.dim, rows, shown),
    ])
}

/// One dimension over time.
fn dimension(layer: &LayerInfo, dim: usize, rows: [f64; 2], shown: [f64; 2]) -> Panel {
    let values = layer.map.line(dim, rows, LINE_PLACES);
    let secs = |at: usize| {
        let share = (at as f64 + 0.5) / LINE_PLACES as f64;
        shown[0] + share * (shown[1] - shown[0])
    };
    let points: Vec<[f64; 2]> = values
        .iter()
        .enumerate()
        .flat_map(|(at, [low, high])| [[secs(at), f64::from(*high)], [secs(at), f64::from(*low)]])
        .collect();
    let finite = points
        .iter()
        .map(|point| point[1])
        .filter(|value| value.is_finite());
    let low = finite.clone().fold(f64::INFINITY, f64::min);
    let least = if low.is_finite() {
        [low, low]
    } else {
        [0.0, 1.0]
    };
    let y = range(finite, least);
    let title = format!("dimension {dim}");
    let mut panel = Panel::new(Axis::over(TIME, shown), Axis::over(&title, y));
    panel.marks.push(Mark::Line {
        points,
        ink: Ink::Accent,
        width: 0.8,
    });
    // The panels' right edges stand below each other, too.
    panel
}

fn layers_square(layers: &[Layer], cka: &[f64]) -> Panel {
    let n = layers.len().max(1);
    let names = || -> Names {
        let name = |(at, layer): (usize, &Layer)| (at as f64 + 0.5, layer.title());
        layers.iter().enumerate().map(name).collect()
    };
    let ends = [0.0, n as f64];
    let mut panel = Panel::new(
        Axis::named("layer", ends, names()),
        Axis::named("layer", [ends[1], ends[0]], names()),
    );
    panel.is_square = true;
    let colour = |value: &f64| rgb(colours::sequential(*value as f32));
    panel.marks.push(Mark::Image {
        size: [n, n],
        pixels: cka.iter().map(colour).collect(),
        extent: [ends[0], ends[1], ends[1], ends[0]],
    });
    if n <= MOST_WRITTEN {
        for (at, value) in cka.iter().enumerate() {
            let grey = if *value > 0.6 { 0 } else { 255 };
            panel.marks.push(Mark::Words {
                at: [(at % n) as f64 + 0.5, (at / n) as f64 + 0.5],
                words: format!("{value:.2}"),
                ink: Ink::Rgb([grey; 3]),
                room: Some(1.0),
            });
        }
    }
    panel.colour_bar = Some(bar("linear CKA", [0.0, 1.0], colours::sequential));
    panel
}

fn over_time(layer: &LayerInfo, n: usize, correlation: &[f64]) -> Panel {
    let ends = [0.0, layer.end_secs()];
    let mut panel = Panel::new(Axis::over(TIME, ends), Axis::over(TIME, [ends[1], ends[0]]));
    panel.is_square = true;
    let colour = |value: &f64| rgb(colours::diverging(f32::midpoint(*value as f32, 1.0)));
    panel.marks.push(Mark::Image {
        size: [n, n],
        pixels: correlation.iter().map(colour).collect(),
        extent: [ends[0], ends[1], ends[1], ends[0]],
    });
    panel.colour_bar = Some(bar("Pearson's r", [-1.0, 1.0], colours::diverging));
    panel
}

/// Time points in the plane of their first two principal components, coloured by time.
pub(crate) fn components(plane: &Plane, end_secs: f64) -> Panel {
    // One scale for both axes.
    let all = plane.points.iter().flatten().copied();
    let both = range(all.clone().chain(all.map(|value| -value)), [0.0, 0.0]);
    let title = |at: usize| format!("PC {} ({:.1} %)", at + 1, plane.shares[at] * 100.0);
    let mut panel = Panel::new(Axis::over(&title(0), both), Axis::over(&title(1), both));
    panel.is_square = true;
    let n = plane.points.len().max(2);
    let ink = |at: usize| Ink::Rgb(rgb(colours::sequential(at as f32 / (n - 1) as f32)));
    panel.marks = vec![
        Mark::at_x(0.0, Ink::Grid),
        Mark::at_y(0.0, Ink::Grid),
        Mark::Points {
            points: plane.points.clone(),
            radius: 2.5,
            inks: (0..plane.points.len()).map(ink).collect(),
        },
    ];
    panel.colour_bar = Some(bar(TIME, [0.0, end_secs.max(1e-6)], colours::sequential));
    panel
}

/// Correlation of each layer with the other folder's.
fn compared(beside: &[Beside]) -> Panel {
    let names: Names = beside
        .iter()
        .enumerate()
        .map(|(at, beside)| (at as f64, beside.layer.title()))
        .collect();
    let points: Vec<[f64; 2]> = beside
        .iter()
        .enumerate()
        .filter_map(|(at, beside)| Some([at as f64, beside.difference.as_ref().ok()?.correlation]))
        .collect();
    let y = range(points.iter().map(|point| point[1]), [0.99, 1.0]);
    let mut panel = Panel::new(
        Axis::named("layer", [-0.5, beside.len() as f64 - 0.5], names),
        Axis::over("Pearson's r over all values", y),
    );
    panel.marks = vec![
        Mark::line(points.clone(), Ink::Weak),
        Mark::Points {
            points,
            radius: 4.0,
            inks: vec![Ink::Accent],
        },
    ];
    panel
}
