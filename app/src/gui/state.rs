//! What the window remembers: plain data, its lasting half saved.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use heschl_core::run::recipe::{
    CustomStimuli, EncodeRecipe, ExtractRecipe, LayerChoice, ModelRecipe, OutputRecipe,
    StimuliRecipe,
};
use heschl_core::speech::audio::Resampling;
use heschl_core::speech::card::LastLayer;
use heschl_core::speech::encoder::{DeviceChoice, Precision};
use heschl_core::speech::window::WindowSettings;
use serde::{Deserialize, Serialize};

use super::brain::{BrainSettings, Flight, RegionDrawing, SubjectChoice};
use super::features::FeatureSelection;
use super::figure::ExportSize;
use super::fitting::FitStudy;
use super::story::StoryInfo;

/// The window's pages, in the order of the rail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Page {
    #[default]
    Home,
    Stimuli,
    Models,
    Extract,
    Features,
    Align,
    Fit,
    Scores,
    Brain,
    Jobs,
    Settings,
    Help,
}

impl Page {
    /// All of them, in order.
    pub(crate) const ALL: [Self; 12] = [
        Self::Home,
        Self::Stimuli,
        Self::Models,
        Self::Extract,
        Self::Features,
        Self::Align,
        Self::Fit,
        Self::Scores,
        Self::Brain,
        Self::Jobs,
        Self::Settings,
        Self::Help,
    ];

    /// What the rail calls it.
    #[must_use]
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Home => "Home",
            Self::Stimuli => "Stimuli",
            Self::Models => "Models",
            Self::Extract => "Extract",
            Self::Features => "Features",
            Self::Align => "Align",
            Self::Fit => "Fit",
            Self::Scores => "Scores",
            Self::Brain => "Brain",
            Self::Jobs => "Jobs",
            Self::Settings => "Settings",
            Self::Help => "Help",
        }
    }
}

/// Light, dark, or as the system has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ThemeChoice {
    #[default]
    System,
    Light,
    Dark,
}

/// Whether things move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Motion {
    #[default]
    Full,
    Reduced,
}

/// How big everything is drawn, 1 as the system has it.
pub(crate) const SCALES: [f32; 7] = [0.75, 0.9, 1.0, 1.1, 1.25, 1.5, 2.0];

/// The user's settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Settings {
    /// Light or dark.
    pub(crate) theme: ThemeChoice,
    /// One of [`SCALES`].
    pub(crate) scale: f32,
    /// Whether things move.
    pub(crate) motion: Motion,
    /// ONNX Runtime's library, where it is not to be found.
    pub(crate) runtime: Option<PathBuf>,
    /// Folder that new studies are put into.
    pub(crate) studies_folder: Option<PathBuf>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            theme: ThemeChoice::default(),
            scale: 1.0,
            motion: Motion::default(),
            runtime: None,
            studies_folder: None,
        }
    }
}

/// Which areas are open.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct PanelLayout {
    /// Whether the rail shows words, too, where there is room.
    pub(crate) is_rail_wide: bool,
    /// Whether the log is shown.
    pub(crate) has_log: bool,
    /// The window's inner size in points.
    pub(crate) window_size: [f32; 2],
}

impl Default for PanelLayout {
    fn default() -> Self {
        Self {
            is_rail_wide: true,
            has_log: false,
            // With its frame it fits the screen of a small laptop.
            window_size: [1200.0, 740.0],
        }
    }
}

/// What outlasts the window.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Preferences {
    /// The user's settings.
    pub(crate) settings: Settings,
    /// Which areas are open.
    pub(crate) layout: PanelLayout,
    /// The page that was open.
    pub(crate) page: Page,
    /// The study that was open.
    pub(crate) last_study: Option<PathBuf>,
    /// Studies, the latest first.
    pub(crate) recent_studies: Vec<PathBuf>,
    /// Folders of recordings, the latest first.
    pub(crate) recent_stimuli: Vec<PathBuf>,
    /// Folders of features, the latest first.
    pub(crate) recent_features: Vec<PathBuf>,
    /// Folders of scores, the latest first.
    pub(crate) recent_scores: Vec<PathBuf>,
    /// Folders of subjects, the latest first.
    pub(crate) recent_subjects: Vec<PathBuf>,
    /// How fast models ran here when they were tried last, by their names.
    pub(crate) speeds: BTreeMap<String, Speed>,
    /// Size and resolution of saved figures.
    pub(crate) export: ExportSize,
}

