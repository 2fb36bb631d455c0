//! What the window has done elsewhere: every look at a disk, a device or another process happens on threads of this
//! folder. Each kind of question has a desk; the answers go into [`super::facts::Facts`].

mod chance;
mod chores;
mod course;
mod desk;
mod drops;
mod features;
mod fit;
mod found;
mod lengths;
mod model;
mod models;
mod picker;
mod player;
mod sound;
mod stories;
mod trial;
mod watch;

pub(crate) use course::CourseQuestion;
pub(crate) use desk::{Answers, Asking, Desk, Waker};

use std::path::PathBuf;

use super::actions::Purpose;
use super::facts::{Facts, Found};
use super::features::Looking;
use super::loading::Loading;

/// All desks.
pub(crate) struct Work {
    stories: Asking<stories::Question, stories::Answer>,
    sound: Asking<sound::Question, sound::Answer>,
    pub(crate) player: Player,
    model: Asking<model::Question, model::Answer>,
    models: Asking<models::Question, models::Answer>,
    trial: Asking<trial::Question, trial::Answer>,
    found: Asking<FoundQuestion, Found>,
    features: features::FeatureDesks,
    fit: fit::FitDesks,
    picker: Desk<picker::Question, picker::Answer>,
    chores: Desk<Chore, Done>,
    drops: Desk<Vec<PathBuf>, Vec<drops::Meaning>>,
    machine: Desk<model::AboutMachine, super::facts::Machine>,
    watch: watch::Watch,
}

/// What the desks ask the window to do.
pub(crate) enum Wish {
    /// A path was picked.
    Picked(Purpose, PathBuf),
    /// This is what the dropped paths are.
    Dropped(Vec<drops::Meaning>),
    /// Something to tell.
    Tell(String),
    /// An errand is done.
    Done(Done),
}

pub(crate) use chores::{Chore, Done, Opened, Origin};
pub(crate) use drops::Meaning;
pub(crate) use fit::{AlignmentAsk, ResponsesQuestion};
pub(crate) use found::FoundQuestion;
pub(crate) use lengths::LengthsQuestion;
use player::Player;
pub(crate) use trial::Question as TrialQuestion;
use watch::Watched;

/// What the window's state asks for: whatever is known belongs to these questions.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Questions {
    /// The folder of recordings.
    pub(crate) stimuli: Option<PathBuf>,
    /// The features that are looked at.
    pub(crate) looking: Option<PathBuf>,
    /// The features of the fit.
    pub(crate) fit_features: Option<PathBuf>,
    /// The responses of the fit.
    pub(crate) responses: Option<ResponsesQuestion>,
    /// The recipe of the fit, if it can be fitted.
    pub(crate) fit: Option<String>,
    /// Folders of scan times and words.
    pub(crate) alignment: Vec<PathBuf>,
    /// The scores that are looked at.
    pub(crate) scores: Option<PathBuf>,
    /// The scores that they are compared with.
    pub(crate) other_scores: Option<PathBuf>,
}

impl Questions {
    /// The paths that the answers come from.
    fn paths(&self) -> Vec<(Watched, PathBuf)> {
        let responses = self.responses.iter();
        let responses = responses.flat_map(|(path, mask)| [Some(path), mask.as_ref()]);
        let all = [
            (Watched::Stories, self.stimuli.as_ref()),
            (Watched::Features, self.looking.as_ref()),
            (Watched::FitFeatures, self.fit_features.as_ref()),
            (Watched::Scores, self.scores.as_ref()),
            (Watched::Scores, self.other_scores.as_ref()),
        ];
        let alignment = self
            .alignment
            .iter()
            .map(|folder| (Watched::Alignment, Some(folder)));
        all.into_iter()
            .chain(responses.map(|path| (Watched::Responses, path)))
            .chain(alignment)
            .filter_map(|(watched, path)| Some((watched, path?.clone())))
            .collect()
    }
}

