//! What several tests need.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use heschl_core::files::disk::faults::{self, Fault};
use ndarray::{Array, ArrayViewD, Dimension};
use ndarray_npy::{ViewElement, ViewNpyExt as _};

/// An array of an archive below `tests/data`.
pub(crate) fn fixture<A: ViewElement + Clone, D: Dimension>(file: &str, name: &str) -> Array<A, D> {
    let path = format!("{}/tests/data/{file}", env!("CARGO_MANIFEST_DIR"));
    let mut archive = zip::ZipArchive::new(File::open(path).unwrap()).unwrap();
    let mut bytes = Vec::new();
    let mut member = archive.by_name(&format!("{name}.npy")).unwrap();
    member.read_to_end(&mut bytes).unwrap();
    let array = ArrayViewD::<A>::view_npy(&bytes).unwrap().to_owned();
    array.into_dimensionality().unwrap()
}

/// Bytes of the `.npz` and `.npy` files at or below a folder, by path.
pub(crate) fn arrays_below(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut arrays = BTreeMap::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if !entry.file_name().to_string_lossy().starts_with('.')
                && path
                    .extension()
                    .is_some_and(|end| end == "npz" || end == "npy")
            {
                arrays.insert(path.clone(), std::fs::read(path).unwrap());
            }
        }
    }
    arrays
}

/// Which run a folder is looked at after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Run {
    /// The one that a fault struck.
    Struck,
    /// The one that completes the work.
    Second,
}

/// Lets a fault strike at the first change below `out`, then at the second, and so on, each time from the start. After
/// each, whatever has its final name must be as a run without faults leaves it, and a second run must complete the rest.
///
/// * `run`: returns whether all went well, and the error messages.
/// * `check`: looks at the folder after the first run and after the second.
pub(crate) fn sweep(
    fault: Fault,
    out: &Path,
    run: &mut dyn FnMut() -> (bool, String),
    check: &dyn Fn(&str, Run),
) -> usize {
    assert!(run().0);
    let expected = arrays_below(out);
    assert!(!expected.is_empty());
    for n in 1..2000 {
        let place = format!("{fault:?} at change {n}");
        std::fs::remove_dir_all(out).unwrap();
        let injected = faults::inject(out, fault, n);
        let (is_well, messages) = run();
        let has_struck = injected.has_struck();
        drop(injected);
        assert!(has_struck || is_well, "{place}: {messages}");
        assert!(
            is_well || messages.len() > 20,
            "{place}: no message: {messages}"
        );
        for (path, bytes) in arrays_below(out) {
            assert!(
                expected[&path] == bytes,
                "{place}: {} is incomplete",
                path.display()
            );
        }
        check(&place, Run::Struck);
        let (is_well, messages) = run();
        assert!(is_well, "{place}: the second run failed: {messages}");
        assert!(arrays_below(out) == expected, "{place}: other arrays");
        check(&place, Run::Second);
        if !has_struck {
            return n - 1;
        }
    }
    unreachable!("{fault:?}: the sweep does not end")
}
