//! Films as animated GIF: 255 colours for all frames, and of each frame only what has changed.

use std::borrow::Cow;

use ::gif::{DisposalMethod, Encoder, Frame as GifFrame, Repeat};

use super::{FilmError, FilmShape, Frame};

/// Bits of a channel by which colours are told apart.
const BITS: u32 = 6;
const N_CELLS: usize = 1 << (3 * BITS);
/// Colours of the palette; one more means "as before".
const N_COLOURS: usize = 255;
const AS_BEFORE: u8 = 255;
/// Frames whose colours are counted.
const N_COUNTED: usize = 32;
/// Hundredths of a second for which a frame is shown at least: browsers slow down what is faster.
const LEAST_DELAY: u64 = 2;

/// A film that repeats for ever, as animated GIF.
///
/// * `frames`: the frames from the first, as often as it is called.
///
/// # Errors
/// An error of a frame, or a [`FilmError`] if one has another size.
pub fn gif<E: From<FilmError>, I: Iterator<Item = Result<Frame, E>>>(
    shape: &FilmShape,
    frames: &dyn Fn() -> I,
) -> Result<Vec<u8>, E> {
    let failed = |error: ::gif::EncodingError| E::from(FilmError::from(error));
    let step = shape.n_frames.div_ceil(N_COUNTED).max(1);
    let mut counts = vec![0_u64; N_CELLS];
    for frame in frames().step_by(step) {
        for pixel in frame?.rgb.chunks_exact(3) {
            counts[cell(pixel)] += 1;
        }
    }
    let mut palette = Palette::of(&counts);
    let [width, height] = shape
        .size
        .map(|side| side.min(usize::from(u16::MAX)) as u16);
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, width, height, &palette.bytes()).map_err(failed)?;
    encoder.set_repeat(Repeat::Infinite).map_err(failed)?;
    let mut before: Option<Vec<u8>> = None;
    let ends = |at: usize| (100.0 * at as f64 / shape.fps).round() as u64;
    for (at, frame) in frames().enumerate() {
        let frame = frame?;
        frame.check(shape)?;
        let pixels = frame.rgb.chunks_exact(3);
        let indices: Vec<u8> = pixels.map(|pixel| palette.index(cell(pixel))).collect();
        let delay = (ends(at + 1) - ends(at)).max(LEAST_DELAY) as u16;
        let frame = changed(&indices, before.as_deref(), shape.size, delay);
        encoder.write_frame(&frame).map_err(failed)?;
        before = Some(indices);
    }
    drop(encoder);
    Ok(bytes)
}

/// The part of a frame that differs from the one before.
fn changed(
    now: &[u8],
    before: Option<&[u8]>,
    [width, height]: [usize; 2],
    delay: u16,
) -> GifFrame<'static> {
    let is_new = |at: usize| before.is_none_or(|before| before[at] != now[at]);
    let rows: Vec<usize> = (0..height)
        .filter(|row| (row * width..(row + 1) * width).any(is_new))
        .collect();
    let (top, below) = match (rows.first(), rows.last()) {
        (Some(first), Some(last)) => (*first, last + 1),
        // Nothing has changed: a pixel says how long it lasts.
        _ => (0, 1),
    };
    let buffer: Vec<u8> = (top * width..below * width)
        .map(|at| if is_new(at) { now[at] } else { AS_BEFORE })
        .collect();
    GifFrame {
        delay,
        dispose: DisposalMethod::Keep,
        transparent: before.map(|_| AS_BEFORE),
        top: top as u16,
        left: 0,
        width: width as u16,
        height: (below - top) as u16,
        buffer: Cow::Owned(buffer),
        ..GifFrame::default()
    }
}

/// The cell of a colour.
fn cell(pixel: &[u8]) -> usize {
    let part = |channel: usize| usize::from(pixel[channel] >> (8 - BITS));
    part(0) << (2 * BITS) | part(1) << BITS | part(2)
}

/// The channels of a cell.
fn channels(cell: usize) -> [usize; 3] {
    let mask = (1 << BITS) - 1;
    [cell >> (2 * BITS) & mask, cell >> BITS & mask, cell & mask]
}

