//! The selected features: the folder, a layer, its picture, and what takes longer to compute.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use eframe::egui::ColorImage;
use heschl_core::display::compare::Difference;
use heschl_core::display::evenly;
use heschl_core::display::heat_map::{HeatMap, Shading};
use heschl_core::display::library::{FeatureLibrary, Layer, LibraryError};
use heschl_core::display::similarity::{Gram, over_time, plane};
use heschl_core::display::statistics::LayerStatistics;
use heschl_core::run::progress::CancelToken;

use super::{Replies, Waker, Worker};
use crate::gui::colours;
use crate::gui::features::{
    Analysis, Beside, FeatureInfo, FeatureSelection, HeatPicture, HeatView, LayerInfo, View,
};
use crate::gui::info::Info;
use crate::gui::loading::Loading;

/// Instants that similarity is taken from: more would change no picture.
const N_INSTANTS: usize = 600;

/// The workers, each with its latest request.
pub(super) struct FeatureWorkers {
    library: Worker<PathBuf, Loading<Arc<FeatureLibrary>>>,
    layer: Worker<LayerRequest, Loading<Arc<LayerInfo>>>,
    picture: Worker<PictureRequest, HeatPicture>,
    analysis: Worker<AnalysisRequest, Loading<Arc<Analysis>>>,
    last_request: Actions,
    /// The folder may have changed since it was looked at.
    is_stale: bool,
}

#[derive(Default)]
struct Actions {
    library: Option<PathBuf>,
    layer: Option<(PathBuf, Layer, String)>,
    picture: Option<(usize, HeatView, Shading)>,
    analysis: Option<AnalysisKey>,
}

/// What makes one analysis another than the last.
#[derive(PartialEq)]
struct AnalysisKey {
    view: View,
    folder: PathBuf,
    other: Option<PathBuf>,
    layer: Option<Layer>,
    story: String,
}

struct LayerRequest {
    library: Arc<FeatureLibrary>,
    layer: Layer,
    story: String,
}

struct PictureRequest {
    of: Arc<LayerInfo>,
    view: HeatView,
    shading: Shading,
}

struct AnalysisRequest {
    view: View,
    library: Arc<FeatureLibrary>,
    layer: Option<Arc<LayerInfo>>,
    story: String,
    other: Option<PathBuf>,
}

impl FeatureWorkers {
    pub(super) fn open(waker: &Waker) -> Self {
        Self {
            library: Worker::open(
                "library",
                waker,
                |folder: PathBuf, _: &CancelToken, out: &Replies<_>| {
                    let found = FeatureLibrary::open(&folder);
                    out.give(found.map_or_else(
                        |error| Loading::Failed(error.to_string()),
                        |found| Loading::Ready(Arc::new(found)),
                    ));
                },
            ),
            layer: Worker::open(
                "layer",
                waker,
                |request: LayerRequest, _: &CancelToken, out: &Replies<_>| {
                    let read = read_layer(&request);
                    out.give(read.map_or_else(
                        |error| Loading::Failed(error.to_string()),
                        |read| Loading::Ready(Arc::new(read)),
                    ));
                },
            ),
            picture: Worker::open(
                "heat map",
                waker,
                |request: PictureRequest, _: &CancelToken, out: &Replies<_>| {
                    out.give(draw(request));
                },
            ),
            analysis: Worker::open(
                "analysis",
                waker,
                |request: AnalysisRequest, cancel: &CancelToken, out: &Replies<_>| {
                    if let Some(found) = analyse(&request, cancel) {
                        out.give(
                            found.map_or_else(Loading::Failed, |found| {
                                Loading::Ready(Arc::new(found))
                            }),
                        );
                    }
                },
            ),
            last_request: Actions::default(),
            is_stale: false,
        }
    }

    /// Forgets whatever is known of another folder than this one.
    pub(super) fn discard_others(&mut self, folder: Option<&PathBuf>, info: &mut Info) {
        if self.last_request.library.is_some() && self.last_request.library.as_ref() != folder {
            self.begin(None, &mut info.features);
        }
    }

    /// Has the folder checked again.
    pub(super) fn refresh(&mut self) {
        self.is_stale = true;
    }

    /// Asks for a folder, and forgets what is known of the one before.
    fn begin(&mut self, folder: Option<PathBuf>, info: &mut FeatureInfo) {
        self.last_request = Actions {
            library: folder.clone(),
            ..Actions::default()
        };
        *info = FeatureInfo {
            library: Loading::of(folder.is_some()),
            ..FeatureInfo::default()
        };
        self.is_stale = false;
        self.library.ask_or_withdraw(folder);
        self.layer.ask_or_withdraw(None);
        self.picture.ask_or_withdraw(None);
        self.analysis.ask_or_withdraw(None);
    }

