//! Slices through a subject: an image underneath, data over it, and where the surfaces cross.

use rayon::prelude::*;

use super::canvas::Picture;
use super::data::{DataMap, VolumeMap};
use super::layer::Layer;
use crate::brain::{Side, Subject, Surface, SurfaceKind};

/// Width of the lines of surfaces, pixels.
const LINE_PIXELS: f32 = 1.2;
/// Width of the band in which values of vertices are shown along the cortex, mm.
const BAND_MM: f64 = 2.4;
/// Colours of the pial and the white surface, red, green, blue.
const PIAL: [f32; 3] = [0.98, 0.82, 0.25];
const WHITE: [f32; 3] = [0.35, 0.80, 0.95];
/// Opacity of the lines of surfaces.
const LINE_OPACITY: f32 = 0.9;

/// The plane of a slice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SlicePlane {
    /// Seen from the feet or from above; superior is constant.
    Axial,
    /// Seen from the front or from behind; anterior is constant.
    Coronal,
    /// Seen from the left, with anterior at the left; right is constant.
    Sagittal,
}

impl SlicePlane {
    /// The three planes.
    pub const ALL: [Self; 3] = [Self::Axial, Self::Coronal, Self::Sagittal];

    /// The axis across the plane: 0 right, 1 anterior, 2 superior.
    #[must_use]
    pub fn across(self) -> usize {
        match self {
            Self::Axial => 2,
            Self::Coronal => 1,
            Self::Sagittal => 0,
        }
    }

    /// The axes to the right of the picture and up, and whether the first one runs to the left instead.
    fn axes(self, convention: SliceConvention) -> ([usize; 2], bool) {
        let is_mirrored = convention == SliceConvention::Radiological;
        match self {
            Self::Axial => ([0, 1], is_mirrored),
            Self::Coronal => ([0, 2], is_mirrored),
            Self::Sagittal => ([1, 2], true),
        }
    }
}

/// At which side of axial and coronal slices the left hemisphere is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum SliceConvention {
    /// Left is at the left.
    #[default]
    Neurological,
    /// Left is at the right, as if the subject were seen from the feet or from the front.
    Radiological,
}

/// Which part of a plane a picture shows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SliceView {
    /// The plane.
    pub plane: SlicePlane,
    /// At which side the left hemisphere is.
    pub convention: SliceConvention,
    /// The point in the middle of the picture: right, anterior, superior in the coordinates of the surfaces, mm.
    pub centre: [f64; 3],
    /// Length of a pixel, mm.
    pub mm_per_pixel: f64,
}

impl SliceView {
    /// The point at a place of a picture of `size`, in pixels from its upper left corner.
    #[must_use]
    pub fn point(&self, [column, row]: [f64; 2], size: [usize; 2]) -> [f64; 3] {
        let ([across, up], is_mirrored) = self.plane.axes(self.convention);
        let sign = if is_mirrored { -1.0 } else { 1.0 };
        let mut point = self.centre;
        point[across] += sign * (column - size[0] as f64 / 2.0) * self.mm_per_pixel;
        point[up] -= (row - size[1] as f64 / 2.0) * self.mm_per_pixel;
        point
    }

    /// Column and row in pixels of a point's projection onto the plane.
    #[must_use]
    pub fn place(&self, point: [f64; 3], size: [usize; 2]) -> [f64; 2] {
        let ([across, up], is_mirrored) = self.plane.axes(self.convention);
        let sign = if is_mirrored { -1.0 } else { 1.0 };
        [
            size[0] as f64 / 2.0 + sign * (point[across] - self.centre[across]) / self.mm_per_pixel,
            size[1] as f64 / 2.0 - (point[up] - self.centre[up]) / self.mm_per_pixel,
        ]
    }

    /// The letters at the left and at the right of the picture, as in "L" and "R".
    #[must_use]
    pub fn letters(&self) -> [&'static str; 2] {
        match self.plane.axes(self.convention) {
            ([0, _], false) => ["L", "R"],
            ([0, _], true) => ["R", "L"],
            _ => ["A", "P"],
        }
    }
}

