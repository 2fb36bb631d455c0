//! GIFTI: arrays on the vertices of a surface, in XML: [`series`] for responses, [`geometry`] for surfaces and maps.

pub mod flat_surface;
pub mod geometry;
pub mod series;
pub mod write;

use std::io::{self, Read, Write};

use base64::engine::general_purpose::STANDARD;
use base64::read::DecoderReader;
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::npy::ElementKind;
use super::npz_arrays::MemoryOrder;
use super::xml::character;

/// Characters of a name or a matrix that are read; more are left out.
const MOST_LEAF_BYTES: usize = 4096;

/// Characters outside of ASCII that names may have altogether.
const MOST_LATIN_BYTES: usize = 1 << 20;

/// Receives the contents of a file in order.
trait Visitor {
    /// Takes the values of an array, still encoded.
    fn values(&mut self, header: &Header, text: &str) -> Result<(), GiftiFault>;

    /// Takes the beginning of an element.
    fn begin(&mut self, _start: &BytesStart) -> Result<(), GiftiFault> {
        Ok(())
    }

    /// Takes the end of an element, other than `Data`, with its name and the text directly before its end.
    fn end(&mut self, _name: &str, _text: &str) -> Result<(), GiftiFault> {
        Ok(())
    }
}

/// Passes a file's text to a visitor. Values surrounded by nothing but white space are no values.
fn walk(text: &str, visitor: &mut impl Visitor) -> Result<(), GiftiFault> {
    let mut reader = Reader::from_str(text);
    let mut state = Walk::default();
    loop {
        match reader.read_event().map_err(|error| error.to_string())? {
            Event::Start(start) => {
                state.begin(&start)?;
                visitor.begin(&start)?;
            }
            Event::Empty(start) => {
                visitor.begin(&start)?;
                visitor.end(start.name().as_ref(), "")?;
            }
            Event::Text(part) => state.text(part.as_ref(), visitor)?,
            Event::CData(part) => state.text(part.as_ref(), visitor)?,
            Event::GeneralRef(reference) if !state.is_data => state.reference(reference.as_ref()),
            Event::End(end) => {
                state.end(end.name().as_ref())?;
                visitor.end(end.name().as_ref(), state.leaf.trim_ascii())?;
                state.leaf.clear();
            }
            Event::Eof if state.is_gifti => return Ok(()),
            Event::Eof => return Err("it has no element GIFTI".into()),
            _ => {}
        }
    }
}

/// Where in a file the reader is.
#[derive(Default)]
struct Walk {
    header: Option<Header>,
    has_values: bool,
    is_data: bool,
    is_gifti: bool,
    /// Text since the last element began or ended.
    leaf: String,
}

impl Walk {
    fn begin(&mut self, start: &BytesStart) -> Result<(), GiftiFault> {
        self.leaf.clear();
        match start.name().as_ref() {
            "GIFTI" => self.is_gifti = true,
            "DataArray" => {
                self.header = Some(Header::read(start)?);
                self.has_values = false;
            }
            "Data" => self.is_data = true,
            _ => {}
        }
        Ok(())
    }

    fn text(&mut self, text: &str, visitor: &mut impl Visitor) -> Result<(), GiftiFault> {
        if !self.is_data {
            self.add(text);
            return Ok(());
        }
        if text.trim_ascii().is_empty() {
            return Ok(());
        }
        let header = self.header.as_ref();
        visitor.values(header.ok_or("values stand outside of an array")?, text)?;
        self.has_values = true;
        Ok(())
    }

    /// Adds a character that is written as a reference.
    fn reference(&mut self, name: &str) {
        self.add(character(name).encode_utf8(&mut [0; 4]));
    }

    fn add(&mut self, text: &str) {
        let left = MOST_LEAF_BYTES.saturating_sub(self.leaf.len());
        self.leaf.push_str(&text[..text.floor_char_boundary(left)]);
    }

    fn end(&mut self, name: &str) -> Result<(), GiftiFault> {
        match name {
            "Data" => self.is_data = false,
            "DataArray" if !self.has_values => return Err("an array has no values".into()),
            _ => {}
        }
        Ok(())
    }
}

