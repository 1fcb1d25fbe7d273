//! How much space the database takes.

use easysight_protocol::{DatabaseStorage, TableStorage};

use crate::{
    Dialect, Store, StoreError,
    db::{Connection, query},
    query::{count, text},
};

/// The maximum number of tables that are named.
const TABLES: i64 = 12;

impl Store {
    /// Returns the size of the database and of its largest tables, and the number of findings.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn database_storage(&self) -> Result<DatabaseStorage, StoreError> {
        let (engine, size) = match self.dialect {
            Dialect::Sqlite => {
                let size = "SELECT (SELECT page_count FROM pragma_page_count) \
                            * (SELECT page_size FROM pragma_page_size) AS bytes";
                ("SQLite", size)
            }
            Dialect::Postgres => ("PostgreSQL", "SELECT pg_database_size(current_database()) AS bytes"),
        };
        let bytes = count(&query(size).fetch_one(&self.readers).await?, "bytes")?;
        let mut tables = Vec::new();
        // SQLite would have to read the whole file to find the sizes of its tables.
        if self.dialect == Dialect::Postgres {
            let sql = "SELECT relname::text AS name, pg_total_relation_size(oid) AS bytes FROM pg_class \
                       WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace \
                       ORDER BY bytes DESC, name LIMIT $1";
            for row in &query(sql).bind(TABLES).fetch_all(&self.readers).await? {
                tables.push(TableStorage { name: text(row, "name")?, bytes: count(row, "bytes")? });
            }
        }
        let findings = self.count_findings().await?;
        Ok(DatabaseStorage { engine: engine.to_owned(), bytes, findings, tables })
    }
}

/// Logs a warning if PostgreSQL does not clear the space of changed and removed rows by itself.
pub(crate) async fn check_vacuum(connection: &mut Connection, dialect: Dialect) -> Result<(), StoreError> {
    if dialect == Dialect::Sqlite {
        return Ok(());
    }
    let sql = "SELECT current_setting('autovacuum') AS autovacuum";
    if text(&query(sql).fetch_one(connection).await?, "autovacuum")? == "off" {
        tracing::warn!(
            "autovacuum is off in PostgreSQL: the tables grow without limit, and the master becomes slower; set \
             `autovacuum = on`, or run `VACUUM (ANALYZE)` regularly"
        );
    }
    Ok(())
}
