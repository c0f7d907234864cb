//! A real Slurm with one node, from Debian's packages: munge, controller and node daemon on loopback, without installation.

use crate::running::{Running, free_address};
use crate::{program, wait_for};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// CPUs that the node claims to have, so that small tasks run side by side on any machine.
const CPUS: u32 = 8;

/// A Slurm that ends with all its jobs when it is dropped.
#[derive(Debug)]
pub struct Slurm {
    /// Configuration, state and logs.
    home: TempDir,
    node: Running,
    controller: Running,
    munge: Running,
    /// The port that jobs may use for a coordinator.
    port: u16,
}

/// The state of a job, as `scontrol show job` prints it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// `PENDING`, `RUNNING`, `COMPLETED`, `FAILED`, …
    pub state: String,
    /// Exit code of its script.
    pub code: u32,
    /// How often it was queued again.
    pub restarts: u32,
}

impl Slurm {
    /// Starts it, and waits until its node takes jobs.
    ///
    /// # Panics
    /// If `STENTOR_SLURM_PACKAGE` does not name the unpacked package, or a daemon does not start.
    #[must_use]
    pub fn start() -> Self {
        let home = tempfile::tempdir().unwrap();
        let at = |name: &str| home.path().join(name);
        for folder in ["state", "spool"] {
            std::fs::create_dir(at(folder)).unwrap();
        }
        std::fs::write(at("slurm.conf"), configuration(home.path())).unwrap();
        make_key(&at("munge.key"));
        let argument = |flag: &str, file: &str| format!("--{flag}={}", at(file).display());
        let mut munge = command(home.path(), "sbin/munged");
        munge.args(["--foreground", "--force", &argument("socket", "munge.socket")]);
        munge.args([argument("key-file", "munge.key"), argument("pid-file", "munge.pid")]);
        munge.args([argument("log-file", "munge.log"), argument("seed-file", "munge.seed")]);
        let munge = Running::start(&mut munge, &at("munge.out"));
        wait_for("munge", || at("munge.socket").exists());
        let controller =
            Running::start(command(home.path(), "sbin/slurmctld-wlm").arg("-D"), &at("controller"));
        let mut node = command(home.path(), "sbin/slurmd-wlm");
        node.arg("-D").arg("-d").arg(files().join("sbin/slurmstepd-wlm"));
        let node = Running::start(&mut node, &at("node"));
        let slurm = Self { home, node, controller, munge, port: free_address().port() };
        let is_idle = || slurm.asked("sinfo", &["--noheader", "--format=%T"]).trim() == "idle";
        wait_for("a node that takes jobs", is_idle);
        slurm
    }

    /// Submits a file of `deploy/slurm` in `folder`, and returns the job's number. Its output is in `folder/log`.
    ///
    /// # Panics
    /// If Slurm refuses it.
    #[must_use]
    pub fn submit(&self, folder: &Path, options: &[&str], file: &str, arguments: &[&str]) -> u32 {
        let scripts = scripts();
        let mut sbatch = command(self.home.path(), "bin/sbatch");
        sbatch.current_dir(folder).args(["--parsable", "--cpus-per-task=1", "--output=log"]).args(options);
        sbatch.arg(scripts.join(file)).args(arguments);
        sbatch.env("STENTOR_SLURM", &scripts).env("STENTOR_PORT", self.port.to_string());
        said(&mut sbatch).trim().parse().unwrap()
    }

    /// The state of a job.
    ///
    /// # Panics
    /// If Slurm does not know it.
    #[must_use]
    pub fn job(&self, number: u32) -> Job {
        let text = self.asked("scontrol", &["--oneliner", "show", "job", &number.to_string()]);
        let value = |key: &str| {
            let field = |word: &str| Some(word.strip_prefix(key)?.strip_prefix('=')?.to_owned());
            text.split_whitespace().find_map(field).unwrap_or_else(|| panic!("no {key}: {text}"))
        };
        Job {
            state: value("JobState"),
            code: value("ExitCode").split(':').next().unwrap().parse().unwrap(),
            restarts: value("Restarts").parse().unwrap(),
        }
    }

    /// Sends a signal to the script of a job, as Slurm does before the time limit.
    ///
    /// # Panics
    /// If Slurm refuses.
    pub fn signal_script(&self, number: u32, signal: &str) {
        let _ = self.asked("scancel", &[&format!("--signal={signal}"), "--batch", &number.to_string()]);
    }

    /// Waits at most two minutes until a job has ended, and returns its last state.
    ///
    /// # Panics
    /// If it does not end in time.
    #[must_use]
    pub fn ended(&self, number: u32) -> Job {
        let is_alive = |job: &Job| ["PENDING", "RUNNING", "COMPLETING"].contains(&job.state.as_str());
        for _ in 0..600 {
            let job = self.job(number);
            if !is_alive(&job) {
                return job;
            }
            std::thread::sleep(std::time::Duration::from_millis(200));
        }
        panic!("job {number} has not ended in two minutes: {:?}", self.job(number));
    }

