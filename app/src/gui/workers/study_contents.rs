//! The features and scores that a study holds.

use std::path::PathBuf;

use heschl_core::run::progress::CancelToken;

use super::{Replies, Waker, Worker};
use crate::gui::info::StudyContents;
use crate::gui::state::Study;
use crate::gui::study;

/// A study that is looked into.
#[derive(Debug, Clone)]
pub(crate) struct StudyContentsRequest {
    folder: PathBuf,
    study: Box<Study>,
}

impl StudyContentsRequest {
    /// What the study of a folder has.
    #[must_use]
    pub(crate) fn of(folder: PathBuf, study: Study) -> Self {
        Self {
            folder,
            study: Box::new(study),
        }
    }

    /// Where it is looked: all that the answer depends on.
    fn places(&self) -> [Option<PathBuf>; 3] {
        let (folder, study) = (&self.folder, &self.study);
        let scores = study.fit_recipe(folder).map(|recipe| recipe.output.folder);
        [
            study.own_features(folder),
            study.fit_features(folder),
            scores.ok(),
        ]
    }
}

impl PartialEq for StudyContentsRequest {
    fn eq(&self, other: &Self) -> bool {
        (&self.folder, self.places()) == (&other.folder, other.places())
    }
}

pub(super) fn open(waker: &Waker) -> Worker<StudyContentsRequest, StudyContents> {
    Worker::open(
        "found",
        waker,
        |request: StudyContentsRequest, _: &CancelToken, out: &Replies<StudyContents>| {
            out.give(study::look_into(&request.folder, &request.study));
        },
    )
}
