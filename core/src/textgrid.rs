//! Praat's `TextGrid`: the words and phones of a story.

/// Words that stand for noises and pauses, not for speech. Source: the deep-fMRI dataset's conventions.
const NO_WORDS: [&str; 7] = [
    "sentence_start",
    "sentence_end",
    "br",
    "lg",
    "ls",
    "ns",
    "sp",
];

/// Why a file is no usable `TextGrid`.
#[derive(Debug, thiserror::Error, PartialEq)]
#[expect(
    missing_docs,
    reason = "each variant's message says what its fields are"
)]
pub enum TextGridError {
    #[error(
        "This is no Praat TextGrid: it does not begin with \"ooTextFile\" and \"TextGrid\", nor with \"Praat chronological \
         TextGrid text file\". Save it in Praat as a text file or a short text file."
    )]
    NoTextGrid,
    #[error("This is a binary TextGrid. Save it in Praat as a text file (\"Save as text file…\").")]
    Binary,
    #[error(
        "The text is neither UTF-8 nor UTF-16. Save it in Praat anew: it writes UTF-8 or UTF-16."
    )]
    Encoding,
    #[error(
        "The TextGrid ends where {expected} should stand (item {item} of the file). It may be cut off: get it again."
    )]
    Broken { expected: &'static str, item: usize },
    #[error(
        "The TextGrid has {n_tiers} tiers; the phones are expected in the first and the words in the second one."
    )]
    NoSuchTier { n_tiers: usize },
}

/// A stretch of speech and what it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Interval {
    /// Start, seconds from the sound's onset.
    pub start_secs: f64,
    /// End, in the same way. For a point the same as the start.
    pub end_secs: f64,
    /// Its label, as it stands in the file.
    pub text: String,
}

impl Interval {
    /// The middle, seconds.
    #[must_use]
    pub fn midpoint_secs(&self) -> f64 {
        f64::midpoint(self.start_secs, self.end_secs)
    }
}

/// One row of annotations.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Tier {
    /// Its name.
    pub name: String,
    /// In the order of the file.
    pub intervals: Vec<Interval>,
}

/// The annotations of one story.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TextGrid {
    /// In the order of the file: phones, words, and what else there is.
    pub tiers: Vec<Tier>,
}

impl TextGrid {
    /// Reads the long, the short or the chronological form, in UTF-8 or UTF-16.
    ///
    /// # Errors
    /// [`TextGridError`] if it is something else, or cut off.
    pub fn parse(bytes: &[u8]) -> Result<Self, TextGridError> {
        if bytes.starts_with(b"ooBinaryFile") {
            return Err(TextGridError::Binary);
        }
        let text = decoded(bytes)?;
        let mut items = Items::new(&text);
        match items.text("the kind of file")?.as_str() {
            "ooTextFile" if items.text("\"TextGrid\"")? == "TextGrid" => in_turn(&mut items),
            "Praat chronological TextGrid text file" => chronological(&mut items),
            _ => Err(TextGridError::NoTextGrid),
        }
    }

    /// The words: lower case, without noises and pauses, with their time span.
    ///
    /// # Errors
    /// [`TextGridError::NoSuchTier`] without a second tier.
    pub fn words(&self) -> Result<Vec<Interval>, TextGridError> {
        self.speech(1)
    }

    /// The phones: lower case, without noises and pauses, with their time span.
    ///
    /// # Errors
    /// [`TextGridError::NoSuchTier`] without a tier.
    pub fn phones(&self) -> Result<Vec<Interval>, TextGridError> {
        self.speech(0)
    }

    fn speech(&self, tier: usize) -> Result<Vec<Interval>, TextGridError> {
        let tier = self.tiers.get(tier).ok_or(TextGridError::NoSuchTier {
            n_tiers: self.tiers.len(),
        })?;
        let lower = tier.intervals.iter().map(|interval| Interval {
            text: interval.text.trim().to_lowercase(),
            ..interval.clone()
        });
        Ok(lower.filter(|interval| is_speech(&interval.text)).collect())
    }
}

