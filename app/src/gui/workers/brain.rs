//! Draws the cortex, on a thread of its own.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use heschl_core::brain::{Hemispheres, RegionRow, Significance, Subject, region_table};
use heschl_core::run::encoding::{Column, ScoreTable};
use heschl_core::run::progress::CancelToken;
use heschl_core::scene::{ColourScale, Picture};

use super::time_course::read_film;
use super::{Replies, Worker};
use crate::brain_map::{Anatomy, OpenSubject, PlacedMap, Placement, recorded_space};
use crate::failure::Failure;
use crate::gui::brain::{
    BrainInfo, BrainLayout, BrainPicture, BrainRequest, BrainSettings, Drawer, Drawn, Film, FilmOf,
    N_SAMPLES, SliceLayout, SubjectChoice, draw_slices,
};
use crate::gui::loading::Loading;
use crate::gui::waker::Waker;

/// The share of the voxels below the last colour.
const BRIGHTEST_SHARE: f64 = 0.99;

/// What the thread tells.
enum Reply {
    /// The film was read, or cannot be.
    Film(Loading<Arc<Film>>),
    /// The subject was opened.
    Subject(Arc<OpenSubject>),
    /// A picture was drawn, or cannot be.
    Picture(Box<Loading<BrainPicture>>),
}

/// The thread, which draws one picture at a time: a newer request waits for the picture that is being drawn, so that pictures
/// keep coming while the brain is turned.
pub(crate) struct BrainWorker {
    worker: Worker<BrainRequest, Reply>,
    asked: Option<BrainRequest>,
    /// Since when a picture is being drawn, if one is.
    begun: Option<Instant>,
}

impl BrainWorker {
    /// Starts the thread.
    pub(crate) fn open(waker: &Waker) -> Self {
        let mut known = Known::default();
        let draw = move |request: BrainRequest, _: &CancelToken, out: &Replies<Reply>| {
            let picture = match picture(request, &mut known, out) {
                Ok(picture) => Loading::Ready(picture),
                Err(failure) => Loading::Failed(failure.message),
            };
            out.give(Reply::Picture(Box::new(picture)));
        };
        Self {
            worker: Worker::open("brain", waker, draw),
            asked: None,
            begun: None,
        }
    }

    /// Asks for a picture, unless it is known or another one is being drawn.
    pub(crate) fn want(&mut self, request: Option<BrainRequest>, info: &mut BrainInfo) {
        let Some(request) = request else {
            return;
        };
        if self.begun.is_some() || self.asked.as_ref() == Some(&request) {
            return;
        }
        // What failed in another size fails again.
        let is_other = self.asked.as_ref().is_none_or(|asked| {
            let resized = BrainRequest {
                size: request.size,
                is_moving: request.is_moving,
                ..asked.clone()
            };
            resized != request
        });
        if info.picture.ready().is_none() && is_other {
            info.picture = Loading::Waiting;
        }
        self.begun = Some(Instant::now());
        self.asked = Some(request.clone());
        self.worker.ask(request);
    }

    /// Has the picture drawn again: the scores may have changed.
    pub(crate) fn refresh(&mut self) {
        self.asked = None;
    }

    /// Takes pictures that have been drawn.
    pub(crate) fn collect(&mut self, info: &mut BrainInfo) {
        for reply in self.worker.replies() {
            match reply {
                Reply::Subject(open) => info.subject = Some(open),
                Reply::Film(film) => info.film = film,
                Reply::Picture(picture) => {
                    let took = self.begun.take().map(|begun| begun.elapsed());
                    info.picture_secs = took.map_or(0.0, |took| took.as_secs_f64());
                    info.picture = *picture;
                }
            }
        }
    }
}

/// What was opened last.
#[derive(Default)]
struct Known {
    scores: Scores,
    subject: Option<(SubjectChoice, Arc<OpenSubject>)>,
    placement: Option<(PlacementKey, Arc<Placement>)>,
    prepared: Option<(PreparedKey, Prepared)>,
    /// The image under slices, if the subject has one.
    anatomy: Option<(SubjectChoice, Option<Arc<Anatomy>>)>,
    /// The same without what surrounds the head, for slices inside of the cortex.
    inside: Option<(SubjectChoice, Option<Arc<Anatomy>>)>,
    /// Of the subject that was opened last.
    drawer: Drawer,
    /// The film of the scores.
    film: Option<(PathBuf, Arc<Film>)>,
    /// By how much pictures of a brain that moves are reduced.
    reduction: Reduction,
}

/// By how much pictures are reduced while the brain moves, so that they keep coming.
struct Reduction(usize);

