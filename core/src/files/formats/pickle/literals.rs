//! Literals in pickle instructions: numbers and strings.

use super::{PickleFault, Value};

/// A decimal floating-point number.
pub(super) fn decimal(line: &[u8]) -> Value {
    let number = std::str::from_utf8(line)
        .ok()
        .and_then(|text| text.parse().ok());
    number.map_or(Value::Opaque, Value::Float)
}

/// A string; opaque if it is not UTF-8.
pub(super) fn text(bytes: &[u8]) -> Value {
    std::str::from_utf8(bytes).map_or(Value::Opaque, |text| Value::Text(text.into()))
}

/// A string with Python escapes; opaque if an escape is invalid.
pub(super) fn text_of_line(bytes: &[u8]) -> Value {
    // In the oldest protocol, bytes above 127 are Latin-1 characters.
    let line: String = match std::str::from_utf8(bytes) {
        Ok(text) => text.into(),
        Err(_) => bytes.iter().map(|byte| char::from(*byte)).collect(),
    };
    unescaped(&line).map_or(Value::Opaque, |text| Value::Text(text.into()))
}

fn unescaped(line: &str) -> Option<String> {
    let mut text = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, after)) = rest.split_once('\\') {
        text.push_str(before);
        let letter = after.chars().next()?;
        let (n_digits, plain) = match letter {
            'x' => (2, None),
            'u' => (4, None),
            'U' => (8, None),
            'n' => (0, Some('\n')),
            't' => (0, Some('\t')),
            'r' => (0, Some('\r')),
            '\\' | '\'' | '"' => (0, Some(letter)),
            _ => return None,
        };
        let end = letter.len_utf8() + n_digits;
        let digits = after.get(letter.len_utf8()..end)?;
        text.push(match plain {
            Some(plain) => plain,
            None => char::from_u32(u32::from_str_radix(digits, 16).ok()?)?,
        });
        rest = &after[end..];
    }
    text.push_str(rest);
    Some(text)
}

/// A quoted Python 2 string.
pub(super) fn quoted(line: &[u8]) -> Result<Value, PickleFault> {
    match line {
        [b'\'', inside @ .., b'\''] | [b'"', inside @ .., b'"'] => Ok(text_of_line(inside)),
        _ => Err(PickleFault::Damaged(
            "a text in it has no quotes".to_string(),
        )),
    }
}

/// A decimal integer; opaque if it exceeds 64 bits.
pub(super) fn number(line: &[u8]) -> Value {
    let digits = line.strip_suffix(b"L").unwrap_or(line);
    match (line, std::str::from_utf8(digits).map(str::parse)) {
        (b"00", _) => Value::Bool(false),
        (b"01", _) => Value::Bool(true),
        (_, Ok(Ok(number))) => Value::Int(number),
        _ => Value::Opaque,
    }
}

/// A two's complement integer; opaque if it exceeds 64 bits.
pub(super) fn long(bytes: &[u8]) -> Value {
    if bytes.len() > 8 {
        return Value::Opaque;
    }
    let is_negative = bytes.last().is_some_and(|byte| byte & 0x80 != 0);
    let mut whole = [if is_negative { 0xff } else { 0 }; 8];
    whole[..bytes.len()].copy_from_slice(bytes);
    Value::Int(i64::from_le_bytes(whole))
}
