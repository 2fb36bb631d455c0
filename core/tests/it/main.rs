//! What core computes and reads, through its public functions.
#![allow(
    clippy::disallowed_methods,
    reason = "tests prepare their files directly"
)]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails with the reason"
)]

mod audio_errors;
mod audio_formats;
mod banded;
mod brain;
mod common;
mod encode;
mod encoding_parity;
mod events;
mod extract;
mod formats;
mod formats_of_others;
mod layers;
mod pycortex_flat;
mod pycortex_pictures;
mod resample;
mod rivals;
mod sanity;
mod second_sources;
mod stimuli;
mod truth;
