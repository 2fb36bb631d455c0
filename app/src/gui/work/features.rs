//! Features that are looked at: the folder, a layer, a picture of it, and what takes longer.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use eframe::egui::ColorImage;
use heschl_core::look::compare::Difference;
use heschl_core::look::evenly;
use heschl_core::look::heat_map::{HeatMap, Shading};
use heschl_core::look::library::{FeatureLibrary, Layer, LibraryError};
use heschl_core::look::similarity::{Gram, over_time, plane};
use heschl_core::look::statistics::LayerStatistics;
use heschl_core::progress::CancelToken;

use super::{Answers, Desk, Waker};
use crate::gui::colours;
use crate::gui::facts::Facts;
use crate::gui::features::{
    Analysis, Beside, FeatureFacts, HeatPicture, HeatView, LayerFacts, Looking, View,
};
use crate::gui::loading::Loading;

/// Instants that similarity is taken from: more would change no picture.
const N_INSTANTS: usize = 600;

/// The desks, and what was asked of each last.
pub(super) struct FeatureDesks {
    library: Desk<PathBuf, Loading<Arc<FeatureLibrary>>>,
    layer: Desk<LayerQuestion, Loading<Arc<LayerFacts>>>,
    picture: Desk<PictureQuestion, HeatPicture>,
    analysis: Desk<AnalysisQuestion, Loading<Arc<Analysis>>>,
    asked: Asked,
    /// The folder may have changed since it was looked at.
    is_stale: bool,
}

#[derive(Default)]
struct Asked {
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

struct LayerQuestion {
    library: Arc<FeatureLibrary>,
    layer: Layer,
    story: String,
}

struct PictureQuestion {
    of: Arc<LayerFacts>,
    view: HeatView,
    shading: Shading,
}

struct AnalysisQuestion {
    view: View,
    library: Arc<FeatureLibrary>,
    layer: Option<Arc<LayerFacts>>,
    story: String,
    other: Option<PathBuf>,
}

impl FeatureDesks {
    pub(super) fn open(waker: &Waker) -> Self {
        Self {
            library: Desk::open(
                "library",
                waker,
                |folder: PathBuf, _: &CancelToken, out: &Answers<_>| {
                    let found = FeatureLibrary::open(&folder);
                    out.give(found.map_or_else(
                        |error| Loading::Failed(error.to_string()),
                        |found| Loading::Ready(Arc::new(found)),
                    ));
                },
            ),
            layer: Desk::open(
                "layer",
                waker,
                |question: LayerQuestion, _: &CancelToken, out: &Answers<_>| {
                    let read = read_layer(&question);
                    out.give(read.map_or_else(
                        |error| Loading::Failed(error.to_string()),
                        |read| Loading::Ready(Arc::new(read)),
                    ));
                },
            ),
            picture: Desk::open(
                "heat map",
                waker,
                |question: PictureQuestion, _: &CancelToken, out: &Answers<_>| {
                    out.give(draw(question));
                },
            ),
            analysis: Desk::open(
                "analysis",
                waker,
                |question: AnalysisQuestion, cancel: &CancelToken, out: &Answers<_>| {
                    if let Some(found) = analyse(&question, cancel) {
                        out.give(
                            found.map_or_else(Loading::Failed, |found| {
                                Loading::Ready(Arc::new(found))
                            }),
                        );
                    }
                },
            ),
            asked: Asked::default(),
            is_stale: false,
        }
    }

    /// Forgets whatever is known of another folder than this one.
    pub(super) fn keep_to(&mut self, folder: Option<&PathBuf>, facts: &mut Facts) {
        if self.asked.library.is_some() && self.asked.library.as_ref() != folder {
            self.begin(None, &mut facts.features);
        }
    }

    /// Has the folder looked at again.
    pub(super) fn look_again(&mut self) {
        self.is_stale = true;
    }

    /// Asks for a folder, and forgets what is known of the one before.
    fn begin(&mut self, folder: Option<PathBuf>, facts: &mut FeatureFacts) {
        self.asked = Asked {
            library: folder.clone(),
            ..Asked::default()
        };
        *facts = FeatureFacts {
            library: Loading::of(folder.is_some()),
            ..FeatureFacts::default()
        };
        self.is_stale = false;
        self.library.ask_or_withdraw(folder);
        self.layer.ask_or_withdraw(None);
        self.picture.ask_or_withdraw(None);
        self.analysis.ask_or_withdraw(None);
    }

    /// Asks for what is looked at and not known.
    pub(super) fn want(&mut self, looking: Option<&Looking>, facts: &mut Facts) {
        let facts = &mut facts.features;
        let folder = looking.map(|looking| looking.folder.clone());
        if folder != self.asked.library {
            self.begin(folder, facts);
        } else if self.is_stale {
            self.is_stale = false;
            self.library.ask_or_withdraw(folder);
        }
        let (Some(looking), Some(library)) = (looking, facts.library.ready().cloned()) else {
            return;
        };
        let (Some(layer), Some(story)) = (&looking.layer, &looking.story) else {
            return;
        };
        let wanted = Some((looking.folder.clone(), layer.clone(), story.clone()));
        if wanted != self.asked.layer {
            self.asked.layer = wanted;
            facts.layer = Loading::Waiting;
            self.layer.ask(LayerQuestion {
                library: library.clone(),
                layer: layer.clone(),
                story: story.clone(),
            });
        }
        let layer = facts.layer.ready().cloned();
        if let (Some(of), Some(view)) = (&layer, looking.heat) {
            let wanted = Some((Arc::as_ptr(of) as usize, view, looking.shading));
            if wanted != self.asked.picture {
                self.asked.picture = wanted;
                self.picture.ask(PictureQuestion {
                    of: of.clone(),
                    view,
                    shading: looking.shading,
                });
            }
        }
        self.want_analysis(looking, &library, layer, facts);
    }

