//! Matrix products and decompositions that are bitwise reproducible on any number of threads.
//!
//! Work is divided into tiles whose borders do not depend on the machine, each computed by one thread.

use std::time::Instant;

use crate::remedy::Remedy;
use faer::diag::Diag;
use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::cholesky::llt::factor::{
    LltRegularization, cholesky_in_place, cholesky_in_place_scratch,
};
use faer::linalg::cholesky::llt::solve::{solve_in_place, solve_in_place_scratch};
use faer::linalg::evd::{ComputeEigenvectors, self_adjoint_evd, self_adjoint_evd_scratch};
use faer::linalg::matmul::matmul;
use faer::linalg::matmul::triangular::{self, BlockStructure};
use faer::traits::RealField;
use faer::{Accum, Mat, MatMut, MatRef, Par, Spec};
use ndarray::parallel::prelude::{IndexedParallelIterator, IntoParallelIterator, ParallelIterator};
use ndarray::{Array1, Array2, ArrayView2, ArrayViewMut2, Axis, NdFloat, ShapeBuilder, s};

/// Rows per tile of a product.
const TILE_ROWS: usize = 256;
/// Columns per tile of a product.
const TILE_COLUMNS: usize = 1024;
/// Rows accumulated at a time by [`gram`].
const GRAM_ROWS: usize = 2048;
/// Degree of parallelism of decompositions, fixed since it affects the last bits of the result.
const DECOMPOSITION_PARTS: usize = 8;

/// A floating-point type in which fits are computed.
pub trait Real: RealField + NdFloat + Copy {
    /// Rounds to the nearest value of this type.
    fn nearest(value: f64) -> Self;
    /// Converts to double precision, exactly.
    fn double(self) -> f64;
}

impl Real for f32 {
    fn nearest(value: f64) -> Self {
        value as Self
    }
    fn double(self) -> f64 {
        f64::from(self)
    }
}

impl Real for f64 {
    fn nearest(value: f64) -> Self {
        value
    }
    fn double(self) -> f64 {
        self
    }
}

/// Returns the product of `left` `(m, k)` and `right` `(k, n)`, `(m, n)`, for any memory layout.
///
/// # Panics
/// Panics if the inner dimensions differ, which is a bug in the caller.
#[must_use]
pub fn product<T: Real>(left: ArrayView2<T>, right: ArrayView2<T>) -> Array2<T> {
    let mut result = Array2::zeros((left.nrows(), right.ncols()));
    for_tiles(result.view_mut(), |tile, row, column| {
        let rows = left.slice(s![row..row + tile.nrows(), ..]);
        let columns = right.slice(s![.., column..column + tile.ncols()]);
        add_product(tile, Accum::Replace, rows, columns, T::one());
    });
    result
}

/// As [`product`], single-threaded, for callers that compute many products in parallel.
///
/// # Panics
/// Panics if the inner dimensions differ, which is a bug in the caller.
#[must_use]
pub fn product_by_one_thread<T: Real>(left: ArrayView2<T>, right: ArrayView2<T>) -> Array2<T> {
    let mut result = Array2::zeros((left.nrows(), right.ncols()));
    product_into(result.view_mut(), left, right);
    result
}

/// As [`product_by_one_thread`], overwriting an existing array `result` `(m, n)`.
///
/// # Panics
/// Panics if the shapes do not match, which is a bug in the caller.
pub fn product_into<T: Real>(result: ArrayViewMut2<T>, left: ArrayView2<T>, right: ArrayView2<T>) {
    add_product(result, Accum::Replace, left, right, T::one());
}

/// Subtracts `left` `(m, k)` times `right` `(k, n)` from `result` `(m, n)`, single-threaded.
///
/// # Panics
/// Panics if the shapes do not match, which is a bug in the caller.
pub fn subtract_product_by_one_thread<T: Real>(
    result: ArrayViewMut2<T>,
    left: ArrayView2<T>,
    right: ArrayView2<T>,
) {
    add_product(result, Accum::Add, left, right, -T::one());
}

