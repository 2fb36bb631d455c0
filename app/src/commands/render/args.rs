//! Options of what is shown, which `render` and `film` share.

use std::path::PathBuf;

use clap::ValueEnum;
use heschl_core::brain::{DepthSpacing, Missing};
use heschl_core::scene::{ColourMap, Interpolation};

use super::interior::InteriorArgs;
use crate::brain_map::{FSAVERAGE5, OpenSubject, Sampling};
use crate::console::note;
use crate::derived_maps::record_of;
use crate::failure::Failure;

/// Samples of a pixel along each side.
pub(super) const N_SAMPLES: usize = 3;
/// The map of two values if none is named.
pub(super) const CMAP2D: &str = "RdBu_covar";

const CMAP2D_HELP: &str = "Colour map of two values: RdBu_covar [default], BuBkRd_alpha_2D, an ordinary one with \"_alpha\" behind \
     it, or a PNG whose second value runs up";

const CMAP_HELP: &str = "Colour map of matplotlib [default: inferno; RdBu_r for responses, and for differences from \"heschl map\"]";
/// Colours of values on both sides of 0.
const SIGNED: &str = "RdBu_r";

/// Options of what is shown.
#[derive(Clone, clap::Args)]
pub(crate) struct ShownArgs {
    /// "fsaverage5", or the folder of a subject of FreeSurfer, fMRIPrep or pycortex
    #[arg(long, value_name = "SUBJECT", default_value = FSAVERAGE5)]
    pub(crate) subject: String,

    /// Transform from the subject's surfaces to the image, if there are several
    #[arg(long, value_name = "NAME")]
    pub(crate) xfm: Option<String>,

    /// How points between voxels get their values
    #[arg(long, value_enum, default_value_t = Sampler::Nearest)]
    pub(super) sampler: Sampler,

    /// Depth of the surface and of the data: 0 is pial, 1 white [default: 0.5]
    #[arg(long, value_name = "SHARE", value_parser = share, conflicts_with = "depths")]
    pub(super) depth: Option<f32>,

    /// Show the mean over so many depths between pial and white
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    depths: Option<u16>,

    /// Space depths by equal volume of cortex rather than equal distance
    #[arg(long)]
    equal_volume: bool,

    /// What voxels that are not a number do to the mean over depths
    #[arg(long, value_enum, default_value_t = NanRule::Skip)]
    nan: NanRule,

    /// Column of the scores [default: r], array of the archive, or map of a file with several, by its name or number. Options that
    /// take a further MAP take one of these names, a file, or a file and a name with a colon between
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub(crate) map: Vec<String>,

    #[arg(long, value_name = "NAME", help = CMAP_HELP)]
    pub(super) cmap: Option<ColourMap>,

    /// Value of the first colour [default: 0; for diverging maps, as far below 0 as the last is above]
    #[arg(long, value_name = "VALUE", allow_negative_numbers = true)]
    pub(super) vmin: Option<f32>,

    /// Value of the last colour [default: the 99th percentile]
    #[arg(long, value_name = "VALUE", allow_negative_numbers = true)]
    pub(super) vmax: Option<f32>,

    #[command(flatten)]
    pub(super) colouring: ColouringArgs,

    #[command(flatten)]
    pub(super) regions: RegionArgs,

    #[command(flatten)]
    pub(super) interior: InteriorArgs,

    /// Do not light the cortex, so that all colours are those of the colour map
    #[arg(long)]
    pub(crate) no_light: bool,
}