/// A file's bytes as text. Invalid UTF-8 is read as Latin-1: values are encoded in ASCII, which both share.
fn of_bytes(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| of_latin1(error.into_bytes()))
}

fn of_latin1(mut bytes: Vec<u8>) -> String {
    let n_long = bytes.iter().filter(|byte| !byte.is_ascii()).count();
    if n_long > MOST_LATIN_BYTES {
        // These are no names, and would take twice the memory.
        for byte in bytes.iter_mut().filter(|byte| !byte.is_ascii()) {
            *byte = b'?';
        }
        return String::from_utf8(bytes).unwrap_or_default();
    }
    let mut text = String::with_capacity(bytes.len() + n_long);
    text.extend(bytes.iter().map(|byte| char::from(*byte)));
    text
}

/// Why arrays cannot be unpacked, as a clause.
enum GiftiFault {
    Damaged(String),
    /// Not supported, though the file may be intact.
    Unusable(String),
}

impl From<String> for GiftiFault {
    fn from(reason: String) -> Self {
        Self::Damaged(reason)
    }
}

impl From<&str> for GiftiFault {
    fn from(reason: &str) -> Self {
        Self::Damaged(reason.into())
    }
}

/// What an array says of itself.
struct Header {
    intent: String,
    kind: ElementKind,
    encoding: String,
    order: MemoryOrder,
    n_vertices: usize,
    n_columns: usize,
}

impl Header {
    fn read(start: &BytesStart) -> Result<Self, GiftiFault> {
        let attribute = |name: &str| -> Result<String, String> {
            let found = start
                .attributes()
                .flatten()
                .find(|attribute| attribute.key.as_ref() == name);
            let found = found.ok_or_else(|| format!("an array has no {name}"))?;
            Ok(found.value.to_string())
        };
        let size = |name: &str| -> Result<usize, String> {
            attribute(name)?
                .trim()
                .parse()
                .map_err(|_| format!("an array's {name} is not a number"))
        };
        let n_columns = match size("Dimensionality")? {
            1 => 1,
            2 => size("Dim1")?,
            rank => {
                return Err(GiftiFault::Unusable(format!(
                    "an array has {rank} dimensions; one or two are expected"
                )));
            }
        };
        let encoding = attribute("Encoding")?;
        let is_big_endian = encoding != "ASCII" && is_big_endian(attribute("Endian").ok())?;
        let is_column_major =
            n_columns > 1 && is_column_major(attribute("ArrayIndexingOrder").ok())?;
        let kind = kind(&attribute("DataType")?, &encoding, is_big_endian)?;
        Ok(Self {
            intent: attribute("Intent")?,
            kind,
            encoding,
            // Rows of the matrix are columns of the array.
            order: if is_column_major {
                MemoryOrder::C
            } else {
                MemoryOrder::Fortran
            },
            n_vertices: size("Dim0")?,
            n_columns,
        })
    }

    /// Bytes of the unpacked values.
    fn n_bytes(&self) -> Result<u64, GiftiFault> {
        let n_values = self.n_vertices.checked_mul(self.n_columns);
        let n_bytes = n_values.and_then(|n| (n as u64).checked_mul(self.kind.value_bytes as u64));
        Ok(n_bytes.ok_or("an array claims more values than a surface has")?)
    }

    /// Writes the values of a text, which must be as many as the array has.
    fn unpack_all(&self, text: &str, n_bytes: u64, to: &mut impl Write) -> Result<(), GiftiFault> {
        let n_found = self.unpack(text, n_bytes, to)?;
        if n_found == n_bytes {
            return Ok(());
        }
        let more = if n_found > n_bytes { "more" } else { "fewer" };
        Err(format!(
            "an array of {} values holds {more} ({n_found} bytes where {n_bytes} belong)",
            n_bytes / self.kind.value_bytes as u64
        )
        .into())
    }

