//! The stories of a folder, and what their headers say.

use std::path::PathBuf;

use heschl_core::audio::{self, RecordingFacts};
use heschl_core::progress::CancelToken;
use heschl_core::stimuli::{self, Depth};

use super::{Answers, Desk, Waker};
use crate::gui::facts::StoryFacts;
use crate::gui::loading::Loading;

/// Which folder is asked for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Question {
    pub(super) folder: PathBuf,
    pub(super) recursive: bool,
}

/// What was found.
pub(super) enum Answer {
    /// The stories, their headers still unread.
    Listed(Result<Vec<StoryFacts>, String>),
    /// The headers of stories, by their place in the list.
    Headers(Vec<(usize, Result<RecordingFacts, String>)>),
}

/// Headers that are told together.
const HEADERS_AT_ONCE: usize = 16;

pub(super) fn open(waker: &Waker) -> Desk<Question, Answer> {
    Desk::open("stories", waker, answer)
}

fn answer(question: Question, cancel: &CancelToken, out: &Answers<Answer>) {
    let depth = if question.recursive {
        Depth::Recursive
    } else {
        Depth::TopLevel
    };
    let found = match stimuli::find_stimuli(&question.folder, depth) {
        Ok(found) => found,
        Err(error) => return out.give(Answer::Listed(Err(error.to_string()))),
    };
    let listed = found.iter().map(|stimulus| StoryFacts {
        story: stimulus.story.clone(),
        path: stimulus.path.clone(),
        header: None,
    });
    out.give(Answer::Listed(Ok(listed.collect())));
    let mut headers = vec![];
    for (at, stimulus) in found.iter().enumerate() {
        if cancel.is_cancelled() {
            return;
        }
        headers.push((
            at,
            audio::probe(&stimulus.path).map_err(|error| error.to_string()),
        ));
        if headers.len() == HEADERS_AT_ONCE || at + 1 == found.len() {
            out.give(Answer::Headers(std::mem::take(&mut headers)));
        }
    }
}

/// Takes an answer into the facts.
pub(super) fn take(answer: Answer, stories: &mut Loading<Vec<StoryFacts>>) {
    match answer {
        Answer::Listed(Ok(listed)) => *stories = Loading::Ready(listed),
        Answer::Listed(Err(sentence)) => *stories = Loading::Failed(sentence),
        Answer::Headers(headers) => {
            if let Loading::Ready(stories) = stories {
                for (at, header) in headers {
                    if let Some(story) = stories.get_mut(at) {
                        story.header = Some(header);
                    }
                }
            }
        }
    }
}
