//! Transforms of SVG elements.
//!
//! Source: CSS Transforms Module Level 1, chapter 8.

use super::path::Numbers;

/// x' = a x + c y + e, y' = b x + d y + f.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Affine([f64; 6]);

impl Affine {
    pub(super) const IDENTITY: Self = Self([1.0, 0.0, 0.0, 1.0, 0.0, 0.0]);

    pub(super) fn translation(x: f64, y: f64) -> Self {
        Self([1.0, 0.0, 0.0, 1.0, x, y])
    }

    pub(super) fn apply(&self, [x, y]: [f64; 2]) -> [f64; 2] {
        let [a, b, c, d, e, f] = self.0;
        [a * x + c * y + e, b * x + d * y + f]
    }

    /// Another transform, then this one.
    pub(super) fn after(&self, first: &Self) -> Self {
        let [a, b, c, d, e, f] = first.0;
        let turn = |x: f64, y: f64| {
            let [origin_x, origin_y] = self.apply([0.0; 2]);
            let [to_x, to_y] = self.apply([x, y]);
            [to_x - origin_x, to_y - origin_y]
        };
        let ([a, b], [c, d], [e, f]) = (turn(a, b), turn(c, d), self.apply([e, f]));
        Self([a, b, c, d, e, f])
    }

    /// The transform back; none if this one maps all points onto a line.
    pub(super) fn inverse(&self) -> Option<Self> {
        let [a, b, c, d, e, f] = self.0;
        let scale = a * d - b * c;
        let own = [d, -b, -c, a, c * f - d * e, b * e - a * f].map(|value| value / scale);
        own.iter()
            .all(|value| value.is_finite())
            .then_some(Self(own))
    }

    /// Reads a list such as `translate(3, 4) scale(2)`.
    ///
    /// # Errors
    /// Returns a clause if it is damaged, or has a transform that is not supported.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut all = Self::IDENTITY;
        let between = |c: char| c == ',' || c.is_ascii_whitespace();
        let mut rest = text.trim_matches(between);
        while !rest.is_empty() {
            let parts = rest.split_once('(').and_then(|(name, after)| {
                let (values, rest) = after.split_once(')')?;
                Some((name.trim(), values, rest))
            });
            let (name, values, after) = parts.ok_or("a transform has no parentheses")?;
            all = all.after(&one(name, &numbers(values)?)?);
            rest = after.trim_matches(between);
        }
        if all.0.iter().all(|value| value.is_finite()) {
            Ok(all)
        } else {
            Err("a transform is not finite".into())
        }
    }
}

/// Six numbers at most.
fn numbers(text: &str) -> Result<Vec<f64>, String> {
    let mut numbers = Numbers { rest: text.trim() };
    let mut values = Vec::new();
    while !numbers.rest.trim_matches([',', ' ', '\t', '\n']).is_empty() && values.len() < 7 {
        values.push(numbers.number()?);
    }
    Ok(values)
}

fn one(name: &str, values: &[f64]) -> Result<Affine, String> {
    let about = |[x, y]: [f64; 2], turn: Affine| {
        let back = turn.after(&Affine::translation(-x, -y));
        Affine::translation(x, y).after(&back)
    };
    let rotation = |degrees: f64| {
        let (sin, cos) = degrees.to_radians().sin_cos();
        Affine([cos, sin, -sin, cos, 0.0, 0.0])
    };
    match (name, values) {
        ("translate", [x]) => Ok(Affine::translation(*x, 0.0)),
        ("translate", [x, y]) => Ok(Affine::translation(*x, *y)),
        ("scale", [s]) => Ok(Affine([*s, 0.0, 0.0, *s, 0.0, 0.0])),
        ("scale", [x, y]) => Ok(Affine([*x, 0.0, 0.0, *y, 0.0, 0.0])),
        ("rotate", [degrees]) => Ok(rotation(*degrees)),
        ("rotate", [degrees, x, y]) => Ok(about([*x, *y], rotation(*degrees))),
        ("matrix", [a, b, c, d, e, f]) => Ok(Affine([*a, *b, *c, *d, *e, *f])),
        _ => Err(format!(
            "the transform \"{}\" with {} numbers is not supported",
            name.chars().take(20).collect::<String>().escape_debug(),
            values.len()
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_of_a_list_is_applied_first() {
        let affine = Affine::parse("translate(10, 20), scale(2) rotate(90)").unwrap();
        let [x, y] = affine.apply([3.0, 1.0]);
        assert!(
            (x - 8.0).abs() < 1e-12 && (y - 26.0).abs() < 1e-12,
            "{x} {y}"
        );
        let [x, y] = Affine::parse("rotate(180 5 5)").unwrap().apply([5.0, 4.0]);
        assert!((x - 5.0).abs() < 1e-12 && (y - 6.0).abs() < 1e-12);
        assert_eq!(Affine::parse("").unwrap(), Affine::IDENTITY);
        for damaged in ["skewX(3)", "translate", "matrix(1 2)", "scale(x)"] {
            assert!(Affine::parse(damaged).is_err(), "{damaged}");
        }
    }
}