    /// Process ids of a program that a job of this Slurm runs.
    ///
    /// # Panics
    /// If /proc cannot be read.
    #[must_use]
    pub fn processes(&self, name: &str) -> Vec<u32> {
        let is_named = |id: &u32| {
            let text = std::fs::read_to_string(format!("/proc/{id}/comm")).unwrap_or_default();
            text.trim() == name
        };
        self.all_processes().into_iter().filter(is_named).collect()
    }

    /// All processes that were started with this Slurm's configuration, its daemons included.
    fn all_processes(&self) -> Vec<u32> {
        let setting = format!("SLURM_CONF={}", self.home.path().join("slurm.conf").display());
        let is_ours = |id: &u32| {
            let environment = std::fs::read(format!("/proc/{id}/environ")).unwrap_or_default();
            environment.split(|byte| *byte == 0).any(|entry| entry == setting.as_bytes())
        };
        let entries = std::fs::read_dir("/proc").unwrap().flatten();
        entries.filter_map(|e| e.file_name().to_str()?.parse().ok()).filter(is_ours).collect()
    }

    fn asked(&self, name: &str, arguments: &[&str]) -> String {
        said(command(self.home.path(), &format!("bin/{name}")).args(arguments))
    }
}

impl Drop for Slurm {
    fn drop(&mut self) {
        for daemon in [&mut self.node, &mut self.controller, &mut self.munge] {
            daemon.kill();
        }
        // Jobs outlive the daemons, and may start further programs meanwhile. They are known by their environment, and nothing
        // else has it.
        for _ in 0..100 {
            let left = self.all_processes();
            if left.is_empty() {
                break;
            }
            for id in left {
                let _ = Command::new("kill").args(["-KILL", &id.to_string()]).stderr(Stdio::null()).status();
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
    }
}

/// The folder with `bin`, `sbin` and `lib` of the packages.
fn files() -> PathBuf {
    let package = std::env::var("STENTOR_SLURM_PACKAGE")
        .expect("STENTOR_SLURM_PACKAGE: run these tests by `cargo xtask test`");
    PathBuf::from(package).join("usr")
}

fn libraries() -> PathBuf {
    files().join("lib/x86_64-linux-gnu")
}

/// The folder of the job files.
fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/slurm").canonicalize().unwrap()
}

/// A program of the packages that finds its libraries and this Slurm, and Stentor's programs for jobs.
fn command(home: &Path, program_of_package: &str) -> Command {
    let folders = [files().join("bin"), program("stentor").parent().unwrap().to_owned()];
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(folders.into_iter().chain(std::env::split_paths(&path))).unwrap();
    let known = std::env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
    let own = [libraries(), libraries().join("slurm-wlm")];
    let libraries = std::env::join_paths(own.into_iter().chain(std::env::split_paths(&known))).unwrap();
    let mut command = Command::new(files().join(program_of_package));
    command.env("PATH", path).env("LD_LIBRARY_PATH", libraries);
    command.env("SLURM_CONF", home.join("slurm.conf"));
    command
}

fn said(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {error}");
    String::from_utf8(output.stdout).unwrap()
}

fn make_key(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    // The content is of no importance: everybody who uses this key is this test.
    std::fs::write(path, [7; 1024]).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o400)).unwrap();
}

fn configuration(home: &Path) -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let host = host.trim();
    let user = said(Command::new("id").arg("-un"));
    let user = user.trim();
    let at = |name: &str| home.join(name).display().to_string();
    let [controller, node] = [(); 2].map(|()| free_address().port());
    format!(
        "ClusterName=test\n\
         SlurmctldHost={host}(127.0.0.1)\n\
         SlurmUser={user}\nSlurmdUser={user}\n\
         AuthType=auth/munge\nCredType=cred/munge\n\
         AuthInfo=socket={socket},cred_expire=5\n\
         PluginDir={plugins}\n\
         StateSaveLocation={state}\nSlurmdSpoolDir={spool}\n\
         SlurmctldPidFile={controller_id}\nSlurmdPidFile={node_id}\n\
         SlurmctldPort={controller}\nSlurmdPort={node}\n\
         ProctrackType=proctrack/linuxproc\nTaskPlugin=task/none\nMpiDefault=none\n\
         JobAcctGatherType=jobacct_gather/none\nAccountingStorageType=accounting_storage/none\n\
         SelectType=select/cons_tres\nSelectTypeParameters=CR_Core\n\
         SchedulerType=sched/builtin\nSchedulerParameters=sched_interval=1\nReturnToService=2\n\
         NodeName={host} NodeAddr=127.0.0.1 CPUs={CPUS} RealMemory=1000 State=UNKNOWN\n\
         SlurmdParameters=config_overrides\n\
         PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP\n",
        socket = at("munge.socket"),
        plugins = libraries().join("slurm-wlm").display(),
        state = at("state"),
        spool = at("spool"),
        controller_id = at("controller.pid"),
        node_id = at("node.pid"),
    )
}
