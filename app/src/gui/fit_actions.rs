//! Actions on fits and scores.

use std::path::PathBuf;

use eframe::egui;
use heschl_core::run::design::AlignmentQuestion;
use heschl_core::run::recipe::{EncodeFile, EncodeRecipe};

use super::app::App;
use super::brain::{BrainRequest, DerivedKind, SubjectChoice};
use super::fitting::{FitAs, FitStudy};
use super::info::Info;
use super::jobs::data::{JobInfo, NewJob, Task};
use super::pages::why_not_fit;
use super::sample;
use super::state::{Page, State, remember};
use super::toasts::Tone;
use super::workers::{
    AlignmentAsk, DerivedRequest, DiskTask, LengthsRequest, Requests, ResponsesRequest,
    TimeCourseRequest,
};
use crate::command_text::quoted;
use crate::slurm;

/// Shares of a fit that is given to a cluster.
const SHARES: std::num::NonZeroUsize = std::num::NonZeroUsize::new(16).unwrap();

impl App {
    /// Fits as the study says, or gives what does so.
    pub(super) fn fit(&mut self, form: FitAs, ctx: &egui::Context) {
        if let Some(blocker) = why_not_fit(&self.state, &self.info) {
            return self.notify(Tone::Amber, blocker.sentence);
        }
        let done = match form {
            FitAs::Job => fit_recipe(&self.state, &self.info).and_then(|fit| self.add_fit(fit)),
            FitAs::JobsOfLayers => self.add_fits_of_layers(),
            FitAs::Command => self.copy_fit_command(ctx),
            FitAs::Slurm => self.copy_fit_slurm(ctx),
            FitAs::Recipe => self.save_fit_recipe().map(drop),
        };
        if let Err(sentence) = done {
            self.notify(Tone::Red, sentence);
        }
    }

    pub(super) fn fit_text(&self) -> Result<String, String> {
        text_of(fit_recipe(&self.state, &self.info)?)
    }

    /// Takes the middle layer, where the brain is predicted best, as long as none is chosen.
    pub(super) fn choose_layer(&mut self) {
        let (Some(open), Some(features)) = (&mut self.state.open, self.info.fit.layers.ready())
        else {
            return;
        };
        if open.study.fit.layer.is_none() {
            open.study.fit.layer = features.middle().cloned();
        }
    }

    /// The same fit with each layer; they are seen beside each other as a profile.
    fn add_fits_of_layers(&mut self) -> Result<(), String> {
        let features = self.info.fit.layers.ready().cloned().unwrap_or_default();
        let mut state = self.state.clone();
        for layer in features.layers {
            if let Some(open) = &mut state.open {
                open.study.fit.layer = Some(layer);
            }
            self.add_fit(fit_recipe(&state, &self.info)?)?;
        }
        Ok(())
    }

    fn add_fit(&mut self, recipe: EncodeRecipe) -> Result<(), String> {
        let text = text_of(recipe.clone())?;
        let set = recipe.features.first();
        let open = self.state.open.as_ref();
        self.jobs.add(NewJob {
            title: format!("Fit {}", set.map_or("", |set| &set.name)),
            subtitle: format!("tested on {}", recipe.stories.test.join(", ")),
            task: Task::Encode {
                study: open.map(|open| open.folder.clone()),
                scores: recipe.output.folder,
            },
            recipe: Some(text),
            runtime: None,
        });
        self.go(Page::Jobs);
        Ok(())
    }

    /// Extracts, simulates and fits the whole sample, which is open.
    pub(super) fn run_whole_sample(&mut self) {
        let Some(open) = &self.state.open else {
            return;
        };
        let folder = open.folder.clone();
        match sample::scores(&folder, &open.study) {
            Ok(scores) => self.jobs.add(NewJob {
                title: "Sample brain".into(),
                subtitle: "four stories, a simulated brain, and its scores".into(),
                task: Task::Sample {
                    study: folder,
                    scores,
                },
                recipe: None,
                runtime: self.state.preferences.settings.runtime.clone(),
            }),
            Err(sentence) => return self.notify(Tone::Red, sentence),
        }
        self.go(Page::Jobs);
    }

    /// Saves the recipe in the study's folder, and gives its path.
    fn save_fit_recipe(&mut self) -> Result<PathBuf, String> {
        let text = self.fit_text()?;
        let open = self.state.open.as_ref().ok_or("Open a study first.")?;
        let path = open.folder.join("fit.toml");
        self.workers
            .disk_task(DiskTask::WriteText(path.clone(), text));
        Ok(path)
    }

