//! Any bytes as a recording: it is read to its end or refused, with numbers that are finite.
#![no_main]

use std::io::Write;

use heschl_core::speech::audio::{Recording, Resampling};
use libfuzzer_sys::fuzz_target;

/// The first byte chooses the suffix, which is a hint to the decoder.
const SUFFIXES: [&str; 6] = [".wav", ".flac", ".mp3", ".ogg", ".m4a", ""];

// A decoder's own panic is caught by `Recording` and told as an error; the hook that would end the run before that is
// taken away. A panic that is not caught still ends it.
fuzz_target!(init: { std::panic::set_hook(Box::new(|_| {})) }, |bytes: &[u8]| {
    let Some((choice, content)) = bytes.split_first() else {
        return;
    };
    let suffix = SUFFIXES[usize::from(*choice) % SUFFIXES.len()];
    let mut file = tempfile::Builder::new().suffix(suffix).tempfile().expect("a scratch file can be made");
    file.write_all(content).expect("a scratch file can be written");
    let Ok(mut recording) = Recording::open(file.path(), Resampling::ToEncoderRate) else {
        return;
    };
    while let Ok(Some(block)) = recording.next_block() {
        assert!(block.iter().all(|sample| sample.is_finite()));
    }
});
