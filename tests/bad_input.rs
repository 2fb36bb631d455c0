//! Bad input gets a sentence that says what is wrong and what to do, an exit code that is not 0, and leaves nothing
//! half-written under a final name.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::common::{data, feature_files, heschl, noise, write_wav};

/// A folder with one good story, a model, and room for features.
struct Bench {
    scratch: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let bench = Self {
            scratch: tempfile::tempdir().unwrap(),
        };
        std::fs::create_dir(bench.stories()).unwrap();
        write_wav(&bench.stories().join("good.wav"), &noise(8000, 1));
        bench
    }

    /// The same without the good story.
    fn without_stories() -> Self {
        let bench = Self::new();
        std::fs::remove_file(bench.stories().join("good.wav")).unwrap();
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    fn stories(&self) -> PathBuf {
        self.path("stories")
    }

    fn story(&self, name: &str, content: &[u8]) -> &Self {
        std::fs::write(self.stories().join(name), content).unwrap();
        self
    }

    /// A copy of a good model folder, changed by `change`.
    fn model(&self, change: impl Fn(&Path)) -> PathBuf {
        let model = self.path("model");
        std::fs::create_dir(&model).unwrap();
        for name in [
            "config.json",
            "preprocessor_config.json",
            "model.safetensors",
        ] {
            std::fs::copy(data("whisper-like").join(name), model.join(name)).unwrap();
        }
        change(&model);
        model
    }

    /// An extraction with `arguments`, and with good values for what they leave out.
    fn command(&self, model: &Path, arguments: &[&str]) -> Command {
        let mut command = heschl();
        command
            .arg("extract")
            .arg("--model")
            .arg(model)
            .args(arguments);
        let good = [
            ("--contextsz", PathBuf::from("400")),
            ("--device", PathBuf::from("cpu")),
            ("--out", self.path("out")),
            ("--stimulus-dir", self.stories()),
        ];
        for (flag, value) in good {
            if !arguments.contains(&flag) {
                command.arg(flag).arg(value);
            }
        }
        command
    }

    /// Runs with a good model.
    fn run(&self, arguments: &[&str]) -> Output {
        self.command(&data("whisper-like"), arguments)
            .output()
            .unwrap()
    }

    /// Fails unless the run failed with all of `words` in its sentence and left no features.
    fn check(&self, output: &Output, words: &[&str]) {
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        let code = output.status.code().expect("the program ends by itself");
        assert!(code == 1 || code == 2, "exit code {code}: {told}");
        for word in words {
            assert!(told.contains(word), "no \"{word}\" in: {told}");
        }
        for forbidden in ["panicked", "Error {", "os error 0", "called `"] {
            assert!(!told.contains(forbidden), "{told}");
        }
        eprintln!("{told}");
        let out = self.path("out");
        if out.exists() {
            let features = feature_files(&out);
            assert!(features.is_empty(), "{:?}", features.keys());
        }
    }

    fn check_run(&self, arguments: &[&str], words: &[&str]) {
        self.check(&self.run(arguments), words);
    }

    fn check_model(&self, model: &Path, words: &[&str]) {
        self.check(&self.command(model, &[]).output().unwrap(), words);
    }
}