/// How fast a model runs on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Speed {
    /// Windows in a second.
    pub(crate) windows_per_sec: f64,
    /// How long each of these windows is, in seconds.
    pub(crate) window_secs: f64,
}

/// Number of recent folders that are remembered.
const MAX_RECENT: usize = 10;

/// Puts a folder at the front of a list of recent ones.
pub(crate) fn remember(recent: &mut Vec<PathBuf>, folder: &std::path::Path) {
    recent.retain(|known| known != folder);
    recent.insert(0, folder.to_path_buf());
    recent.truncate(MAX_RECENT);
}

/// A study: what is listened to, by what, and how. Its features lie in its folder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Study {
    /// Version of the file.
    pub(crate) version: u32,
    /// What the user calls it.
    pub(crate) name: String,
    /// Folder of recordings.
    pub(crate) stimuli: Option<PathBuf>,
    /// Whether folders below it count.
    pub(crate) recursive: bool,
    /// Stories that are not wanted. Those that come later are.
    pub(crate) left_out: BTreeSet<String>,
    /// Stories of a recipe that names them; all if empty.
    pub(crate) only: BTreeSet<String>,
    /// Whether audio that is not 16 kHz mono is converted.
    pub(crate) resampling: Resampling,
    /// Name of a set of custom stimuli.
    pub(crate) custom_stimuli: Option<String>,
    /// What listens: a name or a folder.
    pub(crate) model: String,
    /// Layers to keep.
    pub(crate) layers: LayerChoice,
    /// What the last layer is in models that leave the choice.
    pub(crate) last_layer: LastLayer,
    /// Whether the model's own feature extractor prepares the samples.
    pub(crate) use_featext: bool,
    /// Number format of the matrix products.
    pub(crate) precision: Precision,
    /// What to compute on.
    pub(crate) device: DeviceChoice,
    /// Windows computed at once.
    pub(crate) batch: Option<usize>,
    /// How the window slides.
    pub(crate) window: WindowSettings,
    /// Where the features go, if not into the study's folder.
    pub(crate) output: Option<PathBuf>,
    /// Whether stories that are done are computed again.
    pub(crate) overwrite: bool,
    /// How the features are fitted to responses.
    pub(crate) fit: FitStudy,
    /// The subject that its scores are shown on.
    pub(crate) subject: SubjectChoice,
}

/// The version of study files that this program writes.
pub(crate) const STUDY_VERSION: u32 = 2;

impl Default for Study {
    fn default() -> Self {
        Self {
            version: STUDY_VERSION,
            name: String::new(),
            stimuli: None,
            recursive: false,
            left_out: BTreeSet::new(),
            only: BTreeSet::new(),
            resampling: Resampling::ToEncoderRate,
            custom_stimuli: None,
            model: heschl_models::catalogue::STARTER.into(),
            layers: LayerChoice::All,
            last_layer: LastLayer::default(),
            use_featext: true,
            precision: Precision::F32,
            device: DeviceChoice::Auto,
            batch: None,
            window: WindowSettings::default(),
            output: None,
            overwrite: false,
            fit: FitStudy::default(),
            subject: SubjectChoice::default(),
        }
    }
}

impl Study {
    /// The recipe of an extraction, with the wanted stories of those that there are; `folder` is the study's.
    #[must_use]
    pub(crate) fn recipe(&self, folder: &std::path::Path, stories: &[&StoryInfo]) -> ExtractRecipe {
        let wanted = stories.iter().filter(|story| story.is_wanted(self));
        let chosen: Vec<String> = wanted.map(|story| story.story.clone()).collect();
        let is_all = chosen.len() == stories.len();
        ExtractRecipe {
            stimuli: StimuliRecipe {
                folder: self.stimuli.clone().unwrap_or_default(),
                recursive: self.recursive,
                resampling: self.resampling,
                stories: if is_all { vec![] } else { chosen },
                custom_stimuli: self.custom_set(),
            },
            model: ModelRecipe {
                model: self.model.clone(),
                layers: self.layers.clone(),
                last_layer: self.last_layer,
                use_featext: self.use_featext,
                precision: self.precision,
                device: self.device,
                batch: self.batch,
            },
            window: self.window,
            output: OutputRecipe {
                folder: self.output.clone().unwrap_or_else(|| folder.to_path_buf()),
                overwrite: self.overwrite,
            },
        }
    }

