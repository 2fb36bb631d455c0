//! Maps that belong together, with their record, and the folder that holds them.

use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

use ndarray::Ix1;
use serde::{Deserialize, Serialize};

use super::{FittedModel, MapsError, Moment};
use crate::files::formats::npz;
use crate::files::formats::npz_arrays::ArraysWriter;
use crate::run::pipeline::now;
use crate::run::store::{StoreError, atomic, sha256_of_file};

/// The file of the values: one array `(n_voxels,)` per map.
pub const VALUES: &str = "maps.npz";
/// The file of the record. It is written last.
pub const RECORD: &str = "maps.json";

/// Maps of the same voxels.
#[derive(Debug, Clone, PartialEq)]
pub struct MapSet {
    /// What they are.
    pub record: MapsRecord,
    /// Their values, in the order of the record, `(n_voxels,)` each; NaN where there is none.
    pub values: Vec<Vec<f64>>,
    /// Further files of the folder, by name.
    pub files: Vec<(String, Vec<u8>)>,
}

/// What maps show, and what they were made from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MapsRecord {
    /// Version of Heschl.
    pub heschl: String,
    /// When they were made, UTC.
    pub made: String,
    /// What they show, in a few words.
    pub title: String,
    /// Number of voxels.
    pub n_voxels: usize,
    /// The fits that they were made from.
    pub fits: Vec<UsedFit>,
    /// The mask whose voxels they are of, for volumes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mask: Option<PathBuf>,
    /// The settings, by name.
    pub settings: serde_json::Map<String, serde_json::Value>,
    /// The maps; the first one is shown first, unless three are shown as a colour.
    pub maps: Vec<MapEntry>,
    /// The maps, from 0 to 1, that are shown together as red, green and blue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rgb: Option<[String; 3]>,
    /// What must be said beside the maps, one sentence each.
    pub notes: Vec<String>,
    /// Moments of the test stories that drive components most and least.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub moments: Vec<Moment>,
}

/// A fit that maps were made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsedFit {
    /// What it is called.
    pub name: String,
    /// Its folder.
    pub folder: PathBuf,
    /// SHA-256 of its scores, in hexadecimal.
    pub scores_sha256: String,
}

/// A map, without its values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MapEntry {
    /// Its name in files.
    pub name: String,
    /// What it shows, for colour bars.
    pub title: String,
    /// Whether it is shown by colours on both sides of 0.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_signed: bool,
    /// For whole numbers that stand for something: what.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub categories: Vec<CategoryName>,
}

/// What a whole number stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CategoryName {
    /// The number.
    pub value: i32,
    /// Its meaning.
    pub name: String,
}

impl MapEntry {
    /// A map of numbers from 0 up.
    pub(super) fn new(name: &str, title: &str) -> Self {
        Self {
            name: name.into(),
            title: title.into(),
            is_signed: false,
            categories: vec![],
        }
    }

    /// A map of numbers on both sides of 0.
    pub(super) fn signed(name: &str, title: &str) -> Self {
        Self {
            is_signed: true,
            ..Self::new(name, title)
        }
    }

    /// A map of whole numbers that stand for something.
    pub(super) fn of_categories(name: &str, title: &str, categories: Vec<CategoryName>) -> Self {
        Self {
            categories,
            ..Self::new(name, title)
        }
    }

    /// The name of a category; empty if the value is none.
    fn category(&self, value: f64) -> &str {
        let found = self
            .categories
            .iter()
            .find(|it| (f64::from(it.value) - value).abs() < 0.5);
        found.map_or("", |category| &category.name)
    }
}

/// Whether a folder holds maps that were made from fits.
#[must_use]
pub fn is_folder(folder: &Path) -> bool {
    folder.join(RECORD).is_file() && folder.join(VALUES).is_file()
}

impl MapsRecord {
    /// A record without maps.
    ///
    /// # Errors
    /// Returns a [`MapsError`] if the scores of a fit cannot be read.
    pub(super) fn new(title: &str, models: &[&FittedModel]) -> Result<Self, MapsError> {
        let fits = models.iter().map(|model| {
            Ok(UsedFit {
                name: model.name.clone(),
                folder: model.folder.clone(),
                scores_sha256: sha256_of_file(&model.folder.join("scores.npz"))?,
            })
        });
        let first = models.first();
        Ok(Self {
            heschl: env!("CARGO_PKG_VERSION").into(),
            made: now(),
            title: title.into(),
            n_voxels: first.map_or(0, |model| model.table.voxels.len()),
            fits: fits.collect::<Result<_, StoreError>>()?,
            mask: first.and_then(|model| model.recipe.responses.mask.clone()),
            settings: serde_json::Map::new(),
            maps: vec![],
            rgb: None,
            notes: vec![],
            moments: vec![],
        })
    }

    /// Reads the record of a folder.
    ///
    /// # Errors
    /// Returns a [`MapsError`] if the file cannot be read or is invalid.
    pub fn read(folder: &Path) -> Result<Self, MapsError> {
        let path = folder.join(RECORD);
        let text = std::fs::read_to_string(&path).map_err(|source| StoreError::Read {
            source,
            path: path.clone(),
        })?;
        serde_json::from_str(&text).map_err(|error| MapsError::Record {
            reason: error.to_string(),
            path,
        })
    }

