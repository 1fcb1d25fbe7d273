//! Merges the layers: the command line overrides the environment, which overrides the file, which overrides defaults.

use std::{collections::BTreeMap, ffi::OsString, fs, path::Path};

use clap::{Arg, ArgAction, ArgMatches, Command};
use figment::{
    Figment, Metadata, Profile, Provider,
    value::{Dict, Map, Value},
};

use crate::{Key, Origin, Resolved, SettingsError};

/// The settings and the subcommand that a program was started with.
#[derive(Debug)]
pub struct Invocation {
    /// The settings.
    pub resolved: Resolved,
    /// True if the program must only print the settings and exit.
    pub print_config: bool,
    /// The subcommand and its arguments, if the command has subcommands.
    pub subcommand: Option<(String, ArgMatches)>,
}

/// One layer: the texts of its values, by flag.
struct Layer {
    name: &'static str,
    values: BTreeMap<&'static str, String>,
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.name)
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        let dict = self.values.iter().map(|(key, value)| ((*key).to_owned(), Value::from(value.clone())));
        Ok(Profile::Default.collect(dict.collect()))
    }
}

const FLAGS: &str = "command line";
const ENVIRONMENT: &str = "environment";
const FILE: &str = "file";
const DEFAULTS: &str = "defaults";

/// Reads the settings of a program.
///
/// `command` has the program's name and version. The names of the program's variables begin with `prefix`. `arguments`
/// and `environment` are the arguments and the environment of the process.
///
/// # Errors
///
/// [`SettingsError`], also if help or the version is requested.
pub fn read(
    command: Command,
    prefix: &str,
    keys: &'static [Key],
    arguments: impl IntoIterator<Item = OsString>,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Invocation, SettingsError> {
    let matches = flags(command, keys).try_get_matches_from(arguments)?;
    let mut warnings = Vec::new();
    let mut origins: BTreeMap<(&str, &str), Origin> = BTreeMap::new();

    let mut given = BTreeMap::new();
    for key in keys {
        if let Some(value) = matches.get_one::<String>(key.flag) {
            given.insert(key.flag, value.clone());
            origins.insert((FLAGS, key.flag), Origin::Flag(key.flag));
        }
    }

    let mut variables = Vec::new();
    for (name, value) in environment {
        let Some(name) = name.to_str().filter(|name| name.starts_with(prefix)) else { continue };
        let value = value.into_string().map_err(|_| SettingsError::Value {
            key: keys.iter().find(|key| key.env == name).map_or("a variable", |key| key.env),
            value: "(not shown)".into(),
            origin: Origin::Environment(name.to_owned()),
            reason: "it is not UTF-8 text".into(),
        })?;
        variables.push((name.to_owned(), value));
    }
    let from_environment =
        assign(keys, prefix, variables, &mut warnings, |name| Origin::Environment(name.into()))?;

    let from_file = match matches.get_one::<String>("config") {
        None => BTreeMap::new(),
        Some(path) => {
            let lines = read_file(Path::new(path))?;
            assign(keys, prefix, lines, &mut warnings, |name| Origin::File {
                path: path.clone(),
                key: name.into(),
            })?
        }
    };

    let mut layer = |name: &'static str, values: BTreeMap<&'static str, (String, Origin)>| {
        let mut texts = BTreeMap::new();
        for (flag, (value, origin)) in values {
            origins.insert((name, flag), origin);
            texts.insert(flag, value);
        }
        Layer { name, values: texts }
    };
    let file = layer(FILE, from_file);
    let environment = layer(ENVIRONMENT, from_environment);
    let defaults = keys.iter().filter_map(|key| Some((key.flag, key.default?.to_owned()))).collect();
    let figment = Figment::from(Layer { name: DEFAULTS, values: defaults })
        .merge(file)
        .merge(environment)
        .merge(Layer { name: FLAGS, values: given });

    let mut values = BTreeMap::new();
    for key in keys {
        let Ok(Value::String(_, text)) = figment.find_value(key.flag) else { continue };
        let layer = figment.find_metadata(key.flag).map_or(DEFAULTS, |m| {
            [FLAGS, ENVIRONMENT, FILE].into_iter().find(|name| *name == m.name).unwrap_or(DEFAULTS)
        });
        let origin = origins.get(&(layer, key.flag)).cloned().unwrap_or(Origin::Default);
        values.insert(key.flag, (text, origin));
    }
    let print_config = matches.get_flag("print-config");
    let subcommand = matches.subcommand().map(|(name, given)| (name.to_owned(), given.clone()));
    Ok(Invocation { resolved: Resolved { keys, values, warnings }, print_config, subcommand })
}

fn flags(command: Command, keys: &'static [Key]) -> Command {
    // If there are subcommands, settings may stand before or after the subcommand.
    let global = command.has_subcommands();
    let mut command = command
        .arg(Arg::new("config").long("config").global(global).value_name("FILE").help(
            "Configuration file of KEY=value lines; the keys are the names of the environment variables",
        ))
        .arg(
            Arg::new("print-config")
                .long("print-config")
                .action(ArgAction::SetTrue)
                .help("Print each setting and its origin, and exit"),
        );
    for key in keys {
        let default = key.default.map_or_else(String::new, |default| format!(" [default: {default}]"));
        command = command.arg(
            Arg::new(key.flag)
                .long(key.flag)
                .global(global)
                .value_name(key.value_name)
                .help(format!("{} [{}]{default}", key.help, key.env)),
        );
    }
    command
}

/// Reads the file's lines, in order. Values in single quotes are taken literally. In other values, `dotenvy` replaces
/// `$NAME` with the variable's value. The environment of the process is not changed.
fn read_file(path: &Path) -> Result<Vec<(String, String)>, SettingsError> {
    let failed = |reason: String| SettingsError::File { path: path.display().to_string(), reason };
    let text = fs::read_to_string(path).map_err(|e| failed(e.to_string()))?;
    dotenvy::from_read_iter(text.as_bytes())
        .map(|line| {
            line.map_err(|e| {
                // The error quotes the line, which may contain a secret. So the message only gives the line's number.
                let number = match &e {
                    dotenvy::Error::LineParse(line, _) => text.lines().position(|l| l.trim() == line.trim()),
                    _ => None,
                };
                failed(number.map_or_else(
                    || "it is not a list of KEY=value lines".into(),
                    |at| format!("line {} is not of the form KEY=value", at + 1),
                ))
            })
        })
        .collect()
}

/// Assigns variables to the keys that they name. An empty variable is treated as not set.
fn assign(
    keys: &'static [Key],
    prefix: &str,
    variables: Vec<(String, String)>,
    warnings: &mut Vec<String>,
    origin: impl Fn(&str) -> Origin,
) -> Result<BTreeMap<&'static str, (String, Origin)>, SettingsError> {
    let mut values: BTreeMap<&'static str, (String, Origin)> = BTreeMap::new();
    let mut aliased = Vec::new();
    for (name, value) in variables.into_iter().filter(|(_, value)| !value.is_empty()) {
        if let Some(key) = keys.iter().find(|key| key.env == name) {
            values.insert(key.flag, (value, origin(&name)));
        } else if keys.iter().any(|key| key.aliases.contains(&name.as_str()) || is_file_of(key, &name)) {
            aliased.push((name, value));
        } else {
            let shown = if name.starts_with(prefix) { "" } else { " (keys begin with the program's prefix)" };
            warnings.push(format!("{}: unknown key{shown}{}", origin(&name), nearest(keys, &name)));
        }
    }
    for (name, value) in aliased {
        for key in keys {
            if is_file_of(key, &name) {
                if values.contains_key(key.flag) {
                    return Err(SettingsError::Conflict(format!(
                        "{} and {name} are both set; set only one of them",
                        key.env
                    )));
                }
                let secret = fs::read_to_string(&value).map_err(|e| SettingsError::Value {
                    key: key.env,
                    value: format!("{value:?}"),
                    origin: origin(&name),
                    reason: format!("the file cannot be read: {e}"),
                })?;
                values.insert(key.flag, (secret.trim_end_matches(['\r', '\n']).to_owned(), origin(&name)));
            } else if key.aliases.contains(&name.as_str()) {
                match values.get(key.flag) {
                    Some((known, _)) if *known != value => {
                        warnings.push(format!(
                            "{}: ignored, because {} has another value",
                            origin(&name),
                            key.env
                        ));
                    }
                    Some(_) => {}
                    None => {
                        values.insert(key.flag, (value.clone(), origin(&name)));
                    }
                }
            }
        }
    }
    Ok(values)
}

/// Returns true if the variable names the file that contains a key's secret, as `WORKER_API_TOKEN_FILE` does for
/// `WORKER_API_TOKEN`.
fn is_file_of(key: &Key, name: &str) -> bool {
    key.secret && name.strip_suffix("_FILE") == Some(key.env)
}

fn nearest(keys: &[Key], name: &str) -> String {
    let names = keys.iter().flat_map(|key| std::iter::once(&key.env).chain(key.aliases));
    names
        .map(|known| (strsim::damerau_levenshtein(known, name), known))
        .min()
        .filter(|(distance, known)| *distance * 2 < known.len())
        .map_or_else(String::new, |(_, known)| format!("; did you mean {known}?"))
}

#[cfg(test)]
mod tests;
