//! Every other setting of a fit's recipe.

use std::path::Path;

use eframe::egui;
use heschl_core::fmri::downsample::Downsampling;
use heschl_core::linear::ridge::{AlphaSharing, AlphaUnit};
use heschl_core::run::recipe::{
    BandedRecipe, FeatureKind, FeatureSet, FitPrecision, Normalisation, bounds,
};
use heschl_core::stats::ceiling::TotalPower;
use heschl_core::stats::score::RoundScore;

use crate::gui::actions::{Action, Actions, PathPurpose};
use crate::gui::fitting::{FitStudy, is_of_model, model_set, sentence_of};
use crate::gui::icons;
use crate::gui::info::Info;
use crate::gui::manual::Topic;
use crate::gui::state::Study;
use crate::gui::theme::{BETWEEN, INSIDE};
use crate::gui::widgets::{
    NumberField, NumbersField, PathField, TextField, button, choices, field_label, heading,
    icon_button, tick, weak,
};

pub(super) fn ui(
    ui: &mut egui::Ui,
    (study, info): (&Study, &Info),
    (fit, actions): (&mut FitStudy, &mut Actions),
) {
    let mut form = Form {
        ui,
        study,
        info,
        fit,
        actions,
    };
    form.group("Feature sets", Form::sets);
    form.group("Resampling to scans", Form::downsampling);
    form.group("Design matrix", Form::design);
    form.group("Ridge regression", Form::ridge);
    form.group("Statistics", Form::scores);
    form.group("Sanity checks and memory", Form::checks);
}

/// What the fields are drawn with.
struct Form<'a> {
    ui: &'a mut egui::Ui,
    study: &'a Study,
    info: &'a Info,
    fit: &'a mut FitStudy,
    actions: &'a mut Actions,
}

/// Feature sets that can be added, and their names.
const KINDS: [(FeatureKind, &str); 6] = [
    (FeatureKind::WordRate, "Word rate"),
    (FeatureKind::PhonemeRate, "Phoneme rate"),
    (FeatureKind::MelSpectrogram, "Mel spectrogram"),
    (FeatureKind::Rms, "Sound level"),
    (FeatureKind::Position, "Position in the story"),
    (FeatureKind::Features, "Other features"),
];

fn kind_name(kind: FeatureKind) -> &'static str {
    let of_kind = KINDS.iter().find(|(known, _)| *known == kind);
    of_kind.map_or("", |(_, name)| *name)
}

