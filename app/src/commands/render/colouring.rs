//! Which maps decide the colours of a picture, and what its legend says.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::path::Path;

use clap::ValueEnum;
use heschl_core::scene::{
    BelowThreshold, Category, ColourMap2d, ColourScale, ColourScale2d, Colouring, Dropout, Layer,
    LayerStyle, MissingLook, Opacity, PointKind, Scene, Visibility, colours,
};

use super::{Args, N_SAMPLES, Sampler};
use crate::brain_legend::{Key, Legend, Swatch};
use crate::brain_map::{BrainMap, OpenSubject, Sampling, is_archive};
use crate::derived_maps;
use crate::failure::Failure;

/// Categories at most: more have no colours that can be told apart.
const MOST_CATEGORIES: usize = 64;
/// The map of two values if none is named.
const CMAP2D: &str = "RdBu_covar";

const CMAP2D_HELP: &str = "Colour map of two values: RdBu_covar [default], BuBkRd_alpha_2D, an ordinary one with \"_alpha\" behind \
     it, or a PNG whose second value runs up";

/// Options of the colours.
#[derive(clap::Args, Default, Clone)]
pub(super) struct ColouringArgs {
    /// Leave out values below this one
    #[arg(long, value_name = "VALUE", allow_negative_numbers = true)]
    threshold: Option<f32>,

    /// What becomes of values below the threshold
    #[arg(long, value_enum, default_value_t = Below::Hide, requires = "threshold")]
    below: Below,

    /// Second map: the colour is that of both, from a colour map of two values
    #[arg(long, value_name = "MAP", conflicts_with_all = ["rgb", "categories"])]
    map2: Option<String>,

    #[arg(long, value_name = "NAME", requires = "map2", help = CMAP2D_HELP)]
    cmap2d: Option<String>,

    /// Value of the second map at the lower end of its axis
    #[arg(
        long,
        value_name = "VALUE",
        allow_negative_numbers = true,
        requires = "map2"
    )]
    vmin2: Option<f32>,

    /// Value of the second map at the upper end of its axis [default: the 99th percentile]
    #[arg(
        long,
        value_name = "VALUE",
        allow_negative_numbers = true,
        requires = "map2"
    )]
    vmax2: Option<f32>,

    /// Three maps as red, green and blue
    #[arg(long, value_name = "MAP,MAP,MAP", value_delimiter = ',', conflicts_with_all = ["map", "categories", "cmap"])]
    rgb: Vec<String>,

    /// Take the values for categories, such as the best layer: whole numbers with a colour each
    #[arg(long)]
    categories: bool,

    /// Names of the categories in the legend, from the smallest
    #[arg(
        long,
        value_name = "NAME,NAME…",
        value_delimiter = ',',
        requires = "categories"
    )]
    category_names: Vec<String>,

    /// Map of how opaque the colours are
    #[arg(long, value_name = "MAP")]
    opacity: Option<String>,

    /// Values of that map that are transparent and opaque [default: 0,1]
    #[arg(long, value_name = "MIN,MAX", value_parser = range, requires = "opacity", allow_hyphen_values = true)]
    opacity_range: Option<[f32; 2]>,

    /// How places look that are not a number, or have no data [default: marked if there is a legend]
    #[arg(long, value_enum)]
    missing: Option<Look>,

    /// Hatch where the scanner had no signal: in this mean functional image [default: the image of the transform]
    #[arg(long, value_name = "IMAGE", num_args = 0..=1, require_equals = true)]
    #[expect(clippy::option_option, reason = "the option, and its value")]
    dropout: Option<Option<std::path::PathBuf>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Default)]
enum Below {
    #[default]
    Hide,
    Fade,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Look {
    /// As the cortex
    Plain,
    /// Dotted where a value is not a number, darker where there are no data
    Marked,
}

/// `-1,1` as two values.
fn range(text: &str) -> Result<[f32; 2], String> {
    let values = text
        .split_once(',')
        .and_then(|(least, most)| Some([least.trim().parse().ok()?, most.trim().parse().ok()?]));
    values
        .filter(|[least, most]: &[f32; 2]| least < most)
        .ok_or_else(|| "must be two ascending numbers, such as 0,0.5".to_owned())
}

impl ColouringArgs {
    /// Whether they leave one map its colours.
    pub(super) fn is_usual(&self) -> bool {
        self.map2.is_none() && self.rgb.is_empty() && !self.categories
    }

