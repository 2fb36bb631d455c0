//! Sharded checkpoints: several files, with an index from tensors to files.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read;
use std::path::{Component, Path};

use serde::Deserialize;

use super::placeholder::refuse_placeholder;
use super::{Checkpoint, CheckpointError, MOST_HEADER_BYTES};

/// Maximum number of files of a checkpoint.
const MOST_SHARDS: usize = 1000;

#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

/// Locates the tensors named in an index, using `read_shard` for each file.
///
/// # Errors
/// Returns a [`CheckpointError`] if the index or a shard cannot be read or is damaged, or if a shard is missing or lacks
/// tensors listed in the index.
pub(super) fn read(
    index: &Path,
    read_shard: fn(&Path) -> Result<Checkpoint, CheckpointError>,
) -> Result<Checkpoint, CheckpointError> {
    let mut shards: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, shard) in parse(&read_text(index)?, index)? {
        shards.entry(shard).or_default().push(name);
    }
    let folder = index.parent().unwrap_or(Path::new(""));
    let mut files = vec![];
    let mut tensors = BTreeMap::new();
    for (file, (shard, names)) in shards.into_iter().enumerate() {
        let path = folder.join(&shard);
        if !path.is_file() {
            return Err(CheckpointError::NoShard {
                shard,
                path: index.to_path_buf(),
            });
        }
        refuse_placeholder(&path)?;
        let mut found = read_shard(&path)?.tensors;
        for name in names {
            let Some(mut tensor) = found.remove(&name) else {
                return Err(CheckpointError::NotInShard {
                    name: name.escape_debug().to_string(),
                    path,
                });
            };
            tensor.file = file;
            tensors.insert(name, tensor);
        }
        files.push(path);
    }
    Ok(Checkpoint::of_files(index, files, tensors))
}

/// Returns the names of the files in an index, without duplicates.
///
/// # Errors
/// Returns a [`CheckpointError`] if the index cannot be read or is invalid.
pub(crate) fn shards(index: &Path) -> Result<BTreeSet<String>, CheckpointError> {
    let files = parse(&read_text(index)?, index)?;
    Ok(files.into_values().collect())
}

/// Parses an index: the file of each tensor.
///
/// # Errors
/// Returns [`CheckpointError::Damaged`] if it is invalid, or names a file outside its folder.
fn parse(text: &[u8], path: &Path) -> Result<BTreeMap<String, String>, CheckpointError> {
    let damaged = |reason| CheckpointError::Damaged {
        reason,
        path: path.to_path_buf(),
    };
    let index: Index = serde_json::from_slice(text)
        .map_err(|error| damaged(format!("its index is invalid ({error})")))?;
    if let Some(shard) = index.weight_map.values().find(|shard| !is_plain(shard)) {
        let shard = shard.escape_debug();
        return Err(damaged(format!(
            "its index names the file \"{shard}\", which is not beside it"
        )));
    }
    let n_shards = index.weight_map.values().collect::<BTreeSet<_>>().len();
    if n_shards > MOST_SHARDS {
        return Err(damaged(format!("its index names {n_shards} files")));
    }
    Ok(index.weight_map)
}

/// Whether a name is a plain file name, on every system.
fn is_plain(name: &str) -> bool {
    let mut components = Path::new(name).components();
    let is_one = matches!(
        (components.next(), components.next()),
        (Some(Component::Normal(_)), None)
    );
    is_one && !name.contains(['/', '\\', ':', '\0'])
}

