//! Axes of the hidden states: position of the batch axis, and hidden size.

use std::collections::{BTreeMap, BTreeSet};

use super::edit::GraphLayout;
use super::error::OwnOnnxError;
use super::read::Skeleton;
use super::sound::{SoundAxis, SoundInput, array_type};
use super::wiring::Wiring;

/// Maximum hidden size.
const MOST_DIM: usize = 1 << 16;

/// Determines the order of axes and the hidden size from the declared shapes of the values `names` and of those around
/// them.
///
/// By default the batch is the first axis. With another order the runtime would reject the requested frame, whose index
/// exceeds a batch axis of size one.
///
/// # Errors
/// Returns [`OwnOnnxError::NoHiddenState`] if a value is not three-dimensional or the hidden size is unknown.
pub(crate) fn of_hidden_states(
    skeleton: &Skeleton,
    wiring: &Wiring,
    names: &[String],
    sound: &SoundInput,
) -> Result<(GraphLayout, usize), OwnOnnxError> {
    let refuse = |name: &str, reason: String| OwnOnnxError::NoHiddenState {
        name: name.to_string(),
        reason,
        path: skeleton.path.clone(),
    };
    let told = told_axes(skeleton);
    let arrays = array_shapes(skeleton);
    let mut layout = GraphLayout::BatchFirst;
    let mut dims = BTreeSet::new();
    for name in names {
        let Some(axes) = told.get(name.as_str()) else {
            dims.extend(dim_around(wiring, name, &arrays));
            continue;
        };
        if axes.len() != 3 {
            return Err(refuse(name, format!("it has {} axes", axes.len())));
        }
        if is_batch(&axes[1], sound) && !is_batch(&axes[0], sound) {
            layout = GraphLayout::FramesFirst;
        }
        match axes[2] {
            SoundAxis::Fixed(size) => dims.extend(usize::try_from(size)),
            _ => dims.extend(dim_around(wiring, name, &arrays)),
        }
    }
    let first = names.first().map(String::as_str).unwrap_or_default();
    match Vec::from_iter(dims).as_slice() {
        [] => Err(refuse(
            first,
            "the graph does not tell how many features it has".into(),
        )),
        [dim] if (1..=MOST_DIM).contains(dim) => Ok((layout, *dim)),
        sizes => Err(refuse(
            first,
            format!("the sizes {sizes:?} are told for the features of the layers"),
        )),
    }
}

fn is_batch(axis: &SoundAxis, sound: &SoundInput) -> bool {
    matches!((axis, &sound.batch), (SoundAxis::Named(name), Some(batch)) if name == batch)
}

fn told_axes(skeleton: &Skeleton) -> BTreeMap<&str, Vec<SoundAxis>> {
    let values = skeleton.graph.value_info.iter();
    values
        .chain(&skeleton.graph.output)
        .filter_map(|value| Some((value.name.as_deref()?, array_type(value)?.1)))
        .collect()
}

fn array_shapes(skeleton: &Skeleton) -> BTreeMap<&str, &[i64]> {
    let arrays = skeleton.graph.initializer.iter();
    arrays
        .filter_map(|array| Some((array.name.as_deref()?, array.dims.as_slice())))
        .collect()
}

/// Hidden size of a value according to adjacent weights: of a norm, a bias, or a matrix.
fn dim_around(wiring: &Wiring, name: &str, arrays: &BTreeMap<&str, &[i64]>) -> Option<usize> {
    let value = wiring.id(name)?;
    let before = wiring.producer(value).into_iter();
    let mut around = before.chain(wiring.consumers(value).iter().copied());
    around.find_map(|index| {
        let node = &wiring.nodes[index];
        let made_here = node.makes(value);
        let names = node.inputs.iter().map(|input| wiring.names[*input]);
        let mut shapes = names.filter_map(|name| arrays.get(name));
        shapes.find_map(|shape| match (*shape, node.op()) {
            ([size], "Add" | "LayerNormalization" | "SkipLayerNormalization") if *size > 1 => {
                usize::try_from(*size).ok()
            }
            ([rows, _], "MatMul") if !made_here => usize::try_from(*rows).ok(),
            _ => None,
        })
    })
}