    /// Takes three maps as red, green and blue.
    pub(super) fn set_rgb(&mut self, names: &[String; 3]) {
        self.rgb = names.to_vec();
    }
}

/// What decides the colours besides the maps.
#[derive(Clone, Copy)]
pub(super) struct Choice<'a> {
    pub(super) scale2d: Option<&'a ColourScale2d<'a>>,
    pub(super) categories: &'a [Category],
    pub(super) has_legend: bool,
}

/// The maps of a picture.
pub(super) struct Maps {
    first: BrainMap,
    /// The second map, or green and blue.
    others: Vec<BrainMap>,
    opacity: Option<BrainMap>,
    dropout: Option<BrainMap>,
    /// Limits of the first map and of the others.
    limits: Vec<[f32; 2]>,
}

impl Maps {
    pub(super) fn read(args: &Args, open: &OpenSubject) -> Result<Self, Failure> {
        let own = &args.colouring;
        let read = |name: &str| further(name, args, open);
        let (first, others) = if own.rgb.is_empty() {
            let first = BrainMap::read(&args.data, args.map.as_deref(), open, args.xfm.as_deref())?;
            let others: Result<Vec<_>, _> = own.map2.iter().map(|name| read(name)).collect();
            (first, others?)
        } else {
            let [red, green, blue] = &own.rgb[..] else {
                return Err(Failure::new(format!(
                    "--rgb takes three maps, separated by commas, and has {}.",
                    own.rgb.len()
                )));
            };
            (read(red)?, vec![read(green)?, read(blue)?])
        };
        let mut limits = vec![limits(&first, args)];
        for other in &others {
            limits.push(if own.rgb.is_empty() {
                let most = own.vmax2.unwrap_or_else(|| percentile(&other.sorted()));
                [own.vmin2.unwrap_or(0.0), most]
            } else {
                self::limits(other, args)
            });
        }
        let dropout = own.dropout.as_ref();
        let dropout = dropout
            .map(|image| BrainMap::dropout(image.as_deref(), open, args.xfm.as_deref()))
            .transpose()?;
        Ok(Self {
            first,
            others,
            opacity: own.opacity.as_deref().map(read).transpose()?,
            dropout,
            limits,
        })
    }

    /// What was assumed about the maps, each sentence once.
    pub(super) fn notes(&self) -> BTreeSet<&str> {
        let further = self.others.iter().chain(&self.opacity).chain(&self.dropout);
        let all = std::iter::once(&self.first).chain(further);
        all.flat_map(|map| &map.notes).map(String::as_str).collect()
    }

