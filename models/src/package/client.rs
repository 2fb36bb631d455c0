//! The user's own pip, run as a child process.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use heschl_core::files::disk::DiskFile;

use super::{Package, PackageError, at};
use crate::download::Watch;
use crate::folders::Surroundings;

/// Downloads the package's archive into `folder` with the first client that works.
pub(super) fn fetch(
    around: &Surroundings,
    package: &Package,
    folder: &Path,
    watch: &mut Watch,
) -> Result<(), PackageError> {
    let title = format!("{} {}", package.name, package.version);
    let mut failure = PackageError::NoClient {
        package: title.clone(),
    };
    for client in clients(around) {
        match run(around, &client, package, folder, watch)? {
            Ended::Well => return Ok(()),
            Ended::NotAClient => {}
            Ended::Badly { last_lines } => {
                failure = PackageError::Client {
                    package: title.clone(),
                    last_lines,
                };
            }
        }
    }
    Err(failure)
}

/// Command lines of the clients, in the order they are tried.
fn clients(around: &Surroundings) -> Vec<Vec<PathBuf>> {
    let module = |python: &str| {
        let program = around.program(python)?;
        // Isolated mode ignores the working folder and PYTHONPATH, where a data set may have its own pip.
        Some(vec![program, "-I".into(), "-m".into(), "pip".into()])
    };
    let direct = |name: &str| Some(vec![around.program(name)?]);
    [
        module("python3"),
        module("python"),
        direct("pip"),
        direct("pip3"),
    ]
    .into_iter()
    .flatten()
    .collect()
}

enum Ended {
    Well,
    NotAClient,
    Badly { last_lines: String },
}

fn run(
    around: &Surroundings,
    client: &[PathBuf],
    package: &Package,
    folder: &Path,
    watch: &mut Watch,
) -> Result<Ended, PackageError> {
    let log_path = folder.join("client.log");
    let log = DiskFile::create(&log_path).map_err(at(&log_path))?;
    let Ok(mut child) = command(around, client, package, folder)
        .stderr(log.into_file())
        .spawn()
    else {
        return Ok(Ended::NotAClient);
    };
    let status = wait(&mut child, watch, &client[0])?;
    let log = fs::read(&log_path).unwrap_or_default();
    let log = String::from_utf8_lossy(&log);
    Ok(match () {
        () if status.success() => Ended::Well,
        () if log.contains("No module named pip") => Ended::NotAClient,
        () => Ended::Badly {
            last_lines: last_lines(&log),
        },
    })
}

fn command(around: &Surroundings, client: &[PathBuf], package: &Package, folder: &Path) -> Command {
    let mut command = Command::new(&client[0]);
    command
        .args(&client[1..])
        .args([
            "download",
            "--quiet",
            "--no-deps",
            "--only-binary=:all:",
            "--no-input",
        ])
        .args(["--disable-pip-version-check", "--dest"])
        .arg(folder)
        .args(
            package
                .platform
                .iter()
                .flat_map(|platform| for_platform(platform)),
        )
        .arg(format!("{}=={}", package.name, package.version));
    keep_to_itself(&mut command, around, folder);
    command
}

/// Isolates a client from the working folder and the environment, so that it loads only its own modules.
///
/// * `folder`: absolute path to which the client writes.
fn keep_to_itself(command: &mut Command, around: &Surroundings, folder: &Path) {
    command
        .env_clear()
        .envs(&around.variables)
        .env_remove("PYTHONPATH")
        .env("PYTHONSAFEPATH", "1")
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null());
}

/// Starts every available client and has it print its version.
#[cfg(test)]
pub(crate) fn start_all(around: &Surroundings, folder: &Path) {
    for client in clients(around) {
        let mut command = Command::new(&client[0]);
        command.args(&client[1..]).arg("--version");
        keep_to_itself(&mut command, around, folder);
        command.status().unwrap();
    }
}

/// Waits for the client to end, and kills it on cancellation.
fn wait(child: &mut Child, watch: &Watch, program: &Path) -> Result<ExitStatus, PackageError> {
    loop {
        if let Some(status) = child.try_wait().map_err(at(program))? {
            return Ok(status);
        }
        if (watch.cancelled)() {
            // It may have ended by itself meanwhile; it is waited for either way.
            let _ = child.kill();
            let _ = child.wait();
            return Err(PackageError::Cancelled);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Requests archives for Python 3.12, whichever Python runs the client.
fn for_platform(platform: &str) -> [&str; 8] {
    let [python, version] = ["--python-version", "3.12"];
    let [implementation, cp] = ["--implementation", "cp"];
    [
        "--platform",
        platform,
        python,
        version,
        implementation,
        cp,
        "--abi",
        "cp312",
    ]
}

fn last_lines(log: &str) -> String {
    let lines: Vec<&str> = log.lines().filter(|line| !line.trim().is_empty()).collect();
    let start = lines.len().saturating_sub(4);
    if lines.is_empty() {
        return "(it wrote none)".to_owned();
    }
    lines[start..].join("\n")
}
