//! What the page shows inside of the cortex.

use heschl_core::scene::Plane;

/// A plane through the chosen point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ScenePlane {
    /// Superior is constant.
    Axial,
    /// Anterior is constant.
    Coronal,
    /// Right is constant.
    Sagittal,
    /// It faces the viewer, at any angle.
    Facing,
}

impl ScenePlane {
    /// All planes, with their names.
    pub(crate) const ALL: [(Self, &'static str); 4] = [
        (Self::Axial, "Axial"),
        (Self::Coronal, "Coronal"),
        (Self::Sagittal, "Sagittal"),
        (Self::Facing, "Facing you"),
    ];

    /// The plane.
    ///
    /// * `to_viewer`: towards the viewer, as a unit vector.
    fn plane(self, point: [f64; 3], to_viewer: [f64; 3]) -> Plane {
        let normal = match self {
            Self::Axial => [0.0, 0.0, 1.0],
            Self::Coronal => [0.0, 1.0, 0.0],
            Self::Sagittal => [1.0, 0.0, 0.0],
            Self::Facing => to_viewer,
        };
        Plane { normal, point }
    }
}

/// What is shown inside of the cortex.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct InteriorSettings {
    /// Which of [`ScenePlane::ALL`] are shown as slices.
    pub(crate) slices: [bool; 4],
    /// The plane in front of which the cortex is cut away.
    pub(crate) cut: Option<ScenePlane>,
    /// How opaque the cortex is, from 0 to 1.
    pub(crate) opacity: f32,
}

impl Default for InteriorSettings {
    fn default() -> Self {
        Self {
            slices: [false; 4],
            cut: None,
            opacity: 1.0,
        }
    }
}

impl InteriorSettings {
    /// Whether an image is needed.
    #[must_use]
    pub(crate) fn has_slices(&self) -> bool {
        self.slices.contains(&true)
    }

    /// The slices through a point.
    #[must_use]
    pub(crate) fn planes(&self, point: [f64; 3], to_viewer: [f64; 3]) -> Vec<Plane> {
        let shown = ScenePlane::ALL.iter().zip(self.slices);
        let shown = shown.filter_map(|((plane, _), is_shown)| is_shown.then_some(*plane));
        shown.map(|plane| plane.plane(point, to_viewer)).collect()
    }

    /// The plane that cuts, its normal towards the viewer at `eye`.
    #[must_use]
    pub(crate) fn cut(
        &self,
        point: [f64; 3],
        (to_viewer, eye): ([f64; 3], [f64; 3]),
    ) -> Option<Plane> {
        Some(self.cut?.plane(point, to_viewer).towards(eye))
    }
}
