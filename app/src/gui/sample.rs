//! The sample studies: a short recording, and a whole study of four stories with a simulated brain.

use std::path::{Path, PathBuf};

use heschl_core::run::recipe::{Preset, ScansRecipe};
use heschl_core::run::store::atomic;
use heschl_core::speech::window::WindowSettings;

use super::fitting::{FINAL, FitStudy};
use super::state::Study;
use super::study;

/// What the folder of the short sample is called.
pub(super) const SHORT: &str = "Sample study";
/// What the folder of the whole sample is called.
pub(super) const WHOLE: &str = "Sample brain";
/// The story that the whole sample is tested on.
pub(crate) const TEST_STORY: &str = "river";
/// Number of presentations.
pub(crate) const N_PRESENTATIONS: usize = 5;
/// The simulated scanner's repetition time, seconds: short, so that eight minutes of speech have scans enough.
pub(crate) const REPETITION_SECS: f64 = 1.0;
/// How long after the first volume's start the sound begins, seconds.
const SOUND_START_SECS: f64 = 10.0;

/// A bundled story: its name, its sound, and when its words are spoken.
macro_rules! story {
    ($name:literal) => {
        (
            $name,
            include_bytes!(concat!("../../assets/stories/", $name, ".ogg")),
            include_str!(concat!("../../assets/stories/", $name, ".TextGrid")),
        )
    };
}

/// Stories of our own, spoken by the synthesiser Flite; `assets/stories/make.sh` makes them.
const STORIES: [(&str, &[u8], &str); 4] = [
    story!("bakery"),
    story!("lighthouse"),
    story!("night"),
    story!("river"),
];

/// Writes the short sample into a folder, or finds it there.
///
/// # Errors
/// A sentence if the disk refuses.
pub(super) fn write_short(folder: &Path) -> Result<Study, String> {
    let recordings = folder.join("stories");
    atomic::write(&recordings.join("austen.wav"), crate::RECORDING)
        .map_err(|error| error.to_string())?;
    keep(folder, |study| study.stimuli = Some(recordings))
}

/// Writes the whole sample into a folder, or finds it there: stories with their words, and a study of them. Features and
/// responses are made by the command that runs it.
///
/// # Errors
/// A sentence if the disk refuses.
pub(crate) fn write_whole(folder: &Path) -> Result<Study, String> {
    let recordings = folder.join("stories");
    for (story, sound, words) in STORIES {
        let files = [("ogg", sound), ("TextGrid", words.as_bytes())];
        for (extension, bytes) in files {
            atomic::write(&recordings.join(format!("{story}.{extension}")), bytes)
                .map_err(|error| error.to_string())?;
        }
    }
    keep(folder, |study| {
        study.stimuli = Some(recordings);
        study.window = WindowSettings {
            chunk_ms: 500.0,
            context_ms: 8000.0,
            ..WindowSettings::default()
        };
        let names = (1..=N_PRESENTATIONS).map(|n| format!("{TEST_STORY}_{n}"));
        study.fit = FitStudy {
            responses: Some(responses(folder)),
            repeats: [(TEST_STORY.to_owned(), names.collect())].into(),
            test: vec![TEST_STORY.into()],
            // The paper's trim of 50 scans would leave half of so short a test.
            design: Preset::DeepFmri.design(),
            scans: ScansRecipe::Simulated {
                repetition_secs: REPETITION_SECS,
                sound_start_secs: SOUND_START_SECS,
            },
            layer: Some(FINAL.into()),
            ..FitStudy::default()
        };
    })
}

/// The folder of the whole sample's simulated responses.
fn responses(folder: &Path) -> PathBuf {
    folder.join("simulated").join("responses")
}

/// The folder of the whole sample's scores.
///
/// # Errors
/// A sentence if the study cannot be fitted.
pub(crate) fn scores(folder: &Path, study: &Study) -> Result<PathBuf, String> {
    Ok(study.fit_recipe(folder)?.output.folder)
}

/// Opens the study of a folder, or makes it; what a user has changed of it stays.
fn keep(folder: &Path, make: impl FnOnce(&mut Study)) -> Result<Study, String> {
    if folder.join(study::FILE).is_file() {
        return study::read(folder).map_err(|problem| problem.0);
    }
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let mut new = Study {
        name: name.into_owned(),
        ..Study::default()
    };
    make(&mut new);
    study::write(folder, &new).map_err(|problem| problem.0)?;
    Ok(new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_sample_is_written_once_and_its_words_lie_within_the_sound() {
        use heschl_core::fmri::textgrid::TextGrid;
        use heschl_core::speech::audio::{Recording, Resampling};
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join(WHOLE);
        let mut study = write_whole(&folder).unwrap();
        for (story, _, words) in STORIES {
            let path = folder.join("stories").join(format!("{story}.ogg"));
            let mut recording = Recording::open(&path, Resampling::Refuse).unwrap();
            let mut n_samples = 0;
            while let Some(block) = recording.next_block().unwrap() {
                n_samples += block.len();
            }
            let secs = n_samples as f64 / 16_000.0;
            let words = TextGrid::parse(words.as_bytes()).unwrap().words().unwrap();
            assert!(words.len() > 300, "{story}: {} words", words.len());
            let end = words.last().unwrap().end_secs;
            assert!(end <= secs && end > secs - 2.0, "{story}: {end} of {secs}");
        }
        study.name = "Mine".into();
        study::write(&folder, &study).unwrap();
        assert_eq!(write_whole(&folder).unwrap().name, "Mine");
    }
}
