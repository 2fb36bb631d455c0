//! The methods paragraph: every step once, none else.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::EncodeReport;
use crate::delay::DelayBorders;
use crate::downsample::Downsampling;
use crate::recipe::{EncodeRecipe, FeatureKind, Normalisation, ScansRecipe, SetFacts};
use crate::ridge::{AlphaSharing, AlphaUnit, RoundScore};
use crate::split::CrossValidation;
use crate::textgrid::EmptyLabels;

/// Works that a paragraph can cite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Work {
    Antonello2023,
    Dupre2022,
    BenjaminiHochberg1995,
    Duchon1979,
    Hoerl1970,
    Schoppe2016,
    Whisper,
    HuBert,
    WavLm,
    Wav2Vec2,
}

impl Work {
    fn mark(self) -> &'static str {
        match self {
            Self::Antonello2023 => "Antonello et al., 2023",
            Self::Dupre2022 => "Dupré la Tour et al., 2022",
            Self::BenjaminiHochberg1995 => "Benjamini & Hochberg, 1995",
            Self::Duchon1979 => "Duchon, 1979",
            Self::Hoerl1970 => "Hoerl & Kennard, 1970",
            Self::Schoppe2016 => "Schoppe et al., 2016",
            Self::Whisper => "Radford et al., 2023",
            Self::HuBert => "Hsu et al., 2021",
            Self::WavLm => "Chen et al., 2022",
            Self::Wav2Vec2 => "Baevski et al., 2020",
        }
    }

    fn reference(self) -> &'static str {
        match self {
            Self::Antonello2023 => {
                "Antonello, R., Vaidya, A., & Huth, A. G. (2023). Scaling laws for language encoding models in fMRI. *Advances in \
                 Neural Information Processing Systems*, 36."
            }
            Self::Dupre2022 => {
                "Dupré la Tour, T., Eickenberg, M., Nunez-Elizalde, A. O., & Gallant, J. L. (2022). Feature-space selection with banded \
                 ridge regression. *NeuroImage*, 264, 119728."
            }
            Self::BenjaminiHochberg1995 => {
                "Benjamini, Y., & Hochberg, Y. (1995). Controlling the false discovery rate: A practical and powerful approach to \
                 multiple testing. *Journal of the Royal Statistical Society B*, 57, 289–300."
            }
            Self::Duchon1979 => {
                "Duchon, C. E. (1979). Lanczos filtering in one and two dimensions. *Journal of Applied Meteorology*, 18, 1016–1022."
            }
            Self::Hoerl1970 => {
                "Hoerl, A. E., & Kennard, R. W. (1970). Ridge regression: Biased estimation for nonorthogonal problems. \
                 *Technometrics*, 12, 55–67."
            }
            Self::Schoppe2016 => {
                "Schoppe, O., Harper, N. S., Willmore, B. D. B., King, A. J., & Schnupp, J. W. H. (2016). Measuring the performance \
                 of neural models. *Frontiers in Computational Neuroscience*, 10, 10."
            }
            Self::Whisper => {
                "Radford, A., Kim, J. W., Xu, T., Brockman, G., McLeavey, C., & Sutskever, I. (2023). Robust speech recognition via \
                 large-scale weak supervision. *Proceedings of the 40th International Conference on Machine Learning*."
            }
            Self::HuBert => {
                "Hsu, W.-N., Bolte, B., Tsai, Y.-H. H., Lakhotia, K., Salakhutdinov, R., & Mohamed, A. (2021). HuBERT: \
                 Self-supervised speech representation learning by masked prediction of hidden units. *IEEE/ACM Transactions on \
                 Audio, Speech, and Language Processing*, 29, 3451–3460."
            }
            Self::WavLm => {
                "Chen, S., et al. (2022). WavLM: Large-scale self-supervised pre-training for full stack speech processing. *IEEE \
                 Journal of Selected Topics in Signal Processing*, 16, 1505–1518."
            }
            Self::Wav2Vec2 => {
                "Baevski, A., Zhou, Y., Mohamed, A., & Auli, M. (2020). wav2vec 2.0: A framework for self-supervised learning of \
                 speech representations. *Advances in Neural Information Processing Systems*, 33."
            }
        }
    }
}