impl Work {
    /// Opens every desk.
    pub(crate) fn open(waker: &Waker) -> Self {
        Self {
            stories: Asking::of(stories::open(waker)),
            sound: Asking::of(sound::open(waker)),
            player: Player::open(waker),
            model: Asking::of(model::open(waker)),
            models: Asking::of(models::open(waker)),
            trial: Asking::of(trial::open(waker)),
            features: features::FeatureDesks::open(waker),
            fit: fit::FitDesks::open(waker),
            picker: picker::open(waker),
            chores: chores::open(waker),
            drops: drops::open(waker),
            machine: model::open_machine(waker),
            found: Asking::of(found::open(waker)),
            watch: watch::Watch::open(waker),
        }
    }

    /// Asks for the stories of a folder, unless they are known or asked for.
    pub(crate) fn want_stories(
        &mut self,
        folder: Option<&PathBuf>,
        recursive: bool,
        facts: &mut Facts,
    ) {
        let question = folder.map(|folder| stories::Question {
            folder: folder.clone(),
            recursive,
        });
        self.stories.want(question, &mut facts.stories);
    }

    /// Asks for the stories again, for the folder may have changed.
    pub(crate) fn forget_stories(&mut self) {
        self.stories.look_again();
    }

    /// Asks for a recording's sound, unless it is known or asked for.
    pub(crate) fn want_sound(&mut self, path: Option<PathBuf>, facts: &mut Facts) {
        let question = path.map(|path| sound::Question { path });
        if question.as_ref() != self.sound.asked() {
            self.player.stop();
        }
        self.sound.want(question, &mut facts.sound);
    }

    /// Asks for what is looked at of features.
    pub(crate) fn want_features(&mut self, looking: Option<&Looking>, facts: &mut Facts) {
        self.features.want(looking, facts);
    }

    /// Asks for what a fit needs to know.
    pub(crate) fn want_fit(
        &mut self,
        questions: &Questions,
        lengths: Option<LengthsQuestion>,
        facts: &mut Facts,
    ) {
        self.fit.want(questions, lengths, &mut facts.fit);
    }

    /// Asks for a story on one clock.
    pub(crate) fn want_alignment(&mut self, question: Option<AlignmentAsk>, facts: &mut Facts) {
        self.fit.want_alignment(question, &mut facts.fit);
    }

    /// Asks what a fit would take.
    pub(crate) fn want_fit_outlook(&mut self, recipe: Option<String>, facts: &mut Facts) {
        self.fit.want_outlook(recipe, &mut facts.fit);
    }

    /// Asks for scores that are looked at.
    pub(crate) fn want_scores(&mut self, questions: &Questions, facts: &mut Facts) {
        self.fit.want_scores(questions, &mut facts.fit);
    }

    /// Asks for the course of a voxel of the scores that are looked at.
    pub(crate) fn want_course(&mut self, question: Option<CourseQuestion>, facts: &mut Facts) {
        self.fit.want_course(question, &mut facts.fit);
    }

    /// Asks for scores again, for a fit may have changed them.
    pub(crate) fn forget_scores(&mut self) {
        self.fit.forget_scores();
    }

    /// Asks what a model says of itself, unless it is known or asked for.
    pub(crate) fn want_model(&mut self, name: Option<&str>, facts: &mut Facts) {
        let question = name.map(|name| model::Question { name: name.into() });
        self.model.want(question, &mut facts.model);
    }

    /// Asks for all models.
    pub(crate) fn want_models(&mut self, facts: &mut Facts) {
        self.models.want(Some(models::Question), &mut facts.models);
    }

    /// Asks for the models again, for one may have come or gone.
    pub(crate) fn look_at_models_again(&mut self) {
        self.models.look_again();
        self.model.look_again();
    }

    /// Asks what a study has, unless it is known or asked for.
    pub(crate) fn want_found(&mut self, question: Option<FoundQuestion>, facts: &mut Facts) {
        self.found.want(question, &mut facts.found);
    }

    /// Asks again what the study has: a job may have changed it.
    pub(crate) fn look_into_study_again(&mut self) {
        self.found.look_again();
    }

    /// What was tried last.
    #[must_use]
    pub(crate) fn tried(&self) -> Option<&TrialQuestion> {
        self.trial.asked()
    }