    /// The entry of a map, by its name.
    ///
    /// # Errors
    /// Returns [`MapsError::NoMap`] if there is none.
    pub fn entry(&self, name: &str) -> Result<&MapEntry, MapsError> {
        let found = self.maps.iter().find(|entry| entry.name == name);
        found.ok_or_else(|| {
            let known = self.maps.iter().map(|entry| entry.name.as_str());
            MapsError::NoMap {
                wanted: name.into(),
                known: known.collect::<Vec<_>>().join(", "),
            }
        })
    }
}

impl MapSet {
    /// Reads a folder of maps.
    ///
    /// # Errors
    /// Returns a [`MapsError`] if a file cannot be read, or record and values do not belong together.
    pub fn read(folder: &Path) -> Result<Self, MapsError> {
        let record = MapsRecord::read(folder)?;
        let path = folder.join(VALUES);
        let read = |entry: &MapEntry| {
            let values = npz::read_as::<f64, Ix1>(&path, &entry.name)?.to_vec();
            if values.len() == record.n_voxels {
                return Ok(values);
            }
            Err(MapsError::Record {
                reason: format!(
                    "\"{}\" has {} values, but there are {} voxels",
                    entry.name,
                    values.len(),
                    record.n_voxels
                ),
                path: folder.join(RECORD),
            })
        };
        Ok(Self {
            values: record.maps.iter().map(read).collect::<Result<_, _>>()?,
            record,
            files: vec![],
        })
    }

    /// The values of a map.
    ///
    /// # Errors
    /// Returns [`MapsError::NoMap`] if there is no such map.
    pub fn map(&self, name: &str) -> Result<(&MapEntry, &[f64]), MapsError> {
        let entry = self.record.entry(name)?;
        let values = self.record.maps.iter().zip(&self.values);
        let values = values.into_iter().find(|(it, _)| it.name == name);
        Ok((entry, values.map_or(&[], |(_, values)| values)))
    }

    /// Adds a map.
    pub(super) fn add(&mut self, entry: MapEntry, values: Vec<f64>) {
        self.record.maps.push(entry);
        self.values.push(values);
    }

    /// Writes the folder: `maps.npz`, `maps.csv`, further files and, last, the record `maps.json`.
    ///
    /// # Errors
    /// Returns a [`MapsError`] if the folder holds the scores of a fit, or a file cannot be written.
    pub fn write(&self, folder: &Path) -> Result<(), MapsError> {
        if folder.join("scores.npz").exists() {
            return Err(MapsError::OfFit(folder.to_path_buf()));
        }
        let write = |name: &str, bytes: &[u8]| atomic::write(&folder.join(name), bytes);
        let failed = |name: &str| {
            let path = folder.join(name);
            move |source| StoreError::Write { source, path }
        };
        atomic::remove(&folder.join(RECORD))?;
        write(VALUES, &self.to_npz().map_err(failed(VALUES))?)?;
        write("maps.csv", self.to_csv().as_bytes())?;
        for (name, bytes) in &self.files {
            write(name, bytes)?;
        }
        let record = serde_json::to_string_pretty(&self.record);
        let record = record.map_err(|error| MapsError::Record {
            reason: error.to_string(),
            path: folder.join(RECORD),
        })?;
        write(RECORD, format!("{record}\n").as_bytes())?;
        Ok(())
    }

    fn to_npz(&self) -> io::Result<Vec<u8>> {
        let mut archive = ArraysWriter::default();
        for (entry, values) in self.record.maps.iter().zip(&self.values) {
            archive.numbers(&entry.name, &[values.len()], values.iter().copied())?;
        }
        archive.finish()
    }

    /// A row per voxel; empty cells where there is no value. Categories have a column with their names.
    fn to_csv(&self) -> String {
        let mut text = String::from("voxel");
        for entry in &self.record.maps {
            let _ = write!(text, ",{}", entry.name);
            if !entry.categories.is_empty() {
                let _ = write!(text, ",{}_name", entry.name);
            }
        }
        text.push('\n');
        for voxel in 0..self.record.n_voxels {
            let _ = write!(text, "{voxel}");
            for (entry, values) in self.record.maps.iter().zip(&self.values) {
                let value = values[voxel];
                text.push(',');
                if value.is_finite() {
                    let _ = write!(text, "{value}");
                }
                if !entry.categories.is_empty() {
                    let _ = write!(text, ",{}", quoted(entry.category(value)));
                }
            }
            text.push('\n');
        }
        text
    }
}

/// A cell of a table of commas.
pub(super) fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_string()
    }
}

/// The value below which a share of the finite values lies; NaN if there are none.
pub(super) fn quantile(values: impl Iterator<Item = f64>, share: f64) -> f64 {
    let mut sorted: Vec<f64> = values.filter(|value| value.is_finite()).collect();
    sorted.sort_by(f64::total_cmp);
    let at = (sorted.len().saturating_sub(1) as f64 * share).round() as usize;
    sorted.get(at).copied().unwrap_or(f64::NAN)
}