/// Returns the lower triangle, including the diagonal, of a product `(n, n)` known to be symmetric, with zeros above;
/// single-threaded.
///
/// # Panics
/// Panics if the inner dimensions differ, or the result is not square, which is a bug in the caller.
#[must_use]
pub fn lower_product_by_one_thread<T: Real>(
    left: ArrayView2<T>,
    right: ArrayView2<T>,
) -> Array2<T> {
    let n = left.nrows();
    let mut result = Mat::<T>::zeros(n, n);
    triangular::matmul(
        result.as_mut(),
        BlockStructure::TriangularLower,
        Accum::Replace,
        view(&left),
        BlockStructure::Rectangular,
        view(&right),
        BlockStructure::Rectangular,
        T::one(),
        Par::Seq,
    );
    owned(result.as_ref())
}

/// Returns matrices next to each other, `(n_rows, sum of columns)`; `(0, 0)` if there are none.
///
/// # Panics
/// Panics if they differ in their number of rows, which is a bug in the caller.
#[must_use]
pub fn hstack<T: Real>(parts: &[ArrayView2<T>]) -> Array2<T> {
    let n_rows = parts.first().map_or(0, ArrayView2::nrows);
    let n_columns = parts.iter().map(ArrayView2::ncols).sum();
    let mut all = Array2::zeros((n_rows, n_columns));
    let mut first = 0;
    for part in parts {
        assert_eq!(part.nrows(), n_rows, "rows of matrices side by side");
        let end = first + part.ncols();
        all.slice_mut(s![.., first..end]).assign(part);
        first = end;
    }
    all
}

/// Returns matrices on top of each other, `(sum of rows, n_columns)`; `(0, 0)` if there are none.
///
/// # Panics
/// Panics if they differ in their number of columns, which is a bug in the caller.
#[must_use]
pub fn vstack<T: Real>(parts: &[ArrayView2<T>]) -> Array2<T> {
    let n_columns = parts.first().map_or(0, ArrayView2::ncols);
    let n_rows = parts.iter().map(ArrayView2::nrows).sum();
    let mut all = Array2::zeros((n_rows, n_columns));
    let mut first = 0;
    for part in parts {
        assert_eq!(part.ncols(), n_columns, "columns of stacked matrices");
        let end = first + part.nrows();
        all.slice_mut(s![first..end, ..]).assign(part);
        first = end;
    }
    all
}

/// Returns the transpose `(n, m)` of `matrix` `(m, n)` in row-major order, in a type of the caller's choice.
#[must_use]
pub fn transposed<F: Real, T: Real>(matrix: ArrayView2<F>) -> Array2<T> {
    /// Rows written at a time: two cache lines of each row of the matrix.
    const STRIP: usize = 16;
    let mut result = Array2::zeros((matrix.ncols(), matrix.nrows()));
    result
        .axis_chunks_iter_mut(Axis(0), STRIP)
        .into_par_iter()
        .enumerate()
        .for_each(|(index, mut strip): (_, ArrayViewMut2<T>)| {
            let first = index * STRIP;
            let columns = matrix.slice(s![.., first..first + strip.nrows()]);
            for (mut to, from) in strip.columns_mut().into_iter().zip(columns.rows()) {
                for (to, from) in to.iter_mut().zip(from) {
                    *to = T::nearest(from.double());
                }
            }
        });
    result
}

/// Subtracts `left` `(m, k)` times `right` `(k, n)` from `result` `(m, n)`.
///
/// # Panics
/// Panics if the shapes do not match, which is a bug in the caller.
pub fn subtract_product<T: Real>(
    result: ArrayViewMut2<T>,
    left: ArrayView2<T>,
    right: ArrayView2<T>,
) {
    for_tiles(result, |tile, row, column| {
        let rows = left.slice(s![row..row + tile.nrows(), ..]);
        let columns = right.slice(s![.., column..column + tile.ncols()]);
        add_product(tile, Accum::Add, rows, columns, -T::one());
    });
}

