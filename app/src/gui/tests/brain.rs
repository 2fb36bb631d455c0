//! Scores on the cortex.

use std::path::{Path, PathBuf};

use eframe::egui::accesskit::Role;
use heschl_core::brain::Subject;
use heschl_core::run::encoding::{Column, ScoreTable, VoxelScores};
use heschl_core::scene::NamedView;

use super::Stage;
use crate::gui::actions::{Action, PathPurpose};
use crate::gui::figure::{ExportFormat, ExportSize};
use crate::gui::state::Page;

/// Scores of so many voxels in a folder of this name: r and q of each.
pub(super) fn scores_of(
    [folder, of_few]: [&Path; 2],
    name: &str,
    r_and_q: &dyn Fn(usize) -> [f64; 2],
    n_voxels: usize,
) -> PathBuf {
    let few = ScoreTable::read(&of_few.join("scores.npz")).unwrap();
    let voxels: Vec<VoxelScores> = (0..n_voxels)
        .map(|at| {
            let mut voxel = few.voxels[at % few.voxels.len()];
            let [r, q] = r_and_q(at);
            voxel.set(Column::R, r);
            voxel.set(Column::Q, q);
            voxel
        })
        .collect();
    let few_of_each: Vec<usize> = (0..n_voxels).map(|at| at % few.voxels.len()).collect();
    let many = ScoreTable {
        voxels,
        round_scores: few.round_scores.select(ndarray::Axis(1), &few_of_each),
        ..few
    };
    let folder = folder.join(name);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("scores.npz"), many.to_npz().unwrap()).unwrap();
    folder
}

/// Scores of every vertex of fsaverage5: high in the left transverse temporal gyrus, low elsewhere. Also scores of few voxels.
pub(super) fn scores(folder: &Path) -> [PathBuf; 2] {
    let of_few = super::fit::two_fits(folder);
    let subject = Subject::fsaverage5();
    let regions = subject.parcellation("aparc").unwrap();
    let heschl = regions.region("transversetemporal").unwrap();
    let n_left = subject.hemispheres[0].n_vertices();
    let of_vertex = |vertex: usize| {
        let is_planted = vertex < n_left && regions.of_vertex[0][vertex] == Some(heschl);
        if is_planted {
            [0.5, 0.001]
        } else {
            [0.05, 0.9]
        }
    };
    let n_vertices = subject.n_vertices();
    let scores = scores_of([folder, &of_few], "cortex", &of_vertex, n_vertices);
    [scores, of_few]
}

pub(super) fn stage() -> (Stage, PathBuf) {
    let mut stage = Stage::new();
    let [scores, of_few] = scores(stage.folder.path());
    stage.go(Page::Brain);
    stage.must_see("Choose a folder of scores, or fit a model first");
    stage.ask(Action::Use(PathPurpose::Scores, scores));
    assert_eq!(stage.state().page(), Page::Brain, "the page stays");
    drawn(&mut stage);
    (stage, of_few)
}

/// Waits until the picture is the one that the settings ask for.
pub(super) fn drawn(stage: &mut Stage) {
    stage.until("the cortex is drawn", |window| {
        let picture = window.info.brain.picture.ready();
        picture.is_some_and(|picture| {
            let of = &picture.request;
            of.settings == window.state.brain
                && of.drawn.0 == window.state.drawing.regions
                && of.drawn.1 == window.state.drawing.chosen
                && of.drawing == window.state.drawing.settings.of_picture()
                && of.subject == *window.state.subject()
                && Some(&of.scores) == window.state.scores.as_ref()
                && window.state.brain_size == Some((of.size, false))
                && !of.is_moving
        })
    });
}

/// Regions of the values that are shown, by side.
fn shown(stage: &Stage) -> [usize; 2] {
    let picture = stage.info().brain.picture.ready().unwrap();
    [0, 1].map(|side| {
        let values = &picture.values[side];
        values.iter().filter(|value| !value.is_nan()).count()
    })
}

