//! Models added while the disk fails, or while the program is killed, at every single change of a file.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::common::data;
use heschl_core::files::disk::faults::{Fault, inject};
use heschl_models::OpenModel;
use heschl_models::added;
use heschl_models::folders::Surroundings;
use heschl_models::own_onnx::{self, AddOptions};
use heschl_models::untrained;

/// Adds a model; returns an error message.
type Add = dyn Fn(&Surroundings) -> Result<(), String>;

/// Lets every fault strike at every change. A model in the list must then be complete, and a second attempt must succeed.
fn sweep(name: &str, add: &Add) {
    let expected = {
        let home = Home::new();
        add(&home.around).unwrap();
        home.files_of(name)
    };
    assert!(expected.len() >= 2, "{:?}", expected.keys());
    for fault in Fault::ALL {
        for n in 1.. {
            let place = format!("{name}, {fault:?} at change {n}");
            let home = Home::new();
            let injected = inject(home.root.path(), fault, n);
            let first = add(&home.around);
            let has_struck = injected.has_struck();
            drop(injected);
            if !has_struck {
                assert!(first.is_ok(), "{place}: {first:?}");
                assert!(n > 15, "{place}: only {n} changes");
                break;
            }
            let message = first.err().unwrap_or_default();
            assert!(
                message.is_empty() || message.len() > 20,
                "{place}: {message}"
            );
            let listed = added::added(&home.around).unwrap();
            if listed.iter().any(|model| model.name == name) {
                assert!(
                    home.files_of(name) == expected,
                    "{place}: listed, but incomplete"
                );
            }
            add(&home.around)
                .unwrap_or_else(|error| panic!("{place}: the second attempt: {error}"));
            assert!(home.files_of(name) == expected, "{place}: other files");
        }
    }
}

struct Home {
    root: tempfile::TempDir,
    around: Surroundings,
}

impl Home {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let around = Surroundings {
            data_folder: Some(root.path().join("data")),
            ..Surroundings::default()
        };
        Self { root, around }
    }

    /// Bytes of a model's files, by name.
    fn files_of(&self, name: &str) -> BTreeMap<String, Vec<u8>> {
        let folder = self.around.folders().unwrap().model(name);
        files_in(&folder)
    }
}

fn files_in(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            (name, fs::read(entry.path()).unwrap())
        })
        .collect()
}

#[test]
fn an_untrained_network_is_complete_or_absent() {
    let model = OpenModel::open(&data("whisper-like"), "small").unwrap();
    sweep("small-untrained", &move |around| {
        let added = untrained::add(around, &model, 0);
        added.map(drop).map_err(|error| error.to_string())
    });
}

#[test]
fn an_exported_encoder_is_complete_or_absent() {
    let file = data("onnx/hubert-base.torchscript.onnx");
    sweep("hubert-base.torchscript", &move |around| {
        // The first attempt may have succeeded up to the last sync.
        let is_there = added::added(around).is_ok_and(|listed| !listed.is_empty());
        if is_there {
            return Ok(());
        }
        let added = own_onnx::add(around, &file, &AddOptions::default());
        added.map(drop).map_err(|error| error.to_string())
    });
}