/// Text that gathers what it cites.
#[derive(Default)]
struct Paragraph {
    text: String,
    cited: BTreeSet<Work>,
}

impl Paragraph {
    fn say(&mut self, sentence: &str) {
        if !self.text.is_empty() {
            self.text.push(' ');
        }
        self.text.push_str(sentence);
    }

    /// The mark of a work, which the list of references then holds.
    fn cite(&mut self, work: Work) -> &'static str {
        self.cited.insert(work);
        work.mark()
    }
}

pub(super) fn markdown(report: &EncodeReport) -> String {
    let mut paragraph = Paragraph::default();
    features(&mut paragraph, report);
    downsampling(&mut paragraph, report.recipe);
    design(&mut paragraph, report);
    fit(&mut paragraph, report);
    scores(&mut paragraph, report);
    let mut text = format!(
        "# Methods\n\n{}\n\nComputed with Heschl {}; `recipe.toml` beside this text repeats it.\n\n## References\n\n",
        paragraph.text, report.facts.heschl
    );
    let mut references: Vec<&str> = paragraph
        .cited
        .iter()
        .map(|work| work.reference())
        .collect();
    references.sort_unstable();
    for reference in references {
        let _ = writeln!(text, "- {reference}");
    }
    text
}

fn features(paragraph: &mut Paragraph, report: &EncodeReport) {
    let sets: Vec<String> = report
        .facts
        .sets
        .iter()
        .zip(&report.recipe.features)
        .map(|(facts, set)| match set.kind {
            FeatureKind::Features => encoder_features(paragraph, facts),
            FeatureKind::WordRate => rate("words", set.empty_labels),
            FeatureKind::PhonemeRate => rate("phonemes", set.empty_labels),
            FeatureKind::MelSpectrogram => {
                "the log-mel spectrogram of the recording (80 bands, every 10 ms)".into()
            }
            FeatureKind::Rms => "the root mean square of the recording (every 10 ms)".into(),
            FeatureKind::Position => "the position in the story and its square".into(),
        })
        .collect();
    let stimuli = if sets.len() == 1 {
        "The stimuli were"
    } else {
        "Side by side in one model, the stimuli were"
    };
    paragraph.say(&format!("{stimuli} described by {}.", listed(&sets)));
}

fn rate(of: &str, empty_labels: EmptyLabels) -> String {
    let counted = match empty_labels {
        EmptyLabels::Pauses => "",
        EmptyLabels::Entries => " (annotations without a label counted)",
        EmptyLabels::AsInStudy => {
            " (annotations without a label counted where pauses have one of their own)"
        }
    };
    format!("the number of {of} per scan{counted}")
}

fn encoder_features(paragraph: &mut Paragraph, facts: &SetFacts) -> String {
    let n = facts.n_features;
    let Some(source) = &facts.source else {
        return format!("{n} features per frame (\"{}\")", facts.name);
    };
    let layer = source.layer.as_deref().map_or_else(
        || "the final output".to_string(),
        |layer| match layer.strip_prefix("encoder.") {
            Some(number) => format!("layer {number}"),
            None => layer.to_string(),
        },
    );
    let cited = work_of(&source.model).map(|work| format!(" ({})", paragraph.cite(work)));
    let study = paragraph.cite(Work::Antonello2023);
    format!(
        "{n} features from {layer} of {}{}, which heard a causal window of {} s that moved in steps of {} s, its last frame being \
         kept ({study})",
        source.model,
        cited.unwrap_or_default(),
        source.window_secs,
        source.step_secs
    )
}

fn work_of(model: &str) -> Option<Work> {
    let families = [
        ("whisper", Work::Whisper),
        ("hubert", Work::HuBert),
        ("wavlm", Work::WavLm),
        ("wav2vec2", Work::Wav2Vec2),
    ];
    let model = model.to_lowercase();
    let found = families
        .into_iter()
        .find(|(family, _)| model.contains(family));
    found.map(|(_, work)| work)
}

