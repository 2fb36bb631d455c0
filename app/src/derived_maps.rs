//! Maps made from fits, as pictures need them: the folder that holds them, and the colours of their categories.

use std::path::{Path, PathBuf};

use heschl_core::run::maps::{MapEntry, MapsRecord, VALUES};
use heschl_core::scene::{Category, ColourMap};

/// The colour of "none": of voxels that no fit predicts.
const NONE_COLOUR: [u8; 3] = [0x9a; 3];
/// The value of "none".
const NONE: i32 = 0;

/// The file with the data of a folder: scores, or maps made from fits. Any other path is its own.
#[must_use]
pub(crate) fn data_file(path: &Path) -> PathBuf {
    let files = ["scores.npz", VALUES];
    let mut files = files.into_iter().map(|name| path.join(name));
    files
        .find(|file| file.is_file())
        .unwrap_or_else(|| path.to_path_buf())
}

/// [`data_file`] of an argument of the command line.
#[expect(clippy::unnecessary_wraps, reason = "a parser of arguments may fail")]
pub(crate) fn data_argument(text: &str) -> Result<PathBuf, String> {
    Ok(data_file(Path::new(text)))
}

/// The record beside a file of maps; `None` if it is another file.
#[must_use]
pub(crate) fn record_of(file: &Path) -> Option<MapsRecord> {
    let is_it = file.file_name().is_some_and(|name| name == VALUES);
    MapsRecord::read(file.parent().filter(|_| is_it)?).ok()
}

/// The categories of a map: colours spread over a colour map in their order, and grey for "none".
#[must_use]
pub(crate) fn categories(entry: &MapEntry, colours: ColourMap) -> Vec<Category> {
    let is_none = |value: i32, name: &str| value == NONE && name == "none";
    let named = entry.categories.iter();
    let coloured = named.filter(|it| !is_none(it.value, &it.name)).count();
    let mut at = 0.0_f32;
    let category = |(value, name): (i32, &String)| {
        let colour = if is_none(value, name) {
            NONE_COLOUR
        } else {
            at += 1.0;
            colours.colour((at - 0.5) / coloured as f32)
        };
        Category {
            value,
            name: name.clone(),
            colour,
        }
    };
    let named = entry.categories.iter().map(|it| (it.value, &it.name));
    named.map(category).collect()
}

#[cfg(test)]
mod tests {
    use heschl_core::run::maps::CategoryName;

    use super::*;

    #[test]
    fn categories_have_the_colours_of_a_map_in_their_order_and_none_is_grey() {
        let names = ["none", "first", "second"];
        let named = (0..).zip(names).map(|(value, name)| CategoryName {
            value,
            name: name.into(),
        });
        let entry = MapEntry {
            name: "best".into(),
            title: "best fit".into(),
            is_signed: false,
            categories: named.collect(),
        };
        let colours = ColourMap::default();
        let found = categories(&entry, colours);
        assert_eq!(found[0].colour, NONE_COLOUR);
        assert_eq!(found[1].colour, colours.colour(0.25));
        assert_eq!(found[2].colour, colours.colour(0.75));
        assert_eq!(found[2].value, 2);
    }

    #[test]
    fn folders_stand_for_the_file_of_their_data() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(data_file(folder.path()), folder.path());
        let maps = folder.path().join(VALUES);
        std::fs::write(&maps, b"").unwrap();
        assert_eq!(data_file(folder.path()), maps);
        assert_eq!(record_of(&maps), None);
        let scores = folder.path().join("scores.npz");
        std::fs::write(&scores, b"").unwrap();
        assert_eq!(data_file(folder.path()), scores);
    }
}
