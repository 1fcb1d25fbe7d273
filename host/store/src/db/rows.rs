//! A batch of rows for one statement: arrays in PostgreSQL, one JSON array in SQLite.

use serde_json::Value as Json;

use crate::{Dialect, StoreError};

use super::Value;

/// Rows, stored by column. Every column has one cell for each row.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rows {
    columns: Vec<(&'static str, Value)>,
}

impl Rows {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn texts<T: Into<String>>(
        self,
        name: &'static str,
        cells: impl IntoIterator<Item = T>,
    ) -> Self {
        self.maybe_texts(name, cells.into_iter().map(Some))
    }

    pub(crate) fn maybe_texts<T: Into<String>>(
        mut self,
        name: &'static str,
        cells: impl IntoIterator<Item = Option<T>>,
    ) -> Self {
        let cells = cells.into_iter().map(|cell| cell.map(Into::into)).collect();
        self.columns.push((name, Value::Texts(cells)));
        self
    }

    pub(crate) fn integers(self, name: &'static str, cells: impl IntoIterator<Item = i64>) -> Self {
        self.maybe_integers(name, cells.into_iter().map(Some))
    }

    pub(crate) fn maybe_integers(
        mut self,
        name: &'static str,
        cells: impl IntoIterator<Item = Option<i64>>,
    ) -> Self {
        self.columns.push((name, Value::Integers(cells.into_iter().collect())));
        self
    }

    pub(crate) fn maybe_reals(
        mut self,
        name: &'static str,
        cells: impl IntoIterator<Item = Option<f64>>,
    ) -> Self {
        self.columns.push((name, Value::Reals(cells.into_iter().collect())));
        self
    }

    /// Adds a column of bytes. This is for PostgreSQL only, because JSON has no bytes.
    pub(crate) fn bytes(mut self, name: &'static str, cells: impl IntoIterator<Item = Vec<u8>>) -> Self {
        self.columns.push((name, Value::Blobs(cells.into_iter().collect())));
        self
    }

    /// Returns the names of the columns, separated by commas, each with `prefix` before it.
    pub(crate) fn names(&self, prefix: &str) -> String {
        let names: Vec<_> = self.columns.iter().map(|(name, _)| format!("{prefix}{name}")).collect();
        names.join(", ")
    }

    /// Returns a table expression with these rows, named `alias`. Its values are the parameters from `$first` on, and
    /// must be bound last, by [`super::Query::bind_rows`].
    pub(crate) fn table(&self, dialect: Dialect, first: usize, alias: &str) -> String {
        match dialect {
            Dialect::Sqlite => {
                let columns: Vec<_> = self
                    .columns
                    .iter()
                    .enumerate()
                    .map(|(at, (name, _))| format!("json_extract(value, '$[{at}]') AS {name}"))
                    .collect();
                format!("(SELECT {} FROM json_each(${first})) AS {alias}", columns.join(", "))
            }
            Dialect::Postgres => {
                let arrays: Vec<_> = self
                    .columns
                    .iter()
                    .enumerate()
                    .map(|(at, (_, cells))| {
                        let kind = match cells {
                            Value::Integers(_) => "bigint",
                            Value::Reals(_) => "double precision",
                            Value::Blobs(_) => "bytea",
                            _ => "text",
                        };
                        format!("CAST(${} AS {kind}[])", first + at)
                    })
                    .collect();
                format!("UNNEST({}) AS {alias}({})", arrays.join(", "), self.names(""))
            }
        }
    }

    /// Returns the number of parameters that [`Self::table`] uses.
    pub(crate) fn parameters(&self, dialect: Dialect) -> usize {
        match dialect {
            Dialect::Sqlite => 1,
            Dialect::Postgres => self.columns.len(),
        }
    }

    pub(super) fn values(self, dialect: Dialect) -> Result<Vec<Value>, StoreError> {
        if dialect == Dialect::Postgres {
            return Ok(self.columns.into_iter().map(|(_, cells)| cells).collect());
        }
        let columns: Vec<Vec<Json>> = self.columns.into_iter().map(|(_, cells)| cells_of(cells)).collect();
        let count = columns.first().map_or(0, Vec::len);
        let mut columns: Vec<_> = columns.into_iter().map(Vec::into_iter).collect();
        let rows: Vec<Vec<Json>> = (0..count)
            .map(|_| columns.iter_mut().map(|cells| cells.next().unwrap_or(Json::Null)).collect())
            .collect();
        Ok(vec![Value::Text(Some(serde_json::to_string(&rows)?))])
    }
}

fn cells_of(cells: Value) -> Vec<Json> {
    match cells {
        Value::Texts(cells) => cells.into_iter().map(Json::from).collect(),
        Value::Integers(cells) => cells.into_iter().map(Json::from).collect(),
        Value::Reals(cells) => cells.into_iter().map(Json::from).collect(),
        Value::Text(_) | Value::Integer(_) | Value::Real(_) | Value::Bytes(_) | Value::Blobs(_) => Vec::new(),
    }
}
