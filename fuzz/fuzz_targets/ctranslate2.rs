//! Any bytes as a CTranslate2 file: whatever is accepted lies inside the file.
#![no_main]

use std::io::Cursor;
use std::path::Path;

use heschl_models::checkpoint::{Dtype, ctranslate2};
use heschl_models::whisper::WhisperConfig;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(model) = ctranslate2::parse(Cursor::new(bytes), bytes.len() as u64, Path::new("fuzz")) else {
        return;
    };
    for (name, tensor) in model.checkpoint.tensors() {
        if let Dtype::Supported(_) = tensor.dtype {
            let weight = model.checkpoint.weight(name, &tensor.shape).expect("an accepted tensor can be had");
            assert!(weight.offset + weight.n_bytes() as u64 <= bytes.len() as u64);
        }
    }
    let _ = WhisperConfig::from_tensors(&model.checkpoint, model.n_heads);
});
