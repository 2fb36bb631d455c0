//! A recipe as the command that does the same.

use std::path::Path;

use heschl_core::run::recipe::{ExtractRecipe, LayerChoice};
use heschl_core::speech::audio::Resampling;
use heschl_core::speech::card::LastLayer;
use heschl_core::speech::encoder::{DeviceChoice, Precision};
use heschl_core::speech::window::{Coverage, WindowSettings};

/// The command line of an extraction, safe to paste into a shell.
#[must_use]
pub(crate) fn of_recipe(recipe: &ExtractRecipe) -> String {
    let mut words = vec!["heschl".to_owned(), "extract".into()];
    let mut flag = |name: &str, value: Option<String>| {
        // With "=", so that a value that begins with a hyphen is not taken for a flag.
        words.push(match value {
            None => format!("--{name}"),
            Some(value) if value.starts_with('-') => format!("--{name}={}", quoted(&value)),
            Some(value) => format!("--{name} {}", quoted(&value)),
        });
    };
    flag("stimulus-dir", Some(path_text(&recipe.stimuli.folder)));
    flag("model", Some(recipe.model.model.clone()));
    flag("out", Some(path_text(&recipe.output.folder)));
    let usual = WindowSettings::default();
    if (recipe.window.chunk_ms - usual.chunk_ms).abs() > 0.0 {
        flag("chunksz", Some(recipe.window.chunk_ms.to_string()));
    }
    if (recipe.window.context_ms - usual.context_ms).abs() > 0.0 {
        flag("contextsz", Some(recipe.window.context_ms.to_string()));
    }
    if let Some(secs) = recipe.window.stride_secs {
        flag("stride", Some(secs.to_string()));
    }
    let is_there = [
        (
            "full-context",
            recipe.window.coverage == Coverage::FullContext,
        ),
        (
            "pad-silence",
            recipe.window.coverage == Coverage::PadSilence,
        ),
        ("use-featext", recipe.model.use_featext),
        (
            "resample",
            recipe.stimuli.resampling == Resampling::ToEncoderRate,
        ),
        ("recursive", recipe.stimuli.recursive),
        ("overwrite", recipe.output.overwrite),
    ];
    for (name, _) in is_there.iter().filter(|(_, is_there)| *is_there) {
        flag(name, None);
    }
    for story in &recipe.stimuli.stories {
        flag("stories", Some(story.clone()));
    }
    if let Some(name) = &recipe.stimuli.custom_stimuli {
        flag("custom-stimuli", Some(name.as_str().into()));
    }
    if let LayerChoice::Some(layers) = &recipe.model.layers {
        let list: Vec<String> = layers.iter().map(ToString::to_string).collect();
        flag("layers", Some(list.join(",")));
    }
    if recipe.model.last_layer == LastLayer::BeforeNorm {
        flag("last-layer", Some("before-norm".into()));
    }
    if let Some(batch) = recipe.model.batch {
        flag("batchsz", Some(batch.to_string()));
    }
    if recipe.model.device != DeviceChoice::Auto {
        flag("device", Some(recipe.model.device.to_string()));
    }
    if recipe.model.precision == Precision::F16 {
        flag("precision", Some("f16".into()));
    }
    words.join(" ")
}

fn path_text(path: &Path) -> String {
    path.display().to_string()
}

/// A word as a shell takes it literally, on one line: control characters are written as `$'…'` has them, which bash, zsh,
/// ksh and POSIX 2024 understand.
#[must_use]
pub(crate) fn quoted(word: &str) -> String {
    if word.contains(char::is_control) {
        let letter = |letter: char| match letter {
            '\'' | '\\' => format!("\\{letter}"),
            letter if letter.is_control() => {
                let mut bytes = [0; 4];
                let bytes = letter.encode_utf8(&mut bytes).bytes();
                let octal: Vec<String> = bytes.map(|byte| format!("\\{byte:03o}")).collect();
                octal.concat()
            }
            letter => letter.to_string(),
        };
        let text: String = word.chars().map(letter).collect();
        return format!("$'{text}'");
    }
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:=,@%".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::extract::recipe_of_words;
    use heschl_core::run::recipe::{ModelRecipe, OutputRecipe, StimuliRecipe};

    /// Splits a line as `sh` does, and reads it as the program does.
    fn read_back(line: &str) -> ExtractRecipe {
        let out = std::process::Command::new("sh")
            .arg("-c")
            .arg(format!("printf '%s\\0' {line}"))
            .output()
            .unwrap();
        let words: Vec<String> = String::from_utf8(out.stdout)
            .unwrap()
            .split_terminator('\0')
            .map(Into::into)
            .collect();
        recipe_of_words(&words).unwrap()
    }

    fn recipe() -> ExtractRecipe {
        ExtractRecipe {
            stimuli: StimuliRecipe {
                folder: "/data/my stories".into(),
                recursive: false,
                resampling: Resampling::Refuse,
                stories: vec![],
                custom_stimuli: None,
            },
            model: ModelRecipe {
                model: "whisper-tiny".into(),
                layers: LayerChoice::All,
                last_layer: LastLayer::default(),
                use_featext: false,
                precision: Precision::F32,
                device: DeviceChoice::Auto,
                batch: None,
            },
            window: WindowSettings::default(),
            output: OutputRecipe {
                folder: "/out".into(),
                overwrite: false,
            },
        }
    }

    #[test]
    fn the_command_means_the_same_recipe() {
        assert_eq!(read_back(&of_recipe(&recipe())), recipe());
        let mut other = recipe();
        other.stimuli.stories = vec!["it's $HOME; \"b\"".into(), "c*".into()];
        other.stimuli.recursive = true;
        other.stimuli.resampling = Resampling::ToEncoderRate;
        other.stimuli.custom_stimuli = Some("set 1".parse().unwrap());
        other.model.layers = LayerChoice::Some(vec![0, 3]);
        other.model.last_layer = LastLayer::BeforeNorm;
        other.model.use_featext = true;
        other.model.precision = Precision::F16;
        other.model.device = DeviceChoice::Cuda(1);
        other.model.batch = Some(7);
        other.window = WindowSettings {
            chunk_ms: 50.0,
            context_ms: 4000.0,
            stride_secs: Some(0.25),
            coverage: Coverage::PadSilence,
        };
        other.output.overwrite = true;
        assert_eq!(read_back(&of_recipe(&other)), other);
    }
}
