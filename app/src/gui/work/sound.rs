//! The sound of the story that is looked at, as the encoder hears it.

use std::path::PathBuf;
use std::sync::Arc;

use heschl_core::audio::{AudioError, Recording, Resampling};
use heschl_core::look::sound::{Sound, SoundBuilder};
use heschl_core::progress::CancelToken;

use super::{Answers, Desk, Waker};
use crate::gui::loading::Loading;

/// Which recording is asked for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Question {
    pub(super) path: PathBuf,
}

pub(super) type Answer = Loading<Arc<Sound>>;

pub(super) fn open(waker: &Waker) -> Desk<Question, Answer> {
    Desk::open(
        "sound",
        waker,
        |question: Question, cancel: &CancelToken, out: &Answers<Answer>| {
            let answer = match decode(&question, cancel) {
                Ok(Some(sound)) => Loading::Ready(Arc::new(sound)),
                Ok(None) => return,
                Err(error) => Loading::Failed(error.to_string()),
            };
            out.give(answer);
        },
    )
}

/// Decodes a recording; `None` if it is no longer wanted.
fn decode(question: &Question, cancel: &CancelToken) -> Result<Option<Sound>, AudioError> {
    let mut recording = Recording::open(&question.path, Resampling::ToEncoderRate)?;
    let mut builder = SoundBuilder::default();
    while let Some(block) = recording.next_block()? {
        if cancel.is_cancelled() {
            return Ok(None);
        }
        builder.push(block);
    }
    Ok(Some(builder.finish()))
}
