//! Files of keyframes.

use serde_json::Value;

use super::super::view::{NamedView, View, ViewError};
use super::{Easing, KeyframeError};

/// Longest film that a file may ask for, seconds.
const MOST_SECS: f64 = 3600.0;
/// Keyframes in a file at most.
const MOST_KEYFRAMES: usize = 10_000;

/// A view as a file of keyframes names it.
#[derive(Debug, Clone, PartialEq)]
pub enum KeyView {
    /// A camera and a pose, as pycortex saves them.
    Saved(View),
    /// A name, to be fitted to the picture; with its own unfolding if the file gives one.
    Named(NamedView, Option<f32>),
}

/// A keyframe as it stands in a file.
#[derive(Debug, Clone, PartialEq)]
pub struct KeyEntry {
    /// Seconds from the beginning.
    pub secs: f64,
    /// What is seen.
    pub view: KeyView,
    /// The map that is shown from here on.
    pub map: Option<String>,
    /// How it moves on.
    pub easing: Option<Easing>,
}

/// Reads a list of keyframes: views as pycortex captures them, with `time` in seconds; or `{"time": …, "view": …}` with a view
/// or the name of one. `map` names the map from there on, `interpolation` is how the film moves on.
///
/// # Errors
/// Returns a [`KeyframeError`] if the text is no such list, or two keyframes have the same time.
pub fn read_keyframes(text: &str) -> Result<Vec<KeyEntry>, KeyframeError> {
    let damaged = |reason: &str| KeyframeError::Damaged(reason.to_owned());
    let json: Value =
        serde_json::from_str(text).map_err(|error| KeyframeError::Damaged(error.to_string()))?;
    let list = json
        .as_array()
        .or_else(|| json.get("keyframes")?.as_array());
    let list = list.ok_or_else(|| damaged("there is no list"))?;
    if list.len() < 2 {
        return Err(damaged("there are fewer than two keyframes"));
    }
    if list.len() > MOST_KEYFRAMES {
        return Err(damaged("there are more than 10000 keyframes"));
    }
    let entries = (1..).zip(list).map(|(number, entry)| {
        key_entry(entry).map_err(|reason| KeyframeError::Keyframe(number, reason))
    });
    let mut entries: Vec<KeyEntry> = entries.collect::<Result<_, _>>()?;
    entries.sort_by(|a, b| a.secs.total_cmp(&b.secs));
    if let Some(pair) = entries
        .windows(2)
        .find(|pair| pair[1].secs - pair[0].secs < 1e-6)
    {
        return Err(KeyframeError::Damaged(format!(
            "two keyframes are at {} s",
            pair[0].secs
        )));
    }
    Ok(entries)
}

fn key_entry(entry: &Value) -> Result<KeyEntry, String> {
    let object = entry.as_object().ok_or("it is no object")?;
    let secs = object.get("time").or_else(|| object.get("seconds"));
    let secs = secs
        .and_then(Value::as_f64)
        .filter(|secs| (0.0..=MOST_SECS).contains(secs));
    let secs = secs.ok_or_else(|| format!("\"time\" must be from 0 to {MOST_SECS} seconds"))?;
    let view = match object.get("view") {
        None => KeyView::Saved(saved_view(entry)?),
        Some(Value::String(name)) => {
            let named = name.parse().map_err(|error: ViewError| clause(&error))?;
            KeyView::Named(named, unfolding(object.get("unfold"))?)
        }
        Some(view) => KeyView::Saved(saved_view(view)?),
    };
    let text = |key: &str| match object.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(format!("\"{key}\" must be text")),
    };
    Ok(KeyEntry {
        secs,
        view,
        map: text("map")?,
        easing: text("interpolation")?
            .map(|name| easing(&name))
            .transpose()?,
    })
}

fn saved_view(json: &Value) -> Result<View, String> {
    View::of_pycortex(&json.to_string()).map_err(|error| clause(&error))
}

/// An error as a part of a sentence.
fn clause(error: &ViewError) -> String {
    error.to_string().trim_end_matches('.').to_owned()
}

fn unfolding(value: Option<&Value>) -> Result<Option<f32>, String> {
    let Some(value) = value else {
        return Ok(None);
    };
    let share = value
        .as_f64()
        .filter(|share| (0.0..=1.0).contains(share))
        .ok_or("\"unfold\" must be from 0 to 1")?;
    Ok(Some(share as f32))
}

/// The names of pycortex, and of its per-keyframe modes those that need no neighbours.
fn easing(name: &str) -> Result<Easing, String> {
    match name {
        "linear" | "Linear" => Ok(Easing::Linear),
        "smoothstep" | "smooth" => Ok(Easing::Smooth),
        "hold" | "LinearInHoldOut" | "BezierInHoldOut" | "CubicHermiteInHoldOut" => {
            Ok(Easing::Hold)
        }
        _ => Err(format!(
            "the interpolation \"{}\" is not known; choose linear, smoothstep or hold",
            name.escape_debug()
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::brain::Side;

    #[test]
    fn files_are_read_as_pycortex_writes_them() {
        let text = r#"[{"time": 2, "camera.azimuth": 90, "surface.{subject}.unfold": 1, "interpolation": "LinearInHoldOut"},
            {"time": 0.5, "view": "lateral-left", "unfold": 0.5, "map": "r"},
            {"seconds": 3, "view": {"camera.radius": 123}}]"#;
        let read = read_keyframes(text).unwrap();
        let secs: Vec<f64> = read.iter().map(|entry| entry.secs).collect();
        assert_eq!(secs, [0.5, 2.0, 3.0]);
        assert_eq!(
            read[0].view,
            KeyView::Named(NamedView::Lateral(Side::Left), Some(0.5))
        );
        assert_eq!(read[0].map.as_deref(), Some("r"));
        assert_eq!(read[1].easing, Some(Easing::Hold));
        let KeyView::Saved(view) = &read[2].view else {
            panic!("no view");
        };
        assert!((view.camera.radius - 123.0).abs() < 1e-9);
        for (text, expected) in [
            ("{", "invalid"),
            ("{}", "there is no list"),
            ("[{\"time\": 0, \"view\": \"left\"}]", "fewer than two"),
            ("[{\"view\": \"left\"}, 3]", "Keyframe 1"),
            (
                "[{\"time\": 0, \"view\": \"left\"}, 3]",
                "Keyframe 2 is invalid: it is no object",
            ),
            (
                "[{\"time\": 0, \"view\": \"up\"}, 3]",
                "There is no view \"up\"",
            ),
            ("[{\"time\": -1, \"view\": \"left\"}, 3]", "from 0 to 3600"),
            (
                "[{\"time\": 0, \"view\": \"left\", \"interpolation\": \"x\"}, 3]",
                "choose linear",
            ),
            (
                "[{\"time\": 1, \"view\": \"left\"}, {\"time\": 1, \"view\": \"flat\"}]",
                "two keyframes are at 1 s",
            ),
        ] {
            let error = read_keyframes(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
