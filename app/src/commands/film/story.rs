//! The responses to a test story over time, with what is heard.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use heschl_core::run::encoding::ScoreTable;
use heschl_core::run::progress::CancelToken;

use crate::brain_map::{BrainMap, OpenSubject, PlacedMap, Placement, recorded_space};
use crate::commands::render::{Maps, ShownArgs, Source};
use crate::console::note;
use crate::failure::Failure;
use crate::story_film::{self, Clip, Film, FilmOf, StorySource, TestStory, USUAL_DELAY_SECS};

/// Options of test stories.
#[derive(clap::Args)]
pub(super) struct StoryArgs {
    /// Show the responses to a test story over time
    #[arg(id = "stories", long, value_enum, value_name = "WHAT")]
    pub(super) of: Option<FilmOf>,

    /// The test story [default: the first]
    #[arg(long, value_name = "NAME", requires = "stories")]
    story: Option<String>,

    /// Show each scan so many seconds before it was taken, when what it answers was heard
    #[arg(long, value_name = "SECONDS", default_value_t = USUAL_DELAY_SECS, requires = "stories")]
    delay: f64,

    /// Begin at this second of the story
    #[arg(long, value_name = "SECOND", requires = "stories")]
    from: Option<f64>,

    /// End at this second of the story
    #[arg(long, value_name = "SECOND", requires = "stories")]
    to: Option<f64>,

    /// Folder of `TextGrid` files [default: that of the recipe]
    #[arg(long, value_name = "FOLDER", requires = "stories")]
    words: Option<PathBuf>,

    /// Folder of the recordings [default: that of the recipe]
    #[arg(long, value_name = "FOLDER", requires = "stories")]
    recordings: Option<PathBuf>,

    /// Leave out the story's sound, which MP4 films have
    #[arg(long, requires = "stories")]
    no_sound: bool,
}

/// A test story to be shown.
pub(super) struct Story<'a> {
    pub(super) clip: Clip,
    source: Source<'a>,
    limits: [f32; 2],
}

impl<'a> Story<'a> {
    /// Reads what was measured and predicted, and the sound.
    ///
    /// # Errors
    /// A sentence if the fit kept no predictions, there is no such story, or options do not suit it.
    pub(super) fn read(
        args: &StoryArgs,
        (of, data): (FilmOf, &'a Path),
        open: &OpenSubject,
        shown: &ShownArgs,
        cancel: &CancelToken,
    ) -> Result<Self, Failure> {
        if !shown.map.is_empty() || !shown.has_one_map() {
            return Err(Failure::new(
                "--stories shows responses, not maps of scores. Leave out --map and the options that need several maps.".into(),
            ));
        }
        let scores = data.parent().unwrap_or(Path::new("."));
        let n_voxels = ScoreTable::read(data)?.voxels.len();
        let mut source = StorySource::of(scores);
        source.recordings = args.recordings.clone().or(source.recordings);
        let words = args.words.clone().or(args.recordings.clone());
        source.words = words.or(source.words);
        let film = story_film::read(&source, n_voxels, cancel).map_err(Failure::new)?;
        let story = chosen(&film, args.story.as_deref())?.clone();
        let image = recorded_space(scores);
        let placement = Placement::find(&[n_voxels], image.as_ref(), open, shown.xfm.as_deref())?;
        let mut clip = Clip::new(
            (Arc::new(film), story),
            Arc::new(placement),
            (of, args.delay),
            [args.from, args.to],
        )?;
        if !args.no_sound
            && let Some(sentence) = clip.add_sound(&source)?
        {
            note(format_args!(
                "{sentence} Name its folder with --recordings."
            ));
        }
        let own = clip.limits();
        let limits = shown.limits();
        Ok(Self {
            clip,
            source: Source { data, map: None },
            limits: [0, 1].map(|end| limits[end].unwrap_or(own[end])),
        })
    }

    /// A scan's values as maps to be drawn.
    pub(super) fn maps(&self, values: PlacedMap) -> Maps<'a> {
        let map = BrainMap {
            name: None,
            values,
            affine: None,
            caveat: None,
            notes: vec![],
            recorded: None,
        };
        Maps::of_map(self.source, map, self.limits)
    }
}

fn chosen<'f>(film: &'f Film, name: Option<&str>) -> Result<&'f TestStory, Failure> {
    let names = || {
        let names = film.stories.iter().map(|story| story.story.as_str());
        names.collect::<Vec<_>>().join(", ")
    };
    let Some(first) = film.stories.first() else {
        return Err(Failure::new(
            "When the scans of the test stories were taken is not known, so they cannot be shown in time.".into(),
        ));
    };
    match name {
        None => {
            if film.stories.len() > 1 {
                note(format_args!(
                    "{} is shown. With --story another one can be chosen: {}.",
                    first.story,
                    names()
                ));
            }
            Ok(first)
        }
        Some(name) => {
            let found = film.stories.iter().find(|story| story.story == name);
            found.ok_or_else(|| {
                Failure::new(format!(
                    "There is no test story \"{}\". Choose one of {}.",
                    name.escape_debug(),
                    names()
                ))
            })
        }
    }
}
