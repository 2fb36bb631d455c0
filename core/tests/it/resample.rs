//! The resampler against torchaudio's numbers and against itself.

use std::f64::consts::TAU;
use std::fs::File;

use heschl_core::speech::audio::{ResampleError, SincResampler};
use ndarray::Array1;
use ndarray_npy::ReadNpyExt;
use zip::ZipArchive;

/// The fixture is noise with a standard deviation of 1; sums of f32 in another order differ by this.
const TOLERANCE: f32 = 2e-6;

fn fixture(name: &str) -> Vec<f32> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/resample.npz");
    let mut npz = ZipArchive::new(File::open(path).unwrap()).unwrap();
    let array = npz.by_name(&format!("{name}.npy")).unwrap();
    Array1::<f32>::read_npy(array).unwrap().to_vec()
}

/// Resamples `input` cut into blocks of the given lengths, again and again from the first.
fn resample(input: &[f32], (from, to): (u32, u32), blocks: &[usize]) -> Vec<f32> {
    let mut resampler = SincResampler::new(from, to).unwrap();
    let mut output = Vec::new();
    let mut rest = input;
    for &len in blocks.iter().cycle() {
        let (block, after) = rest.split_at(len.min(rest.len()));
        resampler.push(block, &mut output);
        rest = after;
        if rest.is_empty() {
            break;
        }
    }
    resampler.finish(&mut output);
    output
}

fn tone(hz: f64, rate_hz: u32, n_samples: usize) -> Vec<f32> {
    let sample = |i| (TAU * hz * i as f64 / f64::from(rate_hz)).sin() as f32;
    (0..n_samples).map(sample).collect()
}

#[test]
fn numbers_are_torchaudios() {
    for rate_hz in [44_100, 48_000, 22_050, 8_000] {
        let ours = resample(
            &fixture(&format!("in_{rate_hz}")),
            (rate_hz, 16_000),
            &[4096],
        );
        let theirs = fixture(&format!("out_{rate_hz}"));
        assert_eq!(ours.len(), theirs.len(), "{rate_hz} Hz");
        let differences = ours.iter().zip(&theirs).map(|(a, b)| (a - b).abs());
        let largest = differences.fold(0.0, f32::max);
        assert!(largest <= TOLERANCE, "{rate_hz} Hz: {largest:e}");
    }
}

#[test]
fn cutting_into_blocks_changes_no_bit() {
    for rate_hz in [44_100, 48_000, 8_000, 11_025, 44_099] {
        let input = tone(440.0, rate_hz, 9_001);
        let whole = resample(&input, (rate_hz, 16_000), &[input.len()]);
        for blocks in [&[1][..], &[7, 0, 1_001], &[441, 3], &[8_999, 1]] {
            let cut = resample(&input, (rate_hz, 16_000), blocks);
            let bits = |samples: &[f32]| samples.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
            assert_eq!(
                bits(&cut),
                bits(&whole),
                "{rate_hz} Hz in blocks of {blocks:?}"
            );
        }
    }
}

#[test]
fn length_is_rounded_up() {
    // Second column by hand: ceil(16000 · n / rate).
    for (rate_hz, n_samples, expected) in [
        (44_100, 0, 0),
        (44_100, 1, 1),
        (44_100, 441, 160),
        (44_100, 442, 161),
        (48_000, 3, 1),
        (48_000, 4, 2),
        (8_000, 5, 10),
        (767_000, 100, 3),
    ] {
        let output = resample(
            &vec![0.5; n_samples],
            (rate_hz, 16_000),
            &[n_samples.max(1)],
        );
        assert_eq!(
            output.len(),
            expected,
            "{n_samples} samples at {rate_hz} Hz"
        );
    }
}

#[test]
fn a_tone_that_fits_stays_and_one_that_does_not_goes() {
    let loudest = |samples: &[f32]| samples.iter().fold(0.0_f32, |max, x| max.max(x.abs()));
    let middle = 2_000..6_000;
    let kept = resample(&tone(1_000.0, 48_000, 24_000), (48_000, 16_000), &[4096]);
    assert!((loudest(&kept[middle.clone()]) - 1.0).abs() < 0.01);
    // 12 kHz is far above half of 16 kHz.
    let gone = resample(&tone(12_000.0, 48_000, 24_000), (48_000, 16_000), &[4096]);
    assert!(loudest(&gone[middle]) < 0.01);
}

#[test]
fn equal_rates_change_nothing() {
    let input = tone(440.0, 16_000, 1_000);
    assert_eq!(resample(&input, (16_000, 16_000), &[33]), input);
}

#[test]
fn rates_that_need_huge_tables_are_refused() {
    assert!(matches!(
        SincResampler::new(767_999, 16_000),
        Err(ResampleError::TableTooLarge { .. })
    ));
    assert_eq!(
        SincResampler::new(0, 16_000).err(),
        Some(ResampleError::ZeroRate)
    );
}
