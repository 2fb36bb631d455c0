//! `heschl bench brain`: how fast the cortex is drawn.

use std::path::PathBuf;
use std::time::Instant;

use heschl_core::brain::{Hemisphere, Side, Subject, Surface, SurfaceKind};
use heschl_core::maths::matrix::product_peak_flops;
use heschl_core::scene::{
    ColourMap, ColourScale, DataMap, Interior, Layer, LayerStyle, Marks, NamedView, PosedBrain,
    Scene, Underlay, Visibility, paint,
};

use super::median;
use crate::brain_map::{FSAVERAGE5, OpenSubject};
use crate::console::say;
use crate::failure::{CommandResult, Failure, Outcome};
use crate::gui::thousands;

/// Measure how fast the cortex is drawn
#[derive(clap::Args)]
pub(super) struct Args {
    /// Folder of a subject [default: the cortex of fsaverage5, refined]
    #[arg(long, value_name = "FOLDER")]
    subject: Option<PathBuf>,

    /// How often the triangles of fsaverage5 are divided into four: 1 gives the size of fsaverage6, 2 that of fsaverage7
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u8).range(0..=2))]
    refine: u8,

    /// Width and height in pixels
    #[arg(long, value_name = "WIDTHxHEIGHT", default_value = "1280x800", value_parser = super::super::render::size)]
    size: [usize; 2],

    /// Pictures of each kind; medians are reported
    #[arg(long, value_name = "N", default_value_t = 21, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pictures: u16,
}

/// Samples of a pixel along each side of a picture that rests.
const N_SAMPLES: usize = 3;
/// Unfolding of the pictures.
const UNFOLD: f32 = 0.25;

/// Measures and prints.
///
/// # Errors
/// A sentence if the subject cannot be read.
pub(super) fn run(args: &Args) -> CommandResult {
    let subject = match &args.subject {
        Some(folder) => OpenSubject::of_folder(folder)?.subject.as_ref().clone(),
        None => refined(args.refine)?,
    };
    let values = values(&subject);
    let peak = product_peak_flops::<f32>();
    let begun = Instant::now();
    let view = NamedView::BothLateral.of(&subject, UNFOLD, args.size)?;
    let brain = view.pose.apply(&subject)?;
    let posed_secs = begun.elapsed().as_secs_f64();
    let mut scene = Scene {
        subject: &subject,
        pose: view.pose,
        camera: view.camera(&subject),
        underlay: Underlay::Curvature,
        layer: Some(Layer {
            data: DataMap::Vertices([&values[0], &values[1]]),
            scale: ColourScale {
                map: ColourMap::default(),
                limits: [0.0, 1.0],
            },
            threshold: None,
            style: LayerStyle::default(),
        }),
        outlines: None,
        marks: Marks::default(),
        interior: Interior::default(),
        is_lit: true,
    };
    let first = picture(&scene, &brain, args.size, 1);
    let first_secs = begun.elapsed().as_secs_f64();
    let mut turning = Vec::new();
    for _ in 0..args.pictures {
        scene.camera.azimuth += 3.0;
        turning.push(picture(&scene, &brain, args.size, 1).secs);
    }
    let (mut rest, mut seen) = (Vec::new(), first.seen);
    for _ in 0..args.pictures.div_ceil(4) {
        let drawn = picture(&scene, &brain, args.size, N_SAMPLES);
        rest.push(drawn.secs);
        seen = drawn.seen;
    }
    let mut recoloured = Vec::new();
    for at in 0..args.pictures {
        if let Some(layer) = &mut scene.layer {
            layer.scale.limits[1] = 1.0 + f32::from(at) / 100.0;
        }
        let begun = Instant::now();
        std::hint::black_box(paint(&scene, Some(&brain), &seen, args.size, N_SAMPLES));
        recoloured.push(begun.elapsed().as_secs_f64());
    }
    print(
        &subject,
        args,
        [
            posed_secs,
            first_secs,
            median(turning.into_iter()),
            median(rest.into_iter()),
            median(recoloured.into_iter()),
        ],
        peak,
    );
    Ok(Outcome::Done)
}

struct Drawn {
    secs: f64,
    seen: Visibility,
}

fn picture(scene: &Scene, brain: &PosedBrain, size: [usize; 2], n_samples: usize) -> Drawn {
    let begun = Instant::now();
    let fine = size.map(|pixels| pixels * n_samples);
    let seen = Visibility::of(brain, &scene.camera.projection(fine), fine);
    std::hint::black_box(paint(scene, Some(brain), &seen, size, n_samples));
    Drawn {
        secs: begun.elapsed().as_secs_f64(),
        seen,
    }
}

