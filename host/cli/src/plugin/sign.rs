//! `easysight plugin keygen`, `sign` and `verify`: the signatures of plugins.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, bail};
use easysight_protocol::PluginSignature;
use easysight_sandbox::{PluginStore, Sandbox, SandboxConfig};
use easysight_trust::{
    PublicKey, SecretKey, TrustedKeys, genuine, load, sign as sign_plugin, signature_beside, signature_path,
};

use crate::exit;

/// The arguments of `keygen`.
#[derive(Debug, clap::Args)]
pub(super) struct KeygenArguments {
    /// The file for the secret key, as PEM that only its owner may read. The public key is written beside it to
    /// FILE.pub. Neither file may exist already.
    #[arg(long, value_name = "FILE", default_value = "easysight-signing-key.pem")]
    out: PathBuf,
    /// The owner of the key, for people who read lists of trusted keys.
    #[arg(long, value_name = "NAME", default_value = "")]
    name: String,
}

/// The arguments of `sign`.
#[derive(Debug, clap::Args)]
pub(super) struct SignArguments {
    /// The secret key: PEM, made by `easysight plugin keygen` or OpenSSL.
    #[arg(long, value_name = "FILE", env = "EASYSIGHT_SIGNING_KEY")]
    key: PathBuf,
    /// The components.
    #[arg(required = true, value_name = "COMPONENT")]
    components: Vec<PathBuf>,
}

/// The arguments of `verify`.
#[derive(Debug, clap::Args)]
pub(super) struct VerifyArguments {
    /// The trusted keys. A component that none of them signed is a failure (exit code 2). Without this option the
    /// signers are shown, and the exit code is 1 for a component without a signature.
    #[arg(long, value_name = "FILE")]
    trusted_keys: Option<PathBuf>,
    /// The components.
    #[arg(required = true, value_name = "COMPONENT")]
    components: Vec<PathBuf>,
}

/// Makes a key pair, and prints the line for lists of trusted keys.
pub(super) fn keygen(arguments: &KeygenArguments) -> anyhow::Result<ExitCode> {
    if arguments.name.chars().any(char::is_control) {
        bail!("--name: line breaks and control characters are not allowed");
    }
    let key = SecretKey::generate()?;
    let line = format!("{} {}", key.public(), arguments.name);
    let line = line.trim_end();
    let mut public = arguments.out.clone().into_os_string();
    public.push(".pub");
    let public = PathBuf::from(public);
    if public.exists() {
        bail!("{}: the file already exists; choose another one with --out", public.display());
    }
    key.write_new(&arguments.out)?;
    let written = OpenOptions::new().write(true).create_new(true).open(&public);
    written.and_then(|mut file| writeln!(file, "{line}")).with_context(|| public.display().to_string())?;
    println!("{line}");
    eprintln!(
        "easysight: the secret key is in {}; anybody who has it can sign as you. Give {} to everybody who should \
         trust you: it contains the line for their --trusted-keys file.",
        arguments.out.display(),
        public.display()
    );
    Ok(ExitCode::SUCCESS)
}

/// Signs components.
pub(super) fn sign(arguments: &SignArguments) -> anyhow::Result<ExitCode> {
    let key = SecretKey::read(&arguments.key).context("--key")?;
    let sandbox = Sandbox::new(SandboxConfig { concurrency: 1, ..SandboxConfig::default() })?;
    for path in &arguments.components {
        let signed = sign_one(&sandbox, path, &key).with_context(|| path.display().to_string())?;
        println!("{}  {}  signed by the key {}", signed.digest, path.display(), key.public().id());
    }
    Ok(ExitCode::SUCCESS)
}

fn sign_one(sandbox: &Sandbox, path: &Path, key: &SecretKey) -> anyhow::Result<PluginSignature> {
    let (_, bytes) = PluginStore::read_file(path)?;
    let plugin = load(sandbox, &bytes, None, None)?;
    let signed = sign_plugin(&plugin, key, signature_beside(path)?);
    let text = format!("{}\n", serde_json::to_string_pretty(&signed)?);
    let file = signature_path(path);
    fs::write(&file, text).with_context(|| file.display().to_string())?;
    Ok(signed)
}

/// Prints the signers of components. Returns the exit code.
pub(super) fn verify(arguments: &VerifyArguments) -> anyhow::Result<ExitCode> {
    let keys = arguments.trusted_keys.as_deref().map(TrustedKeys::read).transpose();
    let keys = keys.context("--trusted-keys")?;
    let sandbox = Sandbox::new(SandboxConfig { concurrency: 1, ..SandboxConfig::default() })?;
    let mut code = exit::SUCCESS;
    for path in &arguments.components {
        match verify_one(&sandbox, path, keys.as_ref()) {
            Ok(Some(signers)) => println!("{}: signed by {signers}", path.display()),
            Ok(None) => {
                println!("{}: not signed", path.display());
                code = code.max(exit::ABNORMAL);
            }
            Err(error) => {
                eprintln!("easysight: {}: {error:#}", path.display());
                code = exit::FAILED;
            }
        }
    }
    Ok(ExitCode::from(code))
}

/// Returns the signers of a component. `None` if there is no signature.
fn verify_one(sandbox: &Sandbox, path: &Path, keys: Option<&TrustedKeys>) -> anyhow::Result<Option<String>> {
    let (_, bytes) = PluginStore::read_file(path)?;
    let signed = signature_beside(path)?;
    let plugin = load(sandbox, &bytes, keys, signed.as_ref())?;
    let Some(signed) = signed else { return Ok(None) };
    genuine(&signed, &plugin)?;
    let id = |key: &str| key.parse().map(|key: PublicKey| format!("the key {}", key.id()));
    let signers = signed.signatures.iter().map(|one| id(&one.key)).collect::<Result<Vec<_>, _>>()?;
    Ok((!signers.is_empty()).then(|| signers.join(" and ")))
}
