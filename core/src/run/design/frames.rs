//! Features of one story at their native sampling times, whatever their source.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ndarray::{Array2, Ix2};

use super::DesignError;
use crate::files::formats::npz;
use crate::files::formats::responses::{self, ResponseOptions};
use crate::files::names;
use crate::files::responses::ResponseSource;
use crate::fmri::textgrid::{ChosenTier, EmptyLabels, Interval, SpeechUnit, TextGrid};
use crate::run::recipe::{FeatureKind, FeatureSet};
use crate::run::store::{FEATURES, TIMES};
use crate::speech::ENCODER_RATE_HZ;
use crate::speech::audio::{Recording, Resampling};
use crate::speech::mel::{FFT_SAMPLES, HOP_SAMPLES, MelFrames};
use crate::speech::stimuli::{Depth, Stimulus, find_stimuli};

/// Mel bands of the nuisance spectrogram, as in Whisper.
const N_MELS: usize = 80;
/// Dynamic range below a story's loudest bin, in powers of ten, as in Whisper.
const RANGE_LOG10: f32 = 8.0;

/// The features of one story.
#[derive(Debug, Clone, PartialEq)]
pub struct Frames {
    /// `(n_frames, n_features)`.
    pub features: Array2<f32>,
    /// `(n_frames,)`: time of each row, seconds from sound onset; `None` if rows are scans already.
    pub frame_secs: Option<Vec<f64>>,
    /// Choices made among several candidates in the story's files, as message endings that follow the story's name.
    pub notes: Vec<String>,
}

/// Reads the features of a set, story by story.
pub struct FrameReader<'a> {
    set: &'a FeatureSet,
    /// Recordings by story, for features computed from audio.
    recordings: BTreeMap<String, PathBuf>,
    /// The file with the features of all stories, if there is one.
    at_scans: Option<AtScans>,
}

/// Features already sampled at the scans, story → `(n_scans, n_features)`, in one file, such as the study's released
/// `downsampled_featureseqs`.
struct AtScans(Box<dyn ResponseSource>);

impl AtScans {
    fn open(set: &FeatureSet) -> Result<Option<Self>, DesignError> {
        if set.kind != FeatureKind::Features || !set.folder.is_file() {
            return Ok(None);
        }
        if let Some(layer) = &set.layer {
            return Err(DesignError::LayerOfFile {
                layer: layer.clone(),
                path: set.folder.clone(),
            });
        }
        let source = responses::open(&set.folder, &ResponseOptions::default())?;
        Ok(Some(Self(source)))
    }

    fn read(&self, story: &str, path: &Path) -> Result<Frames, DesignError> {
        let shape = self.0.shape(story);
        let (n_scans, n_features) = shape.ok_or_else(|| DesignError::NoFeatures {
            story: story.to_string(),
            path: path.to_path_buf(),
        })?;
        Ok(Frames {
            features: self.0.read(story, 0..n_scans, 0..n_features)?,
            frame_secs: None,
            notes: Vec::new(),
        })
    }
}

impl<'a> FrameReader<'a> {
    /// Opens a feature set; lists the recordings if the features are computed from audio.
    ///
    /// # Errors
    /// Returns a [`DesignError`] if there are none.
    pub fn new(set: &'a FeatureSet) -> Result<Self, DesignError> {
        let found = match set.kind {
            FeatureKind::MelSpectrogram | FeatureKind::Rms => {
                find_stimuli(&set.folder, Depth::Recursive)?
            }
            FeatureKind::Features
            | FeatureKind::WordRate
            | FeatureKind::PhonemeRate
            | FeatureKind::Position => Vec::new(),
        };
        let named = |Stimulus { story, path }| (story, path);
        Ok(Self {
            set,
            recordings: found.into_iter().map(named).collect(),
            at_scans: AtScans::open(set)?,
        })
    }

    /// Returns the files that a story's features are read from.
    #[must_use]
    pub fn files(&self, story: &str) -> Vec<PathBuf> {
        let folder = &self.set.folder;
        match self.set.kind {
            FeatureKind::Features if self.at_scans.is_some() => vec![folder.clone()],
            FeatureKind::Features => {
                let times = times_path(folder, story);
                let mut files = vec![features_path(self.set, story)];
                files.extend(times.is_file().then_some(times));
                files
            }
            FeatureKind::WordRate | FeatureKind::PhonemeRate => vec![textgrid_path(folder, story)],
            FeatureKind::MelSpectrogram | FeatureKind::Rms => {
                self.recording(story).cloned().into_iter().collect()
            }
            FeatureKind::Position => Vec::new(),
        }
    }

    /// Reads the features of a story.
    ///
    /// `n_scans`: number of scans, used only by the position feature.
    ///
    /// # Errors
    /// Returns a [`DesignError`] if a file is missing or broken.
    pub fn read(&self, story: &str, n_scans: usize) -> Result<Frames, DesignError> {
        match self.set.kind {
            FeatureKind::Features => match &self.at_scans {
                Some(file) => file.read(story, &self.set.folder),
                None => read_features(self.set, story),
            },
            FeatureKind::WordRate => rate(self.set, story, SpeechUnit::Words),
            FeatureKind::PhonemeRate => rate(self.set, story, SpeechUnit::Phones),
            FeatureKind::MelSpectrogram => Ok(mel(&self.samples(story)?)),
            FeatureKind::Rms => Ok(rms(&self.samples(story)?)),
            FeatureKind::Position => Ok(position(n_scans)),
        }
    }

