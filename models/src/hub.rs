//! The Hugging Face Hub: URLs, access token, and the cache shared with other programs.

use std::path::{Path, PathBuf};

use crate::catalogue::{CONFIG_FILE, Entry, WEIGHT_FILES};
use crate::download::{Arrived, DownloadError, Limits, Request, Watch, download};
use crate::folders::Surroundings;

/// The default branch.
const NEWEST: &str = "main";
/// Hexadecimal digits of a SHA-256.
const HASH_DIGITS: usize = 64;

/// Connection settings of the Hub, and its local cache.
#[derive(Clone)]
pub struct Hub {
    endpoint: String,
    token: Option<String>,
    offline: bool,
    cache: Option<PathBuf>,
}

/// A file on the Hub.
#[derive(Debug, Clone, Copy)]
pub struct HubFile<'a> {
    /// Repository, e.g. `openai/whisper-tiny`.
    pub repository: &'a str,
    /// Branch or commit.
    pub revision: &'a str,
    /// Name in the repository.
    pub name: &'a str,
    /// Expected SHA-256 in hexadecimal, if known.
    pub sha256: Option<&'a str>,
}

impl Hub {
    /// Reads `HF_ENDPOINT`, `HF_TOKEN`, `HF_HUB_OFFLINE`, `HF_HUB_CACHE` and `HF_HOME`.
    #[must_use]
    pub fn new(around: &Surroundings) -> Self {
        let endpoint = around
            .text("HF_ENDPOINT")
            .unwrap_or("https://huggingface.co");
        Self {
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            token: around.text("HF_TOKEN").map(str::to_owned),
            offline: around.says_yes("HF_HUB_OFFLINE"),
            cache: cache_folder(around),
        }
    }

    /// Whether network access is disabled by the user.
    #[must_use]
    pub fn is_offline(&self) -> bool {
        self.offline
    }

    /// Returns the URL of a file.
    #[must_use]
    pub fn address(&self, file: &HubFile) -> String {
        let HubFile {
            repository,
            revision,
            name,
            ..
        } = file;
        format!("{}/{repository}/resolve/{revision}/{name}", self.endpoint)
    }

    /// Downloads a file to `destination`, in an existing folder.
    ///
    /// # Errors
    /// Returns [`DownloadError::Offline`] if network access is disabled, else the errors of [`download`].
    pub fn fetch(
        &self,
        file: &HubFile,
        destination: &Path,
        limits: &Limits,
        watch: &mut Watch,
    ) -> Result<Arrived, DownloadError> {
        let url = self.address(file);
        if self.offline {
            return Err(DownloadError::Offline { url });
        }
        let request = Request {
            url: &url,
            token: self.token.as_deref(),
            destination,
            bytes: None,
            sha256: file.sha256,
        };
        download(&request, limits, watch)
    }

    /// Returns the cached snapshot folder of a revision, if there is one. Nothing is written there.
    #[must_use]
    pub fn cached_snapshot(&self, repository: &str, revision: &str) -> Option<PathBuf> {
        let folder_name = format!("models--{}", repository.replace('/', "--"));
        let folder = self.cache.as_ref()?.join(folder_name);
        let commit = std::fs::read_to_string(folder.join("refs").join(revision)).ok();
        let commit = commit.as_deref().map_or(revision, str::trim);
        // A commit is a single path component; anything else would leave the cache.
        let is_one_name = !commit.is_empty() && !commit.contains(['/', '\\']) && commit != "..";
        let snapshot = folder.join("snapshots").join(commit);
        (is_one_name && snapshot.is_dir()).then_some(snapshot)
    }

    /// Returns the cached snapshots of a model that have configuration and weights: that of the catalogue's commit, and the
    /// one that other programs fetched last.
    #[must_use]
    pub fn cached_models(&self, entry: &Entry) -> Vec<PathBuf> {
        let snapshot = |revision| self.cached_snapshot(entry.repository, revision);
        let mut snapshots: Vec<PathBuf> = [snapshot(entry.revision), snapshot(NEWEST)]
            .into_iter()
            .flatten()
            .collect();
        snapshots.dedup();
        snapshots.retain(|snapshot| {
            let has = |name: &str| snapshot.join(name).is_file();
            has(CONFIG_FILE) && WEIGHT_FILES.into_iter().any(has) && !denies_hash(snapshot, entry)
        });
        snapshots
    }
}

/// Whether the cache's file names, which are the hashes of large files, show that the weights differ from the catalogue's.
fn denies_hash(snapshot: &Path, entry: &Entry) -> bool {
    let stored = snapshot.join(entry.weights.file).canonicalize().ok();
    let stored_name = stored
        .as_ref()
        .and_then(|path| path.file_name()?.to_str())
        .filter(|name| name.len() == HASH_DIGITS && name.bytes().all(|b| b.is_ascii_hexdigit()));
    matches!((stored_name, entry.weights.sha256), (Some(found), Some(known)) if found != known)
}

