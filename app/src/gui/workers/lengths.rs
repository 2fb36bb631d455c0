//! Whether each story's features, scan times and responses have the same length, before and after the trims.

use std::ops::Range;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use heschl_core::files::responses::{ResponseSource, ResponsesError};
use heschl_core::run::design::{Alignment, AlignmentQuestion};
use heschl_core::run::progress::CancelToken;
use heschl_core::run::recipe::{ScansRecipe, Trim};
use ndarray::Array2;

use super::responses::{ResponsesRequest, source};
use super::{Replies, Waker, Worker};
use crate::gui::fitting::{FitStudy, StoryLengths, StoryResponses, TrimRemedy, Trims};
use crate::gui::loading::Loading;

/// Stories whose lengths are compared.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LengthsRequest {
    /// The responses.
    pub(crate) responses: ResponsesRequest,
    /// The features, for the instants of their frames.
    pub(crate) features: Option<PathBuf>,
    /// Scan times, trims, tests and presentations.
    pub(crate) fit: FitStudy,
}

pub(super) type Reply = Loading<Vec<StoryLengths>>;

/// What is known by then is told so often.
const TELL_EVERY: Duration = Duration::from_millis(400);

pub(super) fn open(waker: &Waker) -> Worker<LengthsRequest, Reply> {
    Worker::open("lengths", waker, reply)
}

fn reply(request: LengthsRequest, cancel: &CancelToken, out: &Replies<Reply>) {
    let source = match source(&request.responses) {
        Ok(source) => source,
        Err(sentence) => return out.give(Loading::Failed(sentence)),
    };
    let stories = request.fit.stories(&stories_of(source.as_ref()));
    let mut lengths: Vec<StoryLengths> = Vec::with_capacity(stories.len());
    let mut told = Instant::now();
    for story in stories {
        if cancel.is_cancelled() {
            return;
        }
        lengths.push(of_story(&request, &OnlyLengths(source.as_ref()), &story));
        if told.elapsed() > TELL_EVERY {
            told = Instant::now();
            out.give(Loading::Ready(lengths.clone()));
        }
    }
    out.give(Loading::Ready(lengths));
}

/// The stories of responses, with their lengths.
pub(super) fn stories_of(source: &dyn ResponseSource) -> Vec<StoryResponses> {
    let of = |story: String| {
        let (n_scans, n_voxels) = source.shape(&story).unwrap_or_default();
        StoryResponses {
            story,
            n_scans,
            n_voxels,
        }
    };
    source.stories().into_iter().map(of).collect()
}

/// Responses of which no number is read: their lengths are enough.
struct OnlyLengths<'a>(&'a dyn ResponseSource);

impl ResponseSource for OnlyLengths<'_> {
    fn stories(&self) -> Vec<String> {
        self.0.stories()
    }

    fn shape(&self, story: &str) -> Option<(usize, usize)> {
        self.0.shape(story)
    }

    fn read(
        &self,
        _: &str,
        scans: Range<usize>,
        voxels: Range<usize>,
    ) -> Result<Array2<f32>, ResponsesError> {
        Ok(Array2::zeros((scans.len(), voxels.len())))
    }

    fn repetition_secs(&self, story: &str) -> Option<f64> {
        self.0.repetition_secs(story)
    }

    fn files(&self, stories: &[String]) -> Vec<PathBuf> {
        self.0.files(stories)
    }
}

fn of_story(
    request: &LengthsRequest,
    source: &dyn ResponseSource,
    story: &StoryResponses,
) -> StoryLengths {
    let fit = &request.fit;
    let is_test = fit.test.contains(&story.story);
    let trims = fit.trims();
    let align = |[trim, trim_responses]: [Trim; 2]| {
        let request = AlignmentQuestion {
            story: story.story.clone(),
            features: request.features.clone(),
            words: None,
            scans: fit.scans.clone(),
            trim,
            trim_responses,
            presentation: fit
                .repeats
                .get(&story.story)
                .and_then(|names| names.first().cloned()),
            voxel: 0,
        };
        Alignment::of(&request, Some(source))
    };
    let untrimmed = align([Trim::default(); 2]);
    let sound_scans = untrimmed
        .as_ref()
        .ok()
        .and_then(|alignment| sound_scans(alignment, &fit.scans));
    let n_times = |alignment: &Alignment| Some(alignment.scans.as_ref()?.centre_secs.len());
    let lengths = Lengths {
        n_responses: story.n_scans,
        // Even scans are as many as are needed.
        n_times: untrimmed
            .as_ref()
            .ok()
            .and_then(n_times)
            .filter(|_| is_from_files(&fit.scans)),
    };
    let found = align(trims.of_story(is_test));
    let problem = match &found {
        Ok(alignment) => alignment.mismatch.clone(),
        Err(error) => Some(error.to_string()),
    };
    let looks_untrimmed = problem.is_none()
        && sound_scans
            .is_some_and(|n_sound| lengths.looks_untrimmed(n_sound, trims.of_story(is_test)));
    let remedies = if problem.is_some() || looks_untrimmed {
        lengths.remedies(trims, is_test)
    } else {
        vec![]
    };
    StoryLengths {
        story: story.story.clone(),
        n_responses: story.n_scans,
        n_times: found.as_ref().ok().and_then(n_times).or(lengths.n_times),
        kept: found.as_ref().ok().and_then(|alignment| {
            let time_course = alignment.time_course.as_ref()?;
            Some([alignment.kept.len(), time_course.values.len()])
        }),
        sound_scans,
        looks_untrimmed,
        problem,
        remedies,
    }
}

