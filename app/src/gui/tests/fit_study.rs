//! A small study whose fit is made where a test needs real scores.

use std::collections::BTreeMap;
use std::path::Path;

use heschl_core::files::formats::npz::RowsWriter;
use heschl_core::files::responses::ResponsesInMemory;
use heschl_core::maths::random::PythonRandom;
use heschl_core::run::recipe::{
    ControlsRecipe, EncodeOutput, EncodeRecipe, FeatureKind, FeatureSet, Preset, ResponsesRecipe,
    ScansRecipe, ScoresRecipe, StoriesRecipe,
};
use ndarray::Array2;

const N_SCANS: usize = 120;
const N_VOXELS: usize = 60;

/// Responses that follow features at scans, two scans late.
pub(super) struct Study {
    pub(super) responses: ResponsesInMemory,
}

impl Study {
    pub(super) fn new(features: &Path, seed: u64) -> Self {
        std::fs::create_dir_all(features).unwrap();
        let mut random = PythonRandom::new(seed);
        let mut responses = ResponsesInMemory::default();
        for story in ["alpha", "beta", "gamma"] {
            let rows = Array2::from_shape_simple_fn((N_SCANS + 15, 4), || random.normal() as f32);
            let file = std::fs::File::create(features.join(format!("{story}.npz"))).unwrap();
            let mut writer = RowsWriter::new(file, "features", rows.nrows(), rows.ncols()).unwrap();
            writer.write(rows.as_slice().unwrap()).unwrap();
            writer.finish().unwrap();
            let measured = Array2::from_shape_fn((N_SCANS, N_VOXELS), |(scan, voxel)| {
                let signal = if voxel % 2 == 0 {
                    f64::from(rows[(scan + 8, voxel % 4)])
                } else {
                    0.0
                };
                // Neighbours resemble each other, as in blood flow.
                signal
                    + random.normal()
                    + f64::from(rows[(scan + 9, 1)])
                    + f64::from(rows[(scan + 8, 1)])
            });
            responses.0.insert(story.into(), measured);
        }
        Self { responses }
    }
}

/// The recipe of its fit, tested on the last story.
pub(super) fn recipe(features: &Path, out: &Path) -> EncodeRecipe {
    EncodeRecipe {
        features: vec![FeatureSet {
            name: "model".into(),
            kind: FeatureKind::Features,
            folder: features.to_path_buf(),
            layer: None,
            empty_labels: heschl_core::fmri::textgrid::EmptyLabels::default(),
        }],
        responses: ResponsesRecipe {
            path: "in memory".into(),
            mask: None,
            repeats: BTreeMap::new(),
        },
        stories: StoriesRecipe {
            train: Vec::new(),
            test: vec!["gamma".into()],
        },
        scans: ScansRecipe::default(),
        downsampling: heschl_core::fmri::downsample::Downsampling::default(),
        design: Preset::DeepFmri.design(),
        ridge: Preset::ScalingLaws2023.ridge(),
        scores: ScoresRecipe {
            n_permutations: 99,
            ..ScoresRecipe::default()
        },
        controls: ControlsRecipe::default(),
        output: EncodeOutput {
            folder: out.to_path_buf(),
            weights: false,
            predictions: false,
            memory_gib: 1.0,
        },
    }
}
