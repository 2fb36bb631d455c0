//! What the page "Brain" shows: its settings, the picture that is asked for, and the one that was drawn.

use std::path::PathBuf;
use std::sync::Arc;

use heschl_core::brain::{RegionRow, Side, Subject};
use heschl_core::run::encoding::Column;
use heschl_core::scene::{
    ColourMap, ColourScale, DataMap, Hit, Layer, LayerStyle, Marks, NamedView, Outlines, Picture,
    Scene, Underlay, View, Visibility, draw_with_visibility,
};

use crate::gui::loading::Loading;

/// The regions that are named under the pointer and outlined.
pub(crate) const REGIONS: &str = "aparc";

/// What the user has set on the page.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct BrainSettings {
    /// What is shown of the scores.
    pub(crate) column: Column,
    /// Whether only significant voxels are shown.
    pub(crate) is_significant_only: bool,
    /// The colour map.
    pub(crate) colours: ColourMap,
    /// The values of the first and the last colour, if they are not chosen by the data.
    pub(crate) limits: Option<[f32; 2]>,
    /// The view that everything else starts from.
    pub(crate) named: NamedView,
    /// From 0, folded, to 1, flat.
    pub(crate) unfold: f32,
    /// By how much the camera was turned from the view: azimuth and altitude, degrees.
    pub(crate) turn: [f64; 2],
    /// By how much the picture is enlarged.
    pub(crate) zoom: f64,
    /// Whether the borders of regions are drawn.
    pub(crate) has_outlines: bool,
    /// Whether the cortex is lit.
    pub(crate) is_lit: bool,
}

impl Default for BrainSettings {
    fn default() -> Self {
        Self {
            column: Column::R,
            is_significant_only: false,
            colours: ColourMap::default(),
            limits: None,
            named: NamedView::BothLateral,
            unfold: 0.5,
            turn: [0.0; 2],
            zoom: 1.0,
            has_outlines: false,
            is_lit: true,
        }
    }
}

impl BrainSettings {
    /// The view of a subject in a picture of this size; `None` if the subject lacks a surface of it.
    #[must_use]
    pub(crate) fn view(&self, subject: &Subject, size: [usize; 2]) -> Option<View> {
        let mut view = self.named.of(subject, self.unfold, size).ok()?;
        view.camera.azimuth += self.turn[0];
        view.camera.altitude = (view.camera.altitude + self.turn[1]).clamp(0.0, 180.0);
        view.camera.radius /= self.zoom;
        view.is_lit = self.is_lit;
        Some(view)
    }
}

/// A picture that is wanted.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct BrainRequest {
    /// The folder of the scores.
    pub(crate) scores: PathBuf,
    /// What the user has set.
    pub(crate) settings: BrainSettings,
    /// Width and height, pixels.
    pub(crate) size: [usize; 2],
    /// Whether it is soon replaced: drawn faster.
    pub(crate) is_moving: bool,
}

/// A picture that was drawn.
#[derive(Debug, Clone)]
pub(crate) struct BrainPicture {
    /// What it shows.
    pub(crate) request: BrainRequest,
    /// The pixels.
    pub(crate) picture: Arc<Picture>,
    /// What is seen in each pixel of a picture three times as wide and high, or as wide and high while it moves.
    pub(crate) seen: Arc<Visibility>,
    /// The values of the vertices; NaN where nothing is shown.
    pub(crate) values: Arc<[Vec<f32>; 2]>,
    /// The values of the first and the last colour.
    pub(crate) limits: [f32; 2],
    /// The regions with values, the largest mean first.
    pub(crate) regions: Arc<Vec<RegionRow>>,
    /// The subject.
    pub(crate) subject: &'static Subject,
}

impl BrainPicture {
    /// What is seen at a place of the picture, given as shares of its width and height.
    #[must_use]
    pub(crate) fn hit(&self, share: [f32; 2]) -> Option<Hit> {
        let [width, height] = self.seen.size();
        let at =
            |share: f32, n: usize| (share * n as f32).floor().clamp(0.0, n as f32 - 1.0) as usize;
        self.seen.hit(at(share[0], width), at(share[1], height))
    }

    /// The number of a vertex among those of both hemispheres.
    #[must_use]
    pub(crate) fn voxel(&self, hit: &Hit) -> usize {
        let before = match hit.side {
            Side::Left => 0,
            Side::Right => self.subject.hemispheres[0].n_vertices(),
        };
        before + hit.nearest_vertex()
    }

    /// The region of a vertex.
    #[must_use]
    pub(crate) fn region(&self, hit: &Hit) -> Option<&str> {
        let regions = self.subject.parcellation(REGIONS)?;
        let of_side = regions.of_vertex.get(hit.side.index())?;
        let region = (*of_side.get(hit.nearest_vertex())?)?;
        Some(regions.regions.get(usize::from(region))?.name.as_str())
    }
}

/// What is known for the page.
pub(crate) type BrainInfo = Loading<BrainPicture>;

/// Width of the borders of regions, as a share of the picture's height.
const OUTLINE_SHARE: f32 = 2.0 / 1024.0;
/// Samples of a pixel along each side of a picture that rests.
pub(crate) const N_SAMPLES: usize = 3;

/// Draws values of the left and the right hemisphere between limits.
///
/// # Errors
/// A sentence if the subject lacks a surface of the view.
pub(crate) fn draw(
    settings: &BrainSettings,
    subject: &Subject,
    (values, limits): (&[Vec<f32>; 2], [f32; 2]),
    size: [usize; 2],
    n_samples: usize,
) -> Result<(Picture, Visibility), String> {
    let view = settings
        .view(subject, size)
        .ok_or("The subject has no surface for this view.")?;
    let regions = subject.parcellation(REGIONS);
    let regions = regions.filter(|_| settings.has_outlines);
    let scene = Scene {
        subject,
        pose: view.pose,
        camera: view.camera(subject),
        underlay: Underlay::Curvature,
        layer: Some(Layer {
            data: DataMap::Vertices([&values[0], &values[1]]),
            scale: ColourScale {
                map: settings.colours,
                limits,
            },
            threshold: None,
            style: LayerStyle::default(),
        }),
        outlines: regions.map(|regions| Outlines {
            regions,
            width: (OUTLINE_SHARE * size[1] as f32).max(1.0),
        }),
        marks: Marks::default(),
        is_lit: view.is_lit,
    };
    draw_with_visibility(&scene, size, n_samples).map_err(|error| error.to_string())
}
