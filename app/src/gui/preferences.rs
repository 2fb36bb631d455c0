//! The file of the user's preferences.

use std::fs;
use std::path::{Path, PathBuf};

use heschl_core::files::disk;
use heschl_core::run::store::atomic;

use super::state::{Preferences, SCALES};

const FILE: &str = "window.toml";

/// Reads what the last window saved in a folder. An invalid file is set aside, and a sentence says so.
#[must_use]
pub(crate) fn read(folder: &Path) -> (Preferences, Option<String>) {
    let path = folder.join(FILE);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return (Preferences::default(), None);
        }
        Err(error) => {
            let sentence = format!(
                "The preferences cannot be read ({error}), so the defaults are used.\nFile: {}",
                path.display()
            );
            return (Preferences::default(), Some(sentence));
        }
    };
    if let Ok(mut found) = toml::from_str::<Preferences>(&text) {
        if !SCALES.contains(&found.settings.scale) {
            found.settings.scale = 1.0;
        }
        return (found, None);
    }
    let aside = free_name(folder);
    let kept = match disk::rename(&path, &aside) {
        Ok(()) => format!("The old file is kept: {}", aside.display()),
        Err(error) => format!(
            "The old file cannot be set aside ({error}).\nFile: {}",
            path.display()
        ),
    };
    let sentence = format!("The preferences file is invalid, so the defaults are used. {kept}");
    (Preferences::default(), Some(sentence))
}

fn free_name(folder: &Path) -> PathBuf {
    let names = (1..).map(|n| folder.join(format!("window.broken-{n}.toml")));
    names
        .take(1000)
        .find(|name| !name.exists())
        .unwrap_or_else(|| folder.join("window.broken.toml"))
}

/// Writes what outlasts the window.
///
/// # Errors
/// A sentence if the disk refuses.
pub(crate) fn write(folder: &Path, preferences: &Preferences) -> Result<(), String> {
    let text = toml::to_string_pretty(preferences).map_err(|error| error.to_string())?;
    atomic::write(&folder.join(FILE), text.as_bytes()).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let mut preferences = Preferences::default();
        preferences.settings.scale = 1.5;
        preferences.recent_studies = vec!["/a".into()];
        write(folder.path(), &preferences).unwrap();
        assert_eq!(read(folder.path()), (preferences, None));
    }

    #[test]
    fn a_file_that_makes_no_sense_is_kept_aside() {
        let folder = tempfile::tempdir().unwrap();
        for n in 1..3 {
            fs::write(folder.path().join(FILE), "page = 7").unwrap();
            let (preferences, sentence) = read(folder.path());
            assert_eq!(preferences, Preferences::default());
            assert!(
                sentence
                    .unwrap()
                    .contains(&format!("window.broken-{n}.toml"))
            );
            let aside =
                fs::read_to_string(folder.path().join(format!("window.broken-{n}.toml"))).unwrap();
            assert_eq!(aside, "page = 7");
        }
    }

    #[test]
    fn a_scale_that_is_none_is_not_taken_over() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(FILE), "[settings]\nscale = 90.0").unwrap();
        assert!((read(folder.path()).0.settings.scale - 1.0).abs() < f32::EPSILON);
    }
}
