//! Which place of a subject each value of a map belongs to.

use std::sync::OnceLock;

use heschl_core::brain::folders::{FolderKind, NamedTransform};
use heschl_core::brain::mni152;
use heschl_core::brain::{
    DepthSpacing, Mapper, Mask, Missing, Sampler, Side, Subject, SurfaceKind, Transform,
};
use heschl_core::files::formats::volumes::Volumes;
use heschl_core::scene::{DataMap, Hit, Interpolation, VolumeMap};
use ndarray::Array3;

use super::anatomy::centre;
use super::{FSAVERAGE5, OpenSubject};
use crate::failure::Failure;

/// An image in which less of the cortex lies than this is not of the subject, or not aligned with it.
const LEAST_INSIDE: f64 = 0.05;
/// What a caption says of an image of MNI152.
const OF_MNI152: &str = "MNI152 by an affine: approximate";
/// Above this share of the cortex, vertices outside of the image are not worth a word.
const MOST_INSIDE: f64 = 0.98;

/// Where the voxels of an image lie, by its own header.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ImageSpace {
    /// From voxel indices to the scanner's space, mm: the first three rows.
    pub(crate) affine: Option<[[f64; 4]; 3]>,
    /// Voxels along the axes x, y, z.
    pub(crate) size: [usize; 3],
    /// The voxels that have values, where these are not all.
    pub(crate) mask: Option<Mask>,
}

impl ImageSpace {
    fn shape_zyx(&self) -> [usize; 3] {
        let [x, y, z] = self.size;
        [z, y, x]
    }

    fn n_values(&self) -> usize {
        let all = self.size.iter().product();
        self.mask.as_ref().map_or(all, |mask| mask.voxels.len())
    }
}

/// Where the values of a map belong.
#[derive(Debug, Clone)]
pub(crate) struct Placement {
    places: Places,
    /// What a caption must say of how the values were placed.
    pub(crate) caveat: Option<&'static str>,
    /// What was assumed, for the user.
    pub(crate) notes: Vec<String>,
    /// The voxel of each vertex, once it was asked for.
    mappers: OnceLock<[Mapper; 2]>,
}

#[derive(Debug, Clone)]
enum Places {
    /// A value for each vertex, the left hemisphere first.
    Vertices { n_left: usize },
    /// Voxels of an image; those of the mask if there is one.
    Voxels {
        transform: Box<Transform>,
        mask: Option<Mask>,
    },
}

impl Placement {
    /// Finds out where values belong: on vertices if there are as many, else in the image of a transform of the subject, else
    /// in the image that they come from.
    ///
    /// * `shape`: of the array, (z, y, x) for a volume.
    /// * `image`: where the voxels lie by the header of their image.
    /// * `name`: which transform, if the subject has several.
    ///
    /// # Errors
    /// A sentence if the values fit nothing, or several things.
    pub(crate) fn find(
        shape: &[usize],
        image: Option<&ImageSpace>,
        open: &OpenSubject,
        name: Option<&str>,
    ) -> Result<Self, Failure> {
        let subject = &open.subject;
        let n_values = shape.iter().product::<usize>();
        if n_values == subject.n_vertices() && shape.len() < 3 {
            let n_left = subject.hemispheres[0].n_vertices();
            return Ok(Self {
                places: Places::Vertices { n_left },
                caveat: None,
                notes: vec![],
                mappers: OnceLock::new(),
            });
        }
        if !open.transforms.is_empty() {
            return Self::of_transform(shape, image, open.transform_for(name, shape)?);
        }
        if let Some(image) = image.filter(|image| image.n_values() == n_values)
            && let Some(placement) = Self::of_mni152(image, subject)
        {
            return Ok(placement);
        }
        match image {
            Some(image) if open.kind.is_some() && image.n_values() == n_values => {
                Self::of_own_image(image, open)
            }
            _ if shape.len() >= 3 => Err(Failure::new(format!(
                "The data are a volume, and it is not known how it lies in the space of {}, which has no transform. Choose the \
                 subject that was recorded, or for {FSAVERAGE5} an image of MNI152 with voxels of 1 or 2 mm.",
                subject.name
            ))),
            _ if subject
                .hemispheres
                .iter()
                .any(|side| side.n_vertices() == n_values) =>
            {
                Err(Failure::new(format!(
                    "There are {n_values} values, as many as one hemisphere of {} has vertices, and it is not known which. Let the \
                     file's name begin with lh. or rh.",
                    subject.name
                )))
            }
            _ => Err(Failure::new(format!(
                "There are {n_values} values, but {} has {} vertices. Choose the subject that was recorded.",
                subject.name,
                subject.n_vertices()
            ))),
        }
    }