fn cache_folder(around: &Surroundings) -> Option<PathBuf> {
    let own = around.path("HF_HUB_CACHE");
    let of_home = || Some(around.path("HF_HOME")?.join("hub"));
    let of_cache = || Some(around.path("XDG_CACHE_HOME")?.join("huggingface/hub"));
    let of_user = || Some(around.home.as_ref()?.join(".cache/huggingface/hub"));
    own.or_else(of_home).or_else(of_cache).or_else(of_user)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::catalogue;

    fn around(pairs: &[(&str, &Path)], home: &Path) -> Surroundings {
        Surroundings {
            variables: pairs
                .iter()
                .map(|(n, p)| ((*n).to_owned(), (*p).into()))
                .collect(),
            home: Some(home.to_owned()),
            ..Surroundings::default()
        }
    }

    fn make_snapshot(cache: &Path, files: &[&str]) -> PathBuf {
        let repository = cache.join("models--openai--whisper-tiny");
        let snapshot = repository.join("snapshots/0123abcd");
        fs::create_dir_all(&snapshot).unwrap();
        fs::create_dir_all(repository.join("refs")).unwrap();
        fs::write(repository.join("refs/main"), "0123abcd\n").unwrap();
        for name in files {
            fs::write(snapshot.join(name), "x").unwrap();
        }
        snapshot
    }

    #[test]
    fn an_existing_cache_is_found_where_its_variables_point() {
        let whole = ["config.json", "model.safetensors"];
        let entry = catalogue::find("whisper-tiny").unwrap();
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        let cases: [(&str, &str); 4] = [
            ("HF_HUB_CACHE", ""),
            ("HF_HOME", "hub"),
            ("XDG_CACHE_HOME", "huggingface/hub"),
            ("", ".cache/huggingface/hub"),
        ];
        for (variable, below) in cases {
            let base = root.join(format!("base-{variable}"));
            let snapshot = make_snapshot(&base.join(below), &whole);
            let around = around(&[(variable, &base)], &base);
            assert_eq!(
                Hub::new(&around).cached_models(entry),
                [snapshot],
                "{variable}"
            );
        }
    }

    #[test]
    fn a_cache_without_weights_or_with_a_strange_reference_has_no_model() {
        let entry = catalogue::find("whisper-tiny").unwrap();
        let root = tempfile::tempdir().unwrap();
        let snapshot = make_snapshot(root.path(), &["config.json"]);
        let hub = Hub::new(&around(&[("HF_HUB_CACHE", root.path())], root.path()));
        assert_eq!(hub.cached_models(entry), [] as [PathBuf; 0]);
        fs::write(snapshot.join("pytorch_model.bin"), "x").unwrap();
        assert_eq!(hub.cached_models(entry).len(), 1);
        let reference = root.path().join("models--openai--whisper-tiny/refs/main");
        fs::write(reference, "../../..").unwrap();
        assert_eq!(hub.cached_models(entry), [] as [PathBuf; 0]);
    }

    #[cfg(unix)]
    #[test]
    fn a_cache_whose_own_names_say_that_the_weights_are_others_is_passed_over() {
        let entry = catalogue::find("whisper-tiny").unwrap();
        let root = tempfile::tempdir().unwrap();
        let snapshot = make_snapshot(root.path(), &["config.json"]);
        let hub = Hub::new(&around(&[("HF_HUB_CACHE", root.path())], root.path()));
        let known = entry.weights.sha256.unwrap();
        for (hash, n_found) in [(known, 1), (&known.replace('7', "8"), 0)] {
            let blob = root.path().join(hash);
            fs::write(&blob, "x").unwrap();
            let link = snapshot.join("model.safetensors");
            let _ = fs::remove_file(&link);
            std::os::unix::fs::symlink(&blob, &link).unwrap();
            assert_eq!(hub.cached_models(entry).len(), n_found, "{hash}");
        }
    }

    #[test]
    fn offline_no_address_is_asked() {
        let root = tempfile::tempdir().unwrap();
        let hub = Hub::new(&around(
            &[("HF_HUB_OFFLINE", Path::new("TRUE"))],
            root.path(),
        ));
        let file = HubFile {
            repository: "a/b",
            revision: "main",
            name: "config.json",
            sha256: None,
        };
        let mut watch = Watch {
            progress: &mut |_, _| {},
            cancelled: &|| false,
        };
        let result = hub.fetch(
            &file,
            &root.path().join("c"),
            &Limits::default(),
            &mut watch,
        );
        let error = result.unwrap_err().to_string();
        assert!(
            error.contains("HF_HUB_OFFLINE") && error.ends_with("/a/b/resolve/main/config.json")
        );
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 0);
    }
}
