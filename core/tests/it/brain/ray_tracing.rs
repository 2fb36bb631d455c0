//! Pictures against a second renderer, which follows a ray through each pixel and shares no code with the first but the pose.

use heschl_core::brain::{DepthSpacing, Missing, NO_DATA, Side, Subject};
use heschl_core::maths::random::PythonRandom;
use heschl_core::scene::{
    BelowThreshold, Camera, ColourMap, ColourScale, DataMap, Interior, Interpolation, Layer,
    LayerStyle, Marks, MissingLook, Plane, Pose, PosedBrain, Scene, Underlay, VolumeMap, draw,
};
use ndarray::Array3;
use rayon::prelude::*;

const SIZE: [usize; 2] = [96, 72];
/// Poses, and scenes of each.
const N_POSES: u64 = 40;
const N_SCENES_PER_POSE: usize = 5;
/// Triangles of a leaf of the tree.
const LEAF: usize = 4;

type Point = [f64; 3];

fn minus(a: Point, b: Point) -> Point {
    std::array::from_fn(|axis| a[axis] - b[axis])
}

fn cross([a, b, c]: Point, [x, y, z]: Point) -> Point {
    [b * z - c * y, c * x - a * z, a * y - b * x]
}

fn dot(a: Point, b: Point) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

/// A triangle in space.
#[derive(Clone, Copy)]
struct Triangle {
    side: Side,
    vertices: [u32; 3],
    corners: [Point; 3],
}

/// A box around triangles, and either its halves or the triangles themselves.
struct Node {
    least: Point,
    most: Point,
    halves: Option<Box<[Node; 2]>>,
    triangles: Vec<Triangle>,
}

impl Node {
    /// Halves the triangles along the longest side of their box until few are left.
    fn new(mut triangles: Vec<Triangle>) -> Self {
        let corners = || triangles.iter().flat_map(|triangle| triangle.corners);
        let least: Point = std::array::from_fn(|axis| {
            corners()
                .map(|point| point[axis])
                .fold(f64::INFINITY, f64::min)
        });
        let most: Point = std::array::from_fn(|axis| {
            corners()
                .map(|point| point[axis])
                .fold(f64::NEG_INFINITY, f64::max)
        });
        let mut halves = None;
        if triangles.len() > LEAF {
            let length = minus(most, least);
            let axis = (0..3).max_by(|a, b| length[*a].total_cmp(&length[*b]));
            let axis = axis.unwrap();
            let middle = |triangle: &Triangle| -> f64 {
                triangle.corners.iter().map(|point| point[axis]).sum()
            };
            let half = triangles.len() / 2;
            triangles.select_nth_unstable_by(half, |a, b| middle(a).total_cmp(&middle(b)));
            let second = triangles.split_off(half);
            let first = std::mem::take(&mut triangles);
            halves = Some(Box::new([Self::new(first), Self::new(second)]));
        }
        Self {
            least,
            most,
            halves,
            triangles,
        }
    }

    /// Whether a ray enters the box before a distance.
    fn is_met(&self, eye: Point, ray: Point, before: f64) -> bool {
        let (mut enters, mut leaves) = (0.0_f64, before);
        for axis in 0..3 {
            let a = (self.least[axis] - eye[axis]) / ray[axis];
            let b = (self.most[axis] - eye[axis]) / ray[axis];
            // A flat map has a box without thickness.
            enters = enters.max(a.min(b) - 1e-9);
            leaves = leaves.min(a.max(b) + 1e-9);
        }
        enters <= leaves
    }

