//! Decodes a file into mono blocks at its own rate, and checks the result against its header.

use std::fs::File;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use symphonia::core::codecs::audio::well_known as codec;
use symphonia::core::codecs::audio::{
    AudioCodecId, AudioCodecParameters, AudioDecoder, AudioDecoderOptions,
};
use symphonia::core::errors::Error as DecodeError;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, FormatReader, Track, TrackType};
use symphonia::core::io::{MediaSource, MediaSourceStream, MediaSourceStreamOptions};
use symphonia::core::meta::MetadataOptions;
use symphonia::core::packet::Packet;

use super::error::AudioError;
use super::inspect::Inspection;
use super::mix::mix_to_mono;
use super::mp3::FrameChain;
use super::promise::{CodedSpan, Promise};
use super::wav::SoundEnd;
use super::{RecordingInfo, check_credible};

/// Silence takes about a byte per Vorbis block of at most 8192 samples, and more in every other coding.
const MOST_SAMPLES_PER_BYTE: u64 = 8192;

/// A file being decoded.
pub(super) struct Decoder {
    path: PathBuf,
    format: Box<dyn FormatReader>,
    codec: Box<dyn AudioDecoder>,
    track_id: u32,
    info: RecordingInfo,
    promise: Option<Promise>,
    kept: CodedSpan,
    /// Whether the recording extends to the end of the file, its length being unknown from the header.
    until_end_of_file: bool,
    mono: Vec<f32>,
    first_ts: Option<i64>,
    /// Timestamp at which the next packet must start if none is missing; `None` for formats whose packets are numbered only
    /// as they are read.
    next_ts: Option<i64>,
    packets_tell_time: bool,
    /// For MP3 files, until it can no longer be followed.
    frame_chain: Option<FrameChain>,
    /// Samples decoded so far, including those before and after the recording.
    decoded: u64,
    /// Samples represented by all packets but the last, including encoder padding.
    coded: u64,
    /// Samples returned so far.
    given: u64,
    ended: bool,
}

/// Outcome of one packet.
enum DecodeStep {
    Decoded,
    NotSound,
    End,
    Gap,
    OtherSound,
}

impl Decoder {
    /// Opens a file according to its inspection.
    pub(super) fn of(path: &Path, inspection: Inspection) -> Result<Self, AudioError> {
        let format = open_container(path, &inspection)?;
        let track = audio_track(path, format.as_ref())?;
        let params = audio_params(track).ok_or_else(|| no_audio_track(path))?;
        let codec = open_codec(path, params, gapless(params, &inspection))?;
        let (rate_hz, channels) = stated_sound(params, codec.codec_params());
        check_credible(path, rate_hz, channels)?;
        let promise = Promise::of(track, params, &inspection);
        let kept = CodedSpan::of(&inspection, promise, rate_hz);
        // A stream cut from the middle of another continues its timestamps.
        let late = track.start_ts.get().max(0).unsigned_abs();
        let frames = track.num_frames.map(|end| end.saturating_sub(late));
        let frames = frames.filter(|&frames| frames > 0);
        check_length(path, frames.unwrap_or(0), rate_hz, inspection.file_len)?;
        let info = RecordingInfo {
            rate_hz,
            channels: channels as u16,
            codec: inspection.codec.unwrap_or_else(|| codec_name(params)),
            duration_secs: frames.map(|frames| kept.len(frames) as f64 / f64::from(rate_hz)),
            notes: inspection.notes,
        };
        Ok(Self {
            path: path.into(),
            track_id: track.id,
            codec,
            info,
            promise,
            kept,
            until_end_of_file: inspection.wav_end == Some(SoundEnd::EndOfBytes),
            mono: Vec::new(),
            frame_chain: (params.codec == codec::CODEC_ID_MP3 && inspection.wav_end.is_none())
                .then(|| FrameChain::new(path, inspection.id3_len).ok())
                .flatten(),
            packets_tell_time: [codec::CODEC_ID_FLAC, codec::CODEC_ID_VORBIS]
                .contains(&params.codec),
            first_ts: None,
            next_ts: None,
            decoded: 0,
            coded: 0,
            given: 0,
            ended: false,
            format,
        })
    }

    pub(super) fn info(&self) -> &RecordingInfo {
        &self.info
    }

