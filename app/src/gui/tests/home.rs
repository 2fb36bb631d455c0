//! Home, the command palette, settings and help.

use eframe::egui::accesskit::Role;
use eframe::egui::{Event, Key, Modifiers};

use egui_kittest::kittest::Queryable as _;

use super::{Stage, recordings};
use crate::gui::actions::{Action, StudyAction};
use crate::gui::jobs::data::Task;
use crate::gui::manual::Topic;
use crate::gui::shortcuts::PAGE_KEYS;
use crate::gui::state::{Motion, Page, ThemeChoice};

#[test]
fn home_says_what_to_do_first() {
    let mut stage = Stage::new();
    assert_eq!(stage.state().page(), Page::Home);
    for label in ["Try the sample", "New study", "Open study"] {
        assert!(!stage.is_greyed(label), "{label}");
    }
    stage.must_see("None yet. Drop a folder of recordings anywhere");
    stage.press("New study");
    stage.write("Name of the study", " ");
    assert!(stage.is_greyed("Create"));
    // Enter creates it.
    stage.write("Name of the study", "Summer");
    stage.until("the study is made", |window| window.state.open.is_some());
    let folder = stage.folder.path().join("home/Heschl/Summer");
    assert!(folder.join("study.toml").is_file());
    assert_eq!(stage.state().page(), Page::Stimuli);
    stage.go(Page::Home);
    stage.must_see("Open now:");
    stage.click(Role::Link, "Close it");
    assert!(stage.state().open.is_none());
    stage.press("Open Summer");
    stage.until("it is open again", |window| window.state.open.is_some());
    stage.ask(Action::Study(StudyAction::Close));
    stage.press("Remove Summer from the list");
    assert!(!stage.sees("Open Summer"));
}

#[test]
fn a_study_that_cannot_be_made_or_opened_is_told_in_a_sentence() {
    let mut stage = Stage::new();
    let home = stage.folder.path().join("home/Heschl");
    std::fs::create_dir_all(home.join("Summer")).unwrap();
    std::fs::write(home.join("Summer/study.toml"), "version = 1\n[").unwrap();
    stage.ask(Action::Study(StudyAction::Open(home.join("Summer"))));
    stage.until("it is told", |window| !window.info.log.is_empty());
    stage.must_see("The study's file is invalid");
    stage.ask(Action::Study(StudyAction::Open(home.join("Winter"))));
    stage.until("it is told", |window| window.info.log.len() == 2);
    stage.must_see("The study was not found");
    stage.ask(Action::Study(StudyAction::New {
        parent: home,
        name: "Summer".into(),
    }));
    stage.until("it is told", |window| window.info.log.len() == 3);
    assert!(stage.state().open.is_none());
}

#[test]
fn the_whole_sample_is_a_study_that_can_be_fitted_and_one_job() {
    let mut stage = Stage::new();
    stage.press("Try a whole study");
    stage.until("its job is there", |window| {
        window.info.queue.jobs.len() == 1
    });
    let folder = stage.folder.path().join("home/Heschl/Sample brain");
    assert_eq!(stage.state().page(), Page::Jobs);
    let scores = folder.join("scores/whisper-tiny.en-final");
    assert_eq!(
        stage.info().queue.jobs[0].task,
        Task::Sample {
            study: folder.clone(),
            scores: scores.clone()
        }
    );
    let recipe = stage.state().fit_recipe().unwrap();
    assert_eq!(recipe.output.folder, scores);
    assert_eq!(recipe.responses.repeats["river"].len(), 5);
    assert!(
        recipe.features[0]
            .folder
            .ends_with("features_cnk0.5_ctx8.0/whisper-tiny.en")
    );
    stage.go(Page::Stimuli);
    stage.until("its stories are known", |window| {
        let stories = window.info.stories();
        stories.len() == 4
            && stories
                .iter()
                .all(|story| matches!(&story.header, Some(Ok(_))))
    });
}

#[test]
fn the_sample_is_set_up_without_a_question() {
    let mut stage = Stage::new();
    stage.press("Try the sample");
    stage.until("its story is known", |window| {
        window
            .info
            .stories()
            .iter()
            .any(|story| matches!(&story.header, Some(Ok(_))))
    });
    assert_eq!(stage.info().stories()[0].story, "austen");
    let recording = stage
        .folder
        .path()
        .join("home/Heschl/Sample study/stories/austen.wav");
    assert_eq!(std::fs::read(recording).unwrap(), crate::RECORDING);
}

