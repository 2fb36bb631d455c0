//! `heschl render`: a map on the cortex as a picture, without a window or a graphics driver.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use heschl_core::brain::Subject;
use heschl_core::run::store::atomic;
use heschl_core::scene::{
    ColourMap, ColourScale, Interpolation, Layer, NamedView, Outlines, Scene, Underlay, View, draw,
    draw_flat,
};

use crate::brain_figure::{BrainFigure, DPI, Format};
use crate::brain_map::{BrainMap, FSAVERAGE5, OpenSubject};
use crate::command_text::quoted;
use crate::console::{note, say};
use crate::failure::{CommandResult, Failure, Outcome};

/// Width of the borders of regions, as a share of the picture's height: 2 of 1024, as in pycortex.
const OUTLINE_SHARE: f32 = 2.0 / 1024.0;
/// Samples of a pixel along each side.
const N_SAMPLES: usize = 3;

/// Draw a map on the cortex
///
/// Needs no window and no graphics driver. The picture has a transparent background.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Scores (scores.npz), an archive or a NumPy array (z, y, x) or with one value per voxel of a mask, an image (NIfTI,
    /// mgh), CIFTI-2 (.dscalar.nii, .dlabel.nii), or a map of one hemisphere (GIFTI, mgh), beside which the other is looked
    /// for
    data: PathBuf,

    /// "fsaverage5", or the folder of a subject of FreeSurfer, fMRIPrep or pycortex
    #[arg(long, value_name = "SUBJECT", default_value = FSAVERAGE5)]
    subject: String,

    /// Transform from the subject's surfaces to the image, if there are several
    #[arg(long, value_name = "NAME")]
    xfm: Option<String>,

    /// How points between voxels get their values
    #[arg(long, value_enum, default_value_t = Sampling::Nearest)]
    sampler: Sampling,

    /// Depth of the surface and of the data: 0 is pial, 1 white [default: 0.5]
    #[arg(long, value_name = "SHARE", value_parser = share, conflicts_with = "depths")]
    depth: Option<f32>,

    /// Show the mean over so many depths between pial and white
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    depths: Option<u16>,

    /// left, right, dorsal, ventral, anterior, posterior, lateral, medial (both hemispheres opened), lateral-left,
    /// lateral-right, medial-left, medial-right, flat, or the file of a view saved by pycortex
    #[arg(long, value_name = "VIEW", default_value = "lateral-left")]
    view: String,

    /// From 0, folded, over inflated to 1, flat
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = share)]
    unfold: f32,

    /// Column of the scores [default: r], array of the archive, or map of a file with several, by its name or number
    #[arg(long, value_name = "NAME")]
    map: Option<String>,

    /// Colour map of matplotlib
    #[arg(long, value_name = "NAME", default_value = "inferno")]
    cmap: ColourMap,

    /// Value of the first colour [default: 0; for diverging maps, as far below 0 as the last is above]
    #[arg(long, value_name = "VALUE", allow_negative_numbers = true)]
    vmin: Option<f32>,

    /// Value of the last colour [default: the 99th percentile]
    #[arg(long, value_name = "VALUE", allow_negative_numbers = true)]
    vmax: Option<f32>,

    /// Leave out values below this one
    #[arg(long, value_name = "VALUE", allow_negative_numbers = true)]
    threshold: Option<f32>,

    /// Outline the regions of a parcellation, such as "aparc" or "aparc.a2009s"
    #[arg(long, value_name = "NAME", conflicts_with = "no_rois")]
    rois: Option<String>,

    /// Outline no regions
    #[arg(long)]
    no_rois: bool,

    /// Add a colour bar below; files other than PNG always have one
    #[arg(long)]
    colour_bar: bool,

    /// Do not light the cortex, so that all colours are those of the colour map
    #[arg(long)]
    no_light: bool,

    /// Width and height in pixels
    #[arg(long, value_name = "WIDTHxHEIGHT", default_value = "1600x1200", value_parser = size)]
    size: [usize; 2],

    /// Picture to write (.png, .svg, .pdf)
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

