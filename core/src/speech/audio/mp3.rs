//! Detects skipped bytes between MP3 frames.
//!
//! MP3 frames are not numbered. After damage the decoder resynchronises at the next frame, which would shift all later
//! sound, and its features, to earlier times.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

/// Bytes searched for the first frame, after an ID3 tag.
const SEARCHED_BYTES: u64 = 64 << 10;
/// Bytes that identify a frame: its header and most of its side information.
const RECOGNISED_BYTES: usize = 16;

/// Follows the frames through the file, each starting where the previous one ended.
pub(super) struct FrameChain {
    file: BufReader<File>,
    /// Offset at which the next frame must start.
    next_at: Option<u64>,
}

impl FrameChain {
    /// * `first_at`: offset from which the first frame is searched.
    pub(super) fn new(path: &Path, first_at: u64) -> io::Result<Self> {
        let mut file = BufReader::new(File::open(path)?);
        file.seek(SeekFrom::Start(first_at))?;
        Ok(Self {
            file,
            next_at: None,
        })
    }

    /// Whether `frame` starts where the previous one ended.
    pub(super) fn continues_with(&mut self, frame: &[u8]) -> io::Result<bool> {
        let mark = &frame[..frame.len().min(RECOGNISED_BYTES)];
        let at = match self.next_at {
            Some(at) => at,
            None => self.find(mark)?,
        };
        self.next_at = Some(at + frame.len() as u64);
        // A relative seek keeps the buffer.
        let here = self.file.stream_position()?;
        self.file.seek_relative(at as i64 - here as i64)?;
        let mut found = vec![0; mark.len()];
        self.file.read_exact(&mut found)?;
        Ok(found == mark)
    }

    fn find(&mut self, mark: &[u8]) -> io::Result<u64> {
        let start = self.file.stream_position()?;
        let mut bytes = Vec::new();
        (&mut self.file)
            .take(SEARCHED_BYTES)
            .read_to_end(&mut bytes)?;
        let offset = bytes.windows(mark.len()).position(|window| window == mark);
        offset
            .map(|offset| start + offset as u64)
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}
