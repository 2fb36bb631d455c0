//! Edit lists of M4A files: the part of the coded sound that is the recording.
//!
//! AAC encoders insert about a thousand samples before the sound. The container's edit list states how many to skip; the
//! decoder used here ignores it.

use std::io::{self, Read, Seek, SeekFrom};

/// Maximum number of sibling boxes, which bounds the time spent on malicious files.
const MAX_BOXES: usize = 10_000;

/// The part of a track that is the recording, in ticks of the track's timescale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Edit {
    /// Start of the recording in the coded sound.
    pub(super) start: u64,
    /// Its end, rounded up by one tick of the movie's timescale; `None` if it ends with the coded sound.
    pub(super) end: Option<u64>,
    /// Tolerance of `end`, in ticks of the track's timescale.
    pub(super) end_tolerance: u64,
    /// Timescale of the track, ticks per second.
    pub(super) ticks_per_sec: u32,
}

/// Type of a box and the location of its content.
#[derive(Debug, Clone, Copy)]
struct Span {
    kind: [u8; 4],
    start: u64,
    end: u64,
}

/// Whether the file ends before its boxes do.
pub(super) fn is_cut_short(file: &mut (impl Read + Seek), file_len: u64) -> io::Result<bool> {
    let mut at = 0;
    for _ in 0..MAX_BOXES {
        if at + 8 > file_len {
            return Ok(false);
        }
        let (len, ..) = read_box(file, at, file_len)?;
        if len > file_len - at {
            return Ok(true);
        }
        at += len.max(8);
    }
    Ok(false)
}

/// Returns the edit of the first audio track, if it is a single one at normal speed.
pub(super) fn edit(file: &mut (impl Read + Seek), file_len: u64) -> io::Result<Option<Edit>> {
    let top = children(file, 0, file_len)?;
    let Some(moov) = find(&top, *b"moov") else {
        return Ok(None);
    };
    let moov_boxes = children(file, moov.start, moov.end)?;
    let Some(movie_ticks) = find(&moov_boxes, *b"mvhd") else {
        return Ok(None);
    };
    let movie_ticks_per_sec = read_clock(file, movie_ticks)?;
    for trak in moov_boxes.iter().filter(|span| span.kind == *b"trak") {
        let boxes = children(file, trak.start, trak.end)?;
        if let Some(ticks_per_sec) = audio_clock(file, &boxes)? {
            return track_edit(file, &boxes, ticks_per_sec, movie_ticks_per_sec);
        }
    }
    Ok(None)
}

fn audio_clock(file: &mut (impl Read + Seek), trak: &[Span]) -> io::Result<Option<u32>> {
    let Some(mdia) = find(trak, *b"mdia") else {
        return Ok(None);
    };
    let boxes = children(file, mdia.start, mdia.end)?;
    let (Some(hdlr), Some(mdhd)) = (find(&boxes, *b"hdlr"), find(&boxes, *b"mdhd")) else {
        return Ok(None);
    };
    let handler = read_at::<4>(file, hdlr.start + 8)?;
    if handler != *b"soun" {
        return Ok(None);
    }
    read_clock(file, mdhd).map(Some)
}

fn track_edit(
    file: &mut (impl Read + Seek),
    trak: &[Span],
    ticks_per_sec: u32,
    movie_ticks_per_sec: u32,
) -> io::Result<Option<Edit>> {
    let Some(edts) = find(trak, *b"edts") else {
        return Ok(None);
    };
    let boxes = children(file, edts.start, edts.end)?;
    let Some(elst) = find(&boxes, *b"elst") else {
        return Ok(None);
    };
    let Some((duration, start)) = read_single_edit(file, elst)? else {
        return Ok(None);
    };
    let ticks = |movie_ticks: u64| {
        let exact = u128::from(movie_ticks) * u128::from(ticks_per_sec);
        u64::try_from(exact.div_ceil(u128::from(movie_ticks_per_sec.max(1)))).unwrap_or(u64::MAX)
    };
    Ok(Some(Edit {
        start,
        end: (duration > 0).then(|| start.saturating_add(ticks(duration))),
        end_tolerance: ticks(1),
        ticks_per_sec,
    }))
}

/// Duration in ticks of the movie's timescale, and start in ticks of the track's.
fn read_single_edit(file: &mut (impl Read + Seek), elst: Span) -> io::Result<Option<(u64, u64)>> {
    let [version, ..] = read_at::<4>(file, elst.start)?;
    let n_edits = u32::from_be_bytes(read_at(file, elst.start + 4)?);
    if n_edits != 1 {
        return Ok(None);
    }
    let at = elst.start + 8;
    let (duration, start) = if version == 1 {
        let duration = u64::from_be_bytes(read_at(file, at)?);
        (duration, i64::from_be_bytes(read_at(file, at + 8)?))
    } else {
        let duration = u32::from_be_bytes(read_at(file, at)?);
        let start = i32::from_be_bytes(read_at(file, at + 4)?);
        (u64::from(duration), i64::from(start))
    };
    // A negative start is an empty edit, that is, silence.
    Ok(u64::try_from(start).ok().map(|start| (duration, start)))
}

/// Reads the timescale, in ticks per second, from an `mvhd` or `mdhd` box.
fn read_clock(file: &mut (impl Read + Seek), header: Span) -> io::Result<u32> {
    let [version, ..] = read_at::<4>(file, header.start)?;
    let at = header.start + if version == 1 { 20 } else { 12 };
    read_at(file, at).map(u32::from_be_bytes)
}

fn children(file: &mut (impl Read + Seek), start: u64, end: u64) -> io::Result<Vec<Span>> {
    let mut spans = Vec::new();
    let mut at = start;
    while at + 8 <= end && spans.len() < MAX_BOXES {
        let (len, header, kind) = read_box(file, at, end)?;
        if len < header || len > end - at {
            break;
        }
        spans.push(Span {
            kind,
            start: at + header,
            end: at + len,
        });
        at += len;
    }
    Ok(spans)
}

/// Length, header length and type of the box at `at`.
fn read_box(file: &mut (impl Read + Seek), at: u64, end: u64) -> io::Result<(u64, u64, [u8; 4])> {
    let [a, b, c, d, kind @ ..] = read_at::<8>(file, at)?;
    let (len, header) = match u32::from_be_bytes([a, b, c, d]) {
        0 => (end - at, 8),
        1 => (u64::from_be_bytes(read_at(file, at + 8)?), 16),
        len => (u64::from(len), 8),
    };
    Ok((len, header, kind))
}

fn find(spans: &[Span], kind: [u8; 4]) -> Option<Span> {
    spans.iter().copied().find(|span| span.kind == kind)
}

fn read_at<const N: usize>(file: &mut (impl Read + Seek), at: u64) -> io::Result<[u8; N]> {
    file.seek(SeekFrom::Start(at))?;
    let mut bytes = [0; N];
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}
