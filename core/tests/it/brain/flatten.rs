//! Flat maps: a plane comes back, a cap of a sphere is as good as it can be, fsaverage5 is no worse than FreeSurfer's map.
//!
//! `HESCHL_FSAVERAGE` names FreeSurfer's subject fsaverage (163,842 vertices) with its `?h.cortex.patch.flat`.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Instant;

use heschl_core::brain::flatten::{
    FlatMap, FlattenError, FlattenStage, Watch, flatten, flatten_disc, metric_distortion,
};
use heschl_core::brain::{Hemisphere, Side, Subject, Surface, SurfaceKind, folders};
use heschl_core::files::formats::freesurfer::{morph, patch};
use heschl_core::files::formats::gifti::flat_surface::flat_surface;
use heschl_core::files::formats::gifti::geometry::GiftiFile;

fn go_on(_: FlattenStage, _: f64) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn flattened(hemisphere: &Hemisphere, side: Side) -> Result<Option<FlatMap>, FlattenError> {
    flatten(hemisphere, side, SurfaceKind::White, &Watch(&go_on))
}

fn fsaverage5(side: Side) -> Hemisphere {
    Subject::fsaverage5().hemisphere(side).clone()
}

fn mean(values: &[f32]) -> f64 {
    let finite = values.iter().filter(|value| value.is_finite());
    let (sum, n) = finite.fold((0.0, 0), |(sum, n), value| (sum + f64::from(*value), n + 1));
    sum / f64::from(n)
}

/// A square grid of `n` × `n` vertices in rows with alternating diagonals, placed by `place`, without its corners, which would be
/// single triangles.
fn grid(n: u32, place: impl Fn(f32, f32) -> [f32; 3]) -> Surface {
    let points = (0..n * n).map(|index| place((index % n) as f32, (index / n) as f32));
    let mut triangles = Vec::new();
    for y in 0..n - 1 {
        for x in 0..n - 1 {
            let [a, b, c, d] = [
                y * n + x,
                y * n + x + 1,
                (y + 1) * n + x,
                (y + 1) * n + x + 1,
            ];
            if (x + y) % 2 == 0 {
                triangles.extend([[a, b, d], [a, d, c]]);
            } else {
                triangles.extend([[a, b, c], [b, d, c]]);
            }
        }
    }
    Surface::new(points.collect(), triangles).unwrap()
}

#[test]
fn a_bent_sheet_comes_back_as_the_plane_it_is() {
    // A cylinder's surface unfolds without any distortion; chords are shorter than arcs by less than 1e-3.
    let bent = grid(24, |x, y| {
        [20.0 * (x / 20.0).sin(), y, 20.0 * (x / 20.0).cos()]
    });
    let map = flatten_disc(&bent, &Watch(&go_on)).unwrap().unwrap();
    let points = map.surface.points();
    let apart = |a: usize, b: usize| {
        f64::from((points[a][0] - points[b][0]).hypot(points[a][1] - points[b][1]))
    };
    for (a, b, expected) in [
        (0, 23, 23.0),
        (0, 23 * 24, 23.0),
        (0, 24 * 24 - 1, 23.0 * 2.0_f64.sqrt()),
        (23, 23 * 24, 23.0 * 2.0_f64.sqrt()),
    ] {
        let found = apart(a, b);
        assert!(
            (found / expected - 1.0).abs() < 2e-3,
            "{a} to {b}: {found}, not {expected}"
        );
    }
    assert!(map.mean_distortion < 2e-3, "{}", map.mean_distortion);
}

