//! Voxels at vertices: pycortex 1.4 finds the same.

use std::path::{Path, PathBuf};
use std::process::Command;

use heschl_core::brain::folders::{LoadedSubject, NamedTransform, load};
use heschl_core::brain::{
    Mapper, Missing, Sampler, Side, SurfaceKind, equal_volume_depth, smooth_areas,
};
use ndarray::{Array1, Array3};
use ndarray_npy::ReadableElement;

use super::data;

const SIDES: [(Side, &str); 2] = [(Side::Left, "lh"), (Side::Right, "rh")];

fn array<A: ReadableElement, D: ndarray::Dimension>(
    path: &Path,
    name: &str,
) -> ndarray::Array<A, D> {
    use std::io::Read as _;
    let mut archive = zip::ZipArchive::new(std::fs::File::open(path).unwrap()).unwrap();
    let mut bytes = Vec::new();
    archive
        .by_name(&format!("{name}.npy"))
        .unwrap()
        .read_to_end(&mut bytes)
        .unwrap();
    ndarray_npy::ReadNpyExt::read_npy(&bytes[..]).unwrap()
}

fn transform(loaded: &LoadedSubject) -> &NamedTransform {
    loaded
        .transforms
        .iter()
        .find(|found| found.name == "fullhead")
        .unwrap()
}

fn mapper(loaded: &LoadedSubject, side: Side, sampler: Sampler) -> Mapper {
    Mapper::new(
        loaded.subject.hemisphere(side),
        &transform(loaded).transform,
        sampler,
    )
    .unwrap()
}

/// How many vertices have another voxel than in a reference, where -1 is none.
fn n_mismatches(mapper: &Mapper, expected: &Array1<i32>) -> usize {
    assert_eq!(mapper.n_vertices(), expected.len());
    let index = |vertex: usize| {
        mapper
            .voxels(vertex)
            .0
            .first()
            .map_or(-1, |voxel| *voxel as i32)
    };
    expected
        .iter()
        .enumerate()
        .filter(|(vertex, expected)| index(*vertex) != **expected)
        .count()
}

/// The largest difference; vertices without voxels are 0 in pycortex.
fn largest_difference(found: &[f32], expected: &Array1<f32>) -> f32 {
    assert_eq!(found.len(), expected.len());
    let differences = found.iter().zip(expected).map(|(found, expected)| {
        let found = if found.is_nan() { 0.0 } else { *found };
        (found - expected).abs()
    });
    differences.fold(0.0, f32::max)
}

#[test]
fn voxels_and_values_of_the_small_store_are_pycortexs() {
    let loaded = load(&data("S1mini")).unwrap();
    let reference = data("S1mini_reference.npz");
    let mask = &transform(&loaded).masks[0];
    let expected: Array1<i32> = array(&reference, "mask_flat_indices");
    assert!(
        mask.voxels
            .iter()
            .map(|voxel| *voxel as i32)
            .eq(expected.iter().copied())
    );
    let masked: Array1<f32> = array(&reference, "masked_thick");
    let volume = mask.volume(&masked.to_vec()).unwrap();
    // Voxels outside of the mask are 0 in pycortex's volume.
    let volume: Vec<f32> = volume
        .iter()
        .map(|value| if value.is_nan() { 0.0 } else { *value })
        .collect();
    for (side, short) in SIDES {
        let nearest = mapper(&loaded, side, Sampler::Nearest);
        let n = n_mismatches(
            &nearest,
            &array(&reference, &format!("{short}_voxel_index")),
        );
        eprintln!("{short}: {n} mismatches of {}", nearest.n_vertices());
        assert_eq!(n, 0);
        for (sampler, name, most) in [
            (Sampler::Nearest, "nearest", 0.0),
            (Sampler::Trilinear, "trilinear", 1e-6),
            (
                Sampler::MeanOverDepths { n_depths: 64 },
                "line_nearest",
                1e-6,
            ),
        ] {
            let found = mapper(&loaded, side, sampler).map(&volume, Missing::Propagates);
            let largest = largest_difference(
                &found,
                &array(&reference, &format!("{short}_values_{name}")),
            );
            eprintln!("{short} {name}: largest difference {largest:e}");
            assert!(largest <= most, "{short} {name}: {largest}");
        }
    }
}

#[test]
fn depths_of_equal_volume_are_those_of_the_formula() {
    let loaded = load(&data("S1mini")).unwrap();
    let transform = &transform(&loaded).transform;
    let hemisphere = loaded.subject.hemisphere(Side::Left);
    let surface = |kind| hemisphere.surface(kind).unwrap();
    let (pial, white) = (surface(SurfaceKind::Pial), surface(SurfaceKind::White));
    let areas = [pial, white].map(smooth_areas);
    let volume: Vec<f32> = (0..transform.n_voxels())
        .map(|voxel| (voxel % 97) as f32)
        .collect();
    let n_depths = 8;
    let sampled = |sampler| mapper(&loaded, Side::Left, sampler).map(&volume, Missing::Propagates);
    let found = sampled(Sampler::MeanOverVolume { n_depths });
    let [n_z, n_y, n_x] = transform.shape_zyx;
    let mut n_apart = 0;
    for (vertex, found) in found
        .iter()
        .enumerate()
        .filter(|(_, found)| !found.is_nan())
    {
        let mean: f32 = (1..=n_depths)
            .map(|k| {
                let share = f32::from(k) / f32::from(n_depths + 1);
                let depth = equal_volume_depth(share, areas[0][vertex], areas[1][vertex]);
                let at = std::array::from_fn(|axis| {
                    let [outer, inner] = [pial, white].map(|own| own.points()[vertex][axis]);
                    f64::from(outer + depth * (inner - outer))
                });
                let [x, y, z] = transform.place(at).map(|value| value.round() as usize);
                let [x, y, z] = [x.min(n_x - 1), y.min(n_y - 1), z.min(n_z - 1)];
                volume[(z * n_y + y) * n_x + x] / f32::from(n_depths)
            })
            .sum();
        n_apart += usize::from((mean - found).abs() > 1e-3);
    }
    // Single precision rounds a few points to the neighbouring voxel.
    assert!(n_apart * 200 < found.len(), "{n_apart} of {}", found.len());
    let by_distance = sampled(Sampler::MeanOverDepths { n_depths });
    let differ = found
        .iter()
        .zip(&by_distance)
        .filter(|(a, b)| (*a - *b).abs() > 1e-3);
    assert!(differ.count() * 4 > found.len());
}

