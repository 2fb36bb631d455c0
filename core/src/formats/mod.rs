//! Files that laboratories have, one format each. All input is untrusted.

pub mod npy;
pub mod npz;
pub mod npz_arrays;
pub mod responses;
