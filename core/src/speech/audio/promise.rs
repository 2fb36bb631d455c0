//! The length of a recording according to its header, and the part of the coded sound that it covers.

use symphonia::core::codecs::audio::AudioCodecParameters;
use symphonia::core::codecs::audio::well_known as codec;
use symphonia::core::formats::Track;

use super::inspect::Inspection;
use super::wav::SoundEnd;

/// Samples of the longest MP3 frame.
const MP3_FRAME: u64 = 1152;
/// Samples of the longest Vorbis block, which may extend past either end.
const VORBIS_BLOCK: u64 = 8192;
/// Samples of an AAC frame, which a table of lengths may lack at either end.
const AAC_FRAME: u64 = 1024;

/// Length according to the header, in samples at the file's rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Promise {
    pub(super) frames: u64,
    /// Tolerated shortfall: encoders of lossy formats count differently.
    pub(super) may_lack: u64,
    /// Maximum number of samples in all packets but the last; more means that files were concatenated.
    pub(super) at_most_coded: u64,
}

impl Promise {
    /// Returns `None` if the header states no length, or only allows an estimate.
    pub(super) fn of(
        track: &Track,
        params: &AudioCodecParameters,
        inspection: &Inspection,
    ) -> Option<Self> {
        let frames = track.num_frames.filter(|&frames| frames > 0)?;
        let exact = Self {
            frames,
            may_lack: 0,
            at_most_coded: u64::MAX,
        };
        match params.codec {
            codec::CODEC_ID_MP3 if !inspection.mp3_tagged => None,
            codec::CODEC_ID_MP3 => Some(Self {
                may_lack: 2 * MP3_FRAME,
                at_most_coded: frames.saturating_add(padding(track) + MP3_FRAME),
                ..exact
            }),
            codec::CODEC_ID_VORBIS => Some(Self {
                may_lack: VORBIS_BLOCK,
                ..exact
            }),
            codec::CODEC_ID_AAC => Some(Self {
                may_lack: 2 * AAC_FRAME,
                ..exact
            }),
            _ if inspection.wav_end == Some(SoundEnd::EndOfBytes) => None,
            _ => Some(Self {
                may_lack: params.frames_per_block.map_or(0, |frames| frames - 1),
                ..exact
            }),
        }
    }
}

fn padding(track: &Track) -> u64 {
    u64::from(track.delay.unwrap_or(0)) + u64::from(track.padding.unwrap_or(0))
}

/// The part of the decoded samples that is the recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CodedSpan {
    start: u64,
    end: u64,
    /// Whether packets state their number of valid samples (as the last packet of an M4A file does).
    pub(super) by_packet_length: bool,
}

impl CodedSpan {
    pub(super) fn of(inspection: &Inspection, promise: Option<Promise>, rate_hz: u32) -> Self {
        let everything = Self {
            start: 0,
            end: inspection.frames.unwrap_or(u64::MAX),
            by_packet_length: false,
        };
        // Unless the timescale equals the sampling rate, ticks do not correspond to samples.
        let Some(edit) = inspection
            .mp4_edit
            .filter(|edit| edit.ticks_per_sec == rate_hz)
        else {
            return everything;
        };
        let total = promise.map_or(u64::MAX, |promise| promise.frames);
        // The end of the edit is rounded to the movie's timescale, often 1 ms; the packets are more precise.
        let end = edit
            .end
            .filter(|end| end.saturating_add(edit.end_tolerance) < total);
        Self {
            start: edit.start,
            end: end.unwrap_or(u64::MAX),
            by_packet_length: true,
        }
    }

    /// Returns the length of the recording if `frames` are decoded.
    pub(super) fn len(&self, frames: u64) -> u64 {
        frames.min(self.end).saturating_sub(self.start)
    }

    /// Trims `samples`, which begin at sample `first`, to the recording.
    pub(super) fn cut(&self, first: u64, samples: &mut Vec<f32>) {
        let index = |at: u64| usize::try_from(at.saturating_sub(first)).unwrap_or(usize::MAX);
        samples.truncate(index(self.end));
        samples.drain(..index(self.start).min(samples.len()));
    }
}
