//! Files that stand in the place of weights: pointers of Git LFS and git-annex, and error pages of web servers.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::CheckpointError;

/// A pointer is shorter than this, and a page says what it is within it.
const HEAD_BYTES: u64 = 1024;

/// Refuses a file that is only a placeholder for weights.
///
/// # Errors
/// [`CheckpointError::Placeholder`] with what it is and how to get the weights, or [`CheckpointError::Unreadable`].
pub(super) fn refuse_placeholder(path: &Path) -> Result<(), CheckpointError> {
    let mut head = Vec::new();
    File::open(path)
        .and_then(|file| file.take(HEAD_BYTES).read_to_end(&mut head))
        .map_err(|source| CheckpointError::Unreadable {
            source,
            path: path.to_path_buf(),
        })?;
    match what_instead(&head) {
        None => Ok(()),
        Some((what, remedy)) => Err(CheckpointError::Placeholder {
            what,
            remedy,
            path: path.to_path_buf(),
        }),
    }
}

/// What a file's beginning says that it is, if not weights, and what helps.
fn what_instead(head: &[u8]) -> Option<(&'static str, &'static str)> {
    let text = String::from_utf8_lossy(head);
    let text = text.trim_start();
    let page = text.get(..14).unwrap_or(text).to_ascii_lowercase();
    if text.starts_with("version https://git-lfs") {
        Some((
            "a pointer of Git LFS, not the weights themselves",
            "Get them with \"git lfs pull\" in its folder",
        ))
    } else if text.starts_with("/annex/objects/") || text.starts_with("../.git/annex/") {
        Some((
            "a pointer of git-annex, not the weights themselves",
            "Get them with \"git annex get\" in its folder",
        ))
    } else if page.starts_with("<!doctype html") || page.starts_with("<html") {
        Some((
            "a web page, as servers send in the place of a file that they do not have or do not give",
            "Fetch it again",
        ))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers_and_pages_are_told_and_weights_are_let_through() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pytorch_model.bin");
        let sentence = |content: &[u8]| {
            std::fs::write(&path, content).unwrap();
            refuse_placeholder(&path)
                .err()
                .map(|error| error.to_string())
        };
        let lfs = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n";
        assert!(sentence(lfs).unwrap().contains("git lfs pull"));
        let annex = b"/annex/objects/SHA256E-s12--00.bin\n";
        assert!(sentence(annex).unwrap().contains("git annex get"));
        for page in [&b"\n<!DOCTYPE html><html>"[..], b"<html><body>404"] {
            assert!(sentence(page).unwrap().contains("a web page"));
        }
        for weights in [
            &b""[..],
            b"PK\x03\x04",
            b"\x80\x02",
            &[0xff; 2000],
            "é".as_bytes(),
        ] {
            assert_eq!(sentence(weights), None);
        }
    }
}
