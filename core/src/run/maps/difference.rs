//! Where one fit predicts better than another.

use ndarray::ArrayView1;

use super::{FittedModel, MapEntry, MapSet, MapsError, MapsRecord, Watch, refuse_other_data};
use crate::files::responses::ResponseSource;
use crate::run::design::{scans_of, test_scans};
use crate::run::encoding::{BLOCK_VOXELS, Column, ResponseBlocks};
use crate::stats::paired::{BlockSwaps, PairedDifferences};
use crate::stats::significance::q_values;

/// Permutations if the recipe of the first fit asks for none.
const N_PERMUTATIONS: usize = 1000;
/// Scores are kept in single precision in predictions, and responses may be; they agree better than this.
const SAME_R: f64 = 0.005;

/// How two fits are compared.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct DifferenceSettings {
    /// Number of permutations; that of the first fit's recipe if `None`.
    pub n_permutations: Option<usize>,
    /// Scans per block; that of the recipes if `None`, the larger one if they differ.
    pub block_scans: Option<usize>,
    /// Accepted false discovery rate; that of the first fit's recipe if `None`.
    pub fdr_level: Option<f64>,
}

/// Compares two fits, voxel by voxel, by a paired block permutation test; `None` if cancelled.
///
/// The maps: `difference`, r of the first minus r of the second; `significant_difference`, the same where q is at most the
/// level of the false discovery rate; two-sided `p`; `q` over all voxels (Benjamini–Hochberg); `r_first` and `r_second`.
///
/// * `responses`: what both were fitted to.
///
/// # Errors
/// Returns a [`MapsError`] if the fits are not of the same voxels, responses and test stories, if they kept no predictions, or
/// if the responses have changed since.
pub fn difference(
    [first, second]: [&FittedModel; 2],
    responses: &dyn ResponseSource,
    settings: DifferenceSettings,
    (cancel, report): Watch,
) -> Result<Option<MapSet>, MapsError> {
    let n_voxels = refuse_other_data(&[first, second], 2)?;
    let scans = test_scans(&first.recipe, responses)?;
    let measured = ResponseBlocks::of_test(&first.recipe, responses, &scans)?;
    let n_scans = scans_of(&scans).iter().sum();
    let predictions = [first.predictions(n_scans)?, second.predictions(n_scans)?];
    let scores = &first.recipe.scores;
    let own_blocks = scores.block_scans.max(second.recipe.scores.block_scans);
    let own_permutations = Some(scores.n_permutations).filter(|n| *n > 0);
    let n_permutations = settings.n_permutations.or(own_permutations);
    let plan = Plan {
        block_scans: settings.block_scans.unwrap_or(own_blocks),
        n_permutations: n_permutations.unwrap_or(N_PERMUTATIONS),
        fdr_level: settings.fdr_level.unwrap_or(scores.fdr_level),
        seed: first.recipe.ridge.seed,
    };
    let swaps = BlockSwaps::new(n_scans, plan.block_scans, plan.n_permutations, plan.seed);
    let (mut differences, mut p) = (Vec::new(), Vec::new());
    for from in (0..n_voxels).step_by(BLOCK_VOXELS) {
        if cancel.is_cancelled() {
            return Ok(None);
        }
        let voxels = from..n_voxels.min(from + BLOCK_VOXELS);
        let test = measured.test::<f64>(voxels.clone())?;
        let [of_first, of_second] =
            [0, 1].map(|at| predictions[at].read::<f64>(0..n_scans, voxels.clone()));
        let (of_first, of_second) = (of_first?, of_second?);
        for (model, predicted) in [(first, &of_first), (second, &of_second)] {
            let now = crate::stats::score::correlation(predicted.view(), test.view());
            refuse_changed(model, from, now.view())?;
        }
        let found = swaps.differences([of_first.view(), of_second.view()], test.view());
        let PairedDifferences {
            difference,
            p: of_p,
        } = found;
        differences.extend(difference);
        p.extend(of_p);
        report(voxels.end, n_voxels);
    }
    let found = (differences, p);
    maps([first, second], found, &plan, swaps.too_few()).map(Some)
}

struct Plan {
    block_scans: usize,
    n_permutations: usize,
    fdr_level: f64,
    seed: u64,
}

/// Refuses predictions whose scores are no longer those of the fit.
fn refuse_changed(model: &FittedModel, from: usize, now: ArrayView1<f64>) -> Result<(), MapsError> {
    let then = model.table.column(Column::R).skip(from);
    for (voxel, (now, then)) in (from..).zip(now.iter().zip(then)) {
        if (now - then).abs() > SAME_R {
            return Err(MapsError::Changed {
                name: model.name.clone(),
                voxel,
                now: *now,
                then,
            });
        }
    }
    Ok(())
}

fn maps(
    models: [&FittedModel; 2],
    (differences, p): (Vec<f64>, Vec<f64>),
    plan: &Plan,
    too_few: Option<(usize, usize)>,
) -> Result<MapSet, MapsError> {
    let [first, second] = models;
    let title = format!("r of {} − r of {}", first.name, second.name);
    let mut record = MapsRecord::new(&title, &models)?;
    for (name, value) in [
        ("block_scans", plan.block_scans.into()),
        ("n_permutations", plan.n_permutations.into()),
        ("fdr_level", plan.fdr_level.into()),
        ("seed", plan.seed.into()),
    ] {
        record.settings.insert(name.into(), value);
    }
    record.notes.push(format!(
        "p: two-sided paired permutation test; the two models' predictions are swapped in blocks of {} scans, {} times. q: \
         Benjamini–Hochberg over all voxels.",
        plan.block_scans, plan.n_permutations
    ));
    if let Some((n_blocks, n_kinds)) = too_few {
        record.notes.push(format!(
            "The test stories have {n_blocks} blocks, whose swaps give at most {n_kinds} different values: p cannot be below \
             {:.4}.",
            1.0 / n_kinds as f64
        ));
    }
    let q = q_values(&p);
    let significant = differences.iter().zip(&q).map(|(difference, q)| {
        if *q <= plan.fdr_level {
            *difference
        } else {
            f64::NAN
        }
    });
    let significant: Vec<f64> = significant.collect();
    let n_better =
        |is_better: fn(&f64) -> bool| significant.iter().filter(|it| is_better(it)).count();
    let [n_first, n_second] = [n_better(|it| *it > 0.0), n_better(|it| *it < 0.0)];
    record.notes.push(format!(
        "{} predicts {n_first} voxels better and {} predicts {n_second} better, of {} (false discovery rate {}).",
        first.name,
        second.name,
        differences.len(),
        plan.fdr_level
    ));
    let mut set = MapSet {
        record,
        values: vec![],
        files: vec![],
    };
    let of_significant = format!("{title}, where q ≤ {}", plan.fdr_level);
    set.add(MapEntry::signed("difference", &title), differences);
    set.add(
        MapEntry::signed("significant_difference", &of_significant),
        significant,
    );
    set.add(MapEntry::new("p", "p of the difference"), p);
    set.add(MapEntry::new("q", "q of the difference"), q);
    for (name, model) in [("r_first", first), ("r_second", second)] {
        let r = model.table.column(Column::R).collect();
        set.add(MapEntry::new(name, &format!("r of {}", model.name)), r);
    }
    Ok(set)
}
