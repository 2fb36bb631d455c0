//! Where blocks have moved from, and how neighbours predict it (8.4.1).

use super::picture::{Plane, Planes};

/// A motion in quarters of a pixel, to the right and down.
pub(super) type Motion = [i32; 2];

/// How far a block may have moved, quarters of a pixel: less than the border, however neighbours hand it on.
const FARTHEST: i32 = 4 * 40;
/// What a bit of the stream is worth in grey levels, at the quality of all blocks.
pub(super) const BIT: u32 = 2;

/// A frame that others are predicted from.
pub(super) struct Reference<'p> {
    pub(super) planes: &'p Planes,
    /// Halfway to the right, below, and both.
    halves: [Plane; 3],
}

impl<'p> Reference<'p> {
    pub(super) fn new(planes: &'p Planes) -> Self {
        Self {
            planes,
            halves: planes.luma.halves(),
        }
    }

    /// The plane that holds a motion's pixels, and the whole pixels that it moves by. Motions are whole or half pixels.
    fn plane(&self, [x, y]: Motion) -> (&Plane, [i32; 2]) {
        let plane = match (x & 2 != 0, y & 2 != 0) {
            (false, false) => &self.planes.luma,
            (true, false) => &self.halves[0],
            (false, true) => &self.halves[1],
            (true, true) => &self.halves[2],
        };
        (plane, [x >> 2, y >> 2])
    }

    /// Brightness of the block at a place, as predicted by its motion.
    pub(super) fn luma(&self, [x, y]: [i32; 2], motion: Motion) -> [u8; 256] {
        let (plane, [right, down]) = self.plane(motion);
        let mut block = [0; 256];
        for (row, own) in (0..).zip(block.chunks_exact_mut(16)) {
            own.copy_from_slice(plane.row(x + right, y + down + row, 16));
        }
        block
    }

    /// A colour difference of the block at a place of its plane, between pixels in eighths (8.4.2.2.2).
    pub(super) fn chroma(&self, channel: usize, [x, y]: [i32; 2], motion: Motion) -> [u8; 64] {
        let plane = &self.planes.chroma[channel];
        let [right, down] = motion.map(|part| part >> 3);
        let [across, along] = motion.map(|part| part & 7);
        let mut block = [0; 64];
        for (row, own) in (0..).zip(block.chunks_exact_mut(8)) {
            let above = plane.row(x + right, y + down + row, 9);
            let below = plane.row(x + right, y + down + row + 1, 9);
            for (column, value) in own.iter_mut().enumerate() {
                let mix = |row: &[u8]| {
                    let [here, next] = [column, column + 1].map(|at| i32::from(row[at]));
                    (8 - across) * here + across * next
                };
                let sum = (8 - along) * mix(above) + along * mix(below);
                *value = ((sum + 32) >> 6) as u8;
            }
        }
        block
    }

    /// The sum of the absolute differences that a motion leaves.
    fn difference(&self, wanted: &Plane, [x, y]: [i32; 2], motion: Motion) -> u32 {
        let (plane, [right, down]) = self.plane(motion);
        let rows = (0..16).map(|row| {
            let own = wanted.row(x, y + row, 16);
            let other = plane.row(x + right, y + down + row, 16);
            own.iter()
                .zip(other)
                .map(|(a, b)| u32::from(a.abs_diff(*b)))
                .sum::<u32>()
        });
        rows.sum()
    }

