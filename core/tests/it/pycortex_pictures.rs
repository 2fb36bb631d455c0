//! Pictures beside those of pycortex 1.4: how far silhouettes and colours agree. Needs the files of pycortex's subject S1, which
//! are too large to keep here: `HESCHL_S1` names a folder with the surfaces as `.gii`, `curvature.npz`, `matrices.xfm`,
//! `testvol_fullhead.npz`, and a folder `3d` of pictures with their views.

use std::path::{Path, PathBuf};

use heschl_core::brain::{DepthSpacing, Hemisphere, Missing, Subject, Surface, SurfaceKind};
use heschl_core::files::formats::gifti::geometry::GiftiFile;
use heschl_core::files::formats::npz;
use heschl_core::scene::{
    Camera, ColourScale, DataMap, Interior, Interpolation, Layer, LayerStyle, Marks, Picture, Pose,
    Scene, Underlay, View, VolumeMap, draw, draw_flat, values,
};
use heschl_core::stats::score::correlation;
use ndarray::{Array2, Array3, Ix1, Ix2, Ix3};

fn surface(path: &Path) -> Surface {
    let mesh = GiftiFile::read(path).unwrap().mesh().unwrap();
    Surface::new(mesh.points, mesh.triangles).unwrap()
}

pub(crate) fn subject(folder: &Path) -> Subject {
    let kinds = [
        ("pia", SurfaceKind::Pial),
        ("wm", SurfaceKind::White),
        ("inflated", SurfaceKind::Inflated),
        ("flat", SurfaceKind::Flat),
    ];
    let hemisphere = |short: &str, long: &str| Hemisphere {
        surfaces: kinds
            .into_iter()
            .map(|(name, kind)| (kind, surface(&folder.join(format!("{name}_{short}.gii")))))
            .collect(),
        curvature: Some(
            npz::read_as::<f32, Ix1>(&folder.join("curvature.npz"), long)
                .unwrap()
                .to_vec(),
        ),
        ..Hemisphere::default()
    };
    let mut subject = Subject::new("S1");
    subject.hemispheres = [hemisphere("lh", "left"), hemisphere("rh", "right")];
    subject
}

/// A scene of nothing but the cortex.
pub(crate) fn scene(subject: &Subject) -> Scene<'_> {
    Scene {
        subject,
        pose: Pose::default(),
        camera: Camera {
            azimuth: 0.0,
            altitude: 0.0,
            radius: 1.0,
            target: [0.0; 3],
        },
        underlay: Underlay::Plain,
        layer: None,
        outlines: None,
        marks: Marks::default(),
        interior: Interior::default(),
        is_lit: false,
    }
}

pub(crate) fn to_voxels(folder: &Path) -> [[f64; 4]; 3] {
    let text = std::fs::read_to_string(folder.join("matrices.xfm")).unwrap();
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    std::array::from_fn(|row| {
        std::array::from_fn(|column| json["coord"][row][column].as_f64().unwrap())
    })
}

fn volume(folder: &Path) -> Array3<f32> {
    let values: Array3<f32> =
        npz::read_as::<f32, Ix3>(&folder.join("testvol_fullhead.npz"), "volume_zyx").unwrap();
    values.mapv(|value| if value.abs() < 0.25 { f32::NAN } else { value })
}

fn read_png(path: &Path) -> Picture {
    let file = std::io::BufReader::new(std::fs::File::open(path).unwrap());
    let mut reader = png::Decoder::new(file).read_info().unwrap();
    let mut rgba = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut rgba).unwrap();
    assert_eq!(info.color_type, png::ColorType::Rgba);
    Picture {
        size: [info.width as usize, info.height as usize],
        rgba,
    }
}

fn write_png(path: &Path, picture: &Picture) {
    let file = std::fs::File::create(path).unwrap();
    let [width, height] = picture.size.map(|side| side as u32);
    let mut encoder = png::Encoder::new(file, width, height);
    encoder.set_color(png::ColorType::Rgba);
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&picture.rgba).unwrap();
}

/// How two pictures agree.
#[derive(Debug)]
struct Agreement {
    /// Pixels drawn in both over pixels drawn in either.
    overlap: f64,
    /// Share of the pixels 2 inside of both whose channels differ by at most 3.
    same_colour: f64,
    /// Correlation of their mean channels.
    grey_r: f64,
}

fn agreement(ours: &Picture, theirs: &Picture) -> Agreement {
    assert_eq!(ours.size, theirs.size);
    let [width, height] = ours.size;
    let drawn = |picture: &Picture| -> Vec<bool> {
        picture
            .rgba
            .chunks_exact(4)
            .map(|pixel| pixel[3] > 127)
            .collect()
    };
    let (a, b) = (drawn(ours), drawn(theirs));
    let both: Vec<bool> = a.iter().zip(&b).map(|(a, b)| *a && *b).collect();
    let n_both = both.iter().filter(|both| **both).count();
    let n_either = a.iter().zip(&b).filter(|(a, b)| **a || **b).count();
    let is_inside = |at: usize| {
        let (x, y) = (at % width, at / width);
        let near = |v: usize, n: usize| v.saturating_sub(2)..(v + 3).min(n);
        near(y, height).all(|y| near(x, width).all(|x| both[y * width + x]))
    };
    let inside: Vec<usize> = (0..both.len()).filter(|at| is_inside(*at)).collect();
    let pixel = |picture: &Picture, at: usize| -> [f64; 3] {
        std::array::from_fn(|channel| f64::from(picture.rgba[4 * at + channel]))
    };
    let is_same = |at: &&usize| {
        let (a, b) = (pixel(ours, **at), pixel(theirs, **at));
        (0..3).all(|channel| (a[channel] - b[channel]).abs() <= 3.0)
    };
    let n_same = inside.iter().filter(is_same).count();
    let greys = |picture: &Picture| {
        let grey = |at: &usize| pixel(picture, *at).iter().sum::<f64>();
        Array2::from_shape_vec((inside.len(), 1), inside.iter().map(grey).collect()).unwrap()
    };
    Agreement {
        overlap: n_both as f64 / n_either as f64,
        same_colour: n_same as f64 / inside.len() as f64,
        grey_r: correlation(greys(ours).view(), greys(theirs).view())[0],
    }
}

