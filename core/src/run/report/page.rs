//! The HTML page: one file, readable offline, in light and dark mode.

use std::fmt::Write as _;

use super::EncodeReport;
use super::figure::{histogram_of_alpha, histogram_of_r, rounds_curve, time_course};
use super::methods::short;
use crate::figure::escaped;
use crate::run::encoding::Column;
use crate::run::sanity::Verdict;

const STYLE: &str = "\
:root{--ink:#1d2126;--soft:#5d6670;--line:#d9dde2;--ground:#fff;--accent:#1b6ac9;--bad:#b3261e;--warn:#8a5a00}\
@media(prefers-color-scheme:dark){:root{--ink:#e6e9ec;--soft:#9aa5b1;--line:#363d45;--ground:#16191d;--accent:#6fb1ff;\
--bad:#ff8a80;--warn:#f0b54a}}\
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--ground);max-width:52rem;margin:2rem auto;padding:0 1rem}\
h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2rem;border-top:1px solid var(--line);padding-top:1rem}\
table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.3rem .6rem .3rem 0;border-bottom:1px solid var(--line);\
vertical-align:top}td.n{text-align:right;font-variant-numeric:tabular-nums}\
figure{margin:1rem 0}figcaption{color:var(--soft);font-size:.9rem}svg{width:100%;height:auto}\
.failed{color:var(--bad);font-weight:600}.skipped{color:var(--soft)}.warning{border-left:3px solid var(--warn);padding-left:.8rem}\
code{font-size:.85em;word-break:break-all}dt{font-weight:600}";

pub(super) fn html(report: &EncodeReport) -> String {
    let title = title(report);
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>{0}</title><style>{STYLE}</style></head><body><h1>{0}</h1>\n",
        escaped(&title)
    );
    result(&mut page, report);
    warnings(&mut page, report);
    checks(&mut page, report);
    figures(&mut page, report);
    time_courses(&mut page, report);
    steps(&mut page, report);
    reading(&mut page);
    let _ = write!(page, "<h2>Methods</h2>\n{}", paragraphs(&report.methods()));
    provenance(&mut page, report);
    page.push_str("</body></html>\n");
    page
}

fn title(report: &EncodeReport) -> String {
    let names: Vec<&str> = report
        .info
        .sets
        .iter()
        .map(|set| set.name.as_str())
        .collect();
    format!("Encoding scores of {}", names.join(" + "))
}

fn row(page: &mut String, name: &str, value: &str) {
    let _ = writeln!(
        page,
        "<tr><td>{}</td><td class=\"n\">{}</td></tr>",
        escaped(name),
        escaped(value)
    );
}

fn result(page: &mut String, report: &EncodeReport) {
    let (table, info) = (report.table, report.info);
    page.push_str("<table>\n");
    row(page, "Voxels", &info.n_voxels.to_string());
    row(page, "Mean r", &format!("{:.4}", table.mean(Column::R)));
    if let Some(interval) = table.mean_interval() {
        row(
            page,
            "Mean r, 95 % confidence interval (block bootstrap)",
            &format!("{:.4} to {:.4}", interval.lower, interval.upper),
        );
    }
    row(
        page,
        "Mean |r|·r",
        &format!("{:.5}", table.mean(Column::SignedSquare)),
    );
    let best = table
        .column(Column::R)
        .filter(|r| r.is_finite())
        .fold(f64::NAN, f64::max);
    row(page, "Largest r", &format!("{best:.4}"));
    if let Some(n) = table.n_significant() {
        let level = report.recipe.scores.fdr_level;
        row(
            page,
            &format!("Significant voxels (FDR < {level})"),
            &n.to_string(),
        );
    }
    let ceiling = table.mean(Column::NormalisedR);
    if ceiling.is_finite() {
        row(page, "Mean ceiling-normalised r", &format!("{ceiling:.4}"));
    }
    row(
        page,
        "Training",
        &format!(
            "{} scans of {} stories",
            info.n_training_scans,
            info.training_stories.len()
        ),
    );
    row(
        page,
        "Test",
        &format!(
            "{} scans of {}",
            info.n_test_scans,
            info.test_stories.join(", ")
        ),
    );
    page.push_str("</table>\n");
}

