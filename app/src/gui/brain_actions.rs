//! Saves what the page "Brain" shows.

use super::actions::ExportFormat;
use super::app::App;
use super::figure::{Content, Export, FilmExport, FilmKind};
use super::toasts::Tone;
use super::workers::DiskTask;
use crate::brain_panels::PanelLayout;

impl App {
    /// Saves several views of the cortex as one figure.
    pub(super) fn export_panels(&mut self, layout: PanelLayout, format: ExportFormat) {
        let Some(shown) = self.info.brain.picture.ready().cloned() else {
            return self.notify(Tone::Plain, "Open scores on the page Brain first.".into());
        };
        let content = Content::BrainPanels(Box::new(shown), layout);
        let size = self.state.preferences.export;
        let export = Box::new(Export { content, size });
        self.workers.disk_task(DiskTask::Export(export, format));
    }

    /// Saves the cortex as a film, on a thread of its own.
    pub(super) fn save_film(&mut self, kind: FilmKind) {
        let brain = &self.info.brain;
        let Some(shown) = brain.picture.ready().cloned() else {
            return self.notify(Tone::Plain, "Open scores on the page Brain first.".into());
        };
        if brain.saving.is_some() {
            return self.notify(Tone::Plain, "A film is being saved already.".into());
        }
        let film = FilmExport {
            kind,
            stories: brain.film.ready().cloned(),
            shown: Box::new(shown),
        };
        self.info.brain.saving = Some([0, 0]);
        self.workers.save_film(film);
    }

    /// Saves the map of the cortex for another program.
    pub(super) fn export_map(&mut self, ending: &'static str) {
        match self.info.brain.picture.ready().cloned() {
            Some(shown) => {
                let task = DiskTask::ExportMap(Box::new(shown), ending);
                self.workers.disk_task(task);
            }
            None => self.notify(Tone::Plain, "Open scores on the page Brain first.".into()),
        }
    }

    /// Saves the view of the cortex beside the figures of its scores, as pycortex saves views.
    pub(super) fn save_view(&mut self) {
        let shown = self.info.brain.picture.ready();
        let view = shown.and_then(|shown| Some((shown, shown.view?)));
        let Some((shown, view)) = view else {
            return self.notify(Tone::Plain, "There is no view of a cortex to save.".into());
        };
        let text = view.to_pycortex(view.pose.flatness(shown.subject()));
        let folder = shown.request.scores.join("figures");
        self.workers.disk_task(DiskTask::SaveView(folder, text));
    }

    /// Saves scores on the cortex as an HTML file.
    pub(super) fn share(&mut self) {
        match self.info.brain.picture.ready().cloned() {
            Some(shown) => self.workers.disk_task(DiskTask::Share(Box::new(shown))),
            None => self.notify(Tone::Plain, "Open scores on the page Brain first.".into()),
        }
    }
}
