//! Detection of placeholder files in place of weights.

use std::path::Path;

use heschl_core::files::formats::placeholder::instead_of;

use super::CheckpointError;

/// Rejects a placeholder file.
///
/// # Errors
/// Returns [`CheckpointError::Placeholder`] with advice on obtaining the weights, or [`CheckpointError::Unreadable`].
pub(super) fn refuse_placeholder(path: &Path) -> Result<(), CheckpointError> {
    let path = path.to_path_buf();
    match instead_of(&path) {
        Err(source) => Err(CheckpointError::Unreadable { source, path }),
        Ok(None) => Ok(()),
        Ok(Some(found)) => Err(CheckpointError::Placeholder {
            what: found.what,
            remedy: found.remedy,
            path,
        }),
    }
}