fn warnings(page: &mut String, report: &EncodeReport) {
    if report.info.warnings.is_empty() {
        return;
    }
    page.push_str("<h2>Warnings</h2>\n");
    for warning in &report.info.warnings {
        let _ = writeln!(page, "<p class=\"warning\">{}</p>", escaped(warning));
    }
}

fn checks(page: &mut String, report: &EncodeReport) {
    page.push_str("<h2>Sanity checks</h2>\n");
    if report.info.checks.is_empty() {
        page.push_str("<p>No sanity checks were run.</p>\n");
        return;
    }
    page.push_str("<p>Run on a sample of the voxels. Each tests for a way in which scores can arise without a relation between features and responses.</p>\n<table>\n");
    for check in &report.info.checks {
        let (class, word) = match check.verdict {
            Verdict::Passed => ("passed", "passed"),
            Verdict::Failed => ("failed", "FAILED"),
            Verdict::Skipped => ("skipped", "not judged"),
        };
        let _ = writeln!(
            page,
            "<tr><td class=\"{class}\">{word}</td><td><b>{}</b><br>{}</td></tr>",
            escaped(&check.name),
            escaped(&check.finding)
        );
    }
    page.push_str("</table>\n");
}

fn figure(page: &mut String, svg: &str, caption: &str) {
    let _ = writeln!(
        page,
        "<figure>{svg}<figcaption>{}</figcaption></figure>",
        escaped(caption)
    );
}

fn figures(page: &mut String, report: &EncodeReport) {
    let table = report.table;
    page.push_str("<h2>Scores</h2>\n");
    let r: Vec<f64> = table.column(Column::R).collect();
    let q = table.column(Column::Q);
    let is_significant: Vec<bool> = q.map(|q| q <= table.fdr_level).collect();
    figure(
        page,
        &histogram_of_r(&r, &is_significant),
        "Voxels by Pearson's r of prediction and measurement. In colour: those that remain after correction for the number of voxels.",
    );
    let chosen: Vec<f64> = table.column(Column::Alpha).collect();
    figure(
        page,
        &histogram_of_alpha(&table.alphas, &chosen),
        "Voxels by the α that was chosen for them. Many at an edge mean that the range is too narrow.",
    );
    let (all, best) = round_means(report);
    figure(
        page,
        &rounds_curve(&table.alphas, &all, &best),
        "Mean score on held-out training scans by α: all voxels (grey), and the tenth with the best scores there (colour).",
    );
}

/// Mean validation score of each α: over all voxels, and over the best tenth.
fn round_means(report: &EncodeReport) -> (Vec<f64>, Vec<f64>) {
    let rounds = &report.table.round_scores;
    let mut order: Vec<(usize, f64)> = report
        .table
        .column(Column::RoundScore)
        .enumerate()
        .filter(|(_, score)| score.is_finite())
        .collect();
    order.sort_by(|a, b| b.1.total_cmp(&a.1));
    let mean = |voxels: &[(usize, f64)]| -> Vec<f64> {
        let sum = |row: ndarray::ArrayView1<f64>| {
            voxels.iter().map(|(voxel, _)| row[*voxel]).sum::<f64>()
        };
        rounds
            .rows()
            .into_iter()
            .map(|row| sum(row) / voxels.len() as f64)
            .collect()
    };
    (mean(&order), mean(&order[..order.len().div_ceil(10)]))
}

fn time_courses(page: &mut String, report: &EncodeReport) {
    let Some(series) = report.series else { return };
    page.push_str("<h2>Time courses of single voxels</h2>\n<p>From the best to the worst: measured (grey) and predicted (colour, brought to the same mean and deviation).</p>\n");
    for (index, voxel) in series.voxels.iter().enumerate() {
        let r = report.table.voxels[voxel - report.table.first_voxel].get(Column::R);
        let caption = format!("Voxel {voxel}, r {r:.3}");
        let svg = time_course(
            &caption,
            &series.measured.column(index).to_vec(),
            &series.predicted.column(index).to_vec(),
        );
        figure(page, &svg, &caption);
    }
}

