//! Regions that are drawn on the cortex.

use std::path::Path;

use eframe::egui::accesskit::Role;
use eframe::egui::{Event, Key, Modifiers, PointerButton, Pos2, Rect};
use heschl_core::brain::drawing::{DrawnRegions, region_meshes};
use heschl_core::brain::{Overlays, Side, Subject};

use egui_kittest::kittest::Queryable as _;

use super::Stage;
use super::brain::{drawn, scores, stage};
use crate::gui::actions::{Action, PathPurpose, RegionAction, RegionsFormat};
use crate::gui::brain::{BrainPicture, DrawingTool};
use crate::gui::state::Page;

fn picture(stage: &Stage) -> &BrainPicture {
    stage.info().brain.picture.ready().unwrap()
}

fn regions(stage: &Stage) -> &DrawnRegions {
    &stage.state().drawing.regions
}

/// Where the cortex is shown.
fn canvas(stage: &Stage) -> Rect {
    let canvases = stage.canvases();
    let (_, rect) = canvases.iter().find(|(name, _)| name == "Cortex").unwrap();
    *rect
}

fn on_screen(rect: Rect, [x, y]: [f32; 2]) -> Pos2 {
    rect.min + eframe::egui::vec2(x * rect.width(), y * rect.height())
}

/// Drags with the left button through places, given as shares of the picture.
fn drag(stage: &mut Stage, places: &[[f32; 2]], modifiers: Modifiers) {
    let rect = canvas(stage);
    let button = |pos: Pos2, pressed: bool| Event::PointerButton {
        pos,
        button: PointerButton::Primary,
        pressed,
        modifiers,
    };
    let places: Vec<Pos2> = places.iter().map(|at| on_screen(rect, *at)).collect();
    stage.harness.event(Event::ModifiersChanged(modifiers));
    stage.harness.hover_at(places[0]);
    stage.harness.step();
    stage.harness.event(button(places[0], true));
    stage.harness.step();
    for at in &places[1..] {
        stage.harness.event(Event::PointerMoved(*at));
        stage.harness.step();
    }
    stage.harness.event(button(*places.last().unwrap(), false));
    stage.harness.step();
    stage
        .harness
        .event(Event::ModifiersChanged(Modifiers::NONE));
    stage.settle();
    drawn(stage);
}

/// A window that shows the left hemisphere, with a tool.
fn with_tool(tool: &str) -> Stage {
    let (mut stage, _) = stage();
    stage.click(Role::RadioButton, "Left lateral");
    stage.click(Role::RadioButton, tool);
    drawn(&mut stage);
    stage
}

const SQUARE: [[f32; 2]; 5] = [[0.4, 0.4], [0.6, 0.4], [0.6, 0.6], [0.4, 0.6], [0.4, 0.42]];

