//! NumPy arrays in a pickle: location or contents of their values.

use std::ops::Range;

use super::{Id, Pickle, PickleFault, Value, Values};
use crate::files::formats::npy::ElementKind;
use crate::files::formats::npz_arrays::MemoryOrder;

/// An array as described by a pickle; the fields are not validated yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArrayValue {
    /// Data type.
    pub dtype: Id,
    /// Shape, a tuple; `None` for a scalar.
    pub shape: Option<Id>,
    /// Memory order.
    pub order: MemoryOrder,
    /// Data.
    pub data: ArrayData,
}

/// Location of an array's data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArrayData {
    /// In a bytes or text value of the pickle.
    Value(Id),
    /// In the file after the pickle, from this offset.
    At(u64),
}

/// An array of numbers whose size has been validated against the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocatedArray {
    /// Number format.
    pub kind: ElementKind,
    /// Memory order.
    pub order: MemoryOrder,
    /// Shape.
    pub shape: Vec<usize>,
    /// Location of the values.
    pub values: LocatedValues,
}

/// Location of an array's values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LocatedValues {
    /// At this byte range of the file.
    InFile(Range<u64>),
    /// Decoded here, since they were stored as text.
    Here(Vec<u8>),
}

impl Pickle {
    /// Returns the array that a value represents; `None` if it is not an array. `n_file_bytes`: length of the file.
    ///
    /// # Errors
    /// Returns a clause on why the array cannot be used.
    pub fn array(&self, id: Id, n_file_bytes: u64) -> Result<Option<LocatedArray>, PickleFault> {
        let Value::Array(array) = self.values.get(id) else {
            return Ok(None);
        };
        let kind = kind(&self.values, array.dtype)?;
        let shape = array
            .shape
            .map_or(Ok(Vec::new()), |id| shape(&self.values, id))?;
        let n_values = shape
            .iter()
            .try_fold(1_u64, |n, size| n.checked_mul(*size as u64));
        let n_bytes = n_values.and_then(|n| n.checked_mul(kind.value_bytes as u64));
        let vast = || {
            PickleFault::Damaged(format!(
                "an array of the shape {shape:?} is larger than the file"
            ))
        };
        let n_bytes = n_bytes.ok_or_else(vast)?;
        let values = match array.data {
            ArrayData::At(at) => {
                let end = at.checked_add(n_bytes).filter(|end| *end <= n_file_bytes);
                LocatedValues::InFile(at..end.ok_or_else(vast)?)
            }
            ArrayData::Value(id) => match self.values.get(id) {
                Value::Bytes { at, n_bytes: n } if *n == n_bytes => {
                    LocatedValues::InFile(*at..at + n_bytes)
                }
                Value::Bytes { n_bytes: n, .. } => {
                    return Err(PickleFault::Damaged(format!(
                        "an array of the shape {shape:?} needs {n_bytes} bytes, and {n} are there"
                    )));
                }
                Value::Encoded(text) => LocatedValues::Here(latin1(&self.values, *text)?),
                Value::Text(text) => LocatedValues::Here(text.as_bytes().to_vec()),
                Value::List(_) => {
                    return Err(PickleFault::Damaged(
                        "an array holds Python objects, not numbers".into(),
                    ));
                }
                _ => {
                    return Err(PickleFault::Damaged(
                        "the values of an array are not there".into(),
                    ));
                }
            },
        };
        if let LocatedValues::Here(bytes) = &values
            && bytes.len() as u64 != n_bytes
        {
            return Err(PickleFault::Damaged(format!(
                "an array of the shape {shape:?} needs {n_bytes} bytes, and {} are there",
                bytes.len()
            )));
        }
        Ok(Some(LocatedArray {
            kind,
            order: array.order,
            shape,
            values,
        }))
    }
}

fn kind(values: &Values, dtype: Id) -> Result<ElementKind, PickleFault> {
    let Value::Dtype {
        name,
        is_big_endian,
    } = values.get(dtype)
    else {
        return Err(PickleFault::Damaged("an array has no number format".into()));
    };
    let name = values.text(*name).unwrap_or_default();
    let order = if *is_big_endian { '>' } else { '<' };
    let plain = name.trim_start_matches(['<', '>', '=', '|']);
    ElementKind::parse(&format!("{order}{plain}")).ok_or_else(|| {
        PickleFault::Damaged(format!(
            "an array holds values of the kind \"{}\"; numbers are expected",
            plain.chars().take(20).collect::<String>().escape_debug()
        ))
    })
}

