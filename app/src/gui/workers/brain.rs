//! Draws the cortex, on a thread of its own.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use heschl_core::brain::{Hemispheres, RegionRow, Significance, Subject, region_table};
use heschl_core::run::encoding::{Column, ScoreTable};
use heschl_core::run::progress::CancelToken;

use super::{Replies, Worker};
use crate::gui::brain::{
    BrainInfo, BrainPicture, BrainRequest, BrainSettings, N_SAMPLES, REGIONS, draw,
};
use crate::gui::loading::Loading;
use crate::gui::waker::Waker;

/// The share of the voxels below the last colour.
const BRIGHTEST_SHARE: f64 = 0.99;

/// The thread, which draws one picture at a time: a newer request waits for the picture that is being drawn, so that pictures
/// keep coming while the brain is turned.
pub(crate) struct BrainWorker {
    worker: Worker<BrainRequest, BrainInfo>,
    asked: Option<BrainRequest>,
    is_drawing: bool,
}

impl BrainWorker {
    /// Starts the thread.
    pub(crate) fn open(waker: &Waker) -> Self {
        let mut scores = Scores::default();
        let draw = move |request: BrainRequest, _: &CancelToken, out: &Replies<BrainInfo>| {
            out.give(match picture(request, &mut scores) {
                Ok(picture) => Loading::Ready(picture),
                Err(sentence) => Loading::Failed(sentence),
            });
        };
        Self {
            worker: Worker::open("brain", waker, draw),
            asked: None,
            is_drawing: false,
        }
    }

    /// Asks for a picture, unless it is known or another one is being drawn.
    pub(crate) fn want(&mut self, request: Option<BrainRequest>, info: &mut BrainInfo) {
        let Some(request) = request else {
            return;
        };
        if self.is_drawing || self.asked.as_ref() == Some(&request) {
            return;
        }
        if info.ready().is_none() {
            *info = Loading::Waiting;
        }
        self.is_drawing = true;
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
            self.is_drawing = false;
            *info = reply;
        }
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
    fn of(&mut self, folder: &Path) -> Result<&ScoreTable, String> {
        let path = folder.join("scores.npz");
        let modified = std::fs::metadata(&path).and_then(|info| info.modified());
        let modified = modified.ok();
        if self.folder != folder || self.modified != modified || self.table.is_none() {
            let table = ScoreTable::read(&path);
            self.table = Some(table.map_err(|error| error.to_string())?);
            self.folder = folder.to_path_buf();
            self.modified = modified;
        }
        self.table
            .as_ref()
            .ok_or_else(|| "There are no scores.".to_owned())
    }
}

fn picture(request: BrainRequest, scores: &mut Scores) -> Result<BrainPicture, String> {
    let subject = Subject::fsaverage5();
    let table = scores.of(&request.scores)?;
    let settings = &request.settings;
    let mut values = column(table, settings.column, subject)?;
    let q = column(table, Column::Q, subject)?;
    let regions = regions(subject, &values, &q, table.fdr_level);
    if settings.is_significant_only {
        mask(&mut values, &q, table.fdr_level);
    }
    let limits = settings.limits.unwrap_or_else(|| limits(&values, settings));
    let n_samples = if request.is_moving { 1 } else { N_SAMPLES };
    let shown = (&values, limits);
    let (picture, seen) = draw(settings, subject, shown, request.size, n_samples)?;
    Ok(BrainPicture {
        picture: Arc::new(picture),
        seen: Arc::new(seen),
        values: Arc::new(values),
        limits,
        regions: Arc::new(regions),
        subject,
        request,
    })
}

/// A column of the scores for the vertices of each hemisphere.
///
/// # Errors
/// A sentence if the voxels are not the subject's vertices.
fn column(table: &ScoreTable, column: Column, subject: &Subject) -> Result<[Vec<f32>; 2], String> {
    if table.voxels.len() != subject.n_vertices() || table.first_voxel != 0 {
        return Err(format!(
            "These are scores of {} voxels, but {} has {} vertices. Scores of other subjects are drawn by the command \
             \"heschl render\" with --subject.",
            table.voxels.len(),
            subject.name,
            subject.n_vertices()
        ));
    }
    let all: Vec<f32> = table.column(column).map(|value| value as f32).collect();
    let (left, right) = all.split_at(subject.hemispheres[0].n_vertices());
    Ok([left.to_vec(), right.to_vec()])
}

/// Takes away values that are not significant.
fn mask(values: &mut [Vec<f32>; 2], q: &[Vec<f32>; 2], level: f64) {
    for (values, q) in values.iter_mut().zip(q) {
        for (value, q) in values.iter_mut().zip(q) {
            // NaN is not significant.
            let is_significant = f64::from(*q) <= level;
            if !is_significant {
                *value = f32::NAN;
            }
        }
    }
}

/// The regions with their means, the largest first.
fn regions(
    subject: &Subject,
    values: &[Vec<f32>; 2],
    q: &[Vec<f32>; 2],
    level: f64,
) -> Vec<RegionRow> {
    let Some(parcellation) = subject.parcellation(REGIONS) else {
        return vec![];
    };
    let significance = Significance {
        q: [&q[0], &q[1]],
        level,
    };
    let values = [values[0].as_slice(), values[1].as_slice()];
    let rows = region_table(
        parcellation,
        values,
        Some(significance),
        Hemispheres::Separate,
    );
    let mut rows = rows.unwrap_or_default();
    rows.retain(|row| row.n_values > 0);
    rows.sort_by(|a, b| b.mean.total_cmp(&a.mean));
    rows
}

/// From 0 to nearly the largest value, or as far to either side of 0 for maps with a middle.
fn limits(values: &[Vec<f32>; 2], settings: &BrainSettings) -> [f32; 2] {
    let mut sorted: Vec<f32> = values.iter().flatten().copied().collect();
    sorted.retain(|value| value.is_finite());
    let has_middle = settings.colours.is_diverging();
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
