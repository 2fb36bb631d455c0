//! Alignment of one story for visual inspection: words, frames, scans, trims and responses on a common time axis.

use std::ops::Range;
use std::path::PathBuf;

use super::frames::{read_times, read_words};
use super::lengths::{far_apart, fitting_trims, mismatch, trimmed};
use super::{DesignError, other_repetition, scan_times};
use crate::files::responses::{ResponseSource, ResponsesError};
use crate::fmri::downsample::{Downsampling, frames_of_scan, weight_at};
use crate::fmri::scans::ScanTimes;
use crate::fmri::textgrid::{ChosenTier, Interval};
use crate::remedy::Remedy;
use crate::run::recipe::{ScansRecipe, Trim};

/// Inputs of an alignment.
#[derive(Debug, Clone, PartialEq)]
pub struct AlignmentQuestion {
    /// The story.
    pub story: String,
    /// Feature folder of a model, for its frame times.
    pub features: Option<PathBuf>,
    /// Folder of `TextGrid` files.
    pub words: Option<PathBuf>,
    /// Source of the scan times.
    pub scans: ScansRecipe,
    /// Scans trimmed from the features.
    pub trim: Trim,
    /// Scans trimmed from the responses.
    pub trim_responses: Trim,
    /// Name of the responses if it differs from the story's: one of several presentations.
    pub presentation: Option<String>,
    /// The voxel whose responses are shown.
    pub voxel: usize,
}

/// A story on a common time axis, in seconds from sound onset.
#[derive(Debug, Clone, PartialEq)]
pub struct Alignment {
    /// The story.
    pub story: String,
    /// Its words.
    pub words: Vec<Interval>,
    /// `(n_frames,)`: time of each feature frame; empty if unknown.
    pub frame_secs: Vec<f64>,
    /// Its scans; `None` if their number is unknown.
    pub scans: Option<ScanTimes>,
    /// Scans that remain after trimming the features.
    pub kept: Range<usize>,
    /// The responses, if there are any.
    pub time_course: Option<TimeCourse>,
    /// Error message if features and responses have different lengths.
    pub mismatch: Option<String>,
    /// Trims of the features that would make the lengths match.
    pub remedies: Vec<Trim>,
    /// Warnings.
    pub warnings: Vec<String>,
}

/// The responses of one voxel.
#[derive(Debug, Clone, PartialEq)]
pub struct TimeCourse {
    /// The voxel.
    pub voxel: usize,
    /// Number of voxels.
    pub n_voxels: usize,
    /// Number of scans before the responses' trim.
    pub n_scans: usize,
    /// Repetition time from the header, if there is one, seconds.
    pub repetition_secs: Option<f64>,
    /// `(n_kept_scans,)`: responses after trimming; NaN where missing.
    pub values: Vec<f32>,
}

