//! Positioned reads and writes that leave the file's cursor unchanged, so that several readers can share it.

use std::fs::File;
use std::io;

/// Fills `bytes` from an offset in the file, without moving its cursor.
pub(super) fn read_at(file: &File, bytes: &mut [u8], at: u64) -> io::Result<()> {
    #[cfg(unix)]
    return std::os::unix::fs::FileExt::read_exact_at(file, bytes, at);
    #[cfg(windows)]
    {
        let mut n_read = 0;
        while n_read < bytes.len() {
            let at = at + n_read as u64;
            match std::os::windows::fs::FileExt::seek_read(file, &mut bytes[n_read..], at)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                n => n_read += n,
            }
        }
        Ok(())
    }
}

/// Writes `bytes` at an offset in the file, without moving its cursor.
pub(super) fn write_at(file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
    #[cfg(unix)]
    return std::os::unix::fs::FileExt::write_all_at(file, bytes, at);
    #[cfg(windows)]
    {
        let mut n_written = 0;
        while n_written < bytes.len() {
            let at = at + n_written as u64;
            match std::os::windows::fs::FileExt::seek_write(file, &bytes[n_written..], at)? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                n => n_written += n,
            }
        }
        Ok(())
    }
}