#[test]
fn scores_are_seen_where_they_were_measured() {
    let (mut stage, _) = stage();
    stage.must_have(Role::Image, "Cortex");
    stage.must_have(Role::Image, "Colours: r");
    stage.must_see("L transversetemporal");
    let best = &stage.info().brain.picture.ready().unwrap().regions[0];
    assert_eq!(best.region, "transversetemporal");
    assert!((best.mean - 0.5).abs() < 1e-6, "{}", best.mean);
    assert_eq!(best.significant_share, Some(1.0));
    assert_eq!(shown(&stage), [10_242, 10_242]);
    stage.click(Role::CheckBox, "Significant only, q ≤");
    drawn(&mut stage);
    let [left, right] = shown(&stage);
    assert!(left > 30 && right == 0, "{left}, {right}");
    // From the left, in whose picture the pointer finds the region; the other side is not there.
    stage.click(Role::RadioButton, "Left lateral");
    drawn(&mut stage);
    let picture = stage.info().brain.picture.ready().unwrap();
    let mut found = std::collections::BTreeSet::new();
    for row in 0..100 {
        for column in 0..100 {
            let share = [column as f32 / 100.0, row as f32 / 100.0];
            let Some(hit) = picture.hit(share) else {
                continue;
            };
            assert_eq!(hit.side, heschl_core::brain::Side::Left);
            if !picture.values[0][hit.nearest_vertex()].is_nan() {
                found.insert(picture.region(&hit).unwrap().to_owned());
            }
        }
    }
    assert_eq!(
        found.into_iter().collect::<Vec<_>>(),
        ["transversetemporal"]
    );
}

#[test]
fn views_turn_and_unfold_and_come_back() {
    let (mut stage, of_few) = stage();
    for view in ["Medial", "Flat", "Dorsal", "Right medial", "Lateral"] {
        stage.click(Role::RadioButton, view);
        drawn(&mut stage);
        let picture = stage.info().brain.picture.ready().unwrap();
        let n_drawn = picture
            .picture
            .rgba
            .chunks_exact(4)
            .filter(|pixel| pixel[3] > 0);
        assert!(n_drawn.count() > 5000, "{view}");
    }
    assert_eq!(stage.state().brain.named, NamedView::BothLateral);
    // Scores of other voxels than the subject's are refused in a sentence.
    stage.ask(Action::Use(PathPurpose::Scores, of_few));
    stage.until("it is told", |window| {
        window.info.brain.picture.failure().is_some()
    });
    stage.must_see("has 20484 vertices");
}

#[test]
fn the_cortex_is_saved_in_every_format() {
    let (mut stage, _) = stage();
    let folder = stage.state().scores.clone().unwrap();
    stage.ask(Action::ExportSize(ExportSize {
        width_mm: 85.0,
        dpi: 150,
    }));
    for (format, _) in ExportFormat::ALL {
        stage.ask(Action::Export(format));
        let path = folder.join(format!("figures/cortex-r.{}", format.suffix()));
        stage.until("the figure is there", |_| path.is_file());
        let bytes = std::fs::read(&path).unwrap();
        match format {
            ExportFormat::Png => {
                let read = image::load_from_memory(&bytes).unwrap();
                // 85 mm at 150 pixels per inch.
                assert_eq!(read.width(), 502);
            }
            ExportFormat::Csv => {
                let text = String::from_utf8(bytes).unwrap();
                let rows: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
                assert_eq!(rows.len(), 1 + 20_484);
                assert_eq!(rows[0], "voxel,hemisphere,vertex,region,r");
                assert!(rows[10_243].starts_with("10242,right,0,"));
            }
            ExportFormat::Svg => {
                let text = String::from_utf8(bytes).unwrap();
                assert!(text.contains(">r</text>") && text.contains("data:image/png;base64,"));
            }
            ExportFormat::Pdf => assert!(bytes.starts_with(b"%PDF")),
        }
    }
    // The view is saved as pycortex does, and opens as it was.
    stage.click(Role::RadioButton, "Left medial");
    drawn(&mut stage);
    let before = stage.info().brain.picture.ready().unwrap().clone();
    stage.press("Save view");
    let path = folder.join("figures/view-1.json");
    stage.until("the view is there", |_| path.is_file());
    stage.click(Role::RadioButton, "Dorsal");
    stage.ask(Action::Use(PathPurpose::View, path));
    stage.until("the view is read", |window| {
        window.state.brain.saved.is_some()
    });
    drawn(&mut stage);
    let after = stage.info().brain.picture.ready().unwrap();
    assert!(before.picture == after.picture, "another picture");
    for (ending, file) in [
        (".dscalar.nii", "r.dscalar.nii"),
        (".func.gii", "lh.r.func.gii"),
    ] {
        stage.ask(Action::ExportMap(ending));
        let path = folder.join("maps").join(file);
        stage.until("the map is there", |_| path.is_file());
    }
    stage.press("Share");
    let path = folder.join("cortex.html");
    stage.until("the page is there", |_| path.is_file());
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains("<title>cortex</title>"));
}

