//! Blocks of 16 × 16: how each is predicted, and what the stream tells of it (7.3.5).

use super::bits::Bits;
use super::cavlc::{self, Context};
use super::motion::{BIT, Coded, Motion, Neighbours, Reference};
use super::picture::Planes;
use super::residual::{
    Block, Rounding, ZIGZAG, chroma_mean_levels, chroma_means, inverse, levels, luma_mean_levels,
    luma_means, scaled, transform,
};
use super::within::{Direction, Within};

/// Bits by which a block that is predicted within the frame is dearer.
const INTRA_BITS: u32 = 24;
/// The pattern of coded parts behind each code, for blocks predicted from another frame (Table 9-4).
const INTER_PATTERNS: [u8; 48] = [
    0, 16, 1, 2, 4, 8, 32, 3, 5, 10, 12, 15, 47, 7, 11, 13, 14, 6, 9, 31, 35, 37, 42, 44, 33, 34,
    36, 40, 39, 43, 45, 46, 17, 18, 20, 24, 19, 21, 26, 28, 23, 27, 29, 30, 22, 25, 38, 41,
];

/// What is left of a macroblock's differences.
struct Levels {
    /// Means of the 16 blocks; of blocks predicted within the frame alone.
    luma_means: Option<Block>,
    /// Of each block of brightness, row by row.
    luma: [Block; 16],
    chroma_means: [[i32; 4]; 2],
    chroma: [[Block; 4]; 2],
}

impl Levels {
    /// Which parts have levels other than 0: a bit for each quarter of the brightness, and 16 for means of colour or 32 for all of it.
    fn pattern(&self) -> u8 {
        let has = |block: &Block| block.iter().any(|level| *level != 0);
        let quarter = |quarter: usize| {
            let any = (0..4).any(|at| has(&self.luma[place_of(4 * quarter + at)]));
            u8::from(any) << quarter
        };
        let luma = (0..4).map(quarter).sum::<u8>();
        // Within the frame it is all or nothing.
        let luma = if self.luma_means.is_some() && luma > 0 {
            15
        } else {
            luma
        };
        let chroma = if self.chroma.iter().flatten().any(has) {
            2
        } else {
            u8::from(self.chroma_means.iter().flatten().any(|level| *level != 0))
        };
        luma + 16 * chroma
    }
}

/// Row by row, the block that comes at a place of the stream: quarters after one another (6.4.3).
fn place_of(index: usize) -> usize {
    let x = (index & 1) + 2 * (index >> 2 & 1);
    let y = (index >> 1 & 1) + 2 * (index >> 3);
    4 * y + x
}

/// Encodes the only slice of a frame.
pub(super) struct SliceEncoder<'p> {
    wanted: &'p Planes,
    reference: Option<Reference<'p>>,
    /// Whether the frame is predicted from another.
    is_predicted: bool,
    decoded: Planes,
    bits: Bits,
    /// Blocks along both sides.
    n_blocks: [usize; 2],
    /// Levels other than 0 in each block of 4 × 4, of brightness and both colours.
    counts: [Vec<u8>; 3],
    motions: Vec<Coded>,
    /// Blocks of which nothing was told since the last one of which something was.
    n_skipped: u32,
}

impl<'p> SliceEncoder<'p> {
    pub(super) fn new(wanted: &'p Planes, reference: Option<&'p Planes>, bits: Bits) -> Self {
        let n_blocks = wanted.n_blocks();
        let n = n_blocks[0] * n_blocks[1];
        Self {
            wanted,
            reference: reference.map(Reference::new),
            is_predicted: reference.is_some(),
            decoded: wanted.blank(),
            bits,
            n_blocks,
            counts: [vec![0; 16 * n], vec![0; 4 * n], vec![0; 4 * n]],
            motions: vec![None; n],
            n_skipped: 0,
        }
    }

    /// The bits of the slice, and the frame as a decoder sees it.
    pub(super) fn encode(mut self) -> (Bits, Planes) {
        for row in 0..self.n_blocks[1] {
            for column in 0..self.n_blocks[0] {
                self.block([column, row]);
            }
        }
        if self.n_skipped > 0 {
            self.bits.unsigned(self.n_skipped);
        }
        self.decoded.extend();
        (self.bits, self.decoded)
    }

