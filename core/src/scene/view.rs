//! Views: by name, fitted to the picture, or as pycortex saves them.

use std::fmt;
use std::str::FromStr;

use serde_json::Value;

use super::camera::{Camera, FIELD_OF_VIEW_DEGREES, dot};
use super::pose::{Pose, PoseError, PosedBrain};
use crate::brain::{Side, Subject, SurfaceKind};

/// Share of the picture that a fitted view fills.
pub(super) const FILLED: f64 = 0.94;
/// Distance between the opened hemispheres of lateral and medial views, mm.
const OPENED_GAP_MM: f32 = 10.0;

/// A way to look at a subject.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct View {
    /// How the hemispheres stand.
    pub pose: Pose,
    /// From where a folded brain is seen.
    pub camera: Camera,
    /// What the camera looks at, straight from above, where the brain is flat; mm.
    pub flat_target: [f64; 3],
    /// Whether the cortex is lit.
    pub is_lit: bool,
}

/// A view that is fitted to the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NamedView {
    /// Both hemispheres from the left.
    Left,
    /// Both hemispheres from the right.
    Right,
    /// From above.
    Dorsal,
    /// From below.
    Ventral,
    /// From the front.
    Anterior,
    /// From behind.
    Posterior,
    /// The outer side of one hemisphere.
    Lateral(Side),
    /// The inner side of one hemisphere.
    Medial(Side),
    /// The outer sides of both, opened like a book.
    BothLateral,
    /// The inner sides of both, opened like a book.
    BothMedial,
    /// The flat map.
    Flat,
}

impl NamedView {
    /// All views with their names.
    pub const ALL: [(&'static str, Self); 13] = [
        ("left", Self::Left),
        ("right", Self::Right),
        ("dorsal", Self::Dorsal),
        ("ventral", Self::Ventral),
        ("anterior", Self::Anterior),
        ("posterior", Self::Posterior),
        ("lateral-left", Self::Lateral(Side::Left)),
        ("lateral-right", Self::Lateral(Side::Right)),
        ("medial-left", Self::Medial(Side::Left)),
        ("medial-right", Self::Medial(Side::Right)),
        ("lateral", Self::BothLateral),
        ("medial", Self::BothMedial),
        ("flat", Self::Flat),
    ];

    /// The view of a subject with everything that is shown in a picture of `size`, (width, height) in pixels.
    ///
    /// * `unfold`: from 0, folded, to 1, flat; the flat view is always flat.
    ///
    /// # Errors
    /// Returns a [`PoseError`] if the subject lacks a surface of the view.
    pub fn of(self, subject: &Subject, unfold: f32, size: [usize; 2]) -> Result<View, PoseError> {
        let mut view = self.unfitted(subject, unfold)?;
        view.fit(subject, size)?;
        Ok(view)
    }

    /// The view of a subject before it is fitted to a picture ([`View::fit_to`]).
    ///
    /// # Errors
    /// Returns a [`PoseError`] if the subject lacks a flat surface that the view needs.
    pub fn unfitted(self, subject: &Subject, unfold: f32) -> Result<View, PoseError> {
        let mut pose = Pose {
            unfold,
            ..Pose::default()
        };
        let (azimuth, altitude) = match self {
            Self::Dorsal | Self::Flat => (180.0, 0.0),
            Self::Ventral => (0.0, 180.0),
            Self::Anterior | Self::BothMedial => (0.0, 90.0),
            Self::Posterior | Self::BothLateral => (180.0, 90.0),
            Self::Left | Self::Lateral(Side::Left) | Self::Medial(Side::Right) => (90.0, 90.0),
            Self::Right | Self::Lateral(Side::Right) | Self::Medial(Side::Left) => (270.0, 90.0),
        };
        match self {
            Self::Lateral(side) | Self::Medial(side) => {
                pose.shown = [side == Side::Left, side == Side::Right];
            }
            Self::BothLateral | Self::BothMedial => {
                pose.pivot = Some(180.0);
                pose.gap = OPENED_GAP_MM;
            }
            Self::Flat => {
                if let Some(side) = Side::BOTH.into_iter().find(|side| {
                    let hemisphere = subject.hemisphere(*side);
                    hemisphere.surface(SurfaceKind::Flat).is_none()
                }) {
                    return Err(PoseError::NoFlatSurface(side));
                }
                pose.unfold = 1.0;
            }
            _ => {}
        }
        let camera = Camera {
            azimuth,
            altitude,
            radius: 300.0,
            target: [0.0; 3],
        };
        Ok(View {
            pose,
            camera,
            flat_target: [0.0; 3],
            is_lit: true,
        })
    }
}

impl FromStr for NamedView {
    type Err = ViewError;

