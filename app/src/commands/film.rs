//! `heschl film`: the cortex as a film, without a window or a graphics driver.

mod story;

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use heschl_core::files::formats::film::{FilmShape, Sound};
use heschl_core::run::store::sha256_of_file;
use heschl_core::scene::{Easing, Motion, NamedView, Picture, View, read_keyframes};
use heschl_core::speech::ENCODER_RATE_HZ;

use super::render::shown::{Projection, Shown};
use super::render::{Maps, ShownArgs, Source, command_of, saved_view, share, size};
use crate::brain_map::OpenSubject;
use crate::brain_panels::{Panel, letters};
use crate::console::{bytes, note, say};
use crate::derived_maps::data_argument;
use crate::failure::{CommandResult, Failure, Outcome};
use crate::film_file::{FilmEnd, FilmFile, FilmFormat, FilmStep};
use crate::film_frame::{Background, FrameLayout};
use crate::setup;
use story::{Story, StoryArgs};

/// Progress is told this often.
const TELL_EVERY: Duration = Duration::from_secs(5);
/// Frames a second of films whose picture moves, and of stories.
const FPS: f64 = 30.0;
const STORY_FPS: f64 = 10.0;
/// Frames of a film at most.
const MOST_FRAMES: usize = 100_000;

/// Draw the cortex as a film
///
/// Needs no window and no graphics driver. Writes MP4 (H.264), an animated GIF or PNG, or a folder of PNG files. A film that is
/// stopped keeps its frames; the same command goes on from there.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Data, as for render; with --stories the scores of a fit that saved its predictions
    #[arg(value_parser = data_argument)]
    data: PathBuf,

    #[command(flatten)]
    motion: MotionArgs,

    #[command(flatten)]
    story: StoryArgs,

    #[command(flatten)]
    shown: ShownArgs,

    /// View that the film begins with, named as for render, or a file [default: left; lateral for stories]
    #[arg(long, value_name = "VIEW", conflicts_with = "keyframes")]
    view: Option<String>,

    /// From 0, folded, over inflated to 1, flat [default: 0; 0.5 for stories]
    #[arg(long, value_name = "SHARE", value_parser = share)]
    unfold: Option<f32>,

    /// Frames a second [default: 30; 10 for stories]
    #[arg(long, value_name = "N", value_parser = fps)]
    fps: Option<f64>,

    /// Width and height in pixels
    #[arg(long, value_name = "WIDTHxHEIGHT", default_value = "1280x720", value_parser = size)]
    size: [usize; 2],

    /// Behind the brain
    #[arg(long, value_enum, default_value_t = Background::White)]
    background: Background,

    /// Film to write (.mp4, .gif, .apng), or a folder for PNG files
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// How the camera moves.
#[derive(clap::Args)]
struct MotionArgs {
    /// Turn the brain once in so many seconds
    #[arg(long, value_name = "SECONDS", value_parser = seconds, conflicts_with_all = ["unfolding", "keyframes"])]
    turntable: Option<f64>,

    /// Unfold the brain to the flat map in so many seconds
    #[arg(long, value_name = "SECONDS", value_parser = seconds, conflicts_with_all = ["keyframes", "stories"])]
    unfolding: Option<f64>,

    /// Move between the views of this file: a list of views as pycortex saves them, with "time" in seconds
    #[arg(long, value_name = "FILE", conflicts_with = "stories")]
    keyframes: Option<PathBuf>,

    /// Start and stop gently at keyframes
    #[arg(long, requires = "keyframes")]
    ease: bool,
}

/// Seconds of a film.
fn seconds(text: &str) -> Result<f64, String> {
    let secs: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    (0.1..=3600.0)
        .contains(&secs)
        .then_some(secs)
        .ok_or_else(|| "must be from 0.1 to 3600 seconds".to_owned())
}

fn fps(text: &str) -> Result<f64, String> {
    let fps: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    (1.0..=60.0)
        .contains(&fps)
        .then_some(fps)
        .ok_or_else(|| "must be from 1 to 60".to_owned())
}

