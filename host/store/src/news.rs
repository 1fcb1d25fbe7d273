//! What masters that share a PostgreSQL tell each other at once. SQLite has one master, so nothing is
//! said there. What gets lost is found by the slow looks that every master takes anyway.

use std::{sync::Arc, time::Duration};

use sqlx::postgres::PgListener;

use crate::{Dialect, Store, StoreError, db::query};

const CHANNEL: &str = "easysight_news";
/// How long it may take until one listens.
const CONNECT: Duration = Duration::from_secs(5);
/// Bytes of one message at the most; PostgreSQL takes 7,999.
pub const MAX_NEWS_BYTES: usize = 7_900;

/// After so long without a word the connection is made anew: one that was cut off says nothing either. A master
/// hears its own messages too, so that there is silence only where nothing happens.
const SILENCE: Duration = Duration::from_secs(60);

/// What all masters of a database say, in order.
pub struct Listener {
    listener: PgListener,
    url: Arc<str>,
}

impl Store {
    /// Tells all masters, this one too.
    ///
    /// # Errors
    ///
    /// Those of the database; nothing else is undone by them.
    pub async fn tell(&self, news: &str) -> Result<(), StoreError> {
        if self.dialect == Dialect::Postgres {
            let sql = "SELECT CAST(pg_notify($1, $2) AS TEXT) AS told";
            query(sql).bind(CHANNEL).bind(news).execute(&self.readers).await?;
        }
        Ok(())
    }

    /// Listens; none where nobody else can share the database.
    ///
    /// # Errors
    ///
    /// Where the database cannot be reached.
    pub async fn listen(&self) -> Result<Option<Listener>, StoreError> {
        if self.dialect == Dialect::Sqlite {
            return Ok(None);
        }
        Ok(Some(Listener { listener: listen(&self.url).await?, url: Arc::clone(&self.url) }))
    }
}

async fn listen(url: &str) -> Result<PgListener, StoreError> {
    let listening = async {
        let mut listener = PgListener::connect(url).await?;
        listener.listen(CHANNEL).await?;
        Ok::<_, sqlx::Error>(listener)
    };
    let listening = tokio::time::timeout(CONNECT, listening).await;
    Ok(listening.map_err(|_| StoreError::unavailable("it does not answer"))??)
}

impl Listener {
    /// Waits for the next message. A connection that breaks is made anew.
    ///
    /// # Errors
    ///
    /// Where it cannot be made anew.
    pub async fn next(&mut self) -> Result<String, StoreError> {
        loop {
            match tokio::time::timeout(SILENCE, self.listener.recv()).await {
                Ok(message) => return Ok(message?.payload().to_owned()),
                Err(_) => self.listener = listen(&self.url).await?,
            }
        }
    }
}
