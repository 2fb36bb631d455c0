//! Any bytes as a PyTorch checkpoint: whatever is accepted lies inside the file.
#![no_main]

use std::io::Cursor;
use std::path::Path;

use heschl_models::checkpoint::{Dtype, pytorch};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(checkpoint) = pytorch::parse(Cursor::new(bytes), bytes.len() as u64, Path::new("fuzz")) else {
        return;
    };
    for (name, tensor) in checkpoint.tensors() {
        if let Dtype::Supported(_) = tensor.dtype {
            let weight = checkpoint.weight(name, &tensor.shape).expect("an accepted tensor can be had");
            assert!(weight.offset + weight.n_bytes() as u64 <= bytes.len() as u64);
        }
    }
});
