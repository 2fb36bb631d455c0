//! Windowed-sinc resampling with the numbers of `torchaudio.functional.resample` at its defaults.

use std::f64::consts::PI;

/// Zero crossings of the sinc on either side of its centre.
const LOWPASS_FILTER_WIDTH: f64 = 6.0;
/// Where the low-pass filter cuts, as a fraction of the lower of the two Nyquist frequencies.
const ROLLOFF: f64 = 0.99;
/// Dot products run in this many independent sums, so that the compiler can use vector registers.
const LANES: usize = 8;
/// Most bytes of filter taps. Rates with a large common divisor need a few hundred KB at most, the
/// worst odd rate below 340 kHz fits too.
const MAX_TABLE_BYTES: u64 = 16 << 20;

/// Why two rates cannot be converted into each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ResampleError {
    /// One of the rates is 0 Hz.
    #[error("A sampling rate of 0 Hz cannot be resampled.")]
    ZeroRate,
    /// The two rates share so small a divisor that the filter table would outgrow its bound.
    #[error(
        "Resampling {from_hz} Hz to {to_hz} Hz would need a filter table of {} MB. \
         Convert the recording to a usual rate first, for instance 48000 Hz.",
        table_bytes >> 20
    )]
    TableTooLarge {
        /// Rate of the recording.
        from_hz: u32,
        /// Rate asked for.
        to_hz: u32,
        /// Bytes that the table would take.
        table_bytes: u64,
    },
}

/// Resamples one channel, block by block, as if it had come in one piece.
///
/// Each output sample is a dot product of the input with a Hann-windowed sinc, cut off at 0.99 of
/// the lower Nyquist frequency. Outside the recording the input counts as zero. How the input was
/// cut into blocks does not change a bit of the output.
///
/// ```
/// use heschl_core::audio::SincResampler;
///
/// let mut resampler = SincResampler::new(48_000, 16_000)?;
/// let mut at_16_khz = Vec::new();
/// resampler.push(&[0.0; 300], &mut at_16_khz);
/// resampler.push(&[0.0; 100], &mut at_16_khz);
/// resampler.finish(&mut at_16_khz);
/// assert_eq!(at_16_khz.len(), 134); // ceil(400 / 3)
/// # Ok::<(), heschl_core::audio::ResampleError>(())
/// ```
///
/// Source: Smith, Digital Audio Resampling (<https://ccrma.stanford.edu/~jos/resample/>); numbers of
/// `core/tests/data/resample.npz`.
#[derive(Debug, Clone)]
pub struct SincResampler {
    /// Input samples per frame: the old rate over the common divisor.
    from: usize,
    /// Output samples per frame: the new rate over the common divisor.
    to: usize,
    filters: Filters,
    /// Input from the start of the next frame on, led by zeros in place of what precedes the audio.
    pending: Vec<f32>,
    received: u64,
    produced: u64,
}

impl SincResampler {
    /// Prepares the filters for one pair of rates, in Hz.
    ///
    /// # Errors
    /// [`ResampleError::ZeroRate`]; [`ResampleError::TableTooLarge`] for a pair like 767,999 and
    /// 16,000 Hz, whose filters would take tens of megabytes.
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

    /// Takes the next samples and appends to `output` what can be computed from all so far.
    ///
    /// * `input`: `(n_samples,)` at the old rate.
    /// * `output`: grows by samples at the new rate.
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

    /// Appends what is left, so that in total ceil(new rate · samples / old rate) samples came out.
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

/// One filter per output sample of a frame, without the zeros on either side of it.
///
/// The published kernels span a whole frame; outside the six zero crossings their taps are zero to
/// the last bit of an f32, and leaving them out saves nine tenths of the work at 44.1 kHz.
#[derive(Debug, Clone)]
struct Filters {
    /// `(to, taps)`, row after row.
    weights: Vec<f32>,
    /// Where each row begins, in samples from the start of the frame's input.
    starts: Vec<usize>,
    taps: usize,
    /// Zeros before the first sample.
    run: usize,
    /// Input that a frame needs, from its start on.
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
            // At least a frame and its lead: no output then precedes the end of the input it spans.
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

/// Taps per filter, a multiple of [`LANES`].
fn taps(from: usize, to: usize) -> usize {
    let half_width = LOWPASS_FILTER_WIDTH * from as f64 / cutoff(from, to);
    // Two more for the fractional ends, two for `first_tap`'s step back.
    ((2.0 * half_width).ceil() as usize + 4).next_multiple_of(LANES)
}

fn cutoff(from: usize, to: usize) -> f64 {
    from.min(to) as f64 * ROLLOFF
}

/// The windowed sinc itself.
struct Kernel {
    from: usize,
    to: usize,
    cutoff: f64,
    /// Samples that the filter hears before and after the frame.
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

    /// The first sample, counted from the frame's start, that the filter of `phase` can hear.
    fn first_tap(&self, phase: usize) -> i64 {
        let centre = self.from as f64 * phase as f64 / self.to as f64;
        let half_width = LOWPASS_FILTER_WIDTH * self.from as f64 / self.cutoff;
        ((centre - half_width).floor() as i64 - 1).max(-self.width)
    }

    /// Weight of input sample `tap`, counted from the frame's start, in output sample `phase`.
    fn weight(&self, phase: usize, tap: i64) -> f32 {
        // The original computes these two times in single precision; in double precision the results
        // would differ from its by up to 3e-5 of the input's loudness.
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

/// Sum of products; both slices hold a multiple of [`LANES`] values.
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
