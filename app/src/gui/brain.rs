//! What the page "Brain" shows: its settings, the picture that is asked for, and the one that was drawn.

mod derived;
mod drawing;
mod film;
mod interior;
mod over;
mod region_drawing;
mod region_facts;
mod region_order;
mod slices;

use std::path::PathBuf;
use std::sync::Arc;

use heschl_core::brain::drawing::DrawnRegions;
use heschl_core::brain::{Parcellation, RegionRow, Side, Subject, SurfaceKind};
use heschl_core::run::encoding::Column;
use heschl_core::run::maps::MapSet;
use heschl_core::scene::{
    BelowThreshold, Camera, ColourMap, Hit, Interpolation, MissingLook, NamedView, Picture,
    PosedBrain, View, Visibility, is_as_scanned, lassoed, value_at,
};
use serde::{Deserialize, Serialize};

pub(crate) use derived::{DerivedKind, DerivedMaps, Look, ShownMap, shown_map};
pub(crate) use drawing::{Drawer, Drawn, DrawnMap, Flight, N_SAMPLES};
pub(crate) use film::{Film, FilmOf, FilmSettings, USUAL_DELAY_SECS};
pub(crate) use interior::{InteriorSettings, ScenePlane};
pub(crate) use over::{BrainOver, OverSettings};
pub(crate) use region_drawing::{
    DrawingMode, DrawingSettings, DrawingTool, RADII_MM, RegionDrawing, RegionsPlace, RegionsRead,
};
pub(crate) use region_facts::{FactsOf, RegionFacts};
pub(crate) use region_order::RegionOrder;
pub(crate) use slices::{SliceLayout, SliceSettings, draw as draw_slices};

use crate::brain_map::{Anatomy, OpenSubject, PlacedMap, Placement, middle};
use crate::brain_marks::BrainMarks;
use crate::gui::loading::Loading;

/// The colours of values on both sides of 0.
const DIVERGING: &str = "RdBu_r";
/// The regions that are named under the pointer and outlined, if the subject has them.
const REGIONS: &str = "aparc";

/// The subject that scores are shown on.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct SubjectChoice {
    /// Its folder; fsaverage5 if there is none.
    pub(crate) folder: Option<PathBuf>,
    /// The transform that leads to the image whose voxels were scored, if it must be named.
    pub(crate) transform: Option<String>,
}

/// What the picture shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum BrainLayout {
    /// The cortex from one side.
    #[default]
    Cortex,
    /// Three slices.
    Slices,
}

