//! Maps made from fits, on the command line: what is written, drawn and exported.

use std::path::{Path, PathBuf};
use std::process::Output;

use heschl_core::files::formats::npz_arrays::{MemoryOrder, header};
use heschl_core::run::encoding::{Column, ScoreTable, VoxelScores};
use heschl_core::scene::ColourMap;
use ndarray::Array2;

use crate::common::heschl;

/// Vertices of a hemisphere of fsaverage5.
const N: usize = 10_242;
const N_SCANS: usize = 60;

/// Two fits of fsaverage5, "left" and "right", each of which predicts its hemisphere; with predictions.
struct Fits(tempfile::TempDir);

impl Fits {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // What both fits were made with; only its data matter here.
        let recipe = include_str!("../app/src/share/test_recipe.toml");
        let responses = folder.path().join("fits/left/responses");
        let recipe = recipe.replace("RESPONSES", responses.to_str().unwrap());
        let noise = |seed: usize| {
            move |scan: usize, voxel: usize| {
                let mixed = (scan * 7919 + voxel * 104_729 + seed * 15_485_863) as u32;
                let mixed = (mixed ^ mixed >> 15).wrapping_mul(0x2c1b_3c6d);
                let mixed = (mixed ^ mixed >> 12).wrapping_mul(0x297a_2d39);
                (mixed ^ mixed >> 15) as f32 / u32::MAX as f32 - 0.5
            }
        };
        let measured = noise(1);
        for (name, own) in [("left", 0..N), ("right", N..2 * N)] {
            let fit = folder.path().join("fits").join(name);
            std::fs::create_dir_all(fit.join("responses")).unwrap();
            let other = noise(2 + own.start);
            let predicted = |scan: usize, voxel: usize| {
                let share = if own.contains(&voxel) { 1.0 } else { 0.0 };
                share * measured(scan, voxel) + other(scan, voxel)
            };
            npy(&fit.join("predictions.npy"), &predicted);
            npy(&fit.join("responses/a.npy"), &measured);
            std::fs::write(fit.join("recipe.toml"), &recipe).unwrap();
            let voxel = |voxel: usize| {
                let column = |value: &dyn Fn(usize, usize) -> f32| {
                    Array2::from_shape_fn((N_SCANS, 1), |(scan, _)| f64::from(value(scan, voxel)))
                };
                let (predicted, measured) = (column(&predicted), column(&measured));
                let r = heschl_core::stats::score::correlation(predicted.view(), measured.view());
                let mut scores = VoxelScores::default();
                scores.set(Column::R, r[0]);
                scores.set(
                    Column::RoundScore,
                    if own.contains(&voxel) { 0.5 } else { 0.0 },
                );
                let p = if own.contains(&voxel) { 0.001 } else { 0.5 };
                scores.set(Column::P, p);
                scores.set(Column::Q, 2.0 * p);
                scores
            };
            let table = ScoreTable {
                first_voxel: 0,
                voxels: (0..2 * N).map(voxel).collect(),
                alphas: vec![1.0],
                round_scores: Array2::zeros((1, 2 * N)),
                draws: vec![],
                fdr_level: 0.05,
            };
            std::fs::write(fit.join("scores.npz"), table.to_npz().unwrap()).unwrap();
        }
        Self(folder)
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = heschl();
        command.current_dir(self.0.path()).args(arguments);
        command.output().unwrap()
    }

    /// Runs a command that must succeed; returns what it printed.
    fn text(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{arguments:?}: {stderr}");
        String::from_utf8_lossy(&output.stdout).into_owned() + &stderr
    }

    fn refused(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    }
}

/// Values of all scans and vertices as a file.
fn npy(path: &Path, value: &dyn Fn(usize, usize) -> f32) {
    let mut bytes = header("<f4", MemoryOrder::C, &[N_SCANS, 2 * N]);
    let all = (0..N_SCANS * 2 * N).map(|at| value(at / (2 * N), at % (2 * N)));
    bytes.extend(all.flat_map(f32::to_le_bytes));
    std::fs::write(path, bytes).unwrap();
}

/// Colours that a picture has in more than a thousand pixels.
fn colours(path: &Path) -> Vec<[u8; 3]> {
    let picture = image::open(path).unwrap().into_rgba8();
    let mut counts = std::collections::BTreeMap::new();
    for pixel in picture.pixels().filter(|pixel| pixel.0[3] == 255) {
        let [red, green, blue, _] = pixel.0;
        *counts.entry([red, green, blue]).or_insert(0) += 1;
    }
    let many = counts.into_iter().filter(|(_, count)| *count > 1000);
    many.map(|(colour, _)| colour).collect()
}

