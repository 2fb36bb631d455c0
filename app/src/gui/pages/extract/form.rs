//! The fields of the recipe.

use eframe::egui;
use heschl_core::run::recipe::{CustomStimuli, LayerChoice};
use heschl_core::speech::card::LastLayer;
use heschl_core::speech::encoder::{DeviceChoice, Precision};
use heschl_core::speech::window::{Coverage, WindowSettings};
use heschl_models::catalogue;

use crate::gui::actions::{Action, Actions, PathPurpose};
use crate::gui::icons;
use crate::gui::info::Info;
use crate::gui::loading::Loading;
use crate::gui::manual::Topic;
use crate::gui::state::{Page, State, Study};
use crate::gui::theme::INSIDE;
use crate::gui::widgets::{
    NumberField, PathField, TextField, button, choices, field_label, heading, help_button, problem,
    tick, weak,
};

/// What is half-typed in the form.
#[derive(Default)]
pub(super) struct ExtractForm {
    /// The layers as they are typed.
    layers: Option<String>,
}

/// Batches that the command line takes, too.
const BATCHES: std::ops::RangeInclusive<f64> = 1.0..=4096.0;

impl ExtractForm {
    /// The model and its layers; returns what is wrong.
    pub(super) fn model(
        &mut self,
        ui: &mut egui::Ui,
        study: &mut Study,
        info: &Info,
        actions: &mut Actions,
    ) -> Vec<String> {
        let mut wrong = vec![];
        ui.horizontal(|ui| {
            heading(ui, "Model");
            if help_button(ui, Topic::Models) {
                actions.push(Action::Manual(Topic::Models));
            }
        });
        ui.horizontal(|ui| {
            ui.label(egui::RichText::new(&study.model).strong());
            if ui.link("Choose another").clicked() {
                actions.push(Action::Go(Page::Models));
            }
        });
        match &info.model {
            Loading::Nothing | Loading::Waiting => {
                weak(ui, "Looking at the model …");
            }
            Loading::Failed(sentence) => {
                match catalogue::find(&study.model) {
                    Some(entry) => {
                        let megabytes = entry.download_megabytes();
                        weak(
                            ui,
                            format!("{} layers × {}", entry.layers + 1, entry.dimension),
                        );
                        weak(
                            ui,
                            format!("Run downloads it first ({megabytes} MB, once)."),
                        )
                        .on_hover_text(sentence);
                    }
                    None => problem(ui, sentence),
                }
                if button(ui, icons::BOXES, "Go to Models").clicked() {
                    actions.push(Action::Go(Page::Models));
                }
            }
            Loading::Ready(model) => {
                weak(
                    ui,
                    format!("{} layers × {}", model.card.n_layers, model.card.dim),
                );
                wrong.extend(self.layers(ui, study, model.card.n_layers, actions));
                if model.card.last_layer.is_some() {
                    last_layer(ui, study);
                }
                if model.card.uses_feature_extractor(true)
                    != model.card.uses_feature_extractor(false)
                {
                    tick(ui, &mut study.use_featext, "Use the model's feature extractor").on_hover_text(
                        "Scales each window to mean 0 and variance 1, as the checkpoint was trained and as the published command of Antonello et al. 2023 does.",
                    );
                }
            }
        }
        ui.add_space(INSIDE);
        egui::CollapsingHeader::new("Where and how to compute").show(ui, |ui| {
            wrong.extend(computing(ui, study, actions));
        });
        wrong
    }

    fn layers(
        &mut self,
        ui: &mut egui::Ui,
        study: &mut Study,
        n_layers: usize,
        actions: &mut Actions,
    ) -> Option<String> {
        let mut sentence = None;
        ui.horizontal(|ui| {
            field_label(ui, "Layers").on_hover_text(
                "Layer 0 is the input to the first block; the last layer is the output of the last block.",
            );
            let mut is_all = study.layers == LayerChoice::All;
            if choices(ui, &mut is_all, &[(true, "All"), (false, "Some")]) {
                study.layers = if is_all {
                    LayerChoice::All
                } else {
                    LayerChoice::Some((0..n_layers).collect())
                };
                self.layers = None;
            }
            if let LayerChoice::Some(layers) = &study.layers {
                let mut text = self.layers.clone().unwrap_or_else(|| written(layers));
                let field = TextField {
                    label: "Layers to keep",
                    hint: "0, 2-4",
                    width: 150.0,
                };
                if field.show(ui, &mut text).changed() {
                    self.layers = Some(text.clone());
                }
                match read_layers(&text, n_layers) {
                    Ok(layers) => study.layers = LayerChoice::Some(layers),
                    Err(problem) => sentence = Some(problem),
                }
            }
            if help_button(ui, Topic::Numbers) {
                actions.push(Action::Manual(Topic::Numbers));
            }
        });
        if let Some(sentence) = &sentence {
            problem(ui, sentence);
        }
        sentence
    }
}

