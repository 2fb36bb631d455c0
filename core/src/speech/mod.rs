//! From recordings to hidden states: audio as 16 kHz mono, causal windows, speech encoders. Knows no other room.
//!
//! ```
//! use heschl_core::speech::window::{EncoderReach, WindowSettings, Windows};
//!
//! let any_length = EncoderReach {
//!     shortest_samples: 400,
//!     longest_samples: None,
//! };
//! // One minute of sound in the study's windows: 16 s of context, a row every 0.1 s.
//! let windows = Windows::new(&WindowSettings::default(), any_length, 60 * 16_000)?;
//! assert_eq!(windows.len(), 600);
//! // Row 199 ends at 20 s and has heard 16.1 s.
//! assert_eq!(windows.get(199).n_samples(), 257_600);
//! # Ok::<(), heschl_core::speech::window::WindowError>(())
//! ```

pub mod audio;
pub mod card;
pub mod encoder;
pub mod front_end;
pub mod mel;
pub mod stimuli;
pub mod window;

/// Sampling rate of all supported speech encoders, Hz.
pub const ENCODER_RATE_HZ: u32 = 16_000;
