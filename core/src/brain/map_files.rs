//! Maps from files of any known format: of vertices, of both hemispheres or one, or of voxels.

use std::path::{Path, PathBuf};

use ndarray::{ArrayD, IxDyn, ShapeBuilder as _};

use super::reading::{has_ending, is_gifti, read_maps};
use super::side::Side;
use crate::files::formats::cifti::dense::DenseMaps;
use crate::files::formats::gifti::geometry::GiftiFile;
use crate::files::formats::hdf5::pycortex::{PycortexDataset, PycortexView};
use crate::files::formats::mesh::{GeometryError, VertexMap};
use crate::files::formats::npy::{NpyError, NpyHeader, StoredMatrix, header_of};
use crate::files::formats::npz_arrays::MemoryOrder;
use crate::files::formats::volumes::Volumes;
use crate::files::responses::ResponsesError;

/// Maps that a sentence names.
const MOST_NAMED: usize = 20;

/// A map and what its file says of where it lies.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadedMap {
    /// Its name in the file; empty if it has none.
    pub name: String,
    /// Its values.
    pub values: MapValues,
    /// The transform of pycortex by which it lies in a subject's space, if the file names one.
    pub transform: Option<String>,
    /// Choices made, for the user.
    pub notes: Vec<String>,
}

/// The values of a map; NaN where there is none.
#[derive(Debug, Clone, PartialEq)]
pub enum MapValues {
    /// Of the left and the right hemisphere, `(n_vertices,)`; none if the files have no such hemisphere.
    Sides([Option<Vec<f32>>; 2]),
    /// An array of which it is not known what it is of.
    Array {
        /// In C order.
        values: Vec<f32>,
        /// Sizes of its axes.
        shape: Vec<usize>,
    },
    /// A volume.
    Image {
        /// `(z, y, x)` in C order: x varies fastest, as in the file.
        values: Vec<f32>,
        /// Voxels along the axes x, y, z of the file.
        size: [usize; 3],
        /// From voxels to space, mm: the first three rows. None if the header has none.
        affine: Option<[[f64; 4]; 3]>,
    },
}

/// The names of the maps in a file, as [`read_map`] takes them; a map without a name has its number, from 1.
///
/// # Errors
/// As [`read_map`].
pub fn map_names(path: &Path) -> Result<Vec<String>, GeometryError> {
    Ok(Source::open(path)?.names)
}

/// Reads a map: NumPy's `.npy`, an image (NIfTI, MGH), CIFTI-2 scalars or labels, or a map of one hemisphere (GIFTI, MGH, or
/// FreeSurfer's `lh.curv` and the like). Of the latter, the other hemisphere's file is looked for beside it, by its name.
///
/// * `name`: the map's name, or its number from 1, if the file has several.
///
/// # Errors
/// Returns an error if a file cannot be read or is damaged, if there is no such map, or if there are several and no name.
pub fn read_map(path: &Path, name: Option<&str>) -> Result<LoadedMap, GeometryError> {
    let mut source = Source::open(path)?;
    let index = source.choose(path, name)?;
    let own_name = source.names[index].clone();
    let transform = source.transform(index);
    match (source.read(index)?, source.side) {
        (MapValues::Array { values, .. }, Some(side)) => {
            let wanted = name.map_or_else(|| (index + 1).to_string(), str::to_string);
            let mut sides = [None, None];
            sides[side.index()] = Some(values);
            let mut notes = source.notes;
            add_other_side(path, (side, &wanted), &mut sides, &mut notes)?;
            Ok(LoadedMap {
                name: own_name,
                values: MapValues::Sides(sides),
                transform: None,
                notes,
            })
        }
        (values, _) => Ok(LoadedMap {
            name: own_name,
            values,
            transform,
            notes: source.notes,
        }),
    }
}

/// Reads the map `wanted` of the hemisphere other than `side`, if its file is beside the one of `side`.
fn add_other_side(
    path: &Path,
    (side, wanted): (Side, &str),
    sides: &mut [Option<Vec<f32>>; 2],
    notes: &mut Vec<String>,
) -> Result<(), GeometryError> {
    let Some((other, beside)) = other_side(path).filter(|(other, _)| *other != side) else {
        notes.push(format!(
            "{} is of the {side} hemisphere; its name does not say which file is of the other, which has no values.",
            shown(path)
        ));
        return Ok(());
    };
    if !beside.is_file() {
        notes.push(format!(
            "There is no {} beside {}: the {other} hemisphere has no values.",
            shown(&beside),
            shown(path)
        ));
        return Ok(());
    }
    let mut source = Source::open(&beside)?;
    let index = source.choose(&beside, Some(wanted))?;
    let MapValues::Array { values, .. } = source.read(index)? else {
        return Err(GeometryError::of_file(
            &format!("By its name the file is of the {other} hemisphere, but it holds a volume"),
            &beside,
        ));
    };
    sides[other.index()] = Some(values);
    notes.append(&mut source.notes);
    notes.push(format!(
        "The {other} hemisphere is read from {}.",
        shown(&beside)
    ));
    Ok(())
}

