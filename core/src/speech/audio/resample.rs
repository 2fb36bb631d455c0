//! Windowed-sinc resampling, numerically equal to `torchaudio.functional.resample` with default settings.

use std::f64::consts::PI;

/// Zero crossings of the sinc on either side of its centre.
const LOWPASS_FILTER_WIDTH: f64 = 6.0;
/// Cut-off of the low-pass filter, as a fraction of the lower Nyquist frequency.
const ROLLOFF: f64 = 0.99;
/// Independent partial sums of dot products, so that the compiler can vectorise them.
const LANES: usize = 8;
/// Maximum size of the filter table in bytes. Rates with a large common divisor need a few hundred KB at most; the worst
/// odd rate below 340 kHz fits too.
const MAX_TABLE_BYTES: u64 = 16 << 20;

/// Errors of [`SincResampler::new`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ResampleError {
    /// One of the rates is 0 Hz.
    #[error("A sampling rate of 0 Hz cannot be resampled.")]
    ZeroRate,
    /// The rates have so small a common divisor that the filter table would exceed its maximum size.
    #[error(
        "Resampling {from_hz} Hz to {to_hz} Hz would need a filter table of {} MB. \
         Convert the recording to a usual rate first, for instance 48000 Hz.",
        table_bytes >> 20
    )]
    TableTooLarge {
        /// Rate of the recording.
        from_hz: u32,
        /// Requested rate.
        to_hz: u32,
        /// Size of the table, bytes.
        table_bytes: u64,
    },
}

/// Streaming resampler of one channel.
///
/// Each output sample is a dot product of the input with a Hann-windowed sinc, cut off at 0.99 of the lower Nyquist
/// frequency. The input is zero outside the recording. The output is bitwise independent of the block sizes of the input.
///
/// ```
/// use heschl_core::speech::audio::SincResampler;
///
/// let mut resampler = SincResampler::new(48_000, 16_000)?;
/// let mut at_16_khz = Vec::new();
/// resampler.push(&[0.0; 300], &mut at_16_khz);
/// resampler.push(&[0.0; 100], &mut at_16_khz);
/// resampler.finish(&mut at_16_khz);
/// assert_eq!(at_16_khz.len(), 134); // ceil(400 / 3)
/// # Ok::<(), heschl_core::speech::audio::ResampleError>(())
/// ```
///
/// Source: Smith, Digital Audio Resampling (<https://ccrma.stanford.edu/~jos/resample/>); reference values in
/// `core/tests/data/resample.npz`.
#[derive(Debug, Clone)]
pub struct SincResampler {
    /// Input samples per frame: the old rate divided by the greatest common divisor.
    from: usize,
    /// Output samples per frame: the new rate divided by the greatest common divisor.
    to: usize,
    filters: Filters,
    /// Input from the start of the next frame on, preceded by zeros at the start of the audio.
    pending: Vec<f32>,
    received: u64,
    produced: u64,
}

impl SincResampler {
    /// Prepares the filters for a pair of rates, in Hz.
    ///
    /// # Errors
    /// Returns [`ResampleError::ZeroRate`], or [`ResampleError::TableTooLarge`] for a pair like 767,999 and 16,000 Hz,
    /// whose filters would take tens of megabytes.
    pub fn new(from_hz: u32, to_hz: u32) -> Result<Self, ResampleError> {
        if from_hz == 0 || to_hz == 0 {
            return Err(ResampleError::ZeroRate);
        }
        let divisor = gcd(from_hz, to_hz);
        let (from, to) = ((from_hz / divisor) as usize, (to_hz / divisor) as usize);
        let table_bytes = Filters::bytes(from, to);
        if table_bytes > MAX_TABLE_BYTES {
            return Err(ResampleError::TableTooLarge {
                from_hz,
                to_hz,
                table_bytes,
            });
        }
        let filters = Filters::new(from, to);
        let pending = vec![0.0; filters.run];
        Ok(Self {
            from,
            to,
            filters,
            pending,
            received: 0,
            produced: 0,
        })
    }

    /// Processes the next samples and appends all output that can be computed so far.
    ///
    /// * `input`: `(n_samples,)` at the old rate.
    /// * `output`: receives samples at the new rate.
    pub fn push(&mut self, input: &[f32], output: &mut Vec<f32>) {
        self.received += input.len() as u64;
        if self.from == self.to {
            self.produced += input.len() as u64;
            output.extend_from_slice(input);
            return;
        }
        self.pending.extend_from_slice(input);
        self.emit_frames(output);
    }

    /// Appends the remaining output, for a total of ceil(new rate · samples / old rate) samples.
    pub fn finish(mut self, output: &mut Vec<f32>) {
        let total = resampled_len(self.received, self.from as u64, self.to as u64);
        let wanted = output.len() + (total - self.produced) as usize;
        while self.produced < total {
            let missing = self.filters.reach.saturating_sub(self.pending.len());
            self.pending.resize(self.pending.len() + missing, 0.0);
            self.emit_frames(output);
        }
        output.truncate(wanted);
    }

