//! Reads a third-party ONNX file: the graph into memory, large arrays left in the file.
//!
//! The file is untrusted: every length is checked against the file before memory is allocated.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Component, Path, PathBuf};

use prost::Message as _;

use super::error::OwnOnnxError;
use crate::onnx::proto::{AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto};
use crate::onnx::wire::{self, Bytes, Field, Message, Wire};
use crate::onnx::{EXTERNAL, FLOAT, FLOAT16};

/// Protobuf's own limit.
const MOST_FILE_BYTES: u64 = (2 << 30) - 1;
/// Maximum size of a graph without its large arrays.
const MOST_GRAPH_BYTES: u64 = 64 << 20;
/// Maximum number of nodes, attributes, arrays etc.
const MOST_MESSAGES: usize = 1 << 20;
/// Newest IR version whose fields are all declared.
const NEWEST_IR_VERSION: i64 = 14;
/// Arrays of at least this size stay in the file.
const LARGE_BYTES: u64 = 1024;

const GRAPH: u32 = 7;
const INITIALIZER: u32 = 5;
const FLOAT_DATA: u32 = 4;
const RAW_DATA: u32 = 9;

/// A graph in memory, with the locations of its large arrays.
#[derive(Debug, Clone)]
pub(crate) struct Skeleton {
    pub(crate) model: ModelProto,
    pub(crate) graph: GraphProto,
    /// Locations by initializer name.
    pub(crate) places: BTreeMap<String, FilePlace>,
    pub(crate) path: PathBuf,
}

/// Location of an array of consecutive little-endian numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FilePlace {
    pub(crate) file: PathBuf,
    pub(crate) offset: u64,
    pub(crate) n_bytes: u64,
}

impl FilePlace {
    /// Reads the bytes.
    pub(crate) fn read(&self) -> Result<Vec<u8>, OwnOnnxError> {
        let unreadable = |source| OwnOnnxError::File {
            source,
            path: self.file.clone(),
        };
        let mut file = File::open(&self.file).map_err(unreadable)?;
        file.seek(SeekFrom::Start(self.offset))
            .map_err(unreadable)?;
        let mut bytes = Vec::new();
        file.take(self.n_bytes)
            .read_to_end(&mut bytes)
            .map_err(unreadable)?;
        if bytes.len() as u64 == self.n_bytes {
            return Ok(bytes);
        }
        Err(unreadable(io::ErrorKind::UnexpectedEof.into()))
    }
}

/// Reads the ONNX file at `path`.
///
/// # Errors
/// Returns an [`OwnOnnxError`] if it cannot be read, is not an ONNX file, or is too large for an encoder.
pub(crate) fn read(path: &Path) -> Result<Skeleton, OwnOnnxError> {
    let unreadable = |source| OwnOnnxError::File {
        source,
        path: path.to_path_buf(),
    };
    let file = File::open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(unreadable(io::Error::other("it is not a file")));
    }
    read_from(file, metadata.len(), path)
}

/// Reads an ONNX file of `n_bytes` from `reader`; external data are searched next to `path`.
///
/// # Errors
/// Returns the errors of [`read`].
pub(crate) fn read_from<R: Read + Seek>(
    reader: R,
    n_bytes: u64,
    path: &Path,
) -> Result<Skeleton, OwnOnnxError> {
    if n_bytes > MOST_FILE_BYTES {
        return Err(OwnOnnxError::TooLarge {
            reason: format!("it has {n_bytes} bytes"),
            path: path.to_path_buf(),
        });
    }
    let mut reading = Reading {
        source: ArraySource {
            reader: BufReader::with_capacity(1 << 16, reader),
            at: 0,
        },
        path,
        n_taken: 0,
        places: BTreeMap::new(),
    };
    let (model, graph) = reading.model(n_bytes)?;
    check_no_hidden_data(&model, &graph).map_err(|reason| reading.damaged(reason))?;
    Ok(Skeleton {
        model,
        graph,
        places: reading.places,
        path: path.to_path_buf(),
    })
}

/// A file with random access, mostly forwards.
struct ArraySource<R> {
    reader: BufReader<R>,
    at: u64,
}

impl<R: Read + Seek> ArraySource<R> {
    fn go(&mut self, to: u64) -> io::Result<()> {
        self.reader.seek_relative(to as i64 - self.at as i64)?;
        self.at = to;
        Ok(())
    }

    fn append(&mut self, from: u64, to: u64, bytes: &mut Vec<u8>) -> io::Result<()> {
        self.go(from)?;
        let wanted = to - from;
        let n = self.reader.by_ref().take(wanted).read_to_end(bytes)? as u64;
        self.at += n;
        if n == wanted {
            return Ok(());
        }
        Err(io::ErrorKind::UnexpectedEof.into())
    }
}