    /// The colours of two maps.
    pub(super) fn scale2d(&self, args: &Args) -> Result<Option<ColourScale2d<'static>>, Failure> {
        if args.colouring.map2.is_none() {
            return Ok(None);
        }
        let name = args.colouring.cmap2d.as_deref().unwrap_or(CMAP2D);
        let path = Path::new(name);
        let map = if path.is_file() {
            let bytes = std::fs::read(path).map_err(|error| {
                Failure::new(format!(
                    "The colour map cannot be read ({error}).\nFile: {name}"
                ))
            })?;
            let stem = path.file_stem().unwrap_or_default().to_string_lossy();
            ColourMap2d::of_png(&stem, &bytes)
                .map_err(|error| Failure::new(format!("{error}.\nFile: {name}")))?
        } else {
            ColourMap2d::named(name)?
        };
        Ok(Some(ColourScale2d {
            map: Cow::Owned(map),
            limits: [self.limits[0], self.limits[1]],
        }))
    }

    /// The categories that the map has; none if its values are no categories.
    pub(super) fn categories(&self, args: &Args) -> Result<Vec<Category>, Failure> {
        if !self.is_of_categories(args) {
            return Ok(vec![]);
        }
        let recorded = self.first.recorded.as_ref();
        let recorded = recorded.filter(|entry| !entry.categories.is_empty());
        if args.sampler == Sampler::Trilinear {
            return Err(Failure::new(
                "Categories cannot be interpolated. Leave out --sampler trilinear.".into(),
            ));
        }
        if let Some(entry) = recorded.filter(|_| args.colouring.category_names.is_empty()) {
            return Ok(derived_maps::categories(entry, args.cmap()));
        }
        let mut values = self.first.sorted();
        if let Some(value) = values.iter().find(|value| value.fract() != 0.0) {
            return Err(Failure::new(format!(
                "The map holds {value}, which is no category: categories are whole numbers. Leave out --categories."
            )));
        }
        values.dedup();
        if values.len() > MOST_CATEGORIES {
            return Err(Failure::new(format!(
                "The map has {} different values; at most {MOST_CATEGORIES} categories can be told apart. Leave out --categories.",
                values.len()
            )));
        }
        let names = &args.colouring.category_names;
        if !names.is_empty() && names.len() != values.len() {
            return Err(Failure::new(format!(
                "There are {} names for {} categories: {}.",
                names.len(),
                values.len(),
                values
                    .iter()
                    .map(f32::to_string)
                    .collect::<Vec<_>>()
                    .join(", ")
            )));
        }
        let n = values.len() as f32;
        let category = |(index, value): (usize, &f32)| Category {
            value: *value as i32,
            name: names
                .get(index)
                .cloned()
                .unwrap_or_else(|| value.to_string()),
            colour: args.cmap().colour((index as f32 + 0.5) / n),
        };
        Ok(values.iter().enumerate().map(category).collect())
    }

    pub(super) fn scale(&self, args: &Args) -> ColourScale {
        ColourScale {
            map: args.cmap(),
            limits: self.limits[0],
        }
    }

    pub(super) fn layer<'a>(
        &'a self,
        args: &Args,
        sampling: &'a Sampling,
        choice: Choice<'a>,
    ) -> Layer<'a> {
        let others: Vec<_> = self.others.iter().map(|map| map.data(sampling)).collect();
        let colouring = match (&others[..], choice.scale2d, choice.categories) {
            ([second], Some(scale), _) => Colouring::Two {
                second: *second,
                scale,
            },
            ([green, blue], ..) => Colouring::Rgb {
                others: [*green, *blue],
                limits: [self.limits[0], self.limits[1], self.limits[2]],
            },
            (_, _, []) => Colouring::Scale,
            (_, _, categories) => Colouring::Categories(categories),
        };
        let limits = args.colouring.opacity_range.unwrap_or([0.0, 1.0]);
        let missing = match args.colouring.missing {
            Some(Look::Plain) => MissingLook::Plain,
            None if !choice.has_legend => MissingLook::Plain,
            Some(Look::Marked) | None => MissingLook::Marked,
        };
        Layer {
            data: self.first.data(sampling),
            scale: self.scale(args),
            threshold: args.colouring.threshold,
            style: LayerStyle {
                colouring,
                below: match args.colouring.below {
                    Below::Hide => BelowThreshold::Hidden,
                    Below::Fade => BelowThreshold::Faded,
                },
                opacity: self.opacity.as_ref().map(|map| Opacity {
                    data: map.data(sampling),
                    limits,
                }),
                missing,
            },
        }
    }

    pub(super) fn dropout<'a>(&'a self, sampling: &'a Sampling) -> Option<Dropout<'a>> {
        let data = self.dropout.as_ref()?.data(sampling);
        Some(Dropout { data })
    }

    /// What the first map is called.
    fn title(&self, args: &Args) -> String {
        match args.colouring.rgb.first() {
            Some(red) => called(red).to_owned(),
            None if self.first.recorded.is_some() => self.recorded_titles()[0].to_owned(),
            None => self.first.title(&args.data, args.map.as_deref()),
        }
    }

    /// What the record says of the maps; empty without one.
    fn recorded_titles(&self) -> Vec<&str> {
        let maps = std::iter::once(&self.first).chain(&self.others);
        let entries = maps.filter_map(|map| map.recorded.as_ref());
        entries.map(|entry| entry.title.as_str()).collect()
    }

    /// The title of the colour bar, and the command, both with what must be said of how the values were placed.
    pub(super) fn captions(&self, args: &Args, command: &str) -> (String, String) {
        let title = self.title(args);
        match self.first.caveat {
            None => (title, command.to_owned()),
            Some(caveat) => (
                format!("{title} ({caveat})"),
                format!("{command} # {caveat}"),
            ),
        }
    }

    pub(super) fn legend<'a>(
        &'a self,
        args: &'a Args,
        scene: &Scene,
        seen: &Visibility,
        choice: Choice<'a>,
    ) -> Legend<'a> {
        if !choice.has_legend {
            return Legend::default();
        }
        let own = &args.colouring;
        let key = match (choice.scale2d, &own.map2, &own.rgb[..], choice.categories) {
            (Some(scale), Some(second), ..) => Key::Two {
                scale,
                title: called(second),
            },
            (_, _, [red, green, blue], _) => Key::Rgb {
                titles: match self.recorded_titles()[..] {
                    [red, green, blue] => [red, green, blue],
                    _ => [called(red), called(green), called(blue)],
                },
                limits: [self.limits[0], self.limits[1], self.limits[2]],
            },
            (.., []) => Key::Bar,
            (.., categories) => Key::Categories(categories),
        };
        let range = own.opacity_range.unwrap_or([0.0, 1.0]);
        Legend {
            key,
            opacity: own.opacity.as_deref().map(|name| (called(name), range)),
            swatches: swatches(args, scene, seen),
        }
    }

    /// Whether the values are shown as categories.
    fn is_of_categories(&self, args: &Args) -> bool {
        let recorded = self.first.recorded.as_ref();
        let has_categories = recorded.is_some_and(|entry| !entry.categories.is_empty());
        args.colouring.categories || args.colouring.is_usual() && has_categories
    }

    /// What the colours of the picture are.
    pub(super) fn sentence(&self, args: &Args) -> String {
        let from_to = |[least, most]: [f32; 2]| format!("from {least:.3} to {most:.3}");
        let own = &args.colouring;
        match &self.limits[..] {
            [first, second] => format!(
                "Colours {} across and {} up ({})",
                from_to(*first),
                from_to(*second),
                own.cmap2d.as_deref().unwrap_or(CMAP2D)
            ),
            [red, green, blue] => format!(
                "Red {}, green {}, blue {}",
                from_to(*red),
                from_to(*green),
                from_to(*blue)
            ),
            _ if self.is_of_categories(args) => format!("Categories ({})", args.cmap()),
            limits => format!("Colours {} ({})", from_to(limits[0]), args.cmap()),
        }
    }
}

