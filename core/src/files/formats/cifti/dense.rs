//! Maps of grayordinates: scalars (`.dscalar.nii`) and labels (`.dlabel.nii`), of which the cortex is read.

use std::fs::File;
use std::path::{Path, PathBuf};

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::{IndicesMap, extension};
use crate::files::formats::nifti::{HEAD_BYTES, NiftiHeader};
use crate::files::formats::npy::{NpyHeader, StoredMatrix};
use crate::files::formats::npz_arrays::MemoryOrder;
use crate::files::formats::opening::{head, plain, said, scaled};
use crate::files::formats::xml::character;
use crate::files::responses::ResponsesError;

/// Vertices of a hemisphere; fsaverage has 163,842, surfaces of scans at 7 tesla some 400,000.
const MOST_VERTICES: usize = 1 << 21;
/// Maps of a file.
const MOST_MAPS: usize = 1 << 16;
/// Characters of a map's name that are read.
const MOST_NAME_BYTES: usize = 4096;

/// Maps in a CIFTI-2 file.
pub struct DenseMaps {
    /// A row per map, a column per grayordinate.
    matrix: StoredMatrix,
    scale: (f64, f64),
    path: PathBuf,
    meaning: Meaning,
}

/// The hemispheres' place in the file.
#[derive(Debug, Default)]
struct Meaning {
    names: Vec<String>,
    cortex: [Option<Cortex>; 2],
    n_elsewhere: usize,
}

/// The grayordinates of a hemisphere.
#[derive(Debug)]
struct Cortex {
    /// Vertices of the surface.
    n_vertices: usize,
    /// The first grayordinate.
    offset: usize,
    /// The vertex of each grayordinate.
    vertices: Vec<u32>,
}

impl DenseMaps {
    /// Opens a file; a compressed one is unpacked into `scratch`. `None` if it is an image, but not CIFTI.
    ///
    /// # Errors
    /// Returns an error if the file cannot be read, is no NIfTI image, is damaged, or holds neither scalars nor labels of
    /// vertices.
    pub fn open(path: &Path, scratch: &Path) -> Result<Option<Self>, ResponsesError> {
        let failed = |text: String| said(path, &text);
        let mut file = plain(path, scratch)?;
        let head = head(&mut file, HEAD_BYTES, path)?;
        let header = NiftiHeader::parse(&head).map_err(failed)?;
        let Some([n_maps, n_places]) = header.cifti else {
            return Ok(None);
        };
        if n_maps > MOST_MAPS {
            return Err(failed(format!(
                "The CIFTI image has {n_maps} maps, more than are read"
            )));
        }
        let xml = extension(&file, header.begin).map_err(failed)?;
        let matrix = matrix(file, path, &header, [n_maps, n_places])?;
        let meaning = parse(&text(xml), [n_maps, n_places]).map_err(failed)?;
        Ok(Some(Self {
            matrix,
            scale: header.scale,
            path: path.to_path_buf(),
            meaning,
        }))
    }

    /// The names of the maps.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.meaning.names
    }

    /// Number of grayordinates that lie elsewhere than in the cortex.
    #[must_use]
    pub fn n_elsewhere(&self) -> usize {
        self.meaning.n_elsewhere
    }

    /// The values of a map for the left and the right hemisphere, `(n_vertices,)`; NaN at vertices that the file leaves out, and
    /// none for a hemisphere that it leaves out. Labels are their numbers.
    ///
    /// # Errors
    /// Returns an error if there is no such map, or the file cannot be read.
    pub fn read(&self, map: usize) -> Result<[Option<Vec<f32>>; 2], ResponsesError> {
        let read = |cortex: &Cortex| {
            let places = cortex.offset..cortex.offset + cortex.vertices.len();
            let values = self
                .matrix
                .read::<f64>(map..map + 1, places)
                .map_err(|error| said(&self.path, &error.to_string()))?;
            let mut all = vec![f32::NAN; cortex.n_vertices];
            for (vertex, value) in cortex.vertices.iter().zip(values) {
                all[*vertex as usize] = scaled(value, self.scale) as f32;
            }
            Ok::<_, ResponsesError>(all)
        };
        let [left, right] = &self.meaning.cortex;
        Ok([
            left.as_ref().map(read).transpose()?,
            right.as_ref().map(read).transpose()?,
        ])
    }
}

/// The XML as text. Where it is not UTF-8, as it must be, letters outside of ASCII are lost.
fn text(xml: Vec<u8>) -> String {
    String::from_utf8(xml).unwrap_or_else(|error| {
        let mut bytes = error.into_bytes();
        for byte in bytes.iter_mut().filter(|byte| !byte.is_ascii()) {
            *byte = b'?';
        }
        String::from_utf8(bytes).unwrap_or_default()
    })
}