/// What a picture of a moving brain may take.
const MOST_SECS: f64 = 0.045;

impl Default for Reduction {
    fn default() -> Self {
        Self(1)
    }
}

impl Reduction {
    /// Width and height of a reduced picture.
    fn of(&self, size: [usize; 2]) -> [usize; 2] {
        size.map(|pixels| pixels.div_ceil(self.0).max(1))
    }

    /// Adapts to the time that a picture took.
    fn took(&mut self, secs: f64) {
        if secs > MOST_SECS {
            self.0 = (self.0 + 1).min(4);
        } else if secs < MOST_SECS / 4.0 {
            self.0 = (self.0 - 1).max(1);
        }
    }
}

/// Limits and values of a scan of a film.
type Scan = ([f32; 2], Vec<f32>);

/// What a placement depends on: the scores' folder, their number, and the subject.
type PlacementKey = (PathBuf, usize, SubjectChoice);

impl Known {
    /// Opens the subject, and tells of it.
    fn subject(
        &mut self,
        choice: &SubjectChoice,
        out: &Replies<Reply>,
    ) -> Result<Arc<OpenSubject>, Failure> {
        if let Some((known, open)) = &self.subject
            && known.folder == choice.folder
        {
            return Ok(open.clone());
        }
        let open = Arc::new(match &choice.folder {
            Some(folder) => OpenSubject::of_folder(folder)?,
            None => OpenSubject::bundled(),
        });
        out.give(Reply::Subject(open.clone()));
        self.drawer = Drawer::default();
        self.subject = Some((choice.clone(), open.clone()));
        Ok(open)
    }

    fn draw(
        &mut self,
        request: &BrainRequest,
        ready: &Prepared,
        (limits, inside): ([f32; 2], Option<&Anatomy>),
    ) -> Result<Drawn, Failure> {
        let settings = &request.settings;
        let shown = (&*ready.map, limits, inside);
        let subject = &ready.open.subject;
        if !request.is_moving {
            let size = request.size;
            let drawn = self.drawer.draw(settings, subject, shown, size, N_SAMPLES);
            return drawn.map_err(Failure::new);
        }
        let begun = Instant::now();
        let size = self.reduction.of(request.size);
        let drawn = self.drawer.draw(settings, subject, shown, size, 1);
        self.reduction.took(begun.elapsed().as_secs_f64());
        drawn.map_err(Failure::new)
    }

    /// Limits and values of the scan that is shown, if one is.
    fn film(
        &mut self,
        request: &BrainRequest,
        n_voxels: usize,
        out: &Replies<Reply>,
    ) -> Result<Option<Scan>, Failure> {
        let Some(settings) = request.settings.film else {
            return Ok(None);
        };
        let film = match &self.film {
            Some((of, film)) if *of == request.scores => film.clone(),
            _ => {
                out.give(Reply::Film(Loading::Waiting));
                let read = read_film(&request.scores, n_voxels).map(Arc::new);
                out.give(Reply::Film(match &read {
                    Ok(film) => Loading::Ready(film.clone()),
                    Err(sentence) => Loading::Failed(sentence.clone()),
                }));
                let film = read.map_err(Failure::new)?;
                self.film = Some((request.scores.clone(), film.clone()));
                film
            }
        };
        Ok(Some((film.limits(settings.of), film.values(&settings))))
    }

    fn slices(
        &mut self,
        request: &BrainRequest,
        ready: &Prepared,
        limits: [f32; 2],
    ) -> Result<(Picture, SliceLayout, Option<Arc<Anatomy>>), Failure> {
        let settings = &request.settings;
        let anatomy = self.anatomy(request, ready)?;
        let subject = &ready.open.subject;
        let layout = SliceLayout::of(&settings.slices, subject, request.size);
        let scale = ColourScale {
            map: settings.colours,
            limits,
        };
        let of = (&**subject, anatomy.as_deref());
        let picture = draw_slices(
            &settings.slices,
            &layout,
            of,
            (&ready.map, scale, settings.threshold),
        );
        Ok((picture, layout, anatomy))
    }

    /// The image under slices.
    fn anatomy(
        &mut self,
        request: &BrainRequest,
        ready: &Prepared,
    ) -> Result<Option<Arc<Anatomy>>, Failure> {
        let choice = &request.subject;
        if let Some((of, anatomy)) = &self.anatomy
            && of == choice
        {
            return Ok(anatomy.clone());
        }
        let read = Anatomy::of(&ready.open, choice.transform.as_deref())?;
        let read = read.map(Arc::new);
        self.anatomy = Some((choice.clone(), read.clone()));
        Ok(read)
    }

