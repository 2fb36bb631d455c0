//! Infrastructure of an encoding model's fit: blocks of voxels, responses, score tables, cost estimates.

mod columns_file;
mod cost;
mod forecast;
mod precision;
mod response_blocks;
mod series;
mod table;
mod voxels;

pub use columns_file::ColumnsFile;
pub use cost::CONTROLLED_VOXELS;
pub use forecast::{FitForecast, MachineSpeed};
pub(crate) use forecast::{cached_bytes, memory_budget, round_groups};
pub use precision::{CHECKED_VOXELS, precision_warning};
pub use response_blocks::{ResponseBlocks, ResponseBlocksError, presentations};
pub use series::{ExampleSeries, example_voxels};
pub use table::{Column, ScoreTable, VoxelScores};
pub use voxels::{BLOCK_VOXELS, VoxelShare, reading_voxels};
