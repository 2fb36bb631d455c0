//! Maps and regions as other programs read them: what is written is read back.

use std::path::{Path, PathBuf};

use heschl_core::brain::{
    MapValues, Subject, SurfaceKind, read_label, read_map, read_maps, read_regions,
};
use heschl_core::files::formats::cifti::{self, dense::DenseMaps};
use heschl_core::files::formats::encode_error::EncodeError;
use heschl_core::files::formats::freesurfer::{annot, label};
use heschl_core::files::formats::mesh::{LabelledVertices, TableEntry};
use heschl_core::files::formats::nifti::write::NiftiImage;
use heschl_core::files::formats::pycortex_dataset::{self, DatasetView, ViewSpace};
use heschl_core::files::formats::volumes::Volumes;
use heschl_core::files::formats::{gifti, mgh};
use rust_hdf5::H5File;

use super::data;

/// Values that a careless writer changes.
const ODD: [f32; 9] = [
    0.1,
    -0.0,
    f32::NAN,
    f32::INFINITY,
    f32::MIN_POSITIVE / 8.0,
    -1.5e38,
    1.0,
    f32::NAN,
    16_777_217.0,
];
const NAMES: [&str; 2] = ["r & <r²>", "q \"best\"\u{1}"];
/// The second name as XML can hold it.
const NAMES_IN_XML: [&str; 2] = ["r & <r²>", "q \"best\" "];

fn second() -> Vec<f32> {
    ODD.iter().rev().copied().collect()
}