/// An open file.
struct Source {
    names: Vec<String>,
    /// The hemisphere, of files of one.
    side: Option<Side>,
    content: Content,
    notes: Vec<String>,
}

enum Content {
    Vertices(Vec<VertexMap>),
    Dense(DenseMaps),
    Image(Volumes),
    Numpy(PathBuf),
    Pycortex(Vec<PycortexView>),
}

impl Source {
    fn open(path: &Path) -> Result<Self, GeometryError> {
        if has_ending(path, &[".npy"]) {
            return Ok(Self::new(vec![String::new()], Content::Numpy(path.into())));
        }
        if has_ending(path, &[".hf5", ".hdf5", ".h5"]) {
            return Self::pycortex(path);
        }
        if is_gifti(path) {
            return Self::gifti(path);
        }
        let name = shown(path).to_lowercase();
        if name.contains(".nii") || has_ending(path, &[".hdr", ".hdr.gz", ".img", ".img.gz"]) {
            let dense = DenseMaps::open(path, &std::env::temp_dir()).map_err(of_image)?;
            return match dense {
                Some(dense) => Ok(Self::dense(dense)),
                None => Self::image(path),
            };
        }
        if has_ending(path, &[".mgh", ".mgz", ".mgh.gz"]) {
            return Self::image(path);
        }
        // FreeSurfer's own maps, such as lh.thickness, have no ending.
        let Some(side) = side_of_name(path) else {
            return Err(GeometryError::of_file(
                "It is not known how to read maps from such a file. Known are .npz, .npy, .nii, .nii.gz, .mgh, .mgz, .gii, \
                 .dscalar.nii, .dlabel.nii, datasets of pycortex (.hf5), and maps of FreeSurfer whose names begin with lh. or rh.",
                path,
            ));
        };
        let mut source = Self::vertices(read_maps(path)?);
        source.side = Some(side);
        Ok(source)
    }

    fn new(names: Vec<String>, content: Content) -> Self {
        Self {
            names,
            side: None,
            content,
            notes: Vec::new(),
        }
    }

    fn vertices(maps: Vec<VertexMap>) -> Self {
        let names = maps.iter().map(|map| map.name.clone()).collect();
        Self::new(names, Content::Vertices(maps))
    }

    fn gifti(path: &Path) -> Result<Self, GeometryError> {
        let file = GiftiFile::read(path)?;
        let maps = file.maps();
        let maps = maps.map_err(|sentence| GeometryError::of_file(&sentence, path))?;
        let mut source = Self::vertices(maps);
        let (named, stated) = (side_of_name(path), side_of_metadata(&file));
        if let (Some(named), Some(stated)) = (named, stated)
            && named != stated
        {
            return Err(GeometryError::of_file(
                &format!(
                    "By its name the GIFTI file is of the {named} hemisphere, but it says itself that it is of the {stated} one \
                     (AnatomicalStructurePrimary). Rename it, or correct the entry"
                ),
                path,
            ));
        }
        source.side = stated.or(named);
        Ok(source)
    }

    fn dense(maps: DenseMaps) -> Self {
        let n_elsewhere = maps.n_elsewhere();
        let mut source = Self::new(maps.names().to_vec(), Content::Dense(maps));
        if n_elsewhere > 0 {
            source.notes.push(format!(
                "{n_elsewhere} grayordinates of the file do not lie in the cortex; they are left out."
            ));
        }
        source
    }

    fn pycortex(path: &Path) -> Result<Self, GeometryError> {
        let dataset = PycortexDataset::open(path, &std::env::temp_dir()).map_err(of_image)?;
        let names = dataset.views.iter().map(|view| view.name.clone());
        let mut source = Self::new(names.collect(), Content::Pycortex(dataset.views));
        source.notes = dataset.notes;
        Ok(source)
    }

    /// The transform that the file names for a map.
    fn transform(&self, index: usize) -> Option<String> {
        match &self.content {
            Content::Pycortex(views) => views[index].transform.clone(),
            _ => None,
        }
    }

    /// An image; if all its voxels lie along one axis, a map of vertices for each of its frames.
    fn image(path: &Path) -> Result<Self, GeometryError> {
        let image = Volumes::open(path, &std::env::temp_dir()).map_err(of_image)?;
        let names = vec![String::new(); image.dim().0];
        let notes = image.notes().to_vec();
        let is_vector = is_vector(image.size());
        let mut source = Self::new(names, Content::Image(image));
        source.notes = notes;
        if is_vector {
            source.side = side_of_name(path);
        }
        Ok(source)
    }

