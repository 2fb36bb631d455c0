//! Any bytes as a CIFTI file of maps: a sentence, or hemispheres whose maps can be read.
#![no_main]

use heschl_core::files::formats::cifti::dense::DenseMaps;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let folder = tempfile::tempdir().expect("a folder for the file");
    let path = folder.path().join("map.dscalar.nii");
    std::fs::write(&path, bytes).expect("the file can be written");
    let Ok(Some(maps)) = DenseMaps::open(&path, folder.path()) else {
        return;
    };
    assert!(!maps.names().is_empty());
    let sides = maps.read(0);
    if let Ok(sides) = sides {
        assert!(sides.iter().any(Option::is_some));
    }
});
