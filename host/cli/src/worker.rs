//! `easysight worker`: the nodes of a master.

use std::process::ExitCode;

use anyhow::Context;
use clap::Subcommand;
use comfy_table::{Cell, Color, Table};
use easysight_protocol::{DistributedNode, NodeState};
use reqwest::Method;

use crate::{
    label, listing,
    master::{Master, Remote},
};

/// The command's arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    remote: Remote,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the nodes with their work, their state and the time of their last heartbeat.
    List,
    /// Drain a node: it finishes its jobs and gets no new ones. Drain a node before you update or stop its machine.
    Drain {
        /// The id of the node.
        id: String,
    },
    /// Give a drained node jobs again.
    Resume {
        /// The id of the node.
        id: String,
    },
}

/// Runs the command. Returns the exit code.
pub(crate) async fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let master = arguments.remote.master()?;
    let format = arguments.remote.format;
    match &arguments.command {
        Command::List => {
            let nodes: Vec<DistributedNode> = master.get(&["diagnosis", "workers", "distributed"]).await?;
            let none = "no workers have registered; start one with `easysight-worker`";
            format.list(&nodes, none, table)?;
        }
        Command::Drain { id } => {
            let node = change(&master, id, "drain").await?;
            format.say(
                &node,
                &format!("node {id} gets no new jobs; it holds {} now", node.current_tasks.len()),
            )?;
        }
        Command::Resume { id } => {
            let node = change(&master, id, "resume").await?;
            format.say(&node, &format!("node {id} gets jobs again"))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Drains or resumes a node. Returns the changed node.
async fn change(master: &Master, id: &str, verb: &str) -> anyhow::Result<DistributedNode> {
    master.done(master.request(Method::POST, &["diagnosis", "workers", id, verb])?).await?;
    let nodes: Vec<DistributedNode> = master.get(&["diagnosis", "workers", "distributed"]).await?;
    nodes.into_iter().find(|node| node.id == id).context("the node was removed meanwhile")
}

fn table(nodes: &[DistributedNode]) -> Table {
    let mut table = listing::table(&[
        "name",
        "id",
        "status",
        "jobs",
        "pool",
        "finished",
        "failed",
        "memory",
        "labels",
        "version",
        "last heartbeat",
    ]);
    for node in nodes {
        table.add_row([
            listing::cell(&node.name),
            listing::cell(&node.id),
            state(node),
            Cell::new(format!("{}/{}", node.current_tasks.len(), node.capacity)),
            Cell::new(node.pool_size),
            Cell::new(node.totals.finished),
            Cell::new(node.totals.failed),
            Cell::new(memory(node.system.memory_used_bytes, node.system.memory_total_bytes)),
            listing::cell(&label::in_words(&node.labels)),
            listing::cell(&node.version),
            Cell::new(listing::time(node.last_heartbeat)),
        ]);
    }
    table
}

fn state(node: &DistributedNode) -> Cell {
    match node.status {
        NodeState::Draining if node.drained => Cell::new("drained").fg(Color::Yellow),
        NodeState::Online => Cell::new("online").fg(Color::Green),
        NodeState::Draining => Cell::new("draining").fg(Color::Yellow),
        NodeState::Offline => Cell::new("offline").fg(Color::Red),
    }
}

/// Formats memory in use and in total, such as `3.2/16.0 GiB`.
fn memory(used_bytes: u64, total_bytes: u64) -> String {
    const TENTH: u64 = (1 << 30) / 10;
    let gib = |bytes: u64| format!("{}.{}", bytes / TENTH / 10, bytes / TENTH % 10);
    format!("{}/{} GiB", gib(used_bytes), gib(total_bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_shown_in_gibibytes() {
        assert_eq!(memory(3 << 29, 16 << 30), "1.5/16.0 GiB");
        assert_eq!(memory(0, 0), "0.0/0.0 GiB");
    }
}
