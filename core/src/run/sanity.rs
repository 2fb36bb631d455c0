//! Sanity checks of encoding scores on a sample of voxels, and checks for data leakage.

use ndarray::{Array1, Array2, ArrayView2, Axis, s};
use serde::{Deserialize, Serialize};

use crate::maths::matrix::{product, vstack};

/// Scans whose voxel patterns correlate more strongly than this are duplicates.
const SAME_SCAN_R: f64 = 0.999;
/// A diagonal this many robust standard deviations above the others indicates a repeated story.
const STANDS_OUT: f64 = 7.0;
/// Smallest lag-1 autocorrelation of scans in temporal order.
const SMALLEST_AUTOCORRELATION: f64 = 0.05;
/// Smallest median r for voxels to count as predicted, such as those with an injected signal.
const FOUND_R: f64 = 0.1;
/// Fewest voxels for which patterns are compared.
const FEWEST_VOXELS: usize = 20;
/// Fewest scans for which a check is run.
const FEWEST_SCANS: usize = 20;

/// The result of a sanity check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// Name of the check, phrased as what should hold.
    pub name: String,
    /// Outcome.
    pub verdict: Verdict,
    /// The statistics in a sentence, with advice if the check failed.
    pub finding: String,
}

/// The outcome of a sanity check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// No anomaly was found.
    Passed,
    /// The scores should not be trusted until this is explained.
    Failed,
    /// The data were insufficient for the check.
    Skipped,
}

impl Check {
    fn new(name: &str, verdict: Verdict, finding: String) -> Self {
        Self {
            name: name.into(),
            verdict,
            finding,
        }
    }

    fn skipped(name: &str, why: &str) -> Self {
        Self::new(name, Verdict::Skipped, why.into())
    }

    fn of(name: &str, is_good: bool, finding: String) -> Self {
        let verdict = if is_good {
            Verdict::Passed
        } else {
            Verdict::Failed
        };
        Self::new(name, verdict, finding)
    }
}

/// Checks whether test scans, or the test story under another name, are among the training scans.
///
/// `training` and `test`: responses `(n_scans, n_voxels)` of the same voxels.
#[must_use]
pub fn test_in_training(training: ArrayView2<f64>, test: ArrayView2<f64>) -> Check {
    const NAME: &str = "No test scan is in the training set";
    if let Some(skipped) = too_little(NAME, &[training, test]) {
        return skipped;
    }
    let similarity = pattern_correlation(test, training);
    let same = |row: ndarray::ArrayView1<f64>| row.iter().any(|r| *r > SAME_SCAN_R);
    let n_same = similarity
        .rows()
        .into_iter()
        .filter(|row| same(*row))
        .count();
    if n_same > 0 {
        return Check::of(
            NAME,
            false,
            format!(
                "{n_same} of {} test scans have the same pattern as a training scan. The model knows their answers: take them out of \
                 the training.",
                test.nrows()
            ),
        );
    }
    let (furthest, offset) = most_outstanding_diagonal(&similarity);
    Check::of(
        NAME,
        furthest < STANDS_OUT,
        if furthest < STANDS_OUT {
            "No test scan equals a training scan, and no stretch of the training follows the course of the test.".into()
        } else {
            format!(
                "The training scans from {} on follow the course of the test ({furthest:.0} deviations above any other stretch). It looks \
                 like the same story, heard once more: leave it out of the training.",
                offset.max(0)
            )
        },
    )
}

