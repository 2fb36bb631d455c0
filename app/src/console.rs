//! What the user reads in a terminal.

use std::fmt::Display;
use std::io::{self, Write as _};

/// Prints a line of results. A reader that went away, such as `head`, is no error.
pub(crate) fn say(line: impl Display) {
    let _ = writeln!(io::stdout().lock(), "{}", visible(&line.to_string()));
}

/// Prints a line about the work, apart from the results.
pub(crate) fn note(line: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{}", visible(&line.to_string()));
}

/// Prints what went wrong.
pub(crate) fn complain(failure: impl Display) {
    let _ = writeln!(
        io::stderr().lock(),
        "Error: {}",
        visible(&failure.to_string())
    );
}

/// The text with control characters as signs that do nothing: names of files and stories may hold what a terminal obeys.
/// Line breaks and tabs stay.
#[must_use]
pub(crate) fn visible(text: &str) -> String {
    let sign = |letter: char| match letter {
        '\n' | '\t' => letter,
        '\u{7f}' => '\u{2421}',
        '\0'..='\u{1f}' => char::from_u32(0x2400 + letter as u32).unwrap_or('\u{fffd}'),
        '\u{80}'..='\u{9f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
        _ => letter,
    };
    text.chars().map(sign).collect()
}

/// `83 s`, `12 min`, `3 h 05 min`.
#[must_use]
pub(crate) fn duration(secs: f64) -> String {
    let secs = secs.max(0.0);
    let minutes = (secs / 60.0).round() as u64;
    if secs < 90.0 {
        format!("{} s", secs.ceil())
    } else if minutes < 60 {
        format!("{minutes} min")
    } else {
        format!("{} h {:02} min", minutes / 60, minutes % 60)
    }
}

/// `812 kB`, `61 MB`, `1.3 GB`.
#[must_use]
pub(crate) fn bytes(n: u64) -> String {
    let n = n as f64;
    if n < 1e6 {
        format!("{:.0} kB", (n / 1e3).ceil())
    } else if n < 1e9 {
        format!("{:.0} MB", n / 1e6)
    } else {
        format!("{:.1} GB", n / 1e9)
    }
}

/// `1 story`, `3 stories`, `247 rows`: the number with its noun.
#[must_use]
pub(crate) fn count(n: usize, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

/// `0:24`, `9:51`, `1:02:03`.
#[must_use]
pub(crate) fn clock(secs: f64) -> String {
    let secs = secs.max(0.0).round() as u64;
    let (hours, minutes, secs) = (secs / 3600, secs / 60 % 60, secs % 60);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{secs:02}")
    } else {
        format!("{minutes}:{secs:02}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_of_names_do_not_reach_the_terminal() {
        let name = "a\u{1b}]0;title\u{7}b\u{9b}31m\u{202e}c\r";
        let shown = visible(name);
        assert_eq!(shown, "a␛]0;title␇b\u{fffd}31m\u{fffd}c␍");
        assert_eq!(visible("café, two lines\n\tx"), "café, two lines\n\tx");
    }

    #[test]
    fn durations_and_sizes_read_well() {
        let durations = [
            (0.2, "1 s"),
            (89.0, "89 s"),
            (600.0, "10 min"),
            (11_100.0, "3 h 05 min"),
        ];
        for (secs, text) in durations {
            assert_eq!(duration(secs), text);
        }
        for (n, text) in [
            (811_001, "812 kB"),
            (61_400_000, "61 MB"),
            (1_340_000_000, "1.3 GB"),
        ] {
            assert_eq!(bytes(n), text);
        }
        for (secs, text) in [(24.7, "0:25"), (591.0, "9:51"), (3723.0, "1:02:03")] {
            assert_eq!(clock(secs), text);
        }
    }
}