    fn block(&mut self, at: [usize; 2]) {
        let place = at.map(|part| 16 * part as i32);
        let Some(reference) = self.reference.take() else {
            let (direction, _) = self.within().best_luma(at);
            return self.intra(at, direction);
        };
        let neighbours = self.neighbours(at);
        if !self.skip(at, &reference, neighbours.skipped()) {
            let predicted = neighbours.predicted();
            let candidates: Vec<Motion> = neighbours.motions().chain([predicted]).collect();
            let wanted = &self.wanted.luma;
            let (motion, cost) = reference.search(wanted, place, &candidates, predicted);
            let (direction, of_intra) = self.within().best_luma(at);
            if of_intra + BIT * INTRA_BITS < cost {
                self.bits.unsigned(self.n_skipped);
                self.n_skipped = 0;
                self.intra(at, direction);
            } else {
                self.inter(at, &reference, (motion, predicted));
            }
        }
        self.reference = Some(reference);
    }

    fn within(&self) -> Within<'_> {
        Within {
            wanted: self.wanted,
            decoded: &self.decoded,
        }
    }

    fn index(&self, [column, row]: [usize; 2]) -> usize {
        row * self.n_blocks[0] + column
    }

    fn neighbours(&self, [column, row]: [usize; 2]) -> Neighbours {
        let coded = |column: usize, row: usize| self.motions[self.index([column, row])];
        let has_right = column + 1 < self.n_blocks[0];
        let corner = if row == 0 {
            None
        } else if has_right {
            Some(coded(column + 1, row - 1))
        } else {
            (column > 0).then(|| coded(column - 1, row - 1))
        };
        Neighbours {
            left: (column > 0).then(|| coded(column - 1, row)),
            above: (row > 0).then(|| coded(column, row - 1)),
            corner,
        }
    }

    /// Tells nothing of a block if its neighbours' motion says enough.
    fn skip(&mut self, at: [usize; 2], reference: &Reference, motion: Motion) -> bool {
        let predicted = Predicted::of_motion(reference, at, motion);
        let levels = self.levels(at, &predicted, Rounding::Inter);
        if levels.pattern() != 0 {
            return false;
        }
        self.n_skipped += 1;
        let index = self.index(at);
        self.motions[index] = Some(motion);
        self.reconstruct(at, &predicted, &levels);
        self.clear_counts(at);
        true
    }

    fn inter(&mut self, at: [usize; 2], reference: &Reference, (motion, told): (Motion, Motion)) {
        let predicted = Predicted::of_motion(reference, at, motion);
        let levels = self.levels(at, &predicted, Rounding::Inter);
        let pattern = levels.pattern();
        self.bits.unsigned(self.n_skipped);
        self.n_skipped = 0;
        // One block of 16 × 16.
        self.bits.unsigned(0);
        for (own, told) in motion.iter().zip(told) {
            self.bits.signed(own - told);
        }
        let code = INTER_PATTERNS.iter().position(|own| *own == pattern);
        self.bits.unsigned(code.unwrap_or(0) as u32);
        if pattern > 0 {
            // The quality stays.
            self.bits.signed(0);
        }
        let index = self.index(at);
        self.motions[index] = Some(motion);
        self.write(at, pattern, &levels);
        self.reconstruct(at, &predicted, &levels);
    }

    fn intra(&mut self, at: [usize; 2], direction: Direction) {
        let (colour, chroma) = self.within().best_chroma(at);
        let predicted = Predicted {
            luma: self.within().luma_from(at, direction),
            chroma,
        };
        let levels = self.levels_within(at, &predicted);
        let pattern = levels.pattern();
        let of_luma = u32::from(pattern & 15 != 0);
        let kind = 1 + direction.of_luma() + 4 * u32::from(pattern >> 4) + 12 * of_luma;
        // In frames that are predicted from others, five kinds come before.
        let others = if self.is_predicted { 5 } else { 0 };
        self.bits.unsigned(kind + others);
        self.bits.unsigned(colour.of_chroma());
        self.bits.signed(0);
        let index = self.index(at);
        self.motions[index] = None;
        self.write(at, pattern, &levels);
        self.reconstruct(at, &predicted, &levels);
    }
}

/// What a block is predicted to be.
struct Predicted {
    luma: [u8; 256],
    chroma: [[u8; 64]; 2],
}

