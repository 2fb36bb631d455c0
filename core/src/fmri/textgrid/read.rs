//! Parser of the three text formats of `TextGrid` files.

use super::{Interval, TextGrid, TextGridError, Tier};

/// Number of characters of unexpected text shown in an error message.
const SHOWN_CHARS: usize = 40;

/// Parses the long, short or chronological format, in UTF-8 or UTF-16.
pub(super) fn parse(bytes: &[u8]) -> Result<TextGrid, TextGridError> {
    if bytes.starts_with(b"ooBinaryFile") {
        return Err(TextGridError::Binary);
    }
    let text = decoded(bytes)?;
    let mut items = Items::new(&text);
    let grid = match items.text("the kind of file")?.as_str() {
        "ooTextFile" if items.text("\"TextGrid\"")? == "TextGrid" => in_turn(&mut items)?,
        "Praat chronological TextGrid text file" => chronological(&mut items)?,
        _ => return Err(TextGridError::NoTextGrid),
    };
    if items.next().is_some() {
        return Err(TextGridError::Longer { item: items.n_read });
    }
    Ok(grid)
}

/// The file's text, in any encoding that Praat writes.
fn decoded(bytes: &[u8]) -> Result<String, TextGridError> {
    let utf16 = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let (pairs, rest) = bytes.as_chunks::<2>();
        let text =
            char::decode_utf16(pairs.iter().map(|pair| unit(*pair))).collect::<Result<String, _>>();
        text.ok().filter(|_| rest.is_empty())
    };
    let text = match bytes {
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] | rest => str::from_utf8(rest).ok().map(str::to_string),
    };
    text.ok_or(TextGridError::Encoding)
}

/// Tokens that Praat reads: free-standing numbers and quoted strings. Names, punctuation and comments are ignored.
struct Items<'a> {
    rest: &'a str,
    n_read: usize,
    /// The first token that would be a number with a decimal point in place of its comma.
    with_comma: Option<&'a str>,
}

enum Item {
    Number(f64),
    Text(String),
    Flag,
}

impl<'a> Items<'a> {
    fn new(text: &'a str) -> Self {
        Self {
            rest: text,
            n_read: 0,
            with_comma: None,
        }
    }

    fn next(&mut self) -> Option<Item> {
        loop {
            self.rest = self.rest.trim_start();
            if self.rest.starts_with('"') {
                self.n_read += 1;
                return self.quoted().map(Item::Text);
            }
            let end = self
                .rest
                .find(char::is_whitespace)
                .unwrap_or(self.rest.len());
            let (word, rest) = self.rest.split_at(end);
            if word.is_empty() {
                return None;
            }
            if word.starts_with('!') {
                self.rest = rest.find('\n').map_or("", |end| &rest[end..]);
                continue;
            }
            self.rest = rest;
            let item = match word {
                "<exists>" | "<absent>" => Some(Item::Flag),
                word => word
                    .parse()
                    .ok()
                    .filter(|number: &f64| number.is_finite())
                    .map(Item::Number),
            };
            if let Some(item) = item {
                self.n_read += 1;
                return Some(item);
            }
            if self.with_comma.is_none() && is_decimal_comma(word) {
                self.with_comma = Some(word);
            }
        }
    }

    /// Parses a quoted string, in which a double quote is doubled.
    fn quoted(&mut self) -> Option<String> {
        let mut text = String::new();
        let mut rest = &self.rest[1..];
        loop {
            let end = rest.find('"')?;
            text.push_str(&rest[..end]);
            rest = &rest[end + 1..];
            match rest.strip_prefix('"') {
                Some(more) => {
                    text.push('"');
                    rest = more;
                }
                None => break,
            }
        }
        self.rest = rest;
        Some(text)
    }