/// A file of a real subject, from the tests of the core.
pub(super) fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../core/tests/data/brain")
        .join(name)
}

/// A pycortex store whose mask has as many voxels as were scored: each vertex shows the voxel that pycortex finds for it.
#[test]
fn voxels_of_a_pycortex_store_are_seen_on_its_subject() {
    let (mut stage, of_few) = stage();
    let reference = data("S1mini_reference.npz");
    let masked: ndarray::Array1<f32> =
        heschl_core::files::formats::npz::read_as(&reference, "masked_thick").unwrap();
    let folder = stage.folder.path().to_path_buf();
    let of_voxel = |at: usize| [f64::from(masked[at]), 0.001];
    let scores = scores_of([&folder, &of_few], "voxels", &of_voxel, masked.len());
    stage.ask(Action::Use(PathPurpose::Scores, scores));
    stage.until("it is told", |window| {
        window.info.brain.picture.failure().is_some()
    });
    stage.must_see("There are 5559 values, but fsaverage5 has 20484 vertices.");
    stage.ask(Action::Use(PathPurpose::Subject, data("S1mini")));
    drawn(&mut stage);
    stage
        .must_see("S1mini, from a pycortex store: 5,582 vertices at the left, 5,194 at the right.");
    let picture = stage.info().brain.picture.ready().unwrap();
    for (side, name) in [(0, "lh_values_nearest"), (1, "rh_values_nearest")] {
        let expected: ndarray::Array1<f32> =
            heschl_core::files::formats::npz::read_as(&reference, name).unwrap();
        let shown = &picture.values[side];
        assert_eq!(shown.len(), expected.len());
        let mut n_equal = 0;
        for (shown, expected) in shown.iter().zip(&expected) {
            // pycortex gives 0 to vertices without a voxel.
            let is_equal = shown.to_bits() == expected.to_bits();
            assert!(is_equal || shown.is_nan() && expected.abs() < 1e-12);
            n_equal += usize::from(is_equal);
        }
        assert!(n_equal > 3000, "{n_equal}");
    }
    // What is seen at a place is the value of the voxel that a click opens.
    let mut n_seen = 0;
    for at in 0..2500 {
        let share = [(at % 50) as f32 / 50.0, (at / 50) as f32 / 50.0];
        let Some(hit) = picture.hit(share) else {
            continue;
        };
        if let (Some(value), Some(voxel)) = (picture.value(&hit), picture.voxel(&hit)) {
            assert!((value - masked[voxel]).abs() < 1e-6);
            n_seen += 1;
        }
    }
    assert!(n_seen > 100, "{n_seen}");
    // Without a study the choice is the window's own; back to the bundled subject at a click.
    stage.click(Role::Button, "Use fsaverage5");
    stage.until("it is told", |window| {
        window.info.brain.picture.failure().is_some()
    });
    assert_eq!(stage.state().preferences.recent_subjects, [data("S1mini")]);
}

