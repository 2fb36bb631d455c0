//! Maps of files other than archives, in their places.

use heschl_core::brain::{LoadedMap, MapValues, Side};

use super::{BrainMap, ImageSpace, OpenSubject, PlacedMap, Placement};
use crate::failure::Failure;

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
        let (values, shape, image) = match loaded.values {
            MapValues::Sides(sides) => {
                return Ok(Self {
                    name: Some(loaded.name).filter(|name| !name.is_empty()),
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
            values: placement.map(values)?,
            affine: image.and_then(|image| image.affine),
            caveat: placement.caveat,
            notes: placement.notes,
        })
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
