//! The simulated language system of fsaverage5, and a fit that finds it again.

use std::collections::BTreeMap;

use heschl_core::brain::{
    Hemispheres, LANGUAGE_REGIONS, LanguageSystem, RegionRow, Side, Subject, SurfaceKind,
    region_table,
};
use heschl_core::fmri::delay::{DelayBorders, delayed};
use heschl_core::fmri::simulate::{SimulatedBrain, SimulationSettings, VoxelPlan};
use heschl_core::fmri::zscore::zscore;
use heschl_core::linear::ridge::{
    AlphaUnit, Problem, RefitPlan, RidgeSettings, RoundsPlan, Weights, best_alpha_per_voxel,
    mean_over_rounds,
};
use heschl_core::linear::split::{CrossValidation, HeldChunks, TestFeatures, TrainingFeatures};
use heschl_core::maths::random::PythonRandom;
use heschl_core::run::recipe::Alphas;
use heschl_core::stats::score::{RoundScore, correlation};
use ndarray::Array2;

const N_LAYERS: usize = 3;
const LARGEST_SHARE: f64 = 0.5;
const N_LEFT: usize = 10_242;

fn shares(system: &LanguageSystem) -> Vec<f32> {
    let share = |plan: &VoxelPlan| match plan {
        VoxelPlan::Signal { share, .. } => *share as f32,
        VoxelPlan::Outside | VoxelPlan::Noise => 0.0,
    };
    system.plan.iter().map(share).collect()
}

fn layer(plan: &VoxelPlan) -> Option<usize> {
    match plan {
        VoxelPlan::Signal { layer, .. } => Some(*layer),
        VoxelPlan::Outside | VoxelPlan::Noise => None,
    }
}

/// The regions of "aparc" in a map of both hemispheres, the highest mean first.
fn ranked(values: &[f32], hemispheres: Hemispheres) -> Vec<RegionRow> {
    let aparc = Subject::fsaverage5().parcellation("aparc").unwrap();
    let (left, right) = values.split_at(N_LEFT);
    let mut rows = region_table(aparc, [left, right], None, hemispheres).unwrap();
    rows.retain(|row| row.mean.is_finite());
    rows.sort_by(|a, b| b.mean.total_cmp(&a.mean));
    rows
}

fn responds(name: &str) -> bool {
    LANGUAGE_REGIONS.iter().any(|(region, _)| *region == name)
}

#[test]
fn the_signal_is_largest_in_its_regions_and_alike_on_both_sides() {
    let system = LanguageSystem::fsaverage5(5, LARGEST_SHARE);
    assert_eq!(system, LanguageSystem::fsaverage5(5, LARGEST_SHARE));
    let shares = shares(&system);
    let rows = ranked(&shares, Hemispheres::Separate);
    let n_planted = 2 * LANGUAGE_REGIONS.len();
    let (planted, others) = rows.split_at(n_planted);
    assert!(planted.iter().all(|row| responds(&row.region)), "{rows:?}");
    // Beyond the edges there is little: the lowest planted mean is five times the highest of the others.
    assert!(
        planted[n_planted - 1].mean > 0.3 && others[0].mean < 0.07,
        "{rows:?}"
    );
    for (name, _) in LANGUAGE_REGIONS {
        let of_side = |side| {
            let row = |row: &&RegionRow| row.region == name && row.side == Some(side);
            rows.iter().find(row).unwrap().mean
        };
        let [left, right] = Side::BOTH.map(of_side);
        assert!((left - right).abs() < 0.02, "{name}: {left} and {right}");
        for voxels in [0..N_LEFT, N_LEFT..shares.len()] {
            let inside = voxels.filter(|voxel| system.regions[*voxel] == name);
            let largest = inside.map(|voxel| shares[voxel]).fold(0.0, f32::max);
            assert_eq!(largest, LARGEST_SHARE as f32, "{name}");
        }
    }
}

