//! The cortex as a film that can be saved.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use heschl_core::files::formats::film::{FilmShape, Sound};
use heschl_core::run::progress::CancelToken;
use heschl_core::run::store::sha256_of_file;
use heschl_core::scene::{ColourScale, Motion, NamedView, Picture, View};
use heschl_core::speech::ENCODER_RATE_HZ;

use crate::brain_legend::Legend;
use crate::brain_map::PlacedMap;
use crate::brain_panels::{Panel, letters};
use crate::failure::Failure;
use crate::film_file::{FilmEnd, FilmFile, FilmFormat, TellStep};
use crate::film_frame::{Background, FrameLayout};
use crate::gui::brain::{BrainPicture, Drawer, DrawnMap, Film, N_SAMPLES};
use crate::story_film::{Clip, ScanPicture, StorySource};

/// Width and height of films, pixels.
const SIZE: [usize; 2] = [1280, 720];
/// Frames a second of films whose brain moves, and of stories.
const FPS: f64 = 30.0;
const STORY_FPS: f64 = 10.0;
/// How long a turn and an unfolding take.
const TURN_SECS: f64 = 8.0;
const UNFOLDING_SECS: f64 = 8.0;

/// What a film shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FilmKind {
    /// The brain as it stands, turning once.
    Turntable,
    /// From folded over inflated to flat.
    Unfolding,
    /// The story of the scan that is shown.
    Story,
}

impl FilmKind {
    /// All of them, with their names.
    pub(crate) const ALL: [(Self, &'static str); 3] = [
        (Self::Turntable, "film: turning brain"),
        (Self::Unfolding, "film: unfolding brain"),
        (Self::Story, "film: test story"),
    ];

    fn file(self) -> &'static str {
        match self {
            Self::Turntable => "turntable",
            Self::Unfolding => "unfolding",
            Self::Story => "story",
        }
    }
}

/// A film to be saved.
pub(crate) struct FilmExport {
    pub(crate) kind: FilmKind,
    pub(crate) shown: Box<BrainPicture>,
    /// The test stories, if they are known.
    pub(crate) stories: Option<Arc<Film>>,
}

impl FilmExport {
    /// Saves it as MP4 below `figures` of the scores; returns where, or `None` if it was stopped, and whatever else is to be told.
    ///
    /// # Errors
    /// A sentence if it cannot be drawn or written.
    pub(crate) fn save(
        &self,
        tell: &TellStep,
        n_frames: &dyn Fn(usize),
        cancel: &CancelToken,
    ) -> Result<(Option<PathBuf>, Option<String>), Failure> {
        let (clip, notice) = match self.kind {
            FilmKind::Story => {
                let (clip, notice) = self.clip()?;
                (Some(clip), notice)
            }
            FilmKind::Turntable | FilmKind::Unfolding => (None, None),
        };
        let settings = &self.shown.request.settings;
        let scale = ColourScale {
            map: settings.colours,
            limits: self.shown.limits,
        };
        let title = clip.as_ref().map_or(self.shown.name(), |clip| clip.title());
        let legend = (&Legend::default(), title, &scale);
        let layout = FrameLayout::new(SIZE, Background::White, legend, clip.is_some())?;
        let motion = self.motion(clip.as_ref(), layout.picture_size())?;
        let fps = if clip.is_some() { STORY_FPS } else { FPS };
        let shape = FilmShape {
            size: SIZE,
            fps,
            n_frames: motion.n_frames(fps),
        };
        n_frames(shape.n_frames);
        let scores = &self.shown.request.scores;
        let out = scores
            .join("figures")
            .join(format!("cortex-{}.mp4", self.kind.file()));
        let samples = clip.as_ref().and_then(Clip::sound);
        let film = FilmFile {
            out: &out,
            format: FilmFormat::Mp4,
            shape,
            recipe: &self.recipe(scores)?,
            sound: samples.map(|samples| Sound {
                rate_hz: ENCODER_RATE_HZ,
                samples,
            }),
        };
        let draw = |at: usize| self.frame(at as f64 / fps, &motion, clip.as_ref(), &layout);
        let end = film.write(&draw, tell, cancel)?;
        Ok((matches!(end, FilmEnd::Complete(_)).then_some(out), notice))
    }

