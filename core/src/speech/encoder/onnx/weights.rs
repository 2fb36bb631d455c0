//! Weights of a checkpoint as tensors: views of the memory-mapped file where possible, converted copies otherwise.

use std::fs::File;
use std::path::Path;
use std::ptr::NonNull;

use memmap2::Mmap;
use ort::memory::{Allocator, MemoryInfo};
use ort::sys::ONNXTensorElementDataType as ElementType;
use ort::value::{DynValue, PrimitiveTensorElementType, Value};

use super::RuntimeError;
use crate::speech::encoder::{NumberFormat, Weight};

/// Memory-maps a weight file.
///
/// # Errors
/// Returns [`RuntimeError::Weights`] if it cannot be read.
#[expect(
    unsafe_code,
    reason = "a memory map changes if its file is changed meanwhile; weights are not"
)]
pub(super) fn map_file(path: &Path) -> Result<Mmap, RuntimeError> {
    let unreadable = |source| RuntimeError::Weights {
        source,
        path: path.to_path_buf(),
    };
    let file = File::open(path).map_err(unreadable)?;
    // SAFETY: the map is only read, and checkpoints are not expected to be written to while in use.
    unsafe { Mmap::map(&file) }.map_err(unreadable)
}

/// Returns the weight as a tensor over the mapped file, or over a copy if the graph takes another number format or the data
/// are misaligned.
///
/// # Errors
/// Returns an error if the weight extends past the end of the file, if its graph asks for a storage-only format, or if the
/// runtime rejects it.
pub(super) fn weight_value(map: &Mmap, weight: &Weight) -> Result<DynValue, String> {
    let start = usize::try_from(weight.offset).map_err(|error| error.to_string())?;
    let bytes = start
        .checked_add(weight.n_bytes())
        .and_then(|end| map.get(start..end))
        .ok_or_else(|| {
            format!(
                "the tensor {} reaches past the end of its file.",
                weight.name
            )
        })?;
    let element = match weight.wanted {
        NumberFormat::F32 => ElementType::ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT,
        NumberFormat::F16 => ElementType::ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16,
        NumberFormat::F64 | NumberFormat::Bf16 => {
            return Err(format!(
                "the graph takes the tensor {} in a number format that it cannot compute in.",
                weight.name
            ));
        }
    };
    let aligned = (bytes.as_ptr() as usize).is_multiple_of(weight.format.n_bytes());
    let value = match weight.wanted {
        wanted if wanted == weight.format && aligned => borrowed_value(bytes, weight, element),
        NumberFormat::F16 => owned_value(weight.format.halves(bytes), weight),
        _ => owned_value(weight.format.singles(bytes), weight),
    };
    value.map_err(|error| error.message().to_string())
}

fn owned_value<T>(numbers: Vec<T>, weight: &Weight) -> ort::Result<DynValue>
where
    T: PrimitiveTensorElementType + std::fmt::Debug + Clone + 'static,
{
    Value::from_array((weight.shape.clone(), numbers)).map(Value::into_dyn)
}

/// A tensor that borrows its data from a mapped file. The map must outlive it.
#[expect(
    unsafe_code,
    reason = "ort has no safe tensor over shared memory that a session can own"
)]
fn borrowed_value(bytes: &[u8], weight: &Weight, element: ElementType) -> ort::Result<DynValue> {
    let shape: Vec<i64> = weight.shape.iter().map(|n| *n as i64).collect();
    let info = MemoryInfo::default();
    let mut value = std::ptr::null_mut();
    // SAFETY: `bytes` has the length given by shape and element type (checked by the runtime) and is aligned to the
    // element. The runtime reads initializers and never writes to them. `OnnxEncoder` drops its session, and with it this
    // value, before the map.
    unsafe {
        let status = (ort::api().CreateTensorWithDataAsOrtValue)(
            ort::AsPointer::ptr(&info),
            bytes.as_ptr().cast_mut().cast(),
            bytes.len(),
            shape.as_ptr(),
            shape.len(),
            element,
            &raw mut value,
        );
        ort::Error::result_from_status(status)?;
        let value =
            NonNull::new(value).ok_or_else(|| ort::Error::new("the runtime gave no tensor"))?;
        Ok(DynValue::from_ptr(value, Some(&Allocator::default())))
    }
}
