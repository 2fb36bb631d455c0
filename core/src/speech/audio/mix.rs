//! Converts decoded samples of any width to mono floats.

use symphonia::core::audio::sample::Sample;
use symphonia::core::audio::{Audio, AudioBuffer, GenericAudioBufferRef};

/// Replaces `mono` by the mean over channels, `(n_frames,)`.
///
/// Integers are divided by their full-scale power of two, as in soundfile and torchaudio; floats are not clipped.
pub(super) fn mix_to_mono(decoded: &GenericAudioBufferRef<'_>, mono: &mut Vec<f32>) {
    use GenericAudioBufferRef as Buffer;
    const BITS_8: f32 = 128.0;
    const BITS_16: f32 = 32_768.0;
    const BITS_24: f32 = 8_388_608.0;
    const BITS_32: f32 = 2_147_483_648.0;
    match decoded {
        Buffer::U8(buffer) => mean(buffer, mono, |x| (f32::from(x) - BITS_8) / BITS_8),
        Buffer::U16(buffer) => mean(buffer, mono, |x| (f32::from(x) - BITS_16) / BITS_16),
        Buffer::U24(buffer) => mean(buffer, mono, |x| (x.inner() as f32 - BITS_24) / BITS_24),
        Buffer::U32(buffer) => mean(buffer, mono, |x| {
            (f64::from(x) / f64::from(BITS_32) - 1.0) as f32
        }),
        Buffer::S8(buffer) => mean(buffer, mono, |x| f32::from(x) / BITS_8),
        Buffer::S16(buffer) => mean(buffer, mono, |x| f32::from(x) / BITS_16),
        Buffer::S24(buffer) => mean(buffer, mono, |x| x.inner() as f32 / BITS_24),
        Buffer::S32(buffer) => mean(buffer, mono, |x| x as f32 / BITS_32),
        Buffer::F32(buffer) => mean(buffer, mono, |x| x),
        Buffer::F64(buffer) => mean(buffer, mono, |x| x as f32),
    }
}

fn mean<S: Sample>(buffer: &AudioBuffer<S>, mono: &mut Vec<f32>, to_f32: impl Fn(S) -> f32) {
    mono.clear();
    mono.resize(buffer.frames(), 0.0);
    for plane in buffer.iter_planes() {
        for (sum, &sample) in mono.iter_mut().zip(plane) {
            *sum += to_f32(sample);
        }
    }
    let n_channels = buffer.num_planes() as f32;
    for sum in mono.iter_mut() {
        *sum /= n_channels;
    }
}
