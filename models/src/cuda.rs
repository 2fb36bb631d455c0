//! Diagnosis of ONNX Runtime's CUDA device, and location of its libraries.

use std::fs;
use std::path::{Path, PathBuf};

use crate::folders::Surroundings;
use crate::runtime::{package_folders, site_folders};

/// Libraries that the CUDA build needs besides the driver: prefix of the file name on Linux and on Windows, and
/// description.
const NEEDED: [(&str, &str, &str); 3] = [
    ("libcudart.so.", "cudart64_", "the CUDA runtime"),
    ("libcublas.so.", "cublas64_", "cuBLAS"),
    ("libcudnn.so.", "cudnn64_", "cuDNN"),
];

/// Returns a sentence on why CUDA cannot be used, or `None` if no obstacle is found.
///
/// Only checks that files exist; versions of the libraries are not compared.
///
/// * `library`: path of ONNX Runtime's library.
#[must_use]
pub fn cuda_blocker(around: &Surroundings, library: &Path) -> Option<String> {
    if cfg!(target_os = "macos") {
        return Some("CUDA does not exist on macOS.".to_owned());
    }
    let folders = system_library_folders(around);
    no_driver(around, &folders)
        .or_else(|| cpu_build(library))
        .or_else(|| missing_library(around, library, folders))
}

/// Returns the `nvidia/*/lib` folders of Python environments (`bin` on Windows), for preloading.
#[must_use]
pub fn cuda_library_folders(around: &Surroundings) -> Vec<PathBuf> {
    let mut roots: Vec<PathBuf> = site_folders(around)
        .into_iter()
        .map(|site| site.join("nvidia"))
        .collect();
    roots.extend(package_folders(around, "nvidia"));
    let mut folders = Vec::new();
    for root in roots {
        let Ok(entries) = fs::read_dir(&root) else {
            continue;
        };
        let mut found: Vec<PathBuf> = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .flat_map(|package| [package.join("lib"), package.join("bin")])
            .filter(|folder| folder.is_dir() && !folders.contains(folder))
            .collect();
        found.sort();
        folders.extend(found);
    }
    folders
}

fn no_driver(around: &Surroundings, folders: &[PathBuf]) -> Option<String> {
    let driver = if cfg!(windows) {
        "nvcuda.dll"
    } else {
        "libcuda.so.1"
    };
    if holds(folders, driver) || loader_knows(around, driver) {
        return None;
    }
    if around.system_root.join("proc/driver/nvidia").exists() {
        return Some(format!(
            "This machine has an NVIDIA driver, but its library {driver} cannot be seen here. In a \
             container, start it with GPU access (Docker: --gpus all; Apptainer: --nv)."
        ));
    }
    Some(format!(
        "No NVIDIA driver was found ({driver} is missing). Install the driver of your graphics \
         card, or continue on the CPU."
    ))
}

fn cpu_build(library: &Path) -> Option<String> {
    let provider = if cfg!(windows) {
        "onnxruntime_providers_cuda.dll"
    } else {
        "libonnxruntime_providers_cuda.so"
    };
    // The path may be a link to the folder that has the provider.
    let real = library
        .canonicalize()
        .unwrap_or_else(|_| library.to_owned());
    let folders = [library.parent(), real.parent()];
    if folders
        .into_iter()
        .flatten()
        .any(|folder| folder.join(provider).is_file())
    {
        return None;
    }
    Some(format!(
        "This ONNX Runtime was built for the processor only ({provider} is missing). Install the \
         package onnxruntime-gpu, or set ORT_DYLIB_PATH to a build with CUDA.\nLibrary: {}",
        library.display()
    ))
}

fn missing_library(
    around: &Surroundings,
    library: &Path,
    mut folders: Vec<PathBuf>,
) -> Option<String> {
    folders.extend(library.parent().map(Path::to_owned));
    folders.extend(cuda_library_folders(around));
    let missing: Vec<&str> = NEEDED
        .iter()
        .filter(|(linux, windows, _)| {
            let name = if cfg!(windows) { windows } else { linux };
            !holds(&folders, name) && !loader_knows(around, name)
        })
        .map(|&(_, _, title)| title)
        .collect();
    if missing.is_empty() {
        return None;
    }
    Some(format!(
        "Libraries that CUDA needs were not found: {}. Install CUDA and cuDNN, for example \
         with the nvidia-* packages that onnxruntime-gpu names.",
        missing.join(", ")
    ))
}