/// Colours that stand for all.
struct Palette {
    colours: Vec<[u8; 3]>,
    /// The colour of each cell, once it is known.
    of_cell: Vec<Option<u8>>,
}

impl Palette {
    /// By median cut: the part with the most spread is divided until there are enough.
    fn of(counts: &[u64]) -> Self {
        let used: Vec<usize> = (0..counts.len()).filter(|cell| counts[*cell] > 0).collect();
        let measured = |part: Vec<usize>| {
            let (_, spread) = spread(&part, counts);
            (part, spread)
        };
        let mut parts = vec![measured(used)];
        while parts.len() < N_COLOURS {
            let widest = parts.iter().enumerate();
            let widest = widest.max_by(|a, b| a.1.1.total_cmp(&b.1.1));
            let Some((at, _)) = widest.filter(|(_, (_, spread))| *spread > 0.0) else {
                break;
            };
            let (part, _) = parts.swap_remove(at);
            parts.extend(halves(part, counts).map(measured));
        }
        let mut palette = Self {
            colours: Vec::new(),
            of_cell: vec![None; counts.len()],
        };
        for (part, _) in &parts {
            let n: u64 = part.iter().map(|cell| counts[*cell]).sum();
            let mean = |channel: usize| {
                let sum: f64 = part
                    .iter()
                    .map(|cell| counts[*cell] as f64 * middle(channels(*cell)[channel]))
                    .sum();
                (sum / n.max(1) as f64).round() as u8
            };
            for cell in part {
                palette.of_cell[*cell] = Some(palette.colours.len() as u8);
            }
            palette.colours.push([mean(0), mean(1), mean(2)]);
        }
        palette
    }

    /// As the file holds it, with one colour more that is never seen.
    fn bytes(&self) -> Vec<u8> {
        let mut bytes: Vec<u8> = self.colours.iter().flatten().copied().collect();
        bytes.resize(3 * (N_COLOURS + 1), 0);
        bytes
    }

    /// The nearest colour.
    fn index(&mut self, cell: usize) -> u8 {
        if let Some(index) = self.of_cell[cell] {
            return index;
        }
        let own = channels(cell).map(middle);
        let distance = |colour: &[u8; 3]| -> f64 {
            let apart = own.iter().zip(colour);
            apart.map(|(a, b)| (a - f64::from(*b)).powi(2)).sum()
        };
        let nearest = self.colours.iter().enumerate();
        let nearest = nearest.min_by(|a, b| distance(a.1).total_cmp(&distance(b.1)));
        let index = nearest.map_or(0, |(index, _)| index as u8);
        self.of_cell[cell] = Some(index);
        index
    }
}

/// The colour in the middle of a cell's channel: grey 0 and 255 keep their ends.
fn middle(part: usize) -> f64 {
    part as f64 * 255.0 / f64::from((1_u32 << BITS) - 1)
}

/// The channel along which a part spreads most, and the sum of its squared deviations there.
fn spread(part: &[usize], counts: &[u64]) -> (usize, f64) {
    let n: f64 = part.iter().map(|cell| counts[*cell] as f64).sum();
    let of_channel = |channel: usize| {
        let weighted = |f: &dyn Fn(f64) -> f64| -> f64 {
            part.iter()
                .map(|cell| counts[*cell] as f64 * f(channels(*cell)[channel] as f64))
                .sum()
        };
        let mean = weighted(&|value| value) / n.max(1.0);
        (channel, weighted(&|value| (value - mean).powi(2)))
    };
    let all = [0, 1, 2].map(of_channel);
    all.into_iter()
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .unwrap_or((0, 0.0))
}

/// A part divided at the mean of its widest channel.
fn halves(part: Vec<usize>, counts: &[u64]) -> [Vec<usize>; 2] {
    let (channel, _) = spread(&part, counts);
    let n: f64 = part.iter().map(|cell| counts[*cell] as f64).sum();
    let sum: f64 = part
        .iter()
        .map(|cell| counts[*cell] as f64 * channels(*cell)[channel] as f64)
        .sum();
    let mean = sum / n.max(1.0);
    let (low, high) = part
        .into_iter()
        .partition(|cell| channels(*cell)[channel] as f64 <= mean);
    [low, high]
}