#[test]
fn missing_voxels_make_vertices_missing_or_are_skipped() {
    let loaded = load(&data("S1mini")).unwrap();
    let mapper = mapper(&loaded, Side::Left, Sampler::Trilinear);
    let mut volume = vec![2.5; mapper.n_voxels()];
    let n_without = mapper
        .map(&volume, Missing::Propagates)
        .iter()
        .filter(|value| value.is_nan())
        .count();
    let (voxels, _) = mapper.voxels(
        (0..mapper.n_vertices())
            .find(|vertex| mapper.voxels(*vertex).0.len() == 8)
            .unwrap(),
    );
    volume[voxels[3] as usize] = f32::NAN;
    let missing = |missing: Missing| {
        mapper
            .map(&volume, missing)
            .iter()
            .filter(|value| value.is_nan())
            .count()
    };
    assert!(missing(Missing::Propagates) > n_without);
    assert_eq!(missing(Missing::IsSkipped), n_without);
    let values = mapper.map(&volume, Missing::IsSkipped);
    assert!(
        values
            .iter()
            .filter(|value| !value.is_nan())
            .all(|value| (value - 2.5).abs() < 1e-6)
    );
}

/// The full store, unpacked; `HESCHL_BRAIN` is the folder of the references.
fn full_store(brain: &Path, folder: &Path) -> PathBuf {
    let store = folder.join("S1");
    let copied = Command::new("cp")
        .arg("-r")
        .arg("--no-preserve=mode")
        .arg(brain.join("S1"))
        .arg(&store)
        .status();
    assert!(copied.unwrap().success());
    let surfaces = store.join("surfaces");
    std::fs::create_dir_all(&surfaces).unwrap();
    let mut tar = Command::new("tar");
    tar.arg("-xJf").arg(store.join("surfaces.tar.xz"));
    assert!(tar.arg("-C").arg(&surfaces).status().unwrap().success());
    store
}

#[test]
#[ignore = "needs the references of pycortex, in the folder HESCHL_BRAIN"]
fn voxels_and_values_of_the_full_store_are_pycortexs() {
    let brain = PathBuf::from(std::env::var_os("HESCHL_BRAIN").expect("HESCHL_BRAIN"));
    let folder = tempfile::tempdir().unwrap();
    let begin = std::time::Instant::now();
    let store = full_store(&brain, folder.path());
    eprintln!("unpacked in {:?}", begin.elapsed());
    let begin = std::time::Instant::now();
    let loaded = load(&store).unwrap();
    eprintln!("loaded in {:?}; notes {:?}", begin.elapsed(), loaded.notes);
    let names: Vec<&str> = loaded
        .transforms
        .iter()
        .map(|found| found.name.as_str())
        .collect();
    assert_eq!(names, ["fullhead", "retinotopy"]);
    let masks = transform(&loaded)
        .masks
        .iter()
        .map(|mask| (mask.name.as_str(), mask.voxels.len()));
    assert_eq!(
        masks.collect::<Vec<_>>(),
        [("thick", 80_615), ("thin", 37_226)]
    );
    let reference = brain.join("reference");
    let expected: Array1<i32> = array(&reference.join("testvol_fullhead.npz"), "mask_flat_indices");
    let thick = &transform(&loaded).masks[0].voxels;
    assert!(
        thick
            .iter()
            .map(|voxel| *voxel as i32)
            .eq(expected.iter().copied())
    );
    let volume: Array3<f32> = array(&reference.join("testvol_fullhead.npz"), "volume_zyx");
    let volume = volume.as_slice().unwrap();
    let values = reference.join("vertex_values_fullhead_nearest.npz");
    for (side, short) in SIDES {
        let nearest = mapper(&loaded, side, Sampler::Nearest);
        let mapped = reference.join("mapper_fullhead_nearest.npz");
        let n = n_mismatches(&nearest, &array(&mapped, &format!("{short}_voxel_index")));
        eprintln!("{short}: {n} mismatches of {}", nearest.n_vertices());
        assert_eq!(n, 0);
        let found = nearest.map(volume, Missing::Propagates);
        let largest = largest_difference(&found, &array(&values, &format!("{short}_fullvol")));
        eprintln!("{short}: largest difference of values {largest:e}");
        assert!(largest <= 0.0, "{largest}");
    }
}