    /// Asks for a trial of the encoder, unless it is known or asked for.
    pub(crate) fn want_trial(&mut self, question: Option<TrialQuestion>, facts: &mut Facts) {
        self.trial.want(question, &mut facts.trial);
    }

    /// Forgets whatever is known of other features, scores and fits than these.
    pub(crate) fn keep_to(&mut self, questions: &Questions, facts: &mut Facts) {
        self.features.keep_to(questions.looking.as_ref(), facts);
        self.fit.keep_to(questions, &mut facts.fit);
    }

    /// Has all files of the study looked at again.
    pub(crate) fn look_again(&mut self) {
        self.stories.look_again();
        self.features.look_again();
        self.found.look_again();
        for watched in [Watched::Responses, Watched::FitFeatures] {
            self.fit.look_again(watched);
        }
        self.look_at_models_again();
    }

    /// Looks whether what is known has changed on the disk.
    pub(crate) fn watch(&mut self, questions: &Questions, facts: &mut Facts) {
        self.watch.look(questions.paths());
        let Some((changed, memory)) = self.watch.changes() else {
            return;
        };
        if let Some(machine) = &mut facts.machine {
            (machine.memory_bytes, machine.free_memory_bytes) = memory;
        }
        for watched in changed {
            match watched {
                Watched::Stories => self.stories.look_again(),
                Watched::Features => self.features.look_again(),
                Watched::FitFeatures | Watched::Responses | Watched::Alignment => {
                    self.fit.look_again(watched);
                    self.found.look_again();
                }
                Watched::Scores => self.fit.forget_scores(),
            }
        }
    }

    /// Asks what can be computed on.
    pub(crate) fn want_machine(&mut self, runtime: Option<PathBuf>) {
        self.machine.ask(model::AboutMachine { runtime });
    }

    /// Opens a dialog of the system in a process of its own.
    pub(crate) fn pick(&mut self, purpose: Purpose, start: Option<PathBuf>, facts: &mut Facts) {
        facts.picking = Some(purpose);
        self.picker.ask(picker::Question { purpose, start });
    }

    /// Waits no longer for the dialog.
    pub(crate) fn stop_picking(&mut self, facts: &mut Facts) {
        facts.picking = None;
        self.picker.ask(picker::Question {
            purpose: Purpose::Nothing,
            start: None,
        });
    }

    /// Has an errand done, after those before it.
    pub(crate) fn chore(&mut self, chore: Chore) {
        self.chores.ask_also(chore);
    }

    /// Waits until the last errands are done: the window is closing.
    pub(crate) fn finish_chores(&mut self) {
        self.chores.finish();
    }

    /// Finds out what dropped paths are.
    pub(crate) fn classify(&mut self, paths: Vec<PathBuf>) {
        self.drops.ask(paths);
    }

    /// Takes what has come into the facts, and returns what else is to be done.
    pub(crate) fn collect(&mut self, facts: &mut Facts) -> Vec<Wish> {
        let mut wishes = vec![];
        for answer in self.stories.answers() {
            stories::take(answer, &mut facts.stories);
        }
        self.features.collect(facts);
        self.fit.collect(&mut facts.fit);
        for answer in self.sound.answers() {
            facts.sound = answer;
        }
        for answer in self.model.answers() {
            facts.model = answer;
        }
        for answer in self.models.answers() {
            facts.models = answer;
        }
        for answer in self.trial.answers() {
            facts.trial = answer;
        }
        for answer in self.found.answers() {
            facts.found = Loading::Ready(answer);
        }
        for machine in self.machine.answers() {
            facts.machine = Some(machine);
        }
        for answer in self.picker.answers() {
            if facts.picking != Some(answer.purpose) {
                continue;
            }
            facts.picking = None;
            match answer.picked {
                Ok(Some(path)) => wishes.push(Wish::Picked(answer.purpose, path)),
                Ok(None) => {}
                Err(sentence) => wishes.push(Wish::Tell(sentence)),
            }
        }
        wishes.extend(self.chores.answers().map(Wish::Done));
        wishes.extend(self.drops.answers().map(Wish::Dropped));
        wishes
    }
}
