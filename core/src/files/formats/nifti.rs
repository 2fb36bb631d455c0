//! NIfTI headers, version 1 or 2, with checks for contradictions.
//!
//! Source: nifti1.h and nifti2.h of the NIfTI Data Format Working Group; FreeSurfer's convention for a long first axis.

pub mod write;

use super::affine::Affine;
use super::npy::ElementKind;

/// Bytes needed to parse either version: the longer header and its extension flag.
pub(super) const HEAD_BYTES: usize = 544;
/// Header size of version 1, and smallest data offset of a single file.
const VERSION_1: (i32, u64) = (348, 352);
/// The same for version 2.
const VERSION_2: (i32, u64) = (540, 544);
/// NIfTI intent codes reserved for CIFTI.
const CIFTI_INTENTS: std::ops::RangeInclusive<i64> = 3000..=3099;

/// Contents of a header.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct NiftiHeader {
    /// Data type.
    pub(super) kind: ElementKind,
    /// Sizes of the axes: three of space, and time.
    pub(super) sizes: [usize; 4],
    /// For CIFTI: row length and number of rows; the first index varies fastest.
    pub(super) cifti: Option<[usize; 2]>,
    /// Offset of the data.
    pub(super) begin: u64,
    /// Whether the data are in a separate `.img` file.
    pub(super) is_pair: bool,
    /// Slope and intercept applied to stored values.
    pub(super) scale: (f64, f64),
    /// Repetition time in the header, seconds; `None` if not stated.
    pub(super) repetition_secs: Option<f64>,
    /// Voxel-to-space transform, if the header defines one.
    pub(super) affine: Option<Affine>,
    /// Notes on anomalies.
    pub(super) notes: Vec<String>,
}

impl NiftiHeader {
    /// Parses a header from the first bytes of a file, [`HEAD_BYTES`] if there are as many.
    ///
    /// # Errors
    /// Returns a message without final punctuation if it is not a header, is inconsistent, or is not supported.
    pub(super) fn parse(head: &[u8]) -> Result<Self, String> {
        let fields = Fields::of(head)?;
        let dims = fields.dims()?;
        let intent = fields.whole(68, 504);
        let is_pair = fields.is_pair()?;
        let mut header = Self {
            kind: fields.kind()?,
            sizes: [1; 4],
            cifti: None,
            begin: fields.begin(is_pair)?,
            is_pair,
            scale: fields.scale()?,
            repetition_secs: None,
            affine: fields.affine(),
            notes: Vec::new(),
        };
        let time_axis = if CIFTI_INTENTS.contains(&intent) && dims.len() >= 6 {
            header.lay_cifti(&dims)?;
            5
        } else {
            header.lay_axes(&dims)?
        };
        header.repetition_secs = fields.repetition_secs(time_axis);
        header.note_bits(&fields);
        Ok(header)
    }

    /// Rows of a CIFTI image run along its fifth axis; the sixth is their number.
    fn lay_cifti(&mut self, dims: &[usize]) -> Result<(), String> {
        let others = dims.iter().enumerate();
        let mut others = others.filter(|(axis, size)| !matches!(axis, 4 | 5) && **size > 1);
        if let Some((axis, size)) = others.next() {
            return Err(format!(
                "The CIFTI image has {size} values along axis {}; expected are two axes, the fifth and the sixth",
                axis + 1
            ));
        }
        self.cifti = Some([dims[4], dims[5]]);
        Ok(())
    }

    /// Three axes of space and one of time: the fourth, or a later one if the fourth has size 1. Returns the time axis.
    fn lay_axes(&mut self, dims: &[usize]) -> Result<usize, String> {
        for (size, found) in self.sizes.iter_mut().zip(dims) {
            *size = *found;
        }
        let later = dims.iter().enumerate().skip(4);
        let later: Vec<(usize, usize)> = later
            .map(|(axis, size)| (axis + 1, *size))
            .filter(|(_, size)| *size > 1)
            .collect();
        match (later[..].first(), later.len(), self.sizes[3]) {
            (None, _, _) => Ok(4),
            (Some(&(axis, size)), 1, 1) => {
                self.sizes[3] = size;
                self.notes.push(format!(
                    "The fourth axis of the image has one value; its {size} scans are taken to lie along axis {axis}."
                ));
                Ok(axis)
            }
            (Some(&(axis, size)), _, _) => Err(format!(
                "The NIfTI image has {} axes, {size} values along axis {axis}; expected are three of space and one of time",
                dims.len()
            )),
        }
    }

