//! The test stories as a film: what each voxel did, or was predicted to do, scan by scan.

mod clip;
mod reading;

use std::ops::Range;

use clap::ValueEnum;
use heschl_core::fmri::textgrid::Interval;
use ndarray::{Array2, ArrayView1, Zip};

pub(crate) use clip::{Clip, ScanPicture};
pub(crate) use reading::{StorySource, read, test_stories};

/// A test story on the clock.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TestStory {
    /// The story.
    pub(crate) story: String,
    /// Its scans among those of all test stories.
    pub(crate) rows: Range<usize>,
    /// Their centres, seconds from the sound's onset.
    pub(crate) centre_secs: Vec<f64>,
    /// Its words.
    pub(crate) words: Vec<Interval>,
}

impl TestStory {
    /// The words that are said within a second of a time, seconds from the sound's onset.
    #[must_use]
    pub(crate) fn said(&self, secs: f64) -> String {
        let said = self.words.iter().filter(|word| {
            word.start_secs <= secs + 1.0 && word.end_secs >= secs - 1.0 && !word.text.is_empty()
        });
        let said: Vec<&str> = said.map(|word| word.text.as_str()).collect();
        said.join(" ")
    }
}

/// What a film shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FilmOf {
    /// The responses as the fit saw them.
    Measured,
    /// The model's predictions.
    Predicted,
    /// Measured minus predicted.
    Difference,
}

impl FilmOf {
    /// All of them, with their names.
    pub(crate) const ALL: [(Self, &'static str); 3] = [
        (Self::Measured, "Measured"),
        (Self::Predicted, "Predicted"),
        (Self::Difference, "Difference"),
    ];
}

/// Seconds by which the haemodynamic response follows what is heard.
pub(crate) const USUAL_DELAY_SECS: f64 = 5.0;

/// A film: responses and predictions of all voxels in the test stories.
#[derive(Debug, Clone)]
pub(crate) struct Film {
    /// `(n_scans, n_voxels)`
    measured: Array2<f32>,
    /// `(n_scans, n_voxels)`
    predicted: Array2<f32>,
    /// When the scans were taken.
    pub(crate) stories: Vec<TestStory>,
    /// Nearly the largest absolute value of what is measured and of what is predicted.
    limits: [f32; 2],
}

/// Share of the values within the limits.
const WITHIN: f64 = 0.99;

impl Film {
    /// A film of arrays of one shape; `None` if they differ or are empty.
    pub(crate) fn new(
        measured: Array2<f32>,
        predicted: Array2<f32>,
        stories: Vec<TestStory>,
    ) -> Option<Self> {
        let is_one = measured.dim() == predicted.dim() && !measured.is_empty();
        let limits = [&measured, &predicted].map(nearly_largest);
        is_one.then_some(Self {
            measured,
            predicted,
            stories,
            limits,
        })
    }

    /// Number of scans of all test stories.
    #[must_use]
    pub(crate) fn n_scans(&self) -> usize {
        self.measured.nrows()
    }

    /// The values of all voxels at a scan.
    #[must_use]
    pub(crate) fn values(&self, of: FilmOf, scan: usize) -> Vec<f32> {
        let scan = scan.min(self.n_scans().saturating_sub(1));
        let row = |array: &Array2<f32>| -> Vec<f32> {
            let row: ArrayView1<f32> = array.row(scan);
            row.iter().copied().collect()
        };
        match of {
            FilmOf::Measured => row(&self.measured),
            FilmOf::Predicted => row(&self.predicted),
            FilmOf::Difference => {
                let mut values = self.measured.row(scan).to_owned();
                Zip::from(&mut values)
                    .and(self.predicted.row(scan))
                    .for_each(|value, predicted| *value -= predicted);
                values.into_iter().collect()
            }
        }
    }

    /// The values of the first and the last colour: the same for all scans.
    #[must_use]
    pub(crate) fn limits(&self, of: FilmOf) -> [f32; 2] {
        let [measured, predicted] = self.limits;
        let most = match of {
            FilmOf::Predicted => predicted,
            FilmOf::Measured | FilmOf::Difference => measured,
        };
        [-most, most]
    }

    /// The story of a scan.
    #[must_use]
    pub(crate) fn story(&self, scan: usize) -> Option<&TestStory> {
        self.stories.iter().find(|story| story.rows.contains(&scan))
    }

