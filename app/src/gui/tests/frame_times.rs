//! What a frame costs, at real sizes, beside threads that want the processor for themselves:
//! `cargo test --release -p heschl frame_times -- --ignored --nocapture`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use eframe::egui::accesskit::Role;
use heschl_core::display::heat_map::HeatMap;
use heschl_core::display::library::Layer;
use heschl_core::display::sound::SoundBuilder;
use heschl_core::display::statistics::LayerStatistics;
use heschl_core::run::encoding::ScoreTable;
use ndarray::Array2;

use super::{Stage, write_tone};
use crate::gui::actions::{Action, PathPurpose, ViewAction};
use crate::gui::features::{FeatureSelection, LayerInfo};
use crate::gui::jobs::data::{JobInfo, JobState, Progress, QueueInfo, Task, Times};
use crate::gui::loading::Loading;
use crate::gui::state::Page;

const HOURS_SECS: usize = 7200;
const N_FRAMES: usize = 600;
/// Voxels of a subject of Antonello et al. (2023).
const N_VOXELS: usize = 95_556;

/// Nanoseconds that this thread has computed.
fn thread_nanos() -> i64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec * 1_000_000_000 + time.tv_nsec
}

/// Draws frames, changing something before each, and prints what they cost: logic, layout and triangles.
#[expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
fn measure(what: &str, stage: &mut Stage, mut change: impl FnMut(&mut Stage, usize)) {
    let mut millis: Vec<f64> = (0..N_FRAMES)
        .map(|frame| {
            change(stage, frame);
            let before = thread_nanos();
            stage.harness.step();
            let output = stage.harness.output();
            let triangles = stage.harness.ctx.tessellate(output.shapes.clone(), 1.0);
            assert!(!triangles.is_empty());
            (thread_nanos() - before) as f64 / 1e6
        })
        .collect();
    millis.sort_by(f64::total_cmp);
    let at = |share: f64| millis[(share * (N_FRAMES - 1) as f64).round() as usize];
    println!(
        "{what:<58} median {:5.2} ms   99th percentile {:5.2} ms   of 8 ms: {:.2}",
        at(0.5),
        at(0.99),
        at(0.99) / 8.0
    );
}

/// Pans and zooms over two hours.
fn wander(frame: usize) -> Action {
    let share = frame as f64 / N_FRAMES as f64;
    let length = 7200.0 * (0.02 + 0.98 * (share * 9.0).sin().abs());
    let from = (7200.0 - length) * share;
    Action::View(ViewAction::Time(Some([from, from + length])))
}

#[test]
#[ignore = "a benchmark: run it by name, in release"]
fn frame_times() {
    let is_over = Arc::new(AtomicBool::new(false));
    let busy: Vec<_> = (0..2)
        .map(|_| {
            let is_over = is_over.clone();
            std::thread::spawn(move || while !is_over.load(Ordering::Relaxed) {})
        })
        .collect();
    let mut stage = Stage::new();
    let recordings = stage.folder.path().join("recordings");
    for story in 0..100 {
        write_tone(
            &recordings.join(format!("story-{story:03}.wav")),
            0.5,
            16_000,
            1,
        );
    }
    stage.ask(Action::Use(PathPurpose::Stimuli, recordings));
    stage.until("the headers are read", |window| {
        let stories = window.info.stories();
        !stories.is_empty() && stories.iter().all(|story| story.header.is_some())
    });
    stage.until("a sound is there", |window| {
        window.info.sound.ready().is_some()
    });
    stage.harness.state_mut().info.queue = running(0);
    for page in Page::ALL {
        stage.go(page);
        measure(
            &format!("{} while a job runs", page.title()),
            &mut stage,
            |stage, frame| {
                stage.harness.state_mut().info.queue = running(frame);
            },
        );
    }
    two_hours_of_sound(&mut stage);
    stage.go(Page::Stimuli);
    measure(
        "Stimuli, a story of two hours panned and zoomed",
        &mut stage,
        |stage, frame| {
            stage.harness.state_mut().info.queue = running(frame);
            stage.ask_only(wander(frame));
        },
    );
    two_hours_of_features(&mut stage);
    stage.go(Page::Features);
    measure(
        "Features, 72,000 rows × 1,280 panned and zoomed",
        &mut stage,
        |stage, frame| {
            stage.harness.state_mut().info.queue = running(frame);
            stage.ask_only(wander(frame));
        },
    );
    scores_of_a_brain(&mut stage);
    for view in ["Scores", "Choice of α", "Profile", "Compare", "Voxels"] {
        stage.click(Role::RadioButton, view);
        measure(
            &format!("Scores, {view}, 95,556 voxels, the pointer moving"),
            &mut stage,
            |stage, frame| {
                stage.harness.state_mut().info.queue = running(frame);
                let share = frame as f32 / N_FRAMES as f32;
                let at = eframe::egui::pos2(300.0 + 600.0 * share, 350.0 + 200.0 * share);
                stage.harness.event(eframe::egui::Event::PointerMoved(at));
            },
        );
    }
    is_over.store(true, Ordering::Relaxed);
    for thread in busy {
        thread.join().unwrap();
    }
}

