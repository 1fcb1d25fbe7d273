//! Reads lists with filters and pages, and reads values from rows.

use chrono::{DateTime, TimeZone, Utc};
use serde::de::DeserializeOwned;

use crate::{
    Store, StoreError,
    db::{self, Pool, Query, Row, Value},
};

/// The maximum number of reports or runs that are examined for one page.
pub(crate) const MAX_LOOKED_THROUGH: usize = 5_000;

/// Which part of a list to return.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PageRequest {
    /// The mark of the last item of the previous page (`Page::next`).
    pub after: Option<String>,
    /// The maximum number of items.
    pub limit: u32,
}

impl Store {
    /// Returns the id of the row that is `most` rows before the row `after`, or before the end, by id. None if there are
    /// fewer rows. A search that looks no further back than this has a bounded cost, whatever its other conditions are.
    pub(crate) async fn floor(
        &self,
        table: &str,
        after: Option<&str>,
        most: usize,
    ) -> Result<Option<String>, StoreError> {
        let offset = i64::try_from(most).unwrap_or(i64::MAX);
        let select = Select::new(&format!("SELECT id FROM {table}")).and("id < ?", after);
        let row = select.nth("id DESC", offset).fetch_optional(&self.readers).await?;
        row.as_ref().map(|row| text(row, "id")).transpose()
    }
}

/// A `SELECT` to which conditions are added. Its SQL comes only from the source code; values are bound.
pub(crate) struct Select {
    sql: String,
    values: Vec<Value>,
    conditions: usize,
}

impl Select {
    pub(crate) fn new(sql: &str) -> Self {
        Self { sql: sql.to_owned(), values: Vec::new(), conditions: 0 }
    }

    /// Adds a condition if there is a value. `condition` has one `?`, which stands for the value.
    pub(crate) fn and(mut self, condition: &str, value: Option<impl Into<String>>) -> Self {
        if let Some(value) = value {
            self.push(condition, Value::Text(Some(value.into())));
        }
        self
    }

    pub(crate) fn and_integer(mut self, condition: &str, value: Option<i64>) -> Self {
        if let Some(value) = value {
            self.push(condition, Value::Integer(Some(value)));
        }
        self
    }

    pub(crate) fn and_value(mut self, condition: &str, value: Value) -> Self {
        self.push(condition, value);
        self
    }

    /// Adds a condition with two values: `condition` has two `?`.
    pub(crate) fn and_pair(mut self, condition: &str, first: Value, second: &str) -> Self {
        self.values.push(first);
        let condition = condition.replacen('?', &format!("${}", self.values.len()), 1);
        self.push(&condition, Value::Text(Some(second.to_owned())));
        self
    }

    /// Adds a condition without a value.
    pub(crate) fn and_fixed(mut self, condition: &str) -> Self {
        self.join(condition);
        self
    }

    fn push(&mut self, condition: &str, value: Value) {
        self.values.push(value);
        self.join(&condition.replace('?', &format!("${}", self.values.len())));
    }

    fn join(&mut self, condition: &str) {
        self.sql.push_str(if self.conditions == 0 { " WHERE " } else { " AND " });
        self.sql.push_str(condition);
        self.conditions += 1;
    }

    /// Reads the rows after the last item of the previous page. Reads one row more than requested, to find out whether
    /// there is a next page.
    pub(crate) async fn page(
        self,
        pool: &Pool,
        order: &str,
        after: &str,
        page: &PageRequest,
    ) -> Result<Vec<Row>, StoreError> {
        let mut this = self.and(after, page.after.clone());
        this.values.push(Value::Integer(Some(i64::from(page.limit) + 1)));
        this.sql.push_str(&format!(" ORDER BY {order} LIMIT ${}", this.values.len()));
        this.query().fetch_all(pool).await
    }

    /// Reads one row, after `offset` others.
    fn nth(mut self, order: &str, offset: i64) -> Query {
        self.values.push(Value::Integer(Some(offset)));
        self.sql.push_str(&format!(" ORDER BY {order} LIMIT 1 OFFSET ${}", self.values.len()));
        self.query()
    }

    pub(crate) fn query(self) -> Query {
        let mut query = db::query(self.sql);
        for value in self.values {
            query = query.bind(value);
        }
        query
    }
}

/// Makes a page of items. If there is a next page, `rows` contains one row more than requested. `mark` returns the
/// value with which a client requests the page after an item.
pub(crate) fn page_of<T>(
    rows: &[Row],
    limit: u32,
    read: impl Fn(&Row) -> Result<T, StoreError>,
    mark: impl Fn(&T) -> String,
) -> Result<easysight_protocol::Page<T>, StoreError> {
    let more = rows.len() > limit as usize;
    let items = rows.iter().take(limit as usize).map(read).collect::<Result<Vec<T>, _>>()?;
    let next = if more { items.last().map(mark) } else { None };
    Ok(easysight_protocol::Page { items, next })
}

pub(crate) fn time(milliseconds: i64) -> Result<DateTime<Utc>, StoreError> {
    Utc.timestamp_millis_opt(milliseconds)
        .single()
        .ok_or_else(|| StoreError::corrupt(format!("{milliseconds} is not a time")))
}

pub(crate) fn time_of(row: &Row, column: &str) -> Result<DateTime<Utc>, StoreError> {
    time(row.try_get::<i64>(column)?)
}

pub(crate) fn maybe_time(row: &Row, column: &str) -> Result<Option<DateTime<Utc>>, StoreError> {
    row.try_get::<Option<i64>>(column)?.map(time).transpose()
}

pub(crate) fn count(row: &Row, column: &str) -> Result<u64, StoreError> {
    u64::try_from(row.try_get::<i64>(column)?).map_err(StoreError::corrupt)
}

pub(crate) fn small(row: &Row, column: &str) -> Result<u32, StoreError> {
    u32::try_from(row.try_get::<i64>(column)?).map_err(StoreError::corrupt)
}

pub(crate) fn text(row: &Row, column: &str) -> Result<String, StoreError> {
    row.try_get(column)
}

pub(crate) fn maybe_text(row: &Row, column: &str) -> Result<Option<String>, StoreError> {
    row.try_get(column)
}

/// Parses a value that is stored as text, such as an id.
pub(crate) fn parsed<T: std::str::FromStr>(row: &Row, column: &str) -> Result<T, StoreError>
where
    T::Err: std::fmt::Display,
{
    text(row, column)?.parse().map_err(|error: T::Err| StoreError::corrupt(error))
}

pub(crate) fn json<T: DeserializeOwned>(row: &Row, column: &str) -> Result<T, StoreError> {
    Ok(serde_json::from_str(&text(row, column)?)?)
}

pub(crate) fn maybe_json<T: DeserializeOwned>(row: &Row, column: &str) -> Result<Option<T>, StoreError> {
    match maybe_text(row, column)? {
        Some(text) => Ok(Some(serde_json::from_str(&text)?)),
        None => Ok(None),
    }
}

/// Reads a value of an enum that is stored as its name in JSON, without quotes.
pub(crate) fn word<T: DeserializeOwned>(row: &Row, column: &str) -> Result<T, StoreError> {
    Ok(serde_json::from_value(serde_json::Value::String(text(row, column)?))?)
}
