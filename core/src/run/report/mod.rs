//! Reports of a fit: a methods paragraph for a paper, and a self-contained page with figures.

mod figure;
mod methods;
#[cfg(test)]
mod methods_tests;
mod page;
mod works;

use crate::run::encoding::{ExampleSeries, ScoreTable};
use crate::run::recipe::{EncodeInfo, EncodeRecipe};

/// Inputs of a report, which describe what was run rather than what was requested.
#[derive(Debug, Clone, Copy)]
pub struct EncodeReport<'a> {
    /// The recipe.
    pub recipe: &'a EncodeRecipe,
    /// Provenance information.
    pub info: &'a EncodeInfo,
    /// The scores.
    pub table: &'a ScoreTable,
    /// Example time courses; `None` for merged shares.
    pub series: Option<&'a ExampleSeries>,
}

impl EncodeReport<'_> {
    /// Returns `methods.md`: the methods paragraph in Markdown, with its references.
    #[must_use]
    pub fn methods(&self) -> String {
        methods::markdown(self)
    }

    /// Returns `report.html`: a single self-contained page.
    #[must_use]
    pub fn html(&self) -> String {
        page::html(self)
    }
}