/// A lasso becomes a region of what is seen inside of it; it is undone, changed, named, saved and read back.
#[test]
fn a_region_is_drawn_with_the_lasso_and_undone() {
    let mut stage = with_tool("Lasso");
    drag(&mut stage, &SQUARE, Modifiers::NONE);
    let expected = picture(&stage).lassoed(&SQUARE).unwrap();
    let [region] = &regions(&stage).regions[..] else {
        panic!("{:?}", regions(&stage));
    };
    let n_vertices = region.n_vertices();
    assert!(
        n_vertices > 100 && region.vertices[1].is_empty(),
        "{n_vertices}"
    );
    // The mouse moves in pixels, so that a vertex at the line may be taken or not.
    let n_other = expected[0]
        .iter()
        .filter(|v| region.vertices[0].binary_search(v).is_err())
        .count();
    assert!(n_other * 50 < n_vertices, "{n_other} of {n_vertices}");
    assert_eq!(stage.state().drawing.chosen, Some(0));
    stage.must_have(Role::Row, "region");
    stage.must_see("vertices, ");
    let facts = &picture(&stage).over.drawn[0];
    assert_eq!((facts.n_vertices, facts.n_voxels), (n_vertices, n_vertices));
    let area = region_meshes(Subject::fsaverage5()).unwrap()[0].area_mm2(&region.vertices[0]);
    assert!((facts.area_mm2 - area).abs() < 1e-6);
    // The brain was not turned, nothing was picked.
    assert!(
        stage
            .state()
            .brain
            .turn
            .iter()
            .all(|turn| turn.abs() < 1e-12)
    );
    assert_eq!(stage.state().brain.picked, None);
    // With Shift, the same is taken away again.
    let small = [[0.45, 0.45], [0.55, 0.45], [0.55, 0.55], [0.45, 0.55]];
    drag(&mut stage, &small, Modifiers::SHIFT);
    let n_left = regions(&stage).regions[0].n_vertices();
    assert!(n_left < n_vertices && n_left > n_vertices / 2, "{n_left}");
    stage.press("Fill holes");
    drawn(&mut stage);
    assert_eq!(regions(&stage).regions[0].n_vertices(), n_vertices);
    stage.press("Grow");
    drawn(&mut stage);
    let grown = regions(&stage).regions[0].clone();
    assert!(grown.n_vertices() > n_vertices + 20);
    // Step by step, back to nothing, and again.
    for n_expected in [Some(n_vertices), Some(n_left), Some(n_vertices), None] {
        stage.ask(Action::Undo);
        let now = regions(&stage)
            .regions
            .first()
            .map(heschl_core::brain::drawing::DrawnRegion::n_vertices);
        assert_eq!(now, n_expected);
    }
    for _ in 0..4 {
        stage.ask(Action::Redo);
    }
    drawn(&mut stage);
    assert_eq!(regions(&stage).regions[0], grown);
    stage.write("Name of the region", "A1 core");
    assert_eq!(regions(&stage).regions[0].name, "A1 core");
    stage.must_see("No study is open, so these regions are lost");
    stage.press("Delete region");
    assert!(regions(&stage).regions.is_empty());
    stage.ask(Action::Undo);
    assert_eq!(regions(&stage).regions[0].name, "A1 core");
}

/// The brush adds what lies within its radius along the surface of every place it goes over.
#[test]
fn a_region_is_drawn_with_the_brush() {
    let mut stage = with_tool("Brush");
    let mut settings = stage.state().drawing.settings;
    settings.radius_mm = 6.0;
    stage.ask(Action::Region(RegionAction::Set(settings)));
    drawn(&mut stage);
    drag(&mut stage, &[[0.5, 0.5], [0.5, 0.5]], Modifiers::NONE);
    let hit = picture(&stage).hit([0.5, 0.5]).unwrap();
    let meshes = region_meshes(Subject::fsaverage5()).unwrap();
    let disc = meshes[0].brushed(&[hit.nearest_vertex() as u32], 6.0);
    assert_eq!(regions(&stage).regions[0].vertices, [disc.clone(), vec![]]);
    drag(
        &mut stage,
        &[[0.5, 0.5], [0.55, 0.5], [0.6, 0.5]],
        Modifiers::NONE,
    );
    let stroke = regions(&stage).regions[0].vertices[0].clone();
    assert!(stroke.len() > disc.len() + 10);
    let end = picture(&stage).hit([0.6, 0.5]).unwrap().nearest_vertex() as u32;
    assert!(stroke.binary_search(&end).is_ok());
    // Ctrl and the wheel set the radius, not the enlargement.
    let zoom = stage.state().brain.zoom;
    stage.harness.hover_at(canvas(&stage).center());
    stage.harness.step();
    stage.harness.event(Event::Zoom(1.5));
    stage.settle();
    assert!((stage.state().drawing.settings.radius_mm - 9.0).abs() < 1e-3);
    assert!((stage.state().brain.zoom - zoom).abs() < 1e-9);
    // A second region, by keyboard.
    stage.press("New region");
    let cortex = stage.harness.get_by_role_and_label(Role::Image, "Cortex");
    cortex.focus();
    stage.harness.run_steps(2);
    for _ in 0..3 {
        stage.harness.key_press(Key::ArrowLeft);
        stage.harness.run_steps(2);
    }
    stage.harness.key_press(Key::Space);
    stage.settle();
    drawn(&mut stage);
    assert_eq!(regions(&stage).regions.len(), 2);
    assert!(regions(&stage).regions[1].n_vertices() > 20);
    stage.harness.key_press(Key::Escape);
    stage.settle();
    assert_eq!(stage.state().drawing.settings.tool, None);
}