/// Opens two fits of as many voxels as a brain has, to be compared.
fn scores_of_a_brain(stage: &mut Stage) {
    let first = super::fit::two_fits(stage.folder.path());
    let second = first.with_file_name("encoder.1");
    for folder in [&first, &second] {
        let path = folder.join("scores.npz");
        let few = ScoreTable::read(&path).unwrap();
        let n_few = few.voxels.len();
        let voxels: Vec<usize> = (0..N_VOXELS).map(|voxel| voxel % n_few).collect();
        let many = ScoreTable {
            voxels: voxels.iter().map(|voxel| few.voxels[*voxel]).collect(),
            round_scores: few.round_scores.select(ndarray::Axis(1), &voxels),
            ..few
        };
        std::fs::write(&path, many.to_npz().unwrap()).unwrap();
    }
    stage.ask(Action::Use(PathPurpose::Scores, first));
    stage.ask(Action::Use(PathPurpose::OtherScores, second));
    stage.until("the scores are read", |window| {
        let fit = &window.info.fit;
        fit.scores.ready().is_some() && fit.others.ready().is_some()
    });
}

fn running(frame: usize) -> QueueInfo {
    let progress = Progress {
        story: Some("story-007".into()),
        done: Some((frame as u64, N_FRAMES as u64)),
        per_sec: Some(11.4),
        device: Some("CPU, 2 threads".into()),
        ..Progress::default()
    };
    let job = JobInfo {
        id: "one".into(),
        title: "100 stories with whisper-tiny.en".into(),
        subtitle: "window 16.1 s, a row every 0.1 s".into(),
        task: Task::Extract {
            study: None,
            features: "features".into(),
        },
        recipe: None,
        state: JobState::Running,
        is_stopping: false,
        progress,
        times: Times::default(),
        last_lines: vec!["Computing on the CPU.".into()],
    };
    QueueInfo {
        is_known: true,
        jobs: vec![job],
        ..QueueInfo::default()
    }
}

fn two_hours_of_sound(stage: &mut Stage) {
    let mut builder = SoundBuilder::default();
    let mut state = 1_u32;
    let mut second = vec![0.0_f32; 16_000];
    for at in 0..HOURS_SECS {
        let loudness = 0.1 + 0.4 * (at as f32 * 0.05).sin().abs();
        for sample in &mut second {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *sample = ((state >> 8) as f32 / 16_777_216.0 - 0.5) * loudness;
        }
        builder.push(&second);
    }
    stage.harness.state_mut().info.sound = Loading::Ready(Arc::new(builder.finish()));
}

fn two_hours_of_features(stage: &mut Stage) {
    let value = |(row, dim): (usize, usize)| {
        ((row * 31 + dim * 17) % 997) as f32 / 997.0 + (dim % 7) as f32
    };
    let features = Array2::from_shape_fn((72_000, 1280), value);
    let layer = LayerInfo {
        layer: Layer::Hidden(16, "encoder.16".into()),
        statistics: LayerStatistics::of(features.view()),
        map: HeatMap::new(features),
        first_end_secs: 0.1,
        step_secs: 0.1,
        has_times: true,
    };
    let folder = stage.folder.path().join("features");
    for layer in 0..33 {
        let layer = folder.join(format!("encoder.{layer}"));
        std::fs::create_dir_all(&layer).unwrap();
        std::fs::write(layer.join("story.npz"), "").unwrap();
    }
    stage.harness.state_mut().state.selection = Some(FeatureSelection::at(folder));
    stage.go(Page::Features);
    stage.until("the folder is listed", |window| {
        window.info.features.library.ready().is_some()
    });
    stage.until("the empty layer is refused", |window| {
        window.info.features.layer.failure().is_some()
    });
    stage.harness.state_mut().info.features.layer = Loading::Ready(Arc::new(layer));
    stage.until("it is drawn", |window| {
        window.info.features.picture.is_some()
    });
}
