//! Volumetric time series: NIfTI, CIFTI and FreeSurfer's MGH. Rows of the matrix are volumes, columns are voxels of the
//! mask.

use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};

use ndarray::Array2;

use super::affine::Affine;
use super::cifti;
use super::mgh::{self, MghHeader};
use super::nifti::{self, NiftiHeader};
use super::npy::{ElementKind, NpyHeader, StoredMatrix};
use super::npz_arrays::MemoryOrder;
use super::opening::{head, plain, said, scaled};
use crate::files::responses::ResponsesError;
use crate::maths::matrix::Real;

/// Maximum number of voxels of an image.
const MOST_VOXELS: usize = 1 << 28;

/// A series of volumes, read at the voxels of a mask.
pub struct Volumes {
    /// A row per volume, a column per voxel; the first spatial axis varies fastest.
    matrix: StoredMatrix,
    /// Size of a volume.
    size: [usize; 3],
    /// Voxel-to-space transform, if the header defines one.
    affine: Option<Affine>,
    /// Columns of the matrix within the mask; `None` without a mask.
    voxels: Option<Vec<usize>>,
    /// Slope and intercept applied to stored values.
    scale: (f64, f64),
    /// Repetition time in the header, if stated, seconds.
    pub repetition_secs: Option<f64>,
    /// The file, or the files of header and data.
    files: Vec<PathBuf>,
    /// Notes on the header for the user.
    notes: Vec<String>,
}

impl Volumes {
    /// Opens volumes; a compressed file is unpacked into `scratch` once.
    ///
    /// # Errors
    /// Returns an error if the file cannot be read, is damaged or inconsistent.
    pub fn open(path: &Path, scratch: &Path) -> Result<Self, ResponsesError> {
        let file = plain(path, scratch)?;
        let is_mgh = path
            .file_name()
            .is_some_and(|name| name.to_string_lossy().to_lowercase().contains(".mg"));
        if is_mgh {
            mgh(file, path)
        } else {
            nifti(file, path, scratch)
        }
    }

    /// Selects the non-zero voxels of `mask`, in file order with the first axis varying fastest: the order of NumPy's
    /// `data[mask]` for arrays (z, y, x), as in pycortex. Non-finite values of the mask are excluded.
    ///
    /// # Errors
    /// Returns an error if the mask has another size or space, or has no voxels.
    pub fn masked(mut self, mask: &Self) -> Result<Self, ResponsesError> {
        self.refuse_other_space(mask)?;
        let values = mask.read::<f64>(0..1, 0..mask.matrix.dim().1)?;
        let values = values.row(0);
        let is_inside = |value: f64| value != 0.0 && !value.is_nan();
        let inside = values
            .iter()
            .enumerate()
            .filter(|(_, value)| is_inside(**value));
        let voxels: Vec<usize> = inside.map(|(voxel, _)| voxel).collect();
        if voxels.is_empty() {
            return Err(said(
                mask.path(),
                "The mask has no voxels: all of its values are 0",
            ));
        }
        let is_odd = |value: &&f64| is_inside(**value) && (**value - 1.0).abs() > 1e-6;
        if let Some(odd) = values.iter().find(is_odd) {
            self.notes.push(format!(
                "The mask holds values other than 0 and 1, {odd} for instance. Every voxel that is not 0 is taken."
            ));
        }
        self.voxels = Some(voxels);
        Ok(self)
    }

    fn refuse_other_space(&mut self, mask: &Self) -> Result<(), ResponsesError> {
        let path = mask.path();
        if mask.size != self.size {
            return Err(said(
                path,
                &format!(
                    "The mask has {:?} voxels along its axes and the volumes have {:?}. They must be of the same space",
                    mask.size, self.size
                ),
            ));
        }
        if mask.matrix.dim().0 != 1 {
            return Err(said(
                path,
                &format!(
                    "The mask has {} volumes; a mask is one volume",
                    mask.matrix.dim().0
                ),
            ));
        }
        match (mask.affine, self.affine) {
            (Some(one), Some(two)) if !one.is_same_space(&two, self.size) => {
                Err(ResponsesError(format!(
                    "The mask lies elsewhere in space than the volumes: its affine is {one}, theirs is {two}. Resample the mask to \
                     the volumes, for instance with nilearn's resample_to_img and interpolation=\"nearest\".\nMask: {}\nVolumes: {}",
                    path.display(),
                    self.path().display()
                )))
            }
            (Some(_), Some(_)) => Ok(()),
            _ => {
                self.notes.push(
                    "The header of the mask or of the volumes does not say where its voxels lie in space, so that it could not be \
                     checked whether they lie at the same place."
                        .into(),
                );
                Ok(())
            }
        }
    }

