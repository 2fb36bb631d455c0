//! Inspects a file's first bytes before decoding, so that files that are not audio get specific messages and sizes are
//! checked against the file.

use std::fs::{self, File};
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use super::error::AudioError;
use super::excerpt::Excerpt;
use super::{aiff, mp4, ogg, tail, wav};

/// Number of bytes that identify a file's format.
const HEAD_BYTES: u64 = 4096;

/// Common containers that are not supported: offset and bytes of the magic number, and name.
const FOREIGN: &[(usize, &[u8], &str)] = &[
    (0, b"RIFX", "a big-endian WAV file (RIFX)"),
    (0, b"riff", "a Wave64 file"),
    (8, b"8SVX", "an 8SVX file"),
    (0, b"caff", "a Core Audio (CAF) file"),
    (
        0,
        b"\x1a\x45\xdf\xa3",
        "a Matroska or WebM file (often with Opus inside)",
    ),
    (
        0,
        b"\x30\x26\xb2\x75\x8e\x66\xcf\x11",
        "a Windows Media file",
    ),
    (0, b"wvpk", "a WavPack file"),
    (0, b"MAC ", "a Monkey's Audio file"),
    (0, b"NIST_1A", "a NIST SPHERE file"),
    (0, b".snd", "an AU file"),
    (28, b"Speex", "a Speex file"),
];

/// What is known about a file without decoding it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Inspection {
    /// Whether the first bytes match a supported format.
    pub(super) known: bool,
    /// For a WAV file: the end of its sound.
    pub(super) wav_end: Option<wav::SoundEnd>,
    /// The part of the file passed to the decoder, if not the whole.
    pub(super) excerpt: Option<Excerpt>,
    /// The chained streams of an Ogg file; empty if there is only one.
    pub(super) streams: Vec<Excerpt>,
    /// Notes on how contradictions were resolved.
    pub(super) notes: Vec<String>,
    /// Samples per channel, if the decoder would find more.
    pub(super) frames: Option<u64>,
    /// Description of the coding, if it differs from what the decoder sees.
    pub(super) codec: Option<String>,
    pub(super) file_len: u64,
    pub(super) mp4_edit: Option<mp4::Edit>,
    pub(super) mp3_tagged: bool,
    /// Length of an `ID3v2` tag before the sound, in bytes.
    pub(super) id3_len: u64,
}

impl Inspection {
    /// Returns the same inspection for a part of the file.
    pub(super) fn with(&self, part: Excerpt) -> Self {
        Self {
            excerpt: Some(part),
            ..self.clone()
        }
    }
}

/// Inspects `path`, and rejects files that need no decoder to be rejected.
pub(super) fn inspect(path: &Path) -> Result<Inspection, AudioError> {
    let file_len = file_len(path)?;
    let io = |source| AudioError::from_io(path, source);
    let mut file = BufReader::new(File::open(path).map_err(io)?);
    let mut head = Vec::new();
    file.by_ref()
        .take(HEAD_BYTES)
        .read_to_end(&mut head)
        .map_err(io)?;
    refuse_foreign(path, &head)?;

    let mut inspection = Inspection {
        known: is_known(&head),
        id3_len: id3_len(&head),
        file_len,
        ..Inspection::default()
    };
    if wav::is_wav(&head) {
        let wav = wav::check(path, &mut file, file_len)?;
        inspection.wav_end = Some(wav.end);
        inspection.excerpt = Some(wav.excerpt);
        inspection.notes = wav.notes;
        inspection.frames = wav.frames;
        inspection.codec = wav.codec.map(str::to_owned);
    } else if aiff::is_aiff(&head) {
        let aiff = aiff::check(path, &mut file, file_len)?;
        inspection.excerpt = Some(aiff.excerpt);
        inspection.notes = aiff.notes;
        inspection.codec = Some(aiff.codec);
    } else if is_flac(&head) {
        let tags = tail::tag_bytes(&mut file, file_len).map_err(io)?;
        let sound = (tags > 0).then(|| Excerpt::new(Vec::new(), 0, file_len - tags));
        inspection.excerpt = sound;
    } else if head.starts_with(b"OggS") {
        let starts = ogg::starts(&mut file).map_err(io)?;
        if starts.len() > 1 {
            let ends = starts[1..].iter().copied().chain([file_len]);
            let streams = starts.iter().zip(ends);
            inspection.streams = streams
                .map(|(&start, end)| Excerpt::new(Vec::new(), start, end - start))
                .collect();
        }
    } else if head.get(4..8) == Some(b"ftyp") {
        // If the boxes cannot be followed, the decoder decides.
        if mp4::is_cut_short(&mut file, file_len).unwrap_or(false) {
            return Err(AudioError::Damaged {
                path: path.into(),
                at_secs: 0.0,
                reason: "the file is shorter than it says".into(),
            });
        }
        inspection.mp4_edit = mp4::edit(&mut file, file_len).ok().flatten();
    } else {
        inspection.mp3_tagged = mp3_tagged(&mut file, &head).map_err(io)?;
    }
    Ok(inspection)
}

