//! Edits a graph: Heschl's two inputs, and one output with every hidden state at the requested frame.

use std::collections::BTreeSet;

use heschl_core::speech::mel;

use super::error::OwnOnnxError;
use super::read::{Skeleton, subgraphs};
use super::sound::{SoundInput, SoundKind};
use super::wiring::{Wiring, captured};
use crate::onnx::proto::{GraphProto, NodeProto, OperatorSetIdProto, TensorProto};
use crate::onnx::{Attribute, Dim, FLOAT, INT64, value_info};

/// Name of the graph's input for windows, as fed by the encoder.
const INPUT: &str = "input";
/// Name of the graph's input for the requested output frames.
const WANTED_FRAMES: &str = "wanted_frames";
/// Name of the output.
pub(crate) const OUTPUT: &str = "heschl.hidden_states";
/// Prefix of all values added by Heschl.
const PREFIX: &str = "heschl.";
/// Oldest operator set that supports gathering per window.
const OLDEST_OPERATORS: i64 = 12;
/// First operator set whose `Unsqueeze` takes its axes as an input.
const AXES_AS_INPUT: i64 = 13;

/// Order of a hidden state's axes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GraphLayout {
    BatchFirst,
    FramesFirst,
}

/// The part of the graph to keep.
pub(crate) struct GraphCut<'a> {
    pub(crate) sound: &'a SoundInput,
    /// Values of the hidden states, layer 0 first.
    pub(crate) hidden: &'a [String],
    pub(crate) layout: GraphLayout,
    /// Hidden size.
    pub(crate) dim: usize,
}

/// Returns the edited graph, whose output rows are `cut.hidden`.
///
/// Inputs: `input` `(batch, samples)` or `(batch, n_mels, n_frames)`, with a silent last frame, which is repeated up to
/// 3000; `wanted_frames` `(batch,)`. Output: `(batch, layers, dim)`, single precision.
///
/// # Errors
/// Returns [`OwnOnnxError::OldOperators`] if the graph's operator set does not support this.
pub(crate) fn edit(skeleton: &Skeleton, cut: &GraphCut) -> Result<Skeleton, OwnOnnxError> {
    let opset = standard_opset(&skeleton.model.opset_import);
    if opset < OLDEST_OPERATORS {
        return Err(OwnOnnxError::OldOperators {
            found: opset,
            path: skeleton.path.clone(),
        });
    }
    let mut edited = skeleton.clone();
    free_names(&mut edited);
    let mut editor = Editor {
        before: Vec::new(),
        after: Vec::new(),
        arrays: Vec::new(),
        has_axes_input: opset >= AXES_AS_INPUT,
        n_values: 0,
    };
    editor.give_input(cut.sound);
    editor.give_mask(cut.sound);
    editor.take_hidden(cut);
    let graph = &mut edited.graph;
    let inner = std::mem::take(&mut graph.node);
    graph.node = editor.before;
    graph.node.extend(inner);
    graph.node.extend(editor.after);
    graph.initializer.extend(editor.arrays);
    graph.input = vec![
        value_info(INPUT, FLOAT, &input_shape(cut.sound.kind)),
        value_info(WANTED_FRAMES, INT64, &[Dim::Named("batch")]),
    ];
    set_output(graph, cut.hidden.len(), cut.dim);
    edited.model.training_info.clear();
    let damaged = |reason| OwnOnnxError::Damaged {
        reason,
        path: skeleton.path.clone(),
    };
    prune(&mut edited).map_err(damaged)?;
    Ok(edited)
}

/// Reduces the edited graph to some of its output rows.
///
/// # Errors
/// Returns a message if the graph was not made by [`edit`].
pub(crate) fn keep_layers(
    edited: &mut Skeleton,
    layers: &[usize],
    dim: usize,
) -> Result<(), String> {
    let is_output = |node: &&mut NodeProto| node.output.first().is_some_and(|name| name == OUTPUT);
    let node = edited.graph.node.iter_mut().find(is_output);
    let node = node.ok_or("its graph does not give the hidden states")?;
    let rows: Option<Vec<String>> = layers
        .iter()
        .map(|layer| node.input.get(*layer).cloned())
        .collect();
    node.input = rows.ok_or("its graph has fewer layers")?;
    set_output(&mut edited.graph, layers.len(), dim);
    prune(edited)
}

fn standard_opset(imports: &[OperatorSetIdProto]) -> i64 {
    let is_standard = |domain: &Option<String>| {
        let domain = domain.as_deref().unwrap_or_default();
        domain.is_empty() || domain == "ai.onnx"
    };
    let standard = imports.iter().filter(|import| is_standard(&import.domain));
    standard
        .filter_map(|import| import.version)
        .max()
        .unwrap_or(1)
}

