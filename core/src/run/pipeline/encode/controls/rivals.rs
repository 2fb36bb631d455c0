//! Sanity checks against competing models: word rates, acoustic features, position in the story, and an untrained network.
//! Each is fitted to the sample in the same way as the features.

use std::path::{Path, PathBuf};

use ndarray::Array2;

use super::Sample;
use crate::files::responses::Readable;
use crate::run::design::{Design, StoryScans};
use crate::run::encoding::Column;
use crate::run::pipeline::encode::run::Run;
use crate::run::pipeline::encode::solver::Solver;
use crate::run::recipe::{EncodeRecipe, FeatureKind, FeatureSet};
use crate::run::sanity::{self, Check, Nuisance, median};
use crate::speech::stimuli::{Depth, find_stimuli};
use crate::stats::score::{correlation, residual};
use crate::stats::significance::{BlockPermutations, q_values};

/// Permutations in the test of whether acoustic features predict a voxel: enough to correct for hundreds of voxels.
const N_PERMUTATIONS: usize = 2000;
/// Suffix of a feature folder of the untrained network, after the name of the trained one.
const UNTRAINED: &str = "-untrained";

/// Data for comparing the features with competing models.
struct Rivals<'a, 'b, T: Readable, S: Solver<T>> {
    run: &'a Run<'b>,
    sample: &'a Sample<T, S::Choice>,
    /// Predictions of the sample by the features, `(n_test_scans, n_voxels)`.
    predictions: &'a Array2<T>,
    /// The quarter of the sample with the best validation scores, a choice independent of the test data.
    best: Vec<usize>,
}

/// Runs every comparison for which data are available.
///
/// `predictions`: of the sample by the features, `(n_test_scans, n_voxels)`.
pub(super) fn run<T: Readable, S: Solver<T>>(
    run: &Run,
    sample: &Sample<T, S::Choice>,
    predictions: &Array2<T>,
) -> Vec<Check> {
    let rivals = Rivals::<T, S> {
        run,
        sample,
        predictions,
        best: sample.best_in_rounds(),
    };
    let sound = sound_sets(run);
    vec![
        rivals
            .nuisance(&sound)
            .unwrap_or_else(|why| sanity::nuisance_left_out(&why)),
        rivals
            .spectrogram(&sound)
            .unwrap_or_else(|why| sanity::spectrogram_left_out(&why)),
        rivals
            .untrained()
            .unwrap_or_else(|why| sanity::untrained_left_out(&why)),
    ]
}

impl<T: Readable, S: Solver<T>> Rivals<'_, '_, T, S> {
    /// Whether the features explain variance beyond that of words, acoustics and position.
    fn nuisance(&self, sound: &Result<Vec<FeatureSet>, String>) -> Result<Check, String> {
        let words = words(self.run, sound.as_ref().ok());
        let (mut sets, compared) = nuisance_sets(words, sound.clone());
        sets.push(position());
        let nuisance = self.predicted_by(sets)?;
        let best = |all: &Array2<T>| all.select(ndarray::Axis(1), &self.best).mapv(T::double);
        let (features, nuisance) = (best(self.predictions), best(&nuisance));
        let measured = best(&self.sample.test);
        let unique = residual(features.view(), nuisance.view());
        let unexplained = residual(measured.view(), nuisance.view());
        let moved = super::moved_medians(self.run, &unique, &unexplained);
        Ok(sanity::adds_to_nuisance(
            &compared,
            [
                median(correlation(features.view(), measured.view()).into_iter()),
                median(correlation(nuisance.view(), measured.view()).into_iter()),
                median(correlation(unique.view(), unexplained.view()).into_iter()),
            ],
            &moved,
        ))
    }

    /// Whether the spectrogram alone predicts some voxels, as it must if auditory cortex was recorded in sync with the
    /// sound.
    fn spectrogram(&self, sound: &Result<Vec<FeatureSet>, String>) -> Result<Check, String> {
        let sound = sound.clone()?;
        let predicted = self.predicted_by(sound)?;
        let n_scans = predicted.nrows();
        let scores = &self.run.work.recipe.scores;
        let seed = self.run.work.recipe.ridge.seed ^ 0x50d4;
        let orders = BlockPermutations::new(n_scans, scores.block_scans, N_PERMUTATIONS, seed);
        let test = self.sample.test.view();
        let p = orders.p_values(predicted.view(), test);
        let q = q_values(&p.to_vec());
        let n_found = q.iter().filter(|q| **q <= scores.fdr_level).count();
        let r = correlation(predicted.view(), test);
        let best = r
            .iter()
            .copied()
            .filter(|r| r.is_finite())
            .fold(f64::NEG_INFINITY, f64::max);
        Ok(sanity::sound_is_heard(n_found, q.len(), best))
    }

    /// Whether the trained network outperforms the untrained one.
    fn untrained(&self) -> Result<Check, String> {
        let sets = untrained_sets(self.run)?;
        let untrained = self.predicted_by(sets)?;
        let median_r = |predictions: &Array2<T>| {
            let r = correlation(predictions.view(), self.sample.test.view());
            median(self.best.iter().map(|voxel| r[*voxel]))
        };
        Ok(sanity::training_matters(
            median_r(self.predictions),
            median_r(&untrained),
        ))
    }

    /// Fits other features in the same way and predicts the sample's test scans, `(n_test_scans, n_voxels)`.
    fn predicted_by(&self, features: Vec<FeatureSet>) -> Result<Array2<T>, String> {
        let run = self.run;
        let recipe = EncodeRecipe {
            features,
            ..run.work.recipe.clone()
        };
        let design = Design::build(&recipe, run.work.responses).map_err(first_sentence)?;
        S::predict_by(run, &design, self.sample.training.view()).map_err(first_sentence)
    }
}

