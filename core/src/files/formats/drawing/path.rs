//! The path data of SVG: lines and curves as points.
//!
//! Source: Scalable Vector Graphics (SVG) 2, chapter 9.

/// Length of the pieces that curves are divided into, units of the drawing.
const PIECE: f64 = 2.0;
/// Most pieces of one curve.
const MOST_PIECES: f64 = 512.0;

/// A line of a path.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Subpath {
    /// Its points, x to the right and y down, units of the drawing.
    pub points: Vec<[f64; 2]>,
    /// Whether it ends where it begins; the first point is not repeated.
    pub is_closed: bool,
}

/// Reads path data.
///
/// * `budget`: points that may still be made; what is used is taken off.
///
/// # Errors
/// Returns a clause if the data are damaged, have a command that is not supported, or make too many points.
pub(super) fn parse(data: &str, budget: &mut usize) -> Result<Vec<Subpath>, String> {
    let mut pen = Pen::new(budget);
    let mut numbers = Numbers { rest: data };
    let mut command = None;
    loop {
        match numbers.token()? {
            None if command.is_some_and(|own| n_numbers(own) != Ok(0) && !pen.has_drawn) => {
                return Err("the path ends after a command without its numbers".into());
            }
            None => return Ok(pen.finish()),
            Some(Token::Command(own)) => {
                if !pen.has_begun && !matches!(own, 'm' | 'M') {
                    return Err(format!("the path begins with \"{own}\" and not with \"m\""));
                }
                n_numbers(own)?;
                if matches!(own, 'z' | 'Z') {
                    pen.close();
                }
                pen.has_drawn = false;
                command = Some(own);
            }
            Some(Token::Number(first)) => {
                let own = command.ok_or("the path begins with a number")?;
                let n = n_numbers(own)?;
                if n == 0 {
                    return Err(format!("numbers follow \"{own}\", which takes none"));
                }
                let mut values = [0.0; 6];
                values[0] = first;
                for value in &mut values[1..n] {
                    *value = numbers.number()?;
                }
                pen.draw(own, values)?;
                // Further pairs after a move are lines.
                command = Some(match own {
                    'm' => 'l',
                    'M' => 'L',
                    other => other,
                });
            }
        }
    }
}

/// How many numbers a command takes.
fn n_numbers(command: char) -> Result<usize, String> {
    match command.to_ascii_lowercase() {
        'm' | 'l' => Ok(2),
        'h' | 'v' => Ok(1),
        'c' => Ok(6),
        's' | 'q' => Ok(4),
        'z' => Ok(0),
        _ => Err(format!(
            "the path has the command \"{}\", which is not supported",
            command.escape_debug()
        )),
    }
}

/// Where a path has got to.
struct Pen<'b> {
    subpaths: Vec<Subpath>,
    own: Subpath,
    at: [f64; 2],
    /// Where the next "s" begins to bend.
    mirrored: Option<[f64; 2]>,
    has_begun: bool,
    /// Whether the command that is being read has had numbers.
    has_drawn: bool,
    budget: &'b mut usize,
}

impl<'b> Pen<'b> {
    fn new(budget: &'b mut usize) -> Self {
        Self {
            subpaths: Vec::new(),
            own: Subpath::default(),
            at: [0.0; 2],
            mirrored: None,
            has_begun: false,
            has_drawn: false,
            budget,
        }
    }

    fn draw(&mut self, command: char, values: [f64; 6]) -> Result<(), String> {
        let from = if command.is_ascii_lowercase() {
            self.at
        } else {
            [0.0; 2]
        };
        let point = |k: usize| [values[2 * k] + from[0], values[2 * k + 1] + from[1]];
        self.has_drawn = true;
        let mirrored = self.mirrored.take();
        match command.to_ascii_lowercase() {
            'm' => {
                self.begin(point(0));
                Ok(())
            }
            'l' => self.line(point(0)),
            'h' => self.line([values[0] + from[0], self.at[1]]),
            'v' => self.line([self.at[0], values[0] + from[1]]),
            'c' => self.curve([point(0), point(1), point(2)]),
            's' => self.curve([mirrored.unwrap_or(self.at), point(0), point(1)]),
            _ => {
                // A curve of the second degree, raised to the third.
                let (start, bend, end) = (self.at, point(0), point(1));
                let third = |a: [f64; 2]| {
                    std::array::from_fn(|axis| a[axis] + 2.0 / 3.0 * (bend[axis] - a[axis]))
                };
                self.curve([third(start), third(end), end])?;
                self.mirrored = None;
                Ok(())
            }
        }
    }