/// How the window slides; returns what is wrong.
pub(super) fn window(
    ui: &mut egui::Ui,
    study: &mut Study,
    info: &Info,
    actions: &mut Actions,
) -> Vec<String> {
    heading(ui, "Window");
    let mut wrong = vec![];
    let usual = WindowSettings::default();
    let chunk = NumberField {
        label: "Chunk",
        unit: "ms",
        tooltip: "Step between windows, which is also the length of the newest part of each window. Antonello et al. (2023) used 100 ms, which gives ten rows per second.",
        default: usual.chunk_ms,
        topic: Topic::App,
    };
    let check = |change: &dyn Fn(&mut WindowSettings)| {
        let mut window = study.window;
        change(&mut window);
        window
            .lengths()
            .map(|_| ())
            .map_err(|error| error.to_string())
    };
    let mut window = study.window;
    wrong.extend(
        chunk.show(ui, &mut window.chunk_ms, actions, |ms| match ms {
            ms if ms < 1.0 => check(&|window| window.chunk_ms = ms),
            _ => Ok(()),
        }),
    );
    let context = NumberField {
        label: "Context",
        unit: "ms",
        tooltip: "Context before the chunk; a multiple of the chunk. Antonello et al. 2023: 16,000 ms.",
        default: usual.context_ms,
        topic: Topic::App,
    };
    wrong.extend(context.show(ui, &mut window.context_ms, actions, |ms| {
        check(&|window| window.context_ms = ms)
    }));
    let mut has_stride = window.stride_secs.is_some();
    ui.horizontal(|ui| {
        tick(ui, &mut has_stride, "Use a different step").on_hover_text(
            "Move the window by this step instead of by the chunk; the features go to their own folder.",
        );
    });
    if has_stride {
        let mut secs = window.stride_secs.unwrap_or(window.chunk_ms / 1000.0);
        let stride = NumberField {
            label: "Stride",
            unit: "s",
            tooltip: "Step between windows, in seconds.",
            default: 0.1,
            topic: Topic::App,
        };
        wrong.extend(stride.show(ui, &mut secs, actions, |secs| {
            check(&|window| window.stride_secs = Some(secs))
        }));
        window.stride_secs = Some(secs);
    } else {
        window.stride_secs = None;
    }
    ui.horizontal(|ui| {
        field_label(ui, "Beginning").on_hover_text(
            "What to do at the start of a recording, where the context is incomplete.",
        );
        let options = [
            (Coverage::RampIn, "Ramp-in"),
            (Coverage::FullContext, "Full only"),
            (Coverage::PadSilence, "Silence"),
        ];
        choices(ui, &mut window.coverage, &options);
        if help_button(ui, Topic::Numbers) {
            actions.push(Action::Manual(Topic::Numbers));
        }
    });
    study.window = window;
    if let Some(model) = info.model.ready()
        && wrong.is_empty()
        && let Err(error) = window.lengths_for(model.card.reach())
    {
        problem(ui, &error.to_string());
        wrong.push(error.to_string());
    }
    wrong
}

/// Where the features go; returns what is wrong.
pub(super) fn output(
    ui: &mut egui::Ui,
    state: &State,
    info: &Info,
    (study, actions): (&mut Study, &mut Actions),
) -> Vec<String> {
    let mut wrong = vec![];
    ui.horizontal(|ui| {
        heading(ui, "Output");
        if help_button(ui, Topic::Files) {
            actions.push(Action::Manual(Topic::Files));
        }
    });
    let folder = state.open.as_ref().map(|open| open.folder.clone());
    let current = study.output.clone().or(folder);
    let field = PathField {
        label: "Folder for the features",
        purpose: PathPurpose::Output,
        recent: &[],
        own: &[],
        home: info.home.as_deref(),
        picking: info.picking,
    };
    field.show(ui, current.as_deref(), actions);
    ui.horizontal_wrapped(|ui| {
        if study.output.is_some()
            && button(ui, icons::ROTATE_CCW, "Back to the study's folder").clicked()
        {
            study.output = None;
        }
        tick(ui, &mut study.overwrite, "Recompute finished stories")
            .on_hover_text("If off, finished stories are kept.");
        let mut is_custom = study.custom_stimuli.is_some();
        tick(ui, &mut is_custom, "Custom stimuli").on_hover_text(
            "Use recordings from a subfolder. Features are saved in custom_stimuli/<name>.",
        );
        if is_custom {
            let mut name = study.custom_stimuli.clone().unwrap_or_default();
            let field = TextField {
                label: "Name of the custom stimuli",
                hint: "Folder, e.g. tones",
                width: 140.0,
            };
            field.show(ui, &mut name);
            if let Err(sentence) = custom_set(&name) {
                problem(ui, &sentence);
                wrong.push(sentence);
            }
            study.custom_stimuli = Some(name);
        } else {
            study.custom_stimuli = None;
        }
    });
    wrong
}

/// The set of custom stimuli of this name.
fn custom_set(name: &str) -> Result<CustomStimuli, String> {
    name.parse().map_err(|_| {
        "Custom stimuli: enter the name of a subfolder of the recordings folder, such as \"tones\".".into()
    })
}

