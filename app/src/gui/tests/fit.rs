//! Fit and Scores: the form, its empty states and refusals, and every view of real scores.

use std::path::{Path, PathBuf};

use eframe::egui::accesskit::Role;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use heschl_core::files::formats::npz_arrays::{MemoryOrder, header};
use heschl_core::fmri::delay::DelayBorders;
use heschl_core::run::recipe::{EncodeFile, Preset};

use super::Stage;
use crate::gui::actions::{Action, PathPurpose, StudyAction};
use crate::gui::jobs::data::Task;
use crate::gui::rail::{StepStatus, step};
use crate::gui::state::Page;

const N_SCANS: usize = 40;
const N_VOXELS: usize = 300;

/// Responses of three stories, as a folder of arrays.
pub(super) fn responses(folder: &Path) -> PathBuf {
    let folder = folder.join("responses");
    std::fs::create_dir_all(&folder).unwrap();
    for (number, story) in ["alpha", "beta", "gamma"].into_iter().enumerate() {
        let mut bytes = header("<f4", MemoryOrder::C, &[N_SCANS, N_VOXELS]);
        let value = |index: usize| ((index * 7919 + number * 31) % 2003) as f32 / 1001.0 - 1.0;
        bytes.extend((0..N_SCANS * N_VOXELS).flat_map(|index| value(index).to_le_bytes()));
        std::fs::write(folder.join(format!("{story}.npy")), bytes).unwrap();
    }
    folder
}

/// A study that is ready to be fitted but for its test.
fn stage() -> (tempfile::TempDir, Stage) {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::with_recordings(&super::recordings(folder.path()));
    fill_in(&mut stage);
    (folder, stage)
}

/// The recipe as a job would have it.
fn recipe(stage: &Stage) -> heschl_core::run::recipe::EncodeRecipe {
    let window = stage.harness.state();
    crate::gui::fit_actions::fit_recipe(&window.state, &window.info).unwrap()
}

/// Fills in the form of an open study.
pub(super) fn fill_in(stage: &mut Stage) {
    let features = features(&stage.folder.path().join("f"));
    let responses = responses(stage.folder.path());
    stage.ask(Action::Use(PathPurpose::FitFeatures, features));
    stage.ask(Action::Use(PathPurpose::Responses, responses));
    stage.until("responses and layers are known", |window| {
        let fit = &window.info.fit;
        fit.responses.ready().is_some() && fit.layers.ready().is_some()
    });
}

/// Features of all three stories.
fn features(folder: &Path) -> PathBuf {
    let model = super::features::features(folder, 0.0);
    for layer in ["", "encoder.0", "encoder.1", "encoder.2"] {
        for story in ["beta", "gamma"] {
            let layer = model.join(layer);
            std::fs::copy(layer.join("alpha.npz"), layer.join(format!("{story}.npz"))).unwrap();
        }
    }
    for story in ["beta", "gamma"] {
        let times = model.join(format!("{story}_times.npz"));
        std::fs::copy(model.join("alpha_times.npz"), times).unwrap();
    }
    model
}

/// Two fits in one folder; the first one's scores.
pub(super) fn two_fits(folder: &Path) -> PathBuf {
    scores(folder, "encoder.1", 2);
    scores(folder, "encoder.0", 1)
}

#[test]
fn without_a_study_each_page_says_what_to_do() {
    let mut stage = Stage::new();
    stage.go(Page::Fit);
    stage.must_see("There is no study open.");
    stage.press("Go to Home");
    assert_eq!(stage.state().page(), Page::Home);
    stage.go(Page::Scores);
    stage.must_see("Choose a folder of scores, or fit a model first");
    stage.press("Go to Fit");
    assert_eq!(stage.state().page(), Page::Fit);
}

