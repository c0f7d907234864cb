//! A headless Chromium for tests of the live page: Debian's package, unpacked into the cache together with the
//! libraries that the system lacks.

use super::debian;
use super::fetch::Fetch;
use anyhow::{Context, Result};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use stentor_tasks::{BROWSER_PACKAGE, Environment, process};

pub(super) const FETCH: Fetch = Fetch {
    what: "a headless browser for the tests of the live page (Chromium)",
    from: "Debian",
    megabytes: 100,
};

/// Starts the browser with the libraries that were unpacked with it, and with fonts if the system has none.
const LAUNCHER: &str = r#"#!/bin/sh
here=$(dirname "$0")
for folder in "$here"/usr/lib/*-linux-gnu "$here"/usr/lib/*-linux-gnu/pulseaudio "$here"/lib/*-linux-gnu; do
    [ -d "$folder" ] && LD_LIBRARY_PATH="$folder${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
done
export LD_LIBRARY_PATH
if [ -f "$here/etc/fonts/fonts.conf" ]; then
    export FONTCONFIG_FILE="$here/etc/fonts/fonts.conf" XDG_DATA_HOME="$here/usr/share"
fi
exec "$here/usr/lib/chromium/chromium-headless-shell" "$@"
"#;

/// Whether the browser prints its version, for which it needs all of its libraries.
pub(super) fn is_ready(environment: &Environment) -> bool {
    let launcher = environment.browser();
    let current = std::fs::read_to_string(&launcher).is_ok_and(|text| text == LAUNCHER);
    current && process::output(Command::new(launcher).arg("--version")).is_ok()
}

pub(super) fn make(environment: &Environment) -> Result<()> {
    debian::unpacked_with_needs(environment, BROWSER_PACKAGE)?;
    let launcher = environment.browser();
    let cannot = || format!("cannot write {}", launcher.display());
    std::fs::write(&launcher, LAUNCHER).with_context(cannot)?;
    std::fs::set_permissions(&launcher, std::fs::Permissions::from_mode(0o755)).with_context(cannot)?;
    process::output(Command::new(&launcher).arg("--version")).map(drop)
}
