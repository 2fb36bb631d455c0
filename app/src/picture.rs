//! A picture of features: every layer over time.

use std::path::Path;

use image::{ImageFormat, Rgb, RgbImage};
use ndarray::{Array2, ArrayView1, Axis};

/// Height of one layer's band in points.
const BAND_HEIGHT: u32 = 96;
/// Space between bands.
const GAP: u32 = 4;
const WIDTH: u32 = 1200;
const BACKGROUND: Rgb<u8> = Rgb([24, 24, 28]);
/// Values beyond so many standard deviations of their feature get the last colour.
const MOST_DEVIATIONS: f32 = 2.5;

/// Colours from low to high: blue, grey, orange; told apart by people who are colour-blind.
const LOW: [f32; 3] = [33.0, 102.0, 172.0];
const MIDDLE: [f32; 3] = [235.0, 235.0, 235.0];
const HIGH: [f32; 3] = [230.0, 97.0, 1.0];

/// Draws one band per layer, layer 0 on top: time to the right, features downwards, each feature relative to its own
/// mean and deviation over the story.
///
/// * `layers`: `(time, dim)` each.
#[must_use]
pub(crate) fn draw(layers: &[Array2<f32>]) -> RgbImage {
    let height = layers.len() as u32 * (BAND_HEIGHT + GAP) + GAP;
    let mut picture = RgbImage::from_pixel(WIDTH + 2 * GAP, height, BACKGROUND);
    for (index, layer) in layers.iter().enumerate() {
        let scored = z_scored(layer);
        let top = GAP + index as u32 * (BAND_HEIGHT + GAP);
        for y in 0..BAND_HEIGHT {
            for x in 0..WIDTH {
                let feature = bin(y, BAND_HEIGHT, scored.ncols());
                let rows = bin(x, WIDTH, scored.nrows());
                let cell = scored.slice(ndarray::s![rows, feature]);
                picture.put_pixel(GAP + x, top + y, colour(cell.mean().unwrap_or(0.0)));
            }
        }
    }
    picture
}

/// Saves a picture as PNG, whole or not at all.
///
/// # Errors
/// A [`heschl_core::store::StoreError`] if the disk refuses.
pub(crate) fn save(picture: &RgbImage, path: &Path) -> Result<(), heschl_core::store::StoreError> {
    let mut png = std::io::Cursor::new(Vec::new());
    // Encoding into memory fails only for sizes that PNG cannot hold, which WIDTH and the layers of a model never are.
    let encoded = picture.write_to(&mut png, ImageFormat::Png);
    debug_assert!(encoded.is_ok());
    heschl_core::store::atomic::write(path, png.get_ref())
}

/// The stretch of `n` items that point `at` of `size` shows; never empty.
fn bin(at: u32, size: u32, n: usize) -> std::ops::Range<usize> {
    let edge = |at: u32| at as usize * n / size as usize;
    let first = edge(at).min(n - 1);
    first..edge(at + 1).clamp(first + 1, n)
}

fn z_scored(layer: &Array2<f32>) -> Array2<f32> {
    let mut scored = layer.clone();
    for mut column in scored.axis_iter_mut(Axis(1)) {
        let (mean, deviation) = mean_and_deviation(column.view());
        column.mapv_inplace(|value| (value - mean) / deviation);
    }
    scored
}

fn mean_and_deviation(column: ArrayView1<f32>) -> (f32, f32) {
    let mean = column.mean().unwrap_or(0.0);
    let deviation = column.std(0.0);
    (mean, if deviation > 0.0 { deviation } else { 1.0 })
}

fn colour(deviations: f32) -> Rgb<u8> {
    let t = (deviations / MOST_DEVIATIONS).clamp(-1.0, 1.0);
    let end = if t < 0.0 { LOW } else { HIGH };
    let mix = |i: usize| (MIDDLE[i] + (end[i] - MIDDLE[i]) * t.abs()) as u8;
    Rgb([mix(0), mix(1), mix(2)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_cover_everything_once_or_repeat_what_is_few() {
        for n in [1, 7, 96, 1200, 5000] {
            assert_eq!(bin(0, WIDTH, n).start, 0);
            assert_eq!(bin(WIDTH - 1, WIDTH, n).end, n);
            assert!((1..WIDTH).all(|x| bin(x, WIDTH, n).start <= bin(x - 1, WIDTH, n).end));
        }
    }

    #[test]
    fn colours_tell_low_from_high_and_constant_features_are_grey() {
        let rising = Array2::from_shape_fn(
            (100, 2),
            |(t, feature)| if feature == 0 { t as f32 } else { 3.0 },
        );
        let picture = draw(&[rising]);
        let [left, right] = [GAP, GAP + WIDTH - 1].map(|x| *picture.get_pixel(x, GAP));
        assert!(
            left[2] > left[0] && right[0] > right[2],
            "{left:?} {right:?}"
        );
        assert_eq!(
            *picture.get_pixel(GAP + 5, GAP + BAND_HEIGHT - 1),
            Rgb([235, 235, 235])
        );
    }
}
