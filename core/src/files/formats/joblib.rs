//! Pickles and joblib dumps of arrays: locates the arrays in the file.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use memmap2::Mmap;

use super::compressed::{Allowance, compression_of, unpacked};
use super::found::{Found, odd_shape};
use super::npy::NpyHeader;
use super::npz_found::what_kind;
use super::pickle::{self, ArrayData, Id, LocatedValues, Pickle, PickleFault, Value};
use super::places::read_at;
use super::stored_array::{StoredArray, stored_array};
use crate::files::responses::ResponsesError;

/// A pickle, with the file that contains its arrays.
pub struct PickledFile {
    file: Arc<File>,
    pickle: Pickle,
    n_bytes: u64,
    scratch: PathBuf,
}

/// Generic names, which do not identify a story.
pub(super) fn is_usual(name: &str) -> bool {
    matches!(name, "data" | "arr_0" | "responses" | "features")
}

/// Maximum length of a name, bytes.
const MOST_NAME_BYTES: u64 = 4096;

impl PickledFile {
    /// Interprets a pickle; arrays that joblib appended are located, not read. Compressed files are unpacked into `scratch`
    /// once, as are arrays whose encoding in the pickle differs from memory layout.
    ///
    /// # Errors
    /// Returns an error if the file cannot be read, is not a pickle, or calls an unknown function.
    pub fn open(path: &Path, scratch: &Path) -> Result<Self, ResponsesError> {
        let unreadable =
            |error: std::io::Error| said(path, &format!("The file cannot be read: {error}"));
        let mut file = File::open(path).map_err(unreadable)?;
        let n_packed = file.metadata().map_err(unreadable)?.len();
        if let Some(compression) = compression_of(&mut file).map_err(unreadable)? {
            let unpack = |error: std::io::Error| {
                said(path, &format!("The file cannot be unpacked: {error}"))
            };
            let reader = compression.reader(file).map_err(unpack)?;
            let mut allowance = Allowance::of_file(n_packed);
            file = unpacked(reader, &mut allowance, scratch).map_err(unpack)?;
        }
        let n_bytes = file.metadata().map_err(unreadable)?.len();
        let map = map(&file).map_err(unreadable)?;
        let pickle = pickle::parse(&map).map_err(|fault| refused(path, fault))?;
        Ok(Self {
            file: Arc::new(file),
            pickle,
            n_bytes,
            scratch: scratch.to_path_buf(),
        })
    }

    /// Returns the parsed pickle.
    #[must_use]
    pub fn pickle(&self) -> &Pickle {
        &self.pickle
    }

    /// Returns the named arrays of the outermost dictionary that can be responses; a single array is unnamed. Lists of
    /// arrays are numbered, and nested dictionaries are searched if the outermost one has no arrays of its own.
    ///
    /// # Errors
    /// Returns an error if nested dictionaries have arrays of the same name, or an array is damaged.
    pub fn arrays(&self, path: &Path) -> Result<Found<StoredArray>, ResponsesError> {
        let mut found = Found::default();
        let n_behind = self.n_bytes.saturating_sub(self.pickle.n_bytes as u64);
        if n_behind > 0 {
            found.notes.push(format!(
                "{n_behind} bytes follow the pickle in its file, as where several are written one after the other. Only the first is \
                 read."
            ));
        }
        match self.pickle.values.get(self.pickle.root) {
            Value::Array(_) => self.add(path, None, self.pickle.root, &mut found)?,
            Value::Dict(_) => {
                let own = self.named(self.pickle.root, &mut found);
                self.add_all(path, own, &mut found)?;
                if found.arrays.is_empty() {
                    let nested = self.nested(path, &mut found)?;
                    self.add_all(path, nested, &mut found)?;
                } else {
                    self.leave_out_dictionaries(&mut found);
                }
            }
            Value::List(items) | Value::Tuple(items) if self.are_arrays(items) => {
                let numbered = self.numbered("", items);
                self.add_all(path, numbered, &mut found)?;
            }
            other => found.leave_out("the whole", self.what(other)),
        }
        Ok(found)
    }

    fn add_all(
        &self,
        path: &Path,
        named: Vec<(String, Id)>,
        found: &mut Found<StoredArray>,
    ) -> Result<(), ResponsesError> {
        for (name, id) in named {
            self.add(path, Some(name), id, found)?;
        }
        Ok(())
    }

    /// Dictionaries next to arrays are not searched.
    fn leave_out_dictionaries(&self, found: &mut Found<StoredArray>) {
        let values = &self.pickle.values;
        for (key, value) in values.entries(self.pickle.root).unwrap_or_default() {
            if let dictionary @ Value::Dict(_) = values.get(*value) {
                let name = self.name(*key).unwrap_or_default();
                found.leave_out(&name, self.what(dictionary));
            }
        }
    }