    /// Error for an unexpected token.
    fn broken(&self, expected: &'static str, found: Option<Item>) -> TextGridError {
        if let Some(text) = self.with_comma {
            let text = text.to_string();
            return TextGridError::DecimalComma { text };
        }
        let found = match found {
            None => {
                let item = self.n_read + 1;
                return TextGridError::CutOff { expected, item };
            }
            Some(Item::Number(number)) => number.to_string(),
            Some(Item::Text(text)) => text.chars().take(SHOWN_CHARS).collect(),
            Some(Item::Flag) => "<exists>".into(),
        };
        TextGridError::Unexpected {
            expected,
            found,
            item: self.n_read,
        }
    }

    fn text(&mut self, expected: &'static str) -> Result<String, TextGridError> {
        match self.next() {
            Some(Item::Text(text)) => Ok(text),
            _ if self.n_read <= 1 => Err(TextGridError::NoTextGrid),
            other => Err(self.broken(expected, other)),
        }
    }

    fn number(&mut self, expected: &'static str) -> Result<f64, TextGridError> {
        match self.next() {
            Some(Item::Number(number)) => Ok(number),
            Some(Item::Flag) => self.number(expected),
            other => Err(self.broken(expected, other)),
        }
    }

    /// Parses the times and text of an interval or point.
    fn interval(&mut self, has_end: TierKind) -> Result<Interval, TextGridError> {
        let start_secs = self.number("the time of an interval")?;
        let end_secs = match has_end {
            TierKind::Intervals => self.number("the end of an interval")?,
            TierKind::Points => start_secs,
        };
        Ok(Interval {
            start_secs,
            end_secs,
            text: self.text("the text of an interval")?,
        })
    }
}

/// Whether this is a number with a decimal comma, such as `0,7247`.
fn is_decimal_comma(word: &str) -> bool {
    let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let parts = word.trim_start_matches('-').split_once(',');
    parts.is_some_and(|(whole, fraction)| is_digits(whole) && is_digits(fraction))
}

#[derive(Clone, Copy)]
enum TierKind {
    Intervals,
    Points,
}

impl TierKind {
    fn of(class: &str) -> Self {
        if class == "TextTier" {
            Self::Points
        } else {
            Self::Intervals
        }
    }
}

/// The long and short formats, which differ only in ignored text: one tier after another.
fn in_turn(items: &mut Items) -> Result<TextGrid, TextGridError> {
    items.number("the start")?;
    items.number("the end")?;
    let n_tiers = items.number("the number of tiers")? as usize;
    let mut grid = TextGrid::default();
    for _ in 0..n_tiers {
        let kind = TierKind::of(&items.text("the kind of a tier")?);
        let mut tier = Tier {
            name: items.text("the name of a tier")?,
            intervals: Vec::new(),
        };
        items.number("the start of a tier")?;
        items.number("the end of a tier")?;
        let n_intervals = items.number("the number of intervals")? as usize;
        for _ in 0..n_intervals {
            tier.intervals.push(items.interval(kind)?);
        }
        grid.tiers.push(tier);
    }
    Ok(grid)
}

/// The chronological format: the tiers first, then all intervals in temporal order, each with its tier's number.
fn chronological(items: &mut Items) -> Result<TextGrid, TextGridError> {
    items.number("the start")?;
    items.number("the end")?;
    let n_tiers = items.number("the number of tiers")? as usize;
    let mut grid = TextGrid::default();
    let mut kinds = Vec::new();
    for _ in 0..n_tiers {
        kinds.push(TierKind::of(&items.text("the kind of a tier")?));
        grid.tiers.push(Tier {
            name: items.text("the name of a tier")?,
            intervals: Vec::new(),
        });
        items.number("the start of a tier")?;
        items.number("the end of a tier")?;
    }
    while let Some(item) = items.next() {
        let Item::Number(number) = item else {
            return Err(items.broken("the number of a tier", Some(item)));
        };
        let index = (number as usize).wrapping_sub(1);
        let kind = *kinds
            .get(index)
            .ok_or(TextGridError::NoTierOfThatNumber { number, n_tiers })?;
        grid.tiers[index].intervals.push(items.interval(kind)?);
    }
    Ok(grid)
}
