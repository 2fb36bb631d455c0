//! Convolutions: the feature encoder from samples to frames, and positional convolutions.

use heschl_core::speech::encoder::NumberFormat;

use super::{ConvolutionNorm, Family, Steps, Wav2Vec2Config};
use crate::checkpoint::CheckpointError;
use crate::onnx::{Attribute, Number, Value};
use crate::transformer::{Blocks, Built, TORCH_EPSILON};

/// Number of parts in which a window's frames pass the convolutions: the first one's output is 105 MB for 16.1 s, a part of
/// it 7 MB. Adjacent parts share some samples; each frame is computed once.
const PARTS: usize = 16;

/// Whether frames pass the convolutions in parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// A window of any length.
    Window,
    /// The samples of a single frame's receptive field.
    Frame,
}

/// Feature encoder, up to the feature projection: `(batch, samples)` → `(batch, frames, channels)`.
pub(super) fn stem(
    blocks: &mut Blocks,
    config: &Wav2Vec2Config,
    samples: &Value,
    extent: Extent,
) -> Built {
    // The input that is cut into parts: samples as one channel, or the operand of the first convolution's matrix product.
    let (input, kernel) = match config.feat_extract_norm {
        ConvolutionNorm::Group => {
            let folded = first_with_group_norm(blocks, config, samples)?;
            (folded.heard, Some(folded.kernel))
        }
        ConvolutionNorm::Layer => {
            let axis = blocks.graph.integers(&[1]);
            (blocks.graph.op("Unsqueeze", &[samples, &axis], &[]), None)
        }
    };
    let first_later = usize::from(kernel.is_some());
    let parts = match extent {
        Extent::Window => in_parts(blocks, &input, config.steps_from(first_later)),
        Extent::Frame => vec![KernelPart {
            input,
            n_frames: None,
        }],
    };
    let mut done = Vec::with_capacity(parts.len());
    for part in parts {
        let mut signal = part.input;
        if let Some(kernel) = &kernel {
            let product = blocks.graph.op("MatMul", &[kernel, &signal], &[]);
            let product = blocks.activated(&product, config.stem_activation());
            signal = blocks.as_matrix(&product);
        }
        for index in first_later..config.conv_dim.len() {
            signal = later(blocks, config, index, &signal)?;
        }
        if let Some(n_frames) = part.n_frames {
            let [zero, axis] = [0, 2].map(|n| blocks.graph.integers(&[n]));
            signal = blocks
                .graph
                .op("Slice", &[&signal, &zero, &n_frames, &axis], &[]);
        }
        done.push(signal);
    }
    let signal = blocks.graph.concat(&done, 2);
    let signal = blocks.single_precision(&signal);
    Ok(blocks.graph.transpose(&signal, &[0, 2, 1]))
}

/// A part of a window passing through the convolutions.
struct KernelPart {
    /// `(batch, channels, …)`.
    input: Value,
    /// `(1,)`: number of output frames that belong to this part.
    n_frames: Option<Value>,
}

/// Cuts `(batch, channels, length)` into parts along its length. Their frames, with receptive field `first` and stride
/// `stride`, are those of the whole.
fn in_parts(blocks: &mut Blocks, input: &Value, Steps { first, stride }: Steps) -> Vec<KernelPart> {
    let graph = &mut blocks.graph;
    let shape = graph.op("Shape", &[input], &[]);
    let length = graph.slice(&shape, 0, 2, 3);
    let [one, axis] = [1, 2].map(|n| graph.integers(&[n]));
    let [first, stride] = [first, stride].map(|n| graph.integers(&[n as i64]));
    let rest = graph.op("Sub", &[&length, &first], &[]);
    let strides = graph.op("Div", &[&rest, &stride], &[]);
    let n_frames = graph.op("Add", &[&strides, &one], &[]);
    let shares = graph.even_shares(&n_frames, PARTS);
    let mut begin = graph.integers(&[0]);
    let mut parts = Vec::with_capacity(PARTS);
    for index in 0..PARTS as i64 {
        let n_frames = graph.slice(&shares, 0, index, index + 1);
        // A part without frames computes one that is discarded: convolutions reject empty inputs.
        let n_computed = graph.op("Max", &[&n_frames, &one], &[]);
        let last = graph.op("Sub", &[&n_computed, &one], &[]);
        let last = graph.op("Add", &[&begin, &last], &[]);
        let [from, to] = [&begin, &last].map(|frame| graph.op("Mul", &[frame, &stride], &[]));
        let to = graph.op("Add", &[&to, &first], &[]);
        let input = graph.op("Slice", &[input, &from, &to, &axis], &[]);
        begin = graph.op("Add", &[&begin, &n_frames], &[]);
        parts.push(KernelPart {
            input,
            n_frames: Some(n_frames),
        });
    }
    parts
}