#[test]
fn maps_of_fits_are_written_drawn_and_exported() {
    let fits = Fits::new();
    let said = fits.text(&["map", "best", "fits", "--out", "best"]);
    assert!(
        said.contains("left                     10242 voxels"),
        "{said}"
    );
    assert!(said.contains("had no part in the choice"), "{said}");
    // Drawn as the record says: each hemisphere has one colour.
    let inferno = ColourMap::default();
    for (view, share) in [("lateral-left", 0.25), ("lateral-right", 0.75)] {
        let flat = ["--no-light", "--no-rois", "--size", "300x200"];
        let arguments = [
            &["render", "best", "--view", view, "--out", "best.png"][..],
            &flat,
        ];
        fits.text(&arguments.concat());
        assert_eq!(
            colours(&fits.at("best.png")),
            [inferno.colour(share)],
            "{view}"
        );
    }
    fits.text(&["render", "best", "--view", "dorsal", "--out", "best.svg"]);
    let svg = std::fs::read_to_string(fits.at("best.svg")).unwrap();
    for words in [
        ">best fit</text>",
        ">none</text>",
        ">left</text>",
        ">right</text>",
    ] {
        assert!(svg.contains(words), "{words}");
    }
    assert!(
        svg.contains("heschl render maps.npz"),
        "the command stands in the file"
    );
    fits.text(&["export", "best", "--out", "best.csv"]);
    let table = std::fs::read_to_string(fits.at("best.csv")).unwrap();
    let head = table.lines().next().unwrap();
    assert!(
        head.ends_with(",best,r,margin,q,validation_margin"),
        "{head}"
    );
    // The difference: every vertex of a hemisphere is predicted better by its own fit.
    let both = ["fits/left", "fits/right"];
    let more = [
        "--block-scans",
        "2",
        "--permutations",
        "500",
        "--out",
        "difference",
    ];
    let arguments = [&["map", "difference"][..], &both, &more];
    let said = fits.text(&arguments.concat());
    let sentence = said.lines().find(|line| line.contains("predicts")).unwrap();
    let numbers: Vec<usize> = sentence
        .split(|letter: char| !letter.is_ascii_digit())
        .filter_map(|digits| digits.parse().ok())
        .collect();
    assert!(numbers[0] > 9_000 && numbers[1] > 9_000, "{sentence}");
    // Its colours are on both sides of 0 unless others are asked for.
    let said = fits.text(&["render", "difference", "--out", "difference.svg"]);
    assert!(
        said.contains("(RdBu_r)") && said.contains("from -"),
        "{said}"
    );
    let said = fits.text(&[
        "render",
        "difference",
        "--cmap",
        "viridis",
        "--out",
        "a.svg",
    ]);
    assert!(said.contains("(viridis)"), "{said}");
    let said = fits.text(&["render", "difference", "--map", "q", "--out", "q.svg"]);
    assert!(said.contains("(inferno)"), "{said}");
}

#[test]
fn what_maps_need_is_said() {
    let fits = Fits::new();
    let one = fits.refused(&["map", "best", "fits/left"]);
    assert!(one.contains("At least 2 fits are needed"), "{one}");
    let nothing = fits.refused(&["map", "best", "elsewhere"]);
    assert!(nothing.contains("There are no scores here"), "{nothing}");
    let weights = fits.refused(&["map", "delay", "fits/left"]);
    assert!(weights.contains("weights = true"), "{weights}");
    let into = fits.refused(&["map", "best", "fits", "--out", "fits/left"]);
    assert!(into.contains("holds the scores of a fit"), "{into}");
    let names = fits.refused(&["map", "best", "fits", "--names", "a,b,c"]);
    assert!(names.contains("3 names for 2 fits"), "{names}");
    let other = std::fs::read_to_string(fits.at("fits/right/recipe.toml")).unwrap();
    let other = other.replace("seed = 1", "seed = 2");
    std::fs::write(fits.at("fits/right/recipe.toml"), other).unwrap();
    let seeds = fits.refused(&["map", "best", "fits"]);
    assert!(seeds.contains("--choose-by test"), "{seeds}");
    fits.text(&["map", "best", "fits", "--choose-by", "test"]);
    std::fs::remove_file(fits.at("fits/right/predictions.npy")).unwrap();
    let predictions = fits.refused(&["map", "difference", "fits/left", "fits/right"]);
    assert!(predictions.contains("predictions = true"), "{predictions}");
}
