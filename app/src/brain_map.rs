//! Subjects and the maps shown on them, from the files that a user names.

use std::path::Path;
use std::sync::Arc;

use heschl_core::brain::folders::{self, NamedTransform};
use heschl_core::brain::{DepthSpacing, Mask, Missing, Overlays, Subject};
use heschl_core::files::formats::npz::{self, NpzError};
use heschl_core::files::formats::volumes::Volumes;
use heschl_core::run::encoding::{Column, ScoreTable};
use heschl_core::scene::{DataMap, Interpolation, VolumeMap, dropout};
use ndarray::{Array3, ArrayD, IxDyn};

use crate::failure::Failure;

/// Name of the subject that comes with the program.
pub(crate) const FSAVERAGE5: &str = "fsaverage5";

/// A subject, and how images lie in its space.
pub(crate) struct OpenSubject {
    pub(crate) subject: Arc<Subject>,
    transforms: Vec<NamedTransform>,
    /// What is drawn on the flat map.
    pub(crate) drawn: Option<Overlays>,
    /// What the user should know of its files.
    pub(crate) notes: Vec<String>,
}

impl OpenSubject {
    /// The bundled subject by its name, or the subject of a folder.
    ///
    /// # Errors
    /// A sentence if there is no such subject.
    pub(crate) fn open(name: &str) -> Result<Self, Failure> {
        if name == FSAVERAGE5 {
            return Ok(Self {
                subject: Arc::new(Subject::fsaverage5().clone()),
                transforms: vec![],
                drawn: None,
                notes: vec![],
            });
        }
        let folder = Path::new(name);
        if !folder.is_dir() {
            return Err(Failure::new(format!(
                "There is no subject \"{}\". Choose {FSAVERAGE5}, or the folder of a subject of FreeSurfer, fMRIPrep or pycortex.",
                name.escape_debug()
            )));
        }
        let loaded = folders::load(folder)?;
        Ok(Self {
            subject: Arc::new(loaded.subject),
            transforms: loaded.transforms,
            drawn: loaded.drawn,
            notes: loaded.notes,
        })
    }

    /// The transform of this name, or the only one.
    fn transform(&self, name: Option<&str>) -> Result<&NamedTransform, Failure> {
        let names: Vec<&str> = self.transforms.iter().map(|it| it.name.as_str()).collect();
        let subject = &self.subject.name;
        match (name, &self.transforms[..]) {
            (None, [only]) => Ok(only),
            (_, []) => Err(Failure::new(format!(
                "The data are a volume, and it is not known how it lies in the space of {subject}, which has no transform. Choose \
                 the subject that was recorded."
            ))),
            (None, _) => Err(Failure::new(format!(
                "{subject} has several transforms. Name one of them: {}.",
                names.join(", ")
            ))),
            (Some(name), all) => all.iter().find(|it| it.name == name).ok_or_else(|| {
                Failure::new(format!(
                    "{subject} has no transform \"{}\". Choose one of {}.",
                    name.escape_debug(),
                    names.join(", ")
                ))
            }),
        }
    }
}

/// How points of the surface get values from a volume.
pub(crate) struct Sampling {
    pub(crate) interpolation: Interpolation,
    /// Depths whose mean is shown: 0 is pial, 1 white.
    pub(crate) depths: Vec<f32>,
    pub(crate) spacing: DepthSpacing,
    pub(crate) missing: Missing,
}

/// A map of a subject.
pub(crate) struct BrainMap {
    values: Values,
}

enum Values {
    /// Of the left and the right hemisphere.
    Vertices([Vec<f32>; 2]),
    Volume {
        /// `(z, y, x)`
        values: Array3<f32>,
        to_voxels: [[f64; 4]; 3],
    },
}

impl BrainMap {
    /// Reads a map from a file: a column of scores, an array, or an image.
    ///
    /// * `name`: the column or array.
    /// * `transform`: how the image lies in the subject's space, if the subject has several transforms.
    ///
    /// # Errors
    /// A sentence if the file cannot be read or does not fit the subject.
    pub(crate) fn read(
        path: &Path,
        name: Option<&str>,
        subject: &OpenSubject,
        transform: Option<&str>,
    ) -> Result<Self, Failure> {
        let (values, shape) = if is_archive(path) {
            of_archive(path, name)?
        } else {
            of_image(path)?
        };
        Self::fit(values, &shape, subject, transform)
    }

    /// How much of the signal is lost, from 0 to 1: from the mean functional image, or from the image of the transform.
    ///
    /// # Errors
    /// A sentence if there is no image, or it does not fit the subject.
    pub(crate) fn dropout(
        image: Option<&Path>,
        open: &OpenSubject,
        transform: Option<&str>,
    ) -> Result<Self, Failure> {
        let path = match image {
            Some(path) => path,
            None => &open.transform(transform)?.reference,
        };
        let mut map = Self::read(path, None, open, transform)?;
        let Values::Volume { values, .. } = &mut map.values else {
            return Err(Failure::new(format!(
                "The image of the signal has a value per vertex; a volume is expected.\nFile: {}",
                path.display()
            )));
        };
        *values = dropout(values.view());
        Ok(map)
    }

