//! CIFTI-2: the meaning of rows and columns of a NIfTI-2 matrix, in XML between header and data.
//!
//! Source: the CIFTI-2 specification of the Human Connectome Project.

pub mod dense;
pub mod write;

use std::fs::File;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::places::read_at;

/// Offset of the header extensions.
const EXTENSIONS_AT: u64 = 544;
/// Extension code of CIFTI's XML.
const CODE: i32 = 32;
/// Maximum size of the XML, bytes. That of 91,282 grayordinates takes 2 MB.
const MOST_XML_BYTES: u64 = 16 << 20;

/// A dense or parcellated time series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Series {
    /// Whether time runs along the rows, the fastest-varying index in the file.
    pub(super) is_along_rows: bool,
    /// Repetition time in seconds, if the unit is one of time.
    pub(super) step_secs: Option<f64>,
}

/// Reads the meaning of a CIFTI image's dimensions. `begin`: offset of its data.
///
/// # Errors
/// Returns a message without final punctuation if it is not a time series, or the XML is missing or damaged.
pub(super) fn series(file: &File, begin: u64) -> Result<Series, String> {
    let xml = extension(file, begin)?;
    let text = String::from_utf8_lossy(&xml);
    let text = text.trim_end_matches('\0');
    parse(text)
}

/// Finds the XML among the extensions between header and data.
fn extension(file: &File, begin: u64) -> Result<Vec<u8>, String> {
    let unreadable = |error: std::io::Error| format!("The CIFTI image cannot be read: {error}");
    let mut at = EXTENSIONS_AT;
    while at + 8 <= begin {
        let mut head = [0; 8];
        read_at(file, &mut head, at).map_err(unreadable)?;
        let [size, code] = [
            [head[0], head[1], head[2], head[3]],
            [head[4], head[5], head[6], head[7]],
        ];
        // Sizes are in the header's byte order; a size that is impossible in one order is in the other.
        let is_little = i64::from(i32::from_le_bytes(size)) <= (begin - at) as i64
            && i32::from_le_bytes(size) > 8;
        let number = |word| {
            if is_little {
                i32::from_le_bytes(word)
            } else {
                i32::from_be_bytes(word)
            }
        };
        let n_bytes = u64::try_from(number(size))
            .ok()
            .filter(|n| *n > 8 && at + n <= begin);
        let n_bytes =
            n_bytes.ok_or("The CIFTI image is damaged: what follows its header has no size")?;
        if number(code) == CODE {
            if n_bytes > MOST_XML_BYTES {
                return Err("The CIFTI image is damaged: its XML is far too long".into());
            }
            let mut xml = vec![0; n_bytes as usize - 8];
            read_at(file, &mut xml, at + 8).map_err(unreadable)?;
            return Ok(xml);
        }
        at += n_bytes;
    }
    Err("The image says that it is CIFTI, but does not say what its rows and columns are (its XML is missing)".into())
}

/// Parses the XML.
fn parse(text: &str) -> Result<Series, String> {
    let damaged = |error: String| format!("The XML of the CIFTI image is damaged: {error}");
    let mut reader = Reader::from_str(text);
    let mut maps = Vec::new();
    loop {
        match reader
            .read_event()
            .map_err(|error| damaged(error.to_string()))?
        {
            Event::Start(start) | Event::Empty(start)
                if start.name().as_ref() == "MatrixIndicesMap" =>
            {
                maps.push(IndicesMap::read(&start));
            }
            Event::Eof => break,
            _ => {}
        }
    }
    let of = |dimension: &str| {
        let found = maps
            .iter()
            .find(|map| map.dimensions.split(',').any(|own| own.trim() == dimension));
        found.ok_or_else(|| damaged(format!("it says nothing of dimension {dimension}")))
    };
    let (rows, columns) = (of("0")?, of("1")?);
    let is_along_rows = rows.is_series();
    if is_along_rows == columns.is_series() {
        return Err(format!(
            "The CIFTI image holds no series: its rows are {}, its columns {}. Expected is one such as .dtseries.nii or \
             .ptseries.nii",
            rows.plain(),
            columns.plain()
        ));
    }
    Ok(Series {
        is_along_rows,
        step_secs: if is_along_rows {
            rows.step_secs
        } else {
            columns.step_secs
        },
    })
}

struct IndicesMap {
    dimensions: String,
    kind: String,
    step_secs: Option<f64>,
}

impl IndicesMap {
    fn read(start: &BytesStart) -> Self {
        let attribute = |name: &str| {
            let found = start
                .attributes()
                .flatten()
                .find(|attribute| attribute.key.as_ref() == name);
            found.map(|found| found.value.to_string())
        };
        let number = |name: &str| attribute(name)?.trim().parse::<f64>().ok();
        let step = number("SeriesStep")
            .map(|step| step * 10_f64.powf(number("SeriesExponent").unwrap_or(0.0)));
        let is_time = attribute("SeriesUnit").is_none_or(|unit| unit == "SECOND");
        Self {
            dimensions: attribute("AppliesToMatrixDimension").unwrap_or_default(),
            kind: attribute("IndicesMapToDataType").unwrap_or_default(),
            step_secs: step.filter(|step| is_time && *step > 0.0 && step.is_finite()),
        }
    }

    fn is_series(&self) -> bool {
        self.kind == "CIFTI_INDEX_TYPE_SERIES"
    }

    fn plain(&self) -> String {
        let kind = self
            .kind
            .trim_start_matches("CIFTI_INDEX_TYPE_")
            .to_lowercase();
        kind.replace('_', " ").escape_debug().to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn xml(rows: &str, columns: &str) -> String {
        let map = |dimension, kind| {
            format!(
                "<MatrixIndicesMap AppliesToMatrixDimension=\"{dimension}\" IndicesMapToDataType=\"CIFTI_INDEX_TYPE_{kind}\" \
                 SeriesStep=\"72\" SeriesExponent=\"-2\" SeriesUnit=\"SECOND\"/>"
            )
        };
        format!(
            "<CIFTI Version=\"2\"><Matrix>{}{}</Matrix></CIFTI>",
            map(0, rows),
            map(1, columns)
        )
    }

    #[test]
    fn a_series_has_an_axis_of_time_and_its_step() {
        let series = parse(&xml("SERIES", "BRAIN_MODELS")).unwrap();
        assert!(series.is_along_rows && (series.step_secs.unwrap() - 0.72).abs() < 1e-12);
        assert!(!parse(&xml("PARCELS", "SERIES")).unwrap().is_along_rows);
        let error = parse(&xml("SCALARS", "BRAIN_MODELS")).unwrap_err();
        assert!(
            error.contains("its rows are scalars, its columns brain models"),
            "{error}"
        );
        assert!(
            parse("<CIFTI/>")
                .unwrap_err()
                .contains("says nothing of dimension 0")
        );
    }
}