#[test]
fn whatever_is_dropped_is_taken_for_what_it_is() {
    let mut stage = Stage::new();
    let folder = recordings(stage.folder.path());
    stage.ask(Action::Drop(vec![folder.join("beta.wav")]));
    stage.until("a study is made of it", |window| {
        window.info.stories().len() == 3
    });
    assert_eq!(stage.study().stimuli.as_ref(), Some(&folder));
    assert_eq!(stage.state().story.as_deref(), Some("beta"));
    let nothing = stage.folder.path().join("notes.txt");
    std::fs::write(&nothing, "nothing").unwrap();
    let n_reported = stage.info().log.len();
    stage.ask(Action::Drop(vec![nothing]));
    stage.until("it is told", |window| window.info.log.len() > n_reported);
    stage.must_see("notes.txt");
}

#[test]
fn the_palette_finds_every_command_by_its_words() {
    let mut stage = Stage::new();
    stage
        .harness
        .key_press_modifiers(Modifiers::COMMAND | Modifiers::SHIFT, Key::P);
    stage.settle();
    stage.must_see("Go to Home");
    stage
        .harness
        .get_by_role_and_label(Role::TextInput, "Command")
        .type_text("theme dark");
    stage.settle();
    stage.must_see("Dark theme");
    assert!(!stage.sees("Light theme"));
    stage.harness.key_press(Key::Enter);
    stage.settle();
    assert_eq!(stage.state().preferences.settings.theme, ThemeChoice::Dark);
    assert!(!stage.sees("Dark theme"), "the palette is still there");
}

/// What a slow machine's one frame brings of a fast typist.
#[test]
fn the_palette_loses_nothing_that_is_typed_before_it_is_there() {
    let press = |modifiers, key| Event::Key {
        key,
        physical_key: None,
        pressed: true,
        repeat: false,
        modifiers,
    };
    // All in one frame; and the rest in the frame in which the field is drawn for the first time.
    for rest_comes_late in [false, true] {
        let mut stage = Stage::new();
        let first = [
            press(Modifiers::COMMAND | Modifiers::SHIFT, Key::P),
            // It must not lead to a page.
            press(Modifiers::NONE, Key::Num8),
            Event::Text("theme ".into()),
        ];
        let rest = [
            Event::Text("dark".into()),
            press(Modifiers::NONE, Key::Enter),
        ];
        for event in first {
            stage.harness.event(event);
        }
        if rest_comes_late {
            stage.harness.step();
        }
        for event in rest {
            stage.harness.event(event);
        }
        stage.settle();
        stage.settle();
        assert_eq!(
            stage.state().preferences.settings.theme,
            ThemeChoice::Dark,
            "{rest_comes_late}"
        );
        assert_eq!(stage.state().page(), Page::Home);
        assert!(!stage.sees("Command"), "the palette is still there");
    }
}

#[test]
fn shortcuts_lead_to_pages_and_bare_digits_do_not() {
    let mut stage = Stage::new();
    for (page, key) in Page::ALL.into_iter().zip(PAGE_KEYS) {
        stage.go(if page == Page::Home {
            Page::Help
        } else {
            Page::Home
        });
        let before = stage.state().page();
        stage.harness.key_press(key);
        stage.settle();
        assert_eq!(
            stage.state().page(),
            before,
            "a digit alone leads to a page"
        );
        stage.harness.key_press_modifiers(Modifiers::COMMAND, key);
        stage.settle();
        assert_eq!(stage.state().page(), page);
    }
    stage.harness.key_press(Key::F1);
    stage.settle();
    stage.must_see("First steps");
}

