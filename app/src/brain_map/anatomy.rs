//! The image of a subject that slices show underneath.

use std::path::{Path, PathBuf};

use heschl_core::brain::folders::FolderKind;
use heschl_core::brain::{DepthSpacing, Missing, Subject, Transform, mni152};
use heschl_core::files::formats::volumes::Volumes;
use heschl_core::run::store::atomic;
use heschl_core::scene::{Interpolation, VolumeMap, clear_background};
use ndarray::Array3;

use super::OpenSubject;
use crate::failure::Failure;

/// FreeSurfer's images of a whole head, best first.
const FREESURFER_IMAGES: [&str; 5] = ["T1.mgz", "orig.mgz", "nu.mgz", "norm.mgz", "brain.mgz"];
/// Shares of the values that are black and white at most.
const BLACK_AND_WHITE: [f64; 2] = [0.02, 0.998];

/// What is darker than this share of the way from black to white, and connected with the border of the image, is no head.
const DARK_SHARE: f32 = 0.1;

/// An image of a subject, and how it lies in the space of the surfaces.
#[derive(Debug, Clone)]
pub(crate) struct Anatomy {
    /// Name of its file.
    pub(crate) name: String,
    values: Array3<f32>,
    to_voxels: [[f64; 4]; 3],
    limits: [f32; 2],
}

impl Anatomy {
    /// The image of a subject; `None` if its folder has none.
    ///
    /// * `transform`: the pycortex transform whose reference image is taken, if there are several.
    ///
    /// # Errors
    /// A sentence if the image cannot be read.
    pub(crate) fn of(open: &OpenSubject, transform: Option<&str>) -> Result<Option<Self>, Failure> {
        let Some(folder) = &open.folder else {
            return Self::mni152().map(Some);
        };
        if open.kind == Some(FolderKind::Pycortex) {
            let named = |name: &str| open.transforms.iter().find(|it| it.name == name);
            let chosen = transform.and_then(named).or(open.transforms.first());
            return chosen
                .map(|chosen| Self::read(&chosen.reference, Some(chosen.transform), [0.0; 3]))
                .transpose();
        }
        let image = match open.kind {
            Some(FolderKind::FreeSurfer) => of_freesurfer(&folder.join("mri")),
            _ => of_fmriprep(&folder.join("anat")),
        };
        let centre = centre(&open.subject);
        image
            .map(|image| Self::read(&image, None, centre))
            .transpose()
    }

    /// The image without the darkness around the head, so that what lies behind is seen there.
    #[must_use]
    pub(crate) fn without_background(mut self) -> Self {
        let [black, white] = self.limits;
        clear_background(&mut self.values, black + DARK_SHARE * (white - black));
        self
    }

    /// The head of MNI152 in the space of fsaverage, where it lies approximately.
    fn mni152() -> Result<Self, Failure> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("mni152.nii.gz");
        atomic::write(&path, mni152::HEAD)?;
        let image = Volumes::open(&path, folder.path())?;
        let affine = image.affine();
        let transform = affine.and_then(|affine| mni152::transform(affine, image.size()));
        Ok(Self {
            name: "MNI152 (ICBM 2009a), approximately aligned with fsaverage".into(),
            ..Self::read(&path, transform, [0.0; 3])?
        })
    }

    fn read(path: &Path, transform: Option<Transform>, centre: [f64; 3]) -> Result<Self, Failure> {
        let image = Volumes::open(path, &std::env::temp_dir())?;
        let (n_volumes, n_voxels) = image.dim();
        let values: Vec<f32> = image.read::<f32>(0..1, 0..n_voxels)?.into_iter().collect();
        let [x, y, z] = image.size();
        let own = || Transform::of_image(image.affine()?, image.size(), centre);
        let transform = transform.or_else(own).ok_or_else(|| {
            Failure::new(format!(
                "The header of the image does not say where its voxels lie.\nFile: {}",
                path.display()
            ))
        })?;
        debug_assert!(n_volumes > 0);
        let limits = limits(&values);
        let values = Array3::from_shape_vec([z, y, x], values).map_err(|error| {
            Failure::new(format!(
                "The image is invalid: {error}.\nFile: {}",
                path.display()
            ))
        })?;
        let [x, y, z, _] = transform.coord;
        let name = path.file_name().unwrap_or_default();
        Ok(Self {
            name: name.to_string_lossy().into_owned(),
            values,
            to_voxels: [x, y, z],
            limits,
        })
    }

    /// The image for a slice, and its values of black and white.
    pub(crate) fn under(&self) -> (VolumeMap<'_>, [f32; 2]) {
        let volume = VolumeMap {
            values: self.values.view(),
            to_voxels: self.to_voxels,
            interpolation: Interpolation::Trilinear,
            depths: &[],
            spacing: DepthSpacing::EqualDistance,
            missing: Missing::IsSkipped,
        };
        (volume, self.limits)
    }
}

/// What is added to coordinates of surfaces for the scanner's space.
pub(super) fn centre(subject: &Subject) -> [f64; 3] {
    let mut centres = subject.hemispheres.iter();
    let known = centres.find_map(|hemisphere| hemisphere.centre_ras);
    known.unwrap_or_default()
}

fn of_freesurfer(folder: &Path) -> Option<PathBuf> {
    let named = FREESURFER_IMAGES.into_iter().map(|name| folder.join(name));
    named
        .chain(named_so(folder, |name| {
            name.strip_suffix(".mgz")
                .is_some_and(|name| name.starts_with("T1"))
        }))
        .find(|path| path.is_file())
}

/// The T1 that fMRIPrep cleaned, in its own space.
fn of_fmriprep(folder: &Path) -> Option<PathBuf> {
    let is_it = |name: &str| name.contains("desc-preproc_T1w.nii") && !name.contains("space-");
    named_so(folder, is_it).into_iter().next()
}

/// Files of a folder by their names, sorted.
fn named_so(folder: &Path, is_it: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = entries
        .filter(|entry| entry.file_name().to_str().is_some_and(&is_it))
        .map(|entry| entry.path())
        .collect();
    found.sort();
    found
}

/// The values of black and white: most of the voxels lie between.
fn limits(values: &[f32]) -> [f32; 2] {
    // Every some-th voxel tells enough of a head.
    let step = (values.len() / 200_000).max(1);
    let mut some: Vec<f32> = values.iter().step_by(step).copied().collect();
    some.retain(|value| value.is_finite());
    some.sort_by(f32::total_cmp);
    BLACK_AND_WHITE.map(|share| {
        let at = (some.len().saturating_sub(1) as f64 * share).round() as usize;
        some.get(at).copied().unwrap_or_default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The cortex of fsaverage lies in the head's grey and white matter, not in the dark around it, and left is left.
    #[test]
    fn the_bundled_head_lies_around_the_bundled_cortex() {
        let open = OpenSubject::bundled();
        let head = Anatomy::of(&open, None).unwrap().unwrap();
        let (volume, [black, white]) = head.under();
        for hemisphere in &open.subject.hemispheres {
            let points = hemisphere.middle_points().unwrap();
            let n_bright = points.iter().filter(|point| {
                let value = volume.at(**point);
                value > black + 0.2 * (white - black)
            });
            let share = n_bright.count() as f64 / points.len() as f64;
            assert!(share > 0.9, "{share}");
        }
    }
}
