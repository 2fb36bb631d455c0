//! What a fit needs to know, and scores that are looked at.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use heschl_core::design::{Alignment, AlignmentQuestion};
use heschl_core::encoding::{Column, ExampleSeries, ScoreTable};
use heschl_core::formats::responses::{ResponseOptions, open as open_responses};
use heschl_core::look::library::{FeatureLibrary, Layer};
use heschl_core::progress::CancelToken;
use heschl_core::recipe::EncodeFile;
use heschl_core::responses::ResponseSource;

use super::trial::{ask_child, stays_still};
use super::{Answers, Desk, Waker};
use crate::gui::fitting::{FitFacts, FitOutlook, ProfileEntry, ScoresFacts, StoryResponses};
use crate::gui::loading::Loading;

/// Where responses lie, and the mask that they need.
pub(crate) type ResponsesQuestion = (PathBuf, Option<PathBuf>);

/// A story to lay on one clock, and the responses to it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct AlignmentAsk {
    /// The responses, if there are any to this story.
    pub(crate) responses: Option<ResponsesQuestion>,
    /// What is to be laid on one clock.
    pub(crate) question: AlignmentQuestion,
}

/// The desks, and what was asked of each last.
pub(super) struct FitDesks {
    responses: Desk<ResponsesQuestion, Loading<Vec<StoryResponses>>>,
    layers: Desk<PathBuf, Loading<Vec<Option<String>>>>,
    alignment: Desk<AlignmentAsk, Loading<Arc<Alignment>>>,
    outlook: Desk<String, Loading<FitOutlook>>,
    scores: Desk<PathBuf, Loading<Arc<ScoresFacts>>>,
    others: Desk<PathBuf, Loading<Arc<ScoresFacts>>>,
    asked: Asked,
}

#[derive(Default)]
struct Asked {
    responses: Option<ResponsesQuestion>,
    layers: Option<PathBuf>,
    alignment: Option<AlignmentAsk>,
    outlook: Option<String>,
    scores: Option<PathBuf>,
    others: Option<PathBuf>,
}

impl FitDesks {
    pub(super) fn open(waker: &Waker) -> Self {
        let scores = |question: PathBuf, _: &CancelToken, out: &Answers<_>| {
            out.give(loading(read_scores(&question).map(Arc::new)));
        };
        Self {
            responses: Desk::open(
                "responses",
                waker,
                |question, _: &CancelToken, out: &Answers<_>| {
                    out.give(loading(read_responses(&question)));
                },
            ),
            layers: Desk::open(
                "layers",
                waker,
                |folder: PathBuf, _: &CancelToken, out: &Answers<_>| {
                    let found = FeatureLibrary::open(&folder).map_err(|error| error.to_string());
                    out.give(loading(
                        found.map(|library| library.layers.iter().map(layer_name).collect()),
                    ));
                },
            ),
            alignment: Desk::open(
                "alignment",
                waker,
                |ask: AlignmentAsk, _: &CancelToken, out: &Answers<_>| {
                    out.give(loading(align(&ask).map(Arc::new)));
                },
            ),
            outlook: Desk::open(
                "fit forecast",
                waker,
                |recipe: String, cancel: &CancelToken, out: &Answers<_>| {
                    if stays_still(cancel) {
                        let answer = forecast(&recipe, cancel);
                        if !cancel.is_cancelled() {
                            out.give(loading(answer));
                        }
                    }
                },
            ),
            scores: Desk::open("scores", waker, scores),
            others: Desk::open("other scores", waker, scores),
            asked: Asked::default(),
        }
    }

    /// Asks for the responses and layers of a fit, unless they are known or asked for.
    pub(super) fn want(
        &mut self,
        responses: Option<ResponsesQuestion>,
        features: Option<PathBuf>,
        facts: &mut FitFacts,
    ) {
        if responses != self.asked.responses {
            self.asked.responses.clone_from(&responses);
            facts.responses = Loading::of(responses.is_some());
            self.responses.ask_or_withdraw(responses);
        }
        if features != self.asked.layers {
            self.asked.layers.clone_from(&features);
            facts.layers = Loading::of(features.is_some());
            self.layers.ask_or_withdraw(features);
        }
    }

    /// Asks for a story on one clock, unless it is known or asked for. What is shown stays until the answer comes.
    pub(super) fn want_alignment(&mut self, ask: Option<AlignmentAsk>, facts: &mut FitFacts) {
        if ask != self.asked.alignment {
            let is_same_story = |ask: &AlignmentAsk| {
                let shown = facts.alignment.ready();
                shown.is_some_and(|shown| shown.story == ask.question.story)
            };
            if !ask.as_ref().is_some_and(is_same_story) {
                facts.alignment = Loading::of(ask.is_some());
            }
            self.asked.alignment.clone_from(&ask);
            self.alignment.ask_or_withdraw(ask);
        }
    }

