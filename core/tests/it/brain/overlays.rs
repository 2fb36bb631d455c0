//! Regions drawn on a flat map, laid on fsaverage5.

use heschl_core::brain::{FlatMap, OVERLAYS, Overlays, Side, Subject, SurfaceKind};
use heschl_core::files::formats::drawing::Drawing;
use heschl_core::scene::{
    Camera, Interior, Lines, Marks, NamedVertices, Pose, Scene, Underlay, draw_flat, labels,
};

/// Units of the drawing for each mm of the flat map.
const UNITS: f64 = 4.0;

/// A rectangle of the flat map in mm: left, right, below, above.
type Rectangle = [f64; 4];

/// The middle of the left hemisphere, a smaller one within it, and one over both hemispheres.
fn rectangles(map: &FlatMap) -> [(&'static str, Rectangle); 3] {
    let [left, _, _, _] = map.extents;
    [
        ("large", [0.6 * left, 0.4 * left, -20.0, 20.0]),
        ("small", [0.55 * left, 0.5 * left, -8.0, 8.0]),
        ("both", [-25.0, 25.0, -15.0, 15.0]),
    ]
}

/// The rectangles as a drawing, and a sulcus.
fn drawing(map: &FlatMap) -> Drawing {
    let [left, right, below, above] = map.extents;
    let point = |x: f64, y: f64| format!("{},{}", (x - left) * UNITS, (above - y) * UNITS);
    let shape = |(name, [x0, x1, y0, y1]): (&str, Rectangle)| {
        format!(
            "<g inkscape:label=\"{name}\"><path d=\"M {} L {} {} {} Z\"/></g>",
            point(x0, y0),
            point(x1, y0),
            point(x1, y1),
            point(x0, y1)
        )
    };
    let shapes: String = rectangles(map).into_iter().map(shape).collect();
    let text = format!(
        "<svg width=\"{}\" height=\"{}\"><g inkscape:label=\"rois\"><g inkscape:label=\"shapes\">{shapes}</g></g>\
         <g inkscape:label=\"sulci\"><g inkscape:label=\"shapes\"><g inkscape:label=\"S\"><path d=\"M {} {}\"/></g></g></g>\
         <g inkscape:label=\"mine\"><g inkscape:label=\"shapes\"><g id=\"x\"/></g></g></svg>",
        (right - left) * UNITS,
        (above - below) * UNITS,
        point(0.6 * left, 0.0),
        point(0.4 * left, 0.0)
    );
    Drawing::parse(text.as_bytes()).unwrap()
}

#[test]
fn a_region_has_the_vertices_that_lie_inside_of_it_on_the_flat_map() {
    let subject = Subject::fsaverage5();
    let map = FlatMap::of(subject).unwrap();
    let overlays = Overlays::of_drawing(&drawing(&map), subject).unwrap();
    for (region, (name, [x0, x1, y0, y1])) in overlays.regions.iter().zip(rectangles(&map)) {
        assert_eq!(region.name, name);
        for side in Side::BOTH {
            let flat = subject.hemisphere(side).surface(SurfaceKind::Flat).unwrap();
            let is_inside = |vertex: &usize| {
                let [x, y, _] = flat.points()[*vertex].map(f64::from);
                let [x, y] = map.place(side, [x, y]);
                (x0..x1).contains(&x) && (y0..y1).contains(&y)
            };
            let used = flat.used();
            let expected = (0..flat.n_vertices()).filter(|vertex| used[*vertex]);
            let expected: Vec<u32> = expected.filter(is_inside).map(|v| v as u32).collect();
            let own = region.vertices[side.index()].iter();
            let own: Vec<u32> = own
                .copied()
                .filter(|vertex| used[*vertex as usize])
                .collect();
            assert_eq!(own, expected, "{name} {side}");
            assert!(name != "both" || expected.len() > 20, "{}", expected.len());
        }
    }
    let n_notes = overlays
        .notes
        .iter()
        .filter(|note| note.contains("is not shown"));
    assert_eq!(n_notes.count(), 1, "{:?}", overlays.notes);
    // A vertex in two regions belongs to the smaller one.
    let regions = overlays.parcellation([10_242; 2]);
    assert_eq!(regions.name, OVERLAYS);
    let small = regions.vertices(regions.region("small").unwrap(), Side::Left);
    assert_eq!(small, overlays.regions[1].vertices[0]);
    let n_large = overlays.regions[0].vertices[0].len();
    let large = regions.vertices(regions.region("large").unwrap(), Side::Left);
    assert_eq!(large.len() + small.len(), n_large);
}

#[test]
fn lines_run_along_what_was_drawn() {
    let subject = Subject::fsaverage5();
    let map = FlatMap::of(subject).unwrap();
    let overlays = Overlays::of_drawing(&drawing(&map), subject).unwrap();
    let [x0, x1, y0, y1] = rectangles(&map)[0].1;
    let mut length = 0.0;
    for line in &overlays.regions[0].lines {
        let flat = subject.hemisphere(line.side).surface(SurfaceKind::Flat);
        let points = line.points.iter().map(|point| {
            let [x, y, _] = point.on(flat.unwrap().points()).map(f64::from);
            map.place(line.side, [x, y])
        });
        let points: Vec<[f64; 2]> = points.collect();
        for [x, y] in &points {
            let to_border = (x - x0).abs().min((x - x1).abs());
            let to_border = to_border.min((y - y0).abs()).min((y - y1).abs());
            assert!(to_border < 1e-3, "{x} {y}");
        }
        for pair in points.windows(2) {
            length += (pair[1][0] - pair[0][0]).hypot(pair[1][1] - pair[0][1]);
        }
    }
    let around = 2.0 * (x1 - x0 + y1 - y0);
    assert!((length / around - 1.0).abs() < 0.02, "{length} of {around}");
    assert!(overlays.sulci[0].vertices.iter().all(Vec::is_empty));
}

#[test]
fn lines_and_names_stand_where_regions_are() {
    let subject = Subject::fsaverage5();
    let map = FlatMap::of(subject).unwrap();
    let overlays = Overlays::of_drawing(&drawing(&map), subject).unwrap();
    let lines = [Lines {
        lines: &overlays.regions[0].lines,
        width: 2.0,
        opacity: 1.0,
        halo: 0.0,
    }];
    let mut scene = Scene {
        subject,
        pose: Pose::default(),
        camera: Camera {
            azimuth: 0.0,
            altitude: 0.0,
            radius: 1.0,
            target: [0.0; 3],
        },
        underlay: Underlay::Plain,
        layer: None,
        outlines: None,
        marks: Marks::default(),
        interior: Interior::default(),
        is_lit: false,
    };
    let size = [600, 300];
    let plain = draw_flat(&scene, size, 1).unwrap().0;
    scene.marks.lines = &lines;
    let (lined, seen) = draw_flat(&scene, size, 1).unwrap();
    let layout = heschl_core::scene::FlatLayout::of(subject, size).unwrap();
    let [x0, x1, y0, y1] = rectangles(&map)[0].1;
    let shift = map.shifts[0];
    let corner = |x: f64, y: f64| layout.place(Side::Left, [x - shift, y]);
    let ([left, above], [right, below]) = (corner(x0, y1), corner(x1, y0));
    let mut n_changed = 0;
    let pixels = plain.rgba.chunks_exact(4).zip(lined.rgba.chunks_exact(4));
    for (at, (plain, lined)) in pixels.enumerate() {
        if plain != lined {
            n_changed += 1;
            let (x, y) = ((at % size[0]) as f64 + 0.5, (at / size[0]) as f64 + 0.5);
            let to_border = (x - left).abs().min((x - right).abs());
            let to_border = to_border.min((y - above).abs()).min((y - below).abs());
            assert!(to_border <= 1.01, "{x} {y}");
            assert_eq!(lined, [255; 4]);
        }
    }
    // A frame of two pixels' width.
    let frame = 2.0 * 2.0 * (right - left + below - above);
    assert!(
        (f64::from(n_changed) / frame - 1.0).abs() < 0.1,
        "{n_changed} of {frame}"
    );
    let named = overlays.regions.iter().map(|region| NamedVertices {
        name: region.name.clone(),
        vertices: region.vertices.clone(),
    });
    let found = labels(&named.collect::<Vec<_>>(), &seen, 1);
    let names: Vec<&str> = found.iter().map(|label| label.name.as_str()).collect();
    assert_eq!(names, ["large", "small", "both", "both"]);
    let [x, y] = found[0].at;
    assert!(x > left && x < right && y > above && y < below);
    assert!(found[0].room > found[1].room);
}

#[test]
fn damaged_drawings_are_refused_or_read_and_nothing_else() {
    let seed = include_bytes!("../../../../fuzz/seeds/drawing/overlays.svg");
    assert_eq!(Drawing::parse(seed).unwrap().layers.len(), 3);
    let mut random = 1_u64;
    let mut next = |n: usize| {
        // A linear congruence of Knuth's is random enough.
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) as usize % n
    };
    let (mut n_read, mut n_refused) = (0, 0);
    for _ in 0..20_000 {
        let mut bytes = seed.to_vec();
        for _ in 0..=next(3) {
            let at = next(bytes.len());
            match next(4) {
                0 => bytes[at] = b"0123456789.eE-+,zmlcCqaA<>/\"& "[next(30)],
                1 => bytes.truncate(at + 1),
                2 => drop(bytes.drain(at..(at + next(20)).min(bytes.len()))),
                _ => {
                    let copied: Vec<u8> = bytes[at..(at + next(60)).min(bytes.len())].to_vec();
                    bytes.splice(at..at, copied);
                }
            }
            if bytes.is_empty() {
                break;
            }
        }
        match Drawing::parse(&bytes) {
            Err(reason) => {
                assert!(!reason.is_empty());
                n_refused += 1;
            }
            Ok(drawing) => {
                n_read += 1;
                let shapes = drawing.layers.iter().flat_map(|layer| &layer.shapes);
                let lines = shapes.flat_map(|shape| shape.paths.iter().flatten());
                for line in lines {
                    assert!(line.points.len() > 1);
                    assert!(line.points.iter().flatten().all(|value| value.is_finite()));
                }
            }
        }
    }
    assert!(n_read > 1000 && n_refused > 1000, "{n_read} {n_refused}");
}
