//! The format before PyTorch 1.6: five pickles, then each storage as its size and data.

use std::collections::BTreeMap;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use super::Storages;
use heschl_core::files::formats::pickle::{self, Pickle, PickleFault};

use crate::checkpoint::{CheckpointError, MOST_HEADER_BYTES};

/// The first pickle: opcode of the integer 0x1950a86a20f9469cfc6c, its bytes, and STOP.
const MAGIC: [u8; 13] = [
    0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, b'.',
];
/// Magic number, protocol, system information, object, keys.
const N_PICKLES: usize = 5;
/// Sizes of the prefix from which the pickles are parsed, in turn; most files need far less.
const TRIED_BYTES: [u64; 3] = [1 << 20, 16 << 20, MOST_HEADER_BYTES];
const COUNT_BYTES: u64 = 8;

/// Whether a file starts like the legacy format.
pub(super) fn is_beginning(start: &[u8]) -> bool {
    start
        .get(2..)
        .is_some_and(|rest| start[0] == 0x80 && rest.starts_with(&MAGIC))
}

/// Reads the pickle of tensors in a file of `n_bytes`, and locates the storages.
///
/// # Errors
/// Returns a [`CheckpointError`] if the file cannot be read, is damaged, or calls unknown functions.
pub(super) fn read(
    mut source: impl Read + Seek,
    n_bytes: u64,
    path: &Path,
) -> Result<(Pickle, Storages), CheckpointError> {
    let unreadable = |source| CheckpointError::Unreadable {
        source,
        path: path.to_path_buf(),
    };
    let mut start = vec![];
    let mut last = Err(nonsense("it has no pickles"));
    for n_tried in TRIED_BYTES {
        let n_more = n_tried - start.len() as u64;
        let read = source.by_ref().take(n_more).read_to_end(&mut start);
        read.map_err(unreadable)?;
        last = Pickles::parse(&start);
        if last.is_ok() || start.len() as u64 == n_bytes {
            break;
        }
    }
    let pickles = last.map_err(|fault| super::in_file(fault, path))?;
    let storages = pickles.storages(source, n_bytes, path)?;
    Ok((pickles.object, storages))
}

struct Pickles {
    object: Pickle,
    /// Keys of the storages in file order, with the bytes per element of each.
    keys: Vec<(String, u64)>,
    n_bytes: u64,
}

impl Pickles {
    fn parse(bytes: &[u8]) -> Result<Self, PickleFault> {
        let mut rest = bytes;
        let mut pickles = Vec::with_capacity(N_PICKLES);
        for _ in 0..N_PICKLES {
            let pickle = pickle::parse(rest)?;
            rest = &rest[pickle.n_bytes..];
            pickles.push(pickle);
        }
        let Ok([_, _, _, object, keys]) = <[Pickle; N_PICKLES]>::try_from(pickles) else {
            return Err(nonsense("it has not five pickles"));
        };
        Ok(Self {
            keys: keys_in_order(&object, &keys)?,
            object,
            n_bytes: (bytes.len() - rest.len()) as u64,
        })
    }

    /// Locates the storages after the pickles.
    fn storages(
        &self,
        mut source: impl Read + Seek,
        n_file_bytes: u64,
        path: &Path,
    ) -> Result<Storages, CheckpointError> {
        let mut storages = Storages::new();
        let mut at = self.n_bytes;
        for (key, n_number_bytes) in &self.keys {
            let mut count = [0; COUNT_BYTES as usize];
            let begin = at + COUNT_BYTES;
            let read = source.seek(SeekFrom::Start(at));
            let read = read.and_then(|_| source.read_exact(&mut count));
            let end = u64::from_le_bytes(count)
                .checked_mul(*n_number_bytes)
                .and_then(|n_bytes| n_bytes.checked_add(begin));
            match end {
                Some(end) if end <= n_file_bytes && read.is_ok() => at = end,
                _ => {
                    return Err(CheckpointError::Truncated {
                        promised: end.unwrap_or(u64::MAX).max(begin),
                        found: n_file_bytes,
                        path: path.to_path_buf(),
                    });
                }
            }
            storages.insert(key.clone(), begin..at);
        }
        Ok(storages)
    }
}

/// The keys in the last pickle, each with its bytes per element.
fn keys_in_order(object: &Pickle, keys: &Pickle) -> Result<Vec<(String, u64)>, PickleFault> {
    let named = object.values.storages().filter_map(|storage| {
        let key = object.values.text(storage.key)?;
        Some((key, storage.element.n_bytes))
    });
    let mut n_number_bytes: BTreeMap<&str, u64> = named.collect();
    let Some(listed) = keys.values.sequence(keys.root) else {
        return Err(nonsense("it does not list its storages"));
    };
    let mut in_order = Vec::with_capacity(listed.len());
    for key in listed {
        let key = keys.values.text(*key);
        // Removed from the map, so that duplicates are detected.
        match key.and_then(|key| n_number_bytes.remove_entry(key)) {
            Some((key, n_bytes)) => in_order.push((key.to_string(), n_bytes)),
            None => {
                return Err(nonsense(
                    "it lists a storage that no tensor has, or one twice",
                ));
            }
        }
    }
    Ok(in_order)
}

fn nonsense(reason: &str) -> PickleFault {
    PickleFault::Damaged(reason.to_string())
}
