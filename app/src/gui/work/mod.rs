//! What the window has done elsewhere: every look at a disk, a device or another process happens on threads of this
//! folder. Each kind of question has a desk; the answers go into [`super::facts::Facts`].

mod chores;
mod desk;
mod drops;
mod features;
mod fit;
mod model;
mod models;
mod picker;
mod player;
mod sound;
mod stories;
mod trial;

pub(crate) use desk::{Answers, Desk, Waker};

use std::path::PathBuf;

use super::actions::Purpose;
use super::facts::Facts;
use super::features::Looking;
use super::loading::Loading;

/// All desks.
pub(crate) struct Work {
    stories: Desk<stories::Question, stories::Answer>,
    sound: Desk<sound::Question, sound::Answer>,
    pub(crate) player: Player,
    model: Desk<model::Question, model::Answer>,
    models: Desk<models::Question, models::Answer>,
    trial: Desk<trial::Question, trial::Answer>,
    features: features::FeatureDesks,
    fit: fit::FitDesks,
    picker: Desk<picker::Question, picker::Answer>,
    chores: Desk<Chore, Done>,
    drops: Desk<Vec<PathBuf>, Vec<drops::Meaning>>,
    machine: Desk<model::AboutMachine, super::facts::Machine>,
    /// What is on its way, so that it is not asked twice.
    asked: Asked,
}

/// The questions that were asked last.
#[derive(Default, PartialEq)]
struct Asked {
    stories: Option<stories::Question>,
    sound: Option<sound::Question>,
    model: Option<model::Question>,
    trial: Option<trial::Question>,
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
use player::Player;
pub(crate) use trial::Question as TrialQuestion;

impl Work {
    /// Opens every desk.
    pub(crate) fn open(waker: &Waker) -> Self {
        Self {
            stories: stories::open(waker),
            sound: sound::open(waker),
            player: Player::open(waker),
            model: model::open(waker),
            models: models::open(waker),
            trial: trial::open(waker),
            features: features::FeatureDesks::open(waker),
            fit: fit::FitDesks::open(waker),
            picker: picker::open(waker),
            chores: chores::open(waker),
            drops: drops::open(waker),
            machine: model::open_machine(waker),
            asked: Asked::default(),
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
        if question == self.asked.stories {
            return;
        }
        self.asked.stories.clone_from(&question);
        facts.stories = Loading::of(question.is_some());
        self.stories.ask_or_withdraw(question);
    }

    /// Asks for the stories again, for the folder may have changed.
    pub(crate) fn forget_stories(&mut self) {
        self.asked.stories = None;
    }

    /// Asks for a recording's sound, unless it is known or asked for.
    pub(crate) fn want_sound(&mut self, path: Option<PathBuf>, facts: &mut Facts) {
        let question = path.map(|path| sound::Question { path });
        if question != self.asked.sound {
            self.asked.sound.clone_from(&question);
            self.player.stop();
            facts.sound = Loading::of(question.is_some());
            self.sound.ask_or_withdraw(question);
        }
    }

    /// Asks for what is looked at of features.
    pub(crate) fn want_features(&mut self, looking: Option<&Looking>, facts: &mut Facts) {
        self.features.want(looking, facts);
    }

    /// Asks for what a fit needs to know.
    pub(crate) fn want_fit(
        &mut self,
        responses: Option<ResponsesQuestion>,
        features: Option<PathBuf>,
        facts: &mut Facts,
    ) {
        self.fit.want(responses, features, &mut facts.fit);
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
    pub(crate) fn want_scores(
        &mut self,
        folder: Option<&PathBuf>,
        other: Option<&PathBuf>,
        facts: &mut Facts,
    ) {
        self.fit.want_scores(folder, other, &mut facts.fit);
    }

    /// Asks for scores again, for a fit may have changed them.
    pub(crate) fn forget_scores(&mut self) {
        self.fit.forget_scores();
    }

    /// Asks what a model says of itself, unless it is known or asked for.
    pub(crate) fn want_model(&mut self, name: &str, facts: &mut Facts) {
        let question = Some(model::Question { name: name.into() });
        if question != self.asked.model {
            self.asked.model.clone_from(&question);
            facts.model = Loading::Waiting;
            self.model.ask_or_withdraw(question);
        }
    }

    /// Asks for all models.
    pub(crate) fn want_models(&mut self, facts: &mut Facts) {
        if facts.models == Loading::Nothing {
            facts.models = Loading::Waiting;
            self.models.ask(models::Question);
        }
    }

    /// Asks for the models again, for one has come or gone.
    pub(crate) fn look_at_models_again(&mut self) {
        self.models.ask(models::Question);
        self.forget_model();
    }

    /// Asks for the model again, for it may have been fetched or deleted.
    fn forget_model(&mut self) {
        self.asked.model = None;
    }

    /// Whether this is what was tried last.
    #[must_use]
    pub(crate) fn has_tried(&self, question: &TrialQuestion) -> bool {
        self.asked.trial.as_ref() == Some(question)
    }

    /// Asks for a trial of the encoder, unless it is known or asked for.
    pub(crate) fn want_trial(&mut self, question: Option<TrialQuestion>, facts: &mut Facts) {
        if question != self.asked.trial {
            self.asked.trial.clone_from(&question);
            facts.trial = Loading::of(question.is_some());
            self.trial.ask_or_withdraw(question);
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
