//! Any bytes as a drawing on a flat map: a sentence, or lines of finite points, laid on a cortex; and a shape added to it.
#![no_main]

use std::sync::LazyLock;

use heschl_core::brain::{Hemisphere, Overlays, Subject, Surface, SurfaceKind};
use heschl_core::files::formats::drawing::Drawing;
use heschl_core::files::formats::drawing::write::{ShapeToWrite, with_shapes};
use libfuzzer_sys::fuzz_target;

/// Two flat triangles, one for each hemisphere.
static SUBJECT: LazyLock<Subject> = LazyLock::new(|| {
    let mut subject = Subject::new("flat");
    subject.hemispheres = [-1.0, 1.0].map(|side| {
        let points = vec![[0.0, 0.0, 0.0], [side * 50.0, 0.0, 0.0], [0.0, 50.0, 0.0]];
        let mut hemisphere = Hemisphere::default();
        if let Ok(flat) = Surface::new(points, vec![[0, 1, 2]]) {
            hemisphere.surfaces.insert(SurfaceKind::Flat, flat);
        }
        hemisphere
    });
    subject
});

fuzz_target!(|bytes: &[u8]| {
    let Ok(drawing) = Drawing::parse(bytes) else {
        return;
    };
    if let Ok(text) = std::str::from_utf8(bytes) {
        let shape = ShapeToWrite {
            name: "new".into(),
            paths: vec![vec![vec![[1.0, 2.0], [3.0, 2.0], [3.0, 5.0]]]],
        };
        if let Ok(extended) = with_shapes(text, "rois", &[shape]) {
            assert!(extended.text.contains("inkscape:label=\"new\""));
        }
    }
    let shapes = drawing.layers.iter().flat_map(|layer| &layer.shapes);
    let lines = shapes.flat_map(|shape| shape.paths.iter().flatten());
    for line in lines {
        assert!(line.points.len() > 1);
        assert!(line.points.iter().flatten().all(|value| value.is_finite()));
    }
    if let Ok(overlays) = Overlays::of_drawing(&drawing, &SUBJECT) {
        let regions = overlays.parcellation([3, 3]);
        let all = regions.of_vertex.iter().flatten().flatten();
        assert!(all.into_iter().all(|region| usize::from(*region) < regions.regions.len()));
    }
});