impl Predicted {
    fn of_motion(reference: &Reference, at: [usize; 2], motion: Motion) -> Self {
        let place = at.map(|part| 16 * part as i32);
        let half = at.map(|part| 8 * part as i32);
        Self {
            luma: reference.luma(place, motion),
            chroma: [0, 1].map(|channel| reference.chroma(channel, half, motion)),
        }
    }
}

/// A block of 4 × 4 of a predicted one.
fn part(predicted: &[u8], width: usize, [column, row]: [usize; 2]) -> Block {
    std::array::from_fn(|at| {
        let (x, y) = (4 * column + at % 4, 4 * row + at / 4);
        i32::from(predicted[y * width + x])
    })
}

/// Transform, quantisation and reconstruction.
impl SliceEncoder<'_> {
    /// Coefficients of a block of 4 × 4 of a channel: 0 is brightness.
    fn coefficients(&self, channel: usize, [x, y]: [i32; 2], predicted: &Block) -> Block {
        let plane = match channel {
            0 => &self.wanted.luma,
            channel => &self.wanted.chroma[channel - 1],
        };
        let mut differences = *predicted;
        for (row, own) in (0..).zip(differences.chunks_exact_mut(4)) {
            for (value, wanted) in own.iter_mut().zip(plane.row(x, y + row, 4)) {
                *value = i32::from(*wanted) - *value;
            }
        }
        transform(&differences)
    }

    fn luma_coefficients(&self, at: [usize; 2], predicted: &[u8; 256]) -> [Block; 16] {
        std::array::from_fn(|block| {
            let inside = [block % 4, block / 4];
            let place = [0, 1].map(|axis| (16 * at[axis] + 4 * inside[axis]) as i32);
            self.coefficients(0, place, &part(predicted, 16, inside))
        })
    }

    /// Levels of colour: means of both, and the rest.
    fn chroma_levels(
        &self,
        at: [usize; 2],
        predicted: &[[u8; 64]; 2],
        rounding: Rounding,
    ) -> ([[i32; 4]; 2], [[Block; 4]; 2]) {
        let (mut means, mut rest) = ([[0; 4]; 2], [[[0; 16]; 4]; 2]);
        for channel in 0..2 {
            for block in 0..4 {
                let inside = [block % 2, block / 2];
                let place = [0, 1].map(|axis| (8 * at[axis] + 4 * inside[axis]) as i32);
                let own = part(&predicted[channel], 8, inside);
                let coefficients = self.coefficients(channel + 1, place, &own);
                means[channel][block] = coefficients[0];
                rest[channel][block] = levels(&coefficients, 1, rounding);
            }
            means[channel] = chroma_mean_levels(means[channel], rounding);
        }
        (means, rest)
    }

    fn levels(&self, at: [usize; 2], predicted: &Predicted, rounding: Rounding) -> Levels {
        let coefficients = self.luma_coefficients(at, &predicted.luma);
        let (chroma_means, chroma) = self.chroma_levels(at, &predicted.chroma, rounding);
        Levels {
            luma_means: None,
            luma: coefficients.map(|block| levels(&block, 0, rounding)),
            chroma_means,
            chroma,
        }
    }

    fn levels_within(&self, at: [usize; 2], predicted: &Predicted) -> Levels {
        let coefficients = self.luma_coefficients(at, &predicted.luma);
        let (chroma_means, chroma) = self.chroma_levels(at, &predicted.chroma, Rounding::Intra);
        Levels {
            luma_means: Some(luma_mean_levels(&coefficients.map(|block| block[0]))),
            luma: coefficients.map(|block| levels(&block, 1, Rounding::Intra)),
            chroma_means,
            chroma,
        }
    }

    /// Writes what a decoder will see into the frame.
    fn reconstruct(&mut self, at: [usize; 2], predicted: &Predicted, levels: &Levels) {
        let means = levels.luma_means.as_ref().map(luma_means);
        for block in 0..16 {
            let inside = [block % 4, block / 4];
            let mut coefficients = scaled(&levels.luma[block]);
            if let Some(means) = &means {
                coefficients[0] = means[block];
            }
            let place = [0, 1].map(|axis| (16 * at[axis] + 4 * inside[axis]) as i32);
            let own = part(&predicted.luma, 16, inside);
            put(&mut self.decoded.luma, place, &own, &coefficients);
        }
        for channel in 0..2 {
            let means = chroma_means(levels.chroma_means[channel]);
            for (block, mean) in means.into_iter().enumerate() {
                let inside = [block % 2, block / 2];
                let mut coefficients = scaled(&levels.chroma[channel][block]);
                coefficients[0] = mean;
                let place = [0, 1].map(|axis| (8 * at[axis] + 4 * inside[axis]) as i32);
                let own = part(&predicted.chroma[channel], 8, inside);
                put(
                    &mut self.decoded.chroma[channel],
                    place,
                    &own,
                    &coefficients,
                );
            }
        }
    }
}

