//! Any text as a config.json: whatever is accepted gives a card and a number of operations that make sense.
#![no_main]

use std::path::Path;

use heschl_core::encoder::Precision;
use heschl_models::checkpoint::Checkpoint;
use heschl_models::whisper::{self, WhisperConfig};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(config) = WhisperConfig::parse(bytes, Path::new("fuzz")) else {
        return;
    };
    let card = config.card("fuzz");
    assert!(card.n_layers > 1 && card.dim > 0);
    assert!(config.matrix_flops(card.n_layers - 1, 257_600).is_finite());
    let nothing = Checkpoint::new(Path::new("fuzz"), Default::default());
    assert!(whisper::graph(&config, &nothing, &[0], Precision::F32).is_err());
});