    fn copy_fit_command(&mut self, ctx: &egui::Context) -> Result<(), String> {
        let path = self.save_fit_recipe()?;
        ctx.copy_text(format!(
            "heschl encode {}",
            quoted(&path.display().to_string())
        ));
        self.notify(Tone::Plain, "Command copied; its recipe is saved.".into());
        Ok(())
    }

    fn copy_fit_slurm(&mut self, ctx: &egui::Context) -> Result<(), String> {
        let recipe = fit_recipe(&self.state, &self.info)?;
        ctx.copy_text(slurm::shares_script(
            &self.program,
            &self.fit_text()?,
            &recipe.output.folder,
            SHARES,
        ));
        self.notify(Tone::Plain, "Slurm script copied.".into());
        Ok(())
    }

    /// Changes the study's fit, so that it can be undone, and shows the page of what was changed.
    pub(super) fn edit_fit(&mut self, page: Page, change: impl FnOnce(&mut FitStudy)) {
        if self.state.open.is_none() {
            return self.notify(
                Tone::Amber,
                "Open a study first: a fit belongs to a study.".into(),
            );
        }
        self.edit_study(|study| change(&mut study.fit));
        self.go(page);
    }

    /// Opens a folder of scores.
    pub(super) fn look_at_scores(&mut self, folder: PathBuf) {
        remember(&mut self.state.preferences.recent_scores, &folder);
        self.state.scores = Some(folder);
        self.workers.forget_scores();
        if self.state.page() != Page::Brain {
            self.go(Page::Scores);
        }
    }

    /// Shows scores on the subject of a folder.
    pub(super) fn show_subject(&mut self, folder: PathBuf) {
        remember(&mut self.state.preferences.recent_subjects, &folder);
        self.choose_subject(SubjectChoice {
            folder: Some(folder),
            transform: None,
        });
        self.go(Page::Brain);
    }

    /// Chooses the subject that scores are shown on: for the study, if one is open.
    pub(super) fn choose_subject(&mut self, choice: SubjectChoice) {
        self.state.brain.regions = None;
        if self.state.open.is_some() {
            self.edit_study(|study| study.subject = choice);
        } else {
            self.state.subject = choice;
        }
    }

    /// Tells that a fit has ended.
    pub(super) fn take_scores(&mut self, job: &JobInfo, scores: PathBuf) {
        self.notify(Tone::Good, format!("{}: the scores are there.", job.title));
        self.workers.forget_scores();
        let jobs = &self.info.queue.jobs;
        let more_to_come = jobs
            .iter()
            .any(|job| job.task.is_fit() && job.state.is_alive());
        match self.state.page() {
            Page::Jobs | Page::Fit if !more_to_come => self.look_at_scores(scores),
            // The selection stays.
            Page::Scores | Page::Brain if self.state.scores.is_some() => {}
            _ => self.state.scores = Some(scores),
        }
    }

    /// The responses that the study names, and their mask.
    fn responses(&self) -> Option<ResponsesRequest> {
        let fit = &self.state.study()?.fit;
        Some((fit.responses.clone()?, fit.mask.clone()))
    }

    /// What is to be laid on one clock: the story that is looked at.
    fn alignment_question(&self) -> Option<AlignmentAsk> {
        let study = self.state.study()?;
        let fit = &study.fit;
        let known = self.info.fit.responses.ready();
        let measured = known.map_or_else(Vec::new, |stories| fit.stories(stories));
        let first = measured.first().map(|first| first.story.clone());
        let story = self.state.story.clone().or(first)?;
        let [trim, trim_responses] = fit.trims().of_story(fit.test.contains(&story));
        let is_measured = measured.iter().any(|known| known.story == story);
        Some(AlignmentAsk {
            responses: self.responses().filter(|_| is_measured),
            request: AlignmentQuestion {
                features: self.state.fit_features(),
                words: fit.words.clone().or_else(|| study.stimuli.clone()),
                scans: fit.scans.clone(),
                trim,
                trim_responses,
                presentation: fit
                    .repeats
                    .get(&story)
                    .and_then(|names| names.first().cloned()),
                voxel: self.state.voxel,
                story,
            },
        })
    }

