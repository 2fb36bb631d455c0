//! Bits and the codes of numbers.

/// Bits, the highest of each byte first.
#[derive(Debug, Default)]
pub(super) struct Bits {
    bytes: Vec<u8>,
    /// Bits that wait for a whole byte, the latest lowest.
    waiting: u64,
    n_waiting: u32,
}

impl Bits {
    /// Adds the lowest `n` ≤ 32 bits of a value.
    pub(super) fn put(&mut self, value: u32, n: u32) {
        let mask = (1_u64 << n) - 1;
        self.waiting = self.waiting << n | u64::from(value) & mask;
        self.n_waiting += n;
        while self.n_waiting >= 8 {
            self.n_waiting -= 8;
            self.bytes.push((self.waiting >> self.n_waiting) as u8);
        }
    }

    pub(super) fn flag(&mut self, value: bool) {
        self.put(u32::from(value), 1);
    }

    /// An unsigned Exp-Golomb code (9.1): as many zeros as there are digits behind the first one of `value + 1`.
    pub(super) fn unsigned(&mut self, value: u32) {
        let n = (value + 1).ilog2();
        self.put(0, n);
        self.put(value + 1, n + 1);
    }

    /// `se(v)`, 9.1.1: 0, 1, −1, 2, −2 …
    pub(super) fn signed(&mut self, value: i32) {
        let code = if value > 0 { 2 * value - 1 } else { -2 * value };
        self.unsigned(code as u32);
    }

    /// Bits of a number as `se(v)`.
    pub(super) fn signed_length(value: i32) -> u32 {
        let code = 2 * value.unsigned_abs() + 1;
        2 * code.ilog2() + 1
    }

    /// Ends with a one and zeros up to a whole byte (7.3.2.11).
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.put(1, 1);
        let n_missing = (8 - self.n_waiting) % 8;
        self.put(0, n_missing);
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_codes_of_the_standard() {
        for (value, code) in [
            (0, "1"),
            (1, "010"),
            (2, "011"),
            (3, "00100"),
            (8, "0001001"),
        ] {
            let mut bits = Bits::default();
            bits.unsigned(value);
            let n = code.len() as u32;
            bits.put(0, 32 - n);
            let found = u32::from_be_bytes(bits.bytes.clone().try_into().unwrap());
            assert_eq!(
                format!("{:0width$b}", found >> (32 - n), width = n as usize),
                code
            );
        }
        let code = |value: i32| {
            let mut bits = Bits::default();
            bits.signed(value);
            (bits.bytes.len() as u32 * 8 + bits.n_waiting, bits.waiting)
        };
        // 1 is coded as 1, −1 as 2, 2 as 3.
        assert_eq!([code(0), code(1), code(-1)], [(1, 1), (3, 2), (3, 3)]);
        for value in -20..20 {
            assert_eq!(code(value).0, Bits::signed_length(value), "{value}");
        }
    }
}
