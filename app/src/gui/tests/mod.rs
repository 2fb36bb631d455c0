//! The window, driven by the labels that a screen reader reads. Every step also fails if a control has no name or a
//! character has no glyph.

mod align;
mod brain;
mod derived;
mod export;
mod extract;
mod features;
mod film;
mod fit;
mod fit_study;
#[cfg(target_os = "linux")]
mod frame_times;
mod home;
mod jobs;
mod models;
mod overlays;
mod pictures;
mod regions;
mod running;
mod stimuli;
mod voxels;
mod whole;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use eframe::egui::Theme;
use eframe::egui::accesskit::Role;
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};

use super::actions::{Action, PathPurpose};
use super::app::{App, StartOptions};
use super::info::Info;
use super::state::{Page, Preferences, State, Study, ThemeChoice};

/// A window on a stage of its own: folders that nobody else uses.
pub(crate) struct Stage {
    pub(crate) harness: Harness<'static, App>,
    /// Heschl's data and the user's home are below it.
    pub(crate) folder: tempfile::TempDir,
}

/// For how long something in the background may take on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

impl Stage {
    /// A first window.
    pub(crate) fn new() -> Self {
        Self::with(Preferences::default(), [1280.0, 800.0], 1.0)
    }

    /// A window that remembers, of a size in points, with so many pixels to a point.
    pub(crate) fn with(preferences: Preferences, size: [f32; 2], pixels_per_point: f32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        // There is no such program: a job that is begun fails at once, and nothing is fetched.
        let program = folder.path().join("program");
        Self::in_folder(folder, program, preferences, (size, pixels_per_point))
    }

    /// A window whose jobs are run by this script, in a folder where other windows may have been.
    #[cfg(unix)]
    pub(crate) fn with_script(folder: tempfile::TempDir, script: &str) -> Self {
        use std::os::unix::fs::PermissionsExt as _;
        let program = folder.path().join("program");
        std::fs::write(&program, script).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        Self::in_folder(
            folder,
            program,
            Preferences::default(),
            ([1280.0, 800.0], 1.0),
        )
    }

    fn in_folder(
        folder: tempfile::TempDir,
        program: PathBuf,
        preferences: Preferences,
        (size, pixels_per_point): ([f32; 2], f32),
    ) -> Self {
        let options = StartOptions {
            folder: folder.path().join("data"),
            preferences,
            error_message: None,
            path: None,
            home: Some(folder.path().join("home")),
            program,
        };
        let theme = match options.preferences.settings.theme {
            ThemeChoice::Light => Theme::Light,
            ThemeChoice::Dark | ThemeChoice::System => Theme::Dark,
        };
        let builder = Harness::builder()
            .with_theme(theme)
            .with_size(size)
            .with_pixels_per_point(pixels_per_point);
        let mut harness = builder.build_eframe(|cc| App::new(&cc.egui_ctx, options));
        harness.run_steps(2);
        Self { harness, folder }
    }

    /// A window with an open study of these recordings.
    pub(crate) fn with_recordings(recordings: &Path) -> Self {
        let mut stage = Self::new();
        stage.ask(Action::Use(PathPurpose::Stimuli, recordings.to_path_buf()));
        stage.until("the headers are read", |window| {
            let stories = window.info.stories();
            !stories.is_empty() && stories.iter().all(|story| story.header.is_some())
        });
        stage
    }

    pub(crate) fn state(&self) -> &State {
        &self.harness.state().state
    }

    pub(crate) fn info(&self) -> &Info {
        &self.harness.state().info
    }

    pub(crate) fn study(&self) -> &Study {
        self.state().study().unwrap()
    }

    /// Two frames, and a look whether all controls have names.
    pub(crate) fn settle(&mut self) {
        self.harness.run_steps(3);
        self.harness.check_accessibility();
    }

    /// Asks for something as a page would.
    pub(crate) fn ask(&mut self, action: Action) {
        let ctx = self.harness.ctx.clone();
        self.harness.state_mut().do_as_asked(action, &ctx);
        self.settle();
    }

