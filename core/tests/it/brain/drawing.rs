//! Regions that a user draws on fsaverage5: the lasso, and the files.

use std::sync::LazyLock;

use heschl_core::brain::drawing::{
    DrawnRegions, DrawnRegionsError, OverlayFileError, RegionMesh, annots, gifti_labels,
    label_files, region_meshes, write_overlays,
};
use heschl_core::brain::{
    Overlays, Parcellation, Side, Subject, SurfaceKind, read_label, read_regions,
};
use heschl_core::files::formats::drawing::Drawing;
use heschl_core::scene::{NamedView, Visibility, lassoed};

static MESHES: LazyLock<[RegionMesh; 2]> =
    LazyLock::new(|| region_meshes(Subject::fsaverage5()).unwrap());

fn disc(side: Side, centre: u32, radius_mm: f64) -> [Vec<u32>; 2] {
    let mut vertices = [Vec::new(), Vec::new()];
    vertices[side.index()] = MESHES[side.index()].brushed(&[centre], radius_mm);
    vertices
}

/// Regions of the left, of the right, of both hemispheres, and one in another.
fn regions() -> DrawnRegions {
    let mut regions = DrawnRegions::default();
    regions.push("left one", disc(Side::Left, 1234, 14.0));
    regions.push("right <1> & \"more\"", disc(Side::Right, 9000, 10.0));
    let [left, _] = disc(Side::Left, 8000, 9.0);
    let [_, right] = disc(Side::Right, 8000, 9.0);
    regions.push("both", [left, right]);
    regions.push("within", disc(Side::Left, 1234, 5.0));
    regions
}

/// The vertices that project into a polygon and that no triangle hides, by brute force over all triangles.
fn lassoed_by_force(view: NamedView, unfold: f32, line: &[[f64; 2]]) -> [Vec<u32>; 2] {
    let subject = Subject::fsaverage5();
    let size = [300, 225];
    let view = view.of(subject, unfold, size).unwrap();
    let brain = view.pose.apply(subject).unwrap();
    let projection = view.camera(subject).projection(size);
    let mut found = [Vec::new(), Vec::new()];
    let all: Vec<[[f64; 3]; 3]> = brain
        .hemispheres
        .iter()
        .flat_map(|own| {
            let place = |vertex: u32| projection.project(own.points[vertex as usize]);
            let triangles = &brain.triangles[own.triangles.clone()];
            triangles
                .iter()
                .map(move |(_, corners)| corners.map(place))
                .collect::<Vec<_>>()
        })
        .collect();
    for own in &brain.hemispheres {
        let mut faces = vec![false; own.points.len()];
        for (_, corners) in &brain.triangles[own.triangles.clone()] {
            let [a, b, c] = corners.map(|v| projection.project(own.points[v as usize]));
            let area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]);
            if area < 0.0 {
                for vertex in corners {
                    faces[*vertex as usize] = true;
                }
            }
        }
        for (vertex, point) in own.points.iter().enumerate() {
            let [x, y, distance] = projection.project(*point);
            let mut angle = 0.0;
            for (from, to) in line.iter().zip(line.iter().cycle().skip(1)) {
                let turn = (to[1] - y).atan2(to[0] - x) - (from[1] - y).atan2(from[0] - x);
                angle += turn.sin().atan2(turn.cos());
            }
            // The winding number is another way to tell inside from outside.
            if !faces[vertex] || angle.abs() < 3.0 {
                continue;
            }
            let hides = |[a, b, c]: &[[f64; 3]; 3]| {
                let cross = |p: &[f64; 3], q: &[f64; 3]| {
                    (q[0] - p[0]) * (y - p[1]) - (q[1] - p[1]) * (x - p[0])
                };
                let shares = [cross(b, c), cross(c, a), cross(a, b)];
                let area: f64 = shares.iter().sum();
                let is_inside = shares.iter().all(|share| share / area > 1e-6);
                // Triangles are nearly flat in the picture, so that distances mix linearly.
                let far = (shares[0] * a[2] + shares[1] * b[2] + shares[2] * c[2]) / area;
                area < 0.0 && is_inside && far < distance - 0.5
            };
            if !all.iter().any(hides) {
                found[own.side.index()].push(vertex as u32);
            }
        }
    }
    found
}

