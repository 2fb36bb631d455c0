//! Drawings on a flat map: `overlays.svg` of a store of pycortex, as lines in the units of the drawing.

mod path;
mod transform;
pub mod write;

use std::path::Path;

use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

use super::mesh::{GeometryError, contents};
pub use path::Subpath;
use transform::Affine;

/// Elements within one another at most.
const MOST_DEPTH: usize = 128;
/// Points of all lines at most: 16 MB.
const MOST_POINTS: usize = 1_000_000;
/// Shapes and layers at most.
const MOST_SHAPES: usize = 10_000;
/// Characters of a name that are kept.
const MOST_NAME_CHARS: usize = 200;
/// Notes that are kept; more are counted.
const MOST_NOTES: usize = 20;

/// A drawing.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Drawing {
    /// Width and height, its units.
    pub size: [f64; 2],
    /// Its layers, in the order of the file.
    pub layers: Vec<DrawnLayer>,
    /// Notes on the file for the user: shapes without lines, commands that are not supported.
    pub notes: Vec<String>,
}

/// A layer of a drawing, such as "rois".
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DrawnLayer {
    /// Its name.
    pub name: String,
    /// Its shapes.
    pub shapes: Vec<DrawnShape>,
}

/// A shape of a layer, such as a region.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DrawnShape {
    /// Its name: Inkscape's label, which need not be its id.
    pub name: String,
    /// Its paths, often one for each hemisphere.
    pub paths: Vec<Vec<Subpath>>,
}

impl Drawing {
    /// Reads a file.
    ///
    /// # Errors
    /// Returns an error if it cannot be read, is no SVG, or is damaged.
    pub fn read(path: &Path) -> Result<Self, GeometryError> {
        let (bytes, _) = contents(path)?;
        Self::parse(&bytes).map_err(|clause| {
            GeometryError::of_file(
                &format!("The drawing is not read: {clause}. Save it from Inkscape as plain SVG"),
                path,
            )
        })
    }

    /// Reads the bytes of a file. Entities other than those of XML itself are not expanded.
    ///
    /// # Errors
    /// Returns a clause if they are no SVG, or damaged.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(bytes).map_err(|_| "it is not encoded in UTF-8")?;
        let mut reader = Reader::from_str(text);
        let mut builder = Builder::new();
        loop {
            match reader.read_event().map_err(|error| error.to_string())? {
                Event::Start(start) => builder.begin(&start)?,
                Event::Empty(start) => {
                    builder.begin(&start)?;
                    builder.end();
                }
                Event::End(_) => builder.end(),
                Event::Eof => return builder.finish(),
                _ => {}
            }
        }
    }

    /// A layer.
    #[must_use]
    pub fn layer(&self, name: &str) -> Option<&DrawnLayer> {
        self.layers.iter().find(|layer| layer.name == name)
    }
}

/// What an element is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Root,
    Layer,
    /// The group "shapes" of a layer.
    Shapes,
    Shape,
    /// A group within a shape.
    Part,
    /// What is not read, with everything in it.
    Other,
}

/// Collects a drawing.
struct Builder {
    drawing: Drawing,
    /// The elements that are open, and the transform from each to the drawing.
    open: Vec<(Role, Affine)>,
    budget: usize,
    n_shapes: usize,
    n_more_notes: usize,
}

impl Builder {
    fn new() -> Self {
        Self {
            drawing: Drawing::default(),
            open: Vec::new(),
            budget: MOST_POINTS,
            n_shapes: 0,
            n_more_notes: 0,
        }
    }

    fn begin(&mut self, start: &BytesStart) -> Result<(), String> {
        if self.open.len() >= MOST_DEPTH {
            return Err(format!("its elements lie more than {MOST_DEPTH} deep"));
        }
        let (parent, outer) = match self.open.last() {
            None => return self.root(start),
            Some(parent) => *parent,
        };
        let role = self.role(parent, start)?;
        let mut affine = outer;
        if role != Role::Other
            && let Some(text) = attribute(start, "transform")?
        {
            let own = Affine::parse(&text)?;
            affine = outer.after(&own);
        }
        if role == Role::Part && start.local_name().as_ref() == "path" {
            self.path(start, &affine)?;
        }
        self.open.push((role, affine));
        Ok(())
    }

