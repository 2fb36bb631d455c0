//! Codes of variable length for the coefficients of a block (9.2).

use super::bits::Bits;

/// Length and bits of a code.
type Code = (u8, u8);

/// How many coefficients the neighbours have, which chooses a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Context {
    /// The mean number of the blocks at the left and above.
    Neighbours(u8),
    /// The four means of a colour difference have a table of their own.
    ChromaMeans,
}

/// Codes of the number of coefficients, and of how many of the last ones are ±1: four for each number (Table 9-5). Lengths, then bits.
const COUNT_LENGTHS: [[u8; 68]; 3] = [
    [
        1, 0, 0, 0, 6, 2, 0, 0, 8, 6, 3, 0, 9, 8, 7, 5, 10, 9, 8, 6, 11, 10, 9, 7, 13, 11, 10, 8,
        13, 13, 11, 9, 13, 13, 13, 10, 14, 14, 13, 11, 14, 14, 14, 13, 15, 15, 14, 14, 15, 15, 15,
        14, 16, 15, 15, 15, 16, 16, 16, 15, 16, 16, 16, 16, 16, 16, 16, 16,
    ],
    [
        2, 0, 0, 0, 6, 2, 0, 0, 6, 5, 3, 0, 7, 6, 6, 4, 8, 6, 6, 4, 8, 7, 7, 5, 9, 8, 8, 6, 11, 9,
        9, 6, 11, 11, 11, 7, 12, 11, 11, 9, 12, 12, 12, 11, 12, 12, 12, 11, 13, 13, 13, 12, 13, 13,
        13, 13, 13, 14, 13, 13, 14, 14, 14, 13, 14, 14, 14, 14,
    ],
    [
        4, 0, 0, 0, 6, 4, 0, 0, 6, 5, 4, 0, 6, 5, 5, 4, 7, 5, 5, 4, 7, 5, 5, 4, 7, 6, 6, 4, 7, 6,
        6, 4, 8, 7, 7, 5, 8, 8, 7, 6, 9, 8, 8, 7, 9, 9, 8, 8, 9, 9, 9, 8, 10, 9, 9, 9, 10, 10, 10,
        10, 10, 10, 10, 10, 10, 10, 10, 10,
    ],
];
const COUNT_BITS: [[u8; 68]; 3] = [
    [
        1, 0, 0, 0, 5, 1, 0, 0, 7, 4, 1, 0, 7, 6, 5, 3, 7, 6, 5, 3, 7, 6, 5, 4, 15, 6, 5, 4, 11,
        14, 5, 4, 8, 10, 13, 4, 15, 14, 9, 4, 11, 10, 13, 12, 15, 14, 9, 12, 11, 10, 13, 8, 15, 1,
        9, 12, 11, 14, 13, 8, 7, 10, 9, 12, 4, 6, 5, 8,
    ],
    [
        3, 0, 0, 0, 11, 2, 0, 0, 7, 7, 3, 0, 7, 10, 9, 5, 7, 6, 5, 4, 4, 6, 5, 6, 7, 6, 5, 8, 15,
        6, 5, 4, 11, 14, 13, 4, 15, 10, 9, 4, 11, 14, 13, 12, 8, 10, 9, 8, 15, 14, 13, 12, 11, 10,
        9, 12, 7, 11, 6, 8, 9, 8, 10, 1, 7, 6, 5, 4,
    ],
    [
        15, 0, 0, 0, 15, 14, 0, 0, 11, 15, 13, 0, 8, 12, 14, 12, 15, 10, 11, 11, 11, 8, 9, 10, 9,
        14, 13, 9, 8, 10, 9, 8, 15, 14, 13, 13, 11, 14, 10, 12, 15, 10, 13, 12, 11, 14, 9, 12, 8,
        10, 13, 8, 13, 7, 9, 12, 9, 12, 11, 10, 5, 8, 7, 6, 1, 4, 3, 2,
    ],
];
const CHROMA_COUNTS: [Code; 20] = [
    (2, 1),
    (0, 0),
    (0, 0),
    (0, 0),
    (6, 7),
    (1, 1),
    (0, 0),
    (0, 0),
    (6, 4),
    (6, 6),
    (3, 1),
    (0, 0),
    (6, 3),
    (7, 3),
    (7, 2),
    (6, 5),
    (6, 2),
    (8, 3),
    (8, 2),
    (7, 0),
];

