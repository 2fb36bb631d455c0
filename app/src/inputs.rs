//! Whether a recipe's inputs are still those that it was made with.

use std::path::Path;

use heschl_core::run::recipe::RunInfo;
use heschl_core::run::store::sha256_of_file;
use heschl_core::speech::stimuli::Stimulus;

use crate::failure::Failure;

/// Fails if the model or a recording is not the one that the recipe was made with.
///
/// # Errors
/// A sentence that names the first file that differs.
pub(crate) fn compare_inputs(
    expected: &RunInfo,
    found: &RunInfo,
    stories: &[Stimulus],
) -> Result<(), Failure> {
    let pairs = expected.model_files.iter().zip(&found.model_files);
    let differing = pairs
        .clone()
        .find(|(expected, found)| expected.sha256 != found.sha256);
    let another = found
        .model_files
        .first()
        .filter(|_| expected.model_files.len() != found.model_files.len());
    if let Some(file) = differing.map(|(_, found)| found).or(another) {
        return Err(changed(
            "The model is not the one that this recipe was made with",
            Path::new(&file.file),
        ));
    }
    for recording in &expected.recordings {
        let Some(stimulus) = stories
            .iter()
            .find(|stimulus| stimulus.story == recording.story)
        else {
            return Err(changed(
                "A recording of this recipe is missing",
                &recording.file,
            ));
        };
        if sha256_of_file(&stimulus.path)? != recording.sha256 {
            return Err(changed(
                "A recording is not the one that this recipe was made with",
                &stimulus.path,
            ));
        }
    }
    Ok(())
}

fn changed(what: &str, path: &Path) -> Failure {
    Failure::new(format!(
        "{what}, so the result would differ. Restore the original file, or add --changed to continue with the current one.\n\
         File: {}",
        path.display()
    ))
}
