//! Valid ranges of all user-supplied numbers, checked when they are read, before any computation or allocation.

use super::{Alphas, EncodeRecipe, ScansRecipe, Trim};
use crate::fmri::downsample::Downsampling;
use crate::linear::split::{CrossValidation, HeldChunks};

/// The valid range of a number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounds {
    /// Name of the quantity as it appears in a sentence: "the repetition time (TR)".
    pub name: &'static str,
    /// Unit with a leading space, or empty.
    pub unit: &'static str,
    /// Smallest valid value.
    pub least: f64,
    /// Largest valid value.
    pub most: f64,
}

impl Bounds {
    const fn new(name: &'static str, unit: &'static str, [least, most]: [f64; 2]) -> Self {
        Self {
            name,
            unit,
            least,
            most,
        }
    }

    /// Checks that a value lies in the range.
    ///
    /// # Errors
    /// Returns a message with the value and the range.
    pub fn check(&self, value: f64) -> Result<(), String> {
        if (self.least..=self.most).contains(&value) {
            return Ok(());
        }
        let Self {
            name,
            unit,
            least,
            most,
        } = self;
        Err(format!(
            "{name} is {value}{unit}; it must be from {least} to {most}{unit}"
        ))
    }

    /// As [`Bounds::check`], for an integer.
    ///
    /// # Errors
    /// As [`Bounds::check`].
    pub fn check_count(&self, count: usize) -> Result<(), String> {
        self.check(count as f64)
    }
}

const DAY_SECS: f64 = 86_400.0;

/// Repetition time.
pub const REPETITION_SECS: Bounds = Bounds::new("the repetition time (TR)", " s", [0.05, 100.0]);
/// Sound onset after the start of the first volume.
pub const SOUND_START_SECS: Bounds = Bounds::new(
    "the sound's start after the first volume",
    " s",
    [-DAY_SECS, DAY_SECS],
);
/// Number of scans of a story.
pub const N_SCANS: Bounds = Bounds::new("the number of scans", "", [2.0, 1_000_000.0]);
/// Number of lobes of a resampling filter.
pub const FILTER_WINDOW: Bounds = Bounds::new("the filter's window", " lobes", [0.1, 100.0]);
/// Cut-off of a resampling filter.
pub const CUTOFF_MULT: Bounds =
    Bounds::new("the filter's cutoff", " times the TR rate", [0.01, 100.0]);
/// Scans trimmed at one end of a story.
pub const TRIM_SCANS: Bounds = Bounds::new("a trim", " scans", [0.0, 1_000_000.0]);
/// A delay of the features.
pub const DELAY_SCANS: Bounds = Bounds::new("a delay", " scans", [-1000.0, 1000.0]);
/// Number of delays.
pub const N_DELAYS: Bounds = Bounds::new("the number of delays", "", [1.0, 100.0]);
/// A ridge α, before squaring.
pub const ALPHA: Bounds = Bounds::new("an α", "", [1e-30, 1e30]);
/// Exponents of α in a logarithmic grid.
pub const ALPHA_POWER: Bounds = Bounds::new("a power of ten of α", "", [-30.0, 30.0]);
/// Number of candidate α.
pub const N_ALPHAS: Bounds = Bounds::new("the number of α", "", [1.0, 1000.0]);
/// Number of bootstrap rounds.
pub const N_ROUNDS: Bounds = Bounds::new("the number of rounds", "", [1.0, 1000.0]);
/// Number of folds.
pub const N_FOLDS: Bounds = Bounds::new("the number of folds", "", [2.0, 1000.0]);
/// Scans per chunk or block.
pub const CHUNK_SCANS: Bounds =
    Bounds::new("the number of scans per chunk", "", [1.0, 1_000_000.0]);
