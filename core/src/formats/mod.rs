//! Files that laboratories have, one format each. All input is untrusted.

pub mod compressed;
pub mod gifti;
pub mod hdf5;
pub mod joblib;
pub mod npy;
pub mod npz;
pub mod npz_arrays;
pub mod pickle;
pub mod placeholder;
pub mod responses;
pub mod volumes;
