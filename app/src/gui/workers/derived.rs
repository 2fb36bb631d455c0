//! Maps made from the open scores and others.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use heschl_core::files::formats::responses::{ResponseOptions, open as open_responses};
use heschl_core::files::responses::ResponseSource;
use heschl_core::run::maps::{
    self, BestSettings, ComponentSettings, DelaySettings, DifferenceSettings, FittedModel, MapSet,
    distinct_names, folders_of_fits, is_folder,
};
use heschl_core::run::progress::CancelToken;

use super::{Replies, Waker, Worker};
use crate::failure::Failure;
use crate::gui::brain::{DerivedKind, DerivedMaps};
use crate::gui::loading::Loading;

/// The maps that are wanted.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct DerivedRequest {
    /// The open folder: of scores, or of maps that were made before.
    pub(crate) scores: PathBuf,
    /// The scores that they are compared with, if maps need others.
    pub(crate) others: Option<PathBuf>,
    /// What is made; `None` reads the maps of the folder, if it has any.
    pub(crate) kind: Option<DerivedKind>,
}

/// The maps; none if a column of scores is shown.
pub(super) type Reply = Loading<Option<DerivedMaps>>;

pub(super) fn open(waker: &Waker) -> Worker<DerivedRequest, Reply> {
    Worker::open(
        "derived maps",
        waker,
        |request: DerivedRequest, cancel: &CancelToken, out: &Replies<Reply>| {
            let made = make(&request, cancel);
            if cancel.is_cancelled() {
                return;
            }
            out.give(match made {
                Ok(set) => Loading::Ready(set.map(|set| DerivedMaps(Arc::new(set)))),
                Err(failure) => Loading::Failed(failure.message),
            });
        },
    )
}

fn make(request: &DerivedRequest, cancel: &CancelToken) -> Result<Option<MapSet>, Failure> {
    let folder = &request.scores;
    let Some(kind) = request.kind else {
        let is_maps = is_folder(folder) && !folder.join("scores.npz").is_file();
        return Ok(is_maps.then(|| MapSet::read(folder)).transpose()?);
    };
    let mut report = |_, _| {};
    let watch = (cancel, &mut report as &mut dyn FnMut(usize, usize));
    match kind {
        DerivedKind::Best => best(folder).map(Some),
        DerivedKind::Difference => {
            let models = named(&[folder.clone(), others(request)?])?;
            let responses = responses(&models[0])?;
            let settings = DifferenceSettings::default();
            let both = [&models[0], &models[1]];
            Ok(maps::difference(both, responses.as_ref(), settings, watch)?)
        }
        DerivedKind::Delay => {
            let model = FittedModel::read(folder)?;
            Ok(maps::delays(&model, &DelaySettings::default(), watch)?)
        }
        DerivedKind::Variance => variance(folder, &others(request)?).map(Some),
        DerivedKind::Components => {
            let model = FittedModel::read(folder)?;
            let responses = responses(&model)?;
            let settings = ComponentSettings::default();
            Ok(maps::components(
                &model,
                responses.as_ref(),
                &settings,
                watch,
            )?)
        }
    }
}

fn others(request: &DerivedRequest) -> Result<PathBuf, Failure> {
    let others = request.others.clone();
    others.ok_or_else(|| Failure::new("Choose the scores to compare with.".into()))
}

/// Fits, called by what tells their folders apart.
fn named(folders: &[PathBuf]) -> Result<Vec<FittedModel>, Failure> {
    let names = distinct_names(folders);
    let models = folders.iter().zip(names).map(|(folder, name)| {
        let model = FittedModel::read(folder)?;
        Ok(FittedModel { name, ..model })
    });
    models.collect()
}

fn responses(model: &FittedModel) -> Result<Box<dyn ResponseSource>, Failure> {
    let options = ResponseOptions {
        mask: model.recipe.responses.mask.clone(),
        ..ResponseOptions::default()
    };
    Ok(open_responses(&model.recipe.responses.path, &options)?)
}

/// The best of the fits beside the open one that can be compared with it.
fn best(folder: &Path) -> Result<MapSet, Failure> {
    let parent = folder.parent().unwrap_or(folder);
    let opened = FittedModel::read(folder)?;
    let beside = folders_of_fits(parent)?;
    let n_beside = beside.len();
    let comparable = |other: &PathBuf| {
        let model = FittedModel::read(other);
        model.is_ok_and(|model| model.is_comparable(&opened))
    };
    let folders: Vec<PathBuf> = beside.into_iter().filter(comparable).collect();
    if folders.len() < 2 {
        return Err(Failure::new(
            "There is no other fit beside this one that can be compared with it: to the same responses, with the same training and \
             test stories and the same cross-validation. Use \"Fit every layer\" on Fit."
                .into(),
        ));
    }
    let mut set = maps::best(&named(&folders)?, &BestSettings::default())?;
    let n_left_out = n_beside - folders.len();
    if n_left_out > 0 {
        set.record.notes.push(format!(
            "{n_left_out} of the fits beside this one cannot be compared with it and are left out."
        ));
    }
    Ok(set)
}

/// The partition of two fits; the fit of both sets of features is looked for beside them.
fn variance(first: &Path, second: &Path) -> Result<MapSet, Failure> {
    let [of_first, of_second] = [FittedModel::read(first)?, FittedModel::read(second)?];
    let parents = [first, second].into_iter().filter_map(Path::parent);
    let beside = parents.flat_map(|parent| folders_of_fits(parent).unwrap_or_default());
    let is_joint = |folder: &PathBuf| {
        let model = FittedModel::read(folder);
        model.is_ok_and(|model| model.is_joint_of(&of_first, &of_second))
    };
    let both = beside.into_iter().find(is_joint).ok_or_else(|| {
        Failure::new(
            "There is no fit of both sets of features beside these scores. Fit both together, into the same folder as one of them."
                .into(),
        )
    })?;
    let models = named(&[first.to_path_buf(), second.to_path_buf(), both])?;
    Ok(maps::variance([&models[0], &models[1], &models[2]])?)
}
