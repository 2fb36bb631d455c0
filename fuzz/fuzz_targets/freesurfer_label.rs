//! Any bytes as FreeSurfer's label: a clause, or vertices with coordinates and values.
#![no_main]

use heschl_core::files::formats::freesurfer::label;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(found) = label::parse(bytes) {
        assert_eq!(found.vertices.len(), found.points.len());
        assert_eq!(found.vertices.len(), found.values.len());
    }
});
