#![expect(clippy::unwrap_used, reason = "a test fails with the reason")]
#![cfg(target_os = "linux")]

//! The real program in a real window: drawn in software on a virtual screen, driven with keyboard and mouse.
//!
//! Needs `Xvfb`, `xdotool` and Mesa's software Vulkan (Debian: xvfb xdotool mesa-vulkan-drivers libxkbcommon-x11-0
//! libxcursor1 libxi6). Without them nothing is tried, which `-- --nocapture` shows; where `CI` is set that is a failure.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use heschl_core::look::library::FeatureLibrary;
use heschl_tests::{heschl, onnx_runtime_library, starter_model};

/// On a busy machine without a GPU.
const PATIENCE: Duration = Duration::from_mins(4);
/// The same for a job that computes features: minutes by itself where nothing else runs.
const JOB_PATIENCE: Duration = Duration::from_mins(20);

/// Whether windows can be opened here.
fn has_screen() -> bool {
    let is_there = |program: &str| {
        Command::new(program)
            .arg("-help")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok()
    };
    let has_all = is_there("Xvfb") && is_there("xdotool");
    assert!(
        has_all || std::env::var_os("CI").is_none(),
        "Xvfb and xdotool are needed: apt-get install xvfb xdotool mesa-vulkan-drivers"
    );
    if !has_all {
        eprintln!("Xvfb and xdotool are not installed: no window is opened");
    }
    has_all
}

/// A virtual screen that ends with the test.
struct Screen {
    server: Child,
    display: String,
}

impl Screen {
    fn new() -> Self {
        // The server chooses a free number and says which.
        let mut server = Command::new("Xvfb")
            .args([
                "-displayfd",
                "1",
                "-screen",
                "0",
                "1280x800x24",
                "-nolisten",
                "tcp",
            ])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut number = String::new();
        let out = server.stdout.as_mut().unwrap();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(out), &mut number).unwrap();
        Self {
            server,
            display: format!(":{}", number.trim()),
        }
    }

    fn xdotool(&self, arguments: &[&str]) -> String {
        let output = Command::new("xdotool")
            .args(arguments)
            .env("DISPLAY", &self.display)
            .output()
            .unwrap();
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// A user's folders and a window of theirs.
struct User {
    folder: tempfile::TempDir,
}

impl User {
    /// A user who has the starter model already.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let model = starter_model();
        let models = folder.path().join("data/models");
        std::fs::create_dir_all(&models).unwrap();
        std::fs::create_dir_all(folder.path().join("home")).unwrap();
        // A link is enough: nothing is written into a model.
        std::os::unix::fs::symlink(&model, models.join(model.file_name().unwrap())).unwrap();
        Self { folder }
    }

    fn command(&self) -> Command {
        let mut command = heschl();
        command
            .env("HESCHL_HOME", self.folder.path().join("data"))
            .env("HOME", self.folder.path().join("home"))
            .env("ORT_DYLIB_PATH", onnx_runtime_library())
            .env_remove("WAYLAND_DISPLAY");
        command
    }

    fn study(&self) -> PathBuf {
        self.folder.path().join("home/Heschl/Sample study")
    }

    /// What the window keeps of itself.
    fn kept(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("data/window.toml")).unwrap_or_default()
    }
}

/// Five recordings of a laboratory's own, two of which cannot be read, with words beside them and responses that nobody trimmed.
/// `data/own/make.py` makes them; the one of 44.1 kHz in stereo would be large, and is made here.
fn own_files(folder: &Path) -> (PathBuf, PathBuf) {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/own");
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

/// The program's window, ended with the test.
struct Window<'a> {
    child: Child,
    screen: &'a Screen,
    id: String,
}

impl<'a> Window<'a> {
    fn open(user: &User, screen: &'a Screen) -> Self {
        let child = user
            .command()
            .env("DISPLAY", &screen.display)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut window = Self {
            child,
            screen,
            id: String::new(),
        };
        window.until("the window is shown", |window| {
            window.id = window
                .screen
                .xdotool(&["search", "--onlyvisible", "--name", "^Heschl$"]);
            !window.id.is_empty()
        });
        // No window manager gives it the keyboard.
        screen.xdotool(&["windowfocus", "--sync", &window.id]);
        window
    }

    fn until(&mut self, what: &str, holds: impl FnMut(&mut Self) -> bool) {
        self.until_within(PATIENCE, what, holds);
    }

