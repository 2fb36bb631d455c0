//! Detection of checkpoint tensors that the encoder's graph does not use.

use std::collections::BTreeSet;

use crate::checkpoint::{Checkpoint, CheckpointError};

/// Parts of tensor names by which training programs mark adapter weights.
const ADAPTER_PARTS: [&str; 6] = [
    ".lora_",
    ".base_layer.",
    ".ia3_",
    ".oft_",
    ".hada_",
    "prompt_encoder.",
];

/// Training heads and quantisers whose names have no prefix of their own.
const HEADS: [&str; 14] = [
    "classifier.",
    "ctc_proj.",
    "decoder.",
    "final_proj.",
    "label_embs_concat",
    "layer_weights",
    "lm_head.",
    "objective.",
    "proj_out.",
    "project_hid.",
    "project_q.",
    "projector.",
    "quantizer.",
    "tdnn.",
];

/// Rejects a checkpoint in which a tensor of the encoder would be unused.
///
/// * `prefix`: prefix of the encoder's tensor names.
/// * `used`: names of all tensors used by the graph of all layers.
/// * `is_harmless`: whether a tensor, by its name without prefix, does not affect the encoder's outputs.
///
/// # Errors
/// Returns [`CheckpointError::UnmergedAdapter`] or [`CheckpointError::Unused`].
pub(crate) fn refuse_unused(
    checkpoint: &Checkpoint,
    prefix: &str,
    used: &BTreeSet<String>,
    is_harmless: impl Fn(&str) -> bool,
) -> Result<(), CheckpointError> {
    refuse_adapters(checkpoint)?;
    let is_head = |name: &str| prefix.is_empty() && HEADS.iter().any(|head| name.starts_with(head));
    let left_out: Vec<&String> = checkpoint
        .tensors()
        .keys()
        .filter(|name| !used.contains(*name))
        .filter(|name| {
            let behind = name.strip_prefix(prefix);
            behind.is_some_and(|name| !is_head(name) && !is_harmless(name))
        })
        .collect();
    match left_out.first() {
        None => Ok(()),
        Some(example) => Err(CheckpointError::Unused {
            n_tensors: left_out.len(),
            example: example.escape_debug().to_string(),
            path: checkpoint.path().to_path_buf(),
        }),
    }
}

/// Rejects a checkpoint with an adapter that is not merged into its weights.
///
/// # Errors
/// Returns [`CheckpointError::UnmergedAdapter`].
pub(crate) fn refuse_adapters(checkpoint: &Checkpoint) -> Result<(), CheckpointError> {
    let of_adapter = |name: &&String| ADAPTER_PARTS.iter().any(|part| name.contains(part));
    match checkpoint.tensors().keys().find(of_adapter) {
        None => Ok(()),
        Some(example) => Err(CheckpointError::UnmergedAdapter {
            example: example.escape_debug().to_string(),
            path: checkpoint.path().to_path_buf(),
        }),
    }
}