/// The first line of an error message; a skipped comparison needs no path.
fn first_sentence(error: impl std::fmt::Display) -> String {
    let text = error.to_string();
    text.lines().next().unwrap_or_default().to_string()
}

/// Spectrogram and level of the recordings.
fn sound_sets(run: &Run) -> Result<Vec<FeatureSet>, String> {
    let folder = run.work.recipe.recordings().ok_or(
        "It is not known where the recordings are. Name their folder: recordings = \"…\" in [encode.controls].",
    )?;
    let found = find_stimuli(&folder, Depth::Recursive).map_err(first_sentence)?;
    let has_sound = |scans: &StoryScans| found.iter().any(|sound| sound.story == scans.story);
    if let Some(silent) = stories(run).find(|scans| !has_sound(scans)) {
        return Err(format!(
            "There is no recording of \"{}\" in the folder of the recordings.",
            silent.story
        ));
    }
    Ok(vec![
        set("spectrogram", FeatureKind::MelSpectrogram, &folder),
        set("sound level", FeatureKind::Rms, &folder),
    ])
}

fn stories<'a>(run: &'a Run) -> impl Iterator<Item = &'a StoryScans> {
    let design = run.design;
    design.training_stories.iter().chain(&design.test_stories)
}

/// The nuisance feature sets that are available, and a summary of what is missing.
fn nuisance_sets(
    words: Result<Vec<FeatureSet>, String>,
    sound: Result<Vec<FeatureSet>, String>,
) -> (Vec<FeatureSet>, Nuisance) {
    let (mut sets, mut kinds, mut untested) = (Vec::new(), Vec::new(), Vec::new());
    for (kind, title, found) in [("words", "Words", words), ("sound", "Sound", sound)] {
        match found {
            Ok(found) => {
                sets.extend(found);
                kinds.push(kind);
            }
            Err(why) => untested.push(format!("{title}: not tested. {why}")),
        }
    }
    kinds.push("position");
    let names: Vec<&str> = sets
        .iter()
        .map(|set: &FeatureSet| set.name.as_str())
        .collect();
    let names = match names[..] {
        [] => "position".to_string(),
        _ => format!("{} and position", names.join(", ")),
    };
    let compared = Nuisance {
        names,
        kinds,
        untested,
    };
    (sets, compared)
}

/// Word and phoneme rates, if every story has a `TextGrid`.
fn words(run: &Run, sound: Option<&Vec<FeatureSet>>) -> Result<Vec<FeatureSet>, String> {
    let beside_sound = || sound.and_then(|sets| sets.first().map(|set| set.folder.clone()));
    let given = run.work.recipe.controls.textgrids.clone();
    let folder = given.or_else(beside_sound).ok_or(
        "It is not known where the TextGrids are. Name their folder: textgrids = \"…\" in [encode.controls].",
    )?;
    let is_there = |scans: &&StoryScans| {
        let name = format!("{}.TextGrid", scans.story);
        folder.join(name).is_file()
    };
    if let Some(wordless) = stories(run).find(|scans| !is_there(scans)) {
        return Err(format!(
            "There is no TextGrid of \"{}\" in their folder.",
            wordless.story
        ));
    }
    Ok(vec![
        set("word rate", FeatureKind::WordRate, &folder),
        set("phoneme rate", FeatureKind::PhonemeRate, &folder),
    ])
}

fn position() -> FeatureSet {
    set("position", FeatureKind::Position, Path::new(""))
}

fn set(name: &str, kind: FeatureKind, folder: &Path) -> FeatureSet {
    FeatureSet {
        name: name.into(),
        kind,
        folder: folder.to_path_buf(),
        layer: None,
        empty_labels: crate::fmri::textgrid::EmptyLabels::default(),
    }
}

/// The recipe's feature sets, with speech encoders replaced by their untrained counterparts.
fn untrained_sets(run: &Run) -> Result<Vec<FeatureSet>, String> {
    let recipe = run.work.recipe;
    let mut n_replaced = 0;
    let replaced = recipe.features.iter().map(|set| {
        let folder = (set.kind == FeatureKind::Features).then(|| {
            let given = recipe.controls.untrained.clone();
            given.or_else(|| beside(&set.folder))
        });
        match folder.flatten() {
            Some(folder) if folder.is_dir() => {
                n_replaced += 1;
                FeatureSet {
                    folder,
                    ..set.clone()
                }
            }
            _ => set.clone(),
        }
    });
    let sets: Vec<FeatureSet> = replaced.collect();
    if n_replaced == 0 {
        return Err(
            "There are no features of an untrained network. Make an untrained copy of the model, extract its \
             features \
             with the same settings into the same folder, and fit again."
                .into(),
        );
    }
    Ok(sets)
}

fn beside(folder: &Path) -> Option<PathBuf> {
    let name = folder.file_name()?.to_str()?;
    Some(folder.with_file_name(format!("{name}{UNTRAINED}")))
}

impl<T: Readable, C> Sample<T, C> {
    /// The quarter of the voxels with the best validation scores.
    fn best_in_rounds(&self) -> Vec<usize> {
        let score = |voxel: &usize| {
            let score = self.scores[*voxel].get(Column::RoundScore);
            if score.is_finite() {
                score
            } else {
                f64::NEG_INFINITY
            }
        };
        let mut order: Vec<usize> = (0..self.scores.len()).collect();
        order.sort_by(|a, b| score(b).total_cmp(&score(a)));
        order.truncate(order.len().div_ceil(4));
        order
    }
}
