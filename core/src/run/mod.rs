//! Whole runs: a recipe in, checked and resumable results out, with a record of how they came about.
//!
//! ```
//! use heschl_core::run::recipe::EncodeFile;
//!
//! let file = EncodeFile::parse(
//!     r#"
//!     [encode]
//!     preset = "scaling-laws-2023"
//!     features = [{ name = "final", folder = "features" }]
//!     responses = { path = "responses" }
//!     stories = { test = ["wheretheressmoke"] }
//!     scans = { source = "reports", folder = "reports" }
//!     output = { folder = "scores" }
//!     "#,
//! )?;
//! assert_eq!(file.encode.design.delays, [1, 2, 3, 4]);
//! # Ok::<(), String>(())
//! ```

pub mod design;
pub mod encoding;
pub mod pipeline;
pub mod progress;
pub mod recipe;
pub mod report;
pub mod sanity;
pub mod store;
pub mod warning;
