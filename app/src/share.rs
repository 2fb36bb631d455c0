//! Scores on the cortex as one HTML file, which a browser opens from disk and in which the cortex can be turned.

use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use heschl_core::brain::{Parcellation, Side, Subject};
use heschl_core::files::formats::npy::StoredMatrix;
use heschl_core::run::encoding::{Column, ScoreTable};
use heschl_core::run::progress::CancelToken;
use heschl_core::run::recipe::EncodeFile;
use heschl_core::scene::{ColourMap, PoseParts};
use ndarray::Array2;
use serde_json::{Map, Value, json};

use crate::brain_map::{OpenSubject, Placement, recorded_space};
use crate::failure::Failure;
use crate::test_responses::measured;

const PAGE: &str = include_str!("share/page.html");
const SCRIPT: &str = include_str!("share/page.js");
/// Depth of the folded surface.
const DEPTH: f32 = 0.5;
/// Unfolding at first.
const UNFOLD: f32 = 0.5;
/// Share of the values below the last colour.
const BRIGHTEST_SHARE: f64 = 0.99;
/// Bytes of time courses at most.
const MOST_COURSE_BYTES: usize = 2_500_000;
/// Maps of the file, where the scores have them.
const MAPS: [(Column, &str); 5] = [
    (Column::R, "r"),
    (Column::NormalisedR, "ceiling-normalised r"),
    (Column::R2, "R²"),
    (Column::NoiseCeiling, "noise ceiling"),
    (Column::ExplainableVariance, "explainable variance"),
];

/// What is shared.
pub(crate) struct Shared<'a> {
    /// The folder of the scores.
    pub(crate) scores: &'a Path,
    /// The subject.
    pub(crate) open: &'a OpenSubject,
    /// The transform to the image of the voxels, if it must be named.
    pub(crate) transform: Option<&'a str>,
    /// The colour map.
    pub(crate) colours: ColourMap,
    /// Heading of the page.
    pub(crate) title: &'a str,
}

/// The page, and what could not be put into it.
pub(crate) struct Page {
    pub(crate) html: String,
    pub(crate) notes: Vec<String>,
}

impl Shared<'_> {
    /// Makes the page.
    ///
    /// # Errors
    /// A sentence if the scores cannot be read or do not fit the subject.
    pub(crate) fn page(&self) -> Result<Page, Failure> {
        let table = ScoreTable::read(&self.scores.join("scores.npz"))?;
        let subject = &*self.open.subject;
        let image = recorded_space(self.scores);
        let placement = Placement::find(
            &[table.voxels.len()],
            image.as_ref(),
            self.open,
            self.transform,
        )?;
        let mut notes = placement.notes.clone();
        let mut arrays = Arrays::default();
        arrays.add("colours", self.colours.table().concat());
        let mut header = geometry(subject, &mut arrays)?;
        header.insert(
            "maps".into(),
            maps(&table, subject, &placement, &mut arrays)?,
        );
        header.insert("fdr_level".into(), json!(table.fdr_level));
        for side in Side::BOTH {
            let voxels = placement.indices(subject, side);
            let numbers = voxels
                .iter()
                .map(|voxel| voxel.map_or(0, |at| at as u32 + 1));
            arrays.add(&format!("{side}.voxels"), numbers.collect::<Vec<u32>>());
        }
        header.insert("regions".into(), regions(subject, &mut arrays));
        match courses(self.scores, &table, &mut arrays) {
            Ok(n_scans) => {
                header.insert("n_scans".into(), json!(n_scans));
            }
            Err(sentence) => notes.push(format!("Without time courses: {sentence}")),
        }
        header.insert("view".into(), json!({ "unfold": UNFOLD }));
        header.insert("arrays".into(), Value::Object(arrays.places));
        let n_significant = table.voxels.iter().filter(|voxel| {
            let q = voxel.get(Column::Q);
            q <= table.fdr_level
        });
        let subtitle = format!(
            "{} on {}; {} of {} voxels significant (FDR < {}). Made with Heschl {}.",
            "Prediction of held-out stories",
            subject.name,
            n_significant.count(),
            table.voxels.len(),
            table.fdr_level,
            env!("CARGO_PKG_VERSION")
        );
        let html = PAGE
            .replace("{{title}}", &escaped(self.title))
            .replace("{{subtitle}}", &escaped(&subtitle))
            .replace(
                "{{header}}",
                &for_script(&Value::Object(header).to_string()),
            )
            .replace("{{script}}", SCRIPT)
            .replace("{{data}}", &BASE64_STANDARD.encode(&arrays.bytes));
        Ok(Page { html, notes })
    }
}

/// Text within HTML.
fn escaped(text: &str) -> String {
    heschl_core::figure::escaped(text)
}

