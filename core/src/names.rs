//! Names of stories, as different systems write the same one.

use std::path::{Path, PathBuf};

use unicode_normalization::UnicodeNormalization as _;

/// A name with its letters composed: macOS writes `é` as two characters, other systems as one.
#[must_use]
pub fn composed(name: &str) -> String {
    name.nfc().collect()
}

/// A name for comparisons in which the case of letters does not matter.
pub(crate) fn folded(name: &str) -> String {
    composed(&composed(name).to_lowercase())
}

/// The file of a story in a folder, `<story><ending>`, the first of the endings that there is. Where no file has exactly
/// that name, one counts whose letters are composed in another way.
pub(crate) fn file_of(folder: &Path, story: &str, endings: &[&str]) -> Option<PathBuf> {
    let exact = |ending: &&str| folder.join(format!("{story}{ending}"));
    let found = endings.iter().map(exact).find(|path| path.is_file());
    found.or_else(|| {
        endings
            .iter()
            .find_map(|ending| composed_alike(&exact(ending)))
    })
}

/// A file whose path differs from `path` in nothing but how its name's letters are composed.
fn composed_alike(path: &Path) -> Option<PathBuf> {
    let wanted = path.file_name()?.to_str()?;
    if wanted.is_ascii() {
        return None;
    }
    let wanted = composed(wanted);
    let entries = std::fs::read_dir(path.parent()?).ok()?.flatten();
    let is_it = |entry: &std::fs::DirEntry| {
        let name = entry.file_name();
        name.to_str().is_some_and(|name| composed(name) == wanted)
    };
    let mut alike: Vec<PathBuf> = entries
        .filter(is_it)
        .map(|entry| entry.path())
        .filter(|path| path.is_file())
        .collect();
    alike.sort();
    alike.into_iter().next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_found_however_its_letters_are_composed() {
        let folder = tempfile::tempdir().unwrap();
        let decomposed = folder.path().join("cafe\u{301}.npz");
        std::fs::write(&decomposed, "x").unwrap();
        let found = file_of(folder.path(), "caf\u{e9}", &[".npy", ".npz"]);
        assert_eq!(found, Some(decomposed.clone()));
        assert_eq!(file_of(folder.path(), "cafe", &[".npz"]), None);
        let exact = folder.path().join("caf\u{e9}.npz");
        std::fs::write(&exact, "y").unwrap();
        assert_eq!(file_of(folder.path(), "caf\u{e9}", &[".npz"]), Some(exact));
        assert_eq!(
            file_of(folder.path(), "cafe\u{301}", &[".npz"]),
            Some(decomposed)
        );
    }
}