    /// The arrays of a dictionary, with their names.
    fn named(&self, dictionary: Id, found: &mut Found<StoredArray>) -> Vec<(String, Id)> {
        let values = &self.pickle.values;
        let mut named = Vec::new();
        for (key, value) in values.entries(dictionary).unwrap_or_default() {
            let Some(name) = self.name(*key) else {
                found.leave_out("an entry", "its name is no text");
                continue;
            };
            match values.get(*value) {
                Value::Array(_) => named.push((name, *value)),
                Value::List(items) | Value::Tuple(items) if self.are_arrays(items) => {
                    let numbered = self.numbered(&format!("{name}/"), items);
                    if let [(_, only)] = numbered[..] {
                        named.push((name, only));
                        continue;
                    }
                    found.notes.push(format!(
                        "\"{0}\" is a list of {1} arrays. They are called \"{0}/1\" to \"{0}/{1}\".",
                        name.escape_debug(),
                        items.len()
                    ));
                    named.extend(numbered);
                }
                Value::Dict(_) => {}
                other => found.leave_out(&name, self.what(other)),
            }
        }
        named
    }

    fn are_arrays(&self, items: &[Id]) -> bool {
        let is_array = |id: &Id| matches!(self.pickle.values.get(*id), Value::Array(_));
        !items.is_empty() && items.iter().all(is_array)
    }

    fn numbered(&self, before: &str, items: &[Id]) -> Vec<(String, Id)> {
        let items = items.iter().enumerate();
        let arrays =
            items.filter(|(_, id)| matches!(self.pickle.values.get(**id), Value::Array(_)));
        arrays
            .map(|(index, id)| (format!("{before}{}", index + 1), *id))
            .collect()
    }

    /// The arrays of nested dictionaries.
    fn nested(
        &self,
        path: &Path,
        found: &mut Found<StoredArray>,
    ) -> Result<Vec<(String, Id)>, ResponsesError> {
        let values = &self.pickle.values;
        let mut groups: Vec<(String, Vec<(String, Id)>)> = Vec::new();
        for (key, value) in values.entries(self.pickle.root).unwrap_or_default() {
            if let (Some(name), Value::Dict(_)) = (self.name(*key), values.get(*value)) {
                groups.push((name, self.named(*value, found)));
            }
        }
        groups.retain(|(_, arrays)| !arrays.is_empty());
        if groups.is_empty() {
            self.leave_out_dictionaries(found);
            return Ok(Vec::new());
        }
        let is_usual_alone = |(_, arrays): &(String, Vec<(String, Id)>)| matches!(&arrays[..], [(name, _)] if is_usual(name));
        if groups.iter().all(is_usual_alone) {
            let flat = groups.into_iter().map(|(name, arrays)| (name, arrays[0].1));
            return Ok(flat.collect());
        }
        let names: Vec<&str> = groups.iter().map(|(name, _)| name.as_str()).collect();
        let shown = names.join(", ").escape_debug().to_string();
        let all = groups.iter().flat_map(|(_, arrays)| arrays);
        let distinct: BTreeSet<&str> = all.clone().map(|(name, _)| name.as_str()).collect();
        if distinct.len() < all.count() {
            return Err(said(
                path,
                &format!(
                    "The file holds the same stories several times, under {shown}. Responses are those of one subject: save them alone, \
                     for instance with joblib.dump(all[\"{}\"], \"one.jbl\")",
                    names[0].escape_debug()
                ),
            ));
        }
        found.notes.push(format!(
            "The arrays lie within a dictionary, under {shown}."
        ));
        Ok(groups.into_iter().flat_map(|(_, arrays)| arrays).collect())
    }

    /// The text of a key: a string, a NumPy string, or an integer.
    fn name(&self, key: Id) -> Option<String> {
        let values = &self.pickle.values;
        if let Some(text) = values.text(key) {
            return Some(text.to_string());
        }
        if let Some(number) = values.int(key) {
            return Some(number.to_string());
        }
        if matches!(values.get(key), Value::Bytes { .. } | Value::Encoded(_)) {
            return String::from_utf8(self.bytes(key)?).ok();
        }
        let Value::Array(array) = values.get(key) else {
            return None;
        };
        let Value::Dtype {
            name,
            is_big_endian,
        } = values.get(array.dtype)
        else {
            return None;
        };
        let is_text = values
            .text(*name)?
            .trim_start_matches(['<', '>', '='])
            .starts_with('U');
        let (ArrayData::Value(data), None, true) = (array.data, array.shape, is_text) else {
            return None;
        };
        let bytes = self.bytes(data)?;
        let letter = |word: &[u8; 4]| {
            let code = if *is_big_endian {
                u32::from_be_bytes(*word)
            } else {
                u32::from_le_bytes(*word)
            };
            char::from_u32(code)
        };
        let text: Option<String> = bytes.as_chunks::<4>().0.iter().map(letter).collect();
        Some(text?.trim_end_matches('\0').to_string())
    }