/// What a slice shows.
#[derive(Debug, Clone, Copy)]
pub struct SliceScene<'a> {
    /// The subject whose surfaces are outlined.
    pub subject: &'a Subject,
    /// The image underneath, and its values of black and white.
    pub under: Option<(VolumeMap<'a>, [f32; 2])>,
    /// The data and how their values are shown.
    pub layer: Option<Layer<'a>>,
    /// Whether pial and white surface are outlined.
    pub has_lines: bool,
}

/// Draws a slice into a picture of `size`, (width, height) in pixels. Where there is no image the picture is transparent.
#[must_use]
pub fn draw_slice(scene: &SliceScene, view: &SliceView, size: [usize; 2]) -> Picture {
    let mut picture = Picture {
        size,
        rgba: vec![0; size[0] * size[1] * 4],
    };
    let rows = picture.rgba.par_chunks_mut(4 * size[0].max(1)).enumerate();
    rows.for_each(|(row, pixels)| {
        for (column, pixel) in pixels.chunks_exact_mut(4).enumerate() {
            let place = [column as f64 + 0.5, row as f64 + 0.5];
            let point = view.point(place, size).map(|value| value as f32);
            if let Some(colour) = scene.colour(point) {
                pixel.copy_from_slice(&colour);
            }
        }
    });
    if let Some(layer) = &scene.layer
        && let DataMap::Vertices(values) = &layer.data
    {
        for side in Side::BOTH {
            band(scene.subject, side, (values, layer), view, &mut picture);
        }
    }
    if scene.has_lines {
        for (kind, colour) in [(SurfaceKind::White, WHITE), (SurfaceKind::Pial, PIAL)] {
            for hemisphere in &scene.subject.hemispheres {
                if let Some(surface) = hemisphere.surface(kind) {
                    for crossing in crossings(surface, view, size) {
                        line(
                            &mut picture,
                            crossing.ends,
                            LINE_PIXELS,
                            colour,
                            LINE_OPACITY,
                        );
                    }
                }
            }
        }
    }
    picture
}

impl SliceScene<'_> {
    /// The colour of a point; `None` where nothing is.
    pub(super) fn colour(&self, point: [f32; 3]) -> Option<[u8; 4]> {
        if let Some(layer) = &self.layer
            && let Some([red, green, blue]) = layer.colour(|data| match data {
                DataMap::Volume(volume) => volume.at(point),
                DataMap::Vertices(_) => f32::NAN,
            })
        {
            return Some([red, green, blue, 255]);
        }
        let (under, [black, white]) = self.under.as_ref()?;
        let value = under.at(point);
        let share = (value - black) / (white - black).max(f32::MIN_POSITIVE);
        let grey = (share * 255.0).round().clamp(0.0, 255.0) as u8;
        (!value.is_nan()).then_some([grey, grey, grey, 255])
    }
}

/// Where a triangle crosses the plane.
struct Crossing {
    /// Column and row of both ends, pixels.
    ends: [[f64; 2]; 2],
    /// The vertices of the triangle.
    vertices: [u32; 3],
}

/// Where a surface crosses the plane, within the picture.
fn crossings(surface: &Surface, view: &SliceView, size: [usize; 2]) -> Vec<Crossing> {
    let axis = view.plane.across();
    let level = view.centre[axis];
    let points = surface.points();
    let crossing = |vertices: &[u32; 3]| {
        let corners = vertices.map(|vertex| points[vertex as usize].map(f64::from));
        let above = corners.map(|corner| corner[axis] >= level);
        if above[0] == above[1] && above[1] == above[2] {
            return None;
        }
        let mut ends = Vec::with_capacity(2);
        for (from, to) in [(0, 1), (1, 2), (2, 0)] {
            if above[from] != above[to] {
                let (a, b) = (corners[from], corners[to]);
                let share = (level - a[axis]) / (b[axis] - a[axis]);
                let point: [f64; 3] = std::array::from_fn(|at| a[at] + share * (b[at] - a[at]));
                ends.push(view.place(point, size));
            }
        }
        let ends: [[f64; 2]; 2] = ends.try_into().ok()?;
        let is_outside = |axis: usize| {
            let most = size[axis] as f64;
            ends.iter().all(|end| end[axis] < 0.0) || ends.iter().all(|end| end[axis] > most)
        };
        (!is_outside(0) && !is_outside(1)).then_some(Crossing {
            ends,
            vertices: *vertices,
        })
    };
    surface
        .triangles()
        .par_iter()
        .filter_map(crossing)
        .collect()
}

