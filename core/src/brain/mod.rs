//! The cortex: surfaces, subjects, and which voxel lies at which vertex. No graphics.

mod subject;
mod surface;

pub use subject::{Hemisphere, Side, Subject, SurfaceKind};
pub use surface::{Surface, SurfaceError, SurfaceMismatch};