fn downsampling(paragraph: &mut Paragraph, recipe: &EncodeRecipe) {
    let times = match &recipe.scans {
        ScansRecipe::Simulated {
            repetition_secs,
            sound_start_secs,
        } => format!(
            "the times of volumes taken every {repetition_secs} s, the sound beginning {sound_start_secs} s after the first,"
        ),
        ScansRecipe::Events {
            repetition_secs: Some(repetition_secs),
            ..
        } => format!(
            "the times of volumes taken every {repetition_secs} s, the sound's onsets as recorded,"
        ),
        ScansRecipe::Events { .. } => {
            "the times of volumes taken as their headers say, the sound's onsets as recorded,"
                .into()
        }
        ScansRecipe::Reports { .. } => "the recorded times of the scanner's triggers".into(),
        ScansRecipe::Lists { .. } => "the listed times of the volumes".into(),
    };
    let how = match recipe.downsampling {
        Downsampling::Lanczos {
            window,
            cutoff_mult,
            rectify,
        } => {
            let duchon = paragraph.cite(Work::Duchon1979);
            let rectified = if rectify {
                ", its negative and positive parts apart,"
            } else {
                ""
            };
            let cutoff = if (cutoff_mult - 1.0).abs() < f64::EPSILON {
                "the scanner's rate".to_string()
            } else {
                format!("{cutoff_mult} times the scanner's rate")
            };
            format!(
                "with a Lanczos filter{rectified} of {window} lobes and a cut-off at {cutoff} ({duchon})"
            )
        }
        Downsampling::Sinc { window, .. } => {
            format!("with a sinc filter cut off after {window} lobes")
        }
        Downsampling::Mean => "by the mean of the frames within each scan".into(),
        Downsampling::Nearest => "by taking the frame nearest to each scan's centre".into(),
    };
    paragraph.say(&format!("Features were brought to {times} {how}."));
}

fn design(paragraph: &mut Paragraph, report: &EncodeReport) {
    let design = &report.recipe.design;
    let trim = |trim: crate::recipe::Trim| {
        format!(
            "the first {} and the last {}",
            trim.start_scans, trim.end_scans
        )
    };
    let trims = if design.trim_train == design.trim_test {
        format!(
            "{} scans of each story were left out",
            trim(design.trim_train)
        )
    } else {
        format!(
            "{} scans of each training story and {} of each test story were left out",
            trim(design.trim_train),
            trim(design.trim_test)
        )
    };
    let normalised = match design.normalisation {
        Normalisation::PerStory => "each feature was z-scored within each story",
        Normalisation::TrainingStatistics => {
            "each feature was z-scored with the mean and deviation of the training stories"
        }
    };
    let borders = match design.delay_borders {
        DelayBorders::AcrossStories => {
            "after the stories were stacked, so that delays cross their borders"
        }
        DelayBorders::WithinStories => "within each story",
    };
    let delays: Vec<String> = design.delays.iter().map(i32::to_string).collect();
    paragraph.say(&format!(
        "{} and {normalised}; copies delayed by {} scans were made {borders}, which gave {} regressors.",
        capitalised(&trims),
        listed(&delays),
        report.facts.n_columns
    ));
}