/// Checks whether temporal neighbours of test scans are among the training scans, as after splitting scans at random.
///
/// `training` and `test`: responses `(n_scans, n_voxels)` of the same voxels, training scans in temporal order.
#[must_use]
pub fn neighbours_in_training(training: ArrayView2<f64>, test: ArrayView2<f64>) -> Check {
    const NAME: &str = "No test scan is adjacent to training scans";
    if let Some(skipped) = too_little(NAME, &[training, test]) {
        return skipped;
    }
    // Baseline: similarity between two halves of the training data, with a gap so that no scans are neighbours.
    let half = training.nrows() / 2;
    let gap = 10.min(half / 4);
    let early = training.slice(s![..half - gap, ..]);
    let late = training.slice(s![half + gap.., ..]);
    let usual = nearest(late, early);
    let found = nearest(test, training);
    let (usual_mean, usual_deviation) = mean_and_deviation(&usual);
    let (found_mean, _) = mean_and_deviation(&found);
    // A standard deviation of the baseline and a margin of 0.05 are tolerated.
    let is_good = found_mean < usual_mean + usual_deviation + 0.05;
    Check::of(
        NAME,
        is_good,
        format!(
            "The training scan most like a test scan correlates {found_mean:.2} with it on average; between distant parts of the \
             training it is {usual_mean:.2}.{}",
            if is_good {
                ""
            } else {
                " Scans seem to have been divided at random, one by one. Divide by story."
            }
        ),
    )
}

/// Checks whether scans are in temporal order: neighbouring scans correlate in all BOLD data.
///
/// `stories`: responses `(n_scans, n_voxels)` of each story.
#[must_use]
pub fn in_order_of_time(stories: &[(String, Array2<f64>)]) -> Check {
    const NAME: &str = "Scans are in temporal order";
    let long = stories
        .iter()
        .filter(|(_, story)| story.nrows() >= FEWEST_SCANS);
    let all: Vec<(&str, f64)> = long
        .map(|(name, story)| (name.as_str(), autocorrelation(story.view())))
        .filter(|(_, r)| r.is_finite())
        .collect();
    let Some((least_name, least)) = all.iter().min_by(|a, b| a.1.total_cmp(&b.1)) else {
        return Check::skipped(NAME, "No story has 20 scans.");
    };
    Check::of(
        NAME,
        *least >= SMALLEST_AUTOCORRELATION,
        if *least >= SMALLEST_AUTOCORRELATION {
            format!("Neighbouring scans correlate {least:.2} or more in every story.")
        } else {
            format!(
                "Neighbouring scans of \"{least_name}\" correlate {least:.2}. In recordings of blood flow they always resemble each \
                 other: its scans seem to have been shuffled."
            )
        },
    )
}

/// Checks whether responses were z-scored over training and test data together.
///
/// `training` and `test`: all scans in the files, before trimming, `(n_scans, n_voxels)`.
#[must_use]
pub fn normalised_apart(training: ArrayView2<f64>, test: ArrayView2<f64>) -> Check {
    const NAME: &str = "Training and test sets were normalised separately";
    if training.nrows() < FEWEST_SCANS || test.is_empty() {
        return Check::skipped(NAME, "There are too few scans.");
    }
    let is_joint = |voxel: usize| {
        let (training, test) = (training.column(voxel), test.column(voxel));
        let n = (training.len() + test.len()) as f64;
        let mean = (training.sum() + test.sum()) / n;
        let squares = training
            .iter()
            .chain(test)
            .map(|value| (value - mean).powi(2));
        let variance = squares.sum::<f64>() / n;
        let apart = training.mean().unwrap_or(0.0) - test.mean().unwrap_or(0.0);
        // The variance tolerance covers both n and n − 1 as divisor; unequal means exclude data z-scored separately.
        mean.abs() < 1e-4 && (variance - 1.0).abs() < 2.0 / n && apart.abs() > 2e-3
    };
    let n_voxels = training.ncols();
    let n_joint = (0..n_voxels).filter(|voxel| is_joint(*voxel)).count();
    let is_good = n_joint * 2 < n_voxels;
    Check::of(
        NAME,
        is_good,
        if is_good {
            "Responses do not have mean 0 and variance 1 over training and test together.".into()
        } else {
            format!(
                "{n_joint} of {n_voxels} voxels have mean 0 and variance 1 over training and test together, but not in either: they \
                 were z-scored over both, so that the training knows the test's mean. Z-score each story by itself."
            )
        },
    )
}

