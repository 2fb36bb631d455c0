//! Fits as their folders hold them.

use std::collections::HashSet;
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::MapsError;
use super::names::natural_order;
use crate::files::formats::npy::StoredMatrix;
use crate::run::encoding::{Column, ScoreTable};
use crate::run::recipe::{EncodeFile, EncodeInfo, EncodeRecipe, FeatureKind};

/// A finished fit.
#[derive(Debug, Clone)]
pub struct FittedModel {
    /// What it is called; at first the name of its folder.
    pub name: String,
    /// Its folder.
    pub folder: PathBuf,
    /// Its recipe, with absolute paths.
    pub recipe: EncodeRecipe,
    /// What its run recorded, if it did.
    pub info: Option<EncodeInfo>,
    /// Its scores.
    pub table: ScoreTable,
}

/// Returns the folders of fits that a folder stands for: itself, if it holds scores, or else those directly below it that do,
/// with numbers in their names sorted by size.
///
/// # Errors
/// Returns [`MapsError::NoScores`] if there are none.
pub fn folders_of_fits(folder: &Path) -> Result<Vec<PathBuf>, MapsError> {
    let has_scores = |folder: &Path| folder.join("scores.npz").is_file();
    if has_scores(folder) {
        return Ok(vec![folder.to_path_buf()]);
    }
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut below: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|folder| has_scores(folder))
        .collect();
    below.sort_by(|a, b| natural_order(&a.to_string_lossy(), &b.to_string_lossy()));
    if below.is_empty() {
        return Err(MapsError::NoScores(folder.to_path_buf()));
    }
    Ok(below)
}

impl FittedModel {
    /// Reads recipe and scores of a folder.
    ///
    /// # Errors
    /// Returns a [`MapsError`] if the folder holds no scores, or a file cannot be read.
    pub fn read(folder: &Path) -> Result<Self, MapsError> {
        let scores = folder.join("scores.npz");
        if !scores.is_file() {
            return Err(MapsError::NoScores(folder.to_path_buf()));
        }
        let file = EncodeFile::read(&folder.join("recipe.toml"))?;
        Ok(Self {
            name: folder
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned(),
            recipe: file.encode.rooted(folder),
            info: file.run,
            table: ScoreTable::read(&scores)?,
            folder: folder.to_path_buf(),
        })
    }

    /// Opens the predictions of the test scans, `(n_test_scans, n_voxels)`.
    ///
    /// # Errors
    /// Returns a [`MapsError`] if they were not kept, or are of another fit.
    pub fn predictions(&self, n_test_scans: usize) -> Result<StoredMatrix, MapsError> {
        let path = self.folder.join("predictions.npy");
        if !path.is_file() {
            let name = self.name.clone();
            return Err(MapsError::NoPredictions { name, path });
        }
        self.checked(StoredMatrix::open(&path)?, "predictions", n_test_scans)
    }

    /// Opens the weights, `(n_delays · n_features, n_voxels)`; their number of rows is a multiple of the number of delays.
    ///
    /// # Errors
    /// Returns a [`MapsError`] if they were not kept, or are of another fit.
    pub fn weights(&self) -> Result<StoredMatrix, MapsError> {
        let path = self.folder.join("weights.npy");
        if !path.is_file() {
            let name = self.name.clone();
            return Err(MapsError::NoWeights { name, path });
        }
        let weights = StoredMatrix::open(&path)?;
        let n_delays = self.recipe.design.delays.len().max(1);
        let n_rows = match &self.info {
            Some(info) => info.n_columns,
            None => weights.dim().0 / n_delays * n_delays,
        };
        self.checked(weights, "weights", n_rows)
    }

    fn checked(
        &self,
        matrix: StoredMatrix,
        what: &'static str,
        n_rows: usize,
    ) -> Result<StoredMatrix, MapsError> {
        let expected = (n_rows, self.table.voxels.len());
        if matrix.dim() == expected {
            return Ok(matrix);
        }
        Err(MapsError::Shape {
            name: self.name.clone(),
            what,
            found: matrix.dim(),
            expected,
        })
    }

    /// Which voxels the fit predicts: q at most its level. `None` without q values.
    #[must_use]
    pub fn significant(&self) -> Option<Vec<bool>> {
        self.table.n_significant()?;
        let level = self.table.fdr_level;
        Some(self.table.column(Column::Q).map(|q| q <= level).collect())
    }

