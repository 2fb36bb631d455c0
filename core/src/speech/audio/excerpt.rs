//! A view of a file for the decoder: a plain synthetic header, followed by the bytes of the sound.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use symphonia::core::io::MediaSource;

use super::ima;

/// A byte range of a file with a synthetic header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Excerpt {
    header: Vec<u8>,
    /// Offset of the range in the file.
    start: u64,
    /// Length of the range.
    len: u64,
    /// Coding to be decoded on the fly.
    ima: Option<ima::ImaLayout>,
}

impl Excerpt {
    /// * `header`: the synthetic header.
    /// * `start` and `len`: the byte range of the file.
    pub(super) fn new(header: Vec<u8>, start: u64, len: u64) -> Self {
        Self {
            header,
            start,
            len,
            ima: None,
        }
    }

    /// Returns the same excerpt, with ADPCM decoded on the fly to 16-bit samples.
    pub(super) fn decoding(self, layout: ima::ImaLayout) -> Self {
        Self {
            ima: Some(layout),
            ..self
        }
    }

    /// Length of the data that the decoder sees after the header.
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

/// The data after the header.
enum Body {
    /// The file's bytes from an offset on.
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
