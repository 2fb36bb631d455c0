//! The responses to the test stories, as a fit saw them.

use std::ops::Range;

use heschl_core::files::formats::responses::{ResponseOptions, open as open_responses};
use heschl_core::files::responses::ResponseSource;
use heschl_core::run::encoding::presentations;
use heschl_core::run::progress::CancelToken;
use heschl_core::run::recipe::EncodeRecipe;
use ndarray::{Array2, Axis, concatenate};

/// The test responses of some voxels, story after story, as the fit saw them.
pub(crate) fn measured(
    recipe: &EncodeRecipe,
    voxels: &[Range<usize>],
    cancel: &CancelToken,
) -> Result<Array2<f64>, String> {
    let options = ResponseOptions {
        mask: recipe.responses.mask.clone(),
        ..ResponseOptions::default()
    };
    let source =
        open_responses(&recipe.responses.path, &options).map_err(|error| error.to_string())?;
    let mut stories = vec![];
    for story in &recipe.stories.test {
        let mut blocks = vec![];
        for block in voxels {
            if cancel.is_cancelled() {
                return Err("It is no longer asked.".into());
            }
            blocks.push(time_course(recipe, source.as_ref(), (story, block))?);
        }
        stories.push(beside(Axis(1), &blocks)?);
    }
    beside(Axis(0), &stories)
}

fn beside(axis: Axis, parts: &[Array2<f64>]) -> Result<Array2<f64>, String> {
    let views: Vec<_> = parts.iter().map(|part| part.view()).collect();
    concatenate(axis, &views).map_err(|error| error.to_string())
}

/// One story's responses after their trim: the mean, where it was presented several times.
fn time_course(
    recipe: &EncodeRecipe,
    source: &dyn ResponseSource,
    (story, voxels): (&String, &Range<usize>),
) -> Result<Array2<f64>, String> {
    let names = presentations(recipe, source, story);
    let trim = recipe.design.trim_responses_test;
    let mut sum: Option<Array2<f64>> = None;
    for name in &names {
        let (n_scans, _) = source
            .shape(name)
            .ok_or_else(|| format!("The responses to \"{name}\" no longer exist."))?;
        let rows = trim.start_scans..n_scans.saturating_sub(trim.end_scans);
        let read = source
            .read_f64(name, rows, voxels.clone())
            .map_err(|error| error.to_string())?;
        sum = Some(match sum {
            Some(sum) if sum.dim() == read.dim() => sum + read,
            Some(_) => {
                return Err(format!(
                    "The presentations of \"{story}\" differ in length."
                ));
            }
            None => read,
        });
    }
    let sum = sum.ok_or_else(|| format!("The responses to \"{story}\" no longer exist."))?;
    Ok(sum / names.len() as f64)
}
