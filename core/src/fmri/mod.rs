//! The scanner's clock: acquisition times, features at scans, haemodynamic delays; and simulated responses.
//!
//! ```
//! use heschl_core::fmri::downsample::{Downsampling, downsample};
//! use heschl_core::fmri::scans::ScanTimes;
//! use ndarray::Array2;
//!
//! // A feature every 0.1 s for a minute, at 30 scans of 2 s.
//! let features = Array2::<f32>::ones((600, 1));
//! let secs: Vec<f64> = (1..=600).map(|row| f64::from(row) / 10.0).collect();
//! let scans = ScanTimes::simulated(30, 2.0, 0.0)?;
//! let resampled = downsample(features.view(), &secs, &scans, Downsampling::default())?;
//! // The study's filter has weights of sum 20 here, the number of rows per scan.
//! assert!((resampled.features[(15, 0)] - 20.0).abs() < 0.1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod delay;
pub mod downsample;
pub mod scans;
pub mod simulate;
pub mod textgrid;
pub mod zscore;
