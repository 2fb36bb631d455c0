//! Provenance information of a fit.

use super::inputs::Inputs;
use super::run::Run;
use crate::run::NUMERICS;
use crate::run::design::SetColumns;
use crate::run::pipeline::now;
use crate::run::recipe::{EncodeInfo, FeatureKind, FeatureSet, FeatureSource, RecipeFile, SetInfo};
use crate::run::sanity::Check;

/// Collects the provenance information of a run that began at `started`.
pub(super) fn gather(
    run: &Run,
    inputs: Inputs,
    started: String,
    (warnings, checks): (Vec<String>, Vec<Check>),
) -> EncodeInfo {
    let design = run.design;
    let names = |stories: &[crate::run::design::StoryScans]| {
        stories.iter().map(|scans| scans.story.clone()).collect()
    };
    let sets = design.sets.iter().zip(&run.work.recipe.features);
    EncodeInfo {
        heschl: run.work.heschl.to_string(),
        numerics: NUMERICS,
        started,
        finished: now(),
        n_voxels: run.voxels.len(),
        n_columns: design.training.0.ncols(),
        n_training_scans: design.training.0.nrows(),
        n_test_scans: design.test.0.nrows(),
        n_rounds: run.rounds.len(),
        n_held_scans: run.rounds.iter().map(Vec::len).max().unwrap_or(0),
        n_presentations: run.measured.n_presentations(),
        look_ahead_secs: design.look_ahead_secs,
        training_stories: names(&design.training_stories),
        test_stories: names(&design.test_stories),
        warnings,
        sets: sets.map(|(columns, set)| set_facts(columns, set)).collect(),
        checks,
        inputs,
    }
}

fn set_facts(columns: &SetColumns, set: &FeatureSet) -> SetInfo {
    SetInfo {
        name: set.name.clone(),
        n_features: columns.n_features,
        at_scan_times: columns.at_scan_times,
        source: (set.kind == FeatureKind::Features)
            .then(|| source(set))
            .flatten(),
    }
}

/// The origin of a feature set, if its extraction recipe lies in its folder.
fn source(set: &FeatureSet) -> Option<FeatureSource> {
    let recipe = RecipeFile::read(&set.folder.join("recipe.toml"))
        .ok()?
        .extract;
    let window = recipe.window;
    let model = recipe.model.model;
    let name = std::path::Path::new(&model).file_name()?;
    Some(FeatureSource {
        model: name.to_string_lossy().into_owned(),
        layer: set.layer.clone(),
        window_secs: (window.context_ms + window.chunk_ms) / 1000.0,
        step_secs: window.stride_secs.unwrap_or(window.chunk_ms / 1000.0),
        coverage: window.coverage,
        use_featext: recipe.model.use_featext,
    })
}