/// What is wrong with the study's window or names, as the form would say it: a sentence.
pub(super) fn wrong_window(study: &Study, info: &Info) -> Option<String> {
    let lengths = study
        .window
        .lengths()
        .map(|_| ())
        .map_err(|error| error.to_string());
    let reach = info.model.ready().map(|model| model.card.reach());
    let in_reach = || {
        let lengths = reach.map(|reach| study.window.lengths_for(reach));
        lengths
            .and_then(std::result::Result::err)
            .map(|error| error.to_string())
    };
    let name = || {
        let name = study.custom_stimuli.as_ref()?;
        custom_set(name).err()
    };
    lengths.err().or_else(in_reach).or_else(name)
}

/// Device, number format and batch; returns what is wrong.
fn computing(ui: &mut egui::Ui, study: &mut Study, actions: &mut Actions) -> Option<String> {
    ui.horizontal(|ui| {
        field_label(ui, "Device");
        let options = [
            (DeviceChoice::Auto, "Automatic"),
            (DeviceChoice::Cpu, "CPU"),
            (DeviceChoice::Cuda(0), "NVIDIA GPU"),
        ];
        choices(ui, &mut study.device, &options);
        if help_button(ui, Topic::Devices) {
            actions.push(Action::Manual(Topic::Devices));
        }
    });
    ui.horizontal(|ui| {
        field_label(ui, "Precision").on_hover_text(
            "Single precision reproduces the published numbers; half precision is for GPUs.",
        );
        choices(
            ui,
            &mut study.precision,
            &[(Precision::F32, "f32"), (Precision::F16, "f16")],
        );
    });
    let mut has_batch = study.batch.is_some();
    tick(ui, &mut has_batch, "Custom batch size")
        .on_hover_text("Windows per batch; chosen for the device by default.");
    if !has_batch {
        study.batch = None;
        return None;
    }
    let mut batch = study.batch.unwrap_or(8) as f64;
    let field = NumberField {
        label: "Batch",
        unit: "windows",
        tooltip: "Windows per batch, which are also saved together.",
        default: 8.0,
        topic: Topic::Extract,
    };
    let wrong = field.show(ui, &mut batch, actions, |n| {
        let fits = BATCHES.contains(&n) && n.fract() == 0.0;
        fits.then_some(())
            .ok_or_else(|| "Write a whole number from 1 to 4096.".into())
    });
    study.batch = Some(batch.clamp(*BATCHES.start(), *BATCHES.end()) as usize);
    wrong
}

/// Layers as they are written: `0-4, 6`.
fn written(layers: &[usize]) -> String {
    let mut runs: Vec<(usize, usize)> = vec![];
    for layer in layers {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == *layer => *last = *layer,
            _ => runs.push((*layer, *layer)),
        }
    }
    let run = |(first, last): &(usize, usize)| {
        if first == last {
            first.to_string()
        } else {
            format!("{first}-{last}")
        }
    };
    runs.iter().map(run).collect::<Vec<_>>().join(", ")
}

/// Reads layers such as `0, 2-4`.
fn read_layers(text: &str, n_layers: usize) -> Result<Vec<usize>, String> {
    let no_layers = || format!("Write layers such as 0, 2-{}.", n_layers - 1);
    let mut layers = vec![];
    for part in text.split([',', ' ']).filter(|part| !part.is_empty()) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (usize, usize) = (
            first.parse().map_err(|_| no_layers())?,
            last.parse().map_err(|_| no_layers())?,
        );
        if first > last {
            return Err(no_layers());
        }
        if last >= n_layers {
            return Err(format!(
                "There is no layer {last}: this model has the layers 0 to {}.",
                n_layers - 1
            ));
        }
        layers.extend(first..=last);
    }
    layers.sort_unstable();
    layers.dedup();
    if layers.is_empty() {
        Err(no_layers())
    } else {
        Ok(layers)
    }
}

/// What the last layer is, in models that pass it through a norm of its own.
fn last_layer(ui: &mut egui::Ui, study: &mut Study) {
    ui.horizontal(|ui| {
        field_label(ui, "Last layer").on_hover_text(
            "This model has a final layer norm. In the published features, the last layer is taken after it and equals the final output; recent versions of transformers return it before the norm.",
        );
        let kinds = [
            (LastLayer::AsPublished, "As published"),
            (LastLayer::BeforeNorm, "Before the norm"),
        ];
        choices(ui, &mut study.last_layer, &kinds);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_are_read_and_written_as_people_write_them() {
        assert_eq!(read_layers("0, 2-4 6,3", 7).unwrap(), [0, 2, 3, 4, 6]);
        assert_eq!(written(&[0, 2, 3, 4, 6]), "0, 2-4, 6");
        for (text, part) in [
            ("", "Write layers"),
            ("a", "Write layers"),
            ("4-2", "Write layers"),
            ("9", "no layer 9"),
            ("0-7", "no layer 7"),
        ] {
            assert!(read_layers(text, 7).unwrap_err().contains(part), "{text}");
        }
    }
}