    /// The set of custom stimuli; `None` also while its name is no folder's.
    fn custom_set(&self) -> Option<CustomStimuli> {
        self.custom_stimuli.as_ref()?.parse().ok()
    }

    /// The folder that holds the recordings: that of the custom stimuli where there are some.
    #[must_use]
    pub(crate) fn recordings_folder(&self) -> Option<PathBuf> {
        let folder = self.stimuli.as_ref()?;
        Some(match self.custom_set() {
            None => folder.clone(),
            Some(name) => folder.join(name.as_str()),
        })
    }

    /// Where this study's own features go; `None` without a model.
    #[must_use]
    pub(crate) fn own_features(&self, folder: &std::path::Path) -> Option<PathBuf> {
        let model = std::path::Path::new(&self.model).file_name()?;
        let recipe = self.recipe(folder, &[]);
        Some(recipe.features_folder(&model.to_string_lossy()))
    }

    /// The features that its fit is made with: those chosen, or its own.
    #[must_use]
    pub(crate) fn fit_features(&self, folder: &std::path::Path) -> Option<PathBuf> {
        let chosen = self.fit.features.clone();
        chosen.or_else(|| self.own_features(folder))
    }

    /// The recipe of its fit.
    ///
    /// # Errors
    /// A sentence that says what is missing.
    pub(crate) fn fit_recipe(&self, folder: &std::path::Path) -> Result<EncodeRecipe, String> {
        let features = self.fit_features(folder);
        let recordings = self.stimuli.as_deref();
        self.fit
            .recipe(features.as_deref(), recordings, &folder.join("scores"))
    }

    /// Takes over the settings of a recipe, all of them but the output folder.
    pub(crate) fn adopt(&mut self, recipe: &ExtractRecipe) {
        self.stimuli = Some(recipe.stimuli.folder.clone());
        self.recursive = recipe.stimuli.recursive;
        self.left_out.clear();
        self.only = recipe.stimuli.stories.iter().cloned().collect();
        self.resampling = recipe.stimuli.resampling;
        self.custom_stimuli = recipe.stimuli.custom_stimuli.clone().map(Into::into);
        self.model.clone_from(&recipe.model.model);
        self.layers = recipe.model.layers.clone();
        self.last_layer = recipe.model.last_layer;
        self.use_featext = recipe.model.use_featext;
        self.precision = recipe.model.precision;
        self.device = recipe.model.device;
        self.batch = recipe.model.batch;
        self.window = recipe.window;
        self.overwrite = recipe.output.overwrite;
    }

    /// Whether a story is wanted, if it can be read.
    #[must_use]
    pub(crate) fn wants(&self, story: &str) -> bool {
        let is_named = self.only.is_empty() || self.only.contains(story);
        is_named && !self.left_out.contains(story)
    }

    /// Wants a story, or leaves it out.
    pub(crate) fn want(&mut self, story: &str, is_wanted: bool) {
        if !is_wanted {
            self.left_out.insert(story.to_owned());
            return;
        }
        self.left_out.remove(story);
        if !self.only.is_empty() {
            self.only.insert(story.to_owned());
        }
    }

    /// Wants all stories.
    pub(crate) fn want_all(&mut self) {
        self.left_out.clear();
        self.only.clear();
    }
}

impl StoryInfo {
    /// Whether a study extracts it: what cannot be read is not ticked.
    #[must_use]
    pub(crate) fn is_wanted(&self, study: &Study) -> bool {
        self.is_readable() && study.wants(&self.story)
    }
}

/// A study that is open.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct OpenStudy {
    /// Its folder.
    pub(crate) folder: PathBuf,
    /// What it says.
    pub(crate) study: Study,
}