fn shape(values: &Values, shape: Id) -> Result<Vec<usize>, PickleFault> {
    let sizes = values.sequence(shape).unwrap_or_default().iter();
    let sizes = sizes.map(|size| {
        values
            .int(*size)
            .and_then(|size| usize::try_from(size).ok())
    });
    sizes
        .collect::<Option<Vec<_>>>()
        .filter(|sizes| sizes.len() <= 32)
        .ok_or_else(|| PickleFault::Damaged("an array has no shape".into()))
}

/// Bytes that were stored as text, one character each.
fn latin1(values: &Values, text: Id) -> Result<Vec<u8>, PickleFault> {
    let letters = values.text(text).unwrap_or_default().chars();
    letters
        .map(|letter| u8::try_from(u32::from(letter)).ok())
        .collect::<Option<_>>()
        .ok_or_else(|| PickleFault::Damaged("bytes in it are written as text that is none".into()))
}

/// Applies an array's state: version, shape, dtype, order, values.
pub(super) fn with_state(values: &Values, state: Id) -> Option<Value> {
    let &[_, shape, dtype, is_fortran, data] = values.sequence(state)? else {
        return None;
    };
    Some(Value::Array(ArrayValue {
        dtype,
        shape: Some(shape),
        order: order(matches!(
            values.get(is_fortran),
            Value::Bool(true) | Value::Int(1)
        )),
        data: ArrayData::Value(data),
    }))
}

/// Result of NumPy's function that creates an array from a buffer: buffer, dtype, shape, order.
pub(super) fn from_buffer(values: &Values, given: &[Id]) -> Option<Value> {
    let &[data, dtype, shape, letter] = given else {
        return None;
    };
    Some(Value::Array(ArrayValue {
        dtype,
        shape: Some(shape),
        order: order(values.text(letter) == Some("F")),
        data: ArrayData::Value(data),
    }))
}

/// Result of NumPy's function that creates a scalar.
pub(super) fn scalar(dtype: Id, data: Id) -> Value {
    Value::Array(ArrayValue {
        dtype,
        shape: None,
        order: MemoryOrder::C,
        data: ArrayData::Value(data),
    })
}

/// joblib's description of an array whose data follow: shape, dtype, order and alignment.
pub(super) struct Wrapped {
    pub(super) dtype: Id,
    pub(super) shape: Id,
    pub(super) order: MemoryOrder,
    pub(super) is_aligned: bool,
}

pub(super) fn wrapped(values: &Values, state: Id) -> Option<Wrapped> {
    let entries = values.entries(state)?;
    let entry = |name: &str| {
        let found = entries
            .iter()
            .find(|(key, _)| values.text(*key) == Some(name));
        found.map(|(_, value)| *value)
    };
    let alignment = entry("numpy_array_alignment_bytes");
    Some(Wrapped {
        dtype: entry("dtype")?,
        shape: entry("shape")?,
        order: order(entry("order").is_some_and(|order| values.text(order) == Some("F"))),
        is_aligned: alignment.is_some_and(|bytes| values.int(bytes).is_some()),
    })
}

/// Size of an array's data by its dtype and shape; `None` for Python objects, which are stored as a nested pickle of
/// unknown length.
pub(super) fn n_bytes(values: &Values, dtype: Id, shape: Id) -> Result<Option<u64>, PickleFault> {
    let Some(size) = item_bytes(values, dtype)? else {
        return Ok(None);
    };
    let sizes = self::shape(values, shape)?;
    let n_values = sizes
        .iter()
        .try_fold(size, |n, size| n.checked_mul(*size as u64));
    let n_values =
        n_values.ok_or_else(|| PickleFault::Damaged("an array in it has no end".into()))?;
    Ok(Some(n_values))
}

/// Size of one value; `None` for Python objects.
fn item_bytes(values: &Values, dtype: Id) -> Result<Option<u64>, PickleFault> {
    let Value::Dtype { name, .. } = values.get(dtype) else {
        return Err(PickleFault::Damaged("an array has no number format".into()));
    };
    let name = values.text(*name).unwrap_or_default();
    let plain = name.trim_start_matches(['<', '>', '=', '|']);
    let count = plain.get(1..).and_then(|digits| digits.parse::<u64>().ok());
    match (plain.as_bytes().first(), count) {
        (Some(b'O'), _) => Ok(None),
        (Some(b'U'), Some(n)) => Ok(n.checked_mul(4)),
        (Some(b'S' | b'V' | b'f' | b'i' | b'u' | b'b' | b'c' | b'M' | b'm'), Some(n)) => {
            Ok(Some(n))
        }
        _ => Err(PickleFault::Damaged(format!(
            "an array holds values of the kind \"{}\"; numbers are expected",
            plain.chars().take(20).collect::<String>().escape_debug()
        ))),
    }
}

fn order(is_fortran: bool) -> MemoryOrder {
    if is_fortran {
        MemoryOrder::Fortran
    } else {
        MemoryOrder::C
    }
}
