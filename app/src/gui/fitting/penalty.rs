//! The penalties that are tried, and the scans that they are chosen on.

use heschl_core::linear::split::{CrossValidation, HeldChunks};
use heschl_core::run::recipe::Alphas;

use crate::gui::text::thousands;

/// The α that are tried: evenly on a logarithmic scale.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct AlphaRange {
    /// The smallest one.
    pub(crate) smallest: f64,
    /// The largest one.
    pub(crate) largest: f64,
    /// How many.
    pub(crate) count: usize,
}

impl AlphaRange {
    /// That of a recipe; `None` for a list.
    #[must_use]
    pub(crate) fn of(alphas: &Alphas) -> Option<Self> {
        match *alphas {
            Alphas::LogSpace {
                logspace: (first, last, count),
            } => Some(Self {
                smallest: 10_f64.powf(first),
                largest: 10_f64.powf(last),
                count,
            }),
            Alphas::List(_) => None,
        }
    }

    /// As a recipe has them.
    #[must_use]
    pub(crate) fn alphas(self) -> Alphas {
        Alphas::LogSpace {
            logspace: (self.smallest.log10(), self.largest.log10(), self.count),
        }
    }

    /// # Errors
    /// A sentence, if no fit can be made with them.
    pub(crate) fn check(self) -> Result<(), String> {
        check_alpha(self.smallest)?;
        check_alpha(self.largest)?;
        check_count(self.count as f64)?;
        if self.largest <= self.smallest {
            return Err("The largest α must be larger than the smallest one.".into());
        }
        Ok(())
    }
}

/// # Errors
/// A sentence, if that is no α.
pub(crate) fn check_alpha(alpha: f64) -> Result<(), String> {
    let is_good = (1e-6..=1e9).contains(&alpha);
    is_good
        .then_some(())
        .ok_or_else(|| "α must be between 0.000001 and 1000000000.".to_string())
}

/// # Errors
/// A sentence, if that is not a number of α.
pub(crate) fn check_count(count: f64) -> Result<(), String> {
    let is_good = (2.0..=100.0).contains(&count) && count.fract() == 0.0;
    is_good
        .then_some(())
        .ok_or_else(|| "The number of α values must be a whole number from 2 to 100.".to_string())
}

/// How training scans are held out to choose an α: in chunks, as the presets do.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct HeldOut {
    /// Rounds.
    pub(crate) n_rounds: usize,
    /// Scans of a chunk.
    pub(crate) chunk_scans: usize,
    /// Chunks held out in a round.
    pub(crate) chunks: HeldChunks,
}

impl HeldOut {
    /// That of a recipe; `None` if it holds out folds or stories.
    #[must_use]
    pub(crate) fn of(cross_validation: CrossValidation) -> Option<Self> {
        match cross_validation {
            CrossValidation::ChunkBootstrap {
                n_rounds,
                chunk_scans,
                chunks,
            } => Some(Self {
                n_rounds,
                chunk_scans,
                chunks,
            }),
            CrossValidation::KFold { .. } | CrossValidation::LeaveOneStoryOut => None,
        }
    }

    /// As a recipe has it.
    #[must_use]
    pub(crate) fn method(self) -> CrossValidation {
        CrossValidation::ChunkBootstrap {
            n_rounds: self.n_rounds,
            chunk_scans: self.chunk_scans,
            chunks: self.chunks,
        }
    }

    /// # Errors
    /// A sentence, if so many training scans cannot be held out so.
    pub(crate) fn check(self, n_scans: usize) -> Result<(), String> {
        // One round is refused where all are.
        let one = Self {
            n_rounds: self.n_rounds.min(1),
            ..self
        };
        let held_out = one.method().rounds(&[n_scans], 0);
        held_out.map(drop).map_err(|error| {
            format!(
                "{} training scans are too few to hold out chunks of {} scans. {error}",
                thousands(n_scans),
                thousands(self.chunk_scans)
            )
        })
    }

    /// What suits so many training scans: a quarter of them, in chunks as long as the preset's, or shorter ones; `None` if they
    /// are too few for any.
    #[must_use]
    pub(crate) fn suited_to(self, n_scans: usize) -> Option<Self> {
        let suits = |chunk_scans: usize| Self {
            chunk_scans,
            chunks: HeldChunks::Quarter,
            ..self
        };
        let shorter = (1..=self.chunk_scans).rev().map(suits);
        shorter
            .filter(|held_out| {
                held_out.chunks.count(n_scans, held_out.chunk_scans) >= FEWEST_CHUNKS
            })
            .chain((1..=self.chunk_scans).rev().map(suits))
            .find(|held_out| held_out.check(n_scans).is_ok())
    }
}

/// Fewer chunks than this would make the choice of α a matter of luck.
const FEWEST_CHUNKS: usize = 2;

#[cfg(test)]
mod tests {
    use heschl_core::run::recipe::Preset;

    use super::*;

    #[test]
    fn what_is_held_out_is_suited_to_few_scans_and_can_be_done() {
        for preset in Preset::ALL {
            let usual = HeldOut::of(preset.ridge().cross_validation).unwrap();
            for n_scans in [8, 20, 47, 79, 100, 400, 9_000] {
                let suited = usual.suited_to(n_scans).unwrap();
                suited.check(n_scans).unwrap();
                // The fit itself takes it.
                let rounds = suited.method().rounds(&[n_scans], 0).unwrap();
                assert_eq!(rounds.len(), usual.n_rounds);
                assert!(suited.chunk_scans <= usual.chunk_scans);
            }
            let short = usual.check(1).unwrap_err();
            assert!(short.starts_with("1 training scans are too few"), "{short}");
            assert_eq!(usual.suited_to(2), None);
        }
    }
}
