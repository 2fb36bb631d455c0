//! Notices when bytes between two MP3 frames were skipped.
//!
//! MP3 frames are not numbered. After damage the decoder looks for the next one and goes on, which
//! would move all later sound, and every feature of it, to an earlier time.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

/// How far into the file the first frame may lie, ID3 tag aside.
const SEARCHED_BYTES: u64 = 64 << 10;
/// Bytes by which a frame is recognised: its header and most of what describes its coding.
const RECOGNISED_BYTES: usize = 16;

/// Follows the frames through the file, each starting where the one before ended.
pub(super) struct FrameChain {
    file: BufReader<File>,
    /// Where the next frame must start.
    next_at: Option<u64>,
}

impl FrameChain {
    /// * `first_at`: byte from which the first frame is looked for.
    pub(super) fn new(path: &Path, first_at: u64) -> io::Result<Self> {
        let mut file = BufReader::new(File::open(path)?);
        file.seek(SeekFrom::Start(first_at))?;
        Ok(Self {
            file,
            next_at: None,
        })
    }

    /// Whether `frame` starts where the last one ended.
    pub(super) fn continues_with(&mut self, frame: &[u8]) -> io::Result<bool> {
        let mark = &frame[..frame.len().min(RECOGNISED_BYTES)];
        let at = match self.next_at {
            Some(at) => at,
            None => self.find(mark)?,
        };
        self.next_at = Some(at + frame.len() as u64);
        // Relative, because that keeps the buffer.
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
