//! Responses of one story, in any supported format.

use std::ops::Range;
use std::path::{Path, PathBuf};

use ndarray::Array2;

use crate::files::formats::gifti::series::GiftiSeries;
use crate::files::formats::hdf5::Hdf5Array;
use crate::files::formats::npy::StoredMatrix;
use crate::files::formats::repeats::Repeats;
use crate::files::formats::stored_array::StoredArray;
use crate::files::formats::volumes::{Volumes, values_of_pair};
use crate::files::responses::ResponsesError;
use crate::maths::matrix::Real;

/// File format, by file name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StoryFormat {
    Npy,
    Npz,
    Hdf5,
    Pickle,
    Volumes,
    /// The header of an image in two files.
    Pair,
    Gifti,
}

/// File name extensions, longer ones before their own suffixes.
const ENDINGS: [(&str, StoryFormat); 30] = [
    (".npy", StoryFormat::Npy),
    (".npz", StoryFormat::Npz),
    (".hf5", StoryFormat::Hdf5),
    (".hdf5", StoryFormat::Hdf5),
    (".hdf", StoryFormat::Hdf5),
    (".h5", StoryFormat::Hdf5),
    (".mat", StoryFormat::Hdf5),
    (".jbl", StoryFormat::Pickle),
    (".joblib", StoryFormat::Pickle),
    (".pkl", StoryFormat::Pickle),
    (".pickle", StoryFormat::Pickle),
    (".jbl.gz", StoryFormat::Pickle),
    (".pkl.gz", StoryFormat::Pickle),
    (".joblib.gz", StoryFormat::Pickle),
    (".pkl.z", StoryFormat::Pickle),
    (".joblib.z", StoryFormat::Pickle),
    (".nii", StoryFormat::Volumes),
    (".nii.gz", StoryFormat::Volumes),
    (".dtseries.nii", StoryFormat::Volumes),
    (".ptseries.nii", StoryFormat::Volumes),
    (".dtseries.nii.gz", StoryFormat::Volumes),
    (".hdr", StoryFormat::Pair),
    (".hdr.gz", StoryFormat::Pair),
    (".mgh", StoryFormat::Volumes),
    (".mgz", StoryFormat::Volumes),
    (".mgh.gz", StoryFormat::Volumes),
    (".func.gii", StoryFormat::Gifti),
    (".func.gii.gz", StoryFormat::Gifti),
    (".gii", StoryFormat::Gifti),
    (".gii.gz", StoryFormat::Gifti),
];

impl StoryFormat {
    /// Returns story name and format of a file; `None` for unsupported or hidden files.
    pub(super) fn of_name(path: &Path) -> Option<(String, Self)> {
        let name = path.file_name()?.to_str()?;
        let small = name.to_lowercase();
        let found = ENDINGS.iter().filter(|(ending, _)| small.ends_with(ending));
        let (ending, form) = found.max_by_key(|(ending, _)| ending.len())?;
        if *form == Self::Pair && values_of_pair(path).is_none() {
            return None;
        }
        let story = name.get(..name.len() - ending.len())?;
        (!story.is_empty() && !story.starts_with('.')).then(|| (story.to_string(), *form))
    }
}

/// Mask image whose non-zero voxels are the columns.
pub(super) struct Mask(Volumes);

impl Mask {
    pub(super) fn open(path: &Path, scratch: &Path) -> Result<Self, ResponsesError> {
        super::refuse_placeholder(path)?;
        Volumes::open(path, scratch).map(Self)
    }
}

/// Responses of one story.
pub(super) enum StoryMatrix {
    Stored(StoredMatrix),
    Hdf5(Box<Hdf5Array>),
    Volumes(Box<Volumes>),
    Gifti(Box<GiftiSeries>),
    /// Several presentations, averaged on reading.
    Repeats(Box<Repeats>),
}

impl From<StoredArray> for StoryMatrix {
    fn from(array: StoredArray) -> Self {
        match array {
            StoredArray::Matrix(matrix) => Self::Stored(matrix),
            StoredArray::Repeats(repeats) => Self::Repeats(Box::new(repeats)),
        }
    }
}

impl From<Hdf5Array> for StoryMatrix {
    fn from(array: Hdf5Array) -> Self {
        match array.n_repeats() {
            Some(n_repeats) => Self::Repeats(Box::new(Repeats::hdf5(array, n_repeats))),
            None => Self::Hdf5(Box::new(array)),
        }
    }
}