/// The first convolution and its norm, fused into one matrix product.
struct FoldedFirst {
    /// `(batch, channels, taps + 1)`.
    kernel: Value,
    /// `(batch, taps + 1, frames)`: the samples under each kernel tap.
    heard: Value,
}

/// The first convolution, fused with its norm over the window into one matrix product.
///
/// Both are linear in the samples once the norm's mean and variance are known, and these follow from the samples alone:
/// with C the covariance of the samples at the taps of the kernel w, the variance of the output is wᵀ C w. The kernel is
/// therefore rescaled, and the large output is computed once, without another pass over it. The covariance is in double
/// precision: high-frequency kernels on low-frequency sound take small differences of it.
fn first_with_group_norm(
    blocks: &mut Blocks,
    config: &Wav2Vec2Config,
    samples: &Value,
) -> Result<FoldedFirst, CheckpointError> {
    let [n_out, n_heard, stride] = [
        config.conv_dim[0],
        config.conv_kernel[0],
        config.conv_stride[0],
    ];
    let name = |part: &str| format!("feature_extractor.conv_layers.0.{part}");
    let kernel = blocks.weight(
        &name("conv.weight"),
        &[n_out, 1, n_heard],
        NumberFormat::F32,
    )?;
    let scale = blocks.weight(&name("layer_norm.weight"), &[n_out], NumberFormat::F32)?;
    let shift = blocks.weight(&name("layer_norm.bias"), &[n_out], NumberFormat::F32)?;
    let places = heard_places(blocks, samples, n_heard, stride);
    let graph = &mut blocks.graph;
    let places = graph.cast(&places, Number::Double);
    let mean = graph.mean(&places, 2);
    let centred = graph.op("Sub", &[&places, &mean], &[]);
    let turned = graph.transpose(&centred, &[0, 2, 1]);
    let products = graph.op("MatMul", &[&centred, &turned], &[]);
    let shape = graph.op("Shape", &[&centred], &[]);
    let n_frames = graph.slice(&shape, 0, 2, 3);
    let n_frames = graph.cast(&n_frames, Number::Double);
    let covariance = graph.op("Div", &[&products, &n_frames], &[]);
    let kernel = graph.reshape(&kernel, &[n_out as i64, n_heard as i64]);
    let kernel = graph.cast(&kernel, Number::Double);
    let through = graph.op("MatMul", &[&kernel, &covariance], &[]);
    let through = graph.op("Mul", &[&through, &kernel], &[]);
    let variance = graph.sum(&through, 2);
    let epsilon = graph.float(TORCH_EPSILON);
    let epsilon = graph.cast(&epsilon, Number::Double);
    let variance = graph.op("Add", &[&variance, &epsilon], &[]);
    let deviation = graph.op("Sqrt", &[&variance], &[]);
    let scale = graph.cast(&scale, Number::Double);
    let scale = graph.op("Div", &[&scale, &deviation], &[]);
    let axis = graph.integers(&[2]);
    let scale = graph.op("Unsqueeze", &[&scale, &axis], &[]);
    let kernel = graph.op("Mul", &[&kernel, &scale], &[]);
    let kernel = graph.cast(&kernel, Number::Float);

    // The shift becomes an additional tap, with a constant input of one.
    let shift = graph.reshape(&shift, &[1, n_out as i64, 1]);
    let one_each = graph.op("Shape", &[&scale], &[]);
    let shift = graph.op("Expand", &[&shift, &one_each], &[]);
    let kernel = graph.concat(&[kernel, shift], 2);
    let centred = graph.cast(&centred, Number::Float);
    let [pads, one] = [graph.integers(&[0, 0, 0, 0, 1, 0]), graph.float(1.0)];
    let heard = graph.op("Pad", &[&centred, &pads, &one], &[]);
    Ok(FoldedFirst { kernel, heard })
}

/// The samples under each kernel tap: `(batch, samples)` → `(batch, taps, frames)`.
fn heard_places(blocks: &mut Blocks, samples: &Value, n_heard: usize, stride: usize) -> Value {
    let graph = &mut blocks.graph;
    let axis = graph.integers(&[1]);
    let mut places = Vec::with_capacity(n_heard);
    for place in 0..n_heard as i64 {
        let n_left = n_heard as i64 - 1 - place;
        let end = if n_left == 0 { i64::MAX } else { -n_left };
        let at_place = graph.slice_by(samples, 1, [place, end, stride as i64]);
        places.push(graph.op("Unsqueeze", &[&at_place, &axis], &[]));
    }
    graph.concat(&places, 1)
}

