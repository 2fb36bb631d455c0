//! The camera flies to another view instead of jumping.

use eframe::egui;

use crate::gui::actions::{Action, Actions, ViewAction};
use crate::gui::brain::{BrainLayout, BrainSettings, Flight};
use crate::gui::info::Info;
use crate::gui::state::{Motion, State};

/// How long a flight takes.
const FLIGHT_SECS: f64 = 0.2;
/// Steps of the unfolding that are taken at once are flown; a slider's are smaller.
const LEAST_UNFOLDING: f32 = 0.3;

/// Where the camera is on its way.
#[derive(Default)]
pub(super) struct Way {
    /// The flight, and when it began.
    flying: Option<(Flight, f64)>,
}

impl Way {
    /// Begins a flight if another view was chosen, and moves on one that has begun.
    pub(super) fn go(
        &mut self,
        ui: &egui::Ui,
        settings: &BrainSettings,
        (state, info): (&State, &Info),
        actions: &mut Actions,
    ) {
        let now = ui.input(|input| input.time);
        // Tests look at pictures, not at the way to them.
        let may_fly = state.preferences.settings.motion == Motion::Full && !cfg!(test);
        let shown = info.brain.picture.ready().and_then(|picture| picture.view);
        if let Some(from) = shown
            && may_fly
            && is_jump(&state.brain, settings)
        {
            self.flying = Some((Flight { from, share: 0.0 }, now));
        }
        if let Some((flight, begun)) = &mut self.flying {
            flight.share = (now - *begun) / FLIGHT_SECS;
            if flight.share >= 1.0 || ui.input(|input| input.pointer.any_down()) {
                self.flying = None;
            }
            ui.ctx().request_repaint();
        }
        let flight = self.flying.map(|(flight, _)| flight);
        if state.brain_flight != flight {
            actions.push(Action::View(ViewAction::BrainFlight(flight)));
        }
    }
}

/// Whether the view changes at once, rather than by dragging or sliding.
fn is_jump(before: &BrainSettings, after: &BrainSettings) -> bool {
    let is_turned = |settings: &BrainSettings| {
        let start = BrainSettings::default();
        (settings.turn, settings.zoom, settings.pan) != (start.turn, start.zoom, start.pan)
    };
    let is_cortex = [before, after]
        .iter()
        .all(|settings| settings.layout == BrainLayout::Cortex);
    is_cortex
        && (before.named != after.named
            || before.saved.is_some() != after.saved.is_some()
            || is_turned(before) && !is_turned(after)
            || (before.unfold - after.unfold).abs() > LEAST_UNFOLDING)
}

#[cfg(test)]
mod tests {
    use heschl_core::scene::NamedView;

    use super::*;

    #[test]
    fn choosing_a_view_is_a_jump_and_turning_is_none() {
        let before = BrainSettings::default();
        let changed = |change: &dyn Fn(&mut BrainSettings)| {
            let mut after = before.clone();
            change(&mut after);
            after
        };
        let turned = changed(&|settings| settings.turn = [3.0, 1.0]);
        let unfolded = changed(&|settings| settings.unfold = 0.52);
        for after in [&before, &turned, &unfolded] {
            assert!(!is_jump(&before, after));
        }
        assert!(is_jump(&turned, &before), "reset");
        assert!(is_jump(
            &before,
            &changed(&|settings| settings.take_view(NamedView::Flat))
        ));
        assert!(is_jump(
            &before,
            &changed(&|settings| settings.unfold = 0.0)
        ));
        let slices = changed(&|settings| {
            settings.layout = BrainLayout::Slices;
            settings.take_view(NamedView::Dorsal);
        });
        assert!(!is_jump(&before, &slices));
    }
}