    /// Finds the nearest triangle that a ray meets, and the shares of its vertices: from outside, or, if something is cut away,
    /// from either side before the cut.
    fn find(
        &self,
        (eye, ray): (Point, Point),
        cut: Option<&Plane>,
        nearest: &mut Option<(f64, Triangle, Point)>,
    ) {
        let before = nearest.as_ref().map_or(f64::INFINITY, |known| known.0);
        if !self.is_met(eye, ray, before) {
            return;
        }
        for half in self.halves.iter().flat_map(|halves| halves.iter()) {
            half.find((eye, ray), cut, nearest);
        }
        for triangle in &self.triangles {
            let [a, b, c] = triangle.corners;
            let (ab, ac, from) = (minus(b, a), minus(c, a), minus(eye, a));
            let (p, q) = (cross(ray, ac), cross(from, ab));
            let determinant = dot(ab, p);
            let [v, w, along] = [dot(from, p), dot(ray, q), dot(ac, q)].map(|x| x / determinant);
            let is_inside = v >= 0.0 && w >= 0.0 && v + w <= 1.0;
            let is_nearest = nearest.as_ref().is_none_or(|known| along < known.0);
            let is_seen = match cut {
                None => determinant > 0.0,
                Some(plane) => {
                    let point = std::array::from_fn(|axis| eye[axis] + along * ray[axis]);
                    dot(plane.normal, minus(point, plane.point)) <= 0.0
                }
            };
            if is_seen && is_inside && along > 0.0 && is_nearest {
                *nearest = Some((along, *triangle, [1.0 - v - w, v, w]));
            }
        }
    }
}

fn tree(brain: &PosedBrain) -> Node {
    let of_side = |side: Side| brain.hemispheres.iter().find(|own| own.side == side);
    let triangle = |(side, vertices): &(Side, [u32; 3])| {
        let points = &of_side(*side).unwrap().points;
        Triangle {
            side: *side,
            vertices: *vertices,
            corners: vertices.map(|vertex| points[vertex as usize].map(f64::from)),
        }
    };
    Node::new(brain.triangles.iter().map(triangle).collect())
}

/// The colours of a scene, ray by ray.
struct Tracer<'a> {
    scene: Scene<'a>,
    brain: &'a PosedBrain,
    tree: &'a Node,
    values: [&'a [f32]; 2],
}

