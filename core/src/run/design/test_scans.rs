//! The scans of the test stories, without their features.

use super::lengths::trimmed;
use super::{DesignError, StoryScans, n_scans, under_measured_names};
use crate::files::responses::ResponseSource;
use crate::run::recipe::EncodeRecipe;

/// Returns the test stories of a recipe and which of their scans a fit predicts, in the order of the predictions. Reads no
/// features.
///
/// # Errors
/// Returns a [`DesignError`] if a story has no responses, or none is left after the trim.
pub fn test_scans(
    recipe: &EncodeRecipe,
    responses: &dyn ResponseSource,
) -> Result<Vec<StoryScans>, DesignError> {
    let stories = under_measured_names(&recipe.stories.test, responses);
    if stories.is_empty() {
        return Err(DesignError::NoStories("test"));
    }
    let scans = stories.into_iter().map(|story| {
        let n_measured = n_scans(recipe, responses, &story)?;
        let response_rows = trimmed(&story, n_measured, recipe.design.trim_responses_test)?;
        Ok(StoryScans {
            story,
            response_rows,
        })
    });
    scans.collect()
}
