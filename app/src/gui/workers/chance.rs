//! The null distribution of scores, from permutations.

use std::ops::Range;
use std::path::Path;

use heschl_core::display::evenly;
use heschl_core::files::formats::npy::StoredMatrix;
use heschl_core::run::encoding::{ExampleSeries, ScoreTable};
use heschl_core::run::progress::CancelToken;
use heschl_core::run::recipe::EncodeRecipe;
use heschl_core::stats::score::correlation;
use heschl_core::stats::significance::BlockPermutations;
use ndarray::{Array2, Axis, concatenate};

use crate::gui::fitting::Chance;
use crate::test_responses::measured;

/// Orders of test time that chance is drawn from: so many make a smooth line.
const MOST_ORDERS: usize = 300;
/// Voxels that stand for all.
const N_SAMPLED: usize = 200;
/// Voxels that are read together: files have neighbours together.
const BLOCK: usize = 10;

/// Correlations of voxels whose time course is saved, with blocks of test time exchanged as the fit did for its p.
pub(super) fn of_series(
    series: &ExampleSeries,
    recipe: &EncodeRecipe,
    cancel: &CancelToken,
) -> Option<Chance> {
    let n_orders = recipe.scores.n_permutations.min(MOST_ORDERS);
    let seed = recipe.ridge.seed;
    let n_scans = series.measured.nrows();
    let orders = BlockPermutations::new(n_scans, recipe.scores.block_scans, n_orders, seed);
    let mut r = vec![];
    for order in orders.orders() {
        if cancel.is_cancelled() {
            return None;
        }
        let exchanged = series.predicted.select(Axis(0), order);
        let found = correlation(exchanged.view(), series.measured.view());
        r.extend(found.into_iter().filter(|r| r.is_finite()));
    }
    let n_voxels = series.measured.ncols();
    Some(Chance { r, n_voxels })
}

/// Some voxels spread over all, where the fit kept its predictions and its responses are still there.
pub(super) fn sample(
    folder: &Path,
    recipe: &EncodeRecipe,
    table: &ScoreTable,
    cancel: &CancelToken,
) -> Option<ExampleSeries> {
    let file = folder.join("predictions.npy");
    let predictions = StoredMatrix::open(&file).ok()?;
    let (n_scans, n_voxels) = predictions.dim();
    if n_voxels != table.voxels.len() {
        return None;
    }
    let blocks = blocks(n_voxels);
    let mut predicted: Vec<Array2<f64>> = vec![];
    for block in &blocks {
        if cancel.is_cancelled() {
            return None;
        }
        predicted.push(predictions.read(0..n_scans, block.clone()).ok()?);
    }
    let of_responses = |block: &Range<usize>| {
        let first = table.first_voxel;
        first + block.start..first + block.end
    };
    let columns: Vec<Range<usize>> = blocks.iter().map(of_responses).collect();
    let measured = measured(&recipe.clone().rooted(folder), &columns, cancel).ok()?;
    let views: Vec<_> = predicted.iter().map(|part| part.view()).collect();
    let predicted = concatenate(Axis(1), &views).ok()?;
    (measured.dim() == predicted.dim()).then(|| ExampleSeries {
        voxels: columns.into_iter().flatten().collect(),
        predicted,
        measured,
    })
}

/// Blocks of voxels, evenly spread; all voxels where they are few.
fn blocks(n_voxels: usize) -> Vec<Range<usize>> {
    let n_blocks = n_voxels.div_ceil(BLOCK);
    let block = |at: usize| at * BLOCK..((at + 1) * BLOCK).min(n_voxels);
    let chosen = evenly(n_blocks, N_SAMPLED / BLOCK);
    chosen.into_iter().map(block).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_voxels_that_stand_for_all_are_spread_over_all() {
        let few: Vec<usize> = blocks(57).into_iter().flatten().collect();
        assert_eq!(few, (0..57).collect::<Vec<_>>());
        let many: Vec<usize> = blocks(95_556).into_iter().flatten().collect();
        assert!((190..=N_SAMPLED).contains(&many.len()), "{}", many.len());
        assert!(many.is_sorted() && many.last() < Some(&95_556));
        for quarter in 0..4 {
            let range = quarter * 95_556 / 4..(quarter + 1) * 95_556 / 4;
            let n = many.iter().filter(|voxel| range.contains(*voxel)).count();
            assert!((40..=60).contains(&n), "{n} in quarter {quarter}");
        }
    }
}
