//! Which maps decide the colours of a picture, and what its legend says.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::path::Path;

use heschl_core::scene::{
    BelowThreshold, Category, ColourMap2d, ColourScale, ColourScale2d, Colouring, Dropout, Layer,
    LayerStyle, MissingLook, Opacity, PointKind, Scene, Visibility, colours,
};

use super::args::{Below, CMAP2D, Look, N_SAMPLES, Sampler, ShownArgs};
use crate::brain_legend::{Key, Legend, Swatch};
use crate::brain_map::{BrainMap, OpenSubject, Sampling, is_archive};
use crate::derived_maps;
use crate::failure::Failure;

/// Categories at most: more have no colours that can be told apart.
const MOST_CATEGORIES: usize = 64;
/// What decides the colours besides the maps.
#[derive(Clone, Copy)]
pub(super) struct Choice<'a> {
    pub(super) scale2d: Option<&'a ColourScale2d<'a>>,
    pub(super) categories: &'a [Category],
    pub(super) has_legend: bool,
}

impl Choice<'_> {
    fn missing(&self, args: &ShownArgs) -> MissingLook {
        match args.colouring.missing {
            Some(Look::Plain) => MissingLook::Plain,
            None if !self.has_legend => MissingLook::Plain,
            Some(Look::Marked) | None => MissingLook::Marked,
        }
    }
}

/// Where a map comes from: a file, and the map's name in it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source<'a> {
    pub(crate) data: &'a Path,
    pub(crate) map: Option<&'a str>,
}

/// The maps of a picture.
pub(crate) struct Maps<'a> {
    source: Source<'a>,
    first: BrainMap,
    /// The second map, or green and blue.
    others: Vec<BrainMap>,
    opacity: Option<BrainMap>,
    dropout: Option<BrainMap>,
    /// Limits of the first map and of the others.
    limits: Vec<[f32; 2]>,
}

