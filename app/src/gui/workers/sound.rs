//! The audio of the selected story, as the encoder receives it.

use std::path::PathBuf;
use std::sync::Arc;

use heschl_core::display::sound::{Sound, SoundBuilder};
use heschl_core::run::progress::CancelToken;
use heschl_core::speech::audio::{AudioError, Recording, Resampling};

use super::{Replies, Waker, Worker};
use crate::gui::loading::Loading;

/// Which recording is asked for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Request {
    pub(super) path: PathBuf,
}

pub(super) type Reply = Loading<Arc<Sound>>;

pub(super) fn open(waker: &Waker) -> Worker<Request, Reply> {
    Worker::open(
        "sound",
        waker,
        |request: Request, cancel: &CancelToken, out: &Replies<Reply>| {
            let reply = match decode(&request, cancel) {
                Ok(Some(sound)) => Loading::Ready(Arc::new(sound)),
                Ok(None) => return,
                Err(error) => Loading::Failed(error.to_string()),
            };
            out.give(reply);
        },
    )
}

/// Decodes a recording; `None` if it is no longer wanted.
fn decode(request: &Request, cancel: &CancelToken) -> Result<Option<Sound>, AudioError> {
    let mut recording = Recording::open(&request.path, Resampling::ToEncoderRate)?;
    let mut builder = SoundBuilder::default();
    while let Some(block) = recording.next_block()? {
        if cancel.is_cancelled() {
            return Ok(None);
        }
        builder.push(block);
    }
    Ok(Some(builder.finish()))
}