    /// The image for slices inside of the cortex, without what surrounds the head; read once they are wanted.
    fn inside(
        &mut self,
        request: &BrainRequest,
        ready: &Prepared,
    ) -> Result<Option<Arc<Anatomy>>, Failure> {
        if !request.settings.interior.has_slices() {
            return Ok(None);
        }
        if let Some((of, inside)) = &self.inside
            && *of == request.subject
        {
            return Ok(inside.clone());
        }
        let image = self.anatomy(request, ready)?;
        let inside = image.map(|image| Arc::new((*image).clone().without_background()));
        self.inside = Some((request.subject.clone(), inside.clone()));
        Ok(inside)
    }

    /// Finds out where the scores' voxels lie.
    fn placement(
        &mut self,
        request: &BrainRequest,
        n_voxels: usize,
        open: &OpenSubject,
    ) -> Result<Arc<Placement>, Failure> {
        let key = (request.scores.clone(), n_voxels, request.subject.clone());
        if let Some((known, placement)) = &self.placement
            && *known == key
        {
            return Ok(placement.clone());
        }
        let image = recorded_space(&request.scores);
        let name = request.subject.transform.as_deref();
        let placement = Placement::find(&[n_voxels], image.as_ref(), open, name)?;
        let placement = Arc::new(placement);
        self.placement = Some((key, placement.clone()));
        Ok(placement)
    }
}

/// The scores that were read last.
#[derive(Default)]
struct Scores {
    folder: PathBuf,
    modified: Option<SystemTime>,
    table: Option<ScoreTable>,
}

impl Scores {
    fn of(&mut self, folder: &Path) -> Result<&ScoreTable, Failure> {
        let path = folder.join("scores.npz");
        let modified = std::fs::metadata(&path).and_then(|info| info.modified());
        let modified = modified.ok();
        if self.folder != folder || self.modified != modified || self.table.is_none() {
            let table = ScoreTable::read(&path);
            self.table = Some(table?);
            self.folder = folder.to_path_buf();
            self.modified = modified;
        }
        self.table
            .as_ref()
            .ok_or_else(|| Failure::new("There are no scores.".into()))
    }
}

/// A map that is ready to be drawn from any side.
#[derive(Clone)]
struct Prepared {
    open: Arc<OpenSubject>,
    placement: Arc<Placement>,
    map: Arc<PlacedMap>,
    values: Arc<[Vec<f32>; 2]>,
    regions: Arc<Vec<RegionRow>>,
    /// Limits for maps without and with a middle.
    limits: [[f32; 2]; 2],
    /// The false discovery rate up to which voxels are significant.
    fdr_level: f64,
}

/// What a prepared map depends on besides the files.
#[derive(Clone, PartialEq)]
struct PreparedKey {
    scores: PathBuf,
    modified: Option<SystemTime>,
    subject: SubjectChoice,
    column: Column,
    is_significant_only: bool,
    fdr_level: Option<f64>,
    least_ceiling: Option<f64>,
    regions: Option<String>,
    film: Option<(FilmOf, usize)>,
}

fn picture(
    request: BrainRequest,
    known: &mut Known,
    out: &Replies<Reply>,
) -> Result<BrainPicture, Failure> {
    let ready = prepared(&request, known, out)?;
    let settings = &request.settings;
    let has_middle = settings.colours.is_diverging();
    let limits = settings
        .limits
        .unwrap_or(ready.limits[usize::from(has_middle)]);
    let drawn = match settings.layout {
        BrainLayout::Cortex => {
            let inside = known.inside(&request, &ready)?;
            let drawn = known.draw(&request, &ready, (limits, inside.as_deref()))?;
            let seen = (drawn.seen, drawn.mark, drawn.view);
            (drawn.picture, Some(seen), None, inside)
        }
        BrainLayout::Slices => {
            let (picture, layout, anatomy) = known.slices(&request, &ready, limits)?;
            (picture, None, Some(layout), anatomy)
        }
    };
    let (picture, seen, slices, anatomy) = drawn;
    let (seen, mark, view) = match seen {
        Some((seen, mark, view)) => (Some(seen), mark, Some(view)),
        None => (None, None, None),
    };
    Ok(BrainPicture {
        picture: Arc::new(picture),
        seen,
        mark,
        view,
        slices,
        anatomy,
        map: ready.map,
        placement: ready.placement,
        values: ready.values,
        limits,
        fdr_level: ready.fdr_level,
        regions: ready.regions,
        open: ready.open,
        request,
    })
}

