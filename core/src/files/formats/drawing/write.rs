//! Adding shapes to a drawing, whose other bytes stay as they are, and drawings without shapes.

use std::fmt::Write as _;
use std::ops::Range;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::transform::Affine;
use super::{MOST_DEPTH, attribute, label, view_box};
use crate::files::formats::xml::escaped;

/// How lines are drawn by programs that do not choose it themselves.
const STYLE: &str = "fill:none;stroke:#ffffff;stroke-width:2";

/// A shape to be written.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ShapeToWrite {
    /// Its name, which becomes Inkscape's label.
    pub name: String,
    /// Its closed lines in units of the drawing, path by path.
    pub paths: Vec<Vec<Vec<[f64; 2]>>>,
}

/// A drawing with further shapes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Extended {
    /// The text of the file.
    pub text: String,
    /// Names of shapes of the layer that were replaced.
    pub replaced: Vec<String>,
}

/// Writes shapes into the group "shapes" of a layer; the layer is added if it is missing. Shapes of the layer that have one of the
/// names are replaced.
///
/// # Errors
/// Returns a clause if the drawing is damaged, or its group has a transform that cannot be undone.
pub fn with_shapes(text: &str, layer: &str, shapes: &[ShapeToWrite]) -> Result<Extended, String> {
    let found = Places::find(text, layer, shapes)?;
    let mut edits: Vec<(Range<usize>, String)> = Vec::new();
    for (range, _) in &found.replaced {
        edits.push((range.clone(), String::new()));
    }
    let inverse = found.affine.inverse();
    let inverse = inverse.ok_or("its regions have a transform that cannot be undone")?;
    let mut new = String::new();
    for shape in shapes {
        push_shape(&mut new, shape, &inverse);
    }
    let all = match &found.group {
        Group::Open(end) => (*end..*end, new),
        Group::Empty(slash, name) => (slash.clone(), format!(">\n{new}</{name}>")),
        Group::Missing(end) => (*end..*end, layer_text(layer, &new)),
    };
    edits.push(all);
    edits.sort_by_key(|(range, _)| range.start);
    let mut extended = Extended {
        replaced: found.replaced.into_iter().map(|(_, name)| name).collect(),
        ..Extended::default()
    };
    let mut at = 0;
    for (range, new) in edits {
        extended
            .text
            .push_str(text.get(at..range.start).unwrap_or_default());
        extended.text.push_str(&new);
        at = range.end;
    }
    extended.text.push_str(text.get(at..).unwrap_or_default());
    Ok(extended)
}

/// A drawing without shapes, with the layers that pycortex expects.
///
/// * `size`: width and height, units.
/// * `edge`: closed lines around what may be drawn on.
#[must_use]
pub fn empty_drawing(size: [f64; 2], edge: &[Vec<[f64; 2]>]) -> String {
    let [width, height] = size;
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"no\"?>\n\
         <svg xmlns=\"http://www.w3.org/2000/svg\" xmlns:xlink=\"http://www.w3.org/1999/xlink\" \
         xmlns:inkscape=\"http://www.inkscape.org/namespaces/inkscape\" width=\"{width}\" height=\"{height}\" version=\"1.1\">\n\
         <defs>\n<clipPath id=\"edgeclip\"><path d=\"{}\"/></clipPath>\n\
         <filter id=\"dropshadow\"><feGaussianBlur in=\"SourceAlpha\" stdDeviation=\"2\"/>\
         <feMerge><feMergeNode/><feMergeNode in=\"SourceGraphic\"/></feMerge></filter>\n</defs>\n\
         <g inkscape:label=\"data\" inkscape:groupmode=\"layer\" id=\"datalayer\" style=\"display:inline\"></g>\n",
        path_data(edge, &Affine::IDENTITY)
    );
    for layer in ["rois", "sulci", "cutouts", "display"] {
        text.push_str(&layer_text(layer, ""));
    }
    text.push_str("</svg>\n");
    text
}

fn layer_text(layer: &str, shapes: &str) -> String {
    let layer = escaped(layer);
    format!(
        "<g xmlns:inkscape=\"http://www.inkscape.org/namespaces/inkscape\" inkscape:label=\"{layer}\" \
         inkscape:groupmode=\"layer\" id=\"{layer}\" style=\"display:inline\">\n\
         <g inkscape:label=\"shapes\" inkscape:groupmode=\"layer\" id=\"{layer}_shapes\" style=\"display:inline\" \
         clip-path=\"url(#edgeclip)\">\n{shapes}</g>\n\
         <g inkscape:label=\"labels\" inkscape:groupmode=\"layer\" id=\"{layer}_labels\" style=\"display:inline\"></g>\n</g>\n"
    )
}

