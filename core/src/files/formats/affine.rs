//! Affine transforms from voxel indices to space.

use std::fmt;

/// Images share a space if their corners are no further apart than this fraction of a voxel; headers round.
const MOST_VOXELS_APART: f64 = 0.1;

/// The first three rows of an affine matrix from voxel indices to millimetres.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Affine([[f64; 4]; 3]);

impl Affine {
    /// Returns `None` if a value is not finite, or an axis has zero length.
    pub(super) fn new(rows: [[f64; 4]; 3]) -> Option<Self> {
        let affine = Self(rows);
        let is_finite = rows.as_flattened().iter().all(|value| value.is_finite());
        (is_finite && affine.least_step() > 0.0).then_some(affine)
    }

    /// The rows of the matrix.
    pub(super) fn rows(self) -> [[f64; 4]; 3] {
        self.0
    }

    /// Builds the matrix from the last three components of a unit quaternion, the voxel sizes and the position of the first
    /// voxel.
    ///
    /// Source: method 2 of nifti1.h.
    pub(super) fn of_quaternion(
        [b, c, d]: [f64; 3],
        sizes: [f64; 3],
        offset: [f64; 3],
    ) -> Option<Self> {
        let a = (1.0 - b * b - c * c - d * d).max(0.0).sqrt();
        let turn = [
            [
                a * a + b * b - c * c - d * d,
                2.0 * (b * c - a * d),
                2.0 * (b * d + a * c),
            ],
            [
                2.0 * (b * c + a * d),
                a * a + c * c - b * b - d * d,
                2.0 * (c * d - a * b),
            ],
            [
                2.0 * (b * d - a * c),
                2.0 * (c * d + a * b),
                a * a + d * d - b * b - c * c,
            ],
        ];
        Self::of_axes(turn, sizes, offset)
    }

    /// Builds the matrix from direction cosines (in columns), the voxel sizes and the position of the first voxel.
    pub(super) fn of_axes(turn: [[f64; 3]; 3], sizes: [f64; 3], offset: [f64; 3]) -> Option<Self> {
        let row = |row: usize| {
            let [x, y, z] = turn[row];
            [x * sizes[0], y * sizes[1], z * sizes[2], offset[row]]
        };
        Self::new([row(0), row(1), row(2)])
    }

    /// Whether images of this size occupy the same space.
    pub(super) fn is_same_space(&self, other: &Self, size: [usize; 3]) -> bool {
        let step = self.least_step().min(other.least_step());
        (0..8).all(|corner: usize| {
            let at: [f64; 3] =
                std::array::from_fn(|axis| (size[axis] - 1) as f64 * ((corner >> axis & 1) as f64));
            let (one, two) = (self.place(at), other.place(at));
            let square: f64 = one
                .iter()
                .zip(two)
                .map(|(one, two)| (one - two).powi(2))
                .sum();
            square.sqrt() <= MOST_VOXELS_APART * step
        })
    }

    /// Returns the position of a voxel, millimetres.
    pub(super) fn place(&self, voxel: [f64; 3]) -> [f64; 3] {
        self.0
            .map(|[x, y, z, offset]| x * voxel[0] + y * voxel[1] + z * voxel[2] + offset)
    }

    /// The smallest voxel size, millimetres.
    fn least_step(&self) -> f64 {
        let step = |axis: usize| {
            self.0
                .iter()
                .map(|row| row[axis].powi(2))
                .sum::<f64>()
                .sqrt()
        };
        (0..3).map(step).fold(f64::INFINITY, f64::min)
    }
}

impl fmt::Display for Affine {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let rows = self.0.map(|row| {
            let values = row.map(|value| format!("{}", (value * 1e4).round() / 1e4 + 0.0));
            format!("[{}]", values.join(", "))
        });
        write!(f, "[{}]", rows.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quaternion_turns_as_nibabel_turns_it() {
        // x maps to z, y to -x, z to -y: nibabel's quat2mat([0.5, 0.5, -0.5, 0.5]), times the sizes.
        let affine = Affine::of_quaternion([0.5, -0.5, 0.5], [2.0, 3.0, -4.0], [-90.0, 1.0, 5.0]);
        let expected = [
            [0.0, -3.0, 0.0, -90.0],
            [0.0, 0.0, 4.0, 1.0],
            [2.0, 0.0, 0.0, 5.0],
        ];
        let found = affine.unwrap().0;
        for (found, expected) in found.as_flattened().iter().zip(expected.as_flattened()) {
            assert!((found - expected).abs() < 1e-12, "{found} {expected}");
        }
    }

    #[test]
    fn images_are_of_one_space_if_their_corners_meet() {
        let rows = [
            [-2.0, 0.0, 0.0, 90.0],
            [0.0, 2.0, 0.0, -126.0],
            [0.0, 0.0, 2.0, -72.0],
        ];
        let affine = Affine::new(rows).unwrap();
        let mut rounded = rows;
        rounded[0][3] += 1e-3;
        assert!(affine.is_same_space(&Affine::new(rounded).unwrap(), [91, 109, 91]));
        let mut flipped = rows;
        flipped[0] = [2.0, 0.0, 0.0, -90.0];
        assert!(!affine.is_same_space(&Affine::new(flipped).unwrap(), [91, 109, 91]));
        let mut stretched = rows;
        stretched[1][1] = 2.02;
        assert!(!affine.is_same_space(&Affine::new(stretched).unwrap(), [91, 109, 91]));
        assert!(Affine::new([[0.0; 4]; 3]).is_none());
        assert!(
            affine.to_string().starts_with("[[-2, 0, 0, 90], "),
            "{affine}"
        );
    }
}
