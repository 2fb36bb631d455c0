//! `heschl models add`: a checkpoint's folder, or an exported encoder as an ONNX file.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use heschl_core::speech::card::FrontEnd;
use heschl_core::speech::encoder::Precision;
use heschl_models::folders::Surroundings;
use heschl_models::own_onnx::{self, AddOptions, AddedOnnx, Normalise};
use heschl_models::{OpenModel, added};

use crate::console::{note, say};
use crate::failure::{CommandResult, Failure, Outcome};
use crate::remedies::with_words;

/// What is to be added.
#[derive(clap::Args)]
pub(super) struct Args {
    /// Folder with config.json and weights (Hugging Face or CTranslate2), or an exported .onnx file
    path: PathBuf,
    /// Name for the model [default: the name of the folder or file]
    #[arg(long)]
    name: Option<String>,
    /// Hidden states of an .onnx file, layer 0 first [default: detected]
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    outputs: Vec<String>,
    /// Whether to z-score each window before an .onnx file that takes samples [default: as in the preprocessor config beside it]
    #[arg(long)]
    normalise: Option<YesOrNo>,
}

#[derive(Clone, Copy, ValueEnum)]
enum YesOrNo {
    Yes,
    No,
}

/// Adds what was named.
///
/// # Errors
/// A sentence that says why it cannot be used.
pub(super) fn run(args: Args) -> CommandResult {
    let is_onnx = args
        .path
        .extension()
        .is_some_and(|ending| ending.eq_ignore_ascii_case("onnx"));
    if is_onnx && !args.path.is_dir() {
        return add_onnx(args);
    }
    if !args.outputs.is_empty() || args.normalise.is_some() {
        return Err(Failure::new(
            "--outputs and --normalise are for .onnx files; a checkpoint says both itself. Leave them out."
                .into(),
        ));
    }
    add_folder(&args.path, args.name.as_deref())
}

/// Registers a folder, after a look whether it can be used.
fn add_folder(folder: &Path, name: Option<&str>) -> CommandResult {
    let opened = OpenModel::open(folder, name.unwrap_or("model"))?;
    build_all(&opened)?;
    let own = added::add(&Surroundings::of_this_process(), folder, name)?;
    let card = opened.card();
    say(format_args!(
        "{} ({}, {} layers × {})",
        own.name, card.architecture, card.n_layers, card.dim
    ));
    say_how_to_use(&own.name);
    Ok(Outcome::Done)
}

fn build_all(opened: &OpenModel) -> Result<(), Failure> {
    let layers: Vec<usize> = (0..opened.card().n_layers).collect();
    opened.build(&layers, Precision::F32)?;
    Ok(())
}

/// Writes the edited copy of an ONNX file and says what was found in it.
fn add_onnx(args: Args) -> CommandResult {
    let options = AddOptions {
        name: args.name,
        outputs: args.outputs,
        normalise: match args.normalise {
            None => Normalise::AsThePreprocessorSays,
            Some(YesOrNo::Yes) => Normalise::Yes,
            Some(YesOrNo::No) => Normalise::No,
        },
    };
    let own = own_onnx::add(&Surroundings::of_this_process(), &args.path, &options)?;
    build_all(&OpenModel::open(&own.added.folder, &own.added.name)?)?;
    say_what_was_found(&own);
    note(format_args!(
        "The file itself was not changed; its edited copy is in {}",
        own.added.folder.display()
    ));
    note(format_args!(
        "Check its numbers with: heschl models check {}",
        own.added.name
    ));
    say_how_to_use(&own.added.name);
    Ok(Outcome::Done)
}

fn say_what_was_found(own: &AddedOnnx) {
    let card = &own.card;
    let sound = match card.front_end {
        FrontEnd::LogMel { n_mels } => format!("log-mel spectrogram of {n_mels} bands"),
        FrontEnd::Waveform { normalise: true } => {
            "samples, each window normalised where --use-featext asks for it".into()
        }
        FrontEnd::Waveform { normalise: false } | FrontEnd::SharedFrames { .. } => {
            "samples as they are".into()
        }
    };
    say(format_args!(
        "{} (onnx, {} layers × {}; hears {sound})",
        own.added.name, card.n_layers, card.dim
    ));
    say(format_args!("The layers were found {}:", own.evidence));
    for (index, name) in own.hidden_states.iter().enumerate() {
        say(format_args!("  {:<12} {name}", card.layer_name(index)));
    }
    for found in &own.notes {
        note(with_words(&found.message, &found.remedies));
    }
}

fn say_how_to_use(name: &str) {
    note(format_args!("Use it with: heschl extract --model {name} …"));
}
