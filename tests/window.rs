//! The real window, from a new user's first click to scores.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use heschl_core::display::library::FeatureLibrary;

use crate::common::data;
use crate::common::desktop::{JOB_PATIENCE, Screen, User, Window, has_screen};

/// Five recordings of a laboratory's own, two of which cannot be read, with words beside them and responses that nobody trimmed.
/// `data/own/make.py` makes them; the one of 44.1 kHz in stereo would be large, and is made here.
fn own_files(folder: &Path) -> (PathBuf, PathBuf) {
    let data = data("own");
    let (stories, responses) = (folder.join("my stories"), folder.join("responses"));
    for (from, to) in [
        ("stories", &stories),
        ("grids", &stories),
        ("responses", &responses),
    ] {
        std::fs::create_dir_all(to).unwrap();
        for entry in std::fs::read_dir(data.join(from)).unwrap() {
            let path = entry.unwrap().path();
            std::fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
        }
    }
    let bytes = std::fs::read(data.join("gamma_levels.npy")).unwrap();
    // 26 numbers of four bytes behind the header.
    let levels = bytes[bytes.len() - 26 * 4..].chunks_exact(4);
    let levels: Vec<f32> = levels
        .map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap()))
        .collect();
    std::fs::write(stories.join("gamma.wav"), stereo(&levels)).unwrap();
    (stories, responses)
}

/// A WAV file of 44.1 kHz in stereo, a tone whose level changes every two seconds.
fn stereo(levels: &[f32]) -> Vec<u8> {
    const RATE_HZ: u32 = 44_100;
    let n_frames = levels.len() as u32 * 2 * RATE_HZ;
    let mut file = b"RIFF".to_vec();
    file.extend((36 + n_frames * 4).to_le_bytes());
    file.extend(b"WAVEfmt \x10\0\0\0\x01\0\x02\0");
    file.extend(RATE_HZ.to_le_bytes());
    file.extend((RATE_HZ * 4).to_le_bytes());
    file.extend(b"\x04\0\x10\0data");
    file.extend((n_frames * 4).to_le_bytes());
    for frame in 0..n_frames {
        let secs = f64::from(frame) / f64::from(RATE_HZ);
        let level = f64::from(levels[(frame / (2 * RATE_HZ)) as usize]);
        let value = (level * (secs * 220.0 * std::f64::consts::TAU).sin() * 6000.0) as i16;
        (0..2).for_each(|_| file.extend(value.to_le_bytes()));
    }
    file
}

/// The program's file is gone once the window is open, which keeps nothing from running.
#[test]
fn from_the_sample_to_its_features_with_keyboard_and_mouse() {
    if !has_screen() {
        return;
    }
    let (user, screen) = (User::new(), Screen::new());
    let mut window = Window::of_a_program_that_goes(&user, &screen);
    window.command("try the sample");
    let study = user.study();
    window.until("the words have led to the sample", |_| {
        study.join("study.toml").is_file()
    });
    let times = study.join("features_cnk0.1_ctx16.0/whisper-tiny.en/austen_times.npz");
    window.until_within(JOB_PATIENCE, "the sample's features are there", |_| {
        times.is_file()
    });
    window.until("they are shown", |window| window.shows("Features"));
    let library =
        FeatureLibrary::open(&study.join("features_cnk0.1_ctx16.0/whisper-tiny.en")).unwrap();
    assert_eq!(
        (library.stories.as_slice(), library.layers.len()),
        (["austen".to_owned()].as_slice(), 6)
    );
    for layer in &library.layers {
        // 24.7 s give a row every 0.1 s.
        assert_eq!(library.features(layer, "austen").unwrap().dim(), (247, 384));
    }
    assert!(library.times("austen", 247).unwrap().is_some());
    window.go("Stimuli");
    screen.xdotool(&["key", "ctrl+5"]);
    window.until("the key has led to Features", |window| {
        window.shows("Features")
    });
    window.command("export figure png");
    let figure = library.folder().join("figures/austen-layer-2-heat-map.png");
    window.until("the figure is saved", |_| figure.is_file());
    assert!(window.close().success());
    let checked = user
        .command()
        .arg("check")
        .arg(library.folder())
        .output()
        .unwrap();
    assert!(
        checked.status.success(),
        "{}",
        String::from_utf8_lossy(&checked.stderr)
    );
}