/// The values, with a row per map. They lie next to each other for each grayordinate.
fn matrix(
    file: File,
    path: &Path,
    header: &NiftiHeader,
    [n_maps, n_places]: [usize; 2],
) -> Result<StoredMatrix, ResponsesError> {
    let stored = NpyHeader {
        kind: header.kind,
        order: MemoryOrder::Fortran,
        shape: vec![n_maps, n_places],
        n_header_bytes: header.begin,
    };
    StoredMatrix::new(file, path, stored).map_err(|_| {
        said(
            path,
            &format!(
                "The CIFTI image is cut off: {n_maps} maps of {n_places} grayordinates need more bytes than there are"
            ),
        )
    })
}

/// What stands open while the XML is read.
#[derive(Default)]
struct Parser {
    meaning: Meaning,
    maps: Vec<IndicesMap>,
    model: Option<Model>,
    n_places: usize,
    n_named: usize,
    text: Wanted,
}

/// Which text is read next.
#[derive(Default, PartialEq, Eq, Clone, Copy)]
enum Wanted {
    #[default]
    Nothing,
    Vertices,
    Name,
}

/// A part of the grayordinates.
struct Model {
    /// 0 left, 1 right; none elsewhere.
    side: Option<usize>,
    offset: usize,
    count: usize,
    n_vertices: usize,
    vertices: Vec<u32>,
}

/// Parses the XML.
fn parse(text: &str, [n_maps, n_places]: [usize; 2]) -> Result<Meaning, String> {
    let damaged = |clause: String| format!("The XML of the CIFTI image is damaged: {clause}");
    let mut reader = Reader::from_str(text.trim_end_matches('\0'));
    let mut parser = Parser {
        n_places,
        ..Parser::default()
    };
    loop {
        let event = reader
            .read_event()
            .map_err(|error| damaged(error.to_string()))?;
        match event {
            Event::Start(start) => parser.begin(&start).map_err(damaged)?,
            Event::Empty(start) => {
                parser.begin(&start).map_err(damaged)?;
                parser.end(start.name().as_ref()).map_err(damaged)?;
            }
            Event::Text(part) => parser.text(part.as_ref()).map_err(damaged)?,
            Event::CData(part) => parser.text(part.as_ref()).map_err(damaged)?,
            Event::GeneralRef(reference) => parser
                .text(character(reference.as_ref()).encode_utf8(&mut [0; 4]))
                .map_err(damaged)?,
            Event::End(end) => parser.end(end.name().as_ref()).map_err(damaged)?,
            Event::Eof => break,
            _ => {}
        }
    }
    parser.refuse_other_kinds()?;
    let n_laid = parser.n_places_laid();
    let meaning = parser.meaning;
    if meaning.names.len() != n_maps {
        let n_names = meaning.names.len();
        return Err(damaged(format!(
            "it names {n_names} maps, but there are {n_maps}"
        )));
    }
    if n_laid != n_places {
        return Err(damaged(format!(
            "its brain models have {n_laid} places, but there are {n_places} values in each map"
        )));
    }
    if meaning.cortex.iter().all(Option::is_none) {
        return Err("The CIFTI image has no values of the cortex".into());
    }
    Ok(meaning)
}

