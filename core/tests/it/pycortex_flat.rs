//! The flat map beside pycortex 1.4: depths, missing values, maps of two values, hatching and drawn regions. Needs the files of
//! pycortex's subject S1: `HESCHL_S1` names the folder of `pycortex_pictures.rs`, and `HESCHL_BRAIN` one with `S1` (the store, for
//! its drawing and its image) and `reference` (what pycortex made of them).

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use heschl_core::brain::DepthSpacing::EqualDistance;
use heschl_core::brain::folders::load;
use heschl_core::brain::{Missing, NO_DATA, Overlays, Subject, SurfaceKind, smooth_areas};
use heschl_core::files::formats::npz;
use heschl_core::files::formats::volumes::Volumes;
use heschl_core::scene::{
    Category, ColourMap2d, ColourScale, ColourScale2d, Colouring, DataMap, Interpolation, Layer,
    LayerStyle, Visibility, VolumeMap, colours, draw_flat, dropout, values,
};
use heschl_core::stats::score::correlation;
use ndarray::{Array2, Array3, ArrayView3, Ix1, Ix2, Ix3};

use crate::pycortex_pictures::{scene, subject, to_voxels};

/// What the tests share: the subject, and where each pixel of a map of 512 rows lies.
struct Map {
    subject: Subject,
    to_voxels: [[f64; 4]; 3],
    seen: Visibility,
    size: [usize; 2],
    /// The voxel of each pixel in pycortex; negative outside.
    voxels: Array2<f64>,
    reference: PathBuf,
}

/// pycortex gives places outside of its triangulation the voxel of the origin.
const ORIGIN: f64 = 136_047.0;

fn folder(name: &str) -> PathBuf {
    PathBuf::from(std::env::var_os(name).unwrap_or_else(|| panic!("{name} is not set")))
}

impl Map {
    fn new() -> Self {
        let own = folder("HESCHL_S1");
        let reference = folder("HESCHL_BRAIN").join("reference");
        Self::of(
            subject(&own),
            to_voxels(&own),
            &reference,
            "pixelmap_fullhead_h512.npz:voxel_thick1",
        )
    }

    /// The small store that is kept here.
    fn small() -> Self {
        let brain = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/brain");
        let loaded = load(&brain.join("S1mini")).unwrap();
        let [x, y, z, _] = loaded.transforms[0].transform.coord;
        Self::of(
            loaded.subject,
            [x, y, z],
            &brain,
            "S1mini_reference.npz:pix_voxel_thick1",
        )
    }

    fn of(subject: Subject, to_voxels: [[f64; 4]; 3], reference: &Path, voxels: &str) -> Self {
        let (file, name) = voxels.split_once(':').unwrap();
        let voxels = read2(&reference.join(file), name);
        let size = [voxels.ncols(), voxels.nrows()];
        let (_, seen) = draw_flat(&scene(&subject), size, 1).unwrap();
        Self {
            to_voxels,
            subject,
            seen,
            size,
            voxels,
            reference: reference.to_path_buf(),
        }
    }

    /// The masked vector with NaN, in its mask; nothing elsewhere.
    fn masked(&self, file: &str, shape: [usize; 3], name: &str) -> Array3<f32> {
        let vector = |name: &str| -> Vec<f64> {
            let path = self.reference.join(file);
            npz::read_as::<f64, Ix1>(&path, name).unwrap().to_vec()
        };
        let mut masked = vec![NO_DATA; shape.iter().product()];
        for (voxel, value) in vector("mask_flat_indices").iter().zip(vector(name)) {
            masked[*voxel as usize] = value as f32;
        }
        Array3::from_shape_vec(shape, masked).unwrap()
    }

