//! Films as MP4: H.264 with the story's sound as FLAC.
//!
//! Source: ISO/IEC 14496-12 (boxes), 14496-15 (`avc1`), and "Encapsulation of FLAC in ISO Base Media File Format".

use super::h264::{self, Video};
use super::{FilmError, FilmShape, Frame, Sound, flac};

/// Units of the film's length, in a second.
const FILM_UNITS: u32 = 1000;
/// Units of video time that a frame takes.
const FRAME_UNITS: u32 = 1000;
/// The largest file whose places fit into 32 bits.
const MOST_BYTES: usize = 4_000_000_000;
/// Width or height at most.
const MOST_SIDE: usize = 4096;
/// The language "undetermined", five bits a letter.
const LANGUAGE: u16 = 0x55c4;
/// No turn, no zoom.
const MATRIX: [u32; 9] = [0x1_0000, 0, 0, 0, 0x1_0000, 0, 0, 0, 0x4000_0000];

/// A film with its index in front, so that it begins to play before it is read whole. Colours are BT.709 in the range of video.
///
/// # Errors
/// An error of a frame, or a [`FilmError`] if the film cannot be written as MP4.
pub fn mp4<E: From<FilmError>>(
    shape: &FilmShape,
    frames: impl Iterator<Item = Result<Frame, E>>,
    sound: Option<Sound>,
) -> Result<Vec<u8>, E> {
    let [width, height] = shape.size;
    let fits = |side: usize| side.is_multiple_of(2) && (16..=MOST_SIDE).contains(&side);
    if !fits(width) || !fits(height) {
        return Err(FilmError::Size(width, height).into());
    }
    let video = h264::encode(shape, frames)?;
    let keys = (1..).zip(&video.samples);
    let keys = keys.filter(|(_, sample)| sample.is_key);
    let mut tracks = vec![Track {
        timescale: (shape.fps * f64::from(FRAME_UNITS)).round() as u32,
        durations: vec![(video.samples.len() as u32, FRAME_UNITS)],
        keys: keys.map(|(number, _)| number).collect(),
        entry: video_entry(&video, shape.size),
        size: Some(shape.size),
        samples: video.samples.into_iter().map(|own| own.bytes).collect(),
    }];
    if let Some(sound) = sound.filter(|sound| !sound.samples.is_empty()) {
        tracks.push(sound_track(sound));
    }
    let lengths = tracks.iter().flat_map(|track| &track.samples).map(Vec::len);
    if lengths.sum::<usize>() > MOST_BYTES {
        return Err(FilmError::TooLarge.into());
    }
    Ok(file(&tracks))
}

/// Samples of one kind.
struct Track {
    /// Units of its time in a second.
    timescale: u32,
    /// How many samples take how long.
    durations: Vec<(u32, u32)>,
    /// Numbers, from 1, of the samples at which one can begin; empty if that is all of them.
    keys: Vec<u32>,
    /// What the samples are.
    entry: Vec<u8>,
    /// Width and height; none for sound.
    size: Option<[usize; 2]>,
    samples: Vec<Vec<u8>>,
}

impl Track {
    fn units(&self) -> u32 {
        self.durations.iter().map(|(n, each)| n * each).sum()
    }

    fn secs(&self) -> f64 {
        f64::from(self.units()) / f64::from(self.timescale)
    }

    /// When a sample begins, seconds.
    fn begins(&self, at: usize) -> f64 {
        let each = self.durations.first().map_or(0, |(_, each)| *each);
        at as f64 * f64::from(each) / f64::from(self.timescale)
    }
}

fn sound_track(sound: Sound) -> Track {
    let samples = flac::frames(sound);
    let n_samples = sound.samples.len();
    let (n_whole, rest) = (n_samples / flac::BLOCK, n_samples % flac::BLOCK);
    let mut durations = vec![(n_whole as u32, flac::BLOCK as u32), (1, rest as u32)];
    durations.retain(|(n, each)| *n > 0 && *each > 0);
    let mut entry = Box4::new(*b"fLaC");
    entry.put(&[0; 6]).u16(1).put(&[0; 8]);
    // Channels, bits, and the rate as a whole number of 16 bits with 16 behind the point.
    entry.u16(1).u16(16).u32(0).u32(sound.rate_hz << 16);
    let mut info = Box4::full(*b"dfLa", 0, 0);
    // The last and only block, of kind 0 and 34 bytes.
    info.put(&[0x80, 0, 0, 34]).put(&flac::stream_info(sound));
    entry.put(&info.done());
    Track {
        timescale: sound.rate_hz,
        durations,
        keys: vec![],
        entry: entry.done(),
        size: None,
        samples,
    }
}