    fn until_within(
        &mut self,
        patience: Duration,
        what: &str,
        mut holds: impl FnMut(&mut Self) -> bool,
    ) {
        let begun = Instant::now();
        while !holds(self) {
            assert!(begun.elapsed() < patience, "waited in vain until {what}");
            assert!(
                self.child.try_wait().unwrap().is_none(),
                "the program ended before {what}"
            );
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Clicks a place of the window until something holds; returns how many clicks it took.
    fn click_until(
        &mut self,
        (x, y): (u32, u32),
        what: &str,
        mut holds: impl FnMut(&mut Self) -> bool,
    ) -> usize {
        let begun = Instant::now();
        let mut n_clicks = 0;
        loop {
            // What was asked for before is worked out meanwhile.
            std::thread::sleep(Duration::from_secs(3));
            self.click(x, y);
            n_clicks += 1;
            let clicked = Instant::now();
            while clicked.elapsed() < Duration::from_secs(20) {
                if holds(self) {
                    return n_clicks;
                }
                std::thread::sleep(Duration::from_millis(100));
            }
            assert!(begun.elapsed() < PATIENCE, "clicked in vain until {what}");
        }
    }

    /// Clicks a field, types a path into it and enters it, until something holds: on a busy machine keys may come before the
    /// field has the keyboard. Returns how many clicks it took.
    fn enter_until(
        &mut self,
        (x, y): (u32, u32),
        path: &Path,
        what: &str,
        mut holds: impl FnMut() -> bool,
    ) -> usize {
        let path = path.display().to_string();
        let begun = Instant::now();
        let mut n_clicks = 0;
        loop {
            self.click(x, y);
            n_clicks += 1;
            std::thread::sleep(Duration::from_secs(2));
            self.screen.xdotool(&["key", "ctrl+a"]);
            self.screen.xdotool(&["type", "--delay", "20", &path]);
            self.screen.xdotool(&["key", "Return"]);
            let entered = Instant::now();
            while entered.elapsed() < Duration::from_secs(20) {
                if holds() {
                    return n_clicks;
                }
                std::thread::sleep(Duration::from_millis(100));
            }
            assert!(begun.elapsed() < PATIENCE, "entered in vain until {what}");
        }
    }

    /// Clicks a place of the window.
    fn click(&self, x: u32, y: u32) {
        let (x, y) = (x.to_string(), y.to_string());
        self.screen
            .xdotool(&["mousemove", "--window", &self.id, &x, &y, "click", "1"]);
    }

    /// Asks for something by its words, as a user of the keyboard does who does not wait for the palette.
    fn command(&self, words: &str) {
        self.screen.xdotool(&["key", "ctrl+shift+p"]);
        self.screen.xdotool(&["type", "--delay", "5", words]);
        self.screen.xdotool(&["key", "Return"]);
    }

    /// Closes it with the keyboard; returns how the program ended.
    fn close(mut self) -> std::process::ExitStatus {
        self.screen.xdotool(&["key", "ctrl+q"]);
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(begun.elapsed() < PATIENCE, "the window does not close");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Window<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn from_the_sample_to_its_features_with_keyboard_and_mouse() {
    if !has_screen() {
        return;
    }
    let (user, screen) = (User::new(), Screen::new());
    let mut window = Window::open(&user, &screen);
    window.command("try the sample");
    let study = user.study();
    window.until("the words have led to the sample", |_| {
        study.join("study.toml").is_file()
    });
    let times = study.join("features_cnk0.1_ctx16.0/whisper-tiny.en/austen_times.npz");
    window.until_within(JOB_PATIENCE, "the sample's features are there", |_| {
        times.is_file()
    });
    window.until("they are shown", |_| {
        user.kept().contains("page = \"features\"")
    });
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
    // The mouse: Stimuli is the second entry at the left.
    window.click(86, 138);
    window.until("the mouse has led to Stimuli", |_| {
        user.kept().contains("page = \"stimuli\"")
    });
    screen.xdotool(&["key", "ctrl+5"]);
    window.until("the key has led to Features", |_| {
        user.kept().contains("page = \"features\"")
    });
    std::thread::sleep(Duration::from_secs(1));
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
#[ignore = "clicks fixed places of the window and has not passed yet; run it by name with --ignored"]
fn from_ones_own_recordings_to_scores_in_twenty_clicks() {
    if !has_screen() {
        return;
    }
    let (user, screen) = (User::new(), Screen::new());
    let (stories, responses) = own_files(user.folder.path());
    let study = user.folder.path().join("home/Heschl/my stories");
    let says = |words: &str| {
        let text = std::fs::read_to_string(study.join("study.toml")).unwrap_or_default();
        text.contains(words)
    };
    let mut window = Window::open(&user, &screen);
    let mut n_clicks = 0;
    // Stimuli, and the folder of the recordings: a study is made of it.
    let on_page = |page: &str| user.kept().contains(&format!("page = \"{page}\""));
    n_clicks += window.click_until((86, 138), "Stimuli is shown", |_| on_page("stimuli"));
    let what = "a study is made of the folder";
    n_clicks += window.enter_until((504, 394), &stories, what, || says("my stories"));
    // Extract, with few windows, of those that can be read.
    n_clicks += window.click_until((86, 210), "Extract is shown", |_| on_page("extract"));
    n_clicks += window.click_until((480, 109), "there are few windows", |_| {
        says("chunk_ms = 1000.0")
    });
    n_clicks += window.click_until((246, 673), "the job is there", |_| on_page("jobs"));
    let features = study.join("features_cnk1.0_ctx4.0/whisper-tiny.en");
    window.until_within(JOB_PATIENCE, "the features are there", |_| {
        ["alpha", "beta", "gamma"]
            .iter()
            .all(|story| features.join(format!("{story}_times.npz")).is_file())
    });
    // Fit, and the responses.
    n_clicks += window.click_until((86, 318), "Fit is shown", |_| on_page("fit"));
    std::thread::sleep(Duration::from_secs(3));
    let chosen = format!("responses = \"{}\"", responses.display());
    let what = "the responses are chosen";
    n_clicks += window.enter_until((542, 384), &responses, what, || says(&chosen));
    // What the window says has its button, always at the same place: a test, its trim, what is held out, the responses' trim.
    for (x, what, words) in [
        (285, "a story is tested on", "test = [\"gamma\"]"),
        (
            318,
            "the test is trimmed as the training",
            "train = [10, 5]",
        ),
        (340, "chunks are short enough", "[fit.held_out]"),
        (
            365,
            "the responses are trimmed",
            "responses_train = [10, 5]",
        ),
    ] {
        let is_kept = |_: &mut Window| {
            let text = std::fs::read_to_string(study.join("study.toml")).unwrap_or_default();
            text.split_whitespace()
                .collect::<String>()
                // TOML writes a comma behind the last number of a list.
                .replace(",]", "]")
                .contains(&words.split_whitespace().collect::<String>())
        };
        n_clicks += window.click_until((x, 633), what, is_kept);
    }
    let scores = study.join("scores/whisper-tiny.en-encoder.2/scores.npz");
    n_clicks += window.click_until((246, 673), "the fit has begun", |_| {
        on_page("jobs") || on_page("scores")
    });
    window.until_within(JOB_PATIENCE, "the scores are there", |_| scores.is_file());
    window.until("they are shown", |_| on_page("scores"));
    assert!(n_clicks <= 20, "{n_clicks} clicks");
    assert!(window.close().success());
    let table = heschl_core::encoding::ScoreTable::read(&scores).unwrap();
    assert_eq!(table.voxels.len(), 24);
    assert!(table.mean(heschl_core::encoding::Column::R).is_finite());
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
    window.click_until((86, 138), "Stimuli is shown", |_| {
        user.kept().contains("page = \"stimuli\"")
    });
    window.click(504, 394);
    std::thread::sleep(Duration::from_secs(1));
    screen.xdotool(&["key", "ctrl+v"]);
    std::thread::sleep(Duration::from_secs(1));
    screen.xdotool(&["key", "Return"]);
    let study = user.folder.path().join("home/Heschl/my stories/study.toml");
    window.until("what was pasted is taken", |_| study.is_file());
    // Out of the window: the command of the study's job.
    window.click_until((86, 210), "Extract is shown", |_| {
        user.kept().contains("page = \"extract\"")
    });
    let mut pasted = String::new();
    window.click_until((372, 673), "the command is copied", |_| {
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
        (&without_driver, "No graphics driver was found"),
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
    let open = |screen: &Screen| {
        let mut command = user.command();
        command
            .arg("open")
            .arg(&study)
            .env("DISPLAY", &screen.display)
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    };
    let others = Screen::new();
    let mut first = open(&screen);
    let begun = Instant::now();
    while !study.join(".heschl-window.lock").exists() {
        assert!(begun.elapsed() < PATIENCE, "the study is not opened");
        std::thread::sleep(Duration::from_millis(50));
    }
    let mut second = open(&others);
    std::thread::sleep(Duration::from_secs(4));
    assert!(
        first.try_wait().unwrap().is_none() && second.try_wait().unwrap().is_none(),
        "a window has ended"
    );
    for child in [&mut first, &mut second] {
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert_eq!(
        std::fs::read_to_string(study.join("study.toml")).unwrap(),
        text
    );
}
