//! A test story as a film in time with its sound.

use std::sync::{Arc, Mutex, OnceLock};

use heschl_core::scene::Picture;
use heschl_core::speech::ENCODER_RATE_HZ;
use heschl_core::speech::audio::{Recording, Resampling};

use super::{Film, FilmOf, StorySource, TestStory};
use crate::brain_map::{PlacedMap, Placement};
use crate::failure::Failure;
use crate::film_frame::Moment;

/// Pictures that are kept for the frames that follow.
const N_KEPT: usize = 8;

/// A picture of a scan, with its letters.
pub(crate) type ScanPicture = (Picture, Vec<([f64; 2], &'static str)>);
type Kept = Arc<OnceLock<Result<Arc<ScanPicture>, Failure>>>;

/// A part of a test story.
pub(crate) struct Clip {
    of: FilmOf,
    film: Arc<Film>,
    story: TestStory,
    placement: Arc<Placement>,
    delay_secs: f64,
    /// The first and the last second that are shown.
    span: [f64; 2],
    sound: Option<Vec<i16>>,
    kept: Mutex<Vec<(usize, Kept)>>,
}

impl Clip {
    /// The part of a story from a second to another one; all that its scans answer by default. It is silent.
    ///
    /// * `delay_secs`: by how much each scan is shown before it was taken.
    ///
    /// # Errors
    /// A sentence if nothing is left.
    pub(crate) fn new(
        (film, story): (Arc<Film>, TestStory),
        placement: Arc<Placement>,
        (of, delay_secs): (FilmOf, f64),
        wanted: [Option<f64>; 2],
    ) -> Result<Self, Failure> {
        let heard =
            |centre: Option<&f64>| centre.map_or(0.0, |centre| (centre - delay_secs).max(0.0));
        let whole = [story.centre_secs.first(), story.centre_secs.last()].map(heard);
        let span = [0, 1].map(|end| wanted[end].unwrap_or(whole[end]));
        let is_part = span[0] >= 0.0 && span[0] < span[1] && span[0] < whole[1];
        if !is_part {
            return Err(Failure::new(format!(
                "The scans of {} are responses to the story from {:.1} to {:.1} s. Choose a time within that range.",
                story.story, whole[0], whole[1]
            )));
        }
        Ok(Self {
            of,
            film,
            story,
            placement,
            delay_secs,
            span,
            sound: None,
            kept: Mutex::default(),
        })
    }

    /// Reads the story's recording; returns a sentence if there is none.
    ///
    /// # Errors
    /// A sentence if it cannot be read.
    pub(crate) fn add_sound(&mut self, source: &StorySource) -> Result<Option<String>, Failure> {
        let Some(path) = source.recording(&self.story.story) else {
            return Ok(Some(format!(
                "There is no recording of {}, so the film is silent.",
                self.story.story
            )));
        };
        let [from, to] = self
            .span
            .map(|secs| (secs * f64::from(ENCODER_RATE_HZ)).round() as usize);
        let mut recording = Recording::open(&path, Resampling::ToEncoderRate)?;
        let mut samples = Vec::new();
        while samples.len() < to
            && let Some(block) = recording.next_block()?
        {
            let whole = |value: &f32| (value * 32_767.0).round().clamp(-32_768.0, 32_767.0) as i16;
            samples.extend(block.iter().map(whole));
        }
        samples.truncate(to);
        samples.drain(..from.min(samples.len()));
        self.sound = Some(samples);
        Ok(None)
    }

    /// The title of the colour bar.
    pub(crate) fn title(&self) -> &'static str {
        match self.of {
            FilmOf::Measured => "measured response",
            FilmOf::Predicted => "predicted response",
            FilmOf::Difference => "measured − predicted response",
        }
    }

    /// The values of the first and the last colour.
    pub(crate) fn limits(&self) -> [f32; 2] {
        self.film.limits(self.of)
    }

    /// Its length, seconds.
    pub(crate) fn secs(&self) -> f64 {
        self.span[1] - self.span[0]
    }

    /// Mono sound at the encoder's rate from the beginning of the film.
    pub(crate) fn sound(&self) -> Option<&[i16]> {
        self.sound.as_deref()
    }

    /// The scan that answers what is heard at a second of the film.
    fn scan(&self, secs: f64) -> usize {
        let (story, secs) = (&self.story.story, self.span[0] + secs);
        let scan = self.film.scan_at(story, secs, self.delay_secs);
        scan.unwrap_or(self.story.rows.start)
    }

    /// What is shown at a second of the film.
    ///
    /// # Errors
    /// A sentence if the values do not fit the subject.
    pub(crate) fn map(&self, secs: f64) -> Result<PlacedMap, Failure> {
        let values = self.film.values(self.of, self.scan(secs));
        self.placement.map(values)
    }

    /// What is heard at a second of the film.
    pub(crate) fn moment(&self, secs: f64) -> Moment {
        let secs = self.span[0] + secs;
        Moment {
            title: self.story.story.clone(),
            secs,
            span: self.span,
            said: self.story.said(secs),
        }
    }

    /// The picture at a second of the film. Where the camera stands still, frames of one scan share it.
    ///
    /// # Errors
    /// As `draw`.
    pub(crate) fn picture(
        &self,
        secs: f64,
        is_still: bool,
        draw: impl Fn(PlacedMap) -> Result<ScanPicture, Failure>,
    ) -> Result<Arc<ScanPicture>, Failure> {
        let drawn = || Ok(Arc::new(draw(self.map(secs)?)?));
        let kept = self.kept.lock();
        let Ok(mut kept) = kept else {
            return drawn();
        };
        if !is_still {
            drop(kept);
            return drawn();
        }
        let scan = self.scan(secs);
        let known = kept.iter().find(|(own, _)| *own == scan);
        let cell = if let Some((_, cell)) = known {
            cell.clone()
        } else {
            let cell = Kept::default();
            if kept.len() >= N_KEPT {
                kept.remove(0);
            }
            kept.push((scan, cell.clone()));
            cell
        };
        drop(kept);
        cell.get_or_init(drawn).clone()
    }
}
