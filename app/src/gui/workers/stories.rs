//! The stories of a folder, and what their headers say.

use std::path::{Path, PathBuf};

use heschl_core::run::progress::CancelToken;
use heschl_core::speech::audio::{self, RecordingInfo};
use heschl_core::speech::stimuli::{self, Depth, StimuliError};

use super::{Replies, Waker, Worker};
use crate::gui::info::{Info, StoryInfo};
use crate::gui::loading::Loading;

/// Which folder is asked for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Request {
    pub(super) folder: PathBuf,
    pub(super) recursive: bool,
}

/// What was found.
pub(super) enum Reply {
    /// The stories, their headers still unread.
    Listed(Result<Vec<StoryInfo>, Refusal>),
    /// The headers of stories, by their place in the list.
    Headers(Vec<(usize, Result<RecordingInfo, String>)>),
}

/// Why a folder has no stories.
pub(super) struct Refusal {
    sentence: String,
    is_only_in_subfolders: bool,
}

/// Headers that are told together.
const HEADERS_AT_ONCE: usize = 16;

pub(super) fn open(waker: &Waker) -> Worker<Request, Reply> {
    Worker::open("stories", waker, reply)
}

fn reply(request: Request, cancel: &CancelToken, out: &Replies<Reply>) {
    let depth = if request.recursive {
        Depth::Recursive
    } else {
        Depth::TopLevel
    };
    let found = match stimuli::find_stimuli(&request.folder, depth) {
        Ok(found) => found,
        Err(error) => {
            return out.give(Reply::Listed(Err(Refusal {
                sentence: error.to_string(),
                is_only_in_subfolders: matches!(error, StimuliError::OnlyInSubfolders { .. }),
            })));
        }
    };
    let listed = found.iter().map(|stimulus| StoryInfo {
        story: stimulus.story.clone(),
        path: stimulus.path.clone(),
        header: stimuli::name_problem(stimulus).map(Err),
        is_listed: true,
    });
    let mut all: Vec<StoryInfo> = listed.collect();
    all.extend(never_read(&request.folder));
    out.give(Reply::Listed(Ok(all)));
    let mut headers = vec![];
    for (at, stimulus) in found.iter().enumerate() {
        if cancel.is_cancelled() {
            return;
        }
        if stimuli::name_problem(stimulus).is_none() {
            let header = audio::probe(&stimulus.path);
            headers.push((at, header.map_err(|error| error.to_string())));
        }
        if headers.len() == HEADERS_AT_ONCE || at + 1 == found.len() {
            out.give(Reply::Headers(std::mem::take(&mut headers)));
        }
    }
}

/// Endings of sound and video that is not read, and what it is.
const NEVER_READ: [(&str, &str); 14] = [
    ("opus", "Opus"),
    ("wma", "Windows Media Audio"),
    ("amr", "AMR"),
    ("ape", "Monkey's Audio"),
    ("wv", "WavPack"),
    ("ac3", "AC-3"),
    ("dts", "DTS"),
    ("webm", "WebM"),
    ("mkv", "Matroska"),
    ("mov", "a QuickTime film"),
    ("mp4", "an MP4 film"),
    ("avi", "an AVI film"),
    ("spx", "Speex"),
    ("mpc", "Musepack"),
];

/// Files of a folder that are sound and of a kind that is not read: a listener's recording must not go missing without a word.
fn never_read(folder: &Path) -> Vec<StoryInfo> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    files.sort();
    let of = |path: PathBuf| {
        let name = path.file_name()?.to_string_lossy().into_owned();
        let ending = path.extension()?.to_string_lossy().to_lowercase();
        let is_read = stimuli::EXTENSIONS.contains(&ending.as_str());
        let (_, kind) = NEVER_READ.iter().find(|(known, _)| *known == ending)?;
        (!is_read && !name.starts_with('.')).then(|| StoryInfo {
            header: Some(Err(format!(
                "Not read: {kind}. Convert it to FLAC or WAV, for instance: ffmpeg -i recording.{ending} recording.flac"
            ))),
            story: name,
            path,
            is_listed: false,
        })
    };
    files.into_iter().filter_map(of).collect()
}

/// Takes a reply into the info.
pub(super) fn take(reply: Reply, info: &mut Info) {
    match reply {
        Reply::Listed(Ok(listed)) => info.stories = Loading::Ready(listed),
        Reply::Listed(Err(refusal)) => {
            info.stories = Loading::Failed(refusal.sentence);
            info.is_only_in_subfolders = refusal.is_only_in_subfolders;
        }
        Reply::Headers(headers) => {
            if let Loading::Ready(stories) = &mut info.stories {
                for (at, header) in headers {
                    if let Some(story) = stories.get_mut(at) {
                        story.header = Some(header);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sound_that_is_never_read_is_listed_with_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a.opus", "b.WMA", "c.wav", "d.txt", ".e.opus"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let found = never_read(folder.path());
        let names: Vec<&str> = found.iter().map(|story| story.story.as_str()).collect();
        assert_eq!(names, ["a.opus", "b.WMA"]);
        for story in &found {
            assert!(!story.is_readable());
            let Some(Err(sentence)) = &story.header else {
                panic!("it is read");
            };
            assert!(sentence.contains("ffmpeg -i"), "{sentence}");
        }
    }

    #[test]
    fn a_name_that_no_file_of_results_can_have_is_told_before_anything_runs() {
        let folder = tempfile::tempdir().unwrap();
        let recording = crate::RECORDING;
        for name in ["short".to_owned(), "a".repeat(245)] {
            std::fs::write(folder.path().join(format!("{name}.wav")), recording).unwrap();
        }
        let waker: Waker = std::sync::Arc::new(|| ());
        let mut worker = open(&waker);
        worker.ask(Request {
            folder: folder.path().to_path_buf(),
            recursive: false,
        });
        worker.finish();
        let mut info = Info::default();
        worker.replies().for_each(|reply| take(reply, &mut info));
        let readable: Vec<(usize, bool)> = info
            .stories
            .ready()
            .unwrap()
            .iter()
            .map(|story| (story.story.len(), story.is_readable()))
            .collect();
        assert_eq!(readable, [(245, false), (5, true)]);
    }
}
