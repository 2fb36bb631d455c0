//! Every event beside its contract, `docs/events.md`.

use std::collections::BTreeMap;

use heschl_core::remedy::Remedy;
use heschl_core::run::progress::{
    EncodingForecast, Event, ExtractionForecast, Stage, StageTimes, StoryOutlook,
};
use heschl_core::run::warning::Warning;

/// One of each variant. The match has no arm for others, so that a new one must be added.
#[expect(clippy::too_many_lines, reason = "one of each variant")]
fn all() -> Vec<Event> {
    let text = || "x".to_string();
    let events = vec![
        Event::Begun,
        Event::Downloading {
            what: text(),
            n_bytes: 1,
            n_bytes_total: None,
        },
        Event::Failed {
            message: text(),
            remedies: vec![],
        },
        Event::Forecast(ExtractionForecast {
            n_windows: 1,
            windows_per_sec: None,
            memory_bytes: 1,
            disk_bytes: 1,
            journal_bytes: 1,
            free_bytes: None,
            folder: text(),
            stories: vec![StoryOutlook {
                story: text(),
                n_windows: None,
                message: None,
                remedies: vec![],
                notes: vec![],
            }],
        }),
        Event::EncodeForecast(EncodingForecast {
            n_voxels: 1,
            n_columns: 1,
            n_training_scans: 1,
            n_test_scans: 1,
            secs: 1.0,
            memory_bytes: 1,
            disk_bytes: 1,
            free_bytes: None,
            warnings: vec![],
            folder: text(),
        }),
        Event::OnCpu { reason: text() },
        Event::Started {
            n_stories: 1,
            n_windows: 1,
            device: text(),
            folder: text(),
        },
        Event::StoryStarted {
            story: text(),
            n_windows: 1,
            n_done: 0,
        },
        Event::Progress {
            story: text(),
            n_done: 1,
            n_windows: 1,
        },
        Event::StoryFinished {
            story: text(),
            n_rows: 1,
            times: StageTimes::default(),
        },
        Event::StorySkipped { story: text() },
        Event::StoryFailed {
            story: text(),
            message: text(),
            remedies: vec![Remedy::Resample],
        },
        Event::EncodeStarted {
            n_voxels: 1,
            n_columns: 1,
            n_training_scans: 1,
            n_test_scans: 1,
            folder: text(),
        },
        Event::StageStarted {
            stage: Stage::ChooseAlpha,
            n_voxels: 1,
            n_done: 0,
        },
        Event::VoxelProgress {
            stage: Stage::Predict,
            n_done: 1,
            n_voxels: 1,
        },
        Event::EncodeFinished {
            n_voxels: 1,
            mean_r: None,
            mean_r_interval: None,
            n_significant: None,
        },
        Event::SetAside { folder: text() },
        Event::Warning(Warning::Other { text: text() }),
        Event::Finished {
            n_done: 1,
            n_skipped: 0,
            n_failed: 0,
            stopped: false,
        },
    ];
    for event in &events {
        match event {
            Event::Begun
            | Event::Downloading { .. }
            | Event::Failed { .. }
            | Event::Forecast(_)
            | Event::EncodeForecast(_)
            | Event::OnCpu { .. }
            | Event::Started { .. }
            | Event::StoryStarted { .. }
            | Event::Progress { .. }
            | Event::StoryFinished { .. }
            | Event::StorySkipped { .. }
            | Event::StoryFailed { .. }
            | Event::EncodeStarted { .. }
            | Event::StageStarted { .. }
            | Event::VoxelProgress { .. }
            | Event::EncodeFinished { .. }
            | Event::SetAside { .. }
            | Event::Warning(_)
            | Event::Finished { .. } => {}
        }
    }
    events
}

/// Words in backticks.
fn quoted(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

#[test]
fn every_event_has_the_keys_of_its_contract() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/events.md");
    let contract = std::fs::read_to_string(path).unwrap();
    let rows: BTreeMap<String, (Vec<String>, String)> = contract
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            let keys = quoted(cells[2]).into_iter().map(String::from).collect();
            (quoted(cells[1])[0].to_string(), (keys, line.to_string()))
        })
        .collect();
    let events = all();
    assert_eq!(rows.len(), events.len(), "one row for each event");
    for event in events {
        let value = serde_json::to_value(&event).unwrap();
        let name = value["event"].as_str().unwrap();
        let (keys, row) = &rows[name];
        let mut expected = keys.clone();
        expected.push("event".into());
        expected.sort();
        let mut found: Vec<String> = value.as_object().unwrap().keys().cloned().collect();
        found.sort();
        assert_eq!(found, expected, "{name}");
        // What is inside is named in the row, too.
        let inner = value["stories"].get(0).unwrap_or(&value["times"]);
        for key in inner
            .as_object()
            .into_iter()
            .flat_map(|object| object.keys())
        {
            assert!(row.contains(&format!("`{key}`")), "{name}: {key}");
        }
        assert_eq!(serde_json::from_value::<Event>(value).unwrap(), event);
    }
}
