//! A small disk of a test's own, which can be filled to its last byte.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A file system in memory that only some processes see: those started by [`SmallDisk::program`]. It needs no rights of root
/// where users may have namespaces of their own, as on Debian, and is gone with its last process.
#[derive(Debug)]
pub struct SmallDisk {
    /// Keeps the namespaces in which the disk is mounted.
    holder: Child,
    folder: PathBuf,
}

/// Files that leave no space.
const FILLERS: [&str; 2] = [".filler-of-kilobytes", ".filler-of-bytes"];

impl SmallDisk {
    /// Mounts a disk of `kilobytes` at an existing folder.
    ///
    /// # Panics
    /// If the system allows no namespaces, or the disk cannot be mounted.
    #[must_use]
    pub fn at(folder: &Path, kilobytes: u32) -> Self {
        let script =
            "mount -t tmpfs -o size=\"$1\"k small-disk \"$2\" && echo mounted && exec sleep infinity";
        let mut holder = Command::new("unshare")
            .args(["--map-root-user", "--mount", "sh", "-c", script, "sh", &kilobytes.to_string()])
            .arg(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = String::new();
        BufReader::new(holder.stdout.take().unwrap()).read_line(&mut said).unwrap();
        assert_eq!(
            said, "mounted\n",
            "expected `unshare` to make namespaces of this user, and `mount` a tmpfs"
        );
        Self { holder, folder: folder.to_owned() }
    }

    /// A command of a program that sees the disk. The process that it starts is the program itself.
    #[must_use]
    pub fn program(&self, program: &Path) -> Command {
        let mut command = Command::new("nsenter");
        let target = format!("--target={}", self.holder.id());
        command.args(["--preserve-credentials", "--user", "--mount", &target]);
        command.arg(format!("--wd={}", self.folder.display())).arg("--").arg(program);
        command
    }

    /// The disk's folder as other processes see it.
    #[must_use]
    pub fn seen_from_outside(&self) -> PathBuf {
        let folder = self.folder.strip_prefix("/").unwrap_or(&self.folder);
        Path::new("/proc").join(self.holder.id().to_string()).join("root").join(folder)
    }

    /// Fills the disk to its last byte.
    ///
    /// # Panics
    /// If space is left.
    pub fn fill(&self) {
        for (name, piece) in FILLERS.iter().zip(["bs=4k", "bs=1"]) {
            let out = format!("of={}", self.folder.join(name).display());
            let filled = self.program(Path::new("dd")).args(["if=/dev/zero", &out, piece]).output().unwrap();
            assert!(!filled.status.success(), "the disk is not full");
        }
    }

    /// Makes space again.
    ///
    /// # Panics
    /// If the disk was not filled.
    pub fn clear(&self) {
        FILLERS.iter().for_each(|name| std::fs::remove_file(self.seen_from_outside().join(name)).unwrap());
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // An error means that it has already ended.
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}