    /// Returns the samples read by the last [`Self::fill`], at the file's rate, averaged over channels.
    pub(super) fn mono(&self) -> &[f32] {
        &self.mono
    }

    /// Returns the number of samples read so far.
    pub(super) fn given(&self) -> u64 {
        self.given
    }

    /// Reads the next samples; returns whether there were any.
    pub(super) fn fill(&mut self) -> Result<bool, AudioError> {
        self.mono.clear();
        while self.mono.is_empty() && !self.ended {
            let outcome = self.advance();
            // Nothing can be read after an error.
            self.ended |= outcome.is_err();
            outcome?;
        }
        self.check_finite()?;
        self.given += self.mono.len() as u64;
        Ok(!self.mono.is_empty())
    }

    fn advance(&mut self) -> Result<(), AudioError> {
        // Decoders have panicked on damaged files; a bad story must not end the program.
        let step = catch_unwind(AssertUnwindSafe(|| self.step()));
        let step = step.map_err(|_| AudioError::DecoderFailed {
            path: self.path.clone(),
        })?;
        match step {
            Ok(DecodeStep::Decoded | DecodeStep::NotSound) => Ok(()),
            Ok(DecodeStep::End) => self.finish(),
            Ok(DecodeStep::Gap) => Err(self.damaged("part of it is missing")),
            Ok(DecodeStep::OtherSound) => Err(self.damaged("its rate or channels change")),
            Err(DecodeError::IoError(e)) if self.until_end_of_file && is_eof(&e) => self.finish(),
            Err(error) => Err(self.problem(error)),
        }
    }

    fn step(&mut self) -> Result<DecodeStep, DecodeError> {
        let Some(packet) = self.format.next_packet()? else {
            return Ok(DecodeStep::End);
        };
        if packet.track_id != self.track_id {
            return Ok(DecodeStep::NotSound);
        }
        if packet.data.is_empty() && self.until_end_of_file {
            return Ok(DecodeStep::End);
        }
        if self
            .next_ts
            .is_some_and(|expected| packet.pts.get() > expected)
        {
            return Ok(DecodeStep::Gap);
        }
        if let Some(chain) = &mut self.frame_chain
            && !chain.continues_with(&packet.data)?
        {
            return Ok(DecodeStep::Gap);
        }
        let decoded = self.codec.decode(&packet)?;
        let spec = decoded.spec();
        let channels = usize::from(self.info.channels);
        if spec.rate() != self.info.rate_hz || spec.channels().count() != channels {
            return Ok(DecodeStep::OtherSound);
        }
        mix_to_mono(&decoded, &mut self.mono);
        self.account_for(&packet);
        Ok(DecodeStep::Decoded)
    }

    /// Counts the decoded packet and trims samples outside the recording.
    fn account_for(&mut self, packet: &Packet) {
        let starts_at = packet.pts.get();
        let first_ts = *self.first_ts.get_or_insert(starts_at);
        self.coded = starts_at.saturating_sub(first_ts).unsigned_abs();
        if self.packets_tell_time {
            let len = packet.trim_start.saturating_add(packet.dur);
            self.next_ts = Some(starts_at.saturating_add_unsigned(len.get()));
        }
        if self.kept.by_packet_length {
            let valid = usize::try_from(packet.dur.get()).unwrap_or(usize::MAX);
            self.mono.truncate(valid);
        }
        let first = self.decoded;
        self.decoded += self.mono.len() as u64;
        self.kept.cut(first, &mut self.mono);
    }

    /// Checks the complete recording against its header.
    fn finish(&mut self) -> Result<(), AudioError> {
        self.ended = true;
        if let Some(promise) = self.promise {
            let path = self.path.clone();
            let promised = promise.frames.saturating_sub(self.cut_off_before());
            let promised_secs = self.secs(promised);
            if self.decoded.saturating_add(promise.may_lack) < promised {
                return Err(AudioError::Truncated {
                    path,
                    promised_secs,
                    found_secs: self.secs(self.decoded),
                });
            }
            if self.coded > promise.at_most_coded {
                return Err(AudioError::LongerThanHeader {
                    path,
                    promised_secs,
                    found_secs: self.secs(self.coded),
                });
            }
        }
        if self.given == 0 {
            let path = self.path.clone();
            return Err(AudioError::NoSamples { path });
        }
        let verified = catch_unwind(AssertUnwindSafe(|| self.codec.finalize().verify_ok));
        if verified.is_ok_and(|verdict| verdict == Some(false)) {
            return Err(self.damaged("its checksum does not fit"));
        }
        Ok(())
    }