    /// Compares an image of a file with ours.
    fn check<'a>(&'a self, [file, name]: [&str; 2], data: VolumeMap<'a>, least: [f64; 2]) {
        let ours = values(DataMap::Volume(data), &self.subject, &self.seen);
        let [r, alike] = self.agreement(&ours, &read2(&self.reference.join(file), name));
        eprintln!("{file} {name}: r {r:.6}, missing in the same pixels {alike:.5}");
        assert!(r >= least[0] && alike >= least[1], "{name}");
    }

    fn volume<'a>(&self, values: ArrayView3<'a, f32>, depths: &'a [f32]) -> VolumeMap<'a> {
        VolumeMap {
            values,
            to_voxels: self.to_voxels,
            interpolation: Interpolation::Nearest,
            depths,
            spacing: EqualDistance,
            missing: Missing::IsSkipped,
        }
    }

    /// Pixels that are at least 2 inside of both maps.
    fn inside(&self) -> Vec<usize> {
        let [width, height] = self.size;
        let is_seen = |at: usize| {
            let voxel = self.voxels[(at / width, at % width)];
            let is_known = voxel >= 0.0 && (voxel - ORIGIN).abs() > 0.5;
            is_known && self.seen.hit(at % width, at / width).is_some()
        };
        let is_inside = |at: &usize| {
            let (column, row) = (at % width, at / width);
            (2..width - 2).contains(&column)
                && (2..height - 2).contains(&row)
                && (row - 2..row + 3)
                    .all(|row| (column - 2..column + 3).all(|column| is_seen(row * width + column)))
        };
        (0..width * height).filter(is_inside).collect()
    }

    fn zyx(&self, file: &str, name: &str) -> Array3<f32> {
        npz::read_as::<f32, Ix3>(&self.reference.join(file), name).unwrap()
    }

    /// How our values agree with pycortex's inside: r where both are numbers, and the share of pixels where both or neither
    /// are.
    fn agreement(&self, ours: &[f32], theirs: &Array2<f64>) -> [f64; 2] {
        let inside = self.inside();
        let pairs = inside.iter().map(|at| {
            let theirs = theirs[(at / self.size[0], at % self.size[0])];
            [f64::from(ours[*at]), theirs]
        });
        let n_alike = pairs
            .clone()
            .filter(|[a, b]| a.is_nan() == b.is_nan())
            .count();
        let both: Vec<[f64; 2]> = pairs.filter(|[a, b]| !a.is_nan() && !b.is_nan()).collect();
        let column = |at: usize| {
            let values = both.iter().map(|pair| pair[at]).collect();
            Array2::from_shape_vec((both.len(), 1), values).unwrap()
        };
        assert!(both.len() > 5_000, "{}", both.len());
        let r = correlation(column(0).view(), column(1).view())[0];
        [r, n_alike as f64 / inside.len() as f64]
    }
}

fn read2(path: &Path, name: &str) -> Array2<f64> {
    npz::read_as::<f64, Ix2>(path, name).unwrap()
}

fn depths(n: u16) -> Vec<f32> {
    (1..=n).map(|k| f32::from(k) / f32::from(n + 1)).collect()
}