impl Default for ShownArgs {
    fn default() -> Self {
        Self {
            subject: FSAVERAGE5.into(),
            xfm: None,
            sampler: Sampler::Nearest,
            depth: None,
            depths: None,
            equal_volume: false,
            nan: NanRule::Skip,
            map: vec![],
            cmap: None,
            vmin: None,
            vmax: None,
            colouring: ColouringArgs::default(),
            regions: RegionArgs::default(),
            interior: InteriorArgs::default(),
            no_light: false,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Sampler {
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

/// A number from 0 to 1.
pub(crate) fn share(text: &str) -> Result<f32, String> {
    let value: f32 = text.parse().map_err(|_| "not a number".to_owned())?;
    (0.0..=1.0)
        .contains(&value)
        .then_some(value)
        .ok_or_else(|| "must be between 0 and 1".to_owned())
}

impl ShownArgs {
    /// The depth of the surface that was asked for.
    pub(crate) fn depth(&self) -> Option<f32> {
        self.depth
    }

    /// The colour map.
    pub(super) fn colours(&self) -> ColourMap {
        self.cmap.unwrap_or_default()
    }

    /// The options with what the record of maps made from fits says, where they say nothing else.
    pub(crate) fn as_recorded(&self, data: &[PathBuf]) -> Self {
        let mut args = self.clone();
        let [data] = data else {
            return args;
        };
        let Some(record) = record_of(data) else {
            return args;
        };
        if let (Some(names), [], true) = (&record.rgb, &self.map[..], self.colouring.is_usual()) {
            args.colouring.rgb = names.to_vec();
            (args.vmin, args.vmax) = (self.vmin.or(Some(0.0)), self.vmax.or(Some(1.0)));
        }
        let shown = match &self.map[..] {
            [] => record.maps.first(),
            [name, ..] => record.entry(name).ok(),
        };
        if self.cmap.is_none() && shown.is_some_and(|entry| entry.is_signed) {
            args.cmap = SIGNED.parse().ok();
        }
        args
    }

    /// Takes a colour map with a middle unless one was asked for.
    pub(crate) fn with_middle(mut self) -> Self {
        self.cmap = self.cmap.or(SIGNED.parse().ok());
        self
    }

    /// Whether names of regions or a scale were asked for.
    pub(crate) fn has_words(&self) -> bool {
        self.regions.labels || self.regions.scale_bar
    }

    /// Whether colours are those of one map by its values.
    pub(crate) fn has_one_map(&self) -> bool {
        self.colouring.has_one_map()
    }

    /// The limits of colours that were asked for.
    pub(crate) fn limits(&self) -> [Option<f32>; 2] {
        [self.vmin, self.vmax]
    }

    /// Opens the subject, and tells what is odd about its files.
    ///
    /// # Errors
    /// A sentence if there is no such subject.
    pub(crate) fn open(&self) -> Result<OpenSubject, Failure> {
        let open = OpenSubject::open(&self.subject)?;
        for sentence in &open.notes {
            note(format_args!("{sentence}"));
        }
        Ok(open)
    }

    /// How a volume is sampled. Several depths lie at k / (n + 1) of the way, as in pycortex.
    pub(super) fn sampling(&self, of_surface: f32) -> Sampling {
        Sampling {
            interpolation: self.sampler.into(),
            depths: match self.depths {
                Some(n) => (1..=n).map(|k| f32::from(k) / f32::from(n + 1)).collect(),
                None => vec![of_surface],
            },
            spacing: if self.equal_volume {
                DepthSpacing::EqualVolume
            } else {
                DepthSpacing::EqualDistance
            },
            missing: match self.nan {
                NanRule::Skip => Missing::IsSkipped,
                NanRule::Propagate => Missing::Propagates,
            },
        }
    }
}

/// Options of the colours.
#[derive(Clone, clap::Args, Default)]
pub(super) struct ColouringArgs {
    /// Leave out values below this one
    #[arg(long, value_name = "VALUE", allow_negative_numbers = true)]
    pub(super) threshold: Option<f32>,

    /// What becomes of values below the threshold
    #[arg(long, value_enum, default_value_t = Below::Hide, requires = "threshold")]
    pub(super) below: Below,

    /// Second map: the colour is that of both, from a colour map of two values
    #[arg(long, value_name = "MAP", conflicts_with_all = ["rgb", "categories"])]
    pub(super) map2: Option<String>,

    #[arg(long, value_name = "NAME", requires = "map2", help = CMAP2D_HELP)]
    pub(super) cmap2d: Option<String>,

    /// Value of the second map at the lower end of its axis
    #[arg(
        long,
        value_name = "VALUE",
        allow_negative_numbers = true,
        requires = "map2"
    )]
    pub(super) vmin2: Option<f32>,

    /// Value of the second map at the upper end of its axis [default: the 99th percentile]
    #[arg(
        long,
        value_name = "VALUE",
        allow_negative_numbers = true,
        requires = "map2"
    )]
    pub(super) vmax2: Option<f32>,

    /// Three maps as red, green and blue
    #[arg(long, value_name = "MAP,MAP,MAP", value_delimiter = ',', conflicts_with_all = ["map", "categories", "cmap"])]
    pub(super) rgb: Vec<String>,

    /// Take the values for categories, such as the best layer: whole numbers with a colour each
    #[arg(long)]
    pub(super) categories: bool,

    /// Names of the categories in the legend, from the smallest
    #[arg(
        long,
        value_name = "NAME,NAME…",
        value_delimiter = ',',
        requires = "categories"
    )]
    pub(super) category_names: Vec<String>,

    /// Map of how opaque the colours are
    #[arg(long, value_name = "MAP")]
    pub(super) opacity: Option<String>,

    /// Values of that map that are transparent and opaque [default: 0,1]
    #[arg(long, value_name = "MIN,MAX", value_parser = range, requires = "opacity", allow_hyphen_values = true)]
    pub(super) opacity_range: Option<[f32; 2]>,

    /// How places look that are not a number, or have no data [default: marked if there is a legend]
    #[arg(long, value_enum)]
    pub(super) missing: Option<Look>,

    /// Hatch where the scanner had no signal: in this mean functional image [default: the image of the transform]
    #[arg(long, value_name = "IMAGE", num_args = 0..=1, require_equals = true)]
    #[expect(clippy::option_option, reason = "the option, and its value")]
    pub(super) dropout: Option<Option<std::path::PathBuf>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Default)]
pub(super) enum Below {
    #[default]
    Hide,
    Fade,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Look {
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

    /// Whether colours are those of one map by its values.
    pub(super) fn has_one_map(&self) -> bool {
        self.map2.is_none()
            && self.rgb.is_empty()
            && !self.categories
            && self.opacity.is_none()
            && self.dropout.is_none()
    }
}

/// Options of regions.
#[derive(Clone, clap::Args, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub(super) struct RegionArgs {
    /// Outline regions: a set of the subject such as "aparc", "overlays" for those drawn in overlays.svg (the default if there
    /// are some), FILE[,FILE] of FreeSurfer (annot, label) or GIFTI, or drawn regions saved as JSON
    #[arg(long, value_name = "NAME", conflicts_with = "no_rois")]
    pub(super) rois: Option<String>,

    /// Outline no regions
    #[arg(long)]
    pub(super) no_rois: bool,

    /// Name the regions in every view, not on the flat map alone
    #[arg(long, conflicts_with = "no_labels")]
    pub(super) labels: bool,

    /// Do not name the regions of a flat map
    #[arg(long)]
    pub(super) no_labels: bool,

    /// Do not draw the sulci of overlays.svg
    #[arg(long)]
    pub(super) no_sulci: bool,

    /// Add a scale in mm to a flat map
    #[arg(long)]
    pub(super) scale_bar: bool,
}
