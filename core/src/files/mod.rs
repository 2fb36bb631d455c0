//! File formats of laboratories, read in blocks: memory grows with the block, not with the file. Input is untrusted.
//!
//! ```no_run
//! use heschl_core::files::formats::responses::{ResponseOptions, open};
//!
//! let responses = open("sub-01".as_ref(), &ResponseOptions::default())?;
//! for story in responses.stories() {
//!     println!("{story}: {:?} scans × voxels", responses.shape(&story));
//! }
//! # Ok::<(), heschl_core::files::responses::ResponsesError>(())
//! ```

pub mod disk;
pub mod formats;
pub mod names;
pub mod responses;