#[test]
fn the_signal_falls_off_smoothly() {
    let shares = shares(&LanguageSystem::fsaverage5(5, LARGEST_SHARE));
    let (mut steps, mut largest) = (Vec::new(), 0.0_f32);
    for side in Side::BOTH {
        let shares = &shares[side.index() * N_LEFT..][..N_LEFT];
        let sphere = Subject::fsaverage5()
            .hemisphere(side)
            .surface(SurfaceKind::Sphere);
        for [a, b, c] in sphere.unwrap().triangles() {
            for (from, to) in [(a, b), (b, c), (c, a)] {
                let [from, to] = [from, to].map(|vertex| shares[*vertex as usize]);
                largest = largest.max((from - to).abs());
                if from.max(to) > 0.0 {
                    steps.push((from - to).abs());
                }
            }
        }
    }
    let mean = steps.iter().sum::<f32>() / steps.len() as f32;
    eprintln!("steps between neighbours: mean {mean:.3}, largest {largest:.3} of {LARGEST_SHARE}");
    // Heschl's gyrus, three vertices wide, is the steepest.
    assert!(mean < 0.04 && largest < 0.16, "{mean}, {largest}");
}

#[test]
fn layers_get_deeper_from_region_to_region_and_the_medial_wall_is_outside() {
    let medial_wall = Subject::fsaverage5().parcellation("Medial_wall").unwrap();
    let is_outside: Vec<bool> = medial_wall
        .of_vertex
        .iter()
        .flatten()
        .map(Option::is_some)
        .collect();
    for n_layers in [1, 2, 3, 5, 13, 33] {
        let system = LanguageSystem::fsaverage5(n_layers, LARGEST_SHARE);
        for (plan, is_outside) in system.plan.iter().zip(&is_outside) {
            assert_eq!(*plan == VoxelPlan::Outside, *is_outside);
        }
        let mut depths: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (plan, region) in system.plan.iter().zip(&system.regions) {
            if let Some(layer) = layer(plan) {
                depths.entry(region).or_default().push(layer);
            }
        }
        let mean = |region: &str| {
            let layers = &depths[region];
            layers.iter().sum::<usize>() as f64 / layers.len() as f64
        };
        let n = n_layers as f64;
        for (name, [from, to]) in LANGUAGE_REGIONS {
            // The mean of the first layer is 0, that of the last n - 1.
            let allowed = from * n - 1.0..=to * n;
            assert!(
                allowed.contains(&mean(name)),
                "{name} of {n_layers}: {}",
                mean(name)
            );
        }
        let all: Vec<usize> = depths.values().flatten().copied().collect();
        assert_eq!(
            (all.iter().min(), all.iter().max()),
            (Some(&0), Some(&(n_layers - 1)))
        );
    }
}

#[test]
fn the_same_seed_gives_the_same_bits_and_the_medial_wall_is_0() {
    let system = LanguageSystem::fsaverage5(N_LAYERS, LARGEST_SHARE);
    let present = |seed| {
        let settings = SimulationSettings {
            seed,
            ..SimulationSettings::default()
        };
        let brain = SimulatedBrain::planned(settings, &system.plan, &[4; N_LAYERS], 2.0).unwrap();
        let mut random = PythonRandom::new(2);
        let layers = [0; N_LAYERS].map(|_| story(&mut random, 30));
        brain.present(&brain.signal_of_layers(&layers), 1)
    };
    let measured = present(0);
    assert_eq!(measured, present(0));
    assert_ne!(measured, present(1));
    let pairs = measured.columns().into_iter().zip(&system.plan);
    for (column, plan) in pairs {
        let is_empty = column.iter().all(|value| *value == 0.0);
        assert_eq!(is_empty, *plan == VoxelPlan::Outside);
    }
}

/// Features of a layer at the scans of a story.
fn story(random: &mut PythonRandom, n_scans: usize) -> Array2<f64> {
    Array2::from_shape_simple_fn((n_scans, 4), || random.normal())
}

