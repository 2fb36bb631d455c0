//! Gets ONNX Runtime's CPU library: as a package, else from its makers' releases.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::{FoundIn, RUNTIME_VERSION, RuntimeError, RuntimeLibrary, library_in};
use crate::download::{DownloadError, Limits, Request, Watch, download};
use crate::files;
use crate::folders::Surroundings;
use crate::package::{self, Member, Package, PackageError};

/// Where the library came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RuntimeSource {
    /// It was here already.
    AlreadyHere,
    /// The Python package, checked against a pinned checksum.
    Package,
    /// The makers' release archive, trusted because of its encrypted connection alone: no
    /// checksum of it is pinned.
    ReleaseArchive,
}

/// What one kind of machine gets.
struct Offer {
    system: &'static str,
    processor: &'static str,
    package: Package,
    library: Member,
    archive: &'static str,
}

const LINUX: Member = Member {
    inside: "onnxruntime/capi/libonnxruntime.so.1.32.0",
    name: "libonnxruntime.so.1.32.0",
};
const WINDOWS: Member = Member {
    inside: "onnxruntime/capi/onnxruntime.dll",
    name: "onnxruntime.dll",
};
const MACOS: Member = Member {
    inside: "onnxruntime/capi/libonnxruntime.1.32.0.dylib",
    name: "libonnxruntime.1.32.0.dylib",
};
const LICENCES: [Member; 2] = [
    Member {
        inside: "onnxruntime/LICENSE",
        name: "LICENSE",
    },
    Member {
        inside: "onnxruntime/ThirdPartyNotices.txt",
        name: "ThirdPartyNotices.txt",
    },
];

const fn wheel(platform: &'static str, bytes: u64, sha256: &'static str) -> Package {
    Package {
        name: "onnxruntime",
        version: RUNTIME_VERSION,
        bytes,
        sha256,
        platform: Some(platform),
    }
}

static OFFERS: [Offer; 5] = [
    Offer {
        system: "linux",
        processor: "x86_64",
        package: wheel(
            "manylinux_2_28_x86_64",
            27_780_211,
            "99e1074c4b2197accd5073052a465361be17b89c093b8ffb6e6bd8f986c52df8",
        ),
        library: LINUX,
        archive: "onnxruntime-linux-x64-1.32.0.tgz",
    },
    Offer {
        system: "linux",
        processor: "aarch64",
        package: wheel(
            "manylinux_2_28_aarch64",
            23_196_724,
            "e36c187006e7a7c8b8d6d57f1a209dd63f52430dca6c282b177718ad6b841054",
        ),
        library: LINUX,
        archive: "onnxruntime-linux-aarch64-1.32.0.tgz",
    },
    Offer {
        system: "windows",
        processor: "x86_64",
        package: wheel(
            "win_amd64",
            16_698_767,
            "efe7456952c243a05a53d5b8732953625144642c2f3989094277f6217f0c0c40",
        ),
        library: WINDOWS,
        archive: "onnxruntime-win-x64-1.32.0.zip",
    },
    Offer {
        system: "windows",
        processor: "aarch64",
        package: wheel(
            "win_arm64",
            16_030_610,
            "64d394c69d561af3efd4d4f49dcac8f11d0ce135a20701c16d53b74056cd4cf8",
        ),
        library: WINDOWS,
        archive: "onnxruntime-win-arm64-1.32.0.zip",
    },
    Offer {
        system: "macos",
        processor: "aarch64",
        package: wheel(
            "macosx_14_0_arm64",
            22_519_308,
            "d52510bbbcc880c13b826f7d75cdf33ac5cf0bb864d960000fc29ce73f0cb83e",
        ),
        library: MACOS,
        archive: "onnxruntime-osx-arm64-1.32.0.tgz",
    },
];

/// Gets ONNX Runtime's CPU library into Heschl's data folder, if it is not there.
///
/// The Python package is tried first, for its checksum is pinned; then the makers' release
/// archive, for which an encrypted connection is the only safeguard.
///
/// # Errors
/// [`RuntimeError::Cancelled`] if asked to stop; [`RuntimeError::BothSources`] if neither source
/// helped; see [`RuntimeError`] for the rest.
pub fn fetch_runtime(
    around: &Surroundings,
    limits: &Limits,
    watch: &mut Watch,
) -> Result<(RuntimeLibrary, RuntimeSource), RuntimeError> {
    let (system, processor) = (std::env::consts::OS, std::env::consts::ARCH);
    let offer = OFFERS
        .iter()
        .find(|o| (o.system, o.processor) == (system, processor));
    let offer = offer.ok_or_else(|| RuntimeError::NoSuchSystem {
        system: format!("{system} on {processor}"),
    })?;
    let folder = around.folders()?.runtime(RUNTIME_VERSION);
    if let Some(path) = library_in(&folder) {
        return Ok((found(path), RuntimeSource::AlreadyHere));
    }
    let partial = folder.with_file_name(format!(".partial-{RUNTIME_VERSION}"));
    fs::create_dir_all(&partial).map_err(at(&partial))?;
    let _lock = lock(&partial)?;
    let source = fill(around, offer, &partial, limits, watch)?;
    if library_in(&folder).is_none() {
        files::rename_durably(&partial, &folder).map_err(at(&folder))?;
    }
    let path = library_in(&folder).ok_or_else(|| RuntimeError::NotThere {
        named_by: "Heschl's data folder",
        path: folder.clone(),
    })?;
    Ok((found(path), source))
}

