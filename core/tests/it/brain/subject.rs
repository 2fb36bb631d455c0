//! The bundled subject and its regions.

use std::time::Instant;

use heschl_core::brain::{Parcellation, RegionsError, Side, Subject, SurfaceKind, read_maps};
use heschl_core::files::formats::mesh::{LabelledVertices, TableEntry};

use super::{asset, data};

#[test]
fn fsaverage5_has_everything_with_gyri_positive() {
    let begin = Instant::now();
    let subject = Subject::fsaverage5();
    eprintln!("fsaverage5 is loaded in {:?}", begin.elapsed());
    assert_eq!(
        (subject.name.as_str(), subject.n_vertices()),
        ("fsaverage5", 20_484)
    );
    for (side, short) in [(Side::Left, "lh"), (Side::Right, "rh")] {
        let hemisphere = subject.hemisphere(side);
        let kinds = [
            SurfaceKind::Pial,
            SurfaceKind::White,
            SurfaceKind::Inflated,
            SurfaceKind::Flat,
            SurfaceKind::Sphere,
        ];
        assert_eq!(
            hemisphere.surfaces.keys().copied().collect::<Vec<_>>(),
            kinds
        );
        let native = |name: &str| {
            read_maps(&data(&format!("freesurfer/surf/{short}.{name}")))
                .unwrap()
                .remove(0)
                .values
        };
        let minus: Vec<f32> = native("curv").into_iter().map(|value| -value).collect();
        assert!(hemisphere.curvature.as_ref() == Some(&minus));
        assert!(hemisphere.sulcal_depth.as_ref() == Some(&native("sulc")));
        // Sulci are deep: where depth is large, curvature is negative.
        let deep = hemisphere.sulcal_depth.as_ref().unwrap().iter().zip(&minus);
        let deep: Vec<f32> = deep
            .filter(|(depth, _)| **depth > 1.0)
            .map(|(_, value)| *value)
            .collect();
        assert!(deep.len() > 100 && deep.iter().sum::<f32>() / (deep.len() as f32) < -0.1);
    }
}

#[test]
fn fsaverage5_has_regions_of_both_hemispheres() {
    let subject = Subject::fsaverage5();
    let names: Vec<&str> = subject
        .parcellations
        .iter()
        .map(|found| found.name.as_str())
        .collect();
    assert_eq!(names, ["aparc", "aparc.a2009s", "Medial_wall"]);
    let aparc = subject.parcellation("aparc").unwrap();
    assert_eq!(aparc.regions.len(), 36);
    let temporal = aparc.region("transversetemporal").unwrap();
    assert_eq!(aparc.vertices(temporal, Side::Left).len(), 68);
    assert_eq!(aparc.vertices(temporal, Side::Right).len(), 48);
    let medial = subject.parcellation("Medial_wall").unwrap();
    assert_eq!(medial.vertices(0, Side::Left).len(), 888);
    assert_eq!(medial.vertices(0, Side::Right).len(), 881);
    // Heschl's gyrus lies behind the middle of the temporal lobe, on the left.
    let white = subject
        .hemisphere(Side::Left)
        .surface(SurfaceKind::White)
        .unwrap();
    let inside = aparc.vertices(temporal, Side::Left);
    let mean = |axis: usize| {
        inside
            .iter()
            .map(|vertex| white.points()[*vertex as usize][axis])
            .sum::<f32>()
            / inside.len() as f32
    };
    assert!(mean(0) < -35.0 && (-30.0..-10.0).contains(&mean(1)) && (0.0..15.0).contains(&mean(2)));
}

#[test]
fn regions_of_one_name_are_one_and_those_of_another_surface_are_refused() {
    let entry = |name: &str, red: u8| TableEntry {
        key: 0,
        name: name.into(),
        colour: Some([red, 0, 0, 255]),
    };
    let file = |table: Vec<TableEntry>, of_vertex: &[Option<u16>]| LabelledVertices {
        table,
        of_vertex: of_vertex.to_vec(),
        notes: vec![],
    };
    let left = file(
        vec![entry("V1", 1), entry("V2", 2)],
        &[Some(1), None, Some(0)],
    );
    let right = file(vec![entry("V2", 2), entry("V1", 9)], &[Some(1), Some(0)]);
    let joined = Parcellation::new("visual", [Some(&left), Some(&right)], [3, 2]).unwrap();
    let names: Vec<&str> = joined
        .regions
        .iter()
        .map(|region| region.name.as_str())
        .collect();
    assert_eq!(
        names,
        ["V1", "V2", "V1"],
        "one of another colour is another region"
    );
    assert_eq!(
        joined.of_vertex,
        [vec![Some(1), None, Some(0)], vec![Some(2), Some(1)]]
    );
    let only_left = Parcellation::new("visual", [Some(&left), None], [3, 2]).unwrap();
    assert_eq!(only_left.of_vertex[1], [None, None]);
    let refused = Parcellation::new("visual", [Some(&left), Some(&right)], [4, 2]);
    let expected = RegionsError::OtherSurface {
        side: Side::Left,
        found: 3,
        expected: 4,
    };
    assert_eq!(refused, Err(expected));
    assert!(Parcellation::of_label("V1", [&[], &[2]], [4, 2]).is_err());
}

#[test]
fn maps_of_images_have_a_value_per_vertex() {
    let maps = read_maps(&data(
        "freesurfer/label/lh.Yeo2011_7NetworksConfidence_N1000.mgz",
    ))
    .unwrap();
    assert_eq!((maps.len(), maps[0].values.len()), (1, 10_242));
    let error = read_maps(&data("freesurfer/mri/T1.2mm.mgz")).unwrap_err();
    assert!(error.to_string().contains("76 × 76 × 93 voxels"), "{error}");
    let error = read_maps(&asset("pial_left.gii.gz")).unwrap_err();
    assert!(
        error.to_string().contains("a surface and no map"),
        "{error}"
    );
}
