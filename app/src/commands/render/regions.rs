//! Which regions are outlined and named.

use std::path::{Path, PathBuf};

use heschl_core::brain::{
    Hemisphere, OVERLAYS, Overlays, Parcellation, Side, Subject, SurfaceLine, read_label,
    read_regions,
};
use heschl_core::scene::{Lines, NamedVertices, Outlines, Visibility, labels};

use super::args::{N_SAMPLES, ShownArgs};
use crate::brain_map::OpenSubject;
use crate::brain_marks::BrainMarks;
use crate::console::note;
use crate::drawn_regions;
use crate::failure::Failure;

/// Width of the borders of regions, as a share of the picture's height: 2 of 1024, as in pycortex.
const OUTLINE_SHARE: f32 = 2.0 / 1024.0;
/// The same of sulci.
const SULCUS_SHARE: f32 = 1.3 / 1024.0;
const SULCUS_OPACITY: f32 = 0.6;
const REGION_HALO: f32 = 0.45;

/// The regions of a picture.
pub(super) struct Regions<'a> {
    /// Drawn on the flat map.
    drawn: Option<&'a Overlays>,
    /// Their lines, and those of sulci.
    lines: [Vec<SurfaceLine>; 2],
    set: Option<Set<'a>>,
}

/// A set of regions without overlap.
enum Set<'a> {
    OfSubject(&'a Parcellation),
    OfFile(Parcellation),
}

impl Set<'_> {
    fn regions(&self) -> &Parcellation {
        match self {
            Self::OfSubject(regions) => regions,
            Self::OfFile(regions) => regions,
        }
    }
}

impl<'a> Regions<'a> {
    pub(super) fn read(args: &ShownArgs, open: &'a OpenSubject) -> Result<Self, Failure> {
        let own = &args.regions;
        let mut regions = Self {
            drawn: None,
            lines: [Vec::new(), Vec::new()],
            set: None,
        };
        if own.no_rois {
            return Ok(regions);
        }
        match own.rois.as_deref() {
            None | Some(OVERLAYS) => {
                if own.rois.is_some() && open.drawn.is_none() {
                    return Err(Failure::new(format!(
                        "{} has no overlays.svg that can be read, so that no regions are drawn on its flat map.",
                        open.subject.name
                    )));
                }
                regions.drawn = open.drawn.as_ref();
            }
            Some(name) => regions.set = Some(set(name, &open.subject)?),
        }
        if let Some(drawn) = regions.drawn {
            let lines = |shapes: &[heschl_core::brain::OverlayShape]| {
                shapes
                    .iter()
                    .flat_map(|shape| shape.lines.clone())
                    .collect()
            };
            let sulci = if own.no_sulci {
                &[][..]
            } else {
                &drawn.sulci[..]
            };
            regions.lines = [lines(sulci), lines(&drawn.regions)];
        }
        Ok(regions)
    }

    /// The lines of sulci and of drawn regions in a picture of so many pixels' height.
    pub(super) fn lines(&self, height: usize) -> Vec<Lines<'_>> {
        let [sulci, regions] = &self.lines;
        let height = height as f32;
        let all = vec![
            Lines {
                lines: sulci,
                width: SULCUS_SHARE * height,
                opacity: SULCUS_OPACITY,
                halo: 0.0,
            },
            Lines {
                lines: regions,
                width: OUTLINE_SHARE * height,
                opacity: 1.0,
                halo: REGION_HALO,
            },
        ];
        all.into_iter()
            .filter(|own| !own.lines.is_empty())
            .collect()
    }

    pub(super) fn outlines(&self, height: usize) -> Option<Outlines<'_>> {
        Some(Outlines {
            regions: self.set.as_ref()?.regions(),
            width: OUTLINE_SHARE * height as f32,
        })
    }

    /// The names of the regions that are seen.
    pub(super) fn marks(
        &self,
        args: &ShownArgs,
        seen: &Visibility,
        is_flat: bool,
        size: [usize; 2],
    ) -> BrainMarks {
        if !(is_flat || args.regions.labels) || args.regions.no_labels {
            return BrainMarks::default();
        }
        let mut named = self
            .set
            .as_ref()
            .map_or_else(Vec::new, |set| NamedVertices::of_regions(set.regions()));
        for shape in self.drawn.iter().flat_map(|drawn| &drawn.regions) {
            named.push(NamedVertices {
                name: shape.name.clone(),
                vertices: shape.vertices.clone(),
            });
        }
        named.retain(|own| !is_nameless(&own.name));
        let found = labels(&named, seen, N_SAMPLES);
        let (marks, n_left_out) = BrainMarks::of_labels(&found, size);
        if n_left_out > 0 {
            note(format_args!(
                "{n_left_out} of {} names of regions found no place. Draw a larger picture, or leave names out with --no-labels.",
                found.len()
            ));
        }
        marks
    }
}

/// Whether a name says that the vertices belong to no region, as FreeSurfer's "unknown" does.
fn is_nameless(name: &str) -> bool {
    let name = name.to_lowercase();
    ["unknown", "???", "medial_wall", "medialwall", "medial wall"].contains(&name.as_str())
}