    /// The scan that answers what is heard at a time of a story: the one nearest to `secs` + the delay.
    #[must_use]
    pub(crate) fn scan_at(&self, story: &str, secs: f64, delay_secs: f64) -> Option<usize> {
        let found = self.stories.iter().find(|known| known.story == story)?;
        let wanted = secs + delay_secs;
        let nearest = found.centre_secs.iter().enumerate();
        let nearest =
            nearest.min_by(|(_, a), (_, b)| (*a - wanted).abs().total_cmp(&(*b - wanted).abs()));
        Some(found.rows.start + nearest?.0)
    }

    /// Seconds until another scan answers what is heard; `None` after the last.
    #[must_use]
    pub(crate) fn secs_until_next(&self, story: &str, secs: f64, delay_secs: f64) -> Option<f64> {
        let found = self.stories.iter().find(|known| known.story == story)?;
        let wanted = secs + delay_secs;
        let mut switches = found
            .centre_secs
            .windows(2)
            .map(|pair| f64::midpoint(pair[0], pair[1]));
        Some(switches.find(|switch| *switch > wanted)? - wanted)
    }

    /// When what a scan answers is heard, seconds from the onset of its story.
    #[must_use]
    pub(crate) fn heard_secs(&self, scan: usize, delay_secs: f64) -> Option<f64> {
        let story = self.story(scan)?;
        let centre = story.centre_secs.get(scan - story.rows.start)?;
        Some(centre - delay_secs)
    }
}

fn nearly_largest(values: &Array2<f32>) -> f32 {
    // Every some-th value tells enough.
    let step = (values.len() / 500_000).max(1);
    let mut some: Vec<f32> = values
        .iter()
        .step_by(step)
        .map(|value| value.abs())
        .collect();
    some.retain(|value| value.is_finite());
    some.sort_by(f32::total_cmp);
    let at = (some.len().saturating_sub(1) as f64 * WITHIN).round() as usize;
    some.get(at)
        .copied()
        .filter(|most| *most > 0.0)
        .unwrap_or(1.0)
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    fn film() -> Film {
        let story = |name: &str, rows: std::ops::Range<usize>| TestStory {
            story: name.into(),
            centre_secs: rows
                .clone()
                .map(|at| 2.0 * (at - rows.start) as f64 + 1.0)
                .collect(),
            rows,
            words: vec![],
        };
        let measured = array![[1.0, -2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0], [9.0, 10.0]];
        let predicted = measured.mapv(|value| value / 2.0);
        Film::new(
            measured,
            predicted,
            vec![story("a", 0..3), story("b", 3..5)],
        )
        .unwrap()
    }

    #[test]
    fn each_scan_has_its_values() {
        let film = film();
        assert_eq!(film.values(FilmOf::Measured, 1), [3.0, 4.0]);
        assert_eq!(film.values(FilmOf::Predicted, 0), [0.5, -1.0]);
        assert_eq!(film.values(FilmOf::Difference, 4), [4.5, 5.0]);
        // Beyond the end is the last.
        assert_eq!(film.values(FilmOf::Measured, 99), [9.0, 10.0]);
        assert!((film.limits(FilmOf::Measured)[1] - 10.0).abs() < 1e-6);
        assert!(Film::new(array![[1.0]], array![[1.0, 2.0]], vec![]).is_none());
    }

    #[test]
    fn the_scan_answers_what_is_heard_a_delay_before() {
        let film = film();
        // Scans of a at 1, 3 and 5 s, of b at 1 and 3 s.
        assert_eq!(film.scan_at("a", 0.0, 0.0), Some(0));
        assert_eq!(film.scan_at("a", 0.0, 5.0), Some(2));
        assert_eq!(film.scan_at("b", 2.4, 0.0), Some(4));
        assert_eq!(film.scan_at("c", 2.4, 0.0), None);
        assert_eq!(film.heard_secs(4, 2.0), Some(1.0));
        // From the first scan to the second halfway between them, at 2 s.
        assert_eq!(film.secs_until_next("a", 0.5, 1.0), Some(0.5));
        assert_eq!(film.secs_until_next("a", 4.5, 0.0), None);
        // What is heard at a scan's own time leads back to it.
        for scan in 0..film.n_scans() {
            let story = film.story(scan).unwrap().story.clone();
            let secs = film.heard_secs(scan, 5.0).unwrap();
            assert_eq!(film.scan_at(&story, secs, 5.0), Some(scan));
        }
    }
}
