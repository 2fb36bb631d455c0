//! What one voxel did in the test, drawn, and how well it is predicted from each layer.

use eframe::egui;
use egui::accesskit::Role;
use egui::{Rect, Sense, pos2, vec2};
use heschl_core::figure::range;
use heschl_core::run::encoding::ExampleSeries;

use crate::gui::actions::Actions;
use crate::gui::figure::scores;
use crate::gui::fitting::{ProfileEntry, ScoresInfo};
use crate::gui::pages::colour_bar::{BELOW, LEFT, numbers_down, title_across, title_up};
use crate::gui::pages::sound_view::words_row;
use crate::gui::pages::time_axis::{TimeAxis, tick_words};
use crate::gui::state::State;
use crate::gui::text::thousands;
use crate::gui::theme::Palette;
use crate::gui::widgets::{figure_view, heading, legend, name};
use crate::story_film::TestStory;

/// Height of the row of words.
const WORDS_HEIGHT: f32 = 20.0;

/// One voxel over the seconds of a test story: measured, and predicted with the same mean and deviation, below the words.
pub(super) fn in_time(
    ui: &mut egui::Ui,
    (series, at): (&ExampleSeries, usize),
    story: &TestStory,
    (state, actions): (&State, &mut Actions),
    height: f32,
) {
    let palette = Palette::of(ui);
    let (measured, predicted) = scores::values(series, at);
    let [measured, predicted] =
        [&measured, &predicted].map(|all| all.get(story.rows.clone()).unwrap_or_default());
    meanings(ui, palette);
    let size = vec2(ui.available_width(), height);
    let (all, response) = ui.allocate_exact_size(size, Sense::click_and_drag());
    name(
        &response,
        Role::Canvas,
        "Measured and predicted time course",
    );
    let plot = Rect::from_min_max(
        pos2(all.left() + LEFT, all.top()),
        pos2(all.right() - 4.0, all.bottom() - BELOW),
    );
    let axis = TimeAxis::spanning(state, span(story), plot);
    axis.listen(ui, &response, actions);
    let (words, lines) = plot.split_top_bottom_at_y(plot.top() + WORDS_HEIGHT);
    words_row(ui, &axis, words, &story.words);
    let of_both = measured.iter().chain(predicted).copied();
    let [low, high] = range(of_both, [0.0, 0.0]);
    let y = |value: f64| lines.bottom() - ((value - low) / (high - low)) as f32 * lines.height();
    let painter = ui.painter_at(plot);
    painter.hline(lines.x_range(), y(0.0), (1.0, palette.hairline));
    for (values, color) in [(measured, palette.weak), (predicted, palette.accent)] {
        let known = story.centre_secs.iter().zip(values);
        let known = known.filter(|(_, value)| value.is_finite());
        let points = known.map(|(secs, value)| pos2(axis.x(*secs), y(*value)));
        painter.line(points.collect(), (1.5, color));
    }
    numbers_down(ui, lines, [high, low]);
    title_up(ui, lines, "response (units of the file)");
    axis.ticks(ui);
    title_across(ui, plot, "time in the story (min:s)");
    axis.cursor(ui, state);
    let Some(pointer) = response.hover_pos().filter(|at| plot.contains(*at)) else {
        return;
    };
    if let Some(words) = scan_words(story, axis.at(pointer.x), [measured, predicted]) {
        response.on_hover_text_at_pointer(words);
    }
}

/// First and last instant of a story.
pub(super) fn span(story: &TestStory) -> [f64; 2] {
    let ends = [story.centre_secs.first(), story.centre_secs.last()];
    let words = story.words.last().map_or(0.0, |word| word.end_secs);
    let [first, last] = ends.map(|secs| secs.copied().unwrap_or(0.0));
    [first.min(0.0), last.max(words)]
}

/// The scan that is nearest to an instant, in words.
fn scan_words(story: &TestStory, secs: f64, [measured, predicted]: [&[f64]; 2]) -> Option<String> {
    let apart = |centre: &f64| (centre - secs).abs();
    let all = story.centre_secs.iter().enumerate();
    let (at, centre) = all.min_by(|a, b| apart(a.1).total_cmp(&apart(b.1)))?;
    let (measured, predicted) = (measured.get(at)?, predicted.get(at)?);
    let spoken = story
        .words
        .iter()
        .find(|word| word.start_secs <= secs && secs < word.end_secs && !word.text.is_empty());
    let spoken = spoken.map_or_else(String::new, |word| format!("\n\"{}\"", word.text));
    Some(format!(
        "Scan at {}: measured {measured:.3}, predicted {predicted:.3}{spoken}",
        tick_words(*centre, 0.1)
    ))
}

fn meanings(ui: &mut egui::Ui, palette: &Palette) {
    legend(
        ui,
        &[
            ("measured", palette.weak),
            (
                "predicted (scaled to the mean and SD of the measured time course)",
                palette.accent,
            ),
        ],
    );
}

/// One voxel's r in each of the fits of a folder.
pub(super) fn over_layers(ui: &mut egui::Ui, entries: &[ProfileEntry], voxel: usize, height: f32) {
    heading(ui, &format!("Voxel {} over layers", thousands(voxel)));
    let figure = scores::voxel_profile(entries, voxel);
    let size = vec2(ui.available_width(), height);
    figure_view(ui, "The voxel over layers", &figure, size, |at| {
        let entry = entries.get(at[0].round().max(0.0) as usize)?;
        Some(format!("{}: r {:.3}", entry.name, entry.r_of(voxel)))
    });
}

/// One voxel's test responses scan by scan.
pub(super) fn by_scan(
    ui: &mut egui::Ui,
    scores: &ScoresInfo,
    (series, at): (&ExampleSeries, usize),
    height: f32,
) {
    let figure = scores::time_course(scores, (series, at), None);
    let (measured, scaled) = scores::values(series, at);
    let size = vec2(ui.available_width(), height);
    figure_view(
        ui,
        "Measured and predicted time course",
        &figure,
        size,
        |at| {
            let index = (at[0].round() >= 1.0).then(|| at[0].round() as usize - 1)?;
            let (measured, predicted) = (measured.get(index)?, scaled.get(index)?);
            Some(format!(
                "scan {}: measured {measured:.3}, predicted {predicted:.3}",
                thousands(index + 1)
            ))
        },
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use heschl_core::fmri::textgrid::Interval;

    #[test]
    fn what_lies_under_the_pointer_is_the_scan_that_is_nearest_and_its_word() {
        let word = |start_secs, end_secs, text: &str| Interval {
            start_secs,
            end_secs,
            text: text.into(),
        };
        let story = TestStory {
            story: "a".into(),
            rows: 3..6,
            centre_secs: vec![1.0, 3.0, 5.0],
            words: vec![word(0.0, 2.0, "once"), word(2.0, 7.5, "upon")],
        };
        let [first, last] = span(&story);
        assert!(first.abs() < 1e-12 && (last - 7.5).abs() < 1e-12);
        let said = |secs| scan_words(&story, secs, [&[1.0, 2.0, 3.0], &[0.5, 0.25, 0.125]]);
        assert_eq!(
            said(3.9).unwrap(),
            "Scan at 3.0 s: measured 2.000, predicted 0.250\n\"upon\""
        );
        assert!(
            said(-4.0)
                .unwrap()
                .starts_with("Scan at 1.0 s: measured 1.000, predicted 0.500")
        );
    }
}
