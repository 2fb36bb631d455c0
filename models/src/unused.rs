//! Tensors that a checkpoint holds and the graph of its encoder does not take.

use std::collections::BTreeSet;

use crate::checkpoint::{Checkpoint, CheckpointError};

/// Parts of names that training programs give to adapters beside the weights that they change.
const ADAPTER_PARTS: [&str; 6] = [
    ".lora_",
    ".base_layer.",
    ".ia3_",
    ".oft_",
    ".hada_",
    "prompt_encoder.",
];

/// Heads and quantisers of training, where their names stand beside the encoder's without a word before them.
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

/// Refuses a checkpoint in which a tensor of the encoder would be left out.
///
/// * `prefix`: what is before the names of the encoder's tensors.
/// * `used`: the names of all tensors that the graph of all layers takes.
/// * `is_harmless`: whether a tensor, by its name behind the prefix, changes nothing that the encoder gives.
///
/// # Errors
/// [`CheckpointError::UnmergedAdapter`] or [`CheckpointError::Unused`].
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

/// Refuses a checkpoint that was saved with an adapter not merged into its weights.
///
/// # Errors
/// [`CheckpointError::UnmergedAdapter`].
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
