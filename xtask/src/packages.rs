//! Debian's packages, if the machine has a package manager for them.

use std::path::Path;

use anyhow::bail;

use crate::process::{command, is_there, output, run};

/// True on Debian and its derivatives.
pub(crate) fn is_debian() -> bool {
    is_there("dpkg-query", "--version") && is_there("apt-get", "--version")
}

/// Returns the packages that are not installed.
pub(crate) fn missing<'a>(packages: &[&'a str]) -> Vec<&'a str> {
    let installed = |package: &&str| {
        let mut query = command("dpkg-query", Path::new("/"));
        query.args(["--show", "--showformat=${Status}", package]);
        output(&mut query).is_ok_and(|status| status == "install ok installed")
    };
    packages.iter().copied().filter(|package| !installed(package)).collect()
}

/// Installs missing packages.
pub(crate) fn install(packages: &[&str]) -> anyhow::Result<()> {
    let missing = missing(packages);
    if missing.is_empty() {
        return Ok(());
    }
    eprintln!("installing Debian packages: {}", missing.join(" "));
    let root = output(command("id", Path::new("/")).arg("-u"))?.trim() == "0";
    if !root && !is_there("sudo", "--version") {
        bail!("packages are missing; run as root: apt-get install {}", missing.join(" "));
    }
    let apt = || {
        let mut apt = command(if root { "env" } else { "sudo" }, Path::new("/"));
        if !root {
            apt.arg("env");
        }
        apt.args(["DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq", "-o", "Dpkg::Use-Pty=0"]);
        // Another installation on this machine may hold the lock for a while.
        apt.args(["-o", "DPkg::Lock::Timeout=300"]);
        apt
    };
    run(apt().arg("update"))?;
    run(apt()
        .args(["install", "-y", "--no-install-recommends"])
        .args(&missing)
        .stdout(std::process::Stdio::null()))
}
