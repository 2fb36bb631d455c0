//! Fits in study files of version 1, which named only what differed from the preset.

use heschl_core::run::recipe::{DesignRecipe, Preset, RidgeRecipe};
use serde::Deserialize;
use toml::{Table, Value};

use super::{AlphaRange, HeldOut};
use heschl_core::fmri::delay::DelayBorders;
use heschl_core::linear::split::HeldChunks;
use heschl_core::run::recipe::Trim;

/// The settings that had another form.
#[derive(Deserialize)]
struct Settings {
    preset: Option<Preset>,
    trims: Option<Trims>,
    alphas: Option<Alphas>,
    held_out: Option<Held>,
    #[serde(default)]
    keeps_borders: bool,
}

#[derive(Deserialize)]
struct Trims {
    train: Trim,
    test: Trim,
    responses_train: Trim,
    responses_test: Trim,
}

#[derive(Deserialize)]
struct Alphas {
    smallest: f64,
    largest: f64,
    count: usize,
}

#[derive(Deserialize)]
struct Held {
    n_rounds: usize,
    chunk_scans: usize,
    chunks: HeldChunks,
}

impl Settings {
    fn design(&self, preset: Preset) -> DesignRecipe {
        let mut design = preset.design();
        if let Some(trims) = &self.trims {
            design.trim_train = trims.train;
            design.trim_test = trims.test;
            design.trim_responses_train = trims.responses_train;
            design.trim_responses_test = trims.responses_test;
        }
        if self.keeps_borders {
            design.delay_borders = DelayBorders::WithinStories;
        }
        design
    }

    fn ridge(&self, preset: Preset) -> RidgeRecipe {
        let mut ridge = preset.ridge();
        if let Some(Alphas {
            smallest,
            largest,
            count,
        }) = self.alphas
        {
            let range = AlphaRange {
                smallest,
                largest,
                count,
            };
            ridge.alphas = range.alphas();
        }
        if let Some(Held {
            n_rounds,
            chunk_scans,
            chunks,
        }) = self.held_out
        {
            let held_out = HeldOut {
                n_rounds,
                chunk_scans,
                chunks,
            };
            ridge.cross_validation = held_out.method();
        }
        ridge
    }
}

/// Brings the `[fit]` of a study file of version 1 to version 2.
///
/// # Errors
/// A clause if a setting has a wrong form.
pub(crate) fn upgrade(fit: &mut Table) -> Result<(), toml::de::Error> {
    let old: Settings = fit.clone().try_into()?;
    let preset = old.preset.unwrap_or(Preset::ScalingLaws2023);
    for name in ["trims", "alphas", "held_out", "keeps_borders"] {
        fit.remove(name);
    }
    let values = [
        ("design", Value::try_from(old.design(preset))),
        ("ridge", Value::try_from(old.ridge(preset))),
        ("scores", Value::try_from(preset.scores())),
    ];
    for (name, value) in values {
        let value = value.map_err(serde::de::Error::custom)?;
        fit.insert(name.into(), value);
    }
    Ok(())
}