impl Args {
    /// Both hemispheres, inflated, from the outside, with a colour bar: the first picture of a study.
    fn of_scores(scores: &Path, out: PathBuf) -> Self {
        Self {
            data: scores.join("scores.npz"),
            subject: FSAVERAGE5.into(),
            xfm: None,
            sampler: Sampling::Nearest,
            depth: None,
            depths: None,
            view: "lateral".into(),
            unfold: 0.5,
            map: None,
            cmap: ColourMap::default(),
            vmin: None,
            vmax: None,
            threshold: None,
            rois: None,
            no_rois: false,
            colour_bar: true,
            no_light: false,
            size: [1600, 800],
            out,
        }
    }
}

/// Draws the first picture of a study's scores into their folder, and returns its path.
///
/// # Errors
/// As [`run`].
pub(crate) fn first_picture(scores: &Path) -> Result<PathBuf, Failure> {
    let out = scores.join("cortex.png");
    let args = Args::of_scores(scores, out.clone());
    let command =
        "heschl render scores.npz --view lateral --unfold 0.5 --colour-bar --size 1600x800";
    write_picture(&args, command)?;
    Ok(out)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Sampling {
    Nearest,
    Trilinear,
}

impl From<Sampling> for Interpolation {
    fn from(sampling: Sampling) -> Self {
        match sampling {
            Sampling::Nearest => Self::Nearest,
            Sampling::Trilinear => Self::Trilinear,
        }
    }
}

fn share(text: &str) -> Result<f32, String> {
    let value: f32 = text.parse().map_err(|_| "not a number".to_owned())?;
    (0.0..=1.0)
        .contains(&value)
        .then_some(value)
        .ok_or_else(|| "must be between 0 and 1".to_owned())
}

/// `1000x750` as width and height.
pub(crate) fn size(text: &str) -> Result<[usize; 2], String> {
    let sides = text.split_once(['x', '×']).and_then(|(width, height)| {
        Some([width.trim().parse().ok()?, height.trim().parse().ok()?])
    });
    sides
        .filter(|sides: &[usize; 2]| sides.iter().all(|side| (16..=16_384).contains(side)))
        .ok_or_else(|| "must be like 1600x1200, each side from 16 to 16384 pixels".to_owned())
}

/// Draws the picture.
///
/// # Errors
/// A sentence if the data do not fit the subject, or a file cannot be read or written.
pub(crate) fn run(args: &Args) -> CommandResult {
    let limits = write_picture(args, &command(args))?;
    say(format_args!(
        "Colours from {:.3} to {:.3} ({}): {}",
        limits[0],
        limits[1],
        args.cmap,
        args.out.display()
    ));
    Ok(Outcome::Done)
}

/// Draws and writes the picture; returns the values of the first and the last colour.
///
/// * `command`: what makes the picture again, which is written into the file.
fn write_picture(args: &Args, command: &str) -> Result<[f32; 2], Failure> {
    let format = Format::of(&args.out)?;
    let open = OpenSubject::open(&args.subject)?;
    for sentence in &open.notes {
        note(format_args!("{sentence}"));
    }
    let subject = &*open.subject;
    let map = BrainMap::read(&args.data, args.map.as_deref(), &open, args.xfm.as_deref())?;
    for sentence in &map.notes {
        note(format_args!("{sentence}"));
    }
    let (title, recipe) = captions(&map, args, command);
    let limits = limits(&map, args);
    let view = view(args, subject)?;
    let depths = depths(args, view.pose.depth);
    let scene = Scene {
        subject,
        pose: view.pose,
        camera: view.camera(subject),
        underlay: Underlay::Curvature,
        layer: Some(Layer {
            data: map.data(args.sampler.into(), &depths),
            scale: ColourScale {
                map: args.cmap,
                limits,
            },
            threshold: args.threshold,
        }),
        outlines: outlines(args, subject)?,
        is_lit: view.is_lit && !args.no_light,
    };
    let picture = if args.view == "flat" {
        draw_flat(&scene, args.size, N_SAMPLES)?.0
    } else {
        draw(&scene, args.size, N_SAMPLES)?
    };
    let bar = BrainFigure {
        picture: &picture,
        scale: ColourScale {
            map: args.cmap,
            limits,
        },
        title: &title,
        width_points: args.size[0] as f64,
        letters: &[],
    };
    let bytes = match format {
        Format::Png if !args.colour_bar => bar.plain_png(&recipe)?,
        format => bar.in_format(format, &recipe, DPI)?,
    };
    atomic::write(&args.out, &bytes)?;
    Ok(limits)
}

/// The name of the map, and the command, both with what must be said of how the values were placed.
fn captions(map: &BrainMap, args: &Args, command: &str) -> (String, String) {
    let name = map.title(&args.data, args.map.as_deref());
    match map.caveat {
        None => (name, command.to_string()),
        Some(caveat) => (
            format!("{name} ({caveat})"),
            format!("{command} # {caveat}"),
        ),
    }
}

/// The depths at which a volume is sampled. With several they lie at k / (n + 1) of the way, as in pycortex.
fn depths(args: &Args, of_surface: f32) -> Vec<f32> {
    match args.depths {
        Some(n) => (1..=n).map(|k| f32::from(k) / f32::from(n + 1)).collect(),
        None => vec![of_surface],
    }
}

fn view(args: &Args, subject: &Subject) -> Result<View, Failure> {
    let mut view = view_as_named(args, subject)?;
    if let Some(depth) = args.depth {
        view.pose.depth = depth;
    }
    Ok(view)
}

fn view_as_named(args: &Args, subject: &Subject) -> Result<View, Failure> {
    let path = Path::new(&args.view);
    let is_file = path.extension().is_some_and(|ending| ending == "json");
    if is_file {
        let text = std::fs::read_to_string(path).map_err(|error| {
            Failure::new(format!(
                "The view cannot be read ({error}).\nFile: {}",
                path.display()
            ))
        })?;
        return View::of_pycortex(&text)
            .map_err(|error| Failure::new(format!("{error}\nFile: {}", path.display())));
    }
    let named: NamedView = args.view.parse()?;
    Ok(named.of(subject, args.unfold, args.size)?)
}

/// From 0 to the 99th percentile, or around 0 for maps with a middle.
fn limits(map: &BrainMap, args: &Args) -> [f32; 2] {
    let mut sorted = map.sorted();
    if args.cmap.is_diverging() {
        for value in &mut sorted {
            *value = value.abs();
        }
        sorted.sort_by(f32::total_cmp);
    }
    let at = (sorted.len().saturating_sub(1) as f64 * 0.99).round() as usize;
    let most = args.vmax.or(sorted.get(at).copied()).unwrap_or(1.0);
    let least = if args.cmap.is_diverging() { -most } else { 0.0 };
    [args.vmin.unwrap_or(least), most]
}

/// The command that makes the picture again, which stands in the file. It names files without their folders, and not the picture
/// itself, so that the bytes are the same everywhere.
fn command(args: &Args) -> String {
    let data = args.data.file_name().unwrap_or_default().to_string_lossy();
    let mut words = std::env::args().skip(2).peekable();
    let mut kept = vec!["heschl".to_owned(), "render".to_owned(), quoted(&data)];
    while let Some(word) = words.next() {
        if word == "--out" {
            words.next();
        } else if !word.starts_with("--out=") && Path::new(&word) != args.data {
            kept.push(quoted(&word));
        }
    }
    kept.join(" ")
}

fn outlines<'a>(args: &Args, subject: &'a Subject) -> Result<Option<Outlines<'a>>, Failure> {
    let Some(name) = &args.rois else {
        return Ok(None);
    };
    let regions = subject.parcellation(name).ok_or_else(|| {
        let known = subject.parcellations.iter().map(|it| it.name.as_str());
        Failure::new(format!(
            "{} has no regions \"{}\". Choose one of: {}.",
            subject.name,
            name.escape_debug(),
            known.collect::<Vec<_>>().join(", ")
        ))
    })?;
    let width = OUTLINE_SHARE * args.size[1] as f32;
    Ok(Some(Outlines { regions, width }))
}
