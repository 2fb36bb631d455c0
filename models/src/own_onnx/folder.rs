//! The folder of an added ONNX file: written atomically, then opened like any other model.

use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use heschl_core::files::disk::{self, DiskFile};
use heschl_core::speech::card::Card;
use heschl_core::speech::encoder::{NumberFormat, Precision, Weight};
use prost::Message as _;
use serde::{Deserialize, Serialize};

use super::edit;
use super::error::OwnOnnxError;
use super::read::{self, FilePlace, Skeleton};
use crate::files;
use crate::folders::Surroundings;
use crate::onnx::proto::{StringStringEntryProto, TensorProto};
use crate::onnx::{EXTERNAL, FLOAT, FLOAT16};
use crate::written::{OWN_ONNX_FILE, is_own_onnx};

const DESCRIPTION_VERSION: u32 = 1;
const MOST_DESCRIPTION_BYTES: u64 = 1 << 20;
const GRAPH_FILE: &str = "model.onnx";
const DATA_FILE: &str = "model.onnx_data";
/// Alignment of arrays, so that they can be used in place.
const ALIGNMENT: u64 = 64;
/// Smaller arrays are stored in the graph itself.
const SMALL_BYTES: u64 = 1024;
/// Maximum size of a graph with the arrays that cannot be passed to the runtime by name.
const MOST_EMBEDDED_BYTES: u64 = 1 << 30;
/// Prefix of a folder that is being written.
const PARTIAL: &str = ".adding-";
/// Lock held while such a folder is being written.
const LOCK_FILE: &str = ".lock";
const MOST_LAYERS: usize = 1000;
const MOST_DIM: usize = 1 << 16;

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Description {
    version: u32,
    card: Card,
    /// Name of the original file.
    original: String,
    /// SHA-256 of the original file, 64 lowercase hexadecimal digits.
    sha256: String,
}

fn at(path: &Path) -> impl Fn(io::Error) -> OwnOnnxError + '_ {
    move |source| OwnOnnxError::File {
        source,
        path: path.to_path_buf(),
    }
}

/// Atomically writes the folder of the model described by `card`.
pub(super) fn write(
    around: &Surroundings,
    edited: &Skeleton,
    card: &Card,
    original: &Path,
) -> Result<PathBuf, OwnOnnxError> {
    let folders = around.folders()?;
    let models = folders.models();
    disk::create_folders(&models).map_err(at(&models))?;
    remove_litter(&models);
    let partial = new_folder(&models).map_err(at(&models))?;
    let lock = files::lock(&partial.path().join(LOCK_FILE)).map_err(at(partial.path()))?;
    write_graph(partial.path(), edited)?;
    let file = File::open(original).map_err(at(original))?;
    let (_, sha256) = files::sha256(file).map_err(at(original))?;
    let description = Description {
        version: DESCRIPTION_VERSION,
        card: card.clone(),
        original: original
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned(),
        sha256,
    };
    let path = partial.path().join(OWN_ONNX_FILE);
    let text = serde_json::to_vec_pretty(&description).map_err(io::Error::other);
    text.and_then(|text| disk::write_atomically(&path, &text))
        .map_err(at(&path))?;
    let path = partial.path().join(LOCK_FILE);
    disk::remove_file(&path).map_err(at(&path))?;
    drop(lock);
    let folder = folders.model(&card.name);
    if is_own_onnx(&folder) {
        // The name is free, so this was left by an interrupted attempt.
        disk::remove_folder(&folder).map_err(at(&folder))?;
    }
    disk::rename_durably(partial.path(), &folder).map_err(at(&folder))?;
    Ok(folder)
}

/// Removes partial folders of processes that no longer exist.
fn remove_litter(models: &Path) {
    let entries = fs::read_dir(models).into_iter().flatten();
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let is_partial = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default();
        name.to_string_lossy().starts_with(PARTIAL) && path.join(LOCK_FILE).is_file()
    };
    for path in paths.filter(is_partial) {
        if let Ok(Some(_lock)) = files::lock(&path.join(LOCK_FILE)) {
            // Best effort: the next attempt may succeed.
            let _ = disk::remove_folder(&path);
        }
    }
}

/// A temporary folder that is removed unless it is completed.
fn new_folder(models: &Path) -> io::Result<tempfile::TempDir> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(PARTIAL);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(fs::Permissions::from_mode(0o777));
    }
    builder.tempdir_in(models)
}

/// Writes the graph, and its large arrays one after another.
fn write_graph(folder: &Path, edited: &Skeleton) -> Result<(), OwnOnnxError> {
    let data_path = folder.join(DATA_FILE);
    let mut data = BufWriter::new(DiskFile::create(&data_path).map_err(at(&data_path))?);
    let mut n_written: u64 = 0;
    let mut graph = edited.graph.clone();
    for array in &mut graph.initializer {
        let Some(place) = edited.places.get(array.name.as_deref().unwrap_or_default()) else {
            continue;
        };
        if place.n_bytes < SMALL_BYTES {
            embed(array, place.read()?);
            continue;
        }
        let start = n_written.next_multiple_of(ALIGNMENT);
        let gap = vec![0; (start - n_written) as usize];
        data.write_all(&gap).map_err(at(&data_path))?;
        copy(place, &mut data, &data_path)?;
        n_written = start + place.n_bytes;
        array.external_data = vec![
            entry("location", DATA_FILE.into()),
            entry("offset", start.to_string()),
            entry("length", place.n_bytes.to_string()),
        ];
    }
    let data = data
        .into_inner()
        .map_err(|error| at(&data_path)(error.into()))?;
    data.sync_all().map_err(at(&data_path))?;
    let mut model = edited.model.clone();
    model.graph = Some(graph);
    let path = folder.join(GRAPH_FILE);
    disk::write_atomically(&path, &model.encode_to_vec()).map_err(at(&path))
}