fn file_len(path: &Path) -> Result<u64, AudioError> {
    let metadata = fs::metadata(path).map_err(|source| {
        if is_dangling_annex_link(path) {
            return AudioError::Placeholder { path: path.into() };
        }
        AudioError::from_io(path, source)
    })?;
    if !metadata.is_file() {
        return Err(AudioError::NotAFile { path: path.into() });
    }
    if metadata.len() == 0 {
        return Err(AudioError::EmptyFile { path: path.into() });
    }
    Ok(metadata.len())
}

fn is_dangling_annex_link(path: &Path) -> bool {
    fs::read_link(path)
        .is_ok_and(|target| target.components().any(|part| part.as_os_str() == "annex"))
}

fn refuse_foreign(path: &Path, head: &[u8]) -> Result<(), AudioError> {
    let path = path.to_owned();
    if is_placeholder(head) {
        return Err(AudioError::Placeholder { path });
    }
    let foreign = FOREIGN
        .iter()
        .find(|(at, mark, _)| head.get(*at..).is_some_and(|rest| rest.starts_with(mark)));
    if let Some((_, _, kind)) = foreign {
        let kind = (*kind).to_owned();
        return Err(AudioError::Unsupported { path, kind });
    }
    if is_text(head) {
        return Err(AudioError::NotAudio { path });
    }
    Ok(())
}

/// Whether these bytes are a git-annex or Git LFS placeholder.
fn is_placeholder(head: &[u8]) -> bool {
    let text = String::from_utf8_lossy(&head[..head.len().min(512)]);
    let first_line = text.lines().next().unwrap_or_default();
    first_line.contains("annex/objects/") || first_line.starts_with("version https://git-lfs")
}

/// FLAC, possibly after an `ID3v2` tag that ends within these bytes.
fn is_flac(head: &[u8]) -> bool {
    let id3 = usize::try_from(id3_len(head)).unwrap_or(usize::MAX);
    head.get(id3..)
        .is_some_and(|rest| rest.starts_with(b"fLaC"))
}

fn is_known(head: &[u8]) -> bool {
    let is_wav = wav::is_wav(head) || aiff::is_aiff(head);
    let is_mp4 = head.get(4..8) == Some(b"ftyp");
    let starts: [&[u8]; 3] = [b"fLaC", b"OggS", b"ID3"];
    is_wav || is_mp4 || starts.iter().any(|mark| head.starts_with(mark))
}

fn is_text(head: &[u8]) -> bool {
    let printable = |&byte: &u8| byte >= b' ' && byte != 0x7f || byte.is_ascii_whitespace();
    // The head may end within a multi-byte character.
    let whole =
        std::str::from_utf8(head).map_or_else(|e| e.valid_up_to() + 3 >= head.len(), |_| true);
    whole && head.iter().all(printable)
}

/// Whether an MP3's first frame states the length, so that it can be checked.
fn mp3_tagged(file: &mut (impl Read + Seek), head: &[u8]) -> std::io::Result<bool> {
    file.seek(SeekFrom::Start(id3_len(head)))?;
    let mut frame = Vec::new();
    file.take(HEAD_BYTES).read_to_end(&mut frame)?;
    let has = |mark: &[u8]| frame.windows(mark.len()).any(|bytes| bytes == mark);
    Ok(has(b"Xing") || has(b"Info") || has(b"VBRI"))
}

/// Length of the `ID3v2` tag before the sound, in bytes; its size field has seven bits per byte.
fn id3_len(head: &[u8]) -> u64 {
    let Some(&[b'I', b'D', b'3', _, _, _, a, b, c, d]) = head.first_chunk::<10>() else {
        return 0;
    };
    let size = [a, b, c, d]
        .iter()
        .fold(0, |size, &byte| size << 7 | u64::from(byte & 0x7f));
    10 + size
}
