//! Maps of vertices: GIFTI, CIFTI-2 and FreeSurfer's formats.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use heschl_core::brain::{Hemisphere, Side, Surface, SurfaceKind, other_side, side_of_name};
use heschl_core::files::formats::compressed::gzip;
use heschl_core::files::formats::freesurfer::{annot as annot_file, label::Label};
use heschl_core::files::formats::mesh::{LabelledVertices, TableEntry};
use heschl_core::files::formats::{cifti, gifti, mgh};

use super::format::Format;
use super::{Args, Maps, Sides, Written};
use crate::console::note;
use crate::failure::Failure;

/// Regions of a parcellation made of a map's values; more are no categories.
const MOST_REGIONS: usize = 1000;

/// The maps as CIFTI-2.
pub(super) fn cifti(maps: &Maps, args: &Args) -> Result<Vec<u8>, Failure> {
    let maps = maps.of_vertices(args)?;
    let maps: Vec<(&str, [&[f32]; 2])> = maps
        .iter()
        .map(|(name, [left, right])| (*name, [&left[..], &right[..]]))
        .collect();
    Ok(cifti::write::encode(&maps)?)
}

/// A file of the maps for each hemisphere.
pub(super) fn of_each_side(
    maps: &Maps,
    args: &Args,
    format: Format,
) -> Result<Vec<Written>, Failure> {
    let maps = maps.of_vertices(args)?;
    let paths = paths(&args.out);
    let file = |side: Side| {
        let of_side: Vec<(&str, &[f32])> = maps
            .iter()
            .map(|(name, sides)| (*name, &sides[side.index()][..]))
            .collect();
        let bytes = match (format, side) {
            (Format::Mgh { is_packed: true }, _) => gzip(&mgh::encode(&of_side)?)?,
            (Format::Mgh { .. }, _) => mgh::encode(&of_side)?,
            (_, Side::Left) => gifti::write::encode("CortexLeft", &of_side)?,
            (_, Side::Right) => gifti::write::encode("CortexRight", &of_side)?,
        };
        Ok((paths[side.index()].clone(), bytes))
    };
    Side::BOTH.into_iter().map(file).collect()
}

/// The files of the left and of the right hemisphere.
pub(super) fn paths(out: &Path) -> [PathBuf; 2] {
    match (side_of_name(out), other_side(out)) {
        (Some(Side::Left), Some((_, right))) => [out.to_path_buf(), right],
        (Some(Side::Right), Some((_, left))) => [left, out.to_path_buf()],
        _ => {
            let name = out.file_name().unwrap_or_default().to_string_lossy();
            ["lh", "rh"].map(|short| out.with_file_name(format!("{short}.{name}")))
        }
    }
}

/// The only map, for formats without several.
fn only<'a>(maps: &'a [(&'a str, Sides)], args: &Args) -> Result<&'a (&'a str, Sides), Failure> {
    match maps {
        [only] => Ok(only),
        _ => Err(Failure::new(format!(
            "The format holds one map, and there are {}. Choose one with --map.\nFile: {}",
            maps.len(),
            args.out.display()
        ))),
    }
}

/// A parcellation for each hemisphere, with a region for each value of the map.
pub(super) fn annot(maps: &Maps, args: &Args) -> Result<Vec<Written>, Failure> {
    let maps = maps.of_vertices(args)?;
    let (name, sides) = only(&maps, args)?;
    let mut index: BTreeMap<i64, u16> = BTreeMap::new();
    for value in sides.iter().flatten().filter(|value| !value.is_nan()) {
        let whole = whole(*value).ok_or_else(|| {
            Failure::new(format!(
                "A parcellation has a region for each whole number, and \"{name}\" has the value {value}. Choose a map of \
                 categories, or another format."
            ))
        })?;
        index.insert(whole, 0);
        if index.len() > MOST_REGIONS {
            return Err(Failure::new(format!(
                "\"{name}\" has more than {MOST_REGIONS} different values, which are no categories. Choose another format."
            )));
        }
    }
    for (at, place) in (0..).zip(index.values_mut()) {
        *place = at;
    }
    let table: Vec<TableEntry> = index
        .keys()
        .map(|value| TableEntry {
            key: 0,
            name: format!("{name} {value}"),
            colour: None,
        })
        .collect();
    let paths = paths(&args.out);
    let file = |(values, path): (&Vec<f32>, PathBuf)| {
        let region = |value: &f32| whole(*value).and_then(|value| index.get(&value).copied());
        let regions = LabelledVertices {
            table: table.clone(),
            of_vertex: values.iter().map(region).collect(),
            notes: vec![],
        };
        Ok((path, annot_file::encode(&regions)?))
    };
    sides.iter().zip(paths).map(file).collect()
}

fn whole(value: f32) -> Option<i64> {
    (value.fract() == 0.0 && value.abs() < 1e9).then_some(value as i64)
}

/// A label for each hemisphere: its vertices with a value, at least the threshold if there is one.
pub(super) fn label(maps: &Maps, args: &Args) -> Result<Vec<Written>, Failure> {
    let subject = maps.subject();
    let maps = maps.of_vertices(args)?;
    let (_, sides) = only(&maps, args)?;
    let mut files = Vec::new();
    for ((side, values), path) in Side::BOTH.into_iter().zip(sides).zip(paths(&args.out)) {
        let label = label_of(values, subject.hemisphere(side), side, args.threshold)?;
        if label.vertices.is_empty() {
            note(format_args!(
                "No vertex of the {side} hemisphere is in the label; {} is not written.",
                path.display()
            ));
        } else {
            files.push((path, label.encode(&subject.name)?));
        }
    }
    if files.is_empty() {
        return Err(Failure::new(
            "No vertex is in the label. Choose a lower --threshold.".into(),
        ));
    }
    Ok(files)
}

fn label_of(
    values: &[f32],
    hemisphere: &Hemisphere,
    side: Side,
    threshold: Option<f32>,
) -> Result<Label, Failure> {
    let surface = hemisphere
        .surface(SurfaceKind::White)
        .or(hemisphere.surface(SurfaceKind::Middle));
    let points = surface.map(Surface::points).ok_or_else(|| {
        Failure::new(format!(
            "A label has coordinates of the white surface, which is missing of the {side} hemisphere."
        ))
    })?;
    let mut label = Label::default();
    for ((vertex, value), point) in (0..).zip(values).zip(points) {
        let is_inside = !value.is_nan() && threshold.is_none_or(|least| *value >= least);
        if is_inside {
            label.vertices.push(vertex);
            label.points.push(*point);
            label.values.push(*value);
        }
    }
    Ok(label)
}