    /// Places an image of MNI152 on an average subject of FreeSurfer.
    fn of_mni152(image: &ImageSpace, subject: &Subject) -> Option<Self> {
        let is_average = subject.name.starts_with("fsaverage");
        let affine = image.affine.filter(|_| is_average)?;
        let transform = mni152::transform(affine, image.size)?;
        Some(Self {
            places: Places::Voxels {
                transform: Box::new(transform),
                mask: image.mask.clone(),
            },
            caveat: Some(OF_MNI152),
            notes: vec![format!(
                "The image is of MNI152. It is placed on {} by FreeSurfer's affine, which is approximate: folds are missed by some \
                 millimetres.",
                subject.name
            )],
            mappers: OnceLock::new(),
        })
    }

    fn of_transform(
        shape: &[usize],
        image: Option<&ImageSpace>,
        named: &NamedTransform,
    ) -> Result<Self, Failure> {
        let transform = named.transform;
        let n_values = shape.iter().product::<usize>();
        if shape.len() == 3 && shape != transform.shape_zyx {
            return Err(of_other_shape(shape, named));
        }
        let is_whole = shape == transform.shape_zyx || n_values == transform.n_voxels();
        let mask = if is_whole {
            None
        } else {
            Some(super::fitting_mask(n_values, named)?.clone())
        };
        let notes = image.and_then(|image| other_affine(image, named));
        Ok(Self {
            places: Places::Voxels {
                transform: Box::new(transform),
                mask,
            },
            caveat: None,
            notes: notes.into_iter().collect(),
            mappers: OnceLock::new(),
        })
    }

    /// Places an image by its own header, as images that are aligned with the subject's T1 lie.
    fn of_own_image(image: &ImageSpace, open: &OpenSubject) -> Result<Self, Failure> {
        let subject = &open.subject;
        let affine = image.affine.ok_or_else(|| {
            Failure::new(
                "The image's header does not say where its voxels lie. Set its affine, for instance with nibabel."
                    .into(),
            )
        })?;
        let mut notes = vec![format!(
            "The image is taken to be aligned with the T1 of {}, as fMRIPrep's images in the space \"T1w\" are.",
            subject.name
        )];
        let centre = centre(subject);
        let says_centre = subject
            .hemispheres
            .iter()
            .any(|hemisphere| hemisphere.centre_ras.is_some());
        if !says_centre && open.kind == Some(FolderKind::FreeSurfer) {
            notes.push(
                "The surfaces do not say where their centre lies in the scanner's space; it is taken to be the origin."
                    .into(),
            );
        }
        let transform = Transform::of_image(affine, image.size, centre)
            .ok_or_else(|| Failure::new("The image's affine cannot be inverted.".into()))?;
        let inside = share_inside(subject, &transform);
        if inside < LEAST_INSIDE {
            return Err(Failure::new(format!(
                "Only {:.0} % of the cortex of {} lies in the image: they are not aligned, or of different people.",
                100.0 * inside,
                subject.name
            )));
        }
        if inside < MOST_INSIDE {
            notes.push(format!(
                "{:.0} % of the cortex lies in the image.",
                100.0 * inside
            ));
        }
        debug_assert_eq!(transform.shape_zyx, image.shape_zyx());
        Ok(Self {
            places: Places::Voxels {
                transform: Box::new(transform),
                mask: image.mask.clone(),
            },
            caveat: None,
            notes,
            mappers: OnceLock::new(),
        })
    }

    /// A map of values in this place.
    ///
    /// # Errors
    /// A sentence if there are not as many values as places.
    pub(crate) fn map(&self, values: Vec<f32>) -> Result<PlacedMap, Failure> {
        let does_not_fit = || {
            Failure::new(format!(
                "There are {} values, which are not as many as there are places for them.",
                values.len()
            ))
        };
        match &self.places {
            Places::Vertices { n_left } => {
                let (left, right) = values.split_at_checked(*n_left).ok_or_else(does_not_fit)?;
                Ok(PlacedMap::Vertices([left.to_vec(), right.to_vec()]))
            }
            Places::Voxels { transform, mask } => {
                let volume = match mask {
                    Some(mask) => mask.volume(&values).ok_or_else(does_not_fit)?,
                    None => values,
                };
                let n_values = volume.len();
                let volume = Array3::from_shape_vec(transform.shape_zyx, volume);
                let volume = volume.map_err(|_| {
                    Failure::new(format!(
                        "There are {n_values} values, but the image has {:?} voxels (z, y, x).",
                        transform.shape_zyx
                    ))
                })?;
                Ok(PlacedMap::Volume {
                    values: volume,
                    transform: **transform,
                })
            }
        }
    }

