//! Planes in the space of the surfaces.

use super::camera::dot;

/// A plane in the space of the surfaces.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Plane {
    /// A vector across the plane: right, anterior, superior; of any length.
    pub normal: [f64; 3],
    /// A point of the plane, mm.
    pub point: [f64; 3],
}

impl Plane {
    /// How far a point lies at the side of the normal, in mm times the normal's length; negative at the other side.
    #[must_use]
    pub fn beyond(&self, point: [f64; 3]) -> f64 {
        dot(
            self.normal,
            std::array::from_fn(|axis| point[axis] - self.point[axis]),
        )
    }

    /// The same plane with its normal towards a point.
    #[must_use]
    pub fn towards(self, point: [f64; 3]) -> Self {
        let sign = if self.beyond(point) < 0.0 { -1.0 } else { 1.0 };
        Self {
            normal: self.normal.map(|value| sign * value),
            ..self
        }
    }

    /// How far along a ray the plane is; `None` if the ray runs beside it or away from it.
    pub(super) fn along(&self, eye: [f64; 3], ray: [f64; 3]) -> Option<f64> {
        let along = -self.beyond(eye) / dot(self.normal, ray);
        (along.is_finite() && along > 0.0).then_some(along)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ray_meets_a_plane_where_it_should() {
        let plane = Plane {
            normal: [0.0, 0.0, 2.0],
            point: [5.0, 5.0, 10.0],
        };
        assert!(plane.beyond([0.0, 0.0, 11.0]) > 0.0);
        let along = plane.along([0.0, 0.0, 50.0], [0.0, 0.0, -1.0]).unwrap();
        assert!((along - 40.0).abs() < 1e-12);
        assert_eq!(plane.along([0.0, 0.0, 50.0], [0.0, 0.0, 1.0]), None);
        assert_eq!(plane.along([0.0, 0.0, 50.0], [1.0, 0.0, 0.0]), None);
    }
}
