//! Draws the cortex as the page shows it, and keeps what the next picture needs again.

use std::sync::Arc;

use heschl_core::brain::Subject;
use heschl_core::scene::{
    Camera, ColourScale, Easing, FIELD_OF_VIEW_DEGREES, Interior, Interpolation, Layer, LayerStyle,
    Marks, Outlines, Picture, PoseError, PosedBrain, Scene, Underlay, View, Visibility, paint,
};

use super::{BrainOver, BrainSettings, Look};
use crate::brain_map::{Anatomy, PlacedMap};

/// Width of the borders of regions, as a share of the picture's height.
const OUTLINE_SHARE: f32 = 2.0 / 1024.0;
/// Samples of a pixel along each side of a picture that rests.
pub(crate) const N_SAMPLES: usize = 3;

/// Draws pictures of one subject. A brain that is turned is not posed again, and one that is coloured anew is not looked at
/// again.
#[derive(Default)]
pub(crate) struct Drawer {
    posed: Option<(BrainSettings, View, Arc<PosedBrain>)>,
    seen: Option<(BrainSettings, [usize; 2], usize, Arc<Visibility>)>,
}

/// A map, and how it is shown.
#[derive(Clone, Copy)]
pub(crate) struct DrawnMap<'a> {
    pub(crate) map: &'a PlacedMap,
    /// The values of the first and the last colour.
    pub(crate) limits: [f32; 2],
    pub(crate) look: &'a Look,
    /// The image inside of the cortex, if one is shown.
    pub(crate) anatomy: Option<&'a Anatomy>,
}

/// The way of the camera from one view to that of the settings.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Flight {
    /// Where it begins.
    pub(crate) from: View,
    /// The share of its time that has passed.
    pub(crate) share: f64,
}

/// A picture, and what was seen on the way.
pub(crate) struct Drawn {
    pub(crate) picture: Arc<Picture>,
    /// What is seen in each sample.
    pub(crate) seen: Arc<Visibility>,
    /// The cortex as it stands, and from where it is seen.
    pub(crate) posed: (Arc<PosedBrain>, Camera),
    /// Where the chosen vertex is seen, as shares of the picture's width and height.
    pub(crate) mark: Option<[f32; 2]>,
    /// The view, with everything by which it was turned, moved and enlarged.
    pub(crate) view: View,
}

/// Points behind one another by less than this are the same, mm.
const SAME_MM: f64 = 1.5;

/// Where the chosen vertex is seen; `None` if it is hidden.
fn mark(
    settings: &BrainSettings,
    brain: &PosedBrain,
    camera: &Camera,
    seen: &Visibility,
) -> Option<[f32; 2]> {
    let (side, vertex) = settings.picked?;
    let mut hemispheres = brain.hemispheres.iter();
    let hemisphere = hemispheres.find(|hemisphere| hemisphere.side == side)?;
    let size = seen.size();
    let [x, y, distance] = camera
        .projection(size)
        .project(*hemisphere.points.get(vertex)?);
    let is_inside = x >= 0.0 && y >= 0.0 && distance > 0.0;
    let nearest = is_inside.then(|| seen.distance(x as usize, y as usize))??;
    let is_seen = (f64::from(nearest) - distance).abs() < SAME_MM;
    is_seen.then_some([x as f32 / size[0] as f32, y as f32 / size[1] as f32])
}

/// The view before it is fitted to the picture; a saved one stays as it is.
fn unfitted(settings: &BrainSettings, subject: &Subject) -> Result<View, PoseError> {
    let mut view = match settings.saved {
        Some(view) => view,
        None => settings.named.unfitted(subject, settings.unfold)?,
    };
    if settings.saved.is_none() {
        view.pose.depth = settings.depth;
    }
    view.pose.pivot = settings.pivot.or(view.pose.pivot);
    view.pose.gap = settings.gap.unwrap_or(view.pose.gap);
    Ok(view)
}

/// Whether two settings pose the brain in the same way and fit it into the same picture.
fn is_same_pose(one: &BrainSettings, two: &BrainSettings) -> bool {
    let bits = |settings: &BrainSettings| {
        let own = [settings.pivot, settings.gap].map(|value| value.map(f32::to_bits));
        let [pivot, gap] = own;
        (
            settings.unfold.to_bits(),
            settings.depth.to_bits(),
            pivot,
            gap,
        )
    };
    one.named == two.named && one.saved == two.saved && bits(one) == bits(two)
}