    /// Asks what a recipe would take, unless that is known or asked for.
    pub(super) fn want_outlook(&mut self, recipe: Option<String>, facts: &mut FitFacts) {
        if recipe != self.asked.outlook {
            self.asked.outlook.clone_from(&recipe);
            facts.outlook = Loading::of(recipe.is_some());
            self.outlook.ask_or_withdraw(recipe);
        }
    }

    /// Asks for scores and those they are compared with, unless they are known or asked for.
    pub(super) fn want_scores(
        &mut self,
        folder: Option<&PathBuf>,
        other: Option<&PathBuf>,
        facts: &mut FitFacts,
    ) {
        if folder != self.asked.scores.as_ref() {
            self.asked.scores = folder.cloned();
            facts.scores = Loading::of(folder.is_some());
            self.scores.ask_or_withdraw(folder.cloned());
        }
        if other != self.asked.others.as_ref() {
            self.asked.others = other.cloned();
            facts.others = Loading::of(other.is_some());
            self.others.ask_or_withdraw(other.cloned());
        }
    }

    /// Forgets the scores that are known: a fit may have changed them.
    pub(super) fn forget_scores(&mut self) {
        self.asked.scores = None;
        self.asked.others = None;
    }

    pub(super) fn collect(&mut self, facts: &mut FitFacts) {
        self.responses
            .answers()
            .for_each(|answer| facts.responses = answer);
        self.layers
            .answers()
            .for_each(|answer| facts.layers = answer);
        self.alignment
            .answers()
            .for_each(|answer| facts.alignment = answer);
        self.outlook
            .answers()
            .for_each(|answer| facts.outlook = answer);
        self.scores
            .answers()
            .for_each(|answer| facts.scores = answer);
        self.others
            .answers()
            .for_each(|answer| facts.others = answer);
    }
}

fn loading<T>(answer: Result<T, String>) -> Loading<T> {
    answer.map_or_else(Loading::Failed, Loading::Ready)
}

fn layer_name(layer: &Layer) -> Option<String> {
    match layer {
        Layer::Final => None,
        Layer::Hidden(_, name) => Some(name.clone()),
    }
}

fn source((path, mask): &ResponsesQuestion) -> Result<Box<dyn ResponseSource>, String> {
    let options = ResponseOptions {
        mask: mask.clone(),
        ..ResponseOptions::default()
    };
    open_responses(path, &options).map_err(|error| error.to_string())
}

fn align(ask: &AlignmentAsk) -> Result<Alignment, String> {
    let source = ask.responses.as_ref().map(source).transpose()?;
    let responses = source.as_deref();
    Alignment::of(&ask.question, responses).map_err(|error| error.to_string())
}

fn read_responses(question: &ResponsesQuestion) -> Result<Vec<StoryResponses>, String> {
    let source = source(question)?;
    let of = |story: String| {
        let (n_scans, n_voxels) = source.shape(&story).unwrap_or_default();
        StoryResponses {
            story,
            n_scans,
            n_voxels,
        }
    };
    Ok(source.stories().into_iter().map(of).collect())
}

fn forecast(recipe: &str, cancel: &CancelToken) -> Result<FitOutlook, String> {
    let said = ask_child(recipe, &["encode"], cancel)?;
    let event = said
        .iter()
        .find_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let event = event.filter(|event| event["event"] == "encode_forecast");
    let event = event.ok_or("The fit could not be forecast here.")?;
    let number = |name: &str| event[name].as_u64().unwrap_or_default();
    let warnings = event["warnings"].as_array().into_iter().flatten();
    Ok(FitOutlook {
        n_voxels: number("n_voxels") as usize,
        n_columns: number("n_columns") as usize,
        n_training_scans: number("n_training_scans") as usize,
        n_test_scans: number("n_test_scans") as usize,
        secs: event["secs"].as_f64().unwrap_or_default(),
        memory_bytes: number("memory_bytes"),
        disk_bytes: number("disk_bytes"),
        warnings: warnings
            .filter_map(|warning| Some(warning.as_str()?.to_owned()))
            .collect(),
    })
}

fn read_scores(folder: &Path) -> Result<ScoresFacts, String> {
    let file = folder.join("scores.npz");
    if !file.is_file() {
        return Err(format!(
            "There are no scores here yet. Fit a model, or choose a folder that holds scores.npz.\nFolder: {}",
            folder.display()
        ));
    }
    let table = ScoreTable::read(&file).map_err(|error| error.to_string())?;
    let recipe = EncodeFile::read(&folder.join("recipe.toml")).ok();
    Ok(ScoresFacts {
        profile: profile(folder),
        facts: recipe.and_then(|file| file.run),
        // Where shares were put together there are none.
        series: ExampleSeries::read(&folder.join("series.npz")).ok(),
        folder: folder.to_path_buf(),
        table,
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