#[test]
fn a_cap_of_a_sphere_is_flattened_no_worse_than_by_the_best_azimuthal_map() {
    // Around the pole of a sphere of 40 mm, up to 30 degrees at the sides of the square.
    let radius = 40.0_f32;
    let onto_sphere = |x: f32, y: f32| {
        let (x, y) = (x - 12.0, y - 12.0);
        let way = x.hypot(y);
        let angle = way / radius * 1.7;
        let share = if way > 0.0 {
            radius * angle.sin() / way
        } else {
            0.0
        };
        [x * share, y * share, radius * angle.cos()]
    };
    let cap = grid(25, onto_sphere);
    let map = flatten_disc(&cap, &Watch(&go_on)).unwrap().unwrap();
    // The azimuthal equidistant, equal-area and conformal maps at their best scales are candidates; none may be better.
    let azimuthal = |share: &dyn Fn(f32) -> f32, scale: f32| {
        let place = |point: &[f32; 3]| {
            let angle = (point[2] / radius).clamp(-1.0, 1.0).acos();
            let way = point[0].hypot(point[1]).max(1e-6);
            let factor = scale * radius * share(angle) / way;
            [point[0] * factor, point[1] * factor, 0.0]
        };
        let points = cap.points().iter().map(place).collect();
        let flat = Surface::new(points, cap.triangles().to_vec()).unwrap();
        mean(&metric_distortion(&cap, &flat).unwrap())
    };
    let maps: [&dyn Fn(f32) -> f32; 3] = [
        &|angle| angle,
        &|angle| 2.0 * (angle / 2.0).sin(),
        &|angle| 2.0 * (angle / 2.0).tan(),
    ];
    let scales = (90..=106).step_by(2).map(|percent| percent as f32 / 100.0);
    let best = scales
        .flat_map(|scale| maps.map(|map| azimuthal(map, scale)))
        .fold(f64::INFINITY, f64::min);
    eprintln!(
        "cap: {:.5}, best azimuthal map {best:.5}",
        map.mean_distortion
    );
    assert!(
        map.mean_distortion < 1.02 * best,
        "{} {best}",
        map.mean_distortion
    );
    // Gauss: a sphere cannot be flattened without distortion.
    assert!(map.mean_distortion > 0.005, "{}", map.mean_distortion);
}

fn check(map: &FlatMap, folded: &Surface, side: Side) {
    let surface = &map.surface;
    assert_eq!(surface.n_vertices(), folded.n_vertices());
    let area = |corners: &[u32; 3]| {
        let [a, b, c] = corners.map(|vertex| surface.points()[vertex as usize].map(f64::from));
        (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
    };
    assert!(
        surface
            .triangles()
            .iter()
            .all(|corners| area(corners) > 0.0)
    );
    // Vertices − edges + triangles of a disc.
    let mut edges: Vec<[u32; 2]> = surface
        .triangles()
        .iter()
        .flat_map(|[a, b, c]| [[*a, *b], [*b, *c], [*c, *a]])
        .map(|[a, b]| [a.min(b), a.max(b)])
        .collect();
    edges.sort_unstable();
    let n_once = edges
        .chunk_by(|a, b| a == b)
        .filter(|same| same.len() == 1)
        .count();
    assert_eq!(n_once, map.border.len());
    edges.dedup();
    let used = surface.used();
    let n_used = used.iter().filter(|used| **used).count();
    assert_eq!(
        n_used as i64 - edges.len() as i64 + surface.triangles().len() as i64,
        1
    );
    for (vertex, used) in used.iter().enumerate() {
        assert_eq!(surface.points()[vertex][2] == 0.0, *used, "vertex {vertex}");
        assert_eq!(map.distortion[vertex].is_finite(), *used, "vertex {vertex}");
    }
    // Frontal: left at −x, right at +x. Dorsal: +y on the outside, where the surface lies above the middle.
    let slope = |axis: usize, of: usize| {
        let used = (0..used.len()).filter(|vertex| used[*vertex]);
        let pairs: Vec<[f64; 2]> = used
            .map(|vertex| {
                [folded.points()[vertex][of], surface.points()[vertex][axis]].map(f64::from)
            })
            .collect();
        let mean =
            |side: usize| pairs.iter().map(|pair| pair[side]).sum::<f64>() / pairs.len() as f64;
        let (a, b) = (mean(0), mean(1));
        pairs
            .iter()
            .map(|pair| (pair[0] - a) * (pair[1] - b))
            .sum::<f64>()
    };
    let outwards = if side == Side::Left { -1.0 } else { 1.0 };
    assert!(outwards * slope(0, 1) > 0.0 && slope(1, 2) > 0.0);
}

#[test]
fn fsaverage5_is_flattened_no_worse_than_by_freesurfer() {
    for side in Side::BOTH {
        let hemisphere = fsaverage5(side);
        let white = hemisphere.surface(SurfaceKind::White).unwrap();
        let begun = Instant::now();
        let map = flattened(&hemisphere, side).unwrap().unwrap();
        let secs = begun.elapsed().as_secs_f64();
        check(&map, white, side);
        let of_freesurfer = hemisphere.surface(SurfaceKind::Flat).unwrap();
        let of_freesurfer = mean(&metric_distortion(white, of_freesurfer).unwrap());
        eprintln!(
            "{side}: {:.4}, FreeSurfer {of_freesurfer:.4}, {secs:.1} s",
            map.mean_distortion
        );
        assert!(map.mean_distortion <= 1.05 * of_freesurfer);
    }
}

#[test]
fn any_number_of_threads_gives_the_same_map() {
    let hemisphere = fsaverage5(Side::Left);
    let with = |n_threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(n_threads)
            .build()
            .unwrap();
        pool.install(|| flattened(&hemisphere, Side::Left).unwrap().unwrap())
    };
    let (one, two) = (with(1), with(2));
    assert_eq!(one.surface, two.surface);
    assert_eq!(one.mean_distortion.to_bits(), two.mean_distortion.to_bits());
}

