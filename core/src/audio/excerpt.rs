//! A file as the decoder gets to see it: a plain header where the file's own is odd, then the bytes that are the sound.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use symphonia::core::io::MediaSource;

/// Some of a file's bytes, and a header in front of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Excerpt {
    header: Vec<u8>,
    /// Where they begin in the file.
    start: u64,
    /// How many they are.
    len: u64,
}

impl Excerpt {
    /// * `header`: stands in front of the file's bytes.
    /// * `start` and `len`: which of them.
    pub(super) fn new(header: Vec<u8>, start: u64, len: u64) -> Self {
        Self { header, start, len }
    }

    pub(super) fn open(self, path: &Path) -> io::Result<ExcerptSource> {
        Ok(ExcerptSource {
            file: File::open(path)?,
            excerpt: self,
            at: 0,
        })
    }
}

/// An excerpt opened for reading.
pub(super) struct ExcerptSource {
    file: File,
    excerpt: Excerpt,
    at: u64,
}

impl ExcerptSource {
    fn end(&self) -> u64 {
        self.excerpt.header.len() as u64 + self.excerpt.len
    }
}

impl Read for ExcerptSource {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let header = &self.excerpt.header;
        let n = match usize::try_from(self.at)
            .ok()
            .and_then(|at| header.get(at..))
        {
            Some(rest) if !rest.is_empty() => {
                let n = rest.len().min(buffer.len());
                buffer[..n].copy_from_slice(&rest[..n]);
                n
            }
            _ => {
                let into = self.at - header.len() as u64;
                let left = self.excerpt.len.saturating_sub(into);
                let most = usize::try_from(left)
                    .unwrap_or(usize::MAX)
                    .min(buffer.len());
                if most == 0 {
                    return Ok(0);
                }
                self.file.seek(SeekFrom::Start(self.excerpt.start + into))?;
                self.file.read(&mut buffer[..most])?
            }
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
            SeekFrom::End(by) => self.end().checked_add_signed(by),
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
        Some(self.end())
    }
}