#[test]
fn the_form_leads_to_a_recipe_and_a_job() {
    let (_folder, mut stage) = stage();
    stage.must_see("3 stories · 120 scans · 300 voxels. Training 3, test 0, excluded 0.");
    stage.must_see("Choose a test story. The others are used for training.");
    assert!(stage.is_greyed("Fit"));
    assert_eq!(
        stage.study().fit.layer.as_deref(),
        Some("encoder.1"),
        "not the middle one"
    );
    stage.click(Role::RadioButton, "Test on gamma");
    stage.click(Role::RadioButton, "Fit layer 1");
    stage.click(Role::RadioButton, "LeBel et al. 2023");
    stage.click(Role::CheckBox, "Delays within stories");
    let recipe = recipe(&stage);
    assert_eq!(recipe.stories.test, ["gamma"]);
    assert_eq!(recipe.features[0].layer.as_deref(), Some("encoder.1"));
    assert_eq!(recipe.ridge.alphas, Preset::DeepFmri.ridge().alphas);
    assert!(
        recipe
            .output
            .folder
            .ends_with("scores/whisper-tiny.en-encoder.1")
    );
    // The forecast fails here, where the program is no program; the sentence stands where the button is.
    stage.until("the forecast has ended", |window| {
        !matches!(
            window.info.fit.forecast,
            crate::gui::loading::Loading::Waiting
        )
    });
    // What is changed within a moment is one step.
    stage.ask(Action::Undo);
    assert_eq!(
        stage.study().fit.design.delay_borders,
        DelayBorders::AcrossStories
    );
}

#[test]
fn a_wider_range_of_penalties_is_tried_where_it_makes_sense() {
    let (_folder, mut stage) = stage();
    stage.click(Role::RadioButton, "Test on gamma");
    stage.click(Role::RadioButton, "LeBel et al. 2023");
    stage.must_see("10 α from 10 to 1,000");
    stage.write("Largest α", "100000");
    stage.write("Number of α", "21");
    let wider = stage.state().fit_recipe().unwrap().ridge.alphas.values();
    assert_eq!(wider.len(), 21);
    assert!((wider[0] / 10.0 - 1.0).abs() < 1e-12 && (wider[20] / 1e5 - 1.0).abs() < 1e-12);
    stage.write("Largest α", "1");
    stage.must_see("The largest α must be larger than the smallest one.");
    stage.press("Reset largest α to 1,000");
    stage.press("Reset number of α to 10");
    let fit = &stage.study().fit;
    assert_eq!(fit.ridge.alphas, fit.preset.ridge().alphas);
}

#[test]
fn a_job_of_a_fit_is_added_with_its_recipe() {
    let (_folder, mut stage) = stage();
    stage.click(Role::RadioButton, "Test on beta");
    // 40 scans are fewer than the test's trim.
    stage.until("the lengths are known", |window| {
        let known = window.info.fit.lengths.ready();
        known.is_some_and(|known| known.iter().any(|story| story.problem.is_some()))
    });
    assert!(stage.is_greyed("Fit"));
    stage.press("Trim as in training stories");
    stage.until("the forecast has ended", |window| {
        let known = window.info.fit.lengths.ready();
        let is_good = known.is_some_and(|known| known.iter().all(|story| story.problem.is_none()));
        is_good
            && matches!(
                window.info.fit.forecast,
                crate::gui::loading::Loading::Failed(_)
            )
    });
    stage.harness.state_mut().info.fit.forecast = crate::gui::loading::Loading::Nothing;
    stage.ask(Action::Fit(crate::gui::fitting::FitAs::Job));
    stage.until("the job is there", |window| {
        !window.info.queue.jobs.is_empty()
    });
    // The same with every layer: a job each, with scores of its own.
    stage.ask(Action::Fit(crate::gui::fitting::FitAs::JobsOfLayers));
    let n_layers = stage.info().fit.layers.ready().unwrap().layers.len();
    assert!(n_layers > 1);
    stage.until("the jobs of all layers are there", |window| {
        window.info.queue.jobs.len() == 1 + n_layers
    });
    let folders: std::collections::BTreeSet<_> = stage.info().queue.jobs[1..]
        .iter()
        .filter_map(|job| match &job.task {
            Task::Encode { scores, .. } => scores.file_name(),
            _ => None,
        })
        .collect();
    assert_eq!(folders.len(), n_layers, "{folders:?}");
    // What was chosen stays: the middle one.
    assert_eq!(stage.study().fit.layer.as_deref(), Some("encoder.1"));
    let job = &stage.info().queue.jobs[0];
    assert!(
        job.title.starts_with("Fit whisper-tiny.en"),
        "{}",
        job.title
    );
    assert!(
        matches!(&job.task, Task::Encode { scores, .. } if scores.ends_with("scores/whisper-tiny.en-encoder.1"))
    );
    assert!(job.recipe.as_ref().unwrap().contains("[encode"));
}

