//! Any bytes as an HDF5 file: a sentence, or responses whose blocks can be read; never more memory than the file is worth.
#![no_main]

use libfuzzer_sys::fuzz_target;

mod common;

fuzz_target!(init: pass_over_panics_of_the_library(), |bytes: &[u8]| common::responses(bytes, "story.hf5"));

/// The reader catches panics of the library, which become a sentence; the fuzzer's own hook would end at them.
fn pass_over_panics_of_the_library() {
    let ends = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let is_of_the_library = panic.location().is_some_and(|place| place.file().contains("rust-hdf5"))
            || std::backtrace::Backtrace::force_capture().to_string().contains("rust_hdf5");
        if !is_of_the_library {
            ends(panic);
        }
    }));
}
