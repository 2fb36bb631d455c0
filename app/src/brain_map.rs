//! Subjects and the maps shown on them, from the files that a user names.

mod anatomy;
mod loaded;
mod placement;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use heschl_core::brain::folders::{self, FolderKind, FoundFile, NamedTransform};
use heschl_core::brain::{DepthSpacing, Mask, Missing, Overlays, Subject, read_map};
use heschl_core::files::formats::npz::{self, NpzError};
use heschl_core::files::formats::volumes::Volumes;
use heschl_core::run::encoding::{Column, ScoreTable};
use heschl_core::run::maps::{MapEntry, VALUES};
use heschl_core::run::recipe::EncodeFile;
use heschl_core::scene::{DataMap, Interpolation, dropout};
use ndarray::{ArrayD, IxDyn};

pub(crate) use anatomy::Anatomy;
pub(crate) use placement::{ImageSpace, PlacedMap, Placement, middle};

use crate::derived_maps::record_of;
use crate::failure::Failure;

/// Name of the subject that comes with the program.
pub(crate) const FSAVERAGE5: &str = "fsaverage5";

/// A subject, and how images lie in its space.
#[derive(Debug, Clone)]
pub(crate) struct OpenSubject {
    pub(crate) subject: Arc<Subject>,
    /// Its folder; `None` for the bundled subject.
    pub(crate) folder: Option<PathBuf>,
    /// The program that wrote its folder; `None` for the bundled subject.
    pub(crate) kind: Option<FolderKind>,
    pub(crate) transforms: Vec<NamedTransform>,
    /// What is drawn on the flat map.
    pub(crate) drawn: Option<Overlays>,
    /// The files that were looked for.
    pub(crate) files: Vec<FoundFile>,
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
            return Ok(Self::bundled());
        }
        let folder = Path::new(name);
        if !folder.is_dir() {
            return Err(Failure::new(format!(
                "There is no subject \"{}\". Choose {FSAVERAGE5}, or the folder of a subject of FreeSurfer, fMRIPrep or pycortex.",
                name.escape_debug()
            )));
        }
        Self::of_folder(folder)
    }

    /// The subject that comes with the program.
    pub(crate) fn bundled() -> Self {
        Self {
            subject: Arc::new(Subject::fsaverage5().clone()),
            folder: None,
            kind: None,
            transforms: vec![],
            drawn: None,
            files: vec![],
            notes: vec![],
        }
    }

    /// The subject of a folder.
    ///
    /// # Errors
    /// A sentence if the folder is of no known program, or a file in it cannot be read.
    pub(crate) fn of_folder(folder: &Path) -> Result<Self, Failure> {
        let loaded = folders::load(folder)?;
        Ok(Self {
            subject: Arc::new(loaded.subject),
            folder: Some(folder.to_path_buf()),
            kind: Some(loaded.kind),
            transforms: loaded.transforms,
            drawn: loaded.drawn,
            files: loaded.files,
            notes: loaded.notes,
        })
    }

    /// The transform of this name; without a name the only one, or the only one that values of this shape fit.
    fn transform_for(
        &self,
        name: Option<&str>,
        shape: &[usize],
    ) -> Result<&NamedTransform, Failure> {
        let subject = &self.subject.name;
        let names = || {
            let names = self.transforms.iter().map(|it| it.name.as_str());
            names.collect::<Vec<_>>().join(", ")
        };
        if let Some(name) = name {
            let named = self.transforms.iter().find(|it| it.name == name);
            return named.ok_or_else(|| {
                Failure::new(format!(
                    "{subject} has no transform \"{}\". Choose one of {}.",
                    name.escape_debug(),
                    names()
                ))
            });
        }
        if let [only] = &self.transforms[..] {
            return Ok(only);
        }
        let fits = |named: &&NamedTransform| holds(named, shape);
        let fitting: Vec<&NamedTransform> = self.transforms.iter().filter(fits).collect();
        match fitting[..] {
            [only] => Ok(only),
            _ => Err(Failure::new(format!(
                "{subject} has several transforms. Name one of them: {}.",
                names()
            ))),
        }
    }
}

