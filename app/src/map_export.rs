//! Maps of a subject in the formats of other programs: what `heschl export` and the window write.

mod format;
mod regions;
mod surfaces;
mod tables;
mod volumes;

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use heschl_core::brain::{Mapper, Missing, Sampler, Side, Subject, map_names};
use heschl_core::run::store::atomic;

use crate::brain_map::{BrainMap, FSAVERAGE5, OpenSubject, PlacedMap};
use crate::console::note;
use crate::derived_maps::{data_argument, record_of};
use crate::failure::Failure;

pub(crate) use format::Format;
pub(crate) use regions::{are_regions, write_regions};

/// Write maps of the cortex in the formats of other programs
///
/// The ending of the file says the format: .nii, .nii.gz (volumes), .func.gii, .mgh, .mgz (a file for each hemisphere),
/// .dscalar.nii (CIFTI-2), .annot, .label (FreeSurfer), .hf5 (pycortex), .csv (a row per vertex, voxel or region). Regions
/// that were drawn in the window and saved as JSON are written as .label, .annot, .label.gii, or .svg: a copy of the subject's
/// overlays.svg of pycortex with them, or a new one.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Scores (scores.npz), an archive with arrays, a NumPy array (.npy), an image (NIfTI, mgh), CIFTI-2 (.dscalar.nii,
    /// .dlabel.nii), a map of one hemisphere (GIFTI, mgh), beside which the other is looked for, or drawn regions (.json); or
    /// the folder of scores or of maps from "heschl map"
    #[arg(value_parser = data_argument)]
    pub(crate) data: PathBuf,

    /// "fsaverage5", or the folder of a subject of FreeSurfer, fMRIPrep or pycortex
    #[arg(long, value_name = "SUBJECT", default_value = FSAVERAGE5)]
    pub(crate) subject: String,

    /// Transform from the subject's surfaces to the image, if there are several
    #[arg(long, value_name = "NAME")]
    xfm: Option<String>,

    /// Column of the scores, array of the archive, or map of the file, by its name or number; may be given several times
    /// [default: r of scores, else all]
    #[arg(long, value_name = "NAME")]
    map: Vec<String>,

    /// How vertices get their values from voxels, in formats of surfaces
    #[arg(long, value_enum, default_value_t = Sampling::Nearest, conflicts_with = "depths")]
    sampler: Sampling,

    /// Give vertices the mean over so many depths between pial and white
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    depths: Option<u16>,

    /// In a table, a row for each region of a parcellation such as "aparc", or of a FILE (drawn regions saved as JSON, label,
    /// annot, GIFTI), instead of each vertex or voxel
    #[arg(long, value_name = "REGIONS")]
    by_region: Option<String>,

    /// Least value of a vertex in a label
    #[arg(long, value_name = "VALUE", allow_negative_numbers = true)]
    threshold: Option<f32>,

    /// File to write; formats of one hemisphere write two, whose names begin with "lh." and "rh." unless FILE says a
    /// hemisphere
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Sampling {
    Nearest,
    Trilinear,
}

/// Maps of one subject.
struct Maps<'a> {
    open: &'a OpenSubject,
    maps: Vec<NamedMap>,
}

struct NamedMap {
    name: String,
    map: BrainMap,
}

/// Values of the vertices of the left and the right hemisphere.
type Sides = [Vec<f32>; 2];

/// A file and its content.
type Written = (PathBuf, Vec<u8>);

/// Writes the maps of the data; returns the files.
///
/// # Errors
/// A sentence if the data do not fit the subject or the format, or a file cannot be read or written.
pub(crate) fn write(
    args: &Args,
    format: Format,
    open: &OpenSubject,
) -> Result<Vec<PathBuf>, Failure> {
    let maps = Maps::read(args, open)?;
    let files = encode(args, format, &maps)?;
    for (path, bytes) in &files {
        atomic::write(path, bytes)?;
    }
    Ok(files.into_iter().map(|(path, _)| path).collect())
}

/// Writes maps of a file, such as columns of scores, in the format that the name of the file to be written says; returns the
/// files.
///
/// # Errors
/// As [`write`].
pub(crate) fn write_maps(
    data: &Path,
    names: &[String],
    (open, transform): (&OpenSubject, Option<&str>),
    out: PathBuf,
) -> Result<Vec<PathBuf>, Failure> {
    let format = Format::of(&out)?;
    let args = Args {
        data: data.to_path_buf(),
        subject: String::new(),
        xfm: transform.map(str::to_owned),
        map: names.to_vec(),
        sampler: Sampling::Nearest,
        depths: None,
        by_region: None,
        threshold: None,
        out,
    };
    write(&args, format, open)
}