#[test]
fn a_story_is_left_out_and_one_without_features_is_by_itself() {
    let (_folder, mut stage) = stage();
    stage.click(Role::RadioButton, "Test on gamma");
    stage.click(Role::RadioButton, "Leave out beta");
    stage.must_see("Training 1, test 1, excluded 1.");
    let stories = recipe(&stage).stories;
    assert_eq!(
        (stories.train, stories.test),
        (vec!["alpha".into()], vec!["gamma".into()])
    );
    stage.click(Role::RadioButton, "Train with beta");
    assert!(
        recipe(&stage).stories.train.is_empty(),
        "all that are not tested"
    );
    // Features go, and the window notices.
    let features = stage.study().fit.features.clone().unwrap();
    for layer in ["", "encoder.0", "encoder.1", "encoder.2"] {
        std::fs::remove_file(features.join(layer).join("beta.npz")).unwrap();
    }
    stage.until("it is noticed", |window| {
        let known = window.info.fit.layers.ready();
        known.is_some_and(|known| !known.stories.contains("beta"))
    });
    stage.must_see("Excluded because they have no features: beta.");
    assert_eq!(recipe(&stage).stories.train, ["alpha"]);
}

#[test]
fn responses_that_come_later_are_noticed() {
    let (_folder, mut stage) = stage();
    let folder = stage.study().fit.responses.clone().unwrap();
    std::fs::copy(folder.join("beta.npy"), folder.join("delta.npy")).unwrap();
    stage.until("it is noticed", |window| {
        let known = window.info.fit.responses.ready();
        known.is_some_and(|known| known.len() == 4)
    });
    let gone = folder.with_file_name("later");
    stage.ask(Action::Use(PathPurpose::Responses, gone.clone()));
    stage.until("there is nothing", |window| {
        window.info.fit.responses.failure().is_some()
    });
    std::fs::rename(&folder, &gone).unwrap();
    stage.until("there is something", |window| {
        window.info.fit.responses.ready().is_some()
    });
}

#[test]
fn short_stories_lead_to_a_fit_by_the_buttons_of_what_is_said() {
    use crate::gui::loading::Loading;
    let (_folder, mut stage) = stage();
    // 40 scans of each, as many as the sound has time for and more: nothing was trimmed.
    stage.until("the lengths are known", |window| {
        let known = window.info.fit.lengths.ready();
        known.is_some_and(|known| known.len() == 3)
    });
    stage.must_see("they do not seem to be trimmed");
    stage.press("Test on alpha");
    stage.until("the test is too short for its trim", |window| {
        let known = window.info.fit.lengths.ready();
        known.is_some_and(|known| known.iter().any(|story| story.problem.is_some()))
    });
    stage.must_see("of which the trim of");
    stage.press("Trim as in training stories");
    stage.until("that fits", |window| {
        let known = window.info.fit.lengths.ready();
        known.is_some_and(|known| known.iter().all(|story| story.problem.is_none()))
    });
    // Two stories of 40 scans, of which a quarter is one chunk of 20: enough.
    stage.write("Chunks of", "60");
    stage.must_see("80 training scans are too few to hold out chunks of 60 scans.");
    stage.press_containing(Role::Button, "Hold out a quarter, in chunks of");
    let held_out = stage.study().fit.held_out().unwrap();
    held_out.check(80).unwrap();
    assert_eq!(recipe(&stage).ridge.cross_validation, held_out.method());
    stage.until("nothing but the forecast is in the way", |window| {
        crate::gui::pages::why_not_fit(&window.state, &window.info).is_none()
            || matches!(window.info.fit.forecast, Loading::Failed(_))
    });
}

