//! `heschl devices`: what can be computed on, and why the rest is missing.

use std::path::PathBuf;

use heschl_models::cuda::cuda_blocker;
use heschl_models::folders::Surroundings;
use heschl_models::runtime::FoundIn;

use crate::console::say;
use crate::failure::{CommandResult, Outcome};
use crate::fetching;
use crate::report::{self, EventFormat};
use crate::setup;

/// List compute devices, and say why one is not available
#[derive(clap::Args)]
pub(crate) struct Args {
    /// ONNX Runtime library to use instead of the one found automatically
    #[arg(long, value_name = "FILE")]
    runtime: Option<PathBuf>,

    /// Download ONNX Runtime if none is found
    #[arg(long)]
    fetch: bool,

    /// How to report progress
    #[arg(long, value_enum, default_value_t)]
    events: EventFormat,
}

/// Prints the devices.
///
/// # Errors
/// A sentence if there is no ONNX Runtime, or it cannot be loaded.
pub(crate) fn run(args: Args) -> CommandResult {
    report::report_in(args.events);
    let around = Surroundings::of_this_process();
    let library = if args.fetch {
        fetching::find_or_fetch_runtime(args.runtime.as_deref())?
    } else {
        fetching::find_runtime(args.runtime.as_deref())?
    };
    let runtime = heschl_core::speech::encoder::OnnxRuntime::load(&library.path)?;
    say(format_args!(
        "ONNX Runtime {} ({})",
        runtime.version(),
        place(library.found_in)
    ));
    say(format_args!("  {}", library.path.display()));
    say(format_args!("cpu   {} threads", setup::n_threads()));
    // What is missing is easier to tell from the files than from the runtime's error.
    let blocker = cuda_blocker(&around, &library.path);
    match blocker.map_or_else(|| runtime.try_cuda(0), Err) {
        Ok(()) => say("cuda  NVIDIA GPU 0 can be used"),
        Err(reason) => say(format_args!("cuda  not available: {reason}")),
    }
    Ok(Outcome::Done)
}

fn place(found_in: FoundIn) -> &'static str {
    match found_in {
        FoundIn::Setting => "as set with --runtime",
        FoundIn::OrtDylibPath => "from ORT_DYLIB_PATH",
        FoundIn::BesideProgram => "beside the program",
        FoundIn::DataFolder => "in Heschl's data folder",
        FoundIn::PythonEnvironment => "of a Python environment",
    }
}
