//! Which files of a folder are stories, and what is said when there are none.

use std::fs;

use heschl_core::speech::stimuli::{
    Depth, StimuliError, Stimulus, choose, find_stimuli, name_problem,
};
use tempfile::TempDir;

/// A folder with empty files of these names, sub-folders included.
fn folder_with(names: &[&str]) -> TempDir {
    let folder = TempDir::new().unwrap();
    for name in names {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, b"").unwrap();
    }
    folder
}

/// Stories and file names found must be these, in this order.
fn check(names: &[&str], depth: Depth, expected: &[(&str, &str)]) {
    let folder = folder_with(names);
    let found = find_stimuli(folder.path(), depth).unwrap();
    let expected: Vec<_> = expected
        .iter()
        .map(|(story, name)| Stimulus {
            story: (*story).into(),
            path: folder.path().join(name),
        })
        .collect();
    assert_eq!(found, expected);
}

fn check_error(names: &[&str], depth: Depth, expected: &str) {
    let folder = folder_with(names);
    let message = find_stimuli(folder.path(), depth).unwrap_err().to_string();
    assert!(
        message.contains(expected),
        "{expected:?} is not in {message:?}"
    );
    let last_line = format!("\nFolder: {}", folder.path().display());
    assert!(message.ends_with(&last_line), "{message:?}");
}

#[test]
fn stories_come_in_alphabetical_order_whatever_their_format() {
    check(
        &[
            "soul.wav",
            "alternate.FLAC",
            "exorcism.Mp3",
            "life.ogg",
            "buck.oga",
            "tom.m4a",
        ],
        Depth::TopLevel,
        &[
            ("alternate", "alternate.FLAC"),
            ("buck", "buck.oga"),
            ("exorcism", "exorcism.Mp3"),
            ("life", "life.ogg"),
            ("soul", "soul.wav"),
            ("tom", "tom.m4a"),
        ],
    );
}

#[test]
fn of_one_story_the_flac_counts_then_the_wav() {
    check(
        &[
            "a.wav", "a.flac", "a.mp3", "b.mp3", "b.wav", "c.mp3", "c.ogg",
        ],
        Depth::TopLevel,
        &[("a", "a.flac"), ("b", "b.wav"), ("c", "c.ogg")],
    );
}

#[test]
fn hidden_files_and_other_files_do_not_count() {
    check(
        &[
            ".a.wav",
            "._b.wav",
            "b.wav",
            "b.TextGrid",
            "notes.txt",
            "wav",
            ".cache/c.wav",
        ],
        Depth::Recursive,
        &[("b", "b.wav")],
    );
}

#[test]
fn names_keep_their_inner_dots() {
    check(
        &["my.story.v2.wav"],
        Depth::TopLevel,
        &[("my.story.v2", "my.story.v2.wav")],
    );
}

#[test]
fn sub_folders_count_when_asked_for() {
    let names = ["b.wav", "x/a.wav", "x/y/a.flac", "x/y/a.wav"];
    check(&names, Depth::TopLevel, &[("b", "b.wav")]);
    check(
        &names,
        Depth::Recursive,
        &[("b", "b.wav"), ("x/a", "x/a.wav"), ("x/y/a", "x/y/a.flac")],
    );
}

#[test]
fn a_folder_without_recordings_says_what_is_looked_for() {
    check_error(&["notes.txt"], Depth::TopLevel, ".flac, .wav");
    check_error(
        &["notes.txt", "x/notes.txt"],
        Depth::Recursive,
        "No recordings",
    );
    check_error(&["x/y/a.wav"], Depth::TopLevel, "Include subfolders");
    check_error(&["a.opus"], Depth::TopLevel, "Opus");
}

#[test]
fn what_is_no_folder_is_said_so() {
    let folder = folder_with(&["a.wav"]);
    let none = find_stimuli(&folder.path().join("none"), Depth::TopLevel);
    assert!(matches!(none, Err(StimuliError::NoSuchFolder { .. })));
    let file = find_stimuli(&folder.path().join("a.wav"), Depth::TopLevel);
    assert!(matches!(file, Err(StimuliError::NotAFolder { .. })));
}

#[cfg(unix)]
#[test]
fn links_in_a_circle_end_and_unfetched_files_still_count() {
    let folder = folder_with(&["x/a.wav"]);
    std::os::unix::fs::symlink(folder.path(), folder.path().join("x/again")).unwrap();
    std::os::unix::fs::symlink("not/there", folder.path().join("b.wav")).unwrap();
    let found = find_stimuli(folder.path(), Depth::Recursive).unwrap();
    let stories: Vec<_> = found
        .iter()
        .map(|stimulus| stimulus.story.as_str())
        .collect();
    assert_eq!(stories, ["b", "x/a"]);
}

#[test]
fn stories_are_chosen_by_name() {
    let folder = folder_with(&["soul.wav", "life.wav", "wheretheressmoke.wav", "tom.wav"]);
    let all = find_stimuli(folder.path(), Depth::TopLevel).unwrap();
    assert_eq!(choose(all.clone(), &[]).unwrap(), all);
    let two = choose(all.clone(), &["tom".into(), "life".into()]).unwrap();
    assert_eq!(two, [all[0].clone(), all[2].clone()]);
    let error = choose(all, &["whereTheresSmok".into()]).unwrap_err();
    let expected = "There is no story \"whereTheresSmok\". Did you mean \"wheretheressmoke\" or ";
    assert!(error.to_string().starts_with(expected), "{error}");
}

#[test]
fn names_that_no_feature_file_can_have_are_known_before() {
    let problem = |name: &str| {
        name_problem(&Stimulus {
            story: name.into(),
            path: format!("/stories/{name}.wav").into(),
        })
    };
    assert_eq!(problem("where there’s smoke"), None);
    assert_eq!(problem(&"ü".repeat(116)), None);
    assert!(problem(&"a".repeat(233)).unwrap().contains("233 bytes"));
    assert!(problem("a\nb").unwrap().contains("control character"));
}

#[cfg(unix)]
#[test]
fn names_that_are_not_utf_8_stay_apart_and_are_told() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;
    let folder = folder_with(&["alpha.wav"]);
    for name in [b"caf\xe9.wav", b"caf\xe8.wav"] {
        fs::write(folder.path().join(OsStr::from_bytes(name)), b"").unwrap();
    }
    let found = find_stimuli(folder.path(), Depth::TopLevel).unwrap();
    let names: Vec<&str> = found
        .iter()
        .map(|stimulus| stimulus.story.as_str())
        .collect();
    assert_eq!(names, ["alpha", "caf\\xe8", "caf\\xe9"]);
    assert_eq!(name_problem(&found[0]), None);
    for odd in &found[1..] {
        assert!(name_problem(odd).unwrap().contains("not UTF-8"));
    }
}
