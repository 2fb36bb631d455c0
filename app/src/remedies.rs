//! Remedies in the words of the command line.

use std::error::Error;

use heschl_core::linear::banded::BandedError;
use heschl_core::linear::ridge::RidgeError;
use heschl_core::maths::matrix::EigenError;
use heschl_core::remedy::Remedy;
use heschl_core::run::design::{AlignmentError, DesignError};
use heschl_core::run::maps::MapsError;
use heschl_core::run::pipeline::{
    EncodeError, ExtractError, MergeError, OutputError, PredictError, StackError,
};
use heschl_core::run::recipe::RecipeError;
use heschl_core::run::store::StoreError;
use heschl_core::speech::audio::AudioError;
use heschl_core::speech::encoder::{EncoderError, RuntimeError as OnnxError};
use heschl_core::speech::stimuli::StimuliError;
use heschl_core::speech::window::WindowError;
use heschl_models::ModelError;
use heschl_models::added::AddError;
use heschl_models::fetch::FetchError;
use heschl_models::own_onnx::OwnOnnxError;
use heschl_models::resolve::ResolveError;
use heschl_models::runtime::RuntimeError;
use heschl_models::untrained::UntrainedError;

/// What begins the last line of a message that names a place.
const PLACES: [&str; 5] = ["File: ", "Folder: ", "Path: ", "Address: ", "Library: "];

/// A remedy as a clause that begins with a verb.
fn clause(remedy: &Remedy) -> String {
    match remedy {
        Remedy::Resample => "add --resample",
        Remedy::IncludeSubfolders => "add --recursive",
        Remedy::SmallerBatch => "add --batchsz 1",
        Remedy::SinglePrecision => "compute with --precision f32",
        Remedy::FilePrecision => "leave out --precision f16",
        Remedy::OtherDevice => "use --device cpu or --device auto",
        Remedy::CheckModel => "run \"heschl models check MODEL\"",
        Remedy::FetchModel { name } => return format!("run \"heschl models fetch {name}\""),
        Remedy::ListModels => "see all models with \"heschl models list\"",
        Remedy::AddOnnxFile => "run \"heschl models add FILE.onnx\"",
        Remedy::NameHiddenStates => "add --outputs name0,name1,…",
        Remedy::OtherModelName => "give another name with --name",
        Remedy::NormaliseWindows => "add --normalise yes",
        Remedy::FetchRuntime => "run \"heschl devices --fetch\"",
        Remedy::OtherRuntime => "name another library with --runtime or ORT_DYLIB_PATH",
        Remedy::ExtractAgain => "extract again with --overwrite",
        Remedy::Overwrite => "write over them with --overwrite",
        Remedy::SetAside => "rename their folder with --set-aside",
        Remedy::OtherOutputFolder => "give another folder with --out",
        Remedy::SameLastLayer => "choose the same --last-layer",
        Remedy::PublishedLastLayer => "leave out --last-layer before-norm",
        Remedy::SameFeatureExtractor => "give or leave out --use-featext as before",
        Remedy::NoSilence => "leave out --pad-silence",
        Remedy::GrowingWindows => "leave out --full-context",
        Remedy::LookAtFeatures => "find them with \"heschl check FOLDER\"",
        Remedy::RunExtraction => "run an extraction with \"heschl run RECIPE\"",
        Remedy::WholeFit => "leave out --blocks",
        Remedy::FitShare { index, count } => {
            return format!(
                "fit the share with --blocks {index}/{count}, then run \"heschl merge\" again"
            );
        }
    }
    .into()
}

/// The remedies as a sentence for a user of the command line; `None` if there are none.
fn sentence(remedies: &[Remedy]) -> Option<String> {
    let clauses: Vec<String> = remedies.iter().map(clause).collect();
    let all = match clauses.as_slice() {
        [] => return None,
        [one] => one.clone(),
        [one, other] => format!("{one}, or {other}"),
        [first @ .., last] => format!("{}, or {last}", first.join(", ")),
    };
    let mut letters = all.chars();
    let first = letters.next()?.to_uppercase();
    Some(format!("{first}{}.", letters.as_str()))
}

/// A message with its remedies for a user of the command line. The line with the place, if there is one, stays the last.
pub(crate) fn with_words(message: &str, remedies: &[Remedy]) -> String {
    let Some(words) = sentence(remedies) else {
        return message.into();
    };
    match message.rsplit_once('\n') {
        Some((said, place)) if PLACES.iter().any(|start| place.starts_with(start)) => {
            format!("{said} {words}\n{place}")
        }
        _ => format!("{message} {words}"),
    }
}

/// What the user can do about an error of the libraries.
pub(crate) fn of_error(error: &(dyn Error + 'static)) -> Vec<Remedy> {
    macro_rules! ask {
        ($($kind:ty),+ $(,)?) => {
            $(if let Some(error) = error.downcast_ref::<$kind>() {
                return error.remedies();
            })+
        };
    }
    ask!(
        AddError,
        AlignmentError,
        AudioError,
        BandedError,
        DesignError,
        EigenError,
        EncodeError,
        EncoderError,
        ExtractError,
        FetchError,
        MapsError,
        MergeError,
        ModelError,
        OnnxError,
        OutputError,
        OwnOnnxError,
        PredictError,
        RecipeError,
        ResolveError,
        RidgeError,
        RuntimeError,
        StackError,
        StimuliError,
        StoreError,
        UntrainedError,
        WindowError,
    );
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_remedy_has_words_on_the_command_line() {
        for remedy in Remedy::examples() {
            let words = sentence(std::slice::from_ref(&remedy)).unwrap();
            assert!(words.starts_with(char::is_uppercase), "{words}");
            assert!(words.ends_with('.'), "{words}");
            assert!(
                words.contains("--") || words.contains("heschl "),
                "{words} names neither flag nor command"
            );
        }
    }

    #[test]
    fn words_come_before_the_place() {
        assert_eq!(with_words("It is so.", &[]), "It is so.");
        assert_eq!(
            with_words("It is so.\nFile: a", &[Remedy::Resample]),
            "It is so. Add --resample.\nFile: a"
        );
        assert_eq!(
            with_words(
                "It is so.",
                &[
                    Remedy::OtherOutputFolder,
                    Remedy::SetAside,
                    Remedy::Overwrite
                ]
            ),
            "It is so. Give another folder with --out, rename their folder with --set-aside, or write over them with \
             --overwrite."
        );
    }

    #[test]
    fn errors_are_asked_for_their_remedies() {
        let error = AudioError::NeedsResampling {
            path: "a.wav".into(),
            rate_hz: 44_100,
            channels: 1,
        };
        assert_eq!(of_error(&error), [Remedy::Resample]);
        assert_eq!(of_error(&ExtractError::from(error)), [Remedy::Resample]);
        assert_eq!(of_error(&std::io::Error::other("no")), []);
    }
}
