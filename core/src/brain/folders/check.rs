//! Whether maps agree with surfaces.

use crate::brain::subject::{Hemisphere, SurfaceKind};

/// The correlation of curvature with how much larger the pial surface is than the white one around each vertex, which it is
/// in gyri. None if surfaces are missing.
pub(super) fn gyri_agreement(hemisphere: &Hemisphere, curvature: &[f32]) -> Option<f64> {
    let pial = hemisphere.surface(SurfaceKind::Pial)?.areas();
    let white = hemisphere.surface(SurfaceKind::White)?.areas();
    let pairs: Vec<(f64, f64)> = pial
        .iter()
        .zip(&white)
        .zip(curvature)
        .filter(|((pial, white), curvature)| **pial > 0.0 && **white > 0.0 && curvature.is_finite())
        .map(|((pial, white), curvature)| (f64::from(pial / white).ln(), f64::from(*curvature)))
        .collect();
    correlation(&pairs)
}

fn correlation(pairs: &[(f64, f64)]) -> Option<f64> {
    let n = pairs.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| pairs.iter().map(of).sum::<f64>() / n;
    let (mean_x, mean_y) = (mean(|pair| pair.0), mean(|pair| pair.1));
    let product = |(x, y): &(f64, f64)| (x - mean_x) * (y - mean_y);
    let shared: f64 = pairs.iter().map(product).sum();
    let alone_x: f64 = pairs.iter().map(|(x, _)| (x - mean_x).powi(2)).sum();
    let alone_y: f64 = pairs.iter().map(|(_, y)| (y - mean_y).powi(2)).sum();
    let r = shared / (alone_x * alone_y).sqrt();
    r.is_finite().then_some(r)
}