/// Clusters above a threshold, and copies of regions of the atlas.
#[test]
fn regions_begin_with_a_cluster_or_a_region_of_the_atlas() {
    let (mut stage, _) = stage();
    let heschl = Subject::fsaverage5().parcellation("aparc").unwrap();
    let heschl = heschl.vertices(heschl.region("transversetemporal").unwrap(), Side::Left);
    let mut settings = stage.state().brain.clone();
    settings.picked = Some((Side::Left, heschl[3] as usize));
    let set = |settings: &crate::gui::brain::BrainSettings| {
        let settings = Box::new(settings.clone());
        Action::View(crate::gui::actions::ViewAction::Brain(settings))
    };
    stage.ask(set(&settings));
    drawn(&mut stage);
    stage.press("Cluster here");
    stage.must_see("Turn on \"Hide values below\"");
    settings.threshold = Some(0.4);
    stage.ask(set(&settings));
    drawn(&mut stage);
    stage.press("Cluster here");
    drawn(&mut stage);
    assert_eq!(
        regions(&stage).regions[0].vertices,
        [heschl.clone(), vec![]]
    );
    let facts = picture(&stage).over.drawn[0].clone();
    assert!((facts.mean - 0.5).abs() < 1e-6 && (facts.r[0] - 0.5).abs() < 1e-6);
    assert!((facts.significant_share - 1.0).abs() < 1e-9);
    stage.click(Role::Row, "L transversetemporal");
    drawn(&mut stage);
    stage.press("Copy to edit");
    drawn(&mut stage);
    let copy = &regions(&stage).regions[1];
    assert_eq!(
        (copy.name.as_str(), &copy.vertices[0]),
        ("transversetemporal", &heschl)
    );
}

/// Regions are kept with the study, on the subject that they were drawn on.
#[test]
fn regions_are_kept_with_the_study() {
    let mut stage = Stage::new();
    let folder = stage.folder.path().to_path_buf();
    let [scores, _] = scores(&folder);
    stage.ask(Action::Study(crate::gui::actions::StudyAction::New {
        parent: folder.clone(),
        name: "night".into(),
    }));
    stage.until("the study is open", |window| window.state.open.is_some());
    stage.go(Page::Brain);
    stage.ask(Action::Use(PathPurpose::Scores, scores));
    drawn(&mut stage);
    let centre = vec![1234_u32];
    let mode = crate::gui::brain::DrawingMode::Add;
    let brush = RegionAction::Brush([centre, vec![]], mode);
    stage.ask(Action::Region(brush.clone()));
    stage.ask(Action::Region(RegionAction::Rename("A1".into())));
    let file = folder.join("night/regions/fsaverage5.json");
    stage.until("the regions are kept", |_| {
        std::fs::read_to_string(&file).is_ok_and(|text| text.contains("A1"))
    });
    let before = regions(&stage).clone();
    assert!(before.regions[0].n_vertices() > 5);
    // Another subject has none.
    stage.ask(Action::Use(
        PathPurpose::Subject,
        super::brain::data("freesurfer"),
    ));
    stage.until("another subject is there", |window| {
        let place = window.state.drawing.place.as_ref();
        place.is_some_and(|place| place.name == "freesurfer")
    });
    assert!(regions(&stage).regions.is_empty());
    // Undoing the change of the subject brings its regions back from the disk.
    stage.ask(Action::Undo);
    stage.until("they are there again", |window| {
        !window.state.drawing.regions.regions.is_empty()
    });
    assert_eq!(regions(&stage), &before);
    // So does opening the study again.
    stage.ask(Action::Study(crate::gui::actions::StudyAction::Close));
    stage.until("none are there", |window| {
        window.state.drawing.regions.regions.is_empty()
    });
    stage.ask(Action::Study(crate::gui::actions::StudyAction::Open(
        folder.join("night"),
    )));
    stage.until("the study is open", |window| window.state.open.is_some());
    stage.go(Page::Brain);
    stage.until("they are there again", |window| {
        !window.state.drawing.regions.regions.is_empty()
    });
    assert_eq!(regions(&stage), &before);
    // A file that is damaged is told, and left as it is.
    stage.ask(Action::Study(crate::gui::actions::StudyAction::Close));
    stage.until("none are there", |window| {
        window.state.drawing.regions.regions.is_empty()
    });
    std::fs::write(&file, "{").unwrap();
    stage.ask(Action::Study(crate::gui::actions::StudyAction::Open(
        folder.join("night"),
    )));
    stage.until("it is told", |window| {
        matches!(
            window.state.drawing.read,
            crate::gui::brain::RegionsRead::Failed(_)
        )
    });
    stage.ask(Action::Region(brush));
    std::thread::sleep(std::time::Duration::from_millis(600));
    stage.settle();
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "{");
}

