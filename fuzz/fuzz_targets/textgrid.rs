//! Any bytes as a TextGrid: a sentence, or tiers.
#![no_main]

use heschl_core::fmri::textgrid::TextGrid;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = TextGrid::parse(bytes);
});