/// Shows the values of vertices along the cortex, halfway between pial and white surface.
fn band(
    subject: &Subject,
    side: Side,
    (values, layer): (&[&[f32]; 2], &Layer),
    view: &SliceView,
    picture: &mut Picture,
) {
    let hemisphere = subject.hemisphere(side);
    let Some(points) = hemisphere.middle_points() else {
        return;
    };
    let triangles = [SurfaceKind::Pial, SurfaceKind::White, SurfaceKind::Middle]
        .into_iter()
        .find_map(|kind| hemisphere.surface(kind));
    let Some(middle) =
        triangles.and_then(|surface| Surface::new(points, surface.triangles().to_vec()).ok())
    else {
        return;
    };
    let width = (BAND_MM / view.mm_per_pixel) as f32;
    let value = |values: &[&[f32]; 2], vertex: u32| {
        let value = values[side.index()].get(vertex as usize);
        value.copied().unwrap_or(f32::NAN)
    };
    for crossing in crossings(&middle, view, picture.size) {
        // The vertex that lies alone at its side of the plane would be the nearest to most of the line; the first with a value
        // does for triangles of a millimetre.
        let mut vertices = crossing.vertices.into_iter();
        let Some(vertex) = vertices.find(|vertex| !value(values, *vertex).is_nan()) else {
            continue;
        };
        let colour = layer.colour(|data| match data {
            DataMap::Vertices(values) => value(values, vertex),
            DataMap::Volume(_) => f32::NAN,
        });
        if let Some(colour) = colour {
            let colour = colour.map(|channel| f32::from(channel) / 255.0);
            line(picture, crossing.ends, width, colour, 1.0);
        }
    }
}

/// Draws a line with round ends and smooth borders.
fn line(
    picture: &mut Picture,
    [from, to]: [[f64; 2]; 2],
    width: f32,
    colour: [f32; 3],
    opacity: f32,
) {
    let reach = f64::from(width) / 2.0 + 1.0;
    let range = |axis: usize| {
        let least = (from[axis].min(to[axis]) - reach).floor().max(0.0);
        let most = (from[axis].max(to[axis]) + reach).ceil();
        least as usize..(most.max(0.0) as usize).min(picture.size[axis])
    };
    let (columns, rows) = (range(0), range(1));
    let along = [to[0] - from[0], to[1] - from[1]];
    let square = (along[0] * along[0] + along[1] * along[1]).max(f64::MIN_POSITIVE);
    for row in rows {
        for column in columns.clone() {
            let offset = [column as f64 + 0.5 - from[0], row as f64 + 0.5 - from[1]];
            let share = ((offset[0] * along[0] + offset[1] * along[1]) / square).clamp(0.0, 1.0);
            let distance =
                (offset[0] - share * along[0]).hypot(offset[1] - share * along[1]) as f32;
            let cover = (width / 2.0 + 0.5 - distance).clamp(0.0, 1.0) * opacity;
            if cover > 0.0 {
                let at = 4 * (row * picture.size[0] + column);
                blend(&mut picture.rgba[at..at + 4], colour, cover);
            }
        }
    }
}

/// Lays a colour over a pixel.
fn blend(pixel: &mut [u8], colour: [f32; 3], cover: f32) {
    let below = f32::from(pixel[3]) / 255.0;
    let opacity = cover + below * (1.0 - cover);
    for (channel, over) in pixel.iter_mut().zip(colour) {
        let under = f32::from(*channel) / 255.0;
        let mixed = (over * cover + under * below * (1.0 - cover)) / opacity;
        *channel = (mixed * 255.0).round().clamp(0.0, 255.0) as u8;
    }
    pixel[3] = (opacity * 255.0).round().clamp(0.0, 255.0) as u8;
}

#[cfg(test)]
mod tests {
    use ndarray::Array3;

    use super::*;
    use crate::brain::{DepthSpacing, Missing};
    use crate::scene::{ColourMap, ColourScale, Interpolation, LayerStyle};

    const SIZE: [usize; 2] = [200, 200];

    fn view(plane: SlicePlane, convention: SliceConvention) -> SliceView {
        SliceView {
            plane,
            convention,
            centre: [-30.0, -20.0, 10.0],
            mm_per_pixel: 1.0,
        }
    }