fn encode(args: &Args, format: Format, maps: &Maps) -> Result<Vec<Written>, Failure> {
    if format != Format::Csv && args.by_region.is_some() {
        return Err(Failure::new(
            "Only tables (.csv) have a row for each region. Choose a name that ends so, or leave out --by-region.".into(),
        ));
    }
    let one = |bytes: Vec<u8>| vec![(args.out.clone(), bytes)];
    match format {
        Format::Nifti { is_packed } => volumes::nifti(maps, is_packed).map(one),
        Format::Dataset => volumes::dataset(maps).map(one),
        Format::Cifti => surfaces::cifti(maps, args).map(one),
        Format::Gifti | Format::Mgh { .. } => surfaces::of_each_side(maps, args, format),
        Format::Annot => surfaces::annot(maps, args),
        Format::Label => surfaces::label(maps, args),
        Format::Csv => match &args.by_region {
            Some(name) => tables::by_region(maps, args, name).map(one),
            None => tables::by_place(maps).map(one),
        },
    }
}

impl<'a> Maps<'a> {
    fn read(args: &Args, open: &'a OpenSubject) -> Result<Self, Failure> {
        let mut maps = Vec::new();
        let mut told = Vec::new();
        for name in names(args)? {
            let map = BrainMap::read(&args.data, name.as_deref(), open, args.xfm.as_deref())?;
            for sentence in &map.notes {
                if !told.contains(sentence) {
                    note(format_args!("{sentence}"));
                    told.push(sentence.clone());
                }
            }
            let name = map.title(&args.data, name.as_deref());
            maps.push(NamedMap { name, map });
        }
        Ok(Self { open, maps })
    }

    fn subject(&self) -> &Subject {
        &self.open.subject
    }

    /// The values of the vertices of each map. Values of voxels are sampled.
    fn of_vertices(&self, args: &Args) -> Result<Vec<(&str, Sides)>, Failure> {
        let maps = self.maps.iter();
        maps.map(|named| {
            let sides = of_vertices(&named.map.values, self.subject(), args)?;
            Ok((named.name.as_str(), sides))
        })
        .collect()
    }
}

/// The names of the maps to be written; `None` for the only one, or the usual column of scores.
fn names(args: &Args) -> Result<Vec<Option<String>>, Failure> {
    if !args.map.is_empty() {
        return Ok(args.map.iter().cloned().map(Some).collect());
    }
    if let Some(record) = record_of(&args.data) {
        let names = record.maps.into_iter().map(|entry| Some(entry.name));
        return Ok(names.collect());
    }
    let is_archive = args.data.extension().is_some_and(|ending| ending == "npz");
    if is_archive {
        return Ok(vec![None]);
    }
    let n_maps = map_names(&args.data)?.len();
    if n_maps == 1 {
        return Ok(vec![None]);
    }
    Ok((1..=n_maps)
        .map(|number| Some(number.to_string()))
        .collect())
}

fn of_vertices(map: &PlacedMap, subject: &Subject, args: &Args) -> Result<Sides, Failure> {
    let (volume, transform) = match map {
        PlacedMap::Vertices(sides) => return Ok(sides.clone()),
        PlacedMap::Volume { values, transform } => (values.as_standard_layout(), transform),
    };
    let volume = volume.as_slice().unwrap_or_default();
    let sampler = match (args.depths, args.sampler) {
        (Some(n_depths), _) => Sampler::MeanOverDepths { n_depths },
        (None, Sampling::Nearest) => Sampler::Nearest,
        (None, Sampling::Trilinear) => Sampler::Trilinear,
    };
    let of = |side: Side| {
        let mapper = Mapper::new(subject.hemisphere(side), transform, sampler);
        let mapper = mapper.map_err(|error| {
            Failure::new(format!(
                "The voxels cannot be mapped to the {side} hemisphere: {error}."
            ))
        })?;
        Ok::<_, Failure>(mapper.map(volume, Missing::IsSkipped))
    };
    Ok([of(Side::Left)?, of(Side::Right)?])
}
