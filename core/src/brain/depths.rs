//! Depths between the pial and the white surface.

/// How depths between the pial and the white surface are spaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DepthSpacing {
    /// A depth is a share of the way from the pial to the white surface.
    #[default]
    EqualDistance,
    /// A depth is a share of the cortical volume, so that layers keep their place in gyri and sulci.
    EqualVolume,
}

/// The share of the way from the pial to the white surface at which a share of the volume between them is reached.
///
/// * `share`: 0 is pial, 1 white.
/// * `pial`, `white`: the areas that belong to the point on either surface, in one unit.
///
/// Source: Waehnert and others (2014), `NeuroImage` 93, 210, equation 10; the same as pycortex 1.4.
#[must_use]
pub fn equal_volume_depth(share: f32, pial: f32, white: f32) -> f32 {
    let difference = pial - white;
    // Walls of one area: both spacings are the same, and the formula is 0 / 0.
    if difference.abs() <= 1e-4 * pial.max(white) {
        return share;
    }
    let area = ((1.0 - share) * pial * pial + share * white * white).sqrt();
    1.0 - (area - white) / difference
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_volumes_lie_between_equal_volume_depths() {
        for (pial, white) in [(2.0_f32, 1.0_f32), (0.7, 1.9), (1.0, 1.0)] {
            // The area grows linearly from wall to wall; its integral is the volume.
            let volume = |depth: f32| pial * depth + (white - pial) * depth * depth / 2.0;
            for share in [0.0, 0.1, 0.5, 0.8, 1.0] {
                let depth = equal_volume_depth(share, pial, white);
                let found = volume(depth) / volume(1.0);
                assert!((found - share).abs() < 1e-5, "{pial} {white} {share}");
            }
        }
    }

    #[test]
    fn walls_of_nearly_one_area_make_no_jump() {
        for excess in [0.0, 0.9e-4, 1.1e-4, 1e-3] {
            let depth = equal_volume_depth(0.3, 1.0 + excess, 1.0);
            assert!((depth - 0.3).abs() < 1e-3, "{excess}: {depth}");
        }
    }
}
