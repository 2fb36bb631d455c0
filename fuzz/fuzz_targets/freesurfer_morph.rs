//! Any bytes as FreeSurfer's map: a clause, or values.
#![no_main]

use heschl_core::files::formats::freesurfer::morph;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(values) = morph::parse(bytes) {
        assert!(!values.is_empty() && values.len() <= bytes.len());
    }
});
