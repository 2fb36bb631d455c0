//! File formats of responses, features and surfaces, one module each. All input is untrusted.

mod affine;
mod cifti;
pub mod compressed;
pub mod drawing;
pub mod found;
pub mod freesurfer;
pub mod gifti;
pub mod hdf5;
pub mod joblib;
pub mod mesh;
mod mgh;
mod nifti;
pub mod npy;
pub mod npz;
pub mod npz_arrays;
pub mod npz_found;
pub mod pickle;
pub mod placeholder;
mod places;
pub mod repeats;
pub mod responses;
pub mod stored_array;
pub mod volumes;
