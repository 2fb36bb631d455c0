//! Files of drawn regions: those that are opened, and those written for other programs.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use heschl_core::brain::drawing::{
    DrawnRegions, MOST_DRAWN_REGIONS, annots, gifti_labels, label_files, write_overlays,
};
use heschl_core::brain::folders::Part;
use heschl_core::brain::{
    Hemisphere, Parcellation, Side, Subject, other_side, read_label, read_regions, side_of_name,
};
use heschl_core::files::formats::mesh::LabelledVertices;
use heschl_core::run::store::atomic;

use crate::brain_map::OpenSubject;
use crate::failure::Failure;

/// A format that regions are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RegionsFormat {
    /// FreeSurfer's labels, a file for each region and hemisphere.
    Labels,
    /// FreeSurfer's parcellation, a file for each hemisphere.
    Annot,
    /// GIFTI labels, a file for each hemisphere.
    Gifti,
    /// All that is known of them, in one file.
    Json,
    /// The drawing of pycortex's store.
    Overlays,
}

impl RegionsFormat {
    /// All of them, and what they are called.
    pub(crate) const ALL: [(Self, &'static str); 5] = [
        (Self::Labels, "FreeSurfer labels"),
        (Self::Annot, "FreeSurfer parcellation (.annot)"),
        (Self::Gifti, "GIFTI labels"),
        (Self::Overlays, "pycortex drawing (overlays.svg)"),
        (Self::Json, "JSON, to open them again"),
    ];
}

/// Regions from a file, and notes for the user.
type ReadRegions = (DrawnRegions, Vec<String>);

/// Reads regions from JSON, a label, a parcellation of FreeSurfer or GIFTI labels. The file of the other hemisphere is looked for
/// beside it.
///
/// # Errors
/// A sentence if the file cannot be read or does not fit the subject.
pub(crate) fn read(path: &Path, subject: &Subject) -> Result<ReadRegions, Failure> {
    let ending = path.extension().unwrap_or_default().to_ascii_lowercase();
    if ending == "json" {
        let read = DrawnRegions::read(path, subject);
        return read.map_err(|error| Failure::new(format!("{error}\nFile: {}", path.display())));
    }
    let paths = of_both_sides(path)?;
    let n_vertices = subject.hemispheres.each_ref().map(Hemisphere::n_vertices);
    let misfit = |clause: &str| {
        Failure::new(format!(
            "The regions do not fit {}: {clause}.\nFile: {}",
            subject.name,
            path.display()
        ))
    };
    if ending == "label" {
        let mut vertices = [Vec::new(), Vec::new()];
        for (own, path) in vertices.iter_mut().zip(&paths) {
            if let Some(path) = path {
                *own = read_label(path)?;
            }
        }
        let [left, right] = &vertices;
        Parcellation::of_label("label", [left, right], n_vertices)
            .map_err(|error| misfit(&error.to_string()))?;
        for own in &mut vertices {
            own.sort_unstable();
            own.dedup();
        }
        let mut regions = DrawnRegions::default();
        regions.push(&name_of_label(path), vertices);
        return Ok((regions, Vec::new()));
    }
    let mut files: [Option<LabelledVertices>; 2] = [None, None];
    let mut notes = Vec::new();
    for (file, path) in files.iter_mut().zip(&paths) {
        if let Some(path) = path {
            let read = read_regions(path)?;
            notes.extend(read.notes.iter().cloned());
            *file = Some(read);
        }
    }
    let [left, right] = &files;
    let set = Parcellation::new("file", [left.as_ref(), right.as_ref()], n_vertices)
        .map_err(|error| misfit(&error.to_string()))?;
    of_set(&set, notes).map_err(|clause| misfit(&clause))
}

/// The file, and that of the other hemisphere beside it if there is one.
fn of_both_sides(path: &Path) -> Result<[Option<PathBuf>; 2], Failure> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    // A region may have a side in its own name.
    let by_beginning = [("lh.", "rh.", Side::Left), ("rh.", "lh.", Side::Right)]
        .into_iter()
        .find_map(|(own, other, side)| {
            let rest = name.strip_prefix(own)?;
            Some((side, path.with_file_name(format!("{other}{rest}"))))
        });
    let by_words = || Some((side_of_name(path)?, other_side(path)?.1));
    let (side, beside) = by_beginning.or_else(by_words).ok_or_else(|| {
        Failure::new(format!(
            "The name of the file does not tell its hemisphere. Begin it with \"lh.\" or \"rh.\".\nFile: {}",
            path.display()
        ))
    })?;
    let own = Some(path.to_path_buf());
    let beside = Some(beside).filter(|beside| beside.is_file());
    Ok(match side {
        Side::Left => [own, beside],
        Side::Right => [beside, own],
    })
}

/// The regions of a set that have vertices and a name.
fn of_set(set: &Parcellation, notes: Vec<String>) -> Result<ReadRegions, String> {
    let mut regions = DrawnRegions::default();
    for (index, region) in (0_u16..).zip(&set.regions) {
        let vertices = Side::BOTH.map(|side| set.vertices(index, side));
        if region.name == "???" || vertices.iter().all(Vec::is_empty) {
            continue;
        }
        if regions.regions.len() >= MOST_DRAWN_REGIONS {
            return Err(format!("there are more than {MOST_DRAWN_REGIONS}"));
        }
        let at = regions.push(&region.name, vertices);
        if let Some([red, green, blue, _]) = region.colour {
            regions.regions[at].colour = [red, green, blue];
        }
    }
    if regions.regions.is_empty() {
        return Err("none of them has a vertex".into());
    }
    Ok((regions, notes))
}

fn name_of_label(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let mut sides = ["lh.", "rh."].into_iter();
    let plain = sides.find_map(|side| stem.strip_prefix(side));
    plain.unwrap_or(&stem).to_owned()
}