/// What the user has set on the page.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct BrainSettings {
    /// What the picture shows.
    pub(crate) layout: BrainLayout,
    /// How slices are shown.
    pub(crate) slices: SliceSettings,
    /// What is shown inside of the cortex.
    pub(crate) interior: InteriorSettings,
    /// The scan of the test stories that is shown instead of scores.
    pub(crate) film: Option<FilmSettings>,
    /// The vertex that was chosen by a click.
    pub(crate) picked: Option<(Side, usize)>,
    /// The region that was chosen in the table.
    pub(crate) region: Option<(Side, String)>,
    /// The column by which regions are sorted.
    pub(crate) region_order: RegionOrder,
    /// What is shown of the scores.
    pub(crate) column: Column,
    /// Maps that are made from fits and shown instead of a column.
    pub(crate) derived: Option<DerivedKind>,
    /// Which of several maps is shown, if not the first.
    pub(crate) derived_map: Option<String>,
    /// Whether only significant voxels are shown.
    pub(crate) is_significant_only: bool,
    /// The false discovery rate up to which a voxel is significant, if it is not that of the fit.
    pub(crate) fdr_level: Option<f64>,
    /// Voxels with a lower noise ceiling are not shown, if one is set.
    pub(crate) least_ceiling: Option<f64>,
    /// The colour map.
    pub(crate) colours: ColourMap,
    /// The values of the first and the last colour, if they are not chosen by the data.
    pub(crate) limits: Option<[f32; 2]>,
    /// Values below this are not shown, if a threshold is set.
    pub(crate) threshold: Option<f32>,
    /// What becomes of values below the threshold.
    pub(crate) below: BelowThreshold,
    /// How places without a value look.
    pub(crate) missing: MissingLook,
    /// The view that everything else starts from.
    pub(crate) named: NamedView,
    /// A view that was opened from a file, instead of the named one.
    pub(crate) saved: Option<View>,
    /// From 0, folded, to 1, flat.
    pub(crate) unfold: f32,
    /// Depth of the folded surface: 0 is pial, 1 white.
    pub(crate) depth: f32,
    /// Angle between the hemispheres, degrees, if it is not that of the view.
    pub(crate) pivot: Option<f32>,
    /// Distance by which each hemisphere moves away from the middle, mm, if it is not that of the view.
    pub(crate) gap: Option<f32>,
    /// By how much the camera was turned from the view: azimuth and altitude, degrees.
    pub(crate) turn: [f64; 2],
    /// By how much the picture is enlarged.
    pub(crate) zoom: f64,
    /// By how much the centre of the picture was moved to the right and up, in heights of the picture before it was enlarged.
    pub(crate) pan: [f64; 2],
    /// The regions that are named, listed and outlined; those of the subject that are most common if none is chosen.
    pub(crate) regions: Option<String>,
    /// Whether the borders of regions are drawn.
    pub(crate) has_outlines: bool,
    /// What else lies over the map.
    pub(crate) over: OverSettings,
    /// Depths between pial and white surface whose mean is shown of an image; 1 shows the middle.
    pub(crate) n_depths: u16,
    /// Whether the cortex is lit.
    pub(crate) is_lit: bool,
}

impl Default for BrainSettings {
    fn default() -> Self {
        Self {
            layout: BrainLayout::Cortex,
            slices: SliceSettings::default(),
            interior: InteriorSettings::default(),
            film: None,
            picked: None,
            region: None,
            region_order: RegionOrder::default(),
            column: Column::R,
            derived: None,
            derived_map: None,
            is_significant_only: false,
            fdr_level: None,
            least_ceiling: None,
            colours: ColourMap::default(),
            limits: None,
            threshold: None,
            below: BelowThreshold::Hidden,
            missing: MissingLook::Plain,
            named: NamedView::BothLateral,
            saved: None,
            unfold: 0.5,
            depth: 0.5,
            pivot: None,
            gap: None,
            turn: [0.0; 2],
            zoom: 1.0,
            pan: [0.0; 2],
            regions: None,
            has_outlines: false,
            over: OverSettings::default(),
            n_depths: 1,
            is_lit: true,
        }
    }
}

impl BrainSettings {
    /// The same from a view that is not fitted to the picture.
    #[must_use]
    pub(crate) fn seen_from(&self, mut view: View) -> Self {
        view.is_lit = self.is_lit;
        let mut own = Self {
            layout: BrainLayout::Cortex,
            unfold: view.pose.unfold,
            saved: Some(view),
            pivot: None,
            gap: None,
            ..self.clone()
        };
        own.reset_view();
        own
    }

    /// Goes back to the whole view.
    pub(crate) fn reset_view(&mut self) {
        (self.turn, self.zoom, self.pan) = ([0.0; 2], 1.0, [0.0; 2]);
    }

    /// Shows another map, with limits by its data and colours of its kind.
    ///
    /// * `kind`: what is made from fits; a column of the scores if `None`.
    /// * `map`: the map of these, if it is not the first.
    /// * `is_signed`: whether it has values on both sides of 0.
    pub(crate) fn take_map(
        &mut self,
        kind: Option<DerivedKind>,
        map: Option<String>,
        is_signed: bool,
    ) {
        if self.colours.is_diverging() != is_signed {
            self.colours = if is_signed {
                DIVERGING.parse().unwrap_or_default()
            } else {
                ColourMap::default()
            };
        }
        (self.derived, self.derived_map) = (kind, map);
        (self.limits, self.threshold, self.film) = (None, None, None);
    }

