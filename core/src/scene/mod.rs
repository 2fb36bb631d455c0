//! Pictures of a brain: what is shown, from where, and a renderer that needs neither a window nor a graphics driver.

mod camera;
mod colour;
mod data;
mod flat;
mod outlines;
mod parts;
mod picture;
mod pose;
mod raster;
mod slices;
mod view;

pub use camera::{Camera, FIELD_OF_VIEW_DEGREES, Projection};
pub use colour::{ColourMap, ColourScale, NoSuchColourMap};
pub use data::{DataMap, Interpolation, VolumeMap, value_at, values};
pub use flat::{FlatLayout, draw_flat};
pub use outlines::Outlines;
pub use parts::{PointsAndNormals, PoseParts};
pub use picture::{
    CURVATURE_GREYS, Layer, Picture, Scene, Underlay, draw, draw_with_visibility, paint,
};
pub use pose::{Pose, PoseError, PosedBrain, PosedHemisphere};
pub use raster::{Hit, Visibility};
pub use slices::{SliceConvention, SlicePlane, SliceScene, SliceView, draw_slice};
pub use view::{NamedView, View, ViewError};
