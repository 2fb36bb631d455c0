//! Files of adapters, such as `LoRA`, that lie in a model's folder.
//!
//! transformers applies an adapter that it finds beside the weights, so the weights alone are another model.

use std::path::Path;

use crate::ModelError;

/// What adapters are saved as: by peft, and by the "adapters" library.
const FILES: [&str; 5] = [
    "adapter_config.json",
    "adapter_model.safetensors",
    "adapter_model.bin",
    "pytorch_adapter.bin",
    "adapter.safetensors",
];

/// The name of a file of an adapter in a folder, if there is one.
pub(crate) fn file_in(folder: &Path) -> Option<&'static str> {
    FILES.into_iter().find(|file| folder.join(file).is_file())
}

/// Refuses a folder with an adapter beside a model.
///
/// # Errors
/// [`ModelError::AdapterBeside`].
pub(crate) fn refuse_beside(folder: &Path) -> Result<(), ModelError> {
    match file_in(folder) {
        None => Ok(()),
        Some(file) => Err(ModelError::AdapterBeside {
            file: file.into(),
            folder: folder.to_path_buf(),
        }),
    }
}

/// Refuses a folder with an adapter and no model.
///
/// # Errors
/// [`ModelError::AdapterAlone`].
pub(crate) fn refuse_alone(folder: &Path) -> Result<(), ModelError> {
    match file_in(folder) {
        None => Ok(()),
        Some(file) => Err(ModelError::AdapterAlone {
            file: file.into(),
            folder: folder.to_path_buf(),
        }),
    }
}
