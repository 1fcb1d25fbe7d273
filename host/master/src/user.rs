//! `easysight-master user …`: creates and changes users, directly in the database. Passwords are read from the terminal
//! or from standard input, because other users of the machine can see arguments.

use std::io::{self, BufRead, IsTerminal};

use anyhow::{Context, bail};
use clap::{Arg, ArgAction, ArgMatches, Command};
use easysight_protocol::{MAX_PASSWORD_BYTES, Password, Scope, UserChange, UserInfo};
use easysight_store::{Changed, Store, StoredUser};

use crate::{
    names::{self, MAX_GROUPS},
    operator, passwords,
    settings::MasterSettings,
    token,
};

/// Adds the subcommands to the command.
pub(crate) fn command(command: Command) -> Command {
    let required = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).required(true).value_name("TEXT").help(help)
    };
    let named = |name: &'static str, about: &'static str| {
        Command::new(name)
            .about(about)
            .arg(Arg::new("name").required(true).value_name("NAME").help("The user's name"))
    };
    let create = Command::new("create")
        .about("Create a user; the command asks for the password, or reads it from standard input")
        .arg(required("name", "The name with which the user signs in"))
        .arg(required("scope", "admin, operator, viewer or publisher"))
        .arg(group("Limit the user to the cameras of this group; give the option again for more groups"));
    let area = named("area", "Limit a user to the cameras of some groups, or lift the limit")
        .arg(group("A group; give the option again for more groups"))
        .arg(
            Arg::new("everywhere")
                .long("everywhere")
                .action(ArgAction::SetTrue)
                .conflicts_with("group")
                .required_unless_present("group")
                .help("All cameras"),
        );
    command.subcommand(
        Command::new("user")
            .about("Create, list and change users, directly in the database")
            .subcommand_required(true)
            .subcommand(create)
            .subcommand(Command::new("list").about("List all users"))
            .subcommand(area)
            .subcommand(named("disable", "Keep a user from signing in, and end the user's sessions"))
            .subcommand(named("enable", "Let a user sign in again"))
            .subcommand(named(
                "password",
                "Set a user's password, and end the user's sessions; the command asks for the password, or reads \
                 it from standard input",
            )),
    )
}

/// Runs a subcommand.
pub(crate) async fn run(settings: &MasterSettings, matches: &ArgMatches) -> anyhow::Result<()> {
    let (store, writing) = token::open(settings).await?;
    let done = carry_out(&store, matches).await;
    drop(store);
    writing.await?;
    done
}

async fn carry_out(store: &Store, matches: &ArgMatches) -> anyhow::Result<()> {
    let text = |given: &ArgMatches, name| given.get_one::<String>(name).cloned().unwrap_or_default();
    match matches.subcommand() {
        Some(("create", given)) => {
            create(store, &text(given, "name"), &text(given, "scope"), groups_of(given)?).await
        }
        Some(("area", given)) => {
            let everywhere = given.get_flag("everywhere").then_some(true);
            let change = UserChange { groups: groups_of(given)?, everywhere, ..UserChange::default() };
            let user = change_named(store, &text(given, "name"), change, None).await?;
            eprintln!(
                "user {} may see {}; this applies to open sessions within seconds",
                user.name,
                area(user.groups.as_deref())
            );
            Ok(())
        }
        Some(("list", _)) => list(store).await,
        Some(("disable", given)) => {
            let change = UserChange { disabled: Some(true), ..UserChange::default() };
            let user = change_named(store, &text(given, "name"), change, None).await?;
            eprintln!("user {} may no longer sign in; open sessions end within seconds", user.name);
            Ok(())
        }
        Some(("enable", given)) => {
            let change = UserChange { disabled: Some(false), ..UserChange::default() };
            let user = change_named(store, &text(given, "name"), change, None).await?;
            eprintln!("user {} may sign in", user.name);
            Ok(())
        }
        Some(("password", given)) => {
            let name = text(given, "name");
            // A wrong name is reported before the command asks for the password.
            find(store, &name).await?;
            let hash = passwords::hash(&new_password()?)?;
            let user = change_named(store, &name, UserChange::default(), Some(hash)).await?;
            eprintln!("user {} has a new password; open sessions end within seconds", user.name);
            Ok(())
        }
        _ => bail!("expected create, list, area, disable, enable or password"),
    }
}

/// Makes the argument that names the groups of an area.
pub(crate) fn group(help: &'static str) -> Arg {
    Arg::new("group").long("group").action(ArgAction::Append).value_name("GROUP").help(help)
}

/// Returns the given groups, or None if there is none.
pub(crate) fn groups_of(given: &ArgMatches) -> anyhow::Result<Option<Vec<String>>> {
    let groups: Vec<String> = given.get_many("group").into_iter().flatten().cloned().collect();
    if groups.len() > MAX_GROUPS {
        bail!("--group: at most {MAX_GROUPS} are allowed");
    }
    for group in &groups {
        names::check(group).map_err(|reason| anyhow::anyhow!("--group: {reason}"))?;
    }
    Ok((!groups.is_empty()).then_some(groups))
}

