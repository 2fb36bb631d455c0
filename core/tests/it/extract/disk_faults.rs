//! Extractions whose disk fails, or that are killed, at every single change of a file.

use std::collections::BTreeMap;

use heschl_core::files::disk::faults::Fault;
use heschl_core::run::store::check;

use super::*;
use crate::common::{Run, arrays_below, sweep};

/// Files of one story: two layers, the combined features, the times.
const N_STORY_FILES: usize = 4;

#[test]
fn whatever_the_disk_does_a_second_run_completes_the_features() {
    for fault in Fault::ALL {
        let (_scratch, stories, out) = stories();
        for story in ["alpha", "beta"] {
            write_wav(&stories.join(format!("{story}.wav")), 8000);
        }
        let mut rows_reported: BTreeMap<String, usize> = BTreeMap::new();
        let mut extract = || {
            if !out.exists() {
                rows_reported.clear();
            }
            let result = run(&stories, &out, &mut |event| match event {
                Event::Progress { story, n_done, .. } => {
                    rows_reported.insert(story, n_done);
                }
                Event::StoryStarted { story, n_done, .. } if fault != Fault::PowerLost => {
                    let n_before = rows_reported.get(&story).copied().unwrap_or(0);
                    assert!(n_done >= n_before, "{fault:?}: {story} starts again");
                }
                _ => {}
            });
            match result {
                Err(error) => (false, error.to_string()),
                Ok((summary, _)) => {
                    let reasons = summary.failed.iter().map(|(_, reason)| reason.as_str());
                    (summary.failed.is_empty(), reasons.collect())
                }
            }
        };
        let n_changes = sweep(fault, &out, &mut extract, &|place, after| {
            check_times_are_last(&out, place);
            if after == Run::Second {
                let report = check(&out.join("features")).unwrap();
                assert!(report.faults.is_empty(), "{place}: {report:?}");
                assert!(report.unfinished.is_empty(), "{place}: {report:?}");
            }
        });
        assert!(n_changes > 50, "{fault:?}: only {n_changes} changes");
    }
}

/// A story whose times are there has all its files.
fn check_times_are_last(out: &Path, place: &str) {
    let files = arrays_below(out);
    for story in ["alpha", "beta"] {
        let names = files.keys().filter_map(|path| path.file_name()?.to_str());
        let of_story: Vec<_> = names.filter(|name| name.starts_with(story)).collect();
        if of_story.contains(&format!("{story}_times.npz").as_str()) {
            assert_eq!(of_story.len(), N_STORY_FILES, "{place}: {of_story:?}");
        }
    }
}
