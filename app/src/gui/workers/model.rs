//! What the study's model says of itself, and what can be computed on.

use std::path::PathBuf;

use heschl_core::run::progress::CancelToken;
use heschl_models::OpenModel;
use heschl_models::cuda::cuda_blocker;
use heschl_models::folders::Surroundings;
use heschl_models::resolve::resolve;
use heschl_models::runtime;

use super::{Replies, Waker, Worker};
use crate::gui::info::{MachineInfo, ModelInfo};
use crate::gui::loading::Loading;
use crate::{forecast, setup};

/// Which model is asked for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Request {
    pub(super) name: String,
}

pub(super) type Reply = Loading<ModelInfo>;

pub(super) fn open(waker: &Waker) -> Worker<Request, Reply> {
    Worker::open(
        "model",
        waker,
        |request: Request, _: &CancelToken, out: &Replies<Reply>| {
            out.give(match read(&request.name) {
                Ok(info) => Loading::Ready(info),
                Err(sentence) => Loading::Failed(sentence),
            });
        },
    )
}

fn read(name: &str) -> Result<ModelInfo, String> {
    let found =
        resolve(&Surroundings::of_this_process(), name).map_err(|error| error.to_string())?;
    let opened = OpenModel::open(&found.path, &found.name).map_err(|error| error.to_string())?;
    Ok(ModelInfo {
        name: name.into(),
        card: opened.card().clone(),
        folder: found.path,
    })
}

/// Asks for the machine, with the library that the user set.
pub(super) struct AboutMachine {
    pub(super) runtime: Option<PathBuf>,
}

pub(super) fn open_machine(waker: &Waker) -> Worker<AboutMachine, MachineInfo> {
    Worker::open(
        "machine",
        waker,
        |request: AboutMachine, _: &CancelToken, out: &Replies<MachineInfo>| {
            out.give(machine(&request));
        },
    )
}

fn machine(request: &AboutMachine) -> MachineInfo {
    let around = Surroundings::of_this_process();
    let library = match runtime::find_runtime(&around, request.runtime.as_deref()) {
        Ok(Some(library)) => Ok(library.path),
        Ok(None) => {
            Err("ONNX Runtime is not installed yet. It is downloaded with the first job.".into())
        }
        Err(error) => Err(error.to_string()),
    };
    let (memory_bytes, free_memory_bytes) = forecast::memory_of_machine();
    MachineInfo {
        n_threads: setup::n_threads(),
        gpu_blocker: match &library {
            Ok(path) => cuda_blocker(&around, path),
            Err(_) => None,
        },
        runtime: Some(library),
        memory_bytes,
        free_memory_bytes,
    }
}
