//! Parses a file of cases. People write the file by hand, so errors name the line and the field.

use std::{
    ops::Range,
    path::{Path, PathBuf},
    time::Duration,
};

use easysight_protocol::Status;
use serde_json::{Map, Value};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{Case, Expectation, Footage};
use crate::{AuthorError, Picture, Rendering};

const CASE_FIELDS: &[&str] = &["name", "clip", "render", "size", "frames", "interval_ms", "config", "expect"];
const EXPECT_FIELDS: &[&str] = &["diagnosis", "status", "failure", "score", "metrics"];
/// The size of a rendered clip if the case does not set it.
const SIZE: (u32, u32) = (640, 360);
/// The statuses, as an error message lists them.
const STATUSES: &str = "normal, warning, error, critical";

/// A table of the file, with the data for error messages.
struct Table<'a> {
    file: &'a Path,
    text: &'a str,
    /// The name of the table, such as `case 2: expect`.
    name: String,
    at: Range<usize>,
    fields: &'a DeTable<'a>,
}

type Wrong = AuthorError;

pub(super) fn parse(file: &Path, text: &str) -> Result<Vec<Case>, Wrong> {
    let whole = DeTable::parse(text).map_err(|error| AuthorError::Cases {
        file: file.to_owned(),
        line: line_of(text, error.span().unwrap_or_default().start),
        field: "TOML".into(),
        detail: error.message().to_owned(),
    })?;
    let root = Table { file, text, name: String::new(), at: whole.span(), fields: whole.get_ref() };
    root.knows(&["case"])?;
    let Some(cases) = root.get("case") else {
        return Err(root.wrong("case", "the file has no cases; each case begins with [[case]]"));
    };
    let DeValue::Array(cases) = cases.get_ref() else {
        return Err(root.wrong("case", "write [[case]] with two brackets: there may be several cases"));
    };
    let mut read = Vec::new();
    for (index, case) in cases.iter().enumerate() {
        let table = root.table(&format!("case {}", index + 1), case)?;
        read.push(case_of(&table)?);
    }
    Ok(read)
}

fn case_of(table: &Table<'_>) -> Result<Case, Wrong> {
    table.knows(CASE_FIELDS)?;
    let line = line_of(table.text, table.at.start);
    let name = table.text_at("name")?.unwrap_or_else(|| table.name.clone());
    let footage = match (table.text_at("clip")?, table.text_at("render")?) {
        (Some(clip), None) => {
            for field in ["size", "frames", "interval_ms"] {
                if table.get(field).is_some() {
                    return Err(table.wrong(field, "this field is only for rendered pictures, not clips"));
                }
            }
            Footage::File(beside(table.file, &clip))
        }
        (None, Some(word)) => Footage::Rendered(rendering(table, &word)?),
        (Some(_), Some(_)) => {
            return Err(table.wrong("render", "a case has either `clip` or `render`, not both"));
        }
        (None, None) => {
            return Err(table.wrong("clip", "a case needs `clip` (a file) or `render` (a picture)"));
        }
    };
    let config = table.get("config").map(|value| json(value.get_ref()));
    if config.as_ref().is_some_and(|config| !config.is_object()) {
        return Err(table.wrong("config", "expected a table, such as { dark_luma = 40 }"));
    }
    let expect = match table.get("expect").map(|value| (value, value.get_ref())) {
        None => {
            return Err(table.wrong("expect", "state the expected result, such as { status = \"normal\" }"));
        }
        Some((_, DeValue::Array(several))) => several
            .iter()
            .map(|one| expectation(&table.table("expect", one)?))
            .collect::<Result<Vec<_>, _>>()?,
        Some((one, _)) => vec![expectation(&table.table("expect", one)?)?],
    };
    Ok(Case { name, line, footage, config, expect })
}

fn beside(file: &Path, clip: &str) -> PathBuf {
    file.parent().unwrap_or_else(|| Path::new(".")).join(clip)
}

fn rendering(table: &Table<'_>, word: &str) -> Result<Rendering, Wrong> {
    let Some(picture) = Picture::of_word(word) else {
        let words = Picture::ALL.map(Picture::word).join(", ");
        return Err(table.wrong("render", &format!("{word:?} is not one of {words}")));
    };
    let size = match table.range_at("size")? {
        None => SIZE,
        Some((width, height)) => {
            let whole =
                |side: f64| (side.fract() == 0.0 && (1.0..=16_384.0).contains(&side)).then_some(side as u32);
            whole(width).zip(whole(height)).ok_or_else(|| {
                table.wrong("size", "expected [width, height] in pixels, such as [640, 360]")
            })?
        }
    };
    let count = |field: &str, most: i64| -> Result<u32, Wrong> {
        let found = table.get(field).map(|value| json(value.get_ref()));
        match found.as_ref().map(Value::as_i64) {
            // Zero means the number that the plugin requests.
            None => Ok(0),
            Some(Some(count)) if (1..=most).contains(&count) => Ok(count as u32),
            Some(_) => Err(table.wrong(field, &format!("expected a whole number from 1 to {most}"))),
        }
    };
    let interval = Duration::from_millis(count("interval_ms", 60_000)?.into());
    Ok(Rendering { picture, size, frames: count("frames", 256)?, interval })
}

