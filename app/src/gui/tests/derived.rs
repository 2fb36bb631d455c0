//! Maps made from fits, on the cortex.

use std::path::{Path, PathBuf};

use eframe::egui::accesskit::Role;
use heschl_core::brain::Subject;
use heschl_core::run::encoding::{Column, ScoreTable};
use heschl_core::run::maps::{BestSettings, FittedModel, best, folders_of_fits};
use heschl_core::run::recipe::EncodeFile;

use super::Stage;
use super::brain::drawn;
use crate::gui::actions::{Action, PathPurpose};
use crate::gui::brain::{DerivedKind, Look};
use crate::gui::state::Page;

/// Two fits of every vertex of fsaverage5: "cortex" is the better one in the left hemisphere, "other" in the right one.
fn two_fits(folder: &Path) -> [PathBuf; 2] {
    let [first, of_few] = super::brain::scores(folder);
    // Fits hold absolute paths.
    let recipe = EncodeFile::read(&of_few.join("recipe.toml")).unwrap();
    let recipe = EncodeFile {
        encode: recipe.encode.rooted(&of_few),
        ..recipe
    };
    let recipe = recipe.to_toml().unwrap();
    let fits = folder.join("pair");
    let n_left = Subject::fsaverage5().hemispheres[0].n_vertices();
    ["cortex", "other"].map(|name| {
        let mut table = ScoreTable::read(&first.join("scores.npz")).unwrap();
        for (vertex, voxel) in table.voxels.iter_mut().enumerate() {
            let is_better = (vertex < n_left) == (name == "cortex");
            let r = if is_better { 0.4 } else { 0.1 };
            voxel.set(Column::R, r);
            voxel.set(Column::RoundScore, r);
            voxel.set(Column::P, if is_better { 0.001 } else { 0.5 });
            voxel.set(Column::Q, if is_better { 0.002 } else { 0.5 });
        }
        let folder = fits.join(name);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("scores.npz"), table.to_npz().unwrap()).unwrap();
        std::fs::write(folder.join("recipe.toml"), &recipe).unwrap();
        folder
    })
}

fn stage() -> (Stage, [PathBuf; 2]) {
    let mut stage = Stage::new();
    let fits = two_fits(stage.folder.path());
    stage.go(Page::Brain);
    stage.ask(Action::Use(PathPurpose::Scores, fits[0].clone()));
    drawn(&mut stage);
    (stage, fits)
}

/// Chooses maps as the list does.
fn choose(stage: &mut Stage, kind: DerivedKind) {
    let mut settings = stage.state().brain.clone();
    settings.take_map(Some(kind), None, kind == DerivedKind::Difference);
    let view = crate::gui::actions::ViewAction::Brain(Box::new(settings));
    stage.ask(Action::View(view));
}

#[test]
fn the_best_fit_of_each_voxel_is_shown_with_a_legend() {
    let (mut stage, _) = stage();
    choose(&mut stage, DerivedKind::Best);
    drawn(&mut stage);
    stage.must_see("had no part in the choice");
    stage.must_have(Role::ComboBox, "Which of the maps");
    stage.must_have(Role::Image, "Colours: best fit");
    for name in ["none", "cortex", "other"] {
        stage.must_see(name);
    }
    let picture = stage.info().brain.picture.ready().unwrap();
    assert!(matches!(&*picture.look, Look::Categories(_)));
    let all = |side: usize, value: f32| {
        picture.values[side]
            .iter()
            .all(|it| (it - value).abs() < 0.5)
    };
    assert!(all(0, 1.0) && all(1, 2.0));
    assert_eq!(picture.name(), "best");
    // The map is saved for another program, with its record.
    let folder = stage.state().scores.clone().unwrap().join("maps/best");
    stage.ask(Action::ExportMap(".func.gii"));
    stage.until("the map is there", |_| {
        folder.join("lh.best.func.gii").is_file() && folder.join("maps.json").is_file()
    });
    // Another of the maps.
    let mut settings = stage.state().brain.clone();
    settings.take_map(Some(DerivedKind::Best), Some("margin".into()), true);
    let view = crate::gui::actions::ViewAction::Brain(Box::new(settings));
    stage.ask(Action::View(view));
    drawn(&mut stage);
    stage.must_have(
        Role::Image,
        "Colours: r of the best fit minus that of the second",
    );
    let picture = stage.info().brain.picture.ready().unwrap();
    assert!((picture.values[0][5] - 0.3).abs() < 1e-6);
}

#[test]
fn what_a_map_needs_is_said() {
    let (mut stage, [_, other]) = stage();
    choose(&mut stage, DerivedKind::Difference);
    stage.must_see("Choose the scores to compare with.");
    stage.ask(Action::Use(PathPurpose::OtherScores, other));
    stage.until("it is told", |window| {
        let failure = window.info.brain.derived.failure();
        failure.is_some_and(|sentence| !sentence.contains("Choose"))
    });
    choose(&mut stage, DerivedKind::Delay);
    stage.until("it is told", |window| {
        let failure = window.info.brain.derived.failure();
        failure.is_some_and(|sentence| sentence.contains("weights"))
    });
    stage.must_see("were not kept");
    // Back to a column of the scores.
    let mut settings = stage.state().brain.clone();
    settings.take_map(None, None, false);
    let view = crate::gui::actions::ViewAction::Brain(Box::new(settings));
    stage.ask(Action::View(view));
    drawn(&mut stage);
    stage.must_have(Role::Image, "Colours: r");
}

#[test]
fn a_folder_of_maps_is_opened_like_scores() {
    let (mut stage, [first, _]) = stage();
    let folders = folders_of_fits(first.parent().unwrap()).unwrap();
    let models: Vec<FittedModel> = folders
        .iter()
        .map(|folder| FittedModel::read(folder).unwrap())
        .collect();
    let folder = stage.folder.path().join("made");
    let set = best(&models, &BestSettings::default()).unwrap();
    set.write(&folder).unwrap();
    stage.ask(Action::Use(PathPurpose::Scores, folder));
    drawn(&mut stage);
    stage.must_have(Role::Image, "Colours: best fit");
    let picture = stage.info().brain.picture.ready().unwrap();
    assert_eq!(picture.values[1].len(), 10_242);
    stage.go(Page::Scores);
    stage.must_see("maps that were made from fits");
}

#[test]
fn why_the_difference_of_compared_scores_is_not_tested_is_said() {
    let mut stage = Stage::new();
    let scores = super::fit::two_fits(stage.folder.path());
    let others = scores.with_file_name("encoder.1");
    stage.go(Page::Scores);
    stage.ask(Action::Use(PathPurpose::Scores, scores));
    stage.ask(Action::Use(PathPurpose::OtherScores, others));
    stage.until("the scores are read", |window| {
        window.info.fit.scores.ready().is_some()
    });
    stage.click(Role::RadioButton, "Compare");
    stage.until(
        "the difference is tested, or it is said why not",
        |window| {
            let derived = &window.info.brain.derived;
            derived.ready().is_some() || derived.failure().is_some()
        },
    );
    stage.must_see("The difference is not tested.");
}
