//! Axes: ranges from the data, ticks at round numbers.

/// Ticks of an axis, about.
const N_TICKS: f64 = 6.0;

/// One axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    /// Title with the unit; empty for none.
    pub title: String,
    /// Values at its ends, the lower or left one first.
    pub range: [f64; 2],
    /// What stands at its ticks in place of numbers.
    pub names: Option<Names>,
}

/// Words at places of an axis.
pub type Names = Vec<(f64, String)>;

impl Axis {
    /// An axis of numbers over a range.
    #[must_use]
    pub fn over(title: &str, range: [f64; 2]) -> Self {
        Self {
            title: title.into(),
            range,
            names: None,
        }
    }

    /// An axis with words in place of numbers.
    #[must_use]
    pub fn named(title: &str, range: [f64; 2], names: Names) -> Self {
        Self {
            title: title.into(),
            range,
            names: Some(names),
        }
    }

    /// Where ticks stand, and what stands beside them, for an axis of a length in points; labels take `room` points each.
    #[must_use]
    pub fn ticks(&self, length: f64, room: f64) -> Names {
        if let Some(names) = &self.names {
            let most = (length / room).max(1.0);
            let every = (names.len() as f64 / most).ceil().max(1.0) as usize;
            return names.iter().step_by(every).cloned().collect();
        }
        let [a, b] = self.range;
        let ordered = [a.min(b), a.max(b)];
        let step = step_of(ordered, N_TICKS.min((length / room).floor()));
        let label = |value: f64| (value, tick_label(value, step));
        ticks(ordered, step).into_iter().map(label).collect()
    }
}

/// Multiples of a step within a range; none if the range is not finite.
#[must_use]
pub fn ticks([low, high]: [f64; 2], step: f64) -> Vec<f64> {
    let first = (low / step - 1e-9).ceil();
    let last = (high / step + 1e-9).floor();
    if !(last - first).is_finite() || last - first > 1000.0 {
        return vec![];
    }
    let n_steps = (last - first).max(-1.0) as i64;
    (0..=n_steps)
        .map(|at| (first + at as f64) * step)
        // Adding 0 turns −0 into 0.
        .map(|tick| tick + 0.0)
        .collect()
}

/// A step of 1, 2 or 5 times a power of ten that gives a range about six ticks.
#[must_use]
pub fn step(range: [f64; 2]) -> f64 {
    step_of(range, N_TICKS)
}

/// A step of 1, 2 or 5 times a power of ten that gives a range at most so many ticks.
#[must_use]
pub fn step_of([low, high]: [f64; 2], n_ticks: f64) -> f64 {
    let rough = ((high - low) / n_ticks.max(1.0)).max(1e-9);
    let power = 10_f64.powf(rough.log10().floor());
    let factor = [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .find(|factor| factor * power >= rough * (1.0 - 1e-9));
    factor.unwrap_or(10.0) * power
}

/// The range of some values, widened to whole steps and to `least`.
pub fn range(values: impl Iterator<Item = f64>, [low, high]: [f64; 2]) -> [f64; 2] {
    let (low, high) = values
        .filter(|value| value.is_finite())
        .fold((low, high), |(low, high), value| {
            (low.min(value), high.max(value))
        });
    let high = if high > low { high } else { low + 1.0 };
    let step = step([low, high]);
    [
        (low / step + 1e-9).floor() * step,
        (high / step - 1e-9).ceil() * step,
    ]
}

/// A tick's number with as many decimals as its step needs: `0.05`, `−0.2`, `20,000`.
#[must_use]
pub fn tick_label(value: f64, step: f64) -> String {
    let n_decimals = (-(step.log10() + 1e-9).floor()).clamp(0.0, 9.0) as usize;
    let text = format!("{:.n_decimals$}", value.abs());
    let (whole, decimals) = text
        .split_once('.')
        .map_or((text.as_str(), ""), |parts| parts);
    let mut grouped = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let is_zero = text.chars().all(|letter| letter == '0' || letter == '.');
    let sign = if value < 0.0 && !is_zero { "−" } else { "" };
    if decimals.is_empty() {
        format!("{sign}{grouped}")
    } else {
        format!("{sign}{grouped}.{decimals}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_stand_at_round_numbers_within_the_range() {
        for (range, expected) in [
            ([0.0, 0.3], &[0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3][..]),
            ([-0.1, 0.5], &[-0.1, 0.0, 0.1, 0.2, 0.3, 0.4, 0.5]),
            (
                [0.0, 1_200.0],
                &[0.0, 200.0, 400.0, 600.0, 800.0, 1000.0, 1200.0],
            ),
        ] {
            let found = ticks(range, step(range));
            assert_eq!(found.len(), expected.len(), "{found:?}");
            assert!(
                found
                    .iter()
                    .all(|tick| *tick != 0.0 || tick.is_sign_positive())
            );
            for (found, expected) in found.iter().zip(expected) {
                assert!((found - expected).abs() < 1e-9);
            }
        }
        for endless in [[0.0, f64::INFINITY], [f64::NAN, 1.0]] {
            assert!(ticks(endless, step(endless)).is_empty());
        }
    }

    #[test]
    fn a_range_is_that_of_the_data_in_whole_steps() {
        let found = range([0.013, 0.171, f64::NAN].into_iter(), [0.0, 0.0]);
        assert!(
            (found[0]).abs() < 1e-12 && (found[1] - 0.2).abs() < 1e-9,
            "{found:?}"
        );
        let found = range([-0.21, 0.4].into_iter(), [0.0, 0.0]);
        assert!(found[0] <= -0.21 && found[1] >= 0.4, "{found:?}");
        // Without values there is still a range.
        let found = range(std::iter::empty(), [0.0, 0.0]);
        assert!(found[1] > found[0]);
    }

    #[test]
    fn labels_have_the_decimals_of_their_step() {
        for (value, step, label) in [
            (0.3, 0.1, "0.3"),
            (0.1 + 0.2, 0.05, "0.30"),
            (-0.2, 0.2, "−0.2"),
            (-0.0, 0.2, "0.0"),
            (20_000.0, 5000.0, "20,000"),
            (1_234_567.0, 1.0, "1,234,567"),
            (2.0, 1.0, "2"),
        ] {
            assert_eq!(tick_label(value, step), label);
        }
    }

    #[test]
    fn a_short_axis_has_fewer_ticks_and_names() {
        let axis = Axis::over("r", [0.0, 1.0]);
        assert!(axis.ticks(400.0, 40.0).len() > axis.ticks(90.0, 40.0).len());
        let names: Names = (0..20).map(|at| (f64::from(at), at.to_string())).collect();
        let axis = Axis::named("", [0.0, 19.0], names);
        assert_eq!(axis.ticks(1000.0, 40.0).len(), 20);
        assert_eq!(axis.ticks(200.0, 40.0).len(), 5);
    }
}