/// r of every voxel when `features` are fitted to the first story and scored on the second.
fn scores(features: &[Array2<f64>; 2], responses: &[Array2<f64>; 2]) -> Vec<f32> {
    let [training, test] = [&features[0], &features[1]].map(|story| {
        let mut story = story.clone();
        zscore(story.view_mut());
        let n_scans = story.nrows();
        let borders = DelayBorders::WithinStories;
        delayed(story.view(), &[1, 2, 3, 4], &[n_scans], borders)
    });
    let (training, test) = (TrainingFeatures(training), TestFeatures(test));
    let ridge = RidgeSettings {
        alphas: Alphas::LogSpace {
            logspace: (0.0, 3.0, 5),
        }
        .values(),
        alpha_unit: AlphaUnit::Plain,
        round_score: RoundScore::Correlation,
    };
    let rounds = CrossValidation::ChunkBootstrap {
        n_rounds: 2,
        chunk_scans: 10,
        chunks: HeldChunks::Quarter,
    };
    let rounds = rounds.rounds(&[responses[0].nrows()], 0).unwrap();
    let problem = Problem::<f64>::new(&training).unwrap();
    let validation = RoundsPlan::new(&problem, &rounds, &ridge)
        .unwrap()
        .scores(responses[0].view());
    let alphas = best_alpha_per_voxel(mean_over_rounds(validation.view()).view());
    let plan = RefitPlan::new(&problem, &test, &ridge).unwrap();
    let fitted = plan.fit(responses[0].view(), &alphas, Weights::Left);
    let r = correlation(fitted.predictions.view(), responses[1].view());
    r.iter().map(|r| *r as f32).collect()
}

#[test]
fn fits_of_the_right_layers_find_regions_and_layers_again() {
    let system = LanguageSystem::fsaverage5(N_LAYERS, LARGEST_SHARE);
    let settings = SimulationSettings::default();
    let brain = SimulatedBrain::planned(settings, &system.plan, &[4; N_LAYERS], 2.0).unwrap();
    let mut random = PythonRandom::new(4);
    let layers: Vec<[Array2<f64>; 2]> = (0..N_LAYERS)
        .map(|_| [story(&mut random, 160), story(&mut random, 100)])
        .collect();
    let responses = [0, 1].map(|number| {
        let layers: Vec<Array2<f64>> = layers.iter().map(|layer| layer[number].clone()).collect();
        let mut measured = brain.present(&brain.signal_of_layers(&layers), number as u64);
        zscore(measured.view_mut());
        measured
    });
    let r_of_layers: Vec<Vec<f32>> = layers
        .iter()
        .map(|layer| scores(layer, &responses))
        .collect();
    for (number, r) in r_of_layers.iter().enumerate() {
        let third = number as f64 / N_LAYERS as f64;
        let right = LANGUAGE_REGIONS
            .iter()
            .filter(|(_, depths)| (depths[0] - third).abs() < 1e-9);
        let right: Vec<&str> = right.map(|(name, _)| *name).collect();
        let rows = ranked(r, Hemispheres::Separate);
        for row in &rows[..2 * right.len()] {
            eprintln!(
                "layer {number}: {:?} {} r {:.3}",
                row.side, row.region, row.mean
            );
            assert!(right.contains(&row.region.as_str()), "{number}: {row:?}");
        }
    }
    let mut best = vec![(f32::NAN, 0); system.plan.len()];
    for (number, r) in r_of_layers.iter().enumerate() {
        for (best, r) in best.iter_mut().zip(r) {
            if best.0.is_nan() || *r > best.0 {
                *best = (*r, number);
            }
        }
    }
    let largest: Vec<f32> = best.iter().map(|(r, _)| *r).collect();
    for (plan, r) in system.plan.iter().zip(&largest) {
        assert_eq!(r.is_nan(), *plan == VoxelPlan::Outside);
    }
    let rows = ranked(&largest, Hemispheres::Separate);
    for row in &rows[..10] {
        assert!(responds(&row.region), "{row:?}");
    }
    let strong = best
        .iter()
        .zip(&system.plan)
        .filter(|(best, _)| best.0 > 0.3);
    let strong: Vec<bool> = strong
        .map(|(best, plan)| layer(plan) == Some(best.1))
        .collect();
    let n_right = strong.iter().filter(|is_right| **is_right).count();
    let share = n_right as f64 / strong.len() as f64;
    eprintln!(
        "best layer is right in {share:.3} of {} voxels with r > 0.3",
        strong.len()
    );
    assert!(
        strong.len() > 1500 && share >= 0.8,
        "{share} of {}",
        strong.len()
    );
}