    /// Returns the path of a story's provenance record, and the names in it of the features and times files with their
    /// paths.
    #[must_use]
    pub(crate) fn record(&self, story: &str) -> Option<(PathBuf, Vec<(String, PathBuf)>)> {
        if self.set.kind != FeatureKind::Features {
            return None;
        }
        let root = &self.set.folder;
        let record = names::file_of(&root.join(".heschl"), story, &[".toml"])?;
        let relative = |path: PathBuf| {
            let below = path.strip_prefix(root).unwrap_or(&path);
            (below.to_string_lossy().replace('\\', "/"), path)
        };
        Some((
            record,
            self.files(story).into_iter().map(relative).collect(),
        ))
    }

    fn recording(&self, story: &str) -> Option<&PathBuf> {
        let alike = || {
            let wanted = names::composed(story);
            let mut all = self.recordings.iter();
            all.find(|(name, _)| names::composed(name) == wanted)
        };
        let exact = self.recordings.get(story);
        exact.or_else(|| alike().map(|(_, path)| path))
    }

    fn samples(&self, story: &str) -> Result<Vec<f32>, DesignError> {
        let path = self.recording(story);
        let path = path.ok_or_else(|| DesignError::NoRecording {
            story: story.to_string(),
        })?;
        let mut recording = Recording::open(path, Resampling::ToEncoderRate)?;
        let mut samples = Vec::new();
        while let Some(block) = recording.next_block()? {
            samples.extend_from_slice(block);
        }
        Ok(samples)
    }
}

fn features_path(set: &FeatureSet, story: &str) -> PathBuf {
    let layer = set.layer.as_ref().map(|layer| set.folder.join(layer));
    file_of(layer.as_ref().unwrap_or(&set.folder), story, &[".npz"])
}

fn times_path(folder: &Path, story: &str) -> PathBuf {
    file_of(folder, story, &["_times.npz"])
}

fn textgrid_path(folder: &Path, story: &str) -> PathBuf {
    file_of(folder, story, &[".TextGrid", ".textgrid", ".TEXTGRID"])
}

/// The story's file, or the path it would have.
fn file_of(folder: &Path, story: &str, endings: &[&str]) -> PathBuf {
    let usual = || folder.join(format!("{story}{}", endings[0]));
    names::file_of(folder, story, endings).unwrap_or_else(usual)
}

/// Message ending if the file read for a story has another name.
fn of_other_name(path: &Path, story: &str) -> Option<String> {
    let story = names::composed(story.rsplit('/').next().unwrap_or(story));
    let name = path
        .file_stem()
        .map(|stem| names::composed(&stem.to_string_lossy()))?;
    (name != story)
        .then(|| format!("no file has its whole name; that of \"{name}\" is read for it"))
}

fn read_features(set: &FeatureSet, story: &str) -> Result<Frames, DesignError> {
    let path = features_path(set, story);
    if !path.is_file() {
        return Err(DesignError::NoFeatures {
            story: story.to_string(),
            path,
        });
    }
    let features = npz::read::<Ix2>(&path, FEATURES)?;
    Ok(Frames {
        features,
        frame_secs: read_times(&set.folder, story)?,
        notes: of_other_name(&path, story).into_iter().collect(),
    })
}

/// Reads the time of each feature row, seconds from sound onset; returns `None` if there is no file of times.
///
/// # Errors
/// Returns a [`DesignError`] if the file is broken.
pub(super) fn read_times(folder: &Path, story: &str) -> Result<Option<Vec<f64>>, DesignError> {
    let times = times_path(folder, story);
    if !times.is_file() {
        return Ok(None);
    }
    let times = npz::read::<Ix2>(&times, TIMES)?;
    // A causal window is assigned the time at which it ends.
    let ends = times.columns().into_iter().next_back();
    Ok(ends.map(|ends| ends.iter().map(|secs| f64::from(*secs)).collect()))
}

/// Reads the words of a story from its `TextGrid`; returns `None` if there is no such file.
///
/// # Errors
/// Returns a [`DesignError`] if the file cannot be read or is not a `TextGrid`.
pub(super) fn read_words(folder: &Path, story: &str) -> Result<Option<ChosenTier>, DesignError> {
    textgrid_path(folder, story)
        .is_file()
        .then(|| speech(folder, story, SpeechUnit::Words, EmptyLabels::Pauses))
        .transpose()
}