    /// Asks for what is shown and not yet known.
    pub(super) fn want(&mut self, selection: Option<&FeatureSelection>, info: &mut Info) {
        let info = &mut info.features;
        let folder = selection.map(|selection| selection.folder.clone());
        if folder != self.last_request.library {
            self.begin(folder, info);
        } else if self.is_stale {
            self.is_stale = false;
            self.library.ask_or_withdraw(folder);
        }
        let (Some(selection), Some(library)) = (selection, info.library.ready().cloned()) else {
            return;
        };
        let (Some(layer), Some(story)) = (&selection.layer, &selection.story) else {
            return;
        };
        let wanted = Some((selection.folder.clone(), layer.clone(), story.clone()));
        if wanted != self.last_request.layer {
            self.last_request.layer = wanted;
            info.layer = Loading::Waiting;
            self.layer.ask(LayerRequest {
                library: library.clone(),
                layer: layer.clone(),
                story: story.clone(),
            });
        }
        let layer = info.layer.ready().cloned();
        if let (Some(of), Some(view)) = (&layer, selection.heat) {
            let wanted = Some((Arc::as_ptr(of) as usize, view, selection.shading));
            if wanted != self.last_request.picture {
                self.last_request.picture = wanted;
                self.picture.ask(PictureRequest {
                    of: of.clone(),
                    view,
                    shading: selection.shading,
                });
            }
        }
        self.want_analysis(selection, &library, layer, info);
    }

    fn want_analysis(
        &mut self,
        selection: &FeatureSelection,
        library: &Arc<FeatureLibrary>,
        layer: Option<Arc<LayerInfo>>,
        info: &mut FeatureInfo,
    ) {
        let story = selection.story.clone().unwrap_or_default();
        let is_of_layer = matches!(selection.view, View::OverTime | View::Plane);
        let is_possible = match selection.view {
            View::HeatMap => false,
            View::Layers => true,
            View::OverTime | View::Plane => layer.is_some(),
            View::Compare => selection.other.is_some(),
        };
        let wanted = is_possible.then(|| {
            let layer = layer
                .as_ref()
                .filter(|_| is_of_layer)
                .map(|layer| layer.layer.clone());
            let other = selection
                .other
                .clone()
                .filter(|_| selection.view == View::Compare);
            AnalysisKey {
                view: selection.view,
                folder: selection.folder.clone(),
                other,
                layer,
                story: story.clone(),
            }
        });
        if wanted == self.last_request.analysis {
            return;
        }
        info.analysis = Loading::of(wanted.is_some());
        let request = wanted.is_some().then(|| AnalysisRequest {
            view: selection.view,
            library: library.clone(),
            layer,
            story,
            other: selection.other.clone(),
        });
        self.analysis.ask_or_withdraw(request);
        self.last_request.analysis = wanted;
    }

    pub(super) fn collect(&mut self, info: &mut Info) {
        let info = &mut info.features;
        for reply in self.library.replies() {
            if info.library != reply {
                // Its layers may have been computed anew.
                self.last_request.layer = None;
            }
            info.library = reply;
        }
        self.layer.replies().for_each(|reply| info.layer = reply);
        self.picture
            .replies()
            .for_each(|reply| info.picture = Some(Arc::new(reply)));
        self.analysis
            .replies()
            .for_each(|reply| info.analysis = reply);
    }
}

fn read_layer(request: &LayerRequest) -> Result<LayerInfo, LibraryError> {
    let features = request.library.features(&request.layer, &request.story)?;
    let times = request.library.times(&request.story, features.nrows())?;
    let step_secs = step_secs(&request.library, times.as_ref());
    let first_end_secs = times
        .as_ref()
        .filter(|times| times.nrows() > 0)
        .map_or(step_secs, |times| f64::from(times[[0, 1]]));
    let statistics = LayerStatistics::of(features.view());
    Ok(LayerInfo {
        layer: request.layer.clone(),
        map: HeatMap::new(features),
        statistics,
        first_end_secs,
        step_secs,
        has_times: times.is_some(),
    })
}

