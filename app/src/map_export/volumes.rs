//! Volumes as NIfTI, and datasets of pycortex.

use heschl_core::brain::Transform;
use heschl_core::brain::folders::{FolderKind, NamedTransform};
use heschl_core::files::formats::nifti::write::NiftiImage;
use heschl_core::files::formats::pycortex_dataset::{self, DatasetView, ViewSpace};
use heschl_core::files::formats::volumes::Volumes;

use super::{Maps, NamedMap};
use crate::brain_map::PlacedMap;
use crate::failure::Failure;

/// The volumes as one image, in the space of the transform's reference image, or of the image that they come from.
pub(super) fn nifti(maps: &Maps, is_packed: bool) -> Result<Vec<u8>, Failure> {
    let mut volumes = Vec::new();
    let mut space = None;
    for named in &maps.maps {
        let PlacedMap::Volume { values, transform } = &named.map.values else {
            return Err(Failure::new(format!(
                "\"{}\" has a value for each vertex, and NIfTI holds voxels. Choose .func.gii or .dscalar.nii.",
                named.name
            )));
        };
        space = Some(*transform);
        let values = values.iter().copied().collect::<Vec<f32>>();
        volumes.push((named.name.as_str(), values));
    }
    let Some(transform) = space else {
        return Err(Failure::new("There is no map to be written.".into()));
    };
    let [z, y, x] = transform.shape_zyx;
    let image = NiftiImage {
        size: [x, y, z],
        affine: affine(maps, &transform)?,
        volumes: volumes
            .iter()
            .map(|(name, values)| (*name, &values[..]))
            .collect(),
    };
    Ok(if is_packed {
        image.encode_gzip()?
    } else {
        image.encode()?
    })
}

/// Where the voxels lie, by the header of the transform's reference image; else by that of the data.
fn affine(maps: &Maps, transform: &Transform) -> Result<Option<[[f64; 4]; 3]>, Failure> {
    if let Some(named) = named(maps, transform) {
        let reference = Volumes::open(&named.reference, &std::env::temp_dir())?;
        return Ok(reference.affine());
    }
    Ok(maps.maps.iter().find_map(|named| named.map.affine))
}

fn named<'a>(maps: &Maps<'a>, transform: &Transform) -> Option<&'a NamedTransform> {
    let mut all = maps.open.transforms.iter();
    all.find(|named| named.transform == *transform)
}

/// The maps as a dataset that `cortex.load` opens.
pub(super) fn dataset(maps: &Maps) -> Result<Vec<u8>, Failure> {
    let mut arrays = Vec::new();
    for NamedMap { name, map } in &maps.maps {
        let (values, space) = match &map.values {
            PlacedMap::Vertices([left, right]) => {
                ([&left[..], &right[..]].concat(), ViewSpace::Vertices)
            }
            PlacedMap::Volume { values, transform } => {
                let of_store =
                    named(maps, transform).filter(|_| maps.open.kind == Some(FolderKind::Pycortex));
                let named = of_store.ok_or_else(|| {
                    Failure::new(format!(
                        "pycortex places a volume by a transform of its store, and \"{name}\" does not lie in one. Choose the \
                         subject's folder in the store, or another format."
                    ))
                })?;
                let space = ViewSpace::Volume {
                    transform: &named.name,
                    shape_zyx: transform.shape_zyx,
                };
                (values.iter().copied().collect(), space)
            }
        };
        arrays.push((name.as_str(), values, space));
    }
    let views: Vec<DatasetView> = arrays
        .iter()
        .map(|(name, values, space)| DatasetView {
            name,
            values,
            space: *space,
        })
        .collect();
    let bytes = pycortex_dataset::encode(&maps.subject().name, &views, &std::env::temp_dir())?;
    Ok(bytes)
}
