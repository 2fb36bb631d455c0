//! The safetensors format: a length, a JSON header, and the tensor data.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use heschl_core::speech::encoder::NumberFormat;
use safetensors::Dtype as FileDtype;
use serde::de::{Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::{Checkpoint, CheckpointError, Dtype, MOST_HEADER_BYTES, Tensor};

const LENGTH_BYTES: u64 = 8;
/// The metadata entry of a header.
const METADATA: &str = "__metadata__";
/// Maximum number of tensors in a file; the largest published encoders have a few thousand.
const MOST_TENSORS: usize = 100_000;
/// Maximum number of dimensions of a tensor, as in PyTorch.
const MOST_RANK: usize = 64;

/// Locates the tensors of a safetensors file.
///
/// # Errors
/// Returns a [`CheckpointError`] if the file cannot be read, its header is damaged or too large, or the file ends before
/// its last tensor.
pub fn read(path: &Path) -> Result<Checkpoint, CheckpointError> {
    let unreadable = |source| CheckpointError::Unreadable {
        source,
        path: path.to_path_buf(),
    };
    let mut file = File::open(path).map_err(unreadable)?;
    let n_file_bytes = file.metadata().map_err(unreadable)?.len();
    let mut length = [0; LENGTH_BYTES as usize];
    if n_file_bytes < LENGTH_BYTES {
        return Err(CheckpointError::Truncated {
            promised: LENGTH_BYTES,
            found: n_file_bytes,
            path: path.to_path_buf(),
        });
    }
    file.read_exact(&mut length).map_err(unreadable)?;
    let claimed = u64::from_le_bytes(length);
    if claimed > MOST_HEADER_BYTES || claimed > n_file_bytes - LENGTH_BYTES {
        return Err(CheckpointError::Header {
            claimed,
            found: n_file_bytes,
            path: path.to_path_buf(),
        });
    }
    let mut json = Vec::new();
    file.take(claimed)
        .read_to_end(&mut json)
        .map_err(unreadable)?;
    parse(&json, n_file_bytes, path)
}

/// Parses the JSON header of a file of `n_file_bytes`.
///
/// # Errors
/// Returns the errors of [`read`].
pub fn parse(json: &[u8], n_file_bytes: u64, path: &Path) -> Result<Checkpoint, CheckpointError> {
    let damaged = |reason: String| CheckpointError::Damaged {
        reason,
        path: path.to_path_buf(),
    };
    let Entries(tensors) = serde_json::from_slice(json)
        .map_err(|error| damaged(format!("its header cannot be read ({error})")))?;
    let first_byte = LENGTH_BYTES + json.len() as u64;
    let mut placed = BTreeMap::new();
    let mut places = Vec::with_capacity(tensors.len());
    for (name, entry) in tensors {
        let (begin, end) = entry.data_offsets;
        let n_bits = entry
            .shape
            .iter()
            .try_fold(entry.dtype.bitsize() as u64, |product, n| {
                product.checked_mul(*n as u64)
            });
        if end < begin || n_bits.is_none() || n_bits != (end - begin).checked_mul(8) {
            return Err(damaged(format!(
                "the tensor {} has not the length that its shape asks for",
                name.escape_debug()
            )));
        }
        let promised = first_byte.checked_add(end);
        if promised.is_none_or(|promised| promised > n_file_bytes) {
            return Err(CheckpointError::Truncated {
                promised: promised.unwrap_or(u64::MAX),
                found: n_file_bytes,
                path: path.to_path_buf(),
            });
        }
        places.push((begin, end));
        placed.insert(name, place(entry, first_byte));
    }
    places.sort_unstable();
    if places.windows(2).any(|pair| pair[1].0 < pair[0].1) {
        return Err(damaged("two of its tensors lie upon each other".into()));
    }
    Ok(Checkpoint::new(path, placed))
}

fn place(entry: TensorEntry, first_byte: u64) -> Tensor {
    Tensor {
        dtype: match entry.dtype {
            FileDtype::F32 => Dtype::Supported(NumberFormat::F32),
            FileDtype::F16 => Dtype::Supported(NumberFormat::F16),
            FileDtype::BF16 => Dtype::Supported(NumberFormat::Bf16),
            FileDtype::F64 => Dtype::Supported(NumberFormat::F64),
            other => Dtype::Other(format!("{other:?}")),
        },
        shape: entry.shape,
        file: 0,
        offset: first_byte + entry.data_offsets.0,
    }
}

/// The tensors of a header, in file order. They are deserialised one by one, so that a header of many short entries takes
/// no more memory than [`MOST_TENSORS`] allows.
struct Entries(Vec<(String, TensorEntry)>);

/// Header entry of one tensor.
#[derive(Deserialize)]
struct TensorEntry {
    dtype: FileDtype,
    #[serde(deserialize_with = "shape")]
    shape: Vec<usize>,
    data_offsets: (u64, u64),
}

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct All;
        impl<'de> Visitor<'de> for All {
            type Value = Entries;

            fn expecting(&self, to: &mut fmt::Formatter) -> fmt::Result {
                to.write_str("tensors by their names")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries, A::Error> {
                let mut entries: Vec<(String, TensorEntry)> = vec![];
                while let Some(name) = map.next_key::<String>()? {
                    if name == METADATA {
                        map.next_value::<IgnoredAny>()?;
                        continue;
                    }
                    if entries.len() == MOST_TENSORS {
                        return Err(A::Error::custom(format!(
                            "more than {MOST_TENSORS} tensors"
                        )));
                    }
                    entries.push((name, map.next_value()?));
                }
                let n_named = entries.len();
                let names: BTreeSet<&String> = entries.iter().map(|(name, _)| name).collect();
                if names.len() < n_named {
                    return Err(A::Error::custom("two tensors of one name"));
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(All)
    }
}

/// A list of at most [`MOST_RANK`] dimensions.
fn shape<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<usize>, D::Error> {
    struct Dimensions;
    impl<'de> Visitor<'de> for Dimensions {
        type Value = Vec<usize>;

        fn expecting(&self, to: &mut fmt::Formatter) -> fmt::Result {
            to.write_str("dimensions")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<usize>, A::Error> {
            let mut shape = vec![];
            while let Some(n) = list.next_element()? {
                if shape.len() == MOST_RANK {
                    return Err(A::Error::custom(format!(
                        "more than {MOST_RANK} dimensions"
                    )));
                }
                shape.push(n);
            }
            Ok(shape)
        }
    }
    deserializer.deserialize_seq(Dimensions)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(json: &str, n_bytes: u64) -> Result<Checkpoint, String> {
        let n_file_bytes = LENGTH_BYTES + json.len() as u64 + n_bytes;
        parse(json.as_bytes(), n_file_bytes, Path::new("a")).map_err(|error| error.to_string())
    }

    #[test]
    fn tensors_lie_where_the_header_says() {
        let json = r#"{"__metadata__": {"format": "pt"}, "a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]},
            "b": {"dtype": "I64", "shape": [], "data_offsets": [8, 16]}}"#;
        let checkpoint = parsed(json, 16).unwrap();
        assert_eq!(checkpoint.tensors().len(), 2);
        let start = LENGTH_BYTES + json.len() as u64;
        assert_eq!(checkpoint.tensors()["a"].offset, start);
        assert_eq!(checkpoint.tensors()["b"].dtype, Dtype::Other("I64".into()));
        assert!(parsed(json, 15).unwrap_err().contains("cut short"));
    }

    #[test]
    fn headers_that_contradict_themselves_are_refused() {
        let tensor = |offsets: &str| {
            format!(r#"{{"dtype": "F32", "shape": [2], "data_offsets": {offsets}}}"#)
        };
        for (json, reason) in [
            (format!(r#"{{"a": {}}}"#, tensor("[0, 4]")), "length"),
            (format!(r#"{{"a": {}}}"#, tensor("[8, 0]")), "length"),
            (
                format!(r#"{{"a": {}, "b": {}}}"#, tensor("[0, 8]"), tensor("[4, 12]")),
                "upon each other",
            ),
            (
                format!(r#"{{"a": {}, "a": {}}}"#, tensor("[0, 8]"), tensor("[8, 16]")),
                "one name",
            ),
            (
                r#"{"a": {"dtype": "F32", "shape": [4611686018427387904, 4], "data_offsets": [0, 0]}}"#.into(),
                "length",
            ),
        ] {
            let refusal = parsed(&json, 16).unwrap_err();
            assert!(refusal.contains(reason), "{json}: {refusal}");
        }
    }

    #[test]
    fn a_header_of_many_short_entries_or_long_shapes_is_refused_before_it_takes_memory() {
        let many: Vec<String> = (0..=MOST_TENSORS)
            .map(|at| format!(r#""{at}":{{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}"#))
            .collect();
        let refusal = parsed(&format!("{{{}}}", many.join(",")), 0).unwrap_err();
        assert!(refusal.contains("more than 100000 tensors"), "{refusal}");
        let long = vec!["1"; MOST_RANK + 1].join(",");
        let json = format!(r#"{{"a":{{"dtype":"F32","shape":[{long}],"data_offsets":[0,4]}}}}"#);
        assert!(parsed(&json, 4).unwrap_err().contains("dimensions"));
    }
}