fn input_shape(kind: SoundKind) -> Vec<Dim> {
    match kind {
        SoundKind::Waveform => vec![Dim::Named("batch"), Dim::Named("samples")],
        SoundKind::LogMel { n_mels } => {
            vec![
                Dim::Named("batch"),
                Dim::Fixed(n_mels),
                Dim::Named("frames"),
            ]
        }
    }
}

fn set_output(graph: &mut GraphProto, n_layers: usize, dim: usize) {
    let shape = [Dim::Named("batch"), Dim::Fixed(n_layers), Dim::Fixed(dim)];
    graph.output = vec![value_info(OUTPUT, FLOAT, &shape)];
}

/// A new name for a value of the graph that clashes with Heschl's names.
fn own_name(name: &str) -> Option<String> {
    let is_taken = name == INPUT || name == WANTED_FRAMES || name.starts_with(PREFIX);
    is_taken.then(|| format!("own.{name}"))
}

/// Renames values whose names clash with Heschl's.
fn free_names(edited: &mut Skeleton) {
    rename_in(&mut edited.graph);
    let places = std::mem::take(&mut edited.places);
    let renamed = places
        .into_iter()
        .map(|(name, place)| (own_name(&name).unwrap_or(name), place));
    edited.places = renamed.collect();
}

fn rename(name: &mut String) {
    if let Some(other) = own_name(name) {
        *name = other;
    }
}

/// Recursion is bounded by the decoder's limit on nesting.
fn rename_in(graph: &mut GraphProto) {
    let sparse = graph.sparse_initializer.iter_mut();
    let sparse = sparse.filter_map(|array| array.values.as_mut());
    for array in graph.initializer.iter_mut().chain(sparse) {
        array.name.iter_mut().for_each(rename);
    }
    let values = graph.input.iter_mut().chain(&mut graph.output);
    for value in values.chain(&mut graph.value_info) {
        value.name.iter_mut().for_each(rename);
    }
    for annotation in &mut graph.quantization_annotation {
        annotation.tensor_name.iter_mut().for_each(rename);
    }
    for node in &mut graph.node {
        node.input
            .iter_mut()
            .chain(&mut node.output)
            .for_each(rename);
        for attribute in &mut node.attribute {
            let graphs = attribute.g.iter_mut().chain(&mut attribute.graphs);
            graphs.for_each(rename_in);
        }
    }
}

/// Nodes to be inserted before and after those of the graph.
struct Editor {
    before: Vec<NodeProto>,
    after: Vec<NodeProto>,
    arrays: Vec<TensorProto>,
    has_axes_input: bool,
    n_values: usize,
}

impl Editor {
    fn next_name(&mut self, stem: &str) -> String {
        self.n_values += 1;
        format!("{PREFIX}{stem}_{}", self.n_values)
    }

    fn integers(&mut self, values: &[i64]) -> String {
        let name = self.next_name("constant");
        self.arrays.push(TensorProto {
            dims: vec![values.len() as i64],
            data_type: Some(INT64),
            name: Some(name.clone()),
            raw_data: Some(values.iter().flat_map(|n| n.to_le_bytes()).collect()),
            ..TensorProto::default()
        });
        name
    }

    /// Provides the window under the name and in the number format that the graph expects.
    fn give_input(&mut self, sound: &SoundInput) {
        let window = match sound.kind {
            SoundKind::Waveform => INPUT.to_string(),
            SoundKind::LogMel { .. } => self.padded(INPUT),
        };
        let to = [Attribute::Int("to", i64::from(sound.number))];
        let theirs = own_name(&sound.input).unwrap_or_else(|| sound.input.clone());
        let given = node("Cast", &[&window], &theirs, &to);
        self.before.push(given);
    }

    /// The spectrogram with its last, silent frame repeated up to 30 s.
    fn padded(&mut self, window: &str) -> String {
        let shape = self.next_name("shape");
        self.before.push(node("Shape", &[window], &shape, &[]));
        let end = self.integers(&[0, 0, 0, 0, 0, mel::N_FRAMES as i64]);
        let to_index = self.integers(&[0, 0, 0, 0, 0, 1]);
        let last_axis = self.integers(&[2]);
        let n_frames = self.next_name("frames");
        let taken = node("Gather", &[&shape, &last_axis], &n_frames, &[]);
        let there = self.next_name("there");
        let pads = self.next_name("pads");
        let padded = self.next_name("padded");
        self.before.extend([
            taken,
            node("Mul", &[&to_index, &n_frames], &there, &[]),
            node("Sub", &[&end, &there], &pads, &[]),
            node(
                "Pad",
                &[window, &pads],
                &padded,
                &[Attribute::Text("mode", "edge")],
            ),
        ]);
        padded
    }

