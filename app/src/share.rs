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

#[cfg(test)]
mod tests {
    use heschl_core::files::formats::npz_arrays::{MemoryOrder, header};
    use heschl_core::run::encoding::VoxelScores;

    use super::*;

    const N: usize = 20_484;
    const N_SCANS: usize = 6;
    /// A recipe of a fit that predicts story a.
    const RECIPE: &str = include_str!("share/test_recipe.toml");

    /// Scores of every vertex of fsaverage5: 0.5 at the left but for its first vertex, which has none, and 0.1 at the right; with
    /// predictions and responses.
    fn scores(folder: &Path) -> ScoreTable {
        let voxels = (0..N).map(|vertex| {
            let mut voxel = VoxelScores::default();
            if vertex > 0 {
                let is_left = vertex < N / 2;
                voxel.set(Column::R, if is_left { 0.5 } else { 0.1 });
                voxel.set(Column::Q, if is_left { 0.001 } else { 0.5 });
            }
            voxel
        });
        let table = ScoreTable {
            first_voxel: 0,
            voxels: voxels.collect(),
            alphas: vec![1.0],
            round_scores: Array2::zeros((1, N)),
            draws: vec![],
            fdr_level: 0.05,
        };
        std::fs::write(folder.join("scores.npz"), table.to_npz().unwrap()).unwrap();
        let responses = folder.join("responses");
        std::fs::create_dir(&responses).unwrap();
        let write = |path: &Path, value: &dyn Fn(usize, usize) -> f32| {
            let mut bytes = header("<f4", MemoryOrder::C, &[N_SCANS, N]);
            let all = (0..N_SCANS * N).map(|at| value(at / N, at % N));
            bytes.extend(all.flat_map(f32::to_le_bytes));
            std::fs::write(path, bytes).unwrap();
        };
        write(&responses.join("a.npy"), &|scan, voxel| {
            (scan as f32 - 2.0) * (1.0 + voxel as f32)
        });
        write(&folder.join("predictions.npy"), &|scan, voxel| {
            scan as f32 + voxel as f32
        });
        let text = RECIPE.replace("RESPONSES", &responses.display().to_string());
        std::fs::write(folder.join("recipe.toml"), text).unwrap();
        table
    }

    /// What stands between two pieces of the page.
    fn between<'a>(html: &'a str, begin: &str, end: &str) -> &'a str {
        let rest = html.split_once(begin).unwrap().1;
        rest.split_once(end).unwrap().0
    }

    struct Read {
        header: Value,
        bytes: Vec<u8>,
    }

    impl Read {
        fn of(html: &str) -> Self {
            let json = between(html, "id=\"header\">", "</script>");
            let data = between(html, "id=\"data\">", "</script>");
            Self {
                header: serde_json::from_str(json).unwrap(),
                bytes: BASE64_STANDARD.decode(data).unwrap(),
            }
        }

        fn array(&self, name: &str, kind: &str, n_bytes: usize) -> Vec<&[u8]> {
            let place = &self.header["arrays"][name];
            assert_eq!(place["kind"], kind, "{name}");
            let [at, n] = ["at", "n"].map(|key| place[key].as_u64().unwrap() as usize);
            self.bytes[at..at + n * n_bytes].chunks(n_bytes).collect()
        }

        fn floats(&self, name: &str) -> Vec<f32> {
            let all = self.array(name, "f4", 4).into_iter();
            all.map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap()))
                .collect()
        }
    }

    #[test]
    fn the_file_holds_the_scores_and_asks_for_nothing() {
        let folder = tempfile::tempdir().unwrap();
        scores(folder.path());
        let open = OpenSubject::bundled();
        let shared = Shared {
            scores: folder.path(),
            open: &open,
            transform: None,
            colours: ColourMap::default(),
            title: "a </script> & b",
        };
        let page = shared.page().unwrap();
        assert_eq!(page.notes, Vec::<String>::new());
        let html = &page.html;
        assert!(html.len() < 8_000_000, "{}", html.len());
        for foreign in ["http:", "https:", "src=", "href=", "import ", "fetch("] {
            assert!(!html.contains(foreign), "{foreign}");
        }
        assert!(html.contains("<title>a &lt;/script&gt; &amp; b</title>"));
        assert!(html.contains("10241 of 20484 voxels significant (FDR &lt; 0.05)"));
        let read = Read::of(html);
        // Left is left, and what has no value has none.
        let left = read.floats("left.map0");
        assert!(left[0].is_nan() && left[1..].iter().all(|value| (value - 0.5).abs() < 1e-6));
        let right = read.floats("right.map0");
        assert!(right.iter().all(|value| (value - 0.1).abs() < 1e-6));
        assert_eq!(read.header["maps"].as_array().unwrap().len(), 1);
        // Points are where the subject's are, to a hundredth of a millimetre.
        let parts = PoseParts::of(&open.subject, Side::Right, DEPTH).unwrap();
        let unit = read.header["sides"]["right"]["scales"][0].as_f64().unwrap();
        let points = read.array("right.folded", "i2", 2);
        for (stored, known) in points.iter().zip(parts.folded.0.as_flattened()) {
            let stored = i16::from_le_bytes((*stored).try_into().unwrap());
            assert!((f64::from(stored) * unit - f64::from(*known)).abs() < 0.01);
        }
        // Time courses, to a step of 1/127 of their largest value.
        let voxels = read.array("courses.voxels", "u4", 4);
        assert_eq!(voxels.len(), N - 1);
        assert_eq!(read.header["n_scans"], N_SCANS);
        let scales = read.floats("courses.scales");
        let predicted = read.array("courses.predicted", "i1", 1);
        let third = 2;
        for scan in 0..N_SCANS {
            let stored = f32::from(predicted[third * N_SCANS + scan][0].cast_signed());
            let value = stored * scales[2 * third + 1];
            // Voxel 3, as the first has no score.
            assert!((value - (scan as f32 + 3.0)).abs() <= scales[2 * third + 1]);
        }
    }

    #[test]
    fn without_predictions_there_are_no_time_courses_and_it_is_told() {
        let folder = tempfile::tempdir().unwrap();
        scores(folder.path());
        std::fs::remove_file(folder.path().join("predictions.npy")).unwrap();
        let open = OpenSubject::bundled();
        let shared = Shared {
            scores: folder.path(),
            open: &open,
            transform: None,
            colours: ColourMap::default(),
            title: "a",
        };
        let page = shared.page().unwrap();
        assert!(page.notes[0].contains("were not saved"), "{:?}", page.notes);
        assert!(Read::of(&page.html).header["arrays"]["courses.voxels"].is_null());
    }
}
