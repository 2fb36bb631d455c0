//! Peak throughput of single-precision matrix products, an upper bound for any encoder.

use heschl_core::speech::encoder::{OnnxRuntime, RuntimeError};
use ndarray::Array2;

use crate::onnx::{Dim, GraphBuilder};

/// Matrix size: large enough for the product to dominate, small enough to be quick.
const SIZE: usize = 2048;
const REPEATS: usize = 8;

/// Measures the floating-point operations per second of ONNX Runtime's matrix product with `n_threads` threads, the best of
/// a few runs.
///
/// # Errors
/// Returns a [`RuntimeError`] if the runtime rejects the graph.
pub fn matrix_product_peak(runtime: &OnnxRuntime, n_threads: usize) -> Result<f64, RuntimeError> {
    let mut graph = GraphBuilder::default();
    let left = graph.input_floats("left", &[Dim::Fixed(SIZE), Dim::Fixed(SIZE)]);
    let right = graph.floats(&[SIZE, SIZE], &values(1));
    let product = graph.op("MatMul", &[&left, &right], &[]);
    graph.output_floats(&product, &[Dim::Fixed(SIZE), Dim::Fixed(SIZE)]);
    let (graph, _) = graph.finish("matrix product");
    let input = Array2::from_shape_vec((SIZE, SIZE), values(2)).unwrap_or_default();
    let secs = runtime.best_time(&graph, &input.into_dyn(), n_threads, REPEATS)?;
    Ok(2.0 * (SIZE as f64).powi(3) / secs)
}

fn values(seed: usize) -> Vec<f32> {
    (0..SIZE * SIZE)
        .map(|i| ((i * 7919 + seed) % 2003) as f32 / 1001.0 - 1.0)
        .collect()
}