/// A WAV file of 16-bit silence with any header.
fn wav(rate_hz: u32, channels: u16, n_frames: usize) -> Vec<u8> {
    let spec = hound::WavSpec {
        channels,
        sample_rate: rate_hz,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut file = std::io::Cursor::new(Vec::new());
    let mut writer = hound::WavWriter::new(&mut file, spec).unwrap();
    for i in 0..n_frames * usize::from(channels) {
        writer.write_sample((i % 100) as i16).unwrap();
    }
    writer.finalize().unwrap();
    file.into_inner()
}

#[test]
fn no_such_folder_of_recordings() {
    let bench = Bench::new();
    let missing = bench.path("nowhere").display().to_string();
    bench.check_run(&["--stimulus-dir", &missing], &["no such folder", &missing]);
}

#[test]
fn no_audio_in_the_folder() {
    let bench = Bench::without_stories();
    bench.story("notes.txt", b"hello");
    bench.check_run(&[], &["wav", "flac"]);
}

#[test]
fn only_opus_in_the_folder() {
    let bench = Bench::without_stories();
    bench.story("talk.opus", b"OggS");
    bench.check_run(&[], &["Opus", "FLAC"]);
}

#[test]
fn a_recording_that_is_none() {
    let bench = Bench::without_stories();
    bench.story("a.wav", b"this is no recording, whatever its name says");
    bench.check_run(&[], &["a.wav"]);
}

#[test]
fn an_empty_file() {
    let bench = Bench::without_stories();
    bench.story("a.wav", b"");
    bench.check_run(&[], &["empty", "a.wav"]);
}

#[test]
fn a_recording_without_samples() {
    let bench = Bench::without_stories();
    bench.story("a.wav", &wav(16_000, 1, 0));
    bench.check_run(&[], &["a.wav"]);
}

#[test]
fn a_truncated_wav() {
    let bench = Bench::without_stories();
    let whole = wav(16_000, 1, 16_000);
    bench.story("a.wav", &whole[..whole.len() / 2]);
    bench.check_run(&[], &["a.wav", "cut short"]);
}

#[test]
fn audio_of_another_rate_without_resample() {
    let bench = Bench::without_stories();
    bench.story("a.wav", &wav(44_100, 1, 44_100));
    bench.check_run(&[], &["44100 Hz", "--resample"]);
}

#[test]
fn stereo_without_resample() {
    let bench = Bench::without_stories();
    bench.story("a.wav", &wav(16_000, 2, 16_000));
    bench.check_run(&[], &["2 channels", "--resample"]);
}

#[test]
fn a_recording_shorter_than_the_shortest_window() {
    let bench = Bench::without_stories();
    bench.story("a.wav", &wav(16_000, 1, 1599));
    bench.check_run(&[], &["No window fits", "0.100 s"]);
}

#[test]
fn a_context_that_is_no_multiple_of_the_chunk() {
    Bench::new().check_run(&["--contextsz", "450"], &["no multiple", "100 ms"]);
}

#[test]
fn a_window_longer_than_whisper_hears() {
    Bench::new().check_run(&["--contextsz", "30000"], &["at most 30 s"]);
}

#[test]
fn lengths_that_make_no_sense() {
    Bench::new().check_run(&["--contextsz", "inf"], &["longer than a day"]);
    Bench::new().check_run(&["--stride", "1e300"], &["longer than a day"]);
    Bench::new().check_run(
        &["--chunksz", "10", "--contextsz", "10"],
        &["nothing shorter than 0.025 s"],
    );
}

#[test]
fn numbers_that_are_none() {
    for arguments in [
        ["--batchsz", "0"],
        ["--chunksz", "abc"],
        ["--device", "tpu"],
        ["--precision", "f64"],
    ] {
        Bench::new().check_run(&arguments, &[arguments[0], arguments[1]]);
    }
}

#[test]
fn a_story_that_is_not_there() {
    Bench::new().check_run(&["--stories", "goood"], &["goood", "good"]);
}

#[test]
fn a_layer_that_is_not_there() {
    Bench::new().check_run(&["--layers", "9"], &["no layer 9", "0 to 3"]);
}

#[test]
fn a_model_that_is_not_known() {
    let bench = Bench::new();
    bench.check_model(
        Path::new("whisper-tiney"),
        &["whisper-tiney", "whisper-tiny"],
    );
}

#[test]
fn a_folder_without_config() {
    let bench = Bench::new();
    let model = bench.model(|model| std::fs::remove_file(model.join("config.json")).unwrap());
    bench.check_model(&model, &["config.json"]);
}

#[test]
fn a_folder_without_weights() {
    let bench = Bench::new();
    let model = bench.model(|model| std::fs::remove_file(model.join("model.safetensors")).unwrap());
    bench.check_model(&model, &["no weights", "model.safetensors"]);
}

#[test]
fn a_config_that_makes_no_sense() {
    for (from, to, word) in [
        ("\"d_model\": 32", "\"d_model\": 33", "heads"),
        ("\"d_model\": 32", "\"d_model\": -1", "is invalid"),
        (
            "\"encoder_layers\": 3",
            "\"encoder_layers\": 0",
            "encoder_layers is 0",
        ),
        (
            "\"model_type\": \"whisper\"",
            "\"model_type\": \"bert\"",
            "\"bert\"",
        ),
        ("{", "", "is invalid"),
    ] {
        let bench = Bench::new();
        let model = bench.model(|model| {
            let path = model.join("config.json");
            let text = std::fs::read_to_string(&path).unwrap();
            assert!(text.contains(from), "{from}");
            std::fs::write(&path, text.replacen(from, to, 1)).unwrap();
        });
        bench.check_model(&model, &[word, "config.json"]);
    }
}

/// A model whose safetensors header is changed from one text to another of the same length.
fn with_header(bench: &Bench, from: &str, to: &str) -> PathBuf {
    assert_eq!(from.len(), to.len());
    bench.model(|model| {
        let path = model.join("model.safetensors");
        let mut bytes = std::fs::read(&path).unwrap();
        let at = bytes
            .windows(from.len())
            .position(|window| window == from.as_bytes())
            .expect(from);
        bytes[at..at + from.len()].copy_from_slice(to.as_bytes());
        std::fs::write(&path, bytes).unwrap();
    })
}

#[test]
fn a_tensor_that_is_missing() {
    let bench = Bench::new();
    let model = with_header(
        &bench,
        "encoder.layers.1.fc1.weight",
        "encoder.layers.1.fc9.weight",
    );
    bench.check_model(&model, &["no tensor named", "layers.1.fc1.weight"]);
}

#[test]
fn a_tensor_of_another_shape() {
    let bench = Bench::new();
    let model = bench.model(|model| {
        let path = model.join("config.json");
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(
            &path,
            text.replace("\"encoder_ffn_dim\": 64", "\"encoder_ffn_dim\": 48"),
        )
        .unwrap();
    });
    bench.check_model(&model, &["has the shape [64, 32]", "asks for [48, 32]"]);
}

#[test]
fn a_truncated_checkpoint() {
    let bench = Bench::new();
    let model = bench.model(|model| {
        let path = model.join("model.safetensors");
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() - 1000]).unwrap();
    });
    bench.check_model(&model, &["cut short", "model.safetensors"]);
}