/// JSON within a script element, which nothing in it can end.
fn for_script(json: &str) -> String {
    json.replace('<', "\\u003c")
}

/// Arrays one behind the other, each at a multiple of four bytes.
#[derive(Default)]
struct Arrays {
    bytes: Vec<u8>,
    places: Map<String, Value>,
}

/// A number of a kind that the page reads.
trait Stored: Copy {
    const KIND: &'static str;
    fn append(self, bytes: &mut Vec<u8>);
}

macro_rules! stored {
    ($($number:ty, $kind:literal);*) => {$(
        impl Stored for $number {
            const KIND: &'static str = $kind;
            fn append(self, bytes: &mut Vec<u8>) {
                bytes.extend(self.to_le_bytes());
            }
        }
    )*};
}
stored!(f32, "f4"; i16, "i2"; i8, "i1"; u8, "u1"; u16, "u2"; u32, "u4");

impl Arrays {
    fn add<T: Stored>(&mut self, name: &str, values: Vec<T>) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
        let place = json!({ "kind": T::KIND, "at": self.bytes.len(), "n": values.len() });
        self.places.insert(name.into(), place);
        for value in values {
            value.append(&mut self.bytes);
        }
    }

    /// Adds coordinates as whole numbers of 16 bits; returns the length of 1, mm.
    fn add_points(&mut self, name: &str, points: &[[f32; 3]]) -> f32 {
        let all = points.as_flattened();
        let most = all
            .iter()
            .fold(1e-6_f32, |most, value| most.max(value.abs()));
        let unit = most / 32_000.0;
        let whole = all.iter().map(|value| (value / unit).round() as i16);
        self.add(name, whole.collect());
        unit
    }

    fn add_normals(&mut self, name: &str, normals: &[[f32; 3]]) {
        let all = normals.as_flattened().iter();
        self.add(
            name,
            all.map(|value| (value * 127.0).round() as i8).collect(),
        );
    }

    /// Adds triangles, in 16 bits where these are enough.
    fn add_triangles(&mut self, name: &str, triangles: &[[u32; 3]], n_vertices: usize) {
        let all = triangles.as_flattened();
        if u16::try_from(n_vertices).is_ok() {
            self.add(name, all.iter().map(|vertex| *vertex as u16).collect());
        } else {
            self.add(name, all.to_vec());
        }
    }
}

/// Surfaces and curvature of both hemispheres.
fn geometry(subject: &Subject, arrays: &mut Arrays) -> Result<Map<String, Value>, Failure> {
    let mut sides = Map::new();
    let (mut has_inflated, mut has_flat) = (true, true);
    let mut posterior = 0.0;
    for side in Side::BOTH {
        let parts = PoseParts::of(subject, side, DEPTH)?;
        let hemisphere = subject.hemisphere(side);
        let n_vertices = hemisphere.n_vertices();
        let mut scales = [1.0; 3];
        scales[0] = arrays.add_points(&format!("{side}.folded"), &parts.folded.0);
        arrays.add_normals(&format!("{side}.folded_normals"), &parts.folded.1);
        if let Some((points, normals)) = &parts.inflated {
            scales[1] = arrays.add_points(&format!("{side}.inflated"), points);
            arrays.add_normals(&format!("{side}.inflated_normals"), normals);
        }
        if let (Some(points), Some(triangles)) = (&parts.flat, parts.flat_triangles) {
            scales[2] = arrays.add_points(&format!("{side}.flat"), points);
            arrays.add_triangles(&format!("{side}.flat_triangles"), triangles, n_vertices);
        }
        arrays.add_triangles(&format!("{side}.triangles"), parts.triangles, n_vertices);
        if let Some(curvature) = &hemisphere.curvature {
            let signs = curvature
                .iter()
                .map(|value| if *value > 0.0 { 1_i8 } else { -1 });
            arrays.add(&format!("{side}.curvature"), signs.collect());
        }
        has_inflated &= parts.inflated.is_some();
        has_flat &= parts.flat.is_some();
        posterior = parts.posterior;
        sides.insert(
            side.to_string(),
            json!({
                "n_vertices": n_vertices,
                "scales": scales,
                "length": parts.length,
                "is_inside_out": parts.is_inside_out,
            }),
        );
    }
    let mut header = Map::new();
    header.insert("sides".into(), Value::Object(sides));
    header.insert("has_inflated".into(), json!(has_inflated));
    header.insert("has_flat".into(), json!(has_flat));
    header.insert("posterior".into(), json!(posterior));
    Ok(header)
}

