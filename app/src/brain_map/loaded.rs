//! Maps of files other than archives, in their places.

use std::path::Path;

use heschl_core::brain::{LoadedMap, MapValues, Side};
use heschl_core::run::encoding::Column;

use super::{BrainMap, ImageSpace, OpenSubject, PlacedMap, Placement};
use crate::failure::Failure;

/// Endings that name formats.
const ENDINGS: [&str; 11] = [
    ".gz", ".nii", ".gii", ".func", ".shape", ".dscalar", ".dlabel", ".mgh", ".mgz", ".npy", ".hf5",
];

impl BrainMap {
    /// Finds out where the values of a file belong.
    ///
    /// * `recorded`: where scores beside the file were recorded, for vectors.
    /// * `transform`: how the image lies in the subject's space, if the subject has several transforms.
    ///
    /// # Errors
    /// A sentence if the values do not fit the subject.
    pub(super) fn of_loaded(
        loaded: LoadedMap,
        recorded: impl FnOnce() -> Option<ImageSpace>,
        open: &OpenSubject,
        transform: Option<&str>,
    ) -> Result<Self, Failure> {
        let transform = transform.or(loaded.transform.as_deref());
        let (values, shape, image) = match loaded.values {
            MapValues::Sides(sides) => {
                return Ok(Self {
                    name: Some(loaded.name).filter(|name| !name.is_empty()),
                    recorded: None,
                    values: of_sides(sides, open)?,
                    affine: None,
                    caveat: None,
                    notes: loaded.notes,
                });
            }
            MapValues::Array { values, shape } => {
                let image = (shape.len() == 1).then(recorded).flatten();
                (values, shape, image)
            }
            MapValues::Image {
                values,
                size,
                affine,
            } => {
                let [x, y, z] = size;
                let image = ImageSpace {
                    affine,
                    size,
                    mask: None,
                };
                (values, vec![z, y, x], Some(image))
            }
        };
        let mut map = Self::placed((values, shape), image.as_ref(), open, transform)?;
        map.name = Some(loaded.name).filter(|name| !name.is_empty());
        map.notes.splice(..0, loaded.notes);
        Ok(map)
    }

    /// A map of values in the place that is found for them.
    ///
    /// # Errors
    /// As [`Placement::find`].
    pub(super) fn placed(
        (values, shape): (Vec<f32>, Vec<usize>),
        image: Option<&ImageSpace>,
        open: &OpenSubject,
        transform: Option<&str>,
    ) -> Result<Self, Failure> {
        let placement = Placement::find(&shape, image, open, transform)?;
        Ok(Self {
            name: None,
            recorded: None,
            values: placement.map(values)?,
            affine: image.and_then(|image| image.affine),
            caveat: placement.caveat,
            notes: placement.notes,
        })
    }
}

impl BrainMap {
    /// What the map is called: by its name in the file, by the name that was asked for, or by that of the file.
    pub(crate) fn title(&self, path: &Path, wanted: Option<&str>) -> String {
        let is_archive = path.extension().is_some_and(|ending| ending == "npz");
        match self.name.as_deref().or(wanted) {
            Some(name) => name.to_string(),
            None if is_archive => Column::R.name().to_string(),
            None => stem(path),
        }
    }
}

/// The name of a file without hemisphere and format.
fn stem(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let mut stem = &*name;
    while let Some(rest) = ENDINGS.iter().find_map(|ending| stem.strip_suffix(ending)) {
        stem = rest;
    }
    let mut sides = ["lh.", "rh."].into_iter();
    let rest = sides.find_map(|side| stem.strip_prefix(side));
    let stem = rest.filter(|rest| !rest.is_empty()).unwrap_or(stem);
    if stem.is_empty() {
        name.into_owned()
    } else {
        stem.to_string()
    }
}

/// A hemisphere without values has none at its vertices.
fn of_sides(sides: [Option<Vec<f32>>; 2], open: &OpenSubject) -> Result<PlacedMap, Failure> {
    let subject = &open.subject;
    let of = |side: Side, values: Option<Vec<f32>>| {
        let n_vertices = subject.hemisphere(side).n_vertices();
        match values {
            None => Ok(vec![f32::NAN; n_vertices]),
            Some(values) if values.len() == n_vertices => Ok(values),
            Some(values) => Err(Failure::new(format!(
                "The map has {} values for the {side} hemisphere, which has {n_vertices} vertices in {}. Choose the subject that the \
                 map is of.",
                values.len(),
                subject.name
            ))),
        }
    };
    let [left, right] = sides;
    Ok(PlacedMap::Vertices([
        of(Side::Left, left)?,
        of(Side::Right, right)?,
    ]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_called_without_hemisphere_and_format() {
        for (name, expected) in [
            ("lh.r.func.gii", "r"),
            ("r.layer.3.nii.gz", "r.layer.3"),
            ("rh.thickness", "thickness"),
            ("best.dscalar.nii", "best"),
            (".npy", ".npy"),
            ("lh.", "lh."),
        ] {
            assert_eq!(stem(Path::new(name)), expected);
        }
    }
}