    /// Samples before the first packet's timestamp: a stream cut from the middle of another continues its timestamps.
    fn cut_off_before(&self) -> u64 {
        if self.packets_tell_time {
            self.first_ts.map_or(0, |first| first.max(0).unsigned_abs())
        } else {
            0
        }
    }

    fn check_finite(&mut self) -> Result<(), AudioError> {
        let Some(at) = self.mono.iter().position(|sample| !sample.is_finite()) else {
            return Ok(());
        };
        self.ended = true;
        Err(AudioError::NotFinite {
            path: self.path.clone(),
            at_secs: self.secs(self.given + at as u64),
        })
    }

    fn problem(&self, error: DecodeError) -> AudioError {
        match (error, self.promise) {
            (DecodeError::IoError(e), Some(promise)) if is_eof(&e) => AudioError::Truncated {
                path: self.path.clone(),
                promised_secs: self.secs(promise.frames),
                found_secs: self.secs(self.decoded),
            },
            (error, _) => problem(&self.path, self.secs(self.decoded), error),
        }
    }

    fn damaged(&self, reason: &str) -> AudioError {
        damaged(&self.path, self.secs(self.decoded), reason)
    }

    fn secs(&self, n_samples: u64) -> f64 {
        n_samples as f64 / f64::from(self.info.rate_hz)
    }
}

fn open_container(
    path: &Path,
    inspection: &Inspection,
) -> Result<Box<dyn FormatReader>, AudioError> {
    let io = |source| AudioError::from_io(path, source);
    let source: Box<dyn MediaSource> = match &inspection.excerpt {
        Some(excerpt) => Box::new(excerpt.clone().open(path).map_err(io)?),
        None => Box::new(File::open(path).map_err(io)?),
    };
    let stream = MediaSourceStream::new(source, MediaSourceStreamOptions::default());
    let probe = || {
        symphonia::default::get_probe().probe(
            &Hint::new(),
            stream,
            FormatOptions::default(),
            MetadataOptions::default(),
        )
    };
    match guarded(path, probe)? {
        Ok(format) => Ok(format),
        Err(DecodeError::IoError(e)) if !is_eof(&e) => Err(AudioError::from_io(path, e)),
        Err(_) if !inspection.known => Err(AudioError::NotAudio { path: path.into() }),
        Err(DecodeError::Unsupported(reason)) => Err(damaged(path, 0.0, reason)),
        Err(error) => Err(problem(path, 0.0, error)),
    }
}

/// Rejects a length that no coding can reach in a file of this size, before anything is allocated.
fn check_length(path: &Path, frames: u64, rate_hz: u32, file_len: u64) -> Result<(), AudioError> {
    if frames / MOST_SAMPLES_PER_BYTE > file_len {
        return Err(AudioError::AbsurdLength {
            path: path.into(),
            promised_secs: frames as f64 / f64::from(rate_hz),
            file_len,
        });
    }
    Ok(())
}

fn audio_track<'f>(path: &Path, format: &'f dyn FormatReader) -> Result<&'f Track, AudioError> {
    format.first_track(TrackType::Audio).ok_or_else(|| {
        if format
            .tracks()
            .iter()
            .any(|track| track.codec_params.is_none())
        {
            return unsupported(path, "coded in a way that is not known here");
        }
        no_audio_track(path)
    })
}

fn audio_params(track: &Track) -> Option<&AudioCodecParameters> {
    track.codec_params.as_ref()?.audio()
}

