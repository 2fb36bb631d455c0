//! The cortex: surfaces, subjects, and which voxel lies at which vertex. No graphics.

mod depths;
pub mod drawing;
mod flat_map;
pub mod flatten;
pub mod folders;
mod fsaverage5;
mod geodesic;
mod language;
mod map_files;
pub mod mni152;
mod overlays;
mod patch;
pub(crate) mod polygon;
mod reading;
mod regions;
mod sampling;
mod side;
mod smoothing;
mod subject;
mod surface;
mod table;

pub use depths::{DepthSpacing, equal_volume_depth};
pub use flat_map::{FlatLocator, FlatMap, SurfaceLine, SurfacePoint, flat_stretch};
pub use language::{LANGUAGE_REGIONS, LanguageSystem};
pub use map_files::{LoadedMap, MapValues, map_names, other_side, read_map, side_of_name};
pub use overlays::{OVERLAYS, OverlayShape, Overlays};
pub use reading::{LoadedSurface, read_label, read_maps, read_regions, read_surface};
pub use regions::{Parcellation, Region, RegionsError};
pub use sampling::{Mapper, Mask, Missing, NO_DATA, Sampler, SamplingError, Transform, is_no_data};
pub use side::Side;
pub use smoothing::{smooth_areas, smoothed};
pub use subject::{Hemisphere, Subject, SurfaceKind};
pub use surface::{Surface, SurfaceError, SurfaceMismatch};
pub use table::{Hemispheres, RegionRow, Significance, region_table};