    /// The index of the value that is shown at a place, halfway between pial and white surface; `None` outside of the image
    /// and its mask.
    pub(crate) fn index(&self, subject: &Subject, hit: &Hit) -> Option<usize> {
        match &self.places {
            Places::Vertices { n_left } => Some(match hit.side {
                Side::Left => hit.nearest_vertex(),
                Side::Right => n_left + hit.nearest_vertex(),
            }),
            Places::Voxels { .. } => self.index_at(middle(subject, hit)?.map(f64::from)),
        }
    }

    /// The index of the value at a point in the coordinates of the surfaces, mm; `None` where there is none, and for values of
    /// vertices.
    pub(crate) fn index_at(&self, point: [f64; 3]) -> Option<usize> {
        let Places::Voxels { transform, mask } = &self.places else {
            return None;
        };
        let voxel = transform.nearest(transform.place(point))?;
        match mask {
            Some(mask) => mask.voxels.binary_search(&voxel).ok(),
            None => Some(voxel as usize),
        }
    }

    /// The index of the value at each vertex of a hemisphere.
    pub(crate) fn indices(&self, subject: &Subject, side: Side) -> Vec<Option<usize>> {
        let n_vertices = subject.hemisphere(side).n_vertices();
        let at = |vertex: usize| {
            let vertex = u32::try_from(vertex).ok()?;
            let hit = Hit {
                side,
                vertices: [vertex; 3],
                weights: [1.0, 0.0, 0.0],
            };
            self.index(subject, &hit)
        };
        (0..n_vertices).map(at).collect()
    }

    /// The values of the vertices, left and right; for an image those of the voxels halfway between pial and white surface.
    ///
    /// # Errors
    /// A sentence if the subject lacks these surfaces.
    pub(crate) fn of_vertices(
        &self,
        map: &PlacedMap,
        subject: &Subject,
    ) -> Result<[Vec<f32>; 2], Failure> {
        match map {
            PlacedMap::Vertices(sides) => Ok(sides.clone()),
            PlacedMap::Volume { values, transform } => {
                let values = values.as_standard_layout();
                let values = values.as_slice().unwrap_or_default();
                let mappers = if let Some(known) = self.mappers.get() {
                    known
                } else {
                    let found = mappers(subject, transform)?;
                    self.mappers.get_or_init(|| found)
                };
                let of = |side: usize| mappers[side].map(values, Missing::Propagates);
                Ok([of(0), of(1)])
            }
        }
    }

    /// Whether the values belong to voxels, not vertices.
    pub(crate) fn is_volume(&self) -> bool {
        matches!(self.places, Places::Voxels { .. })
    }
}

/// The sentence for a volume whose axes are not those of the transform's image.
fn of_other_shape(shape: &[usize], named: &NamedTransform) -> Failure {
    let expected = named.transform.shape_zyx;
    let is_reversed = shape.iter().rev().eq(&expected);
    let advice = if is_reversed {
        "It seems to be in the order x, y, z: transpose it (in NumPy: array.T)."
    } else {
        "Choose the transform and the subject that were recorded."
    };
    Failure::new(format!(
        "The volume has {shape:?} voxels (z, y, x), and the image of the transform \"{}\" has {expected:?}. {advice}",
        named.name
    ))
}