impl Tracer<'_> {
    /// Red, green, blue and opacity of a pixel.
    fn pixel(&self, column: usize, row: usize) -> [u8; 4] {
        // The camera by its definition: vertical field of view of 45°, up is superior.
        let camera = self.scene.camera;
        let (altitude, azimuth) = (
            camera.altitude.to_radians(),
            (camera.azimuth + 90.0).to_radians(),
        );
        let back = [
            altitude.sin() * azimuth.cos(),
            altitude.sin() * azimuth.sin(),
            altitude.cos(),
        ];
        let eye = std::array::from_fn(|axis| camera.target[axis] + camera.radius * back[axis]);
        let right = [-azimuth.sin(), azimuth.cos(), 0.0];
        let up = cross(back, right);
        let [width, height] = SIZE.map(|n| n as f64);
        let half = 22.5_f64.to_radians().tan();
        let x = (column as f64 + 0.5 - width / 2.0) / (height / 2.0) * half;
        let y = (height / 2.0 - row as f64 - 0.5) / (height / 2.0) * half;
        let ray = std::array::from_fn(|axis| x * right[axis] + y * up[axis] - back[axis]);
        let mut nearest = None;
        let interior = &self.scene.interior;
        let cut = interior.cut.as_ref();
        self.tree.find((eye, ray), cut, &mut nearest);
        let cortex = nearest.map(|(along, triangle, shares)| {
            let shade = self.shade(&triangle, shares, back);
            let point = std::array::from_fn(|axis| eye[axis] + along * ray[axis]);
            let to_eye = minus(eye, point);
            let is_inner = cut.is_some() && dot(self.normal(&triangle, shares), to_eye) < 0.0;
            let colour = if is_inner {
                [0.3; 3]
            } else {
                self.colour(&triangle, shares, [column, row])
            };
            (along, colour.map(|channel| channel * shade))
        });
        let opacity = f64::from(interior.opacity);
        let (colour, opacity) = match (cortex, self.slice(eye, ray)) {
            (None, None) => return [0; 4],
            (Some((_, colour)), None) => (colour, opacity),
            (Some((along, colour)), Some((of_slice, below))) if along < of_slice => {
                let mix = |at: usize| opacity * colour[at] + (1.0 - opacity) * below[at];
                ([mix(0), mix(1), mix(2)], 1.0)
            }
            (_, Some((_, colour))) => (colour, 1.0),
        };
        let [r, g, b] = colour.map(|channel| (channel * 255.0).round() as u8);
        [r, g, b, (opacity * 255.0).round() as u8]
    }

    /// The nearest slice that a ray meets within 4 mm around the cortex, and its grey.
    fn slice(&self, eye: Point, ray: Point) -> Option<(f64, Point)> {
        let mut met = Vec::new();
        for plane in self.scene.interior.slices {
            let along = dot(plane.normal, minus(plane.point, eye)) / dot(plane.normal, ray);
            let point: Point = std::array::from_fn(|axis| eye[axis] + along * ray[axis]);
            let is_near = (0..3).all(|axis| {
                point[axis] >= self.tree.least[axis] - 4.0
                    && point[axis] <= self.tree.most[axis] + 4.0
            });
            if along > 0.0 && is_near {
                met.push((along, [f64::from(brightness(point)); 3]));
            }
        }
        met.into_iter().min_by(|a, b| a.0.total_cmp(&b.0))
    }

    fn normal(&self, triangle: &Triangle, shares: Point) -> Point {
        let mut hemispheres = self.brain.hemispheres.iter();
        let own = hemispheres.find(|own| own.side == triangle.side).unwrap();
        let corners = triangle
            .vertices
            .map(|vertex| own.normals[vertex as usize].map(f64::from));
        std::array::from_fn(|axis| {
            (0..3)
                .map(|corner| shares[corner] * corners[corner][axis])
                .sum()
        })
    }

    fn shade(&self, triangle: &Triangle, shares: Point, back: Point) -> f64 {
        if !self.scene.is_lit {
            return 1.0;
        }
        let normal = self.normal(triangle, shares);
        let facing = dot(normal, back).abs() / dot(normal, normal).sqrt();
        let light = 1.0 - f64::from(self.brain.flatness);
        1.0 - light + light * (0.25 + 0.75 * facing)
    }

    fn colour(&self, triangle: &Triangle, shares: Point, [x, y]: [usize; 2]) -> Point {
        let hemisphere = self.scene.subject.hemisphere(triangle.side);
        let curvature = hemisphere.curvature.as_ref().unwrap();
        let corners = triangle.vertices.map(|vertex| vertex as usize);
        let curved: f64 = (0..3)
            .map(|k| shares[k] * f64::from(curvature[corners[k]]))
            .sum();
        let grey = match self.scene.underlay {
            Underlay::Plain => 0.5,
            Underlay::Curvature if curved > 0.0 => 0.625,
            Underlay::Curvature => 0.375,
        };
        let nearest = (0..3).max_by(|a, b| shares[*a].total_cmp(&shares[*b]));
        let value = self.values[triangle.side.index()][corners[nearest.unwrap()]];
        let layer = self.scene.layer.unwrap();
        let is_marked = layer.style.missing == MissingLook::Marked;
        if value.to_bits() == NO_DATA.to_bits() {
            return [if is_marked { 0.6 * grey } else { grey }; 3];
        }
        if value.is_nan() {
            let x = if y / 8 % 2 == 1 { x + 4 } else { x };
            let is_dot = is_marked && x % 8 < 2 && y % 8 < 2;
            return [if is_dot {
                grey + 0.6 * (1.0 - grey)
            } else {
                grey
            }; 3];
        }
        let opacity = match layer.threshold {
            Some(threshold) if value < threshold => match layer.style.below {
                BelowThreshold::Hidden => 0.0,
                BelowThreshold::Faded => 0.25,
            },
            _ => 1.0,
        };
        let [least, most] = layer.scale.limits.map(f64::from);
        let share = (f64::from(value) - least) / (most - least);
        let table = layer.scale.map.table();
        let colour = table[(share * 256.0).floor().clamp(0.0, 255.0) as usize];
        colour.map(|channel| grey + opacity * (f64::from(channel) / 255.0 - grey))
    }
}

