//! `easysight-master token …`: makes, lists and revokes tokens, directly in the database.

use anyhow::{Context, bail};
use chrono::{DateTime, TimeDelta, Utc};
use clap::{Arg, ArgMatches, Command};
use easysight_protocol::{Scope, TokenRequest};
use easysight_store::Store;
use tokio::task::JoinHandle;

use crate::{
    access::make_token,
    names,
    operator::actor,
    settings::MasterSettings,
    user::{area, group, groups_of},
};

/// The maximum difference between the clocks of masters that share a database. The clock of this machine counts as
/// behind only if it is behind the latest entry of the database by more than this time.
const TOLERANCE: TimeDelta = TimeDelta::seconds(60);

/// Adds the subcommands to the command.
pub(crate) fn command(command: Command) -> Command {
    let required = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).required(true).value_name("TEXT").help(help)
    };
    let create = Command::new("create")
        .about("Create a token and print it; its secret is never shown again")
        .arg(required("name", "What the token is for"))
        .arg(required("scope", "admin, operator, viewer, worker or publisher"))
        .arg(
            Arg::new("expires-days")
                .long("expires-days")
                .value_name("N")
                .value_parser(clap::value_parser!(u32).range(1..))
                .help("Days until the token expires [default: never]"),
        )
        .arg(group("Limit the token to the cameras of this group; give the option again for more groups"));
    let revoke = Command::new("revoke")
        .about("Revoke a token; it stops working within seconds")
        .arg(Arg::new("id").required(true).value_name("ID"));
    command.subcommand(
        Command::new("token")
            .about("Create, list and revoke tokens, directly in the database")
            .subcommand_required(true)
            .subcommand(create)
            .subcommand(Command::new("list").about("List all tokens"))
            .subcommand(revoke),
    )
}

/// Runs a subcommand.
pub(crate) async fn run(settings: &MasterSettings, matches: &ArgMatches) -> anyhow::Result<()> {
    let (store, writing) = open(settings).await?;
    let done = carry_out(&store, matches).await;
    drop(store);
    writing.await?;
    done
}

/// Opens the database. The returned task ends once every clone of the store is dropped.
pub(crate) async fn open(settings: &MasterSettings) -> anyhow::Result<(Store, JoinHandle<()>)> {
    if settings.database_url.is_none() {
        std::fs::create_dir_all(&settings.data_dir)
            .with_context(|| format!("--data-dir {}", settings.data_dir.display()))?;
    }
    Ok(Store::open(&settings.database()).await?)
}

async fn carry_out(store: &Store, matches: &ArgMatches) -> anyhow::Result<()> {
    match matches.subcommand() {
        Some(("create", given)) => {
            let text = |name| given.get_one::<String>(name).cloned().unwrap_or_default();
            let name = text("name");
            names::check(&name).map_err(|reason| anyhow::anyhow!("--name: {reason}"))?;
            let scope: Scope = text("scope").parse().map_err(|error| anyhow::anyhow!("--scope: {error}"))?;
            let days = given.get_one::<u32>("expires-days");
            let lifetime_s = days.map(|days| u64::from(*days) * 86_400);
            if lifetime_s.is_some() {
                check_clock(store).await?;
            }
            let groups = groups_of(given)?;
            if groups.is_some() && !scope.may_be_limited() {
                bail!("--group: only tokens of operators and viewers can be limited to groups");
            }
            let request = TokenRequest { name, scope, expires_at: None, lifetime_s, groups };
            let made = make_token(&store.by(actor()), request, easysight_protocol::now()).await?;
            eprintln!("token {} ({}); keep it, because it is not shown again:", made.info.id, scope.as_str());
            println!("{}", made.token);
        }
        Some(("list", _)) => {
            let time = |at: Option<DateTime<Utc>>| at.map_or_else(|| "-".to_owned(), |at| at.to_rfc3339());
            println!("id\tscope\tcreated\texpires\trevoked\tname\tarea");
            for token in store.tokens().await? {
                let one = token.info;
                let (created, expires) = (one.created_at.to_rfc3339(), time(one.expires_at));
                let (scope, revoked) = (one.scope.as_str(), time(one.revoked_at));
                let area = area(one.groups.as_deref());
                println!("{}\t{scope}\t{created}\t{expires}\t{revoked}\t{}\t{area}", one.id, one.name);
            }
        }
        Some(("revoke", given)) => {
            let id = given.get_one::<String>("id").cloned().unwrap_or_default();
            let now = easysight_protocol::now().timestamp_millis();
            if !store.by(actor()).revoke_token(id.clone(), now).await? {
                bail!("there is no valid token `{id}`; `easysight-master token list` lists all tokens");
            }
            eprintln!("token {id} was revoked");
        }
        _ => bail!("expected create, list or revoke"),
    }
    Ok(())
}

/// Refuses to count days with a clock that is behind, because the token would expire too early once the clock is
/// corrected. A clock that is ahead cannot be detected here, because the difference could also mean that the master
/// was stopped for a long time. Masters later correct tokens that were made while a clock was ahead.
async fn check_clock(store: &Store) -> anyhow::Result<()> {
    let Some(written) = store.written_at().await?.and_then(DateTime::from_timestamp_millis) else {
        return Ok(());
    };
    let now = easysight_protocol::now();
    if now + TOLERANCE < written {
        bail!(
            "--expires-days: the clock of this machine shows {}, but the database has entries from {}: correct the \
             clock first (or create a token that does not expire)",
            now.to_rfc3339(),
            written.to_rfc3339()
        );
    }
    Ok(())
}
