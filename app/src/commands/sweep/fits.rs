//! Which fits a sweep is made of: models, their layers and windows, and how much they learn from.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

use heschl_core::display::library::{FeatureLibrary, Layer};
use heschl_core::files::responses::ResponseSource;
use heschl_core::run::design::{scan_times, split_stories};
use heschl_core::run::recipe::{EncodeRecipe, FeatureSet};

use super::Args;
use crate::commands::extract::absolute;
use crate::failure::Failure;

/// One fit.
pub(super) struct Fit {
    /// The model, with as much of its folder's path as tells it from the others.
    pub(super) model: String,
    pub(super) layer: String,
    /// Training stories; all of them if empty.
    pub(super) stories: Vec<String>,
    pub(super) n_stories: usize,
    pub(super) set: FeatureSet,
}

impl Fit {
    /// What its folder is called.
    pub(super) fn name(&self) -> String {
        let name = format!("{}-{}", self.model, self.layer);
        if self.stories.is_empty() {
            name
        } else {
            format!("{name}-{}-stories", self.n_stories)
        }
    }
}

impl fmt::Display for Fit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}", self.model, self.layer)?;
        if self.stories.is_empty() {
            return Ok(());
        }
        write!(f, ", {} stories", self.n_stories)
    }
}

/// All fits of a sweep.
///
/// # Errors
/// A sentence if there are no such features, layers or stories.
pub(super) fn all(
    args: &Args,
    base: &EncodeRecipe,
    responses: &dyn ResponseSource,
) -> Result<Vec<Fit>, Failure> {
    let (train, _) = split_stories(base, responses)?;
    let amounts = amounts(args, &train)?;
    let mut fits = Vec::new();
    for (model, layer, set) in sets(args, base)? {
        fits.extend(amounts.iter().map(|stories| Fit {
            model: model.clone(),
            layer: layer.clone(),
            n_stories: if stories.is_empty() {
                train.len()
            } else {
                stories.len()
            },
            stories: stories.clone(),
            set: set.clone(),
        }));
    }
    Ok(fits)
}

/// Training stories of each amount, the smallest first; none stands for all.
fn amounts(args: &Args, train: &[String]) -> Result<Vec<Vec<String>>, Failure> {
    let counts: BTreeSet<usize> = args.stories.iter().map(|n| n.get()).collect();
    if let Some(n) = counts.iter().find(|n| **n > train.len()) {
        return Err(Failure::new(format!(
            "There are {} training stories, not {n}. Give smaller numbers with --stories.",
            train.len()
        )));
    }
    let fewer = counts.into_iter().filter(|n| *n < train.len());
    let mut amounts: Vec<Vec<String>> = fewer.map(|n| train[..n].to_vec()).collect();
    amounts.push(Vec::new());
    Ok(amounts)
}

/// Hours that a recipe learns from.
///
/// # Errors
/// A sentence if the scan times of a story are missing.
pub(super) fn hours(recipe: &EncodeRecipe, responses: &dyn ResponseSource) -> Result<f64, Failure> {
    let (train, _) = split_stories(recipe, responses)?;
    let trim = recipe.design.trim_responses_train;
    let mut secs = 0.0;
    for story in train {
        let n_scans = responses.shape(&story).map_or(0, |shape| shape.0);
        let used = n_scans.saturating_sub(trim.total());
        let total = used + recipe.design.trim_train.total();
        let found = scan_times(
            &recipe.scans,
            &story,
            total,
            responses.repetition_secs(&story),
        )?;
        secs += found.times.repetition_secs * used as f64;
    }
    Ok(secs / 3600.0)
}

/// Model, layer and set of features.
fn sets(args: &Args, base: &EncodeRecipe) -> Result<Vec<(String, String, FeatureSet)>, Failure> {
    let own = base.features.first().cloned();
    let own =
        own.ok_or_else(|| Failure::new("The recipe has no set of features to replace.".into()))?;
    let folders = if args.features.is_empty() {
        vec![own.folder.clone()]
    } else {
        args.features
            .iter()
            .map(|folder| absolute(folder))
            .collect::<Result<_, _>>()?
    };
    let mut sets = Vec::new();
    for (model, folder) in names(&folders).into_iter().zip(&folders) {
        let library = FeatureLibrary::open(folder)?;
        let mut n_chosen = 0;
        for layer in &library.layers {
            let (name, layer) = match layer {
                Layer::Hidden(_, name) => (name.clone(), Some(name.clone())),
                Layer::Final => ("final".to_string(), None),
            };
            if args.layers.is_empty() || args.layers.contains(&name) {
                n_chosen += 1;
                let set = FeatureSet {
                    name: format!("{model} {name}"),
                    folder: folder.clone(),
                    layer,
                    ..own.clone()
                };
                sets.push((model.clone(), name, set));
            }
        }
        if n_chosen == 0 {
            return Err(Failure::new(format!(
                "None of the layers {} is here.\nFolder: {}",
                args.layers.join(", "),
                folder.display()
            )));
        }
    }
    Ok(sets)
}

/// The shortest ends of the folders' paths that tell them apart: the same model with two windows lies in two folders of one name.
fn names(folders: &[PathBuf]) -> Vec<String> {
    let end = |folder: &Path, length: usize| {
        let parts: Vec<_> = folder
            .iter()
            .map(|part| part.to_string_lossy().into_owned())
            .collect();
        parts[parts.len().saturating_sub(length)..].join("-")
    };
    let longest = folders.iter().map(|folder| folder.iter().count()).max();
    for length in 1..=longest.unwrap_or(1) {
        let names: Vec<String> = folders.iter().map(|folder| end(folder, length)).collect();
        if names.iter().collect::<BTreeSet<_>>().len() == names.len() {
            return names;
        }
    }
    // The same folder twice: the second time there is nothing to fit.
    folders.iter().map(|folder| end(folder, 1)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_go_by_the_shortest_name_that_tells_them_apart() {
        let of = |folders: &[&str]| names(&folders.iter().map(PathBuf::from).collect::<Vec<_>>());
        assert_eq!(of(&["/a/x/tiny", "/a/x/base"]), ["tiny", "base"]);
        assert_eq!(
            of(&["/a/cnk0.1_ctx16.0/tiny", "/a/cnk0.1_ctx8.0/tiny"]),
            ["cnk0.1_ctx16.0-tiny", "cnk0.1_ctx8.0-tiny"]
        );
        assert_eq!(of(&["/a/tiny", "/a/tiny"]), ["tiny", "tiny"]);
    }
}