fn expectation(table: &Table<'_>) -> Result<Expectation, Wrong> {
    table.knows(EXPECT_FIELDS)?;
    let status = match table.get("status").map(|value| json(value.get_ref())) {
        None => Vec::new(),
        Some(Value::Array(words)) => {
            words.iter().map(|word| status(table, word)).collect::<Result<_, _>>()?
        }
        Some(word) => vec![status(table, &word)?],
    };
    let mut metrics = Vec::new();
    if let Some(value) = table.get("metrics") {
        let named = table.table("metrics", value)?;
        for (name, _) in named.fields {
            let name: &str = name.get_ref();
            let range = named.range_at(name)?;
            metrics.extend(range.map(|range| (name.to_owned(), range)));
        }
    }
    let failure = table.text_at("failure")?;
    let score = table.range_at("score")?;
    let judged = !status.is_empty() || score.is_some() || !metrics.is_empty();
    if failure.is_some() && judged {
        return Err(
            table.wrong("failure", "a failure has no status, score or metrics; expect one or the other")
        );
    }
    if failure.is_none() && !judged {
        return Err(table.wrong("status", "state the expected result: status, failure, score or metrics"));
    }
    Ok(Expectation { diagnosis: table.text_at("diagnosis")?, status, failure, score, metrics })
}

fn status(table: &Table<'_>, word: &Value) -> Result<Status, Wrong> {
    word.as_str()
        .and_then(Status::of_word)
        .ok_or_else(|| table.wrong("status", &format!("{word} is not one of {STATUSES}")))
}

impl<'a> Table<'a> {
    fn get(&self, field: &str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.fields.get(field)
    }

    /// Returns an error with the line of a field, or with the line of the table if the field is missing.
    fn wrong(&self, field: &str, detail: &str) -> Wrong {
        let at = self.get(field).map_or(self.at.start, |value| value.span().start);
        let field = match self.name.as_str() {
            "" => field.to_owned(),
            name => format!("{name}: {field}"),
        };
        AuthorError::Cases {
            file: self.file.to_owned(),
            line: line_of(self.text, at),
            field,
            detail: detail.to_owned(),
        }
    }

    /// Returns an error if the table has an unknown field, which is probably a typo.
    fn knows(&self, known: &[&str]) -> Result<(), Wrong> {
        for (field, _) in self.fields {
            let name: &str = field.get_ref();
            if !known.contains(&name) {
                return Err(
                    self.wrong(name, &format!("unknown field; the known fields are {}", known.join(", ")))
                );
            }
        }
        Ok(())
    }

    /// Returns a table within this table.
    fn table(&self, name: &str, value: &'a Spanned<DeValue<'a>>) -> Result<Self, Wrong> {
        let full = if self.name.is_empty() { name.to_owned() } else { format!("{}: {name}", self.name) };
        let at = value.span();
        match value.get_ref() {
            DeValue::Table(fields) => Ok(Table { file: self.file, text: self.text, name: full, at, fields }),
            _ => Err(self.wrong(name, "expected a table, such as { … }")),
        }
    }

    fn text_at(&self, field: &str) -> Result<Option<String>, Wrong> {
        match self.get(field).map(Spanned::get_ref) {
            None => Ok(None),
            Some(DeValue::String(text)) => Ok(Some(text.clone().into_owned())),
            Some(_) => Err(self.wrong(field, "expected a string in quotation marks")),
        }
    }

    /// Reads a range: `[min, max]`.
    fn range_at(&self, field: &str) -> Result<Option<(f64, f64)>, Wrong> {
        let Some(value) = self.get(field) else { return Ok(None) };
        let wrong = || self.wrong(field, "expected [least, most], such as [0, 0.5]");
        let DeValue::Array(ends) = value.get_ref() else { return Err(wrong()) };
        let ends: Vec<f64> = ends.iter().filter_map(|end| number(end.get_ref())).collect();
        match ends.as_slice() {
            [low, high] if low <= high || field == "size" => Ok(Some((*low, *high))),
            _ => Err(wrong()),
        }
    }
}

/// Reads a number, which may be infinite: `[0.5, inf]`.
fn number(value: &DeValue<'_>) -> Option<f64> {
    match value {
        DeValue::Integer(integer) => {
            i64::from_str_radix(integer.as_str(), integer.radix()).ok().map(|integer| integer as f64)
        }
        DeValue::Float(float) => float.as_str().parse().ok(),
        _ => None,
    }
}