impl<'a> Maps<'a> {
    pub(super) fn read(
        args: &'a ShownArgs,
        source: Source<'a>,
        open: &OpenSubject,
    ) -> Result<Self, Failure> {
        let own = &args.colouring;
        let read = |name: &str| further(name, (args, source), open);
        let (first, others) = if own.rgb.is_empty() {
            let first = BrainMap::read(source.data, source.map, open, args.xfm.as_deref())?;
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
            source,
            first,
            others,
            opacity: own.opacity.as_deref().map(read).transpose()?,
            dropout,
            limits,
        })
    }

    /// A map that is not that of a file, with its limits.
    pub(crate) fn of_map(source: Source<'a>, map: BrainMap, limits: [f32; 2]) -> Self {
        Self {
            source,
            first: map,
            others: vec![],
            opacity: None,
            dropout: None,
            limits: vec![limits],
        }
    }

    /// Gives all rows the same colours: those of the widest limits.
    ///
    /// # Errors
    /// A sentence if a row has several maps.
    pub(super) fn share_limits(rows: &mut [Self], args: &ShownArgs) -> Result<(), Failure> {
        if rows.len() < 2 {
            return Ok(());
        }
        if rows.iter().any(|row| row.limits.len() > 1) {
            return Err(Failure::new(
                "--map2 and --rgb give one picture its colours; they cannot be used with several maps or files. Draw them one by one."
                    .into(),
            ));
        }
        let all = |pick: fn(f32, f32) -> f32, end: usize| {
            let own = rows.iter().map(|row| row.limits[0][end]);
            own.reduce(pick).unwrap_or_default()
        };
        let shared = [all(f32::min, 0), all(f32::max, 1)];
        let is_diverging = args.colours().is_diverging();
        for row in rows {
            row.limits = vec![if is_diverging && args.vmin.is_none() {
                [-shared[1], shared[1]]
            } else {
                shared
            }];
        }
        Ok(())
    }

    /// What was assumed about the maps, each sentence once.
    pub(super) fn notes(&self) -> BTreeSet<&str> {
        let further = self.others.iter().chain(&self.opacity).chain(&self.dropout);
        let all = std::iter::once(&self.first).chain(further);
        all.flat_map(|map| &map.notes).map(String::as_str).collect()
    }

    /// The colours of two maps.
    pub(super) fn scale2d(
        &self,
        args: &ShownArgs,
    ) -> Result<Option<ColourScale2d<'static>>, Failure> {
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
    pub(super) fn categories(rows: &[Self], args: &ShownArgs) -> Result<Vec<Category>, Failure> {
        let [first, ..] = rows else {
            return Ok(vec![]);
        };
        if !first.is_of_categories(args) {
            return Ok(vec![]);
        }
        let recorded = first.first.recorded.as_ref();
        let recorded = recorded.filter(|entry| !entry.categories.is_empty() && rows.len() == 1);
        if args.sampler == Sampler::Trilinear {
            return Err(Failure::new(
                "Categories cannot be interpolated. Leave out --sampler trilinear.".into(),
            ));
        }
        if let Some(entry) = recorded.filter(|_| args.colouring.category_names.is_empty()) {
            return Ok(derived_maps::categories(entry, args.colours()));
        }
        let mut values: Vec<f32> = rows.iter().flat_map(|row| row.first.sorted()).collect();
        values.sort_by(f32::total_cmp);
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
            colour: args.colours().colour((index as f32 + 0.5) / n),
        };
        Ok(values.iter().enumerate().map(category).collect())
    }

    pub(super) fn scale(&self, args: &ShownArgs) -> ColourScale {
        ColourScale {
            map: args.colours(),
            limits: self.limits[0],
        }
    }

    pub(super) fn layer<'l>(
        &'l self,
        args: &ShownArgs,
        sampling: &'l Sampling,
        choice: Choice<'l>,
    ) -> Layer<'l> {
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
        let missing = choice.missing(args);
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

    pub(super) fn dropout<'l>(&'l self, sampling: &'l Sampling) -> Option<Dropout<'l>> {
        let data = self.dropout.as_ref()?.data(sampling);
        Some(Dropout { data })
    }

    /// What the first map is called.
    fn title(&self, args: &ShownArgs) -> String {
        match args.colouring.rgb.first() {
            Some(red) => called(red).to_owned(),
            None => match &self.first.recorded {
                Some(entry) => entry.title.clone(),
                None => self.first.title(self.source.data, self.source.map),
            },
        }
    }

    /// What the record says of the maps; empty without one.
    fn recorded_titles(&self) -> Vec<&str> {
        let maps = std::iter::once(&self.first).chain(&self.others);
        let entries = maps.filter_map(|map| map.recorded.as_ref());
        entries.map(|entry| entry.title.as_str()).collect()
    }

    /// The titles of rows: the maps' names if these differ, and the files' or their folders' if these do.
    pub(super) fn titles(rows: &[Self], args: &ShownArgs) -> Vec<String> {
        let differ = |words: &[String]| words.iter().any(|own| *own != words[0]);
        let maps: Vec<String> = rows.iter().map(|row| row.title(args)).collect();
        let files = distinct(&rows.iter().map(|row| row.source.data).collect::<Vec<_>>());
        let title = |(map, file): (&String, &String)| match (differ(&maps), differ(&files)) {
            (true, true) => format!("{file}: {map}"),
            (false, true) => file.clone(),
            _ => map.clone(),
        };
        maps.iter().zip(&files).map(title).collect()
    }

    /// The title of the colour bar, and the command, both with what must be said of how the values were placed.
    pub(super) fn captions(rows: &[Self], args: &ShownArgs, command: &str) -> (String, String) {
        let mut titles: Vec<String> = Vec::new();
        for row in rows {
            let title = row.title(args);
            if !titles.contains(&title) {
                titles.push(title);
            }
        }
        let title = titles.join(", ");
        match rows.iter().find_map(|row| row.first.caveat) {
            None => (title, command.to_owned()),
            Some(caveat) => (
                format!("{title} ({caveat})"),
                format!("{command} # {caveat}"),
            ),
        }
    }

    pub(super) fn legend<'l>(
        &'l self,
        args: &'l ShownArgs,
        kinds: &Kinds,
        choice: Choice<'l>,
    ) -> Legend<'l> {
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
            swatches: kinds.swatches(args, choice.missing(args)),
        }
    }

    /// Whether the values are shown as categories.
    fn is_of_categories(&self, args: &ShownArgs) -> bool {
        let recorded = self.first.recorded.as_ref();
        let has_categories = recorded.is_some_and(|entry| !entry.categories.is_empty());
        args.colouring.categories || args.colouring.is_usual() && has_categories
    }

    /// What the colours of the picture are.
    pub(super) fn sentence(&self, args: &ShownArgs) -> String {
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
            _ if self.is_of_categories(args) => format!("Categories ({})", args.colours()),
            limits => format!("Colours {} ({})", from_to(limits[0]), args.colours()),
        }
    }
}