#[test]
fn what_fits_left_and_their_recipes_open() {
    let mut stage = Stage::new();
    let scores = two_fits(stage.folder.path());
    stage.ask(Action::Drop(vec![scores.clone()]));
    stage.until("the scores are looked at", |window| {
        window.info.fit.scores.ready().is_some()
    });
    assert_eq!(
        (stage.state().page(), stage.state().scores.as_ref()),
        (Page::Scores, Some(&scores))
    );
    // Without a study, one is made of the recipe.
    stage.ask(Action::Drop(vec![scores.join("recipe.toml")]));
    stage.until("a study is made", |window| window.state.open.is_some());
    let fit = &stage.study().fit;
    assert_eq!(
        (fit.test.as_slice(), fit.preset),
        (["gamma".to_owned()].as_slice(), Preset::ScalingLaws2023)
    );
    stage.must_see("Fit settings loaded from the recipe.");
    // Every setting is there, and those that differ from the preset are told.
    let written = EncodeFile::read(&scores.join("recipe.toml"))
        .unwrap()
        .encode;
    let again = stage.state().fit_recipe().unwrap();
    assert_eq!(again.scores, written.scores);
    assert_eq!(again.ridge, written.ridge);
    assert_eq!(again.design, written.design);
    assert_eq!(again.features, written.features);
    assert_eq!(again.stories, written.stories);
    stage.must_see("from the preset.");
    stage.click(Role::Link, "Use the preset's settings");
    let fit = &stage.study().fit;
    assert_eq!(fit.scores, fit.preset.scores());
}

#[test]
fn controls_keep_their_identity_while_something_is_worked_out_above_them() {
    let (_folder, mut stage) = stage();
    let id = |stage: &Stage, role, label: &str| {
        let node = stage.harness.get_by_role_and_label(role, label);
        node.accesskit_node().id()
    };
    stage.go(Page::Align);
    stage.until("the story lies on its clock", |window| {
        window.info.fit.alignment.ready().is_some()
    });
    let before = id(&stage, Role::RadioButton, "TR reports");
    stage.harness.state_mut().info.fit.alignment = crate::gui::loading::Loading::Waiting;
    stage.harness.run_steps(1);
    assert_eq!(id(&stage, Role::RadioButton, "TR reports"), before);
    stage.go(Page::Fit);
    let before = id(&stage, Role::Button, "Save recipe");
    stage.click(Role::RadioButton, "Test on gamma");
    stage.harness.state_mut().info.fit.forecast = crate::gui::loading::Loading::Nothing;
    stage.harness.run_steps(1);
    assert_eq!(id(&stage, Role::Button, "Save recipe"), before);
}

#[test]
fn what_is_wrong_is_said_where_it_is() {
    let (_folder, mut stage) = stage();
    stage.click(Role::RadioButton, "Test on gamma");
    stage.press("Show on Align");
    stage.click(Role::RadioButton, "TR reports");
    stage.must_see("Choose a folder of scan times, or switch to regular intervals.");
    stage.go(Page::Fit);
    stage.must_see("Choose a folder of scan times on Align");
    stage.go(Page::Align);
    stage.click(Role::RadioButton, "Regular intervals");
    stage.write("TR", "0");
    stage.must_see("The repetition time (TR) is 0 s; it must be from 0.05 to 100 s.");
    stage.go(Page::Fit);
    stage.must_see("The repetition time (TR) is 0 s; it must be from 0.05 to 100 s.");
    let nothing = stage.folder.path().join("nothing");
    stage.ask(Action::Use(PathPurpose::Responses, nothing));
    stage.until("it was looked for", |window| {
        window.info.fit.responses.failure().is_some()
    });
    stage.must_see("There are no responses here. Look at the path.");
}

