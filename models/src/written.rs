//! Model folders that Heschl itself wrote, told by the file that describes them.

use std::path::Path;

/// Describes the edited copy of an added ONNX file.
pub(crate) const OWN_ONNX_FILE: &str = "heschl.json";
/// Describes an untrained network.
pub(crate) const UNTRAINED_FILE: &str = "untrained.json";

/// Returns whether a folder holds the edited copy of an added ONNX file.
pub(crate) fn is_own_onnx(folder: &Path) -> bool {
    folder.join(OWN_ONNX_FILE).is_file()
}

/// Returns whether a folder holds an untrained network.
pub(crate) fn is_untrained(folder: &Path) -> bool {
    folder.join(UNTRAINED_FILE).is_file()
}
