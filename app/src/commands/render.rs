//! `heschl render`: a map on the cortex as a picture, without a window or a graphics driver.

mod args;
mod colouring;
mod interior;
mod panels;
mod regions;
pub(crate) mod shown;

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use heschl_core::brain::Subject;
use heschl_core::run::store::atomic;
use heschl_core::scene::{NamedView, View};

use crate::brain_figure::{BrainFigure, DPI, Format, PictureWords};
use crate::command_text::quoted;
use crate::console::say;
use crate::derived_maps::{data_argument, data_file};
use crate::failure::{CommandResult, Failure, Outcome};
pub(crate) use args::{ShownArgs, share};
pub(crate) use colouring::{Maps, Source};
pub(crate) use panels::saved_view;
use shown::{Projection, Shown};

/// Draw a map on the cortex
///
/// Needs no window and no graphics driver. The picture has a transparent background.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Data: scores (scores.npz), an archive or a NumPy array (z, y, x) or with one value per voxel of a mask, an image (NIfTI,
    /// mgh), CIFTI-2 (.dscalar.nii, .dlabel.nii), a dataset of pycortex (.hf5), or a map of one hemisphere (GIFTI, mgh), beside which
    /// the other is looked for; or the folder of scores, or of maps from "heschl map", which are shown as their record says. Several
    /// are drawn below one another
    #[arg(required = true, value_parser = data_argument)]
    data: Vec<PathBuf>,

    #[command(flatten)]
    shown: ShownArgs,

    /// left, right, dorsal, ventral, anterior, posterior, lateral, medial (both hemispheres opened), lateral-left,
    /// lateral-right, medial-left, medial-right, flat, or the file of a view saved by pycortex
    #[arg(long, value_name = "VIEW", default_value = "lateral-left")]
    view: String,

    /// Draw several views in one figure: the outer and inner sides of both hemispheres, or these below the flat map
    #[arg(long, value_enum, conflicts_with_all = ["view", "views"])]
    panels: Option<PanelChoice>,

    /// Draw these views in one figure, named as for --view
    #[arg(
        long,
        value_name = "VIEW,VIEW…",
        value_delimiter = ',',
        conflicts_with = "view"
    )]
    views: Vec<String>,

    /// From 0, folded, over inflated to 1, flat [default: 0; 0.5 in panels]
    #[arg(long, value_name = "SHARE", value_parser = share)]
    unfold: Option<f32>,

    /// Add a colour bar below; panels and files other than PNG always have one
    #[arg(long)]
    colour_bar: bool,

    /// Width and height in pixels, without the colour bar
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
            data: vec![scores.join("scores.npz")],
            shown: ShownArgs::default(),
            view: "lateral".into(),
            panels: None,
            views: vec![],
            unfold: Some(0.5),
            colour_bar: true,
            size: [1600, 800],
            out,
        }
    }

    /// The files and maps, a row of panels for each.
    fn sources(&self) -> Vec<Source<'_>> {
        let maps: Vec<Option<&str>> = match &self.shown.map[..] {
            [] => vec![None],
            names => names.iter().map(|name| Some(name.as_str())).collect(),
        };
        let mut sources = Vec::new();
        for data in &self.data {
            for map in &maps {
                sources.push(Source { data, map: *map });
            }
        }
        sources
    }
}

/// Figures with several panels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum PanelChoice {
    LateralMedial,
    FlatInflated,
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
    let colours = write_picture(args, &command(args))?;
    say(format_args!("{colours}: {}", args.out.display()));
    Ok(Outcome::Done)
}

/// Draws and writes the picture; returns what its colours are.
///
/// * `command`: what makes the picture again, which is written into the file.
fn write_picture(args: &Args, command: &str) -> Result<String, Failure> {
    let format = Format::of(&args.out)?;
    let open = args.shown.open()?;
    let sources = args.sources();
    let layout = panels::layout(args, sources.len())?;
    let has_legend = args.colour_bar || format != Format::Png || layout.is_some();
    let options = args.shown.as_recorded(&args.data);
    let shown = Shown::read(&options, &sources, &open, has_legend)?;
    let bytes = match layout {
        Some(layout) => panels::figure(args, &layout, (&shown, &open), (format, command))?,
        None => picture(args, (&shown, &open.subject), (format, command))?,
    };
    atomic::write(&args.out, &bytes)?;
    Ok(shown.sentence())
}

/// One view.
fn picture(
    args: &Args,
    (shown, subject): (&Shown, &Subject),
    (format, command): (Format, &str),
) -> Result<Vec<u8>, Failure> {
    let view = view(args, subject)?;
    let is_flat = args.view == "flat";
    if args.shown.regions.scale_bar && !is_flat {
        return Err(Failure::new(
            "A scale in mm holds on a flat map alone, since other views are in perspective. Choose --view flat, or leave out \
             --scale-bar."
                .into(),
        ));
    }
    let projection = if is_flat {
        Projection::Flat
    } else {
        Projection::Camera
    };
    let drawn = shown.draw(0, (&view, projection), args.size)?;
    let (title, recipe) = shown.captions(command);
    let figure = BrainFigure {
        picture: &drawn.picture,
        scale: shown.scale(),
        title: &title,
        width_points: args.size[0] as f64,
        legend: shown.legend(&drawn.kinds),
        words: PictureWords {
            marks: vec![([0, 0], drawn.marks)],
            ..PictureWords::default()
        },
    };
    match format {
        Format::Png if !args.colour_bar => figure.plain_png(&recipe),
        format => figure.in_format(format, &recipe, DPI),
    }
}

fn view(args: &Args, subject: &Subject) -> Result<View, Failure> {
    let mut view = if let Some(view) = saved_view(&args.view)? {
        view
    } else {
        let named: NamedView = args.view.parse()?;
        named.of(subject, args.unfold.unwrap_or(0.0), args.size)?
    };
    if let Some(depth) = args.shown.depth {
        view.pose.depth = depth;
    }
    Ok(view)
}

/// The command that makes the picture again, which stands in the file. It names files without their folders, and not the picture
/// itself, so that the bytes are the same everywhere.
fn command(args: &Args) -> String {
    command_of("render", &args.data)
}

/// The command that was typed, without folders of its data and without `--out`.
pub(crate) fn command_of(name: &str, data: &[PathBuf]) -> String {
    let files = data.iter().map(|path| {
        let name = path.file_name().unwrap_or_default();
        quoted(&name.to_string_lossy())
    });
    let mut words = std::env::args().skip(2).peekable();
    let mut kept = vec!["heschl".to_owned(), name.to_owned()];
    kept.extend(files);
    while let Some(word) = words.next() {
        if word == "--out" {
            words.next();
        } else if !word.starts_with("--out=") && !data.contains(&data_file(Path::new(&word))) {
            kept.push(quoted(&word));
        }
    }
    kept.join(" ")
}
