//! Why a study's fit cannot run now, and what would let it.

use crate::gui::actions::{Action, PathPurpose, ViewAction};
use crate::gui::fitting::{FitStudy, StoryLengths, StoryResponses, StoryRole};
use crate::gui::icons;
use crate::gui::info::Info;
use crate::gui::loading::Loading;
use crate::gui::pages::blocker::{Blocker, Remedy};
use crate::gui::pages::scan_times;
use crate::gui::state::{Page, State, Study};
use crate::gui::text::count;
use heschl_core::run::recipe::ScansRecipe;

/// Why the study's fit cannot run now.
#[must_use]
pub(crate) fn why_not_fit(state: &State, info: &Info) -> Option<Blocker> {
    let Some(study) = state.study() else {
        return Some(Blocker::new(
            "Open a study first.",
            vec![Remedy::go(Page::Home)],
        ));
    };
    files(state, info)
        .or_else(|| stories(study, info))
        .or_else(|| settings(state, study))
        .or_else(|| lengths(study, info))
        .or_else(|| held_out(study, info))
        .or_else(|| forecast(info))
}

/// Features and responses must be there.
fn files(state: &State, info: &Info) -> Option<Blocker> {
    let features = || Remedy::pick("Choose features", PathPurpose::FitFeatures);
    let responses = || {
        vec![
            Remedy::pick("Choose a folder of responses", PathPurpose::Responses),
            Remedy::pick("Choose a file of responses", PathPurpose::ResponsesFile),
        ]
    };
    if state.fit_features().is_none() {
        return Some(Blocker::new(
            "There are no features yet. Extract some first, or choose a folder of features.",
            vec![Remedy::go(Page::Extract), features()],
        ));
    }
    if state
        .study()
        .is_none_or(|study| study.fit.responses.is_none())
    {
        return Some(Blocker::new(
            "Choose the fMRI responses: a folder, or one file with all stories.",
            responses(),
        ));
    }
    match (&info.fit.responses, &info.fit.layers) {
        (Loading::Failed(sentence), _) => {
            let again = Remedy::new(icons::REFRESH_CW, "Look again", Action::Refresh);
            let mut remedies = responses();
            remedies.push(again);
            Some(Blocker::new(sentence.as_str(), remedies))
        }
        (_, Loading::Failed(sentence)) => Some(Blocker::new(
            sentence.as_str(),
            vec![Remedy::go(Page::Extract), features()],
        )),
        (Loading::Ready(_), Loading::Ready(_)) => None,
        _ => Some(Blocker::passing("Reading the responses …")),
    }
}

/// The stories of the responses with their parts.
fn parts<'a>(
    fit: &'a FitStudy,
    info: &'a Info,
) -> impl Iterator<Item = (StoryResponses, StoryRole)> + 'a {
    let measured = info.fit.responses.ready();
    let measured = measured.map_or_else(Vec::new, |stories| fit.stories(stories));
    let features = info.fit.layers.ready();
    measured.into_iter().map(move |story| {
        let has_features = features.is_some_and(|known| known.stories.contains(&story.story));
        let part = fit.part(&story.story, has_features);
        (story, part)
    })
}

/// Someone must train and someone must test.
fn stories(study: &Study, info: &Info) -> Option<Blocker> {
    let of = |part: StoryRole| parts(&study.fit, info).filter(move |(_, found)| *found == part);
    let (n_train, n_test) = (of(StoryRole::Train).count(), of(StoryRole::Test).count());
    if n_train + n_test == 0 {
        return Some(Blocker::new(
            "No story has both features and responses. Extract features of the stories that were presented, or give the files matching names.",
            vec![Remedy::go(Page::Extract), Remedy::go(Page::Stimuli)],
        ));
    }
    let as_part = |story: &StoryResponses, part: StoryRole, words: &str| {
        Remedy::edit(format!("{words} {}", story.story), study, |study| {
            study.fit.set_part(&story.story, part);
        })
    };
    if n_test == 0 {
        let shortest = of(StoryRole::Train).map(|(story, _)| story);
        let shortest = shortest.min_by_key(|story| story.n_scans);
        return Some(Blocker::new(
            "Choose a test story. The others are used for training.",
            shortest
                .iter()
                .map(|story| as_part(story, StoryRole::Test, "Test on"))
                .collect(),
        ));
    }
    (n_train == 0).then(|| {
        let tests = of(StoryRole::Test).take(3);
        Blocker::new(
            "At least one story is needed for training: all are test stories.",
            tests
                .map(|(story, _)| as_part(&story, StoryRole::Train, "Train with"))
                .collect(),
        )
    })
}

