//! The camera, with the conventions of pycortex, so that saved views open in both programs.

/// Vertical field of view, degrees.
pub const FIELD_OF_VIEW_DEGREES: f64 = 45.0;

/// A perspective camera that looks at a target; up is superior.
///
/// It stands at radius · (sin altitude · cos(azimuth + 90°), sin altitude · sin(azimuth + 90°), cos altitude) from the target.
/// Source: pictures of pycortex 1.4, from which this was measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Camera {
    /// Angle in the horizontal plane, degrees: the camera stands in front at 0, at the left at 90, behind at 180, at the right at 270.
    pub azimuth: f64,
    /// Angle from straight above, degrees: the camera stands above at 0, at the side at 90, below at 180.
    pub altitude: f64,
    /// Distance from the target, mm.
    pub radius: f64,
    /// The point looked at: right, anterior, superior, mm.
    pub target: [f64; 3],
}

/// From points in millimetres to pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Projection {
    /// Where the camera stands, mm.
    pub eye: [f64; 3],
    /// Unit vectors to the right of the picture, up, and towards the viewer.
    pub axes: [[f64; 3]; 3],
    /// Pixels of one unit of (offset / distance).
    scale: f64,
    centre: [f64; 2],
}

impl Camera {
    /// Where the camera stands, mm.
    #[must_use]
    pub fn eye(&self) -> [f64; 3] {
        let direction = self.direction();
        std::array::from_fn(|axis| self.target[axis] + self.radius * direction[axis])
    }

    /// Unit vector from the target to the camera.
    fn direction(&self) -> [f64; 3] {
        let (altitude, azimuth) = (
            self.altitude.to_radians(),
            (self.azimuth + 90.0).to_radians(),
        );
        [
            altitude.sin() * azimuth.cos(),
            altitude.sin() * azimuth.sin(),
            altitude.cos(),
        ]
    }

    /// The projection onto a picture of `size`, (width, height) in pixels.
    #[must_use]
    pub fn projection(&self, size: [usize; 2]) -> Projection {
        let back = self.direction();
        // Seen from straight above or below, "up" is where the camera would lean back to.
        let azimuth = (self.azimuth + 90.0).to_radians();
        let right = [-azimuth.sin(), azimuth.cos(), 0.0];
        let up = cross(back, right);
        let half_field = (FIELD_OF_VIEW_DEGREES / 2.0).to_radians();
        let [width, height] = size.map(|pixels| pixels as f64);
        Projection {
            eye: self.eye(),
            axes: [right, up, back],
            scale: height / 2.0 / half_field.tan(),
            centre: [width / 2.0, height / 2.0],
        }
    }
}

impl Projection {
    /// Column and row of a point in pixels from the upper left corner, and its distance along the view in mm, which is
    /// negative behind the camera.
    #[must_use]
    pub fn project(&self, point: [f32; 3]) -> [f64; 3] {
        let offset: [f64; 3] = std::array::from_fn(|axis| f64::from(point[axis]) - self.eye[axis]);
        let [right, up, back] = self.axes.map(|axis| dot(axis, offset));
        let distance = -back;
        [
            self.centre[0] + self.scale * right / distance,
            self.centre[1] - self.scale * up / distance,
            distance,
        ]
    }

    /// Unit vector from the camera through a place in the picture, in pixels from the upper left corner.
    #[must_use]
    pub fn ray(&self, place: [f64; 2]) -> [f64; 3] {
        let x = (place[0] - self.centre[0]) / self.scale;
        let y = (self.centre[1] - place[1]) / self.scale;
        let [right, up, back] = self.axes;
        let ray: [f64; 3] = std::array::from_fn(|axis| x * right[axis] + y * up[axis] - back[axis]);
        let length = dot(ray, ray).sqrt();
        ray.map(|value| value / length)
    }
}

pub(super) fn dot(a: [f64; 3], b: [f64; 3]) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

pub(super) fn cross(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    [
        a[1] * b[2] - a[2] * b[1],
        a[2] * b[0] - a[0] * b[2],
        a[0] * b[1] - a[1] * b[0],
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn camera(azimuth: f64, altitude: f64) -> Camera {
        Camera {
            azimuth,
            altitude,
            radius: 400.0,
            target: [0.0, 0.0, 0.0],
        }
    }

    #[test]
    fn views_are_named_as_in_pycortex() {
        let size = [1000, 750];
        // From the left: anterior is at the left of the picture, superior above.
        let left = camera(90.0, 90.0).projection(size);
        assert!(left.eye[0] < -399.0);
        assert!(left.project([0.0, 50.0, 0.0])[0] < 400.0);
        assert!(left.project([0.0, 0.0, 50.0])[1] < 300.0);
        // From above: anterior is above, right at the right.
        let above = camera(180.0, 0.0).projection(size);
        assert!(above.eye[2] > 399.0);
        assert!(above.project([0.0, 50.0, 0.0])[1] < 300.0);
        assert!(above.project([50.0, 0.0, 0.0])[0] > 600.0);
    }

    #[test]
    fn a_ray_passes_through_the_point_that_is_drawn_there() {
        let projection = camera(37.0, 61.0).projection([640, 480]);
        let point = [12.0, -30.0, 25.0];
        let [x, y, distance] = projection.project(point);
        let ray = projection.ray([x, y]);
        let along = distance / -dot(ray, projection.axes[2]);
        for axis in 0..3 {
            let at = projection.eye[axis] + along * ray[axis];
            assert!((at - f64::from(point[axis])).abs() < 1e-9);
        }
    }
}