#[test]
fn the_lasso_takes_what_is_seen_inside_of_it() {
    let subject = Subject::fsaverage5();
    let line = [
        [90.0, 60.0],
        [210.0, 80.0],
        [190.0, 150.0],
        [140.0, 120.0],
        [95.0, 160.0],
    ];
    for (named, unfold, least_share) in [
        (NamedView::Flat, 1.0, 0.999),
        (NamedView::Lateral(Side::Left), 0.5, 0.98),
        (NamedView::Lateral(Side::Right), 0.0, 0.95),
    ] {
        let size = [300, 225];
        let view = named.of(subject, unfold, size).unwrap();
        let brain = view.pose.apply(subject).unwrap();
        let fine = size.map(|pixels| 3 * pixels);
        let projection = view.camera(subject).projection(fine);
        let seen = Visibility::of(&brain, &projection, fine);
        let corners = line.map(|corner| corner.map(|value| 3.0 * value));
        let found = lassoed(&brain, &projection, &seen, &corners);
        let expected = lassoed_by_force(named, unfold, &line);
        let mut n = [0, 0];
        for side in 0..2 {
            let both = found[side].iter().filter(|v| expected[side].contains(v));
            let both = both.count();
            n[0] += both;
            n[1] += found[side].len() + expected[side].len() - both;
        }
        let share = f64::from(n[0] as u32) / f64::from(n[1] as u32);
        assert!(
            n[0] > 300 && share >= least_share,
            "{named:?}: {n:?} {share}"
        );
    }
}

#[test]
fn regions_come_back_from_json_as_they_were() {
    let subject = Subject::fsaverage5();
    let regions = regions();
    let json = regions.to_json(subject);
    let (read, notes) = DrawnRegions::of_json(json.as_bytes(), subject).unwrap();
    assert_eq!(read, regions);
    assert_eq!(notes, [""; 0]);
    let empty = DrawnRegions::default();
    let json = empty.to_json(subject);
    assert_eq!(
        DrawnRegions::of_json(json.as_bytes(), subject).unwrap().0,
        empty
    );
}

#[test]
fn files_that_hold_no_regions_are_refused_with_a_reason() {
    let subject = Subject::fsaverage5();
    let json = regions().to_json(subject);
    let refused = |text: &str| {
        let refused = DrawnRegions::of_json(text.as_bytes(), subject);
        refused.unwrap_err().to_string()
    };
    for (text, words) in [
        (String::new(), "holds no regions"),
        ("{}".into(), "missing field `format`"),
        (
            json.replace("heschl-regions", "view"),
            "its \"format\" is \"view\"",
        ),
        (
            json.replace("\"version\": 1", "\"version\": 7"),
            "newer version",
        ),
        (
            json.replace("[10242, 10242]", "[642, 642]"),
            "has 10242 and 10242",
        ),
        (
            json.replacen("\"left\": [", "\"left\": [10242, ", 1),
            "has vertex 10242",
        ),
        (
            json.replace("\"colour\"", "\"color\""),
            "unknown field `color`",
        ),
        (json[..json.len() / 2].to_owned(), "EOF"),
    ] {
        let found = refused(&text);
        assert!(found.contains(words), "{found}");
    }
    let other = DrawnRegions::of_json(json.replace("[10242, 10242]", "[1, 2]").as_bytes(), subject);
    assert!(matches!(
        other,
        Err(DrawnRegionsError::OtherMesh { found: [1, 2], .. })
    ));
}

#[test]
fn labels_annots_and_gifti_are_read_back() {
    let subject = Subject::fsaverage5();
    let regions = regions();
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    for region in &regions.regions {
        let files = label_files(subject, region).unwrap();
        let n_sides = region.vertices.iter().filter(|own| !own.is_empty()).count();
        assert_eq!(files.len(), n_sides);
        for (side, bytes) in files {
            let path = write("lh.a.label", &bytes);
            assert_eq!(read_label(&path).unwrap(), region.vertices[side.index()]);
        }
    }
    let expected = regions.parcellation([10_242; 2]);
    // "within" lies in "left one", and is the smaller of the two.
    let inner = expected.vertices(expected.region("within").unwrap(), Side::Left);
    assert_eq!(inner, regions.regions[3].vertices[0]);
    assert_eq!(regions.n_shared(), inner.len());
    for (name, sides) in [
        ("regions.annot", annots(subject, &regions).unwrap()),
        (
            "regions.label.gii",
            gifti_labels(subject, &regions).unwrap(),
        ),
    ] {
        let read = sides.map(|bytes| read_regions(&write(name, &bytes)).unwrap());
        let [left, right] = &read;
        let set = Parcellation::new("drawn", [Some(left), Some(right)], [10_242; 2]).unwrap();
        for (index, region) in (0_u16..).zip(&regions.regions) {
            let found = set.region(&region.name).unwrap();
            for side in Side::BOTH {
                let (found, expected) = (set.vertices(found, side), expected.vertices(index, side));
                assert_eq!(found, expected, "{name} {} {side}", region.name);
            }
        }
        for side in Side::BOTH {
            let n_without = |set: &Parcellation| {
                let of_vertex = set.of_vertex[side.index()].iter();
                let nameless = set.region("???");
                of_vertex
                    .filter(|own| own.is_none() || **own == nameless)
                    .count()
            };
            assert_eq!(n_without(&set), n_without(&expected), "{name}");
        }
    }
}

