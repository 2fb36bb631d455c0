//! Opening, locking, saving and closing a study, and saving the preferences.

use eframe::egui;

use super::actions::StudyAction;
use super::app::App;
use super::features::FeatureSelection;
use super::info::{SaveStatus, StudyContents};
use super::state::{OpenStudy, Page, Study, remember};
use super::study::StudyLock;
use super::toasts::Tone;
use super::workers::{DiskTask, OpenedStudy, Origin};

/// Changes are written once nothing has changed for so many seconds.
const SAVE_AFTER_SECS: f64 = 0.4;

impl App {
    /// Applies an action on studies.
    pub(super) fn apply_study_action(&mut self, action: StudyAction) {
        match action {
            StudyAction::New { parent, name } => self.workers.disk_task(DiskTask::Create {
                parent,
                name,
                of: None,
            }),
            StudyAction::Open(folder) => self.workers.disk_task(DiskTask::Open(folder)),
            StudyAction::TakeLock => self.try_to_lock_study(),
            StudyAction::Close => self.close_study(),
            StudyAction::TrySample => self.workers.disk_task(DiskTask::Sample {
                parent: self.studies_folder(),
            }),
            StudyAction::TryWholeSample => self.workers.disk_task(DiskTask::WholeSample {
                parent: self.studies_folder(),
            }),
            StudyAction::Forget(folder) => {
                let recent = &mut self.state.preferences.recent_studies;
                recent.retain(|known| *known != folder);
            }
            StudyAction::Edit(study) => self.edit(|state| {
                if let Some(open) = &mut state.open {
                    open.study = *study;
                }
            }),
        }
    }

    /// Shows a study that was opened.
    pub(super) fn show_study(&mut self, opened: OpenedStudy) {
        self.save_now();
        self.history.clear();
        self.info.undo = self.history.info();
        remember(&mut self.state.preferences.recent_studies, &opened.folder);
        self.state.preferences.last_study = Some(opened.folder.clone());
        self.info.save_status = match &opened.study_lock {
            StudyLock::Ours(_) => SaveStatus::Saved,
            StudyLock::Others => SaveStatus::Elsewhere(
                "Another window has this study open. Changes here are not saved; when the other window is closed, this one takes over."
                    .into(),
            ),
            StudyLock::Nobody => SaveStatus::Unsaved(
                "The study's folder is read-only, so changes are kept in this window only. Choose another output folder under Extract."
                    .into(),
            ),
        };
        if let SaveStatus::Elsewhere(sentence) | SaveStatus::Unsaved(sentence) =
            self.info.save_status.clone()
        {
            self.notify(Tone::Amber, sentence);
        }
        match opened.origin {
            // Of the recipe of a fit.
            Origin::Made if opened.study.fit.responses.is_some() => self.go(Page::Fit),
            Origin::Made => self.go(Page::Stimuli),
            Origin::OpenedStudy if self.state.preferences.page == Page::Home => {
                self.go(furthest(&opened.found));
            }
            Origin::OpenedStudy | Origin::Sample | Origin::WholeSample => {}
        }
        self.state.selection = opened.found.features.clone().map(FeatureSelection::at);
        self.state.scores.clone_from(&opened.found.scores);
        self.state.other_scores = None;
        self.workers.forget_scores();
        self.study_lock = Some(opened.study_lock);
        self.as_opened = Some(opened.study.clone());
        self.state.open = Some(OpenStudy {
            folder: opened.folder,
            study: opened.study,
        });
        self.saved.open.clone_from(&self.state.open);
        self.runs_sample = opened.origin == Origin::Sample;
        if opened.origin == Origin::WholeSample {
            self.run_whole_sample();
        }
        self.workers.forget_stories();
        self.ask();
    }

    pub(super) fn close_study(&mut self) {
        self.save_now();
        self.state.open = None;
        self.state.story = None;
        self.state.selection = None;
        self.state.scores = None;
        self.state.other_scores = None;
        self.state.preferences.last_study = None;
        self.study_lock = None;
        self.info.save_status = SaveStatus::Saved;
        self.history.clear();
        self.info.undo = self.history.info();
        self.go(Page::Home);
    }

    /// Asks whether the study can be had by now.
    pub(super) fn try_to_lock_study(&mut self) {
        self.lock_tried_secs = self.now_secs;
        if let Some(open) = &self.state.open {
            self.workers
                .disk_task(DiskTask::TakeStudyLock(open.folder.clone()));
        }
    }

    /// Takes hold of the study that another window had. What that window changed is taken over, unless this one has changed
    /// something itself.
    pub(super) fn take_study_lock(
        &mut self,
        folder: &std::path::Path,
        held: Option<(StudyLock, Box<Study>)>,
    ) {
        let (Some(open), Some((study_lock, left))) = (&mut self.state.open, held) else {
            return;
        };
        if open.folder != folder || !matches!(self.study_lock, Some(StudyLock::Others)) {
            return;
        }
        self.study_lock = Some(study_lock);
        self.info.save_status = SaveStatus::Saved;
        let is_changed = self.as_opened.as_ref() != Some(&open.study);
        let sentence = if is_changed && self.as_opened.as_ref() != Some(&*left) {
            "The other window was closed. This window now saves the study, and your changes replace those of the other window."
        } else {
            "The other window was closed. This window now saves the study."
        };
        self.saved.open = Some(OpenStudy {
            folder: folder.to_path_buf(),
            study: (*left).clone(),
        });
        if !is_changed {
            open.study = *left;
        }
        self.read_regions_again();
        self.notify(Tone::Good, sentence.into());
    }

    pub(super) fn take_save_status(&mut self, folder: &std::path::Path, save_status: SaveStatus) {
        if self
            .state
            .open
            .as_ref()
            .is_some_and(|open| open.folder == folder)
        {
            if let (SaveStatus::Unsaved(sentence), true) =
                (&save_status, self.info.save_status != save_status)
            {
                self.notify(Tone::Red, sentence.clone());
            }
            self.info.save_status = save_status;
        }
    }

    /// Writes what has changed, a moment after the last change.
    pub(super) fn save(&mut self, ctx: &egui::Context) {
        if self.state == self.saved {
            self.changed_secs = self.now_secs;
            return;
        }
        if self.now_secs - self.changed_secs < SAVE_AFTER_SECS {
            ctx.request_repaint_after_secs(SAVE_AFTER_SECS as f32);
            return;
        }
        self.save_now();
    }

    pub(super) fn save_now(&mut self) {
        if self.state.preferences != self.saved.preferences {
            let preferences = Box::new(self.state.preferences.clone());
            self.workers
                .disk_task(DiskTask::SavePreferences(self.folder.clone(), preferences));
        }
        if let (Some(open), Some(StudyLock::Ours(_))) = (&self.state.open, &self.study_lock)
            && self.saved.open.as_ref() != Some(open)
        {
            self.workers.disk_task(DiskTask::SaveStudy(
                open.folder.clone(),
                Box::new(open.study.clone()),
            ));
        }
        self.save_regions();
        self.saved = self.state.clone();
        self.changed_secs = self.now_secs;
    }
}

/// The page of the last thing that a study has.
fn furthest(found: &StudyContents) -> Page {
    if found.scores.is_some() {
        Page::Scores
    } else if found.features.is_some() {
        Page::Features
    } else {
        Page::Extract
    }
}
