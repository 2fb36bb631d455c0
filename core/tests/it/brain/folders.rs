//! Subjects in folders.

use std::fs;
use std::path::Path;

use heschl_core::brain::folders::{FolderKind, Part, Purpose, load, recognise};
use heschl_core::brain::{Side, Subject, SurfaceKind};

use super::{asset, data};

/// Copies a file to a place whose folder may not exist yet.
fn put(from: &Path, to: &Path) {
    fs::create_dir_all(to.parent().unwrap()).unwrap();
    fs::copy(from, to).unwrap();
}

fn put_all(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap().flatten() {
        if entry.path().is_dir() {
            put_all(&entry.path(), &to.join(entry.file_name()));
        } else {
            put(&entry.path(), &to.join(entry.file_name()));
        }
    }
}

#[test]
fn a_store_of_pycortex_is_loaded() {
    let folder = data("S1mini");
    assert_eq!(recognise(&folder), Some(FolderKind::Pycortex));
    let loaded = load(&folder).unwrap();
    assert_eq!(loaded.subject.name, "S1mini");
    assert_eq!(loaded.notes, [""; 0]);
    for (side, n_vertices) in [(Side::Left, 5582), (Side::Right, 5194)] {
        let hemisphere = loaded.subject.hemisphere(side);
        assert_eq!(
            (hemisphere.n_vertices(), hemisphere.surfaces.len()),
            (n_vertices, 4)
        );
        assert_eq!(hemisphere.curvature.as_ref().unwrap().len(), n_vertices);
    }
    let [transform] = &loaded.transforms[..] else {
        panic!("{} transforms", loaded.transforms.len());
    };
    assert_eq!(
        (transform.name.as_str(), transform.transform.shape_zyx),
        ("fullhead", [31, 100, 100])
    );
    assert_eq!(
        (
            transform.masks[0].name.as_str(),
            transform.masks[0].voxels.len()
        ),
        ("thick", 5559)
    );
    let missing: Vec<(&Part, Purpose)> = loaded
        .missing()
        .map(|(file, purpose)| (&file.part, purpose))
        .collect();
    assert_eq!(missing, [(&Part::Overlays, Purpose::Regions)]);
}

#[test]
fn a_subject_of_freesurfer_is_loaded() {
    let folder = tempfile::tempdir().unwrap();
    let subject = folder.path().join("fsaverage5");
    put_all(&data("freesurfer"), &subject);
    for side in ["lh", "rh"] {
        let name = format!("{side}.aparc.annot");
        put(&asset(&name), &subject.join("label").join(name));
    }
    assert_eq!(recognise(&subject), Some(FolderKind::FreeSurfer));
    let loaded = load(&subject).unwrap();
    let bundled = Subject::fsaverage5();
    assert_eq!(loaded.subject.name, "fsaverage5");
    for side in Side::BOTH {
        let (found, expected) = (loaded.subject.hemisphere(side), bundled.hemisphere(side));
        for kind in [
            SurfaceKind::Pial,
            SurfaceKind::White,
            SurfaceKind::Inflated,
            SurfaceKind::Sphere,
        ] {
            assert!(
                found.surface(kind) == expected.surface(kind),
                "{side} {kind}"
            );
        }
        assert!(
            found.curvature == expected.curvature && found.sulcal_depth == expected.sulcal_depth
        );
        assert_eq!(found.thickness.as_ref().unwrap().len(), 10_242);
        // The patch is of a small region.
        assert!(found.surface(SurfaceKind::Flat).is_none());
    }
    assert!(loaded.subject.parcellation("aparc") == bundled.parcellation("aparc"));
    assert_eq!(loaded.subject.parcellations.len(), 2);
    assert_eq!(loaded.notes.len(), 2, "{:?}", loaded.notes);
    assert!(
        loaded.notes[0].contains("it has 864 of 10242 vertices"),
        "{:?}",
        loaded.notes
    );
    let missing: Vec<Purpose> = loaded.missing().map(|(_, purpose)| purpose).collect();
    assert_eq!(missing, [Purpose::FlatMaps; 2]);
}

/// A folder of fMRIPrep with fsaverage5 as the subject.
fn fmriprep(anat: &Path, begin: &str) {
    for (side, hemi) in [("left", "L"), ("right", "R")] {
        for (own, name) in [
            ("pial", "pial.surf.gii.gz"),
            ("white", "white.surf.gii.gz"),
            ("infl", "inflated.surf.gii.gz"),
            ("sphere", "desc-reg_sphere.surf.gii.gz"),
            ("curv", "curv.shape.gii.gz"),
            ("sulc", "sulc.shape.gii.gz"),
        ] {
            put(
                &asset(&format!("{own}_{side}.gii.gz")),
                &anat.join(format!("{begin}_hemi-{hemi}_{name}")),
            );
        }
        // On another surface, and not to be taken.
        let other = format!("{begin}_hemi-{hemi}_space-fsLR_den-32k_pial.surf.gii");
        put(&data("S1mini/surfaces/pia_lh.gii"), &anat.join(other));
    }
}