/// Scores as a fit leaves them, made by the fit itself.
fn scores(folder: &Path, name: &str, seed: u64) -> PathBuf {
    use heschl_core::run::pipeline::{EncodeSummary, Encoding, Existing, encode};
    let features = folder.join("features");
    let mut brain = super::fit_study::Study::new(&features, seed);
    let recipe = super::fit_study::recipe(&features, &folder.join("fits").join(name));
    let cancel = heschl_core::run::progress::CancelToken::default();
    let work = Encoding {
        recipe: &recipe,
        responses: &std::mem::take(&mut brain.responses),
        groups: None,
        share: heschl_core::run::encoding::VoxelShare::WHOLE,
        existing: Existing::Keep,
        heschl: "test",
        cancel: &cancel,
    };
    assert!(matches!(
        encode(&work, &mut |_| ()).unwrap(),
        EncodeSummary::Finished(_)
    ));
    recipe.output.folder
}

#[test]
fn every_view_of_scores_is_drawn() {
    let mut stage = Stage::new();
    let folder = stage.folder.path().to_path_buf();
    let first = two_fits(&folder);
    let second = first.with_file_name("encoder.1");
    stage.ask(Action::Use(PathPurpose::Scores, first));
    stage.until("the scores are read", |window| {
        window.info.fit.scores.ready().is_some()
    });
    stage.must_see("mean r 0.");
    stage.must_see("95 %: ");
    stage.must_see("significant");
    stage.must_see("best fit in this folder");
    // By chance alone the correlations centre on 0, and lie below the threshold almost all.
    let null = stage.info().fit.scores.ready().unwrap().null.r.clone();
    let mean = null.iter().sum::<f64>() / null.len() as f64;
    assert!(
        null.len() > 500 && mean.abs() < 0.1,
        "{} {mean}",
        null.len()
    );
    for (view, expected) in [
        ("Scores", "Voxels by r"),
        ("Choice of α", "Voxels by α"),
        ("Profile", "Profile over layers"),
        ("Voxels", "Measured and predicted time course"),
    ] {
        stage.click(Role::RadioButton, view);
        stage.must_have(Role::Canvas, expected);
    }
    assert_eq!(stage.info().fit.scores.ready().unwrap().profile.len(), 2);
    // Any voxel by its number: this fit saved no predictions, and the page says what to do.
    stage.click(Role::RadioButton, "Voxels");
    stage.write("Voxel", "99");
    stage.must_see("The voxels are numbered from 0 to 59.");
    let other = {
        let scores = stage.info().fit.scores.ready().unwrap();
        let kept = &scores.series.as_ref().unwrap().voxels;
        (0..60).find(|voxel| !kept.contains(voxel)).unwrap()
    };
    stage.write("Voxel", &other.to_string());
    stage.must_see(&format!("Voxel {other}: r 0."));
    stage.until("it was looked for", |window| {
        let time_course = window.info.fit.time_course.ready();
        time_course.is_some_and(|time_course| time_course.series.is_err())
    });
    stage.must_see("Turn on \"Save predictions\" under Fit");
    stage.click(Role::RadioButton, "Sanity checks");
    stage.must_see("Shuffled responses are not predicted: passed");
    stage.must_see("An injected signal is recovered: passed");
    stage.click(Role::RadioButton, "Compare");
    stage.must_see("Choose the scores of another model or layer");
    stage.click(Role::RadioButton, "Compare with encoder.1");
    assert_eq!(stage.state().other_scores, Some(second));
    stage.until("the others are read", |window| {
        window.info.fit.others.ready().is_some()
    });
    stage.must_see("of voxels are predicted better by the other model");
    stage.must_have(Role::Canvas, "Voxels of two models");
    // A click on a point leads to its voxel.
    let canvases = stage.canvases();
    let drawn = |(label, _): &&(String, _)| label == "Voxels of two models";
    let middle = canvases.iter().find(drawn).unwrap().1.center();
    for is_down in [true, false] {
        stage.harness.hover_at(middle);
        stage.harness.event(eframe::egui::Event::PointerButton {
            pos: middle,
            button: eframe::egui::PointerButton::Primary,
            pressed: is_down,
            modifiers: eframe::egui::Modifiers::NONE,
        });
        stage.harness.run_steps(2);
    }
    stage.must_see(&format!("Voxel {}: r 0.", stage.state().voxel));
    let empty = stage.folder.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    stage.ask(Action::Use(PathPurpose::Scores, empty));
    stage.until("it was looked for", |window| {
        window.info.fit.scores.failure().is_some()
    });
    stage.must_see("No scores yet.");
}

