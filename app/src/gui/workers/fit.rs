//! What a fit needs, and the selected scores.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use heschl_core::display::library::{FeatureLibrary, Layer};
use heschl_core::run::design::{Alignment, AlignmentQuestion};
use heschl_core::run::encoding::{Column, ExampleSeries, ScoreTable};
use heschl_core::run::maps;
use heschl_core::run::progress::{CancelToken, EncodingForecast, Event};
use heschl_core::run::recipe::EncodeFile;

use super::chance;
use super::lengths::{self, LengthsRequest, stories_of};
use super::responses::{ResponsesRequest, source};
use super::time_course::{self, TimeCourseRequest};
use super::trial::{ask_child, stays_still};
use super::watch::Watched;
use super::{LatestRequest, Replies, Requests, Waker, Worker};
use crate::gui::fitting::{FINAL, FitFeatures, FitInfo, ProfileEntry, ScoresInfo, StoryResponses};
use crate::gui::loading::Loading;

/// A story to lay on one clock, and the responses to it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct AlignmentAsk {
    /// The responses, if there are any to this story.
    pub(crate) responses: Option<ResponsesRequest>,
    /// What is to be laid on one clock.
    pub(crate) request: AlignmentQuestion,
}

/// The workers.
pub(super) struct FitWorkers {
    responses: LatestRequest<ResponsesRequest, Loading<Vec<StoryResponses>>>,
    layers: LatestRequest<PathBuf, Loading<FitFeatures>>,
    lengths: LatestRequest<LengthsRequest, lengths::Reply>,
    alignment: LatestRequest<AlignmentAsk, Loading<Arc<Alignment>>>,
    forecast: LatestRequest<String, Loading<EncodingForecast>>,
    scores: LatestRequest<PathBuf, Loading<Arc<ScoresInfo>>>,
    others: LatestRequest<PathBuf, Loading<Arc<ScoresInfo>>>,
    time_course: LatestRequest<TimeCourseRequest, time_course::Reply>,
}

impl FitWorkers {
    pub(super) fn open(waker: &Waker) -> Self {
        let others = |request: PathBuf, cancel: &CancelToken, out: &Replies<_>| {
            out.give(loading(read_scores(&request, cancel).map(Arc::new)));
        };
        let scores = |request: PathBuf, cancel: &CancelToken, out: &Replies<_>| {
            let read = read_scores(&request, cancel).map(Arc::new);
            out.give(loading(read.clone()));
            // What takes longer comes after.
            if let Some(better) = read.ok().and_then(|scores| with_sample(&scores, cancel)) {
                out.give(Loading::Ready(Arc::new(better)));
            }
        };
        let responses = |request, _: &CancelToken, out: &Replies<_>| {
            let found = source(&request).map(|source| stories_of(source.as_ref()));
            out.give(loading(found));
        };
        let layers = |folder: PathBuf, _: &CancelToken, out: &Replies<_>| {
            let found = FeatureLibrary::open(&folder).map_err(|error| error.to_string());
            out.give(loading(found.map(fit_features)));
        };
        let alignment = |ask: AlignmentAsk, _: &CancelToken, out: &Replies<_>| {
            out.give(loading(align(&ask).map(Arc::new)));
        };
        let forecast = |recipe: String, cancel: &CancelToken, out: &Replies<_>| {
            if stays_still(cancel) {
                let reply = run_forecast(&recipe, cancel);
                if !cancel.is_cancelled() {
                    out.give(loading(reply));
                }
            }
        };
        Self {
            responses: LatestRequest::of(Worker::open("responses", waker, responses)),
            layers: LatestRequest::of(Worker::open("layers", waker, layers)),
            lengths: LatestRequest::of(lengths::open(waker)),
            alignment: LatestRequest::of(Worker::open("alignment", waker, alignment)),
            forecast: LatestRequest::of(Worker::open("fit forecast", waker, forecast)),
            scores: LatestRequest::of(Worker::open("scores", waker, scores)),
            others: LatestRequest::of(Worker::open("other scores", waker, others)),
            time_course: LatestRequest::of(time_course::open(waker)),
        }
    }

    /// Asks for the responses and features of a fit and their lengths, unless they are known or asked for.
    pub(super) fn want(
        &mut self,
        requests: &Requests,
        lengths: Option<LengthsRequest>,
        info: &mut FitInfo,
    ) {
        let responses = requests.responses.clone();
        self.responses.want(responses, &mut info.responses);
        let features = requests.fit_features.clone();
        self.layers.want(features, &mut info.layers);
        self.lengths.want_beside(lengths, &mut info.lengths);
    }