#[test]
fn a_header_that_claims_terabytes() {
    let bench = Bench::new();
    let model = bench.model(|model| {
        let path = model.join("model.safetensors");
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[..8].copy_from_slice(&(1_u64 << 42).to_le_bytes());
        std::fs::write(&path, bytes).unwrap();
    });
    bench.check_model(&model, &["claims 4398046511104 bytes"]);
}

#[test]
fn an_output_folder_that_is_a_file() {
    let bench = Bench::new();
    std::fs::write(bench.path("file"), b"").unwrap();
    let out = bench.path("file").join("below").display().to_string();
    bench.check_run(
        &["--out", &out],
        &["A file stands where a folder is needed", "--out"],
    );
}

#[cfg(target_os = "linux")]
#[test]
fn an_output_folder_that_cannot_be_written() {
    // /proc refuses even root.
    Bench::new().check_run(&["--out", "/proc/sys/heschl"], &["/proc/sys/heschl"]);
}

#[test]
fn a_features_folder_of_another_version() {
    let bench = Bench::new();
    let inner = bench.path("out/features_cnk0.1_ctx0.4/whisper-like/.heschl");
    std::fs::create_dir_all(&inner).unwrap();
    std::fs::write(inner.join("version"), "99\n").unwrap();
    bench.check_run(&[], &["another version", "99"]);
}

#[test]
fn a_library_that_is_missing() {
    let bench = Bench::new();
    let mut command = bench.command(&data("whisper-like"), &[]);
    command.env("ORT_DYLIB_PATH", bench.path("libonnxruntime.so"));
    bench.check(
        &command.output().unwrap(),
        &["ONNX Runtime", "libonnxruntime.so"],
    );
}

#[test]
fn a_library_that_is_none() {
    let bench = Bench::new();
    std::fs::write(bench.path("libonnxruntime.so"), b"not a library").unwrap();
    let mut command = bench.command(&data("whisper-like"), &[]);
    command.env("ORT_DYLIB_PATH", bench.path("libonnxruntime.so"));
    bench.check(
        &command.output().unwrap(),
        &["not ONNX Runtime", "libonnxruntime.so"],
    );
}