    fn from_str(name: &str) -> Result<Self, ViewError> {
        let name = match name {
            "top" => "dorsal",
            "bottom" => "ventral",
            "front" => "anterior",
            "back" => "posterior",
            name => name,
        };
        let mut all = Self::ALL.into_iter();
        let found = all.find(|(known, _)| *known == name);
        found
            .map(|(_, view)| view)
            .ok_or_else(|| ViewError::NoSuchView(name.to_owned()))
    }
}

/// Why there is no view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ViewError {
    /// No view has this name.
    NoSuchView(String),
    /// A saved view is damaged.
    Damaged(String),
}

impl fmt::Display for ViewError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchView(name) => {
                let names = NamedView::ALL.map(|(name, _)| name).join(", ");
                let name = name.escape_debug();
                write!(
                    f,
                    "There is no view \"{name}\". Choose one of {names}, or the file of a saved view."
                )
            }
            Self::Damaged(reason) => write!(f, "The saved view is invalid: {reason}."),
        }
    }
}

impl std::error::Error for ViewError {}

impl View {
    /// The camera, which moves over the flat map as the brain flattens, and looks straight down once it is flat: as in pycortex.
    #[must_use]
    pub fn camera(&self, subject: &Subject) -> Camera {
        let flat = f64::from(self.pose.flatness(subject));
        let mix = |folded: f64, flattened: f64| folded + flat * (flattened - folded);
        let (azimuth, altitude) = if flat < 1.0 {
            (self.camera.azimuth, self.camera.altitude)
        } else {
            (180.0, 0.0)
        };
        Camera {
            azimuth,
            altitude,
            radius: self.camera.radius,
            target: std::array::from_fn(|axis| {
                mix(self.camera.target[axis], self.flat_target[axis])
            }),
        }
    }

    /// Moves the camera so that everything that is shown fills the picture.
    ///
    /// # Errors
    /// Returns a [`PoseError`] if the subject lacks a surface of the pose.
    pub fn fit(&mut self, subject: &Subject, size: [usize; 2]) -> Result<(), PoseError> {
        let brain = self.pose.apply(subject)?;
        self.fit_to(subject, &brain, size);
        Ok(())
    }

    /// Moves the camera so that a brain in the view's pose fills the picture.
    pub fn fit_to(&mut self, subject: &Subject, brain: &PosedBrain, size: [usize; 2]) {
        let axes = self.camera(subject).projection(size).axes;
        let mut points = Vec::new();
        for hemisphere in &brain.hemispheres {
            let mut is_drawn = vec![false; hemisphere.points.len()];
            for (_, vertices) in &brain.triangles[hemisphere.triangles.clone()] {
                for vertex in vertices {
                    is_drawn[*vertex as usize] = true;
                }
            }
            let drawn = hemisphere.points.iter().zip(is_drawn);
            let drawn = drawn.filter(|(_, is_drawn)| *is_drawn);
            // To the right, up, and towards the viewer.
            points.extend(drawn.map(|(point, _)| axes.map(|axis| dot(axis, point.map(f64::from)))));
        }
        let mut bounds = [[f64::INFINITY, f64::NEG_INFINITY]; 3];
        for point in &points {
            for (bound, value) in bounds.iter_mut().zip(point) {
                *bound = [bound[0].min(*value), bound[1].max(*value)];
            }
        }
        if points.is_empty() {
            return;
        }
        let middle = bounds.map(|[least, most]| f64::midpoint(least, most));
        let tan = (FIELD_OF_VIEW_DEGREES / 2.0).to_radians().tan() * FILLED;
        let aspect = size[0].max(1) as f64 / size[1].max(1) as f64;
        let needed = points.iter().map(|point| {
            let [right, up, near] = std::array::from_fn(|axis| point[axis] - middle[axis]);
            near + (right.abs() / (tan * aspect)).max(up.abs() / tan)
        });
        self.camera.radius = needed.fold(1.0, f64::max);
        let target = std::array::from_fn(|axis| {
            middle[0] * axes[0][axis] + middle[1] * axes[1][axis] + middle[2] * axes[2][axis]
        });
        (self.camera.target, self.flat_target) = (target, target);
    }

    /// The view as pycortex saves it, to be opened there with `load_view` or here with [`View::of_pycortex`].
    ///
    /// * `flatness`: of the pose ([`Pose::flatness`]), which the hinge follows if it has no angle of its own.
    #[must_use]
    pub fn to_pycortex(&self, flatness: f32) -> String {
        let Self { pose, camera, .. } = self;
        // pycortex has no hinge that follows the unfolding.
        let pivot = pose.pivot.unwrap_or(180.0 * flatness);
        let json = serde_json::json!({
            "camera.azimuth": camera.azimuth,
            "camera.altitude": camera.altitude,
            "camera.radius": camera.radius,
            "camera.target": camera.target,
            "camera.flat_target": self.flat_target,
            "surface.{subject}.unfold": pose.unfold,
            "surface.{subject}.pivot": pivot,
            "surface.{subject}.shift": pose.gap,
            "surface.{subject}.depth": pose.depth,
            "surface.{subject}.left": pose.shown[0],
            "surface.{subject}.right": pose.shown[1],
            "surface.{subject}.lighting.uniform_illumination": i32::from(!self.is_lit),
        });
        format!("{json:#}\n")
    }

