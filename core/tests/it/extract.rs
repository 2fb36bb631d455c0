//! Runs over several stories of which one is odd, and over a folder that does not stay.

use std::fs;
use std::path::{Path, PathBuf};

use heschl_core::run::pipeline::{ExtractError, Extraction, Summary, extract};
use heschl_core::run::progress::{CancelToken, Event};
use heschl_core::run::recipe::{ExtractRecipe, RecipeFile, RunInfo};
use heschl_core::run::store::{FeaturesFolder, StoreError};
use heschl_core::speech::encoder::FakeEncoder;
use heschl_core::speech::stimuli::{Depth, find_stimuli};
use hound::{SampleFormat, WavSpec, WavWriter};

mod disk_faults;

fn recipe(stories: &Path, out: &Path) -> ExtractRecipe {
    let text = format!(
        "[extract.stimuli]\nfolder = '{}'\n[extract.model]\nmodel = \"fake\"\nbatch = 2\n[extract.window]\n\
         chunk_ms = 100.0\ncontext_ms = 200.0\n[extract.output]\nfolder = '{}'\n",
        stories.display(),
        out.display()
    );
    toml::from_str::<RecipeFile>(&text).unwrap().extract
}

fn write_wav(path: &Path, n_samples: i16) {
    let spec = WavSpec {
        channels: 1,
        sample_rate: 16_000,
        bits_per_sample: 16,
        sample_format: SampleFormat::Int,
    };
    let mut writer = WavWriter::create(path, spec).unwrap();
    (0..n_samples).for_each(|i| writer.write_sample(i % 321).unwrap());
    writer.finalize().unwrap();
}

/// Extracts all of a folder; `told` gets every event.
fn run(
    stories: &Path,
    out: &Path,
    told: &mut dyn FnMut(Event),
) -> Result<(Summary, FeaturesFolder), ExtractError> {
    let recipe = recipe(stories, out);
    let folder = FeaturesFolder::create(&out.join("features"))?;
    let info = RunInfo {
        heschl: "test".into(),
        onnxruntime: "none".into(),
        device: "CPU".into(),
        started: "now".into(),
        model_files: vec![],
        recordings: vec![],
    };
    let work = Extraction {
        recipe: &recipe,
        stories: &find_stimuli(stories, Depth::TopLevel).unwrap(),
        folder: &folder,
        run: &info,
        cancel: &CancelToken::default(),
    };
    let summary = extract(&work, &mut FakeEncoder::new(2, 3), told)?;
    Ok((summary, folder))
}

fn stories() -> (tempfile::TempDir, PathBuf, PathBuf) {
    let scratch = tempfile::tempdir().unwrap();
    let (stories, out) = (scratch.path().join("stories"), scratch.path().join("out"));
    fs::create_dir(&stories).unwrap();
    write_wav(&stories.join("alpha.wav"), 16_000);
    write_wav(&stories.join("beta.wav"), 16_000);
    (scratch, stories, out)
}

#[test]
fn odd_stories_are_told_before_the_first_window_and_the_others_are_done() {
    let (_scratch, stories, out) = stories();
    write_wav(&stories.join(format!("{}.wav", "n".repeat(240))), 16_000);
    fs::write(stories.join("aaa.ogg"), b"OggS, but no more").unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt as _;
        let odd = std::ffi::OsStr::from_bytes(b"caf\xe9.wav");
        fs::copy(stories.join("alpha.wav"), stories.join(odd)).unwrap();
    }
    let mut events = Vec::new();
    let (summary, _) = run(&stories, &out, &mut |event| events.push(event)).unwrap();
    assert_eq!(summary.done, ["alpha", "beta"]);
    let n_odd = if cfg!(unix) { 3 } else { 2 };
    assert_eq!(summary.failed.len(), n_odd, "{:?}", summary.failed);
    let is_failure = |event: &Event| matches!(event, Event::StoryFailed { .. });
    assert!(events[..n_odd].iter().all(is_failure), "{events:?}");
}

#[test]
fn lengths_that_were_decided_are_told() {
    let (_scratch, stories, out) = stories();
    let mut bytes = fs::read(stories.join("alpha.wav")).unwrap();
    bytes[40..44].copy_from_slice(&u32::MAX.to_le_bytes());
    fs::write(stories.join("alpha.wav"), bytes).unwrap();
    let mut warnings = Vec::new();
    let (summary, _) = run(&stories, &out, &mut |event| {
        if let Event::Warning(warning) = event {
            warnings.push(warning.to_string());
        }
    })
    .unwrap();
    assert_eq!(summary.done, ["alpha", "beta"]);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].starts_with("Story \"alpha\": its header does not know its length"));
}

#[cfg(unix)]
#[test]
fn a_folder_that_is_taken_away_ends_the_run_with_a_sentence() {
    for is_made_again in [false, true] {
        let (_scratch, stories, out) = stories();
        let folder = out.join("features");
        let outcome = run(&stories, &out, &mut |event| {
            if matches!(event, Event::StoryFinished { .. }) {
                fs::remove_dir_all(&folder).unwrap();
                if is_made_again {
                    fs::create_dir(&folder).unwrap();
                }
            }
        });
        let vanished = matches!(outcome, Err(ExtractError::Store(StoreError::Vanished(_))));
        assert!(vanished, "{:?}", outcome.map(|_| ()));
        assert!(!folder.join("beta_times.npz").exists());
    }
}

#[cfg(unix)]
#[test]
fn links_in_the_output_folder_lead_nowhere() {
    let (scratch, stories, out) = stories();
    let outside = scratch.path().join("outside");
    fs::write(&outside, "precious").unwrap();
    let folder = out.join("features");
    fs::create_dir_all(folder.join(".heschl")).unwrap();
    for name in [
        ".heschl/alpha.journal",
        ".beta.npz.partial",
        "beta_times.npz",
    ] {
        std::os::unix::fs::symlink(&outside, folder.join(name)).unwrap();
    }
    let (summary, _) = run(&stories, &out, &mut |_| {}).unwrap();
    assert_eq!(summary.done, ["beta"]);
    assert!(summary.failed[0].1.contains("link"), "{:?}", summary.failed);
    fs::remove_file(folder.join(".heschl/alpha.journal")).unwrap();
    let (summary, _) = run(&stories, &out, &mut |_| {}).unwrap();
    assert_eq!(summary.done, ["alpha"]);
    assert_eq!(fs::read(&outside).unwrap(), b"precious");
    assert!(
        fs::symlink_metadata(folder.join("beta_times.npz"))
            .unwrap()
            .is_file()
    );
}

#[cfg(unix)]
#[test]
fn heschls_own_folder_is_no_link() {
    let (scratch, stories, out) = stories();
    let elsewhere = scratch.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    fs::create_dir_all(out.join("features")).unwrap();
    std::os::unix::fs::symlink(&elsewhere, out.join("features/.heschl")).unwrap();
    let outcome = run(&stories, &out, &mut |_| {});
    assert!(matches!(
        outcome,
        Err(ExtractError::Store(StoreError::Link(_)))
    ));
    assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 0);
}
