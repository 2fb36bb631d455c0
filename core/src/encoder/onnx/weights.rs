//! A checkpoint's weights as tensors: over the mapped file where that is possible, converted where it is not.

use std::fs::File;
use std::path::Path;
use std::ptr::NonNull;

use half::{bf16, f16};
use memmap2::Mmap;
use ort::memory::{Allocator, MemoryInfo};
use ort::sys::ONNXTensorElementDataType as ElementType;
use ort::value::{DynValue, PrimitiveTensorElementType, Value};

use super::RuntimeError;
use crate::encoder::{NumberFormat, Weight};

/// Maps a file of weights into memory.
///
/// # Errors
/// [`RuntimeError::Weights`] if it cannot be read.
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
    // SAFETY: the map is only read, and nobody is expected to write into a checkpoint while it is in use.
    unsafe { Mmap::map(&file) }.map_err(unreadable)
}

/// The weight as a tensor over the mapped file; over a copy where the graph takes another number format, or where it
/// does not lie at a multiple of its number size.
///
/// # Errors
/// A sentence if the weight reaches past the end of the file, if its graph asks for a format that none computes in, or
/// if the runtime refuses it.
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
        NumberFormat::F16 => owned_value(halves(bytes, weight.format), weight),
        _ => owned_value(singles(bytes, weight.format), weight),
    };
    value.map_err(|error| error.message().to_string())
}

/// Numbers of any stored format in single precision. From double precision they are rounded to the nearest.
fn singles(bytes: &[u8], format: NumberFormat) -> Vec<f32> {
    match format {
        NumberFormat::F32 => numbers(bytes, f32::from_le_bytes),
        NumberFormat::F64 => numbers(bytes, |bytes| f64::from_le_bytes(bytes) as f32),
        NumberFormat::F16 => numbers(bytes, |bytes| f16::from_le_bytes(bytes).to_f32()),
        NumberFormat::Bf16 => numbers(bytes, |bytes| bf16::from_le_bytes(bytes).to_f32()),
    }
}

/// Numbers of any stored format in half precision, rounded to the nearest.
fn halves(bytes: &[u8], format: NumberFormat) -> Vec<f16> {
    match format {
        NumberFormat::F16 => numbers(bytes, f16::from_le_bytes),
        NumberFormat::F64 => numbers(bytes, |bytes| f16::from_f64(f64::from_le_bytes(bytes))),
        NumberFormat::F32 => numbers(bytes, |bytes| f16::from_f32(f32::from_le_bytes(bytes))),
        NumberFormat::Bf16 => numbers(bytes, |bytes| {
            f16::from_f32(bf16::from_le_bytes(bytes).to_f32())
        }),
    }
}

fn numbers<const N: usize, T>(bytes: &[u8], number: impl Fn([u8; N]) -> T) -> Vec<T> {
    bytes
        .as_chunks()
        .0
        .iter()
        .map(|bytes| number(*bytes))
        .collect()
}

fn owned_value<T>(numbers: Vec<T>, weight: &Weight) -> ort::Result<DynValue>
where
    T: PrimitiveTensorElementType + std::fmt::Debug + Clone + 'static,
{
    Value::from_array((weight.shape.clone(), numbers)).map(Value::into_dyn)
}

/// A tensor that borrows its numbers from a mapped file. The map must outlive it.
#[expect(
    unsafe_code,
    reason = "ort has no safe tensor over shared memory that a session can own"
)]
fn borrowed_value(bytes: &[u8], weight: &Weight, element: ElementType) -> ort::Result<DynValue> {
    let shape: Vec<i64> = weight.shape.iter().map(|n| *n as i64).collect();
    let info = MemoryInfo::default();
    let mut value = std::ptr::null_mut();
    // SAFETY: `bytes` has the length that shape and element type ask for (checked by the runtime) and is aligned to the
    // element. The runtime reads initializers and never writes to them. `OnnxEncoder` drops its session, and with it
    // this value, before the map.
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

#[cfg(test)]
mod tests {
    use super::*;

    /// 1, -2, the largest half below 2 and a number under the smallest normal half, as IEEE 754 lays them out.
    const HALVES: [u16; 4] = [0x3c00, 0xc000, 0x3fff, 0x0001];
    const HALVES_AS_SINGLES: [u32; 4] = [0x3f80_0000, 0xc000_0000, 0x3fff_e000, 0x3380_0000];

    fn le<const N: usize, T>(numbers: &[T], bytes: impl Fn(&T) -> [u8; N]) -> Vec<u8> {
        numbers.iter().flat_map(bytes).collect()
    }

    fn bits(numbers: Vec<f32>) -> Vec<u32> {
        numbers.into_iter().map(f32::to_bits).collect()
    }

    #[test]
    fn halves_become_singles_exactly() {
        let bytes = le(&HALVES, |n| n.to_le_bytes());
        assert_eq!(bits(singles(&bytes, NumberFormat::F16)), HALVES_AS_SINGLES);
    }

    #[test]
    fn bfloat16_is_the_upper_half_of_a_single() {
        let stored: [u16; 5] = [0x3f80, 0xc049, 0x7f80, 0x0001, 0x8000];
        let bytes = le(&stored, |n| n.to_le_bytes());
        let expected = stored.map(|n| u32::from(n) << 16);
        assert_eq!(bits(singles(&bytes, NumberFormat::Bf16)), expected);
    }

    #[test]
    fn doubles_are_rounded_to_the_nearest_single() {
        // 1, 1 + 2^-24 (a tie, to even), 1 + 3 * 2^-24 (a tie, to even) and pi.
        let stored: [u64; 4] = [
            0x3ff0_0000_0000_0000,
            0x3ff0_0000_1000_0000,
            0x3ff0_0000_3000_0000,
            0x4009_21fb_5444_2d18,
        ];
        let bytes = le(&stored, |n| n.to_le_bytes());
        let expected = [0x3f80_0000, 0x3f80_0000, 0x3f80_0002, 0x4049_0fdb];
        assert_eq!(bits(singles(&bytes, NumberFormat::F64)), expected);
    }

    #[test]
    fn every_format_becomes_the_same_half() {
        let check = |bytes: Vec<u8>, format| {
            let found: Vec<u16> = halves(&bytes, format).iter().map(|n| n.to_bits()).collect();
            assert_eq!(found, [0x3c00, 0xc000], "{format:?}");
        };
        check(le(&[1.0f32, -2.0], |n| n.to_le_bytes()), NumberFormat::F32);
        check(le(&[1.0f64, -2.0], |n| n.to_le_bytes()), NumberFormat::F64);
        check(le(&HALVES[..2], |n| n.to_le_bytes()), NumberFormat::F16);
        check(
            le(&[0x3f80u16, 0xc000], |n| n.to_le_bytes()),
            NumberFormat::Bf16,
        );
    }
}