    /// Takes another view, as a whole.
    pub(crate) fn take_view(&mut self, named: NamedView) {
        self.named = named;
        (self.pivot, self.gap, self.saved) = (None, None, None);
        self.reset_view();
    }

    /// Takes a view from a file.
    pub(crate) fn open_view(&mut self, view: View) {
        self.layout = BrainLayout::Cortex;
        self.unfold = view.pose.unfold;
        self.depth = view.pose.depth;
        self.is_lit = view.is_lit;
        (self.pivot, self.gap, self.saved) = (None, None, Some(view));
        self.reset_view();
    }

    /// Folds and closes the brain, as it was scanned, seen from the left.
    pub(crate) fn take_scanned_view(&mut self) {
        self.take_view(NamedView::Lateral(Side::Left));
        self.layout = BrainLayout::Cortex;
        self.unfold = 0.0;
        (self.pivot, self.gap) = (Some(0.0), Some(0.0));
    }

    /// Whether the brain stands as it was scanned, so that slices lie where they belong.
    #[must_use]
    pub(crate) fn is_as_scanned(&self) -> bool {
        let is_opened = matches!(self.named, NamedView::BothLateral | NamedView::BothMedial);
        let is_closed = |own: Option<f32>| own.map_or(!is_opened, |own| own == 0.0);
        match &self.saved {
            Some(view) => is_as_scanned(&view.pose),
            None => {
                self.unfold <= 0.0
                    && self.named != NamedView::Flat
                    && is_closed(self.pivot)
                    && is_closed(self.gap)
            }
        }
    }

    /// Whether the cortex lies flat: then it is moved, not turned.
    #[must_use]
    pub(crate) fn is_flat(&self) -> bool {
        self.named == NamedView::Flat && self.saved.is_none() || self.unfold >= 1.0
    }

    /// The regions that are named, listed and outlined.
    #[must_use]
    pub(crate) fn parcellation<'a>(&self, subject: &'a Subject) -> Option<&'a Parcellation> {
        match &self.regions {
            Some(name) => subject.parcellation(name),
            None => subject
                .parcellation(REGIONS)
                .or_else(|| subject.parcellations.first()),
        }
    }

    /// The region that was chosen, as a set of its own to be outlined; `None` if the subject does not have it.
    #[must_use]
    pub(crate) fn chosen_region(&self, subject: &Subject) -> Option<Parcellation> {
        let (side, name) = self.region.as_ref()?;
        let all = self.parcellation(subject)?;
        let index = all.region(name)?;
        let mut only = Parcellation {
            name: name.clone(),
            regions: vec![all.regions.get(usize::from(index))?.clone()],
            of_vertex: [
                vec![None; all.of_vertex[0].len()],
                vec![None; all.of_vertex[1].len()],
            ],
        };
        let own = &all.of_vertex[side.index()];
        only.of_vertex[side.index()] = own
            .iter()
            .map(|region| (*region == Some(index)).then_some(0))
            .collect();
        Some(only)
    }

    /// The depths at which an image is sampled: 0 is pial, 1 white. Several lie at k / (n + 1) of the way, as in pycortex.
    #[must_use]
    pub(crate) fn depths(&self) -> Vec<f32> {
        let n = self.n_depths.max(1);
        (1..=n).map(|k| f32::from(k) / f32::from(n + 1)).collect()
    }
}

/// Whether a subject can be shown in a view.
#[must_use]
pub(crate) fn has_view(subject: &Subject, view: NamedView) -> bool {
    view != NamedView::Flat
        || subject
            .hemispheres
            .iter()
            .all(|hemisphere| hemisphere.surface(SurfaceKind::Flat).is_some())
}