fn is_from_files(scans: &ScansRecipe) -> bool {
    matches!(
        scans,
        ScansRecipe::Reports { .. } | ScansRecipe::Lists { .. }
    )
}

/// Scans from the first one to the end of the sound, where scans come at regular intervals.
fn sound_scans(alignment: &Alignment, scans: &ScansRecipe) -> Option<usize> {
    let ScansRecipe::Simulated {
        repetition_secs,
        sound_start_secs,
    } = scans
    else {
        return None;
    };
    let last = alignment.frame_secs.iter().copied().reduce(f64::max)?;
    Some(((last + sound_start_secs) / repetition_secs).max(0.0) as usize)
}

/// A story's lengths: scans of its responses and, where files give them, scan times.
#[derive(Debug, Clone, Copy)]
struct Lengths {
    n_responses: usize,
    n_times: Option<usize>,
}

impl Lengths {
    /// Whether the responses last as long as the sound, though only the features are trimmed.
    fn looks_untrimmed(self, n_sound: usize, [features, responses]: [Trim; 2]) -> bool {
        /// Scans by which a run may end before the sound does.
        const SLACK: usize = 2;
        /// Smaller trims cannot be told from a run that goes on after the sound.
        const SMALLEST: usize = 5;
        let taken_for_trimmed = features.total().saturating_sub(responses.total());
        taken_for_trimmed >= SMALLEST && self.n_responses + SLACK >= n_sound
    }

    /// The trims that make features and responses of equal length, those that need the least thought first.
    fn remedies(self, trims: Trims, is_test: bool) -> Vec<TrimRemedy> {
        let [features, _] = trims.of_story(is_test);
        let mut all = vec![TrimRemedy::ResponsesAsFeatures];
        if is_test {
            all.push(TrimRemedy::AsInTraining);
        }
        all.push(TrimRemedy::None);
        if let Some(n_times) = self.n_times {
            let [_, responses] = trims.of_story(is_test);
            let kept = self.n_responses.saturating_sub(responses.total());
            let n_features = n_times.saturating_sub(features.total());
            let fitting = heschl_core::run::design::fitting_trims(n_features, kept, features);
            all.extend(fitting.into_iter().map(TrimRemedy::Features));
        }
        let now = trims.of_story(is_test);
        all.retain(|remedy| {
            let mended = remedy.applied(trims, is_test).of_story(is_test);
            mended != now && self.fit(mended)
        });
        all
    }

    /// Whether something is left of both after trims, of equal length.
    fn fit(self, [features, responses]: [Trim; 2]) -> bool {
        let kept = self.n_responses.checked_sub(responses.total());
        let n_times = self.n_times.unwrap_or(kept.unwrap_or(0) + features.total());
        let cached_features = n_times.checked_sub(features.total());
        kept.is_some_and(|kept| kept > 0) && kept == cached_features
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trims(train: [[usize; 2]; 2], test: [[usize; 2]; 2]) -> Trims {
        Trims {
            train: train[0].into(),
            responses_train: train[1].into(),
            test: test[0].into(),
            responses_test: test[1].into(),
        }
    }

    #[test]
    fn remedies_are_those_that_make_lengths_equal() {
        let paper = trims([[10, 5], [0, 0]], [[50, 5], [40, 0]]);
        // As many responses as scan times: nothing was trimmed.
        let untrimmed = Lengths {
            n_responses: 300,
            n_times: Some(300),
        };
        assert_eq!(
            untrimmed.remedies(paper, false),
            [TrimRemedy::ResponsesAsFeatures, TrimRemedy::None]
        );
        // Three scans too few: only another trim of the features explains it.
        let shorter = Lengths {
            n_responses: 282,
            n_times: Some(300),
        };
        assert_eq!(
            shorter.remedies(paper, false),
            [
                TrimRemedy::Features([10, 8].into()),
                TrimRemedy::Features([13, 5].into())
            ]
        );
        // A test of 30 scans is shorter than its trim.
        let short = Lengths {
            n_responses: 30,
            n_times: None,
        };
        assert_eq!(
            short.remedies(paper, true),
            [TrimRemedy::AsInTraining, TrimRemedy::None]
        );
        for remedy in short.remedies(paper, true) {
            assert!(short.fit(remedy.applied(paper, true).of_story(true)));
        }
    }

    #[test]
    fn responses_as_long_as_the_sound_look_untrimmed() {
        let paper = trims([[10, 5], [0, 0]], [[50, 5], [40, 0]]);
        let of = |n_responses| Lengths {
            n_responses,
            n_times: None,
        };
        // A sound of 60 s that begins 10 s after the first scan, with a scan every 2 s: 35 scans, 10 s of silence after it.
        for (n_responses, expected) in [(40, true), (35, true), (25, false), (20, false)] {
            for is_test in [false, true] {
                let found = of(n_responses).looks_untrimmed(35, paper.of_story(is_test));
                assert_eq!(found, expected, "{n_responses} {is_test}");
            }
        }
        let none = trims([[0, 0]; 2], [[0, 0]; 2]);
        assert!(!of(40).looks_untrimmed(35, none.of_story(false)));
    }
}
