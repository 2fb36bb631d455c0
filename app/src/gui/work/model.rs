//! What the study's model says of itself, and what can be computed on.

use std::path::PathBuf;

use heschl_core::progress::CancelToken;
use heschl_models::OpenModel;
use heschl_models::cuda::cuda_obstacle;
use heschl_models::folders::Surroundings;
use heschl_models::resolve::resolve;
use heschl_models::runtime;

use super::{Answers, Desk, Waker};
use crate::gui::facts::{Machine, ModelFacts};
use crate::gui::loading::Loading;
use crate::{forecast, workshop};

/// Which model is asked for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Question {
    pub(super) name: String,
}

pub(super) type Answer = Loading<ModelFacts>;

pub(super) fn open(waker: &Waker) -> Desk<Question, Answer> {
    Desk::open(
        "model",
        waker,
        |question: Question, _: &CancelToken, out: &Answers<Answer>| {
            out.give(match look(&question.name) {
                Ok(facts) => Loading::Ready(facts),
                Err(sentence) => Loading::Failed(sentence),
            });
        },
    )
}

fn look(name: &str) -> Result<ModelFacts, String> {
    let found =
        resolve(&Surroundings::of_this_process(), name).map_err(|error| error.to_string())?;
    let opened = OpenModel::open(&found.path, &found.name).map_err(|error| error.to_string())?;
    Ok(ModelFacts {
        name: name.into(),
        card: opened.card().clone(),
        folder: found.path,
    })
}

/// Asks for the machine, with the library that the user set.
pub(super) struct AboutMachine {
    pub(super) runtime: Option<PathBuf>,
}

pub(super) fn open_machine(waker: &Waker) -> Desk<AboutMachine, Machine> {
    Desk::open(
        "machine",
        waker,
        |question: AboutMachine, _: &CancelToken, out: &Answers<Machine>| {
            out.give(machine(&question));
        },
    )
}

fn machine(question: &AboutMachine) -> Machine {
    let around = Surroundings::of_this_process();
    let library = match runtime::find_runtime(&around, question.runtime.as_deref()) {
        Ok(Some(library)) => Ok(library.path),
        Ok(None) => {
            Err("ONNX Runtime is not on this machine yet. It is fetched with the first job.".into())
        }
        Err(error) => Err(error.to_string()),
    };
    let (memory_bytes, free_memory_bytes) = forecast::memory_of_machine();
    Machine {
        n_threads: workshop::n_threads(),
        gpu_obstacle: match &library {
            Ok(path) => cuda_obstacle(&around, path),
            Err(_) => None,
        },
        runtime: Some(library),
        memory_bytes,
        free_memory_bytes,
    }
}