/// A later convolution with the norm that may follow it: `(batch, channels, frames)` in and out.
fn later(blocks: &mut Blocks, config: &Wav2Vec2Config, index: usize, signal: &Value) -> Built {
    let n_out = config.conv_dim[index];
    let n_in = if index == 0 {
        1
    } else {
        config.conv_dim[index - 1]
    };
    let n_heard = config.conv_kernel[index];
    let name = |part: &str| format!("feature_extractor.conv_layers.{index}.{part}");
    let kernel = blocks.matrix(&name("conv.weight"), &[n_out, n_in, n_heard])?;
    let signal = blocks.as_matrix(signal);
    let mut inputs = vec![&signal, &kernel];
    let bias;
    if config.conv_bias {
        bias = blocks.matrix(&name("conv.bias"), &[n_out])?;
        inputs.push(&bias);
    }
    let attributes = [
        Attribute::Ints("kernel_shape", &[n_heard as i64]),
        Attribute::Ints("strides", &[config.conv_stride[index] as i64]),
    ];
    let signal = blocks.graph.op("Conv", &inputs, &attributes);
    let signal = match config.feat_extract_norm {
        ConvolutionNorm::Group => signal,
        ConvolutionNorm::Layer => {
            let frames = blocks.single_precision(&signal);
            let frames = blocks.graph.transpose(&frames, &[0, 2, 1]);
            let frames = blocks.norm_with(&name("layer_norm"), &frames, n_out, TORCH_EPSILON)?;
            let frames = blocks.as_matrix(&frames);
            blocks.graph.transpose(&frames, &[0, 2, 1])
        }
    };
    Ok(blocks.activated(&signal, config.stem_activation()))
}

/// Adds the positional convolution to the frames.
///
/// * `frames`: `(batch, frames, dim)`, in and out.
pub(super) fn placed(blocks: &mut Blocks, config: &Wav2Vec2Config, frames: &Value) -> Built {
    let signal = blocks.graph.transpose(frames, &[0, 2, 1]);
    let signal = if config.model_type == Family::Data2VecAudio {
        several_placings(blocks, config, &signal)?
    } else if config.conv_pos_batch_norm {
        batch_normed_placing(blocks, config, &signal)?
    } else {
        weight_normed_placing(blocks, config, &signal)?
    };
    let signal = blocks.single_precision(&signal);
    let position = blocks.graph.transpose(&signal, &[0, 2, 1]);
    Ok(blocks.graph.op("Add", &[frames, &position], &[]))
}

/// A single positional convolution with weight-normalised kernel g v/‖v‖, the norm being taken per tap.
fn weight_normed_placing(blocks: &mut Blocks, config: &Wav2Vec2Config, signal: &Value) -> Built {
    let dim = config.hidden_size;
    let n_heard = config.num_conv_pos_embeddings;
    let per_group = dim / config.num_conv_pos_embedding_groups;
    let name = |part: &str| format!("encoder.pos_conv_embed.conv.{part}");
    let old = [name("weight_g"), name("weight_v")];
    let new = [
        name("parametrizations.weight.original0"),
        name("parametrizations.weight.original1"),
    ];
    let is_new = blocks.has(&new[0]);
    let [length, direction] = if is_new { new } else { old };
    let shape = [dim, per_group, n_heard];
    let direction = blocks.numbers(&direction, &shape)?;
    let length = blocks.numbers(&length, &[1, 1, n_heard])?;
    let kernel = weight_normed(&direction, &length);
    let kernel = blocks.graph.floats(&shape, &kernel);
    let kernel = blocks.as_matrix(&kernel);
    let bias = blocks.matrix(&name("bias"), &[dim])?;
    let signal = convolved(blocks, config, signal, [&kernel, &bias], n_heard);
    Ok(blocks.activated(&signal, config.stem_activation()))
}

/// A single positional convolution after a batch norm with running statistics, which is w (x − mean)/√(variance + ε) + b
/// per channel.
fn batch_normed_placing(blocks: &mut Blocks, config: &Wav2Vec2Config, signal: &Value) -> Built {
    let dim = config.hidden_size;
    let mut of = |part: &str| {
        let name = format!("encoder.pos_conv_embed.batch_norm.{part}");
        blocks.numbers(&name, &[dim])
    };
    let [weight, bias] = [of("weight")?, of("bias")?];
    let [mean, variance] = [of("running_mean")?, of("running_var")?];
    let (scales, shifts) = batch_norm([&weight, &bias], [&mean, &variance]);
    let shape = [1, dim, 1];
    let [scale, shift] = [scales, shifts].map(|values| blocks.graph.floats(&shape, &values));
    let scaled = blocks.graph.op("Mul", &[signal, &scale], &[]);
    let normed = blocks.graph.op("Add", &[&scaled, &shift], &[]);
    let n_heard = config.num_conv_pos_embeddings;
    let per_group = dim / config.num_conv_pos_embedding_groups;
    let name = |part: &str| format!("encoder.pos_conv_embed.conv.{part}");
    let kernel = blocks.matrix(&name("weight"), &[dim, per_group, n_heard])?;
    let bias = blocks.matrix(&name("bias"), &[dim])?;
    let signal = convolved(blocks, config, &normed, [&kernel, &bias], n_heard);
    Ok(blocks.activated(&signal, config.stem_activation()))
}

