//! The whole program from outside: the study's numbers, whole runs, faults, messages, the real window.
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

mod common;

mod bad_input;
mod checkpoints;
mod command_line;
mod disk_faults;
mod encode;
mod export;
mod extreme_numbers;
mod film;
mod for_machines;
mod imports;
#[cfg(target_os = "linux")]
mod interruption;
mod layering;
mod maps;
mod messages;
mod own_onnx;
mod parity;
mod pipeline;
mod render;
#[cfg(target_os = "linux")]
mod short_of_resources;
mod simulate;
#[cfg(target_os = "linux")]
mod slurm;
mod study_encode;
mod study_features;
mod waveform;
#[cfg(target_os = "linux")]
mod window;