/// A new user with files of their own, who follows what the window says and knows nothing of its manual.
#[test]
fn from_ones_own_recordings_to_scores_in_twenty_clicks() {
    if !has_screen() {
        return;
    }
    let (user, screen) = (User::new(), Screen::new());
    let (stories, responses) = own_files(user.folder.path());
    let study = user.folder.path().join("home/Heschl/my stories");
    let mut window = Window::open(&user, &screen);
    // A study is made of the folder of recordings.
    window.go("Stimuli");
    window.fill("Folder of recordings", &stories.display().to_string());
    window.until("a study is made of the folder", |_| {
        study.join("study.toml").is_file()
    });
    // Few windows, of those that can be read.
    window.go("Extract");
    window.press("Quick look");
    window.press("Run");
    let features = study.join("features_cnk1.0_ctx4.0/whisper-tiny.en");
    window.until_within(JOB_PATIENCE, "the features are there", |_| {
        ["alpha", "beta", "gamma"]
            .iter()
            .all(|story| features.join(format!("{story}_times.npz")).is_file())
    });
    window.go("Fit");
    window.fill("Responses", &responses.display().to_string());
    // What the window says is amiss has its button.
    let remedies = [
        "Test on gamma",
        "Trim as in training stories",
        "Hold out a quarter, in chunks of…",
        "Trim the responses like the features",
        "Fit",
    ];
    for pair in remedies.windows(2) {
        window.press_until_usable(pair[0], pair[1]);
    }
    window.press("Fit");
    let scores = study.join("scores/whisper-tiny.en-encoder.2/scores.npz");
    window.until_within(JOB_PATIENCE, "the scores are there", |_| scores.is_file());
    window.until("they are shown", |window| window.shows("Scores"));
    assert!(window.n_clicks <= 20, "{} clicks", window.n_clicks);
    assert!(window.close().success());
    let table = heschl_core::run::encoding::ScoreTable::read(&scores).unwrap();
    assert_eq!(table.voxels.len(), 24);
    assert!(
        table
            .mean(heschl_core::run::encoding::Column::R)
            .is_finite()
    );
    the_recipe_beside_scores_opens_and_repeats_them(&user, &screen, &scores);
}

/// Opened by itself, the recipe beside scores makes a study, whose fit gives the same scores, and no predictions once they are turned off.
fn the_recipe_beside_scores_opens_and_repeats_them(user: &User, screen: &Screen, scores: &Path) {
    let recipe = scores.with_file_name("recipe.toml");
    let mut window = Window::of_study(&recipe, user, screen);
    window.until("the settings are shown", |window| window.shows("Fit"));
    let study = user.folder.path().join("home/Heschl/responses");
    // While the page is being filled, a click may meet something else.
    let is_off = || {
        let text = std::fs::read_to_string(study.join("study.toml")).unwrap_or_default();
        text.lines()
            .any(|line| line.trim() == "predictions = false")
    };
    window.scroll_to("Save predictions");
    window.press_until("Save predictions", &is_off);
    window.press("Fit");
    let again = study.join("scores/whisper-tiny.en-encoder.2/scores.npz");
    window.until_within(JOB_PATIENCE, "the scores are there again", |_| {
        again.is_file()
    });
    // The job goes on after its scores are there: it draws the report.
    window.until("they are shown", |window| window.shows("Scores"));
    assert!(window.close().success());
    assert!(scores.with_file_name("predictions.npy").is_file());
    assert!(!again.with_file_name("predictions.npy").exists());
    let [before, after] = [scores, &again].map(|path| std::fs::read(path).unwrap());
    assert!(before == after, "other scores");
}