/// Describes an area.
pub(crate) fn area(groups: Option<&[String]>) -> String {
    match groups {
        None => "all cameras".to_owned(),
        Some(groups) => format!("the cameras of the groups {}", groups.join(", ")),
    }
}

async fn create(store: &Store, name: &str, scope: &str, groups: Option<Vec<String>>) -> anyhow::Result<()> {
    let scope: Scope = scope.parse().map_err(|error| anyhow::anyhow!("--scope: {error}"))?;
    if scope == Scope::Worker {
        bail!(
            "--scope: a user cannot have the scope worker: create a token with `easysight-master token create`"
        );
    }
    if groups.is_some() && !scope.may_be_limited() {
        bail!("--group: only operators and viewers can be limited to groups");
    }
    let name = name.trim();
    names::check(name).map_err(|reason| anyhow::anyhow!("--name: {reason}"))?;
    if store.user_named(name).await?.is_some() {
        bail!("--name: there is a user `{name}` already; `easysight-master user list` lists all users");
    }
    let password = passwords::hash(&new_password()?)?;
    let info = UserInfo {
        id: easysight_protocol::fresh_id().to_string(),
        name: name.to_owned(),
        scope,
        disabled: false,
        created_at: easysight_protocol::now(),
        last_signed_in_at: None,
        groups,
    };
    store.by(operator::actor()).create_user(StoredUser { info, password }).await?;
    eprintln!("user {name} ({}) was created", scope.as_str());
    Ok(())
}

async fn list(store: &Store) -> anyhow::Result<()> {
    println!("id\tscope\tstate\tcreated\tlast signed in\tname\tarea");
    for user in store.users().await? {
        let one = user.info;
        let state = if one.disabled { "disabled" } else { "enabled" };
        let signed_in = one.last_signed_in_at.map_or_else(|| "-".to_owned(), |at| at.to_rfc3339());
        let (scope, created) = (one.scope.as_str(), one.created_at.to_rfc3339());
        let area = area(one.groups.as_deref());
        println!("{}\t{scope}\t{state}\t{created}\t{signed_in}\t{}\t{area}", one.id, one.name);
    }
    Ok(())
}

async fn find(store: &Store, name: &str) -> anyhow::Result<UserInfo> {
    match store.user_named(name).await? {
        Some(user) => Ok(user.info),
        None => bail!("there is no user `{name}`; `easysight-master user list` lists all users"),
    }
}

async fn change_named(
    store: &Store,
    name: &str,
    change: UserChange,
    password: Option<String>,
) -> anyhow::Result<UserInfo> {
    let user = find(store, name).await?;
    let now = easysight_protocol::now().timestamp_millis();
    match store.by(operator::actor()).change_user(user.id, change, password, now).await? {
        Changed::Done(user) => Ok(user),
        Changed::Missing => bail!("there is no user `{name}` any more"),
        Changed::Unlimitable(scope) => bail!(
            "`{name}` has the scope {}; only operators and viewers can be limited to groups",
            scope.as_str()
        ),
        Changed::LastAdministrator => bail!(
            "`{name}` is the only administrator: create another one first, with `easysight-master user create \
             --scope admin`"
        ),
    }
}

/// Reads a new password: twice from a terminal, which does not show it, or the first line of standard input.
fn new_password() -> anyhow::Result<Password> {
    let typed = if io::stdin().is_terminal() {
        let ask = |prompt| rpassword::prompt_password(prompt).context("the password cannot be read");
        let password = ask("New password: ")?;
        if password != ask("Repeat the password: ")? {
            bail!("the two passwords differ");
        }
        password
    } else {
        first_line(io::stdin().lock())?
    };
    let password = Password::new(typed);
    passwords::check(&password).map_err(|reason| anyhow::anyhow!("{reason}"))?;
    Ok(password)
}

/// Reads the first line, without its end.
fn first_line(input: impl BufRead) -> anyhow::Result<String> {
    let mut line = String::new();
    // A longer line is refused by the rules for passwords.
    let limit = MAX_PASSWORD_BYTES as u64 + 3;
    input.take(limit).read_line(&mut line).context("standard input has no password")?;
    let line = line.strip_suffix('\n').unwrap_or(&line);
    Ok(line.strip_suffix('\r').unwrap_or(line).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_is_the_first_line_without_its_end() {
        assert_eq!(first_line(&b"correct horse \r\nsecond"[..]).unwrap(), "correct horse ");
        assert_eq!(first_line(&b"correct horse"[..]).unwrap(), "correct horse");
        assert_eq!(first_line(&b""[..]).unwrap(), "");
        let endless = first_line(&"x".repeat(1 << 20).into_bytes()[..]).unwrap();
        assert!(passwords::check(&Password::new(endless)).is_err());
    }
}