/// Checks that the median r of fits to block-shuffled training responses is about 0, given one median per shuffle.
#[must_use]
pub fn shuffled_is_null(medians: &[f64]) -> Check {
    const NAME: &str = "Shuffled responses are not predicted";
    let n = medians.len();
    if n < 3 {
        return Check::skipped(NAME, "There were too few shuffles.");
    }
    let (mean, deviation) = mean_and_deviation(medians);
    let error = deviation / (n as f64).sqrt();
    // Student's t with 9 degrees of freedom (10 shuffles) has |t| < 4.3 in 99.8 % of cases; 1e-3 is an absolute tolerance.
    let is_good = mean.abs() <= 4.3 * error + 1e-3;
    Check::of(
        NAME,
        is_good,
        format!(
            "With the training responses shuffled in blocks the median r is {mean:.4} ± {:.4} (two standard errors of {n} shuffles).{}",
            2.0 * error,
            if is_good {
                ""
            } else {
                " It should be 0: something else than the stimulus is predicted."
            }
        ),
    )
}

/// Checks whether predictions shifted by more than 30 s still correlate with the responses, as slow drifts would cause.
///
/// * `at_zero`: median r of the best voxels; `moved`: the same with shifted predictions.
#[must_use]
pub fn moved_is_null(at_zero: f64, moved: f64) -> Check {
    const NAME: &str = "Predictions shifted by at least 30 s do not match";
    if at_zero.is_nan() || moved.is_nan() || at_zero < 0.1 {
        return Check::skipped(
            NAME,
            "The best voxels of the sample are not predicted well enough (median r below 0.1).",
        );
    }
    let is_good = moved < at_zero / 2.0;
    Check::of(
        NAME,
        is_good,
        format!(
            "The best voxels of the sample have a median r of {at_zero:.3}, and {moved:.3} with the predictions moved.{}",
            if is_good {
                ""
            } else {
                " Slow changes carry the score, not what is heard when. Detrend the responses."
            }
        ),
    )
}

/// Checks whether a signal injected into simulated responses is recovered by the same steps.
///
/// * `median_r`: of the voxels with signal; `reachable_r`: of a perfect model.
#[must_use]
pub fn injected_signal_is_found(median_r: f64, reachable_r: f64) -> Check {
    const NAME: &str = "An injected signal is recovered";
    let is_good = median_r > FOUND_R;
    Check::of(
        NAME,
        is_good,
        format!(
            "Responses simulated from these features, half of them noise, are predicted with a median r of {median_r:.3}; a perfect \
             model would reach {reachable_r:.3}.{}",
            if is_good {
                ""
            } else {
                " With so few scans or so large a penalty no signal can be found: an r of 0 says nothing about the brain."
            }
        ),
    )
}

/// Nuisance features: simple descriptors of the stimulus with which features are compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nuisance {
    /// Names of the feature sets as they appear in a sentence: `spectrogram, sound level and position`.
    pub names: String,
    /// The kinds that were available, of `words`, `sound` and `position`.
    pub kinds: Vec<&'static str>,
    /// Comparisons that were skipped, with the reason, one sentence each.
    pub untested: Vec<String>,
}

impl Nuisance {
    /// Title of the check, restricted to the available kinds.
    fn title(&self) -> String {
        let verb = if self.kinds.len() == 1 { "does" } else { "do" };
        let kinds = match &self.kinds[..] {
            [] => "other things".to_string(),
            [only] => (*only).to_string(),
            [first @ .., last] => format!("{} and {last}", first.join(", ")),
        };
        format!("The features predict what {kinds} {verb} not")
    }
}

/// Title of the check if no kind is available.
const NUISANCE: &str = "The features predict what words, sound and position do not";
const SPECTROGRAM: &str = "The spectrogram predicts some voxels";
const UNTRAINED: &str = "The network's training matters";

