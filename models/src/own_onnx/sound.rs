//! The audio input of a graph: samples or Whisper's log-mel spectrogram, with stride and receptive field of its output
//! frames.

use std::collections::BTreeMap;

use heschl_core::speech::mel;

use super::error::OwnOnnxError;
use super::read::Skeleton;
use super::wiring::{Wired, Wiring, initializer_names};
use crate::onnx::proto::{DimensionValue, TypeValue, ValueInfoProto};
use crate::onnx::{FLOAT, FLOAT16};

/// Stride and receptive field of wav2vec 2.0, `HuBERT` and `WavLM`, in samples.
const USUAL_STRIDE: Stride = Stride {
    first_samples: 400,
    stride_samples: 320,
};
/// Maximum stride of a convolution in a speech encoder.
const MOST_STEP: i64 = 1 << 16;

/// The identified inputs of a graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SoundInput {
    /// Name of the audio input.
    pub(crate) input: String,
    /// Its number format, as an ONNX type code.
    pub(crate) number: i32,
    pub(crate) kind: SoundKind,
    /// Name of its batch axis.
    pub(crate) batch: Option<String>,
    /// Attention mask and its number format, if there is one.
    pub(crate) mask: Option<(String, i32)>,
}

/// Kind of audio input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SoundKind {
    /// Samples, `(batch, samples)`.
    Waveform,
    /// Whisper's spectrogram, `(batch, n_mels, 3000)`.
    LogMel { n_mels: usize },
}

/// Receptive field and stride of output frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stride {
    pub(crate) first_samples: usize,
    pub(crate) stride_samples: usize,
}

/// An axis of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SoundAxis {
    Fixed(i64),
    Named(String),
    Unknown,
}

/// Number format and axes of a value, if both are declared.
pub(crate) fn array_type(value: &ValueInfoProto) -> Option<(i32, Vec<SoundAxis>)> {
    let TypeValue::Tensor(tensor) = value.r#type.as_ref()?.value.as_ref()? else {
        return None;
    };
    let axis = |value: &Option<DimensionValue>| match value {
        Some(DimensionValue::Fixed(size)) => SoundAxis::Fixed(*size),
        Some(DimensionValue::Named(name)) if !name.is_empty() => SoundAxis::Named(name.clone()),
        _ => SoundAxis::Unknown,
    };
    let axes = tensor.shape.as_ref()?.dim.iter();
    Some((
        tensor.elem_type?,
        axes.map(|dim| axis(&dim.value)).collect(),
    ))
}

/// Identifies the inputs of a graph.
///
/// # Errors
/// Returns [`OwnOnnxError::UnknownInput`], [`OwnOnnxError::NoSound`] or [`OwnOnnxError::FixedAxis`].
pub(crate) fn find(skeleton: &Skeleton) -> Result<SoundInput, OwnOnnxError> {
    let mut sound = None;
    let mut mask = None;
    // Files of old IR versions list weights among the inputs.
    let weights: std::collections::BTreeSet<&str> = initializer_names(&skeleton.graph).collect();
    for input in &skeleton.graph.input {
        let name = input.name.as_deref().unwrap_or_default();
        if weights.contains(name) {
            continue;
        }
        let unknown = |kind: String| OwnOnnxError::UnknownInput {
            input: name.to_string(),
            kind,
            path: skeleton.path.clone(),
        };
        let (number, axes) =
            array_type(input).ok_or_else(|| unknown("without a number format or shape".into()))?;
        let is_real = number == FLOAT || number == FLOAT16;
        if name.contains("mask") && axes.len() == 2 && mask.is_none() {
            mask = Some((name.to_string(), number));
        } else if is_real && (axes.len() == 2 || axes.len() == 3) && sound.is_none() {
            sound = Some((name, number, axes));
        } else {
            return Err(unknown(format!("{} axes", axes.len())));
        }
    }
    let no_sound = || OwnOnnxError::NoSound {
        path: skeleton.path.clone(),
    };
    let (name, number, axes) = sound.ok_or_else(no_sound)?;
    if mask.is_some() && axes.len() == 3 {
        // Whisper uses all of its 30 s; its exports have no mask.
        return Err(OwnOnnxError::UnknownInput {
            input: mask.map(|(name, _)| name).unwrap_or_default(),
            kind: "a mask of a spectrogram".into(),
            path: skeleton.path.clone(),
        });
    }
    Ok(SoundInput {
        kind: kind(skeleton, name, &axes)?,
        input: name.to_string(),
        number,
        batch: match &axes[0] {
            SoundAxis::Named(name) => Some(name.clone()),
            _ => None,
        },
        mask,
    })
}