/// What places without a colour mean, as far as the picture has some.
fn swatches(args: &Args, scene: &Scene, seen: &Visibility) -> Vec<(Swatch, String)> {
    let Some(layer) = &scene.layer else {
        return vec![];
    };
    let shown = colours(layer, scene.subject, seen, N_SAMPLES);
    let has = |kind: PointKind| shown.iter().flatten().any(|point| point.kind == kind);
    let mut swatches = Vec::new();
    if let Some(threshold) = layer.threshold.filter(|_| has(PointKind::BelowThreshold)) {
        let swatch = match layer.style.below {
            BelowThreshold::Hidden => Swatch::Hidden,
            BelowThreshold::Faded => Swatch::Faded,
        };
        swatches.push((swatch, format!("below {threshold}")));
    }
    let is_marked = layer.style.missing == MissingLook::Marked;
    for (kind, swatch, words) in [
        (PointKind::NotANumber, Swatch::NotANumber, "not a number"),
        (PointKind::NoData, Swatch::NoData, "no data"),
    ] {
        if has(kind) {
            let swatch = if is_marked { swatch } else { Swatch::Hidden };
            swatches.push((swatch, words.to_owned()));
        }
    }
    if args.colouring.dropout.is_some() {
        swatches.push((Swatch::NoSignal, "no signal".to_owned()));
    }
    swatches
}

/// Another map: a name in the same file, a file, or a name in another file.
fn further(text: &str, args: &Args, open: &OpenSubject) -> Result<BrainMap, Failure> {
    let xfm = args.xfm.as_deref();
    if Path::new(text).is_file() {
        return BrainMap::read(Path::new(text), None, open, xfm);
    }
    if let Some((file, name)) = text.rsplit_once(':')
        && Path::new(file).is_file()
    {
        return BrainMap::read(Path::new(file), Some(name), open, xfm);
    }
    if is_archive(&args.data) {
        return BrainMap::read(&args.data, Some(text), open, xfm);
    }
    Err(Failure::new(format!(
        "There is no file \"{}\", and an image holds no maps by name. Give a FILE, or FILE:NAME for an array of an archive.\nFile: {}",
        text.escape_debug(),
        args.data.display()
    )))
}

/// What a map is called in the legend: its name, or that of its file.
fn called(text: &str) -> &str {
    let path = Path::new(text);
    if path.is_file() {
        return path
            .file_stem()
            .and_then(|stem| stem.to_str())
            .unwrap_or(text);
    }
    match text.rsplit_once(':') {
        Some((file, name)) if Path::new(file).is_file() => name,
        _ => text,
    }
}

/// From 0 to the 99th percentile, or around 0 for maps with a middle.
fn limits(map: &BrainMap, args: &Args) -> [f32; 2] {
    let mut sorted = map.sorted();
    let is_diverging = args.cmap().is_diverging() && args.colouring.rgb.is_empty();
    if is_diverging {
        for value in &mut sorted {
            *value = value.abs();
        }
        sorted.sort_by(f32::total_cmp);
    }
    let most = args.vmax.unwrap_or_else(|| percentile(&sorted));
    let least = if is_diverging { -most } else { 0.0 };
    [args.vmin.unwrap_or(least), most]
}

/// The 99th percentile of sorted values; 1 if there are none.
fn percentile(sorted: &[f32]) -> f32 {
    let at = (sorted.len().saturating_sub(1) as f64 * 0.99).round() as usize;
    sorted.get(at).copied().unwrap_or(1.0)
}