    /// Finds out which places of the subject the values belong to.
    fn fit(
        values: Vec<f32>,
        shape: &[usize],
        open: &OpenSubject,
        transform: Option<&str>,
    ) -> Result<Self, Failure> {
        let subject = &open.subject;
        if values.len() == subject.n_vertices() && shape.len() < 3 {
            let (left, right) = values.split_at(subject.hemispheres[0].n_vertices());
            return Ok(Self {
                values: Values::Vertices([left.to_vec(), right.to_vec()]),
            });
        }
        if open.transforms.is_empty() && shape.len() < 3 {
            return Err(Failure::new(format!(
                "There are {} values, but {} has {} vertices. Choose the subject that was recorded.",
                values.len(),
                subject.name,
                subject.n_vertices()
            )));
        }
        let transform = open.transform(transform)?;
        let shape_zyx = transform.transform.shape_zyx;
        let volume = if shape == shape_zyx || values.len() == transform.transform.n_voxels() {
            values
        } else {
            masked(&values, transform)?
        };
        let values = Array3::from_shape_vec(shape_zyx, volume)
            .map_err(|error| Failure::new(format!("The image is invalid: {error}.")))?;
        let [x, y, z, _] = transform.transform.coord;
        Ok(Self {
            values: Values::Volume {
                values,
                to_voxels: [x, y, z],
            },
        })
    }

    /// The data for a scene.
    pub(crate) fn data<'a>(&'a self, sampling: &'a Sampling) -> DataMap<'a> {
        match &self.values {
            Values::Vertices([left, right]) => DataMap::Vertices([left, right]),
            Values::Volume { values, to_voxels } => DataMap::Volume(VolumeMap {
                values: values.view(),
                to_voxels: *to_voxels,
                interpolation: sampling.interpolation,
                depths: &sampling.depths,
                spacing: sampling.spacing,
                missing: sampling.missing,
            }),
        }
    }

    /// All finite values, sorted.
    pub(crate) fn sorted(&self) -> Vec<f32> {
        let mut all: Vec<f32> = match &self.values {
            Values::Vertices(sides) => sides.iter().flatten().copied().collect(),
            Values::Volume { values, .. } => values.iter().copied().collect(),
        };
        all.retain(|value| value.is_finite());
        all.sort_by(f32::total_cmp);
        all
    }
}

/// Whether a file holds arrays by name.
pub(crate) fn is_archive(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "npz")
}

/// A volume from the values of a mask, which is known by its number of voxels.
fn masked(values: &[f32], transform: &NamedTransform) -> Result<Vec<f32>, Failure> {
    let fits = |mask: &&Mask| mask.voxels.len() == values.len();
    let fitting: Vec<&Mask> = transform.masks.iter().filter(fits).collect();
    let named = |masks: &mut dyn Iterator<Item = &Mask>| {
        let words = masks.map(|mask| format!("{} ({} voxels)", mask.name, mask.voxels.len()));
        words.collect::<Vec<_>>().join(", ")
    };
    match fitting[..] {
        [mask] => mask
            .volume(values)
            .ok_or_else(|| Failure::new("The mask does not fit its image.".into())),
        [] => Err(Failure::new(format!(
            "There are {} values, but the image of {} has {} voxels and no mask of as many. Masks: {}.",
            values.len(),
            transform.name,
            transform.transform.n_voxels(),
            named(&mut transform.masks.iter())
        ))),
        _ => Err(Failure::new(format!(
            "Several masks have as many voxels as there are values: {}. Save the data as a whole volume.",
            named(&mut fitting.into_iter())
        ))),
    }
}

/// Values and their shape.
type Shaped = (Vec<f32>, Vec<usize>);

fn of_archive(path: &Path, name: Option<&str>) -> Result<Shaped, Failure> {
    let column = |name: &str| Column::ALL.into_iter().find(|it| it.name() == name);
    match (ScoreTable::read(path), column(name.unwrap_or("r"))) {
        (Ok(table), Some(column)) => {
            let values: Vec<f32> = table.column(column).map(|value| value as f32).collect();
            let shape = vec![values.len()];
            Ok((values, shape))
        }
        (Ok(_), None) => {
            let names = Column::ALL.map(Column::name).join(", ");
            Err(Failure::new(format!(
                "The scores have no map \"{}\". Choose one of {names}.",
                name.unwrap_or_default().escape_debug()
            )))
        }
        // Another archive: the array of this name.
        (Err(NpzError::Missing { found, .. }), _) => {
            let Some(name) = name else {
                return Err(Failure::new(format!(
                    "The archive holds no scores. Name one of its arrays: {found}.\nFile: {}",
                    path.display()
                )));
            };
            let array: ArrayD<f32> = npz::read_as::<f32, IxDyn>(path, name)?;
            let shape = array.shape().to_vec();
            Ok((array.iter().copied().collect(), shape))
        }
        (Err(error), _) => Err(error.into()),
    }
}

fn of_image(path: &Path) -> Result<Shaped, Failure> {
    let image = Volumes::open(path, &std::env::temp_dir())?;
    let (n_volumes, n_voxels) = image.dim();
    if n_volumes != 1 {
        return Err(Failure::new(format!(
            "The image has {n_volumes} volumes; one is expected. Save the one to be shown.\nFile: {}",
            path.display()
        )));
    }
    let values = image.read::<f32>(0..1, 0..n_voxels)?;
    let [x, y, z] = image.size();
    Ok((values.into_iter().collect(), vec![z, y, x]))
}
