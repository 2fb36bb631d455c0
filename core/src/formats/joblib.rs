//! Pickles and joblib's dumps of arrays: where each lies in the file.

use std::fs::File;
use std::path::{Path, PathBuf};

use memmap2::Mmap;

use super::compressed::{compression_of, unpacked};
use super::npy::{NpyHeader, StoredMatrix};
use super::pickle::{self, Fault, Id, LocatedArray, LocatedValues, Pickle, Value};
use crate::responses::ResponsesError;

/// A pickle with the file that its arrays lie in.
pub struct PickledFile {
    file: File,
    pickle: Pickle,
    n_bytes: u64,
    scratch: PathBuf,
}

/// An array that is not a matrix is shown by its number of dimensions.
const RANK: usize = 2;

impl PickledFile {
    /// Reads the instructions of a pickle; arrays that joblib wrote behind them are located, not read. A compressed file is
    /// unpacked into `scratch` once, and so are arrays that stand among the instructions in another form than in memory.
    ///
    /// # Errors
    /// A sentence, if the file cannot be read, is no pickle, or calls what is not known here.
    pub fn open(path: &Path, scratch: &Path) -> Result<Self, ResponsesError> {
        let unreadable =
            |error: std::io::Error| said(path, &format!("The file cannot be read: {error}"));
        let mut file = File::open(path).map_err(unreadable)?;
        let n_packed = file.metadata().map_err(unreadable)?.len();
        if let Some(compression) = compression_of(&mut file).map_err(unreadable)? {
            let unpack = |error: std::io::Error| {
                said(path, &format!("The file cannot be unpacked: {error}"))
            };
            let reader = compression.reader(file).map_err(unpack)?;
            file = unpacked(reader, n_packed, scratch).map_err(unpack)?;
        }
        let n_bytes = file.metadata().map_err(unreadable)?.len();
        let map = map(&file).map_err(unreadable)?;
        let pickle = pickle::parse(&map).map_err(|fault| refused(path, fault))?;
        Ok(Self {
            file,
            pickle,
            n_bytes,
            scratch: scratch.to_path_buf(),
        })
    }

    /// What the pickle holds.
    #[must_use]
    pub fn pickle(&self) -> &Pickle {
        &self.pickle
    }

    /// The arrays of the outermost dictionary by their names; a single array goes by no name.
    ///
    /// # Errors
    /// A sentence, if there is neither, or an array is no matrix of numbers.
    pub fn matrices(
        &self,
        path: &Path,
    ) -> Result<Vec<(Option<String>, StoredMatrix)>, ResponsesError> {
        let values = &self.pickle.values;
        let found: Vec<(Option<String>, Id)> = match values.get(self.pickle.root) {
            Value::Array(_) => vec![(None, self.pickle.root)],
            Value::Dict(entries) => {
                let named = entries.iter().filter_map(|(key, value)| {
                    let name = values.text(*key)?;
                    matches!(values.get(*value), Value::Array(_))
                        .then(|| (Some(name.to_string()), *value))
                });
                named.collect()
            }
            _ => Vec::new(),
        };
        if found.is_empty() {
            return Err(said(
                path,
                "The pickle holds no arrays by name. Expected is a dictionary from story to array (scans, voxels), as joblib.dump \
                 writes it",
            ));
        }
        let of = |(name, id): (Option<String>, Id)| {
            let array = self
                .pickle
                .array(id, self.n_bytes)
                .map_err(|fault| refused(path, fault))?;
            // Only arrays were looked for.
            let array = array.ok_or_else(|| said(path, "The pickle holds no array"))?;
            Ok((name.clone(), self.matrix(path, name.as_deref(), array)?))
        };
        found.into_iter().map(of).collect()
    }

    fn matrix(
        &self,
        path: &Path,
        name: Option<&str>,
        array: LocatedArray,
    ) -> Result<StoredMatrix, ResponsesError> {
        if array.shape.len() != RANK {
            return Err(said(
                path,
                &format!(
                    "The array \"{}\" has the shape {:?}; expected are two dimensions, scans and voxels",
                    name.unwrap_or_default().escape_debug(),
                    array.shape
                ),
            ));
        }
        let unreadable =
            |error: std::io::Error| said(path, &format!("The file cannot be read: {error}"));
        let (file, at) = match array.values {
            LocatedValues::InFile(range) => {
                (self.file.try_clone().map_err(unreadable)?, range.start)
            }
            LocatedValues::Here(bytes) => {
                let file = unpacked(bytes.as_slice(), bytes.len() as u64, &self.scratch);
                let unpack = |error: std::io::Error| {
                    said(path, &format!("An array cannot be unpacked: {error}"))
                };
                (file.map_err(unpack)?, 0)
            }
        };
        let header = NpyHeader {
            kind: array.kind,
            order: array.order,
            shape: array.shape,
            n_header_bytes: at,
        };
        StoredMatrix::new(file, path, header).map_err(|error| ResponsesError(error.to_string()))
    }
}

#[expect(
    unsafe_code,
    reason = "a memory map changes if its file is changed meanwhile; only the instructions are read through it, once"
)]
fn map(file: &File) -> std::io::Result<Mmap> {
    // SAFETY: the map is only read, and given up before this file's arrays are.
    unsafe { Mmap::map(file) }
}

fn said(path: &Path, text: &str) -> ResponsesError {
    ResponsesError(format!("{text}.\nFile: {}", path.display()))
}

fn refused(path: &Path, fault: Fault) -> ResponsesError {
    match fault {
        Fault::Damaged(reason) => said(path, &format!("The pickle is damaged, or none: {reason}")),
        Fault::Call(name) => said(
            path,
            &format!(
                "The pickle asks to call \"{name}\" while it is read. Heschl runs nothing that a file asks for. Save the arrays alone, \
                 for instance with numpy.savez"
            ),
        ),
    }
}
