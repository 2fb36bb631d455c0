//! What can be undone: settings, the study and drawn regions, step by step.

use std::sync::Arc;

use heschl_core::brain::drawing::DrawnRegions;

use super::brain::RegionsPlace;
use super::info::UndoInfo;
use super::state::{Settings, State, Study};

/// Changes that follow each other within so many seconds are one step: a slider that is dragged, a name that is typed.
const ONE_STEP_SECS: f64 = 0.8;
const MAX_STEPS: usize = 200;

#[derive(Debug, Clone, PartialEq)]
struct Snapshot {
    settings: Settings,
    study: Option<Study>,
    regions: Regions,
}

/// Where regions belong, and which one was changed.
type Regions = (Option<RegionsPlace>, Arc<DrawnRegions>, Option<usize>);

impl Snapshot {
    fn of(state: &State) -> Self {
        Self {
            settings: state.preferences.settings.clone(),
            study: state.study().cloned(),
            regions: (
                state.drawing.place.clone(),
                state.drawing.regions.clone(),
                state.drawing.chosen,
            ),
        }
    }

    fn restore(self, state: &mut State) {
        state.preferences.settings = self.settings;
        if let (Some(open), Some(study)) = (&mut state.open, self.study) {
            open.study = study;
        }
        let (place, regions, chosen) = self.regions;
        // Regions of another subject are on the disk.
        if place == state.drawing.place {
            (state.drawing.regions, state.drawing.chosen) = (regions, chosen);
        }
    }
}

/// Steps back and forward.
#[derive(Debug, Default)]
pub(crate) struct History {
    back: Vec<Snapshot>,
    forward: Vec<Snapshot>,
    last_secs: f64,
}

impl History {
    /// Notes how things are before a change at `secs`.
    pub(crate) fn note(&mut self, before: &State, secs: f64) {
        let goes_on = secs - self.last_secs < ONE_STEP_SECS
            && !self.back.is_empty()
            && self.forward.is_empty();
        self.last_secs = secs;
        if !goes_on {
            self.back.push(Snapshot::of(before));
            self.forward.clear();
            if self.back.len() > MAX_STEPS {
                self.back.remove(0);
            }
        }
    }

    /// Makes the next change a step of its own, however soon it follows the last one.
    pub(crate) fn begin_step(&mut self) {
        self.last_secs = f64::NEG_INFINITY;
    }

    /// Forgets all steps: another study is open.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// One step back.
    pub(crate) fn undo(&mut self, state: &mut State) {
        if let Some(before) = self.back.pop() {
            self.forward.push(Snapshot::of(state));
            before.restore(state);
            self.last_secs = f64::NEG_INFINITY;
        }
    }

    /// One step forward.
    pub(crate) fn redo(&mut self, state: &mut State) {
        if let Some(after) = self.forward.pop() {
            self.back.push(Snapshot::of(state));
            after.restore(state);
            self.last_secs = f64::NEG_INFINITY;
        }
    }

    /// How many steps there are.
    #[must_use]
    pub(crate) fn info(&self) -> UndoInfo {
        UndoInfo {
            n_back: self.back.len(),
            n_forward: self.forward.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_undone_and_done_again_step_by_step() {
        let mut state = State::default();
        let mut history = History::default();
        for (secs, scale) in [(0.0, 1.1), (0.3, 1.25), (9.0, 1.5)] {
            history.note(&state, secs);
            state.preferences.settings.scale = scale;
        }
        let mut seen = vec![];
        for step in [
            History::undo,
            History::undo,
            History::undo,
            History::redo,
            History::redo,
        ] {
            step(&mut history, &mut state);
            seen.push(state.preferences.settings.scale);
        }
        assert_eq!(seen, [1.25, 1.0, 1.0, 1.25, 1.5]);
    }
}
