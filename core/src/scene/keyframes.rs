//! Views over time: between keyframes, around the brain, and from folded to flat.

mod reading;

use std::fmt;

use super::camera::{Camera, FIELD_OF_VIEW_DEGREES};
use super::pose::{Pose, PoseError, PosedBrain};
use super::view::{FILLED, NamedView, View};
use crate::brain::{Side, Subject, SurfaceKind};

pub use reading::{KeyEntry, KeyView, read_keyframes};

/// Views between folded and flat that are fitted to the picture.
const N_UNFOLDINGS: u32 = 40;
/// Directions from which a turning brain must fit into the picture.
const N_DIRECTIONS: u32 = 72;

/// How a film moves from one keyframe to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Easing {
    /// At constant speed, as in pycortex unless a keyframe says otherwise.
    #[default]
    Linear,
    /// Slow at both ends: 3t² − 2t³, pycortex's `smoothstep`.
    Smooth,
    /// Not at all: the view jumps when the next keyframe comes.
    Hold,
}

impl Easing {
    /// The share of the way that is done after a share of the time.
    #[must_use]
    pub fn share(self, time: f64) -> f64 {
        let time = time.clamp(0.0, 1.0);
        match self {
            Self::Linear => time,
            Self::Smooth => time * time * (3.0 - 2.0 * time),
            Self::Hold => f64::from(u8::from(time >= 1.0)),
        }
    }
}

/// A view at a moment of a film.
#[derive(Debug, Clone, PartialEq)]
pub struct Keyframe {
    /// Seconds from the beginning.
    pub secs: f64,
    /// What is seen.
    pub view: View,
    /// The map that is shown from here on; `None` keeps the one before.
    pub map: Option<String>,
    /// How it moves on from here; `None` is the film's own easing.
    pub easing: Option<Easing>,
}

/// Why a file of keyframes cannot be used.
#[derive(Debug, Clone, PartialEq)]
pub enum KeyframeError {
    /// The file is no list of keyframes.
    Damaged(String),
    /// A keyframe, counted from 1, is wrong.
    Keyframe(usize, String),
    /// A view of the film needs a surface that the subject lacks.
    Pose(PoseError),
}