    /// The index of a map by its name, or by its number from 1.
    fn choose(&self, path: &Path, wanted: Option<&str>) -> Result<usize, GeometryError> {
        let n_maps = self.names.len();
        let failed = |sentence: String| GeometryError::of_file(&sentence, path);
        let Some(wanted) = wanted else {
            return match n_maps {
                1 => Ok(0),
                _ => Err(failed(format!(
                    "The file has {n_maps} maps; name the one to be read, or give its number: {}",
                    self.listed()
                ))),
            };
        };
        let named = self.names.iter().enumerate();
        let named: Vec<usize> = named
            .filter(|(_, name)| *name == wanted)
            .map(|(index, _)| index)
            .collect();
        let number = wanted.parse::<usize>().ok();
        let numbered = number.filter(|number| (1..=n_maps).contains(number));
        match (&named[..], numbered) {
            ([index], _) => Ok(*index),
            ([], Some(number)) => Ok(number - 1),
            ([], None) => Err(failed(format!(
                "The file has no map \"{}\". It has {}",
                wanted.escape_debug(),
                self.listed()
            ))),
            (several, _) => Err(failed(format!(
                "{} maps of the file are named \"{}\"; give a number: {}",
                several.len(),
                wanted.escape_debug(),
                self.listed()
            ))),
        }
    }

    /// The maps with their numbers, for a sentence.
    fn listed(&self) -> String {
        let words = self.names.iter().enumerate().map(|(index, name)| {
            let number = index + 1;
            if name.is_empty() {
                number.to_string()
            } else {
                format!("{number} ({})", name.escape_debug())
            }
        });
        let mut words: Vec<String> = words.take(MOST_NAMED).collect();
        if self.names.len() > MOST_NAMED {
            words.push("…".into());
        }
        words.join(", ")
    }

    fn read(&mut self, index: usize) -> Result<MapValues, GeometryError> {
        match &mut self.content {
            Content::Vertices(maps) => Ok(vector(std::mem::take(&mut maps[index].values))),
            Content::Dense(maps) => maps.read(index).map(MapValues::Sides).map_err(of_image),
            Content::Image(image) => {
                let n_voxels = image.dim().1;
                let values = image.read::<f32>(index..index + 1, 0..n_voxels);
                let values = values.map_err(of_image)?.into_iter().collect();
                if is_vector(image.size()) {
                    return Ok(vector(values));
                }
                Ok(MapValues::Image {
                    values,
                    size: image.size(),
                    affine: image.affine(),
                })
            }
            Content::Numpy(path) => numpy(path),
            Content::Pycortex(views) => {
                let view = &views[index];
                if let Some(subject) = &view.subject {
                    self.notes.push(format!(
                        "The map \"{}\" is of the subject {}.",
                        view.name.escape_debug(),
                        subject.escape_debug()
                    ));
                }
                Ok(MapValues::Array {
                    values: view.read().map_err(of_image)?,
                    shape: view.shape().to_vec(),
                })
            }
        }
    }
}

fn vector(values: Vec<f32>) -> MapValues {
    MapValues::Array {
        shape: vec![values.len()],
        values,
    }
}

/// Whether all voxels lie along one axis: FreeSurfer keeps maps of surfaces so.
fn is_vector(size: [usize; 3]) -> bool {
    size.iter().filter(|n| **n > 1).count() <= 1
}

/// An array of one to three axes.
fn numpy(path: &Path) -> Result<MapValues, GeometryError> {
    let failed = |error: NpyError| GeometryError(error.to_string());
    let mut file = std::fs::File::open(path).map_err(|error| {
        GeometryError::of_file(&format!("The file cannot be read: {error}"), path)
    })?;
    let header = header_of(&mut file, path).map_err(failed)?;
    let (shape, order) = (header.shape.clone(), header.order);
    if !(1..=3).contains(&shape.len()) {
        return Err(GeometryError::of_file(
            &format!("The array has the shape {shape:?}; a map has one axis, or three (z, y, x)"),
            path,
        ));
    }
    let n_values = header.n_values().unwrap_or(usize::MAX);
    let line = NpyHeader {
        shape: vec![1, n_values],
        order: MemoryOrder::C,
        ..header
    };
    let matrix = StoredMatrix::new(file, path, line).map_err(failed)?;
    let values = matrix.read::<f32>(0..1, 0..n_values).map_err(failed)?;
    let values: Vec<f32> = values.into_iter().collect();
    let values = match order {
        MemoryOrder::C => values,
        MemoryOrder::Fortran => {
            let array = ArrayD::from_shape_vec(IxDyn(&shape).f(), values);
            let array = array.map_err(|error| {
                GeometryError::of_file(&format!("The array is damaged: {error}"), path)
            })?;
            array.iter().copied().collect()
        }
    };
    Ok(MapValues::Array { values, shape })
}

