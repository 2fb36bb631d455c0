//! The science of Heschl: audio, windows, speech encoders, feature files.

pub mod audio;
pub mod card;
pub mod delay;
pub mod design;
pub mod downsample;
pub mod encoder;
pub mod encoding;
pub mod formats;
pub mod front_end;
pub mod look;
pub mod matrix;
pub mod mel;
pub mod pipeline;
pub mod progress;
pub mod random;
pub mod recipe;
pub mod responses;
pub mod ridge;
pub mod scans;
pub mod score;
pub mod split;
pub mod stimuli;
pub mod store;
pub mod textgrid;
pub mod window;
pub mod zscore;
