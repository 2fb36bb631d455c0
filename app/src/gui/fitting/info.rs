//! What is known of fits and scores.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use heschl_core::run::design::Alignment;
use heschl_core::run::encoding::{ExampleSeries, ScoreTable};
use heschl_core::run::progress::EncodingForecast;
use heschl_core::run::recipe::EncodeInfo;
use heschl_core::stats::intervals::Interval;

use super::StoryLengths;
use crate::gui::loading::Loading;
use crate::story_film::TestStory;

/// One story's responses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoryResponses {
    /// The story.
    pub(crate) story: String,
    /// Scans.
    pub(crate) n_scans: usize,
    /// Voxels.
    pub(crate) n_voxels: usize,
}

/// Scores that were read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ScoresInfo {
    /// Where they lie.
    pub(crate) folder: PathBuf,
    /// The scores.
    pub(crate) table: ScoreTable,
    /// What the run that made them met; `None` if its recipe cannot be read.
    pub(crate) info: Option<EncodeInfo>,
    /// A few voxels' courses.
    pub(crate) series: Option<ExampleSeries>,
    /// What chance alone gives.
    pub(crate) null: Chance,
    /// Other fits in the same folder of fits, this one among them.
    pub(crate) profile: Vec<ProfileEntry>,
}

/// Correlations that come about by chance alone.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Chance {
    /// The correlations; empty if nothing was permuted.
    pub(crate) r: Vec<f64>,
    /// Voxels that they come from.
    pub(crate) n_voxels: usize,
}

/// One fit of a profile over layers or models.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ProfileEntry {
    /// Its folder's name.
    pub(crate) name: String,
    /// Mean r over the voxels.
    pub(crate) mean_r: f64,
    /// Where that mean lies in 95 of 100 draws of test time; `None` if nothing was drawn.
    pub(crate) mean_interval: Option<Interval>,
    /// The first, second and third quartile of r over the voxels.
    pub(crate) quartiles: [f64; 3],
    /// The first voxel that it has.
    pub(crate) first_voxel: usize,
    /// r of each voxel.
    pub(crate) r: Vec<f32>,
}

impl ProfileEntry {
    /// r of a voxel; NaN if it has none.
    #[must_use]
    pub(crate) fn r_of(&self, voxel: usize) -> f64 {
        let at = voxel.checked_sub(self.first_voxel);
        let r = at.and_then(|at| self.r.get(at));
        r.map_or(f64::NAN, |r| f64::from(*r))
    }
}

/// What a voxel did in the test.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct VoxelTimeCourse {
    /// Measured and predicted, or a sentence that says why that is not known.
    pub(crate) series: Result<ExampleSeries, String>,
    /// The test stories one after the other; empty where nothing says when their scans were taken.
    pub(crate) stories: Vec<TestStory>,
}

/// What a folder of features has for a fit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct FitFeatures {
    /// The layers, by the names of their folders; [`FINAL`] is the final output.
    pub(crate) layers: Vec<String>,
    /// The stories.
    pub(crate) stories: BTreeSet<String>,
}

impl FitFeatures {
    /// The layer in the middle of the model, where the brain is predicted best; the final output if there is no other.
    #[must_use]
    pub(crate) fn middle(&self) -> Option<&String> {
        let n_hidden = self.layers.iter().filter(|layer| *layer != FINAL).count();
        self.layers.get(n_hidden / 2)
    }
}

/// What the final output is called among layers.
pub(crate) const FINAL: &str = "final";

/// What is known of fits.
#[derive(Default)]
pub(crate) struct FitInfo {
    /// The stories of the responses.
    pub(crate) responses: Loading<Vec<StoryResponses>>,
    /// The layers and stories of the features.
    pub(crate) layers: Loading<FitFeatures>,
    /// Each story's lengths.
    pub(crate) lengths: Loading<Vec<StoryLengths>>,
    /// The story that is looked at, on one clock.
    pub(crate) alignment: Loading<Arc<Alignment>>,
    /// What the fit would take, or why it cannot be done.
    pub(crate) forecast: Loading<EncodingForecast>,
    /// Scores that are looked at.
    pub(crate) scores: Loading<Arc<ScoresInfo>>,
    /// The course of the voxel that is looked at.
    pub(crate) time_course: Loading<Arc<VoxelTimeCourse>>,
    /// Scores to compare them with.
    pub(crate) others: Loading<Arc<ScoresInfo>>,
}

/// What can be made of a fit's recipe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FitAs {
    /// A job.
    Job,
    /// A job for each layer of the features.
    JobsOfLayers,
    /// The command that does the same.
    Command,
    /// A script for a cluster.
    Slurm,
    /// A file.
    Recipe,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_layer_is_taken_as_long_as_none_is_chosen() {
        let features = |layers: &[&str]| FitFeatures {
            layers: layers.iter().map(ToString::to_string).collect(),
            stories: BTreeSet::new(),
        };
        for (layers, middle) in [
            (&["e.0", "e.1", "e.2", "e.3", "e.4", FINAL][..], "e.2"),
            (&["e.0", FINAL], "e.0"),
            (&[FINAL], FINAL),
        ] {
            assert_eq!(features(layers).middle().unwrap(), middle);
        }
    }
}
