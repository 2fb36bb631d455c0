//! Characters of XML.

/// A text as XML, for elements and attributes. Characters that XML 1.0 does not allow become spaces.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => out.push(' '),
            other => out.push(other),
        }
    }
    out
}

/// The character that a reference stands for, by what stands between & and ;. Entities that a file defines itself are not
/// looked up, and become the replacement character.
pub(super) fn character(reference: &str) -> char {
    let number = |digits: &str| match digits.strip_prefix('x') {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => digits.parse().ok(),
    };
    let character = match reference {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        other => other
            .strip_prefix('#')
            .and_then(number)
            .and_then(char::from_u32),
    };
    character.unwrap_or(char::REPLACEMENT_CHARACTER)
}