fn open_codec(
    path: &Path,
    params: &AudioCodecParameters,
    gapless: bool,
) -> Result<Box<dyn AudioDecoder>, AudioError> {
    if params.codec == codec::CODEC_ID_OPUS {
        return Err(AudioError::Opus { path: path.into() });
    }
    // The decoder stores the difference of two channels in 32 bits, where 33 are needed.
    if params.codec == codec::CODEC_ID_FLAC && params.bits_per_sample > Some(24) {
        return Err(unsupported(path, "a FLAC file with 32 bits per sample"));
    }
    let options = AudioDecoderOptions::default().gapless(gapless).verify(true);
    let open = || symphonia::default::get_codecs().make_audio_decoder(params, &options);
    match guarded(path, open)? {
        Ok(decoder) => Ok(decoder),
        Err(DecodeError::Unsupported(_)) => Err(unsupported(
            path,
            &format!("coded as {}", codec_name(params)),
        )),
        Err(error) => Err(problem(path, 0.0, error)),
    }
}

/// Whether encoder padding may be trimmed: not where an MP3's length is only estimated from its size, since the end of the
/// sound would be trimmed as well.
fn gapless(params: &AudioCodecParameters, inspection: &Inspection) -> bool {
    params.codec != codec::CODEC_ID_MP3 || inspection.mp3_tagged
}

/// Rate in Hz and number of channels; the codec's values take precedence over the container's.
fn stated_sound(container: &AudioCodecParameters, codec: &AudioCodecParameters) -> (u32, usize) {
    let rate_hz = codec.sample_rate.or(container.sample_rate);
    let channels = codec.channels.as_ref().or(container.channels.as_ref());
    (
        rate_hz.unwrap_or(0),
        channels.map_or(0, symphonia::core::audio::Channels::count),
    )
}

/// Runs a decoder's constructor and turns a panic into an error.
fn guarded<T>(path: &Path, work: impl FnOnce() -> T) -> Result<T, AudioError> {
    catch_unwind(AssertUnwindSafe(work))
        .map_err(|_| AudioError::DecoderFailed { path: path.into() })
}

fn problem(path: &Path, at_secs: f64, error: DecodeError) -> AudioError {
    match error {
        DecodeError::IoError(e) if is_eof(&e) => damaged(path, at_secs, "the file ends there"),
        DecodeError::IoError(e) if e.kind() == io::ErrorKind::InvalidData => {
            damaged(path, at_secs, &e.to_string())
        }
        DecodeError::IoError(source) => AudioError::from_io(path, source),
        DecodeError::Unsupported(what) => {
            unsupported(path, &format!("of an unknown kind ({what})"))
        }
        DecodeError::ResetRequired => unsupported(path, "several recordings joined into one file"),
        DecodeError::DecodeError(reason) | DecodeError::LimitError(reason) => {
            damaged(path, at_secs, reason)
        }
        _ => damaged(path, at_secs, "it cannot be read on"),
    }
}

fn damaged(path: &Path, at_secs: f64, reason: &str) -> AudioError {
    AudioError::Damaged {
        path: path.into(),
        at_secs,
        reason: reason.into(),
    }
}

fn unsupported(path: &Path, kind: &str) -> AudioError {
    AudioError::Unsupported {
        path: path.into(),
        kind: kind.into(),
    }
}

fn no_audio_track(path: &Path) -> AudioError {
    AudioError::NoAudioTrack { path: path.into() }
}

fn is_eof(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::UnexpectedEof
}

fn codec_name(params: &AudioCodecParameters) -> String {
    let name = match params.codec {
        codec::CODEC_ID_PCM_U8 => "PCM 8-bit",
        codec::CODEC_ID_PCM_S16LE => "PCM 16-bit",
        codec::CODEC_ID_PCM_S24LE => "PCM 24-bit",
        codec::CODEC_ID_PCM_S32LE => "PCM 32-bit",
        codec::CODEC_ID_PCM_F32LE => "PCM 32-bit float",
        codec::CODEC_ID_PCM_F64LE => "PCM 64-bit float",
        codec::CODEC_ID_FLAC => "FLAC",
        codec::CODEC_ID_MP3 => "MP3",
        codec::CODEC_ID_VORBIS => "Vorbis",
        codec::CODEC_ID_AAC => "AAC",
        codec::CODEC_ID_ALAC => "ALAC",
        other => return registered_name(other),
    };
    name.to_owned()
}

fn registered_name(id: AudioCodecId) -> String {
    let registered = symphonia::default::get_codecs().get_audio_decoder(id);
    registered.map_or_else(
        || "an unknown codec".to_owned(),
        |decoder| decoder.codec.info.long_name.to_owned(),
    )
}
