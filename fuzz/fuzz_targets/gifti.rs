//! Any bytes as a GIFTI file: a sentence, or responses whose blocks can be read; never more memory than the file is worth.
#![no_main]

use libfuzzer_sys::fuzz_target;

mod common;

fuzz_target!(|bytes: &[u8]| common::responses(bytes, "story.gii"));
