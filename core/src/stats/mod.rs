//! Scores of predictions, noise ceilings, significance and confidence intervals.
//!
//! ```
//! use heschl_core::stats::score::correlation;
//! use ndarray::array;
//!
//! let predicted = array![[1.0, 0.0], [2.0, 1.0], [3.0, 0.0]];
//! let measured = array![[2.0, 0.0], [4.0, 1.0], [6.0, 2.0]];
//! let r = correlation(predicted.view(), measured.view());
//! assert!((r[0] - 1.0).abs() < 1e-12 && r[1].abs() < 1e-12);
//! ```

pub mod ceiling;
pub mod intervals;
pub mod paired;
pub mod passages;
pub mod scaling;
pub mod score;
pub mod significance;
