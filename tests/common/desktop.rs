//! The real program in a real window: drawn in software on a virtual screen, driven with keyboard and mouse.
//!
//! Needs `Xvfb`, `xdotool` and Mesa's software Vulkan (Debian: xvfb xdotool mesa-vulkan-drivers libxkbcommon-x11-0
//! libxcursor1 libxi6). Without them nothing is tried, which `-- --nocapture` shows; where `CI` is set that is a failure.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::{heschl, onnx_runtime_library, starter_model};

/// On a busy machine without a GPU.
pub(crate) const PATIENCE: Duration = Duration::from_mins(2);
/// The same for a job that computes features: minutes by itself where nothing else runs.
pub(crate) const JOB_PATIENCE: Duration = Duration::from_mins(20);

/// Whether windows can be opened here.
pub(crate) fn has_screen() -> bool {
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
pub(crate) struct Screen {
    server: Child,
    pub(crate) display: String,
}

impl Screen {
    pub(crate) fn new() -> Self {
        // The server chooses a free number and says which. Without "-noreset" it starts afresh whenever its last client leaves,
        // as xdotool does at once, and refuses others meanwhile.
        let mut server = Command::new("Xvfb")
            .args([
                "-displayfd",
                "1",
                "-screen",
                "0",
                "1280x800x24",
                "-nolisten",
                "tcp",
                "-noreset",
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

    pub(crate) fn xdotool(&self, arguments: &[&str]) -> String {
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
pub(crate) struct User {
    pub(crate) folder: tempfile::TempDir,
}

impl User {
    /// A user who has the starter model already.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let model = starter_model();
        let models = folder.path().join("data/models");
        std::fs::create_dir_all(&models).unwrap();
        std::fs::create_dir_all(folder.path().join("home")).unwrap();
        // A link is enough: nothing is written into a model.
        std::os::unix::fs::symlink(&model, models.join(model.file_name().unwrap())).unwrap();
        Self { folder }
    }

    pub(crate) fn command(&self) -> Command {
        let mut command = heschl();
        command
            .env("HESCHL_HOME", self.folder.path().join("data"))
            .env("HOME", self.folder.path().join("home"))
            .env("ORT_DYLIB_PATH", onnx_runtime_library())
            .env_remove("WAYLAND_DISPLAY");
        command
    }

    pub(crate) fn study(&self) -> PathBuf {
        self.folder.path().join("home/Heschl/Sample study")
    }
}

/// A control of the window, as a screen reader knows it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Control {
    /// Its middle, in pixels.
    middle: (u32, u32),
    role: String,
    state: String,
    name: String,
    value: String,
}

impl Control {
    /// A line of the map that a debug build writes: `x y role state name value`.
    fn read(line: &str) -> Option<Self> {
        let mut parts = line.split('\t');
        let mut next = || parts.next().map(str::to_owned);
        let middle = (next()?.parse().ok()?, next()?.parse().ok()?);
        Some(Self {
            middle,
            role: next()?,
            state: next()?,
            name: next()?,
            value: next()?,
        })
    }
}

/// The program's window, ended with the test.
pub(crate) struct Window<'a> {
    child: Child,
    screen: &'a Screen,
    id: String,
    /// Where the program writes where its controls are.
    map: PathBuf,
    /// How often the mouse was clicked.
    pub(crate) n_clicks: usize,
}

impl<'a> Window<'a> {
    pub(crate) fn open(user: &User, screen: &'a Screen) -> Self {
        Self::of(user.command(), user, screen)
    }

    /// The window that opens a study.
    pub(crate) fn of_study(study: &Path, user: &User, screen: &'a Screen) -> Self {
        let mut command = user.command();
        command.arg("open").arg(study);
        Self::of(command, user, screen)
    }

    /// The window of a copy of the program, which is removed once it is open: as an update does.
    pub(crate) fn of_a_program_that_goes(user: &User, screen: &'a Screen) -> Self {
        let usual = user.command();
        let program = user.folder.path().join("heschl");
        let is_linked = std::fs::hard_link(usual.get_program(), &program).is_ok();
        if !is_linked {
            std::fs::copy(usual.get_program(), &program).unwrap();
        }
        let mut command = Command::new(&program);
        for (name, value) in usual.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        let window = Self::of(command, user, screen);
        std::fs::remove_file(program).unwrap();
        window
    }

    fn of(mut command: Command, user: &User, screen: &'a Screen) -> Self {
        // Each screen has one window.
        let map = format!("widgets{}.tsv", screen.display.replace(':', "-"));
        let map = user.folder.path().join(map);
        let child = command
            .env("DISPLAY", &screen.display)
            .env("HESCHL_WIDGET_MAP", &map)
            .stderr(File::create(map.with_extension("txt")).unwrap())
            .spawn()
            .unwrap();
        let mut window = Self {
            child,
            screen,
            id: String::new(),
            map,
            n_clicks: 0,
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

    pub(crate) fn until(&mut self, what: &str, holds: impl FnMut(&mut Self) -> bool) {
        self.until_within(PATIENCE, what, holds);
    }

    pub(crate) fn until_within(
        &mut self,
        patience: Duration,
        what: &str,
        mut holds: impl FnMut(&mut Self) -> bool,
    ) {
        let begun = Instant::now();
        while !holds(self) {
            if begun.elapsed() > patience {
                let shown: Vec<_> = self.controls().into_iter().map(|it| it.name).collect();
                panic!("waited in vain until {what}; the window shows {shown:#?}");
            }
            if let Some(status) = self.child.try_wait().unwrap() {
                let said = std::fs::read_to_string(self.map.with_extension("txt"));
                panic!("the program ended before {what} ({status}): {said:?}");
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Everything that has a name now.
    pub(crate) fn controls(&self) -> Vec<Control> {
        let text = std::fs::read_to_string(&self.map).unwrap_or_default();
        text.lines().filter_map(Control::read).collect()
    }

    /// Whether a page with this title, or a part of a page, is shown.
    pub(crate) fn shows(&self, heading: &str) -> bool {
        let is_it = |control: &Control| control.role == "Heading" && control.name == heading;
        self.controls().iter().any(is_it)
    }

    /// Whether a sentence that begins so is on the screen.
    pub(crate) fn says(&self, beginning: &str) -> bool {
        let is_it = |control: &Control| control.name.starts_with(beginning);
        self.controls().iter().any(is_it)
    }

    /// The control of this name, if it can be used now; none of those that lead to pages. Where the name ends in "…", one whose
    /// name begins so.
    fn usable(&self, name: &str) -> Option<Control> {
        let begins = name.strip_suffix('…');
        let is_it = |control: &Control| {
            begins.map_or(control.name == name, |begins| {
                control.name.starts_with(begins)
            }) && control.state != "disabled"
                && !["Label", "Heading", "Tab"].contains(&control.role.as_str())
        };
        self.controls().into_iter().find(is_it)
    }

    /// Goes to a page by its entry at the left.
    pub(crate) fn go(&mut self, page: &str) {
        let entry = |window: &Self| {
            let is_it = |control: &Control| control.role == "Tab" && control.name == page;
            window.controls().into_iter().find(is_it)
        };
        self.click_when_still(page, entry);
        self.until(&format!("{page} is shown"), |window| window.shows(page));
    }

    /// Clicks a control once it is there, can be used, and stands still.
    pub(crate) fn press(&mut self, name: &str) {
        self.click_when_still(name, |window| window.usable(name));
    }

    /// Turns the wheel over the page until a control is there that can be used.
    pub(crate) fn scroll_to(&mut self, name: &str) {
        self.until(&format!("\"{name}\" is scrolled to"), |window| {
            let is_there = window.usable(name).is_some();
            if !is_there {
                let place = ["mousemove", "--window", &window.id, "700", "500"];
                window
                    .screen
                    .xdotool(&[&place[..], &["click", "5"]].concat());
            }
            is_there
        });
    }

    /// Clicks a control until another one can be used: where a page is still being filled, a click may meet something else.
    pub(crate) fn press_until_usable(&mut self, name: &str, next: &str) {
        for _ in 0..4 {
            if self.usable(name).is_some() || self.usable(next).is_none() {
                self.press(name);
            }
            if self.comes_true(|window| window.usable(next).is_some()) {
                return;
            }
        }
        panic!("clicked \"{name}\" in vain: \"{next}\" cannot be used");
    }

    /// Clicks a control until that has had its effect, as [`Window::press_until_usable`] does.
    pub(crate) fn press_until(&mut self, name: &str, has_effect: &dyn Fn() -> bool) {
        for _ in 0..4 {
            self.press(name);
            if self.comes_true(|_| has_effect()) {
                return;
            }
        }
        panic!("clicked \"{name}\" in vain");
    }

    /// Whether something holds within the time that a page takes at most.
    fn comes_true(&self, holds: impl Fn(&Self) -> bool) -> bool {
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(15) {
            if holds(self) {
                return true;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        false
    }

    fn click_when_still(&mut self, name: &str, find: impl Fn(&Self) -> Option<Control>) {
        let mut place = None;
        self.until(&format!("\"{name}\" can be clicked"), |window| {
            let now = find(window).map(|control| control.middle);
            let stands_still = now.is_some() && now == place;
            place = now;
            stands_still
        });
        let (x, y) = place.unwrap();
        let (x, y) = (x.to_string(), y.to_string());
        self.screen
            .xdotool(&["mousemove", "--window", &self.id, &x, &y, "click", "1"]);
        self.n_clicks += 1;
    }

    /// Clicks a field and waits until it has the keyboard.
    pub(crate) fn focus(&mut self, name: &str) {
        self.press(name);
        self.until(&format!("\"{name}\" has the keyboard"), |window| {
            window
                .usable(name)
                .is_some_and(|field| field.state == "focused")
        });
    }

    /// Clicks a field and types into it what it is to hold.
    pub(crate) fn fill(&mut self, name: &str, text: &str) {
        self.focus(name);
        self.screen.xdotool(&["key", "ctrl+a"]);
        self.screen.xdotool(&["type", "--delay", "5", text]);
        self.until_it_holds(name, text);
        self.screen.xdotool(&["key", "Return"]);
    }

    /// Waits until a field holds a text.
    pub(crate) fn until_it_holds(&mut self, name: &str, text: &str) {
        self.until(&format!("\"{name}\" holds {text}"), |window| {
            window.usable(name).is_some_and(|field| field.value == text)
        });
    }

    /// Asks for something by its words, as a user of the keyboard does who does not wait for the palette.
    pub(crate) fn command(&self, words: &str) {
        self.screen.xdotool(&["key", "ctrl+shift+p"]);
        self.screen.xdotool(&["type", "--delay", "5", words]);
        self.screen.xdotool(&["key", "Return"]);
    }

    /// Closes it with the keyboard; returns how the program ended.
    pub(crate) fn close(mut self) -> std::process::ExitStatus {
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
