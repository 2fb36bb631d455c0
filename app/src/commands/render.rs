//! `heschl render`: a map on the cortex as a picture, without a window or a graphics driver.

mod colouring;
mod interior;
mod regions;

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use heschl_core::brain::{DepthSpacing, Missing, Subject};
use heschl_core::run::store::atomic;
use heschl_core::scene::{
    ColourMap, FlatLayout, Interpolation, Marks, NamedView, Scene, Underlay, View, draw_flat,
    draw_with_visibility,
};

use crate::brain_figure::{BrainFigure, DPI, Format};
use crate::brain_map::{FSAVERAGE5, OpenSubject, Sampling};
use crate::command_text::quoted;
use crate::console::{note, say};
use crate::derived_maps::{data_argument, data_file, record_of};
use crate::failure::{CommandResult, Failure, Outcome};
use colouring::{Choice, ColouringArgs, Maps};
use interior::{Inside, InteriorArgs};
use regions::{RegionArgs, Regions};

/// Samples of a pixel along each side.
const N_SAMPLES: usize = 3;
const CMAP_HELP: &str =
    "Colour map of matplotlib [default: inferno; RdBu_r for differences from \"heschl map\"]";
/// Colours of values on both sides of 0.
const SIGNED: &str = "RdBu_r";

/// Draw a map on the cortex
///
/// Needs no window and no graphics driver. The picture has a transparent background.
#[derive(clap::Args, Clone)]
pub(crate) struct Args {
    /// Scores (scores.npz), an archive or a NumPy array (z, y, x) or with one value per voxel of a mask, an image (NIfTI,
    /// mgh), CIFTI-2 (.dscalar.nii, .dlabel.nii), a dataset of pycortex (.hf5), or a map of one hemisphere (GIFTI, mgh), beside which
    /// the other is looked for; or the folder of scores, or of maps from "heschl map", which are shown as their record says
    #[arg(value_parser = data_argument)]
    data: PathBuf,

    /// "fsaverage5", or the folder of a subject of FreeSurfer, fMRIPrep or pycortex
    #[arg(long, value_name = "SUBJECT", default_value = FSAVERAGE5)]
    subject: String,

    /// Transform from the subject's surfaces to the image, if there are several
    #[arg(long, value_name = "NAME")]
    xfm: Option<String>,

    /// How points between voxels get their values
    #[arg(long, value_enum, default_value_t = Sampler::Nearest)]
    sampler: Sampler,

    /// Depth of the surface and of the data: 0 is pial, 1 white [default: 0.5]
    #[arg(long, value_name = "SHARE", value_parser = share, conflicts_with = "depths")]
    depth: Option<f32>,

    /// Show the mean over so many depths between pial and white
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    depths: Option<u16>,

    /// Space depths by equal volume of cortex rather than equal distance
    #[arg(long)]
    equal_volume: bool,

    /// What voxels that are not a number do to the mean over depths
    #[arg(long, value_enum, default_value_t = NanRule::Skip)]
    nan: NanRule,

    /// left, right, dorsal, ventral, anterior, posterior, lateral, medial (both hemispheres opened), lateral-left,
    /// lateral-right, medial-left, medial-right, flat, or the file of a view saved by pycortex
    #[arg(long, value_name = "VIEW", default_value = "lateral-left")]
    view: String,