/// Codes of the zeros before the last coefficient, by the number of coefficients (Tables 9-7, 9-8). Lengths, then bits.
const ZERO_LENGTHS: [&[u8]; 15] = [
    &[1, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 9],
    &[3, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 6, 6, 6, 6],
    &[4, 3, 3, 3, 4, 4, 3, 3, 4, 5, 5, 6, 5, 6],
    &[5, 3, 4, 4, 3, 3, 3, 4, 3, 4, 5, 5, 5],
    &[4, 4, 4, 3, 3, 3, 3, 3, 4, 5, 4, 5],
    &[6, 5, 3, 3, 3, 3, 3, 3, 4, 3, 6],
    &[6, 5, 3, 3, 3, 2, 3, 4, 3, 6],
    &[6, 4, 5, 3, 2, 2, 3, 3, 6],
    &[6, 6, 4, 2, 2, 3, 2, 5],
    &[5, 5, 3, 2, 2, 2, 4],
    &[4, 4, 3, 3, 1, 3],
    &[4, 4, 2, 1, 3],
    &[3, 3, 1, 2],
    &[2, 2, 1],
    &[1, 1],
];
const ZERO_BITS: [&[u8]; 15] = [
    &[1, 3, 2, 3, 2, 3, 2, 3, 2, 3, 2, 3, 2, 3, 2, 1],
    &[7, 6, 5, 4, 3, 5, 4, 3, 2, 3, 2, 3, 2, 1, 0],
    &[5, 7, 6, 5, 4, 3, 4, 3, 2, 3, 2, 1, 1, 0],
    &[3, 7, 5, 4, 6, 5, 4, 3, 3, 2, 2, 1, 0],
    &[5, 4, 3, 7, 6, 5, 4, 3, 2, 1, 1, 0],
    &[1, 1, 7, 6, 5, 4, 3, 2, 1, 1, 0],
    &[1, 1, 5, 4, 3, 3, 2, 1, 1, 0],
    &[1, 1, 1, 3, 3, 2, 2, 1, 0],
    &[1, 0, 1, 3, 2, 1, 1, 1],
    &[1, 0, 1, 3, 2, 1, 1],
    &[0, 1, 1, 2, 1, 3],
    &[0, 1, 1, 1, 1],
    &[0, 1, 1, 1],
    &[0, 1, 1],
    &[0, 1],
];
/// The same of the four means of a colour difference.
const CHROMA_ZEROS: [&[Code]; 3] = [
    &[(1, 1), (2, 1), (3, 1), (3, 0)],
    &[(1, 1), (2, 1), (2, 0)],
    &[(1, 1), (1, 0)],
];

/// Codes of the zeros before a coefficient, by how many are left, up to 6 and more (Table 9-10).
const RUNS: [&[Code]; 7] = [
    &[(1, 1), (1, 0)],
    &[(1, 1), (2, 1), (2, 0)],
    &[(2, 3), (2, 2), (2, 1), (2, 0)],
    &[(2, 3), (2, 2), (2, 1), (3, 1), (3, 0)],
    &[(2, 3), (2, 2), (3, 3), (3, 2), (3, 1), (3, 0)],
    &[(2, 3), (3, 0), (3, 1), (3, 3), (3, 2), (3, 5), (3, 4)],
    &[
        (3, 7),
        (3, 6),
        (3, 5),
        (3, 4),
        (3, 3),
        (3, 2),
        (3, 1),
        (4, 1),
        (5, 1),
        (6, 1),
        (7, 1),
        (8, 1),
        (9, 1),
        (10, 1),
        (11, 1),
    ],
];