/// Measures the floating-point operations per second of a 2048 × 2048 product on all threads, the best of a few runs: an
/// upper bound for fits.
#[must_use]
pub fn product_peak_flops<T: Real>() -> f64 {
    const SIZE: usize = 2048;
    let left = Mat::<T>::from_fn(SIZE, SIZE, |i, j| T::nearest(((i * 7 + j) % 13) as f64));
    let mut result = Mat::<T>::zeros(SIZE, SIZE);
    let mut best = f64::INFINITY;
    for _ in 0..5 {
        let begun = Instant::now();
        let target = result.as_mut();
        matmul(
            target,
            Accum::Replace,
            left.as_ref(),
            left.as_ref(),
            T::one(),
            Par::rayon(0),
        );
        best = best.min(begun.elapsed().as_secs_f64());
    }
    2.0 * (SIZE as f64).powi(3) / best
}

/// Returns the Gram matrix `matrixᵀ · matrix` `(n, n)` of `(m, n)`, exactly symmetric. Only tiles on and below the diagonal
/// are computed.
///
/// Rows are processed in chunks that are first transposed in memory: products with a column-major left factor run at less
/// than half the speed (faer 0.24). The copy takes `GRAM_ROWS · n` values.
#[must_use]
pub fn gram<T: Real>(matrix: ArrayView2<T>) -> Array2<T> {
    let n = matrix.ncols();
    let mut result = Array2::zeros((n, n));
    for rows in matrix.axis_chunks_iter(Axis(0), GRAM_ROWS) {
        let columns = transposed::<T, T>(rows);
        result
            .axis_chunks_iter_mut(Axis(0), TILE_ROWS)
            .into_par_iter()
            .enumerate()
            // The longest tiles first, one at a time, to balance the threads.
            .rev()
            .with_max_len(1)
            .for_each(|(i, mut tile)| {
                let first = i * TILE_ROWS;
                let end = first + tile.nrows();
                let left = columns.slice(s![first..end, ..]);
                let right = columns.slice(s![..end, ..]);
                let tile = tile.slice_mut(s![.., ..end]);
                add_product(tile, Accum::Add, left, right.t(), T::one());
            });
    }
    mirror(&mut result);
    result
}

/// Copies the lower triangle of a square matrix to the upper one.
pub(crate) fn mirror<T: Real>(matrix: &mut Array2<T>) {
    /// Block size, for cache locality.
    const SIDE: usize = 32;
    let n = matrix.nrows();
    for first_row in (0..n).step_by(SIDE) {
        for first_column in (first_row..n).step_by(SIDE) {
            for column in first_column..n.min(first_column + SIDE) {
                for row in first_row..column.min(first_row + SIDE) {
                    matrix[(row, column)] = matrix[(column, row)];
                }
            }
        }
    }
}

/// Visits the tiles of `result` with the row and column of their first element.
fn for_tiles<T: Real>(
    mut result: ArrayViewMut2<T>,
    work: impl Fn(ArrayViewMut2<T>, usize, usize) + Sync,
) {
    result
        .axis_chunks_iter_mut(Axis(0), TILE_ROWS)
        .into_par_iter()
        .enumerate()
        .for_each(|(i, mut rows)| {
            rows.axis_chunks_iter_mut(Axis(1), TILE_COLUMNS)
                .into_par_iter()
                .enumerate()
                .for_each(|(j, tile)| work(tile, i * TILE_ROWS, j * TILE_COLUMNS));
        });
}

fn add_product<T: Real>(
    mut tile: ArrayViewMut2<T>,
    accum: Accum,
    left: ArrayView2<T>,
    right: ArrayView2<T>,
    factor: T,
) {
    let tile = view_mut(&mut tile);
    matmul(tile, accum, view(&left), view(&right), factor, Par::Seq);
}