fn steps(page: &mut String, report: &EncodeReport) {
    let (recipe, info) = (report.recipe, report.info);
    let step = |is_done: bool, name: &str, why_not: &str| {
        if is_done {
            format!("<li>{}: done</li>\n", escaped(name))
        } else {
            format!(
                "<li class=\"skipped\">{}: skipped ({})</li>\n",
                escaped(name),
                escaped(why_not)
            )
        }
    };
    page.push_str("<h2>Steps</h2>\n<ul>\n");
    let look_ahead = format!(
        "Features resampled to the fMRI acquisition times (looking at most {} s ahead of a scan)",
        short(info.look_ahead_secs)
    );
    for (is_done, name, why_not) in [
        (true, look_ahead.as_str(), ""),
        (true, "α selected by cross-validation", ""),
        (
            true,
            "Model fitted on all training scans; test scans predicted",
            "",
        ),
        (
            recipe.scores.n_permutations > 0,
            "Significance",
            "no permutations requested",
        ),
        (
            info.n_presentations > 1,
            "Noise ceiling",
            "the test story was presented once",
        ),
        (!info.checks.is_empty(), "Sanity checks", "switched off"),
        (recipe.output.weights, "Weights written", "not requested"),
        (
            recipe.output.predictions,
            "Predictions written",
            "not requested",
        ),
        (
            report.series.is_some(),
            "Time courses of single voxels",
            "the scores were merged from parts",
        ),
    ] {
        page.push_str(&step(is_done, name, why_not));
    }
    page.push_str("</ul>\n");
}

fn reading(page: &mut String) {
    page.push_str(
        "<h2>How to read this</h2>\n<dl>\
         <dt>r</dt><dd>Pearson correlation between predicted and measured responses of a voxel over the test scans. Single presentations are noisy: r = 0.3 can be close to the maximum that any model could reach.</dd>\
         <dt>|r|·r</dt><dd>Signed square of r, which can be averaged over voxels like explained variance.</dd>\
         <dt>Noise ceiling</dt><dd>Maximum r that any model could reach, estimated from the agreement between repeated presentations of the test story.</dd>\
         <dt>FDR</dt><dd>False discovery rate: the expected fraction of false positives among the significant voxels.</dd>\
         <dt>α</dt><dd>Regularisation strength: the penalty on the squared weights is α². scikit-learn's and himalaya's alpha is α².</dd>\
         <dt>Scan</dt><dd>One fMRI volume, acquired every repetition time (TR).</dd></dl>\n",
    );
}

/// Removes the Markdown markup of a line; backslash-escaped characters are kept literally.
fn plain(line: &str) -> String {
    let (mut text, mut letters) = (String::new(), line.chars());
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => text.extend(letters.next()),
            '`' => {}
            _ => text.push(letter),
        }
    }
    text
}

/// Converts the methods' Markdown to HTML: headings, paragraphs, lists and emphasised names.
fn paragraphs(markdown: &str) -> String {
    let mut page = String::new();
    for line in markdown
        .lines()
        .filter(|line| !line.is_empty() && *line != "# Methods")
    {
        let slanted = |text: &str| {
            let mut parts = escaped(text);
            while let Some((before, rest)) = parts.clone().split_once('*') {
                let Some((inner, after)) = rest.split_once('*') else {
                    break;
                };
                parts = format!("{before}<i>{inner}</i>{after}");
            }
            parts
        };
        if let Some(heading) = line.strip_prefix("## ") {
            let _ = writeln!(page, "<h3>{}</h3>", escaped(heading));
        } else if let Some(item) = line.strip_prefix("- ") {
            let _ = writeln!(page, "<p>{}</p>", slanted(item));
        } else {
            let _ = writeln!(page, "<p>{}</p>", escaped(&plain(line)));
        }
    }
    page
}

fn provenance(page: &mut String, report: &EncodeReport) {
    let info = report.info;
    let _ = write!(
        page,
        "<h2>Provenance</h2>\n<p>Heschl {}, {} to {}. To reproduce it, run recipe.toml next to this page.</p>\n<table>\n<tr><th>File</th>\
         <th>SHA-256</th></tr>\n",
        escaped(&info.heschl),
        escaped(&info.started),
        escaped(&info.finished)
    );
    for file in &info.inputs {
        let _ = writeln!(
            page,
            "<tr><td><code>{}</code></td><td><code>{}</code></td></tr>",
            escaped(&file.file),
            escaped(&file.sha256)
        );
    }
    page.push_str("</table>\n");
}