    /// What frames depend on, so that those of another film are not used.
    fn recipe(&self, scores: &Path) -> Result<String, Failure> {
        let request = &self.shown.request;
        let about = (&request.settings, &request.subject, self.shown.limits);
        Ok(format!(
            "Heschl {}\n{:?}\nSHA-256 of the scores: {}\n{about:?}\n",
            env!("CARGO_PKG_VERSION"),
            self.kind,
            sha256_of_file(&scores.join("scores.npz"))?
        ))
    }

    /// The story of the scan that is shown, with its sound.
    fn clip(&self) -> Result<(Clip, Option<String>), Failure> {
        let settings = &self.shown.request.settings;
        let missing = || {
            Failure::new(
                "Choose what of the test stories is shown first, under \"Test stories over time\"."
                    .into(),
            )
        };
        let shown = settings.film.ok_or_else(missing)?;
        let film = self.stories.clone().ok_or_else(missing)?;
        let story = film
            .story(shown.scan)
            .ok_or_else(|| Failure::new("The scan times of the test story are unknown.".into()))?;
        let story = story.clone();
        let placement = self.shown.placement.clone();
        let of = (shown.of, shown.delay_secs);
        let mut clip = Clip::new((film, story), placement, of, [None, None])?;
        let notice = clip.add_sound(&StorySource::of(&self.shown.request.scores))?;
        Ok((clip, notice))
    }

    fn motion(&self, clip: Option<&Clip>, size: [usize; 2]) -> Result<Motion, Failure> {
        let subject = self.shown.subject();
        let view = self.shown.view.ok_or_else(|| {
            Failure::new("Films show the cortex. Choose Cortex instead of Slices first.".into())
        })?;
        Ok(match self.kind {
            FilmKind::Story => Motion::Still(view, clip.map_or(0.0, Clip::secs)),
            FilmKind::Turntable if view.pose.flatness(subject) > 0.0 => {
                return Err(Failure::new(
                    "A flat map cannot be turned. Choose a folded or inflated view first.".into(),
                ));
            }
            FilmKind::Turntable => Motion::turntable(view, (TURN_SECS, TURN_SECS), subject, size)?,
            FilmKind::Unfolding => {
                let folded = NamedView::Left.of(subject, 0.0, size)?;
                Motion::unfolding(folded, UNFOLDING_SECS, subject, size)?
            }
        })
    }

    fn frame(
        &self,
        secs: f64,
        motion: &Motion,
        clip: Option<&Clip>,
        layout: &FrameLayout,
    ) -> Result<Picture, Failure> {
        let view = motion.view(secs, self.shown.subject());
        let size = layout.picture_size();
        if let Some(clip) = clip {
            let drawn = clip.picture(secs, true, |map| self.draw(&map, view, size))?;
            return layout.frame(&drawn.0, &drawn.1, Some(&clip.moment(secs)));
        }
        let (picture, letters) = self.draw(&self.shown.map, view, size)?;
        layout.frame(&picture, &letters, None)
    }

    fn draw(&self, map: &PlacedMap, view: View, size: [usize; 2]) -> Result<ScanPicture, Failure> {
        let settings = self.shown.request.settings.seen_from(view);
        let shown = DrawnMap {
            map,
            limits: self.shown.limits,
            look: &self.shown.look,
            anatomy: self.shown.anatomy.as_deref(),
        };
        let of = (self.shown.subject(), &*self.shown.over);
        let drawn = Drawer::default().draw(&settings, of, shown, (size, N_SAMPLES));
        let drawn = drawn.map_err(Failure::new)?;
        let letters = letters(&Panel::whole(view, size), &drawn.seen, size);
        Ok((Arc::unwrap_or_clone(drawn.picture), letters))
    }
}