impl StoryMatrix {
    /// Opens a file with one array.
    pub(super) fn open(
        path: &Path,
        form: StoryFormat,
        mask: Option<&Mask>,
        scratch: &Path,
    ) -> Result<Self, ResponsesError> {
        match form {
            StoryFormat::Volumes | StoryFormat::Pair => {
                let volumes = Volumes::open(path, scratch)?;
                let volumes = match mask {
                    Some(mask) => volumes.masked(&mask.0)?,
                    None => volumes,
                };
                Ok(Self::Volumes(Box::new(volumes)))
            }
            StoryFormat::Gifti => Ok(Self::Gifti(Box::new(GiftiSeries::open(path, scratch)?))),
            _ => {
                let array = StoredArray::open(path);
                array
                    .map(Self::from)
                    .map_err(|error| ResponsesError(error.to_string()))
            }
        }
    }

    /// Returns the numbers of scans and voxels.
    pub(super) fn dim(&self) -> (usize, usize) {
        match self {
            Self::Stored(matrix) => matrix.dim(),
            Self::Hdf5(array) => array.dim(),
            Self::Volumes(volumes) => volumes.dim(),
            Self::Gifti(series) => series.dim(),
            Self::Repeats(repeats) => repeats.dim(),
        }
    }

    /// Returns the number of presentations, if the file has several.
    pub(super) fn n_repeats(&self) -> Option<usize> {
        match self {
            Self::Repeats(repeats) => Some(repeats.n_repeats()),
            _ => None,
        }
    }

    /// Returns the repetition time in the header, if stated, seconds.
    pub(super) fn repetition_secs(&self) -> Option<f64> {
        match self {
            Self::Volumes(volumes) => volumes.repetition_secs,
            _ => None,
        }
    }

    pub(super) fn path(&self) -> &Path {
        match self {
            Self::Stored(matrix) => matrix.path(),
            Self::Hdf5(array) => array.path(),
            Self::Volumes(volumes) => volumes.path(),
            Self::Gifti(series) => series.path(),
            Self::Repeats(repeats) => repeats.path(),
        }
    }

    /// Returns the paths of all files that are read.
    pub(super) fn files(&self) -> Vec<PathBuf> {
        match self {
            Self::Volumes(volumes) => volumes.files().to_vec(),
            _ => vec![self.path().to_path_buf()],
        }
    }

    /// Returns notes for the user.
    pub(super) fn notes(&self) -> Vec<String> {
        match self {
            Self::Volumes(volumes) => volumes.notes().to_vec(),
            Self::Gifti(series) => series.notes.clone(),
            Self::Repeats(repeats) => vec![format!(
                "The array has three axes, taken as {} presentations of {} scans. Their mean is predicted.",
                repeats.n_repeats(),
                repeats.dim().0
            )],
            Self::Stored(matrix) if matrix.path().extension().is_some_and(|end| end == "npy") => {
                let n_behind = matrix.n_bytes_behind();
                let note = format!(
                    "{n_behind} bytes follow the array in its file, as where several are saved one after the other. Only the first is \
                     read."
                );
                (n_behind > 0).then_some(note).into_iter().collect()
            }
            Self::Stored(_) | Self::Hdf5(_) => Vec::new(),
        }
    }

    /// Verifies checksums that were not verified on opening.
    pub(super) fn verify(&self) -> Result<(), ResponsesError> {
        match self {
            Self::Stored(matrix) => matrix
                .verify()
                .map_err(|error| ResponsesError(error.to_string())),
            Self::Repeats(repeats) => repeats.verify(),
            _ => Ok(()),
        }
    }

    /// Reads a range of scans and voxels, of the requested presentation or of their mean.
    pub(super) fn read<T: Real>(
        &self,
        repeat: Option<usize>,
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
            Self::Hdf5(array) => array.read(scans, voxels),
            Self::Volumes(volumes) => volumes.read(scans, voxels),
            Self::Gifti(series) => series.read(scans, voxels),
            Self::Repeats(repeats) => match repeat {
                Some(repeat) => repeats.read(repeat, scans, voxels),
                None => repeats.mean(scans, voxels),
            },
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
                Some(("wheretheressmoke", StoryFormat::Hdf5)),
            ),
            ("a.b.nii.gz", Some(("a.b", StoryFormat::Volumes))),
            ("sub-01.L.func.gii", Some(("sub-01.L", StoryFormat::Gifti))),
            ("alpha.func.gii.gz", Some(("alpha", StoryFormat::Gifti))),
            ("alpha.dtseries.nii", Some(("alpha", StoryFormat::Volumes))),
            (
                "UTS03_responses.JBL",
                Some(("UTS03_responses", StoryFormat::Pickle)),
            ),
            (".hidden.npy", None),
            ("readme.md", None),
            ("alone.hdr", None),
            (".npy", None),
        ] {
            let found = StoryFormat::of_name(Path::new(file));
            let expected = expected.map(|(story, form)| (story.to_string(), form));
            assert_eq!(found, expected, "{file}");
        }
    }
}