/// Writes the levels of a block in the stream's order; returns how many are not 0.
///
/// * `levels`: 16, 15 or 4.
pub(super) fn write(bits: &mut Bits, levels: &[i32], context: Context) -> u8 {
    // From the highest on: the level, and the zeros before it.
    let mut found: Vec<(i32, usize)> = Vec::with_capacity(16);
    let mut n_zeros = 0;
    let mut run = 0;
    for level in levels {
        if *level == 0 {
            run += 1;
        } else {
            found.push((*level, run));
            n_zeros += run;
            run = 0;
        }
    }
    found.reverse();
    let n = found.len();
    let ones = found.iter().take(3);
    let n_ones = ones.take_while(|(level, _)| level.abs() == 1).count();
    let (length, code) = count_code(n, n_ones, context);
    bits.put(u32::from(code), u32::from(length));
    if n == 0 {
        return 0;
    }
    for (level, _) in &found[..n_ones] {
        bits.flag(*level < 0);
    }
    let mut suffix = u32::from(n > 10 && n_ones < 3);
    for (at, (level, _)) in found.iter().enumerate().skip(n_ones) {
        // The first that could be ±1 but is not begins one higher.
        let is_higher = at == n_ones && n_ones < 3;
        write_level(bits, *level, is_higher, suffix);
        suffix = suffix.max(1);
        if level.abs() > 3 << (suffix - 1) && suffix < 6 {
            suffix += 1;
        }
    }
    if n < levels.len() {
        let (length, code) = zeros_code(n, n_zeros, context);
        bits.put(u32::from(code), u32::from(length));
    }
    let mut left = n_zeros;
    // The lowest takes what is left.
    for (_, run) in &found[..n - 1] {
        if left == 0 {
            break;
        }
        let (length, code) = RUNS[left.min(7) - 1][*run];
        bits.put(u32::from(code), u32::from(length));
        left -= run;
    }
    n as u8
}

fn count_code(n: usize, n_ones: usize, context: Context) -> Code {
    let at = 4 * n + n_ones;
    let table = match context {
        Context::ChromaMeans => return CHROMA_COUNTS[at],
        Context::Neighbours(0 | 1) => 0,
        Context::Neighbours(2 | 3) => 1,
        Context::Neighbours(4..=7) => 2,
        Context::Neighbours(_) if n == 0 => return (6, 3),
        Context::Neighbours(_) => return (6, (4 * (n - 1) + n_ones) as u8),
    };
    (COUNT_LENGTHS[table][at], COUNT_BITS[table][at])
}

fn zeros_code(n: usize, n_zeros: usize, context: Context) -> Code {
    match context {
        Context::ChromaMeans => CHROMA_ZEROS[n - 1][n_zeros],
        Context::Neighbours(_) => (ZERO_LENGTHS[n - 1][n_zeros], ZERO_BITS[n - 1][n_zeros]),
    }
}

/// A level as zeros, a one, and `suffix` bits (9.2.2.1).
fn write_level(bits: &mut Bits, level: i32, is_higher: bool, suffix: u32) {
    let sign = u32::from(level < 0);
    let code = 2 * (level.unsigned_abs() - 1 - u32::from(is_higher)) + sign;
    let prefix = |bits: &mut Bits, n_zeros: u32| bits.put(1, n_zeros + 1);
    let escaped = if suffix == 0 { 30 } else { 15 << suffix };
    if code >= escaped {
        prefix(bits, 15);
        bits.put((code - escaped).min(4095), 12);
    } else if suffix == 0 && code >= 14 {
        prefix(bits, 14);
        bits.put(code - 14, 4);
    } else {
        prefix(bits, code >> suffix);
        bits.put(code & ((1 << suffix) - 1), suffix);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// No code begins another one; what share of all bits they use.
    fn share(codes: &[Code]) -> f64 {
        let codes: Vec<Code> = codes.iter().copied().filter(|code| code.0 > 0).collect();
        for (at, a) in codes.iter().enumerate() {
            for b in &codes[at + 1..] {
                let n = a.0.min(b.0);
                assert_ne!(
                    u32::from(a.1) >> (a.0 - n),
                    u32::from(b.1) >> (b.0 - n),
                    "{a:?} {b:?}"
                );
            }
        }
        codes
            .iter()
            .map(|code| 0.5_f64.powi(i32::from(code.0)))
            .sum()
    }

    #[test]
    fn codes_can_be_told_apart() {
        for (lengths, bits) in COUNT_LENGTHS.iter().zip(&COUNT_BITS) {
            let codes: Vec<Code> = lengths.iter().copied().zip(bits.iter().copied()).collect();
            assert_eq!(codes.iter().filter(|code| code.0 > 0).count(), 62);
            assert!(share(&codes) > 0.98);
        }
        assert!(share(&CHROMA_COUNTS) > 0.98);
        for (lengths, bits) in ZERO_LENGTHS.iter().zip(ZERO_BITS) {
            let codes: Vec<Code> = lengths.iter().copied().zip(bits.iter().copied()).collect();
            assert!(share(&codes) > 0.98, "{codes:?}");
        }
        for codes in CHROMA_ZEROS.iter().chain(&RUNS) {
            assert!(share(codes) > 0.98, "{codes:?}");
        }
    }
}