fn found(path: PathBuf) -> RuntimeLibrary {
    RuntimeLibrary {
        path,
        found_in: FoundIn::DataFolder,
    }
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> RuntimeError + '_ {
    move |source| RuntimeError::File {
        source,
        path: path.to_owned(),
    }
}

fn lock(partial: &Path) -> Result<File, RuntimeError> {
    let lock = files::lock(&files::with_suffix(partial, ".lock")).map_err(at(partial))?;
    lock.ok_or_else(|| RuntimeError::Busy {
        folder: partial.to_owned(),
    })
}

fn fill(
    around: &Surroundings,
    offer: &Offer,
    partial: &Path,
    limits: &Limits,
    watch: &mut Watch,
) -> Result<RuntimeSource, RuntimeError> {
    let members = [LICENCES[0], LICENCES[1], offer.library];
    match package::extract(around, &offer.package, &members, partial, watch) {
        Ok(_) => Ok(RuntimeSource::Package),
        Err(PackageError::Cancelled) => Err(RuntimeError::Cancelled),
        Err(package @ (PackageError::NoClient { .. } | PackageError::Client { .. })) => {
            match from_release(offer, partial, limits, watch) {
                Ok(()) => Ok(RuntimeSource::ReleaseArchive),
                Err(RuntimeError::Download(DownloadError::Cancelled)) => {
                    Err(RuntimeError::Cancelled)
                }
                Err(RuntimeError::Download(archive)) => Err(RuntimeError::BothSources {
                    package: Box::new(package),
                    archive: Box::new(archive),
                }),
                Err(other) => Err(other),
            }
        }
        // A wrong archive or a full disk is not mended by asking somebody else.
        Err(other) => Err(other.into()),
    }
}

fn from_release(
    offer: &Offer,
    partial: &Path,
    limits: &Limits,
    watch: &mut Watch,
) -> Result<(), RuntimeError> {
    let releases = "https://github.com/microsoft/onnxruntime/releases/download";
    let url = format!("{releases}/v{RUNTIME_VERSION}/{}", offer.archive);
    let archive = partial.join(offer.archive);
    let request = Request {
        url: &url,
        token: None,
        destination: &archive,
        bytes: None,
        sha256: None,
    };
    if !archive.is_file() {
        download(&request, limits, watch)?;
    }
    let unpacked = unpack(&archive, offer, partial);
    // Damaged or used up, it is of no use any more.
    fs::remove_file(&archive).map_err(at(&archive))?;
    unpacked
}

/// Takes library and licences, known by their file names, out of a release archive.
fn unpack(archive: &Path, offer: &Offer, folder: &Path) -> Result<(), RuntimeError> {
    let wanted = [LICENCES[0].name, LICENCES[1].name, offer.library.name];
    let unusable = |reason: String| RuntimeError::Archive {
        reason,
        path: archive.to_owned(),
    };
    let file = File::open(archive).map_err(at(archive))?;
    if archive
        .extension()
        .is_some_and(|extension| extension == "zip")
    {
        unzip(file, &wanted, folder).map_err(|error| unusable(error.to_string()))?;
    } else {
        untar(file, &wanted, folder).map_err(|error| unusable(error.to_string()))?;
    }
    if folder.join(offer.library.name).is_file() {
        return Ok(());
    }
    Err(unusable(format!("it has no {}", offer.library.name)))
}

type AnyError = Box<dyn std::error::Error>;

fn unzip(file: File, wanted: &[&str], folder: &Path) -> Result<(), AnyError> {
    let mut zip = zip::ZipArchive::new(file)?;
    for index in 0..zip.len() {
        let entry = zip.by_index(index)?;
        let name = entry
            .name()?
            .rsplit('/')
            .next()
            .unwrap_or_default()
            .to_owned();
        if entry.is_file() && wanted.contains(&name.as_str()) {
            package::write_member(entry, &folder.join(name))?;
        }
    }
    Ok(())
}

fn untar(file: File, wanted: &[&str], folder: &Path) -> Result<(), AnyError> {
    let mut tar = tar::Archive::new(flate2::read::GzDecoder::new(file));
    for entry in tar.entries()? {
        let entry = entry?;
        let path = entry.path()?.into_owned();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        // The archive also has links of the same name; only the file itself counts.
        if entry.header().entry_type().is_file() && wanted.contains(&name) {
            package::write_member(entry, &folder.join(name))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_release_archive_yields_its_library_and_licences() {
        let folder = tempfile::tempdir().unwrap();
        let archive = folder.path().join("a.tgz");
        let gzip = flate2::write::GzEncoder::new(
            File::create(&archive).unwrap(),
            flate2::Compression::fast(),
        );
        let mut tar = tar::Builder::new(gzip);
        for name in [
            "x/LICENSE",
            "x/lib/libonnxruntime.so.1.32.0",
            "x/include/other.h",
        ] {
            let mut header = tar::Header::new_gnu();
            header.set_size(4);
            header.set_mode(0o644);
            tar.append_data(&mut header, name, &b"text"[..]).unwrap();
        }
        tar.into_inner().unwrap().finish().unwrap().flush().unwrap();
        let destination = folder.path().join("out");
        fs::create_dir(&destination).unwrap();
        unpack(&archive, &OFFERS[0], &destination).unwrap();
        let mut names: Vec<_> = fs::read_dir(&destination)
            .unwrap()
            .map(|e| e.unwrap().file_name())
            .collect();
        names.sort();
        assert_eq!(names, ["LICENSE", "libonnxruntime.so.1.32.0"]);
        assert!(unpack(&archive, &OFFERS[2], &destination).is_err());
    }
}