impl<R: Read + Seek> Bytes for ArraySource<R> {
    fn peek(&mut self, at: u64) -> io::Result<([u8; 20], usize)> {
        self.go(at)?;
        let mut bytes = [0; 20];
        let mut n = 0;
        while n < bytes.len() {
            match self.reader.read(&mut bytes[n..])? {
                0 => break,
                more => n += more,
            }
        }
        self.at += n as u64;
        Ok((bytes, n))
    }
}

struct Reading<'a, R> {
    source: ArraySource<R>,
    path: &'a Path,
    n_taken: u64,
    places: BTreeMap<String, FilePlace>,
}

impl<R: Read + Seek> Reading<'_, R> {
    fn damaged(&self, reason: impl Into<String>) -> OwnOnnxError {
        OwnOnnxError::Damaged {
            reason: reason.into(),
            path: self.path.to_path_buf(),
        }
    }

    fn failed(&self, source: io::Error) -> OwnOnnxError {
        OwnOnnxError::File {
            source,
            path: self.path.to_path_buf(),
        }
    }

    fn model(&mut self, n_bytes: u64) -> Result<(ModelProto, GraphProto), OwnOnnxError> {
        let mut rest = Vec::new();
        let mut graph = None;
        let mut at = 0;
        while at < n_bytes {
            let found = self.field(at, n_bytes)?;
            at = found.end;
            if found.number == GRAPH && found.wire == Wire::Bytes {
                if graph.is_some() {
                    return Err(self.damaged("it has two graphs"));
                }
                graph = Some(found);
            } else {
                self.take(found, &mut rest)?;
            }
        }
        self.check_count(Message::Model, &rest)?;
        let model = ModelProto::decode(rest.as_slice())
            .map_err(|_| self.damaged("it does not follow the format"))?;
        let version = model.ir_version.unwrap_or_default();
        if version > NEWEST_IR_VERSION {
            return Err(self.damaged(format!(
                "it is of edition {version} of the format, which this version does not know"
            )));
        }
        let graph = graph.ok_or_else(|| self.damaged("it has no graph"))?;
        Ok((model, self.graph(graph)?))
    }

    fn graph(&mut self, place: Field) -> Result<GraphProto, OwnOnnxError> {
        let mut rest = Vec::new();
        let mut arrays = Vec::new();
        let mut at = place.content;
        while at < place.end {
            let found = self.field(at, place.end)?;
            at = found.end;
            if found.number == INITIALIZER && found.wire == Wire::Bytes {
                if arrays.len() == MOST_MESSAGES {
                    return Err(self.too_many());
                }
                arrays.push(self.array(found)?);
            } else {
                self.take(found, &mut rest)?;
            }
        }
        self.check_count(Message::Graph, &rest)?;
        let mut graph = GraphProto::decode(rest.as_slice())
            .map_err(|_| self.damaged("its graph does not follow the format"))?;
        graph.initializer = arrays;
        Ok(graph)
    }

    /// Reads an array, leaving its data in the file if they are large.
    fn array(&mut self, place: Field) -> Result<TensorProto, OwnOnnxError> {
        let mut rest = Vec::new();
        let mut numbers = Vec::new();
        let mut at = place.content;
        while at < place.end {
            let found = self.field(at, place.end)?;
            at = found.end;
            let is_plain = found.number == RAW_DATA || found.number == FLOAT_DATA;
            if is_plain && found.wire == Wire::Bytes && found.end - found.content >= LARGE_BYTES {
                numbers.push(found);
            } else {
                self.take(found, &mut rest)?;
            }
        }
        self.check_count(Message::Tensor, &rest)?;
        let mut array = TensorProto::decode(rest.as_slice())
            .map_err(|_| self.damaged("an array does not follow the format"))?;
        let name = array.name.clone().unwrap_or_default();
        let place = match numbers.as_slice() {
            [] if array.data_location == Some(EXTERNAL) => Some(self.external(&array, &name)?),
            [] => None,
            [found] if found.number == RAW_DATA || array.data_type == Some(FLOAT) => {
                Some(FilePlace {
                    file: self.path.to_path_buf(),
                    offset: found.content,
                    n_bytes: found.end - found.content,
                })
            }
            _ => return Err(self.damaged(format!("the array {name} is written twice"))),
        };
        if let Some(place) = place {
            self.check_length(&array, &place, &name)?;
            array.data_location = Some(EXTERNAL);
            array.external_data.clear();
            if self.places.insert(name.clone(), place).is_some() {
                return Err(self.damaged(format!("there are two arrays named {name}")));
            }
        }
        Ok(array)
    }

    fn external(&self, array: &TensorProto, name: &str) -> Result<FilePlace, OwnOnnxError> {
        let entry = |key: &str| {
            let found = array
                .external_data
                .iter()
                .find(|entry| entry.key.as_deref() == Some(key));
            found.and_then(|entry| entry.value.as_deref())
        };
        let number = |key: &str| match entry(key) {
            None => Ok(None),
            Some(text) => text.parse::<u64>().map(Some).map_err(|_| {
                self.damaged(format!("the array {name} lies at \"{text}\" of its file"))
            }),
        };
        let location = entry("location").unwrap_or_default();
        if !is_plain_name(location) {
            return Err(OwnOnnxError::Outside {
                array: name.to_string(),
                location: location.to_string(),
                path: self.path.to_path_buf(),
            });
        }
        let file = self.path.with_file_name(location);
        let metadata = std::fs::symlink_metadata(&file).ok();
        let Some(metadata) = metadata.filter(std::fs::Metadata::is_file) else {
            return Err(OwnOnnxError::DataMissing {
                array: name.to_string(),
                path: file,
            });
        };
        let offset = number("offset")?.unwrap_or(0);
        let n_bytes = match number("length")? {
            Some(length) => length,
            None => n_bytes_of(array).unwrap_or(u64::MAX),
        };
        let end = offset.checked_add(n_bytes);
        if end.is_none_or(|end| end > metadata.len()) {
            return Err(self.damaged(format!(
                "the array {name} reaches past the end of {location}"
            )));
        }
        Ok(FilePlace {
            file,
            offset,
            n_bytes,
        })
    }

    fn check_length(
        &self,
        array: &TensorProto,
        place: &FilePlace,
        name: &str,
    ) -> Result<(), OwnOnnxError> {
        if n_bytes_of(array) == Some(place.n_bytes) {
            return Ok(());
        }
        Err(self.damaged(format!(
            "the array {name} has {} bytes, which do not fit its shape {:?}",
            place.n_bytes, array.dims
        )))
    }

    fn field(&mut self, at: u64, end: u64) -> Result<Field, OwnOnnxError> {
        match wire::field(&mut self.source, at, end) {
            Ok(Some(field)) => Ok(field),
            Ok(None) => Err(self.damaged(format!(
                "it is cut short or does not follow the format at byte {at}"
            ))),
            Err(error) => Err(self.failed(error)),
        }
    }

    /// Appends a whole field to `bytes`.
    fn take(&mut self, field: Field, bytes: &mut Vec<u8>) -> Result<(), OwnOnnxError> {
        self.n_taken += field.end - field.start;
        if self.n_taken > MOST_GRAPH_BYTES {
            return Err(OwnOnnxError::TooLarge {
                reason: format!("its graph alone has more than {MOST_GRAPH_BYTES} bytes"),
                path: self.path.to_path_buf(),
            });
        }
        let taken = self.source.append(field.start, field.end, bytes);
        taken.map_err(|error| self.failed(error))
    }

    fn check_count(&self, message: Message, bytes: &[u8]) -> Result<(), OwnOnnxError> {
        if wire::has_at_most(MOST_MESSAGES, message, bytes) {
            return Ok(());
        }
        Err(self.too_many())
    }

    fn too_many(&self) -> OwnOnnxError {
        OwnOnnxError::TooLarge {
            reason: format!("it has more than {MOST_MESSAGES} parts"),
            path: self.path.to_path_buf(),
        }
    }
}

