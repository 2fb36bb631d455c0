//! A file as the decoder gets to see it: a plain header where the file's own is odd, then the bytes that are the sound.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use symphonia::core::io::MediaSource;

use super::ima;

/// Some of a file's bytes, and a header in front of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Excerpt {
    header: Vec<u8>,
    /// Where they begin in the file.
    start: u64,
    /// How many they are.
    len: u64,
    /// How they are decoded on the way.
    ima: Option<ima::ImaLayout>,
}

impl Excerpt {
    /// * `header`: stands in front of the file's bytes.
    /// * `start` and `len`: which of them.
    pub(super) fn new(header: Vec<u8>, start: u64, len: u64) -> Self {
        Self {
            header,
            start,
            len,
            ima: None,
        }
    }

    /// The same, of bytes that the decoder gets as the 16-bit samples that they stand for.
    pub(super) fn decoding(self, layout: ima::ImaLayout) -> Self {
        Self {
            ima: Some(layout),
            ..self
        }
    }

    /// Bytes that the decoder sees behind the header.
    fn seen_len(&self) -> u64 {
        match self.ima {
            Some(layout) => layout.decoded_bytes(layout.frames(self.len)),
            None => self.len,
        }
    }

    pub(super) fn open(self, path: &Path) -> io::Result<ExcerptSource> {
        let file = File::open(path)?;
        Ok(ExcerptSource {
            end: self.header.len() as u64 + self.seen_len(),
            body: match self.ima {
                Some(layout) => Body::Ima(ima::ImaBlocks::new(file, layout, self.start, self.len)),
                None => Body::AsIs(file, self.start),
            },
            header: self.header,
            at: 0,
        })
    }
}

/// An excerpt opened for reading.
pub(super) struct ExcerptSource {
    header: Vec<u8>,
    body: Body,
    at: u64,
    end: u64,
}

/// What stands behind the header.
enum Body {
    /// The file's bytes from here on.
    AsIs(File, u64),
    Ima(ima::ImaBlocks),
}

impl Read for ExcerptSource {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let header = usize::try_from(self.at)
            .ok()
            .and_then(|at| self.header.get(at..))
            .unwrap_or_default();
        let n = if header.is_empty() {
            let left = usize::try_from(self.end.saturating_sub(self.at)).unwrap_or(usize::MAX);
            let most = left.min(buffer.len());
            let into = self.at - self.header.len() as u64;
            match &mut self.body {
                _ if most == 0 => 0,
                Body::AsIs(file, start) => {
                    file.seek(SeekFrom::Start(*start + into))?;
                    file.read(&mut buffer[..most])?
                }
                Body::Ima(blocks) => blocks.read_at(into, &mut buffer[..most])?,
            }
        } else {
            let n = header.len().min(buffer.len());
            buffer[..n].copy_from_slice(&header[..n]);
            n
        };
        self.at += n as u64;
        Ok(n)
    }
}

impl Seek for ExcerptSource {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
            SeekFrom::End(by) => self.end.checked_add_signed(by),
        };
        self.at = at.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

impl MediaSource for ExcerptSource {
    fn is_seekable(&self) -> bool {
        true
    }

    fn byte_len(&self) -> Option<u64> {
        Some(self.end)
    }
}
