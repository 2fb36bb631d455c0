//! The subset of Protobuf's wire format needed to leave large arrays in the file.

/// A field of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Field {
    /// Field number.
    pub(crate) number: u32,
    /// Wire type.
    pub(crate) wire: Wire,
    /// Offset of the tag.
    pub(crate) start: u64,
    /// Offset of the content: for [`Wire::Bytes`], after the length.
    pub(crate) content: u64,
    /// End offset.
    pub(crate) end: u64,
}

/// Wire type of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wire {
    /// A number of one to ten bytes.
    Varint,
    /// Eight bytes.
    Fixed64,
    /// Length-delimited bytes.
    Bytes,
    /// Four bytes.
    Fixed32,
}

/// Random access to bytes.
pub(crate) trait Bytes {
    /// Returns the bytes from `at` on, at most 20.
    fn peek(&mut self, at: u64) -> std::io::Result<([u8; 20], usize)>;
}

impl Bytes for &[u8] {
    fn peek(&mut self, at: u64) -> std::io::Result<([u8; 20], usize)> {
        let rest = usize::try_from(at).ok().and_then(|at| self.get(at..));
        let rest = rest.unwrap_or_default();
        let n = rest.len().min(20);
        let mut bytes = [0; 20];
        bytes[..n].copy_from_slice(&rest[..n]);
        Ok((bytes, n))
    }
}

/// Parses the field at offset `at` in a message that ends at `end`; returns `None` if it is invalid.
pub(crate) fn field(bytes: &mut impl Bytes, at: u64, end: u64) -> std::io::Result<Option<Field>> {
    let (near, n_near) = bytes.peek(at)?;
    Ok(parse(&near[..n_near], at, end))
}

fn parse(near: &[u8], start: u64, end: u64) -> Option<Field> {
    let (tag, n_tag) = varint(near)?;
    let number = u32::try_from(tag >> 3).ok().filter(|number| *number > 0)?;
    let after_tag = start + n_tag as u64;
    let (wire, content, past) = match tag & 7 {
        0 => {
            let (_, n) = varint(&near[n_tag..])?;
            (Wire::Varint, after_tag, after_tag + n as u64)
        }
        1 => (Wire::Fixed64, after_tag, after_tag + 8),
        2 => {
            let (length, n) = varint(&near[n_tag..])?;
            let content = after_tag + n as u64;
            (Wire::Bytes, content, content.checked_add(length)?)
        }
        5 => (Wire::Fixed32, after_tag, after_tag + 4),
        _ => return None,
    };
    (past <= end).then_some(Field {
        number,
        wire,
        start,
        content,
        end: past,
    })
}

/// A variable-length integer and its size in bytes.
fn varint(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut value = 0_u64;
    for (index, byte) in bytes.iter().take(10).enumerate() {
        value |= u64::from(byte & 0x7f).checked_shl(7 * index as u32)?;
        if byte & 0x80 == 0 {
            return Some((value, index + 1));
        }
    }
    None
}

/// Whether a message contains at most `most` nested messages at any depth.
///
/// A message of two bytes takes hundreds in memory, so this is checked before decoding.
pub(crate) fn has_at_most(most: usize, message: Message, bytes: &[u8]) -> bool {
    let mut left = most;
    count(message, bytes, &mut left, MOST_DEPTH)
}

/// Maximum nesting depth; graphs within nodes are seldom nested more than ten deep.
const MOST_DEPTH: usize = 60;

/// ONNX messages that contain others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Message {
    Model,
    Graph,
    Node,
    Attribute,
    Tensor,
    Function,
    Training,
    Value,
    /// A pair of strings.
    Entry,
    /// Any other message, whose parts are bounded by its length.
    Other,
}

impl Message {
    /// The message type of field `number`; `None` if it is not a message.
    fn part(self, number: u32) -> Option<Self> {
        match (self, number) {
            (Self::Model, 7) | (Self::Attribute, 6 | 11) | (Self::Training, 1 | 2) => {
                Some(Self::Graph)
            }
            (Self::Model, 20) => Some(Self::Training),
            (Self::Model, 25) => Some(Self::Function),
            (Self::Graph, 1) | (Self::Function, 7) => Some(Self::Node),
            (Self::Graph, 5) | (Self::Attribute, 5 | 10) => Some(Self::Tensor),
            (Self::Graph, 11..=13) | (Self::Function, 12) => Some(Self::Value),
            (Self::Node, 5) | (Self::Function, 11) => Some(Self::Attribute),
            (Self::Graph, 16)
            | (Self::Model | Self::Function, 14)
            | (Self::Node, 9)
            | (Self::Tensor, 13 | 16)
            | (Self::Value, 4) => Some(Self::Entry),
            (Self::Graph, 14 | 15)
            | (Self::Model, 8 | 26)
            | (Self::Node, 10)
            | (Self::Attribute, 14 | 15 | 22 | 23)
            | (Self::Function, 9)
            | (Self::Value, 2)
            | (Self::Training, 3 | 4) => Some(Self::Other),
            _ => None,
        }
    }
}

fn count(message: Message, mut bytes: &[u8], left: &mut usize, depth: usize) -> bool {
    let end = bytes.len() as u64;
    let mut at = 0;
    while at < end {
        // Invalid data are left to the decoder.
        let Ok(Some(found)) = field(&mut bytes, at, end) else {
            return true;
        };
        at = found.end;
        let Some(part) = message.part(found.number) else {
            continue;
        };
        if found.wire != Wire::Bytes {
            continue;
        }
        let inside = &bytes[found.content as usize..found.end as usize];
        let weight = match part {
            // The smallest nested part takes two bytes.
            Message::Other => 1 + inside.len() / 2,
            _ => 1,
        };
        if *left < weight || depth == 0 {
            return false;
        }
        *left -= weight;
        if !count(part, inside, left, depth - 1) {
            return false;
        }
    }
    true
}