fn print(
    subject: &Subject,
    args: &Args,
    [posed, first, turning, rest, recoloured]: [f64; 5],
    peak: f64,
) {
    let n_triangles: usize = subject
        .hemispheres
        .iter()
        .filter_map(|hemisphere| hemisphere.surfaces.values().next())
        .map(|surface| surface.triangles().len())
        .sum();
    say(format_args!(
        "cortex           {}: {} vertices, {} triangles; {} × {} pixels",
        subject.name,
        thousands(subject.n_vertices()),
        thousands(n_triangles),
        args.size[0],
        args.size[1]
    ));
    say(format_args!(
        "peak             {:.0} GFLOP/s (f32 matrix product of 2048 × 2048)",
        peak / 1e9
    ));
    say(format_args!(
        "first picture    {:.0} ms from the surfaces in memory, of which {:.0} ms pose them",
        1e3 * first,
        1e3 * posed
    ));
    say(format_args!(
        "turning          {:.1} pictures/s ({:.1} ms each; {:.2} GFLOP at the peak rate)",
        1.0 / turning,
        1e3 * turning,
        turning * peak / 1e9
    ));
    say(format_args!(
        "at rest          {:.0} ms ({} samples per pixel)",
        1e3 * rest,
        N_SAMPLES * N_SAMPLES
    ));
    say(format_args!(
        "other colours    {:.0} ms (limits, map or threshold changed; the geometry is kept)",
        1e3 * recoloured
    ));
}

/// A smooth map with negative and missing values.
fn values(subject: &Subject) -> [Vec<f32>; 2] {
    Side::BOTH.map(|side| {
        let hemisphere = subject.hemisphere(side);
        let points = hemisphere.middle_points().unwrap_or_default();
        let value = |[x, y, z]: [f32; 3]| (x / 20.0).sin() * (y / 15.0).cos() + z / 100.0;
        points.into_iter().map(value).collect()
    })
}

/// fsaverage5 with each triangle divided into four, `n` times: as many vertices and triangles as fsaverage6 and 7.
fn refined(n: u8) -> Result<Subject, Failure> {
    let mut subject = Subject::fsaverage5().clone();
    subject.parcellations.clear();
    for _ in 0..n {
        for hemisphere in &mut subject.hemispheres {
            *hemisphere = divided(hemisphere)?;
        }
    }
    subject.name = match n {
        0 => FSAVERAGE5.into(),
        n => format!("{FSAVERAGE5}, refined to the size of fsaverage{}", 5 + n),
    };
    Ok(subject)
}

/// A hemisphere with a new vertex in the middle of each edge.
fn divided(hemisphere: &Hemisphere) -> Result<Hemisphere, Failure> {
    let mut edges = std::collections::BTreeMap::new();
    let n_vertices = hemisphere.n_vertices() as u32;
    let whole = hemisphere.surface(SurfaceKind::Pial);
    for corners in whole.map(Surface::triangles).unwrap_or_default() {
        for edge in edges_of(*corners) {
            let next = n_vertices + edges.len() as u32;
            edges.entry(edge).or_insert(next);
        }
    }
    let mut new = Hemisphere::default();
    for (kind, surface) in &hemisphere.surfaces {
        let mut points = surface.points().to_vec();
        points.resize(points.len() + edges.len(), [0.0; 3]);
        for ([a, b], vertex) in &edges {
            let (a, b) = (surface.points()[*a as usize], surface.points()[*b as usize]);
            points[*vertex as usize] = std::array::from_fn(|axis| f32::midpoint(a[axis], b[axis]));
        }
        let mut triangles = Vec::with_capacity(4 * surface.triangles().len());
        for corners in surface.triangles() {
            let [a, b, c] = *corners;
            let middles = edges_of(*corners).map(|edge| edges.get(&edge).copied());
            let [Some(ab), Some(bc), Some(ca)] = middles else {
                continue;
            };
            triangles.extend([[a, ab, ca], [ab, b, bc], [ca, bc, c], [ab, bc, ca]]);
        }
        let surface = Surface::new(points, triangles)
            .map_err(|error| Failure::new(format!("The surface cannot be refined: {error}.")))?;
        new.surfaces.insert(*kind, surface);
    }
    new.curvature = hemisphere.curvature.as_ref().map(|curvature| {
        let mut all = curvature.clone();
        all.resize(curvature.len() + edges.len(), 0.0);
        for ([a, b], vertex) in &edges {
            all[*vertex as usize] = f32::midpoint(curvature[*a as usize], curvature[*b as usize]);
        }
        all
    });
    Ok(new)
}

/// The edges of a triangle, the smaller vertex first.
fn edges_of([a, b, c]: [u32; 3]) -> [[u32; 2]; 3] {
    [[a, b], [b, c], [c, a]].map(|[from, to]| [from.min(to), from.max(to)])
}