fn video_entry(video: &Video, [width, height]: [usize; 2]) -> Vec<u8> {
    let mut entry = Box4::new(*b"avc1");
    entry.put(&[0; 6]).u16(1).put(&[0; 16]);
    entry.u16(width as u16).u16(height as u16);
    // 72 pixels an inch, one frame a sample, no name, 24 bits of colour, no palette.
    entry.u32(0x48_0000).u32(0x48_0000).u32(0).u16(1);
    entry.put(&[0; 32]).u16(24).u16(u16::MAX);
    let mut config = Box4::new(*b"avcC");
    let [profile, compatible, level] = [1, 2, 3].map(|at| video.sps.get(at).copied().unwrap_or(0));
    // Lengths of four bytes; one set of each kind.
    config.put(&[1, profile, compatible, level, 0xff, 0xe1]);
    config.u16(video.sps.len() as u16).put(&video.sps);
    config.put(&[1]).u16(video.pps.len() as u16).put(&video.pps);
    entry.put(&config.done());
    let mut colours = Box4::new(*b"colr");
    // BT.709 primaries, transfer and matrix; the range of video, not the full one.
    colours.put(b"nclx").u16(1).u16(1).u16(1).put(&[0]);
    entry.put(&colours.done());
    let mut shape = Box4::new(*b"pasp");
    shape.u32(1).u32(1);
    entry.put(&shape.done());
    entry.done()
}

/// Samples of a track that lie together.
struct Chunk {
    track: usize,
    n_samples: u32,
    n_bytes: usize,
}

/// A second of each track in turn, so that picture and sound lie near each other.
fn chunks(tracks: &[Track]) -> (Vec<Chunk>, Vec<u8>) {
    let mut next = vec![0; tracks.len()];
    let (mut chunks, mut data) = (Vec::new(), Vec::new());
    for second in 1.. {
        for (number, track) in tracks.iter().enumerate() {
            let (first, begin) = (next[number], data.len());
            while let Some(sample) = track.samples.get(next[number])
                && track.begins(next[number]) < f64::from(second)
            {
                data.extend(sample);
                next[number] += 1;
            }
            if next[number] > first {
                chunks.push(Chunk {
                    track: number,
                    n_samples: (next[number] - first) as u32,
                    n_bytes: data.len() - begin,
                });
            }
        }
        let is_done = tracks.iter().zip(&next);
        if is_done
            .into_iter()
            .all(|(track, next)| *next >= track.samples.len())
        {
            break;
        }
    }
    (chunks, data)
}

fn file(tracks: &[Track]) -> Vec<u8> {
    let mut kind = Box4::new(*b"ftyp");
    kind.put(b"isom").u32(0x200).put(b"isomiso2avc1mp41");
    let mut all = kind.done();
    let (chunks, data) = chunks(tracks);
    // The index tells where the data begin, and its length does not depend on that.
    let begin = all.len() + index(tracks, &chunks, 0).len() + 8;
    all.extend(index(tracks, &chunks, begin as u32));
    let mut content = Box4::new(*b"mdat");
    content.put(&data);
    all.extend(content.done());
    all
}

fn index(tracks: &[Track], chunks: &[Chunk], begin: u32) -> Vec<u8> {
    let secs = tracks.iter().map(Track::secs).fold(0.0, f64::max);
    let film_units = |secs: f64| (secs * f64::from(FILM_UNITS)).round() as u32;
    let mut moov = Box4::new(*b"moov");
    let mut head = Box4::full(*b"mvhd", 0, 0);
    head.u32(0).u32(0).u32(FILM_UNITS).u32(film_units(secs));
    // Speed 1, volume 1.
    head.u32(0x1_0000).u16(0x100).put(&[0; 10]);
    head.matrix().put(&[0; 24]).u32(tracks.len() as u32 + 1);
    moov.put(&head.done());
    for (number, track) in tracks.iter().enumerate() {
        let mut trak = Box4::new(*b"trak");
        // The track is enabled and part of the film.
        let mut head = Box4::full(*b"tkhd", 0, 3);
        head.u32(0).u32(0).u32(number as u32 + 1).u32(0);
        head.u32(film_units(track.secs())).put(&[0; 12]);
        head.u16(if track.size.is_some() { 0 } else { 0x100 })
            .u16(0);
        head.matrix();
        for side in track.size.unwrap_or_default() {
            head.u32((side as u32) << 16);
        }
        trak.put(&head.done());
        trak.put(&media(track, number, chunks, begin));
        moov.put(&trak.done());
    }
    moov.done()
}

