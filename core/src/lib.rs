//! Core library of Heschl: from recordings to hidden states, and from those to voxel scores.
//!
//! Its rooms, each of which may use only those before it (`tests/imports.rs`):
//! [`remedy`], [`maths`], [`files`], [`speech`], [`stats`], [`linear`], [`fmri`], [`brain`], [`figure`], [`scene`], [`run`], and [`display`], which affects no
//! result.
#![cfg_attr(
    test,
    allow(
        clippy::disallowed_methods,
        reason = "tests prepare their files directly"
    )
)]

pub mod brain;
pub mod display;
pub mod figure;
pub mod files;
pub mod fmri;
pub mod linear;
pub mod maths;
pub mod remedy;
pub mod run;
pub mod scene;
pub mod speech;
pub mod stats;
