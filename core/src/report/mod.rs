//! What a fit says of itself to people: a methods paragraph for a paper, and a page with figures that opens anywhere.

mod figure;
mod methods;
#[cfg(test)]
mod methods_tests;
mod page;
mod works;

use crate::encoding::{ExampleSeries, ScoreTable};
use crate::recipe::{EncodeInfo, EncodeRecipe};

/// All that a report is made from: what ran, never what was merely asked for.
#[derive(Debug, Clone, Copy)]
pub struct EncodeReport<'a> {
    /// What was done.
    pub recipe: &'a EncodeRecipe,
    /// What the steps met.
    pub info: &'a EncodeInfo,
    /// What came out.
    pub table: &'a ScoreTable,
    /// A few voxels' courses; `None` where shares were put together.
    pub series: Option<&'a ExampleSeries>,
}

impl EncodeReport<'_> {
    /// The methods paragraph, in Markdown, with the works it cites: `methods.md`.
    #[must_use]
    pub fn methods(&self) -> String {
        methods::markdown(self)
    }

    /// The page `report.html`: one file that needs nothing else.
    #[must_use]
    pub fn html(&self) -> String {
        page::html(self)
    }
}