fn is_speech(word: &str) -> bool {
    let bare = word.trim_matches(['{', '}']).trim();
    !bare.is_empty() && !NO_WORDS.contains(&bare)
}

/// The file's text, whichever encoding Praat was told to use.
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

/// What Praat takes for content: numbers and quoted texts that stand alone. Names, signs and comments are for people.
struct Items<'a> {
    rest: &'a str,
    n_read: usize,
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
        }
    }

    /// A text in quotes, in which two quotes stand for one.
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

    fn broken(&self, expected: &'static str) -> TextGridError {
        TextGridError::Broken {
            expected,
            item: self.n_read + 1,
        }
    }

    fn text(&mut self, expected: &'static str) -> Result<String, TextGridError> {
        match self.next() {
            Some(Item::Text(text)) => Ok(text),
            _ if self.n_read <= 1 => Err(TextGridError::NoTextGrid),
            _ => Err(self.broken(expected)),
        }
    }

    fn number(&mut self, expected: &'static str) -> Result<f64, TextGridError> {
        match self.next() {
            Some(Item::Number(number)) => Ok(number),
            Some(Item::Flag) => self.number(expected),
            _ => Err(self.broken(expected)),
        }
    }

    /// An interval's or a point's times and text.
    fn interval(&mut self, has_end: Kind) -> Result<Interval, TextGridError> {
        let start_secs = self.number("the time of an interval")?;
        let end_secs = match has_end {
            Kind::Intervals => self.number("the end of an interval")?,
            Kind::Points => start_secs,
        };
        Ok(Interval {
            start_secs,
            end_secs,
            text: self.text("the text of an interval")?,
        })
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Intervals,
    Points,
}

impl Kind {
    fn of(class: &str) -> Self {
        if class == "TextTier" {
            Self::Points
        } else {
            Self::Intervals
        }
    }
}

