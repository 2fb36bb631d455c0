//! How numbers and lengths read in the window.

pub(crate) use crate::console::{bytes, clock, duration};

/// `1 story`, `6,151 rows`: the number with its noun.
#[must_use]
pub(crate) fn count(n: usize, one: &str, many: &str) -> String {
    format!("{} {}", thousands(n), if n == 1 { one } else { many })
}

/// `6,151`: thousands set off.
#[must_use]
pub(crate) fn thousands(n: usize) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A rate in kHz as people write it: `16 kHz`, `44.1 kHz`.
#[must_use]
pub(crate) fn kilohertz(rate_hz: u32) -> String {
    let khz = f64::from(rate_hz) / 1000.0;
    let text = format!("{khz:.3}");
    format!("{} kHz", text.trim_end_matches('0').trim_end_matches('.'))
}

/// `mono`, `stereo`, `6 channels`.
#[must_use]
pub(crate) fn channels(n: u16) -> String {
    match n {
        1 => "mono".into(),
        2 => "stereo".into(),
        n => format!("{n} channels"),
    }
}

/// A path with the home folder as `~`.
#[must_use]
pub(crate) fn short_path(path: &std::path::Path, home: Option<&std::path::Path>) -> String {
    match home.and_then(|home| path.strip_prefix(home).ok()) {
        Some(below) => format!("~/{}", below.display()),
        None => path.display().to_string(),
    }
}

/// A path's own name, and the folder it lies in: `["whisper-tiny.en", "in features_cnk0.1_ctx16.0"]`.
#[must_use]
pub(crate) fn path_name(path: &std::path::Path) -> [String; 2] {
    let name = |path: Option<&std::path::Path>| {
        let name = path.and_then(std::path::Path::file_name);
        name.map(|name| name.to_string_lossy().into_owned())
    };
    let parent = name(path.parent()).map(|parent| format!("in {parent}"));
    [
        name(Some(path)).unwrap_or_else(|| path.display().to_string()),
        parent.unwrap_or_default(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_called_by_its_last_names() {
        let name = |path: &str| path_name(std::path::Path::new(path)).join("|");
        assert_eq!(name("/a/features/whisper"), "whisper|in features");
        assert_eq!(name("/data"), "data|");
        assert_eq!(name("/"), "/|");
    }

    #[test]
    fn numbers_read_well() {
        assert_eq!(
            [thousands(7), thousands(6151), thousands(1_234_567)],
            ["7", "6,151", "1,234,567"]
        );
        assert_eq!(
            [kilohertz(16_000), kilohertz(44_100), kilohertz(11_025)],
            ["16 kHz", "44.1 kHz", "11.025 kHz"]
        );
        assert_eq!(
            [channels(1), channels(2), channels(6)],
            ["mono", "stereo", "6 channels"]
        );
    }
}
