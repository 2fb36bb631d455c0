//! Downloads a model's files from the Hub.

use std::path::Path;

use super::{FetchError, FileRecord, record_of};
use crate::catalogue::{CONFIG_FILE, Entry, PREPROCESSOR_FILE, PROCESSOR_FILE, WEIGHT_FILES};
use crate::checkpoint::sharded;
use crate::download::{DownloadError, Limits, Watch};
use crate::hub::{Hub, HubFile};

/// Index files of sharded weights, in order of preference.
const INDEX_FILES: [&str; 2] = [
    "model.safetensors.index.json",
    "pytorch_model.bin.index.json",
];

/// A model being downloaded from the Hub.
struct Delivery<'a> {
    hub: &'a Hub,
    entry: &'a Entry<'a>,
    partial: &'a Path,
    limits: &'a Limits,
    commit: Option<String>,
    records: Vec<FileRecord>,
}

/// Downloads a model's files into `partial`. Returns the repository's commit, if any file was downloaded now, and the
/// files.
///
/// # Errors
/// Returns a [`FetchError`] if a file cannot be downloaded or verified, or the model is not supported.
pub(super) fn from_hub(
    hub: &Hub,
    entry: &Entry,
    partial: &Path,
    limits: &Limits,
    watch: &mut Watch,
) -> Result<(Option<String>, Vec<FileRecord>), FetchError> {
    let mut delivery = Delivery {
        hub,
        entry,
        partial,
        limits,
        commit: None,
        records: vec![],
    };
    // The total size is unknown while the small files are downloaded.
    let mut quiet = Watch {
        progress: &mut |_, _| {},
        cancelled: watch.cancelled,
    };
    delivery.get(CONFIG_FILE, &mut quiet)?;
    delivery.get_preprocessor(entry.needs_preprocessor, &mut quiet)?;
    crate::check_kind(&partial.join(CONFIG_FILE))
        .map_err(|error| FetchError::NotForHeschl(Box::new(error)))?;
    delivery.get_weights(watch)?;
    Ok((delivery.commit, delivery.records))
}

/// The expected hash of a file, if known.
pub(super) fn known_hash<'a>(entry: &Entry<'a>, name: &str) -> Option<&'a str> {
    let weights = entry.weights;
    weights.sha256.filter(|_| weights.file == name)
}

impl Delivery<'_> {
    /// Downloads the weights under their expected name, else under another one, else as shards.
    fn get_weights(&mut self, watch: &mut Watch) -> Result<(), FetchError> {
        let known = self.entry.weights.file;
        let others = WEIGHT_FILES.into_iter().filter(|file| *file != known);
        let mut not_there = match self.get(known, watch) {
            Err(error) if is_missing(&error) => error,
            other => return other,
        };
        for name in others {
            match self.get(name, watch) {
                Err(error) if is_missing(&error) => not_there = error,
                other => return other,
            }
        }
        for index in INDEX_FILES {
            match self.get(index, watch) {
                Err(error) if is_missing(&error) => {}
                Err(error) => return Err(error),
                Ok(()) => return self.get_shards(index, watch),
            }
        }
        Err(not_there)
    }

    fn get_shards(&mut self, index: &str, watch: &mut Watch) -> Result<(), FetchError> {
        let shards = sharded::shards(&self.partial.join(index))
            .map_err(|error| FetchError::NotForHeschl(Box::new(error.into())))?;
        shards.iter().try_for_each(|shard| self.get(shard, watch))
    }

    /// Downloads the preprocessor configuration under its old name, else under that of transformers 5.
    fn get_preprocessor(&mut self, is_needed: bool, watch: &mut Watch) -> Result<(), FetchError> {
        match self.get(PREPROCESSOR_FILE, watch) {
            Err(error) if is_missing(&error) => match self.get(PROCESSOR_FILE, watch) {
                Err(other) if is_missing(&other) && is_needed => Err(error),
                Err(other) if is_missing(&other) => Ok(()),
                other => other,
            },
            other => other,
        }
    }

    fn get(&mut self, name: &str, watch: &mut Watch) -> Result<(), FetchError> {
        let path = self.partial.join(name);
        if path.is_file() {
            // It was verified before it got this name.
            self.records.push(record_of(&path, name)?);
            return Ok(());
        }
        let file = HubFile {
            repository: self.entry.repository,
            revision: self.entry.revision,
            name,
            sha256: known_hash(self.entry, name),
        };
        let arrived = self.hub.fetch(&file, &path, self.limits, watch)?;
        self.commit = self.commit.take().or(arrived.commit);
        self.records.push(FileRecord {
            name: name.to_owned(),
            bytes: arrived.bytes,
            sha256: arrived.sha256,
        });
        Ok(())
    }
}

fn is_missing(error: &FetchError) -> bool {
    matches!(error, FetchError::Hub(DownloadError::Missing { .. }))
}