fn put(
    plane: &mut super::picture::Plane,
    [x, y]: [i32; 2],
    predicted: &Block,
    coefficients: &Block,
) {
    let differences = if coefficients.iter().all(|value| *value == 0) {
        [0; 16]
    } else {
        inverse(coefficients)
    };
    for row in 0..4 {
        let own = plane.row_mut(x, y + row as i32, 4);
        for (column, value) in own.iter_mut().enumerate() {
            let at = 4 * row + column;
            *value = (predicted[at] + differences[at]).clamp(0, 255) as u8;
        }
    }
}

/// What the stream tells of levels (7.3.5.3).
impl SliceEncoder<'_> {
    /// Blocks of 4 × 4 along the width of a channel, and the first of a macroblock.
    fn grid(&self, channel: usize, at: [usize; 2]) -> (usize, [usize; 2]) {
        let each = if channel == 0 { 4 } else { 2 };
        (each * self.n_blocks[0], at.map(|part| each * part))
    }

    /// The mean number of levels at the left and above (9.2.1).
    fn context(&self, channel: usize, [column, row]: [usize; 2]) -> Context {
        let (width, _) = self.grid(channel, [0, 0]);
        let count = |column: usize, row: usize| self.counts[channel][row * width + column];
        let left = (column > 0).then(|| count(column - 1, row));
        let above = (row > 0).then(|| count(column, row - 1));
        Context::Neighbours(match (left, above) {
            (Some(left), Some(above)) => (left + above).div_ceil(2),
            (Some(only), None) | (None, Some(only)) => only,
            (None, None) => 0,
        })
    }

    fn set_count(&mut self, channel: usize, [column, row]: [usize; 2], count: u8) {
        let (width, _) = self.grid(channel, [0, 0]);
        self.counts[channel][row * width + column] = count;
    }

    /// Writes a block, from the `first` level of the stream's order on.
    fn write_block(&mut self, channel: usize, place: [usize; 2], block: &Block, first: usize) {
        let context = self.context(channel, place);
        let ordered = ZIGZAG.map(|at| block[at]);
        let count = cavlc::write(&mut self.bits, &ordered[first..], context);
        self.set_count(channel, place, count);
    }

    /// Levels of the parts of a pattern; the others count as 0.
    fn write(&mut self, at: [usize; 2], pattern: u8, levels: &Levels) {
        let (_, [column, row]) = self.grid(0, at);
        if let Some(means) = &levels.luma_means {
            let context = self.context(0, [column, row]);
            let ordered = ZIGZAG.map(|at| means[at]);
            cavlc::write(&mut self.bits, &ordered, context);
        }
        let first = usize::from(levels.luma_means.is_some());
        for index in 0..16 {
            let block = place_of(index);
            let place = [column + block % 4, row + block / 4];
            if pattern >> (index / 4) & 1 == 1 {
                self.write_block(0, place, &levels.luma[block], first);
            } else {
                self.set_count(0, place, 0);
            }
        }
        if pattern >> 4 > 0 {
            for means in &levels.chroma_means {
                cavlc::write(&mut self.bits, means, Context::ChromaMeans);
            }
        }
        for channel in 1..3 {
            let (_, [column, row]) = self.grid(channel, at);
            for block in 0..4 {
                let place = [column + block % 2, row + block / 2];
                if pattern >> 4 == 2 {
                    self.write_block(channel, place, &levels.chroma[channel - 1][block], 1);
                } else {
                    self.set_count(channel, place, 0);
                }
            }
        }
    }

    fn clear_counts(&mut self, at: [usize; 2]) {
        for channel in 0..3 {
            let (_, [column, row]) = self.grid(channel, at);
            let each = if channel == 0 { 4 } else { 2 };
            for block in 0..each * each {
                self.set_count(channel, [column + block % each, row + block / each], 0);
            }
        }
    }
}
