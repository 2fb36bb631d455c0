//! Search order on fake machines.

use std::fs;

use super::*;

#[cfg(windows)]
const LIBRARY: &str = "onnxruntime.dll";
#[cfg(target_os = "macos")]
const LIBRARY: &str = "libonnxruntime.1.32.0.dylib";
#[cfg(not(any(windows, target_os = "macos")))]
const LIBRARY: &str = "libonnxruntime.so.1.32.0";

struct Machine {
    root: tempfile::TempDir,
    around: Surroundings,
}

impl Machine {
    /// A machine with the given library files; paths in variables are relative to its root.
    fn new(files: &[&str], variables: &[(&str, &str)]) -> Self {
        let root = tempfile::tempdir().unwrap();
        for file in files {
            let path = root.path().join(file.replace("LIB", LIBRARY));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x").unwrap();
        }
        let below = |path: &str| root.path().join(path.replace("LIB", LIBRARY));
        let around = Surroundings {
            variables: variables
                .iter()
                .map(|(n, p)| ((*n).into(), below(p).into()))
                .collect(),
            data_folder: Some(below("data")),
            program_folder: Some(below("program")),
            ..Surroundings::default()
        };
        Self { root, around }
    }

    fn find(&self, setting: Option<&str>) -> Result<Option<(FoundIn, String)>, RuntimeError> {
        let setting = setting.map(|s| self.root.path().join(s.replace("LIB", LIBRARY)));
        let found = find_runtime(&self.around, setting.as_deref())?;
        Ok(found.map(|library| {
            assert!(library.path.is_absolute() && library.path.is_file());
            let below = library.path.strip_prefix(self.root.path()).unwrap();
            let below = below.to_string_lossy().replace('\\', "/");
            (library.found_in, below.replace(LIBRARY, "LIB"))
        }))
    }
}

const SITE: &str = "venv/lib/python3.12/site-packages/onnxruntime/capi/LIB";

#[test]
fn places_are_searched_in_the_promised_order() {
    let mut files = vec![
        "mine/LIB",
        "ort/LIB",
        "program/LIB",
        "program/lib/LIB",
        "data/runtime/1.32.0/LIB",
        "data/runtime/1.30.0/LIB",
        SITE,
    ];
    let variables = [("ORT_DYLIB_PATH", "ort/LIB"), ("VIRTUAL_ENV", "venv")];
    let steps = [
        (FoundIn::BesideProgram, 2),
        (FoundIn::BesideProgram, 3),
        (FoundIn::DataFolder, 4),
        (FoundIn::DataFolder, 5),
        (FoundIn::PythonEnvironment, 6),
    ];
    let machine = Machine::new(&files, &variables);
    let by_setting = Some((FoundIn::Setting, "mine/LIB".to_owned()));
    assert_eq!(machine.find(Some("mine/LIB")).unwrap(), by_setting);
    assert_eq!(machine.find(Some("mine")).unwrap(), by_setting);
    let by_variable = Some((FoundIn::OrtDylibPath, "ort/LIB".to_owned()));
    assert_eq!(machine.find(None).unwrap(), by_variable);
    let all = files.clone();
    for (found_in, index) in steps {
        let machine = Machine::new(&files, &variables[1..]);
        assert_eq!(
            machine.find(None).unwrap(),
            Some((found_in, all[index].to_owned()))
        );
        files.retain(|file| *file != all[index]);
    }
    assert_eq!(
        Machine::new(&files, &variables[1..]).find(None).unwrap(),
        None
    );
}

#[test]
fn a_place_that_the_user_named_is_not_passed_over() {
    let machine = Machine::new(&["program/LIB"], &[("ORT_DYLIB_PATH", "absent/LIB")]);
    let sentence = |setting| machine.find(setting).unwrap_err().to_string();
    assert!(sentence(None).starts_with("ORT_DYLIB_PATH names a place"));
    assert!(sentence(Some("absent")).starts_with("The setting for ONNX Runtime"));
    assert!(
        sentence(Some("absent"))
            .lines()
            .last()
            .unwrap()
            .ends_with("absent")
    );
}

