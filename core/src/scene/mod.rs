//! Pictures of a brain: what is shown, from where, and a renderer that needs neither a window nor a graphics driver.

mod camera;

pub use camera::{Camera, Projection};
