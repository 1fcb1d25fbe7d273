//! What masters that share a PostgreSQL tell each other at once. SQLite has one master, so nothing is
//! said there. What gets lost is found by the slow looks that every master takes anyway.

use sqlx::postgres::PgListener;

use crate::{Dialect, Store, StoreError, db::query};

const CHANNEL: &str = "easysight_news";
/// Bytes of one message at the most; PostgreSQL takes 7,999.
pub const MAX_NEWS_BYTES: usize = 7_900;

/// What all masters of a database say, in order.
pub struct Listener(PgListener);

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
        let mut listener = PgListener::connect(&self.url).await?;
        listener.listen(CHANNEL).await?;
        Ok(Some(Listener(listener)))
    }
}

impl Listener {
    /// Waits for the next message. A connection that breaks is made anew.
    ///
    /// # Errors
    ///
    /// Where it cannot be made anew.
    pub async fn next(&mut self) -> Result<String, StoreError> {
        Ok(self.0.recv().await?.payload().to_owned())
    }
}
