//! The science of Heschl: audio, windows, speech encoders, feature files.

pub mod audio;
pub mod stimuli;