    fn emit_frames(&mut self, output: &mut Vec<f32>) {
        let mut start = 0;
        while self.pending.len() - start >= self.filters.reach {
            self.filters.apply(&self.pending[start..], output);
            start += self.from;
            self.produced += self.to as u64;
        }
        self.pending.drain(..start);
    }
}

/// Number of samples after resampling: ceil(`to` · `n_samples` / `from`), exactly.
pub(super) fn resampled_len(n_samples: u64, from: u64, to: u64) -> u64 {
    let exact = u128::from(n_samples) * u128::from(to);
    u64::try_from(exact.div_ceil(u128::from(from))).unwrap_or(u64::MAX)
}

/// One filter per output sample of a frame, without zeros on either side.
///
/// The published kernels span a whole frame; outside the six zero crossings their taps are exactly zero in f32, and
/// skipping them saves nine tenths of the work at 44.1 kHz.
#[derive(Debug, Clone)]
struct Filters {
    /// `(to, taps)`, row-major.
    weights: Vec<f32>,
    /// First tap of each row, in samples from the start of the frame's input.
    starts: Vec<usize>,
    taps: usize,
    /// Number of zeros before the first sample.
    run: usize,
    /// Input length of a frame, from its start on.
    reach: usize,
}

impl Filters {
    fn new(from: usize, to: usize) -> Self {
        let kernel = Kernel::new(from, to);
        let taps = taps(from, to);
        let mut weights = Vec::with_capacity(to * taps);
        let mut starts = Vec::with_capacity(to);
        for phase in 0..to {
            let first = kernel.first_tap(phase);
            weights.extend((0..taps as i64).map(|tap| kernel.weight(phase, first + tap)));
            starts.push((first + kernel.width) as usize);
        }
        let run = kernel.width as usize;
        let furthest = starts.iter().max().map_or(0, |start| start + taps);
        Self {
            weights,
            starts,
            taps,
            run,
            // At least a frame and its lead-in, so that no output precedes the end of the input it depends on.
            reach: furthest.max(run + from),
        }
    }

    fn bytes(from: usize, to: usize) -> u64 {
        to as u64 * taps(from, to) as u64 * size_of::<f32>() as u64
    }

    fn apply(&self, input: &[f32], output: &mut Vec<f32>) {
        let rows = self.weights.chunks_exact(self.taps).zip(&self.starts);
        output.extend(rows.map(|(row, &start)| dot(row, &input[start..start + self.taps])));
    }
}

/// Number of taps per filter, a multiple of [`LANES`].
fn taps(from: usize, to: usize) -> usize {
    let half_width = LOWPASS_FILTER_WIDTH * from as f64 / cutoff(from, to);
    // Two more for the fractional ends, two for the step back in `first_tap`.
    ((2.0 * half_width).ceil() as usize + 4).next_multiple_of(LANES)
}

fn cutoff(from: usize, to: usize) -> f64 {
    from.min(to) as f64 * ROLLOFF
}

/// The windowed sinc kernel.
struct Kernel {
    from: usize,
    to: usize,
    cutoff: f64,
    /// Support of the filter before and after the frame, in samples.
    width: i64,
}

impl Kernel {
    fn new(from: usize, to: usize) -> Self {
        let cutoff = cutoff(from, to);
        Self {
            from,
            to,
            cutoff,
            width: (LOWPASS_FILTER_WIDTH * from as f64 / cutoff).ceil() as i64,
        }
    }

    /// First sample in the support of the filter of `phase`, relative to the frame's start.
    fn first_tap(&self, phase: usize) -> i64 {
        let centre = self.from as f64 * phase as f64 / self.to as f64;
        let half_width = LOWPASS_FILTER_WIDTH * self.from as f64 / self.cutoff;
        ((centre - half_width).floor() as i64 - 1).max(-self.width)
    }

    /// Weight of input sample `tap`, relative to the frame's start, in output sample `phase`.
    fn weight(&self, phase: usize, tap: i64) -> f32 {
        // torchaudio computes these two times in single precision; in double precision the results would differ by up to
        // 3e-5 of full scale.
        let output_at = f64::from(phase as f32 / self.to as f32);
        let input_at = f64::from(tap as f32 / self.from as f32);
        let crossings = (input_at - output_at) * self.cutoff;
        let crossings = crossings.clamp(-LOWPASS_FILTER_WIDTH, LOWPASS_FILTER_WIDTH);
        let window = (crossings * PI / LOWPASS_FILTER_WIDTH / 2.0).cos().powi(2);
        let angle = crossings * PI;
        let sinc = if angle == 0.0 {
            1.0
        } else {
            angle.sin() / angle
        };
        (sinc * window * self.cutoff / self.from as f64) as f32
    }
}

/// Dot product; both slices hold a multiple of [`LANES`] values.
fn dot(weights: &[f32], input: &[f32]) -> f32 {
    let mut sums = [0.0_f32; LANES];
    for (w, x) in weights.chunks_exact(LANES).zip(input.chunks_exact(LANES)) {
        for lane in 0..LANES {
            sums[lane] += w[lane] * x[lane];
        }
    }
    sums.iter().sum()
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}