/// A file of regions that is to be written.
pub(crate) struct EncodedRegions {
    /// The hemisphere that it is of; none for both.
    pub(crate) side: Option<Side>,
    /// The only region in it, as a part of a file's name; none for all.
    pub(crate) region: Option<String>,
    pub(crate) bytes: Vec<u8>,
}

impl RegionsFormat {
    /// How names of files end.
    fn ending(self) -> &'static str {
        match self {
            Self::Labels => ".label",
            Self::Annot => ".annot",
            Self::Gifti => ".label.gii",
            Self::Json => ".json",
            Self::Overlays => ".svg",
        }
    }

    /// The format by the name of the file.
    ///
    /// # Errors
    /// A sentence if the name ends otherwise.
    pub(crate) fn of(path: &Path) -> Result<Self, Failure> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let name = name.to_lowercase();
        let ending = path.extension().unwrap_or_default();
        let formats = Self::ALL.into_iter().map(|(format, _)| format);
        let mut fitting = formats.filter(|format| {
            let is_gifti = *format == Self::Gifti && ending.eq_ignore_ascii_case("gii");
            name.ends_with(format.ending()) || is_gifti
        });
        fitting.next().ok_or_else(|| {
            Failure::new(format!(
                "Regions are written as .label, .annot, .label.gii, .svg or .json. Choose a name that ends so.\nFile: {}",
                path.display()
            ))
        })
    }
}

/// Regions in a format, and notes for the user.
///
/// # Errors
/// A sentence if there are no regions, or they cannot be written in the format.
pub(crate) fn encode(
    format: RegionsFormat,
    (open, regions): (&OpenSubject, &DrawnRegions),
) -> Result<(Vec<EncodedRegions>, Vec<String>), Failure> {
    let subject = &*open.subject;
    if regions.regions.is_empty() {
        return Err(Failure::new("There are no drawn regions to save.".into()));
    }
    let mut notes = Vec::new();
    let n_shared = regions.n_shared();
    let has_no_overlap = matches!(format, RegionsFormat::Annot | RegionsFormat::Gifti);
    if has_no_overlap && n_shared > 0 {
        notes.push(format!(
            "{n_shared} vertices lie in several regions. The format has one region for each vertex; they were given to the smallest."
        ));
    }
    let whole = |bytes: Vec<u8>| EncodedRegions {
        side: None,
        region: None,
        bytes,
    };
    let files = match format {
        RegionsFormat::Labels => labels(subject, regions)?,
        RegionsFormat::Annot => of_sides(annots(subject, regions)?),
        RegionsFormat::Gifti => of_sides(gifti_labels(subject, regions)?),
        RegionsFormat::Json => vec![whole(regions.to_json(subject).into_bytes())],
        RegionsFormat::Overlays => {
            let drawing = drawing_of(open)?;
            let written = write_overlays(subject, &regions.regions, drawing.as_deref())?;
            notes.extend(written.notes);
            vec![whole(written.text.into_bytes())]
        }
    };
    Ok((files, notes))
}

/// Writes regions into a folder; returns the files and notes for the user. The subject's own files are left as they are.
///
/// # Errors
/// As [`encode`], or if the disk refuses.
pub(crate) fn write(
    format: RegionsFormat,
    of: (&OpenSubject, &DrawnRegions),
    folder: &Path,
) -> Result<(Vec<PathBuf>, Vec<String>), Failure> {
    let (files, notes) = encode(format, of)?;
    atomic::create_folder(folder)?;
    let mut paths = Vec::new();
    for file in files {
        let usual = match format {
            RegionsFormat::Overlays => "overlays",
            _ => "regions",
        };
        let stem = file.region.as_deref().unwrap_or(usual);
        let begin = match file.side {
            Some(Side::Left) => "lh.",
            Some(Side::Right) => "rh.",
            None => "",
        };
        let path = folder.join(format!("{begin}{stem}{}", format.ending()));
        atomic::write(&path, &file.bytes)?;
        paths.push(path);
    }
    Ok((paths, notes))
}

fn of_sides([left, right]: [Vec<u8>; 2]) -> Vec<EncodedRegions> {
    let file = |(side, bytes): (Side, Vec<u8>)| EncodedRegions {
        side: Some(side),
        region: None,
        bytes,
    };
    [(Side::Left, left), (Side::Right, right)].map(file).into()
}

fn labels(subject: &Subject, regions: &DrawnRegions) -> Result<Vec<EncodedRegions>, Failure> {
    let mut files = Vec::new();
    let mut taken = BTreeSet::new();
    for region in &regions.regions {
        let safe = |c: char| {
            if c.is_alphanumeric() || "-_.+".contains(c) {
                c
            } else {
                '_'
            }
        };
        let name: String = region.name.chars().map(safe).collect();
        let numbered = (2..).map(|number| format!("{name}_{number}"));
        let mut names = std::iter::once(name.clone()).chain(numbered);
        let name = names.find(|name| taken.insert(name.to_lowercase()));
        for (side, bytes) in label_files(subject, region)? {
            files.push(EncodedRegions {
                side: Some(side),
                region: name.clone(),
                bytes,
            });
        }
    }
    Ok(files)
}

/// The text of the subject's drawing, if it has one.
fn drawing_of(open: &OpenSubject) -> Result<Option<String>, Failure> {
    let found = open.files.iter().find(|file| file.part == Part::Overlays);
    let Some(path) = found.and_then(|file| file.path.as_ref()) else {
        return Ok(None);
    };
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::new(format!(
            "The drawing cannot be read ({error}).\nFile: {}",
            path.display()
        ))
    })?;
    Ok(Some(text))
}