/// Whether values of this shape are a volume of a transform's image, or of one of its masks.
fn holds(named: &NamedTransform, shape: &[usize]) -> bool {
    let n_values = shape.iter().product::<usize>();
    shape == named.transform.shape_zyx
        || n_values == named.transform.n_voxels()
        || named.masks.iter().any(|mask| mask.voxels.len() == n_values)
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
    /// Its name in the file, if that has names.
    pub(crate) name: Option<String>,
    /// What the record of maps made from fits says of it.
    pub(crate) recorded: Option<MapEntry>,
    pub(crate) values: PlacedMap,
    /// From voxels to space, mm, of the image that the values come from.
    pub(crate) affine: Option<[[f64; 4]; 3]>,
    /// What a caption must say of how the values were placed.
    pub(crate) caveat: Option<&'static str>,
    /// What was assumed, for the user.
    pub(crate) notes: Vec<String>,
}

impl BrainMap {
    /// Reads a map from a file: a column of scores, an array, an image, or a map of vertices.
    ///
    /// * `name`: the column or array, or the map of a file with several.
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
        let recorded = || path.parent().and_then(recorded_space);
        // Of maps made from fits the first one, unless another is named.
        let record = record_of(path);
        let first = record.as_ref().and_then(|record| record.maps.first());
        let name = name.or(first.map(|entry| entry.name.as_str()));
        if !is_archive(path) {
            return Self::of_loaded(read_map(path, name)?, recorded, subject, transform);
        }
        let shaped = of_archive(path, name)?;
        let image = (shaped.1.len() == 1).then(recorded).flatten();
        let mut map = Self::placed(shaped, image.as_ref(), subject, transform)?;
        if let (Some(record), Some(name)) = (&record, name) {
            map.name = Some(name.to_owned());
            map.recorded = record.entry(name).ok().cloned();
        }
        Ok(map)
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
            None if open.transforms.is_empty() => {
                return Err(Failure::new(format!(
                    "{} has no transform, whose image would show where there is no signal. Name a mean functional image.",
                    open.subject.name
                )));
            }
            None => &open.transform_for(transform, &[])?.reference,
        };
        let mut map = Self::read(path, None, open, transform)?;
        let PlacedMap::Volume { values, .. } = &mut map.values else {
            return Err(Failure::new(format!(
                "The image of the signal has a value per vertex; a volume is expected.\nFile: {}",
                path.display()
            )));
        };
        *values = dropout(values.view());
        Ok(map)
    }

    /// The data for a scene.
    pub(crate) fn data<'a>(&'a self, sampling: &'a Sampling) -> DataMap<'a> {
        let mut data = self.values.data(sampling.interpolation, &sampling.depths);
        if let DataMap::Volume(volume) = &mut data {
            volume.spacing = sampling.spacing;
            volume.missing = sampling.missing;
        }
        data
    }

    /// All finite values, sorted.
    pub(crate) fn sorted(&self) -> Vec<f32> {
        self.values.sorted()
    }
}

/// Whether a file holds arrays by name.
pub(crate) fn is_archive(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "npz")
}

/// Where the voxels of a folder of scores or maps lie: by the mask that its recipe or record names, if that can be read.
pub(crate) fn recorded_space(folder: &Path) -> Option<ImageSpace> {
    let mask = match EncodeFile::read(&folder.join("recipe.toml")) {
        Ok(file) => file.encode.responses.mask?,
        Err(_) => record_of(&folder.join(VALUES))?.mask?,
    };
    let image = Volumes::open(&mask, &std::env::temp_dir()).ok()?;
    let (n_volumes, n_voxels) = image.dim();
    let values = (n_volumes == 1).then(|| image.read::<f32>(0..1, 0..n_voxels))?;
    let [x, y, z] = image.size();
    let values: Vec<f32> = values.ok()?.into_iter().collect();
    Some(ImageSpace {
        affine: image.affine(),
        size: image.size(),
        mask: Some(Mask::of_volume("of the recipe", [z, y, x], &values)),
    })
}

/// The mask of a transform that has as many voxels as there are values.
///
/// # Errors
/// A sentence if there is none, or several.
fn fitting_mask(n_values: usize, transform: &NamedTransform) -> Result<&Mask, Failure> {
    let fits = |mask: &&Mask| mask.voxels.len() == n_values;
    let fitting: Vec<&Mask> = transform.masks.iter().filter(fits).collect();
    let named = |masks: &mut dyn Iterator<Item = &Mask>| {
        let words = masks.map(|mask| format!("{} ({} voxels)", mask.name, mask.voxels.len()));
        words.collect::<Vec<_>>().join(", ")
    };
    match fitting[..] {
        [mask] => Ok(mask),
        [] => Err(Failure::new(format!(
            "There are {n_values} values, but the image of {} has {} voxels and no mask of as many. Masks: {}.",
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
