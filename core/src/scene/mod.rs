//! Pictures of a brain: what is shown, from where, and a renderer that needs neither a window nor a graphics driver.

mod camera;
mod canvas;
mod colour;
mod colour2d;
mod data;
mod dropout;
mod flat;
mod interior;
mod keyframes;
mod labels;
mod lasso;
mod layer;
mod lines;
mod outlines;
mod parts;
mod picture;
mod plane;
mod pose;
mod raster;
mod slices;
mod strokes;
mod view;

pub use camera::{Camera, FIELD_OF_VIEW_DEGREES, Projection};
pub use canvas::Picture;
pub use colour::{ColourMap, ColourScale, NoSuchColourMap};
pub use colour2d::{ColourMap2d, ColourMap2dError, ColourScale2d};
pub use data::{DataMap, Interpolation, VolumeMap, value_at, values};
pub use dropout::{DROPOUT_POWER, Dropout, dropout};
pub use flat::{FlatLayout, draw_flat};
pub use interior::{Interior, clear_background, is_as_scanned};
pub use keyframes::{Easing, KeyEntry, KeyView, Keyframe, KeyframeError, Motion, read_keyframes};
pub use labels::{Label, NamedVertices, PlacedLabel, arrange, labels};
pub use lasso::lassoed;
pub use layer::{
    BelowThreshold, Category, Colouring, FADED_OPACITY, Layer, LayerStyle, MissingLook, Opacity,
    PointColour, PointKind, colours,
};
pub use lines::Lines;
pub use outlines::Outlines;
pub use parts::{PointsAndNormals, PoseParts};
pub use picture::{
    CURVATURE_GREYS, DOT_SHARE, DOT_SIZE, DOT_STEP, Marks, NO_DATA_SHADE, Scene, Underlay, draw,
    draw_with_visibility, paint,
};
pub use plane::Plane;
pub use pose::{Pose, PoseError, PosedBrain, PosedHemisphere};
pub use raster::{Hit, Visibility};
pub use slices::{SliceConvention, SlicePlane, SliceScene, SliceView, draw_slice};
pub use view::{NamedView, View, ViewError};