#[test]
fn files_of_a_map_are_read_back_as_it_is() {
    let hemisphere = fsaverage5(Side::Right);
    let map = FlatMap {
        surface: hemisphere.surface(SurfaceKind::Flat).unwrap().clone(),
        border: vec![3, 4],
        distortion: vec![0.25; 10_242],
        mean_distortion: 0.25,
        n_left_out: 0,
    };
    let text = flat_surface(map.surface.points(), map.surface.triangles(), "CortexRight").unwrap();
    let mesh = GiftiFile::parse(text.as_bytes()).unwrap().mesh().unwrap();
    assert_eq!(
        (&mesh.points[..], &mesh.triangles[..]),
        (map.surface.points(), map.surface.triangles())
    );
    let written = map.patch();
    let read = patch::parse(&patch::bytes(&written).unwrap()).unwrap();
    assert_eq!(read, written);
    let used = map.surface.used();
    let first = used.iter().position(|used| *used).unwrap();
    let [x, y, _] = map.surface.points()[first];
    // pycortex's import turns (x, y) of a patch to (y, −x).
    let [u, v, _] = read.points[0];
    assert_eq!((read.vertices[0] as usize, [v, -u]), (first, [x, y]));
    let values = morph::parse(&morph::bytes(&map.distortion, 20_480).unwrap()).unwrap();
    assert_eq!(values, map.distortion);
}

#[test]
fn a_stop_ends_the_work() {
    let stop = |stage: FlattenStage, _: f64| match stage {
        FlattenStage::Relaxing => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    };
    let map = flatten(
        &fsaverage5(Side::Left),
        Side::Left,
        SurfaceKind::White,
        &Watch(&stop),
    );
    assert_eq!(map, Ok(None));
}

/// The hemisphere with other triangles in its white surface.
fn with_triangles(change: impl FnOnce(&mut Vec<[f32; 3]>, &mut Vec<[u32; 3]>)) -> Hemisphere {
    let mut hemisphere = fsaverage5(Side::Left);
    let white = hemisphere.surface(SurfaceKind::White).unwrap();
    let (mut points, mut triangles) = (white.points().to_vec(), white.triangles().to_vec());
    change(&mut points, &mut triangles);
    let n_vertices = points.len();
    let white = Surface::new(points, triangles).unwrap();
    hemisphere.surfaces.insert(SurfaceKind::White, white);
    let sphere = hemisphere.surface(SurfaceKind::Sphere).unwrap();
    let mut points = sphere.points().to_vec();
    points.resize(n_vertices, [0.0, 0.0, 100.0]);
    let sphere = Surface::new(points, sphere.triangles().to_vec()).unwrap();
    hemisphere.surfaces.insert(SurfaceKind::Sphere, sphere);
    hemisphere
}

