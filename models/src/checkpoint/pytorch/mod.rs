//! PyTorch checkpoints, `pytorch_model.bin`: a pickle that describes tensors as views of storages, and the storages.
//!
//! Since version 1.6 the file is an uncompressed zip archive, before that a sequence of pickles and storages. In either
//! case the data are stored as in memory, so that only the pickle needs to be parsed.
//!
//! Source: the layouts written and documented by `torch.serialization` of PyTorch 2.15.

mod archive;
mod legacy;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::Path;

use heschl_core::speech::encoder::NumberFormat;

use heschl_core::files::formats::pickle::{
    self, Element, Id, Known, Pickle, PickleFault, Value, Values, View,
};

use super::{Checkpoint, CheckpointError, Dtype, Tensor};

/// Byte ranges of the storages in the file, by key.
pub type Storages = BTreeMap<String, Range<u64>>;

/// Maximum number of dimensions of a tensor, as in PyTorch.
const MOST_RANK: usize = 64;
/// Keys under which training programs store a model's tensors among other data.
const ENVELOPES: [&str; 5] = ["state_dict", "model_state_dict", "model", "module", "net"];
const MOST_ENVELOPES: usize = 4;
/// Position of the magic number of tar archives.
const TAR_MARK: Range<usize> = 257..262;

/// Locates the tensors of a PyTorch checkpoint, without executing any code in it.
///
/// # Errors
/// Returns a [`CheckpointError`] if the file cannot be read, is damaged or not a checkpoint, is compressed, or calls
/// unknown functions.
pub fn read(path: &Path) -> Result<Checkpoint, CheckpointError> {
    let unreadable = |source| CheckpointError::Unreadable {
        source,
        path: path.to_path_buf(),
    };
    let file = File::open(path).map_err(unreadable)?;
    let n_bytes = file.metadata().map_err(unreadable)?.len();
    parse(BufReader::new(file), n_bytes, path)
}

/// Parses a PyTorch checkpoint of `n_bytes` from any source.
///
/// # Errors
/// Returns the errors of [`read`].
pub fn parse(
    mut source: impl Read + Seek,
    n_bytes: u64,
    path: &Path,
) -> Result<Checkpoint, CheckpointError> {
    let unreadable = |source| CheckpointError::Unreadable {
        source,
        path: path.to_path_buf(),
    };
    let mut start = vec![];
    let n_start = TAR_MARK.end as u64;
    let read = source.by_ref().take(n_start).read_to_end(&mut start);
    read.map_err(unreadable)?;
    source.seek(SeekFrom::Start(0)).map_err(unreadable)?;
    if start.starts_with(b"PK") {
        let (pickle, storages) = archive::read(source, n_bytes, path)?;
        let pickle = pickle::parse(&pickle).map_err(|fault| in_file(fault, path))?;
        return place(&pickle, &storages, path);
    }
    if legacy::is_beginning(&start) {
        let (pickle, storages) = legacy::read(source, n_bytes, path)?;
        return place(&pickle, &storages, path);
    }
    if start.get(TAR_MARK) == Some(b"ustar") {
        return Err(CheckpointError::Unsuited {
            reason: "it is in the oldest form of PyTorch, a tar archive. Load it in PyTorch and save it again".into(),
            path: path.to_path_buf(),
        });
    }
    Err(CheckpointError::Damaged {
        reason: "it was not saved by PyTorch".into(),
        path: path.to_path_buf(),
    })
}

/// Converts a fault of a pickle to an error of the file at `path`.
fn in_file(fault: PickleFault, path: &Path) -> CheckpointError {
    let path = path.to_path_buf();
    match fault {
        PickleFault::Damaged(reason) => CheckpointError::Damaged { reason, path },
        PickleFault::Call(name) => CheckpointError::Call { name, path },
    }
}

/// Locates the tensors described by a pickle, given the byte ranges of the `storages`.
///
/// # Errors
/// Returns [`CheckpointError::Damaged`] if a tensor exceeds its storage or two have the same name,
/// [`CheckpointError::Unsuited`] if the pickle holds no dictionary of tensors.
pub fn place(
    pickle: &Pickle,
    storages: &Storages,
    path: &Path,
) -> Result<Checkpoint, CheckpointError> {
    let damaged = |reason| CheckpointError::Damaged {
        reason,
        path: path.to_path_buf(),
    };
    let values = &pickle.values;
    let Some(entries) = state_dict(values, pickle.root) else {
        return Err(CheckpointError::Unsuited {
            reason: "it holds no tensors by name. Save the model's state_dict() with torch.save"
                .into(),
            path: path.to_path_buf(),
        });
    };
    let mut tensors = BTreeMap::new();
    for (key, value) in entries {
        let (Some(name), Value::Tensor(view)) = (values.text(*key), values.get(*value)) else {
            continue;
        };
        let tensor = tensor(values, view, storages)
            .map_err(|reason| damaged(format!("the tensor {} {reason}", name.escape_debug())))?;
        if tensors.insert(name.to_string(), tensor).is_some() {
            let name = name.escape_debug();
            return Err(damaged(format!("it has two tensors named {name}")));
        }
    }
    Ok(Checkpoint::new(path, tensors))
}