    /// Asks for something and draws nothing.
    #[cfg(target_os = "linux")]
    pub(crate) fn ask_only(&mut self, action: Action) {
        let ctx = self.harness.ctx.clone();
        self.harness.state_mut().do_as_asked(action, &ctx);
    }

    pub(crate) fn go(&mut self, page: Page) {
        self.ask(Action::Go(page));
    }

    /// Draws frames until something holds.
    pub(crate) fn until(&mut self, what: &str, holds: impl Fn(&App) -> bool) {
        let begun = Instant::now();
        while !holds(self.harness.state()) {
            assert!(begun.elapsed() < PATIENCE, "waited in vain until {what}");
            std::thread::sleep(Duration::from_millis(5));
            self.harness.run_steps(1);
        }
        self.settle();
    }

    /// Whether something is shown whose label or text has these words.
    pub(crate) fn sees(&self, words: &str) -> bool {
        self.harness
            .query_all_by_label_contains(words)
            .next()
            .is_some()
    }

    /// Fails unless something is shown that has these words.
    pub(crate) fn must_see(&self, words: &str) {
        assert!(
            self.sees(words),
            "\"{words}\" is not shown; but:\n{}",
            self.all_words()
        );
    }

    /// Fails unless a plot's axes or legend have these words.
    pub(crate) fn must_describe(&self, plot: &str, words: &str) {
        let node = self.harness.get_by_role_and_label(Role::Canvas, plot);
        let found = node.value().unwrap_or_default();
        assert!(found.contains(words), "no \"{words}\" in \"{found}\"");
    }

    /// Fails unless something of this role and label is shown.
    pub(crate) fn must_have(&self, role: Role, label: &str) {
        let mut found = self.harness.query_all_by_role_and_label(role, label);
        assert!(
            found.next().is_some(),
            "no {role:?} \"{label}\"; but:\n{}",
            self.all_words()
        );
    }

    fn all_words(&self) -> String {
        let nodes = self.harness.query_all_by(|_| true);
        let words = nodes.filter_map(|node| {
            let node = node.accesskit_node();
            node.label()
                .or_else(|| node.value())
                .map(|words| format!("{:?} {words}\n", node.role()))
        });
        words.collect()
    }

    /// Clicks the one control of a role that has this label.
    pub(crate) fn click(&mut self, role: Role, label: &str) {
        {
            let mut found: Vec<_> = self
                .harness
                .query_all_by_role_and_label(role, label)
                .collect();
            let Some(node) = found.pop() else {
                panic!("no {role:?} \"{label}\"; but:\n{}", self.all_words());
            };
            assert!(found.is_empty(), "more than one {role:?} \"{label}\"");
            assert!(
                !node.accesskit_node().is_disabled(),
                "\"{label}\" is greyed"
            );
            node.click_accesskit();
        }
        self.settle();
    }

    /// Clicks the one control of a role whose label has these words.
    pub(crate) fn press_containing(&mut self, role: Role, words: &str) {
        let label = self
            .harness
            .query_all_by(|node| node.role() == role)
            .filter_map(|node| node.accesskit_node().label())
            .find(|label| label.contains(words));
        let Some(label) = label else {
            panic!("no {role:?} with \"{words}\"; but:\n{}", self.all_words());
        };
        self.click(role, &label);
    }

    pub(crate) fn press(&mut self, label: &str) {
        self.click(Role::Button, label);
    }

    /// Label and place of every control that is shown.
    pub(crate) fn controls(&self) -> Vec<(String, eframe::egui::Rect)> {
        let roles = [
            Role::Button,
            Role::CheckBox,
            Role::RadioButton,
            Role::TextInput,
            Role::Tab,
            Role::Link,
        ];
        let nodes = self
            .harness
            .query_all_by(move |node| roles.contains(&node.role()));
        nodes
            .filter_map(|node| Some((node.accesskit_node().label()?, node.rect())))
            .collect()
    }