    /// Reads a view as pycortex saves it: a JSON object with keys such as `camera.azimuth` and `surface.{subject}.unfold`.
    /// Settings that are not there keep pycortex's defaults.
    ///
    /// # Errors
    /// Returns [`ViewError::Damaged`] if it is no JSON object, or a value is of the wrong kind.
    pub fn of_pycortex(text: &str) -> Result<Self, ViewError> {
        let damaged = |reason: String| ViewError::Damaged(reason);
        let json: Value = serde_json::from_str(text).map_err(|error| damaged(error.to_string()))?;
        let object = json
            .as_object()
            .ok_or_else(|| damaged("it is no object of settings".into()))?;
        // `surface.S1.unfold` and `surface.{subject}.unfold` are the same.
        let find = |name: &str| {
            let is_it = |key: &String| match name.strip_prefix("surface.") {
                Some(rest) => {
                    let own = key
                        .strip_prefix("surface.")
                        .and_then(|key| key.split_once('.'));
                    own.is_some_and(|(_, own)| own == rest)
                }
                None => key == name,
            };
            object
                .iter()
                .find(|(key, _)| is_it(key))
                .map(|(_, value)| value)
        };
        let number = |name: &str, default: f64| match find(name) {
            None | Some(Value::Null) => Ok(default),
            Some(value) => value
                .as_f64()
                .filter(|value| value.is_finite() && value.abs() < 1e6)
                .ok_or_else(|| damaged(format!("{name} is no number"))),
        };
        let place = |name: &str, default: [f64; 3]| match find(name) {
            None | Some(Value::Null) => Ok(default),
            Some(value) => {
                let numbers = value.as_array().filter(|numbers| numbers.len() == 3);
                let numbers: Option<Vec<f64>> =
                    numbers.and_then(|numbers| numbers.iter().map(Value::as_f64).collect());
                let numbers: Option<[f64; 3]> = numbers.and_then(|numbers| numbers.try_into().ok());
                numbers.ok_or_else(|| damaged(format!("{name} is no place of three numbers")))
            }
        };
        let flag = |name: &str| match find(name) {
            None | Some(Value::Null) => Ok(true),
            Some(value) => value
                .as_bool()
                .ok_or_else(|| damaged(format!("{name} is neither true nor false"))),
        };
        let pivot = find("surface.pivot").map(|_| number("surface.pivot", 0.0));
        Ok(Self {
            pose: Pose {
                unfold: number("surface.unfold", 0.0)? as f32,
                depth: number("surface.depth", 0.5)? as f32,
                pivot: pivot.transpose()?.map(|pivot| pivot as f32),
                gap: number("surface.shift", 0.0)? as f32,
                shown: [flag("surface.left")?, flag("surface.right")?],
            },
            camera: Camera {
                azimuth: number("camera.azimuth", 45.0)?,
                altitude: number("camera.altitude", 75.0)?,
                radius: number("camera.radius", 400.0)?.max(1.0),
                target: place("camera.target", [0.0; 3])?,
            },
            flat_target: place("camera.flat_target", [0.0; 3])?,
            is_lit: number("surface.lighting.uniform_illumination", 0.0)? < 1.0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_saved_view_opens_as_it_was() {
        let subject = Subject::fsaverage5();
        for (name, named) in NamedView::ALL {
            let mut view = named.of(subject, 0.3, [800, 600]).unwrap();
            view.is_lit = name != "left";
            let flatness = view.pose.flatness(subject);
            let read = View::of_pycortex(&view.to_pycortex(flatness)).unwrap();
            view.pose.pivot = Some(view.pose.pivot.unwrap_or(180.0 * flatness));
            assert_eq!((read.pose, read.is_lit), (view.pose, view.is_lit), "{name}");
            let numbers = |view: &View| {
                let Camera {
                    azimuth,
                    altitude,
                    radius,
                    target,
                } = view.camera;
                [&[azimuth, altitude, radius][..], &target, &view.flat_target].concat()
            };
            for (found, expected) in numbers(&read).iter().zip(numbers(&view)) {
                assert!(
                    (found - expected).abs() < 1e-9,
                    "{name}: {found} {expected}"
                );
            }
        }
    }
}