    /// Forgets whatever is known of other files, scores and recipes than these.
    pub(super) fn discard_others(&mut self, requests: &Requests, info: &mut FitInfo) {
        let responses = requests.responses.as_ref();
        self.responses
            .discard_others(responses, &mut info.responses);
        let features = requests.fit_features.as_ref();
        self.layers.discard_others(features, &mut info.layers);
        let is_of_others = |last_request: &LengthsRequest| {
            Some(&last_request.responses) != responses || last_request.features.as_ref() != features
        };
        if self.lengths.last().is_some_and(is_of_others) {
            self.lengths.discard_others(None, &mut info.lengths);
        }
        self.forecast
            .discard_others(requests.fit.as_ref(), &mut info.forecast);
        self.scores
            .discard_others(requests.scores.as_ref(), &mut info.scores);
        let others = requests.other_scores.as_ref();
        self.others.discard_others(others, &mut info.others);
        let is_of_others = |last_request: &TimeCourseRequest| {
            Some(&last_request.folder) != requests.scores.as_ref()
        };
        if self.time_course.last().is_some_and(is_of_others) {
            self.time_course.discard_others(None, &mut info.time_course);
        }
    }

    /// Has what comes from files that have changed asked again.
    pub(super) fn refresh(&mut self, watched: Watched) {
        match watched {
            Watched::Responses => self.responses.refresh(),
            Watched::FitFeatures => self.layers.refresh(),
            _ => {}
        }
        self.lengths.refresh();
        self.alignment.refresh();
        self.forecast.refresh();
    }

    /// Asks for a story on one clock, unless it is known or asked for. Where only its trims, scan times or voxel change, what is
    /// shown stays until the answer comes.
    pub(super) fn want_alignment(&mut self, ask: Option<AlignmentAsk>, info: &mut FitInfo) {
        let is_same_story = match (self.alignment.last(), &ask) {
            (Some(last_request), Some(ask)) => {
                let files = |ask: &AlignmentAsk| {
                    let request = &ask.request;
                    (
                        ask.responses.clone(),
                        request.story.clone(),
                        request.features.clone(),
                        request.words.clone(),
                    )
                };
                files(last_request) == files(ask)
            }
            _ => false,
        };
        if is_same_story {
            self.alignment.want_beside(ask, &mut info.alignment);
        } else {
            self.alignment.want(ask, &mut info.alignment);
        }
    }

    /// Asks what a recipe would take, unless that is known or asked for.
    pub(super) fn want_forecast(&mut self, recipe: Option<String>, info: &mut FitInfo) {
        self.forecast.want(recipe, &mut info.forecast);
    }

    /// Asks for scores and those they are compared with, unless they are known or asked for.
    pub(super) fn want_scores(&mut self, requests: &Requests, info: &mut FitInfo) {
        self.scores.want(requests.scores.clone(), &mut info.scores);
        self.others
            .want(requests.other_scores.clone(), &mut info.others);
    }

    /// Asks for the time course of a voxel, unless it is known or already asked for.
    pub(super) fn want_time_course(
        &mut self,
        request: Option<TimeCourseRequest>,
        info: &mut FitInfo,
    ) {
        self.time_course.want(request, &mut info.time_course);
    }

    /// Has scores read again: a fit may have changed them.
    pub(super) fn forget_scores(&mut self) {
        self.scores.refresh();
        self.others.refresh();
        self.time_course.refresh();
    }

    pub(super) fn collect(&mut self, info: &mut FitInfo) {
        self.responses
            .replies()
            .for_each(|reply| info.responses = reply);
        self.layers.replies().for_each(|reply| info.layers = reply);
        self.lengths
            .replies()
            .for_each(|reply| info.lengths = reply);
        self.alignment
            .replies()
            .for_each(|reply| info.alignment = reply);
        self.forecast
            .replies()
            .for_each(|reply| info.forecast = reply);
        self.scores.replies().for_each(|reply| info.scores = reply);
        self.others.replies().for_each(|reply| info.others = reply);
        self.time_course
            .replies()
            .for_each(|reply| info.time_course = reply);
    }
}

fn fit_features(library: FeatureLibrary) -> FitFeatures {
    FitFeatures {
        layers: library.layers.iter().map(layer_name).collect(),
        stories: library.stories.into_iter().collect(),
    }
}

fn loading<T>(reply: Result<T, String>) -> Loading<T> {
    reply.map_or_else(Loading::Failed, Loading::Ready)
}