fn read_text(path: &Path) -> Result<Vec<u8>, CheckpointError> {
    let unreadable = |source| CheckpointError::Unreadable {
        source,
        path: path.to_path_buf(),
    };
    let file = File::open(path).map_err(unreadable)?;
    let found = file.metadata().map_err(unreadable)?.len();
    if found > MOST_HEADER_BYTES {
        return Err(CheckpointError::Header {
            claimed: found,
            found,
            path: path.to_path_buf(),
        });
    }
    let mut text = vec![];
    let read = file.take(MOST_HEADER_BYTES).read_to_end(&mut text);
    read.map_err(unreadable)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use heschl_core::speech::encoder::Precision;

    use crate::OpenModel;
    use crate::checkpoint::open;

    #[test]
    fn a_model_with_an_index_has_the_graph_and_weights_of_the_model_in_one_file() {
        let whole = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/whisper-like");
        let folder = tempfile::tempdir().unwrap();
        let [config, shard] =
            ["config.json", "shard.safetensors"].map(|file| folder.path().join(file));
        std::fs::copy(whole.join("config.json"), &config).unwrap();
        std::fs::copy(whole.join("model.safetensors"), &shard).unwrap();
        let in_one_file = open(&whole).unwrap().unwrap();
        let names = in_one_file.tensors().keys();
        let weight_map: serde_json::Map<_, _> = names
            .map(|name| (name.clone(), "shard.safetensors".into()))
            .collect();
        let index = serde_json::json!({ "metadata": {}, "weight_map": weight_map });
        let path = folder.path().join("model.safetensors.index.json");
        std::fs::write(path, index.to_string()).unwrap();

        let model = OpenModel::open(folder.path(), "sharded").unwrap();
        assert_eq!(model.files(), [config, shard.clone()]);
        let built = model.build(&[1], Precision::F32).unwrap();
        let whole = OpenModel::open(&whole, "whole").unwrap();
        let expected = whole.build(&[1], Precision::F32).unwrap();
        assert_eq!(built.graph, expected.graph);
        for (weight, mut expected) in built.weights.into_iter().zip(expected.weights) {
            expected.file.clone_from(&shard);
            assert_eq!(weight, expected);
        }
    }

    /// The error for a folder whose index maps tensors to files, one of which, `there.safetensors`, is empty.
    fn said_of(weight_map: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes);
        let index = format!("{{\"weight_map\": {weight_map}}}");
        write("model.safetensors.index.json", index.as_bytes()).unwrap();
        write("there.safetensors", b"\x02\0\0\0\0\0\0\0{}").unwrap();
        open(folder.path()).unwrap_err().to_string()
    }

    #[test]
    fn an_index_that_does_not_fit_its_files_is_refused() {
        let check = |weight_map: &str, expected: &str| {
            let said = said_of(weight_map);
            assert!(said.contains(expected), "{said}");
        };
        check(
            r#"{"a": "gone.safetensors"}"#,
            "gone.safetensors is not there",
        );
        check(
            r#"{"a": "there.safetensors"}"#,
            "tensor a lies in this file",
        );
        check(r#"{"a": 1}"#, "its index is invalid");
        for outside in ["../x", "/etc/passwd", "a/b", "..", ".", "", "c:x", "a\\\\b"] {
            let weight_map = format!("{{\"a\": \"{outside}\"}}");
            check(&weight_map, "which is not beside it");
        }
    }

    #[test]
    fn a_shard_that_is_only_a_pointer_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let write =
            |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write(
            "model.safetensors.index.json",
            r#"{"weight_map": {"a": "one.safetensors"}}"#,
        );
        write(
            "one.safetensors",
            "version https://git-lfs.github.com/spec/v1\n",
        );
        let sentence = open(folder.path()).unwrap_err().to_string();
        assert!(sentence.contains("git lfs pull") && sentence.contains("one.safetensors"));
    }

    #[test]
    fn a_folder_without_weights_has_no_checkpoint() {
        let folder = tempfile::tempdir().unwrap();
        assert!(open(folder.path()).unwrap().is_none());
    }

    #[test]
    fn safetensors_come_before_pytorch() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes);
        write("pytorch_model.bin", b"nonsense").unwrap();
        assert!(open(folder.path()).is_err());
        write("model.safetensors", b"\x02\0\0\0\0\0\0\0{}").unwrap();
        let checkpoint = open(folder.path()).unwrap().unwrap();
        assert_eq!(
            checkpoint.files(),
            [folder.path().join("model.safetensors")]
        );
    }
}
