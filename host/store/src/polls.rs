//! The polls of nodes. A busy node polls many times per second, but the store does not update the node's row each
//! time. In PostgreSQL, each update leaves an old version of the row. While another transaction prevents the removal of
//! these versions, every reader of the row steps through all of them.

use std::collections::{BTreeMap, HashMap};

use easysight_protocol::Incarnation;
use parking_lot::Mutex;

use crate::{
    Dialect, StoreError,
    db::{Connection, Rows, query},
    dialect::Update,
    query::{count, parsed, text},
};

/// The maximum time by which the stored time of a node's last poll lags, in milliseconds.
const BEHIND_MS: i64 = 5_000;
/// The maximum number of nodes whose last poll is stored in memory.
const NODES: usize = 100_000;

type Life = (String, Incarnation);

/// The nodes whose registered incarnation has polled.
pub(crate) type Greeted = HashMap<Life, Polled>;

/// Facts in the row of a node that decide whether its poll gets jobs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Polled {
    /// The last poll that is over. The node has reported that it no longer waits for an answer to this poll or an
    /// earlier one.
    pub(crate) over: u64,
    /// True if the node gets no new jobs.
    pub(crate) drained: bool,
}

/// The time of the last poll that was written, for each incarnation of a node.
#[derive(Default)]
pub(crate) struct Polls(Mutex<HashMap<Life, i64>>);

impl Polls {
    /// Records that nodes polled. Returns the nodes whose registered incarnation has polled. The rows of these nodes
    /// stay locked until the transaction ends, so that no other incarnation registers meanwhile, and no heartbeat ends
    /// a poll that is being answered.
    pub(crate) async fn greet(
        &self,
        connection: &mut Connection,
        dialect: Dialect,
        polls: &[(String, Incarnation, i64)],
    ) -> Result<Greeted, StoreError> {
        // If an incarnation has several polls here, the last one is recorded.
        let latest: BTreeMap<(&str, Incarnation), i64> =
            polls.iter().map(|(node, life, at)| ((node.as_str(), *life), *at)).collect();
        let sql = format!(
            "SELECT id, incarnation, polls_over, drained FROM nodes WHERE {} AND registered = 1 ORDER BY id{}",
            dialect.among("id", "$1"),
            dialect.to_change()
        );
        let nodes: Vec<String> = latest.keys().map(|(node, _)| (*node).to_owned()).collect();
        let mut known = Greeted::with_capacity(latest.len());
        for row in &query(sql).bind(nodes).fetch_all(&mut *connection).await? {
            let life: Life = (text(row, "id")?, parsed(row, "incarnation")?);
            if latest.contains_key(&(life.0.as_str(), life.1)) {
                let drained = row.try_get::<i64>("drained")? != 0;
                known.insert(life, Polled { over: count(row, "polls_over")?, drained });
            }
        }
        let due = self.due(
            latest.into_iter().filter(|((node, life), _)| known.contains_key(&((*node).to_owned(), *life))),
        );
        if !due.is_empty() {
            write(connection, dialect, &due).await?;
            self.written(due);
        }
        Ok(known)
    }

    /// Returns the polls that are to be written.
    fn due<'a>(&self, polls: impl Iterator<Item = ((&'a str, Incarnation), i64)>) -> Vec<(Life, i64)> {
        let written = self.0.lock();
        let polls = polls.map(|((node, life), at)| ((node.to_owned(), life), at));
        // A poll is also written if a clock was set back.
        polls
            .filter(|(life, at)| written.get(life).is_none_or(|last| (at - last).abs() >= BEHIND_MS))
            .collect()
    }

    fn written(&self, polls: Vec<(Life, i64)>) {
        let mut written = self.0.lock();
        if written.len() + polls.len() > NODES {
            written.clear();
        }
        written.extend(polls);
    }
}

async fn write(
    connection: &mut Connection,
    dialect: Dialect,
    polls: &[(Life, i64)],
) -> Result<(), StoreError> {
    let rows = Rows::new()
        .texts("node_id", polls.iter().map(|((node, _), _)| node.as_str()))
        .texts("incarnation", polls.iter().map(|((_, life), _)| life.to_string()))
        .integers("polled_at", polls.iter().map(|(_, at)| *at));
    let sql = dialect.update(&Update {
        table: "nodes",
        key: "node_id",
        rows: &rows,
        first: 1,
        set: "last_poll_at = x.polled_at",
        condition: "nodes.incarnation = x.incarnation",
        returning: "nodes.id AS id",
        skip: false,
    });
    query(sql).bind_rows(rows, dialect)?.fetch_all(connection).await?;
    Ok(())
}