/// Number of chunks held out.
pub const N_CHUNKS: Bounds = Bounds::new("the number of chunks held out", "", [1.0, 1_000_000.0]);
/// Number of columns of a design matrix.
pub const N_COLUMNS: Bounds = Bounds::new("the number of columns", "", [1.0, 100_000.0]);
/// Seed of the random choices in the window, whose number fields are exact up to 2⁵³; files take any 64-bit seed.
pub const SEED: Bounds = Bounds::new("the seed", "", [0.0, 9_007_199_254_740_992.0]);
/// Number of random mixtures of a banded fit.
pub const N_MIXTURES: Bounds = Bounds::new("the number of random mixtures", "", [0.0, 100_000.0]);
/// Number of permutations of test time.
pub const N_PERMUTATIONS: Bounds = Bounds::new("the number of permutations", "", [0.0, 100_000.0]);
/// Number of bootstrap samples of test time.
pub const N_DRAWS: Bounds = Bounds::new(
    "the number of bootstrap samples (n_draws)",
    "",
    [0.0, 10_000.0],
);
/// Scans per block of test time.
pub const BLOCK_SCANS: Bounds = Bounds::new(
    "the number of scans per block of test time",
    "",
    [1.0, 1_000_000.0],
);
/// Level of the false discovery rate.
pub const FDR_LEVEL: Bounds = Bounds::new("the false discovery rate", "", [1e-9, 1.0]);
/// Memory budget.
pub const MEMORY_GIB: Bounds = Bounds::new("the memory to plan for", " GiB", [0.01, 100_000.0]);
/// Number of voxels of a simulated brain.
pub const N_VOXELS: Bounds = Bounds::new("the number of voxels", "", [1.0, 2_000_000.0]);
/// Number of presentations of a test story.
pub const N_PRESENTATIONS: Bounds = Bounds::new("the number of presentations", "", [1.0, 1000.0]);
/// A fraction.
pub const SHARE: Bounds = Bounds::new("a share", "", [0.0, 1.0]);

impl EncodeRecipe {
    /// Checks that every number lies in its range.
    ///
    /// # Errors
    /// Returns a message about the first that does not.
    pub fn check(&self) -> Result<(), String> {
        check_scans(&self.scans)?;
        check_downsampling(self.downsampling)?;
        let design = &self.design;
        for trim in [
            design.trim_train,
            design.trim_test,
            design.trim_responses_train,
            design.trim_responses_test,
        ] {
            let Trim {
                start_scans,
                end_scans,
            } = trim;
            TRIM_SCANS.check_count(start_scans)?;
            TRIM_SCANS.check_count(end_scans)?;
        }
        N_DELAYS.check_count(design.delays.len())?;
        for delay in &design.delays {
            DELAY_SCANS.check(f64::from(*delay))?;
        }
        check_alphas(&self.ridge.alphas)?;
        check_folds(self.ridge.cross_validation)?;
        if let Some(banded) = &self.ridge.banded {
            N_MIXTURES.check_count(banded.n_mixtures)?;
        }
        let scores = &self.scores;
        N_PERMUTATIONS.check_count(scores.n_permutations)?;
        N_DRAWS.check_count(scores.n_draws)?;
        BLOCK_SCANS.check_count(scores.block_scans)?;
        FDR_LEVEL.check(scores.fdr_level)?;
        MEMORY_GIB.check(self.output.memory_gib)
    }
}

fn check_scans(scans: &ScansRecipe) -> Result<(), String> {
    match scans {
        ScansRecipe::Simulated {
            repetition_secs,
            sound_start_secs,
        } => {
            REPETITION_SECS.check(*repetition_secs)?;
            SOUND_START_SECS.check(*sound_start_secs)
        }
        ScansRecipe::Events {
            repetition_secs: Some(repetition_secs),
            ..
        } => REPETITION_SECS.check(*repetition_secs),
        ScansRecipe::Events { .. } | ScansRecipe::Reports { .. } | ScansRecipe::Lists { .. } => {
            Ok(())
        }
    }
}

fn check_downsampling(method: Downsampling) -> Result<(), String> {
    match method {
        Downsampling::Lanczos {
            window,
            cutoff_mult,
            ..
        }
        | Downsampling::Sinc {
            window,
            cutoff_mult,
        } => {
            FILTER_WINDOW.check(window)?;
            CUTOFF_MULT.check(cutoff_mult)
        }
        Downsampling::Mean | Downsampling::Nearest => Ok(()),
    }
}

fn check_alphas(alphas: &Alphas) -> Result<(), String> {
    match alphas {
        Alphas::LogSpace {
            logspace: (first, last, n),
        } => {
            ALPHA_POWER.check(*first)?;
            ALPHA_POWER.check(*last)?;
            N_ALPHAS.check_count(*n)
        }
        Alphas::List(values) => {
            N_ALPHAS.check_count(values.len())?;
            values.iter().try_for_each(|value| ALPHA.check(*value))
        }
    }
}

