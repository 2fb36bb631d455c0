//! Draws the cortex, on a thread of its own.

mod over;
mod scores;
mod shown;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use heschl_core::brain::{Hemispheres, RegionRow, Significance, Subject, region_table};
use heschl_core::run::encoding::Column;
use heschl_core::run::progress::CancelToken;
use heschl_core::scene::{ColourScale, Picture};

use over::{OverMaker, OverOf};
use scores::Scores;
use shown::{Shown, ShownLook, column, keep, limits};

use super::{Replies, Worker};
use crate::brain_map::{Anatomy, OpenSubject, PlacedMap, Placement, recorded_space};
use crate::brain_marks::BrainMarks;
use crate::failure::Failure;
use crate::gui::brain::{
    BrainInfo, BrainLayout, BrainOver, BrainPicture, BrainRequest, BrainSettings, DerivedMaps,
    Drawer, Drawn, DrawnMap, Film, FilmOf, Look, N_SAMPLES, SliceLayout, SubjectChoice,
    draw_slices,
};
use crate::gui::loading::Loading;
use crate::gui::waker::Waker;
use crate::story_film::{self, StorySource};

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
                flight: request.flight,
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
    over: OverMaker,
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
        (ready, over): (&Prepared, &BrainOver),
        (limits, inside): ([f32; 2], Option<&Anatomy>),
    ) -> Result<Drawn, Failure> {
        let settings = &request.settings;
        let shown = DrawnMap {
            map: &ready.map,
            limits,
            look: &ready.look,
            anatomy: inside,
        };
        let subject = (&*ready.open.subject, over);
        if !request.is_moving {
            let size = request.size;
            let drawn = self
                .drawer
                .draw(settings, subject, shown, (size, N_SAMPLES));
            return drawn.map_err(Failure::new);
        }
        let begun = Instant::now();
        let size = self.reduction.of(request.size);
        let drawn = match &request.flight {
            Some(flight) => self.drawer.fly(flight, settings, subject, shown, size),
            None => self.drawer.draw(settings, subject, shown, (size, 1)),
        };
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
                let source = StorySource::of(&request.scores);
                let read =
                    story_film::read(&source, n_voxels, &CancelToken::default()).map(Arc::new);
                out.give(Reply::Film(match &read {
                    Ok(film) => Loading::Ready(film.clone()),
                    Err(sentence) => Loading::Failed(sentence.clone()),
                }));
                let film = read.map_err(Failure::new)?;
                self.film = Some((request.scores.clone(), film.clone()));
                film
            }
        };
        Ok(Some((
            film.limits(settings.of),
            film.values(settings.of, settings.scan),
        )))
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
            (&ready.map, &ready.look),
            (scale, settings.threshold),
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

    /// The values that a request shows: of a column of the scores, or of maps that were made.
    fn shown(&mut self, request: &BrainRequest) -> Result<Shown, Failure> {
        let settings = &request.settings;
        let derived = request.derived.as_ref().filter(|_| settings.film.is_none());
        let Some(maps) = derived else {
            let table = self.scores.of(&request.scores)?;
            return Shown::of_column(table, settings.column);
        };
        let mut shown = Shown::of_maps(&maps.0, settings.derived_map.as_deref())?;
        if shown.q.is_none() {
            let n_voxels = shown.values.len();
            shown.q = self.scores.significance(&request.scores, n_voxels);
        }
        Ok(shown)
    }

    /// Takes away values of voxels that are not to be seen.
    fn hide(
        &mut self,
        request: &BrainRequest,
        shown: &mut Shown,
        level: f64,
    ) -> Result<(), Failure> {
        let settings = &request.settings;
        if settings.is_significant_only
            && let Some((q, _)) = &shown.q
        {
            keep(&mut shown.values, q, |q| q <= level);
        }
        if let Some(least) = settings.least_ceiling {
            let n_voxels = shown.values.len();
            let table = self.scores.whole(&request.scores, n_voxels)?;
            let ceilings = column(table, Column::NoiseCeiling);
            keep(&mut shown.values, &ceilings, |ceiling| ceiling >= least);
        }
        Ok(())
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

/// A map that is ready to be drawn from any side.
#[derive(Clone)]
struct Prepared {
    open: Arc<OpenSubject>,
    placement: Arc<Placement>,
    map: Arc<PlacedMap>,
    look: Arc<Look>,
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
    derived: Option<(DerivedMaps, Option<String>)>,
    is_significant_only: bool,
    fdr_level: Option<f64>,
    least_ceiling: Option<f64>,
    regions: Option<String>,
    film: Option<(FilmOf, usize)>,
}

impl PreparedKey {
    /// Reads the scores anew if they have changed; maps that were made do not need them.
    fn of(request: &BrainRequest, known: &mut Known) -> Result<Self, Failure> {
        let settings = &request.settings;
        let is_read = known.scores.of(&request.scores).map(|_| ());
        if request.derived.is_none() || settings.film.is_some() {
            is_read?;
        }
        let derived = request.derived.clone();
        Ok(Self {
            scores: request.scores.clone(),
            modified: known.scores.modified,
            subject: request.subject.clone(),
            column: settings.column,
            derived: derived.map(|maps| (maps, settings.derived_map.clone())),
            is_significant_only: settings.is_significant_only,
            fdr_level: settings.fdr_level,
            least_ceiling: settings.least_ceiling,
            regions: settings.regions.clone(),
            film: settings.film.map(|film| (film.of, film.scan)),
        })
    }
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
    let shown = OverOf {
        open: &ready.open,
        placement: &ready.placement,
        values: &ready.values,
        // Maps that were made from fits may be elsewhere than their scores.
        table: known.scores.of(&request.scores).ok(),
        fdr_level: ready.fdr_level,
    };
    let over = known.over.over(&request, &shown);
    let drawn = match settings.layout {
        BrainLayout::Cortex => {
            let inside = known.inside(&request, &ready)?;
            let limits = (limits, inside.as_deref());
            let drawn = known.draw(&request, (&ready, &over), limits)?;
            (drawn.picture.clone(), Some(drawn), None, inside)
        }
        BrainLayout::Slices => {
            let (picture, layout, anatomy) = known.slices(&request, &ready, limits)?;
            (Arc::new(picture), None, Some(layout), anatomy)
        }
    };
    let (picture, cortex, slices, anatomy) = drawn;
    let marks = match &cortex {
        Some(drawn) if !request.is_moving => over.marks(&drawn.seen, request.size, N_SAMPLES),
        _ => BrainMarks::default(),
    };
    Ok(BrainPicture {
        picture,
        seen: cortex.as_ref().map(|drawn| drawn.seen.clone()),
        mark: cortex.as_ref().and_then(|drawn| drawn.mark),
        view: cortex.as_ref().map(|drawn| drawn.view),
        posed: cortex.map(|drawn| drawn.posed),
        over,
        marks: Arc::new(marks),
        slices,
        anatomy,
        map: ready.map,
        look: ready.look,
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
    let key = PreparedKey::of(request, known)?;
    if let Some((of, ready)) = &known.prepared
        && *of == key
    {
        return Ok(ready.clone());
    }
    let mut shown = known.shown(request)?;
    let n_voxels = shown.values.len();
    let placement = known.placement(request, n_voxels, &open)?;
    let film = known.film(request, n_voxels, out)?;
    if let Some((_, values)) = &film {
        shown.values.clone_from(values);
    }
    let whole = placement.of_vertices(&placement.map(shown.values.clone())?, subject)?;
    let q_of_vertices = match &shown.q {
        Some((q, _)) => Some(placement.of_vertices(&placement.map(q.clone())?, subject)?),
        None => None,
    };
    let own_level = shown.q.as_ref().map(|(_, level)| *level);
    let level = settings.fdr_level.or(own_level).unwrap_or_default();
    let significance = q_of_vertices.as_ref().map(|q| Significance {
        q: [&q[0], &q[1]],
        level,
    });
    let regions = match shown.look {
        ShownLook::Scale => regions((settings, subject), &whole, significance),
        // A mean of categories or of colours says nothing.
        ShownLook::Categories(_) | ShownLook::Rgb(..) => vec![],
    };
    known.hide(request, &mut shown, level)?;
    let limits = match &film {
        Some((limits, _)) => [*limits; 2],
        None => [false, true].map(|has_middle| limits(&shown.values, has_middle)),
    };
    let map = placement.map(shown.values)?;
    let values = if settings.is_significant_only || settings.least_ceiling.is_some() {
        placement.of_vertices(&map, subject)?
    } else {
        whole
    };
    let look = placed(shown.look, &placement)?;
    let ready = Prepared {
        open,
        placement,
        map: Arc::new(map),
        look: Arc::new(look),
        values: Arc::new(values),
        regions: Arc::new(regions),
        limits,
        fdr_level: level,
    };
    known.prepared = Some((key, ready.clone()));
    Ok(ready)
}

/// How values become colours, with the maps for that in their places.
fn placed(look: ShownLook, placement: &Placement) -> Result<Look, Failure> {
    Ok(match look {
        ShownLook::Scale => Look::Scale,
        ShownLook::Categories(entry) => Look::Categories(entry),
        ShownLook::Rgb([green, blue], titles) => {
            let others = [placement.map(green)?, placement.map(blue)?];
            Look::Rgb(Box::new(others), titles)
        }
    })
}

/// The regions with their means, the largest first.
fn regions(
    (settings, subject): (&BrainSettings, &Subject),
    values: &[Vec<f32>; 2],
    significance: Option<Significance>,
) -> Vec<RegionRow> {
    let Some(parcellation) = settings.parcellation(subject) else {
        return vec![];
    };
    let rows = region_table(
        parcellation,
        [&values[0], &values[1]],
        significance,
        Hemispheres::Separate,
    );
    let mut rows = rows.unwrap_or_default();
    rows.retain(|row| row.n_values > 0);
    rows.sort_by(|a, b| b.mean.total_cmp(&a.mean));
    rows
}