impl Parser {
    fn begin(&mut self, start: &BytesStart) -> Result<(), String> {
        match start.name().as_ref() {
            "MatrixIndicesMap" => {
                if self.maps.len() >= 16 {
                    return Err("it explains more dimensions than a matrix has".into());
                }
                self.maps.push(IndicesMap::read(start));
            }
            "NamedMap" => {
                if self.n_named >= MOST_MAPS {
                    return Err("it names more maps than are read".into());
                }
                self.n_named += 1;
                self.meaning.names.push(String::new());
            }
            "MapName" => self.text = Wanted::Name,
            "BrainModel" => self.model = Some(Model::read(start, self.n_places)?),
            "VertexIndices" => self.text = Wanted::Vertices,
            _ => {}
        }
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), String> {
        match (self.text, &mut self.model) {
            (Wanted::Vertices, Some(model)) if model.side.is_some() => model.add(text),
            (Wanted::Name, _) => {
                if let Some(name) = self.meaning.names.last_mut() {
                    let left = MOST_NAME_BYTES.saturating_sub(name.len());
                    name.push_str(&text[..text.floor_char_boundary(left)]);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn end(&mut self, name: &str) -> Result<(), String> {
        match name {
            "MapName" | "VertexIndices" => self.text = Wanted::Nothing,
            "BrainModel" => {
                if let Some(model) = self.model.take() {
                    self.add_model(model)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn add_model(&mut self, model: Model) -> Result<(), String> {
        let Some(side) = model.side else {
            self.meaning.n_elsewhere += model.count;
            return Ok(());
        };
        let place = &mut self.meaning.cortex[side];
        if place.is_some() {
            return Err("it has a hemisphere twice".into());
        }
        *place = Some(model.cortex()?);
        Ok(())
    }

    /// Places of all brain models.
    fn n_places_laid(&self) -> usize {
        let cortex = self.meaning.cortex.iter().flatten();
        let n_cortex: usize = cortex.map(|cortex| cortex.vertices.len()).sum();
        n_cortex + self.meaning.n_elsewhere
    }

    /// Refuses series, parcels and connectivity.
    fn refuse_other_kinds(&self) -> Result<(), String> {
        let of = |dimension: &str| {
            let mut maps = self.maps.iter();
            maps.find(|map| map.dimensions.split(',').any(|own| own.trim() == dimension))
        };
        let (Some(rows), Some(columns)) = (of("0"), of("1")) else {
            return Err(
                "The XML of the CIFTI image is damaged: it does not say what rows and columns are"
                    .into(),
            );
        };
        let are_maps =
            ["CIFTI_INDEX_TYPE_SCALARS", "CIFTI_INDEX_TYPE_LABELS"].contains(&rows.kind.as_str());
        if are_maps && columns.kind == "CIFTI_INDEX_TYPE_BRAIN_MODELS" {
            return Ok(());
        }
        Err(format!(
            "The CIFTI image holds no maps of vertices: its rows are {}, its columns {}. Expected is one such as .dscalar.nii or \
             .dlabel.nii",
            rows.plain(),
            columns.plain()
        ))
    }
}

impl Model {
    fn read(start: &BytesStart, n_places: usize) -> Result<Self, String> {
        let attribute = |name: &str| {
            let found = start.attributes().flatten();
            let mut found = found.filter(|attribute| attribute.key.as_ref() == name);
            found.next().map(|attribute| attribute.value.to_string())
        };
        let number = |name: &str| {
            let text = attribute(name).ok_or_else(|| format!("a brain model has no {name}"))?;
            let number = text.trim().parse::<usize>();
            number.map_err(|_| format!("the {name} of a brain model is no number"))
        };
        let structure = attribute("BrainStructure").unwrap_or_default();
        let is_surface = attribute("ModelType").is_some_and(|kind| kind.ends_with("SURFACE"));
        let side = match structure.as_str() {
            "CIFTI_STRUCTURE_CORTEX_LEFT" if is_surface => Some(0),
            "CIFTI_STRUCTURE_CORTEX_RIGHT" if is_surface => Some(1),
            _ => None,
        };
        let (offset, count) = (number("IndexOffset")?, number("IndexCount")?);
        if offset.checked_add(count).is_none_or(|end| end > n_places) {
            return Err(format!(
                "a brain model ends at place {}, but there are {n_places}",
                offset.saturating_add(count)
            ));
        }
        let n_vertices = match side {
            Some(_) => number("SurfaceNumberOfVertices")?,
            None => 0,
        };
        if side.is_some() && !(count..=MOST_VERTICES).contains(&n_vertices) {
            return Err(format!(
                "a hemisphere of {n_vertices} vertices has {count} values"
            ));
        }
        Ok(Self {
            side,
            offset,
            count,
            n_vertices,
            vertices: Vec::new(),
        })
    }

    fn add(&mut self, text: &str) -> Result<(), String> {
        for number in text.split_ascii_whitespace() {
            let vertex = number.parse::<u32>().ok();
            let vertex = vertex.filter(|vertex| (*vertex as usize) < self.n_vertices);
            let vertex = vertex.ok_or_else(|| {
                let shown: String = number.chars().take(20).collect();
                format!(
                    "\"{}\" is no vertex of a hemisphere of {} vertices",
                    shown.escape_debug(),
                    self.n_vertices
                )
            })?;
            if self.vertices.len() == self.count {
                return Err(format!(
                    "a hemisphere of {} values names more vertices",
                    self.count
                ));
            }
            self.vertices.push(vertex);
        }
        Ok(())
    }

    fn cortex(self) -> Result<Cortex, String> {
        if self.vertices.len() != self.count {
            return Err(format!(
                "a hemisphere of {} values names {} vertices",
                self.count,
                self.vertices.len()
            ));
        }
        let mut is_there = vec![false; self.n_vertices];
        for vertex in &self.vertices {
            if std::mem::replace(&mut is_there[*vertex as usize], true) {
                return Err(format!("a hemisphere has vertex {vertex} twice"));
            }
        }
        Ok(Cortex {
            n_vertices: self.n_vertices,
            offset: self.offset,
            vertices: self.vertices,
        })
    }
}