/// Whether two settings also look at it from the same side.
fn is_same_sight(one: &BrainSettings, two: &BrainSettings) -> bool {
    let bits = |settings: &BrainSettings| {
        let ([azimuth, altitude], [right, up]) = (settings.turn, settings.pan);
        [azimuth, altitude, settings.zoom, right, up].map(f64::to_bits)
    };
    let point = |settings: &BrainSettings| {
        let point = settings.slices.cursor.map(f64::to_bits);
        (settings.interior.cut, settings.interior.cut.map(|_| point))
    };
    let is_same_cut = point(one) == point(two);
    is_same_pose(one, two) && bits(one) == bits(two) && is_same_cut
}

/// Turns, moves and enlarges a view as the user did.
fn turn(view: &mut View, settings: &BrainSettings, subject: &Subject, size: [usize; 2]) {
    view.camera.azimuth += settings.turn[0];
    view.camera.altitude = (view.camera.altitude + settings.turn[1]).clamp(0.0, 180.0);
    let height = 2.0 * view.camera.radius * (FIELD_OF_VIEW_DEGREES / 2.0).to_radians().tan();
    view.camera.radius /= settings.zoom;
    let mut camera = view.camera(subject);
    let [right, up, _] = camera.projection(size).axes;
    for axis in 0..3 {
        let [across, along] = settings.pan;
        camera.target[axis] += height * (across * right[axis] + along * up[axis]);
    }
    (view.camera.target, view.flat_target) = (camera.target, camera.target);
}

impl Drawer {
    /// Draws a map between limits, what lies over it, and slices through an image if there are to be some.
    ///
    /// * `size`: width and height, pixels.
    /// * `n_samples`: samples of a pixel along each side.
    ///
    /// # Errors
    /// A sentence if the subject lacks a surface of the view.
    pub(crate) fn draw(
        &mut self,
        settings: &BrainSettings,
        of: (&Subject, &BrainOver),
        shown: DrawnMap,
        (size, n_samples): ([usize; 2], usize),
    ) -> Result<Drawn, String> {
        let (view, brain) = self.aim(settings, of.0, size)?;
        let known = self.seen.take().filter(|(known, of_size, of_samples, _)| {
            *of_size == size && *of_samples == n_samples && is_same_sight(known, settings)
        });
        let known = known.map(|(_, _, _, seen)| seen);
        let drawn = paint_view(settings, of, shown, (view, brain), (known, size, n_samples));
        self.seen = Some((settings.clone(), size, n_samples, drawn.seen.clone()));
        Ok(drawn)
    }

    /// Draws what is seen on the way to the view of the settings, quickly.
    ///
    /// # Errors
    /// As [`Drawer::draw`].
    pub(crate) fn fly(
        &mut self,
        flight: &Flight,
        settings: &BrainSettings,
        of: (&Subject, &BrainOver),
        shown: DrawnMap,
        size: [usize; 2],
    ) -> Result<Drawn, String> {
        let (end, _) = self.aim(settings, of.0, size)?;
        let share = Easing::Smooth.share(flight.share);
        let mut view = flight.from.towards(&end, share, of.0);
        // The hemispheres that are shown at the end come into sight at once.
        view.pose.shown = end.pose.shown;
        let brain = view.pose.apply(of.0).map_err(|error| error.to_string())?;
        let posed = (view, Arc::new(brain));
        Ok(paint_view(settings, of, shown, posed, (None, size, 1)))
    }

    /// The view of the settings in a picture of a size, and the brain in its pose.
    fn aim(
        &mut self,
        settings: &BrainSettings,
        subject: &Subject,
        size: [usize; 2],
    ) -> Result<(View, Arc<PosedBrain>), String> {
        let (unfitted, brain) = match self.posed.take() {
            Some((of, view, brain)) if is_same_pose(&of, settings) => (view, brain),
            _ => {
                let view = unfitted(settings, subject).map_err(|error| error.to_string())?;
                let brain = view.pose.apply(subject);
                (view, Arc::new(brain.map_err(|error| error.to_string())?))
            }
        };
        let mut view = unfitted;
        if settings.saved.is_none() {
            view.fit_to(subject, &brain, size);
        }
        self.posed = Some((settings.clone(), unfitted, brain.clone()));
        turn(&mut view, settings, subject, size);
        Ok((view, brain))
    }
}