    /// As [`FittedModel::significant`].
    ///
    /// # Errors
    /// Returns [`MapsError::NoQ`] without q values; `advice` says what to do instead.
    pub(super) fn must_know_significant(
        &self,
        advice: &'static str,
    ) -> Result<Vec<bool>, MapsError> {
        self.significant()
            .ok_or_else(|| MapsError::NoQ(self.name.clone(), advice))
    }

    /// Which of a delay's features are those of a set; all of them without a name.
    ///
    /// # Errors
    /// Returns [`MapsError::NoSet`] if there is no such set.
    pub(super) fn features_of(
        &self,
        set: Option<&str>,
        n_features: usize,
    ) -> Result<Range<usize>, MapsError> {
        let Some(wanted) = set else {
            return Ok(0..n_features);
        };
        let sets = self.info.iter().flat_map(|info| &info.sets);
        let mut first = 0;
        for set in sets.clone() {
            let end = first + set.n_features;
            if set.name == *wanted && end <= n_features {
                return Ok(first..end);
            }
            first = end;
        }
        Err(MapsError::NoSet {
            name: self.name.clone(),
            wanted: wanted.into(),
            known: sets.map(|set| &*set.name).collect::<Vec<_>>().join(", "),
        })
    }

    /// Whether a fit can be compared with another one voxel by voxel: the same voxels, data and validation.
    #[must_use]
    pub fn is_comparable(&self, other: &Self) -> bool {
        self.table.first_voxel == 0
            && self.table.voxels.len() == other.table.voxels.len()
            && self.other_data(other).is_none()
            && self.other_validation(other).is_none()
    }

    /// Whether the fit holds just the features of two others.
    #[must_use]
    pub fn is_joint_of(&self, first: &Self, second: &Self) -> bool {
        let parts = first.sets().chain(second.sets());
        let parts: HashSet<_> = parts.collect();
        let n_first: HashSet<_> = first.sets().collect();
        let n_second: HashSet<_> = second.sets().collect();
        let is_both = parts.len() > n_first.len() && parts.len() > n_second.len();
        is_both && self.sets().collect::<HashSet<_>>() == parts
    }

    /// What its sets of features are made of.
    pub(super) fn sets(&self) -> impl Iterator<Item = (FeatureKind, &Path, Option<&str>)> {
        let sets = self.recipe.features.iter();
        sets.map(|set| (set.kind, set.folder.as_path(), set.layer.as_deref()))
    }

    /// In what the data of two fits differ that are scored; `None` if they are the same.
    pub(super) fn other_data(&self, other: &Self) -> Option<&'static str> {
        let (own, others) = (&self.recipe, &other.recipe);
        let place =
            |path: &Path| std::fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
        let responses = |recipe: &EncodeRecipe| {
            let mask = recipe.responses.mask.as_deref();
            (place(&recipe.responses.path), mask.map(place))
        };
        if responses(own) != responses(others) {
            return Some("responses");
        }
        if own.stories.test != others.stories.test
            || own.responses.repeats != others.responses.repeats
        {
            return Some("test stories");
        }
        let trims = |recipe: &EncodeRecipe| recipe.design.trim_responses_test;
        (trims(own) != trims(others)).then_some("the trim of the test responses")
    }

    /// In what the validation of two fits differs; `None` if it is the same.
    pub(super) fn other_validation(&self, other: &Self) -> Option<&'static str> {
        let (own, others) = (&self.recipe, &other.recipe);
        let stories = |model: &Self| match &model.info {
            Some(info) => info.training_stories.clone(),
            None => model.recipe.stories.train.clone(),
        };
        let trims = |recipe: &EncodeRecipe| recipe.design.trim_responses_train;
        if stories(self) != stories(other) || trims(own) != trims(others) {
            return Some("training stories");
        }
        let (own, others) = (&own.ridge, &others.ridge);
        if own.cross_validation != others.cross_validation || own.seed != others.seed {
            return Some("cross-validation");
        }
        let is_other = own.round_score != others.round_score
            || own.banded.is_some() != others.banded.is_some();
        is_other.then_some("the validation score")
    }
}
