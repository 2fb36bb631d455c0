//! What the window does with fits and scores.

use std::path::PathBuf;

use eframe::egui;
use heschl_core::design::AlignmentQuestion;
use heschl_core::recipe::{EncodeFile, EncodeRecipe};

use super::fitting::{FitAs, FitStudy};
use super::jobs::data::{JobFacts, NewJob, Task};
use super::pages::why_not_fit;
use super::sample;
use super::state::{Page, remember};
use super::toasts::Tone;
use super::window::Window;
use super::work::{AlignmentAsk, Chore, ResponsesQuestion};
use crate::command_text::quoted;
use crate::slurm;

/// Shares of a fit that is given to a cluster.
const SHARES: std::num::NonZeroUsize = std::num::NonZeroUsize::new(16).unwrap();

impl Window {
    /// Fits as the study says, or gives what does so.
    pub(super) fn fit(&mut self, form: FitAs, ctx: &egui::Context) {
        if let Some(sentence) = why_not_fit(&self.state, &self.facts) {
            return self.tell(Tone::Amber, sentence);
        }
        let done = match form {
            FitAs::Job => self.state.fit_recipe().and_then(|fit| self.add_fit(fit)),
            FitAs::JobsOfLayers => self.add_fits_of_layers(),
            FitAs::Command => self.copy_fit_command(ctx),
            FitAs::Slurm => self.copy_fit_slurm(ctx),
            FitAs::Recipe => self.save_fit_recipe().map(drop),
        };
        if let Err(sentence) = done {
            self.tell(Tone::Red, sentence);
        }
    }

    pub(super) fn fit_text(&self) -> Result<String, String> {
        text_of(self.state.fit_recipe()?)
    }

    /// The same fit with each layer; they are seen beside each other as a profile.
    fn add_fits_of_layers(&mut self) -> Result<(), String> {
        let layers = self.facts.fit.layers.ready().cloned().unwrap_or_default();
        for layer in layers {
            let open = self.state.open.as_ref().ok_or("Open a study first.")?;
            let mut study = open.study.clone();
            study.fit.layer = layer;
            self.add_fit(study.fit_recipe(&open.folder)?)?;
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
                runtime: self.state.lasting.settings.runtime.clone(),
            }),
            Err(sentence) => return self.tell(Tone::Red, sentence),
        }
        self.go(Page::Jobs);
    }

    /// Saves the recipe in the study's folder, and gives its path.
    fn save_fit_recipe(&mut self) -> Result<PathBuf, String> {
        let text = self.fit_text()?;
        let open = self.state.open.as_ref().ok_or("Open a study first.")?;
        let path = open.folder.join("fit.toml");
        self.work.chore(Chore::WriteText(path.clone(), text));
        Ok(path)
    }

    fn copy_fit_command(&mut self, ctx: &egui::Context) -> Result<(), String> {
        let path = self.save_fit_recipe()?;
        ctx.copy_text(format!(
            "heschl encode {}",
            quoted(&path.display().to_string())
        ));
        self.tell(Tone::Plain, "Command copied; its recipe is saved.".into());
        Ok(())
    }

    fn copy_fit_slurm(&mut self, ctx: &egui::Context) -> Result<(), String> {
        let recipe = self.state.fit_recipe()?;
        ctx.copy_text(slurm::shares_script(
            &self.program,
            &self.fit_text()?,
            &recipe.output.folder,
            SHARES,
        ));
        self.tell(Tone::Plain, "Slurm script copied.".into());
        Ok(())
    }

    /// Changes the study's fit, so that it can be undone, and shows the page of what was changed.
    pub(super) fn edit_fit(&mut self, page: Page, change: impl FnOnce(&mut FitStudy)) {
        if self.state.open.is_none() {
            return self.tell(
                Tone::Amber,
                "Open a study first: a fit belongs to a study.".into(),
            );
        }
        self.edit_study(|study| change(&mut study.fit));
        self.go(page);
    }

    /// Looks at a folder of scores.
    pub(super) fn look_at_scores(&mut self, folder: PathBuf) {
        remember(&mut self.state.lasting.recent_scores, &folder);
        self.state.scores = Some(folder);
        self.work.forget_scores();
        self.go(Page::Scores);
    }

    /// Tells that a fit has ended.
    pub(super) fn take_scores(&mut self, job: &JobFacts, scores: PathBuf) {
        self.tell(Tone::Good, format!("{}: the scores are there.", job.title));
        self.work.forget_scores();
        let jobs = &self.facts.queue.jobs;
        let more_to_come = jobs
            .iter()
            .any(|job| job.task.is_fit() && job.state.is_alive());
        match self.state.page() {
            Page::Jobs | Page::Fit if !more_to_come => self.look_at_scores(scores),
            // What is looked at stays.
            Page::Scores if self.state.scores.is_some() => {}
            _ => self.state.scores = Some(scores),
        }
    }

    /// The responses that the study names, and their mask.
    fn responses(&self) -> Option<ResponsesQuestion> {
        let fit = &self.state.study()?.fit;
        Some((fit.responses.clone()?, fit.mask.clone()))
    }

    /// What is to be laid on one clock: the story that is looked at.
    fn alignment_question(&self) -> Option<AlignmentAsk> {
        let study = self.state.study()?;
        let fit = &study.fit;
        let known = self.facts.fit.responses.ready();
        let measured = known.map_or_else(Vec::new, |stories| fit.stories(stories));
        let first = measured.first().map(|first| first.story.clone());
        let story = self.state.story.clone().or(first)?;
        let [trim, trim_responses] = fit.trims().of(fit.test.contains(&story));
        let is_measured = measured.iter().any(|known| known.story == story);
        Some(AlignmentAsk {
            responses: self.responses().filter(|_| is_measured),
            question: AlignmentQuestion {
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

    /// Asks for what the pages Align, Fit and Scores show.
    pub(super) fn want_fit(&mut self) {
        match self.state.page() {
            Page::Align => {
                let features = self.state.fit_features();
                self.work
                    .want_fit(self.responses(), features, &mut self.facts);
                let question = self.alignment_question();
                self.work.want_alignment(question, &mut self.facts);
            }
            Page::Fit => {
                let features = self.state.fit_features();
                self.work
                    .want_fit(self.responses(), features, &mut self.facts);
                let can_be_read = self.facts.fit.responses.ready().is_some()
                    && self.facts.fit.layers.ready().is_some();
                let recipe = self.fit_text().ok().filter(|_| can_be_read);
                self.work.want_fit_outlook(recipe, &mut self.facts);
            }
            Page::Scores => {
                let (scores, other) = (self.state.scores.clone(), self.state.other_scores.clone());
                self.work
                    .want_scores(scores.as_ref(), other.as_ref(), &mut self.facts);
            }
            _ => {}
        }
    }
}

/// A recipe as its file has it.
fn text_of(recipe: EncodeRecipe) -> Result<String, String> {
    let file = EncodeFile {
        encode: recipe,
        run: None,
    };
    file.to_toml()
}
