//! Any bytes as a user's ONNX file: what is accepted becomes a graph of about its size.
#![no_main]

use std::path::Path;

use heschl_models::own_onnx;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    // No file has this folder, so external data is never found.
    let path = Path::new("/nowhere/fuzz.onnx");
    let Ok(edited) = own_onnx::edited_graph(bytes, path) else {
        return;
    };
    assert!(edited.len() < 64 * bytes.len() + 10_000, "the edited graph is far larger");
});