    /// Returns the numbers of volumes and voxels.
    #[must_use]
    pub fn dim(&self) -> (usize, usize) {
        let (n_volumes, n_all) = self.matrix.dim();
        (n_volumes, self.voxels.as_ref().map_or(n_all, Vec::len))
    }

    /// Returns the number of voxels of a volume along the axes of the file. Columns of [`Volumes::read`] without a mask run
    /// through them with the first axis fastest.
    #[must_use]
    pub fn size(&self) -> [usize; 3] {
        self.size
    }

    /// Returns the transform from voxel indices to space, mm: the first three rows of its matrix. `None` if the header has
    /// none.
    #[must_use]
    pub fn affine(&self) -> Option<[[f64; 4]; 3]> {
        self.affine.map(Affine::rows)
    }

    /// Returns the path of the file that was opened.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.matrix.path()
    }

    /// Returns the paths of all files that are read.
    #[must_use]
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// Returns notes for the user.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Reads a range of volumes and voxels.
    ///
    /// # Errors
    /// Returns an error if the file cannot be read.
    pub fn read<T: Real>(
        &self,
        volumes: Range<usize>,
        voxels: Range<usize>,
    ) -> Result<Array2<T>, ResponsesError> {
        let failed = |error: super::npy::NpyError| ResponsesError(error.to_string());
        let scaled = |value: f64| T::nearest(scaled(value, self.scale));
        let Some(all) = &self.voxels else {
            return Ok(self
                .matrix
                .read::<f64>(volumes, voxels)
                .map_err(failed)?
                .mapv(scaled));
        };
        let Some(chosen) = all.get(voxels) else {
            return Err(said(
                self.path(),
                "The mask has fewer voxels than are wanted",
            ));
        };
        let (Some(first), Some(last)) = (chosen.first(), chosen.last()) else {
            return Ok(Array2::zeros((volumes.len(), 0)));
        };
        let mut block = Array2::zeros((volumes.len(), chosen.len()));
        // One volume at a time, including the values between selected voxels.
        for (row, volume) in volumes.enumerate() {
            let stretch = self
                .matrix
                .read::<f64>(volume..volume + 1, *first..last + 1)
                .map_err(failed)?;
            for (column, voxel) in chosen.iter().enumerate() {
                block[(row, column)] = scaled(stretch[(0, voxel - first)]);
            }
        }
        Ok(block)
    }
}

fn nifti(mut file: File, path: &Path, scratch: &Path) -> Result<Volumes, ResponsesError> {
    let failed = |text: String| said(path, &text);
    let head = head(&mut file, nifti::HEAD_BYTES, path)?;
    let header = NiftiHeader::parse(&head).map_err(failed)?;
    let mut files = vec![path.to_path_buf()];
    if header.is_pair {
        let values = values_beside(path)?;
        file = plain(&values, scratch)?;
        files.push(values);
    }
    let mut volumes = Volumes {
        size: [header.sizes[0], header.sizes[1], header.sizes[2]],
        affine: header.affine,
        voxels: None,
        scale: header.scale,
        repetition_secs: header.repetition_secs,
        files,
        notes: header.notes.clone(),
        matrix: match header.cifti {
            None => images(file, path, (header.kind, header.sizes, header.begin))?,
            Some(dims) => {
                let series = cifti::series(&file, header.begin).map_err(failed)?;
                let matrix = series_matrix(file, path, &header, (dims, series.is_along_rows))?;
                return Ok(of_series(&header, path, matrix, series));
            }
        },
    };
    volumes.look_at_length(path)?;
    Ok(volumes)
}

/// The matrix of a CIFTI image as volumes, with a column per grayordinate or parcel.
fn of_series(
    header: &NiftiHeader,
    path: &Path,
    matrix: StoredMatrix,
    series: cifti::Series,
) -> Volumes {
    Volumes {
        size: [matrix.dim().1, 1, 1],
        affine: None,
        voxels: None,
        scale: header.scale,
        repetition_secs: series.step_secs.or(header.repetition_secs),
        files: vec![path.to_path_buf()],
        notes: header.notes.clone(),
        matrix,
    }
}

