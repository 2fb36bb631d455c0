//! `heschl share`: scores on the cortex as one HTML file.

use std::path::PathBuf;

use heschl_core::run::store::atomic;
use heschl_core::scene::ColourMap;

use crate::brain_map::{FSAVERAGE5, OpenSubject};
use crate::console::{note, say};
use crate::failure::{CommandResult, Outcome};
use crate::share::Shared;

/// Write scores on the cortex to one HTML file that any browser opens
///
/// The file needs no server and no internet. In it the cortex can be turned, unfolded and clicked: each vertex shows its value,
/// region and voxel, and the best voxels show their time courses if the fit saved its predictions.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Folder of the scores
    scores: PathBuf,

    /// "fsaverage5", or the folder of a subject of FreeSurfer, fMRIPrep or pycortex
    #[arg(long, value_name = "SUBJECT", default_value = FSAVERAGE5)]
    subject: String,

    /// Transform from the subject's surfaces to the image, if there are several
    #[arg(long, value_name = "NAME")]
    xfm: Option<String>,

    /// Colour map of matplotlib
    #[arg(long, value_name = "NAME", default_value = "inferno")]
    cmap: ColourMap,

    /// Heading of the page [default: the name of the folder]
    #[arg(long, value_name = "TEXT")]
    title: Option<String>,

    /// File to write [default: cortex.html in the folder of the scores]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Writes the file.
///
/// # Errors
/// A sentence if the scores do not fit the subject, or a file cannot be read or written.
pub(crate) fn run(args: &Args) -> CommandResult {
    let open = OpenSubject::open(&args.subject)?;
    let scores = match args.scores.file_name() {
        Some(name) if name == "scores.npz" => args.scores.parent().unwrap_or(&args.scores),
        _ => &args.scores,
    };
    let name = scores.file_name().unwrap_or_default().to_string_lossy();
    let shared = Shared {
        scores,
        open: &open,
        transform: args.xfm.as_deref(),
        colours: args.cmap,
        title: args.title.as_deref().unwrap_or(&name),
    };
    let page = shared.page()?;
    for sentence in open.notes.iter().chain(&page.notes) {
        note(format_args!("{sentence}"));
    }
    let out = args
        .out
        .clone()
        .unwrap_or_else(|| scores.join("cortex.html"));
    atomic::write(&out, page.html.as_bytes())?;
    say(format_args!(
        "{} ({:.1} MB): open it in a browser",
        out.display(),
        page.html.len() as f64 / 1e6
    ));
    Ok(Outcome::Done)
}