/// Scores of the voxels of a mask, whose image is aligned with the T1 of FreeSurfer's subject: the recipe beside the scores names
/// the mask.
#[test]
fn voxels_of_an_aligned_image_are_seen_on_a_freesurfer_subject() {
    let (mut stage, of_few) = stage();
    let folder = stage.folder.path().to_path_buf();
    // The voxels of the grey matter of the left hemisphere (label 3 of aseg).
    let labels = heschl_core::files::formats::volumes::Volumes::open(
        &data("freesurfer/mri/aseg.2mm.mgz"),
        &folder,
    )
    .unwrap();
    let (_, n_all) = labels.dim();
    let n_voxels = labels.read::<f32>(0..1, 0..n_all).unwrap();
    let n_voxels = n_voxels.iter().filter(|label| **label != 0.0).count();
    let of_voxel = |at: usize| [at as f64, 0.001];
    let scores = scores_of([&folder, &of_few], "aligned", &of_voxel, n_voxels);
    let fit = crate::gui::fitting::FitStudy {
        features: Some("/f/m".into()),
        responses: Some("/r".into()),
        mask: Some(data("freesurfer/mri/aseg.2mm.mgz")),
        test: vec!["a".into()],
        ..crate::gui::fitting::FitStudy::default()
    };
    let encode = fit.recipe(None, None, Path::new("/s")).unwrap();
    let file = heschl_core::run::recipe::EncodeFile { encode, run: None };
    std::fs::write(scores.join("recipe.toml"), file.to_toml().unwrap()).unwrap();
    stage.ask(Action::Use(PathPurpose::Subject, data("freesurfer")));
    stage.ask(Action::Use(PathPurpose::Scores, scores));
    drawn(&mut stage);
    stage.must_see("The image is taken to be aligned with the T1 of freesurfer");
    let [left, right] = shown(&stage);
    assert!(left > 9000 && right > 9000, "{left}, {right}");
    assert_eq!(stage.state().subject().folder, Some(data("freesurfer")));
    // The same in slices: the subject's T1 underneath, and the voxel at the cross.
    stage.click(Role::RadioButton, "Slices");
    drawn(&mut stage);
    stage.must_see("Under the slices: T1.2mm.mgz.");
    let picture = stage.info().brain.picture.ready().unwrap();
    let cursor = stage.state().brain.slices.cursor;
    let voxel = picture.placement.index_at(cursor).unwrap();
    // The value of a voxel is its number here.
    let value = picture.map.at(cursor).unwrap();
    assert!(
        (f64::from(value) - voxel as f64).abs() < 1.0,
        "{value} {voxel}"
    );
    let n_grey = picture.picture.rgba.chunks_exact(4).filter(|pixel| {
        pixel[3] == 255 && pixel[0] == pixel[1] && pixel[1] == pixel[2] && pixel[0] > 40
    });
    assert!(n_grey.count() > 2000);
    stage.ask(Action::Export(ExportFormat::Svg));
    let path = stage.state().scores.clone().unwrap();
    let path = path.join("figures/slices-r.svg");
    stage.until("the figure is there", |_| path.is_file());
    let text = std::fs::read_to_string(&path).unwrap();
    for letter in [">L</text>", ">R</text>", ">A</text>", ">P</text>"] {
        assert!(text.contains(letter), "{letter}");
    }
    stage.press(&format!("Open voxel {}", crate::gui::thousands(voxel)));
    assert_eq!(
        (stage.state().page(), stage.state().voxel),
        (Page::Scores, voxel)
    );
}