impl fmt::Display for KeyframeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged(reason) => write!(
                f,
                "The keyframes are invalid: {reason}. A list of views with \"time\" in seconds is expected, such as \
                 [{{\"time\": 0, \"view\": \"left\"}}, {{\"time\": 2, \"view\": \"flat\"}}]."
            ),
            Self::Keyframe(number, reason) => write!(f, "Keyframe {number} is invalid: {reason}."),
            Self::Pose(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for KeyframeError {}

impl From<PoseError> for KeyframeError {
    fn from(error: PoseError) -> Self {
        Self::Pose(error)
    }
}

impl View {
    /// The view on the way to another one, after a share from 0 to 1 of it. Angles take the shorter way; which hemispheres are
    /// shown changes at the end.
    #[must_use]
    pub fn towards(&self, other: &Self, share: f64, subject: &Subject) -> Self {
        if share <= 0.0 {
            return *self;
        }
        if share >= 1.0 {
            return *other;
        }
        let mix = |a: f64, b: f64| a + share * (b - a);
        let mix_f32 = |a: f32, b: f32| mix(f64::from(a), f64::from(b)) as f32;
        let place = |a: [f64; 3], b: [f64; 3]| std::array::from_fn(|axis| mix(a[axis], b[axis]));
        let (from, to) = (angles(self, subject), angles(other, subject));
        let pivot = |view: &Self| {
            let flatness = view.pose.flatness(subject);
            view.pose.pivot.unwrap_or(180.0 * flatness)
        };
        let follows = self.pose.pivot.is_none() && other.pose.pivot.is_none();
        Self {
            pose: Pose {
                unfold: mix_f32(self.pose.unfold, other.pose.unfold),
                depth: mix_f32(self.pose.depth, other.pose.depth),
                pivot: (!follows).then(|| mix_f32(pivot(self), pivot(other))),
                gap: mix_f32(self.pose.gap, other.pose.gap),
                shown: self.pose.shown,
            },
            camera: Camera {
                azimuth: from[0] + share * shorter_way(from[0], to[0]),
                altitude: mix(from[1], to[1]),
                radius: mix(self.camera.radius, other.camera.radius),
                target: place(self.camera.target, other.camera.target),
            },
            flat_target: place(self.flat_target, other.flat_target),
            is_lit: self.is_lit,
        }
    }
}

/// Azimuth and altitude as they are seen: a flat brain is seen from straight above.
fn angles(view: &View, subject: &Subject) -> [f64; 2] {
    let camera = view.camera(subject);
    [camera.azimuth, camera.altitude]
}

/// The turn from an angle to another one, from −180° to 180°.
fn shorter_way(from: f64, to: f64) -> f64 {
    let turn = (to - from).rem_euclid(360.0);
    if turn > 180.0 { turn - 360.0 } else { turn }
}

/// What a film shows when.
#[derive(Debug, Clone, PartialEq)]
pub enum Motion {
    /// From keyframe to keyframe.
    Keyframes(Vec<Keyframe>, Easing),
    /// Around the brain.
    Turntable {
        /// The view that it begins with.
        view: View,
        /// How long a turn takes, seconds.
        turn_secs: f64,
        /// How long the film is, seconds.
        secs: f64,
    },
    /// A view that stays for so many seconds.
    Still(View, f64),
}

impl Motion {
    /// The film of a file's keyframes.
    ///
    /// * `unfold`: of named views without their own.
    /// * `size`: width and height of the picture, pixels.
    ///
    /// # Errors
    /// Returns a [`KeyframeError`] if the subject lacks a surface of a view.
    pub fn of_entries(
        entries: Vec<KeyEntry>,
        easing: Easing,
        (subject, unfold): (&Subject, f32),
        size: [usize; 2],
    ) -> Result<Self, KeyframeError> {
        let mut keyframes = Vec::with_capacity(entries.len());
        for entry in entries {
            let view = match entry.view {
                KeyView::Saved(view) => view,
                KeyView::Named(named, own) => named.of(subject, own.unwrap_or(unfold), size)?,
            };
            // That a surface is missing is told before the first picture.
            if view.pose.unfold >= 1.0
                && let Some(side) = without_flat(subject, view.pose.shown)
            {
                return Err(PoseError::NoFlatSurface(side).into());
            }
            keyframes.push(Keyframe {
                secs: entry.secs,
                view,
                map: entry.map,
                easing: entry.easing,
            });
        }
        Ok(Self::Keyframes(keyframes, easing))
    }

    /// Around the brain, at a distance from which it fits into the picture throughout.
    ///
    /// * `turn_secs`, `secs`: how long a turn and the film take. If they are the same, the end meets the beginning.
    ///
    /// # Errors
    /// Returns a [`PoseError`] if the subject lacks a surface of the view.
    pub fn turntable(
        mut view: View,
        (turn_secs, secs): (f64, f64),
        subject: &Subject,
        size: [usize; 2],
    ) -> Result<Self, PoseError> {
        let brain = view.pose.apply(subject)?;
        fit_all_round(&mut view, &brain, size);
        Ok(Self::Turntable {
            view,
            turn_secs,
            secs,
        })
    }

    /// From a folded view over inflated to the flat map in so many seconds, of which a tenth rests at either end.
    ///
    /// # Errors
    /// Returns a [`PoseError`] if a shown hemisphere is not flattened.
    pub fn unfolding(
        folded: View,
        secs: f64,
        subject: &Subject,
        size: [usize; 2],
    ) -> Result<Self, PoseError> {
        let shown = folded.pose.shown;
        if let Some(side) = without_flat(subject, shown) {
            return Err(PoseError::NoFlatSurface(side));
        }
        let mut flat = NamedView::Flat.unfitted(subject, 1.0)?;
        flat.pose.shown = shown;
        flat.pose.depth = folded.pose.depth;
        flat.is_lit = folded.is_lit;
        flat.fit(subject, size)?;
        let keyframe = |share: f64, view: View| Keyframe {
            secs: share * secs,
            view,
            map: None,
            easing: None,
        };
        let mut keyframes = vec![keyframe(0.0, folded)];
        for step in 0..=N_UNFOLDINGS {
            let time = f64::from(step) / f64::from(N_UNFOLDINGS);
            let mut view = folded.towards(&flat, Easing::Smooth.share(time), subject);
            // The brain grows and moves as it unfolds.
            if step > 0 && step < N_UNFOLDINGS {
                view.fit(subject, size)?;
            }
            keyframes.push(keyframe(0.1 + 0.8 * time, view));
        }
        keyframes.push(keyframe(1.0, flat));
        Ok(Self::Keyframes(keyframes, Easing::Linear))
    }

    /// Its length, seconds.
    #[must_use]
    pub fn secs(&self) -> f64 {
        match self {
            Self::Keyframes(keyframes, _) => keyframes.last().map_or(0.0, |last| last.secs),
            Self::Turntable { secs, .. } | Self::Still(_, secs) => *secs,
        }
    }

    /// Number of frames at so many a second. Keyframes show the last one as well, as in pycortex; the last frame of a turntable is
    /// followed by its first.
    #[must_use]
    pub fn n_frames(&self, fps: f64) -> usize {
        let n = (self.secs() * fps).round() as usize;
        match self {
            Self::Keyframes(..) => n + 1,
            Self::Turntable { .. } | Self::Still(..) => n.max(1),
        }
    }

    /// What is seen after so many seconds.
    ///
    /// Before the first and after the last keyframe it is theirs.
    #[must_use]
    pub fn view(&self, secs: f64, subject: &Subject) -> View {
        match self {
            Self::Still(view, _) => *view,
            Self::Turntable {
                view, turn_secs, ..
            } => {
                let mut view = *view;
                view.camera.azimuth += 360.0 * secs / turn_secs.max(f64::MIN_POSITIVE);
                view
            }
            Self::Keyframes(keyframes, easing) => {
                let after = keyframes.partition_point(|keyframe| keyframe.secs <= secs);
                let before = &keyframes[after.saturating_sub(1)];
                let Some(next) = keyframes.get(after).filter(|_| after > 0) else {
                    return before.view;
                };
                let time = (secs - before.secs) / (next.secs - before.secs);
                let share = before.easing.unwrap_or(*easing).share(time);
                before.view.towards(&next.view, share, subject)
            }
        }
    }

    /// The maps that keyframes name.
    pub fn maps(&self) -> impl Iterator<Item = &str> {
        let keyframes = match self {
            Self::Keyframes(keyframes, _) => &keyframes[..],
            Self::Turntable { .. } | Self::Still(..) => &[],
        };
        keyframes
            .iter()
            .filter_map(|keyframe| keyframe.map.as_deref())
    }

    /// The map that is shown after so many seconds, if a keyframe names one.
    #[must_use]
    pub fn map(&self, secs: f64) -> Option<&str> {
        let Self::Keyframes(keyframes, _) = self else {
            return None;
        };
        let shown = keyframes
            .iter()
            .take_while(|keyframe| keyframe.secs <= secs);
        shown.filter_map(|keyframe| keyframe.map.as_deref()).last()
    }
}

/// The first shown hemisphere that is not flattened.
fn without_flat(subject: &Subject, shown: [bool; 2]) -> Option<Side> {
    Side::BOTH.into_iter().find(|side| {
        let hemisphere = subject.hemisphere(*side);
        shown[side.index()] && hemisphere.surface(SurfaceKind::Flat).is_none()
    })
}

/// Moves the camera so that a brain that turns about the vertical through its middle fits into the picture from everywhere.
fn fit_all_round(view: &mut View, brain: &PosedBrain, size: [usize; 2]) {
    let points: Vec<[f64; 3]> = brain
        .hemispheres
        .iter()
        .flat_map(|hemisphere| &hemisphere.points)
        .map(|point| point.map(f64::from))
        .collect();
    if points.is_empty() {
        return;
    }
    let middle: [f64; 3] = std::array::from_fn(|axis| {
        let values = points.iter().map(|point| point[axis]);
        let least = values.clone().fold(f64::INFINITY, f64::min);
        f64::midpoint(least, values.fold(f64::NEG_INFINITY, f64::max))
    });
    let tan = (FIELD_OF_VIEW_DEGREES / 2.0).to_radians().tan() * FILLED;
    let aspect = size[0].max(1) as f64 / size[1].max(1) as f64;
    let mut radius = 1.0_f64;
    for direction in 0..N_DIRECTIONS {
        let camera = Camera {
            azimuth: 360.0 * f64::from(direction) / f64::from(N_DIRECTIONS),
            ..view.camera
        };
        let axes = camera.projection(size).axes;
        for point in &points {
            let [right, up, near] = axes.map(|axis| {
                (0..3)
                    .map(|at| axis[at] * (point[at] - middle[at]))
                    .sum::<f64>()
            });
            let needed = near + (right.abs() / (tan * aspect)).max(up.abs() / tan);
            radius = radius.max(needed);
        }
    }
    view.camera.radius = radius;
    (view.camera.target, view.flat_target) = (middle, middle);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-9
    }

    fn view(azimuth: f64, altitude: f64, radius: f64, unfold: f32) -> View {
        View {
            pose: Pose {
                unfold,
                ..Pose::default()
            },
            camera: Camera {
                azimuth,
                altitude,
                radius,
                target: [radius, 0.0, -radius],
            },
            flat_target: [0.0, radius, 0.0],
            is_lit: true,
        }
    }

    #[test]
    fn easing_keeps_its_ends_and_its_middle() {
        for easing in [Easing::Linear, Easing::Smooth] {
            assert!(near(easing.share(0.0), 0.0) && near(easing.share(1.0), 1.0));
            assert!(near(easing.share(0.5), 0.5));
            for step in 0..=100 {
                let time = f64::from(step) / 100.0;
                assert!(near(easing.share(time) + easing.share(1.0 - time), 1.0));
            }
        }
        // 3t² − 2t³.
        assert!(near(Easing::Smooth.share(0.25), 0.156_25));
        assert!(near(Easing::Hold.share(0.99), 0.0) && near(Easing::Hold.share(1.0), 1.0));
    }

    #[test]
    fn angles_take_the_shorter_way() {
        for (from, to, expected) in [
            (350.0, 10.0, 20.0),
            (10.0, 350.0, -20.0),
            (0.0, 180.0, 180.0),
            (-90.0, 270.0, 0.0),
            (90.0, 271.0, -179.0),
        ] {
            assert!(near(shorter_way(from, to), expected), "{from} {to}");
        }
    }

    #[test]
    fn views_between_keyframes_are_in_proportion() {
        let subject = Subject::fsaverage5();
        let (a, b) = (view(350.0, 60.0, 200.0, 0.0), view(30.0, 100.0, 300.0, 0.5));
        let between = a.towards(&b, 0.25, subject);
        assert!(near(between.camera.azimuth, 360.0));
        assert!(near(between.camera.altitude, 70.0));
        assert!(near(between.camera.radius, 225.0));
        assert!(near(between.camera.target[2], -225.0) && near(between.flat_target[1], 225.0));
        assert!((between.pose.unfold - 0.125).abs() < 1e-6);
        assert_eq!(
            (a.towards(&b, 0.0, subject), a.towards(&b, 1.0, subject)),
            (a, b)
        );
        // A hinge that follows the unfolding still does; one that does not begins where the other ends.
        assert_eq!(between.pose.pivot, None);
        let mut opened = b;
        opened.pose.pivot = Some(80.0);
        assert_eq!(a.towards(&opened, 0.5, subject).pose.pivot, Some(40.0));
        let mut flat = b;
        flat.pose.unfold = 1.0;
        // A flat brain is seen from above, whatever its camera says: altitude 60 to 0, azimuth 350 to 180.
        let half = a.towards(&flat, 0.5, subject);
        assert!(near(half.camera.altitude, 30.0), "{half:?}");
        assert!(near(half.camera.azimuth, 265.0), "{half:?}");
    }

    #[test]
    fn a_film_passes_its_keyframes() {
        let subject = Subject::fsaverage5();
        let keyframe = |secs: f64, radius: f64, map: Option<&str>| Keyframe {
            secs,
            view: view(0.0, 90.0, radius, 0.0),
            map: map.map(str::to_owned),
            easing: None,
        };
        let keyframes = vec![
            keyframe(0.5, 100.0, None),
            keyframe(1.5, 200.0, Some("r")),
            keyframe(2.5, 400.0, Some("r2")),
        ];
        let film = Motion::Keyframes(keyframes, Easing::Smooth);
        assert_eq!((film.secs(), film.n_frames(30.0)), (2.5, 76));
        for (secs, radius) in [
            (0.0, 100.0),
            (0.5, 100.0),
            (0.75, 115.625),
            (1.0, 150.0),
            (1.5, 200.0),
            (2.0, 300.0),
            (2.5, 400.0),
            (9.0, 400.0),
        ] {
            let found = film.view(secs, subject).camera.radius;
            assert!(near(found, radius), "{secs}: {found}");
        }
        let maps = [0.0, 1.4, 1.5, 2.4, 2.5].map(|secs| film.map(secs));
        assert_eq!(maps, [None, None, Some("r"), Some("r"), Some("r2")]);
    }

    #[test]
    fn a_turntable_turns_once_and_keeps_all_in_the_picture() {
        let subject = Subject::fsaverage5();
        let size = [320, 180];
        let named = NamedView::Left.of(subject, 0.0, size).unwrap();
        let film = Motion::turntable(named, (4.0, 4.0), subject, size).unwrap();
        assert_eq!(film.n_frames(30.0), 120);
        let begin = film.view(0.0, subject);
        assert!(near(begin.camera.azimuth, named.camera.azimuth));
        let quarter = film.view(1.0, subject);
        assert!(near(quarter.camera.azimuth - begin.camera.azimuth, 90.0));
        let brain = named.pose.apply(subject).unwrap();
        let mut largest = 0.0_f64;
        for step in 0..12 {
            let camera = film.view(f64::from(step) / 3.0, subject).camera(subject);
            let projection = camera.projection(size);
            for point in brain.hemispheres.iter().flat_map(|own| &own.points) {
                let [x, y, _] = projection.project(*point);
                assert!((0.0..320.0).contains(&x) && (0.0..180.0).contains(&y));
                largest = largest.max((y - 90.0).abs());
            }
        }
        assert!(largest > 60.0, "small: {largest}");
    }

    #[test]
    fn unfolding_ends_flat() {
        let subject = Subject::fsaverage5();
        let size = [320, 180];
        let folded = NamedView::Left.of(subject, 0.0, size).unwrap();
        let film = Motion::unfolding(folded, 10.0, subject, size).unwrap();
        assert_eq!(film.view(0.5, subject), folded);
        assert!((film.view(5.0, subject).pose.unfold - 0.5).abs() < 1e-6);
        // Everything is in the picture throughout.
        for step in 0..=20 {
            let view = film.view(f64::from(step) / 2.0, subject);
            let brain = view.pose.apply(subject).unwrap();
            let projection = view.camera(subject).projection(size);
            for (side, vertices) in brain.triangles.iter() {
                let mut hemispheres = brain.hemispheres.iter();
                let own = hemispheres.find(|own| own.side == *side).unwrap();
                let [x, y, _] = projection.project(own.points[vertices[0] as usize]);
                assert!(
                    (0.0..320.0).contains(&x) && (0.0..180.0).contains(&y),
                    "{step}: {x}, {y}"
                );
            }
        }
        let end = film.view(10.0, subject);
        assert!((end.pose.flatness(subject) - 1.0).abs() < 1e-6);
        // Nothing jumps when the map becomes flat.
        let before = film.view(8.99, subject).camera(subject);
        let after = end.camera(subject);
        assert!((before.altitude - after.altitude).abs() < 0.1, "{before:?}");
        assert!(
            shorter_way(before.azimuth, after.azimuth).abs() < 0.1,
            "{before:?}"
        );
    }
}
