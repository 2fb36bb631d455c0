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
    screen.xdotool(&["key", "5"]);
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