fn layer_name(layer: &Layer) -> String {
    match layer {
        Layer::Final => FINAL.into(),
        Layer::Hidden(_, name) => name.clone(),
    }
}

fn align(ask: &AlignmentAsk) -> Result<Alignment, String> {
    let source = ask.responses.as_ref().map(source).transpose()?;
    let responses = source.as_deref();
    Alignment::of(&ask.request, responses).map_err(|error| error.to_string())
}

fn run_forecast(recipe: &str, cancel: &CancelToken) -> Result<EncodingForecast, String> {
    let events = ask_child(recipe, &["encode"], cancel)?;
    let forecast = events.into_iter().find_map(|event| match event {
        Event::EncodeForecast(forecast) => Some(forecast),
        _ => None,
    });
    forecast.ok_or_else(|| "The cost of the fit could not be estimated.".into())
}

fn read_scores(folder: &Path, cancel: &CancelToken) -> Result<ScoresInfo, String> {
    let file = folder.join("scores.npz");
    if maps::is_folder(folder) && !file.is_file() {
        return Err(format!(
            "This folder holds maps that were made from fits. Open Brain to see them.\nFolder: {}",
            folder.display()
        ));
    }
    if !file.is_file() {
        return Err(format!(
            "No scores yet. Fit a model, or choose a folder that contains scores.npz.\nFolder: {}",
            folder.display()
        ));
    }
    let table = ScoreTable::read(&file).map_err(|error| error.to_string())?;
    let recipe = EncodeFile::read(&folder.join("recipe.toml")).ok();
    // Where shares were put together there are none.
    let series = ExampleSeries::read(&folder.join("series.npz")).ok();
    let null = series.as_ref().zip(recipe.as_ref());
    let null = null.and_then(|(series, file)| chance::of_series(series, &file.encode, cancel));
    Ok(ScoresInfo {
        null: null.unwrap_or_default(),
        profile: profile(folder),
        info: recipe.and_then(|file| file.run),
        series,
        folder: folder.to_path_buf(),
        table,
    })
}

/// The scores with what chance alone gives in some voxels spread over all, where the fit kept its predictions.
fn with_sample(scores: &ScoresInfo, cancel: &CancelToken) -> Option<ScoresInfo> {
    let folder = &scores.folder;
    let recipe = EncodeFile::read(&folder.join("recipe.toml")).ok()?.encode;
    let sample = chance::sample(folder, &recipe, &scores.table, cancel)?;
    Some(ScoresInfo {
        null: chance::of_series(&sample, &recipe, cancel)?,
        ..scores.clone()
    })
}

/// All fits beside this one, in the order of their names with numbers by size.
fn profile(folder: &Path) -> Vec<ProfileEntry> {
    let entries = folder
        .parent()
        .and_then(|parent| std::fs::read_dir(parent).ok());
    let folders = entries
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path());
    let mut profile: Vec<ProfileEntry> = folders.filter_map(|folder| entry(&folder)).collect();
    profile.sort_by_key(|entry| by_number(&entry.name));
    profile
}

fn entry(folder: &Path) -> Option<ProfileEntry> {
    let table = ScoreTable::read(&folder.join("scores.npz")).ok()?;
    let mut r: Vec<f64> = table.column(Column::R).filter(|r| r.is_finite()).collect();
    let of_voxels = table.column(Column::R).map(|r| r as f32).collect();
    r.sort_by(f64::total_cmp);
    let at = |share: f64| {
        r.get((share * r.len().saturating_sub(1) as f64).round() as usize)
            .copied()
            .unwrap_or(f64::NAN)
    };
    Some(ProfileEntry {
        name: folder.file_name()?.to_string_lossy().into_owned(),
        mean_r: table.mean(Column::R),
        mean_interval: table.mean_interval(),
        quartiles: [at(0.25), at(0.5), at(0.75)],
        first_voxel: table.first_voxel,
        r: of_voxels,
    })
}

/// A key that puts "encoder.10" after "encoder.9".
fn by_number(name: &str) -> (String, u64, String) {
    let stem = name.trim_end_matches(|letter: char| letter.is_ascii_digit());
    let number = name[stem.len()..].parse().unwrap_or(u64::MAX);
    (stem.to_owned(), number, name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_stand_in_the_order_of_their_numbers_and_the_output_last() {
        let mut names = ["m-final", "m-encoder.10", "m-encoder.2", "m-encoder.0"];
        names.sort_by_key(|name| by_number(name));
        assert_eq!(
            names,
            ["m-encoder.0", "m-encoder.2", "m-encoder.10", "m-final"]
        );
    }
}