/// What was typed must make sense.
fn settings(state: &State, study: &Study) -> Option<Blocker> {
    if let Err(sentence) = state.fit_recipe() {
        let usual = Remedy::edit("Use the preset's settings", study, |study| {
            study.fit.reset_to_preset();
        });
        return Some(Blocker::new(sentence, vec![usual]));
    }
    let sentence = scan_times::wrong(&study.fit.scans)?;
    let even = Remedy::edit("Regular intervals", study, |study| {
        study.fit.scans = ScansRecipe::default();
    });
    Some(Blocker::new(sentence, vec![Remedy::go(Page::Align), even]))
}

/// Features and responses of each story that takes part must be of equal length.
fn lengths(study: &Study, info: &Info) -> Option<Blocker> {
    let known = info.fit.lengths.ready()?;
    let takes_part = |story: &&StoryLengths| {
        parts(&study.fit, info)
            .any(|(known, part)| known.story == story.story && part != StoryRole::LeftOut)
    };
    let mut wrong = known
        .iter()
        .filter(|story| story.problem.is_some())
        .filter(takes_part);
    let first = wrong.next()?;
    let mut sentence = first.problem.clone()?;
    let n_others = wrong.count();
    if n_others > 0 {
        let others = count(n_others, "other story does", "other stories do");
        sentence = format!("{sentence} {others} not match either.");
    }
    Some(Blocker::new(sentence, remedies(study, first)))
}

/// What would mend a story's lengths: other trims, or leaving it out.
pub(super) fn remedies(study: &Study, story: &StoryLengths) -> Vec<Remedy> {
    let is_test = study.fit.test.contains(&story.story);
    let trims = story.remedies.iter().map(|remedy| {
        Remedy::edit(remedy.label(), study, |study| {
            study
                .fit
                .set_trims(remedy.applied(study.fit.trims(), is_test));
        })
    });
    let leave_out = Remedy::edit(format!("Leave out {}", story.story), study, |study| {
        study.fit.set_part(&story.story, StoryRole::LeftOut);
    });
    let align = Remedy::new(
        icons::RULER,
        format!("Show {} on Align", story.story),
        Action::View(ViewAction::StoryOn(Page::Align, story.story.clone())),
    );
    trims.chain([leave_out, align]).collect()
}

/// Training scans, as far as they are known.
pub(super) fn n_training_scans(study: &Study, info: &Info) -> Option<usize> {
    let known = info.fit.lengths.ready()?;
    let is_trained = |story: &&StoryLengths| {
        parts(&study.fit, info)
            .any(|(known, part)| known.story == story.story && part == StoryRole::Train)
    };
    let kept = |story: &StoryLengths| story.kept.map_or(0, |[_, responses]| responses);
    Some(known.iter().filter(is_trained).map(kept).sum())
}

/// Enough training scans must be left to hold some out.
fn held_out(study: &Study, info: &Info) -> Option<Blocker> {
    let n_scans = n_training_scans(study, info)?;
    let held_out = study.fit.held_out()?;
    let sentence = held_out.check(n_scans).err()?;
    let shorter = held_out.suited_to(n_scans).map(|suited| {
        let label = format!("Hold out a quarter, in chunks of {}", suited.chunk_scans);
        Remedy::edit(label, study, |study| {
            study.fit.ridge.cross_validation = suited.method();
        })
    });
    let less = Remedy::go(Page::Align);
    Some(Blocker::new(
        sentence,
        shorter.into_iter().chain([less]).collect(),
    ))
}

/// What the forecast has met.
fn forecast(info: &Info) -> Option<Blocker> {
    let Loading::Failed(sentence) = &info.fit.forecast else {
        return None;
    };
    Some(Blocker::new(
        sentence.as_str(),
        vec![
            Remedy::go(Page::Align),
            Remedy::new(icons::REFRESH_CW, "Look again", Action::Refresh),
        ],
    ))
}