fn fit(paragraph: &mut Paragraph, report: &EncodeReport) {
    let (facts, ridge) = (report.facts, &report.recipe.ridge);
    let hoerl = paragraph.cite(Work::Hoerl1970);
    let penalty = match ridge.alpha_unit {
        AlphaUnit::Plain => "the penalty on the squared weights being α²",
        AlphaUnit::LargestSingularValue => {
            "the penalty on the squared weights being the square of α times the largest singular value of the regressors"
        }
    };
    paragraph.say(&format!(
        "Ridge regression ({hoerl}; {penalty}) was fitted to each of {} voxels on {} scans of {} training stor{}.",
        facts.n_voxels,
        facts.n_training_scans,
        facts.training_stories.len(),
        plural(facts.training_stories.len(), "y", "ies")
    ));
    let shared = match ridge.sharing {
        AlphaSharing::PerVoxel => "for each voxel",
        AlphaSharing::One => "for all voxels together",
        AlphaSharing::PerGroup => "for each group of voxels",
    };
    let score = match ridge.round_score {
        RoundScore::Correlation => "Pearson's r",
        RoundScore::SignedRootR2 => "the signed root of R²",
        RoundScore::ClippedR2 => "R² clipped to 0…1",
        RoundScore::R2 => "R²",
    };
    let rounds = match ridge.cross_validation {
        CrossValidation::ChunkBootstrap {
            n_rounds,
            chunk_scans,
            ..
        } => format!(
            "{n_rounds} round{} that held out {} training scans in randomly chosen chunks of {chunk_scans}",
            plural(n_rounds, "", "s"),
            facts.n_held_scans
        ),
        CrossValidation::KFold { n_folds } => {
            format!("{n_folds}-fold cross-validation over contiguous runs of training scans")
        }
        CrossValidation::LeaveOneStoryOut => {
            "cross-validation that left out one training story at a time".into()
        }
    };
    let alphas = &report.table.alphas;
    let range = match (alphas.first(), alphas.last()) {
        (Some(first), Some(last)) if alphas.len() > 1 => {
            format!(
                "among {} values from {} to {}",
                alphas.len(),
                short(*first),
                short(*last)
            )
        }
        (Some(only), _) => format!("as {}", short(*only)),
        _ => String::new(),
    };
    if let Some(banded) = &ridge.banded {
        let dupre = paragraph.cite(Work::Dupre2022);
        paragraph.say(&format!(
            "Each set of features had a penalty of its own ({dupre}): for each voxel the weights of the sets' kernels were chosen among \
             the equal mixture, each set alone and {} random mixtures, and α {range}, by the mean of R² over {rounds}.",
            banded.n_mixtures
        ));
        return;
    }
    paragraph.say(&format!(
        "α was chosen {shared} {range}, by the mean of {score} over {rounds}."
    ));
}

fn scores(paragraph: &mut Paragraph, report: &EncodeReport) {
    let (facts, recipe) = (report.facts, report.recipe);
    let repeated = if facts.n_presentations > 1 {
        format!(", the mean of {} presentations", facts.n_presentations)
    } else {
        String::new()
    };
    paragraph.say(&format!(
        "The model fitted on all training scans predicted {} scans of {} test stor{}{repeated}; the score of a voxel is Pearson's r \
         of prediction and measurement.",
        facts.n_test_scans,
        facts.test_stories.len(),
        plural(facts.test_stories.len(), "y", "ies")
    ));
    if recipe.scores.n_permutations > 0 {
        let benjamini = paragraph.cite(Work::BenjaminiHochberg1995);
        paragraph.say(&format!(
            "Its significance was estimated by {} permutations of blocks of {} test scans (one-sided), with the false discovery rate \
             over voxels held at {} ({benjamini}).",
            recipe.scores.n_permutations, recipe.scores.block_scans, recipe.scores.fdr_level
        ));
    }
    if recipe.scores.n_draws > 0 {
        paragraph.say(&format!(
            "Intervals of r hold 95 % of {} draws, with replacement, of blocks of {} test scans.",
            recipe.scores.n_draws, recipe.scores.block_scans
        ));
    }
    if facts.n_presentations > 1 {
        let schoppe = paragraph.cite(Work::Schoppe2016);
        paragraph.say(&format!(
            "The noise ceiling was estimated from the single presentations ({schoppe}), and r divided by it where it was above \
             {}.",
            crate::ceiling::SHOWN_ABOVE
        ));
    }
}

fn plural(n: usize, one: &'static str, many: &'static str) -> &'static str {
    if n == 1 { one } else { many }
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

/// A number with at most four figures.
pub(super) fn short(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return value.to_string();
    }
    let n_decimals = (3 - value.abs().log10().floor() as i32).clamp(0, 6) as usize;
    let text = format!("{value:.n_decimals$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').into()
    } else {
        text
    }
}

/// "a, b and c".
fn listed(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [only] => only.clone(),
        [others @ .., last] => format!("{} and {last}", others.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        for (value, text) in [
            (10.0, "10"),
            (16.378_937, "16.38"),
            (10_000.0, "10000"),
            (0.001_234_567, "0.001235"),
            (0.0, "0"),
        ] {
            assert_eq!(short(value), text);
        }
        assert_eq!(listed(&["1".into(), "2".into(), "3".into()]), "1, 2 and 3");
    }

    #[test]
    fn models_are_cited_by_their_family() {
        assert_eq!(work_of("whisper-tiny.en"), Some(Work::Whisper));
        assert_eq!(work_of("WavLM-base"), Some(Work::WavLm));
        assert_eq!(work_of("mine"), None);
    }
}