    /// Returns short bytes objects of the pickle.
    fn bytes(&self, data: Id) -> Option<Vec<u8>> {
        match self.pickle.values.get(data) {
            Value::Bytes { at, n_bytes } if *n_bytes <= MOST_NAME_BYTES => {
                let mut bytes = vec![0; *n_bytes as usize];
                read_at(&self.file, &mut bytes, *at).ok()?;
                Some(bytes)
            }
            Value::Encoded(text) => {
                let letters = self.pickle.values.text(*text)?.chars();
                letters
                    .map(|letter| u8::try_from(u32::from(letter)).ok())
                    .collect()
            }
            _ => None,
        }
    }

    /// Describes a value.
    fn what(&self, value: &Value) -> String {
        match value {
            Value::Object { class, .. } => {
                let class: String = self
                    .pickle
                    .values
                    .text(*class)
                    .unwrap_or_default()
                    .chars()
                    .take(60)
                    .collect();
                match class.as_str() {
                    "TextGrid" => {
                        "a TextGrid: words and phonemes, for word and phoneme rates".into()
                    }
                    "TRFile" => "a TRFile: scan times".into(),
                    "DataSequence" => "a DataSequence: words and their times".into(),
                    _ => format!("an object of the class {}", class.escape_debug()),
                }
            }
            Value::List(items) | Value::Tuple(items) => {
                let of = items
                    .first()
                    .map(|first| match self.pickle.values.get(*first) {
                        Value::List(_) | Value::Tuple(_) => "lists".to_string(),
                        other => self.what(other),
                    });
                format!(
                    "a list of {}{}",
                    items.len(),
                    of.map_or(String::new(), |of| format!(": {of}"))
                )
            }
            Value::Dict(entries) => format!("a dictionary of {}", entries.len()),
            Value::Text(_) | Value::Encoded(_) | Value::Bytes { .. } => "text".into(),
            Value::Int(_) | Value::Float(_) | Value::Bool(_) => "a number".into(),
            Value::None => "nothing".into(),
            _ => "no array".into(),
        }
    }

    /// Adds an array to the found ones, or to the skipped ones.
    fn add(
        &self,
        path: &Path,
        name: Option<String>,
        id: Id,
        found: &mut Found<StoredArray>,
    ) -> Result<(), ResponsesError> {
        let shown = name.as_deref().unwrap_or("the array").to_string();
        if let Some(kind) = self.odd_kind(id) {
            found.leave_out(&shown, kind);
            return Ok(());
        }
        let array = self.pickle.array(id, self.n_bytes);
        // Only arrays are of interest.
        let Some(array) = array.map_err(|fault| refused(path, fault))? else {
            return Ok(());
        };
        if array.shape.is_empty() {
            found.leave_out(&shown, "a number");
            return Ok(());
        }
        if let Some(why) = odd_shape(&array.shape) {
            found.leave_out(&shown, why);
            return Ok(());
        }
        let (file, at) = match array.values {
            LocatedValues::InFile(range) => (Arc::clone(&self.file), range.start),
            LocatedValues::Here(bytes) => {
                let mut allowance = Allowance::of_file(bytes.len() as u64);
                let file = unpacked(bytes.as_slice(), &mut allowance, &self.scratch);
                let unpack = |error: std::io::Error| {
                    said(path, &format!("An array cannot be unpacked: {error}"))
                };
                (Arc::new(file.map_err(unpack)?), 0)
            }
        };
        let header = NpyHeader {
            kind: array.kind,
            order: array.order,
            shape: array.shape,
            n_header_bytes: at,
        };
        let array = stored_array(file, path, header);
        let array = array.map_err(|error| ResponsesError(error.to_string()))?;
        found.arrays.push((name, array));
        Ok(())
    }

    /// Describes the contents of an array if they are not numbers.
    fn odd_kind(&self, id: Id) -> Option<&'static str> {
        let values = &self.pickle.values;
        let Value::Array(array) = values.get(id) else {
            return None;
        };
        let Value::Dtype { name, .. } = values.get(array.dtype) else {
            return None;
        };
        let name = values.text(*name)?.trim_start_matches(['<', '>', '=', '|']);
        let is_number = matches!(name.as_bytes().first(), Some(b'f' | b'i' | b'u' | b'b'));
        if name.starts_with('V') {
            return Some("a table");
        }
        (!is_number).then(|| what_kind(name))
    }
}

#[expect(
    unsafe_code,
    reason = "a memory map changes if its file is changed meanwhile; only the instructions are read through it, once"
)]
fn map(file: &File) -> std::io::Result<Mmap> {
    // SAFETY: the map is only read, and dropped before this file's arrays are.
    unsafe { Mmap::map(file) }
}

fn said(path: &Path, text: &str) -> ResponsesError {
    ResponsesError(format!("{text}.\nFile: {}", path.display()))
}

fn refused(path: &Path, fault: PickleFault) -> ResponsesError {
    match fault {
        PickleFault::Damaged(reason) => {
            said(path, &format!("The pickle is damaged, or none: {reason}"))
        }
        PickleFault::Call(name) => said(
            path,
            &format!(
                "The pickle asks to call \"{name}\" while it is read. Heschl runs nothing that a file asks for. Save the arrays alone, \
                 for instance with numpy.savez"
            ),
        ),
    }
}