/// Converts a value to JSON, for the configuration.
fn json(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => Value::String(text.clone().into_owned()),
        DeValue::Integer(integer) => {
            i64::from_str_radix(integer.as_str(), integer.radix()).map_or(Value::Null, Value::from)
        }
        DeValue::Float(_) => number(value).map_or(Value::Null, Value::from),
        DeValue::Boolean(yes) => Value::Bool(*yes),
        DeValue::Datetime(time) => Value::String(time.to_string()),
        DeValue::Array(items) => Value::Array(items.iter().map(|item| json(item.get_ref())).collect()),
        DeValue::Table(fields) => {
            let mut object = Map::new();
            for (name, value) in fields {
                let name: &str = name.get_ref();
                object.insert(name.to_owned(), json(value.get_ref()));
            }
            Value::Object(object)
        }
    }
}

/// Returns the number of the line that contains the byte at an offset, counted from 1.
fn line_of(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const WHOLE: &str = "[[case]]\nname = \"dark\"\nclip = \"clips/dark.mp4\"\nconfig = { dark_luma = 40, deep = { on = true } }\n\
        expect = { diagnosis = \"gloom\", status = [\"warning\", \"error\"], score = [0, 50], metrics = { share = [0.5, inf] } }\n\
        \n[[case]]\nrender = \"black\"\nsize = [64, 48]\nframes = 3\n[[case.expect]]\nfailure = \"inconclusive\"\n";

    fn read(text: &str) -> Result<Vec<Case>, String> {
        parse(Path::new("/p/cases.toml"), text).map_err(|error| error.to_string())
    }

    #[test]
    fn a_case_is_read_with_all_that_it_says() {
        let cases = read(WHOLE).unwrap();
        assert_eq!(cases[0].footage, Footage::File("/p/clips/dark.mp4".into()));
        assert_eq!(cases[0].config, Some(json!({"dark_luma": 40, "deep": {"on": true}})));
        let expected = &cases[0].expect[0];
        assert_eq!(expected.status, [Status::Warning, Status::Error]);
        assert_eq!(expected.metrics, [("share".to_owned(), (0.5, f64::INFINITY))]);
        assert_eq!((expected.diagnosis.as_deref(), expected.score), (Some("gloom"), Some((0.0, 50.0))));
        let Footage::Rendered(rendering) = &cases[1].footage else { panic!("{:?}", cases[1]) };
        assert_eq!((rendering.picture, rendering.size, rendering.frames), (Picture::Black, (64, 48), 3));
        assert_eq!((cases[1].name.as_str(), cases[1].line), ("case 2", 7));
        assert_eq!(cases[1].expect[0].failure.as_deref(), Some("inconclusive"));
    }

    #[test]
    fn what_is_wrong_is_told_with_line_and_field() {
        let ok = "expect = { status = \"normal\" }\n";
        for (text, line, words) in [
            ("[[case]\n".to_owned(), 1, "TOML"),
            (String::new(), 1, "[[case]]"),
            ("[case]\nrender = \"black\"\n".to_owned(), 1, "two brackets"),
            (format!("[[case]]\n{ok}"), 1, "case 1: clip"),
            (format!("[[case]]\nrender = \"night\"\n{ok}"), 2, "not one of street"),
            (format!("[[case]]\nclip = \"a\"\nrender = \"black\"\n{ok}"), 3, "either"),
            (format!("[[case]]\nclip = \"a\"\nframes = 2\n{ok}"), 3, "case 1: frames"),
            (format!("[[case]]\nclip = 3\n{ok}"), 2, "quotation"),
            (format!("[[case]]\nrender = \"black\"\nsize = [0, 5]\n{ok}"), 3, "pixels"),
            (format!("[[case]]\nrender = \"black\"\nframes = 1000\n{ok}"), 3, "256"),
            (format!("[[case]]\nrender = \"black\"\nconfig = 3\n{ok}"), 3, "case 1: config"),
            (format!("[[case]]\nrender = \"black\"\ncnofig = {{}}\n{ok}"), 3, "unknown"),
            ("[[case]]\nrender = \"black\"\n".to_owned(), 1, "case 1: expect"),
            (
                "[[case]]\nrender = \"black\"\nexpect = { status = \"bad\" }".to_owned(),
                3,
                "not one of normal",
            ),
            ("[[case]]\nrender = \"black\"\nexpect = { sttus = \"normal\" }".to_owned(), 3, "expect: sttus"),
            ("[[case]]\nrender = \"black\"\nexpect = { metrics = { a = 3 } }".to_owned(), 3, "metrics: a"),
            ("[[case]]\nrender = \"black\"\nexpect = { metrics = { a = [3, 1] } }".to_owned(), 3, "least"),
            ("[[case]]\nrender = \"black\"\nexpect = {}".to_owned(), 3, "status, failure"),
            (
                "[[case]]\nrender = \"black\"\nexpect = { failure = \"x\", score = [0, 1] }".to_owned(),
                3,
                "one or the other",
            ),
        ] {
            let error = read(&text).unwrap_err();
            assert!(error.starts_with(&format!("/p/cases.toml:{line}: ")), "{text}: {error}");
            assert!(error.contains(words), "{text}: {error}");
        }
    }
}
