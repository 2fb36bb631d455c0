//! FreeSurfer's formats: nibabel 5.4.2 reads the same in these files.

use std::fmt::Debug;
use std::fs;

use heschl_core::files::formats::freesurfer::{annot, label, morph, patch, read, surface};
use heschl_core::files::formats::mesh::LabelledVertices;
use heschl_core::files::formats::volumes::Volumes;
use serde_json::Value;

use super::{asset, data, hash, hash_f32};

fn expected() -> serde_json::Map<String, Value> {
    let text = fs::read_to_string(data("freesurfer/expected.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// Checks every expectation whose name ends so; returns how many.
fn each(ending: &str, mut check: impl FnMut(&str, &Value)) -> usize {
    let expected = expected();
    let named = expected.iter().filter(|(name, _)| name.ends_with(ending));
    named.map(|(name, value)| check(name, value)).count()
}

fn label_path(name: &str) -> std::path::PathBuf {
    let bundled = asset(name);
    if bundled.is_file() {
        bundled
    } else {
        data("freesurfer/label").join(name)
    }
}

#[test]
fn surfaces_have_the_points_and_triangles_that_nibabel_reads() {
    let mut n = 0;
    for ending in [".pial", ".white", ".inflated", ".sphere.reg"] {
        n += each(ending, |name, expected| {
            let path = data("freesurfer/surf").join(name);
            let found = read(&path, surface::parse).unwrap();
            let mesh = &found.mesh;
            assert_eq!(expected["vertices"], mesh.points.len(), "{name}");
            assert_eq!(expected["triangles"], mesh.triangles.len(), "{name}");
            assert_eq!(
                expected["xyz_f4le"],
                hash_f32(mesh.points.as_flattened()),
                "{name}"
            );
            let corners = mesh.triangles.as_flattened().iter();
            assert_eq!(
                expected["tri_u4le"],
                hash(corners.map(|corner| corner.to_le_bytes()))
            );
            let volume = found.volume.unwrap();
            assert!(!volume.is_valid && !found.is_in_scanner_space, "{name}");
            assert_eq!((volume.size, mesh.centre_ras), ([0; 3], None), "{name}");
        });
    }
    assert_eq!(n, 8);
}

#[test]
fn a_surfaces_volume_and_its_centre_are_read() {
    let mut bytes = fs::read(data("freesurfer/surf/lh.pial")).unwrap();
    let text = "valid = 0  # volume info invalid\nfilename = \nvolume = 0 0 0\nvoxelsize = 0.0000 0.0000 0.0000\n";
    let begin = bytes
        .windows(text.len())
        .position(|window| window == text.as_bytes())
        .unwrap();
    bytes.truncate(begin);
    let volume = "valid = 1  # volume info valid\nfilename = ../mri/orig.mgz\nvolume = 256 256 200\n\
                  voxelsize = 1.0000 1.0000 1.2000\nxras = -1 0 0\nyras = 0 0 -1\nzras = 0 1 0\ncras = 1.5 -17.25 4e0\n";
    bytes.extend(volume.as_bytes());
    let found = surface::parse(&bytes).unwrap();
    assert_eq!(found.mesh.centre_ras, Some([1.5, -17.25, 4.0]));
    let volume = found.volume.unwrap();
    assert!(volume.is_valid);
    assert_eq!(volume.file, "../mri/orig.mgz");
    assert_eq!(
        (volume.size, volume.voxel_mm),
        ([256, 256, 200], [1.0, 1.0, 1.2])
    );
    assert_eq!(volume.axes[1], [0.0, 0.0, -1.0]);
    // The tag before the volume says that the coordinates are the scanner's.
    bytes[begin - 5] = 1;
    assert_eq!(bytes[begin - 12..begin - 8], [0, 0, 0, 2]);
    let found = surface::parse(&bytes).unwrap();
    assert!(found.is_in_scanner_space && found.mesh.centre_ras.is_none());
}

#[test]
fn old_surfaces_of_quadrangles_are_cut_into_triangles() {
    let mut bytes = vec![0xFF, 0xFF, 0xFF, 0, 0, 4, 0, 0, 2];
    for hundredths in [0, 100, -250, 1, 2, 3, 4, 5, 6, 7, 8, 9_i16] {
        bytes.extend(hundredths.to_be_bytes());
    }
    bytes.extend([
        0, 0, 0, 0, 0, 1, 0, 0, 2, 0, 0, 3, 0, 0, 1, 0, 0, 2, 0, 0, 3, 0, 0, 0,
    ]);
    let mesh = surface::parse(&bytes).unwrap().mesh;
    assert_eq!(mesh.points[0], [0.0, 1.0, -2.5]);
    assert_eq!(mesh.triangles, [[0, 1, 3], [2, 3, 1], [1, 2, 3], [1, 3, 0]]);
    bytes.pop();
    assert_eq!(
        surface::parse(&bytes).unwrap_err(),
        "it ends before its last value"
    );
}

#[test]
fn maps_have_the_values_that_nibabel_reads() {
    let mut n = 0;
    for ending in [".curv", ".sulc", ".thickness"] {
        n += each(ending, |name, expected| {
            let values = read(&data("freesurfer/surf").join(name), morph::parse).unwrap();
            assert_eq!(expected["n"], values.len(), "{name}");
            assert_eq!(expected["f4le"], hash_f32(&values), "{name}");
        });
    }
    assert_eq!(n, 6);
    let old = [0, 0, 2, 0, 0, 1, 0, 150, 0xFF, 0xFF];
    assert_eq!(morph::parse(&old).unwrap(), [1.5, -0.01]);
}

#[test]
fn parcellations_have_the_regions_that_nibabel_reads() {
    let n = each(".annot", |name, expected| {
        let found = read(&label_path(name), annot::parse).unwrap();
        assert_eq!(expected["n"], found.of_vertex.len(), "{name}");
        let names: Vec<&str> = found
            .table
            .iter()
            .map(|entry| entry.name.as_str())
            .collect();
        assert_eq!(expected["names"], Value::from(names), "{name}");
        let count = |index: usize| {
            let is_of = |region: &&Option<u16>| region.map(usize::from) == Some(index);
            found.of_vertex.iter().filter(is_of).count()
        };
        let counts: Vec<usize> = (0..found.table.len()).map(count).collect();
        assert_eq!(expected["counts"], Value::from(counts), "{name}");
        let colours = found.table.iter().take(3);
        let colours = colours.map(|entry| entry.colour.unwrap());
        let colours: Vec<[u8; 4]> = colours.map(|[r, g, b, a]| [r, g, b, 255 - a]).collect();
        assert_eq!(
            expected["rgba_first"],
            serde_json::to_value(colours).unwrap(),
            "{name}"
        );
        let labels = found
            .of_vertex
            .iter()
            .map(|region| region.map_or(-1, i32::from));
        assert_eq!(
            expected["labels_i4le"],
            hash(labels.map(i32::to_le_bytes)),
            "{name}"
        );
        assert_eq!(found.notes, [""; 0]);
    });
    assert_eq!(n, 6);
}

/// A parcellation of three vertices with a table of version 1, or 2.
fn small_annot(is_second: bool, pairs: &[[i32; 2]]) -> Result<LabelledVertices, String> {
    let mut bytes = Vec::new();
    let mut add = |numbers: &[i32]| bytes.extend(numbers.iter().flat_map(|n| n.to_be_bytes()));
    add(&[3]);
    for pair in pairs {
        add(pair);
    }
    // Names of four bytes, the last of which is a zero.
    let name = |letters: &[u8; 3]| i32::from_be_bytes([letters[0], letters[1], letters[2], 0]);
    add(&[1]);
    if is_second {
        add(&[
            -2,
            9,
            4,
            name(b"abc"),
            2,
            7,
            4,
            name(b"two"),
            0,
            1,
            0,
            0,
            0,
            4,
            name(b"one"),
            255,
            0,
            0,
            55,
        ]);
    } else {
        add(&[
            2,
            4,
            name(b"abc"),
            4,
            name(b"one"),
            255,
            0,
            0,
            55,
            4,
            name(b"two"),
            0,
            1,
            0,
            0,
        ]);
    }
    annot::parse(&bytes)
}

#[test]
fn parcellations_of_both_versions_may_leave_vertices_out() {
    for is_second in [false, true] {
        let found = small_annot(is_second, &[[2, 255], [0, 256], [1, 0]]).unwrap();
        assert_eq!(found.of_vertex, [Some(1), None, Some(0)], "{is_second}");
        assert_eq!(found.table[0].colour, Some([255, 0, 0, 200]));
        assert_eq!(found.table[1].name, "two");
        assert!(found.notes.is_empty());
        let found = small_annot(is_second, &[[2, 255], [0, 77], [1, 77]]).unwrap();
        assert_eq!(found.of_vertex, [None, None, Some(0)]);
        assert!(
            found.notes[0].starts_with("2 of 3 vertices"),
            "{:?}",
            found.notes
        );
    }
    refused(
        small_annot(true, &[[0, 0], [0, 0], [1, 0]]),
        "vertex 0 twice",
    );
    refused(small_annot(true, &[[0, 0], [3, 0], [1, 0]]), "vertex 3");
}

#[test]
fn labels_have_the_vertices_that_nibabel_reads() {
    let n = each(".label", |name, expected| {
        let found = read(&label_path(name), label::parse).unwrap();
        assert_eq!(expected["n"], found.vertices.len(), "{name}");
        assert_eq!(
            expected["sum"],
            found.vertices.iter().sum::<u32>(),
            "{name}"
        );
        assert_eq!(
            expected["first"],
            Value::from(&found.vertices[..5]),
            "{name}"
        );
    });
    assert_eq!(n, 6);
}

#[test]
fn images_and_maps_of_mgh_have_the_values_that_nibabel_reads() {
    let scratch = tempfile::tempdir().unwrap();
    let n = each(".mgz", |name, expected| {
        let places = [data("freesurfer/mri"), data("freesurfer/label")];
        let path = places
            .map(|place| place.join(name))
            .into_iter()
            .find(|path| path.is_file());
        let volumes = Volumes::open(&path.unwrap(), scratch.path()).unwrap();
        let size = volumes.size();
        assert_eq!(expected["shape"], Value::from(&size[..]), "{name}");
        let values = volumes.read::<f64>(0..1, 0..volumes.dim().1).unwrap();
        if let Some(mean) = expected.get("mean") {
            assert!((values.sum() / values.len() as f64 - mean.as_f64().unwrap()).abs() < 1e-6);
        } else {
            assert_eq!(expected["sum"], values.sum(), "{name}");
            assert_eq!(
                expected["at[64,64,64]"],
                values[(0, 64 + size[0] * (64 + size[1] * 64))]
            );
            let rows = volumes.affine().unwrap();
            for (row, expected) in rows.iter().zip(expected["affine"].as_array().unwrap()) {
                assert_eq!(*expected, Value::from(&row[..]), "{name}");
            }
        }
    });
    assert_eq!(n, 4);
}

#[test]
fn a_flat_patch_has_vertices_of_its_surface_at_about_the_same_distances() {
    for side in ["lh", "rh"] {
        let folder = data("freesurfer/surf");
        let patch = read(
            &folder.join(format!("{side}.MT.possible.flat.patch")),
            patch::parse,
        )
        .unwrap();
        assert_eq!((patch.vertices.len(), patch.points.len()), (864, 864));
        let white = read(&folder.join(format!("{side}.white")), surface::parse)
            .unwrap()
            .mesh;
        let flat = patch.mesh(&white.points, &white.triangles).unwrap();
        assert_eq!(flat.points.len(), 10242);
        // Of a patch that is a disc, a vertex belongs to the border if and only if one of its triangles is cut off.
        let mut n_inside = vec![0; 10242];
        let mut n_all = vec![0; 10242];
        flat.triangles
            .as_flattened()
            .iter()
            .for_each(|corner| n_inside[*corner as usize] += 1);
        white
            .triangles
            .as_flattened()
            .iter()
            .for_each(|corner| n_all[*corner as usize] += 1);
        for (vertex, is_border) in patch.vertices.iter().zip(&patch.is_border) {
            let vertex = *vertex as usize;
            assert_eq!(
                n_inside[vertex] < n_all[vertex],
                *is_border,
                "{side} {vertex}"
            );
        }
        let length = |points: &[[f32; 3]], a: u32, b: u32| {
            let (a, b) = (points[a as usize], points[b as usize]);
            (0..3)
                .map(|axis| (a[axis] - b[axis]).powi(2))
                .sum::<f32>()
                .sqrt()
        };
        let edges = flat.triangles.iter().map(|[a, b, _]| {
            let (flat, folded) = (length(&flat.points, *a, *b), length(&white.points, *a, *b));
            f64::from(flat / folded).ln().abs()
        });
        let strains: Vec<f64> = edges.collect();
        let mean = strains.iter().sum::<f64>() / strains.len() as f64;
        assert!(mean < 0.5, "{side}: {mean}");
        for vertex in &patch.vertices {
            assert_eq!(flat.points[*vertex as usize][2], 0.0);
        }
        refused(
            patch.mesh(&white.points[..5000], &white.triangles),
            "another surface",
        );
    }
}

fn refused<T: Debug>(outcome: Result<T, String>, expected: &str) {
    let clause = outcome.unwrap_err();
    assert!(clause.contains(expected), "{clause}");
}

#[test]
fn what_is_cut_off_or_hostile_is_refused_without_taking_memory() {
    let pial = fs::read(data("freesurfer/surf/lh.pial")).unwrap();
    refused(
        surface::parse(&pial[..200_000]),
        "ends before its last value",
    );
    refused(surface::parse(b"\xFF\xFF\xFEcreated by"), "first lines");
    refused(
        surface::parse(b"\xFF\xFF\xFE\n\n\x7F\xFF\xFF\xFF\x7F\xFF\xFF\xFF"),
        "ends before",
    );
    refused(
        surface::parse(b"\xFF\xFF\xFE\n\n\xFF\xFF\xFF\xFF\0\0\0\0"),
        "-1 vertices",
    );
    refused(surface::parse(b"GIF89a"), "does not begin like");
    refused(surface::parse(b""), "empty");
    refused(
        morph::parse(b"\xFF\xFF\xFF\x7F\xFF\xFF\xFF\0\0\0\0\0\0\0\x01"),
        "ends before",
    );
    refused(
        morph::parse(b"\xFF\xFF\xFF\0\0\0\x01\0\0\0\0\0\0\0\x02"),
        "2 values per vertex",
    );
    refused(morph::parse(b"\0\0\x01\0\0\0\0\0\0"), "1 bytes follow");
    refused(annot::parse(b"\x7F\xFF\xFF\xFF"), "ends before");
    refused(annot::parse(b"\0\0\0\0"), "no table");
    refused(
        annot::parse(b"\0\0\0\0\0\0\0\x01\xFF\xFF\xFF\xFD"),
        "version 3",
    );
    refused(patch::parse(b"\0\0\0\x01"), "old format");
    refused(
        patch::parse(b"\xFF\xFF\xFF\xFF\x7F\xFF\xFF\xFF"),
        "ends before",
    );
    refused(
        patch::parse(&[[0xFF; 4], [0, 0, 0, 1], [0; 4], [0; 4], [0; 4], [0; 4]].concat()),
        "vertex 0",
    );
    refused(
        label::parse(b"#!ascii\n2\n1 0 0 0 0\n"),
        "2 vertices, and 1 follow",
    );
    refused(label::parse(b"#!ascii\n1\n-1 0 0 0 0\n"), "no vertex");
    refused(label::parse(b"\xFF\xFE"), "not text");
    let error = read(&data("freesurfer/surf/lh.curv"), patch::parse).unwrap_err();
    assert!(error.to_string().contains("lh.curv"), "{error}");
}