/// A library that says it is ONNX Runtime 1.17.
#[cfg(target_os = "linux")]
#[test]
fn a_library_that_is_too_old() {
    const SOURCE: &str = r#"
        static const void *api(unsigned version) { return 0; }
        static const char *version(void) { return "1.17.3"; }
        static const struct { const void *(*api)(unsigned); const char *(*version)(void); } base = { api, version };
        const void *OrtGetApiBase(void) { return &base; }
    "#;
    let bench = Bench::new();
    let (source, library) = (bench.path("old.c"), bench.path("libonnxruntime.so"));
    std::fs::write(&source, SOURCE).unwrap();
    let built = Command::new("cc")
        .args(["-shared", "-fPIC", "-o"])
        .args([&library, &source])
        .status();
    assert!(built.unwrap().success(), "a C compiler is needed");
    let mut command = bench.command(&data("whisper-like"), &[]);
    command.env("ORT_DYLIB_PATH", &library);
    bench.check(
        &command.output().unwrap(),
        &["version 1.17, which is too old", "1.24"],
    );
}

/// A disk of 200 kB is told from the forecast; where that says nothing, from the write.
#[cfg(target_os = "linux")]
#[test]
fn a_disk_that_is_too_small() {
    let bench = Bench::without_stories();
    write_wav(&bench.stories().join("long.wav"), &noise(16_000 * 60, 1));
    let disk = bench.path("disk");
    std::fs::create_dir(&disk).unwrap();
    let mut inside = bench.command(
        &data("whisper-like"),
        &["--out", &disk.display().to_string()],
    );
    inside.env_remove("none");
    let mut command = Command::new("unshare");
    command.args([
        "-rm",
        "sh",
        "-c",
        "mount -t tmpfs -o size=200k none \"$0\" || exit 77; exec \"$@\"",
    ]);
    command
        .arg(&disk)
        .arg(inside.get_program())
        .args(inside.get_args());
    for (key, value) in inside.get_envs() {
        if let Some(value) = value {
            command.env(key, value);
        }
    }
    match command.output() {
        Ok(output) if output.status.code() != Some(77) && !unshare_refused(&output) => {
            bench.check(&output, &["disk", "Free some space"]);
        }
        _ => eprintln!("no small disk can be mounted here: the test is left out"),
    }
}

#[cfg(target_os = "linux")]
fn unshare_refused(output: &Output) -> bool {
    String::from_utf8_lossy(&output.stderr).contains("unshare")
}

#[test]
fn a_recipe_that_makes_no_sense() {
    let bench = Bench::new();
    for (text, word) in [
        ("[extract", "is invalid"),
        ("[extract]\nstimuli = 3\n", "is invalid"),
        ("", "missing field"),
    ] {
        std::fs::write(bench.path("recipe.toml"), text).unwrap();
        let output = heschl()
            .arg("run")
            .arg(bench.path("recipe.toml"))
            .output()
            .unwrap();
        bench.check(&output, &[word, "recipe.toml"]);
    }
}

#[test]
fn nothing_to_check() {
    let bench = Bench::new();
    let output = heschl()
        .arg("check")
        .arg(bench.path("nowhere"))
        .output()
        .unwrap();
    bench.check(&output, &["no features folder"]);
    let output = heschl().arg("check").arg(bench.stories()).output().unwrap();
    bench.check(&output, &["no features in this folder"]);
}

#[test]
fn remedies_are_values_for_machines_and_flags_for_people() {
    let bench = Bench::without_stories();
    bench.story("a.wav", &wav(44_100, 1, 44_100));
    let output = bench.run(&["--events", "json"]);
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    let failed = told
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .find(|event| event["event"] == "story_failed")
        .unwrap();
    assert_eq!(failed["remedies"][0]["kind"], "resample", "{told}");
    assert!(
        !failed["message"].as_str().unwrap().contains("--"),
        "{told}"
    );

    std::fs::create_dir(bench.stories().join("below")).unwrap();
    std::fs::rename(
        bench.stories().join("a.wav"),
        bench.stories().join("below/a.wav"),
    )
    .unwrap();
    bench.check_run(&[], &["Include subfolders", "Add --recursive.\nFolder: "]);
}
