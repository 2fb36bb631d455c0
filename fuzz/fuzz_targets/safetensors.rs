//! Any bytes as a safetensors file: whatever is accepted lies inside the file.
#![no_main]

use std::path::Path;

use heschl_models::checkpoint::{Dtype, safetensors};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((length, rest)) = bytes.split_first_chunk::<8>() else {
        return;
    };
    let n_json_bytes = (u64::from_le_bytes(*length) as usize).min(rest.len());
    let Ok(checkpoint) = safetensors::parse(&rest[..n_json_bytes], bytes.len() as u64, Path::new("fuzz")) else {
        return;
    };
    for (name, tensor) in checkpoint.tensors() {
        if let Dtype::Supported(_) = tensor.dtype {
            let weight = checkpoint.weight(name, &tensor.shape).expect("an accepted tensor can be had");
            assert!(weight.offset + weight.n_bytes() as u64 <= bytes.len() as u64);
        }
    }
});
