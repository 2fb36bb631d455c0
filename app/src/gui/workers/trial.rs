//! How fast the study's model runs here, and in how much memory: tried in a child process, as a job would run.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::thread::JoinHandle;
use std::time::Duration;

use heschl_core::files::disk;
use heschl_core::run::progress::{CancelToken, Event};
use heschl_core::run::recipe::{ExtractRecipe, RecipeFile};

use super::{Replies, Waker, Worker};
use crate::gui::info::Trial;
use crate::gui::loading::Loading;
use crate::own_program;

/// What is tried: only what changes the speed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Request {
    pub(crate) recipe: ExtractRecipe,
    pub(crate) runtime: Option<PathBuf>,
}

pub(super) type Reply = Loading<Trial>;

/// A form that is being changed is not tried yet.
const STILL_FOR: Duration = Duration::from_millis(700);
const LOOK_EVERY: Duration = Duration::from_millis(20);

pub(super) fn open(waker: &Waker) -> Worker<Request, Reply> {
    Worker::open(
        "trial",
        waker,
        |request: Request, cancel: &CancelToken, out: &Replies<Reply>| {
            if !stays_still(cancel) {
                return;
            }
            let reply = try_out(&request, cancel);
            if !cancel.is_cancelled() {
                out.give(reply.map_or_else(Loading::Failed, Loading::Ready));
            }
        },
    )
}

/// Waits a moment; false if something else was asked meanwhile.
pub(super) fn stays_still(cancel: &CancelToken) -> bool {
    let begun = std::time::Instant::now();
    while begun.elapsed() < STILL_FOR {
        if cancel.is_cancelled() {
            return false;
        }
        std::thread::sleep(LOOK_EVERY);
    }
    true
}

fn try_out(request: &Request, cancel: &CancelToken) -> Result<Trial, String> {
    let file = RecipeFile {
        extract: request.recipe.clone(),
        run: None,
    };
    let mut words = vec!["run".into()];
    if let Some(runtime) = &request.runtime {
        words.push("--runtime".into());
        words.push(runtime.display().to_string());
    }
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let events = ask_child(&file.to_toml()?, &words, cancel)?;
    let found = events.iter().find_map(trial_of);
    found.ok_or_else(|| "The encoder could not be benchmarked.".into())
}

/// The events of a dry run of a recipe in a child process; `words` are the command and what else it is to know.
///
/// # Errors
/// The child's error message, if it failed.
pub(super) fn ask_child(
    recipe: &str,
    words: &[&str],
    cancel: &CancelToken,
) -> Result<Vec<Event>, String> {
    let cannot = |error: std::io::Error| format!("The benchmark could not be started ({error}).");
    let folder = tempfile::tempdir().map_err(cannot)?;
    let path = folder.path().join("recipe.toml");
    disk::write_atomically(&path, recipe.as_bytes()).map_err(cannot)?;
    let mut command = own_program::command().map_err(cannot)?;
    command
        .args(words)
        .arg(&path)
        .args(["--dry-run", "--events", "json"]);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let child = command.spawn().map_err(cannot)?;
    let (lines, _, is_good) = read_output(child, cancel).map_err(cannot)?;
    let parsed = lines.iter().map(|line| serde_json::from_str::<Event>(line));
    let events: Vec<Event> = parsed.filter_map(Result::ok).collect();
    if is_good {
        return Ok(events);
    }
    let failed = events.into_iter().find_map(|event| match event {
        Event::Failed { message, .. } => Some(message),
        _ => None,
    });
    Err(failed.unwrap_or_else(|| "The benchmark failed.".into()))
}

/// What a child says and complains of, read while it runs: one whose words nobody takes waits for ever once the pipe is full.
fn read_output(
    mut child: Child,
    cancel: &CancelToken,
) -> std::io::Result<(Vec<String>, Vec<String>, bool)> {
    let said = lines_of(child.stdout.take());
    let error_message = lines_of(child.stderr.take());
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if cancel.is_cancelled() {
            let _ = child.kill();
        }
        std::thread::sleep(LOOK_EVERY);
    };
    let lines = |reader: JoinHandle<Vec<String>>| reader.join().unwrap_or_default();
    Ok((lines(said), lines(error_message), status.success()))
}

/// Reads all lines of a stream on a thread of its own.
fn lines_of(stream: Option<impl std::io::Read + Send + 'static>) -> JoinHandle<Vec<String>> {
    std::thread::spawn(move || {
        let lines = stream
            .into_iter()
            .flat_map(|stream| BufReader::new(stream).split(b'\n'));
        let text = |line: Vec<u8>| String::from_utf8_lossy(&line).trim_end().to_owned();
        lines.map_while(Result::ok).map(text).collect()
    })
}

/// The trial's figures, if the event has them.
fn trial_of(event: &Event) -> Option<Trial> {
    let Event::Forecast(forecast) = event else {
        return None;
    };
    Some(Trial {
        windows_per_sec: forecast.windows_per_sec?,
        memory_bytes: forecast.memory_bytes,
        free_bytes: forecast.free_bytes,
    })
}

#[cfg(all(test, unix))]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_child_that_says_more_than_a_pipe_holds_is_heard_to_its_end() {
        // Some 400 warnings of 600 letters: several times what a pipe holds.
        let script =
            "for n in $(seq 400); do printf '%0600d\\n' $n; printf '%0600d\\n' $n >&2; done";
        let child = Command::new("sh")
            .args(["-c", script])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (said, error_message, is_good) = read_output(child, &CancelToken::default()).unwrap();
        assert_eq!((said.len(), error_message.len(), is_good), (400, 400, true));
        assert!(said[399].ends_with("0400") && said[399].len() == 600);
    }

    #[test]
    fn a_child_that_nobody_waits_for_any_more_is_ended() {
        let child = Command::new("sleep").arg("600").spawn().unwrap();
        let cancel = CancelToken::default();
        cancel.cancel();
        let (.., is_good) = read_output(child, &cancel).unwrap();
        assert!(!is_good);
    }
}
