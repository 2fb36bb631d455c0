//! Entries of `config.json`: those that affect an encoder's outputs, and those that do not.
//!
//! Source: the configurations of transformers 4.30.2 and 5.24, and their use in the code.

use std::path::Path;

use serde_json::{Map, Value};

use crate::{ModelError, parse_json};

/// Entries of models that differ from their architecture. Rejected whenever they are set.
const REFUSED: [(&str, &str); 8] = [
    (
        "quantization_config",
        "its weights are quantised. Use the checkpoint it was made from, in float32, float16 or bfloat16",
    ),
    ("pruned_heads", "attention heads have been taken out of it"),
    (
        "adapters",
        "it has adapters of the \"adapters\" library. Merge them into the weights first",
    ),
    (
        "adapter_fusions",
        "it has adapters of the \"adapters\" library. Merge them into the weights first",
    ),
    (
        "peft_config",
        "it has an adapter. Merge it into the weights first",
    ),
    (
        "peft_type",
        "it has an adapter. Merge it into the weights first",
    ),
    ("is_decoder", "it is a decoder"),
    ("add_cross_attention", "it has cross-attention"),
];

/// Entries that affect only training, heads, tokens, or the execution of Python code, and are ignored for all
/// architectures. Those that some architecture supports are in its own list.
const HARMLESS: &[&str] = &[
    // Library: names, versions, loading formats, optional outputs.
    "_attn_implementation",
    "_attn_implementation_autoset",
    "_commit_hash",
    "_name_or_path",
    "_remove_final_layer_norm",
    "architectures",
    "attn_implementation",
    "base_model",
    "chunk_size_feed_forward",
    "dtype",
    "finetuning_task",
    "gradient_checkpointing",
    "model_type",
    "output_attentions",
    "output_hidden_states",
    "output_scores",
    "return_dict",
    "return_dict_in_generate",
    "tf_legacy_loss",
    "torch_dtype",
    "torchscript",
    "transformers_version",
    "use_bfloat16",
    "use_cache",
    // Training: dropout, masks, losses, initialisation.
    "activation_dropout",
    "apply_spec_augment",
    "attention_dropout",
    "contrastive_logits_temperature",
    "ctc_loss_reduction",
    "ctc_zero_infinity",
    "decoder_layerdrop",
    "diversity_loss_weight",
    "dropout",
    "encoder_layerdrop",
    "feat_extract_dropout",
    "feat_proj_dropout",
    "feat_quantizer_dropout",
    "final_dropout",
    "freeze_feat_extract_train",
    "gradient_multiplier",
    "hidden_dropout",
    "hidden_dropout_prob",
    "init_std",
    "initializer_range",
    "layerdrop",
    "mask_channel_length",
    "mask_channel_min_space",
    "mask_channel_other",
    "mask_channel_prob",
    "mask_channel_selection",
    "mask_feature_length",
    "mask_feature_min_masks",
    "mask_feature_prob",
    "mask_time_length",
    "mask_time_min_masks",
    "mask_time_min_space",
    "mask_time_other",
    "mask_time_prob",
    "mask_time_selection",
    "no_mask_channel_overlap",
    "no_mask_time_overlap",
    "num_negatives",
    "replace_prob",
    // Heads on top of the encoder, and decoders.
    "classifier_proj_size",
    "codevector_dim",
    "decoder_attention_heads",
    "decoder_ffn_dim",
    "decoder_layers",
    "id2label",
    "is_encoder_decoder",
    "label2id",
    "max_target_positions",
    "median_filter_width",
    "num_codevector_groups",
    "num_codevectors_per_group",
    "num_ctc_classes",
    "num_labels",
    "pooling_mode",
    "problem_type",
    "proj_codevector_dim",
    "tdnn_dilation",
    "tdnn_dim",
    "tdnn_kernel",
    "tie_encoder_decoder",
    "tie_word_embeddings",
    "use_weighted_layer_sum",
    "vocab_size",
    "xvector_output_dim",
    // Tokens and text generation.
    "bad_words_ids",
    "begin_suppress_tokens",
    "bos_token_id",
    "cross_attention_hidden_size",
    "decoder_start_token_id",
    "diversity_penalty",
    "do_sample",
    "early_stopping",
    "encoder_no_repeat_ngram_size",
    "eos_token_id",
    "exponential_decay_length_penalty",
    "forced_bos_token_id",
    "forced_decoder_ids",
    "forced_eos_token_id",
    "length_penalty",
    "max_length",
    "min_length",
    "no_repeat_ngram_size",
    "num_beam_groups",
    "num_beams",
    "num_return_sequences",
    "pad_token_id",
    "prefix",
    "remove_invalid_values",
    "repetition_penalty",
    "sep_token_id",
    "suppress_tokens",
    "task_specific_params",
    "temperature",
    "tokenizer_class",
    "top_k",
    "top_p",
    "typical_p",
];

/// Rejects a `config.json` with an entry that Heschl's graphs do not support; returns the entries unknown to both Heschl
/// and transformers, sorted by name.
///
/// * `computed`: entries that the architecture's graph supports.
///
/// # Errors
/// Returns [`ModelError::NotComputed`], or [`ModelError::Config`] if it is not a JSON object.
pub(crate) fn check(
    text: &[u8],
    path: &Path,
    computed: &[&str],
) -> Result<Vec<String>, ModelError> {
    let entries: Map<String, Value> = parse_json(text, path)?;
    for (name, what) in REFUSED {
        if entries.get(name).is_some_and(says_something) {
            return Err(ModelError::NotComputed {
                reason: format!("config.json has the entry {name}: {what}"),
                path: path.to_path_buf(),
            });
        }
    }
    let is_known = |name: &str| {
        HARMLESS.contains(&name)
            || computed.contains(&name)
            || REFUSED.iter().any(|(refused, _)| *refused == name)
    };
    let unknown = entries.into_iter().map(|(name, _)| name);
    Ok(unknown.filter(|name| !is_known(name)).collect())
}

/// Whether an entry is set to something other than a placeholder.
fn says_something(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::Bool(true) | Value::Number(_) => true,
        Value::String(text) => !text.is_empty(),
        Value::Array(list) => !list.is_empty(),
        Value::Object(entries) => !entries.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(text: &str) -> Result<Vec<String>, String> {
        check(text.as_bytes(), Path::new("config.json"), &["hidden_size"])
            .map_err(|error| error.to_string())
    }

    #[test]
    fn entries_that_change_numbers_and_are_not_computed_are_refused_by_name() {
        for (entry, reason) in [
            (
                r#""quantization_config": {"quant_method": "bitsandbytes"}"#,
                "quantised",
            ),
            (r#""pruned_heads": {"0": [1]}"#, "heads"),
            (r#""adapters": {"adapters": {"a": "b"}}"#, "Merge"),
            (r#""peft_type": "LORA""#, "Merge"),
            (r#""is_decoder": true"#, "decoder"),
        ] {
            let refusal = checked(&format!("{{{entry}}}")).unwrap_err();
            let name = entry.split('"').nth(1).unwrap();
            assert!(
                refusal.contains(name) && refusal.contains(reason),
                "{refusal}"
            );
            assert!(!refusal.contains("etch"), "{refusal}");
        }
    }

    #[test]
    fn placeholders_and_harmless_entries_pass_and_unknown_ones_are_told() {
        let told = checked(
            r#"{"quantization_config": null, "pruned_heads": {}, "is_decoder": false, "hidden_size": 3,
                "vocab_size": 4, "odd": 1, "another": null}"#,
        );
        assert_eq!(told.unwrap(), ["another", "odd"]);
        assert!(checked("[]").is_err());
    }
}
