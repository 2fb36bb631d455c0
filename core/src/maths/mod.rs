//! Matrix products and decompositions, and seeded random numbers. Knows no other room.
//!
//! ```
//! use heschl_core::maths::matrix::gram;
//! use heschl_core::maths::random::PythonRandom;
//! use ndarray::Array2;
//!
//! // The numbers of Python's random.seed(23); random.random().
//! let mut random = PythonRandom::new(23);
//! let features = Array2::from_shape_fn((50, 3), |_| random.unit());
//! assert_eq!(gram(features.view()).dim(), (3, 3));
//! ```

pub mod matrix;
pub mod random;
