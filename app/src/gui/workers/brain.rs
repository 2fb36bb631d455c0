//! Draws the cortex, on a thread of its own.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use heschl_core::brain::Subject;
use heschl_core::run::encoding::{Column, ScoreTable};
use heschl_core::run::progress::CancelToken;

use super::{Replies, Worker};
use crate::gui::brain::{BrainInfo, BrainPicture, BrainRequest, BrainSettings, N_SAMPLES, draw};
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
    table: Option<ScoreTable>,
}

impl Scores {
    fn of(&mut self, folder: &Path) -> Result<&ScoreTable, String> {
        if self.folder != folder || self.table.is_none() {
            let table = ScoreTable::read(&folder.join("scores.npz"));
            self.table = Some(table.map_err(|error| error.to_string())?);
            self.folder = folder.to_path_buf();
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
    let values = values(table, settings, subject)?;
    let limits = settings.limits.unwrap_or_else(|| limits(&values, settings));
    let n_samples = if request.is_moving { 1 } else { N_SAMPLES };
    let shown = (&values, limits);
    let (picture, seen) = draw(settings, subject, shown, request.size, n_samples)?;
    Ok(BrainPicture {
        picture: Arc::new(picture),
        seen: Arc::new(seen),
        values: Arc::new(values),
        limits,
        subject,
        request,
    })
}

/// The values of each vertex; NaN where nothing is to be shown.
fn values(
    table: &ScoreTable,
    settings: &BrainSettings,
    subject: &Subject,
) -> Result<[Vec<f32>; 2], String> {
    if table.voxels.len() != subject.n_vertices() || table.first_voxel != 0 {
        return Err(format!(
            "These are scores of {} voxels, but {} has {} vertices. Scores of other subjects are drawn by the command \
             \"heschl render\" with --subject.",
            table.voxels.len(),
            subject.name,
            subject.n_vertices()
        ));
    }
    let is_shown = |q: f64| !settings.is_significant_only || q <= table.fdr_level;
    let all: Vec<f32> = table
        .column(settings.column)
        .zip(table.column(Column::Q))
        .map(|(value, q)| if is_shown(q) { value as f32 } else { f32::NAN })
        .collect();
    let (left, right) = all.split_at(subject.hemispheres[0].n_vertices());
    Ok([left.to_vec(), right.to_vec()])
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
