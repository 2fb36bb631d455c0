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
pub mod maps;
pub mod pipeline;
pub mod progress;
pub mod recipe;
pub mod report;
pub mod sanity;
pub mod store;
pub mod warning;

/// Version of the numbers. It is raised with every change of a result, however small: unfinished work of another version is
/// begun anew, and finished scores of another version count as others.
pub const NUMERICS: u32 = 1;

/// Returns the SHA-256 of settings and inputs in their serialised form, which does not depend on how they are written in
/// the code.
pub(crate) fn fingerprint(decisive: &impl serde::Serialize) -> String {
    match serde_json::to_string(&(decisive, NUMERICS)) {
        Ok(text) => store::sha256_of_text(&text),
        // Only maps with keys that are no text cannot be written; such settings match nothing.
        Err(error) => format!("not serialised: {error}"),
    }
}
