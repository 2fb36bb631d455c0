//! Maps of voxels made from one or several fits: the best layer, delays, differences of two fits, unique and shared variance,
//! components of the weights.

mod best;
mod components;
mod delay;
mod difference;
mod model;
mod moments;
mod names;
mod set;
mod variance;

use std::path::PathBuf;

pub use best::{BestOf, BestSettings, ChosenBy, best};
pub use components::{ComponentSettings, components};
pub use delay::{DelaySettings, delays};
pub use difference::{DifferenceSettings, difference};
pub use model::{FittedModel, folders_of_fits};
pub use moments::Moment;
pub use names::distinct_names;
pub use set::{CategoryName, MapEntry, MapSet, MapsRecord, RECORD, UsedFit, VALUES, is_folder};
pub use variance::variance;

use crate::files::formats::npy::NpyError;
use crate::files::formats::npz::NpzError;
use crate::maths::matrix::EigenError;
use crate::remedy::Remedy;
use crate::run::design::{AlignmentError, DesignError};
use crate::run::encoding::ResponseBlocksError;
use crate::run::progress::CancelToken;
use crate::run::recipe::RecipeError;
use crate::run::store::StoreError;

/// Cancels work, and receives the number of voxels done and their total.
pub type Watch<'a> = (&'a CancelToken, &'a mut dyn FnMut(usize, usize));

/// Errors of making maps from fits.
#[derive(Debug, thiserror::Error)]
#[expect(
    missing_docs,
    reason = "each variant's message says what its fields are"
)]
pub enum MapsError {
    #[error("There are no scores here. Give the folder of a finished fit.\nFolder: {}", .0.display())]
    NoScores(PathBuf),
    #[error("\"{0}\" holds the scores of some of the voxels. Merge the shares of the fit first.")]
    Share(String),
    #[error("At least {0} fits are needed.")]
    TooFew(usize),
    #[error(
        "\"{name}\" has {found} voxels and \"{first}\" has {expected}. Give fits of the same voxels."
    )]
    Voxels {
        name: String,
        found: usize,
        first: String,
        expected: usize,
    },
    #[error(
        "\"{name}\" and \"{first}\" differ in {what}. Give fits to the same responses, scored on the same test stories."
    )]
    OtherData {
        name: String,
        first: String,
        what: &'static str,
    },
    #[error(
        "\"{name}\" and \"{first}\" differ in {what}, so their validation scores cannot be compared. Fit them with the same \
         settings, or choose by the scores on the test stories."
    )]
    OtherValidation {
        name: String,
        first: String,
        what: &'static str,
    },
    #[error(
        "\"{0}\" has no validation scores, as predictions with existing weights have none. Choose by the scores on the test stories."
    )]
    NoValidation(String),
    #[error(
        "None of the fits has p values, so it is not known which voxels they predict. Fit with permutations (n_permutations)."
    )]
    NoP,
    #[error("\"{0}\" has no q values, so it is not known which voxels it predicts. {1}")]
    NoQ(String, &'static str),
    #[error("There are {n_names} names for {n_fits} fits.")]
    Names { n_names: usize, n_fits: usize },
    #[error(
        "The recipe of \"{0}\" does not say the {1} of its features: they were not extracted by Heschl, or there are several sets."
    )]
    NoLabel(String, &'static str),
    #[error(
        "The predictions of \"{name}\" were not kept. Fit it again with predictions = true in [encode.output].\nFile: {}", path.display()
    )]
    NoPredictions { name: String, path: PathBuf },
    #[error(
        "The weights of \"{name}\" were not kept. Fit it again with weights = true in [encode.output].\nFile: {}", path.display()
    )]
    NoWeights { name: String, path: PathBuf },
    #[error(
        "The {what} of \"{name}\" are {found:?}, but {expected:?} are expected: the file is of another fit."
    )]
    Shape {
        name: String,
        what: &'static str,
        found: (usize, usize),
        expected: (usize, usize),
    },
    #[error(
        "The predictions of \"{name}\" have an r of {now:.3} with the responses at voxel {voxel}, but its scores say {then:.3}. The \
         responses have changed since the fit."
    )]
    Changed {
        name: String,
        voxel: usize,
        now: f64,
        then: f64,
    },
    #[error("\"{name}\" has no set of features \"{wanted}\". It has: {known}.")]
    NoSet {
        name: String,
        wanted: String,
        known: String,
    },
    #[error("\"{0}\" has one delay only, so its weights have no course over delays.")]
    OneDelay(String),
    #[error(
        "{0} voxels decide, and their weights do not differ in three directions. At least four voxels and three features are needed."
    )]
    NoComponents(usize),
    #[error("The folder holds the scores of a fit, and maps do not belong there. Choose another one.\nFolder: {}", .0.display())]
    OfFit(PathBuf),
    #[error("The record of the maps is invalid ({reason}). Make the maps again.\nFile: {}", path.display())]
    Record { reason: String, path: PathBuf },
    #[error("There is no map \"{wanted}\". Choose one of: {known}.")]
    NoMap { wanted: String, known: String },
    #[error(transparent)]
    Recipe(#[from] RecipeError),
    #[error(transparent)]
    Npz(#[from] NpzError),
    #[error(transparent)]
    Npy(#[from] NpyError),
    #[error(transparent)]
    Design(#[from] DesignError),
    #[error(transparent)]
    Alignment(#[from] AlignmentError),
    #[error(transparent)]
    ResponseBlocks(#[from] ResponseBlocksError),
    #[error(transparent)]
    Eigen(#[from] EigenError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl MapsError {
    /// Returns what the user can do about it, best first.
    #[must_use]
    pub fn remedies(&self) -> Vec<Remedy> {
        match self {
            Self::Recipe(error) => error.remedies(),
            Self::Design(error) => error.remedies(),
            Self::Alignment(error) => error.remedies(),
            Self::Eigen(error) => error.remedies(),
            Self::Store(error) => error.remedies(),
            _ => Vec::new(),
        }
    }
}

/// Refuses fits of other voxels than the first one, or fewer than `n_least`.
fn refuse_other_voxels(models: &[&FittedModel], n_least: usize) -> Result<usize, MapsError> {
    let Some(first) = models.first().filter(|_| models.len() >= n_least) else {
        return Err(MapsError::TooFew(n_least));
    };
    let expected = first.table.voxels.len();
    for model in models {
        if model.table.first_voxel != 0 {
            return Err(MapsError::Share(model.name.clone()));
        }
        let found = model.table.voxels.len();
        if found != expected {
            return Err(MapsError::Voxels {
                name: model.name.clone(),
                found,
                first: first.name.clone(),
                expected,
            });
        }
    }
    Ok(expected)
}

/// Refuses fits to other responses or test stories than the first one, and fits of other voxels; returns their number.
fn refuse_other_data(models: &[&FittedModel], n_least: usize) -> Result<usize, MapsError> {
    let n_voxels = refuse_other_voxels(models, n_least)?;
    for model in &models[1..] {
        if let Some(what) = model.other_data(models[0]) {
            return Err(MapsError::OtherData {
                name: model.name.clone(),
                first: models[0].name.clone(),
                what,
            });
        }
    }
    Ok(n_voxels)
}