/// A note if an image says that it lies elsewhere than the transform's.
fn other_affine(image: &ImageSpace, named: &NamedTransform) -> Option<String> {
    let own = image.affine?;
    let reference = Volumes::open(&named.reference, &std::env::temp_dir()).ok()?;
    let expected = reference.affine()?;
    let steps = expected.map(|[x, y, z, _]| x.abs().max(y.abs()).max(z.abs()));
    let most = 0.1 * steps.into_iter().fold(f64::INFINITY, f64::min);
    let place = |matrix: [[f64; 4]; 3], corner: usize| -> [f64; 3] {
        let voxel: [f64; 3] = std::array::from_fn(|axis| {
            (corner >> axis & 1) as f64 * (image.size[axis] as f64 - 1.0)
        });
        matrix.map(|[x, y, z, shift]| x * voxel[0] + y * voxel[1] + z * voxel[2] + shift)
    };
    let is_apart = (0..8).any(|corner| {
        let (one, two) = (place(own, corner), place(expected, corner));
        one.iter()
            .zip(two)
            .any(|(one, two)| (one - two).abs() > most)
    });
    is_apart.then(|| {
        format!(
            "The image's header says that it lies elsewhere than the reference image of the transform \"{}\". It is placed voxel by \
             voxel by the transform, as in pycortex. Check that left is left.",
            named.name
        )
    })
}

/// The voxel of each vertex of both hemispheres.
fn mappers(subject: &Subject, transform: &Transform) -> Result<[Mapper; 2], Failure> {
    let of = |side: Side| {
        let mapper = Mapper::new(subject.hemisphere(side), transform, Sampler::Nearest);
        mapper.map_err(|error| {
            Failure::new(format!(
                "The voxels cannot be mapped to the {side} hemisphere: {error}."
            ))
        })
    };
    Ok([of(Side::Left)?, of(Side::Right)?])
}

/// The point of a subject halfway between pial and white surface, mm.
pub(crate) fn middle(subject: &Subject, hit: &Hit) -> Option<[f32; 3]> {
    let hemisphere = subject.hemisphere(hit.side);
    let at = |kind| Some(hit.point(hemisphere.surface(kind)?.points()));
    if let Some(point) = at(SurfaceKind::Middle) {
        return Some(point);
    }
    let (pial, white) = (at(SurfaceKind::Pial)?, at(SurfaceKind::White)?);
    Some(std::array::from_fn(|axis| {
        f32::midpoint(pial[axis], white[axis])
    }))
}

/// The share of the vertices that lie in an image.
fn share_inside(subject: &Subject, transform: &Transform) -> f64 {
    let mut counts = [0_usize; 2];
    for hemisphere in &subject.hemispheres {
        for point in hemisphere.middle_points().unwrap_or_default() {
            let voxel = transform.nearest(transform.place(point.map(f64::from)));
            counts[usize::from(voxel.is_some())] += 1;
        }
    }
    let [n_outside, n_inside] = counts;
    n_inside as f64 / (n_outside + n_inside).max(1) as f64
}

/// Values in their places.
#[derive(Debug, Clone)]
pub(crate) enum PlacedMap {
    /// Of the left and the right hemisphere.
    Vertices([Vec<f32>; 2]),
    /// An image.
    Volume {
        /// `(z, y, x)`; NaN where there is no value.
        values: Array3<f32>,
        transform: Transform,
    },
}

impl PlacedMap {
    /// The data for a scene.
    pub(crate) fn data<'a>(
        &'a self,
        interpolation: Interpolation,
        depths: &'a [f32],
    ) -> DataMap<'a> {
        match self {
            Self::Vertices([left, right]) => DataMap::Vertices([left, right]),
            Self::Volume { values, transform } => {
                let [x, y, z, _] = transform.coord;
                DataMap::Volume(VolumeMap {
                    values: values.view(),
                    to_voxels: [x, y, z],
                    interpolation,
                    depths,
                    spacing: DepthSpacing::EqualDistance,
                    missing: Missing::IsSkipped,
                })
            }
        }
    }

    /// All finite values, sorted.
    pub(crate) fn sorted(&self) -> Vec<f32> {
        let mut all: Vec<f32> = match self {
            Self::Vertices(sides) => sides.iter().flatten().copied().collect(),
            Self::Volume { values, .. } => values.iter().copied().collect(),
        };
        all.retain(|value| value.is_finite());
        all.sort_by(f32::total_cmp);
        all
    }
}

impl PlacedMap {
    /// The value at a point in the coordinates of the surfaces, mm; `None` where there is none, and for values of vertices.
    pub(crate) fn at(&self, point: [f64; 3]) -> Option<f32> {
        match self.data(Interpolation::Nearest, &[]) {
            DataMap::Volume(volume) => {
                let value = volume.at(point.map(|value| value as f32));
                (!value.is_nan()).then_some(value)
            }
            DataMap::Vertices(_) => None,
        }
    }
}