    fn note_bits(&mut self, fields: &Fields) {
        let bits = fields.whole(72, 14);
        let expected = 8 * self.kind.value_bytes as i64;
        if bits != expected {
            self.notes.push(format!(
                "The header says {bits} bits for each value, its type of values has {expected}; the type is believed."
            ));
        }
    }
}

/// Header fields by their offsets in versions 1 and 2.
struct Fields<'a> {
    bytes: &'a [u8],
    is_second: bool,
    is_big_endian: bool,
}

impl<'a> Fields<'a> {
    fn of(bytes: &'a [u8]) -> Result<Self, String> {
        let none = || {
            "This is no NIfTI image: it does not begin with a header of 348 or 540 bytes"
                .to_string()
        };
        let size: [u8; 4] = bytes.first_chunk().copied().ok_or_else(none)?;
        let sizes = [
            (i32::from_le_bytes(size), false),
            (i32::from_be_bytes(size), true),
        ];
        let known = sizes
            .into_iter()
            .find(|(size, _)| [VERSION_1.0, VERSION_2.0].contains(size));
        let (size, is_big_endian) = known.ok_or_else(none)?;
        if bytes.len() < size as usize {
            return Err("The NIfTI image is cut off within its header".into());
        }
        Ok(Self {
            bytes,
            is_second: size == VERSION_2.0,
            is_big_endian,
        })
    }

    fn word<const N: usize>(&self, at: usize) -> [u8; N] {
        let mut word = [0; N];
        if let Some(bytes) = self.bytes.get(at..at + N) {
            word.copy_from_slice(bytes);
        }
        if self.is_big_endian {
            word.reverse();
        }
        word
    }

    /// Reads an integer of two bytes in version 1 and four in version 2 (two if `first` is the offset of datatype or
    /// bitpix).
    fn whole(&self, first: usize, second: usize) -> i64 {
        match (self.is_second, second) {
            (false, _) => i64::from(i16::from_le_bytes(self.word(first))),
            (true, 12 | 14) => i64::from(i16::from_le_bytes(self.word(second))),
            (true, _) => i64::from(i32::from_le_bytes(self.word(second))),
        }
    }

    /// Reads a floating-point number: the `index`th at offset `first` or `second`.
    fn real(&self, first: usize, second: usize, index: usize) -> f64 {
        if self.is_second {
            f64::from_le_bytes(self.word(second + 8 * index))
        } else {
            f64::from(f32::from_le_bytes(self.word(first + 4 * index)))
        }
    }

    fn dim(&self, index: usize) -> i64 {
        if self.is_second {
            i64::from_le_bytes(self.word(16 + 8 * index))
        } else {
            i64::from(i16::from_le_bytes(self.word(40 + 2 * index)))
        }
    }

    /// Sizes of the existing axes.
    fn dims(&self) -> Result<Vec<usize>, String> {
        let n_axes = usize::try_from(self.dim(0))
            .ok()
            .filter(|n| (1..=7).contains(n));
        let n_axes = n_axes.ok_or_else(|| {
            format!(
                "The NIfTI header says that the image has {} axes; there are 1 to 7",
                self.dim(0)
            )
        })?;
        let mut dims: Vec<i64> = (1..=n_axes).map(|axis| self.dim(axis)).collect();
        if !self.is_second && dims[0] == -1 {
            // FreeSurfer stores -1 for an axis too long for two bytes, and its length in another field.
            let long = i64::from(i32::from_le_bytes(self.word(144)));
            if long <= 0 || dims.iter().skip(1).take(2).any(|size| *size != 1) {
                return Err(
                    "The NIfTI header gives the first axis the size -1, as FreeSurfer does for long ones, but not its length \
                     (entry glmin)".into(),
                );
            }
            dims[0] = long;
        }
        let size = |(index, size): (usize, &i64)| {
            usize::try_from(*size)
                .ok()
                .filter(|size| *size > 0)
                .ok_or_else(|| {
                    format!(
                        "The NIfTI header gives axis {} the size {size}, which is none",
                        index + 1
                    )
                })
        };
        dims.iter().enumerate().map(size).collect()
    }

    fn is_pair(&self) -> Result<bool, String> {
        let at = if self.is_second { 4 } else { 344 };
        match (self.bytes.get(at..at + 4), self.is_second) {
            (Some(b"n+1\0"), false) | (Some(b"n+2\0"), true) => Ok(false),
            (Some(b"ni1\0"), false) | (Some(b"ni2\0"), true) => Ok(true),
            (Some([0, 0, 0, 0]), false) => Err(
                "This is an image of Analyze 7.5, whose left and right are not certain. Convert it to NIfTI, for instance with \
                 nibabel".into(),
            ),
            _ => Err("This is no NIfTI image: its header lacks the mark \"n+1\"".into()),
        }
    }