/// A picture that is wanted.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct BrainRequest {
    /// The folder of the scores.
    pub(crate) scores: PathBuf,
    /// The maps that were made, if they are shown instead of a column of the scores.
    pub(crate) derived: Option<DerivedMaps>,
    /// The subject.
    pub(crate) subject: SubjectChoice,
    /// What the user has set.
    pub(crate) settings: BrainSettings,
    /// Regions that were drawn, and the one that is changed.
    pub(crate) drawn: (Arc<DrawnRegions>, Option<usize>),
    /// How they are drawn.
    pub(crate) drawing: DrawingSettings,
    /// Width and height, pixels.
    pub(crate) size: [usize; 2],
    /// Whether it is soon replaced: drawn faster.
    pub(crate) is_moving: bool,
    /// The way of the camera, if it is flying to the view.
    pub(crate) flight: Option<Flight>,
}

/// A picture that was drawn.
#[derive(Debug, Clone)]
pub(crate) struct BrainPicture {
    /// What it shows.
    pub(crate) request: BrainRequest,
    /// The pixels.
    pub(crate) picture: Arc<Picture>,
    /// What is seen in each pixel of a picture three times as wide and high, or as wide and high while it moves.
    ///
    /// `None` for slices.
    pub(crate) seen: Option<Arc<Visibility>>,
    /// Where the chosen vertex is seen, as shares of the picture's width and height.
    pub(crate) mark: Option<[f32; 2]>,
    /// The view of the cortex as it is shown, if it is.
    pub(crate) view: Option<View>,
    /// The cortex as it stands, and from where it is seen, if it is shown.
    pub(crate) posed: Option<(Arc<PosedBrain>, Camera)>,
    /// What lies over the map.
    pub(crate) over: Arc<BrainOver>,
    /// Names over the picture.
    pub(crate) marks: Arc<BrainMarks>,
    /// Where the slices lie, if these are shown.
    pub(crate) slices: Option<SliceLayout>,
    /// The image of the slices, if there are some.
    pub(crate) anatomy: Option<Arc<Anatomy>>,
    /// The values in their places; NaN where nothing is shown.
    pub(crate) map: Arc<PlacedMap>,
    /// How they become colours.
    pub(crate) look: Arc<Look>,
    /// Which value belongs where.
    pub(crate) placement: Arc<Placement>,
    /// The values of the vertices, left and right; for voxels those halfway between pial and white surface.
    pub(crate) values: Arc<[Vec<f32>; 2]>,
    /// The values of the first and the last colour.
    pub(crate) limits: [f32; 2],
    /// The false discovery rate up to which voxels are significant.
    pub(crate) fdr_level: f64,
    /// The regions with values, the largest mean first.
    pub(crate) regions: Arc<Vec<RegionRow>>,
    /// The subject.
    pub(crate) open: Arc<OpenSubject>,
}

impl BrainPicture {
    /// The subject.
    #[must_use]
    pub(crate) fn subject(&self) -> &Subject {
        &self.open.subject
    }

    /// What is seen at a place of the picture, given as shares of its width and height.
    #[must_use]
    pub(crate) fn hit(&self, share: [f32; 2]) -> Option<Hit> {
        let seen = self.seen.as_ref()?;
        let [width, height] = seen.size();
        let at =
            |share: f32, n: usize| (share * n as f32).floor().clamp(0.0, n as f32 - 1.0) as usize;
        seen.hit(at(share[0], width), at(share[1], height))
    }

    /// The vertices that are seen inside of a closed line, whose corners are shares of the picture's width and height.
    #[must_use]
    pub(crate) fn lassoed(&self, line: &[[f32; 2]]) -> Option<[Vec<u32>; 2]> {
        let (seen, (posed, camera)) = (self.seen.as_ref()?, self.posed.as_ref()?);
        let size = seen.size();
        let corner =
            |share: &[f32; 2]| [0, 1].map(|axis| f64::from(share[axis]) * size[axis] as f64);
        let line: Vec<[f64; 2]> = line.iter().map(corner).collect();
        Some(lassoed(posed, &camera.projection(size), seen, &line))
    }