fn random_values(subject: &Subject, random: &mut PythonRandom) -> [Vec<f32>; 2] {
    Side::BOTH.map(|side| {
        let value = |_| match random.below(12) {
            0 => f32::NAN,
            1 => NO_DATA,
            _ => random.normal() as f32,
        };
        (0..subject.hemisphere(side).n_vertices())
            .map(value)
            .collect()
    })
}

fn random_layer<'a>(values: [&'a [f32]; 2], random: &mut PythonRandom) -> Layer<'a> {
    let maps: Vec<ColourMap> = ColourMap::all().collect();
    Layer {
        data: DataMap::Vertices(values),
        scale: ColourScale {
            map: maps[random.below(maps.len())],
            limits: [-1.0 - random.unit() as f32, 0.5 + random.unit() as f32],
        },
        threshold: (random.below(2) == 0).then(|| random.normal() as f32 / 2.0),
        style: LayerStyle {
            below: [BelowThreshold::Hidden, BelowThreshold::Faded][random.below(2)],
            missing: [MissingLook::Plain, MissingLook::Marked][random.below(2)],
            ..LayerStyle::default()
        },
    }
}

fn random_camera(random: &mut PythonRandom) -> Camera {
    Camera {
        azimuth: 360.0 * random.unit(),
        altitude: 1.0 + 178.0 * random.unit(),
        radius: 150.0 + 250.0 * random.unit(),
        target: std::array::from_fn(|_| 60.0 * (random.unit() - 0.5)),
    }
}

fn random_pose(random: &mut PythonRandom) -> Pose {
    Pose {
        unfold: random.unit() as f32,
        depth: random.unit() as f32,
        pivot: (random.below(2) == 0).then(|| 360.0 * (random.unit() as f32 - 0.5)),
        gap: 20.0 * random.unit() as f32,
        shown: [[true, true], [true, false], [false, true]][random.below(3)],
    }
}

/// Pixels on the cortex in either picture, and how many of them differ by more than 2 of 255 in a channel.
fn compare(first: &[u8], second: &[[u8; 4]]) -> [usize; 2] {
    let pixels = first.chunks_exact(4).zip(second);
    let seen = pixels.filter(|(a, b)| a[3] > 0 || b[3] > 0);
    let (mut n, mut n_differ) = (0, 0);
    for (a, b) in seen {
        n += 1;
        n_differ += usize::from(a.iter().zip(b).any(|(a, b)| a.abs_diff(*b) > 2));
    }
    [n, n_differ]
}

/// Brightness from 0 to 1 of the voxel of 8 mm at a point.
fn brightness(point: Point) -> f32 {
    let voxel = point.map(|mm| ((mm + 160.0) / 8.0).round_ties_even() as usize);
    ((3 * voxel[0] + 5 * voxel[1] + 7 * voxel[2]) % 17) as f32 / 16.0
}

/// An image with these brightnesses, `(z, y, x)`.
fn image() -> Array3<f32> {
    Array3::from_shape_fn((41, 41, 41), |(z, y, x)| {
        brightness([x, y, z].map(|at| 8.0 * at as f64 - 160.0))
    })
}

/// The image in its place.
fn volume(image: &Array3<f32>) -> VolumeMap<'_> {
    VolumeMap {
        values: image.view(),
        to_voxels: [
            [0.125, 0.0, 0.0, 20.0],
            [0.0, 0.125, 0.0, 20.0],
            [0.0, 0.0, 0.125, 20.0],
        ],
        interpolation: Interpolation::Nearest,
        depths: &[],
        spacing: DepthSpacing::EqualDistance,
        missing: Missing::IsSkipped,
    }
}