    /// A mask of ones in the shape of the window: nothing is masked.
    fn give_mask(&mut self, sound: &SoundInput) {
        let Some((mask, number)) = &sound.mask else {
            return;
        };
        let theirs = own_name(mask).unwrap_or_else(|| mask.clone());
        let [shape, one, ones] = ["shape", "one", "ones"].map(|stem| self.next_name(stem));
        self.arrays.push(TensorProto {
            data_type: Some(INT64),
            name: Some(one.clone()),
            raw_data: Some(1_i64.to_le_bytes().to_vec()),
            ..TensorProto::default()
        });
        let to = [Attribute::Int("to", i64::from(*number))];
        self.before.extend([
            node("Shape", &[INPUT], &shape, &[]),
            node("Expand", &[&one, &shape], &ones, &[]),
            node("Cast", &[&ones], &theirs, &to),
        ]);
    }

    /// Gathers each hidden state at each window's requested frame, and stacks them.
    fn take_hidden(&mut self, cut: &GraphCut) {
        let frames = self.unsqueezed(WANTED_FRAMES);
        let mut rows = Vec::with_capacity(cut.hidden.len());
        for hidden in cut.hidden {
            let mut value = own_name(hidden).unwrap_or_else(|| hidden.clone());
            if cut.layout == GraphLayout::FramesFirst {
                let turned = self.next_name("batch_first");
                let order = [Attribute::Ints("perm", &[1, 0, 2])];
                self.after
                    .push(node("Transpose", &[&value], &turned, &order));
                value = turned;
            }
            let [at_frame, single] = ["at_frame", "single"].map(|stem| self.next_name(stem));
            let per_window = [Attribute::Int("batch_dims", 1)];
            let to_single = [Attribute::Int("to", i64::from(FLOAT))];
            self.after.extend([
                node("GatherND", &[&value, &frames], &at_frame, &per_window),
                node("Cast", &[&at_frame], &single, &to_single),
            ]);
            rows.push(self.unsqueezed(&single));
        }
        let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
        let axis = [Attribute::Int("axis", 1)];
        self.after.push(node("Concat", &rows, OUTPUT, &axis));
    }

    /// The value with a new axis after the first.
    fn unsqueezed(&mut self, value: &str) -> String {
        let name = self.next_name("unsqueezed");
        let unsqueeze = if self.has_axes_input {
            let axes = self.integers(&[1]);
            node("Unsqueeze", &[value, &axes], &name, &[])
        } else {
            node(
                "Unsqueeze",
                &[value],
                &name,
                &[Attribute::Ints("axes", &[1])],
            )
        };
        self.after.push(unsqueeze);
        name
    }
}

fn node(op: &str, inputs: &[&str], output: &str, attributes: &[Attribute]) -> NodeProto {
    NodeProto {
        input: inputs.iter().map(|name| (*name).to_string()).collect(),
        output: vec![output.to_string()],
        name: Some(output.to_string()),
        op_type: Some(op.to_string()),
        attribute: attributes.iter().map(Attribute::encode).collect(),
        ..NodeProto::default()
    }
}

/// Removes everything that the output does not depend on.
fn prune(edited: &mut Skeleton) -> Result<(), String> {
    let graph = &mut edited.graph;
    let needed = Wiring::new(graph)?.needed_by(&[OUTPUT]);
    let mut index = 0;
    graph.node.retain(|_| {
        index += 1;
        needed.contains(&(index - 1))
    });
    let used = names_in_use(graph);
    let is_used = |name: &Option<String>| used.contains(name.as_deref().unwrap_or_default());
    graph.initializer.retain(|array| is_used(&array.name));
    graph.sparse_initializer.retain(|array| {
        let name = array.values.as_ref().map(|values| &values.name);
        name.is_some_and(is_used)
    });
    graph.value_info.retain(|value| is_used(&value.name));
    let annotations = &mut graph.quantization_annotation;
    annotations.retain(|annotation| is_used(&annotation.tensor_name));
    edited.places.retain(|name, _| used.contains(name.as_str()));
    Ok(())
}

fn names_in_use(graph: &GraphProto) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    for node in &graph.node {
        used.extend(node.input.iter().chain(&node.output).cloned());
        if node.attribute.iter().any(|a| subgraphs(a).next().is_some()) {
            used.extend(captured(node).into_iter().map(str::to_string));
        }
    }
    used
}
