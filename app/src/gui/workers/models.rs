//! The models that there are: the catalogue, what was fetched, what was added.

use std::path::{Path, PathBuf};

use heschl_core::run::progress::CancelToken;
use heschl_models::catalogue::{self, Shelf};
use heschl_models::folders::Surroundings;
use heschl_models::{OpenModel, added, fetch};

use super::{Replies, Waker, Worker};
use crate::forecast;
use crate::gui::info::{ModelEntry, ModelSource};
use crate::gui::loading::Loading;

/// Asks for all models.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Request;

pub(super) type Reply = Loading<Vec<ModelEntry>>;

pub(super) fn open(waker: &Waker) -> Worker<Request, Reply> {
    Worker::open(
        "models",
        waker,
        |_: Request, _: &CancelToken, out: &Replies<Reply>| {
            out.give(read().map_or_else(Loading::Failed, Loading::Ready));
        },
    )
}

/// The program, the graph and a batch of windows, beside the weights: as measured of Whisper tiny.en with a few to spare.
const BESIDE_WEIGHTS_BYTES: u64 = 400_000_000;

fn read() -> Result<Vec<ModelEntry>, String> {
    let around = Surroundings::of_this_process();
    let (memory_bytes, _) = forecast::memory_of_machine();
    let mut entries: Vec<ModelEntry> = catalogue::ENTRIES
        .iter()
        .map(|entry| {
            let needed_bytes = entry.weights.bytes + BESIDE_WEIGHTS_BYTES;
            let folder = fetch::installed(&around, entry.name);
            let is_shipped = |folder: &PathBuf| fetch::is_shipped(&around, folder);
            ModelEntry {
                name: entry.name.into(),
                origin: entry.repository.into(),
                source: match entry.shelf {
                    Shelf::Study => ModelSource::Study,
                    Shelf::More | Shelf::Hub => ModelSource::More,
                },
                about: catalogue::about(entry.name),
                n_layers: usize::from(entry.layers) + 1,
                dim: usize::from(entry.dimension),
                licence: entry.licence.map(Into::into),
                download_bytes: Some(entry.weights.bytes),
                needed_bytes,
                fits: memory_bytes == 0 || needed_bytes < memory_bytes,
                is_shipped: folder.as_ref().is_some_and(is_shipped),
                folder,
                problem: None,
            }
        })
        .collect();
    for besides in fetch::fetched_besides(&around) {
        let folder = fetch::installed(&around, &besides.name);
        entries.extend(folder.map(|folder| {
            own(
                &besides.name,
                besides.origin.clone(),
                folder,
                ModelSource::Hub,
            )
        }));
    }
    let added = added::added(&around).map_err(|error| error.to_string())?;
    for own_model in added {
        let origin = own_model.folder.display().to_string();
        entries.push(own(
            &own_model.name,
            origin,
            own_model.folder,
            ModelSource::Added,
        ));
    }
    Ok(entries)
}

/// A model that the catalogue does not know.
fn own(name: &str, origin: String, folder: PathBuf, source: ModelSource) -> ModelEntry {
    let opened = OpenModel::open(&folder, name);
    let (n_layers, dim) = opened
        .as_ref()
        .map_or((0, 0), |opened| (opened.card().n_layers, opened.card().dim));
    let bytes = bytes_below(&folder);
    ModelEntry {
        name: name.into(),
        origin,
        source,
        about: None,
        n_layers,
        dim,
        licence: None,
        download_bytes: None,
        needed_bytes: bytes + BESIDE_WEIGHTS_BYTES,
        fits: true,
        folder: Some(folder),
        is_shipped: false,
        problem: opened.err().map(|error| error.to_string()),
    }
}

fn bytes_below(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.metadata().ok())
        .map(|metadata| metadata.len())
        .sum()
}

/// Deletes a model that was fetched, or forgets one that was added.
pub(super) fn delete(name: &str) -> Result<(), String> {
    let around = Surroundings::of_this_process();
    let is_gone = added::remove(&around, name).map_err(|error| error.to_string())?
        || fetch::uninstall(&around, name).map_err(|error| error.to_string())?;
    is_gone
        .then_some(())
        .ok_or_else(|| format!("{name} is no longer installed."))
}