/// Whether it is a file name without a folder.
fn is_plain_name(location: &str) -> bool {
    let mut parts = Path::new(location).components();
    let is_name = matches!(parts.next(), Some(Component::Normal(_))) && parts.next().is_none();
    is_name && !location.contains(['/', '\\', ':', '\0'])
}

/// Size of an array's data in bytes; `None` if its type has no fixed size.
pub(crate) fn n_bytes_of(array: &TensorProto) -> Option<u64> {
    let n_each = match array.data_type? {
        2 | 3 | 9 | 17..=20 | 24 => 1,
        4 | 5 | FLOAT16 | 16 => 2,
        FLOAT | 6 | 12 => 4,
        7 | 11 | 13 | 14 => 8,
        15 => 16,
        _ => return None,
    };
    let mut n_bytes = n_each;
    for size in &array.dims {
        n_bytes = u64::try_from(*size).ok()?.checked_mul(n_bytes)?;
    }
    Some(n_bytes)
}

/// Checks that arrays within nodes contain their own data.
fn check_no_hidden_data(model: &ModelProto, graph: &GraphProto) -> Result<(), String> {
    let in_functions = model.functions.iter().flat_map(|function| &function.node);
    for node in graph.node.iter().chain(in_functions) {
        check_node(node)?;
    }
    Ok(())
}

fn check_node(node: &NodeProto) -> Result<(), String> {
    for attribute in &node.attribute {
        for array in attribute.t.iter().chain(&attribute.tensors) {
            check_array(array)?;
        }
        for graph in subgraphs(attribute) {
            for array in &graph.initializer {
                check_array(array)?;
            }
            for node in &graph.node {
                check_node(node)?;
            }
        }
    }
    Ok(())
}

fn check_array(array: &TensorProto) -> Result<(), String> {
    if array.data_location == Some(EXTERNAL) {
        return Err("an array inside a node lies in another file".into());
    }
    Ok(())
}

/// Returns the graphs in an attribute.
pub(crate) fn subgraphs(attribute: &AttributeProto) -> impl Iterator<Item = &GraphProto> {
    attribute.g.iter().chain(&attribute.graphs)
}
