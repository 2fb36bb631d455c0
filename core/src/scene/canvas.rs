//! What is drawn upon.

use super::raster::Visibility;
use crate::brain::{Side, SurfacePoint};

/// What is seen in a picture, and where things lie in it.
pub(super) struct Canvas<'c> {
    pub(super) seen: &'c Visibility,
    /// Width and height in pixels.
    pub(super) size: [usize; 2],
    /// Samples of a pixel along each side.
    pub(super) n_samples: usize,
    /// Column and row of a point in samples, and its distance, mm; none if its hemisphere is not shown.
    pub(super) place: &'c (dyn Fn(Side, &SurfacePoint) -> Option<[f64; 3]> + Sync),
}

/// A picture: four bytes a pixel, red, green, blue and opacity, not premultiplied, row by row from the top.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Width and height in pixels.
    pub size: [usize; 2],
    /// The pixels.
    pub rgba: Vec<u8>,
}
