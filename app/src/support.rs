//! What a person who helps needs to know: versions, machine, devices, the last job. No data.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use heschl_core::run::pipeline::now;
use sysinfo::System;

use crate::own_program;

/// Number of last lines of a log that are kept.
const MAX_LOG_LINES: usize = 300;

/// Returns the report as text. The user's home folder is written as `~`.
///
/// * `jobs`: the folder of the jobs.
#[must_use]
pub(crate) fn report(jobs: &Path, home: Option<&Path>) -> String {
    let mut text = format!(
        "Heschl {}\nWritten: {}\n\n{}",
        env!("CARGO_PKG_VERSION"),
        now(),
        machine()
    );
    // Writing to a string does not fail.
    let _ = write!(text, "\nDevices\n{}\n", devices());
    match last_job(jobs) {
        None => text.push_str("\nNo job was run.\n"),
        Some(folder) => text.push_str(&of_job(&folder)),
    }
    match home.and_then(Path::to_str) {
        Some(home) if home.len() > 1 => text.replace(home, "~"),
        _ => text,
    }
}

/// System, processor and memory.
fn machine() -> String {
    let mut text = format!(
        "System: {}\nKernel: {}\n",
        System::long_os_version().unwrap_or_else(|_| std::env::consts::OS.into()),
        System::kernel_version().unwrap_or_default(),
    );
    if let Ok(system) = System::new_all() {
        let brand = system.cpus().first().map_or("unknown", |cpu| cpu.brand());
        let _ = writeln!(
            text,
            "Processor: {} ({} threads)\nMemory: {} MB, {} MB free",
            brand.trim(),
            system.cpus().len(),
            system.total_memory() >> 20,
            system.available_memory() >> 20,
        );
    }
    text
}

/// What `heschl devices` says.
fn devices() -> String {
    let output = own_program::command().and_then(|mut command| command.arg("devices").output());
    match output {
        Ok(output) => {
            let said = [output.stdout, output.stderr].concat();
            String::from_utf8_lossy(&said).trim_end().to_string()
        }
        Err(error) => format!("cannot be listed: {error}"),
    }
}

/// The folder of the job that was changed last.
fn last_job(jobs: &Path) -> Option<PathBuf> {
    let folders = fs::read_dir(jobs).ok()?.flatten().map(|entry| entry.path());
    let changed = |folder: &PathBuf| fs::metadata(folder.join("log.txt"))?.modified();
    folders
        .filter(|folder| folder.is_dir())
        .max_by_key(|folder| changed(folder).ok())
}

/// A job's recipe, its end, and the last lines of its log.
fn of_job(folder: &Path) -> String {
    let mut text = format!("\nLast job: {}\n", folder.display());
    for (title, file) in [
        ("Job", "job.toml"),
        ("Recipe", "recipe.toml"),
        ("End", "ended.txt"),
        ("Log", "log.txt"),
    ] {
        let bytes = fs::read(folder.join(file)).unwrap_or_default();
        let content = String::from_utf8_lossy(&bytes);
        let lines: Vec<&str> = content.lines().collect();
        let kept = &lines[lines.len().saturating_sub(MAX_LOG_LINES)..];
        let _ = write!(text, "\n--- {title} ({file})\n{}\n", kept.join("\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_has_versions_and_the_last_job_and_no_home() {
        let folder = tempfile::tempdir().unwrap();
        let text = report(folder.path(), None);
        assert!(text.starts_with(&format!("Heschl {}\n", env!("CARGO_PKG_VERSION"))));
        assert!(text.contains("No job was run."), "{text}");
        for (name, log) in [("1", "the first"), ("2", "line\nthe second")] {
            let job = folder.path().join(name);
            fs::create_dir(&job).unwrap();
            fs::write(job.join("log.txt"), log).unwrap();
            std::fs::File::open(job.join("log.txt"))
                .unwrap()
                .set_modified(
                    std::time::UNIX_EPOCH + std::time::Duration::from_secs(log.len() as u64),
                )
                .unwrap();
        }
        fs::write(folder.path().join("2/ended.txt"), "1\nIt failed.").unwrap();
        let text = report(folder.path(), Some(folder.path()));
        assert!(text.contains("Last job: ~/2"), "{text}");
        assert!(
            text.contains("the second") && !text.contains("the first"),
            "{text}"
        );
        assert!(text.contains("It failed."), "{text}");
        assert!(!text.contains(folder.path().to_str().unwrap()), "{text}");
    }
}