/// One frame of value 1 per word or phoneme, at its midpoint; resampled to scans, this is a rate.
fn rate(set: &FeatureSet, story: &str, unit: SpeechUnit) -> Result<Frames, DesignError> {
    let chosen = speech(&set.folder, story, unit, set.empty_labels)?;
    let nothing_said = chosen.intervals.is_empty().then(|| {
        format!(
            "the tier \"{}\" of its TextGrid holds no {unit}, so their rate is 0 throughout",
            chosen.name
        )
    });
    let other = of_other_name(&textgrid_path(&set.folder, story), story);
    let midpoints = chosen.intervals.iter().map(Interval::midpoint_secs);
    Ok(Frames {
        features: Array2::ones((chosen.intervals.len(), 1)),
        frame_secs: Some(midpoints.collect()),
        notes: [chosen.warning(), nothing_said, other]
            .into_iter()
            .flatten()
            .collect(),
    })
}

fn speech(
    folder: &Path,
    story: &str,
    unit: SpeechUnit,
    empty_labels: EmptyLabels,
) -> Result<ChosenTier, DesignError> {
    let path = textgrid_path(folder, story);
    let bytes = std::fs::read(&path).map_err(|source| DesignError::Unreadable {
        source,
        path: path.clone(),
    })?;
    let grid = TextGrid::parse(&bytes);
    grid.and_then(|grid| grid.speech(unit, empty_labels))
        .map_err(|source| DesignError::TextGrid { source, path })
}

/// log10 mel power every 10 ms, clipped at 80 dB below the story's loudest bin. A frame's time is its centre.
fn mel(samples: &[f32]) -> Frames {
    let mut frames = MelFrames::new(N_MELS);
    let n_frames = samples.len() / HOP_SAMPLES;
    let mut features = Array2::zeros((n_frames, N_MELS));
    for (index, mut row) in features.rows_mut().into_iter().enumerate() {
        let centre = index * HOP_SAMPLES;
        let at = |i: usize| {
            let position = (centre + i).checked_sub(FFT_SAMPLES / 2);
            position
                .and_then(|at| samples.get(at))
                .copied()
                .unwrap_or(0.0)
        };
        if let Some(row) = row.as_slice_mut() {
            frames.compute(at, row);
        }
    }
    let loudest = features.iter().copied().fold(f32::MIN, f32::max);
    features.mapv_inplace(|value| value.max(loudest - RANGE_LOG10));
    Frames {
        features,
        frame_secs: Some(clock(n_frames, 0)),
        notes: Vec::new(),
    }
}

/// Root-mean-square level every 10 ms. A frame's time is its end.
fn rms(samples: &[f32]) -> Frames {
    let hops = samples.chunks_exact(HOP_SAMPLES);
    let level = |hop: &[f32]| {
        let square: f64 = hop.iter().map(|sample| f64::from(*sample).powi(2)).sum();
        (square / HOP_SAMPLES as f64).sqrt() as f32
    };
    let levels: Vec<f32> = hops.map(level).collect();
    Frames {
        frame_secs: Some(clock(levels.len(), 1)),
        features: ndarray::Array1::from(levels).insert_axis(ndarray::Axis(1)),
        notes: Vec::new(),
    }
}

/// Position in the story, from −1 at the first scan to 1 at the last, and its square.
fn position(n_scans: usize) -> Frames {
    let last = n_scans.saturating_sub(1).max(1) as f32;
    let features = Array2::from_shape_fn((n_scans, 2), |(scan, power)| {
        (2.0 * scan as f32 / last - 1.0).powi(power as i32 + 1)
    });
    Frames {
        features,
        frame_secs: None,
        notes: Vec::new(),
    }
}

/// `n` times, one hop apart; the first is `first` hops after sound onset.
fn clock(n: usize, first: usize) -> Vec<f64> {
    let hop_secs = HOP_SAMPLES as f64 / f64::from(ENCODER_RATE_HZ);
    (first..first + n)
        .map(|hop| hop as f64 * hop_secs)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_level_of_a_sine_is_its_amplitude_over_root_2() {
        let sine: Vec<f32> = (0..16_000)
            .map(|i| 0.5 * (i as f32 * std::f32::consts::TAU * 1000.0 / 16_000.0).sin())
            .collect();
        let Frames {
            features,
            frame_secs,
            ..
        } = rms(&sine);
        assert_eq!(features.dim(), (100, 1));
        assert!(
            features
                .iter()
                .all(|level| (level - 0.353_553_4).abs() < 1e-5)
        );
        assert!((frame_secs.unwrap()[99] - 1.0).abs() < 1e-12);
        // Its spectrum peaks in the band around 1 kHz, and nothing lies more than 80 dB below that peak.
        let spectrogram = mel(&sine).features;
        let row = spectrogram.row(50);
        let loudest = (0..80).max_by(|a, b| row[*a].total_cmp(&row[*b])).unwrap();
        // Slaney's scale is linear up to 1 kHz, which is mel 15 of 45.245.
        assert_eq!(loudest, (15.0_f64 / 45.245 * 81.0).round() as usize - 1);
        let range = spectrogram.iter().copied().fold(0.0_f32, f32::max)
            - spectrogram.iter().copied().fold(0.0_f32, f32::min);
        assert!(range <= 8.0 + 1e-4, "{range}");
    }
}