    fn begin(&mut self, at: [f64; 2]) {
        self.end();
        self.at = at;
        self.own = Subpath::default();
        self.has_begun = true;
    }

    fn line(&mut self, to: [f64; 2]) -> Result<(), String> {
        self.start()?;
        self.push(to)
    }

    fn curve(&mut self, [a, b, end]: [[f64; 2]; 3]) -> Result<(), String> {
        self.start()?;
        let start = self.at;
        let apart = |p: [f64; 2], q: [f64; 2]| (p[0] - q[0]).hypot(p[1] - q[1]);
        let length = apart(start, a) + apart(a, b) + apart(b, end);
        let n = (length / PIECE).ceil().clamp(4.0, MOST_PIECES);
        for k in 1..=n as u32 {
            let t = f64::from(k) / n;
            let s = 1.0 - t;
            let weights = [s * s * s, 3.0 * s * s * t, 3.0 * s * t * t, t * t * t];
            let at = std::array::from_fn(|axis| {
                let corners = [start[axis], a[axis], b[axis], end[axis]];
                corners.iter().zip(weights).map(|(x, w)| x * w).sum()
            });
            self.push(at)?;
        }
        self.at = end;
        self.mirrored = Some(std::array::from_fn(|axis| 2.0 * end[axis] - b[axis]));
        Ok(())
    }

    /// The first point of a line is that of the pen.
    fn start(&mut self) -> Result<(), String> {
        if self.own.points.is_empty() {
            self.push(self.at)?;
        }
        Ok(())
    }

    fn push(&mut self, to: [f64; 2]) -> Result<(), String> {
        if !to.iter().all(|value| value.is_finite()) {
            return Err("the path has a coordinate that is not a finite number".into());
        }
        *self.budget = self
            .budget
            .checked_sub(1)
            .ok_or("the drawing has far more points than a flat map needs")?;
        self.own.points.push(to);
        self.at = to;
        Ok(())
    }

    fn close(&mut self) {
        self.mirrored = None;
        if let Some(first) = self.own.points.first().copied() {
            self.own.is_closed = true;
            self.end();
            self.at = first;
        }
    }

    fn end(&mut self) {
        let own = std::mem::take(&mut self.own);
        if own.points.len() > 1 {
            self.subpaths.push(own);
        }
    }

    fn finish(mut self) -> Vec<Subpath> {
        self.end();
        self.subpaths
    }
}

enum Token {
    Command(char),
    Number(f64),
}

/// Commands and numbers of path data or of a transform.
pub(super) struct Numbers<'t> {
    pub(super) rest: &'t str,
}