fn push_shape(text: &mut String, shape: &ShapeToWrite, inverse: &Affine) {
    let name = escaped(&shape.name);
    let _ = writeln!(
        text,
        "<g inkscape:label=\"{name}\" inkscape:groupmode=\"layer\" style=\"display:inline\">"
    );
    for path in &shape.paths {
        let data = path_data(path, inverse);
        let _ = writeln!(text, "<path d=\"{data}\" style=\"{STYLE}\"/>");
    }
    text.push_str("</g>\n");
}

/// Path data with a space around each command, which pycortex needs.
fn path_data(lines: &[Vec<[f64; 2]>], affine: &Affine) -> String {
    let mut data = String::new();
    for line in lines {
        for (at, point) in line.iter().enumerate() {
            let [x, y] = affine.apply(*point);
            let command = match at {
                0 => "M ",
                1 => "L ",
                _ => "",
            };
            let _ = write!(data, "{command}{x:.3},{y:.3} ");
        }
        data.push_str("Z ");
    }
    data.trim_end().to_owned()
}

/// Where shapes are written.
enum Group {
    /// Before this place, where the group ends.
    Open(usize),
    /// In place of the end of the element that is the whole group, which has this name.
    Empty(Range<usize>, String),
    /// The layer is missing; it is written before this place.
    Missing(usize),
}

/// What was found in a drawing.
struct Places {
    group: Group,
    /// From the units of the group to those of the drawing.
    affine: Affine,
    /// Shapes with the same names.
    replaced: Vec<(Range<usize>, String)>,
}

/// The elements that are open around the current one.
struct Open {
    affine: Affine,
    /// Whether it is the layer, its group, or something else.
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Root,
    Layer,
    Group,
    Other,
}

impl Places {
    fn find(text: &str, layer: &str, shapes: &[ShapeToWrite]) -> Result<Self, String> {
        let mut reader = Reader::from_str(text);
        let mut open: Vec<Open> = Vec::new();
        let mut group: Option<(Group, Affine)> = None;
        let mut root = None;
        let mut replaced: Vec<(Range<usize>, String)> = Vec::new();
        // The shape that is replaced and how deep it lies.
        let mut leaving: Option<(usize, usize, String)> = None;
        loop {
            let before = reader.buffer_position() as usize;
            let event = reader.read_event().map_err(|error| error.to_string())?;
            let after = reader.buffer_position() as usize;
            match event {
                Event::Start(start) => {
                    let own = entered(&start, &open, layer)?;
                    if let Some(name) = named(&start, &open, shapes)? {
                        leaving = Some((before, open.len(), name));
                    }
                    if own.kind == Kind::Root {
                        root = Some(own.affine);
                    }
                    open.push(own);
                }
                Event::Empty(start) => {
                    let own = entered(&start, &open, layer)?;
                    if let Some(name) = named(&start, &open, shapes)? {
                        replaced.push((before..after, name));
                    }
                    if own.kind == Kind::Group && group.is_none() {
                        let slash = text[before..after]
                            .rfind('/')
                            .map_or(after, |at| before + at);
                        let name = start.name().as_ref().to_owned();
                        group = Some((Group::Empty(slash..after, name), own.affine));
                    }
                }
                Event::End(_) => {
                    let Some(own) = open.pop() else {
                        return Err("an element ends that did not begin".into());
                    };
                    if leaving
                        .as_ref()
                        .is_some_and(|(_, depth, _)| *depth == open.len())
                        && let Some((begin, _, name)) = leaving.take()
                    {
                        replaced.push((begin..after, name));
                    }
                    if own.kind == Kind::Group && group.is_none() {
                        group = Some((Group::Open(before), own.affine));
                    }
                    if let (Kind::Root, None) = (own.kind, &group) {
                        group = Some((Group::Missing(before), root.unwrap_or(own.affine)));
                    }
                }
                Event::Eof => break,
                _ => {}
            }
            if open.len() > MOST_DEPTH {
                return Err(format!("its elements lie more than {MOST_DEPTH} deep"));
            }
        }
        let (group, affine) = group.ok_or("it has no element \"svg\"")?;
        Ok(Self {
            group,
            affine,
            replaced,
        })
    }
}