/// A set of the subject, or of files.
fn set<'a>(name: &str, subject: &'a Subject) -> Result<Set<'a>, Failure> {
    if let Some(regions) = subject.parcellation(name) {
        return Ok(Set::OfSubject(regions));
    }
    let paths: Vec<PathBuf> = name.split(',').map(PathBuf::from).collect();
    if let [path] = &paths[..]
        && path.extension().is_some_and(|ending| ending == "json")
        && path.is_file()
    {
        let (drawn, notes) = drawn_regions::read(path, subject)?;
        for sentence in notes {
            note(format_args!("{sentence}"));
        }
        let n_vertices = subject.hemispheres.each_ref().map(Hemisphere::n_vertices);
        return Ok(Set::OfFile(drawn.parcellation(n_vertices)));
    }
    if paths.iter().all(|path| path.is_file()) {
        return Ok(Set::OfFile(of_files(&paths, subject)?));
    }
    let known: Vec<&str> = subject
        .parcellations
        .iter()
        .map(|it| it.name.as_str())
        .collect();
    let known = if known.is_empty() {
        "it has none".to_owned()
    } else {
        known.join(", ")
    };
    Err(Failure::new(format!(
        "{} has no regions \"{}\", and there is no such file. Its regions: {known}.",
        subject.name,
        name.escape_debug(),
    )))
}

/// Regions of one or both hemispheres, whose files say by their names which one they are of.
fn of_files(paths: &[PathBuf], subject: &Subject) -> Result<Parcellation, Failure> {
    let n_vertices = subject.hemispheres.each_ref().map(Hemisphere::n_vertices);
    let failed = |path: &Path, clause: String| {
        Failure::new(format!(
            "The regions do not fit the subject: {clause}.\nFile: {}",
            path.display()
        ))
    };
    let mut files = [None, None];
    let mut all = Vec::new();
    for path in paths {
        let side = side_of(path)?;
        if path.extension().is_some_and(|ending| ending == "label") {
            let vertices = read_label(path)?;
            let own = match side {
                Side::Left => [&vertices[..], &[]],
                Side::Right => [&[][..], &vertices],
            };
            let regions = Parcellation::of_label(stem(path), own, n_vertices)
                .map_err(|error| failed(path, error.to_string()))?;
            all.push(regions);
        } else if files[side.index()].replace(read_regions(path)?).is_some() {
            return Err(failed(
                path,
                format!("there are two files of the {side} hemisphere"),
            ));
        }
    }
    if files.iter().any(Option::is_some) {
        let [left, right] = &files;
        let regions = Parcellation::new("file", [left.as_ref(), right.as_ref()], n_vertices)
            .map_err(|error| failed(&paths[0], error.to_string()))?;
        all.push(regions);
    }
    Ok(joined(all, n_vertices))
}

/// Several sets as one; a vertex in several belongs to the first.
fn joined(all: Vec<Parcellation>, n_vertices: [usize; 2]) -> Parcellation {
    let mut joined = Parcellation {
        name: "files".into(),
        regions: Vec::new(),
        of_vertex: n_vertices.map(|n| vec![None; n]),
    };
    for set in all {
        let begin = joined.regions.len() as u16;
        joined.regions.extend(set.regions);
        for (all, own) in joined.of_vertex.iter_mut().zip(set.of_vertex) {
            for (known, region) in all.iter_mut().zip(own) {
                *known = known.or(region.map(|region| begin + region));
            }
        }
    }
    joined
}

/// The hemisphere that a file's name tells: `lh.…`, `….lh.…`, `hemi-L`, `….L.…`.
fn side_of(path: &Path) -> Result<Side, Failure> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let name = name.to_lowercase();
    let words: Vec<&str> = name.split(['.', '_']).collect();
    let has = |known: &[&str]| words.iter().any(|word| known.contains(word));
    match (
        has(&["lh", "hemi-l", "l", "left"]),
        has(&["rh", "hemi-r", "r", "right"]),
    ) {
        (true, false) => Ok(Side::Left),
        (false, true) => Ok(Side::Right),
        _ => Err(Failure::new(format!(
            "The name of the file does not tell its hemisphere. Begin it with \"lh.\" or \"rh.\".\nFile: {}",
            path.display()
        ))),
    }
}

fn stem(path: &Path) -> &str {
    let stem = path
        .file_stem()
        .and_then(|stem| stem.to_str())
        .unwrap_or("label");
    stem.strip_prefix("lh.")
        .or(stem.strip_prefix("rh."))
        .unwrap_or(stem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_file_tells_its_hemisphere() {
        for (name, side) in [
            ("lh.aparc.annot", Side::Left),
            ("sub-01_hemi-R_desc-aparc_dseg.label.gii", Side::Right),
            ("S1.L.areas.label.gii", Side::Left),
            ("rh.V1.label", Side::Right),
        ] {
            assert_eq!(side_of(Path::new(name)).unwrap(), side, "{name}");
        }
        assert!(side_of(Path::new("areas.annot")).is_err());
        assert_eq!(stem(Path::new("x/lh.V1.label")), "V1");
    }
}