    /// The value that is seen.
    #[must_use]
    pub(crate) fn value(&self, hit: &Hit) -> Option<f32> {
        let depths = self.request.settings.depths();
        let data = self.map.data(Interpolation::Nearest, &depths);
        let value = value_at(data, self.subject(), hit);
        (!value.is_nan()).then_some(value)
    }

    /// What is said of the value that is seen: a number, the name of a category, or three numbers.
    #[must_use]
    pub(crate) fn words(&self, hit: &Hit) -> Option<String> {
        let value = self.value(hit)?;
        Some(match &*self.look {
            Look::Scale => format!("{value:.3}"),
            Look::Categories(entry) => {
                let found = entry.categories.iter();
                let mut found = found.filter(|it| (it.value as f32 - value).abs() < 0.5);
                found
                    .next()
                    .map_or(format!("{value}"), |it| it.name.clone())
            }
            Look::Rgb(others, _) => {
                let depths = self.request.settings.depths();
                let [green, blue] = &**others;
                let of = |map: &PlacedMap| {
                    value_at(
                        map.data(Interpolation::Nearest, &depths),
                        self.subject(),
                        hit,
                    )
                };
                format!(
                    "red {value:.2}, green {:.2}, blue {:.2}",
                    of(green),
                    of(blue)
                )
            }
        })
    }

    /// What is shown, for legends.
    #[must_use]
    pub(crate) fn derived_map(&self) -> Option<(&MapSet, ShownMap<'_>)> {
        let settings = &self.request.settings;
        let set = &self
            .request
            .derived
            .as_ref()
            .filter(|_| settings.film.is_none())?
            .0;
        let shown = shown_map(&set.record, settings.derived_map.as_deref())?;
        Some((set, shown))
    }

    /// The name of what is shown, in files.
    #[must_use]
    pub(crate) fn name(&self) -> &str {
        match self.derived_map() {
            Some((_, ShownMap::One(entry))) => &entry.name,
            Some((_, ShownMap::Rgb(_))) => "colours",
            None => self.request.settings.column.name(),
        }
    }

    /// The voxel of the scores that is seen.
    #[must_use]
    pub(crate) fn voxel(&self, hit: &Hit) -> Option<usize> {
        self.placement.index(self.subject(), hit)
    }

    /// The point of the cortex that is seen, halfway between pial and white surface, mm.
    #[must_use]
    pub(crate) fn point(&self, hit: &Hit) -> Option<[f64; 3]> {
        Some(middle(self.subject(), hit)?.map(f64::from))
    }

    /// The region of a vertex.
    #[must_use]
    pub(crate) fn region(&self, hit: &Hit) -> Option<&str> {
        let regions = self.request.settings.parcellation(self.subject())?;
        let of_side = regions.of_vertex.get(hit.side.index())?;
        let region = (*of_side.get(hit.nearest_vertex())?)?;
        Some(regions.regions.get(usize::from(region))?.name.as_str())
    }
}

/// What is known for the page.
#[derive(Debug, Clone, Default)]
pub(crate) struct BrainInfo {
    /// The subject that was opened last.
    pub(crate) subject: Option<Arc<OpenSubject>>,
    /// Maps that were made from fits; none if a column of the scores is shown.
    pub(crate) derived: Loading<Option<DerivedMaps>>,
    /// The picture.
    pub(crate) picture: Loading<BrainPicture>,
    /// How long the last picture took from request to display, seconds.
    pub(crate) picture_secs: f64,
    /// The film of the test stories, once it was asked for.
    pub(crate) film: Loading<Arc<Film>>,
    /// Frames that are done, and all, of the film that is being saved.
    pub(crate) saving: Option<[usize; 2]>,
}