fn of_image(error: ResponsesError) -> GeometryError {
    GeometryError(error.0)
}

fn shown(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

fn side_of_metadata(file: &GiftiFile) -> Option<Side> {
    let arrays = file.arrays.iter().flat_map(|array| &array.metadata);
    let mut entries = file.metadata.iter().chain(arrays);
    let (_, value) = entries.find(|(name, _)| name == "AnatomicalStructurePrimary")?;
    match value.as_str() {
        "CortexLeft" => Some(Side::Left),
        "CortexRight" => Some(Side::Right),
        _ => None,
    }
}

/// The hemisphere that a file's name says: `lh.`, `_lh`, `hemi-L`, `.L.`, `_left`. None if it says none, or both.
#[must_use]
pub fn side_of_name(path: &Path) -> Option<Side> {
    let name = shown(path);
    let mut found = sides_in(&name).map(|(side, _)| side);
    let first = found.next()?;
    found.all(|side| side == first).then_some(first)
}

/// The other hemisphere, and its file by the name of this one; none if the name does not say of which hemisphere it is.
#[must_use]
pub fn other_side(path: &Path) -> Option<(Side, PathBuf)> {
    let side = side_of_name(path)?;
    let name = path.file_name()?.to_str()?;
    let mut other = String::with_capacity(name.len() + 4);
    let mut done = 0;
    for (_, range) in sides_in(name) {
        other.push_str(&name[done..range.start]);
        other.push_str(counterpart(&name[range.clone()]));
        done = range.end;
    }
    other.push_str(&name[done..]);
    let other_side = match side {
        Side::Left => Side::Right,
        Side::Right => Side::Left,
    };
    Some((other_side, path.with_file_name(other)))
}

/// Words of a name that stand for a hemisphere, and where they are. A single letter does so after "hemi-" or between dots.
fn sides_in(name: &str) -> impl Iterator<Item = (Side, std::ops::Range<usize>)> {
    let mut at = 0;
    let mut before = "";
    name.split_inclusive(['.', '_', '-'])
        .filter_map(move |part| {
            let begin = at;
            at += part.len();
            let word = part.trim_end_matches(['.', '_', '-']);
            let is_after_dot = begin > 0 && name[..begin].ends_with('.') && part.ends_with('.');
            let is_letter_of_side = before == "hemi-" || is_after_dot;
            before = part;
            let side = match word {
                "lh" | "left" | "Left" | "LH" => Side::Left,
                "rh" | "right" | "Right" | "RH" => Side::Right,
                "L" if is_letter_of_side => Side::Left,
                "R" if is_letter_of_side => Side::Right,
                _ => return None,
            };
            Some((side, begin..begin + word.len()))
        })
}

fn counterpart(word: &str) -> &'static str {
    match word {
        "lh" => "rh",
        "rh" => "lh",
        "LH" => "RH",
        "RH" => "LH",
        "left" => "right",
        "right" => "left",
        "Left" => "Right",
        "Right" => "Left",
        "L" => "R",
        _ => "L",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_the_hemisphere_and_the_file_of_the_other() {
        for (left, right) in [
            ("lh.r.func.gii", "rh.r.func.gii"),
            (
                "sub-L_hemi-L_space-x_bold.func.gii",
                "sub-L_hemi-R_space-x_bold.func.gii",
            ),
            (
                "100307.L.thickness.shape.gii",
                "100307.R.thickness.shape.gii",
            ),
            ("map_lh.gii", "map_rh.gii"),
            ("scores_left.npy", "scores_right.npy"),
            ("lh.x.lh.mgh", "rh.x.rh.mgh"),
        ] {
            let (left, right) = (Path::new(left), Path::new(right));
            assert_eq!(side_of_name(left), Some(Side::Left), "{}", left.display());
            assert_eq!(
                side_of_name(right),
                Some(Side::Right),
                "{}",
                right.display()
            );
            assert_eq!(other_side(left), Some((Side::Right, right.into())));
            assert_eq!(other_side(right), Some((Side::Left, left.into())));
        }
        for name in [
            "map.func.gii",
            "lh.rh.gii",
            "sub-L_map.gii",
            "L.gii",
            "leftover.gii",
            "über.gii",
        ] {
            assert_eq!(side_of_name(Path::new(name)), None, "{name}");
        }
    }
}
