//! The script for clusters: read by bash, run task by task, and run by a Slurm of one machine where it is installed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::common::{data, feature_files, heschl, noise, onnx_runtime_library, write_wav};

/// Stories whose names a shell would take apart.
const STORIES: [&str; 3] = ["a story, with $HOME", "it's", "plain"];

struct Study {
    scratch: tempfile::TempDir,
}

impl Study {
    fn new() -> Self {
        let scratch = tempfile::tempdir().unwrap();
        fs::create_dir(scratch.path().join("stories")).unwrap();
        for (story, seed) in STORIES.iter().zip(1..) {
            let path = scratch.path().join(format!("stories/{story}.wav"));
            write_wav(&path, &noise(8000 + 1600 * seed as usize, seed));
        }
        Self { scratch }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    fn extract(&self, out: &str) -> Command {
        let mut command = heschl();
        command.current_dir(self.scratch.path());
        command.args(["extract", "--stimulus-dir", "stories", "--contextsz", "400"]);
        command.args(["--device", "cpu", "--out", out]);
        command.arg("--model").arg(data("whisper-like"));
        command
    }

    /// Writes the script that fills the folder `out`.
    fn script(&self, out: &str) -> PathBuf {
        let printed = succeed(self.extract(out).arg("--slurm"));
        let path = self.path("job.sh");
        fs::write(&path, printed.stdout).unwrap();
        assert!(
            !self.path(out).exists(),
            "printing a script computes nothing"
        );
        path
    }

    /// Fails unless the folder holds what an ordinary run gives, to the last bit, and a recipe of all stories.
    fn must_equal_an_ordinary_run(&self, out: &str) {
        succeed(&mut self.extract("ordinary"));
        let expected = feature_files(&self.path("ordinary"));
        assert_eq!(expected.len(), STORIES.len() * 6);
        assert!(
            feature_files(&self.path(out)) == expected,
            "the features differ"
        );
        let recipe = self
            .path(out)
            .join("features_cnk0.1_ctx0.4/whisper-like/recipe.toml");
        let recipe: toml::Table = toml::from_str(&fs::read_to_string(&recipe).unwrap()).unwrap();
        assert_eq!(recipe["extract"]["stimuli"].get("stories"), None);
        let n_recordings = recipe["run"]["recordings"].as_array().unwrap().len();
        assert_eq!(n_recordings, STORIES.len());
    }
}

fn succeed(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

#[test]
fn bash_reads_the_script_and_each_task_does_its_story() {
    let study = Study::new();
    let script = study.script("tasks");
    succeed(Command::new("bash").arg("-n").arg(&script));
    let task = |index: Option<usize>| {
        let mut command = Command::new("bash");
        command.arg(&script).current_dir(study.scratch.path());
        command.env("ORT_DYLIB_PATH", onnx_runtime_library());
        index.map(|index| command.env("SLURM_ARRAY_TASK_ID", index.to_string()));
        command
    };
    let alone = task(None).output().unwrap();
    assert!(!alone.status.success());
    assert!(String::from_utf8_lossy(&alone.stderr).contains("Give this file to sbatch"));
    for index in 0..STORIES.len() {
        succeed(&mut task(Some(index)));
        let n_files = feature_files(&study.path("tasks")).len();
        assert_eq!(n_files, (index + 1) * 6);
    }
    study.must_equal_an_ordinary_run("tasks");
    // Given again, it leaves what is done alone.
    let again = succeed(&mut task(Some(1)));
    assert!(String::from_utf8_lossy(&again.stderr).contains("already done"));
}

/// A Slurm of this machine alone, in a folder of its own. It ends with this value.
struct Slurm {
    folder: tempfile::TempDir,
    daemons: Vec<Child>,
}

impl Slurm {
    /// Starts it; `None` with a printed sentence where it is not installed or may not be started.
    fn start() -> Option<Self> {
        let is_here = |program: &str| Path::new("/usr/sbin").join(program).exists();
        let is_root = succeed(Command::new("id").arg("-u")).stdout == b"0\n";
        if !["slurmctld", "slurmd"].into_iter().all(is_here) || !is_root {
            eprintln!(
                "Left out: it needs Debian's slurmctld, slurmd and slurm-client, and to be root."
            );
            return None;
        }
        let folder = tempfile::Builder::new()
            .prefix("slurm")
            .tempdir_in("/tmp")
            .unwrap();
        let mut slurm = Self {
            folder,
            daemons: vec![],
        };
        slurm.configure();
        slurm.daemon("slurmctld", &["-D", "-i"]);
        slurm.daemon("slurmd", &["-D", "-N", "localhost"]);
        slurm.until("the machine takes jobs", |slurm| {
            let told = slurm.ask("sinfo", &["-h", "-o", "%T"]);
            told.is_some_and(|states| states.trim() == "idle")
        });
        Some(slurm)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn configure(&self) {
        let folder = self.folder.path().display();
        // Two ports that nobody else has.
        let free: Vec<u16> = [0, 0]
            .map(|_| std::net::TcpListener::bind("127.0.0.1:0").unwrap())
            .iter()
            .map(|port| port.local_addr().unwrap().port())
            .collect();
        let text = format!(
            "ClusterName=test\nSlurmctldHost=localhost(127.0.0.1)\nSlurmUser=root\nSlurmdUser=root\n\
             AuthType=auth/none\nCredType=cred/none\n\
             SlurmctldPort={}\nSlurmdPort={}\nStateSaveLocation={folder}/state\nSlurmdSpoolDir={folder}/spool\n\
             SlurmctldPidFile={folder}/ctld.pid\nSlurmdPidFile={folder}/d.pid\n\
             SlurmctldLogFile={folder}/ctld.log\nSlurmdLogFile={folder}/d.log\n\
             ProctrackType=proctrack/linuxproc\nTaskPlugin=task/none\nSelectType=select/cons_tres\n\
             SelectTypeParameters=CR_Core_Memory\nReturnToService=2\nMpiDefault=none\nSwitchType=switch/none\n\
             NodeName=localhost NodeAddr=127.0.0.1 CPUs=8 RealMemory=100000\n\
             PartitionName=all Nodes=localhost Default=YES MaxTime=INFINITE State=UP\n\
             SlurmdParameters=config_overrides\n",
            free[0], free[1]
        );
        fs::write(self.path("slurm.conf"), text).unwrap();
        fs::create_dir(self.path("state")).unwrap();
        fs::create_dir(self.path("spool")).unwrap();
    }

    fn daemon(&mut self, program: &str, arguments: &[&str]) {
        let mut command = Command::new(Path::new("/usr/sbin").join(program));
        command
            .args(arguments)
            .arg("-f")
            .arg(self.path("slurm.conf"));
        self.spawn(command);
    }

    fn spawn(&mut self, mut command: Command) {
        command.env("SLURM_CONF", self.path("slurm.conf"));
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        self.daemons.push(command.spawn().unwrap());
    }

    /// What a program of Slurm says, if it succeeds.
    fn ask(&self, program: &str, arguments: &[&str]) -> Option<String> {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env("SLURM_CONF", self.path("slurm.conf"));
        let output = command.output().ok()?;
        output
            .status
            .success()
            .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        let begun = Instant::now();
        while !holds(self) {
            let logs = ["ctld.log", "d.log"]
                .map(|name| fs::read_to_string(self.path(name)).unwrap_or_default());
            assert!(
                begun.elapsed() < Duration::from_mins(2),
                "waited in vain until {what}:\n{}",
                logs.join("\n")
            );
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for Slurm {
    fn drop(&mut self) {
        for daemon in self.daemons.iter_mut().rev() {
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
    }
}

#[test]
fn a_real_slurm_runs_the_array() {
    let Some(slurm) = Slurm::start() else {
        return;
    };
    let study = Study::new();
    let script = study.script("cluster");
    let mut sbatch = Command::new("sbatch");
    sbatch
        .arg("--parsable")
        .arg(&script)
        .current_dir(study.scratch.path());
    sbatch.env("SLURM_CONF", slurm.path("slurm.conf"));
    sbatch.env("ORT_DYLIB_PATH", onnx_runtime_library());
    let job = String::from_utf8(succeed(&mut sbatch).stdout).unwrap();
    slurm.until("the array is done", |slurm| {
        let left = slurm.ask("squeue", &["-h", "-j", job.trim(), "-o", "%T"]);
        left.is_none_or(|left| left.trim().is_empty())
    });
    for index in 0..STORIES.len() {
        let log = study.path(&format!("heschl-{}_{index}.log", job.trim()));
        let log = fs::read_to_string(&log).unwrap();
        assert!(log.contains("✓"), "{log}");
    }
    study.must_equal_an_ordinary_run("cluster");
}