/// The share of the vertices of two sets that both have.
fn overlap(a: &[Vec<u32>; 2], b: &[Vec<u32>; 2]) -> f64 {
    let both = (0..2).map(|side| {
        let both = a[side].iter().filter(|v| b[side].binary_search(v).is_ok());
        both.count()
    });
    let both: usize = both.sum();
    let n = |own: &[Vec<u32>; 2]| own.iter().map(Vec::len).sum::<usize>();
    both as f64 / (n(a) + n(b) - both) as f64
}

/// Which vertices of each hemisphere the flat map uses.
fn used() -> [Vec<bool>; 2] {
    Side::BOTH.map(|side| {
        let flat = Subject::fsaverage5().hemisphere(side);
        flat.surface(SurfaceKind::Flat).unwrap().used()
    })
}

/// Those of some vertices that lie on the flat map.
fn on_map(vertices: &[Vec<u32>; 2]) -> [Vec<u32>; 2] {
    let used = used();
    [0, 1].map(|side: usize| {
        let own = vertices[side].iter().copied();
        own.filter(|v| used[side][*v as usize]).collect()
    })
}

/// The regions of a drawing.
fn read_drawing(text: &str) -> Overlays {
    let drawing = Drawing::parse(text.as_bytes()).unwrap();
    Overlays::of_drawing(&drawing, Subject::fsaverage5()).unwrap()
}

#[test]
fn a_drawing_of_pycortex_holds_the_same_vertices() {
    let regions = regions();
    let written = write_overlays(Subject::fsaverage5(), &regions.regions, None).unwrap();
    let overlays = read_drawing(&written.text);
    assert_eq!(overlays.regions.len(), 4);
    for (found, expected) in overlays.regions.iter().zip(&regions.regions) {
        let name = &found.name;
        assert_eq!(name, &expected.name);
        assert_eq!(
            on_map(&found.vertices),
            on_map(&expected.vertices),
            "{name}"
        );
        let share = overlap(&found.vertices, &expected.vertices);
        assert!(share >= 0.97, "{name}: {share}");
    }
}

#[test]
fn a_drawing_is_extended_by_regions_of_any_shape() {
    let subject = Subject::fsaverage5();
    let first = write_overlays(subject, &regions().regions, None).unwrap();
    // A region at the end of the flat map, one with a hole, and one that was cut out of it.
    let ends = used()[0].iter().position(|used| !used).unwrap() as u32;
    let mut more = DrawnRegions::default();
    more.push("end", disc(Side::Left, ends, 25.0));
    let [outer, _] = disc(Side::Left, 1234, 14.0);
    let [inner, _] = disc(Side::Left, 1234, 5.0);
    let ring = outer
        .into_iter()
        .filter(|v| inner.binary_search(v).is_err());
    more.push("ring", [ring.collect(), Vec::new()]);
    more.push("cut out", [vec![ends], Vec::new()]);
    more.push("both", disc(Side::Right, 77, 8.0));
    let again = write_overlays(subject, &more.regions, Some(&first.text)).unwrap();
    for words in [
        "\"both\" of the drawing was replaced.",
        "\"cut out\" is not in the drawing",
    ] {
        let mut notes = again.notes.iter();
        assert!(
            notes.any(|note| note.starts_with(words)),
            "{:?}",
            again.notes
        );
    }
    let overlays = read_drawing(&again.text);
    let names: Vec<&str> = overlays
        .regions
        .iter()
        .map(|own| own.name.as_str())
        .collect();
    let expected = [
        "left one",
        "right <1> & \"more\"",
        "within",
        "end",
        "ring",
        "both",
    ];
    assert_eq!(names, expected);
    for (found, region) in overlays.regions[3..].iter().zip([0, 1, 3]) {
        let expected = &more.regions[region];
        let name = &found.name;
        assert_eq!(
            on_map(&found.vertices),
            on_map(&expected.vertices),
            "{name}"
        );
    }
    let nothing = write_overlays(subject, &more.regions[2..3], None);
    assert_eq!(nothing, Err(OverlayFileError::Nothing));
    let damaged = write_overlays(subject, &more.regions, Some("<svg"));
    assert!(matches!(damaged, Err(OverlayFileError::Damaged(_))));
}