/// The dictionary of tensors, unwrapped from any enclosing ones.
fn state_dict(values: &Values, root: Id) -> Option<&[(Id, Id)]> {
    let mut entries = values.entries(root)?;
    for _ in 0..MOST_ENVELOPES {
        match ENVELOPES
            .iter()
            .find_map(|name| dict_named(values, entries, name))
        {
            Some(inner) => entries = inner,
            None => break,
        }
    }
    let is_tensor = |id: &Id| matches!(values.get(*id), Value::Tensor(_));
    entries
        .iter()
        .any(|(_, value)| is_tensor(value))
        .then_some(entries)
}

fn dict_named<'a>(values: &'a Values, entries: &[(Id, Id)], name: &str) -> Option<&'a [(Id, Id)]> {
    let mut named = entries
        .iter()
        .filter(|(key, _)| values.text(*key) == Some(name));
    named.find_map(|(_, value)| values.entries(*value))
}

/// Location of a view's data, or a clause on why it is invalid.
fn tensor(values: &Values, view: &View, storages: &Storages) -> Result<Tensor, String> {
    let Value::Storage(storage) = values.get(view.storage) else {
        return Err("has no storage".into());
    };
    let key = values.text(storage.key).unwrap_or_default();
    let Some(place) = storages.get(key) else {
        return Err("has no numbers in the file".into());
    };
    let element = match view.dtype.map(|dtype| values.get(dtype)) {
        None => storage.element,
        Some(Value::Known(Known::Format(element))) => *element,
        Some(_) => return Err("has no number format".into()),
    };
    let n_storage_bytes = whole(values, storage.count)
        .and_then(|count| count.checked_mul(storage.element.n_bytes))
        .filter(|n_bytes| *n_bytes <= place.end - place.start)
        .ok_or("has a storage that is longer than what the file has of it")?;
    let sizes = wholes(values, view.shape).ok_or("has no shape")?;
    let strides = wholes(values, view.strides).filter(|strides| strides.len() == sizes.len());
    let strides = strides.ok_or("has strides that do not belong to its shape")?;
    let start = whole(values, view.offset).ok_or("does not say where it begins")?;
    let extent = TensorExtent::new(&sizes, &strides, element)
        .ok_or("is larger than any file, as its shape has it")?;
    let offset = extent
        .begin_within(start, element, n_storage_bytes)
        .ok_or("reaches past the end of its storage")?;
    Ok(Tensor {
        dtype: dtype(element, extent.is_in_a_row),
        shape: sizes.iter().map(|n| *n as usize).collect(),
        file: 0,
        offset: place.start + offset,
    })
}

/// Extent of a view in its storage.
struct TensorExtent {
    /// Number of elements from the first to the last, inclusive.
    n_elements: u64,
    /// Whether these are exactly the tensor's elements in order (contiguous).
    is_in_a_row: bool,
}

impl TensorExtent {
    /// Returns `None` if it overflows 64 bits or this machine's address space.
    fn new(sizes: &[u64], strides: &[u64], element: Element) -> Option<Self> {
        let mut n_numbers = 1_u64;
        for n in sizes {
            n_numbers = n_numbers.checked_mul(usize::try_from(*n).ok()? as u64)?;
        }
        usize::try_from(n_numbers.checked_mul(element.n_bytes)?).ok()?;
        if n_numbers == 0 {
            return Some(Self {
                n_elements: 0,
                is_in_a_row: true,
            });
        }
        let mut last = 0_u64;
        let mut is_in_a_row = true;
        let mut expected = 1;
        for (n, stride) in sizes.iter().zip(strides).rev() {
            last = last.checked_add(stride.checked_mul(n - 1)?)?;
            is_in_a_row &= *n == 1 || *stride == expected;
            expected *= n;
        }
        Some(Self {
            n_elements: last.checked_add(1)?,
            is_in_a_row,
        })
    }

    /// Byte offset of a view that starts at element `start` of a storage; `None` if it does not fit.
    fn begin_within(&self, start: u64, element: Element, n_storage_bytes: u64) -> Option<u64> {
        let end = start
            .checked_add(self.n_elements)?
            .checked_mul(element.n_bytes)?;
        (end <= n_storage_bytes).then_some(start * element.n_bytes)
    }
}

fn dtype(element: Element, is_in_a_row: bool) -> Dtype {
    let format = match element.name {
        "float64" => NumberFormat::F64,
        "float32" => NumberFormat::F32,
        "float16" => NumberFormat::F16,
        "bfloat16" => NumberFormat::Bf16,
        other => return Dtype::Other(other.into()),
    };
    if is_in_a_row {
        Dtype::Supported(format)
    } else {
        Dtype::Scattered
    }
}

fn whole(values: &Values, id: Id) -> Option<u64> {
    u64::try_from(values.int(id)?).ok()
}

fn wholes(values: &Values, id: Id) -> Option<Vec<u64>> {
    let ids = values.sequence(id)?;
    if ids.len() > MOST_RANK {
        return None;
    }
    ids.iter().map(|id| whole(values, *id)).collect()
}