#[cfg(target_os = "linux")]
#[test]
fn too_old_libraries_of_python_are_passed_over_and_the_newest_version_wins() {
    let capi = "venv/lib/python3.12/site-packages/onnxruntime/capi";
    let check = |names: &[&str], expected: Option<&str>| {
        let files: Vec<String> = names.iter().map(|name| format!("{capi}/{name}")).collect();
        let files: Vec<&str> = files.iter().map(String::as_str).collect();
        let machine = Machine::new(&files, &[("VIRTUAL_ENV", "venv")]);
        let found = find_runtime(&machine.around, None).unwrap();
        let name = found.map(|f| f.path.file_name().unwrap().to_string_lossy().into_owned());
        assert_eq!(name.as_deref(), expected);
    };
    check(&["libonnxruntime.so.1.23.2"], None);
    check(
        &["libonnxruntime.so.1.9.0", "libonnxruntime.so.1.24.0"],
        Some("libonnxruntime.so.1.24.0"),
    );
    check(
        &["libonnxruntime_providers_cuda.so", "libonnxruntime.so.bak"],
        None,
    );
}

#[cfg(unix)]
#[test]
fn python_on_the_search_path_is_asked_without_importing() {
    use std::os::unix::fs::PermissionsExt;
    let mut machine = Machine::new(&["site/onnxruntime/capi/LIB"], &[("PATH", "bin")]);
    let root = machine.root.path().to_owned();
    fs::create_dir(root.join("bin")).unwrap();
    let script = format!("#!/bin/sh\necho {}/site/$4\n", root.display());
    fs::write(root.join("bin/python3"), script).unwrap();
    let executable = fs::Permissions::from_mode(0o755);
    fs::set_permissions(root.join("bin/python3"), executable).unwrap();
    let found = machine.find(None).unwrap().unwrap();
    assert_eq!(found.0, FoundIn::PythonEnvironment);
    machine.around.variables.clear();
    assert_eq!(machine.find(None).unwrap(), None);
}

/// A malicious working folder: modules that shadow Python's own, and the requested package.
#[cfg(unix)]
#[test]
fn nothing_of_the_working_folder_is_run_or_found() {
    let Some(python) = Surroundings::of_this_process().program("python3") else {
        eprintln!("left out: there is no python3 on this machine");
        return;
    };
    let data_set = tempfile::tempdir().unwrap();
    let ran = data_set.path().join("ran");
    let trap = format!("open({:?}, 'w')\n", ran.display().to_string());
    for module in [
        "contextlib.py",
        "site.py",
        "os.py",
        "importlib.py",
        "pip/__main__.py",
        "pip/__init__.py",
    ] {
        let path = data_set.path().join(module);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, &trap).unwrap();
    }
    let capi = data_set.path().join("onnxruntime/capi");
    fs::create_dir_all(&capi).unwrap();
    fs::write(capi.join(LIBRARY), "x").unwrap();
    fs::write(data_set.path().join("onnxruntime/__init__.py"), &trap).unwrap();
    // The working folder is global to a process, so a child process is used.
    let program = std::env::current_exe().unwrap();
    let asked = std::process::Command::new(program)
        .args(["--exact", "runtime::tests::asks_python", "--ignored"])
        .current_dir(data_set.path())
        .env("HESCHL_TEST_PYTHON", python)
        .env("PYTHONPATH", data_set.path())
        .status()
        .unwrap();
    assert!(asked.success());
    assert!(!ran.exists(), "code of the working folder ran");
}

/// Searches for ONNX Runtime and pip in the working folder of this process, started by
/// `nothing_of_the_working_folder_is_run_or_found`.
#[cfg(unix)]
#[test]
#[ignore = "started by another test, in a folder with traps"]
fn asks_python() {
    let python = PathBuf::from(std::env::var_os("HESCHL_TEST_PYTHON").unwrap());
    let root = tempfile::tempdir().unwrap();
    let search = python.parent().unwrap().to_owned();
    let around = Surroundings {
        variables: [
            ("PATH".into(), search.into()),
            ("PYTHONPATH".into(), std::env::current_dir().unwrap().into()),
        ]
        .into(),
        data_folder: Some(root.path().join("data")),
        home: Some(root.path().to_owned()),
        ..Surroundings::default()
    };
    let here = std::env::current_dir().unwrap();
    let found = find_runtime(&around, None).unwrap();
    assert!(found.is_none_or(|library| !library.path.starts_with(&here)));
    crate::package::start_all_clients(&around, root.path());
}