/// The matrix of a CIFTI image, with a row per scan.
fn series_matrix(
    file: File,
    path: &Path,
    header: &NiftiHeader,
    ([fast, slow], is_along_rows): ([usize; 2], bool),
) -> Result<StoredMatrix, ResponsesError> {
    let (order, shape) = if is_along_rows {
        (MemoryOrder::Fortran, [fast, slow])
    } else {
        (MemoryOrder::C, [slow, fast])
    };
    stored(file, path, (header.kind, order, shape, header.begin))
}

impl Volumes {
    /// A file longer than its header states contradicts it.
    fn look_at_length(&mut self, path: &Path) -> Result<(), ResponsesError> {
        let n_more = self.matrix.n_bytes_behind();
        let (n_volumes, _) = self.matrix.dim();
        let n_in_volume = (self.matrix.n_bytes() / n_volumes.max(1) as u64).max(1);
        if n_more >= n_in_volume {
            return Err(said(
                path,
                &format!(
                    "The header speaks of {}, but the file holds values for {} more. One of the two is wrong. Write the image again, \
                     for instance with nibabel",
                    count(n_volumes),
                    n_more / n_in_volume
                ),
            ));
        }
        if n_more > 0 {
            self.notes.push(format!(
                "The file holds {n_more} bytes more than its header speaks of. They are not read."
            ));
        }
        Ok(())
    }
}

fn count(n_volumes: usize) -> String {
    match n_volumes {
        1 => "1 volume".into(),
        n => format!("{n} volumes"),
    }
}

/// The data file that belongs to a header.
fn values_beside(path: &Path) -> Result<PathBuf, ResponsesError> {
    values_of_pair(path).ok_or_else(|| {
        said(
            path,
            "This is the header of an image in two files, and the file of its values (.img) is not beside it",
        )
    })
}

/// The `.img` or `.img.gz` that belongs to a `.hdr` or `.hdr.gz`, if it exists.
pub(super) fn values_of_pair(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?.to_str()?;
    let small = name.to_lowercase();
    let ending = [".hdr.gz", ".hdr"]
        .into_iter()
        .find(|ending| small.ends_with(ending))?;
    let stem = &name[..name.len() - ending.len()];
    let beside = [".img", ".img.gz", ".IMG", ".IMG.GZ"]
        .map(|ending| path.with_file_name(format!("{stem}{ending}")));
    beside.into_iter().find(|path| path.is_file())
}

fn mgh(mut file: File, path: &Path) -> Result<Volumes, ResponsesError> {
    let head = head(&mut file, mgh::HEADER_BYTES, path)?;
    let header = MghHeader::parse(&head).map_err(|reason| {
        said(
            path,
            &format!("This is no MGH image, or a damaged one: {reason}"),
        )
    })?;
    let sizes = header.sizes;
    Ok(Volumes {
        matrix: images(file, path, (header.kind, sizes, mgh::HEADER_BYTES as u64))?,
        size: [sizes[0], sizes[1], sizes[2]],
        affine: header.affine,
        voxels: None,
        scale: (1.0, 0.0),
        repetition_secs: None,
        files: vec![path.to_path_buf()],
        notes: Vec::new(),
    })
}

/// Volumes as rows: data type, axis sizes with time last, and data offset.
fn images(
    file: File,
    path: &Path,
    (kind, sizes, begin): (ElementKind, [usize; 4], u64),
) -> Result<StoredMatrix, ResponsesError> {
    let n_voxels = sizes[..3]
        .iter()
        .try_fold(1_usize, |n, size| n.checked_mul(*size));
    let n_voxels = n_voxels.filter(|n| (1..=MOST_VOXELS).contains(n));
    let Some(n_voxels) = n_voxels else {
        return Err(said(
            path,
            &format!("An image of {sizes:?} voxels is invalid"),
        ));
    };
    stored(
        file,
        path,
        (kind, MemoryOrder::C, [sizes[3], n_voxels], begin),
    )
}

fn stored(
    file: File,
    path: &Path,
    (kind, order, shape, begin): (ElementKind, MemoryOrder, [usize; 2], u64),
) -> Result<StoredMatrix, ResponsesError> {
    let header = NpyHeader {
        kind,
        order,
        shape: shape.to_vec(),
        n_header_bytes: begin,
    };
    StoredMatrix::new(file, path, header).map_err(|_| {
        said(
            path,
            &format!(
                "The image is cut off: {} scans of {} voxels need more bytes than there are",
                shape[0], shape[1]
            ),
        )
    })
}
