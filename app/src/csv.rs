//! Text in tables that other programs open.

/// A text as a cell of a CSV table: in quotes where a comma, a quote or a line break would break the row, and with an
/// apostrophe in front where a spreadsheet would take it for a formula.
///
/// Source: RFC 4180; the OWASP page on CSV injection.
#[must_use]
pub(crate) fn cell(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let mark = if is_formula { "'" } else { "" };
    let breaks_row = text.contains([',', '"', '\n', '\r', ';', '\t']);
    if is_formula || breaks_row {
        return format!("\"{mark}{}\"", text.replace('"', "\"\""));
    }
    text.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_break_no_row_and_are_no_formula() {
        for (text, expected) in [
            ("whisper-tiny", "whisper-tiny"),
            ("a, b", "\"a, b\""),
            ("say \"x\"", "\"say \"\"x\"\"\""),
            ("two\nlines", "\"two\nlines\""),
            ("=1+1", "\"'=1+1\""),
            ("@x", "\"'@x\""),
            ("-layer", "\"'-layer\""),
            ("+1", "\"'+1\""),
        ] {
            assert_eq!(cell(text), expected);
        }
    }
}
