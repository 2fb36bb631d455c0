//! Opening the responses that were chosen.

use std::path::PathBuf;

use heschl_core::files::formats::responses::{ResponseOptions, open as open_responses};
use heschl_core::files::responses::ResponseSource;

/// Where responses lie, and the mask that they need.
pub(crate) type ResponsesRequest = (PathBuf, Option<PathBuf>);

/// # Errors
/// A sentence, if they cannot be read.
pub(super) fn source((path, mask): &ResponsesRequest) -> Result<Box<dyn ResponseSource>, String> {
    let options = ResponseOptions {
        mask: mask.clone(),
        ..ResponseOptions::default()
    };
    open_responses(path, &options).map_err(|error| error.to_string())
}
