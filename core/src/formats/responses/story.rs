//! One story's responses, in one of the forms.

use std::ops::Range;
use std::path::{Path, PathBuf};

use ndarray::{Array2, s};

use crate::formats::gifti;
use crate::formats::hdf5::Hdf5Matrix;
use crate::formats::npy::StoredMatrix;
use crate::formats::volumes::Volumes;
use crate::matrix::Real;
use crate::responses::ResponsesError;

/// The form of a file, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Npy,
    Npz,
    Hdf5,
    Pickle,
    Volumes,
    Gifti,
}

/// Endings of names, longer ones before those they end with.
const ENDINGS: [(&str, Form); 23] = [
    (".npy", Form::Npy),
    (".npz", Form::Npz),
    (".hf5", Form::Hdf5),
    (".hdf5", Form::Hdf5),
    (".hdf", Form::Hdf5),
    (".h5", Form::Hdf5),
    (".jbl", Form::Pickle),
    (".joblib", Form::Pickle),
    (".pkl", Form::Pickle),
    (".pickle", Form::Pickle),
    (".jbl.gz", Form::Pickle),
    (".pkl.gz", Form::Pickle),
    (".joblib.gz", Form::Pickle),
    (".pkl.z", Form::Pickle),
    (".joblib.z", Form::Pickle),
    (".nii", Form::Volumes),
    (".nii.gz", Form::Volumes),
    (".mgh", Form::Volumes),
    (".mgz", Form::Volumes),
    (".mgh.gz", Form::Volumes),
    (".func.gii", Form::Gifti),
    (".gii", Form::Gifti),
    (".gii.gz", Form::Gifti),
];

impl Form {
    /// The story that a file is named after, and its form; `None` for files that are none of these, or hidden.
    pub(super) fn of_name(path: &Path) -> Option<(String, Self)> {
        let name = path.file_name()?.to_str()?;
        let small = name.to_lowercase();
        let found = ENDINGS.iter().filter(|(ending, _)| small.ends_with(ending));
        let (ending, form) = found.max_by_key(|(ending, _)| ending.len())?;
        let story = &name[..name.len() - ending.len()];
        (!story.is_empty() && !story.starts_with('.')).then(|| (story.to_string(), *form))
    }
}

/// The image whose voxels other than 0 are the columns.
pub(super) struct Mask(Volumes);

impl Mask {
    pub(super) fn open(path: &Path, scratch: &Path) -> Result<Self, ResponsesError> {
        super::refuse_placeholder(path)?;
        Volumes::open(path, scratch).map(Self)
    }
}

/// One story's responses.
pub(super) enum StoryMatrix {
    Stored(StoredMatrix),
    Hdf5(Box<Hdf5Matrix>),
    Volumes(Box<Volumes>),
    /// Small enough to be in memory.
    Here(PathBuf, Array2<f64>),
}

impl StoryMatrix {
    /// Opens a file that holds one matrix.
    pub(super) fn open(
        path: &Path,
        form: Form,
        mask: Option<&Mask>,
        scratch: &Path,
    ) -> Result<Self, ResponsesError> {
        match form {
            Form::Volumes => {
                let volumes = Volumes::open(path, scratch)?;
                let volumes = match mask {
                    Some(mask) => volumes.masked(&mask.0)?,
                    None => volumes,
                };
                Ok(Self::Volumes(Box::new(volumes)))
            }
            Form::Gifti => {
                let arrays = gifti::read(path)?;
                let series = gifti::time_series(&arrays).map_err(|reason| {
                    ResponsesError(format!(
                        "The GIFTI file holds no responses: {reason}.\nFile: {}",
                        path.display()
                    ))
                })?;
                Ok(Self::Here(path.to_path_buf(), series))
            }
            _ => {
                let matrix = StoredMatrix::open(path);
                matrix
                    .map(Self::Stored)
                    .map_err(|error| ResponsesError(error.to_string()))
            }
        }
    }

    /// Scans and voxels.
    pub(super) fn dim(&self) -> (usize, usize) {
        match self {
            Self::Stored(matrix) => matrix.dim(),
            Self::Hdf5(matrix) => matrix.dim(),
            Self::Volumes(volumes) => volumes.dim(),
            Self::Here(_, matrix) => matrix.dim(),
        }
    }

    /// From one scan to the next, if the header says so, seconds.
    pub(super) fn repetition_secs(&self) -> Option<f64> {
        match self {
            Self::Volumes(volumes) => volumes.repetition_secs,
            Self::Stored(_) | Self::Hdf5(_) | Self::Here(..) => None,
        }
    }

    pub(super) fn path(&self) -> &Path {
        match self {
            Self::Stored(matrix) => matrix.path(),
            Self::Hdf5(matrix) => matrix.path(),
            Self::Volumes(volumes) => volumes.path(),
            Self::Here(path, _) => path,
        }
    }

    pub(super) fn read<T: Real>(
        &self,
        scans: Range<usize>,
        voxels: Range<usize>,
    ) -> Result<Array2<T>, ResponsesError> {
        let (n_scans, n_voxels) = self.dim();
        if scans.end > n_scans || voxels.end > n_voxels {
            return Err(ResponsesError(format!(
                "There are {n_scans} scans of {n_voxels} voxels, and more are wanted.\nFile: {}",
                self.path().display()
            )));
        }
        match self {
            Self::Stored(matrix) => matrix
                .read(scans, voxels)
                .map_err(|error| ResponsesError(error.to_string())),
            Self::Hdf5(matrix) => matrix.read(scans, voxels),
            Self::Volumes(volumes) => volumes.read(scans, voxels),
            Self::Here(_, matrix) => Ok(matrix.slice(s![scans, voxels]).mapv(T::nearest)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stories_are_named_after_their_files() {
        for (file, expected) in [
            (
                "wheretheressmoke.hf5",
                Some(("wheretheressmoke", Form::Hdf5)),
            ),
            ("a.b.nii.gz", Some(("a.b", Form::Volumes))),
            ("sub-01.L.func.gii", Some(("sub-01.L", Form::Gifti))),
            (
                "UTS03_responses.JBL",
                Some(("UTS03_responses", Form::Pickle)),
            ),
            (".hidden.npy", None),
            ("readme.md", None),
            (".npy", None),
        ] {
            let found = Form::of_name(Path::new(file));
            let expected = expected.map(|(story, form)| (story.to_string(), form));
            assert_eq!(found, expected, "{file}");
        }
    }
}
