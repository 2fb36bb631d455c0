//! Any bytes as FreeSurfer's surface: a clause, or a mesh.
#![no_main]

use heschl_core::brain::Surface;
use heschl_core::files::formats::freesurfer::surface;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(found) = surface::parse(bytes) {
        let _ = Surface::new(found.mesh.points, found.mesh.triangles);
    }
});
