//! Random numbers identical to those of Python's `random` module, for reproducing seeded runs of Python scripts.

use rand_mt::Mt;

/// Python's generator, MT19937.
#[derive(Debug, Clone)]
pub struct PythonRandom(Mt);

impl PythonRandom {
    /// Seeds the generator as `random.seed(seed)` does.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let (low, high) = (seed as u32, (seed >> 32) as u32);
        let key = if high == 0 {
            vec![low]
        } else {
            vec![low, high]
        };
        Self(Mt::new_with_key(key))
    }

    /// Shuffles as `random.shuffle(items)` does.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = self.below(last + 1);
            items.swap(last, other);
        }
    }

    /// Returns an integer in `0..end`, as `random.randrange(end)` does; 0 if `end` is 0.
    ///
    /// `end` must be below 2³².
    pub fn below(&mut self, end: usize) -> usize {
        let n_bits = usize::BITS - end.leading_zeros();
        if n_bits == 0 {
            return 0;
        }
        loop {
            let value = (self.0.next_u32() >> 32_u32.saturating_sub(n_bits)) as usize;
            if value < end {
                return value;
            }
        }
    }

    /// Returns a number in `[0, 1)`, as `random.random()` does.
    pub fn unit(&mut self) -> f64 {
        let high = f64::from(self.0.next_u32() >> 5);
        let low = f64::from(self.0.next_u32() >> 6);
        (high * 67_108_864.0 + low) / 9_007_199_254_740_992.0
    }

    /// Returns a standard normal number, by Marsaglia's polar method (1962). Python's own `gauss` uses another method, so
    /// these numbers differ from Python's.
    pub fn normal(&mut self) -> f64 {
        loop {
            let (x, y) = (2.0 * self.unit() - 1.0, 2.0 * self.unit() - 1.0);
            let square = x * x + y * y;
            if square > 0.0 && square < 1.0 {
                return x * (-2.0 * square.ln() / square).sqrt();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `CPython` 3.11: `random.seed(s); l = list(range(10)); random.shuffle(l); l, random.random(), random.randrange(1000)`.
    #[test]
    fn shuffles_are_those_of_python() {
        for (seed, order, unit, below) in [
            (
                0,
                [7, 8, 1, 5, 3, 4, 2, 0, 9, 6],
                0.358_049_374_694_988_3,
                913,
            ),
            (
                11,
                [2, 6, 0, 1, 5, 4, 3, 9, 8, 7],
                0.629_882_720_216_801_9,
                812,
            ),
            (
                42,
                [7, 3, 2, 8, 5, 6, 9, 4, 0, 1],
                0.590_492_512_449_039_7,
                32,
            ),
            (
                1_099_511_627_783,
                [0, 5, 2, 3, 6, 1, 8, 4, 7, 9],
                0.393_179_591_320_302_56,
                460,
            ),
        ] {
            let mut random = PythonRandom::new(seed);
            let mut items: Vec<usize> = (0..10).collect();
            random.shuffle(&mut items);
            assert_eq!(items, order, "seed {seed}");
            assert!((random.unit() - unit).abs() < 1e-16, "seed {seed}");
            assert_eq!(random.below(1000), below, "seed {seed}");
        }
    }

    #[test]
    fn normal_numbers_have_mean_0_and_variance_1() {
        let mut random = PythonRandom::new(3);
        let n = 100_000;
        let values: Vec<f64> = (0..n).map(|_| random.normal()).collect();
        let mean = values.iter().sum::<f64>() / f64::from(n);
        let square = values.iter().map(|value| value * value).sum::<f64>() / f64::from(n);
        // Within four standard errors.
        assert!(mean.abs() < 4.0 / f64::from(n).sqrt(), "{mean}");
        assert!(
            (square - 1.0).abs() < 4.0 * (2.0 / f64::from(n)).sqrt(),
            "{square}"
        );
    }
}