fn media(track: &Track, number: usize, chunks: &[Chunk], begin: u32) -> Vec<u8> {
    let mut mdia = Box4::new(*b"mdia");
    let mut head = Box4::full(*b"mdhd", 0, 0);
    head.u32(0).u32(0).u32(track.timescale).u32(track.units());
    head.u16(LANGUAGE).u16(0);
    mdia.put(&head.done());
    let (kind, name): (_, &[u8]) = match track.size {
        Some(_) => (b"vide", b"Video\0"),
        None => (b"soun", b"Sound\0"),
    };
    let mut handler = Box4::full(*b"hdlr", 0, 0);
    handler.u32(0).put(kind).put(&[0; 12]).put(name);
    mdia.put(&handler.done());
    let mut minf = Box4::new(*b"minf");
    let header = match track.size {
        Some(_) => Box4::full(*b"vmhd", 0, 1).put(&[0; 8]).done(),
        None => Box4::full(*b"smhd", 0, 0).put(&[0; 4]).done(),
    };
    minf.put(&header);
    let mut places = Box4::full(*b"dref", 0, 0);
    // The data lie in this file.
    places.u32(1).put(&Box4::full(*b"url ", 0, 1).done());
    minf.put(&Box4::new(*b"dinf").put(&places.done()).done());
    minf.put(&table(track, number, chunks, begin));
    mdia.put(&minf.done());
    mdia.done()
}

/// When, how long and where samples are.
fn table(track: &Track, number: usize, chunks: &[Chunk], begin: u32) -> Vec<u8> {
    let mut stbl = Box4::new(*b"stbl");
    let mut kinds = Box4::full(*b"stsd", 0, 0);
    stbl.put(&kinds.u32(1).put(&track.entry).done());
    let mut times = Box4::full(*b"stts", 0, 0);
    times.u32(track.durations.len() as u32);
    for (n, each) in &track.durations {
        times.u32(*n).u32(*each);
    }
    stbl.put(&times.done());
    if !track.keys.is_empty() {
        let mut keys = Box4::full(*b"stss", 0, 0);
        keys.u32(track.keys.len() as u32);
        for key in &track.keys {
            keys.u32(*key);
        }
        stbl.put(&keys.done());
    }
    let mut at = begin as usize;
    let (mut places, mut groups) = (vec![], vec![]);
    for chunk in chunks {
        if chunk.track == number {
            places.push(at as u32);
            groups.push(chunk.n_samples);
        }
        at += chunk.n_bytes;
    }
    let mut of_chunks = Box4::full(*b"stsc", 0, 0);
    of_chunks.u32(groups.len() as u32);
    for (first, n_samples) in (1..).zip(&groups) {
        of_chunks.u32(first).u32(*n_samples).u32(1);
    }
    stbl.put(&of_chunks.done());
    let mut lengths = Box4::full(*b"stsz", 0, 0);
    lengths.u32(0).u32(track.samples.len() as u32);
    for sample in &track.samples {
        lengths.u32(sample.len() as u32);
    }
    stbl.put(&lengths.done());
    let mut offsets = Box4::full(*b"stco", 0, 0);
    offsets.u32(places.len() as u32);
    for place in places {
        offsets.u32(place);
    }
    stbl.put(&offsets.done());
    stbl.done()
}

/// A box with its length and four letters in front.
struct Box4(Vec<u8>);

impl Box4 {
    fn new(kind: [u8; 4]) -> Self {
        let mut bytes = vec![0; 4];
        bytes.extend(kind);
        Self(bytes)
    }

    /// A box with a version and flags.
    fn full(kind: [u8; 4], version: u8, flags: u32) -> Self {
        let mut own = Self::new(kind);
        own.u32(u32::from(version) << 24 | flags);
        own
    }

    fn put(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend(bytes);
        self
    }

    fn u16(&mut self, value: u16) -> &mut Self {
        self.put(&value.to_be_bytes())
    }

    fn u32(&mut self, value: u32) -> &mut Self {
        self.put(&value.to_be_bytes())
    }

    fn matrix(&mut self) -> &mut Self {
        for value in MATRIX {
            self.u32(value);
        }
        self
    }

    /// The bytes of the whole box.
    fn done(&mut self) -> Vec<u8> {
        let length = (self.0.len() as u32).to_be_bytes();
        self.0[..4].copy_from_slice(&length);
        std::mem::take(&mut self.0)
    }
}
