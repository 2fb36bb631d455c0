//! Recordings as volumes: NIfTI and FreeSurfer's MGH. A row of the matrix is a volume, a column a voxel of the mask.

use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};

use ndarray::Array2;
use nifti::{Endianness, NiftiHeader};

use super::compressed::{compression_of, unpacked};
use super::npy::{Kind, NpyHeader, StoredMatrix};
use super::npz_arrays::Order;
use crate::matrix::Real;
use crate::responses::ResponsesError;

/// A mask of more voxels than this is none.
const MOST_VOXELS: usize = 1 << 28;
/// Bytes of an MGH header.
const MGH_HEADER_BYTES: u64 = 284;

/// Volumes one after the other, of which the voxels of a mask are read.
pub struct Volumes {
    /// A row per volume, a column per voxel, the first axis fastest.
    matrix: StoredMatrix,
    /// Sizes of a volume.
    size: [usize; 3],
    /// Columns of the matrix that are voxels; all of them without a mask.
    voxels: Option<Vec<usize>>,
    /// What stored values are multiplied by, and what is added.
    scale: (f64, f64),
    /// From one volume to the next, if the header says so, seconds.
    pub repetition_secs: Option<f64>,
}

impl Volumes {
    /// Opens volumes; a compressed file is unpacked into `scratch` once.
    ///
    /// # Errors
    /// A sentence, if the file cannot be read or is damaged.
    pub fn open(path: &Path, scratch: &Path) -> Result<Self, ResponsesError> {
        let unreadable =
            |error: io::Error| said(path, &format!("The file cannot be read: {error}"));
        let mut file = File::open(path).map_err(unreadable)?;
        let n_packed = file.metadata().map_err(unreadable)?.len();
        if let Some(compression) = compression_of(&mut file).map_err(unreadable)? {
            let reader = compression.reader(file).map_err(unreadable)?;
            file = unpacked(reader, n_packed, scratch).map_err(unreadable)?;
        }
        let is_mgh = path
            .file_name()
            .is_some_and(|name| name.to_string_lossy().to_lowercase().contains(".mg"));
        if is_mgh {
            mgh(file, path)
        } else {
            nifti(file, path)
        }
    }

    /// Takes the voxels other than 0 of `mask`, in the order in which they lie in the file: the first axis fastest. It is the
    /// order of NumPy's `data[mask]` for arrays (z, y, x), as pycortex has them.
    ///
    /// # Errors
    /// A sentence, if the mask has another size, or no voxels.
    pub fn masked(mut self, mask: &Self) -> Result<Self, ResponsesError> {
        let path = mask.matrix.path();
        if mask.size != self.size {
            return Err(said(
                path,
                &format!(
                    "The mask has {:?} voxels along its axes and the volumes have {:?}. They must be of the same space",
                    mask.size, self.size
                ),
            ));
        }
        let n_voxels = mask.matrix.dim().1;
        let values = mask.matrix.read::<f64>(0..1, 0..n_voxels);
        let values = values.map_err(|error| ResponsesError(error.to_string()))?;
        let voxels: Vec<usize> = (0..n_voxels)
            .filter(|voxel| values[(0, *voxel)] != 0.0)
            .collect();
        if voxels.is_empty() {
            return Err(said(
                path,
                "The mask has no voxels: all of its values are 0",
            ));
        }
        self.voxels = Some(voxels);
        Ok(self)
    }

    /// Volumes and voxels.
    #[must_use]
    pub fn dim(&self) -> (usize, usize) {
        let (n_volumes, n_all) = self.matrix.dim();
        (n_volumes, self.voxels.as_ref().map_or(n_all, Vec::len))
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.matrix.path()
    }