fn view_mut<'a, T: Real>(array: &'a mut ArrayViewMut2<T>) -> MatMut<'a, T> {
    let (n_rows, n_columns) = array.dim();
    let [row_stride, column_stride] = [array.strides()[0], array.strides()[1]];
    #[expect(
        unsafe_code,
        reason = "the shape and the strides are those of the array, which is borrowed mutably as long as the view lives"
    )]
    unsafe {
        MatMut::from_raw_parts_mut(
            array.as_mut_ptr(),
            n_rows,
            n_columns,
            row_stride,
            column_stride,
        )
    }
}

fn view<'a, T: Real>(array: &'a ArrayView2<T>) -> MatRef<'a, T> {
    let [row_stride, column_stride] = [array.strides()[0], array.strides()[1]];
    #[expect(
        unsafe_code,
        reason = "the shape and the strides are those of the array, which is borrowed as long as the view lives"
    )]
    unsafe {
        MatRef::from_raw_parts(
            array.as_ptr(),
            array.nrows(),
            array.ncols(),
            row_stride,
            column_stride,
        )
    }
}

/// Errors of [`eigen`].
#[derive(Debug, thiserror::Error, Clone, Copy, PartialEq, Eq)]
pub enum EigenError {
    /// The values are not finite, or the iteration does not converge.
    #[error(
        "The eigenvectors of a {0} × {0} matrix cannot be found: the features hold values that are not finite or far too \
         large. Look for such values in the features."
    )]
    NoConvergence(usize),
    /// Memory does not suffice.
    #[error(
        "The eigenvectors of a {0} × {0} matrix need more memory than there is. Use fewer delays or features."
    )]
    OutOfMemory(usize),
}

impl EigenError {
    /// Returns what the user can do about it, best first.
    #[must_use]
    pub fn remedies(self) -> Vec<Remedy> {
        match self {
            Self::NoConvergence(_) => vec![Remedy::LookAtFeatures],
            Self::OutOfMemory(_) => Vec::new(),
        }
    }
}

/// Eigendecomposition of a symmetric matrix.
#[derive(Debug, Clone)]
pub struct Eigen {
    /// `(n,)`, ascending.
    pub values: Array1<f64>,
    /// `(n, n)`, one eigenvector per column.
    pub vectors: Array2<f64>,
}

/// Computes eigenvalues and eigenvectors of a symmetric `matrix` `(n, n)`, of which the lower triangle is read.
///
/// # Errors
/// Returns an [`EigenError`] if the matrix is not finite, or memory does not suffice.
pub fn eigen(matrix: ArrayView2<f64>) -> Result<Eigen, EigenError> {
    let n = matrix.nrows();
    if matrix.iter().any(|value| !value.is_finite()) {
        return Err(EigenError::NoConvergence(n));
    }
    let params = Spec::default();
    let parts = Par::rayon(DECOMPOSITION_PARTS);
    let scratch = self_adjoint_evd_scratch::<f64>(n, ComputeEigenvectors::Yes, parts, params);
    let mut memory = MemBuffer::try_new(scratch).map_err(|_| EigenError::OutOfMemory(n))?;
    let mut values = Diag::<f64>::zeros(n);
    let mut vectors = Mat::<f64>::zeros(n, n);
    self_adjoint_evd(
        view(&matrix),
        values.as_mut(),
        Some(vectors.as_mut()),
        parts,
        MemStack::new(&mut memory),
        params,
    )
    .map_err(|_| EigenError::NoConvergence(n))?;
    Ok(Eigen {
        values: (0..n).map(|i| values.column_vector()[i]).collect(),
        vectors: owned(vectors.as_ref()),
    })
}

/// Returns the Cholesky factor `L` with `L · Lᵀ = matrix` of a symmetric, positive definite `matrix` `(n, n)`, of which the
/// lower triangle is read, with zeros above the diagonal. `None` if the matrix is not positive definite, or memory does not
/// suffice.
#[must_use]
pub fn cholesky(matrix: Array2<f64>) -> Option<Array2<f64>> {
    let mut factor = factorised(matrix.view(), Par::rayon(DECOMPOSITION_PARTS))?;
    drop(matrix);
    for column in 1..factor.ncols() {
        factor.col_mut(column).subrows_mut(0, column).fill(0.0);
    }
    Some(owned(factor.as_ref()))
}

