//! Hosts on one machine: network namespaces on a separate switch. Links can be limited to a rate in both directions,
//! and cut.

use anyhow::{Context, Result, ensure};
use std::path::Path;
use std::process::Command;
use stentor_tasks::process;

/// The rate of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rate {
    /// Name in the figures.
    pub(crate) name: &'static str,
    pub(crate) megabits: u32,
    /// Bytes that may pass at once: few, so that small messages are limited too; more at a high rate, which timers
    /// could not reach otherwise.
    burst: u32,
}

/// All rates that are measured.
pub(crate) const RATES: [Rate; 2] = [
    Rate { name: "100mbit", megabits: 100, burst: 16 << 10 },
    Rate { name: "1gbit", megabits: 1000, burst: 256 << 10 },
];

/// A network whose namespaces are deleted when it is dropped.
#[derive(Debug)]
pub(crate) struct Network {
    prefix: String,
    hosts: usize,
}

impl Network {
    /// Makes `hosts` hosts and the switch between them; without a rate, the links are not limited.
    pub(crate) fn lay(hosts: usize, rate: Option<Rate>) -> Result<Self> {
        ensure!(
            process::is_there_with("ip", "-V") && process::is_there_with("tc", "-V"),
            "expected `ip` and `tc`, found at most one of them; install them: sudo apt-get install iproute2"
        );
        clear_abandoned()?;
        let network = Self { prefix: format!("stentor-{}", std::process::id()), hosts };
        let switch = network.name(None);
        ip(&["netns", "add", &switch]).context("network namespaces need root")?;
        ip(&["-n", &switch, "link", "add", "bridge", "type", "bridge"])?;
        ip(&["-n", &switch, "link", "set", "bridge", "up"])?;
        for host in 0..hosts {
            let (name, port) = (network.name(Some(host)), format!("port{host}"));
            ip(&["netns", "add", &name])?;
            ip(&["-n", &name, "link", "set", "lo", "up"])?;
            let peer = ["type", "veth", "peer", "name", &port, "netns", &switch];
            ip(&[&["-n", &name, "link", "add", "line"][..], &peer].concat())?;
            ip(&["-n", &switch, "link", "set", &port, "master", "bridge", "up"])?;
            ip(&["-n", &name, "addr", "add", &format!("{}/24", network.address(host)), "dev", "line"])?;
            ip(&["-n", &name, "link", "set", "line", "up"])?;
            if let Some(rate) = rate {
                shape(&name, "line", rate)?;
                shape(&switch, &port, rate)?;
            }
        }
        Ok(network)
    }

    pub(crate) fn address(&self, host: usize) -> String {
        format!("10.77.0.{}", host + 1)
    }

    /// Cuts a host's link: packets are lost silently.
    pub(crate) fn cut(&self, host: usize) -> Result<()> {
        self.set_line(host, "down")
    }

    /// Restores the link.
    pub(crate) fn mend(&self, host: usize) -> Result<()> {
        self.set_line(host, "up")
    }

    fn set_line(&self, host: usize, state: &str) -> Result<()> {
        ip(&["-n", &self.name(None), "link", "set", &format!("port{host}"), state])
    }

    /// A command that runs a program on a host. The process that is started becomes the program.
    pub(crate) fn command(&self, host: usize, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name(Some(host))]).arg(program);
        command
    }

    fn name(&self, host: Option<usize>) -> String {
        host.map_or_else(|| format!("{}-switch", self.prefix), |host| format!("{}-{host}", self.prefix))
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for host in (0..self.hosts).map(Some).chain([None]) {
            // An error means that it was never created.
            let _ = Command::new("ip").args(["netns", "del", &self.name(host)]).output();
        }
    }
}

/// Removes the hosts of xtask commands that were killed, and ends the programs on them.
fn clear_abandoned() -> Result<()> {
    let list = process::output(Command::new("ip").args(["netns", "list"]))?;
    for name in list.lines().filter_map(|line| line.split_whitespace().next()) {
        if owner(name).is_none_or(|owner| Path::new("/proc").join(owner.to_string()).exists()) {
            continue;
        }
        let programs = process::output(Command::new("ip").args(["netns", "pids", name]))?;
        for program in programs.split_whitespace() {
            // An error means that it has ended in the meantime.
            let _ = Command::new("kill").args(["-9", program]).output();
        }
        ip(&["netns", "del", name])?;
    }
    Ok(())
}

/// The process that created a host with this name; `None` if it is not one of ours.
fn owner(name: &str) -> Option<u32> {
    name.strip_prefix("stentor-")?.split_once('-')?.0.parse().ok()
}

fn shape(namespace: &str, device: &str, rate: Rate) -> Result<()> {
    let (rate_word, burst) = (format!("{}mbit", rate.megabits), rate.burst.to_string());
    let queue = ["root", "tbf", "rate", &rate_word, "burst", &burst, "latency", "50ms"];
    let words = [&["netns", "exec", namespace, "tc", "qdisc", "add", "dev", device][..], &queue].concat();
    ip(&words)
}

fn ip(words: &[&str]) -> Result<()> {
    process::output(Command::new("ip").args(words)).map(drop)
}