    /// Reads some volumes and voxels.
    ///
    /// # Errors
    /// A sentence, if the file cannot be read.
    pub fn read<T: Real>(
        &self,
        volumes: Range<usize>,
        voxels: Range<usize>,
    ) -> Result<Array2<T>, ResponsesError> {
        let failed = |error: super::npy::NpyError| ResponsesError(error.to_string());
        let (factor, offset) = self.scale;
        let scaled = |value: f64| T::nearest(value * factor + offset);
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
        // A volume at a time: what lies between the voxels is read, too.
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

fn nifti(mut file: File, path: &Path) -> Result<Volumes, ResponsesError> {
    let header = NiftiHeader::from_reader(&mut file);
    let header = header.map_err(|error| {
        said(
            path,
            &format!("This is no NIfTI image, or a damaged one: {error}"),
        )
    })?;
    let axes = header
        .dim()
        .map_err(|error| said(path, &format!("The NIfTI image is damaged: {error}")))?;
    let mut sizes = [1_usize; 4];
    for (axis, size) in axes.iter().enumerate() {
        match sizes.get_mut(axis) {
            Some(slot) => *slot = usize::from(*size),
            None if *size > 1 => {
                return Err(said(
                    path,
                    &format!(
                        "The NIfTI image has {} axes; expected are three and time",
                        axes.len()
                    ),
                ));
            }
            None => {}
        }
    }
    let letter = match header.datatype {
        2 => "u1",
        4 => "i2",
        8 => "i4",
        16 => "f4",
        64 => "f8",
        256 => "i1",
        512 => "u2",
        768 => "u4",
        1024 => "i8",
        1280 => "u8",
        other => {
            return Err(said(
                path,
                &format!(
                    "The NIfTI image holds values of type {other}; expected are whole or real numbers"
                ),
            ));
        }
    };
    let order = match header.endianness {
        Endianness::Little => '<',
        Endianness::Big => '>',
    };
    let factor = f64::from(header.scl_slope);
    let offset = f64::from(header.scl_inter);
    let is_scaled = factor != 0.0 && factor.is_finite() && offset.is_finite();
    let begin = header.vox_offset;
    if !(0.0..1e9).contains(&begin) {
        return Err(said(
            path,
            "The NIfTI image is damaged: it does not say where its values begin",
        ));
    }
    Ok(Volumes {
        matrix: matrix(
            file,
            path,
            (&format!("{order}{letter}"), sizes, begin as u64),
        )?,
        size: [sizes[0], sizes[1], sizes[2]],
        voxels: None,
        scale: if is_scaled {
            (factor, offset)
        } else {
            (1.0, 0.0)
        },
        repetition_secs: repetition_secs(&header),
    })
}

/// The repetition time of a header, in its unit; `None` if it is not there.
fn repetition_secs(header: &NiftiHeader) -> Option<f64> {
    let factor = match header.xyzt_units & 0x38 {
        0x10 => 1e-3,
        0x18 => 1e-6,
        _ => 1.0,
    };
    let secs = f64::from(header.pixdim[4]) * factor;
    (header.dim[0] >= 4 && secs > 0.0 && secs.is_finite()).then_some(secs)
}

fn mgh(mut file: File, path: &Path) -> Result<Volumes, ResponsesError> {
    let damaged = |reason: &str| {
        said(
            path,
            &format!("This is no MGH image, or a damaged one: {reason}"),
        )
    };
    let mut head = [0; 28];
    file.read_exact(&mut head)
        .map_err(|_| damaged("it ends within its header"))?;
    let word = |index: usize| {
        let mut bytes = [0; 4];
        bytes.copy_from_slice(&head[4 * index..4 * index + 4]);
        i32::from_be_bytes(bytes)
    };
    if word(0) != 1 {
        return Err(damaged("its version is not 1"));
    }
    let mut sizes = [0_usize; 4];
    for (index, size) in sizes.iter_mut().enumerate() {
        *size = usize::try_from(word(index + 1)).map_err(|_| damaged("an axis has no size"))?;
    }
    let kind = match word(5) {
        0 => ">u1",
        1 => ">i4",
        3 => ">f4",
        4 => ">i2",
        other => return Err(damaged(&format!("its values are of type {other}"))),
    };
    Ok(Volumes {
        matrix: matrix(file, path, (kind, sizes, MGH_HEADER_BYTES))?,
        size: [sizes[0], sizes[1], sizes[2]],
        voxels: None,
        scale: (1.0, 0.0),
        repetition_secs: None,
    })
}

/// Volumes as rows: kind of number, sizes of the axes with time last, and where the values begin.
fn matrix(
    file: File,
    path: &Path,
    (kind, sizes, begin): (&str, [usize; 4], u64),
) -> Result<StoredMatrix, ResponsesError> {
    let n_voxels = sizes[..3]
        .iter()
        .try_fold(1_usize, |n, size| n.checked_mul(*size));
    let n_voxels = n_voxels.filter(|n| (1..=MOST_VOXELS).contains(n));
    let shape = n_voxels.map(|n| vec![sizes[3], n]);
    let (Some(shape), Some(kind)) = (shape, Kind::parse(kind)) else {
        return Err(said(
            path,
            &format!("An image of {sizes:?} voxels makes no sense"),
        ));
    };
    let header = NpyHeader {
        kind,
        order: Order::C,
        shape,
        n_header_bytes: begin,
    };
    StoredMatrix::new(file, path, header).map_err(|_| {
        said(
            path,
            &format!("The image is cut off: {sizes:?} voxels need more bytes than there are"),
        )
    })
}

fn said(path: &Path, text: &str) -> ResponsesError {
    ResponsesError(format!("{text}.\nFile: {}", PathBuf::from(path).display()))
}