/// Checks whether the features predict responses beyond what nuisance features explain.
///
/// * `medians`: median r of the features, median r of the nuisance features, and the median partial correlation of the
///   features given the nuisance features.
/// * `moved`: null distribution of that partial correlation, from predictions shifted by more than 30 s.
#[must_use]
pub fn adds_to_nuisance(
    compared: &Nuisance,
    [features, nuisance, unique]: [f64; 3],
    moved: &[f64],
) -> Check {
    let title = compared.title();
    let moved: Vec<f64> = moved.iter().copied().filter(|r| r.is_finite()).collect();
    if moved.len() < 5 || !unique.is_finite() {
        return Check::skipped(&title, "The test is too short to be moved against itself.");
    }
    if features.is_nan() || features < FOUND_R {
        return Check::skipped(
            &title,
            "The best voxels of the sample are not predicted well enough (median r below 0.1).",
        );
    }
    let n_as_large = moved.iter().filter(|r| **r >= unique).count();
    // One-sided p ≤ 0.05.
    let is_good = unique > 0.0 && n_as_large * 20 <= moved.len();
    let mut finding = format!(
        "In the best voxels of the sample the features reach a median r of {features:.3}; {} alone reach {nuisance:.3}, and given these \
         the features' partial correlation is {unique:.3}.",
        compared.names
    );
    if !is_good {
        finding += " It is not beyond chance: what these features predict, simpler descriptions of the stimulus predict as well.";
    }
    for sentence in &compared.untested {
        finding += " ";
        finding += sentence;
    }
    Check::of(&title, is_good, finding)
}

/// Returns a skipped check, with the reason.
#[must_use]
pub fn nuisance_left_out(why: &str) -> Check {
    Check::skipped(NUISANCE, why)
}

/// Checks whether acoustic features alone predict some of the voxels, as they do in auditory cortex whenever subjects
/// listen.
///
/// * `n_found` of `n_voxels` voxels are significant; the best one has the correlation `best_r`.
#[must_use]
pub fn sound_is_heard(n_found: usize, n_voxels: usize, best_r: f64) -> Check {
    Check::of(
        SPECTROGRAM,
        n_found > 0,
        format!(
            "Spectrogram and level of the sound alone predict {n_found} of the {n_voxels} voxels of the sample beyond chance; the best \
             one with r = {best_r:.3}.{}",
            if n_found > 0 {
                ""
            } else {
                " In people who listen some should follow the sound: look whether recordings, scan times and responses belong \
                 together, and whether auditory cortex was scanned."
            }
        ),
    )
}

/// Returns a skipped check, with the reason.
#[must_use]
pub fn spectrogram_left_out(why: &str) -> Check {
    Check::skipped(SPECTROGRAM, why)
}

/// Checks whether features of the trained network predict better than those of an untrained one of the same architecture.
///
/// Both arguments are the median r over the sample's best voxels by validation score.
#[must_use]
pub fn training_matters(trained: f64, untrained: f64) -> Check {
    if trained.is_nan() || untrained.is_nan() || trained < FOUND_R {
        return Check::skipped(
            UNTRAINED,
            "The best voxels of the sample are not predicted well enough (median r below 0.1).",
        );
    }
    let is_good = trained > untrained;
    Check::of(
        UNTRAINED,
        is_good,
        format!(
            "In the best voxels of the sample the features reach a median r of {trained:.3}; those of an untrained network of the same \
             shape {untrained:.3}.{}",
            if is_good {
                ""
            } else {
                " What the network has learned does not help: the score comes from its shape and the sound."
            }
        ),
    )
}

/// Returns a skipped check, with the reason.
#[must_use]
pub fn untrained_left_out(why: &str) -> Check {
    Check::skipped(UNTRAINED, why)
}

fn too_little(name: &str, all: &[ArrayView2<f64>]) -> Option<Check> {
    let is_small =
        |one: &ArrayView2<f64>| one.nrows() < FEWEST_SCANS || one.ncols() < FEWEST_VOXELS;
    all.iter()
        .any(is_small)
        .then(|| Check::skipped(name, "There are fewer than 20 scans or 20 voxels."))
}

/// Correlation over voxels of each row of `a` with each row of `b`.
fn pattern_correlation(a: ArrayView2<f64>, b: ArrayView2<f64>) -> Array2<f64> {
    let [a, b] = unit_patterns(a, b);
    product(a.view(), b.t())
}