/// Errors of [`Alignment::of`].
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the sentences are those of the causes")]
pub enum AlignmentError {
    #[error(transparent)]
    Design(#[from] DesignError),
    #[error(transparent)]
    Responses(#[from] ResponsesError),
}

impl AlignmentError {
    /// Returns what the user can do about it, best first.
    #[must_use]
    pub fn remedies(&self) -> Vec<Remedy> {
        match self {
            Self::Design(error) => error.remedies(),
            Self::Responses(_) => Vec::new(),
        }
    }
}

impl Alignment {
    /// Aligns a story.
    ///
    /// # Errors
    /// Returns an [`AlignmentError`] if a file is broken; missing files are skipped.
    pub fn of(
        question: &AlignmentQuestion,
        responses: Option<&dyn ResponseSource>,
    ) -> Result<Self, AlignmentError> {
        let story = &question.story;
        let frame_secs = match &question.features {
            Some(folder) => read_times(folder, story)?.unwrap_or_default(),
            None => Vec::new(),
        };
        let words = match &question.words {
            Some(folder) => read_words(folder, story)?,
            None => None,
        };
        let warnings = words.as_ref().and_then(ChosenTier::warning);
        let words = words.map(|words| words.intervals).unwrap_or_default();
        let time_course = responses
            .map(|source| time_course(question, source))
            .transpose()?
            .flatten();
        let mut alignment = Self {
            story: story.clone(),
            words,
            frame_secs,
            scans: None,
            kept: 0..0,
            time_course,
            mismatch: None,
            remedies: Vec::new(),
            warnings: warnings.into_iter().map(sentence).collect(),
        };
        alignment.lay_scans(question)?;
        Ok(alignment)
    }

    fn lay_scans(&mut self, question: &AlignmentQuestion) -> Result<(), AlignmentError> {
        let (story, trim) = (&question.story, question.trim);
        let Some(n_expected) = self.expected_scans(question) else {
            return Ok(());
        };
        let header_secs = self
            .time_course
            .as_ref()
            .and_then(|time_course| time_course.repetition_secs);
        let found = scan_times(&question.scans, story, n_expected, header_secs)?;
        let onset = found.onset.as_ref().map(ToString::to_string);
        let told = found.warnings.into_iter().chain(onset);
        self.warnings.extend(told.map(sentence));
        let scans = found.times;
        let n_scans = scans.centre_secs.len();
        self.kept = trimmed(story, n_scans, trim)?;
        if let Some(time_course) = &self.time_course {
            let lengths = [self.kept.len(), time_course.values.len()];
            if lengths[0] != lengths[1] {
                let error = mismatch(story, lengths, [trim, question.trim_responses]);
                self.mismatch = Some(error.to_string());
                self.remedies = fitting_trims(lengths[0], lengths[1], trim);
            }
        }
        self.warnings
            .extend(other_repetition(story, &scans, header_secs));
        if !self.frame_secs.is_empty() {
            self.warnings
                .extend(far_apart(story, "features", &self.frame_secs, &scans));
        }
        self.scans = Some(scans);
        Ok(())
    }

    /// Number of simulated scans: as many as the responses need, or as the features cover.
    fn expected_scans(&self, question: &AlignmentQuestion) -> Option<usize> {
        if let Some(time_course) = &self.time_course {
            return Some(time_course.values.len() + question.trim.total());
        }
        let ScansRecipe::Simulated {
            repetition_secs,
            sound_start_secs,
        } = question.scans
        else {
            // The number of scans is read from a file.
            return Some(0);
        };
        let last = self.frame_secs.iter().copied().reduce(f64::max)?;
        Some(((last + sound_start_secs) / repetition_secs).max(0.0) as usize)
    }

    /// Returns the first and last time at which there are data, seconds.
    #[must_use]
    pub fn span_secs(&self) -> [f64; 2] {
        let scans = self.scans.iter().flat_map(|scans| {
            let half = scans.repetition_secs / 2.0;
            let ends = [scans.centre_secs.first(), scans.centre_secs.last()];
            [(ends[0], -half), (ends[1], half)]
                .into_iter()
                .filter_map(|(centre, half)| Some(centre? + half))
        });
        let words = self.words.last().map(|word| word.end_secs);
        let all = scans.chain(words).chain(self.frame_secs.last().copied());
        all.fold([0.0, 0.0], |[first, last], secs| {
            [first.min(secs), last.max(secs)]
        })
    }

    /// Returns the index of the scan whose centre is nearest to a time.
    #[must_use]
    pub fn nearest_scan(&self, secs: f64) -> Option<usize> {
        let centres = &self.scans.as_ref()?.centre_secs;
        let apart = |scan: &usize| (centres[*scan] - secs).abs();
        (0..centres.len()).min_by(|a, b| apart(a).total_cmp(&apart(b)))
    }

    /// Returns the frames that contribute to a scan: their times in seconds and their weights.
    #[must_use]
    pub fn frames_of(&self, scan: usize, method: Downsampling) -> Vec<(f64, f64)> {
        let Some(scans) = &self.scans else {
            return Vec::new();
        };
        frames_of_scan(&self.frame_secs, scans, scan, method)
            .into_iter()
            .map(|(frame, weight)| (self.frame_secs[frame], weight))
            .collect()
    }

    /// Returns the weight of the resampling filter of a scan at a time; `None` for methods without a continuous filter.
    #[must_use]
    pub fn filter_at(&self, scan: usize, secs: f64, method: Downsampling) -> Option<f64> {
        let scans = self.scans.as_ref()?;
        let centre = scans.centre_secs.get(scan)?;
        weight_at(centre - secs, scans.rate_hz(), method)
    }

    /// Returns the response at a scan, by its position among the kept scans.
    #[must_use]
    pub fn response_of(&self, scan: usize) -> Option<f32> {
        let kept = scan.checked_sub(self.kept.start)?;
        self.time_course.as_ref()?.values.get(kept).copied()
    }
}

/// Capitalises the end of a message that otherwise starts with the story's name.
fn sentence(what: String) -> String {
    let mut letters = what.chars();
    let first = letters
        .next()
        .map(|letter| letter.to_uppercase().to_string());
    format!("{}{}.", first.unwrap_or_default(), letters.as_str())
}

fn time_course(
    question: &AlignmentQuestion,
    source: &dyn ResponseSource,
) -> Result<Option<TimeCourse>, AlignmentError> {
    let name = question.presentation.as_ref().unwrap_or(&question.story);
    let Some((n_scans, n_voxels)) = source.shape(name) else {
        return Ok(None);
    };
    let rows = trimmed(name, n_scans, question.trim_responses)?;
    let voxel = question.voxel.min(n_voxels.saturating_sub(1));
    let values = source.read(name, rows, voxel..(voxel + 1).min(n_voxels))?;
    Ok(Some(TimeCourse {
        voxel,
        n_voxels,
        n_scans,
        repetition_secs: source.repetition_secs(name),
        values: values.into_iter().collect(),
    }))
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;
    use crate::files::formats::npz::RowsWriter;
    use crate::files::responses::ResponsesInMemory;

    /// Frames every second until 60 s, words and phones, and 25 scans of two voxels.
    fn story(folder: &std::path::Path) -> (AlignmentQuestion, ResponsesInMemory) {
        let file = std::fs::File::create(folder.join("tale_times.npz")).unwrap();
        let mut writer = RowsWriter::new(file, "times", 60, 2).unwrap();
        let times: Vec<f32> = (0..60)
            .flat_map(|row| [row as f32 - 15.0, row as f32 + 1.0])
            .collect();
        writer.write(&times).unwrap();
        writer.finish().unwrap();
        let tier = |name: &str, text: &str| {
            format!(
                "\"IntervalTier\"\n\"{name}\"\n0\n60\n2\n0\n1.5\n\"sp\"\n1.5\n2.5\n\"{text}\"\n"
            )
        };
        let grid = format!(
            "File type = \"ooTextFile\"\nObject class = \"TextGrid\"\n\n0\n60\n<exists>\n2\n{}{}",
            tier("phone", "AH"),
            tier("word", "OH")
        );
        std::fs::write(folder.join("tale.TextGrid"), grid).unwrap();
        let measured = Array2::from_shape_fn((25, 2), |(scan, voxel)| (scan * 10 + voxel) as f64);
        let mut responses = ResponsesInMemory::default();
        responses.0.insert("tale".into(), measured);
        let question = AlignmentQuestion {
            story: "tale".into(),
            features: Some(folder.to_path_buf()),
            words: Some(folder.to_path_buf()),
            scans: ScansRecipe::default(),
            trim: Trim::from([5, 3]),
            trim_responses: Trim::default(),
            presentation: None,
            voxel: 1,
        };
        (question, responses)
    }

    #[test]
    fn a_story_is_laid_on_the_clock_of_its_sound() {
        let folder = tempfile::tempdir().unwrap();
        let (question, responses) = story(folder.path());
        let alignment = Alignment::of(&question, Some(&responses)).unwrap();
        assert_eq!(alignment.words.len(), 1);
        assert_eq!(alignment.words[0].text, "oh");
        // 25 responses and 8 trimmed scans, the first of which began 10 s before the sound.
        assert_eq!(alignment.kept, 5..30);
        assert_eq!(alignment.span_secs().map(|secs| secs as i32), [-10, 60]);
        assert_eq!(alignment.nearest_scan(1.2), Some(5));
        assert_eq!(alignment.response_of(5), Some(1.0));
        assert_eq!(alignment.response_of(29), Some(241.0));
        assert_eq!(
            [alignment.response_of(4), alignment.response_of(30)],
            [None, None]
        );
        assert_eq!((alignment.mismatch, alignment.warnings), (None, vec![]));
    }

    #[test]
    fn a_scans_frames_have_the_weights_of_the_filter() {
        let folder = tempfile::tempdir().unwrap();
        let (question, responses) = story(folder.path());
        let alignment = Alignment::of(&question, Some(&responses)).unwrap();
        let method = Downsampling::default();
        // The scan is centred at 31 s; three lobes of 2 s extend from 25 to 37 s.
        let frames = alignment.frames_of(20, method);
        assert!(frames.iter().all(|(secs, _)| (25.0..=37.0).contains(secs)));
        assert!(
            frames
                .iter()
                .any(|(secs, weight)| (secs - 31.0).abs() < 1e-9 && (weight - 1.0).abs() < 1e-9)
        );
        for (secs, weight) in frames {
            let curve = alignment.filter_at(20, secs, method).unwrap();
            assert!((weight - curve).abs() < 1e-15);
        }
        assert!(alignment.filter_at(20, 31.0, Downsampling::Mean).is_none());
    }

    #[test]
    fn lengths_that_differ_are_explained_with_trims_that_fit() {
        let folder = tempfile::tempdir().unwrap();
        let (mut question, responses) = story(folder.path());
        let list: Vec<String> = (0..40).map(|scan| (scan * 2).to_string()).collect();
        std::fs::write(folder.path().join("tale.txt"), list.join("\n")).unwrap();
        question.scans = ScansRecipe::Lists {
            folder: folder.path().to_path_buf(),
        };
        let alignment = Alignment::of(&question, Some(&responses)).unwrap();
        let sentence = alignment.mismatch.unwrap();
        assert!(sentence.contains("32 scans of features"), "{sentence}");
        assert!(sentence.contains("25 scans of responses"), "{sentence}");
        assert_eq!(
            alignment.remedies,
            [Trim::from([5, 10]), Trim::from([12, 3])]
        );
        for remedy in alignment.remedies {
            question.trim = remedy;
            let mended = Alignment::of(&question, Some(&responses)).unwrap();
            assert_eq!(mended.mismatch, None);
        }
    }

    #[test]
    fn what_is_missing_is_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let (question, _) = story(folder.path());
        let alone = Alignment::of(&question, None).unwrap();
        assert_eq!(alone.scans.unwrap().centre_secs.len(), 35);
        assert_eq!(alone.time_course, None);
        let nothing = AlignmentQuestion {
            features: None,
            words: None,
            ..question
        };
        let nothing = Alignment::of(&nothing, None).unwrap();
        assert_eq!((nothing.span_secs(), nothing.scans), ([0.0, 0.0], None));
    }
}