/// The long and the short form, which differ in what is written for people only: tier after tier.
fn in_turn(items: &mut Items) -> Result<TextGrid, TextGridError> {
    items.number("the start")?;
    items.number("the end")?;
    let n_tiers = items.number("the number of tiers")? as usize;
    let mut grid = TextGrid::default();
    for _ in 0..n_tiers {
        let kind = Kind::of(&items.text("the kind of a tier")?);
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

/// The chronological form: the tiers first, then all intervals in the order of time, each with the number of its tier.
fn chronological(items: &mut Items) -> Result<TextGrid, TextGridError> {
    items.number("the start")?;
    items.number("the end")?;
    let n_tiers = items.number("the number of tiers")? as usize;
    let mut grid = TextGrid::default();
    let mut kinds = Vec::new();
    for _ in 0..n_tiers {
        kinds.push(Kind::of(&items.text("the kind of a tier")?));
        grid.tiers.push(Tier {
            name: items.text("the name of a tier")?,
            intervals: Vec::new(),
        });
        items.number("the start of a tier")?;
        items.number("the end of a tier")?;
    }
    while let Some(item) = items.next() {
        let Item::Number(number) = item else {
            return Err(items.broken("the number of a tier"));
        };
        let index = (number as usize).wrapping_sub(1);
        let kind = *kinds
            .get(index)
            .ok_or(TextGridError::NoSuchTier { n_tiers })?;
        grid.tiers[index].intervals.push(items.interval(kind)?);
    }
    Ok(grid)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: &str = "File type = \"ooTextFile\"\nObject class = \"TextGrid\"\n\nxmin = 0\nxmax = 2\ntiers? <exists>\n\
        size = 2\nitem []:\n    item [1]:\n        class = \"IntervalTier\"\n        name = \"phone\"\n        xmin = 0\n\
        xmax = 2\n        intervals: size = 1\n        intervals [1]:\n            xmin = 0\n            xmax = 2\n\
        text = \"AA1\"\n    item [2]:\n        class = \"IntervalTier\"\n        name = \"word\"\n        xmin = 0\n\
        xmax = 2\n        intervals: size = 2\n        intervals [1]:\n            xmin = 0\n            xmax = 0.5\n\
        text = \"{sp}\"\n        intervals [2]:\n            xmin = 0.5\n            xmax = 2\n\
        text = \"Say \"\"Ah 5\"\"\"\n";
    const SHORT: &str = "File type = \"ooTextFile\"\nObject class = \"TextGrid\"\n\n0\n2\n<exists>\n2\n\"IntervalTier\"\n\
        \"phone\"\n0\n2\n1\n0\n2\n\"AA1\"\n\"IntervalTier\"\n\"word\"\n0\n2\n2\n0\n0.5\n\"{sp}\"\n0.5\n2\n\"Say \"\"Ah 5\"\"\"\n";
    const CHRONOLOGICAL: &str = "\"Praat chronological TextGrid text file\"\n0 2   ! Time domain.\n2   ! Number of tiers.\n\
        \"IntervalTier\" \"phone\" 0 2\n\"IntervalTier\" \"word\" 0 2\n\n2 0 0.5\n\"{sp}\"\n\n1 0 2\n\"AA1\"\n\n2 0.5 2\n\
        \"Say \"\"Ah 5\"\"\"";

    fn utf16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        let marked = format!("\u{feff}{text}");
        marked.encode_utf16().flat_map(bytes).collect()
    }

    #[test]
    fn all_forms_and_encodings_say_the_same() {
        let grid = TextGrid::parse(LONG.as_bytes()).unwrap();
        assert_eq!(grid.tiers.len(), 2);
        assert_eq!(grid.tiers[1].intervals[1].text, "Say \"Ah 5\"");
        for text in [LONG, SHORT, CHRONOLOGICAL] {
            let windows = text.replace('\n', "\r\n");
            let forms = [
                text.as_bytes().to_vec(),
                windows.into_bytes(),
                utf16(text, u16::to_be_bytes),
                utf16(text, u16::to_le_bytes),
            ];
            for bytes in forms {
                assert_eq!(TextGrid::parse(&bytes).unwrap(), grid);
            }
        }
    }

    #[test]
    fn words_are_lower_case_and_pauses_are_none() {
        let grid = TextGrid::parse(SHORT.as_bytes()).unwrap();
        let words = grid.words().unwrap();
        assert_eq!(words.len(), 1);
        assert_eq!(words[0].text, "say \"ah 5\"");
        assert!((words[0].midpoint_secs() - 1.25).abs() < 1e-12);
        assert_eq!(grid.phones().unwrap()[0].text, "aa1");
    }

    #[test]
    fn a_file_cut_anywhere_is_refused_or_shorter_but_never_a_panic() {
        for text in [LONG, SHORT] {
            let whole = TextGrid::parse(text.as_bytes()).unwrap();
            let parsed =
                (0..text.trim_end().len()).map(|cut| TextGrid::parse(&text.as_bytes()[..cut]));
            let read: Vec<_> = parsed.flatten().collect();
            // Two quotes stand for one: the first of them alone ends the last text.
            assert_eq!(read.len(), 2);
            assert!(read.iter().all(|grid| *grid != whole));
        }
        let claims = SHORT.replacen("\n1\n0\n2\n\"AA1\"", "\n1e300\n0\n2\n\"AA1\"", 1);
        let error = TextGrid::parse(claims.as_bytes()).unwrap_err();
        assert!(matches!(error, TextGridError::Broken { .. }), "{error}");
        for (bytes, expected) in [
            (&b"<html>"[..], TextGridError::NoTextGrid),
            (b"", TextGridError::NoTextGrid),
            (b"ooBinaryFile\x08TextGrid", TextGridError::Binary),
            (b"\xff\xff\xff", TextGridError::Encoding),
        ] {
            assert_eq!(TextGrid::parse(bytes).unwrap_err(), expected);
        }
    }
}
