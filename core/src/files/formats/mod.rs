//! File formats of responses, features and surfaces, one module each. All input is untrusted.

mod affine;
pub mod cifti;
pub mod compressed;
pub mod drawing;
pub mod encode_error;
pub mod found;
pub mod freesurfer;
pub mod gifti;
pub mod hdf5;
pub mod joblib;
pub mod mesh;
pub mod mgh;
pub mod nifti;
pub mod npy;
pub mod npz;
pub mod npz_arrays;
pub mod npz_found;
mod opening;
pub mod pickle;
pub mod placeholder;
mod places;
pub mod pycortex_dataset;
pub mod repeats;
pub mod responses;
pub mod stored_array;
pub mod volumes;
mod xml;