/// Draws a brain from a view.
///
/// * `known`: what is seen, if that is known; size of the picture, and samples of a pixel along each side.
fn paint_view(
    settings: &BrainSettings,
    (subject, over): (&Subject, &BrainOver),
    DrawnMap {
        map,
        limits,
        look,
        anatomy,
    }: DrawnMap,
    (view, brain): (View, Arc<PosedBrain>),
    (known, size, n_samples): (Option<Arc<Visibility>>, [usize; 2], usize),
) -> Drawn {
    let camera = view.camera(subject);
    let chosen = settings.chosen_region(subject);
    let all = settings.parcellation(subject);
    let regions = chosen.as_ref().or(all.filter(|_| settings.has_outlines));
    let depths = settings.depths();
    let (inside, to_viewer) = (&settings.interior, camera.projection(size).axes[2]);
    let slices = inside.planes(settings.slices.cursor, to_viewer);
    let categories = look.categories(settings.colours);
    let lines = over.lines(size[1]);
    let scene = Scene {
        subject,
        pose: view.pose,
        camera,
        underlay: Underlay::Curvature,
        layer: Some(Layer {
            data: map.data(Interpolation::Nearest, &depths),
            scale: ColourScale {
                map: settings.colours,
                limits,
            },
            threshold: settings.threshold,
            style: LayerStyle {
                below: settings.below,
                missing: settings.missing,
                ..look.style(&categories, &depths)
            },
        }),
        outlines: regions.map(|regions| Outlines {
            regions,
            width: (OUTLINE_SHARE * size[1] as f32).max(1.0),
        }),
        marks: Marks {
            dropout: over.hatching(),
            lines: &lines,
        },
        interior: Interior {
            slices: &slices,
            image: anatomy.map(Anatomy::under),
            cut: inside.cut(settings.slices.cursor, (to_viewer, camera.eye())),
            opacity: inside.opacity,
        },
        is_lit: settings.is_lit,
    };
    let seen = known.unwrap_or_else(|| {
        let fine = size.map(|pixels| pixels * n_samples);
        let projection = camera.projection(fine);
        Arc::new(Visibility::of_cut(&brain, &projection, fine, scene.cut()))
    });
    let picture = paint(&scene, Some(&*brain), &seen, size, n_samples);
    let mark = mark(settings, &brain, &camera, &seen);
    Drawn {
        picture: Arc::new(picture),
        seen,
        posed: (brain, camera),
        mark,
        view,
    }
}

#[cfg(test)]
mod tests {
    use heschl_core::brain::Side;
    use heschl_core::scene::NamedView;

    use super::*;

    /// A flight begins with the picture before and ends with the one asked for; between, the camera is on its way.
    #[test]
    fn a_flight_leads_from_one_view_to_the_other() {
        let subject = Subject::fsaverage5();
        let map = PlacedMap::Vertices([vec![0.5; 10_242], vec![0.1; 10_242]]);
        let (look, over) = (Look::Scale, BrainOver::default());
        let shown = DrawnMap {
            map: &map,
            limits: [0.0, 1.0],
            look: &look,
            anatomy: None,
        };
        let of = (subject, &over);
        let size = [160, 120];
        let seen_from = |named: NamedView| BrainSettings {
            named,
            ..BrainSettings::default()
        };
        let mut drawer = Drawer::default();
        let mut draw =
            |settings: &BrainSettings| drawer.draw(settings, of, shown, (size, 1)).unwrap();
        let lateral = draw(&seen_from(NamedView::Lateral(Side::Left)));
        let medial = draw(&seen_from(NamedView::Medial(Side::Left)));
        let fly = |drawer: &mut Drawer, share: f64| {
            let flight = Flight {
                from: lateral.view,
                share,
            };
            let settings = seen_from(NamedView::Medial(Side::Left));
            drawer.fly(&flight, &settings, of, shown, size).unwrap()
        };
        let mut drawer = Drawer::default();
        assert!(fly(&mut drawer, 0.0).picture == lateral.picture);
        assert!(fly(&mut drawer, 1.0).picture == medial.picture);
        let half = fly(&mut drawer, 0.5).view.camera;
        let turn = (half.azimuth - lateral.view.camera.azimuth).abs();
        assert!((turn - 90.0).abs() < 1e-9, "{half:?}");
        // What was kept on the way does not change the picture at its end.
        let settings = seen_from(NamedView::Medial(Side::Left));
        let end = drawer.draw(&settings, of, shown, (size, 1)).unwrap();
        assert!(end.picture == medial.picture);
    }
}