#[test]
fn a_study_that_is_opened_again_shows_what_it_has() {
    let (_folder, mut stage) = stage();
    let study = stage.state().open.as_ref().unwrap().folder.clone();
    let marks = |stage: &Stage| {
        [Page::Extract, Page::Features, Page::Fit, Page::Scores]
            .map(|page| step(stage.state(), stage.info(), page).unwrap())
    };
    let reopen = |stage: &mut Stage| {
        stage.ask(Action::Study(StudyAction::Close));
        stage.ask(Action::Study(StudyAction::Open(study.clone())));
        stage.until("it is open, and its stories are known", |window| {
            window.state.open.is_some()
                && !window.info.stories().is_empty()
                && window.work_is_quiet()
        });
    };
    // Of three recordings one is wanted; the features are the study's own.
    let mut wanted = stage.study().clone();
    wanted.left_out = ["beta", "gamma"].map(String::from).into();
    wanted.fit.features = None;
    wanted.fit.layer = Some("final".into());
    wanted.fit.test = vec!["gamma".into()];
    stage.ask(Action::Study(StudyAction::Edit(Box::new(wanted.clone()))));
    reopen(&mut stage);
    assert_eq!(stage.state().page(), Page::Extract);
    let [_, features, _, scores] = marks(&stage);
    assert_eq!((features, scores), (StepStatus::Empty, StepStatus::Empty));

    let own = super::features::features(&study, 0.0);
    reopen(&mut stage);
    assert_eq!(stage.state().page(), Page::Features);
    assert_eq!(stage.state().selection.as_ref().unwrap().folder, own);
    let expected = [
        StepStatus::Done,
        StepStatus::Done,
        StepStatus::Ready,
        StepStatus::Empty,
    ];
    assert_eq!(marks(&stage), expected);

    let made = two_fits(stage.folder.path());
    let kept = stage.state().fit_recipe().unwrap().output.folder;
    std::fs::create_dir_all(kept.parent().unwrap()).unwrap();
    std::fs::rename(made, &kept).unwrap();
    reopen(&mut stage);
    assert_eq!(stage.state().page(), Page::Scores);
    assert_eq!(stage.state().scores.as_ref(), Some(&kept));
    assert_eq!(marks(&stage), [StepStatus::Done; 4]);
    stage.until("the scores are read", |window| {
        window.info.fit.scores.ready().is_some()
    });
    stage.must_see("of 60 voxels");

    // With another story, or other settings, there is something to do again.
    wanted.left_out.remove("beta");
    wanted.fit.layer = Some("encoder.1".into());
    stage.ask(Action::Study(StudyAction::Edit(Box::new(wanted))));
    let [extract, _, fit, _] = marks(&stage);
    assert!(
        extract != StepStatus::Done && fit == StepStatus::Ready,
        "{extract:?} {fit:?}"
    );
}