/// A click chooses a vertex: its value, region and voxel are told, it is marked, and its voxel is that of Scores. A row of the table
/// outlines its region.
#[test]
fn a_click_chooses_and_a_row_outlines() {
    let (mut stage, _) = stage();
    stage.click(Role::RadioButton, "Left lateral");
    drawn(&mut stage);
    let plain = stage.info().brain.picture.ready().unwrap().picture.clone();
    stage.click(Role::Row, "L transversetemporal");
    drawn(&mut stage);
    let picture = stage.info().brain.picture.ready().unwrap();
    let pixels = |rgba: &[u8]| rgba.chunks_exact(4).map(<[u8]>::to_vec).collect::<Vec<_>>();
    let (before, after) = (pixels(&plain.rgba), pixels(&picture.picture.rgba));
    let n_changed = before.iter().zip(&after).filter(|(a, b)| a != b).count();
    assert!((20..20_000).contains(&n_changed), "{n_changed}");
    // In the middle of the picture is the cortex.
    let hit = picture.hit([0.5, 0.5]).unwrap();
    let (vertex, voxel) = (hit.nearest_vertex(), picture.voxel(&hit).unwrap());
    let canvases = stage.canvases();
    let (_, rect) = canvases.iter().find(|(name, _)| name == "Cortex").unwrap();
    let middle = rect.center();
    stage.harness.hover_at(middle);
    stage.settle();
    for pressed in [true, false] {
        stage.harness.event(eframe::egui::Event::PointerButton {
            pos: middle,
            button: eframe::egui::PointerButton::Primary,
            pressed,
            modifiers: eframe::egui::Modifiers::NONE,
        });
        stage.harness.step();
    }
    stage.settle();
    drawn(&mut stage);
    assert_eq!(
        stage.state().brain.picked,
        Some((heschl_core::brain::Side::Left, vertex))
    );
    let [x, y] = stage.info().brain.picture.ready().unwrap().mark.unwrap();
    assert!((x - 0.5).abs() < 0.02 && (y - 0.5).abs() < 0.02, "{x}, {y}");
    assert_eq!(
        (stage.state().page(), stage.state().voxel),
        (Page::Brain, voxel)
    );
    stage.press(&format!("Open voxel {}", crate::gui::thousands(voxel)));
    assert_eq!(
        (stage.state().page(), stage.state().voxel),
        (Page::Scores, voxel)
    );
    // By another column, another region comes first.
    stage.go(Page::Brain);
    stage.click(Role::RadioButton, "Sort by region");
    assert_eq!(
        stage.state().brain.region_order,
        crate::gui::brain::RegionOrder::Name
    );
    stage.press("Show no single region");
    assert_eq!(stage.state().brain.region, None);
}

/// Without saved predictions there is no film, and a sentence says what to do.
#[test]
fn a_film_needs_predictions() {
    let (mut stage, _) = stage();
    let mut settings = stage.state().brain.clone();
    settings.film = Some(crate::gui::brain::FilmSettings {
        of: crate::gui::brain::FilmOf::Predicted,
        scan: 0,
        delay_secs: 5.0,
    });
    stage.ask(Action::View(crate::gui::actions::ViewAction::Brain(
        Box::new(settings),
    )));
    stage.until("it is told", |window| {
        window.info.brain.film.failure().is_some()
    });
    stage.must_see("The predictions of this fit were not saved.");
}

/// Figures of several views and films are saved beside the scores.
#[test]
fn several_views_and_films_are_saved() {
    use crate::brain_panels::PanelLayout;
    use crate::gui::figure::FilmKind;
    let (mut stage, _) = stage();
    let folder = stage.state().scores.clone().unwrap().join("figures");
    stage.ask(Action::ExportSize(ExportSize {
        width_mm: 85.0,
        dpi: 150,
    }));
    for (layout, name) in [
        (PanelLayout::LateralMedial, "cortex-r-lateral-medial.svg"),
        (PanelLayout::FlatInflated, "cortex-r-flat-inflated.svg"),
    ] {
        stage.ask(Action::ExportPanels(layout, ExportFormat::Svg));
        let path = folder.join(name);
        stage.until("the figure is there", |_| path.is_file());
        let text = std::fs::read_to_string(&path).unwrap();
        for letter in [">L</text>", ">R</text>"] {
            assert!(text.contains(letter), "{letter}");
        }
    }
    // A film is drawn in the background, stopped, and leaves its frames.
    stage.ask(Action::SaveFilm(FilmKind::Turntable));
    stage.until("a frame is drawn", |window| {
        window.info.brain.saving.is_some_and(|[n, _]| n > 0)
    });
    stage.must_see("of 240 frames");
    stage.press("Stop film");
    stage.until("it is stopped", |window| window.info.brain.saving.is_none());
    assert!(
        folder
            .join("cortex-turntable.mp4.frames/frame-000001.png")
            .is_file()
    );
    // A story needs what is shown of it.
    stage.ask(Action::SaveFilm(FilmKind::Story));
    stage.until("it is told", |window| window.info.brain.saving.is_none());
    stage.must_see("Choose what of the test stories is shown first");
}
