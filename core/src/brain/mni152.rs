//! Images in the space of MNI152 on FreeSurfer's average subjects, by an affine. This is approximate: the two averages were made
//! from different people in different ways, and cortical folds do not meet.

use super::sampling::Transform;

/// The head that comes with the program, as a compressed NIfTI file: the ICBM average of 2009 (a, symmetric), T1, 197 × 233 × 189
/// voxels of 1 mm.
pub const HEAD: &[u8] = include_bytes!("../../assets/mni152/icbm152_2009a_t1_1mm.nii.gz");

/// FreeSurfer's register file for MNI152: from the surface space of fsaverage to that of the image [`REGISTERED`], mm.
///
/// Source: `fsaverage/mri/reg.mni152.2mm.dat` of FreeSurfer 7.3.2, which `mri_vol2surf --mni152reg` uses.
const REGISTER: [[f64; 4]; 3] = [
    [9.975_314e-1, -7.324_822e-3, 1.760_415e-2, 9.570_923e-1],
    [-1.296_475e-2, -9.262_221e-3, 9.970_638e-1, -1.781_596e1],
    [-1.459_537e-2, -1.000_945, 2.444_772e-3, -1.854_964e1],
];

/// An image of MNI152 with axes along those of the space.
#[derive(Debug, Clone, Copy)]
struct Grid {
    /// Voxels along the axes, of which the first may run to the left or to the right.
    size: [usize; 3],
    step_mm: f64,
    /// The leftmost, most posterior and lowest voxel's centre, mm.
    begin_mm: [f64; 3],
}

/// The image that [`REGISTER`] leads to: FSL's of 2 mm, whose first axis runs to the left.
const REGISTERED: Grid = grid([91, 109, 91], 2.0, [-90.0, -126.0, -72.0]);

/// The images in use: those of FSL and `MNI152NLin6Asym`, of the ICBM average of 2009 as in nilearn and as
/// `MNI152NLin2009cAsym`, and of SPM.
const GRIDS: [Grid; 8] = [
    REGISTERED,
    grid([182, 218, 182], 1.0, [-91.0, -126.0, -72.0]),
    grid([181, 217, 181], 1.0, [-90.0, -126.0, -72.0]),
    grid([197, 233, 189], 1.0, [-98.0, -134.0, -72.0]),
    grid([99, 117, 95], 2.0, [-98.0, -134.0, -72.0]),
    grid([193, 229, 193], 1.0, [-96.0, -132.0, -78.0]),
    grid([97, 115, 97], 2.0, [-96.5, -132.5, -78.5]),
    grid([79, 95, 79], 2.0, [-78.0, -112.0, -70.0]),
];

/// Headers differ by up to half a voxel in where the same image begins.
const MOST_APART_MM: f64 = 1.0;

const fn grid(size: [usize; 3], step_mm: f64, begin_mm: [f64; 3]) -> Grid {
    Grid {
        size,
        step_mm,
        begin_mm,
    }
}

impl Grid {
    /// Whether an image has the shape and the affine of this one.
    fn is_of(&self, size: [usize; 3], affine: [[f64; 4]; 3]) -> bool {
        let is_axis = |axis: usize| {
            let step = affine[axis][axis];
            let others = (0..3).filter(|other| *other != axis);
            let is_straight =
                { others }.all(|other| affine[axis][other].abs() < 1e-3 * self.step_mm);
            let is_direction = if axis == 0 {
                (step.abs() - self.step_mm).abs() < 1e-3
            } else {
                (step - self.step_mm).abs() < 1e-3
            };
            let least = affine[axis][3] + step.min(0.0) * (size[axis] as f64 - 1.0);
            is_straight && is_direction && (least - self.begin_mm[axis]).abs() <= MOST_APART_MM
        };
        size == self.size && (0..3).all(is_axis)
    }
}

