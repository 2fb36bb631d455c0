//! Downloads ONNX Runtime's CPU library as a package with a pinned checksum.

use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;

use heschl_core::files::disk::{self, DiskFile};

use super::{FoundIn, RUNTIME_VERSION, RuntimeError, RuntimeLibrary, library_in};
use crate::download::Watch;
use crate::files;
use crate::folders::Surroundings;
use crate::package::{self, Member, Package, PackageError};

/// Source of the library.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RuntimeSource {
    /// It was already installed.
    AlreadyHere,
    /// The Python package, verified against a pinned checksum.
    Package,
}

/// The package for one kind of machine.
struct Offer {
    system: &'static str,
    processor: &'static str,
    package: Package,
    library: Member,
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
    },
];

/// Downloads ONNX Runtime's CPU library to Heschl's data folder, unless it is there.
///
/// It is taken from the Python package with a pinned checksum; nothing is loaded that is identified by its URL alone.
///
/// # Errors
/// Returns [`RuntimeError::Cancelled`] if cancelled, [`RuntimeError::NoPackage`] if no client can download the package, or
/// another [`RuntimeError`].
pub fn fetch_runtime(
    around: &Surroundings,
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
    disk::create_folders(&partial).map_err(at(&partial))?;
    let _lock = lock(&partial)?;
    fill(around, offer, &partial, watch)?;
    if library_in(&folder).is_none() {
        disk::rename_durably(&partial, &folder).map_err(at(&folder))?;
    }
    let path = library_in(&folder).ok_or_else(|| RuntimeError::NotThere {
        named_by: "Heschl's data folder",
        path: folder.clone(),
    })?;
    Ok((found(path), RuntimeSource::Package))
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

fn lock(partial: &Path) -> Result<DiskFile, RuntimeError> {
    let lock = files::lock(&files::with_suffix(partial, ".lock")).map_err(at(partial))?;
    lock.ok_or_else(|| RuntimeError::Busy {
        folder: partial.to_owned(),
    })
}

fn fill(
    around: &Surroundings,
    offer: &Offer,
    partial: &Path,
    watch: &mut Watch,
) -> Result<(), RuntimeError> {
    let members = [LICENCES[0], LICENCES[1], offer.library];
    match package::extract(around, &offer.package, &members, partial, watch) {
        Ok(_) => Ok(()),
        Err(PackageError::Cancelled) => Err(RuntimeError::Cancelled),
        Err(package @ (PackageError::NoClient { .. } | PackageError::Client { .. })) => {
            Err(RuntimeError::NoPackage(Box::new(package)))
        }
        Err(other) => Err(other.into()),
    }
}