    /// The outermost element: its size, and how its units become those of the drawing.
    fn root(&mut self, start: &BytesStart) -> Result<(), String> {
        if start.local_name().as_ref() != "svg" {
            return Err(format!(
                "it begins with the element \"{}\" and not with \"svg\"",
                kept(start.local_name().as_ref()).escape_debug()
            ));
        }
        let length = |name: &str| -> Result<Option<f64>, String> {
            let text = attribute(start, name)?;
            Ok(text.and_then(|text| text.trim().trim_end_matches("px").parse().ok()))
        };
        let of_box = match attribute(start, "viewBox")? {
            Some(text) => Some(view_box(&text)?),
            None => None,
        };
        let (size, affine) = match of_box {
            Some([x, y, width, height]) => ([width, height], Affine::translation(-x, -y)),
            None => match (length("width")?, length("height")?) {
                (Some(width), Some(height)) => ([width, height], Affine::IDENTITY),
                _ => {
                    return Err(
                        "it has neither a width and a height in pixels nor a viewBox".into(),
                    );
                }
            },
        };
        if !size.iter().all(|side| side.is_finite() && *side > 0.0) {
            return Err("its width and height are not positive numbers".into());
        }
        self.drawing.size = size;
        self.open.push((Role::Root, affine));
        Ok(())
    }

    fn role(&mut self, parent: Role, start: &BytesStart) -> Result<Role, String> {
        let local = start.local_name();
        let is_group = local.as_ref() == "g";
        let is_drawn = matches!(
            local.as_ref(),
            "rect" | "circle" | "ellipse" | "line" | "polyline" | "polygon" | "use"
        );
        match parent {
            Role::Root | Role::Layer | Role::Shapes if !is_group => Ok(Role::Other),
            Role::Root => {
                let name = label(start)?;
                self.count()?;
                let layer = DrawnLayer {
                    name,
                    ..DrawnLayer::default()
                };
                self.drawing.layers.push(layer);
                Ok(Role::Layer)
            }
            Role::Layer if label(start)? == "shapes" => Ok(Role::Shapes),
            Role::Shapes => {
                let shape = DrawnShape {
                    name: label(start)?,
                    ..DrawnShape::default()
                };
                self.count()?;
                let layer = self.drawing.layers.last_mut();
                layer
                    .ok_or("a shape stands outside of a layer")?
                    .shapes
                    .push(shape);
                Ok(Role::Shape)
            }
            Role::Shape | Role::Part if is_group || local.as_ref() == "path" => Ok(Role::Part),
            Role::Shape | Role::Part if is_drawn => {
                let what = local.as_ref().to_owned();
                let name = self.place();
                self.note(format!(
                    "{name} has a \"{what}\", which is not read. In Inkscape: Path, Object to Path."
                ));
                Ok(Role::Other)
            }
            _ => Ok(Role::Other),
        }
    }

    fn count(&mut self) -> Result<(), String> {
        self.n_shapes += 1;
        if self.n_shapes > MOST_SHAPES {
            return Err(format!("it has more than {MOST_SHAPES} layers and shapes"));
        }
        Ok(())
    }

    fn path(&mut self, start: &BytesStart, affine: &Affine) -> Result<(), String> {
        let data = attribute(start, "d")?.unwrap_or_default();
        let place = self.place();
        match path::parse(&data, &mut self.budget) {
            Ok(subpaths) if subpaths.is_empty() => {
                self.note(format!("{place} has a path without lines."));
            }
            Ok(mut subpaths) => {
                let points = subpaths.iter_mut().flat_map(|own| &mut own.points);
                points.for_each(|point| *point = affine.apply(*point));
                let mut points = subpaths.iter().flat_map(|own| &own.points).flatten();
                if !points.all(|value| value.is_finite()) {
                    self.note(format!("A path of {place} is left out: it is too large."));
                    return Ok(());
                }
                let layer = self.drawing.layers.last_mut();
                if let Some(shape) = layer.and_then(|layer| layer.shapes.last_mut()) {
                    shape.paths.push(subpaths);
                }
            }
            // Nothing can be read after the points have run out.
            Err(clause) if self.budget == 0 => return Err(clause),
            Err(clause) => self.note(format!("A path of {place} is left out: {clause}.")),
        }
        Ok(())
    }

    /// The shape that is being read, for a sentence.
    fn place(&self) -> String {
        let layer = self.drawing.layers.last();
        let shape = layer.and_then(|layer| layer.shapes.last());
        match (layer, shape) {
            (Some(layer), Some(shape)) => format!(
                "\"{}\" of the layer \"{}\"",
                shape.name.escape_debug(),
                layer.name.escape_debug()
            ),
            _ => "The drawing".into(),
        }
    }

    fn note(&mut self, note: String) {
        if self.drawing.notes.len() < MOST_NOTES {
            self.drawing.notes.push(note);
        } else {
            self.n_more_notes += 1;
        }
    }

    fn end(&mut self) {
        self.open.pop();
    }