fn factorised<T: Real>(matrix: ArrayView2<T>, parts: Par) -> Option<Mat<T>> {
    let mut factor = view(&matrix).to_owned();
    let scratch = cholesky_in_place_scratch::<T>(matrix.nrows(), parts, Spec::default());
    let mut memory = MemBuffer::try_new(scratch).ok()?;
    let rule = LltRegularization::default();
    let stack = MemStack::new(&mut memory);
    cholesky_in_place(factor.as_mut(), rule, parts, stack, Spec::default()).ok()?;
    Some(factor)
}

/// Solves `matrix · x = right` for a symmetric, positive definite `matrix` `(n, n)`, of which the lower triangle is read,
/// and `right` `(n, m)`; single-threaded, for callers that solve several systems in parallel. `None` if the matrix is not
/// positive definite.
#[must_use]
pub fn solve_by_one_thread<T: Real>(matrix: Array2<T>, right: ArrayView2<T>) -> Option<Array2<T>> {
    let factor = factorised(matrix.view(), Par::Seq)?;
    drop(matrix);
    // Row-major, as the products want their left factor.
    let mut solution = right.as_standard_layout().into_owned();
    let scratch = solve_in_place_scratch::<T>(factor.nrows(), right.ncols(), Par::Seq);
    let mut memory = MemBuffer::try_new(scratch).ok()?;
    solve_in_place(
        factor.as_ref(),
        view_mut(&mut solution.view_mut()),
        Par::Seq,
        MemStack::new(&mut memory),
    );
    Some(solution)
}