    /// The motion that costs least, and its cost in grey levels.
    ///
    /// * `candidates`: motions of neighbours.
    /// * `predicted`: what the stream tells the difference to.
    pub(super) fn search(
        &self,
        wanted: &Plane,
        at: [i32; 2],
        candidates: &[Motion],
        predicted: Motion,
    ) -> (Motion, u32) {
        let bits = |motion: Motion| -> u32 {
            let parts = motion.iter().zip(predicted);
            parts
                .map(|(own, predicted)| super::bits::Bits::signed_length(own - predicted))
                .sum()
        };
        let cost = |motion: Motion| self.difference(wanted, at, motion) + BIT * bits(motion);
        let whole = |motion: Motion| motion.map(|part| (part >> 2 << 2).clamp(-FARTHEST, FARTHEST));
        let zero = ([0, 0], cost([0, 0]));
        let candidates = candidates
            .iter()
            .map(|own| (whole(*own), cost(whole(*own))));
        let mut best = candidates.fold(zero, |best, own| if own.1 < best.1 { own } else { best });
        for step in [32, 16, 8, 4, 2] {
            // As long as there is a better one in one of four directions; last, by halves of a pixel, in one of eight.
            let directions: &[[i32; 2]] = if step == 2 { &EIGHT } else { &EIGHT[..4] };
            for _ in 0..8 {
                let middle = best;
                for direction in directions {
                    let own: Motion =
                        std::array::from_fn(|axis| middle.0[axis] + step * direction[axis]);
                    if own.iter().all(|part| part.abs() <= FARTHEST) {
                        let cost = cost(own);
                        if cost < best.1 {
                            best = (own, cost);
                        }
                    }
                }
                if best == middle || step == 2 {
                    break;
                }
            }
        }
        best
    }
}

const EIGHT: [[i32; 2]; 8] = [
    [1, 0],
    [-1, 0],
    [0, 1],
    [0, -1],
    [1, 1],
    [1, -1],
    [-1, 1],
    [-1, -1],
];

/// The motion of a block that was coded: none if it was predicted within the frame.
pub(super) type Coded = Option<Motion>;

/// The neighbours at the left, above, and above at the right or, where that is not there, at the left; `None` is outside.
#[derive(Debug, Clone, Copy)]
pub(super) struct Neighbours {
    pub(super) left: Option<Coded>,
    pub(super) above: Option<Coded>,
    pub(super) corner: Option<Coded>,
}

impl Neighbours {
    /// The motion that the stream tells differences to (8.4.1.3).
    pub(super) fn predicted(&self) -> Motion {
        if self.above.is_none() && self.corner.is_none() {
            return self.left.flatten().unwrap_or_default();
        }
        let all = [self.left, self.above, self.corner].map(Option::flatten);
        let mut known = all.iter().flatten();
        if let (Some(only), None) = (known.next(), known.next()) {
            return *only;
        }
        let all = all.map(Option::unwrap_or_default);
        std::array::from_fn(|axis| {
            let [a, b, c] = all.map(|motion| motion[axis]);
            a.max(b).min(a.min(b).max(c))
        })
    }

    /// The motion of a block of which nothing is told (8.4.1.1).
    pub(super) fn skipped(&self) -> Motion {
        let stands = |neighbour: Option<Coded>| match neighbour {
            None => true,
            Some(coded) => coded == Some([0, 0]),
        };
        if stands(self.left) || stands(self.above) {
            [0, 0]
        } else {
            self.predicted()
        }
    }

    /// Motions to begin the search from.
    pub(super) fn motions(&self) -> impl Iterator<Item = Motion> {
        [self.left, self.above, self.corner]
            .into_iter()
            .flatten()
            .flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_predict_by_their_median() {
        let of = |left, above, corner| Neighbours {
            left,
            above,
            corner,
        };
        let moved = |x: i32, y: i32| Some(Some([x, y]));
        let all = of(moved(4, 0), moved(8, -4), moved(-4, 8));
        assert_eq!(all.predicted(), [4, 0]);
        // In the first row there is the left one alone; one that moves decides.
        assert_eq!(of(moved(4, 2), None, None).predicted(), [4, 2]);
        assert_eq!(of(Some(None), moved(6, 2), Some(None)).predicted(), [6, 2]);
        assert_eq!(of(Some(None), moved(6, 2), moved(2, 0)).predicted(), [2, 0]);
        assert_eq!(of(None, moved(6, 2), moved(2, 0)).predicted(), [2, 0]);
        assert_eq!(all.skipped(), [4, 0]);
        for still in [
            of(None, moved(8, 8), moved(8, 8)),
            of(moved(8, 8), None, None),
            of(moved(0, 0), moved(8, 8), moved(8, 8)),
        ] {
            assert_eq!(still.skipped(), [0, 0]);
        }
    }
}
