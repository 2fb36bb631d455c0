//! Datasets of pycortex (`.hf5`), which `cortex.load` opens: values under `/data`, and a view of each under `/views`.
//!
//! Source: the files that `cortex.Dataset.save` of pycortex 1.4 writes.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use rust_hdf5::types::VarLenUnicode;
use rust_hdf5::{H5File, Hdf5Error};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::encode_error::EncodeError;

/// Letters of a hash that name an array.
const N_HASH_LETTERS: usize = 16;

/// Where the values of a view lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ViewSpace<'a> {
    /// At the vertices of both hemispheres, the left one first.
    Vertices,
    /// In the image of a transform of the subject.
    Volume {
        /// Name of the transform.
        transform: &'a str,
        /// Voxels along the axes z, y, x.
        shape_zyx: [usize; 3],
    },
}

/// A map with a name.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DatasetView<'a> {
    /// Its name, under which pycortex finds it. A "/" in it, which HDF5 cannot hold, is written as "_".
    pub name: &'a str,
    /// The values, in C order; NaN is transparent in pycortex.
    pub values: &'a [f32],
    /// Where they lie.
    pub space: ViewSpace<'a>,
}

/// The bytes of a dataset.
///
/// * `subject`: name of the subject in pycortex's store.
/// * `scratch`: a folder for a file that is removed again.
///
/// # Errors
/// Returns an [`EncodeError`] if there are no views, two have the same name, a volume has another number of values than voxels,
/// or the file cannot be made.
pub fn encode(
    subject: &str,
    views: &[DatasetView],
    scratch: &Path,
) -> Result<Vec<u8>, EncodeError> {
    check(views)?;
    let failed = |error: std::io::Error| EncodeError::Failed(error.to_string());
    let file = tempfile::NamedTempFile::new_in(scratch).map_err(failed)?;
    write(file.path(), subject, views).map_err(|error| EncodeError::Failed(error.to_string()))?;
    std::fs::read(file.path()).map_err(failed)
}

fn check(views: &[DatasetView]) -> Result<(), EncodeError> {
    if views.is_empty() {
        return Err(EncodeError::NoMaps);
    }
    let mut names = BTreeSet::new();
    for view in views {
        if let ViewSpace::Volume { shape_zyx, .. } = view.space {
            super::encode_error::check_lengths(
                [(view.name, view.values)],
                shape_zyx.iter().product(),
            )?;
        }
        if !names.insert(link_name(view.name)) {
            return Err(EncodeError::Failed(format!(
                "two maps have the name \"{}\"",
                view.name
            )));
        }
    }
    Ok(())
}

/// A name that HDF5 allows for an object in a group.
fn link_name(name: &str) -> String {
    let name = name.replace(['/', '\0'], "_");
    match name.as_str() {
        "" | "." | ".." => "map".into(),
        _ => name,
    }
}

fn write(path: &Path, subject: &str, views: &[DatasetView]) -> Result<(), Hdf5Error> {
    // Without times, so that the bytes are the same each time.
    let file = H5File::options().track_times(false).create(path)?;
    let (data, view_group) = (file.create_group("data")?, file.create_group("views")?);
    let mut written = BTreeSet::new();
    for view in views {
        let shape = match view.space {
            ViewSpace::Vertices => vec![view.values.len()],
            ViewSpace::Volume { shape_zyx, .. } => shape_zyx.to_vec(),
        };
        let array = array_name(&shape, view.values);
        // Equal arrays are kept once, as pycortex does.
        if written.insert(array.clone()) {
            let dataset = data.new_dataset::<f32>().shape(&shape).create(&array)?;
            dataset.write_raw(view.values)?;
            let attribute = dataset
                .new_attr::<VarLenUnicode>()
                .shape(())
                .create("subject")?;
            attribute.write_string(subject)?;
        }
        let transform = match view.space {
            ViewSpace::Vertices => json!(null),
            ViewSpace::Volume { transform, .. } => json!([transform]),
        };
        let entries = [
            json!([array]).to_string(),
            // The description.
            String::new(),
            // Colour map and limits, which pycortex chooses.
            json!([null]).to_string(),
            json!([null]).to_string(),
            json!([null]).to_string(),
            // State and attributes.
            json!(null).to_string(),
            json!({ "priority": 1 }).to_string(),
            transform.to_string(),
        ];
        let entries: Vec<&str> = entries.iter().map(String::as_str).collect();
        view_group.write_vlen_strings(&link_name(view.name), &entries)?;
    }
    file.close()
}

/// The name of an array, by its content. pycortex reads any name, and hashes in another way.
fn array_name(shape: &[usize], values: &[f32]) -> String {
    let mut hasher = Sha256::new();
    for size in shape {
        hasher.update((*size as u64).to_le_bytes());
    }
    for value in values {
        hasher.update(value.to_le_bytes());
    }
    let mut name = String::from("__");
    for byte in hasher.finalize().iter().take(N_HASH_LETTERS / 2) {
        let _ = write!(name, "{byte:02x}");
    }
    name
}