fn check_folds(method: CrossValidation) -> Result<(), String> {
    match method {
        CrossValidation::ChunkBootstrap {
            n_rounds,
            chunk_scans,
            chunks,
        } => {
            N_ROUNDS.check_count(n_rounds)?;
            CHUNK_SCANS.check_count(chunk_scans)?;
            match chunks {
                HeldChunks::Count(n) => N_CHUNKS.check_count(n),
                HeldChunks::Quarter | HeldChunks::Fifth => Ok(()),
            }
        }
        CrossValidation::KFold { n_folds } => N_FOLDS.check_count(n_folds),
        CrossValidation::LeaveOneStoryOut => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use toml::{Table, Value};

    use crate::linear::split::CrossValidation;
    use crate::run::recipe::EncodeFile;

    const RECIPE: &str = r#"
        [encode]
        preset = "scaling-laws-2023"
        features = [{ name = "m", folder = "m" }]
        responses = { path = "r" }
        stories = { test = ["t"] }
        scans = { source = "simulated", repetition_secs = 2.0, sound_start_secs = 10.0 }
        downsampling = { method = "lanczos", window = 3.0, cutoff_mult = 1.0 }
        output = { folder = "out" }
    "#;

    const WHOLE: [i64; 6] = [0, -1, 1, i64::MAX, i64::MIN, 1 << 40];
    const REAL: [f64; 9] = [
        0.0,
        -1.0,
        1e-300,
        1e300,
        -1e300,
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        1e12,
    ];

    /// Every recipe in which one number is replaced by an extreme value, with that number's name.
    fn extremes(value: &Value) -> Vec<(String, Value)> {
        let of = |key: &str, below: Vec<(String, Value)>, put: &dyn Fn(Value) -> Value| {
            let named = |(name, value)| (format!("{key}.{name}"), put(value));
            below.into_iter().map(named).collect::<Vec<_>>()
        };
        match value {
            Value::Table(table) => table
                .iter()
                .flat_map(|(key, value)| {
                    of(key, extremes(value), &|value| {
                        let mut table = table.clone();
                        table.insert(key.clone(), value);
                        Value::Table(table)
                    })
                })
                .collect(),
            Value::Array(values) => (0..values.len())
                .flat_map(|index| {
                    of(&index.to_string(), extremes(&values[index]), &|value| {
                        let mut values = values.clone();
                        values[index] = value;
                        Value::Array(values)
                    })
                })
                .collect(),
            Value::Integer(_) => WHOLE.map(|n| (n.to_string(), Value::Integer(n))).to_vec(),
            Value::Float(_) => REAL.map(|x| (x.to_string(), Value::Float(x))).to_vec(),
            _ => Vec::new(),
        }
    }

    /// Plans a fit as far as possible before reading data.
    fn plan(text: &str) -> Result<(), String> {
        let recipe = EncodeFile::parse(text)?.encode;
        assert!(recipe.ridge.alphas.values().len() <= 1000);
        assert!(recipe.design.trim_test.total() <= 2_000_000);
        let rounds = recipe
            .ridge
            .cross_validation
            .rounds(&[300, 280], recipe.ridge.seed);
        rounds.map_err(|error| error.to_string())?;
        let _ = recipe.ridge.cross_validation.warning(580);
        Ok(())
    }

    #[test]
    fn no_number_of_a_recipe_reaches_memory_or_a_loop_unchecked() {
        let file = EncodeFile::parse(RECIPE).unwrap();
        let mut recipe: Table = file.to_toml().unwrap().parse().unwrap();
        recipe["encode"]["ridge"].as_table_mut().unwrap().insert(
            "banded".into(),
            Value::Table("n_mixtures = 5".parse().unwrap()),
        );
        plan(&toml::to_string(&recipe).unwrap()).unwrap();
        let all = extremes(&Value::Table(recipe));
        assert!(all.len() > 150, "{}", all.len());
        let (mut n_refused, begun) = (0, std::time::Instant::now());
        for (name, recipe) in &all {
            if let Err(sentence) = plan(&toml::to_string(&recipe).unwrap()) {
                n_refused += 1;
                assert!(sentence.len() < 600, "{name}: {sentence}");
            }
        }
        assert!(
            n_refused > 100,
            "{n_refused} of {} in {:?}",
            all.len(),
            begun.elapsed()
        );
    }

    #[test]
    fn the_range_is_told() {
        for (from, to, sentence) in [
            (
                "repetition_secs = 2.0",
                "repetition_secs = 1e-9",
                "the repetition time (TR) is 0.000000001 s; it must be from 0.05 to 100 s",
            ),
            (
                "[encode]",
                "[encode]\nridge = { alphas = [0.0] }",
                "an α is 0; it must be from",
            ),
            (
                "[encode]",
                "[encode]\ndesign = { trim_train = [1099511627776, 0] }",
                "a trim is 1099511627776 scans",
            ),
        ] {
            let error = EncodeFile::parse(&RECIPE.replace(from, to)).unwrap_err();
            assert!(error.contains(sentence), "{error}");
        }
    }

    #[test]
    fn folds_are_checked_too() {
        let folds = |n_folds| super::check_folds(CrossValidation::KFold { n_folds });
        assert!(folds(1).is_err() && folds(5).is_ok() && folds(usize::MAX).is_err());
    }
}
