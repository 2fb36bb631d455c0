//! Blocks that are predicted from their neighbours within the frame.

use super::picture::Planes;

/// How a block is predicted within the frame (Tables 8-4, 8-5): from above, from the left, by the mean, by a plane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Above,
    Left,
    Mean,
    Plane,
}

impl Direction {
    /// Whether a block at a place has the pixels that it takes.
    pub(super) fn is_possible(self, [column, row]: [usize; 2]) -> bool {
        match self {
            Self::Above => row > 0,
            Self::Left => column > 0,
            Self::Mean => true,
            Self::Plane => row > 0 && column > 0,
        }
    }

    pub(super) fn of_luma(self) -> u32 {
        match self {
            Self::Above => 0,
            Self::Left => 1,
            Self::Mean => 2,
            Self::Plane => 3,
        }
    }

    pub(super) fn of_chroma(self) -> u32 {
        match self {
            Self::Mean => 0,
            Self::Left => 1,
            Self::Above => 2,
            Self::Plane => 3,
        }
    }
}

fn sum_of_differences(wanted: &[u8], predicted: &[u8]) -> u32 {
    let pixels = wanted.iter().zip(predicted);
    pixels.map(|(a, b)| u32::from(a.abs_diff(*b))).sum()
}

/// A frame that is to be encoded, and what a decoder sees of it so far.
pub(super) struct Within<'p> {
    pub(super) wanted: &'p Planes,
    pub(super) decoded: &'p Planes,
}

/// Prediction (8.3.3, 8.3.4).
impl Within<'_> {
    /// The direction that comes nearest, and its difference.
    pub(super) fn best_luma(&self, at: [usize; 2]) -> (Direction, u32) {
        let [x, y] = at.map(|part| 16 * part as i32);
        let difference = |direction: Direction| {
            let block = self.luma_from(at, direction);
            let rows = (0..).zip(block.chunks_exact(16));
            rows.map(|(row, own)| sum_of_differences(self.wanted.luma.row(x, y + row, 16), own))
                .sum::<u32>()
        };
        let all = [
            Direction::Mean,
            Direction::Above,
            Direction::Left,
            Direction::Plane,
        ];
        let possible = all
            .into_iter()
            .filter(|direction| direction.is_possible(at));
        possible
            .map(|direction| (direction, difference(direction)))
            .min_by_key(|(_, difference)| *difference)
            .unwrap_or((Direction::Mean, u32::MAX))
    }

    pub(super) fn luma_from(&self, at: [usize; 2], direction: Direction) -> [u8; 256] {
        let [x, y] = at.map(|part| 16 * part as i32);
        let plane = &self.decoded.luma;
        let above = |column: i32| i32::from(plane.at(x + column, y - 1));
        let left = |row: i32| i32::from(plane.at(x - 1, y + row));
        let fill = |value: &dyn Fn(i32, i32) -> i32| -> [u8; 256] {
            std::array::from_fn(|at| value(at as i32 % 16, at as i32 / 16).clamp(0, 255) as u8)
        };
        match direction {
            Direction::Above => fill(&|column, _| above(column)),
            Direction::Left => fill(&|_, row| left(row)),
            Direction::Mean => {
                let has_above = Direction::Above.is_possible(at);
                let has_left = Direction::Left.is_possible(at);
                let sum_above: i32 = if has_above {
                    (0..16).map(above).sum()
                } else {
                    0
                };
                let sum_left: i32 = if has_left { (0..16).map(left).sum() } else { 0 };
                let mean = match (has_above, has_left) {
                    (true, true) => (sum_above + sum_left + 16) >> 5,
                    (false, false) => 128,
                    _ => (sum_above + sum_left + 8) >> 4,
                };
                fill(&|_, _| mean)
            }
            Direction::Plane => {
                let slope = |value: &dyn Fn(i32) -> i32| -> i32 {
                    let sum: i32 = (0..8)
                        .map(|k| (k + 1) * (value(8 + k) - value(6 - k)))
                        .sum();
                    (5 * sum + 32) >> 6
                };
                // The corner is −1 of either.
                let (across, down) = (slope(&above), slope(&left));
                let corner = 16 * (above(15) + left(15));
                fill(&|column, row| (corner + across * (column - 7) + down * (row - 7) + 16) >> 5)
            }
        }
    }

    /// The direction for both colours, and what it gives.
    pub(super) fn best_chroma(&self, at: [usize; 2]) -> (Direction, [[u8; 64]; 2]) {
        let [x, y] = at.map(|part| 8 * part as i32);
        let all = [Direction::Mean, Direction::Above, Direction::Left];
        let possible = all
            .into_iter()
            .filter(|direction| direction.is_possible(at));
        let measured = possible.map(|direction| {
            let blocks = [0, 1].map(|channel| self.chroma_from(at, channel, direction));
            let difference = |channel: usize| -> u32 {
                let rows = (0..).zip(blocks[channel].chunks_exact(8));
                let wanted = &self.wanted.chroma[channel];
                rows.map(|(row, own)| sum_of_differences(wanted.row(x, y + row, 8), own))
                    .sum()
            };
            (difference(0) + difference(1), direction, blocks)
        });
        let best = measured.min_by_key(|(difference, ..)| *difference);
        best.map_or(
            (Direction::Mean, [[128; 64]; 2]),
            |(_, direction, blocks)| (direction, blocks),
        )
    }

    fn chroma_from(&self, at: [usize; 2], channel: usize, direction: Direction) -> [u8; 64] {
        let [x, y] = at.map(|part| 8 * part as i32);
        let plane = &self.decoded.chroma[channel];
        let above = |column: i32| i32::from(plane.at(x + column, y - 1));
        let left = |row: i32| i32::from(plane.at(x - 1, y + row));
        let has = [Direction::Above, Direction::Left].map(|own| own.is_possible(at));
        // Each quarter has its own mean.
        let mean = |column: i32, row: i32| {
            let (sums_above, sums_left) = (
                || (0..4).map(|k| above(4 * column + k)).sum::<i32>(),
                || (0..4).map(|k| left(4 * row + k)).sum::<i32>(),
            );
            match (has, column, row) {
                ([false, false], ..) => 128,
                ([true, true], 0, 0) | ([true, true], 1, 1) => {
                    (sums_above() + sums_left() + 4) >> 3
                }
                ([true, _], 1, 0) | ([true, false], ..) => (sums_above() + 2) >> 2,
                _ => (sums_left() + 2) >> 2,
            }
        };
        let means = || [0, 1].map(|row| [0, 1].map(|column| mean(column, row)));
        let means = match direction {
            Direction::Mean | Direction::Plane => means(),
            Direction::Above | Direction::Left => [[0; 2]; 2],
        };
        std::array::from_fn(|at| {
            let (column, row) = (at as i32 % 8, at as i32 / 8);
            let value = match direction {
                Direction::Above => above(column),
                Direction::Left => left(row),
                Direction::Mean | Direction::Plane => means[row as usize / 4][column as usize / 4],
            };
            value as u8
        })
    }
}