/// Seconds from row to row: as the times say, else as the recipe says, else as the study has it.
fn step_secs(library: &FeatureLibrary, times: Option<&ndarray::Array2<f32>>) -> f64 {
    const USUAL_SECS: f64 = 0.1;
    let measured = times.filter(|times| times.nrows() > 1).map(|times| {
        let last = times.nrows() - 1;
        f64::from(times[[last, 1]] - times[[0, 1]]) / last as f64
    });
    let of_recipe = || {
        let window = library.recipe.as_ref()?.extract.window;
        Some(window.stride_secs.unwrap_or(window.chunk_ms / 1000.0))
    };
    measured
        .or_else(of_recipe)
        .filter(|secs| *secs > 0.0)
        .unwrap_or(USUAL_SECS)
}

fn draw(request: PictureRequest) -> HeatPicture {
    let size = request.view.size;
    let cells = request
        .of
        .map
        .cells(request.view.stretch, size, request.shading);
    let color = match request.shading {
        Shading::Values => colours::sequential,
        Shading::PerDimension => colours::diverging,
    };
    let pixels = cells.into_iter().map(color).collect();
    HeatPicture {
        of: request.of,
        view: request.view,
        image: ColorImage::new(size, pixels),
    }
}

/// Finds out what was asked; `None` if it is no longer wanted.
fn analyse(request: &AnalysisRequest, cancel: &CancelToken) -> Option<Result<Analysis, String>> {
    let layer = || {
        request
            .layer
            .as_ref()
            .ok_or("The layer is still loading.".to_owned())
    };
    match request.view {
        View::HeatMap => None,
        View::Layers => layers(request, cancel),
        View::OverTime => Some(layer().map(|layer| {
            let features = layer.map.features();
            let rows = evenly(features.nrows(), N_INSTANTS);
            let correlation = over_time(features.view(), &rows).into_iter().collect();
            Analysis::OverTime { rows, correlation }
        })),
        View::Plane => Some(layer().and_then(|layer| {
            let features = layer.map.features();
            let rows = evenly(features.nrows(), N_INSTANTS);
            let found = plane(features.view(), &rows)
                .ok_or("This layer is constant, so it has no principal components.")?;
            Ok(Analysis::Plane { rows, plane: found })
        })),
        View::Compare => compare(request, request.other.as_ref()?, cancel),
    }
}

fn layers(request: &AnalysisRequest, cancel: &CancelToken) -> Option<Result<Analysis, String>> {
    let layers: Vec<Layer> = request
        .library
        .layers
        .iter()
        .filter(|layer| **layer != Layer::Final)
        .cloned()
        .collect();
    let mut grams: Vec<Gram> = vec![];
    let mut n_instants = 0;
    for layer in &layers {
        if cancel.is_cancelled() {
            return None;
        }
        match request.library.features(layer, &request.story) {
            Ok(features) => {
                let rows = evenly(features.nrows(), N_INSTANTS);
                n_instants = rows.len();
                grams.push(Gram::of(features.view(), &rows));
            }
            Err(error) => return Some(Err(error.to_string())),
        }
    }
    let pairs = grams.iter().flat_map(|a| grams.iter().map(|b| a.cka(b)));
    Some(Ok(Analysis::Layers {
        cka: pairs.collect(),
        layers,
        n_instants,
    }))
}

fn compare(
    request: &AnalysisRequest,
    other: &Path,
    cancel: &CancelToken,
) -> Option<Result<Analysis, String>> {
    let other = match FeatureLibrary::open(other) {
        Ok(other) => other,
        Err(error) => return Some(Err(error.to_string())),
    };
    let mut beside = vec![];
    for layer in &request.library.layers {
        if cancel.is_cancelled() {
            return None;
        }
        beside.push(Beside {
            layer: layer.clone(),
            difference: difference(request, &other, layer),
        });
    }
    Some(Ok(Analysis::Compare { beside }))
}

fn difference(
    request: &AnalysisRequest,
    other: &FeatureLibrary,
    layer: &Layer,
) -> Result<Difference, String> {
    let ours = request
        .library
        .features(layer, &request.story)
        .map_err(|error| error.to_string())?;
    // The same layer may have another word before its number.
    let same = |candidate: &&Layer| match (candidate, layer) {
        (Layer::Hidden(a, _), Layer::Hidden(b, _)) => a == b,
        (Layer::Final, Layer::Final) => true,
        _ => false,
    };
    let theirs = other
        .layers
        .iter()
        .find(same)
        .ok_or("The other folder does not have this layer.")?;
    let theirs = other
        .features(theirs, &request.story)
        .map_err(|error| error.to_string())?;
    Difference::between(ours.view(), theirs.view()).ok_or_else(|| {
        let shape = |(rows, dims): (usize, usize)| format!("{rows} rows × {dims}");
        format!(
            "Shapes differ: {} here, {} in the other folder.",
            shape(ours.dim()),
            shape(theirs.dim())
        )
    })
}