impl Numbers<'_> {
    fn token(&mut self) -> Result<Option<Token>, String> {
        self.skip();
        match self.rest.chars().next() {
            None => Ok(None),
            Some(c) if c.is_alphabetic() => {
                self.rest = &self.rest[c.len_utf8()..];
                Ok(Some(Token::Command(c)))
            }
            Some(_) => self.number().map(|value| Some(Token::Number(value))),
        }
    }

    fn skip(&mut self) {
        let is_between = |c: char| c == ',' || c.is_ascii_whitespace();
        self.rest = self.rest.trim_start_matches(is_between);
    }

    /// The next number. Numbers may stand without space between them: "1.5.5-3" is 1.5, 0.5 and -3.
    pub(super) fn number(&mut self) -> Result<f64, String> {
        self.skip();
        let bytes = self.rest.as_bytes();
        let mut end = usize::from(matches!(bytes.first(), Some(b'+' | b'-')));
        let digits = |from: usize| {
            let digits = bytes[from..].iter().take_while(|b| b.is_ascii_digit());
            from + digits.count()
        };
        end = digits(end);
        if bytes.get(end) == Some(&b'.') {
            end = digits(end + 1);
        }
        if matches!(bytes.get(end), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
            let after = digits(end + 1 + sign);
            if after > end + 1 + sign {
                end = after;
            }
        }
        let (own, rest) = self.rest.split_at(end);
        self.rest = rest;
        own.parse().map_err(|_| {
            let beginning: String = [own, rest].concat().chars().take(12).collect();
            format!(
                "a number is expected where it has \"{}\"",
                beginning.escape_debug()
            )
        })
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "the values are exact in binary")]
mod tests {
    use super::*;

    fn points(data: &str) -> Vec<Subpath> {
        parse(data, &mut 10_000).unwrap()
    }

    #[test]
    fn lines_may_be_written_in_many_ways() {
        let square = [[1.0, 2.0], [4.0, 2.0], [4.0, 6.0], [1.0, 6.0]];
        for data in [
            "m 1,2 3,0 0,4 -3,0 z",
            "M1 2L4 2 4 6 1 6Z",
            "M1,2h3v4h-3z",
            "M 1 2 H 4 V 6 H 1 Z",
            "m1 2l3-0 0 4-3.0.0z",
            "M1e0,2E+0h30e-1v4h-3z",
        ] {
            let found = points(data);
            assert_eq!(found.len(), 1, "{data}");
            assert_eq!(found[0].points, square, "{data}");
            assert!(found[0].is_closed);
        }
        let two = points("m 0,0 1,0 z m 5,5 1,1 m 1,1 1,1");
        let begins: Vec<[f64; 2]> = two.iter().map(|own| own.points[0]).collect();
        assert_eq!(begins, [[0.0, 0.0], [5.0, 5.0], [7.0, 7.0]]);
        assert!(!two[1].is_closed);
    }

    #[test]
    fn curves_pass_through_the_points_of_their_formula() {
        let middle = |found: &[Subpath]| {
            let points = &found[0].points;
            points[points.len() / 2]
        };
        // At half of the way: (p0 + 3 p1 + 3 p2 + p3) / 8.
        assert_eq!(middle(&points("M0,0 C0,4 8,4 8,0")), [4.0, 3.0]);
        assert_eq!(middle(&points("m0,0 c0,4 8,4 8,0")), [4.0, 3.0]);
        // (p0 + 2 p1 + p2) / 4.
        let [x, y] = middle(&points("M0,0 Q4,8 8,0"));
        assert!((x - 4.0).abs() < 1e-12 && (y - 4.0).abs() < 1e-12);
        // "s" goes on as it came.
        let smooth = points("M0,0 C0,4 8,4 8,0 S16,-4 16,0");
        let explicit = points("M0,0 C0,4 8,4 8,0 C8,-4 16,-4 16,0");
        assert_eq!(smooth, explicit);
    }

    #[test]
    fn what_is_damaged_or_unknown_is_refused_by_name() {
        for (data, word) in [
            ("m 1,2 a 1,1 0 0 0 3,3", "\"a\""),
            ("l 1,2", "begins with \"l\""),
            ("1,2", "begins with a number"),
            ("m 1", "a number is expected"),
            ("m 1,2 l 3,x", "a number is expected where it has \"x\""),
            ("m 1,2 z 3", "takes none"),
            ("m 1,2 c", "without its numbers"),
            ("m 1e999,2 3,4", "not a finite number"),
        ] {
            let refused = parse(data, &mut 1000).unwrap_err();
            assert!(refused.contains(word), "{data}: {refused}");
        }
        let many = parse("m 0,0 c 0,9999 0,9999 0,9999", &mut 100);
        assert!(many.unwrap_err().contains("far more points"));
    }
}