/// Regions are saved in each format, and opened again.
#[test]
fn regions_are_saved_and_opened() {
    let (mut stage, _) = stage();
    let folder = stage.state().scores.clone().unwrap().join("regions");
    let mode = crate::gui::brain::DrawingMode::Add;
    let brush = RegionAction::Brush([vec![1234], vec![8000]], mode);
    stage.ask(Action::Region(brush));
    stage.ask(Action::Region(RegionAction::Rename("left one".into())));
    drawn(&mut stage);
    let before = regions(&stage).regions[0].clone();
    for (format, file) in [
        (RegionsFormat::Labels, "rh.left_one.label"),
        (RegionsFormat::Annot, "rh.regions.annot"),
        (RegionsFormat::Gifti, "rh.regions.label.gii"),
        (RegionsFormat::Overlays, "overlays.svg"),
        (RegionsFormat::Json, "regions.json"),
    ] {
        stage.ask(Action::Region(RegionAction::Save(format)));
        let path = folder.join(file);
        stage.until("the file is there", |_| path.is_file());
        if format == RegionsFormat::Overlays {
            let drawn = Overlays::read(&path, Subject::fsaverage5()).unwrap();
            assert_eq!(drawn.regions[0].vertices, before.vertices);
            continue;
        }
        let n_before = regions(&stage).regions.len();
        stage.ask(Action::Use(PathPurpose::Regions, path));
        stage.until("they are read", |window| {
            window.state.drawing.regions.regions.len() == n_before + 1
        });
        let read = regions(&stage).regions.last().unwrap();
        assert_eq!(read.vertices, before.vertices, "{file}");
        let name = if format == RegionsFormat::Labels {
            "left_one"
        } else {
            "left one 2"
        };
        assert_eq!(read.name, name);
        stage.ask(Action::Undo);
        assert_eq!(regions(&stage).regions.len(), n_before);
        drawn(&mut stage);
    }
    // The table has the regions of the atlas, too.
    stage.press("Save table");
    let path = folder.join("regions-r.csv");
    stage.until("the table is there", |_| path.is_file());
    let table = std::fs::read_to_string(&path).unwrap();
    let heschl = table
        .lines()
        .find(|line| line.starts_with("transversetemporal,aparc,left"));
    let heschl: Vec<&str> = heschl.unwrap().split(',').collect();
    assert_eq!((heschl[3], heschl[5]), ("68", "68"));
    assert!((heschl[6].parse::<f64>().unwrap() - 0.5).abs() < 1e-6);
    let n = before.n_vertices();
    assert!(
        table.contains(&format!("\nleft one,drawn,both,{n},")),
        "{table}"
    );
    stage.ask(Action::Use(
        PathPurpose::Regions,
        Path::new("/nothing.json").into(),
    ));
    stage.until("it is told", |window| {
        window
            .info
            .log
            .iter()
            .any(|line| line.text.contains("cannot be read"))
    });
}

/// Nothing of the tools is cut off in a small window, and all controls have names.
#[test]
fn the_tools_fit_into_a_small_window() {
    let preferences = crate::gui::state::Preferences::default();
    let mut stage = Stage::with(preferences, [1024.0, 700.0], 1.0);
    let [scores, _] = scores(stage.folder.path());
    stage.go(Page::Brain);
    stage.ask(Action::Use(PathPurpose::Scores, scores));
    drawn(&mut stage);
    let mut settings = stage.state().drawing.settings;
    settings.tool = Some(DrawingTool::Brush);
    stage.ask(Action::Region(RegionAction::Set(settings)));
    let mode = crate::gui::brain::DrawingMode::Add;
    stage.ask(Action::Region(RegionAction::Brush(
        [vec![1234], vec![]],
        mode,
    )));
    drawn(&mut stage);
    for name in [
        "Grow",
        "Shrink",
        "Smooth border",
        "Fill holes",
        "Delete region",
        "Save regions",
    ] {
        let controls = stage.controls();
        let (_, rect) = controls.iter().find(|(label, _)| label == name).unwrap();
        assert!(
            rect.right() < 1024.0 && rect.left() > 0.0,
            "{name}: {rect:?}"
        );
    }
}