fn refusal(hemisphere: &Hemisphere) -> String {
    flattened(hemisphere, Side::Left).unwrap_err().to_string()
}

#[test]
fn what_cannot_be_flattened_is_refused_with_a_sentence() {
    let hole = with_triangles(|_, triangles| {
        triangles.pop();
    });
    assert!(
        refusal(&hole).starts_with("The surface has a hole: 3 of its edges"),
        "{}",
        refusal(&hole)
    );
    let pieces = with_triangles(|points, triangles| {
        let n = points.len() as u32;
        points.extend([[0.0; 3], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]);
        triangles.extend(
            [[0, 2, 1], [0, 1, 3], [1, 2, 3], [0, 3, 2]]
                .map(|corners| corners.map(|corner| n + corner)),
        );
    });
    assert!(
        refusal(&pieces).starts_with("The surface has 2 separate pieces"),
        "{}",
        refusal(&pieces)
    );
    let doubled = with_triangles(|_, triangles| triangles.push(triangles[0]));
    assert!(
        refusal(&doubled).starts_with("At 3 edges of the surface"),
        "{}",
        refusal(&doubled)
    );
    let mut without_sphere = fsaverage5(Side::Left);
    without_sphere.surfaces.remove(&SurfaceKind::Sphere);
    assert!(
        refusal(&without_sphere).contains("has no spherical surface"),
        "{}",
        refusal(&without_sphere)
    );
    assert!(refusal(&without_sphere).contains("surf/lh.sphere.reg"));
    let mut collapsed = fsaverage5(Side::Left);
    let sphere = collapsed.surface(SurfaceKind::Sphere).unwrap();
    let zero = Surface::new(
        vec![[0.0; 3]; sphere.n_vertices()],
        sphere.triangles().to_vec(),
    )
    .unwrap();
    collapsed.surfaces.insert(SurfaceKind::Sphere, zero);
    assert!(
        refusal(&collapsed).starts_with("Vertex 0 of the sphere"),
        "{}",
        refusal(&collapsed)
    );
    let mut in_one_place = fsaverage5(Side::Left);
    let far = Surface::new(vec![[0.0, 0.0, 100.0]; 10_242], sphere_triangles()).unwrap();
    in_one_place.surfaces.insert(SurfaceKind::Sphere, far);
    assert!(
        refusal(&in_one_place).starts_with("0 of 10242 vertices lie on the medial wall"),
        "{}",
        refusal(&in_one_place)
    );
}

fn sphere_triangles() -> Vec<[u32; 3]> {
    fsaverage5(Side::Left)
        .surface(SurfaceKind::Sphere)
        .unwrap()
        .triangles()
        .to_vec()
}

#[test]
#[ignore = "needs FreeSurfer's fsaverage; takes minutes in a release build"]
fn fsaverage_is_flattened_no_worse_than_by_freesurfer() {
    let folder = PathBuf::from(std::env::var_os("HESCHL_FSAVERAGE").expect("HESCHL_FSAVERAGE"));
    let subject = folders::load(&folder).unwrap().subject;
    for side in Side::BOTH {
        let hemisphere = subject.hemisphere(side);
        let white = hemisphere.surface(SurfaceKind::White).unwrap();
        let of_freesurfer = hemisphere.surface(SurfaceKind::Flat).unwrap();
        let of_freesurfer = mean(&metric_distortion(white, of_freesurfer).unwrap());
        let begun = Instant::now();
        let map = flattened(hemisphere, side).unwrap().unwrap();
        let secs = begun.elapsed().as_secs_f64();
        check(&map, white, side);
        eprintln!(
            "{side}: {:.4}, FreeSurfer {of_freesurfer:.4}, {secs:.1} s",
            map.mean_distortion
        );
        assert!(map.mean_distortion <= 1.05 * of_freesurfer);
    }
}
