//! What several tests need.

use std::fs::File;
use std::io::Read as _;

use ndarray::{Array, ArrayViewD, Dimension};
use ndarray_npy::{ViewElement, ViewNpyExt as _};

/// An array of an archive below `tests/data`.
pub(crate) fn fixture<A: ViewElement + Clone, D: Dimension>(file: &str, name: &str) -> Array<A, D> {
    let path = format!("{}/tests/data/{file}", env!("CARGO_MANIFEST_DIR"));
    let mut archive = zip::ZipArchive::new(File::open(path).unwrap()).unwrap();
    let mut bytes = Vec::new();
    let mut member = archive.by_name(&format!("{name}.npy")).unwrap();
    member.read_to_end(&mut bytes).unwrap();
    let array = ArrayViewD::<A>::view_npy(&bytes).unwrap().to_owned();
    array.into_dimensionality().unwrap()
}