#[test]
fn settings_take_hold_at_once_and_can_be_undone() {
    let mut stage = Stage::new();
    stage.go(Page::Settings);
    stage.click(Role::RadioButton, "Dark");
    assert!(stage.harness.ctx.global_style().visuals.dark_mode);
    stage.click(Role::RadioButton, "Light");
    assert!(!stage.harness.ctx.global_style().visuals.dark_mode);
    stage.click(Role::RadioButton, "None");
    stage.click(Role::RadioButton, "125 %");
    assert!((stage.harness.ctx.zoom_factor() - 1.25).abs() < 1e-6);
    assert_eq!(stage.state().preferences.settings.motion, Motion::Reduced);
    stage
        .harness
        .key_press_modifiers(Modifiers::COMMAND, Key::Z);
    stage.settle();
    assert!((stage.harness.ctx.zoom_factor() - 1.0).abs() < 1e-6);
    stage
        .harness
        .key_press_modifiers(Modifiers::COMMAND | Modifiers::SHIFT, Key::Z);
    stage.settle();
    assert!((stage.harness.ctx.zoom_factor() - 1.25).abs() < 1e-6);
    stage
        .harness
        .key_press_modifiers(Modifiers::COMMAND, Key::Z);
    stage.settle();
    stage.press("Redo");
    assert!((stage.harness.ctx.zoom_factor() - 1.25).abs() < 1e-6);
    stage.press("Reset all settings");
    assert_eq!(
        stage.state().preferences.settings,
        crate::gui::state::Settings::default()
    );
    let runtime = stage.folder.path().join("nothing.so");
    stage.write("Library file", &runtime.display().to_string());
    stage.until("the library is looked for", |window| {
        window.info.machine.as_ref().is_some_and(|machine| matches!(&machine.runtime, Some(Err(sentence)) if sentence.contains("nothing.so")))
    });
    stage.must_see("nothing.so");
}

#[test]
fn the_manual_has_every_page_and_finds_words() {
    let mut stage = Stage::new();
    stage.go(Page::Help);
    for topic in Topic::ALL {
        stage.click(Role::Tab, topic.title());
        assert!(
            topic.text().len() > 300,
            "{} is hardly a page",
            topic.title()
        );
        assert!(
            topic.text().starts_with(&format!("# {}\n", topic.title())),
            "{}",
            topic.title()
        );
    }
    stage.write("Search the manual", "lanczos scanner");
    stage.must_see(Topic::Numbers.title());
    assert!(!stage.sees(Topic::Keyboard.title()));
    stage.write("Search the manual", "zebra crossings");
    stage.must_see("No matches.");
    stage.press("Copy this page");
    stage.must_see("Page copied.");
}

#[test]
fn a_link_is_opened_by_the_window_itself() {
    use eframe::egui::{OpenUrl, OutputCommand};
    let mut stage = Stage::new();
    let ctx = stage.harness.ctx.clone();
    // One that is refused: no browser is opened by a test.
    ctx.output_mut(|output| {
        let link = OpenUrl::same_tab("file:///etc/passwd");
        output.commands.push(OutputCommand::OpenUrl(link));
    });
    stage.harness.state_mut().open_links(&ctx);
    let is_left = ctx.output(|output| output.commands.len());
    assert_eq!(is_left, 0, "the link is left to others, who open none");
    stage.until("it is told", |window| !window.info.log.is_empty());
    stage.must_see("Only web links are opened.");
}

#[test]
fn the_log_keeps_every_note() {
    let mut stage = Stage::new();
    stage.press("Show the log");
    stage.must_see("Nothing yet.");
    stage.ask(Action::Copy {
        text: "x".into(),
        what: "This",
    });
    stage.press("Copy the log");
    assert!(
        stage
            .info()
            .log
            .iter()
            .any(|line| line.text == "Log copied.")
    );
    stage.press("Clear the log");
    stage.must_see("Nothing yet.");
    stage.press("Hide the log");
    assert!(!stage.sees("Nothing yet."));
}

#[test]
fn a_report_for_support_is_saved() {
    let mut stage = Stage::new();
    stage.ask(Action::Go(Page::Help));
    stage.press("Save a report for support");
    stage.until("the report is written", |window| {
        window.studies_folder().join("heschl-report.txt").is_file()
    });
    let folder = stage.harness.state().studies_folder();
    let text = std::fs::read_to_string(folder.join("heschl-report.txt")).unwrap();
    assert!(
        text.starts_with("Heschl ") && text.contains("No job was run."),
        "{text}"
    );
}