/// What an element is, and its units.
fn entered(start: &BytesStart, open: &[Open], layer: &str) -> Result<Open, String> {
    let Some(parent) = open.last() else {
        let shift = match attribute(start, "viewBox")? {
            Some(text) => {
                let [x, y, _, _] = view_box(&text)?;
                Affine::translation(-x, -y)
            }
            None => Affine::IDENTITY,
        };
        return Ok(Open {
            affine: shift,
            kind: Kind::Root,
        });
    };
    let kind = match parent.kind {
        Kind::Root if is_group(start) && label(start)? == layer => Kind::Layer,
        Kind::Layer if is_group(start) && label(start)? == "shapes" => Kind::Group,
        _ => Kind::Other,
    };
    let own = match attribute(start, "transform")? {
        Some(text) if kind != Kind::Other => Affine::parse(&text)?,
        _ => Affine::IDENTITY,
    };
    Ok(Open {
        affine: parent.affine.after(&own),
        kind,
    })
}

fn is_group(start: &BytesStart) -> bool {
    start.local_name().as_ref() == "g"
}

/// The name of a shape that is to be replaced.
fn named(
    start: &BytesStart,
    open: &[Open],
    shapes: &[ShapeToWrite],
) -> Result<Option<String>, String> {
    let is_shape = open.last().is_some_and(|parent| parent.kind == Kind::Group);
    if !is_shape || !is_group(start) {
        return Ok(None);
    }
    let name = label(start)?;
    let is_known = shapes.iter().any(|shape| shape.name == name);
    Ok(is_known.then_some(name))
}

#[cfg(test)]
mod tests {
    use super::super::Drawing;
    use super::*;

    fn square(name: &str) -> ShapeToWrite {
        ShapeToWrite {
            name: name.into(),
            paths: vec![vec![vec![[1.0, 2.0], [5.0, 2.0], [5.0, 6.0]]]],
        }
    }

    #[test]
    fn shapes_are_added_and_replaced_and_the_rest_stays() {
        let head = "<svg xmlns:inkscape=\"i\" width=\"100\" height=\"50\"><!-- mine --><g inkscape:label=\"rois\" \
                    transform=\"translate(3,0)\">";
        let rest =
            "<g inkscape:label=\"labels\"><text>A &amp; B</text></g></g><g id=\"other\"/></svg>";
        let old = "<g inkscape:label=\"old\"><path d=\"m 0,0 1,1\"/></g>";
        let again = "<g inkscape:label=\"A &amp; B\"><g><path d=\"m 0,0 1,1\"/></g></g><g inkscape:label=\"new\"/>";
        let text = format!(
            "{head}<g inkscape:label=\"shapes\" transform=\"scale(2)\">{old}{again}</g>{rest}"
        );
        let shapes = [square("A & B"), square("new")];
        let extended = with_shapes(&text, "rois", &shapes).unwrap();
        assert_eq!(extended.replaced, ["A & B", "new"]);
        assert!(extended.text.starts_with(head) && extended.text.ends_with(rest));
        assert!(extended.text.contains(old));
        let read = Drawing::parse(extended.text.as_bytes()).unwrap();
        let names: Vec<&str> = read.layers[0]
            .shapes
            .iter()
            .map(|own| own.name.as_str())
            .collect();
        assert_eq!(names, ["old", "A & B", "new"]);
        let points = &read.layers[0].shapes[2].paths[0][0].points;
        assert_eq!(points, &shapes[1].paths[0][0]);
        // An empty group, and none.
        for text in [
            format!("{head}<g inkscape:label=\"shapes\" />{rest}"),
            "<svg width=\"10\" height=\"9\" xmlns:inkscape=\"i\"></svg>".to_owned(),
            empty_drawing([20.0, 10.0], &[vec![[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]]]),
        ] {
            let extended = with_shapes(&text, "rois", &shapes).unwrap();
            let read = Drawing::parse(extended.text.as_bytes()).unwrap();
            assert!(read.notes.is_empty(), "{:?}", read.notes);
            let layer = read.layer("rois").unwrap();
            assert_eq!(layer.shapes.len(), 2);
            assert_eq!(layer.shapes[0].paths[0][0].points, shapes[0].paths[0][0]);
        }
    }

    #[test]
    fn damaged_drawings_are_refused() {
        for (text, word) in [
            ("", "no element"),
            ("<svg><g></svg>", ""),
            (
                "<svg><g inkscape:label=\"rois\" transform=\"scale(0)\"><g inkscape:label=\"shapes\"/></g></svg>",
                "undone",
            ),
        ] {
            let refused = with_shapes(text, "rois", &[square("a")]).unwrap_err();
            assert!(refused.contains(word), "{text}: {refused}");
        }
    }
}
