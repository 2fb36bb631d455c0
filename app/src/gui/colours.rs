//! Colours of data, which no control has.

use eframe::egui::Color32;

/// Viridis (Smith and van der Walt 2015, in matplotlib), at nine places: evenly perceived, also without red or green.
const SEQUENTIAL: [[u8; 3]; 9] = [
    [68, 1, 84],
    [71, 45, 123],
    [59, 82, 139],
    [44, 114, 142],
    [33, 145, 140],
    [40, 174, 128],
    [94, 201, 98],
    [173, 220, 48],
    [253, 231, 37],
];

/// `RdBu` of `ColorBrewer` (Brewer 2003), blue first, at seven places: white is the middle.
const DIVERGING: [[u8; 3]; 7] = [
    [33, 102, 172],
    [103, 169, 207],
    [209, 229, 240],
    [247, 247, 247],
    [253, 219, 199],
    [239, 138, 98],
    [178, 24, 43],
];

/// What is not a number.
const NOTHING: Color32 = Color32::from_gray(128);

/// From low to high.
#[must_use]
pub(crate) fn sequential(share: f32) -> Color32 {
    between(&SEQUENTIAL, share)
}

/// From below the middle to above it.
#[must_use]
pub(crate) fn diverging(share: f32) -> Color32 {
    between(&DIVERGING, share)
}

fn between(places: &[[u8; 3]], share: f32) -> Color32 {
    if share.is_nan() {
        return NOTHING;
    }
    let at = share.clamp(0.0, 1.0) * (places.len() - 1) as f32;
    let before = (at.floor() as usize).min(places.len() - 2);
    let part = at - before as f32;
    let mix = |channel: usize| {
        let (from, to) = (
            f32::from(places[before][channel]),
            f32::from(places[before + 1][channel]),
        );
        (from + (to - from) * part).round() as u8
    };
    Color32::from_rgb(mix(0), mix(1), mix(2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_are_the_scales_and_between_them_nothing_jumps() {
        assert_eq!(
            (sequential(0.0), sequential(1.0)),
            (
                Color32::from_rgb(68, 1, 84),
                Color32::from_rgb(253, 231, 37)
            )
        );
        assert_eq!(diverging(0.5), Color32::from_rgb(247, 247, 247));
        assert_eq!(
            (sequential(-3.0), sequential(9.0)),
            (sequential(0.0), sequential(1.0))
        );
        assert_eq!(sequential(f32::NAN), NOTHING);
        for step in 0..1000 {
            let (a, b) = (
                sequential(step as f32 / 1000.0),
                sequential((step + 1) as f32 / 1000.0),
            );
            let jump = a
                .to_array()
                .iter()
                .zip(b.to_array())
                .map(|(a, b)| a.abs_diff(b))
                .max();
            assert!(jump <= Some(2));
            // Lighter and lighter, as its makers intended.
            let light = |c: Color32| {
                0.2126 * f32::from(c.r()) + 0.7152 * f32::from(c.g()) + 0.0722 * f32::from(c.b())
            };
            assert!(light(b) >= light(a) - 0.7);
        }
    }
}
