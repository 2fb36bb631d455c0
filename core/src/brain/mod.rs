//! The cortex: surfaces, subjects, and which voxel lies at which vertex. No graphics.

pub mod flatten;
pub mod folders;
mod fsaverage5;
mod language;
mod reading;
mod regions;
mod sampling;
mod side;
mod subject;
mod surface;
mod table;

pub use language::{LANGUAGE_REGIONS, LanguageSystem};
pub use reading::{LoadedSurface, read_label, read_maps, read_regions, read_surface};
pub use regions::{Parcellation, Region, RegionsError};
pub use sampling::{Mapper, Mask, Missing, Sampler, SamplingError, Transform};
pub use side::Side;
pub use subject::{Hemisphere, Subject, SurfaceKind};
pub use surface::{Surface, SurfaceError, SurfaceMismatch};
pub use table::{Hemispheres, RegionRow, Significance, region_table};