    #[test]
    fn places_and_points_lead_to_one_another() {
        for plane in SlicePlane::ALL {
            for convention in [SliceConvention::Neurological, SliceConvention::Radiological] {
                let view = view(plane, convention);
                let point = view.point([37.0, 151.0], SIZE);
                let place = view.place(point, SIZE);
                assert!((place[0] - 37.0).abs() < 1e-9 && (place[1] - 151.0).abs() < 1e-9);
                let across = plane.across();
                assert!((point[across] - view.centre[across]).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn left_is_where_the_letter_says() {
        for (convention, letters) in [
            (SliceConvention::Neurological, ["L", "R"]),
            (SliceConvention::Radiological, ["R", "L"]),
        ] {
            for plane in [SlicePlane::Axial, SlicePlane::Coronal] {
                let view = view(plane, convention);
                assert_eq!(view.letters(), letters);
                let at_left = view.point([0.0, 100.0], SIZE)[0];
                let at_right = view.point([199.0, 100.0], SIZE)[0];
                assert_eq!(at_left < at_right, letters == ["L", "R"]);
            }
        }
        // Anterior is at the left of a sagittal slice.
        let view = view(SlicePlane::Sagittal, SliceConvention::Neurological);
        assert_eq!(view.letters(), ["A", "P"]);
        assert!(view.point([0.0, 0.0], SIZE)[1] > view.point([199.0, 0.0], SIZE)[1]);
    }

    /// Values on the left hemisphere alone are seen at its side alone, and the lines lie at the surfaces.
    #[test]
    fn the_left_hemisphere_is_at_the_left_of_an_axial_slice() {
        let subject = Subject::fsaverage5();
        let values = [vec![1.0; 10_242], vec![f32::NAN; 10_242]];
        let scale = ColourScale {
            map: "Reds".parse::<ColourMap>().unwrap(),
            limits: [0.0, 1.0],
        };
        let scene = SliceScene {
            subject,
            under: None,
            layer: Some(Layer {
                data: DataMap::Vertices([&values[0], &values[1]]),
                scale,
                threshold: None,
                style: LayerStyle::default(),
            }),
            has_lines: false,
        };
        let view = SliceView {
            centre: [0.0, -20.0, 10.0],
            ..view(SlicePlane::Axial, SliceConvention::Neurological)
        };
        let picture = draw_slice(&scene, &view, SIZE);
        let drawn = |columns: std::ops::Range<usize>| {
            let pixels = picture.rgba.chunks_exact(4).enumerate();
            let own = pixels.filter(|(at, pixel)| columns.contains(&(at % 200)) && pixel[3] > 0);
            own.count()
        };
        assert!(drawn(0..100) > 1000, "{}", drawn(0..100));
        assert_eq!(drawn(104..200), 0);
    }

    #[test]
    fn the_image_underneath_keeps_its_place() {
        // One bright voxel at x 3, y 2, z 1 of voxels of 10 mm, whose first centre is at the origin.
        let mut values = Array3::zeros((4, 5, 6));
        values[(1, 2, 3)] = 1.0_f32;
        let subject = Subject::new("nobody");
        let under = VolumeMap {
            values: values.view(),
            to_voxels: [
                [0.1, 0.0, 0.0, 0.0],
                [0.0, 0.1, 0.0, 0.0],
                [0.0, 0.0, 0.1, 0.0],
            ],
            interpolation: Interpolation::Nearest,
            depths: &[],
            spacing: DepthSpacing::EqualDistance,
            missing: Missing::IsSkipped,
        };
        let scene = SliceScene {
            subject: &subject,
            under: Some((under, [0.0, 1.0])),
            layer: None,
            has_lines: true,
        };
        for plane in SlicePlane::ALL {
            let view = SliceView {
                centre: [30.0, 20.0, 10.0],
                ..view(plane, SliceConvention::Neurological)
            };
            let picture = draw_slice(&scene, &view, SIZE);
            let bright = picture.rgba.chunks_exact(4).filter(|pixel| pixel[0] == 255);
            assert_eq!(bright.count(), 100, "{plane:?}");
            let middle = 4 * (100 * 200 + 100);
            assert_eq!(picture.rgba[middle], 255);
            // Beyond the image there is nothing.
            assert_eq!(picture.rgba[3], 0);
        }
    }
}
