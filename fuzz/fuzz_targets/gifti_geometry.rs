//! Any bytes as a GIFTI file: a sentence, or a surface, maps and labels whose parts fit together.
#![no_main]

use heschl_core::files::formats::gifti::geometry::GiftiFile;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(file) = GiftiFile::parse(bytes) else {
        return;
    };
    let _ = file.mesh();
    if let Ok(maps) = file.maps() {
        assert!(maps.iter().all(|map| map.values.len() == maps[0].values.len()));
    }
    if let Ok(regions) = file.labelled() {
        let n_regions = regions.table.len();
        assert!(regions.of_vertex.iter().flatten().all(|region| usize::from(*region) < n_regions));
    }
});
