//! Pictures as brightness and two colour differences.

use super::super::Frame;

/// Pixels around a plane of brightness, so that motion may lead out of the picture.
pub(super) const BORDER: usize = 64;

/// One channel, with a border that repeats the outermost pixels.
#[derive(Debug, Clone)]
pub(super) struct Plane {
    /// Width and height, both multiples of the block's.
    pub(super) size: [usize; 2],
    border: usize,
    stride: usize,
    data: Vec<u8>,
}

impl Plane {
    fn new(size: [usize; 2], border: usize) -> Self {
        let stride = size[0] + 2 * border;
        Self {
            size,
            border,
            stride,
            data: vec![0; stride * (size[1] + 2 * border)],
        }
    }

    fn index(&self, x: i32, y: i32) -> usize {
        let border = self.border as i32;
        (y + border) as usize * self.stride + (x + border) as usize
    }

    pub(super) fn at(&self, x: i32, y: i32) -> u8 {
        self.data[self.index(x, y)]
    }

    /// `n` pixels from a place on.
    pub(super) fn row(&self, x: i32, y: i32, n: usize) -> &[u8] {
        let at = self.index(x, y);
        &self.data[at..at + n]
    }

    pub(super) fn row_mut(&mut self, x: i32, y: i32, n: usize) -> &mut [u8] {
        let at = self.index(x, y);
        &mut self.data[at..at + n]
    }

    /// Fills the border, and what lies beyond `inner`, which blocks cover but the picture does not.
    fn extend(&mut self, inner: [usize; 2]) {
        let [width, height] = inner.map(|side| side as i32);
        let border = self.border as i32;
        let right = self.size[0] as i32 + border;
        for y in 0..height {
            let (first, last) = (self.at(0, y), self.at(width - 1, y));
            self.row_mut(-border, y, self.border).fill(first);
            self.row_mut(width, y, (right - width) as usize).fill(last);
        }
        let whole = |plane: &Self, y: i32| {
            let begin = plane.index(-border, y);
            begin..begin + plane.stride
        };
        let (top, bottom) = (whole(self, 0), whole(self, height - 1));
        for y in -border..self.size[1] as i32 + border {
            let from = if y < 0 {
                top.clone()
            } else if y >= height {
                bottom.clone()
            } else {
                continue;
            };
            let to = whole(self, y).start;
            self.data.copy_within(from, to);
        }
    }

    /// The values halfway between neighbours to the right, below, and both (8.4.2.2.1).
    pub(super) fn halves(&self) -> [Self; 3] {
        const TAPS: [i32; 6] = [1, -5, 20, 20, -5, 1];
        let empty = || Self {
            data: vec![0; self.data.len()],
            ..self.clone()
        };
        let [mut across, mut down, mut both] = [empty(), empty(), empty()];
        let round =
            |sum: i32, shift: u32| ((sum + (1 << (shift - 1))) >> shift).clamp(0, 255) as u8;
        let stride = self.stride;
        let n = self.data.len();
        let mut between = vec![0_i32; n];
        let sums = self.data.windows(6).map(|window| {
            let taps = window.iter().zip(TAPS);
            taps.map(|(value, tap)| tap * i32::from(*value))
                .sum::<i32>()
        });
        let places = between.iter_mut().zip(&mut across.data).skip(2);
        for ((sum, value), own) in places.zip(sums) {
            *sum = own;
            *value = round(own, 5);
        }
        for at in 2 * stride..n.saturating_sub(3 * stride) {
            let (mut sum, mut sum_between) = (0, 0);
            for (row, tap) in (0..).zip(TAPS) {
                let place = at + row * stride - 2 * stride;
                sum += tap * i32::from(self.data[place]);
                sum_between += tap * between[place];
            }
            down.data[at] = round(sum, 5);
            both.data[at] = round(sum_between, 10);
        }
        [across, down, both]
    }
}

/// A picture whose colours are told for every second pixel along both sides.
#[derive(Debug, Clone)]
pub(super) struct Planes {
    /// Width and height of the picture itself.
    inner: [usize; 2],
    pub(super) luma: Plane,
    /// Blue and red differences.
    pub(super) chroma: [Plane; 2],
}

impl Planes {
    fn empty(inner: [usize; 2]) -> Self {
        let coded = inner.map(|side| side.div_ceil(16) * 16);
        let half = coded.map(|side| side / 2);
        let chroma = || Plane::new(half, BORDER / 2);
        Self {
            inner,
            luma: Plane::new(coded, BORDER),
            chroma: [chroma(), chroma()],
        }
    }

    /// A picture of the same size without content.
    pub(super) fn blank(&self) -> Self {
        Self::empty(self.inner)
    }

    /// Blocks of 16 × 16 along both sides.
    pub(super) fn n_blocks(&self) -> [usize; 2] {
        self.luma.size.map(|side| side / 16)
    }

    /// Brightness from 16 to 235 and differences from 16 to 240, by BT.709. Colour differences lie at the even columns and between
    /// rows, as decoders expect.
    pub(super) fn of_rgb(frame: &Frame) -> Self {
        let mut planes = Self::empty(frame.size);
        let [width, height] = frame.size;
        let pixel = |x: usize, y: usize| -> [f32; 3] {
            let at = 3 * (y * width + x);
            [0, 1, 2].map(|channel| f32::from(frame.rgb[at + channel]))
        };
        let luma = |[red, green, blue]: [f32; 3]| 0.2126 * red + 0.7152 * green + 0.0722 * blue;
        for y in 0..height {
            let row = planes.luma.row_mut(0, y as i32, width);
            for (x, value) in row.iter_mut().enumerate() {
                *value = (16.0 + luma(pixel(x, y)) * 219.0 / 255.0).round() as u8;
            }
        }
        for y in 0..height / 2 {
            for x in 0..width / 2 {
                let mut mean = [0.0; 3];
                for (column, share) in [(2 * x).max(1) - 1, 2 * x, 2 * x + 1]
                    .into_iter()
                    .zip([0.125, 0.25, 0.125])
                {
                    for row in [2 * y, 2 * y + 1] {
                        for (sum, value) in mean.iter_mut().zip(pixel(column, row)) {
                            *sum += share * value;
                        }
                    }
                }
                let brightness = luma(mean);
                let differences = [
                    (mean[2] - brightness) / 1.8556,
                    (mean[0] - brightness) / 1.5748,
                ];
                for (plane, difference) in planes.chroma.iter_mut().zip(differences) {
                    let value = (128.0 + difference * 224.0 / 255.0).round();
                    plane.row_mut(x as i32, y as i32, 1)[0] = value.clamp(0.0, 255.0) as u8;
                }
            }
        }
        planes.fill_blocks();
        planes
    }

    /// Repeats the outermost pixels of the picture beyond it.
    fn fill_blocks(&mut self) {
        self.luma.extend(self.inner);
        let half = self.inner.map(|side| side / 2);
        for plane in &mut self.chroma {
            plane.extend(half);
        }
    }

    /// Repeats the outermost pixels of the blocks beyond them, as decoders do.
    pub(super) fn extend(&mut self) {
        let size = self.luma.size;
        self.luma.extend(size);
        for plane in &mut self.chroma {
            let size = plane.size;
            plane.extend(size);
        }
    }
}
