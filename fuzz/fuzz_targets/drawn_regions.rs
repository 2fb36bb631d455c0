//! Any bytes as drawn regions: a sentence, or regions of vertices that exist, which come back from every file made of them.
#![no_main]

use std::sync::LazyLock;

use heschl_core::brain::drawing::{DrawnRegions, gifti_labels, label_files, write_overlays};
use heschl_core::brain::{Hemisphere, Subject, Surface, SurfaceKind};
use heschl_core::files::formats::drawing::Drawing;
use libfuzzer_sys::fuzz_target;

/// Two flat squares, one for each hemisphere.
static SUBJECT: LazyLock<Subject> = LazyLock::new(|| {
    let mut subject = Subject::new("flat");
    subject.hemispheres = [-1.0_f32, 1.0].map(|side| {
        let corner = |x: f32, y: f32| [side * x, y, 0.0];
        let points = vec![corner(0.0, 0.0), corner(50.0, 0.0), corner(50.0, 50.0), corner(0.0, 50.0)];
        let mut hemisphere = Hemisphere::default();
        if let Ok(flat) = Surface::new(points, vec![[0, 1, 2], [0, 2, 3]]) {
            hemisphere.surfaces.insert(SurfaceKind::Flat, flat.clone());
            hemisphere.surfaces.insert(SurfaceKind::White, flat);
        }
        hemisphere
    });
    subject
});

fuzz_target!(|bytes: &[u8]| {
    let Ok((regions, _)) = DrawnRegions::of_json(bytes, &SUBJECT) else {
        return;
    };
    let vertices = regions.regions.iter().flat_map(|region| region.vertices.iter().flatten());
    assert!(vertices.into_iter().all(|vertex| *vertex < 4));
    let json = regions.to_json(&SUBJECT);
    let again = DrawnRegions::of_json(json.as_bytes(), &SUBJECT);
    assert_eq!(again.map(|(again, _)| again), Ok(regions.clone()));
    for region in &regions.regions {
        let _ = label_files(&SUBJECT, region);
    }
    let _ = gifti_labels(&SUBJECT, &regions);
    if let Ok(written) = write_overlays(&SUBJECT, &regions.regions, None) {
        assert!(Drawing::parse(written.text.as_bytes()).is_ok());
    }
});
