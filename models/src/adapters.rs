//! Adapter files, such as those of `LoRA`, in a model's folder.
//!
//! transformers applies an adapter that it finds next to the weights, so that the weights alone are a different model.

use std::path::Path;

use crate::ModelError;

/// File names of adapters saved by peft and by the "adapters" library.
const FILES: [&str; 5] = [
    "adapter_config.json",
    "adapter_model.safetensors",
    "adapter_model.bin",
    "pytorch_adapter.bin",
    "adapter.safetensors",
];

/// The name of an adapter file in a folder, if there is one.
pub(crate) fn file_in(folder: &Path) -> Option<&'static str> {
    FILES.into_iter().find(|file| folder.join(file).is_file())
}

/// Rejects a folder with an adapter next to a model.
///
/// # Errors
/// Returns [`ModelError::AdapterBeside`].
pub(crate) fn refuse_beside(folder: &Path) -> Result<(), ModelError> {
    match file_in(folder) {
        None => Ok(()),
        Some(file) => Err(ModelError::AdapterBeside {
            file: file.into(),
            folder: folder.to_path_buf(),
        }),
    }
}

/// Rejects a folder with an adapter but no model.
///
/// # Errors
/// Returns [`ModelError::AdapterAlone`].
pub(crate) fn refuse_alone(folder: &Path) -> Result<(), ModelError> {
    match file_in(folder) {
        None => Ok(()),
        Some(file) => Err(ModelError::AdapterAlone {
            file: file.into(),
            folder: folder.to_path_buf(),
        }),
    }
}