/// Scale and shift of each channel.
fn batch_norm([weight, bias]: [&[f32]; 2], [mean, variance]: [&[f32]; 2]) -> (Vec<f32>, Vec<f32>) {
    let channels = weight.iter().zip(bias).zip(mean.iter().zip(variance));
    channels
        .map(|((weight, bias), (mean, variance))| {
            let [weight, bias, mean, variance] = [*weight, *bias, *mean, *variance].map(f64::from);
            let scale = weight / (variance + f64::from(TORCH_EPSILON)).sqrt();
            (scale as f32, (bias - mean * scale) as f32)
        })
        .unzip()
}

/// g v/‖v‖ per tap: `direction` is `(…, taps)`, `length` `(taps,)`.
fn weight_normed(direction: &[f32], length: &[f32]) -> Vec<f32> {
    let n_places = length.len();
    let mut squares = vec![0.0_f64; n_places];
    for row in direction.chunks_exact(n_places) {
        for (sum, x) in squares.iter_mut().zip(row) {
            *sum += f64::from(*x).powi(2);
        }
    }
    let scales: Vec<f64> = length
        .iter()
        .zip(&squares)
        .map(|(length, squares)| f64::from(*length) / squares.sqrt())
        .collect();
    direction
        .iter()
        .zip(scales.iter().cycle())
        .map(|(x, scale)| (f64::from(*x) * scale) as f32)
        .collect()
}

/// data2vec's sequence of narrower positional convolutions, each followed by a norm without learned parameters.
fn several_placings(blocks: &mut Blocks, config: &Wav2Vec2Config, signal: &Value) -> Built {
    let dim = config.hidden_size;
    let n_heard = config.conv_pos_kernel_size;
    let per_group = dim / config.num_conv_pos_embedding_groups;
    let [ones, zeros] = [1.0, 0.0].map(|value| blocks.graph.floats(&[dim], &vec![value; dim]));
    let mut signal = signal.clone();
    for index in 0..config.num_conv_pos_embeddings {
        let name = |part: &str| format!("encoder.pos_conv_embed.layers.{index}.conv.{part}");
        let kernel = blocks.matrix(&name("weight"), &[dim, per_group, n_heard])?;
        let bias = blocks.matrix(&name("bias"), &[dim])?;
        let convolved = convolved(blocks, config, &signal, [&kernel, &bias], n_heard);
        let convolved = blocks.single_precision(&convolved);
        let graph = &mut blocks.graph;
        let frames = graph.transpose(&convolved, &[0, 2, 1]);
        let epsilon = [Attribute::Float("epsilon", TORCH_EPSILON)];
        let frames = graph.op("LayerNormalization", &[&frames, &ones, &zeros], &epsilon);
        let normed = graph.transpose(&frames, &[0, 2, 1]);
        signal = blocks.activated(&normed, config.stem_activation());
    }
    Ok(blocks.as_matrix(&signal))
}

/// A grouped convolution with as many output as input frames. With an even kernel, its receptive field has one more frame
/// before than after.
fn convolved(
    blocks: &mut Blocks,
    config: &Wav2Vec2Config,
    signal: &Value,
    [kernel, bias]: [&Value; 2],
    n_heard: usize,
) -> Value {
    let before = (n_heard / 2) as i64;
    let after = (n_heard - 1) as i64 - before;
    let attributes = [
        Attribute::Ints("kernel_shape", &[n_heard as i64]),
        Attribute::Ints("pads", &[before, after]),
        Attribute::Int("group", config.num_conv_pos_embedding_groups as i64),
    ];
    let signal = blocks.as_matrix(signal);
    blocks
        .graph
        .op("Conv", &[&signal, kernel, bias], &attributes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_place_of_a_weight_normed_kernel_has_the_length_that_is_given() {
        // Two taps: (3, 4) has norm 5, (0, 2) has norm 2.
        let kernel = weight_normed(&[3.0, 0.0, 4.0, 2.0], &[10.0, 1.0]);
        assert_eq!(kernel, [6.0, 0.0, 8.0, 1.0]);
    }

    #[test]
    fn a_batch_norm_centres_and_scales_by_what_training_saw() {
        // Mean 3 and variance 4: 5 is normalised to 1, times 10 plus 7 is 17.
        let (scale, shift) = batch_norm([&[10.0], &[7.0]], [&[3.0], &[4.0]]);
        assert!((5.0 * scale[0] + shift[0] - 17.0).abs() < 1e-4);
    }
}
