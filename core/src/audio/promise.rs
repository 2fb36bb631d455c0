//! How long a recording is by its header, and which part of the coded sound it is.

use symphonia::core::codecs::audio::AudioCodecParameters;
use symphonia::core::codecs::audio::well_known as codec;
use symphonia::core::formats::Track;

use super::inspect::{Inspection, SoundEnd};

/// Samples of the longest MP3 frame.
const MP3_FRAME: u64 = 1152;
/// Samples of the longest Vorbis block, which may straddle either end.
const VORBIS_BLOCK: u64 = 8192;
/// Samples of an AAC frame, which may be missing from a table of lengths at either end.
const AAC_FRAME: u64 = 1024;

/// What the header promises, in samples at the file's rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Promise {
    pub(super) frames: u64,
    /// How many fewer are still no fault: encoders count differently in lossy formats.
    pub(super) may_lack: u64,
    /// Most samples that all packets but the last may stand for; more means that files were joined.
    pub(super) at_most_coded: u64,
}

impl Promise {
    /// `None` if the header does not tell, or only lets one estimate.
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
    /// Whether packets state how many of their samples are valid (M4A's last one does).
    pub(super) by_packet_length: bool,
}

impl CodedSpan {
    pub(super) fn of(inspection: &Inspection, promise: Option<Promise>, rate_hz: u32) -> Self {
        let everything = Self {
            start: 0,
            end: inspection.frames.unwrap_or(u64::MAX),
            by_packet_length: false,
        };
        // Where the track's clock does not tick once a sample, ticks do not name samples.
        let Some(edit) = inspection
            .mp4_edit
            .filter(|edit| edit.ticks_per_sec == rate_hz)
        else {
            return everything;
        };
        let total = promise.map_or(u64::MAX, |promise| promise.frames);
        // The edit's end is rounded to the file's clock, often 1 ms; the packets know better.
        let end = edit
            .end
            .filter(|end| end.saturating_add(edit.end_tolerance) < total);
        Self {
            start: edit.start,
            end: end.unwrap_or(u64::MAX),
            by_packet_length: true,
        }
    }

    /// Length of the recording if `frames` are decoded.
    pub(super) fn len(&self, frames: u64) -> u64 {
        frames.min(self.end).saturating_sub(self.start)
    }

    /// Leaves in `samples`, of which the first is sample `first`, what is kept.
    pub(super) fn cut(&self, first: u64, samples: &mut Vec<f32>) {
        let index = |at: u64| usize::try_from(at.saturating_sub(first)).unwrap_or(usize::MAX);
        samples.truncate(index(self.end));
        samples.drain(..index(self.start).min(samples.len()));
    }
}
