//! What the user reads in a terminal.

use std::fmt::Display;
use std::io::{self, Write as _};

/// Prints a line of results. A reader that went away, such as `head`, is no error.
pub(crate) fn say(line: impl Display) {
    let _ = writeln!(io::stdout().lock(), "{line}");
}

/// Prints a line about the work, apart from the results.
pub(crate) fn note(line: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// Prints what went wrong.
pub(crate) fn complain(failure: impl Display) {
    let _ = writeln!(io::stderr().lock(), "Error: {failure}");
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