    /// Label and place of every drawing.
    pub(crate) fn canvases(&self) -> Vec<(String, eframe::egui::Rect)> {
        let nodes = self
            .harness
            .query_all_by(|node| [Role::Canvas, Role::Image].contains(&node.role()));
        nodes
            .filter_map(|node| Some((node.accesskit_node().label()?, node.rect())))
            .collect()
    }

    /// Whether a button is greyed.
    pub(crate) fn is_greyed(&self, label: &str) -> bool {
        let node = self.harness.get_by_role_and_label(Role::Button, label);
        node.accesskit_node().is_disabled()
    }

    /// Puts text into a field, in place of what stands in it, and leaves the field.
    pub(crate) fn write(&mut self, field: &str, text: &str) {
        self.type_into(field, text);
        self.harness.key_press(eframe::egui::Key::Enter);
        self.settle();
    }

    /// Puts text into a field, in place of what stands in it, and stays in the field.
    pub(crate) fn type_into(&mut self, field: &str, text: &str) {
        use eframe::egui::{Key, Modifiers};
        // A path that is chosen is shown by its name.
        if let Some(chip) = self.harness.query_by_role_and_label(Role::Button, field) {
            chip.click();
            self.harness.run_steps(2);
        }
        self.harness
            .get_by_role_and_label(Role::TextInput, field)
            .focus();
        self.harness.run_steps(1);
        self.harness.key_press_modifiers(Modifiers::COMMAND, Key::A);
        self.harness.run_steps(1);
        self.harness.key_press(Key::Backspace);
        self.harness
            .get_by_role_and_label(Role::TextInput, field)
            .type_text(text);
        self.harness.run_steps(2);
    }

    /// What stands in a field.
    pub(crate) fn value(&self, field: &str) -> String {
        let chip = self.harness.query_by_role_and_label(Role::Button, field);
        let node =
            chip.unwrap_or_else(|| self.harness.get_by_role_and_label(Role::TextInput, field));
        node.value().unwrap_or_default()
    }
}

/// Writes a WAV file of a tone: `secs` seconds at `rate_hz`, in so many channels.
pub(crate) fn write_tone(path: &Path, secs: f64, rate_hz: u32, channels: u16) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let n_frames = (secs * f64::from(rate_hz)) as u32;
    let bytes_per_frame = u32::from(channels) * 2;
    let n_bytes = n_frames * bytes_per_frame;
    let mut file = b"RIFF".to_vec();
    file.extend((36 + n_bytes).to_le_bytes());
    file.extend(b"WAVEfmt \x10\0\0\0\x01\0");
    file.extend(channels.to_le_bytes());
    file.extend(rate_hz.to_le_bytes());
    file.extend((rate_hz * bytes_per_frame).to_le_bytes());
    file.extend((bytes_per_frame as u16).to_le_bytes());
    file.extend(16_u16.to_le_bytes());
    file.extend(b"data");
    file.extend(n_bytes.to_le_bytes());
    for frame in 0..n_frames {
        let secs = f64::from(frame) / f64::from(rate_hz);
        let value = ((secs * 440.0 * std::f64::consts::TAU).sin()
            * 8000.0
            * (1.0 - (secs * 0.9).cos() * 0.5)) as i16;
        (0..channels).for_each(|_| file.extend(value.to_le_bytes()));
    }
    std::fs::write(path, file).unwrap();
}

/// A folder with a good recording, one to resample, and one that is none.
pub(crate) fn recordings(folder: &Path) -> PathBuf {
    let recordings = folder.join("recordings");
    write_tone(&recordings.join("alpha.wav"), 12.0, 16_000, 1);
    write_tone(&recordings.join("beta.wav"), 20.0, 44_100, 2);
    std::fs::write(recordings.join("gamma.wav"), "no sound").unwrap();
    recordings
}