    /// The voxel whose course is wanted, once its scores are read.
    fn course_question(&self, requests: &Requests) -> Option<TimeCourseRequest> {
        let scores = self.info.fit.scores.ready()?;
        let study = self.state.study();
        Some(TimeCourseRequest {
            folder: requests.scores.clone()?,
            first_voxel: scores.table.first_voxel,
            voxel: self.state.voxel,
            words: study
                .and_then(|study| study.fit.words.clone().or_else(|| study.stimuli.clone())),
        })
    }

    /// Stories whose lengths are compared, once their responses can be read.
    fn lengths_question(&self, requests: &Requests) -> Option<LengthsRequest> {
        self.info.fit.responses.ready()?;
        let fit = &self.state.study()?.fit;
        Some(LengthsRequest {
            responses: requests.responses.clone()?,
            features: requests.fit_features.clone(),
            fit: FitStudy {
                repeats: fit.repeats.clone(),
                test: fit.test.clone(),
                design: fit.design.clone(),
                scans: fit.scans.clone(),
                ..FitStudy::default()
            },
        })
    }

    /// Asks for what the pages Align, Fit and Scores show.
    pub(super) fn want_fit(&mut self, requests: &Requests) {
        match self.state.page() {
            Page::Align => {
                let lengths = self.lengths_question(requests);
                self.workers.want_fit(requests, lengths, &mut self.info);
                let request = self.alignment_question();
                self.workers.want_alignment(request, &mut self.info);
            }
            Page::Fit => {
                let lengths = self.lengths_question(requests);
                self.workers.want_fit(requests, lengths, &mut self.info);
                let can_be_read = self.info.fit.responses.ready().is_some()
                    && self.info.fit.layers.ready().is_some();
                let recipe = self.fit_text().ok().filter(|_| can_be_read);
                self.workers.want_fit_forecast(recipe, &mut self.info);
            }
            Page::Scores => {
                self.workers.want_scores(requests, &mut self.info);
                if self.pages.scores.wants_difference() {
                    let request = self.difference_request();
                    self.workers.want_derived(request, &mut self.info);
                }
                let time_course = self.course_question(requests);
                self.workers.want_time_course(time_course, &mut self.info);
            }
            Page::Brain => {
                let derived = self.derived_request();
                self.workers.want_derived(derived, &mut self.info);
                let request = self.brain_request();
                self.workers.want_brain(request, &mut self.info);
            }
            _ => {}
        }
    }

    /// The maps made from fits that the page shows.
    fn derived_request(&self) -> Option<DerivedRequest> {
        let kind = self.state.brain.derived;
        let needs_others = kind.is_some_and(DerivedKind::needs_others);
        let others = self.state.other_scores.clone();
        Some(DerivedRequest {
            scores: self.state.scores.clone()?,
            others: others.filter(|_| needs_others),
            kind,
        })
    }

    /// The difference of the two scores that are compared.
    fn difference_request(&self) -> Option<DerivedRequest> {
        Some(DerivedRequest {
            scores: self.state.scores.clone()?,
            others: Some(self.state.other_scores.clone()?),
            kind: Some(DerivedKind::Difference),
        })
    }

    /// The picture of the cortex that the page shows, once the maps for it are known.
    fn brain_request(&self) -> Option<BrainRequest> {
        let (size, is_moving) = self.state.brain_size?;
        let derived = self.info.brain.derived.ready()?.clone();
        let flight = self.state.brain_flight;
        Some(BrainRequest {
            scores: self.state.scores.clone()?,
            derived,
            subject: self.state.subject().clone(),
            settings: self.state.brain.clone(),
            drawn: (
                self.state.drawing.regions.clone(),
                self.state.drawing.chosen,
            ),
            drawing: self.state.drawing.settings.of_picture(),
            size,
            is_moving: is_moving || flight.is_some(),
            flight,
        })
    }
}

/// The recipe of the study's fit: its stories are those that were measured, have features and are not left out, as far as that
/// is known.
///
/// # Errors
/// A sentence that says what is missing.
pub(super) fn fit_recipe(state: &State, info: &Info) -> Result<EncodeRecipe, String> {
    let mut recipe = state.fit_recipe()?;
    let known = (info.fit.responses.ready(), info.fit.layers.ready());
    if let (Some(study), (Some(measured), Some(features))) = (state.study(), known) {
        study
            .fit
            .name_stories(&mut recipe, measured, &features.stories);
    }
    Ok(recipe)
}

/// A recipe as its file has it.
fn text_of(recipe: EncodeRecipe) -> Result<String, String> {
    let file = EncodeFile {
        encode: recipe,
        run: None,
    };
    file.to_toml()
}
