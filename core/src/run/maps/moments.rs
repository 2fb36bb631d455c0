//! The moments of the test stories whose features project furthest onto components of the weights.

use std::fmt::Write as _;
use std::ops::Range;
use std::path::PathBuf;

use ndarray::{Array2, ArrayView1, s};
use serde::{Deserialize, Serialize};

use super::{FittedModel, MapsError};
use crate::files::responses::ResponseSource;
use crate::fmri::textgrid::Interval;
use crate::linear::components::WeightComponents;
use crate::run::design::{Alignment, AlignmentQuestion, Design, StoryScans};
use crate::run::recipe::{EncodeRecipe, FeatureKind};

/// Moments listed on each side.
const N_EACH: usize = 5;
/// Moments of a story are at least so many scans apart: neighbouring scans are the same moment.
const APART_SCANS: usize = 3;

/// A moment of a test story.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Moment {
    /// The component, from 1.
    pub component: usize,
    /// The projection of the features of that moment.
    pub value: f64,
    /// The story.
    pub story: String,
    /// The scan, among those of the story that are predicted.
    pub scan: usize,
    /// The centre of the scan, seconds from the onset of the sound, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secs: Option<f64>,
    /// The words within a repetition time before and after; empty if they are not known.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub words: String,
}

/// A test story on the clock.
struct Clock {
    /// Centres of its scans, seconds; empty if they are not known.
    centre_secs: Vec<f64>,
    repetition_secs: f64,
    words: Vec<Interval>,
}

/// Finds the five highest and the five lowest moments of each component, highest first; also returns the projections of all
/// test scans, `(n_test_scans, 3)`.
///
/// * `features`: the features that the components are made of, among those of a delay.
/// * `words`: folder of `TextGrid` files.
///
/// # Errors
/// Returns a [`MapsError`] if the features or scan times of the test stories cannot be read.
pub(super) fn moments(
    model: &FittedModel,
    responses: &dyn ResponseSource,
    (components, features): (&WeightComponents, Range<usize>),
    words: Option<PathBuf>,
) -> Result<(Vec<Moment>, Array2<f64>), MapsError> {
    // At the time that is heard, not at the delays of the fit.
    let mut recipe = model.recipe.clone();
    recipe.design.delays = vec![0];
    let design = Design::for_test(&recipe, responses)?;
    let heard = design.test.0.slice(s![.., features]);
    let drive = components.drive(heard);
    let is_timed = design.sets.iter().any(|set| !set.at_scan_times);
    let clocks = design.test_stories.iter().map(|story| {
        if is_timed {
            clock(&recipe, story, responses, words.clone())
        } else {
            Ok(Clock {
                centre_secs: vec![],
                repetition_secs: f64::NAN,
                words: vec![],
            })
        }
    });
    let clocks: Vec<Clock> = clocks.collect::<Result<_, _>>()?;
    let stories: Vec<(&StoryScans, &Clock)> = design.test_stories.iter().zip(&clocks).collect();
    let mut all = Vec::new();
    for (at, column) in drive.columns().into_iter().enumerate() {
        let moment = |row: usize| of_row(row, at + 1, column, &stories);
        all.extend(furthest(column, &stories, 1.0).into_iter().map(moment));
        let mut lowest = furthest(column, &stories, -1.0);
        lowest.reverse();
        all.extend(lowest.into_iter().map(moment));
    }
    Ok((all, drive))
}

/// The rows with the largest values times `sign`, apart from one another within a story.
fn furthest(column: ArrayView1<f64>, stories: &[(&StoryScans, &Clock)], sign: f64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..column.len()).collect();
    order.sort_by(|a, b| (sign * column[*b]).total_cmp(&(sign * column[*a])));
    let mut chosen: Vec<usize> = Vec::new();
    for row in order {
        let of_story = place(row, stories).0;
        let is_near = |other: &usize| {
            other.abs_diff(row) < APART_SCANS && place(*other, stories).0 == of_story
        };
        if !chosen.iter().any(is_near) {
            chosen.push(row);
        }
        if chosen.len() == N_EACH {
            break;
        }
    }
    chosen
}

/// The story of a row of all test scans, and the scan within it.
fn place(row: usize, stories: &[(&StoryScans, &Clock)]) -> (usize, usize) {
    let mut first = 0;
    for (at, (story, _)) in stories.iter().enumerate() {
        if row < first + story.n_scans() {
            return (at, row - first);
        }
        first += story.n_scans();
    }
    (stories.len().saturating_sub(1), row)
}

fn of_row(
    row: usize,
    component: usize,
    column: ArrayView1<f64>,
    stories: &[(&StoryScans, &Clock)],
) -> Moment {
    let (at, scan) = place(row, stories);
    let (story, clock) = stories[at];
    let secs = clock.centre_secs.get(scan).copied();
    Moment {
        component,
        value: column[row],
        story: story.story.clone(),
        scan,
        secs,
        words: secs.map(|secs| clock.words_at(secs)).unwrap_or_default(),
    }
}

impl Clock {
    fn words_at(&self, secs: f64) -> String {
        let is_heard =
            |word: &&Interval| (word.midpoint_secs() - secs).abs() <= self.repetition_secs;
        let words = self.words.iter().filter(is_heard);
        words.map(|word| &*word.text).collect::<Vec<_>>().join(" ")
    }
}

fn clock(
    recipe: &EncodeRecipe,
    story: &StoryScans,
    responses: &dyn ResponseSource,
    words: Option<PathBuf>,
) -> Result<Clock, MapsError> {
    let mut sets = recipe.features.iter();
    let extracted = sets.find(|set| set.kind == FeatureKind::Features);
    let names = recipe.responses.presentations(&story.story);
    let question = AlignmentQuestion {
        story: story.story.clone(),
        features: extracted.map(|set| set.folder.clone()),
        words,
        scans: recipe.scans.clone(),
        trim: recipe.design.trim_test,
        trim_responses: recipe.design.trim_responses_test,
        presentation: names.first().cloned(),
        voxel: 0,
    };
    let found = Alignment::of(&question, Some(responses))?;
    let Some(scans) = found.scans else {
        return Ok(Clock {
            centre_secs: vec![],
            repetition_secs: f64::NAN,
            words: vec![],
        });
    };
    let kept = scans.centre_secs.get(found.kept).unwrap_or_default();
    Ok(Clock {
        centre_secs: kept.to_vec(),
        repetition_secs: scans.repetition_secs,
        words: found.words,
    })
}

/// The table `moments.csv`.
pub(super) fn table(moments: &[Moment]) -> String {
    let mut text = String::from("component,value,story,scan,secs,words\n");
    for moment in moments {
        let secs = moment.secs.map(|secs| format!("{secs:.2}"));
        let _ = writeln!(
            text,
            "{},{},{},{},{},{}",
            moment.component,
            moment.value,
            super::set::quoted(&moment.story),
            moment.scan,
            secs.unwrap_or_default(),
            super::set::quoted(&moment.words)
        );
    }
    text
}
