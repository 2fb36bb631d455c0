//! Any bytes as a pickle: nothing runs, nothing grows without bound, and the tensors found lie in their storages.
#![no_main]

use std::path::Path;

use heschl_core::files::formats::pickle;
use heschl_models::checkpoint::{Dtype, pytorch};
use libfuzzer_sys::fuzz_target;

const STORAGE_BYTES: u64 = 4096;

fuzz_target!(|bytes: &[u8]| {
    let Ok(pickle) = pickle::parse(bytes) else {
        return;
    };
    assert!(pickle.n_bytes <= bytes.len());
    let storages = (0..100).map(|key| {
        let begin = key * STORAGE_BYTES;
        (key.to_string(), begin..begin + STORAGE_BYTES)
    });
    let Ok(checkpoint) = pytorch::place(&pickle, &storages.collect(), Path::new("fuzz")) else {
        return;
    };
    for (name, tensor) in checkpoint.tensors() {
        if let Dtype::Supported(_) = tensor.dtype {
            let weight = checkpoint.weight(name, &tensor.shape).expect("an accepted tensor can be had");
            let end = weight.offset + weight.n_bytes() as u64;
            let is_empty = weight.n_bytes() == 0;
            assert!(is_empty || weight.offset / STORAGE_BYTES == (end - 1) / STORAGE_BYTES);
            assert!(end <= 100 * STORAGE_BYTES);
        }
    }
});