/// Copies to a column-major array.
fn owned<T: Real>(matrix: MatRef<T>) -> Array2<T> {
    let mut array = Array2::zeros((matrix.nrows(), matrix.ncols()).f());
    for (mut column, values) in array.columns_mut().into_iter().zip(matrix.col_iter()) {
        for (value, from) in column.iter_mut().zip(values.iter()) {
            *value = *from;
        }
    }
    array
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(n_rows: usize, n_columns: usize) -> Array2<f64> {
        let mut state = 7_u64;
        Array2::from_shape_simple_fn((n_rows, n_columns), || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 40) as f64 / f64::from(1 << 24) - 0.5
        })
    }

    fn with_threads<T: Send>(n_threads: usize, work: impl FnOnce() -> T + Send) -> T {
        rayon::ThreadPoolBuilder::new()
            .num_threads(n_threads)
            .build()
            .unwrap()
            .install(work)
    }

    #[test]
    fn a_product_is_the_sum_over_the_inner_index() {
        let (left, right) = (noise(300, 40), noise(40, 1100));
        let result = product(left.view(), right.view());
        for at in [(0, 0), (299, 1099), (255, 1023), (256, 1024), (17, 500)] {
            let expected: f64 = (0..40).map(|k| left[(at.0, k)] * right[(k, at.1)]).sum();
            assert!((result[at] - expected).abs() < 1e-12, "{at:?}");
        }
        // Any memory layout.
        let transposed = product(right.t(), left.t());
        assert!((&transposed.t() - &result).iter().all(|d| d.abs() < 1e-12));
        let mut rest = result.clone();
        subtract_product(rest.view_mut(), left.view(), right.view());
        assert!(rest.iter().all(|value| value.abs() < 1e-12));
        // Into part of a larger array, overwriting its contents.
        let mut whole = Array2::from_elem((302, 1102), f64::NAN);
        let part = whole.slice_mut(s![1..301, 1..1101]);
        product_into(part, left.view(), right.view());
        let mut part = whole.slice_mut(s![1..301, 1..1101]);
        assert!((&part - &result).iter().all(|d| d.abs() < 1e-12));
        subtract_product_by_one_thread(part.view_mut(), left.view(), right.view());
        assert!(part.iter().all(|value| value.abs() < 1e-12));
        assert!(whole.row(0).iter().all(|value| value.is_nan()));
    }

    #[test]
    fn a_transposed_matrix_has_its_rows_as_columns() {
        for (n_rows, n_columns) in [(50, 37), (3, 16), (0, 5)] {
            let matrix = noise(n_rows, n_columns);
            let result = transposed::<_, f64>(matrix.view());
            assert_eq!(result, matrix.t());
            assert!(result.is_standard_layout());
            assert_eq!(transposed::<_, f64>(matrix.t()), matrix);
            let single = transposed::<_, f32>(matrix.view());
            assert_eq!(single, matrix.t().mapv(f32::nearest));
        }
    }

    #[test]
    fn a_gram_matrix_is_the_product_with_the_transposed() {
        for (n_rows, n_columns) in [(50, 600), (GRAM_ROWS + 30, 40), (0, 3)] {
            let matrix = noise(n_rows, n_columns);
            let result = gram(matrix.view());
            let expected = product(matrix.t(), matrix.view());
            assert!((&result - &expected).iter().all(|d| d.abs() < 1e-10));
            assert_eq!(result, result.t());
        }
    }

    #[test]
    fn a_lower_product_is_the_lower_half_of_the_product() {
        let left = noise(130, 40);
        let result = lower_product_by_one_thread(left.view(), left.t());
        let expected = product(left.view(), left.t());
        for (row, column) in (0..130).flat_map(|row| (0..130).map(move |column| (row, column))) {
            let expected = if column <= row {
                expected[(row, column)]
            } else {
                0.0
            };
            assert!((result[(row, column)] - expected).abs() < 1e-12);
        }
    }

    #[test]
    fn eigenvectors_rebuild_the_matrix() {
        let matrix = gram(noise(80, 60).view());
        let Eigen { values, vectors } = eigen(matrix.view()).unwrap();
        assert!(values.windows(2).into_iter().all(|pair| pair[0] <= pair[1]));
        let rebuilt = (&vectors * &values).dot(&vectors.t());
        assert!((&rebuilt - &matrix).iter().all(|d| d.abs() < 1e-10));
        let mut broken = matrix;
        broken[(3, 2)] = f64::NAN;
        assert_eq!(
            eigen(broken.view()).unwrap_err(),
            EigenError::NoConvergence(60)
        );
    }

    #[test]
    fn a_solution_solves_the_equation_and_an_indefinite_matrix_has_none() {
        let matrix = gram(noise(80, 60).view());
        let right = noise(60, 7);
        let solution = solve_by_one_thread(matrix.clone(), right.view()).unwrap();
        assert!(
            (matrix.dot(&solution) - &right)
                .iter()
                .all(|d| d.abs() < 1e-9)
        );
        let factor = cholesky(matrix.clone()).unwrap();
        let rebuilt = factor.dot(&factor.t());
        assert!((&rebuilt - &matrix).iter().all(|d| d.abs() < 1e-12));
        assert!(factor[(3, 40)].abs() < f64::MIN_POSITIVE);
        assert!(cholesky(-&matrix).is_none());
        assert!(solve_by_one_thread(-matrix, right.view()).is_none());
    }

    #[test]
    fn one_thread_and_three_give_the_same_bits() {
        let (left, right) = (noise(700, 300), noise(300, 1500));
        let alone = with_threads(1, || {
            (product(left.view(), right.view()), gram(left.view()))
        });
        let three = with_threads(3, || {
            (product(left.view(), right.view()), gram(left.view()))
        });
        assert_eq!(alone, three);
        let single = |array: &Array2<f64>| array.mapv(f32::nearest);
        let (left, right) = (single(&left), single(&right));
        assert_eq!(
            with_threads(1, || product(left.view(), right.view())),
            with_threads(3, || product(left.view(), right.view()))
        );
    }
}