    fn kind(&self) -> Result<ElementKind, String> {
        let code = self.whole(70, 12);
        let letter = match code {
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
            32 | 1792 | 2048 => return Err(unusable("complex numbers")),
            128 | 2304 => return Err(unusable("colours")),
            1536 => return Err(unusable("numbers of 128 bits")),
            1 => return Err(unusable("single bits")),
            _ => return Err(unusable(&format!("type {code}"))),
        };
        let order = if self.is_big_endian { '>' } else { '<' };
        ElementKind::parse(&format!("{order}{letter}")).ok_or_else(|| unusable(letter))
    }

    fn begin(&self, is_pair: bool) -> Result<u64, String> {
        let (least, begin) = if self.is_second {
            (VERSION_2.1, i64::from_le_bytes(self.word(168)) as f64)
        } else {
            (VERSION_1.1, f64::from(f32::from_le_bytes(self.word(108))))
        };
        let least = if is_pair { 0 } else { least };
        if !(0.0..1e9).contains(&begin) || begin.fract() != 0.0 {
            return Err(format!(
                "The NIfTI header says that the values begin at byte {begin}, which is invalid"
            ));
        }
        if (begin as u64) < least {
            return Err(format!(
                "The NIfTI header says that the values begin at byte {begin}, within the header; they cannot begin before byte \
                 {least} (entry vox_offset). Write the image again, for instance with nibabel"
            ));
        }
        Ok(begin as u64)
    }

    fn scale(&self) -> Result<(f64, f64), String> {
        let slope = self.real(112, 176, 0);
        let intercept = self.real(116, 184, 0);
        match (slope.is_finite() && slope != 0.0, intercept.is_finite()) {
            (true, true) => Ok((slope, intercept)),
            (true, false) => Err(format!(
                "The NIfTI header multiplies values by {slope} and adds {intercept}, which is not a number"
            )),
            (false, _) => Ok((1.0, 0.0)),
        }
    }

    /// The repetition time, in seconds: the step along the time axis.
    fn repetition_secs(&self, time_axis: usize) -> Option<f64> {
        let units = if self.is_second {
            self.whole(0, 500)
        } else {
            i64::from(self.bytes.get(123).copied()?)
        };
        let factor = match units & 0x38 {
            0x10 => 1e-3,
            0x18 => 1e-6,
            _ => 1.0,
        };
        let secs = self.real(76, 104, time_axis) * factor;
        (self.dim(0) >= 4 && secs > 0.0 && secs.is_finite()).then_some(secs)
    }

    /// The sform if set, else the qform.
    fn affine(&self) -> Option<Affine> {
        if self.whole(254, 348) > 0 {
            let row =
                |row: usize| std::array::from_fn(|column| self.real(280, 400, 4 * row + column));
            return Affine::new([row(0), row(1), row(2)]);
        }
        if self.whole(252, 344) <= 0 {
            return None;
        }
        let [b, c, d] = std::array::from_fn(|index| self.real(256, 352, index));
        let offset: [f64; 3] = std::array::from_fn(|index| self.real(268, 376, index));
        let sizes: [f64; 3] = std::array::from_fn(|index| self.real(76, 104, index + 1));
        let hand = if self.real(76, 104, 0) < 0.0 {
            -1.0
        } else {
            1.0
        };
        Affine::of_quaternion([b, c, d], [sizes[0], sizes[1], sizes[2] * hand], offset)
    }
}

fn unusable(what: &str) -> String {
    format!("The NIfTI image holds {what}; expected are whole or real numbers")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_say_what_another_reader_reads_in_them() {
        let data = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/formats");
        for name in ["volumes.nii", "scaled.nii"] {
            let bytes = std::fs::read(data.join(name)).unwrap();
            let other = ::nifti::NiftiHeader::from_reader(&bytes[..]).unwrap();
            let own = NiftiHeader::parse(&bytes[..HEAD_BYTES]).unwrap();
            let sizes = other.dim().unwrap().iter().map(|size| usize::from(*size));
            assert_eq!(sizes.collect::<Vec<_>>(), own.sizes, "{name}");
            assert_eq!(own.begin, other.vox_offset as u64);
            let slope = f64::from(other.scl_slope);
            assert!((own.scale.0 - if slope.is_nan() { 1.0 } else { slope }).abs() < 1e-12);
            let row = [other.srow_x, other.srow_y, other.srow_z].map(|row| row.map(f64::from));
            assert_eq!(own.affine, Affine::new(row), "{name}");
            assert!(own.notes.is_empty(), "{:?}", own.notes);
        }
    }
}