/// What places without a colour there are in pictures.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Kinds(BTreeSet<PointKind>);

impl Kinds {
    pub(super) fn of(scene: &Scene, seen: &Visibility) -> Self {
        let Some(layer) = &scene.layer else {
            return Self::default();
        };
        let shown = colours(layer, scene.subject, seen, N_SAMPLES);
        Self(shown.iter().flatten().map(|point| point.kind).collect())
    }

    /// Those that can be expected in any view.
    pub(super) fn of_args(args: &ShownArgs) -> Self {
        let below = args.colouring.threshold.map(|_| PointKind::BelowThreshold);
        Self(below.into_iter().collect())
    }

    /// Adds those of another picture.
    pub(crate) fn add(&mut self, other: &Self) {
        self.0.extend(&other.0);
    }

    /// What they mean.
    fn swatches(&self, args: &ShownArgs, missing: MissingLook) -> Vec<(Swatch, String)> {
        let own = &args.colouring;
        let mut swatches = Vec::new();
        if let Some(threshold) = own.threshold
            && self.0.contains(&PointKind::BelowThreshold)
        {
            let swatch = match own.below {
                Below::Hide => Swatch::Hidden,
                Below::Fade => Swatch::Faded,
            };
            swatches.push((swatch, format!("below {threshold}")));
        }
        for (kind, swatch, words) in [
            (PointKind::NotANumber, Swatch::NotANumber, "not a number"),
            (PointKind::NoData, Swatch::NoData, "no data"),
        ] {
            if self.0.contains(&kind) {
                let is_marked = missing == MissingLook::Marked;
                let swatch = if is_marked { swatch } else { Swatch::Hidden };
                swatches.push((swatch, words.to_owned()));
            }
        }
        if own.dropout.is_some() {
            swatches.push((Swatch::NoSignal, "no signal".to_owned()));
        }
        swatches
    }
}

/// Another map: a name in the same file, a file, or a name in another file.
fn further(
    text: &str,
    (args, source): (&ShownArgs, Source),
    open: &OpenSubject,
) -> Result<BrainMap, Failure> {
    let xfm = args.xfm.as_deref();
    if Path::new(text).is_file() {
        return BrainMap::read(Path::new(text), None, open, xfm);
    }
    if let Some((file, name)) = text.rsplit_once(':')
        && Path::new(file).is_file()
    {
        return BrainMap::read(Path::new(file), Some(name), open, xfm);
    }
    if is_archive(source.data) {
        return BrainMap::read(source.data, Some(text), open, xfm);
    }
    Err(Failure::new(format!(
        "There is no file \"{}\", and an image holds no maps by name. Give a FILE, or FILE:NAME for an array of an archive.\nFile: {}",
        text.escape_debug(),
        source.data.display()
    )))
}

/// The least that tells files apart: their names without ending, or the folders that they are in.
fn distinct(paths: &[&Path]) -> Vec<String> {
    let parts = |path: &Path| -> Vec<String> {
        let stem = path.with_extension("");
        let parts = stem.components().rev();
        parts
            .map(|part| part.as_os_str().to_string_lossy().into_owned())
            .collect()
    };
    let all: Vec<Vec<String>> = paths.iter().map(|path| parts(path)).collect();
    let part = |own: &[String], depth: usize| own.get(depth).cloned().unwrap_or_default();
    let depth = (0..all.iter().map(Vec::len).max().unwrap_or(1)).find(|depth| {
        all.iter()
            .any(|own| part(own, *depth) != part(&all[0], *depth))
    });
    all.iter()
        .map(|own| part(own, depth.unwrap_or(0)))
        .collect()
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
fn limits(map: &BrainMap, args: &ShownArgs) -> [f32; 2] {
    let mut sorted = map.sorted();
    let is_diverging = args.colours().is_diverging() && args.colouring.rgb.is_empty();
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