impl Form<'_> {
    fn group(&mut self, title: &str, show: impl FnOnce(&mut Self)) {
        self.ui.add_space(INSIDE);
        heading(self.ui, title);
        show(self);
        self.ui.add_space(BETWEEN - INSIDE);
    }

    fn number(
        &mut self,
        (label, unit, tooltip): (&str, &str, &str),
        value: f64,
        (default, bounds): (f64, &bounds::Bounds),
    ) -> f64 {
        let field = NumberField {
            label,
            unit,
            tooltip,
            default,
            topic: Topic::Fit,
        };
        let mut edited = value;
        field.show(self.ui, &mut edited, self.actions, |value| {
            bounds.check(value).map_err(|clause| sentence_of(&clause))
        });
        edited
    }

    fn count(
        &mut self,
        words: (&str, &str, &str),
        value: usize,
        (default, bounds): (usize, &bounds::Bounds),
    ) -> usize {
        let edited = self.number(words, value as f64, (default as f64, bounds));
        // A float-to-integer cast saturates.
        edited.round() as usize
    }

    fn choice<T: PartialEq + Copy>(
        &mut self,
        (label, tooltip): (&str, &str),
        current: &mut T,
        options: &[(T, &str)],
    ) {
        self.ui.horizontal(|ui| {
            field_label(ui, label).on_hover_text(tooltip);
            choices(ui, current, options);
        });
    }

    fn path(&mut self, label: &str, purpose: PathPurpose, current: Option<&Path>) {
        PathField {
            label,
            purpose,
            recent: &[],
            own: &[],
            home: self.info.home.as_deref(),
            picking: self.info.picking,
        }
        .show(self.ui, current, self.actions);
    }

    /// The sets that are concatenated in one model.
    fn sets(&mut self) {
        let mut sets = self.fit.sets.clone();
        let mut removed = None;
        for (index, set) in sets.iter_mut().enumerate() {
            self.ui.push_id(("feature set", index), |ui| {
                ui.horizontal(|ui| {
                    let is_model = is_of_model(set);
                    field_label(
                        ui,
                        if is_model {
                            "Model"
                        } else {
                            kind_name(set.kind)
                        },
                    );
                    let hint = if is_model {
                        "Named after its layer"
                    } else {
                        "Name in the results"
                    };
                    let label = format!("Name of set {}", index + 1);
                    let field = TextField {
                        label: &label,
                        hint,
                        width: 220.0,
                    };
                    field.show(ui, &mut set.name);
                    if icon_button(ui, icons::X, &format!("Remove set {}", index + 1)).clicked() {
                        removed = Some(index);
                    }
                });
            });
            if !is_of_model(set) && set.kind != FeatureKind::Position {
                let label = format!("Folder of set {}", index + 1);
                let folder =
                    Some(set.folder.as_path()).filter(|folder| !folder.as_os_str().is_empty());
                self.path(&label, PathPurpose::SetFolder(index), folder);
            }
        }
        if let Some(index) = removed {
            sets.remove(index);
        }
        self.ui.horizontal_wrapped(|ui| {
            weak(ui, "Add");
            if !sets.iter().any(is_of_model)
                && button(ui, icons::PLUS, "The model's features").clicked()
            {
                sets.insert(0, model_set());
            }
            for (kind, name) in KINDS {
                if !button(ui, icons::PLUS, name).clicked() {
                    continue;
                }
                if kind == FeatureKind::Features {
                    self.actions.push(Action::Pick(PathPurpose::NewSet));
                } else {
                    sets.push(self.study.new_set(kind, name));
                }
            }
        });
        self.fit.sets = sets;
    }

    /// How features come to the scanner's clock.
    fn downsampling(&mut self) {
        let of = |method: Downsampling| match method {
            Downsampling::Lanczos { .. } => 0,
            Downsampling::Sinc { .. } => 1,
            Downsampling::Mean => 2,
            Downsampling::Nearest => 3,
        };
        let mut method = of(self.fit.downsampling);
        let words = (
            "Filter",
            "The published analysis: Lanczos, 3 lobes, cutoff at the TR rate.",
        );
        let options = [(0, "Lanczos"), (1, "Sinc"), (2, "Mean"), (3, "Nearest")];
        self.choice(words, &mut method, &options);
        if method != of(self.fit.downsampling) {
            self.fit.downsampling = match method {
                0 => Downsampling::default(),
                1 => Downsampling::Sinc {
                    window: 3.0,
                    cutoff_mult: 1.0,
                },
                2 => Downsampling::Mean,
                _ => Downsampling::Nearest,
            };
        }
        let mut edited = self.fit.downsampling;
        if let Downsampling::Lanczos {
            window,
            cutoff_mult,
            ..
        }
        | Downsampling::Sinc {
            window,
            cutoff_mult,
        } = &mut edited
        {
            let lobes = (
                "Lobes",
                "",
                "Lobes of the filter on each side of its centre.",
            );
            *window = self.number(lobes, *window, (3.0, &bounds::FILTER_WINDOW));
            let cutoff = (
                "Cutoff",
                "× TR",
                "Cut-off frequency as a multiple of the TR rate.",
            );
            *cutoff_mult = self.number(cutoff, *cutoff_mult, (1.0, &bounds::CUTOFF_MULT));
        }
        if let Downsampling::Lanczos { rectify, .. } = &mut edited {
            tick(self.ui, rectify, "Split into negative and positive parts").on_hover_text(
                "Resample the negative and the positive part of each feature separately; doubles the number of features.",
            );
        }
        self.fit.downsampling = edited;
    }

    fn design(&mut self) {
        let mut delays: Vec<f64> = self
            .fit
            .design
            .delays
            .iter()
            .copied()
            .map(f64::from)
            .collect();
        let field = NumbersField {
            label: "Delays",
            tooltip: "Delays of the features in scans, separated by commas: a finite impulse response of the haemodynamic response.",
            example: "1, 2, 3, 4",
        };
        let check = |delay: f64| {
            bounds::DELAY_SCANS
                .check(delay)
                .map_err(|clause| sentence_of(&clause))?;
            let is_whole = delay.fract() == 0.0;
            is_whole
                .then_some(())
                .ok_or_else(|| "Delays are whole numbers of scans.".to_string())
        };
        if field.show(self.ui, &mut delays, check) {
            self.fit.design.delays = delays.iter().map(|delay| *delay as i32).collect();
        }
        let mut normalisation = self.fit.design.normalisation;
        let words = (
            "z-score",
            "Mean and standard deviation that features are normalised with.",
        );
        let options = [
            (
                Normalisation::PerStory,
                "Each story by itself (as published)",
            ),
            (
                Normalisation::TrainingStatistics,
                "All stories as the training stories",
            ),
        ];
        self.choice(words, &mut normalisation, &options);
        self.fit.design.normalisation = normalisation;
    }

    fn ridge(&mut self) {
        let mut ridge = self.fit.ridge.clone();
        let words = (
            "Score for α",
            "Score on held-out training scans; the α with the best score is chosen.",
        );
        let options = [
            (RoundScore::SignedRootR2, "√|R²|, signed (as published)"),
            (RoundScore::Correlation, "r"),
            (RoundScore::ClippedR2, "R², clipped"),
            (RoundScore::R2, "R²"),
        ];
        self.choice(words, &mut ridge.round_score, &options);
        let words = ("α is chosen", "Which voxels share an α.");
        let options = [
            (AlphaSharing::PerVoxel, "Per voxel"),
            (AlphaSharing::One, "Once for all"),
            (AlphaSharing::PerGroup, "Per group"),
        ];
        self.choice(words, &mut ridge.sharing, &options);
        if ridge.sharing == AlphaSharing::PerGroup {
            self.path("Groups", PathPurpose::Groups, ridge.groups.as_deref());
        }
        let words = (
            "Unit of α",
            "α as given, or as a multiple of the largest singular value of the training features.",
        );
        let options = [
            (AlphaUnit::Plain, "As given"),
            (AlphaUnit::LargestSingularValue, "Largest singular value"),
        ];
        self.choice(words, &mut ridge.alpha_unit, &options);
        let words = (
            "Precision",
            "Number format of products with voxels. In single precision, a sample of voxels is also fitted in double precision.",
        );
        let options = [(FitPrecision::F32, "Single"), (FitPrecision::F64, "Double")];
        self.choice(words, &mut ridge.precision, &options);
        let words = (
            "Seed",
            "",
            "Seed of all random choices, as in Python's random.seed.",
        );
        ridge.seed = self.count(words, ridge.seed as usize, (0, &bounds::SEED)) as u64;
        let mut is_banded = ridge.banded.is_some();
        tick(self.ui, &mut is_banded, "A penalty for each feature set (banded ridge)").on_hover_text(
            "Each voxel chooses how much each feature set is penalised, by random search. Needs at least two feature sets.",
        );
        ridge.banded = is_banded.then(|| {
            ridge
                .banded
                .take()
                .unwrap_or(BandedRecipe { n_mixtures: 100 })
        });
        if let Some(banded) = &mut ridge.banded {
            let words = (
                "Mixtures",
                "",
                "Number of random mixtures of penalties, besides equal ones and each set alone.",
            );
            banded.n_mixtures = self.count(words, banded.n_mixtures, (100, &bounds::N_MIXTURES));
        }
        self.fit.ridge = ridge;
    }

    fn scores(&mut self) {
        let mut scores = self.fit.scores.clone();
        let words = (
            "Permutations",
            "",
            "Block permutations for each voxel's p-value. 0 turns them off.",
        );
        scores.n_permutations = self.count(
            words,
            scores.n_permutations,
            (1000, &bounds::N_PERMUTATIONS),
        );
        let words = (
            "Block length",
            "scans",
            "Scans per block of test time, for permutations and bootstrap.",
        );
        scores.block_scans = self.count(words, scores.block_scans, (10, &bounds::BLOCK_SCANS));
        let words = (
            "Bootstrap draws",
            "",
            "Bootstrap samples for the confidence interval of each voxel's r. 0 turns them off.",
        );
        scores.n_draws = self.count(words, scores.n_draws, (500, &bounds::N_DRAWS));
        let words = (
            "FDR level",
            "",
            "False discovery rate at which voxels count as significant.",
        );
        scores.fdr_level = self.number(words, scores.fdr_level, (0.05, &bounds::FDR_LEVEL));
        let words = (
            "Total power",
            "Variance of the responses that the noise ceiling assumes. The published code: 1, since responses are z-scored.",
        );
        let options = [
            (TotalPower::One, "1 (as published)"),
            (TotalPower::Measured, "As measured"),
        ];
        self.choice(words, &mut scores.total_power, &options);
        tick(self.ui, &mut scores.controls, "Run sanity checks").on_hover_text(
            "Compare the fit with simpler models and shuffled data on a sample of voxels.",
        );
        self.fit.scores = scores;
    }

    fn checks(&mut self) {
        weak(
            self.ui,
            "Recordings of the stories, and features of an untrained network, for the sanity checks that compare the model with them.",
        );
        let recordings = self
            .fit
            .recordings
            .clone()
            .or_else(|| self.study.stimuli.clone());
        self.path(
            "Recordings",
            PathPurpose::CheckRecordings,
            recordings.as_deref(),
        );
        let untrained = self.fit.untrained.clone();
        self.path(
            "Untrained features",
            PathPurpose::Untrained,
            untrained.as_deref(),
        );
        let words = (
            "Memory",
            "GiB",
            "Memory that a fit may take. It changes how many voxels are computed at a time, and no result.",
        );
        self.fit.memory_gib = self.number(words, self.fit.memory_gib, (6.0, &bounds::MEMORY_GIB));
    }
}

impl Study {
    /// A set of a kind, with the folder that the study has for it.
    fn new_set(&self, kind: FeatureKind, name: &str) -> FeatureSet {
        let folder = match kind {
            FeatureKind::WordRate | FeatureKind::PhonemeRate => {
                self.fit.words.clone().or_else(|| self.recordings_folder())
            }
            FeatureKind::MelSpectrogram | FeatureKind::Rms => self.recordings_folder(),
            FeatureKind::Features | FeatureKind::Position => None,
        };
        let name = name.to_lowercase();
        let is_taken = |name: &str| self.fit.sets.iter().any(|set| set.name == name);
        let numbered = (2..).map(|n| format!("{name} {n}"));
        let mut names = std::iter::once(name.clone()).chain(numbered);
        FeatureSet {
            name: names.find(|name| !is_taken(name)).unwrap_or_default(),
            kind,
            folder: folder.unwrap_or_default(),
            ..model_set()
        }
    }
}
