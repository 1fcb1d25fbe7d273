//! The rules for strings in requests, as schemas for the OpenAPI document. These types have no values: the fields of
//! requests name them as their schemas. The master checks the same rules when it handles a request.

use std::borrow::Cow;

use utoipa::{
    PartialSchema, ToSchema,
    openapi::{Object, ObjectBuilder, RefOr, Schema, Type},
};

use crate::Scope;

/// The pattern of strings without control characters.
const PLAIN: &str = r"^[^\u0000-\u001f\u007f-\u009f]+$";
/// The pattern of strings without control characters and with at least one character that is not white space.
const NAME: &str =
    r"^[^\u0000-\u001f\u007f-\u009f]*[^\s\u0000-\u001f\u007f-\u009f][^\u0000-\u001f\u007f-\u009f]*$";
/// The same pattern as `NAME`, but without `://`, so that an address is not accepted as an id.
const CAMERA_ID: &str =
    r"^(?!.*://)[^\u0000-\u001f\u007f-\u009f]*[^\s\u0000-\u001f\u007f-\u009f][^\u0000-\u001f\u007f-\u009f]*$";
const ANY: &str = r"^[\s\S]*$";
const ID: &str = r"^[A-Za-z0-9_-][A-Za-z0-9._-]*$";
const LABEL_KEY: &str = r"^[A-Za-z0-9._/-]+$";
/// The maximum number of labels of a camera, task or node.
const MAX_LABELS: usize = 64;

fn text(description: &str, max_length: usize, pattern: &str, examples: &[&str]) -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some(description))
        .min_length(Some(1))
        .max_length(Some(max_length))
        .pattern(Some(pattern))
        .examples(examples.iter().copied())
        .build()
}

macro_rules! texts {
    ($($(#[$doc:meta])* $type:ident = $description:literal, $max:literal, $pattern:expr, $examples:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        pub(crate) enum $type {}

        impl PartialSchema for $type {
            fn schema() -> RefOr<Schema> {
                text($description, $max, $pattern, $examples).into()
            }
        }

        impl ToSchema for $type {
            fn name() -> Cow<'static, str> {
                Cow::Borrowed(stringify!($type))
            }
        }
    )*};
}

texts! {
    /// A name for people.
    Name = "A name for people, without control characters.", 200, NAME, &["Gate 3", "东门"];
    /// An id that the client chooses.
    Id = "An id: letters, digits, `.`, `_` and `-`, not beginning with `.`.", 128, ID, &["gate-3", "yard.north_1"];
    /// The id of a camera that a task names.
    CameraId = "The id of a camera. An address is refused.", 200, CAMERA_ID, &["gate-3"];
    /// The source of a camera's picture.
    CameraSource =
        "`rtsp://`, `rtsps://`, `http://`, `https://`, or a file that workers may read.", 4096, PLAIN,
        &["rtsp://user:password@camera/stream", "http://camera/snapshot.jpg", "/clips/gate.mp4"];
    /// The name of a saved filter.
    FilterName = "The name of a saved filter, without control characters.", 80, NAME, &["Yard, offline", "东门离线"];
    /// A word of a saved filter.
    FilterWord = "A word of the address of the list of cameras.", 200, PLAIN, &["name", "attention"];
    /// The words of a search.
    SearchWords = "The words of a search.", 1_000, PLAIN, &["gate north"];
    /// A password with which somebody signs in.
    AnyPassword = "A password.", 1_024, ANY, &["correct horse battery staple"];
    /// The secret of a link.
    Secret = "The secret of a link.", 200, PLAIN, &["0123456789abcdef"];
    /// The id of a diagnosis.
    DiagnosisId = "The id of a diagnosis.", 200, NAME, &["brightness", "freeze"];
}

/// A password that a request sets.
#[derive(Debug)]
pub(crate) enum NewPassword {}

impl PartialSchema for NewPassword {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some("A new password: at least 10 characters, at most 1,024 bytes, no other rules."))
            .min_length(Some(crate::MIN_PASSWORD_CHARS))
            .max_length(Some(crate::MAX_PASSWORD_BYTES))
            .examples(["correct horse battery staple"])
            .into()
    }
}

impl ToSchema for NewPassword {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("NewPassword")
    }
}

/// The scopes that a user can have.
#[derive(Debug)]
pub(crate) enum UserScope {}

impl PartialSchema for UserScope {
    fn schema() -> RefOr<Schema> {
        let words = [Scope::Admin, Scope::Operator, Scope::Viewer, Scope::Publisher].map(Scope::as_str);
        ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some("What a user may do. The scope `worker` is for programs only."))
            .enum_values(Some(words))
            .into()
    }
}

impl ToSchema for UserScope {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("UserScope")
    }
}

/// Labels: strings by key.
#[derive(Debug)]
pub(crate) enum LabelMap {}

impl PartialSchema for LabelMap {
    fn schema() -> RefOr<Schema> {
        let key = text("A label's key.", 64, LABEL_KEY, &["site"]);
        let value = text("A label's value.", 128, PLAIN, &["north"]);
        ObjectBuilder::new()
            .description(Some("Labels: short strings by key."))
            .property_names(Some(Schema::Object(key)))
            .additional_properties(Some(RefOr::T(Schema::Object(value))))
            .max_properties(Some(MAX_LABELS))
            .into()
    }
}

impl ToSchema for LabelMap {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("Labels")
    }
}
