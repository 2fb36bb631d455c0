//! Number formats of weights on disk, and their conversion for the graph.

use half::{bf16, f16};

/// Number format of weights on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NumberFormat {
    /// IEEE single precision.
    F32,
    /// IEEE half precision.
    F16,
    /// bfloat16: the upper half of a single, with its range at lower precision. Storage only.
    Bf16,
    /// IEEE double precision. Storage only.
    F64,
}

impl NumberFormat {
    /// Returns the default format in a graph: this one if graphs compute in it, else single precision.
    #[must_use]
    pub fn usual_in_graph(self) -> Self {
        match self {
            Self::F16 => Self::F16,
            Self::F32 | Self::Bf16 | Self::F64 => Self::F32,
        }
    }

    /// Returns the bytes per number.
    #[must_use]
    pub fn n_bytes(self) -> usize {
        match self {
            Self::F64 => 8,
            Self::F32 => 4,
            Self::F16 | Self::Bf16 => 2,
        }
    }

    /// Decodes little-endian numbers of this format to single precision; doubles are rounded to nearest.
    #[must_use]
    pub fn singles(self, bytes: &[u8]) -> Vec<f32> {
        match self {
            Self::F32 => numbers(bytes, f32::from_le_bytes),
            Self::F64 => numbers(bytes, |bytes| f64::from_le_bytes(bytes) as f32),
            Self::F16 => numbers(bytes, |bytes| f16::from_le_bytes(bytes).to_f32()),
            Self::Bf16 => numbers(bytes, |bytes| bf16::from_le_bytes(bytes).to_f32()),
        }
    }

    /// Decodes little-endian numbers of this format to half precision, rounded to nearest.
    #[must_use]
    pub fn halves(self, bytes: &[u8]) -> Vec<f16> {
        match self {
            Self::F16 => numbers(bytes, f16::from_le_bytes),
            Self::F64 => numbers(bytes, |bytes| f16::from_f64(f64::from_le_bytes(bytes))),
            Self::F32 => numbers(bytes, |bytes| f16::from_f32(f32::from_le_bytes(bytes))),
            Self::Bf16 => numbers(bytes, |bytes| {
                f16::from_f32(bf16::from_le_bytes(bytes).to_f32())
            }),
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// 1, -2, the largest half below 2 and the smallest subnormal, as encoded by IEEE 754.
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
        assert_eq!(bits(NumberFormat::F16.singles(&bytes)), HALVES_AS_SINGLES);
    }

    #[test]
    fn bfloat16_is_the_upper_half_of_a_single() {
        let stored: [u16; 5] = [0x3f80, 0xc049, 0x7f80, 0x0001, 0x8000];
        let bytes = le(&stored, |n| n.to_le_bytes());
        let expected = stored.map(|n| u32::from(n) << 16);
        assert_eq!(bits(NumberFormat::Bf16.singles(&bytes)), expected);
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
        assert_eq!(bits(NumberFormat::F64.singles(&bytes)), expected);
    }

    #[test]
    fn every_format_becomes_the_same_half() {
        let check = |bytes: Vec<u8>, format: NumberFormat| {
            let found: Vec<u16> = format.halves(&bytes).iter().map(|n| n.to_bits()).collect();
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