/// Equal to the last bit; any NaN is as good as another.
fn assert_same(found: &[f32], expected: &[f32]) {
    let bits = |values: &[f32]| -> Vec<Option<u32>> {
        let values = values.iter();
        values
            .map(|value| (!value.is_nan()).then(|| value.to_bits()))
            .collect()
    };
    assert_eq!(bits(found), bits(expected));
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn volumes_are_read_back_from_nifti_with_their_affine() {
    let folder = tempfile::tempdir().unwrap();
    let affine = [
        [-2.0, 0.25, 0.0, 90.5],
        [0.0, 2.0, -0.125, -126.0],
        [0.5, 0.0, 2.5, -72.0],
    ];
    let second = second();
    let image = NiftiImage {
        size: [3, 1, 3],
        affine: Some(affine),
        volumes: vec![(NAMES[0], &ODD), (NAMES[1], &second)],
    };
    let plain = write(folder.path(), "r.nii", &image.encode().unwrap());
    let packed = write(folder.path(), "r.nii.gz", &image.encode_gzip().unwrap());
    for path in [plain, packed] {
        let read = Volumes::open(&path, folder.path()).unwrap();
        assert_eq!((read.dim(), read.size()), ((2, 9), [3, 1, 3]));
        assert_eq!(read.affine(), Some(affine));
        assert!(read.notes().is_empty(), "{:?}", read.notes());
        let values = read.read::<f32>(0..2, 0..9).unwrap();
        assert_same(values.row(0).as_slice().unwrap(), &ODD);
        assert_same(values.row(1).as_slice().unwrap(), &second);
    }
    let wrong = NiftiImage {
        size: [3, 3, 3],
        ..image.clone()
    };
    assert!(matches!(
        wrong.encode(),
        Err(EncodeError::Length {
            found: 9,
            expected: 27,
            ..
        })
    ));
    let long = NiftiImage {
        size: [0, 1, 40_000],
        affine: None,
        volumes: vec![("r", &[])],
    };
    assert!(matches!(long.encode(), Err(EncodeError::TooMany { .. })));
    let none = NiftiImage {
        volumes: vec![],
        ..image
    };
    assert_eq!(none.encode(), Err(EncodeError::NoMaps));
}

#[test]
fn maps_of_a_hemisphere_are_read_back_from_gifti_and_mgh() {
    let folder = tempfile::tempdir().unwrap();
    let second = second();
    let maps: [(&str, &[f32]); 2] = [(NAMES[0], &ODD), (NAMES[1], &second)];
    let gifti = gifti::write::encode("CortexRight", &maps).unwrap();
    let gifti = write(folder.path(), "rh.r.func.gii", &gifti);
    let mgh = write(folder.path(), "rh.r.mgh", &mgh::encode(&maps).unwrap());
    for path in [&gifti, &mgh] {
        let read = read_maps(path).unwrap();
        assert_eq!(read.len(), 2);
        assert_same(&read[0].values, &ODD);
        assert_same(&read[1].values, &second);
    }
    let names: Vec<String> = read_maps(&gifti)
        .unwrap()
        .into_iter()
        .map(|map| map.name)
        .collect();
    // White space around a name is not kept by readers of GIFTI.
    assert_eq!(names, NAMES_IN_XML.map(str::trim));
    for path in [gifti, mgh] {
        let map = read_map(&path, Some("2")).unwrap();
        let MapValues::Sides([None, Some(right)]) = map.values else {
            panic!("{:?}", map.values);
        };
        assert_same(&right, &second);
        assert!(
            map.notes[0].contains("There is no lh.r."),
            "{:?}",
            map.notes
        );
    }
    let uneven: [(&str, &[f32]); 2] = [("a", &ODD), ("b", &second[..3])];
    assert!(gifti::write::encode("CortexLeft", &uneven).is_err());
    assert!(mgh::encode(&uneven).is_err());
    assert_eq!(mgh::encode(&[]), Err(EncodeError::NoMaps));
}

#[test]
fn both_hemispheres_are_read_back_from_cifti() {
    let folder = tempfile::tempdir().unwrap();
    let second = second();
    let right = [0.5, f32::NAN];
    let maps: [(&str, [&[f32]; 2]); 2] = [
        (NAMES[0], [&ODD, &right]),
        (NAMES[1], [&second, &[f32::NAN; 2]]),
    ];
    let bytes = cifti::write::encode(&maps).unwrap();
    let path = write(folder.path(), "r.dscalar.nii", &bytes);
    let read = DenseMaps::open(&path, folder.path()).unwrap().unwrap();
    assert_eq!(read.names(), NAMES_IN_XML);
    assert_eq!(read.n_elsewhere(), 0);
    let [left_one, right_one] = read.read(0).unwrap().map(Option::unwrap);
    let [left_two, right_two] = read.read(1).unwrap().map(Option::unwrap);
    assert_same(&left_one, &ODD);
    assert_same(&right_one, &right);
    assert_same(&left_two, &second);
    assert_same(&right_two, &[f32::NAN; 2]);
    // Vertices that have no value in any map are left out: the third and the eighth are NaN in both, or not.
    let map = read_map(&path, Some("r & <r²>")).unwrap();
    assert!(matches!(map.values, MapValues::Sides([Some(_), Some(_)])));
    let empty: [(&str, [&[f32]; 2]); 1] = [("r", [&[f32::NAN; 2], &[]])];
    assert_eq!(cifti::write::encode(&empty), Err(EncodeError::NoValues));
}

#[test]
fn the_left_hemisphere_alone_is_read_as_the_left() {
    let folder = tempfile::tempdir().unwrap();
    let (left, right) = ([1.0; 5], [f32::NAN; 4]);
    let cifti = cifti::write::encode(&[("r", [&left[..], &right[..]])]).unwrap();
    let path = write(folder.path(), "r.dscalar.nii", &cifti);
    let map = read_map(&path, None).unwrap();
    assert_eq!(map.values, MapValues::Sides([Some(left.to_vec()), None]));
    let gifti = gifti::write::encode("CortexLeft", &[("r", &left)]).unwrap();
    // The file says itself of which hemisphere it is, whatever its name.
    let path = write(folder.path(), "r.func.gii", &gifti);
    let map = read_map(&path, None).unwrap();
    assert_eq!(map.values, MapValues::Sides([Some(left.to_vec()), None]));
    let path = write(folder.path(), "rh.r.func.gii", &gifti);
    let error = read_map(&path, None).unwrap_err().to_string();
    assert!(
        error.contains("of the right hemisphere, but it says itself that it is of the left"),
        "{error}"
    );
    // The other hemisphere's file is found beside it, from either side.
    let right = gifti::write::encode("CortexRight", &[("r", &[2.0; 4])]).unwrap();
    let left_path = write(folder.path(), "sub-1_hemi-L_r.func.gii", &gifti);
    let right_path = write(folder.path(), "sub-1_hemi-R_r.func.gii", &right);
    for path in [left_path, right_path] {
        let map = read_map(&path, None).unwrap();
        let expected = MapValues::Sides([Some(left.to_vec()), Some(vec![2.0; 4])]);
        assert_eq!(map.values, expected);
        assert_eq!(map.notes.len(), 1);
    }
}

#[test]
fn parcellations_are_read_back_from_annot() {
    for name in ["lh.aparc.annot", "rh.aparc.a2009s.annot"] {
        let read = read_regions(&super::asset(name)).unwrap();
        let again = annot::parse(&annot::encode(&read).unwrap()).unwrap();
        assert_eq!(again.table, read.table, "{name}");
        assert_eq!(again.of_vertex, read.of_vertex, "{name}");
    }
    let entry = |name: &str, colour| TableEntry {
        key: 0,
        name: name.into(),
        colour,
    };
    let mut regions = LabelledVertices {
        table: vec![
            entry("a", None),
            entry("b", Some([1, 2, 3, 255])),
            entry("c", None),
        ],
        of_vertex: vec![Some(2), None, Some(0), Some(1), Some(1)],
        notes: vec![],
    };
    let bytes = annot::encode(&regions).unwrap();
    assert_eq!(bytes, annot::encode(&regions).unwrap());
    let read = annot::parse(&bytes).unwrap();
    assert_eq!(read.of_vertex, regions.of_vertex);
    let names: Vec<&str> = read.table.iter().map(|entry| entry.name.as_str()).collect();
    assert_eq!(names, ["a", "b", "c"]);
    regions.table[2].colour = Some([1, 2, 3, 255]);
    assert!(matches!(
        annot::encode(&regions),
        Err(EncodeError::SameColour { .. })
    ));
    regions.table[2].colour = Some([0, 0, 0, 255]);
    assert!(matches!(
        annot::encode(&regions),
        Err(EncodeError::SameColour { .. })
    ));
}

#[test]
fn labels_are_read_back() {
    let subject = Subject::fsaverage5();
    let white = subject.hemispheres[0].surface(SurfaceKind::White).unwrap();
    let vertices: Vec<u32> = (0..10_242).step_by(7).collect();
    let written = label::Label {
        points: vertices
            .iter()
            .map(|vertex| white.points()[*vertex as usize])
            .collect(),
        values: vertices
            .iter()
            .map(|vertex| 1.0 / (*vertex as f32 + 3.0))
            .collect(),
        vertices,
    };
    let bytes = written.encode("fsaverage5\n7").unwrap();
    assert_eq!(label::parse(&bytes).unwrap(), written);
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), "lh.x.label", &bytes);
    assert_eq!(read_label(&path).unwrap(), written.vertices);
    assert_eq!(
        label::Label::default().encode("s"),
        Err(EncodeError::NoValues)
    );
}

