//! Splits of training and test data, and validation splits, by story or contiguous run, never by single scans.

use std::ops::Range;

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use crate::maths::random::PythonRandom;

/// Features of the training set, the only source of means, penalties and weights.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainingFeatures(pub Array2<f64>);

/// Features of the held-out test set, which no choice may depend on.
#[derive(Debug, Clone, PartialEq)]
pub struct TestFeatures(pub Array2<f64>);

/// Cross-validation scheme that selects α on the training scans.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "method", rename_all = "snake_case", deny_unknown_fields)]
pub enum CrossValidation {
    /// As published: in each round the scans are cut into chunks, the chunks are shuffled, and the first ones are held out.
    ChunkBootstrap {
        /// Number of rounds.
        n_rounds: usize,
        /// Scans per chunk.
        chunk_scans: usize,
        /// Chunks held out per round.
        chunks: HeldChunks,
    },
    /// Contiguous folds, each held out once.
    KFold {
        /// Number of folds.
        n_folds: usize,
    },
    /// Each training story held out once.
    LeaveOneStoryOut,
}

/// Number of chunks held out per round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HeldChunks {
    /// A fixed number.
    Count(usize),
    /// ⌊0.25 · n / chunk⌋: a quarter of the scans, as in Scaling laws 2023.
    Quarter,
    /// ⌈n / 5 / chunk⌉: a fifth of the scans, as in semantic decoding 2023.
    Fifth,
}

impl HeldChunks {
    /// Returns the number of chunks for `n_scans` scans.
    #[must_use]
    pub fn count(self, n_scans: usize, chunk_scans: usize) -> usize {
        let (n, chunk) = (n_scans as f64, chunk_scans.max(1) as f64);
        match self {
            Self::Count(count) => count,
            Self::Quarter => (0.25 * n / chunk).floor() as usize,
            Self::Fifth => (n / 5.0 / chunk).ceil() as usize,
        }
    }
}

/// Errors of [`CrossValidation::rounds`].
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "each variant's message says what its fields are"
)]
pub enum SplitError {
    #[error(
        "{n_scans} training scans hold {n_chunks} chunks of {chunk_scans}, of which {n_held} should be held out: nothing would \
         be left to train on. Add stories, or hold out a quarter of the scans (chunks = \"quarter\" in \
         [encode.ridge.cross_validation])."
    )]
    NothingLeft {
        n_scans: usize,
        n_chunks: usize,
        chunk_scans: usize,
        n_held: usize,
    },
    #[error("The number of {0} is 0. It must be at least 1.")]
    Zero(&'static str),
    #[error(
        "Each of the {n_folds} folds needs a scan at least, and two folds are the fewest; there are {n_scans} training scans."
    )]
    Folds { n_folds: usize, n_scans: usize },
    #[error(
        "To leave one story out, there must be at least two training stories; there is {0}. Choose chunks or folds instead."
    )]
    OneStory(usize),
}

impl CrossValidation {
    /// Returns the rows held out in each round, in the order of the published code.
    ///
    /// `story_scans`: number of training scans of each story; `seed`: as passed to Python's `random.seed` before the fit.
    ///
    /// # Errors
    /// Returns a [`SplitError`] if the held-out rows or the training rows would be empty.
    pub fn rounds(self, story_scans: &[usize], seed: u64) -> Result<Vec<Vec<usize>>, SplitError> {
        let n_scans: usize = story_scans.iter().sum();
        match self {
            Self::ChunkBootstrap {
                n_rounds,
                chunk_scans,
                chunks,
            } => {
                let n_asked = chunks.count(n_scans, chunk_scans);
                check_chunks(n_scans, n_rounds, chunk_scans, n_asked)?;
                // With fewer chunks than requested, the published code holds out all of them and trains on the remaining
                // scans after the last one.
                let n_held = n_asked.min(n_scans / chunk_scans);
                Ok(chunk_bootstrap(
                    n_scans,
                    n_rounds,
                    chunk_scans,
                    n_held,
                    seed,
                ))
            }
            Self::KFold { n_folds } => {
                if n_folds < 2 || n_folds > n_scans {
                    return Err(SplitError::Folds { n_folds, n_scans });
                }
                let border = |fold: usize| fold * n_scans / n_folds;
                let folds = (0..n_folds).map(|fold| border(fold)..border(fold + 1));
                Ok(folds.map(Iterator::collect).collect())
            }
            Self::LeaveOneStoryOut => {
                if story_scans.len() < 2 {
                    return Err(SplitError::OneStory(story_scans.len()));
                }
                Ok(story_rows(story_scans).map(Iterator::collect).collect())
            }
        }
    }

    /// Returns a warning if chunks are so short that neighbouring scans on both sides of the split inflate the validation
    /// scores.
    #[must_use]
    pub fn warning(self, n_scans: usize) -> Option<SplitWarning> {
        match self {
            Self::ChunkBootstrap {
                chunk_scans,
                chunks: HeldChunks::Count(n_held),
                ..
            } if chunk_scans > 0 && n_held > n_scans / chunk_scans => {
                Some(SplitWarning::AllChunksHeld {
                    n_held,
                    chunk_scans,
                    n_scans,
                })
            }
            Self::ChunkBootstrap { chunk_scans, .. } if chunk_scans < SMOOTH_SCANS => {
                Some(SplitWarning::ShortChunks { chunk_scans })
            }
            _ => None,
        }
    }
}

