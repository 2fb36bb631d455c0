//! Input files of a fit: checksums, and checks for changed or leaked features.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::EncodeError;
use crate::files::names::composed;
use crate::run::design::{Design, FrameReader, StoryScans};
use crate::run::encoding::ResponseBlocks;
use crate::run::recipe::FileChecksum;
use crate::run::recipe::{EncodeRecipe, FeatureKind};
use crate::run::store::{StoreError, StoryRecord, sha256_of_file};

/// Every input file of a fit, with its checksum.
pub(super) type Inputs = Vec<FileChecksum>;

/// Returns every input file with its checksum, sorted by path.
pub(super) fn checksums(design: &Design, measured: &ResponseBlocks) -> Result<Inputs, StoreError> {
    let mut files = design.files.clone();
    files.extend(measured.files());
    files.sort();
    files.dedup();
    let checksum = |path: &PathBuf| {
        let sha256 = sha256_of_file(path)?;
        Ok(FileChecksum::new(path.display().to_string(), sha256))
    };
    files.iter().map(checksum).collect()
}

/// Refuses features whose files differ from the checksums in their provenance record.
///
/// * `inputs`: checksums computed already; others are computed here.
pub(super) fn refuse_changed_features(
    recipe: &EncodeRecipe,
    design: &Design,
    inputs: &[FileChecksum],
) -> Result<(), EncodeError> {
    let stories = design.training_stories.iter().chain(&design.test_stories);
    for set in &recipe.features {
        if set.kind != FeatureKind::Features {
            continue;
        }
        let reader = FrameReader::new(set)?;
        for StoryScans { story, .. } in stories.clone() {
            let Some((record, files)) = reader.record(story) else {
                continue;
            };
            let record = StoryRecord::read(&record)?;
            for (name, path) in files {
                let written = record.outputs.iter().find(|output| output.file == name);
                let Some(written) = written else { continue };
                let shown = path.display().to_string();
                let known = inputs.iter().find(|input| input.file == shown);
                let sha256 = match known {
                    Some(input) => input.sha256.clone(),
                    None => sha256_of_file(&path)?,
                };
                if sha256 != written.sha256 {
                    let story = story.clone();
                    return Err(EncodeError::FeaturesChanged { story, path });
                }
            }
        }
    }
    Ok(())
}

/// Refuses test stories whose features are identical to those of a training story (leakage).
pub(super) fn refuse_known_test(
    recipe: &EncodeRecipe,
    design: &Design,
    inputs: &[FileChecksum],
) -> Result<(), EncodeError> {
    let sets = recipe.features.iter();
    let readers = sets
        .filter(|set| set.kind == FeatureKind::Features)
        .map(FrameReader::new)
        .collect::<Result<Vec<_>, _>>()?;
    let of = |story: &str| {
        let name = |file: &str| {
            let stem = Path::new(file).file_stem().and_then(OsStr::to_str);
            stem.is_some_and(|stem| composed(stem) == composed(story))
        };
        let read: Vec<String> = readers
            .iter()
            .filter_map(|reader| Some(reader.files(story).first()?.display().to_string()))
            .collect();
        let features = inputs.iter().filter(move |input| {
            read.contains(&input.file)
                || name(&input.file)
                    && Path::new(&input.file)
                        .extension()
                        .is_some_and(|end| end == "npz")
        });
        features
            .map(|input| input.sha256.as_str())
            .collect::<Vec<_>>()
    };
    for test in &design.test_stories {
        for training in &design.training_stories {
            let (test_files, training_files) = (of(&test.story), of(&training.story));
            if training_files
                .iter()
                .any(|sha256| test_files.contains(sha256))
            {
                return Err(EncodeError::SameRecording {
                    training: training.story.clone(),
                    test: test.story.clone(),
                });
            }
        }
    }
    Ok(())
}