/// The map that a request shows: the one of before, if only the view or the colours have changed.
fn prepared(
    request: &BrainRequest,
    known: &mut Known,
    out: &Replies<Reply>,
) -> Result<Prepared, Failure> {
    let open = known.subject(&request.subject, out)?;
    let subject = &*open.subject;
    let settings = &request.settings;
    let (n_voxels, first) = {
        let table = known.scores.of(&request.scores)?;
        (table.voxels.len(), table.first_voxel)
    };
    let key = PreparedKey {
        scores: request.scores.clone(),
        modified: known.scores.modified,
        subject: request.subject.clone(),
        column: settings.column,
        is_significant_only: settings.is_significant_only,
        fdr_level: settings.fdr_level,
        least_ceiling: settings.least_ceiling,
        regions: settings.regions.clone(),
        film: settings.film.map(|film| (film.of, film.scan)),
    };
    if let Some((of, ready)) = &known.prepared
        && *of == key
    {
        return Ok(ready.clone());
    }
    if first != 0 {
        return Err(Failure::new(
            "These are the scores of a part of the voxels. Join the parts first.".into(),
        ));
    }
    let placement = known.placement(request, n_voxels, &open)?;
    let film = known.film(request, n_voxels, out)?;
    let table = known.scores.of(&request.scores)?;
    let q = column(table, Column::Q);
    let mut shown = match &film {
        Some((_, values)) => values.clone(),
        None => column(table, settings.column),
    };
    let whole = placement.of_vertices(&placement.map(shown.clone())?, subject)?;
    let q_of_vertices = placement.of_vertices(&placement.map(q.clone())?, subject)?;
    let level = settings.fdr_level.unwrap_or(table.fdr_level);
    let significance = Significance {
        q: [&q_of_vertices[0], &q_of_vertices[1]],
        level,
    };
    let regions = regions((settings, subject), &whole, significance);
    if settings.is_significant_only {
        keep(&mut shown, &q, |q| q <= level);
    }
    if let Some(least) = settings.least_ceiling {
        let ceilings = column(table, Column::NoiseCeiling);
        keep(&mut shown, &ceilings, |ceiling| ceiling >= least);
    }
    let limits = match &film {
        Some((limits, _)) => [*limits; 2],
        None => [false, true].map(|has_middle| limits(&shown, has_middle)),
    };
    let map = placement.map(shown)?;
    let values = if settings.is_significant_only || settings.least_ceiling.is_some() {
        placement.of_vertices(&map, subject)?
    } else {
        whole
    };
    let ready = Prepared {
        open,
        placement,
        map: Arc::new(map),
        values: Arc::new(values),
        regions: Arc::new(regions),
        limits,
        fdr_level: level,
    };
    known.prepared = Some((key, ready.clone()));
    Ok(ready)
}

/// A column of the scores.
fn column(table: &ScoreTable, column: Column) -> Vec<f32> {
    table.column(column).map(|value| value as f32).collect()
}

/// Keeps the values of voxels that hold in another column; NaN never does.
fn keep(values: &mut [f32], others: &[f32], holds: impl Fn(f64) -> bool) {
    for (value, other) in values.iter_mut().zip(others) {
        if !holds(f64::from(*other)) {
            *value = f32::NAN;
        }
    }
}

/// The regions with their means, the largest first.
fn regions(
    (settings, subject): (&BrainSettings, &Subject),
    values: &[Vec<f32>; 2],
    significance: Significance,
) -> Vec<RegionRow> {
    let Some(parcellation) = settings.parcellation(subject) else {
        return vec![];
    };
    let rows = region_table(
        parcellation,
        [&values[0], &values[1]],
        Some(significance),
        Hemispheres::Separate,
    );
    let mut rows = rows.unwrap_or_default();
    rows.retain(|row| row.n_values > 0);
    rows.sort_by(|a, b| b.mean.total_cmp(&a.mean));
    rows
}

/// From 0 to nearly the largest value, or as far to either side of 0 for maps with a middle.
fn limits(values: &[f32], has_middle: bool) -> [f32; 2] {
    let mut sorted: Vec<f32> = values.to_vec();
    sorted.retain(|value| value.is_finite());
    if has_middle {
        for value in &mut sorted {
            *value = value.abs();
        }
    }
    sorted.sort_by(f32::total_cmp);
    let at = (sorted.len().saturating_sub(1) as f64 * BRIGHTEST_SHARE).round() as usize;
    let most = sorted.get(at).copied().filter(|most| *most > 0.0);
    let most = most.unwrap_or(1.0);
    [if has_middle { -most } else { 0.0 }, most]
}