/// Scans over which responses and features are smooth: the haemodynamic response at the usual TR of 2 s.
const SMOOTH_SCANS: usize = 10;

/// Why a cross-validation is unfavourable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SplitWarning {
    /// More chunks are to be held out than there are, so that all of them are.
    AllChunksHeld {
        /// Chunks to hold out.
        n_held: usize,
        /// Scans of a chunk.
        chunk_scans: usize,
        /// Training scans.
        n_scans: usize,
    },
    /// Held-out scans are partly known from their neighbours.
    ShortChunks {
        /// Scans of a chunk.
        chunk_scans: usize,
    },
}

/// Row ranges of the stories.
fn story_rows(story_scans: &[usize]) -> impl Iterator<Item = Range<usize>> {
    story_scans.iter().scan(0, |first, n_scans| {
        let rows = *first..*first + n_scans;
        *first = rows.end;
        Some(rows)
    })
}

fn check_chunks(
    n_scans: usize,
    n_rounds: usize,
    chunk_scans: usize,
    n_held: usize,
) -> Result<(), SplitError> {
    let named = [
        ("rounds", n_rounds),
        ("scans per chunk", chunk_scans),
        ("chunks held out", n_held),
    ];
    if let Some((name, _)) = named.into_iter().find(|(_, value)| *value == 0) {
        return Err(SplitError::Zero(name));
    }
    let n_chunks = n_scans / chunk_scans;
    if n_chunks == 0 || n_held.min(n_chunks) * chunk_scans == n_scans {
        return Err(SplitError::NothingLeft {
            n_scans,
            n_chunks,
            chunk_scans,
            n_held,
        });
    }
    Ok(())
}

/// An incomplete last chunk is never held out.
fn chunk_bootstrap(
    n_scans: usize,
    n_rounds: usize,
    chunk_scans: usize,
    n_held: usize,
    seed: u64,
) -> Vec<Vec<usize>> {
    let mut random = PythonRandom::new(seed);
    let round = |_| {
        let mut chunks: Vec<usize> = (0..n_scans / chunk_scans).collect();
        random.shuffle(&mut chunks);
        let rows = |chunk: &usize| chunk * chunk_scans..(chunk + 1) * chunk_scans;
        chunks[..n_held].iter().flat_map(rows).collect()
    };
    (0..n_rounds).map(round).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folds_and_stories_hold_each_scan_out_once() {
        for method in [
            CrossValidation::KFold { n_folds: 3 },
            CrossValidation::LeaveOneStoryOut,
        ] {
            let mut held = method.rounds(&[4, 3, 3], 0).unwrap().concat();
            held.sort_unstable();
            assert_eq!(held, (0..10).collect::<Vec<_>>());
        }
        let stories = CrossValidation::LeaveOneStoryOut
            .rounds(&[2, 1], 0)
            .unwrap();
        assert_eq!(stories, [vec![0, 1], vec![2]]);
    }

    #[test]
    fn the_presets_hold_out_what_the_papers_say() {
        assert_eq!(HeldChunks::Quarter.count(33_000, 20), 412);
        assert_eq!(HeldChunks::Fifth.count(27_449, 40), 138);
        assert_eq!(HeldChunks::Count(125).count(9_000, 40), 125);
    }

    #[test]
    fn what_leaves_nothing_is_refused_with_a_sentence() {
        let chunks = |n_rounds, chunk_scans, count| CrossValidation::ChunkBootstrap {
            n_rounds,
            chunk_scans,
            chunks: HeldChunks::Count(count),
        };
        for (method, sentence) in [
            (
                chunks(1, 50, 125),
                "300 training scans hold 6 chunks of 50, of which 125",
            ),
            (chunks(1, 400, 1), "300 training scans hold 0 chunks"),
            (chunks(0, 40, 1), "number of rounds is 0"),
            (chunks(1, 0, 1), "number of scans per chunk is 0"),
            (chunks(1, 40, 0), "number of chunks held out is 0"),
            (
                CrossValidation::KFold { n_folds: 301 },
                "two folds are the fewest",
            ),
            (CrossValidation::LeaveOneStoryOut, "there is 1"),
        ] {
            let error = method.rounds(&[300], 0).unwrap_err().to_string();
            assert!(error.contains(sentence), "{error}");
        }
        let warning = |method: CrossValidation| method.warning(300);
        assert_eq!(
            warning(chunks(1, 1, 5)),
            Some(SplitWarning::ShortChunks { chunk_scans: 1 })
        );
        assert_eq!(warning(chunks(1, 20, 5)), None);
    }

    /// The published code takes the first 125 shuffled chunks, which are all of them if there are fewer.
    #[test]
    fn where_chunks_are_fewer_than_asked_for_all_are_held_out_and_it_is_told() {
        let method = CrossValidation::ChunkBootstrap {
            n_rounds: 2,
            chunk_scans: 40,
            chunks: HeldChunks::Count(125),
        };
        for mut round in method.rounds(&[200, 103], 0).unwrap() {
            round.sort_unstable();
            assert_eq!(round, (0..280).collect::<Vec<_>>());
        }
        let expected = SplitWarning::AllChunksHeld {
            n_held: 125,
            chunk_scans: 40,
            n_scans: 303,
        };
        assert_eq!(method.warning(303), Some(expected));
        assert_eq!(method.warning(5_000), None);
    }
}