/// Draws the film.
///
/// # Errors
/// A sentence if the data do not fit the subject, options do not go together, or a file cannot be read or written.
pub(crate) fn run(args: &Args) -> CommandResult {
    let format = FilmFormat::of(&args.out)?;
    args.check()?;
    let is_story = args.story.of.is_some();
    let cancel = setup::cancel_on_signals()?;
    let options = if is_story {
        args.shown.clone().with_middle()
    } else {
        args.shown.as_recorded(std::slice::from_ref(&args.data))
    };
    let open = options.open()?;
    let begin = args.begin(&open)?;
    let story = args
        .story
        .of
        .map(|of| Story::read(&args.story, (of, &args.data), &open, &options, &cancel))
        .transpose()?;
    let motion = args.motion(begin, &open, story.as_ref())?;
    let sources = args.sources(&motion);
    let shown = match &story {
        Some(story) => Shown::of_maps(&options, story.maps(story.clip.map(0.0)?), &open)?,
        None => Shown::read(&options, &sources, &open, true)?,
    };
    let command = command_of("film", std::slice::from_ref(&args.data));
    let (title, recipe) = shown.captions(&command);
    let title = match &story {
        Some(story) => story.clip.title().to_owned(),
        None => title,
    };
    let fps = args.fps.unwrap_or(if is_story { STORY_FPS } else { FPS });
    let n_frames = motion.n_frames(fps);
    if n_frames > MOST_FRAMES {
        return Err(Failure::new(format!(
            "The film would have {n_frames} frames; at most {MOST_FRAMES} are drawn. Choose fewer seconds or a smaller --fps."
        )));
    }
    let maker = Maker {
        shown: &shown,
        open: &open,
        motion: &motion,
        story: story.as_ref(),
        sources: &sources,
        fps,
        layout: FrameLayout::new(
            args.size,
            args.background,
            (&shown.usual_legend(), &title, &shown.scale()),
            is_story,
        )?,
    };
    let shape = FilmShape {
        size: args.size,
        fps,
        n_frames,
    };
    let samples = story.as_ref().and_then(|story| story.clip.sound());
    let film = FilmFile {
        out: &args.out,
        format,
        shape,
        recipe: &args.recipe(&recipe)?,
        sound: samples.map(|samples| Sound {
            rate_hz: ENCODER_RATE_HZ,
            samples,
        }),
    };
    let progress = Progress::new(n_frames);
    let end = film.write(&|at| maker.frame(at), &|step| progress.tell(step), &cancel)?;
    Ok(tell_end(&end, &args.out, shape))
}

fn tell_end(end: &FilmEnd, out: &std::path::Path, shape: FilmShape) -> Outcome {
    match end {
        FilmEnd::Complete(length) => {
            say(format_args!(
                "{} frames, {:.1} s, {}: {}",
                shape.n_frames,
                shape.n_frames as f64 / shape.fps,
                bytes(*length),
                out.display()
            ));
            Outcome::Done
        }
        FilmEnd::Stopped(n, folder) => {
            note(format_args!(
                "Stopped with {n} of {} frames, which are kept. The same command goes on from there.\nFolder: {}",
                shape.n_frames,
                folder.display()
            ));
            Outcome::Stopped
        }
    }
}

impl MotionArgs {
    fn is_none(&self) -> bool {
        self.turntable.is_none() && self.unfolding.is_none() && self.keyframes.is_none()
    }
}

impl Args {
    /// Whether the options make a film.
    fn check(&self) -> Result<(), Failure> {
        let is_story = self.story.of.is_some();
        if !is_story && self.motion.is_none() {
            return Err(Failure::new(
                "Say what the film shows: --turntable SECONDS, --unfolding SECONDS, --keyframes FILE or --stories predicted.".into(),
            ));
        }
        if self.shown.map.len() > 1 {
            return Err(Failure::new(
                "A film begins with one map. Name the others in keyframes, with \"map\".".into(),
            ));
        }
        if self.shown.has_words() {
            return Err(Failure::new(
                "Names of regions and scales are not drawn in films. Leave out --labels and --scale-bar."
                    .into(),
            ));
        }
        Ok(())
    }

    /// The view that the film begins with.
    fn begin(&self, open: &OpenSubject) -> Result<View, Failure> {
        let is_story = self.story.of.is_some();
        let usual = if is_story { "lateral" } else { "left" };
        let name = self.view.as_deref().unwrap_or(usual);
        let mut view = if let Some(view) = saved_view(name)? {
            view
        } else {
            let named: NamedView = name.parse()?;
            named.of(&open.subject, self.unfolded(), self.size)?
        };
        view.pose.depth = self.shown.depth().unwrap_or(view.pose.depth);
        Ok(view)
    }

    fn unfolded(&self) -> f32 {
        let is_story = self.story.of.is_some();
        self.unfold.unwrap_or(if is_story { 0.5 } else { 0.0 })
    }