    /// Writes the values of a text, at most one byte more than expected; returns the number of bytes.
    fn unpack(&self, text: &str, n_bytes: u64, to: &mut impl Write) -> Result<u64, GiftiFault> {
        let clause = |error: io::Error| GiftiFault::Damaged(error.to_string());
        let binary = || DecoderReader::new(WithoutBlanks(text.as_bytes()), &STANDARD);
        match self.encoding.as_str() {
            "ASCII" => {
                let mut n_written = 0;
                for number in text.split_ascii_whitespace() {
                    let number: f64 = number.parse().map_err(|_| {
                        let shown: String = number.chars().take(20).collect();
                        format!("\"{}\" is not a number", shown.escape_debug())
                    })?;
                    to.write_all(&number.to_le_bytes()).map_err(clause)?;
                    n_written += 8;
                }
                Ok(n_written)
            }
            "Base64Binary" => {
                io::copy(&mut binary().take(n_bytes.saturating_add(1)), to).map_err(clause)
            }
            "GZipBase64Binary" => {
                // Read past the values, since the checksum is verified at the end of the stream.
                let unpacked = flate2::read::ZlibDecoder::new(binary());
                io::copy(&mut unpacked.take(n_bytes.saturating_add(1)), to).map_err(clause)
            }
            "ExternalFileBinary" => Err(GiftiFault::Unusable(
                "its values lie in another file. Convert it to one file, for instance with nibabel"
                    .into(),
            )),
            other => Err(GiftiFault::Unusable(format!(
                "its values are encoded as {}, which is not known",
                other.escape_debug()
            ))),
        }
    }
}

/// The byte order of an array's values: little if it does not say.
fn is_big_endian(endian: Option<String>) -> Result<bool, GiftiFault> {
    match endian.as_deref() {
        None | Some("LittleEndian" | "GIFTI_ENDIAN_LITTLE") => Ok(false),
        Some("BigEndian" | "GIFTI_ENDIAN_BIG") => Ok(true),
        Some(other) => Err(GiftiFault::Unusable(format!(
            "its byte order (entry Endian) is \"{}\"; known are LittleEndian and BigEndian",
            other.escape_debug()
        ))),
    }
}

/// Whether the first index of an array varies fastest: it does not if the array does not say.
fn is_column_major(order: Option<String>) -> Result<bool, GiftiFault> {
    match order.as_deref() {
        None | Some("RowMajorOrder") => Ok(false),
        Some("ColumnMajorOrder") => Ok(true),
        Some(other) => Err(GiftiFault::Unusable(format!(
            "the order of its values (entry ArrayIndexingOrder) is \"{}\"; known are RowMajorOrder and ColumnMajorOrder",
            other.escape_debug()
        ))),
    }
}

/// The type of the unpacked values: the declared one, or double precision for ASCII numbers.
fn kind(data_type: &str, encoding: &str, is_big_endian: bool) -> Result<ElementKind, GiftiFault> {
    let letter = match data_type {
        "NIFTI_TYPE_FLOAT32" => "f4",
        "NIFTI_TYPE_FLOAT64" => "f8",
        "NIFTI_TYPE_INT8" => "i1",
        "NIFTI_TYPE_UINT8" => "u1",
        "NIFTI_TYPE_INT16" => "i2",
        "NIFTI_TYPE_UINT16" => "u2",
        "NIFTI_TYPE_INT32" => "i4",
        "NIFTI_TYPE_UINT32" => "u4",
        "NIFTI_TYPE_INT64" => "i8",
        "NIFTI_TYPE_UINT64" => "u8",
        other => {
            return Err(GiftiFault::Unusable(format!(
                "an array holds values of type {}",
                other.escape_debug()
            )));
        }
    };
    let kind = match (encoding, is_big_endian) {
        ("ASCII", _) => ElementKind::parse("<f8"),
        (_, true) => ElementKind::parse(&format!(">{letter}")),
        (_, false) => ElementKind::parse(&format!("<{letter}")),
    };
    kind.ok_or_else(|| "its number format is not known".into())
}

/// Bytes without white space.
struct WithoutBlanks<'a>(&'a [u8]);

impl Read for WithoutBlanks<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut n = 0;
        while n < buffer.len() {
            let Some((byte, rest)) = self.0.split_first() else {
                break;
            };
            self.0 = rest;
            if !byte.is_ascii_whitespace() {
                buffer[n] = *byte;
                n += 1;
            }
        }
        Ok(n)
    }
}