/// The columns of the scores that have values, and q.
fn maps(
    table: &ScoreTable,
    subject: &Subject,
    placement: &Placement,
    arrays: &mut Arrays,
) -> Result<Value, Failure> {
    let of_vertices = |column: Column| {
        let values: Vec<f32> = table.column(column).map(|value| value as f32).collect();
        let most = nearly_largest(&values);
        let map = placement.map(values)?;
        Ok::<_, Failure>((placement.of_vertices(&map, subject)?, most))
    };
    let mut maps = Vec::new();
    for (column, words) in MAPS {
        let (values, Some(most)) = of_vertices(column)? else {
            continue;
        };
        let number = maps.len();
        for (side, values) in Side::BOTH.into_iter().zip(values) {
            arrays.add(&format!("{side}.map{number}"), values);
        }
        maps.push(json!({ "words": words, "limits": [0.0, most] }));
    }
    if maps.is_empty() {
        return Err(Failure::new("The scores have no finite value.".into()));
    }
    let (q, _) = of_vertices(Column::Q)?;
    for (side, q) in Side::BOTH.into_iter().zip(q) {
        arrays.add(&format!("{side}.q"), q);
    }
    Ok(Value::Array(maps))
}

/// Nearly the largest value; `None` if none is above zero.
fn nearly_largest(values: &[f32]) -> Option<f32> {
    let mut sorted: Vec<f32> = values.to_vec();
    sorted.retain(|value| value.is_finite());
    sorted.sort_by(f32::total_cmp);
    let at = (sorted.len().saturating_sub(1) as f64 * BRIGHTEST_SHARE).round() as usize;
    sorted.get(at).copied().filter(|most| *most > 0.0)
}

/// The regions by which vertices are named.
fn regions(subject: &Subject, arrays: &mut Arrays) -> Value {
    let known = subject.parcellation("aparc");
    let Some(regions) = known.or(subject.parcellations.first()) else {
        return json!([]);
    };
    let Parcellation { of_vertex, .. } = regions;
    for (side, of_vertex) in Side::BOTH.into_iter().zip(of_vertex) {
        let numbers = of_vertex.iter().map(|region| region.map_or(0, |at| at + 1));
        arrays.add(&format!("{side}.regions"), numbers.collect());
    }
    regions
        .regions
        .iter()
        .map(|region| region.name.as_str())
        .collect()
}

/// Measured and predicted time courses of the best voxels, in 8 bits; returns the number of scans.
fn courses(scores: &Path, table: &ScoreTable, arrays: &mut Arrays) -> Result<usize, String> {
    let path = scores.join("predictions.npy");
    if !path.is_file() {
        return Err("the predictions of this fit were not saved.".into());
    }
    let predictions = StoredMatrix::open(&path).map_err(|error| error.to_string())?;
    let (n_scans, n_voxels) = predictions.dim();
    if n_voxels != table.voxels.len() {
        return Err(format!(
            "the predictions are of {n_voxels} voxels, not of {}.",
            table.voxels.len()
        ));
    }
    let r: Vec<f64> = table.column(Column::R).collect();
    let mut best: Vec<usize> = (0..n_voxels).filter(|voxel| r[*voxel] > 0.0).collect();
    best.sort_by(|a, b| r[*b].total_cmp(&r[*a]));
    best.truncate(MOST_COURSE_BYTES / (2 * n_scans.max(1)));
    best.sort_unstable();
    let recipe =
        EncodeFile::read(&scores.join("recipe.toml")).map_err(|error| error.to_string())?;
    let recipe = recipe.encode.rooted(scores);
    let all = measured(
        &recipe,
        std::slice::from_ref(&(0..n_voxels)),
        &CancelToken::default(),
    )?;
    if all.nrows() != n_scans {
        return Err("the responses have changed since the fit.".into());
    }
    let predicted: Array2<f64> = predictions
        .read(0..n_scans, 0..n_voxels)
        .map_err(|error| error.to_string())?;
    let mut scales = Vec::new();
    let mut stored = [Vec::new(), Vec::new()];
    for voxel in &best {
        for (array, stored) in [&all, &predicted].into_iter().zip(&mut stored) {
            let values = array.column(*voxel);
            let finite = values.iter().filter(|value| value.is_finite());
            let most = finite.fold(1e-12_f64, |most, value| most.max(value.abs()));
            scales.push((most / 127.0) as f32);
            stored.extend(
                values
                    .iter()
                    .map(|value| (value / most * 127.0).round() as i8),
            );
        }
    }
    let [measured, predicted] = stored;
    arrays.add(
        "courses.voxels",
        best.iter().map(|voxel| *voxel as u32).collect(),
    );
    arrays.add("courses.scales", scales);
    arrays.add("courses.measured", measured);
    arrays.add("courses.predicted", predicted);
    Ok(n_scans)
}