#[test]
fn datasets_of_pycortex_have_values_and_views() {
    let folder = tempfile::tempdir().unwrap();
    let volume: Vec<f32> = (0..24).map(|value| value as f32 / 7.0).collect();
    let space = ViewSpace::Volume {
        transform: "fullhead",
        shape_zyx: [2, 3, 4],
    };
    let view = |name, values, space| DatasetView {
        name,
        values,
        space,
    };
    let views = [
        view("r", &volume[..], space),
        view("same/again", &volume[..], space),
        view("at vertices", &ODD[..], ViewSpace::Vertices),
    ];
    let bytes = pycortex_dataset::encode("S1", &views, folder.path()).unwrap();
    assert_eq!(
        bytes,
        pycortex_dataset::encode("S1", &views, folder.path()).unwrap()
    );
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    let path = write(folder.path(), "r.hf5", &bytes);
    let file = H5File::open(&path).unwrap();
    let read_view = |name: &str| {
        let view = file
            .dataset(&format!("views/{name}"))
            .unwrap()
            .read_vlen_strings()
            .unwrap();
        let array: Vec<String> = serde_json::from_str(&view[0]).unwrap();
        let array = file.dataset(&format!("data/{}", array[0])).unwrap();
        assert_eq!(array.attr("subject").unwrap().read_string().unwrap(), "S1");
        (view, array.shape(), array.read_raw::<f32>().unwrap())
    };
    let (view_r, shape, values) = read_view("r");
    assert_eq!((shape, &view_r[7][..]), (vec![2, 3, 4], "[\"fullhead\"]"));
    assert_same(&values, &volume);
    let (again, _, _) = read_view("same_again");
    assert_eq!(again[0], view_r[0]);
    let (at_vertices, shape, values) = read_view("at vertices");
    assert_eq!((shape, &at_vertices[7][..]), (vec![9], "null"));
    assert_same(&values, &ODD);
    let twice = [views[0], views[0]];
    assert!(pycortex_dataset::encode("S1", &twice, folder.path()).is_err());
    let short = [view("r", &volume[..23], space)];
    assert!(pycortex_dataset::encode("S1", &short, folder.path()).is_err());
}

#[test]
fn the_register_file_of_mni152_is_freesurfers() {
    let text = std::fs::read_to_string(data("freesurfer/mri/reg.mni152.2mm.dat")).unwrap();
    let numbers = |line: &str| -> Vec<f64> {
        line.split_ascii_whitespace()
            .map(|number| number.parse().unwrap())
            .collect()
    };
    let rows: Vec<Vec<f64>> = text.lines().skip(4).take(3).map(numbers).collect();
    // Surface space of FSL's image of 91 × 109 × 91 voxels of 2 mm to its scanner space.
    let to_space = [(0, 1.0, -1.0), (2, -1.0, -17.0), (1, 1.0, 19.0)];
    let found = heschl_core::brain::mni152::mni152_of_fsaverage();
    for (row, (from, sign, shift)) in found.iter().zip(to_space) {
        for (column, value) in row.iter().enumerate() {
            let expected = sign * rows[from][column] + if column == 3 { shift } else { 0.0 };
            assert!((value - expected).abs() < 1e-9, "{value} {expected}");
        }
    }
}