#[test]
#[ignore = "needs the files of pycortex's subject S1"]
fn pictures_are_those_of_pycortex() {
    let folder = PathBuf::from(std::env::var_os("HESCHL_S1").expect("HESCHL_S1 is set"));
    let subject = subject(&folder);
    let (values, to_voxels) = (volume(&folder), to_voxels(&folder));
    let mut names: Vec<PathBuf> = std::fs::read_dir(folder.join("3d"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "json"))
        .collect();
    names.sort();
    for path in names {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let theirs = read_png(&path.with_extension("png"));
        let view = View::of_pycortex(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let interpolation = if name.contains("trilinear") {
            Interpolation::Trilinear
        } else {
            Interpolation::Nearest
        };
        let scene = Scene {
            subject: &subject,
            pose: view.pose,
            camera: view.camera(&subject),
            underlay: Underlay::Curvature,
            layer: Some(Layer {
                data: DataMap::Volume(VolumeMap {
                    values: values.view(),
                    to_voxels,
                    interpolation,
                    depths: &[view.pose.depth],
                    spacing: DepthSpacing::EqualDistance,
                    missing: Missing::IsSkipped,
                }),
                scale: ColourScale {
                    map: "RdBu_r".parse().unwrap(),
                    limits: [-1.0, 1.0],
                },
                threshold: None,
                style: LayerStyle::default(),
            }),
            outlines: None,
            marks: Marks::default(),
            interior: Interior::default(),
            is_lit: view.is_lit,
        };
        let begun = std::time::Instant::now();
        let ours = draw(&scene, theirs.size, 1).unwrap();
        let secs = begun.elapsed().as_secs_f64();
        write_png(&folder.join(format!("ours_{name}.png")), &ours);
        let found = agreement(&ours, &theirs);
        eprintln!(
            "{name}: overlap {:.4}, same colour {:.4}, r of greys {:.4}, {secs:.2} s",
            found.overlap, found.same_colour, found.grey_r
        );
        assert!(found.overlap >= 0.99);
        if view.is_lit {
            // This one has outlines and names of regions.
            assert!(found.grey_r >= 0.98 || name == "default_lit_rois");
        } else {
            assert!(found.same_colour >= 0.95);
        }
    }
}

#[test]
#[ignore = "needs the files of pycortex's subject S1"]
fn the_flat_map_shows_the_voxels_of_pycortex() {
    let folder = PathBuf::from(std::env::var_os("HESCHL_S1").expect("HESCHL_S1 is set"));
    let subject = subject(&folder);
    let shape = volume(&folder).dim();
    // Each voxel's value is its number, which single precision holds exactly.
    let numbers =
        Array3::from_shape_fn(shape, |(z, y, x)| ((z * shape.1 + y) * shape.2 + x) as f32);
    let data = DataMap::Volume(VolumeMap {
        values: numbers.view(),
        to_voxels: to_voxels(&folder),
        interpolation: Interpolation::Nearest,
        depths: &[0.5],
        spacing: DepthSpacing::EqualDistance,
        missing: Missing::IsSkipped,
    });
    let theirs = npz::read_as::<f64, Ix2>(&folder.join("pixelmap.npz"), "voxel_thick1").unwrap();
    let (height, width) = theirs.dim();
    let (_, seen) = draw_flat(&scene(&subject), [width, height], 1).unwrap();
    let ours = values(data, &subject, &seen);
    // pycortex gives places outside of its triangulation the voxel of the origin.
    let origin = 136_047.0;
    let is_seen = |row: usize, column: usize| {
        let of_theirs = theirs[(row, column)];
        !ours[row * width + column].is_nan() && of_theirs >= 0.0 && (of_theirs - origin).abs() > 0.5
    };
    let (mut n, mut n_same) = (0, 0);
    for row in 2..height - 2 {
        for column in 2..width - 2 {
            let mut around =
                (row - 2..row + 3).flat_map(|r| (column - 2..column + 3).map(move |c| (r, c)));
            if around.all(|(r, c)| is_seen(r, c)) {
                n += 1;
                let same = f64::from(ours[row * width + column]) - theirs[(row, column)];
                n_same += usize::from(same.abs() < 0.5);
            }
        }
    }
    let share = f64::from(n_same as u32) / f64::from(n);
    eprintln!(
        "flat map of {width} × {height}: the same voxel in {n_same} of {n} pixels ({share:.4})"
    );
    assert!(n > 200_000 && share >= 0.995);
}
