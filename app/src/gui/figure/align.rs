//! The figure of a story on a common time axis: words, scans and one voxel's responses.

use heschl_core::figure::{Axis, Cell, Figure, Ink, Mark, Panel, Table, range};
use heschl_core::run::design::Alignment;

/// More words than this cannot be read across a page.
const MOST_WORDS: usize = 60;

/// What is shown of an alignment within some seconds.
#[must_use]
pub(crate) fn aligned(alignment: &Alignment, shown: [f64; 2]) -> Figure {
    let mut panels = Vec::new();
    let is_shown = |secs: f64| (shown[0]..=shown[1]).contains(&secs);
    let words: Vec<_> = alignment
        .words
        .iter()
        .filter(|word| is_shown(f64::midpoint(word.start_secs, word.end_secs)))
        .collect();
    if !words.is_empty() && words.len() <= MOST_WORDS {
        let mut panel = row("words", shown);
        panel.marks = words
            .iter()
            .map(|word| Mark::Words {
                at: [f64::midpoint(word.start_secs, word.end_secs), 0.5],
                words: word.text.clone(),
                ink: Ink::Text,
                room: Some(word.end_secs - word.start_secs),
            })
            .collect();
        panels.push(panel);
    }
    panels.extend(scans(alignment, shown));
    panels.extend(responses(alignment, shown));
    if let Some(last) = panels.last_mut() {
        last.x.title = "time from stimulus onset (s)".into();
    }
    Figure {
        name: format!("{}-alignment", alignment.story.replace(['/', '\\'], "-")),
        title: alignment.story.clone(),
        subtitle: "Words, scans and responses on a common time axis".into(),
        panels,
        table: table(alignment),
    }
}

fn row(title: &str, shown: [f64; 2]) -> Panel {
    let mut panel = Panel::new(
        Axis::over("", shown),
        Axis::named(title, [0.0, 1.0], Vec::new()),
    );
    panel.height = 0.35;
    panel
}

fn scans(alignment: &Alignment, shown: [f64; 2]) -> Option<Panel> {
    let scans = alignment.scans.as_ref()?;
    let half = scans.repetition_secs / 2.0;
    let bars = |is_retained: bool| {
        scans
            .centre_secs
            .iter()
            .enumerate()
            .filter(|(scan, _)| alignment.kept.contains(scan) == is_retained)
            .map(|(_, centre)| [(centre - half).max(shown[0]), (centre + half).min(shown[1])])
            .filter(|[from, to]| to > from)
            .map(|[from, to]| [from, to, 0.15, 0.85])
            .collect()
    };
    let mut panel = row("scans", shown);
    panel.marks = vec![
        Mark::Bars {
            bars: bars(true),
            ink: Ink::Accent,
        },
        Mark::Bars {
            bars: bars(false),
            ink: Ink::Grid,
        },
    ];
    panel.legend = vec![("used".into(), Ink::Accent), ("trimmed".into(), Ink::Grid)];
    Some(panel)
}

/// `[seconds, response]` of each scan that is left.
fn points(alignment: &Alignment) -> Vec<[f64; 2]> {
    let (Some(scans), Some(time_course)) = (&alignment.scans, &alignment.time_course) else {
        return Vec::new();
    };
    let values = time_course.values.iter().zip(alignment.kept.start..);
    values
        .filter_map(|(value, scan)| Some([*scans.centre_secs.get(scan)?, f64::from(*value)]))
        .collect()
}

fn responses(alignment: &Alignment, shown: [f64; 2]) -> Option<Panel> {
    let voxel = alignment.time_course.as_ref()?.voxel;
    let points: Vec<[f64; 2]> = points(alignment)
        .into_iter()
        .filter(|point| (shown[0]..=shown[1]).contains(&point[0]))
        .collect();
    let values = || {
        points
            .iter()
            .map(|point| point[1])
            .filter(|value| value.is_finite())
    };
    let low = values().fold(f64::INFINITY, f64::min);
    let y = range(
        values(),
        if low.is_finite() {
            [low, low]
        } else {
            [0.0, 1.0]
        },
    );
    let title = format!("response of voxel {voxel}");
    let mut panel = Panel::new(Axis::over("", shown), Axis::over(&title, y));
    panel.marks = vec![Mark::line(points, Ink::Accent)];
    panel.height = 1.6;
    Some(panel)
}

fn table(alignment: &Alignment) -> Table {
    let mut table = Table::of(&["scan", "centre_secs", "used", "response"]);
    let Some(scans) = &alignment.scans else {
        return table;
    };
    let values = alignment
        .time_course
        .as_ref()
        .map(|time_course| &time_course.values);
    for (scan, centre) in scans.centre_secs.iter().enumerate() {
        let at = scan.checked_sub(alignment.kept.start);
        let value = at
            .and_then(|at| values?.get(at))
            .map_or(f64::NAN, |value| f64::from(*value));
        let is_used = if alignment.kept.contains(&scan) {
            "yes"
        } else {
            "no"
        };
        table.push(vec![
            (scan + 1).into(),
            (*centre).into(),
            Cell::from(is_used),
            value.into(),
        ]);
    }
    table
}