/// Rows of both as voxel patterns of unit length, whose inner products are correlations.
fn unit_patterns(a: ArrayView2<f64>, b: ArrayView2<f64>) -> [Array2<f64>; 2] {
    // Without the common mean pattern, which would make all scans similar.
    let both = vstack(&[a, b]);
    let common = both.mean_axis(Axis(0)).unwrap_or_default();
    [a, b].map(|rows| unit_rows(&(&rows - &common)))
}

fn unit_rows(rows: &Array2<f64>) -> Array2<f64> {
    let mut rows = rows.mapv(|value| if value.is_finite() { value } else { 0.0 });
    for mut row in rows.rows_mut() {
        let mean = row.mean().unwrap_or(0.0);
        row -= mean;
        let length = row.dot(&row).sqrt();
        if length > 0.0 {
            row /= length;
        }
    }
    rows
}

/// Deviation of the most prominent diagonal from the median, in robust standard deviations, and the training scan at which
/// it begins.
fn most_outstanding_diagonal(similarity: &Array2<f64>) -> (f64, isize) {
    let (n_test, n_training) = similarity.dim();
    let (n_test, n_training) = (n_test as isize, n_training as isize);
    let mean = |offset: isize| {
        let first = 0.max(-offset);
        let end = n_test.min(n_training - offset);
        if (end - first) * 2 < n_test {
            return None;
        }
        let sum: f64 = (first..end)
            .map(|row| similarity[(row as usize, (row + offset) as usize)])
            .sum();
        // The standard error of a mean over a diagonal falls with its length: scaling makes diagonals comparable.
        Some((sum / (end - first) as f64) * ((end - first) as f64).sqrt())
    };
    let all: Vec<(f64, isize)> = (-n_test..n_training)
        .filter_map(|offset| mean(offset).map(|mean| (mean, offset)))
        .collect();
    let centre = median(all.iter().map(|(mean, _)| *mean));
    // 1.4826 × the median absolute deviation estimates a normal standard deviation.
    let spread = 1.4826 * median(all.iter().map(|(mean, _)| (mean - centre).abs()));
    let largest = all.iter().max_by(|a, b| a.0.total_cmp(&b.0));
    largest.map_or((0.0, 0), |(mean, offset)| {
        ((mean - centre) / spread.max(f64::MIN_POSITIVE), *offset)
    })
}

/// For each row of `rows` its largest correlation with a row of `others`.
fn nearest(rows: ArrayView2<f64>, others: ArrayView2<f64>) -> Vec<f64> {
    /// Rows per block: the full correlation matrix of a long study would take gigabytes.
    const ROWS: usize = 512;
    let [rows, others] = unit_patterns(rows, others);
    let most = |row: ndarray::ArrayView1<f64>| row.iter().copied().fold(-1.0, f64::max);
    rows.axis_chunks_iter(Axis(0), ROWS)
        .flat_map(|rows| product(rows, others.t()).map_axis(Axis(1), most))
        .collect()
}

/// Lag-1 autocorrelation, averaged over voxels.
fn autocorrelation(story: ArrayView2<f64>) -> f64 {
    let of = |column: ndarray::ArrayView1<f64>| {
        let centred: Array1<f64> = &column - column.mean().unwrap_or(0.0);
        let n = centred.len();
        let products = centred.slice(s![..n - 1]).dot(&centred.slice(s![1..]));
        products / centred.dot(&centred)
    };
    let all: Vec<f64> = story
        .columns()
        .into_iter()
        .map(of)
        .filter(|r| r.is_finite())
        .collect();
    all.iter().sum::<f64>() / all.len() as f64
}

/// Returns the median of the finite values; NaN if there are none.
#[must_use]
pub fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut finite: Vec<f64> = values.filter(|value| value.is_finite()).collect();
    finite.sort_by(f64::total_cmp);
    let n = finite.len();
    match n {
        0 => f64::NAN,
        _ => f64::midpoint(finite[(n - 1) / 2], finite[n / 2]),
    }
}

fn mean_and_deviation(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares = values
        .iter()
        .map(|value| (value - mean).powi(2))
        .sum::<f64>();
    (mean, (squares / (n - 1.0).max(1.0)).sqrt())
}