#[test]
fn subjects_of_fmriprep_are_loaded_with_and_without_sessions() {
    for (inside, begin) in [
        ("sub-01/anat", "sub-01"),
        ("sub-01/ses-a/anat", "sub-01_ses-a"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        fmriprep(&folder.path().join(inside), begin);
        for chosen in [
            folder.path().to_path_buf(),
            folder.path().join("sub-01"),
            folder.path().join(inside),
        ] {
            assert_eq!(recognise(&chosen), Some(FolderKind::FmriPrep));
            let loaded = load(&chosen).unwrap();
            assert_eq!(loaded.subject.name, "sub-01");
            let bundled = Subject::fsaverage5();
            for side in Side::BOTH {
                let (found, expected) = (loaded.subject.hemisphere(side), bundled.hemisphere(side));
                assert_eq!(found.surfaces.len(), 4);
                assert!(found.surface(SurfaceKind::Pial) == expected.surface(SurfaceKind::Pial));
                assert!(found.curvature == expected.curvature);
            }
            assert_eq!(loaded.notes, [""; 0]);
            assert!(
                loaded
                    .missing()
                    .all(|(_, purpose)| purpose == Purpose::FlatMaps)
            );
        }
    }
    let folder = tempfile::tempdir().unwrap();
    fmriprep(&folder.path().join("sub-01/anat"), "sub-01");
    fmriprep(&folder.path().join("sub-02/anat"), "sub-02");
    let error = load(folder.path()).unwrap_err().to_string();
    assert!(
        error.starts_with("The folder holds 2 subjects, sub-01 and sub-02"),
        "{error}"
    );
}

#[test]
fn old_names_are_known_and_a_choice_is_told() {
    let folder = tempfile::tempdir().unwrap();
    fmriprep(folder.path(), "sub-01");
    let old = folder.path().join("sub-01_hemi-L_smoothwm.surf.gii.gz");
    put(&asset("white_left.gii.gz"), &old);
    let loaded = load(folder.path()).unwrap();
    assert!(
        loaded.notes[0].contains("and not sub-01_hemi-L_smoothwm"),
        "{:?}",
        loaded.notes
    );
    fs::remove_file(folder.path().join("sub-01_hemi-L_white.surf.gii.gz")).unwrap();
    let loaded = load(folder.path()).unwrap();
    assert!(
        loaded
            .subject
            .hemisphere(Side::Left)
            .surface(SurfaceKind::White)
            .is_some()
    );
    assert_eq!(loaded.notes, [""; 0]);
}

#[test]
fn contradictions_are_refused_by_name_or_told() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("S1mini");
    put_all(&data("S1mini"), &store);
    put(
        &data("S1mini/surfaces/wm_rh.gii"),
        &store.join("surfaces/wm_lh.gii"),
    );
    let error = load(&store).unwrap_err().to_string();
    assert!(
        error.contains("pia_lh.gii has 5582 vertices and wm_lh.gii has 5194"),
        "{error}"
    );
    put_all(&data("S1mini"), &store);
    fs::remove_file(store.join("transforms/fullhead/reference.nii.gz")).unwrap();
    let loaded = load(&store).unwrap();
    assert!(
        loaded.notes[0].contains("reference.nii.gz"),
        "{:?}",
        loaded.notes
    );
    fs::write(store.join("surfaces/pia_lh.gii"), "<GIFTI>").unwrap();
    let error = load(&store).unwrap_err().to_string();
    assert!(error.contains("pia_lh.gii"), "{error}");
    let error = load(&folder.path().join("other")).unwrap_err().to_string();
    assert!(error.contains("no subject that is known"), "{error}");
}

#[test]
fn curvature_of_the_wrong_sign_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let surf = folder.path().join("sub/surf");
    put_all(&data("freesurfer/surf"), &surf);
    let mut curvature = fs::read(surf.join("lh.curv")).unwrap();
    // The sign of big-endian numbers is in their first byte.
    curvature[15..]
        .chunks_exact_mut(4)
        .for_each(|value| value[0] ^= 0x80);
    fs::write(surf.join("lh.curv"), curvature).unwrap();
    let loaded = load(&folder.path().join("sub")).unwrap();
    let told: Vec<&String> = loaded
        .notes
        .iter()
        .filter(|note| note.contains("wrong sign"))
        .collect();
    assert_eq!(told.len(), 1, "{:?}", loaded.notes);
    assert!(told[0].contains("left hemisphere"));
}
