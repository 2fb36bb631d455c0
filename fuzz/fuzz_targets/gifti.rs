//! Any text as a GIFTI file: a sentence, or arrays whose rows are as many as they say.
#![no_main]

use heschl_core::formats::gifti;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(arrays) = gifti::parse(text) {
        let _ = gifti::time_series(&arrays);
    }
});