/// The name of an image, its depths, what NaN does, and the least r and share of pixels alike.
type Case = (&'static str, u16, Missing, [f64; 2]);

/// Images of masked data with NaN, in both stores.
const WITH_NAN: [Case; 3] = [
    ("img_nan_thick1", 1, Missing::IsSkipped, [0.999, 0.99]),
    ("img_nan_thick32", 32, Missing::IsSkipped, [0.9999, 0.99]),
    (
        "img_nan_thick32_nanmeanFalse",
        32,
        Missing::Propagates,
        [0.999, 0.99],
    ),
];

#[test]
fn the_flat_map_of_the_small_store_is_that_of_pycortex() {
    let map = Map::small();
    let file = "S1mini_reference.npz";
    let shape = [31, 100, 100];
    let plain = map.masked(file, shape, "masked_thick");
    let with_nan = map.masked(file, shape, "masked_thick_nan");
    for (name, n_depths) in [("img_thick1", 1), ("img_thick32", 32)] {
        let depths = depths(n_depths);
        map.check(
            [file, name],
            map.volume(plain.view(), &depths),
            [0.999, 0.99],
        );
    }
    for (name, n_depths, missing, least) in WITH_NAN {
        let depths = depths(n_depths);
        let mut data = map.volume(with_nan.view(), &depths);
        data.missing = missing;
        map.check([file, name], data, least);
    }
}

#[test]
fn the_most_frequent_category_of_several_depths_is_shown() {
    let map = Map::small();
    let volume =
        Array3::from_shape_fn((31, 100, 100), |(z, y, x)| ((x + 2 * y + 3 * z) % 3) as f32);
    let depths = depths(5);
    let at = |depth: &f32| {
        let data = DataMap::Volume(map.volume(volume.view(), std::slice::from_ref(depth)));
        values(data, &map.subject, &map.seen)
    };
    let alone: Vec<Vec<f32>> = depths.iter().map(at).collect();
    let categories = [0, 1, 2].map(|value| Category {
        value,
        name: value.to_string(),
        colour: [value as u8; 3],
    });
    let layer = Layer {
        data: DataMap::Volume(map.volume(volume.view(), &depths)),
        scale: ColourScale {
            map: "gray".parse().unwrap(),
            limits: [0.0, 1.0],
        },
        threshold: None,
        style: LayerStyle {
            colouring: Colouring::Categories(&categories),
            ..LayerStyle::default()
        },
    };
    let shown = colours(&layer, &map.subject, &map.seen, 1);
    let mut n = 0;
    for (pixel, shown) in shown.iter().enumerate() {
        let Some(shown) = shown else {
            continue;
        };
        let count = |category: u8| {
            let own = alone
                .iter()
                .filter(|own| (own[pixel] - f32::from(category)).abs() < 0.5);
            own.count()
        };
        let most = (0..3)
            .max_by_key(|category| (count(*category), 3 - category))
            .unwrap();
        assert_eq!(shown.rgba, [most, most, most, 255]);
        n += 1;
    }
    assert!(n > 10_000, "{n}");
}

#[test]
#[ignore = "needs the files of pycortex's subject S1"]
fn depths_and_missing_values_are_those_of_pycortex() {
    let map = Map::new();
    let file = "flatmap_fullhead_h512.npz";
    let whole = map.zyx("testvol_fullhead.npz", "volume_zyx");
    let (z, y, x) = whole.dim();
    let masked = map.masked("testvol_fullhead.npz", [z, y, x], "masked_thick_nan");
    for (name, n_depths) in [("img_thick1", 1), ("img_thick32", 32)] {
        let depths = depths(n_depths);
        // pycortex triangulates the map anew, so that some pixels have another voxel.
        let least = if n_depths == 1 { 0.9998 } else { 0.9999 };
        map.check(
            [file, name],
            map.volume(whole.view(), &depths),
            [least, 1.0],
        );
    }
    for (name, n_depths, missing, least) in WITH_NAN {
        let depths = depths(n_depths);
        let mut data = map.volume(masked.view(), &depths);
        data.missing = missing;
        map.check([file, name], data, least);
    }
    let mut trilinear = map.volume(whole.view(), &[0.5]);
    trilinear.interpolation = Interpolation::Trilinear;
    let ours = values(DataMap::Volume(trilinear), &map.subject, &map.seen);
    let theirs = read2(
        &map.reference.join("flat2d_fullhead_h512.npz"),
        "trilinear_thick1",
    );
    let [r, _] = map.agreement(&ours, &theirs);
    eprintln!("trilinear_thick1: r {r:.6}");
    assert!(r >= 0.999);
    let curvature = map.subject.hemispheres.each_ref();
    let curvature = curvature.map(|own| own.curvature.as_deref().unwrap());
    let ours = values(DataMap::Vertices(curvature), &map.subject, &map.seen);
    let [r, _] = map.agreement(&ours, &read2(&map.reference.join(file), "img_curvature"));
    eprintln!("img_curvature: r {r:.6}");
    assert!(r >= 0.99);
}

#[test]
#[ignore = "needs the files of pycortex's subject S1"]
fn areas_for_equal_volumes_are_those_of_pycortex() {
    let map = Map::new();
    let path = map.reference.join("flat2d_fullhead_h512.npz");
    for (hemisphere, side) in map.subject.hemispheres.iter().zip(["left", "right"]) {
        for (kind, short) in [(SurfaceKind::Pial, "pia"), (SurfaceKind::White, "wm")] {
            let theirs = npz::read_as::<f32, Ix1>(&path, &format!("equivolume_{short}_{side}"));
            let ours = smooth_areas(hemisphere.surface(kind).unwrap());
            let theirs = theirs.unwrap();
            assert_eq!(ours.len(), theirs.len());
            let apart = ours
                .iter()
                .zip(&theirs)
                .map(|(a, b)| (a - b).abs() / b.abs().max(1e-3));
            let largest = apart.fold(0.0, f32::max);
            eprintln!("{side} {short}: largest relative difference {largest:e}");
            assert!(largest < 1e-3, "{side} {short}");
        }
    }
}

#[test]
#[ignore = "needs the files of pycortex's subject S1"]
fn maps_of_two_values_are_coloured_as_in_pycortex() {
    let map = Map::new();
    let file = "flat2d_fullhead_h512.npz";
    let first = map.zyx("testvol_fullhead.npz", "volume_zyx");
    let cases = [
        (
            "vol2d_RdBu_covar_thick1",
            "second_zyx",
            "RdBu_covar",
            [-1.0, 1.0],
        ),
        (
            "vol2d_alpha_thick1",
            "alpha_zyx",
            "BuBkRd_alpha_2D",
            [0.0, 1.0],
        ),
    ];
    for (name, second, colour_map, limits) in cases {
        let second = map.zyx(file, second);
        let scale = ColourScale2d {
            map: Cow::Owned(ColourMap2d::named(colour_map).unwrap()),
            limits: [[-1.0, 1.0], limits],
        };
        let layer = Layer {
            data: DataMap::Volume(map.volume(first.view(), &[0.5])),
            scale: ColourScale {
                map: "gray".parse().unwrap(),
                limits: [0.0, 1.0],
            },
            threshold: None,
            style: LayerStyle {
                colouring: Colouring::Two {
                    second: DataMap::Volume(map.volume(second.view(), &[0.5])),
                    scale: &scale,
                },
                ..LayerStyle::default()
            },
        };
        let ours = colours(&layer, &map.subject, &map.seen, 1);
        let theirs = npz::read_as::<f64, Ix3>(&map.reference.join(file), name).unwrap();
        let inside = map.inside();
        let is_same = |at: &&usize| {
            let own = ours[**at].unwrap().rgba;
            (0..4).all(|channel| {
                let theirs = theirs[(*at / map.size[0], *at % map.size[0], channel)];
                (f64::from(own[channel]) - theirs).abs() <= 1.0
            })
        };
        let share = inside.iter().filter(is_same).count() as f64 / inside.len() as f64;
        eprintln!("{name}: the same colour within 1 in {share:.4} of the pixels");
        assert!(share >= 0.995);
    }
}

#[test]
#[ignore = "needs the files of pycortex's subject S1"]
fn the_dropout_is_that_of_pycortex() {
    let map = Map::new();
    let image = folder("HESCHL_BRAIN").join("S1/transforms/fullhead/reference.nii.gz");
    let image = Volumes::open(&image, &std::env::temp_dir()).unwrap();
    let [x, y, z] = image.size();
    let signal = image.read::<f32>(0..1, 0..x * y * z).unwrap();
    let signal = Array3::from_shape_vec((z, y, x), signal.iter().copied().collect()).unwrap();
    let lost = dropout(signal.view());
    let theirs = map.zyx("flat2d_fullhead_h512.npz", "dropout_zyx");
    let apart = lost.iter().zip(&theirs).map(|(a, b)| (a - b).abs());
    let largest = apart.fold(0.0, f32::max);
    eprintln!("dropout: largest difference {largest:e}");
    assert!(largest < 1e-6);
    let data = DataMap::Volume(map.volume(lost.view(), &[0.5]));
    let ours = values(data, &map.subject, &map.seen);
    let theirs = read2(
        &map.reference.join("flat2d_fullhead_h512.npz"),
        "dropout_thick1",
    );
    let [r, _] = map.agreement(&ours, &theirs);
    eprintln!("dropout_thick1: r {r:.6}");
    assert!(r >= 0.998);
}

#[test]
#[ignore = "needs the files of pycortex's subject S1"]
fn vertices_of_drawn_regions_are_those_of_pycortex() {
    let map = Map::new();
    let drawing = folder("HESCHL_BRAIN").join("S1/overlays.svg");
    let begun = std::time::Instant::now();
    let overlays = Overlays::read(&drawing, &map.subject).unwrap();
    eprintln!("{:?}; notes {:#?}", begun.elapsed(), overlays.notes);
    let n_left = map.subject.hemispheres[0].n_vertices() as u32;
    let path = map.reference.join("roi_vertices_merged.npz");
    assert_eq!(overlays.regions.len(), 32);
    for region in &overlays.regions {
        let theirs = npz::read_as::<f64, Ix1>(&path, &region.name).unwrap();
        let theirs: BTreeSet<u32> = theirs.iter().map(|vertex| *vertex as u32).collect();
        let [left, right] = &region.vertices;
        let right = right.iter().map(|vertex| vertex + n_left);
        let ours: BTreeSet<u32> = left.iter().copied().chain(right).collect();
        let both = ours.intersection(&theirs).count() as f64;
        let share = both / ours.union(&theirs).count().max(1) as f64;
        eprintln!(
            "{}: {} vertices, in pycortex {}, overlap {share:.4}",
            region.name,
            ours.len(),
            theirs.len()
        );
        assert_eq!(ours.is_empty(), theirs.is_empty(), "{}", region.name);
        assert!(ours.is_empty() || share >= 0.98, "{}", region.name);
    }
}
