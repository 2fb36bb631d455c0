//! Any bytes as FreeSurfer's patch: a clause, or vertices that a surface of four vertices has or lacks.
#![no_main]

use heschl_core::files::formats::freesurfer::patch;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(found) = patch::parse(bytes) else {
        return;
    };
    let triangles = [[0, 1, 2], [0, 2, 3]];
    if let Ok(mesh) = found.mesh(&[[0.0; 3]; 4], &triangles) {
        assert_eq!(mesh.points.len(), 4);
    }
});
