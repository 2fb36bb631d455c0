//! Any text as a config.json: whatever is accepted gives a card and a number of operations that make sense.
#![no_main]

use std::path::Path;

use heschl_core::speech::card::Card;
use heschl_core::speech::encoder::Precision;
use heschl_models::InputMode;
use heschl_models::checkpoint::Checkpoint;
use heschl_models::wav2vec2::{self, Wav2Vec2Config};
use heschl_models::whisper::{self, WhisperConfig};
use libfuzzer_sys::fuzz_target;

fn check(card: &Card, flops: f64) {
    assert!(card.n_layers > 1 && card.dim > 0 && card.stride_samples > 0);
    assert!(flops.is_finite() && flops >= 0.0);
}

fuzz_target!(|bytes: &[u8]| {
    let nothing = Checkpoint::new(Path::new("fuzz"), Default::default());
    if let Ok(config) = WhisperConfig::parse(bytes, Path::new("fuzz")) {
        let card = config.card("fuzz");
        check(&card, config.matrix_flops(card.n_layers - 1, 257_600));
        assert!(whisper::graph(&config, &nothing, &[0], Precision::F32).is_err());
    }
    if let Ok(config) = Wav2Vec2Config::parse(bytes, Path::new("fuzz")) {
        let card = config.card("fuzz", true);
        check(&card, config.matrix_flops(InputMode::EachWindow, card.n_layers - 1, 257_600));
        let _ = card.frame_rule.wanted_frame(257_600);
        assert!(wav2vec2::graph(&config, &nothing, &[0], Precision::F32).is_err());
        assert!(wav2vec2::stem_graph(&config, &nothing, Precision::F32).is_err());
    }
});
