//! Linear encoding models: ridge, banded ridge, stacking, variance partitioning; publishable by itself.
//!
//! `examples/ridge.rs` chooses α on held-out scans.
//!
//! ```
//! use heschl_core::linear::split::{CrossValidation, HeldChunks};
//!
//! // Ten rounds; each holds out a quarter of 400 scans, in chunks of 20.
//! let validation = CrossValidation::ChunkBootstrap {
//!     n_rounds: 10,
//!     chunk_scans: 20,
//!     chunks: HeldChunks::Quarter,
//! };
//! let rounds = validation.rounds(&[400], 23)?;
//! assert!(rounds.len() == 10 && rounds[0].len() == 100);
//! # Ok::<(), heschl_core::linear::split::SplitError>(())
//! ```

pub mod banded;
pub mod components;
pub mod cost;
pub mod partition;
pub mod ridge;
pub mod split;
pub mod stacking;
pub mod weights;
