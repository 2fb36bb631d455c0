//! Any bytes as FreeSurfer's parcellation: a clause, or regions that are in the table.
#![no_main]

use heschl_core::files::formats::freesurfer::annot;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(found) = annot::parse(bytes) {
        let n_regions = found.table.len();
        assert!(found.of_vertex.iter().flatten().all(|region| usize::from(*region) < n_regions));
    }
});
