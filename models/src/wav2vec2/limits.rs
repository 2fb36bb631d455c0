//! Validation of `config.json`.

use std::path::Path;

use super::{Family, Wav2Vec2Config};
use crate::ModelError;
use crate::transformer::check_activation;

/// Upper bounds of sizes; larger ones indicate a damaged config.json.
const MOST_LAYERS: usize = 1000;
const MOST_DIM: usize = 1 << 16;
const MOST_CONVOLUTIONS: usize = 32;
const MOST_STEP: usize = 1 << 12;

impl Wav2Vec2Config {
    /// Returns why this is not a valid or supported model, if so.
    pub(super) fn problem(&self, path: &Path) -> Option<ModelError> {
        let invalid = self
            .problem_of_sizes()
            .or_else(|| self.problem_of_convolutions())
            .or_else(|| self.problem_of_buckets())
            .or_else(|| self.problem_of_adapters());
        let path = path.to_path_buf();
        if let Some(reason) = invalid {
            return Some(ModelError::Config { reason, path });
        }
        let reason = self.not_computed()?;
        Some(ModelError::NotComputed { reason, path })
    }

    fn problem_of_sizes(&self) -> Option<String> {
        let is_size = |n: usize| (1..=MOST_DIM).contains(&n);
        let (dim, heads) = (self.hidden_size, self.num_attention_heads);
        if !is_size(dim) || !is_size(self.intermediate_size) {
            return Some(format!(
                "hidden_size is {dim} and intermediate_size {}",
                self.intermediate_size
            ));
        }
        if !(1..=MOST_LAYERS).contains(&self.num_hidden_layers) {
            return Some(format!("num_hidden_layers is {}", self.num_hidden_layers));
        }
        if heads == 0 || !dim.is_multiple_of(heads) {
            return Some(format!(
                "{heads} attention heads cannot share {dim} features"
            ));
        }
        let groups = self.num_conv_pos_embedding_groups;
        if groups == 0 || !dim.is_multiple_of(groups) {
            return Some(format!(
                "{groups} groups of the positional convolution cannot share {dim} features"
            ));
        }
        if !is_size(self.num_conv_pos_embeddings) || !is_size(self.conv_pos_kernel_size) {
            return Some(format!(
                "num_conv_pos_embeddings is {} and conv_pos_kernel_size {}",
                self.num_conv_pos_embeddings, self.conv_pos_kernel_size
            ));
        }
        let epsilon = self.layer_norm_eps;
        (!epsilon.is_finite() || epsilon < 0.0).then(|| format!("layer_norm_eps is {epsilon}"))
    }

    fn problem_of_convolutions(&self) -> Option<String> {
        let n = self.conv_dim.len();
        let are_as_many = self.conv_kernel.len() == n && self.conv_stride.len() == n;
        if !(1..=MOST_CONVOLUTIONS).contains(&n) || !are_as_many {
            return Some(format!(
                "conv_dim, conv_kernel and conv_stride have {n}, {} and {} entries",
                self.conv_kernel.len(),
                self.conv_stride.len()
            ));
        }
        if let Some(said) = self.num_feat_extract_layers
            && said != n
        {
            return Some(format!(
                "num_feat_extract_layers is {said}, but conv_dim has {n} entries"
            ));
        }
        let is_step = |step: &usize| (1..=MOST_STEP).contains(step);
        let are_steps = self
            .conv_kernel
            .iter()
            .chain(&self.conv_stride)
            .all(is_step);
        let are_dims = self.conv_dim.iter().all(|dim| (1..=MOST_DIM).contains(dim));
        let stride = |product: usize, n: &usize| product.checked_mul(*n);
        let is_short = self
            .conv_stride
            .iter()
            .try_fold(1, stride)
            .is_some_and(|samples| samples <= MOST_DIM);
        (!are_steps || !are_dims || !is_short).then(|| {
            format!(
                "conv_dim is {:?}, conv_kernel {:?} and conv_stride {:?}",
                self.conv_dim, self.conv_kernel, self.conv_stride
            )
        })
    }

    fn problem_of_buckets(&self) -> Option<String> {
        let has_buckets = self.num_buckets.is_multiple_of(4)
            && (4..=MOST_DIM).contains(&self.num_buckets)
            && (self.num_buckets / 4 + 1..=MOST_DIM).contains(&self.max_bucket_distance);
        (self.model_type == Family::WavLm && !has_buckets).then(|| {
            format!(
                "num_buckets is {} and max_bucket_distance {}",
                self.num_buckets, self.max_bucket_distance
            )
        })
    }

    fn problem_of_adapters(&self) -> Option<String> {
        if let Some(width) = self.adapter_attn_dim
            && !(1..=MOST_DIM).contains(&width)
        {
            return Some(format!("adapter_attn_dim is {width}"));
        }
        if !self.add_adapter {
            return None;
        }
        let (n, kernel, stride) = (
            self.num_adapter_layers,
            self.adapter_kernel_size,
            self.adapter_stride,
        );
        let is_step = |step: usize| (1..=MOST_CONVOLUTIONS).contains(&step);
        let is_short = (stride as f64).powi(n.min(MOST_CONVOLUTIONS) as i32) <= MOST_DIM as f64;
        (n > MOST_CONVOLUTIONS || !is_step(kernel) || !is_step(stride) || !is_short).then(|| {
            format!(
                "num_adapter_layers is {n}, adapter_kernel_size {kernel} and adapter_stride {stride}"
            )
        })
    }

    /// Describes unsupported settings.
    fn not_computed(&self) -> Option<String> {
        let stem = check_activation("feat_extract_activation", &self.feat_extract_activation);
        if let Some(reason) = stem.or_else(|| check_activation("hidden_act", &self.hidden_act)) {
            return Some(reason);
        }
        let width = self.output_hidden_size.unwrap_or(self.hidden_size);
        (self.add_adapter && width != self.hidden_size).then(|| {
            format!(
                "its adapter gives {width} features (output_hidden_size) where its layers have {} (hidden_size)",
                self.hidden_size
            )
        })
    }
}
