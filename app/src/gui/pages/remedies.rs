//! What a user can do about an error, as buttons.

use heschl_core::remedy::Remedy;
use heschl_core::speech::audio::Resampling;
use heschl_core::speech::card::LastLayer;
use heschl_core::speech::encoder::{DeviceChoice, Precision};
use heschl_core::speech::window::Coverage;

use super::blocker;
use crate::gui::actions::{Action, ModelAction, PathPurpose};
use crate::gui::icons;
use crate::gui::jobs::data::{JobInfo, Task};
use crate::gui::state::{OpenStudy, Page, State, Study};

/// The buttons for a job that did not succeed, each once. Buttons that change a study are shown for jobs of the open study
/// alone.
#[must_use]
pub(super) fn buttons(job: &JobInfo, state: &State) -> Vec<blocker::Remedy> {
    let study = state
        .open
        .as_ref()
        .filter(|open| is_job_of(job, open))
        .map(|open| &open.study);
    let mut buttons: Vec<blocker::Remedy> = Vec::new();
    for remedy in &job.progress.remedies {
        if let Some(button) = button(remedy, study)
            && !buttons.contains(&button)
        {
            buttons.push(button);
        }
    }
    buttons
}

fn is_job_of(job: &JobInfo, open: &OpenStudy) -> bool {
    let output = match &job.task {
        Task::Extract { features, .. } => features,
        Task::Encode { scores, .. } => scores,
        _ => return false,
    };
    let elsewhere = open.study.output.as_ref();
    output.starts_with(&open.folder) || elsewhere.is_some_and(|folder| output.starts_with(folder))
}

/// The button for a remedy; `None` if the job's study is not open.
fn button(remedy: &Remedy, study: Option<&Study>) -> Option<blocker::Remedy> {
    let edit = |label: &str, change: &dyn Fn(&mut Study)| {
        study.map(|study| blocker::Remedy::edit(label, study, change).then_go(Page::Extract))
    };
    let go = |page| study.map(|_| blocker::Remedy::go(page));
    let model = |icon, label: String, action| {
        Some(blocker::Remedy::new(icon, label, Action::Model(action)))
    };
    match remedy {
        Remedy::Resample => edit("Resample", &|study| {
            study.resampling = Resampling::ToEncoderRate;
        }),
        Remedy::IncludeSubfolders => edit("Include subfolders", &|study| study.recursive = true),
        Remedy::SinglePrecision => edit("Use single precision", &|study| {
            study.precision = Precision::F32;
        }),
        Remedy::OtherDevice => edit("Use the CPU", &|study| study.device = DeviceChoice::Cpu),
        Remedy::ExtractAgain => edit("Extract again", &|study| study.overwrite = true),
        Remedy::PublishedLastLayer => edit("Use the last layer as published", &|study| {
            study.last_layer = LastLayer::default();
        }),
        Remedy::GrowingWindows => edit("Let the first windows grow", &|study| {
            study.window.coverage = Coverage::RampIn;
        }),
        Remedy::SmallerBatch
        | Remedy::FilePrecision
        | Remedy::SameLastLayer
        | Remedy::SameFeatureExtractor
        | Remedy::NoSilence
        | Remedy::RunExtraction => go(Page::Extract),
        Remedy::LookAtFeatures => go(Page::Features),
        Remedy::Overwrite | Remedy::SetAside | Remedy::WholeFit | Remedy::FitShare { .. } => {
            go(Page::Fit)
        }
        Remedy::OtherOutputFolder => {
            study.map(|_| blocker::Remedy::pick("Choose another folder", PathPurpose::Output))
        }
        Remedy::FetchModel { name } => model(
            icons::DOWNLOAD,
            format!("Download {name}"),
            ModelAction::Fetch(name.clone()),
        ),
        Remedy::FetchRuntime => model(
            icons::DOWNLOAD,
            "Download ONNX Runtime".into(),
            ModelAction::FetchRuntime,
        ),
        Remedy::CheckModel => {
            let name = study?.model.clone();
            let label = format!("Check {name}");
            model(icons::CIRCLE_CHECK, label, ModelAction::Check(name))
        }
        Remedy::ListModels
        | Remedy::AddOnnxFile
        | Remedy::NameHiddenStates
        | Remedy::OtherModelName
        | Remedy::NormaliseWindows => Some(blocker::Remedy::go(Page::Models)),
        Remedy::OtherRuntime => Some(blocker::Remedy::go(Page::Settings)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_remedy_has_a_button_where_the_study_is_open() {
        let study = Study::default();
        for remedy in Remedy::examples() {
            assert!(button(&remedy, Some(&study)).is_some(), "{remedy:?}");
        }
    }
}
