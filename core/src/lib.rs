//! The science of Heschl: audio, windows, speech encoders, feature files.
