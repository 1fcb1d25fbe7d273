//! Filters of the list of cameras that people save under a name.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::schema::{FilterName, FilterWord, SearchWords};

/// What the console's list of cameras shows, and how. The fields are the parameters in the address of that page; the
/// API's list of cameras uses other names for some of them. An absent field stands for the usual value.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CameraListFilter {
    /// The words that are searched, 1 to 1,000 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<SearchWords>)]
    pub q: Option<String>,
    /// The state of the cameras, such as `error` or `attention`, 1 to 200 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<FilterWord>)]
    pub health: Option<String>,
    /// The group of the cameras, 1 to 200 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<FilterWord>)]
    pub group: Option<String>,
    /// The diagnosis that gives the cameras their state, 1 to 200 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<FilterWord>)]
    pub cause: Option<String>,
    /// The order, such as `name`; a leading minus reverses it. 1 to 200 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<FilterWord>)]
    pub sort: Option<String>,
    /// The view, such as `table` or `wall`, 1 to 200 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<FilterWord>)]
    pub view: Option<String>,
}

/// The body of `POST /api/v1/diagnosis/camera-filters` and of `PUT …/{id}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SavedFilterRequest {
    /// The name, 1 to 80 characters. No two filters of an owner have the same name; white space around the name makes no
    /// difference.
    #[schema(value_type = FilterName)]
    pub name: String,
    /// What the list shows, and how.
    #[serde(default)]
    pub filter: CameraListFilter,
}

/// A saved filter of the list of cameras.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SavedFilter {
    /// The filter's id.
    pub id: String,
    /// The name.
    pub name: String,
    /// What the list shows, and how.
    pub filter: CameraListFilter,
    /// When the filter was saved first.
    pub created_at: DateTime<Utc>,
    /// When the filter was last changed.
    pub updated_at: DateTime<Utc>,
}