    fn want_analysis(
        &mut self,
        looking: &Looking,
        library: &Arc<FeatureLibrary>,
        layer: Option<Arc<LayerFacts>>,
        facts: &mut FeatureFacts,
    ) {
        let story = looking.story.clone().unwrap_or_default();
        let is_of_layer = matches!(looking.view, View::OverTime | View::Plane);
        let is_possible = match looking.view {
            View::HeatMap => false,
            View::Layers => true,
            View::OverTime | View::Plane => layer.is_some(),
            View::Compare => looking.other.is_some(),
        };
        let wanted = is_possible.then(|| {
            let layer = layer
                .as_ref()
                .filter(|_| is_of_layer)
                .map(|layer| layer.layer.clone());
            let other = looking
                .other
                .clone()
                .filter(|_| looking.view == View::Compare);
            AnalysisKey {
                view: looking.view,
                folder: looking.folder.clone(),
                other,
                layer,
                story: story.clone(),
            }
        });
        if wanted == self.asked.analysis {
            return;
        }
        facts.analysis = Loading::of(wanted.is_some());
        let question = wanted.is_some().then(|| AnalysisQuestion {
            view: looking.view,
            library: library.clone(),
            layer,
            story,
            other: looking.other.clone(),
        });
        self.analysis.ask_or_withdraw(question);
        self.asked.analysis = wanted;
    }

    pub(super) fn collect(&mut self, facts: &mut Facts) {
        let facts = &mut facts.features;
        for answer in self.library.answers() {
            if facts.library != answer {
                // Its layers may have been computed anew.
                self.asked.layer = None;
            }
            facts.library = answer;
        }
        self.layer.answers().for_each(|answer| facts.layer = answer);
        self.picture
            .answers()
            .for_each(|answer| facts.picture = Some(Arc::new(answer)));
        self.analysis
            .answers()
            .for_each(|answer| facts.analysis = answer);
    }
}

fn read_layer(question: &LayerQuestion) -> Result<LayerFacts, LibraryError> {
    let features = question
        .library
        .features(&question.layer, &question.story)?;
    let times = question.library.times(&question.story, features.nrows())?;
    let step_secs = step_secs(&question.library, times.as_ref());
    let first_end_secs = times
        .as_ref()
        .filter(|times| times.nrows() > 0)
        .map_or(step_secs, |times| f64::from(times[[0, 1]]));
    let statistics = LayerStatistics::of(features.view());
    Ok(LayerFacts {
        layer: question.layer.clone(),
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

fn draw(question: PictureQuestion) -> HeatPicture {
    let size = question.view.size;
    let cells = question
        .of
        .map
        .cells(question.view.stretch, size, question.shading);
    let color = match question.shading {
        Shading::Values => colours::sequential,
        Shading::PerDimension => colours::diverging,
    };
    let pixels = cells.into_iter().map(color).collect();
    HeatPicture {
        of: question.of,
        view: question.view,
        image: ColorImage::new(size, pixels),
    }
}

/// Finds out what was asked; `None` if it is no longer wanted.
fn analyse(question: &AnalysisQuestion, cancel: &CancelToken) -> Option<Result<Analysis, String>> {
    let layer = || {
        question
            .layer
            .as_ref()
            .ok_or("The layer is not read yet.".to_owned())
    };
    match question.view {
        View::HeatMap => None,
        View::Layers => layers(question, cancel),
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
                .ok_or("This layer does not vary, so it has no principal components.")?;
            Ok(Analysis::Plane { rows, plane: found })
        })),
        View::Compare => compare(question, question.other.as_ref()?, cancel),
    }
}

fn layers(question: &AnalysisQuestion, cancel: &CancelToken) -> Option<Result<Analysis, String>> {
    let layers: Vec<Layer> = question
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
        match question.library.features(layer, &question.story) {
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
    question: &AnalysisQuestion,
    other: &Path,
    cancel: &CancelToken,
) -> Option<Result<Analysis, String>> {
    let other = match FeatureLibrary::open(other) {
        Ok(other) => other,
        Err(error) => return Some(Err(error.to_string())),
    };
    let mut beside = vec![];
    for layer in &question.library.layers {
        if cancel.is_cancelled() {
            return None;
        }
        beside.push(Beside {
            layer: layer.clone(),
            difference: difference(question, &other, layer),
        });
    }
    Some(Ok(Analysis::Compare { beside }))
}

fn difference(
    question: &AnalysisQuestion,
    other: &FeatureLibrary,
    layer: &Layer,
) -> Result<Difference, String> {
    let ours = question
        .library
        .features(layer, &question.story)
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
        .features(theirs, &question.story)
        .map_err(|error| error.to_string())?;
    Difference::between(ours.view(), theirs.view()).ok_or_else(|| {
        let shape = |(rows, dims): (usize, usize)| format!("{rows} rows × {dims}");
        format!(
            "Not the same shape: {} here, {} there.",
            shape(ours.dim()),
            shape(theirs.dim())
        )
    })
}