    fn finish(mut self) -> Result<Drawing, String> {
        if self.drawing.size[0] <= 0.0 {
            return Err("it has no element \"svg\"".into());
        }
        for layer in &self.drawing.layers {
            let empty: Vec<String> = layer
                .shapes
                .iter()
                .filter(|shape| shape.paths.is_empty())
                .map(|shape| shape.name.escape_debug().to_string())
                .collect();
            if !empty.is_empty() && self.drawing.notes.len() < MOST_NOTES {
                let many = empty.len();
                let names = empty.into_iter().take(MOST_NOTES).collect::<Vec<_>>();
                self.drawing.notes.push(format!(
                    "{many} of the {} shapes of the layer \"{}\" are not drawn yet: {}.",
                    layer.shapes.len(),
                    layer.name.escape_debug(),
                    names.join(", ")
                ));
            }
        }
        if self.n_more_notes > 0 {
            self.drawing
                .notes
                .push(format!("There are {} more notes.", self.n_more_notes));
        }
        Ok(self.drawing)
    }
}

/// A box as x, y, width and height.
fn view_box(text: &str) -> Result<[f64; 4], String> {
    let mut numbers = path::Numbers { rest: text };
    let mut values = [0.0; 4];
    for value in &mut values {
        *value = numbers.number()?;
    }
    Ok(values)
}

/// Inkscape's label, else the id, else nothing.
fn label(start: &BytesStart) -> Result<String, String> {
    let name = match attribute(start, "inkscape:label")? {
        Some(label) => Some(label),
        None => attribute(start, "id")?,
    };
    Ok(kept(&name.unwrap_or_default()))
}

fn kept(name: &str) -> String {
    name.trim().chars().take(MOST_NAME_CHARS).collect()
}

/// The value of an attribute.
fn attribute(start: &BytesStart, name: &str) -> Result<Option<String>, String> {
    let mut attributes = start.attributes();
    for attribute in attributes.with_checks(false) {
        let attribute = attribute.map_err(|error| error.to_string())?;
        if attribute.key.as_ref() == name {
            let value = attribute
                .normalized_value(XmlVersion::Implicit1_0)
                .map_err(|error| error.to_string())?;
            return Ok(Some(value.into_owned()));
        }
    }
    Ok(None)
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "the values are exact in binary")]
mod tests {
    use super::*;

    const HEAD: &str = "<svg xmlns:inkscape=\"i\" width=\"100px\" height=\"50\">";

    fn shapes(inner: &str) -> Result<Drawing, String> {
        let text = format!(
            "{HEAD}<g inkscape:label=\"rois\"><g inkscape:label=\"shapes\">{inner}</g></g></svg>"
        );
        Drawing::parse(text.as_bytes())
    }

    #[test]
    fn shapes_have_the_label_of_inkscape_and_all_transforms() {
        let drawing = shapes(
            "<g id=\"TOS\" inkscape:label=\"O&amp;A\" transform=\"translate(10)\"><g transform=\"matrix(2 0 0 2 0 1)\">\
             <path d=\"m 1,2 3,0 z\"/></g><image/></g><g inkscape:label=\"V4\"/>",
        )
        .unwrap();
        assert_eq!(drawing.size, [100.0, 50.0]);
        let shapes = &drawing.layer("rois").unwrap().shapes;
        assert_eq!(shapes[0].name, "O&A");
        assert_eq!(shapes[0].paths[0][0].points, [[12.0, 5.0], [18.0, 5.0]]);
        let note = "1 of the 2 shapes of the layer \"rois\" are not drawn yet: V4.";
        assert_eq!(drawing.notes, [note]);
    }

    #[test]
    fn what_is_not_read_is_told() {
        let drawing = shapes(
            "<g inkscape:label=\"A\"><rect/><path d=\"m 0,0 a 1 1 0 0 0 1 1\"/><path d=\"m 0,0 1,1\"/></g>",
        )
        .unwrap();
        assert!(drawing.notes[0].contains("\"rect\""), "{:?}", drawing.notes);
        assert!(drawing.notes[1].contains("command \"a\""));
        assert_eq!(drawing.layers[0].shapes[0].paths.len(), 1);
    }

    #[test]
    fn hostile_files_are_refused_with_a_reason() {
        let deep = format!("{HEAD}{}", "<g>".repeat(200));
        let bomb = "<!DOCTYPE svg [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]><svg width=\"&b;\" height=\"1\"/>";
        for (text, word) in [
            (deep.as_str(), "deep"),
            (bomb, "b"),
            ("<html/>", "\"html\""),
            ("", "no element"),
            ("<svg width=\"-1\" height=\"2\"/>", "not positive"),
            ("<svg/>", "neither"),
            ("<svg width=\"1\" height=\"2\"><g></svg>", ""),
        ] {
            let refused = Drawing::parse(text.as_bytes()).unwrap_err();
            assert!(refused.contains(word), "{text}: {refused}");
        }
        let curve = "c 0,9e5 0,9e5 0,9e5 ".repeat(4000);
        let many = shapes(&format!("<g><path d=\"m 0,0 {curve}\"/></g>"));
        assert!(many.unwrap_err().contains("far more points"));
        let broken = "<g transform=\"spin(3)\"><path d=\"m0,0 1,1\"/></g>";
        assert!(shapes(broken).unwrap_err().contains("spin"));
    }
}