fn entry(key: &str, value: String) -> StringStringEntryProto {
    StringStringEntryProto {
        key: Some(key.into()),
        value: Some(value),
    }
}

fn embed(array: &mut TensorProto, bytes: Vec<u8>) {
    array.raw_data = Some(bytes);
    array.data_location = None;
    array.external_data.clear();
}

fn copy(place: &FilePlace, data: &mut impl Write, data_path: &Path) -> Result<(), OwnOnnxError> {
    let mut file = File::open(&place.file).map_err(at(&place.file))?;
    file.seek(SeekFrom::Start(place.offset))
        .map_err(at(&place.file))?;
    let n_copied = io::copy(&mut file.take(place.n_bytes), data).map_err(at(data_path))?;
    if n_copied == place.n_bytes {
        return Ok(());
    }
    Err(at(&place.file)(io::ErrorKind::UnexpectedEof.into()))
}

/// The opened folder of an added ONNX file.
#[derive(Debug, Clone)]
pub(crate) struct OwnModel {
    folder: PathBuf,
    description: Description,
}

impl OwnModel {
    /// Reads the model card.
    ///
    /// # Errors
    /// Returns [`OwnOnnxError::Description`] if it is damaged or of another version.
    pub(crate) fn open(folder: &Path) -> Result<Self, OwnOnnxError> {
        let path = folder.join(OWN_ONNX_FILE);
        let unusable = |reason: String| OwnOnnxError::Description {
            reason,
            path: path.clone(),
        };
        if fs::metadata(&path).map_err(at(&path))?.len() > MOST_DESCRIPTION_BYTES {
            return Err(unusable("it is too long".into()));
        }
        let text = fs::read(&path).map_err(at(&path))?;
        let description: Description =
            serde_json::from_slice(&text).map_err(|error| unusable(error.to_string()))?;
        if description.version != DESCRIPTION_VERSION {
            return Err(unusable(format!("it has version {}", description.version)));
        }
        let card = &description.card;
        if !(1..=MOST_LAYERS).contains(&card.n_layers) || !(1..=MOST_DIM).contains(&card.dim) {
            return Err(unusable(format!(
                "{} layers of {} features",
                card.n_layers, card.dim
            )));
        }
        Ok(Self {
            folder: folder.to_path_buf(),
            description,
        })
    }

    /// Returns the model card, with the name `name`.
    pub(crate) fn card(&self, name: &str) -> Card {
        Card {
            name: name.to_string(),
            ..self.description.card.clone()
        }
    }

    /// Returns the files that determine the model's outputs.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        [OWN_ONNX_FILE, GRAPH_FILE, DATA_FILE]
            .map(|name| self.folder.join(name))
            .to_vec()
    }

    /// Returns the graph that computes only `layers`, and the locations of its weights.
    ///
    /// # Errors
    /// Returns an [`OwnOnnxError`] if half precision is requested, or the folder's files are damaged.
    pub(crate) fn build(
        &self,
        layers: &[usize],
        precision: Precision,
    ) -> Result<(Vec<u8>, Vec<Weight>), OwnOnnxError> {
        if precision == Precision::F16 {
            return Err(OwnOnnxError::Precision {
                folder: self.folder.clone(),
            });
        }
        let path = self.folder.join(GRAPH_FILE);
        let mut graph = read::read(&path)?;
        edit::keep_layers(&mut graph, layers, self.description.card.dim)
            .map_err(|reason| OwnOnnxError::Damaged { reason, path })?;
        hand_over(graph)
    }
}

/// The graph as bytes; arrays that the runtime can take from the mapped file are passed by name, the others embedded.
fn hand_over(mut skeleton: Skeleton) -> Result<(Vec<u8>, Vec<Weight>), OwnOnnxError> {
    let mut weights = Vec::new();
    let mut n_embedded = 0;
    for array in &mut skeleton.graph.initializer {
        let name = array.name.clone().unwrap_or_default();
        let Some(place) = skeleton.places.get(&name) else {
            continue;
        };
        let format = match array.data_type {
            Some(FLOAT) => NumberFormat::F32,
            Some(FLOAT16) => NumberFormat::F16,
            _ => {
                n_embedded += place.n_bytes;
                if n_embedded > MOST_EMBEDDED_BYTES {
                    return Err(OwnOnnxError::TooLarge {
                        reason: "its weights in formats other than float32 and float16 take more than 1 GB".into(),
                        path: skeleton.path,
                    });
                }
                embed(array, place.read()?);
                continue;
            }
        };
        array.data_location = Some(EXTERNAL);
        // The data are passed by name; the location is a dummy that the format requires.
        array.external_data = vec![entry("location", "weights".into())];
        weights.push(Weight {
            name,
            format,
            wanted: format,
            shape: array.dims.iter().map(|n| *n as usize).collect(),
            file: place.file.clone(),
            offset: place.offset,
        });
    }
    skeleton.model.graph = Some(skeleton.graph);
    Ok((skeleton.model.encode_to_vec(), weights))
}
