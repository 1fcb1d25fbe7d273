//! Lists that come page by page.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Page<T> {
    /// The items, in the list's order. There may be fewer than the limit, and even none, though there is a next
    /// page: a search ends a page after it has looked through so many.
    pub items: Vec<T>,
    /// What to send as `after` for the next page; absent on the last one.
    pub next: Option<String>,
}
