//! Surfaces, maps, regions and subjects.
#![expect(clippy::float_cmp, reason = "files hold exact values")]

mod cifti_files;
mod datasets;
mod drawing;
mod flatten;
mod folders;
mod freesurfer;
mod gifti;
mod language;
mod overlays;
mod picking;
mod ray_tracing;
mod sampling;
mod subject;
mod writing;

use std::path::PathBuf;

use sha2::{Digest as _, Sha256};

/// A file below `tests/data/brain`.
fn data(name: &str) -> PathBuf {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/brain");
    PathBuf::from(folder).join(name)
}

/// A file of the bundled subject.
fn asset(name: &str) -> PathBuf {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/fsaverage5");
    PathBuf::from(folder).join(name)
}

/// The first 16 hexadecimal digits of the SHA-256 of little-endian numbers of four bytes.
fn hash(words: impl Iterator<Item = [u8; 4]>) -> String {
    let bytes: Vec<u8> = words.flatten().collect();
    let digest = Sha256::digest(bytes);
    let (first, _) = digest.split_first_chunk().unwrap();
    format!("{:016x}", u64::from_be_bytes(*first))
}

fn hash_f32(values: &[f32]) -> String {
    hash(values.iter().map(|value| value.to_le_bytes()))
}