/// Everything that the user has decided and that a page may read.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct State {
    /// What outlasts the window.
    pub(crate) preferences: Preferences,
    /// The study that is open.
    pub(crate) open: Option<OpenStudy>,
    /// The story that is looked at.
    pub(crate) story: Option<String>,
    /// The features that are looked at.
    pub(crate) selection: Option<FeatureSelection>,
    /// The scores that are looked at.
    pub(crate) scores: Option<PathBuf>,
    /// The scores that they are compared with.
    pub(crate) other_scores: Option<PathBuf>,
    /// The instant that is looked at, in seconds.
    pub(crate) cursor_secs: f64,
    /// The voxel whose responses are looked at.
    pub(crate) voxel: usize,
    /// What is shown of the time, in seconds, if not all.
    pub(crate) shown_secs: Option<[f64; 2]>,
    /// How the cortex is shown.
    pub(crate) brain: BrainSettings,
    /// Regions that are drawn on it.
    pub(crate) drawing: RegionDrawing,
    /// The subject that scores are shown on while no study is open.
    pub(crate) subject: SubjectChoice,
    /// Size of its picture in pixels, and whether it is being turned.
    pub(crate) brain_size: Option<([usize; 2], bool)>,
    /// The way of its camera to another view.
    pub(crate) brain_flight: Option<Flight>,
}

impl State {
    /// The page that is shown.
    #[must_use]
    pub(crate) fn page(&self) -> Page {
        self.preferences.page
    }

    /// The subject that scores are shown on: that of the study, if one is open.
    #[must_use]
    pub(crate) fn subject(&self) -> &SubjectChoice {
        self.study().map_or(&self.subject, |study| &study.subject)
    }

    /// The features that the study's fit is made with: those chosen, or the study's own.
    #[must_use]
    pub(crate) fn fit_features(&self) -> Option<PathBuf> {
        let open = self.open.as_ref()?;
        open.study.fit_features(&open.folder)
    }

    /// The recipe of the study's fit.
    ///
    /// # Errors
    /// A sentence that says what is missing.
    pub(crate) fn fit_recipe(&self) -> Result<EncodeRecipe, String> {
        let open = self.open.as_ref().ok_or("Open a study first.")?;
        open.study.fit_recipe(&open.folder)
    }

    /// What the open study says.
    #[must_use]
    pub(crate) fn study(&self) -> Option<&Study> {
        self.open.as_ref().map(|open| &open.study)
    }
}

#[cfg(test)]
mod tests {
    use heschl_core::speech::window::Coverage;

    use super::*;

    #[test]
    fn every_setting_of_a_recipe_is_taken_over() {
        let recipe = ExtractRecipe {
            stimuli: StimuliRecipe {
                folder: "/stories".into(),
                recursive: true,
                resampling: Resampling::Refuse,
                stories: vec!["b".into(), "c".into()],
                custom_stimuli: Some("tones".parse().unwrap()),
            },
            model: ModelRecipe {
                model: "whisper-base".into(),
                layers: LayerChoice::Some(vec![1, 3]),
                last_layer: LastLayer::BeforeNorm,
                use_featext: false,
                precision: Precision::F16,
                device: DeviceChoice::Cpu,
                batch: Some(3),
            },
            window: WindowSettings {
                chunk_ms: 50.0,
                context_ms: 500.0,
                stride_secs: Some(0.2),
                coverage: Coverage::PadSilence,
            },
            output: OutputRecipe {
                folder: "/study".into(),
                overwrite: true,
            },
        };
        let mut study = Study::default();
        study.adopt(&recipe);
        let story = |name: &str| StoryInfo {
            story: name.into(),
            path: PathBuf::new(),
            header: None,
            is_listed: true,
        };
        let stories = ["a", "b", "c"].map(story);
        let stories: Vec<&StoryInfo> = stories.iter().collect();
        let again = |study: &Study| study.recipe("/study".as_ref(), &stories);
        assert_eq!(again(&study), recipe);
        study.want("a", true);
        study.want("b", false);
        assert_eq!(again(&study).stimuli.stories, ["a", "c"]);
        study.want_all();
        assert_eq!(again(&study).stimuli.stories, [""; 0]);
    }
}
