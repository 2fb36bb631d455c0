//! Maps in datasets of pycortex (`.hf5`): values under `/data`, and a view of each under `/views`.
//!
//! Source: the files that `cortex.Dataset.save` of pycortex 1.4 writes. A view is eight strings: the names of its arrays as JSON,
//! a description, colour map and limits, state and attributes, and the name of its transform.

use std::path::Path;

use rust_hdf5::H5File;
use serde_json::Value;

use super::{Hdf5Array, guarded, said, superblock};
use crate::files::responses::ResponsesError;

/// Strings of a view.
const N_ENTRIES: usize = 8;
/// Of these, the names of the arrays and the transform.
const ARRAYS: usize = 0;
const TRANSFORM: usize = 7;
/// Views at most.
const MOST_VIEWS: usize = 10_000;

/// The maps of a dataset.
pub struct PycortexDataset {
    /// Those of one array each, by name.
    pub views: Vec<PycortexView>,
    /// What is left out, for the user.
    pub notes: Vec<String>,
}

/// A map of a dataset.
pub struct PycortexView {
    /// Its name.
    pub name: String,
    /// The name of its subject in pycortex's store, if it has one.
    pub subject: Option<String>,
    /// The name of the transform of its volume; none for values of vertices.
    pub transform: Option<String>,
    array: Hdf5Array,
}

impl PycortexDataset {
    /// Opens a dataset; values are read by [`PycortexView::read`].
    ///
    /// * `scratch`: a folder for unpacked values.
    ///
    /// # Errors
    /// Returns an error if the file is not HDF5, is damaged, or is not a dataset of pycortex.
    pub fn open(path: &Path, scratch: &Path) -> Result<Self, ResponsesError> {
        let shortage = superblock::shortage(path);
        let shortage =
            shortage.map_err(|error| said(path, &format!("The file cannot be read: {error}")))?;
        if let Some((claimed, there)) = shortage {
            return Err(said(
                path,
                &format!(
                    "The HDF5 file is cut off: it says that it has {claimed} bytes, and {there} are there. Copy or fetch it again"
                ),
            ));
        }
        let file = guarded(path, || H5File::open(path))?;
        let names = guarded(path, || file.root_group().group("views")?.dataset_names());
        let names = names.unwrap_or_default();
        if names.is_empty() {
            return Err(said(
                path,
                "The HDF5 file is no dataset of pycortex: it has no maps under \"views\"",
            ));
        }
        if names.len() > MOST_VIEWS {
            return Err(said(path, "The dataset has more maps than can be listed"));
        }
        let mut found = Self {
            views: Vec::new(),
            notes: Vec::new(),
        };
        for name in names {
            match PycortexView::of(path, &file, &name, scratch) {
                Ok(view) => found.views.push(view),
                Err(why) => found.notes.push(format!(
                    "The map \"{}\" is left out: {why}.",
                    name.escape_debug()
                )),
            }
        }
        if found.views.is_empty() {
            return Err(said(path, found.notes.join(" ").trim_end_matches('.')));
        }
        Ok(found)
    }
}

impl PycortexView {
    /// A clause if the view cannot be read.
    fn of(path: &Path, file: &H5File, name: &str, scratch: &Path) -> Result<Self, String> {
        let clause = |error: ResponsesError| super::first_line(&error);
        let own = name.rsplit('/').next().unwrap_or(name);
        let full = format!("views/{own}");
        let entries = guarded(path, || file.dataset(&full)?.read_vlen_strings()).map_err(clause)?;
        let [arrays, transform] = [ARRAYS, TRANSFORM].map(|at| {
            let entry = entries.get(at).filter(|_| entries.len() == N_ENTRIES);
            entry.and_then(|entry| serde_json::from_str::<Value>(entry).ok())
        });
        let array = match arrays.as_ref().and_then(Value::as_array).map(Vec::as_slice) {
            Some([Value::String(array)]) => array.clone(),
            Some([_]) => return Err("it is made of several arrays".into()),
            _ => return Err("its entries are not those of a view".into()),
        };
        let transform = transform.as_ref().and_then(Value::as_array);
        let transform = transform.and_then(|names| names.first()?.as_str());
        let place = format!("data/{array}");
        let dataset = guarded(path, || file.dataset(&place)).map_err(clause)?;
        let subject = guarded(path, || dataset.attr("subject")?.read_string()).ok();
        let odd = |dims: &[usize]| match dims {
            [] | [0] => Some("it has no values".to_owned()),
            [_] => None,
            [z, y, x] if z * y * x > 0 => None,
            [_, _] => Some("it has a value for each of several moments; a map has one".to_owned()),
            _ => Some(format!("its array has the shape {dims:?}")),
        };
        let array = Hdf5Array::of_shape(path, dataset, scratch, odd).map_err(clause)??;
        Ok(Self {
            name: own.to_owned(),
            subject,
            transform: transform.map(str::to_owned),
            array,
        })
    }

    /// Sizes of its axes: `(n_values,)` or `(z, y, x)`.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.array.dims
    }

    /// Reads the values, in C order.
    ///
    /// # Errors
    /// Returns an error if the file is damaged.
    pub fn read(&self) -> Result<Vec<f32>, ResponsesError> {
        let (n_rows, n_columns) = self.array.dim();
        let n_together = match self.array.dims[..] {
            [_, y, _] => y,
            _ => n_rows,
        };
        let mut values = Vec::new();
        for first in (0..n_rows).step_by(n_together.max(1)) {
            let rows = self
                .array
                .read::<f32>(first..first + n_together, 0..n_columns)?;
            values.extend(rows);
        }
        Ok(values)
    }
}