/// Whether one of the folders has a file with this prefix.
fn holds(folders: &[PathBuf], beginning: &str) -> bool {
    let begins = |entry: fs::DirEntry| {
        entry
            .file_name()
            .to_string_lossy()
            .to_ascii_lowercase()
            .starts_with(beginning)
    };
    folders
        .iter()
        .filter_map(|folder| fs::read_dir(folder).ok())
        .any(|entries| entries.flatten().any(begins))
}

/// Whether the cache of Linux's dynamic loader lists a file with this prefix.
fn loader_knows(around: &Surroundings, beginning: &str) -> bool {
    if cfg!(windows) {
        return false;
    }
    let list = fs::read(around.system_root.join("etc/ld.so.cache")).unwrap_or_default();
    // Every name in the cache follows a zero byte.
    list.split(|&byte| byte == 0)
        .any(|name| name.starts_with(beginning.as_bytes()))
}

fn system_library_folders(around: &Surroundings) -> Vec<PathBuf> {
    let variable = if cfg!(windows) {
        "PATH"
    } else {
        "LD_LIBRARY_PATH"
    };
    let search = around.path(variable).unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&search)
        .filter(|folder| folder.is_absolute())
        .collect();
    let usual: &[&str] = if cfg!(windows) {
        &["Windows/System32"]
    } else {
        &[
            "usr/lib/x86_64-linux-gnu",
            "usr/lib/aarch64-linux-gnu",
            "usr/lib64",
            "usr/lib",
            "usr/lib/wsl/lib",
            "usr/local/nvidia/lib64",
            "usr/local/cuda/lib64",
            "usr/local/cuda/compat",
        ]
    };
    folders.extend(usual.iter().map(|folder| around.system_root.join(folder)));
    folders
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    fn touch(path: &Path) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "x").unwrap();
    }

    #[test]
    fn obstacles_are_named_one_after_the_other_until_none_is_left() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        let around = Surroundings {
            system_root: root.to_owned(),
            variables: [("VIRTUAL_ENV".to_owned(), root.join("venv").into())].into(),
            ..Surroundings::default()
        };
        let library = root.join("ort/libonnxruntime.so.1.32.0");
        let packages = root.join("venv/lib/python3.12/site-packages/nvidia");
        let check = |part: &str| {
            let blocker = cuda_blocker(&around, &library);
            assert!(
                blocker.as_deref().is_some_and(|o| o.contains(part)),
                "{part}: {blocker:?}"
            );
        };
        check("No NVIDIA driver");
        fs::create_dir_all(root.join("proc/driver/nvidia")).unwrap();
        check("cannot be seen here");
        touch(&root.join("usr/lib64/libcuda.so.1"));
        check("processor only");
        touch(&root.join("ort/libonnxruntime_providers_cuda.so"));
        check("the CUDA runtime, cuBLAS, cuDNN");
        touch(&packages.join("cu13/lib/libcudart.so.13"));
        touch(&packages.join("cu13/lib/libcublas.so.13"));
        check("not found: cuDNN.");
        touch(&packages.join("cudnn/lib/libcudnn.so.9"));
        assert_eq!(cuda_blocker(&around, &library), None);
        let folders = [packages.join("cu13/lib"), packages.join("cudnn/lib")];
        assert_eq!(cuda_library_folders(&around), folders);
    }

    #[test]
    fn the_loader_s_list_counts_as_a_place() {
        let root = tempfile::tempdir().unwrap();
        let around = Surroundings {
            system_root: root.path().into(),
            ..Surroundings::default()
        };
        fs::create_dir(root.path().join("etc")).unwrap();
        fs::write(
            root.path().join("etc/ld.so.cache"),
            b"head\0libcuda.so.1\0/x/libcuda.so.1\0",
        )
        .unwrap();
        assert!(
            cuda_blocker(&around, Path::new("/none/lib.so"))
                .unwrap()
                .contains("processor")
        );
    }
}
