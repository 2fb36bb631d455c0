//! The methods paragraph: every step that was run, and no other.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::EncodeReport;
use super::works::Work;
use crate::fmri::delay::DelayBorders;
use crate::fmri::downsample::Downsampling;
use crate::fmri::scans::TriggerRepair;
use crate::fmri::textgrid::EmptyLabels;
use crate::linear::ridge::{AlphaSharing, AlphaUnit};
use crate::linear::split::{CrossValidation, HeldChunks};
use crate::run::recipe::{FeatureKind, FitPrecision, Normalisation, ScansRecipe, SetInfo, Trim};
use crate::speech::window::Coverage;
use crate::stats::ceiling::TotalPower;
use crate::stats::score::RoundScore;

/// A paragraph that collects its citations.
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

    /// Returns the citation mark of a work and adds it to the references.
    fn cite(&mut self, work: Work) -> &'static str {
        self.cited.insert(work);
        work.mark()
    }
}

pub(super) fn markdown(report: &EncodeReport) -> String {
    let mut paragraph = Paragraph::default();
    features(&mut paragraph, report);
    downsampling(&mut paragraph, report);
    design(&mut paragraph, report);
    fit(&mut paragraph, report);
    scores(&mut paragraph, report);
    let mut text = format!(
        "# Methods\n\n{}\n\nComputed with Heschl {}; to reproduce this analysis, run `recipe.toml`.\n\n## References\n\n",
        paragraph.text, report.info.heschl
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
        .info
        .sets
        .iter()
        .zip(&report.recipe.features)
        .map(|(info, set)| match set.kind {
            FeatureKind::Features => encoder_features(paragraph, info),
            FeatureKind::WordRate => rate("word", set.empty_labels),
            FeatureKind::PhonemeRate => rate("phoneme", set.empty_labels),
            FeatureKind::MelSpectrogram => "an 80-band log-mel spectrogram (10 ms hop)".into(),
            FeatureKind::Rms => "root-mean-square amplitude (10 ms hop)".into(),
            FeatureKind::Position => "linear and quadratic position in the story".into(),
        })
        .collect();
    let verb = if sets.len() == 1 {
        "Stimuli were represented by"
    } else {
        "Stimuli were represented, in one model, by"
    };
    paragraph.say(&format!("{verb} {}.", listed(&sets)));
}

fn rate(of: &str, empty_labels: EmptyLabels) -> String {
    let counted = match empty_labels {
        EmptyLabels::Pauses => "",
        EmptyLabels::Entries => " (entries without a label counted)",
        EmptyLabels::AsInStudy => {
            " (entries without a label counted where pauses have a label of their own)"
        }
    };
    format!("{of} rate{counted}")
}

fn encoder_features(paragraph: &mut Paragraph, info: &SetInfo) -> String {
    let n = info.n_features;
    let Some(source) = &info.source else {
        return format!("{n} features (\"{}\")", escaped(&info.name));
    };
    let layer = match &source.layer {
        None => "the final output".to_string(),
        Some(layer) => match layer.split_once('.') {
            Some((_, number)) => format!("layer {}", escaped(number)),
            None => format!("layer {}", escaped(layer)),
        },
    };
    let model = escaped(&source.model);
    let cited = work_of(&source.model).map(|work| format!(" ({})", paragraph.cite(work)));
    let study = paragraph.cite(Work::Antonello2023);
    let coverage = match source.coverage {
        Coverage::RampIn => "shorter at story onset",
        Coverage::FullContext => "only where all of it lay inside the recording",
        Coverage::PadSilence => "with silence before the recording",
    };
    let samples = if source.use_featext {
        ", each window normalised by the model's feature extractor"
    } else {
        ""
    };
    format!(
        "{n} features from {layer} of {model}{}, extracted every {} s from a causal window of the preceding {} s of audio \
         ({coverage}){samples}, at the window's last output frame ({study})",
        cited.unwrap_or_default(),
        source.step_secs,
        source.window_secs
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

fn downsampling(paragraph: &mut Paragraph, report: &EncodeReport) {
    let (resampled, given): (Vec<&SetInfo>, Vec<&SetInfo>) =
        report.info.sets.iter().partition(|set| !set.at_scan_times);
    if resampled.is_empty() {
        paragraph.say("Features were given at the fMRI acquisition times.");
        return;
    }
    let names = |sets: &[&SetInfo]| {
        let names: Vec<String> = sets
            .iter()
            .map(|set| format!("\"{}\"", escaped(&set.name)))
            .collect();
        listed(&names)
    };
    let which = if given.is_empty() {
        "Features".to_string()
    } else {
        format!("Features of {}", names(&resampled))
    };
    let times = acquisition(&report.recipe.scans);
    let how = filter(paragraph, report.recipe.downsampling);
    paragraph.say(&format!(
        "{which} were resampled to the fMRI acquisition times ({times}) {how}."
    ));
    if !given.is_empty() {
        paragraph.say(&format!(
            "Features of {} were given at the acquisition times.",
            names(&given)
        ));
    }
}

/// The source of the scan times.
fn acquisition(scans: &ScansRecipe) -> String {
    match scans {
        ScansRecipe::Simulated {
            repetition_secs,
            sound_start_secs,
        } => format!(
            "TR = {repetition_secs} s; stimulus onset {sound_start_secs} s after the first volume"
        ),
        ScansRecipe::Events {
            repetition_secs, ..
        } => {
            let repetition = repetition_secs.map_or_else(
                || "TR from the image headers".to_string(),
                |secs| format!("TR = {secs} s"),
            );
            format!("{repetition}; stimulus onsets from BIDS event files")
        }
        ScansRecipe::Reports { repair, .. } => {
            let repair = match repair {
                TriggerRepair::Published => "one restored per gap, as in the published code",
                TriggerRepair::InOrder => "restored evenly within gaps",
            };
            format!("from the scanner's trigger log; missing triggers {repair}")
        }
        ScansRecipe::Lists { .. } => "as listed".into(),
    }
}

fn filter(paragraph: &mut Paragraph, method: Downsampling) -> String {
    let cutoff = |cutoff_mult: f64| {
        if (cutoff_mult - 1.0).abs() < f64::EPSILON {
            "cutoff at the TR rate".to_string()
        } else {
            format!("cutoff at {cutoff_mult} times the TR rate")
        }
    };
    match method {
        Downsampling::Lanczos {
            window,
            cutoff_mult,
            rectify,
        } => {
            let duchon = paragraph.cite(Work::Duchon1979);
            let rectified = if rectify {
                ", applied separately to the negative and positive part of each feature"
            } else {
                ""
            };
            let cutoff = cutoff(cutoff_mult);
            format!("with a {window}-lobe Lanczos filter ({cutoff}; {duchon}){rectified}")
        }
        Downsampling::Sinc {
            window,
            cutoff_mult,
        } => format!(
            "with a {window}-lobe sinc filter whose weights sum to 1 ({})",
            cutoff(cutoff_mult)
        ),
        Downsampling::Mean => "by averaging the frames within half a TR of each acquisition".into(),
        Downsampling::Nearest => "by taking the frame nearest to each acquisition".into(),
    }
}

fn design(paragraph: &mut Paragraph, report: &EncodeReport) {
    let design = &report.recipe.design;
    let trims = [
        ("training", design.trim_train, design.trim_responses_train),
        ("test", design.trim_test, design.trim_responses_test),
    ];
    let discarded: Vec<String> = trims
        .into_iter()
        .filter_map(|(stories, features, responses)| {
            let parts: Vec<String> = [(features, "the features"), (responses, "the responses")]
                .into_iter()
                .filter_map(|(trim, of)| Some(format!("{} of {of}", ends(trim)?)))
                .collect();
            let parts = (!parts.is_empty()).then(|| listed(&parts))?;
            Some(format!("of each {stories} story, {parts}"))
        })
        .collect();
    if !discarded.is_empty() {
        paragraph.say(&format!(
            "Scans were discarded at story edges: {}.",
            discarded.join("; ")
        ));
    }
    paragraph.say(match design.normalisation {
        Normalisation::PerStory => "Each feature was z-scored within each story.",
        Normalisation::TrainingStatistics => {
            "Each feature was z-scored with the mean and standard deviation of the training stories."
        }
    });
    let borders = match design.delay_borders {
        DelayBorders::AcrossStories => {
            "after stories were concatenated, so that delays cross story boundaries"
        }
        DelayBorders::WithinStories => "within each story",
    };
    let delays: Vec<String> = design.delays.iter().map(i32::to_string).collect();
    paragraph.say(&format!(
        "To model the hemodynamic response, features were delayed by {} scan{} {borders}, giving {} regressors.",
        listed(&delays),
        plural(design.delays.len(), if delays == ["1"] { "" } else { "s" }, "s"),
        report.info.n_columns
    ));
}

/// Describes the trimmed scans; `None` if there are none.
fn ends(trim: Trim) -> Option<String> {
    let part = |name: &str, n: usize| (n > 0).then(|| format!("the {name} {n}"));
    let parts: Vec<String> = [
        part("first", trim.start_scans),
        part("last", trim.end_scans),
    ]
    .into_iter()
    .flatten()
    .collect();
    (!parts.is_empty()).then(|| format!("{} scans", parts.join(" and ")))
}

fn fit(paragraph: &mut Paragraph, report: &EncodeReport) {
    let (info, ridge) = (report.info, &report.recipe.ridge);
    let hoerl = paragraph.cite(Work::Hoerl1970);
    let penalty = match ridge.alpha_unit {
        AlphaUnit::Plain => "penalty α² on the squared weights",
        AlphaUnit::LargestSingularValue => {
            "penalty (αs)² on the squared weights, with s the largest singular value of the design matrix"
        }
    };
    let mask = if report.recipe.responses.mask.is_some() {
        " inside a mask"
    } else {
        ""
    };
    let precision = match ridge.precision {
        FitPrecision::F32 => "single",
        FitPrecision::F64 => "double",
    };
    paragraph.say(&format!(
        "Ridge regression ({hoerl}; {penalty}) was fitted in {precision} precision to each of {} voxels{mask} on {} scans of {} \
         training stor{}.",
        info.n_voxels,
        info.n_training_scans,
        info.training_stories.len(),
        plural(info.training_stories.len(), "y", "ies")
    ));
    let range = tried(&report.table.alphas);
    let folds = folds(report);
    if let Some(banded) = &ridge.banded {
        let dupre = paragraph.cite(Work::Dupre2022);
        paragraph.say(&format!(
            "Each set of features had its own penalty ({dupre}): for each voxel, the kernel weights of the sets were selected among \
             equal weights, each set alone and {} random mixtures, and α {range}, by the mean R² over {folds}.",
            banded.n_mixtures
        ));
        return;
    }
    let shared = match ridge.sharing {
        AlphaSharing::PerVoxel => "for each voxel",
        AlphaSharing::One => "for all voxels together",
        AlphaSharing::PerGroup => "for each group of voxels",
    };
    let score = match ridge.round_score {
        RoundScore::Correlation => "Pearson's r",
        RoundScore::SignedRootR2 => "signed root of R²",
        RoundScore::ClippedR2 => "R² clipped to 0–1",
        RoundScore::R2 => "R²",
    };
    paragraph.say(&format!(
        "α was selected {shared} {range}, by the mean {score} over {folds}."
    ));
}

/// Describes the candidate α.
fn tried(alphas: &[f64]) -> String {
    match (alphas.first(), alphas.last()) {
        (Some(first), Some(last)) if alphas.len() > 1 => format!(
            "among {} values from {} to {}",
            alphas.len(),
            short(*first),
            short(*last)
        ),
        (Some(only), _) => format!("as {}", short(*only)),
        _ => String::new(),
    }
}

/// Describes the held-out data that select α.
fn folds(report: &EncodeReport) -> String {
    let (ridge, n_held) = (&report.recipe.ridge, report.info.n_held_scans);
    match ridge.cross_validation {
        CrossValidation::ChunkBootstrap {
            n_rounds,
            chunk_scans,
            chunks,
        } => {
            let share = match chunks {
                HeldChunks::Count(n) => format!("{n} chunks"),
                HeldChunks::Quarter => "a quarter of the training scans in chunks".into(),
                HeldChunks::Fifth => "a fifth of the training scans in chunks".into(),
            };
            format!(
                "{n_rounds} bootstrap{}, each holding out {share} of {chunk_scans} scans chosen at random ({n_held} scans; random \
                 seed {})",
                plural(n_rounds, "", "s"),
                ridge.seed
            )
        }
        CrossValidation::KFold { n_folds } => {
            format!("{n_folds} folds of contiguous training scans")
        }
        CrossValidation::LeaveOneStoryOut => "folds that each left out one training story".into(),
    }
}

fn scores(paragraph: &mut Paragraph, report: &EncodeReport) {
    let (info, recipe) = (report.info, report.recipe);
    let repeated = if info.n_presentations > 1 {
        format!(", averaged over {} presentations", info.n_presentations)
    } else {
        String::new()
    };
    paragraph.say(&format!(
        "The model fitted on all training scans was scored by Pearson's r between predicted and measured responses over {} scans of \
         {} test stor{}{repeated}.",
        info.n_test_scans,
        info.test_stories.len(),
        plural(info.test_stories.len(), "y", "ies")
    ));
    let block = recipe.scores.block_scans;
    if recipe.scores.n_permutations > 0 {
        let benjamini = paragraph.cite(Work::BenjaminiHochberg1995);
        paragraph.say(&format!(
            "Significance was assessed with {} permutations of blocks of {block} test scans (one-sided), controlling the false \
             discovery rate over voxels at {} ({benjamini}).",
            recipe.scores.n_permutations, recipe.scores.fdr_level
        ));
    }
    if recipe.scores.n_draws > 0 {
        paragraph.say(&format!(
            "95 % confidence intervals of r were estimated from {} bootstrap samples of blocks of {block} test scans.",
            recipe.scores.n_draws
        ));
    }
    if info.n_presentations > 1 {
        let schoppe = paragraph.cite(Work::Schoppe2016);
        let power = match recipe.scores.total_power {
            TotalPower::One => "taking the total power of the z-scored responses as 1",
            TotalPower::Measured => "measuring total power as the mean variance of a presentation",
        };
        paragraph.say(&format!(
            "The noise ceiling was estimated from the individual presentations ({schoppe}), {power}; r was divided by the ceiling \
             where the ceiling exceeded {}.",
            crate::stats::ceiling::SHOWN_ABOVE
        ));
    }
}

/// A name on one line, with Markdown characters escaped.
fn escaped(name: &str) -> String {
    let mut text = String::new();
    for letter in name.chars() {
        if letter.is_ascii_punctuation() && !"-.,'/+".contains(letter) {
            text.push('\\');
        }
        text.push(if letter.is_control() { ' ' } else { letter });
    }
    text
}

fn plural(n: usize, one: &'static str, many: &'static str) -> &'static str {
    if n == 1 { one } else { many }
}

/// Formats a number with at most four significant figures.
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

/// Joins items as in "a, b and c".
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
