//! Labels: `lh.cortex.label`, the vertices of one region as text.

use std::fmt::Write as _;

use crate::files::formats::encode_error::EncodeError;

/// A label of the largest surfaces takes a few megabytes.
const MOST_BYTES: usize = 32 << 20;

/// The vertices of a region.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Label {
    /// Vertex numbers, from 0, in the order of the file.
    pub vertices: Vec<u32>,
    /// Coordinates of each vertex, mm.
    pub points: Vec<[f32; 3]>,
    /// The statistic of each vertex.
    pub values: Vec<f32>,
}

/// Reads a label.
///
/// # Errors
/// Returns a clause if it is no label, or its number of lines differs from what it says. Vertices without a number (-1: only
/// coordinates) are refused.
pub fn parse(bytes: &[u8]) -> Result<Label, String> {
    if bytes.len() > MOST_BYTES {
        return Err("it is far longer than a label".into());
    }
    let text = std::str::from_utf8(bytes).map_err(|_| "it is not text")?;
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    let mut first = lines.next().ok_or("it is empty")?;
    if first.starts_with('#') {
        first = lines.next().ok_or("it ends after its first line")?;
    }
    let n_vertices: usize = first
        .trim()
        .parse()
        .map_err(|_| "it does not begin with the number of its vertices")?;
    // A line has at least eight characters.
    let n_most = n_vertices.min(bytes.len() / 8);
    let mut label = Label {
        vertices: Vec::with_capacity(n_most),
        points: Vec::with_capacity(n_most),
        values: Vec::with_capacity(n_most),
    };
    for line in lines {
        let (vertex, point, value) = vertex(line).ok_or_else(|| {
            let shown: String = line.chars().take(60).collect();
            format!(
                "\"{}\" is no vertex, coordinates and a value",
                shown.escape_debug()
            )
        })?;
        label.vertices.push(vertex);
        label.points.push(point);
        label.values.push(value);
    }
    if label.vertices.len() == n_vertices {
        Ok(label)
    } else {
        Err(format!(
            "it says that it has {n_vertices} vertices, and {} follow",
            label.vertices.len()
        ))
    }
}

fn vertex(line: &str) -> Option<(u32, [f32; 3], f32)> {
    let mut fields = line.split_ascii_whitespace();
    let vertex = fields.next()?.parse().ok()?;
    let mut number = || fields.next()?.parse::<f32>().ok();
    let point = [number()?, number()?, number()?];
    Some((vertex, point, number()?))
}

impl Label {
    /// The text of the file. Numbers are written so that the same ones are read.
    ///
    /// * `subject`: name of the subject, for the first line.
    ///
    /// # Errors
    /// Returns an [`EncodeError`] if the label has no vertices, or not a point and a value for each.
    pub fn encode(&self, subject: &str) -> Result<Vec<u8>, EncodeError> {
        let n_vertices = self.vertices.len();
        if n_vertices == 0 {
            return Err(EncodeError::NoValues);
        }
        for found in [self.points.len(), self.values.len()] {
            if found != n_vertices {
                return Err(EncodeError::Length {
                    name: "label".into(),
                    found,
                    expected: n_vertices,
                });
            }
        }
        let subject: String = subject.chars().filter(|c| !c.is_control()).collect();
        let mut text =
            format!("#!ascii label  , from subject {subject} vox2ras=TkReg\n{n_vertices}\n");
        let places = self.points.iter().zip(&self.values);
        for (vertex, ([x, y, z], value)) in self.vertices.iter().zip(places) {
            let _ = writeln!(text, "{vertex}  {x}  {y}  {z} {value}");
        }
        Ok(text.into_bytes())
    }
}