fn random_plane(random: &mut PythonRandom) -> Plane {
    Plane {
        normal: std::array::from_fn(|_| random.normal()),
        point: std::array::from_fn(|_| 60.0 * (random.unit() - 0.5)),
    }
}

/// Draws scenes with both renderers; returns the pixels that show something, and how many differ.
fn draw_with_both<'a>(
    (brain, tree): (&'a PosedBrain, &'a Node),
    values: [&'a [f32]; 2],
    scene: &Scene<'a>,
) -> [usize; 2] {
    let tracer = Tracer {
        scene: *scene,
        brain,
        tree,
        values,
    };
    let traced: Vec<[u8; 4]> = (0..SIZE[0] * SIZE[1])
        .map(|at| tracer.pixel(at % SIZE[0], at / SIZE[0]))
        .collect();
    let drawn = draw(scene, SIZE, 1).unwrap();
    compare(&drawn.rgba, &traced)
}

fn random_scene<'a>(
    (subject, pose): (&'a Subject, Pose),
    values: [&'a [f32]; 2],
    random: &mut PythonRandom,
) -> Scene<'a> {
    Scene {
        subject,
        pose,
        camera: random_camera(random),
        underlay: [Underlay::Curvature, Underlay::Plain][random.below(2)],
        layer: Some(random_layer(values, random)),
        outlines: None,
        marks: Marks::default(),
        interior: Interior::default(),
        is_lit: random.below(2) == 0,
    }
}

/// At least `share` of the pixels must be the same.
fn assert_same(counts: impl ParallelIterator<Item = [usize; 2]>, least: usize) {
    let [n, n_differ] = counts.reduce(|| [0; 2], |a, b| [a[0] + b[0], a[1] + b[1]]);
    let share = 1.0 - n_differ as f64 / n as f64;
    eprintln!("{n} pixels show something, {:.4} % the same", 100.0 * share);
    assert!(n > least, "{n} pixels");
    assert!(share >= 0.999, "{n_differ} of {n} pixels differ");
}

#[test]
fn two_renderers_draw_the_same_picture_of_200_random_scenes() {
    let subject = Subject::fsaverage5();
    let counts = (0..N_POSES).into_par_iter().map(|seed| {
        let mut random = PythonRandom::new(seed);
        let pose = random_pose(&mut random);
        let brain = pose.apply(subject).unwrap();
        let tree = tree(&brain);
        let mut counts = [0; 2];
        for _ in 0..N_SCENES_PER_POSE {
            let values = random_values(subject, &mut random);
            let values = [values[0].as_slice(), values[1].as_slice()];
            let scene = random_scene((subject, pose), values, &mut random);
            let [n, n_differ] = draw_with_both((&brain, &tree), values, &scene);
            counts = [counts[0] + n, counts[1] + n_differ];
        }
        counts
    });
    assert_same(counts, 200_000);
}

#[test]
fn two_renderers_draw_the_same_slices_cuts_and_transparent_cortex() {
    let subject = Subject::fsaverage5();
    let image = image();
    let counts = (0..24).into_par_iter().map(|seed| {
        let mut random = PythonRandom::new(1000 + seed);
        let pose = Pose {
            depth: random.unit() as f32,
            ..Pose::default()
        };
        let brain = pose.apply(subject).unwrap();
        let tree = tree(&brain);
        let values = random_values(subject, &mut random);
        let values = [values[0].as_slice(), values[1].as_slice()];
        let slices: Vec<Plane> = (0..random.below(4))
            .map(|_| random_plane(&mut random))
            .collect();
        let mut scene = random_scene((subject, pose), values, &mut random);
        scene.interior = Interior {
            slices: &slices,
            image: Some((volume(&image), [0.0, 1.0])),
            cut: (random.below(3) > 0).then(|| random_plane(&mut random)),
            opacity: [1.0, random.unit() as f32][random.below(2)],
        };
        draw_with_both((&brain, &tree), values, &scene)
    });
    assert_same(counts, 20_000);
}