/// Where the surfaces of fsaverage, fsaverage5 and fsaverage6 lie in an image of MNI152, approximately. None if the image is not
/// one of MNI152 of 1 or 2 mm, by its shape and its affine.
///
/// * `affine`: from voxels to space, mm: the first three rows.
/// * `size`: voxels along the axes x, y, z of the file.
#[must_use]
pub fn transform(affine: [[f64; 4]; 3], size: [usize; 3]) -> Option<Transform> {
    GRIDS.iter().find(|grid| grid.is_of(size, affine))?;
    let image = Transform::of_image(affine, size, [0.0; 3])?;
    let space = mni152_of_fsaverage();
    let row = |row: usize| -> [f64; 4] {
        std::array::from_fn(|column| {
            let sum: f64 = (0..3)
                .map(|inner| image.coord[row][inner] * space[inner][column])
                .sum();
            sum + if column == 3 {
                image.coord[row][3]
            } else {
                0.0
            }
        })
    };
    Some(Transform {
        coord: [row(0), row(1), row(2), [0.0, 0.0, 0.0, 1.0]],
        shape_zyx: image.shape_zyx,
    })
}

/// From the coordinates of fsaverage's surfaces (MNI305) to MNI152, mm: the first three rows.
///
/// A register file's surface space of an image is that of FreeSurfer's coronal slices, whatever the axes of the image are: its
/// origin is the middle of the image, and its coordinates run along −first, third and −second axis.
#[must_use]
pub fn mni152_of_fsaverage() -> [[f64; 4]; 3] {
    let Grid {
        size,
        step_mm,
        begin_mm,
    } = REGISTERED;
    let middle = size.map(|n| n as f64 * step_mm / 2.0);
    let [right, anterior, superior] = REGISTER;
    // The first axis of the image runs to the left: x = −step · i + (the rightmost place).
    let rightmost = begin_mm[0] + step_mm * (size[0] as f64 - 1.0);
    let x = shifted(right, rightmost - middle[0]);
    let y = shifted(superior.map(|value| -value), begin_mm[1] + middle[1]);
    let z = shifted(anterior, begin_mm[2] + middle[2]);
    [x, y, z]
}

fn shifted([a, b, c, offset]: [f64; 4], by: f64) -> [f64; 4] {
    [a, b, c, offset + by]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_affine_is_the_one_that_freesurfer_publishes() {
        // "MNI305 to MNI152" on the page CoordinateSystems of FreeSurfer's wiki.
        let expected = [
            [0.9975, -0.0073, 0.0176, -0.0429],
            [0.0146, 1.0009, -0.0024, 1.5496],
            [-0.0130, -0.0093, 0.9971, 1.1840],
        ];
        let found = mni152_of_fsaverage();
        for (found, expected) in found.as_flattened().iter().zip(expected.as_flattened()) {
            assert!((found - expected).abs() <= 5.1e-5, "{found} {expected}");
        }
    }

    #[test]
    fn images_are_recognised_by_shape_and_affine_and_left_stays_left() {
        let affine = |x: f64, begin: f64| {
            [
                [x, 0.0, 0.0, begin],
                [0.0, 2.0, 0.0, -126.0],
                [0.0, 0.0, 2.0, -72.0],
            ]
        };
        let size = [91, 109, 91];
        let leftward = transform(affine(-2.0, 90.0), size).unwrap();
        let rightward = transform(affine(2.0, -90.0), size).unwrap();
        let point = [-50.0, -20.0, 8.0];
        let (left, right) = (leftward.place(point), rightward.place(point));
        // A point of the left hemisphere is in the left half of both images.
        assert!(left[0] > 45.0 && right[0] < 45.0);
        assert!((left[0] + right[0] - 90.0).abs() < 1e-9 && (left[1] - right[1]).abs() < 1e-9);
        let world = [
            90.0 - 2.0 * left[0],
            2.0 * left[1] - 126.0,
            2.0 * left[2] - 72.0,
        ];
        for (row, world) in mni152_of_fsaverage().iter().zip(world) {
            let expected = row[0] * point[0] + row[1] * point[1] + row[2] * point[2] + row[3];
            assert!((world - expected).abs() < 1e-9);
        }
        assert!(transform(affine(-2.0, 90.0), [91, 109, 90]).is_none());
        assert!(transform(affine(-2.0, -90.0), size).is_none());
        assert!(transform(affine(-2.0, 60.0), size).is_none());
        let mut oblique = affine(-2.0, 90.0);
        oblique[1][2] = 0.1;
        assert!(transform(oblique, size).is_none());
    }
}
