//! The master's address and its token: flags, environment, files.

use std::{convert::Infallible, fmt, path::PathBuf, str::FromStr, time::Duration};

use anyhow::{Context, bail};
use reqwest::{Certificate, header::HeaderValue};
use url::Url;

/// The arguments for the access to a master.
#[derive(Debug, clap::Args)]
pub(crate) struct MasterArguments {
    /// The address of the master. It may have a path prefix.
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "EASYSIGHT_MASTER",
        default_value = "http://localhost:8000",
        help_heading = "Master"
    )]
    master: String,
    /// The token that the master issued. Other users of this machine can see flags, so prefer the environment or
    /// --token-file.
    #[arg(
        long,
        global = true,
        value_name = "TOKEN",
        env = "EASYSIGHT_TOKEN",
        hide_env_values = true,
        help_heading = "Master"
    )]
    token: Option<Secret>,
    /// A file with the token. It overrides --token and the environment.
    #[arg(long, global = true, value_name = "FILE", help_heading = "Master")]
    token_file: Option<PathBuf>,
    /// Trust only certificates that this authority signed. The file contains the authority's certificate (PEM).
    #[arg(long, global = true, value_name = "FILE", help_heading = "Master")]
    ca: Option<PathBuf>,
    /// Seconds to wait for one answer.
    #[arg(
        long,
        global = true,
        value_name = "S",
        default_value_t = 30,
        value_parser = clap::value_parser!(u64).range(1..=3600),
        help_heading = "Master"
    )]
    request_timeout: u64,
}

/// A string that is never printed.
#[derive(Clone)]
struct Secret(String);

impl FromStr for Secret {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl MasterArguments {
    #[cfg(test)]
    pub(crate) fn for_tests(master: &str, token: Option<&str>) -> Self {
        let token = token.map(|token| Secret(token.to_owned()));
        Self { master: master.to_owned(), token, token_file: None, ca: None, request_timeout: 5 }
    }

    /// Returns the master's URL, to which every path is appended.
    pub(super) fn base(&self) -> anyhow::Result<Url> {
        let url: Url = self
            .master
            .parse()
            .ok()
            .filter(|url: &Url| matches!(url.scheme(), "http" | "https") && url.has_host())
            .context(
                "--master (EASYSIGHT_MASTER): expected a URL such as https://master.example/easysight",
            )?;
        if !url.username().is_empty() || url.password().is_some() {
            bail!(
                "--master (EASYSIGHT_MASTER) must not contain a user or password; pass a token with EASYSIGHT_TOKEN"
            );
        }
        if url.query().is_some() || url.fragment().is_some() {
            bail!("--master (EASYSIGHT_MASTER) may have a path, but no query and no fragment: {url}");
        }
        Ok(url)
    }

    /// Returns the value of the authorization header. `None` if no token was given.
    pub(super) fn token(&self) -> anyhow::Result<Option<HeaderValue>> {
        let text = match &self.token_file {
            Some(file) => {
                let text = std::fs::read_to_string(file)
                    .with_context(|| format!("--token-file {}", file.display()))?;
                if text.trim().is_empty() {
                    bail!("--token-file {}: the file contains no token", file.display());
                }
                text
            }
            None => self.token.as_ref().map(|token| token.0.clone()).unwrap_or_default(),
        };
        let token = text.trim();
        if token.is_empty() {
            return Ok(None);
        }
        let mut header = HeaderValue::from_str(&format!("Bearer {token}")).ok().context(
            "the token contains a line break or a control character, which a token cannot contain",
        )?;
        header.set_sensitive(true);
        Ok(Some(header))
    }

    /// Returns the authorities to trust. `None` means the authorities that this machine trusts.
    pub(super) fn authorities(&self) -> anyhow::Result<Option<Vec<Certificate>>> {
        let Some(file) = &self.ca else { return Ok(None) };
        let pem = std::fs::read(file).with_context(|| format!("--ca {}", file.display()))?;
        let authorities =
            Certificate::from_pem_bundle(&pem).with_context(|| format!("--ca {}", file.display()))?;
        if authorities.is_empty() {
            bail!("--ca {}: the file contains no PEM certificate", file.display());
        }
        Ok(Some(authorities))
    }

    /// Returns the time limit for one answer.
    pub(super) const fn timeout(&self) -> Duration {
        Duration::from_secs(self.request_timeout)
    }
}
