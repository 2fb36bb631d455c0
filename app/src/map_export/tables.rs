//! Tables: a row for each vertex, voxel or region.

use std::fmt::Write as _;
use std::path::Path;

use heschl_core::brain::drawing::DrawnRegions;
use heschl_core::brain::{
    Hemisphere, Hemispheres, Parcellation, RegionRow, Side, Significance, region_table,
};
use heschl_core::run::encoding::{Column, ScoreTable};

use super::{Args, Maps, Sides, of_vertices};
use crate::brain_map::{BrainMap, PlacedMap};
use crate::console::note;
use crate::csv::cell;
use crate::drawn_regions;
use crate::failure::Failure;

/// A row for each vertex, or for each voxel at which a map has a value.
pub(super) fn by_place(maps: &Maps) -> Result<Vec<u8>, Failure> {
    let mut vertices = Vec::new();
    let mut volumes = Vec::new();
    for named in &maps.maps {
        match &named.map.values {
            PlacedMap::Vertices(sides) => vertices.push(sides),
            PlacedMap::Volume { values, .. } => volumes.push(values),
        }
    }
    match (&vertices[..], &volumes[..]) {
        (_, []) => Ok(of_vertex(maps, &vertices).into_bytes()),
        ([], _) => Ok(of_voxel(maps, &volumes).into_bytes()),
        _ => Err(Failure::new(
            "Some maps have a value for each vertex and others for each voxel. Write them into tables of their own.".into(),
        )),
    }
}

/// The heads of the columns of the maps.
fn heads(maps: &Maps) -> String {
    let mut heads = String::new();
    for named in &maps.maps {
        let _ = write!(heads, ",{}", cell(&named.name));
    }
    heads
}

fn of_vertex(maps: &Maps, values: &[&Sides]) -> String {
    let parcellations = &maps.subject().parcellations;
    let mut text = String::from("hemisphere,vertex");
    for parcellation in parcellations {
        let _ = write!(text, ",{}", cell(&parcellation.name));
    }
    text.push_str(&heads(maps));
    text.push('\n');
    for side in Side::BOTH {
        for vertex in 0..maps.subject().hemisphere(side).n_vertices() {
            let _ = write!(text, "{side},{vertex}");
            for parcellation in parcellations {
                let region = region(parcellation, side, vertex).map(cell);
                let _ = write!(text, ",{}", region.unwrap_or_default());
            }
            for values in values {
                let value = values[side.index()].get(vertex);
                let _ = write!(text, ",{}", value.copied().unwrap_or(f32::NAN));
            }
            text.push('\n');
        }
    }
    text
}

fn region(parcellation: &Parcellation, side: Side, vertex: usize) -> Option<&str> {
    let region = *parcellation.of_vertex[side.index()].get(vertex)?;
    let region = parcellation.regions.get(usize::from(region?))?;
    Some(&region.name)
}

/// Voxels in the order of NumPy's arrays (z, y, x).
fn of_voxel(maps: &Maps, volumes: &[&ndarray::Array3<f32>]) -> String {
    let mut text = format!("index,x,y,z{}\n", heads(maps));
    let Some(first) = volumes.first() else {
        return text;
    };
    for (index, ((z, y, x), _)) in first.indexed_iter().enumerate() {
        let values = volumes.iter().map(|volume| volume[(z, y, x)]);
        if values.clone().all(f32::is_nan) {
            continue;
        }
        let _ = write!(text, "{index},{x},{y},{z}");
        for value in values {
            let _ = write!(text, ",{value}");
        }
        text.push('\n');
    }
    text
}

/// A row for each region and hemisphere: number of vertices, and of each map the number of values, their mean and, of scores,
/// the share of significant vertices.
pub(super) fn by_region(maps: &Maps, args: &Args, name: &str) -> Result<Vec<u8>, Failure> {
    let sets = sets(maps, name)?;
    let q = q_values(maps, args)?;
    let significance = q.as_ref().map(|(sides, level)| Significance {
        q: [&sides[0], &sides[1]],
        level: *level,
    });
    let mut tables: Vec<(&str, Vec<RegionRow>)> = Vec::new();
    let values = maps.of_vertices(args)?;
    for (name, [left, right]) in &values {
        let mut rows = Vec::new();
        for set in &sets {
            let own = region_table(set, [left, right], significance, Hemispheres::Separate);
            let own =
                own.map_err(|error| Failure::new(format!("The table cannot be made: {error}.")))?;
            rows.extend(own);
        }
        tables.push((name, rows));
    }
    Ok(table_of_regions(&tables, q.is_some()).into_bytes())
}

/// The regions of a set of the subject, or of a file. Drawn regions may overlap, so that each is a set of its own.
fn sets(maps: &Maps, name: &str) -> Result<Vec<Parcellation>, Failure> {
    let subject = maps.subject();
    if let Some(set) = subject.parcellation(name) {
        return Ok(vec![set.clone()]);
    }
    let path = Path::new(name);
    if path.is_file() {
        let (drawn, notes) = drawn_regions::read(path, subject)?;
        for sentence in notes {
            note(format_args!("{sentence}"));
        }
        let n_vertices = subject.hemispheres.each_ref().map(Hemisphere::n_vertices);
        let regions = drawn.regions.into_iter();
        let alone = regions.map(|region| DrawnRegions {
            regions: vec![region],
        });
        return Ok(alone.map(|one| one.parcellation(n_vertices)).collect());
    }
    let known = subject.parcellations.iter().map(|it| it.name.as_str());
    Err(Failure::new(format!(
        "{} has no regions \"{}\", and there is no such file. Choose one of: {}.",
        subject.name,
        name.escape_debug(),
        known.collect::<Vec<_>>().join(", ")
    )))
}

fn table_of_regions(tables: &[(&str, Vec<RegionRow>)], has_q: bool) -> String {
    let mut text = String::from("region,hemisphere,vertices");
    if has_q {
        text.push_str(",share significant");
    }
    for (name, _) in tables {
        let _ = write!(
            text,
            ",{},{}",
            cell(&format!("{name} mean")),
            cell(&format!("{name} values"))
        );
    }
    text.push('\n');
    let n_rows = tables.first().map_or(0, |(_, rows)| rows.len());
    for at in 0..n_rows {
        let row = &tables[0].1[at];
        let side = row.side.map(|side| side.to_string()).unwrap_or_default();
        let _ = write!(text, "{},{side},{}", cell(&row.region), row.n_vertices);
        if has_q {
            let _ = write!(text, ",{}", row.significant_share.unwrap_or(f64::NAN));
        }
        for (_, rows) in tables {
            let _ = write!(text, ",{},{}", rows[at].mean, rows[at].n_values);
        }
        text.push('\n');
    }
    text
}

/// q at the vertices, and the level below which a vertex is significant.
type SignificantBelow = (Sides, f64);

/// The q values of scores and the level of their fit; none of other data, or without q.
fn q_values(maps: &Maps, args: &Args) -> Result<Option<SignificantBelow>, Failure> {
    let Ok(table) = ScoreTable::read(&args.data) else {
        return Ok(None);
    };
    if !table.column(Column::Q).any(f64::is_finite) {
        return Ok(None);
    }
    let name = Some(Column::Q.name());
    let q = BrainMap::read(&args.data, name, maps.open, args.xfm.as_deref())?;
    let sides = of_vertices(&q.values, maps.subject(), args)?;
    Ok(Some((sides, table.fdr_level)))
}