    /// From 0, folded, over inflated to 1, flat
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = share)]
    unfold: f32,

    /// Column of the scores [default: r], array of the archive, or map of a file with several, by its name or number. Options that
    /// take a further MAP take one of these names, a file, or a file and a name with a colon between
    #[arg(long, value_name = "NAME")]
    map: Option<String>,

    #[arg(long, value_name = "NAME", help = CMAP_HELP)]
    cmap: Option<ColourMap>,

    /// Value of the first colour [default: 0; for diverging maps, as far below 0 as the last is above]
    #[arg(long, value_name = "VALUE", allow_negative_numbers = true)]
    vmin: Option<f32>,

    /// Value of the last colour [default: the 99th percentile]
    #[arg(long, value_name = "VALUE", allow_negative_numbers = true)]
    vmax: Option<f32>,

    #[command(flatten)]
    colouring: ColouringArgs,

    #[command(flatten)]
    regions: RegionArgs,

    #[command(flatten)]
    interior: InteriorArgs,

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
    /// The colour map.
    fn cmap(&self) -> ColourMap {
        self.cmap.unwrap_or_default()
    }

    /// The options with what the record of maps made from fits says, where they say nothing else.
    fn as_recorded(&self) -> Self {
        let mut args = self.clone();
        let Some(record) = record_of(&self.data) else {
            return args;
        };
        if let (Some(names), None, true) = (&record.rgb, &self.map, self.colouring.is_usual()) {
            args.colouring.set_rgb(names);
            (args.vmin, args.vmax) = (self.vmin.or(Some(0.0)), self.vmax.or(Some(1.0)));
        }
        let shown = match &self.map {
            Some(name) => record.entry(name).ok(),
            None => record.maps.first(),
        };
        if self.cmap.is_none() && shown.is_some_and(|entry| entry.is_signed) {
            args.cmap = SIGNED.parse().ok();
        }
        args
    }

    /// Both hemispheres, inflated, from the outside, with a colour bar: the first picture of a study.
    fn of_scores(scores: &Path, out: PathBuf) -> Self {
        Self {
            data: scores.join("scores.npz"),
            subject: FSAVERAGE5.into(),
            xfm: None,
            sampler: Sampler::Nearest,
            depth: None,
            depths: None,
            equal_volume: false,
            nan: NanRule::Skip,
            view: "lateral".into(),
            unfold: 0.5,
            map: None,
            cmap: None,
            vmin: None,
            vmax: None,
            colouring: ColouringArgs::default(),
            regions: RegionArgs::default(),
            interior: InteriorArgs::default(),
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
enum Sampler {
    Nearest,
    Trilinear,
}

impl From<Sampler> for Interpolation {
    fn from(sampler: Sampler) -> Self {
        match sampler {
            Sampler::Nearest => Self::Nearest,
            Sampler::Trilinear => Self::Trilinear,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum NanRule {
    /// The mean is that of the other depths
    Skip,
    /// The point is not a number either
    Propagate,
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
    let colours = write_picture(&args.as_recorded(), &command(args))?;
    say(format_args!("{colours}: {}", args.out.display()));
    Ok(Outcome::Done)
}

/// Draws and writes the picture; returns what its colours are.
///
/// * `command`: what makes the picture again, which is written into the file.
fn write_picture(args: &Args, command: &str) -> Result<String, Failure> {
    let format = Format::of(&args.out)?;
    let open = OpenSubject::open(&args.subject)?;
    for sentence in &open.notes {
        note(format_args!("{sentence}"));
    }
    let subject = &*open.subject;
    let view = view(args, subject)?;
    let sampling = sampling(args, view.pose.depth);
    let maps = Maps::read(args, &open)?;
    for sentence in maps.notes() {
        note(format_args!("{sentence}"));
    }
    let (title, recipe) = maps.captions(args, command);
    let has_legend = args.colour_bar || format != Format::Png;
    let scale2d = maps.scale2d(args)?;
    let categories = maps.categories(args)?;
    let choice = Choice {
        scale2d: scale2d.as_ref(),
        categories: &categories,
        has_legend,
    };
    let regions = Regions::read(args, &open)?;
    let lines = regions.lines(args.size[1]);
    let camera = view.camera(subject);
    let of_subject = (&open, args.xfm.as_deref());
    let inside = Inside::read(&args.interior, of_subject, (&view, camera.eye()))?;
    let scene = Scene {
        subject,
        pose: view.pose,
        camera,
        underlay: Underlay::Curvature,
        layer: Some(maps.layer(args, &sampling, choice)),
        outlines: regions.outlines(args.size[1]),
        marks: Marks {
            dropout: maps.dropout(&sampling),
            lines: &lines,
        },
        interior: inside.interior(),
        is_lit: view.is_lit && !args.no_light,
    };
    let is_flat = args.view == "flat";
    if args.regions.scale_bar && !is_flat {
        return Err(Failure::new(
            "A scale in mm holds on a flat map alone, since other views are in perspective. Choose --view flat, or leave out \
             --scale-bar."
                .into(),
        ));
    }
    let (picture, seen) = if is_flat {
        draw_flat(&scene, args.size, N_SAMPLES)?
    } else {
        draw_with_visibility(&scene, args.size, N_SAMPLES)?
    };
    let mut marks = regions.marks(args, &seen, is_flat);
    if is_flat && args.regions.scale_bar {
        let layout = FlatLayout::of(subject, args.size)?;
        marks = marks.with_scale(subject, &layout, args.size);
    }
    let figure = BrainFigure {
        picture: &picture,
        scale: maps.scale(args),
        title: &title,
        width_points: args.size[0] as f64,
        legend: maps.legend(args, &scene, &seen, choice),
        marks,
        letters: &[],
    };
    let bytes = match format {
        Format::Png if !args.colour_bar => figure.plain_png(&recipe)?,
        format => figure.in_format(format, &recipe, DPI)?,
    };
    atomic::write(&args.out, &bytes)?;
    Ok(maps.sentence(args))
}

/// How a volume is sampled. Several depths lie at k / (n + 1) of the way, as in pycortex.
fn sampling(args: &Args, of_surface: f32) -> Sampling {
    Sampling {
        interpolation: args.sampler.into(),
        depths: match args.depths {
            Some(n) => (1..=n).map(|k| f32::from(k) / f32::from(n + 1)).collect(),
            None => vec![of_surface],
        },
        spacing: if args.equal_volume {
            DepthSpacing::EqualVolume
        } else {
            DepthSpacing::EqualDistance
        },
        missing: match args.nan {
            NanRule::Skip => Missing::IsSkipped,
            NanRule::Propagate => Missing::Propagates,
        },
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

/// The command that makes the picture again, which stands in the file. It names files without their folders, and not the picture
/// itself, so that the bytes are the same everywhere.
fn command(args: &Args) -> String {
    let data = args.data.file_name().unwrap_or_default().to_string_lossy();
    let mut words = std::env::args().skip(2).peekable();
    let mut kept = vec!["heschl".to_owned(), "render".to_owned(), quoted(&data)];
    while let Some(word) = words.next() {
        if word == "--out" {
            words.next();
        } else if !word.starts_with("--out=") && data_file(Path::new(&word)) != args.data {
            kept.push(quoted(&word));
        }
    }
    kept.join(" ")
}
