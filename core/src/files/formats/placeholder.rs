//! Placeholder files: pointers of Git LFS and git-annex, and error pages of web servers.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Bytes that contain a complete pointer, or identify a web page.
const HEAD_BYTES: u64 = 1024;

/// A placeholder found in place of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placeholder {
    /// Description of the placeholder.
    pub what: &'static str,
    /// Advice for obtaining the file.
    pub remedy: &'static str,
}

const LFS: Placeholder = Placeholder {
    what: "a pointer of Git LFS, not the file itself",
    remedy: "Get it with \"git lfs pull\" in its folder",
};
const ANNEX: Placeholder = Placeholder {
    what: "a pointer of git-annex, not the file itself",
    remedy: "Get it with \"git annex get\" (or \"datalad get\") in its folder",
};
const PAGE: Placeholder = Placeholder {
    what: "a web page, as servers send in the place of a file that they do not have or do not give",
    remedy: "Fetch it again",
};
const NOTHING: Placeholder = Placeholder {
    what: "an empty file",
    remedy: "Fetch or copy it again",
};

/// Returns which placeholder the file at `path` is; `None` if it is none.
///
/// # Errors
/// Returns an error if the file cannot be read.
pub fn instead_of(path: &Path) -> io::Result<Option<Placeholder>> {
    let mut head = Vec::new();
    let read = File::open(path).and_then(|file| file.take(HEAD_BYTES).read_to_end(&mut head));
    match read {
        // A dangling link into the annex.
        Err(error) => match std::fs::read_link(path) {
            Ok(target) if target.to_string_lossy().contains("annex/objects") => Ok(Some(ANNEX)),
            _ => Err(error),
        },
        Ok(_) if head.is_empty() => Ok(Some(NOTHING)),
        Ok(_) => Ok(of_beginning(&head)),
    }
}

fn of_beginning(head: &[u8]) -> Option<Placeholder> {
    let text = String::from_utf8_lossy(head);
    let text = text.trim_start();
    let page = text.get(..14).unwrap_or(text).to_ascii_lowercase();
    if text.starts_with("version https://git-lfs") {
        Some(LFS)
    } else if text.starts_with("/annex/objects/") || text.starts_with("../.git/annex/") {
        Some(ANNEX)
    } else if page.starts_with("<!doctype html") || page.starts_with("<html") {
        Some(PAGE)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers_pages_and_empty_files_are_told_and_others_let_through() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("story.hf5");
        let remedy = |content: &[u8]| {
            std::fs::write(&path, content).unwrap();
            instead_of(&path).unwrap().map(|found| found.remedy)
        };
        let lfs = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n";
        assert!(remedy(lfs).unwrap().contains("git lfs pull"));
        let annex = b"/annex/objects/SHA256E-s12--00.bin\n";
        assert!(remedy(annex).unwrap().contains("datalad get"));
        for page in [&b"\n<!DOCTYPE html><html>"[..], b"<html><body>404"] {
            assert_eq!(remedy(page), Some("Fetch it again"));
        }
        assert!(remedy(b"").unwrap().contains("copy it again"));
        for other in [
            &b"PK\x03\x04"[..],
            b"\x80\x02",
            &[0xff; 2000],
            "é".as_bytes(),
        ] {
            assert_eq!(remedy(other), None);
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_link_into_an_annex_that_leads_nowhere_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("wheretheressmoke.hf5");
        std::os::unix::fs::symlink("../.git/annex/objects/Xk/3p/SHA256E-s1--0/x", &link).unwrap();
        assert_eq!(instead_of(&link).unwrap(), Some(ANNEX));
        let other = folder.path().join("other.hf5");
        std::os::unix::fs::symlink("nowhere", &other).unwrap();
        assert!(instead_of(&other).is_err());
    }
}