/// What is copied in the window can be pasted in another program, and the other way round.
#[test]
fn the_clipboard_is_that_of_the_system() {
    if !has_screen() {
        return;
    }
    let has_xclip = Command::new("xclip").arg("-version").output().is_ok();
    if !has_xclip {
        eprintln!("xclip is not installed: the clipboard is not looked at");
        return;
    }
    let (user, screen) = (User::new(), Screen::new());
    let xclip = |arguments: &[&str]| {
        let mut command = Command::new("xclip");
        command.args(["-selection", "clipboard"]).args(arguments);
        command.env("DISPLAY", &screen.display);
        command
    };
    // Into the window: a path that another program copied.
    let (stories, _) = own_files(user.folder.path());
    let mut window = Window::open(&user, &screen);
    let mut copy = xclip(&[]).stdin(Stdio::piped()).spawn().unwrap();
    let path = stories.display().to_string();
    std::io::Write::write_all(&mut copy.stdin.take().unwrap(), path.as_bytes()).unwrap();
    copy.wait().unwrap();
    window.go("Stimuli");
    window.focus("Folder of recordings");
    screen.xdotool(&["key", "ctrl+v"]);
    window.until_it_holds("Folder of recordings", &path);
    screen.xdotool(&["key", "Return"]);
    let study = user.folder.path().join("home/Heschl/my stories/study.toml");
    window.until("what was pasted is taken", |_| study.is_file());
    // Out of the window: the command of the study's job.
    window.go("Extract");
    window.press("Copy as command");
    let mut pasted = String::new();
    window.until("the command is copied", |_| {
        let output = xclip(&["-o"]).output().unwrap();
        pasted = String::from_utf8_lossy(&output.stdout).into_owned();
        pasted.starts_with("heschl extract")
    });
    assert!(pasted.contains("my stories"), "{pasted}");
}

#[test]
fn what_the_window_cannot_do_without_is_said_in_a_sentence() {
    if !has_screen() {
        return;
    }
    let (user, screen) = (User::new(), Screen::new());
    let without_display = user.command().env_remove("DISPLAY").output().unwrap();
    let nothing = Path::new("/nowhere/driver.json");
    let without_driver = user
        .command()
        .env("DISPLAY", &screen.display)
        .env("WGPU_BACKEND", "vulkan")
        .env("VK_DRIVER_FILES", nothing)
        .env("VK_ICD_FILENAMES", nothing)
        .output()
        .unwrap();
    let said = |output: &Output| String::from_utf8_lossy(&output.stderr).into_owned();
    for (output, words) in [
        (&without_display, "Is there a display?"),
        (&without_driver, "No suitable graphics driver was found"),
    ] {
        assert_eq!(output.status.code(), Some(1), "{}", said(output));
        assert!(
            said(output).contains(words) && !said(output).contains("panicked"),
            "{}",
            said(output)
        );
    }
}

#[test]
fn a_dialog_that_the_system_does_not_have_is_told() {
    if !has_screen() {
        return;
    }
    let (user, screen) = (User::new(), Screen::new());
    let mut command = user.command();
    command
        .env("DISPLAY", &screen.display)
        .env("PATH", "/nowhere")
        .env_remove("DBUS_SESSION_BUS_ADDRESS");
    let output = command
        .env("XDG_RUNTIME_DIR", user.folder.path())
        .args(["pick", "--folder", "--title", "x"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("Type the path instead"), "{said}");
}

#[test]
fn two_windows_on_one_study_do_not_write_over_each_other() {
    if !has_screen() {
        return;
    }
    let (user, screen) = (User::new(), Screen::new());
    let study = user.folder.path().join("study");
    std::fs::create_dir_all(&study).unwrap();
    let text = "version = 1\nname = \"Shared\"\n";
    std::fs::write(study.join("study.toml"), text).unwrap();
    let others = Screen::new();
    let mut first = Window::of_study(&study, &user, &screen);
    first.until("the study is open", |_| {
        study.join(".heschl-window.lock").exists()
    });
    let mut second = Window::of_study(&study, &user, &others);
    second.until("it says that the study is open elsewhere", |window| {
        window.says("Another window has this study open")
    });
    first.go("Stimuli");
    drop((first, second));
    let kept = std::fs::read_to_string(study.join("study.toml")).unwrap();
    assert_eq!(kept, text);
}
