//! Any text as a TR report or a list of scan times: a sentence, or times in order.
#![no_main]

use heschl_core::fmri::scans::{ScanTimes, TrReport, TriggerRepair, sound_onset};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    for repair in [TriggerRepair::Published, TriggerRepair::InOrder] {
        if let Ok(report) = TrReport::parse(text, repair) {
            let _ = report.scan_times();
        }
    }
    if let Ok(onset) = sound_onset(text, "story") {
        assert!(onset.secs.is_finite());
    }
    if let Ok(times) = ScanTimes::parse_list(text) {
        assert!(times.centre_secs.is_sorted());
    }
});
