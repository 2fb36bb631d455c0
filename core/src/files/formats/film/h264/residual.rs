//! Transform and quantisation of blocks of 4 × 4 (8.5).

use super::QP;

/// Rows of 4.
pub(super) type Block = [i32; 16];

/// The order of coefficients in the stream (8.5.6).
pub(super) const ZIGZAG: [usize; 16] = [0, 1, 4, 8, 5, 2, 3, 6, 9, 12, 13, 10, 7, 11, 14, 15];

/// Steps of the quantiser for the coefficients of a block: of even places, of odd ones, and of the others (8.5.9).
const SCALES: [[i32; 3]; 6] = [
    [10, 16, 13],
    [11, 18, 14],
    [13, 20, 16],
    [14, 23, 18],
    [16, 25, 20],
    [18, 29, 23],
];
/// The scales' reciprocals with the transform's, times 2¹⁵.
const FACTORS: [[i32; 3]; 6] = [
    [13_107, 5243, 8066],
    [11_916, 4660, 7490],
    [10_082, 4194, 6554],
    [9362, 3647, 5825],
    [8192, 3355, 5243],
    [7282, 2893, 4559],
];

const REST: usize = QP as usize % 6;
const SHIFT: u32 = QP as u32 / 6;

/// Which of the three a place has.
fn kind(at: usize) -> usize {
    match (at % 4 % 2, at / 4 % 2) {
        (0, 0) => 0,
        (1, 1) => 1,
        _ => 2,
    }
}

/// By which share of a step values are rounded up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rounding {
    /// A third, for what is predicted within a frame.
    Intra,
    /// A sixth, for what is predicted from another.
    Inter,
}

impl Rounding {
    fn offset(self, bits: u32) -> i32 {
        (1 << bits)
            / match self {
                Self::Intra => 3,
                Self::Inter => 6,
            }
    }
}

fn quantised(value: i32, factor: i32, bits: u32, rounding: Rounding) -> i32 {
    let level = (value.abs() * factor + rounding.offset(bits)) >> bits;
    if value < 0 { -level } else { level }
}

/// A pass of the transform over four values.
fn pass([a, b, c, d]: [i32; 4]) -> [i32; 4] {
    let (sum, inner, difference, between) = (a + d, b + c, a - d, b - c);
    [
        sum + inner,
        2 * difference + between,
        sum - inner,
        difference - 2 * between,
    ]
}

/// A pass of its inverse (8.5.12.2).
fn inverse_pass([a, b, c, d]: [i32; 4]) -> [i32; 4] {
    let (sum, difference) = (a + c, a - c);
    let (low, high) = ((b >> 1) - d, b + (d >> 1));
    [sum + high, difference + low, difference - low, sum - high]
}

/// A pass of a Hadamard transform, its own inverse but for the size.
fn hadamard_pass([a, b, c, d]: [i32; 4]) -> [i32; 4] {
    let (sum, inner, difference, between) = (a + b, c + d, a - b, c - d);
    [
        sum + inner,
        sum - inner,
        difference - between,
        difference + between,
    ]
}

fn both_ways(block: &Block, pass: impl Fn([i32; 4]) -> [i32; 4]) -> Block {
    let mut out = *block;
    for row in 0..4 {
        let own = pass([0, 1, 2, 3].map(|column| out[4 * row + column]));
        out[4 * row..4 * row + 4].copy_from_slice(&own);
    }
    for column in 0..4 {
        let own = pass([0, 1, 2, 3].map(|row| out[4 * row + column]));
        for (row, value) in own.into_iter().enumerate() {
            out[4 * row + column] = value;
        }
    }
    out
}

/// The coefficients of a block of differences.
pub(super) fn transform(differences: &Block) -> Block {
    both_ways(differences, pass)
}

/// The levels of coefficients from the `first` in the stream's order on; the others stay 0.
pub(super) fn levels(coefficients: &Block, first: usize, rounding: Rounding) -> Block {
    let mut levels = [0; 16];
    for at in &ZIGZAG[first..] {
        let factor = FACTORS[REST][kind(*at)];
        levels[*at] = quantised(coefficients[*at], factor, 15 + SHIFT, rounding);
    }
    levels
}

/// The coefficients that levels stand for.
pub(super) fn scaled(levels: &Block) -> Block {
    std::array::from_fn(|at| (levels[at] * SCALES[REST][kind(at)]) << SHIFT)
}

/// The differences that coefficients stand for.
pub(super) fn inverse(coefficients: &Block) -> Block {
    both_ways(coefficients, inverse_pass).map(|value| (value + 32) >> 6)
}

/// Levels of the 16 means of a macroblock.
pub(super) fn luma_mean_levels(means: &Block) -> Block {
    let transformed = both_ways(means, hadamard_pass).map(|value| (value + 1) >> 1);
    let factor = FACTORS[REST][0];
    transformed.map(|value| quantised(value, factor, 16 + SHIFT, Rounding::Intra))
}

/// The means that their levels stand for (8.5.10).
pub(super) fn luma_means(levels: &Block) -> Block {
    let scale = 16 * SCALES[REST][0];
    both_ways(levels, hadamard_pass).map(|value| {
        if SHIFT >= 6 {
            (value * scale) << (SHIFT - 6)
        } else {
            (value * scale + (1 << (5 - SHIFT))) >> (6 - SHIFT)
        }
    })
}

fn hadamard_of_four([a, b, c, d]: [i32; 4]) -> [i32; 4] {
    [a + b + c + d, a - b + c - d, a + b - c - d, a - b - c + d]
}

/// Levels of the four means of a colour difference.
pub(super) fn chroma_mean_levels(means: [i32; 4], rounding: Rounding) -> [i32; 4] {
    let factor = FACTORS[REST][0];
    hadamard_of_four(means).map(|value| quantised(value, factor, 16 + SHIFT, rounding))
}

/// The means that their levels stand for (8.5.11).
pub(super) fn chroma_means(levels: [i32; 4]) -> [i32; 4] {
    let scale = 16 * SCALES[REST][0];
    hadamard_of_four(levels).map(|value| ((value * scale) << SHIFT) >> 5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_come_back_within_a_step() {
        let mut seed = 1_u32;
        let mut random = || {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 24) as i32 - 128
        };
        for _ in 0..200 {
            let differences: Block = std::array::from_fn(|_| random());
            let levels = levels(&transform(&differences), 0, Rounding::Intra);
            let found = inverse(&scaled(&levels));
            for (found, expected) in found.iter().zip(differences) {
                assert!((found - expected).abs() <= 9, "{found} {expected}");
            }
            // The means alone, as those of 16 blocks and of four.
            let means: Block = std::array::from_fn(|_| 16 * random());
            let found = luma_means(&luma_mean_levels(&means));
            for (found, expected) in found.iter().zip(means) {
                // Coefficients are four times the differences that they stand for, times 16.
                assert!((found / 4 - expected).abs() <= 80, "{found} {expected}");
            }
            let four = [means[0], means[1], means[2], means[3]];
            let found = chroma_means(chroma_mean_levels(four, Rounding::Intra));
            for (found, expected) in found.iter().zip(four) {
                assert!((found / 4 - expected).abs() <= 80, "{found} {expected}");
            }
        }
    }
}
