//! The processing steps: from recordings to features, and from features to voxel scores.

mod encode;
mod extract;
mod merge;
mod outputs;
mod predict;
mod refit;
mod scorer;
mod stack;

pub use encode::{EncodeError, EncodeSummary, Encoding, Existing, encode, encode_sizes};
pub use extract::{ExtractError, Extraction, Summary, extract, now, row_layout};
pub use merge::{MergeError, merge};
pub use outputs::{OutputError, write_results};
pub use predict::{PredictError, Prediction, predict};
pub use refit::{Refit, RefitError};
pub use stack::{Stack, StackError, StackMember, stack};