fn kind(skeleton: &Skeleton, name: &str, axes: &[SoundAxis]) -> Result<SoundKind, OwnOnnxError> {
    let fixed = |axis, size| OwnOnnxError::FixedAxis {
        axis,
        size,
        path: skeleton.path.clone(),
    };
    if let SoundAxis::Fixed(size) = axes[0] {
        return Err(fixed("batch", size));
    }
    let [_, middle, last] = axes else {
        return match axes[1] {
            SoundAxis::Fixed(size) => Err(fixed("number of samples", size)),
            _ => Ok(SoundKind::Waveform),
        };
    };
    let unknown = || OwnOnnxError::UnknownInput {
        input: name.to_string(),
        kind: "three axes, but not (batch, mels, 3000)".into(),
        path: skeleton.path.clone(),
    };
    let n_mels = match middle {
        SoundAxis::Fixed(size) => Some(*size),
        _ => mels_of_first_convolution(skeleton),
    };
    let n_mels = n_mels.and_then(|n| usize::try_from(n).ok());
    let n_mels = n_mels.filter(|n| (1..=mel::N_FREQUENCIES).contains(n));
    match last {
        SoundAxis::Fixed(size) if *size != mel::N_FRAMES as i64 => Err(unknown()),
        _ => n_mels
            .map(|n_mels| SoundKind::LogMel { n_mels })
            .ok_or_else(unknown),
    }
}

fn mels_of_first_convolution(skeleton: &Skeleton) -> Option<i64> {
    let is_convolution = |op: &str| op == "Conv";
    let first = skeleton
        .graph
        .node
        .iter()
        .find(|node| node.op_type.as_deref().is_some_and(is_convolution))?;
    let weight = first.input.get(1)?;
    let arrays = &mut skeleton.graph.initializer.iter();
    let array = arrays.find(|array| array.name.as_ref() == Some(weight))?;
    array.dims.get(1).copied()
}

/// Computes stride and receptive field from the convolutions between the audio and layer 0; returns `None` if they are not
/// a plain stack of convolutions without padding, apart from positional ones of stride 1.
///
/// Source: Araujo et al. (2019), Computing receptive fields of convolutional neural networks, Distill, equation 2.
pub(crate) fn stride(
    skeleton: &Skeleton,
    wiring: &Wiring,
    input: &str,
    layer_0: &str,
) -> Option<Stride> {
    let shapes: BTreeMap<&str, &[i64]> = skeleton
        .graph
        .initializer
        .iter()
        .filter_map(|array| Some((array.name.as_deref()?, array.dims.as_slice())))
        .collect();
    let is_sound = wiring.reached_from(wiring.id(input)?);
    let (mut reach, mut step) = (1_usize, 1_usize);
    for index in wiring.needed_by(&[layer_0]) {
        let node = &wiring.nodes[index];
        let hears = node.inputs.first().is_some_and(|input| is_sound[*input]);
        if node.op() != "Conv" || !hears {
            continue;
        }
        let convolution = convolution(node, &shapes)?;
        if convolution.is_padded && convolution.step == 1 {
            continue;
        }
        if convolution.is_padded {
            return None;
        }
        reach = reach.checked_add((convolution.kernel - 1).checked_mul(step)?)?;
        step = step.checked_mul(convolution.step)?;
    }
    (step > 1 && step <= mel::PADDED_SAMPLES && reach <= mel::PADDED_SAMPLES).then_some(Stride {
        first_samples: reach,
        stride_samples: step,
    })
}

/// Returns the default stride and receptive field, if the graph does not reveal them.
pub(crate) fn usual_stride() -> Stride {
    USUAL_STRIDE
}

struct Convolution {
    kernel: usize,
    step: usize,
    is_padded: bool,
}

fn convolution(node: &Wired, shapes: &BTreeMap<&str, &[i64]>) -> Option<Convolution> {
    let attribute = |name: &str| {
        let attributes = &mut node.node.attribute.iter();
        attributes.find(|attribute| attribute.name.as_deref() == Some(name))
    };
    let whole = |name: &str| attribute(name).and_then(|attribute| attribute.ints.first().copied());
    let weight = node
        .node
        .input
        .get(1)
        .and_then(|name| shapes.get(name.as_str()));
    let from_weight = || weight.filter(|dims| dims.len() == 3).map(|dims| dims[2]);
    let kernel = whole("kernel_shape").or_else(from_weight)?;
    let step = whole("strides").unwrap_or(1);
    let spread = whole("dilations").unwrap_or(1);
    let in_range = |n: i64| (1..=MOST_STEP).contains(&n);
    if !in_range(kernel) || !in_range(step) || spread != 1 {
        return None;
    }
    let pads = attribute("pads").map_or(&[][..], |pads| &pads.ints);
    let pads_itself = attribute("auto_pad")
        .and_then(|pad| pad.s.as_deref())
        .is_some_and(|pad| pad.starts_with(b"SAME"));
    Some(Convolution {
        kernel: kernel as usize,
        step: step as usize,
        is_padded: pads_itself || pads.iter().any(|pad| *pad != 0),
    })
}