    fn motion(
        &self,
        begin: View,
        open: &OpenSubject,
        story: Option<&Story>,
    ) -> Result<Motion, Failure> {
        let subject = &*open.subject;
        let own = &self.motion;
        if let Some(story) = story {
            let secs = story.clip.secs();
            return Ok(match own.turntable {
                Some(turn) => Motion::turntable(begin, (turn, secs), subject, self.size)?,
                None => Motion::Still(begin, secs),
            });
        }
        if let Some(secs) = own.turntable {
            return Ok(Motion::turntable(begin, (secs, secs), subject, self.size)?);
        }
        if let Some(secs) = own.unfolding {
            return Ok(Motion::unfolding(begin, secs, subject, self.size)?);
        }
        let path = own.keyframes.clone().unwrap_or_default();
        let about =
            |sentence: String| Failure::new(format!("{sentence}\nFile: {}", path.display()));
        let text = std::fs::read_to_string(&path)
            .map_err(|error| about(format!("The keyframes cannot be read ({error}).")))?;
        let entries = read_keyframes(&text).map_err(|error| about(error.to_string()))?;
        let easing = if own.ease {
            Easing::Smooth
        } else {
            Easing::Linear
        };
        let of = (subject, self.unfolded());
        Ok(Motion::of_entries(entries, easing, of, self.size)?)
    }

    /// The map of the options, and those that keyframes name.
    fn sources<'a>(&'a self, motion: &'a Motion) -> Vec<Source<'a>> {
        let first = self.shown.map.first().map(String::as_str);
        let mut names = vec![first];
        names.extend(motion.maps().map(Some).filter(|name| *name != first));
        names.dedup();
        let data = &*self.data;
        let sources = names.into_iter().map(|map| Source { data, map });
        sources.collect()
    }

    /// What frames depend on, so that those of other data are not used.
    fn recipe(&self, command: &str) -> Result<String, Failure> {
        let mut files = vec![self.data.clone()];
        files.extend(self.motion.keyframes.clone());
        let mut recipe = format!("{command}\nHeschl {}\n", env!("CARGO_PKG_VERSION"));
        for file in files {
            let _ = writeln!(recipe, "SHA-256 {}", sha256_of_file(&file)?);
        }
        Ok(recipe)
    }
}

/// Makes the frames of a film.
struct Maker<'a> {
    shown: &'a Shown<'a>,
    open: &'a OpenSubject,
    motion: &'a Motion,
    story: Option<&'a Story<'a>>,
    sources: &'a [Source<'a>],
    fps: f64,
    layout: FrameLayout,
}

impl Maker<'_> {
    fn frame(&self, at: usize) -> Result<Picture, Failure> {
        let secs = at as f64 / self.fps;
        let view = self.motion.view(secs, &self.open.subject);
        let size = self.layout.picture_size();
        let draw = |maps: &Maps| {
            let drawn = self
                .shown
                .draw_maps(maps, (&view, Projection::Camera), size)?;
            let letters = letters(&Panel::whole(view, size), &drawn.seen, size);
            Ok((drawn.picture, letters))
        };
        if let Some(story) = self.story {
            let is_still = matches!(self.motion, Motion::Still(..));
            let moment = story.clip.moment(secs);
            let drawn = story
                .clip
                .picture(secs, is_still, |values| draw(&story.maps(values)))?;
            let (picture, letters) = &*drawn;
            return self.layout.frame(picture, letters, Some(&moment));
        }
        let map = self.motion.map(secs);
        let row = self.sources.iter().position(|source| source.map == map);
        let (picture, letters) = draw(&self.shown.rows()[row.unwrap_or(0)])?;
        self.layout.frame(&picture, &letters, None)
    }
}

/// Tells how far the film is.
struct Progress {
    n_frames: usize,
    told: Mutex<Instant>,
}

impl Progress {
    fn new(n_frames: usize) -> Self {
        Self {
            n_frames,
            told: Mutex::new(Instant::now()),
        }
    }

    fn tell(&self, step: FilmStep) {
        let Ok(mut told) = self.told.lock() else {
            return;
        };
        let (n, what) = match step {
            FilmStep::Drawn(n) => (n, "drawn"),
            FilmStep::Written(n) => (n, "encoded"),
        };
        if told.elapsed() >= TELL_EVERY {
            *told = Instant::now();
            note(format_args!("  {n} of {} frames {what}", self.n_frames));
        }
    }
}
