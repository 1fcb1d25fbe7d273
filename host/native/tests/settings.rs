//! Operators read the settings of the standard plugins in the web UI. Checks that each setting has a title and a
//! description, in English and in Chinese.

#![cfg(test)]

use std::{collections::BTreeSet, fs, path::Path};

use serde_json::Value;

/// The most characters of a title, so that it fits on one line of a form.
const LONGEST_TITLE: usize = 32;

/// Half-width punctuation, which Chinese texts write in full width.
const HALF_WIDTH: &[char] = &[',', ';', ':', '(', ')', '!', '?'];

const fn is_han(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}')
}

/// Returns what an operator would miss in the texts of a setting, or of a value that a setting allows.
fn faults(place: &str, schema: &Value) -> Vec<String> {
    let text = |path: &str| schema.pointer(path).and_then(Value::as_str).unwrap_or_default();
    let mut faults = Vec::new();
    for path in ["/title", "/description"] {
        let (english, chinese) = (text(path), text(&format!("/translations/zh{path}")));
        if english.trim().is_empty() {
            faults.push(format!("{place} has no English text at {path}"));
        }
        if english.chars().any(is_han) {
            faults.push(format!("{place}: the English text at {path} is Chinese: {english}"));
        }
        if !chinese.chars().any(is_han) {
            faults.push(format!("{place} has no Chinese text at {path}"));
        }
        if let Some(pair) = half_width(chinese) {
            faults.push(format!("{place}: the Chinese text at {path} has half-width punctuation: {pair}"));
        }
    }
    for title in [text("/title"), text("/translations/zh/title")] {
        if title.chars().count() > LONGEST_TITLE || title.ends_with(['.', '。']) {
            faults.push(format!("{place}: a title is a few words: {title}"));
        }
    }
    faults
}

/// Returns the first half-width punctuation mark beside a Chinese character, with this character.
fn half_width(text: &str) -> Option<String> {
    let letters: Vec<char> = text.chars().collect();
    let is_wrong = |one: char, other: char| HALF_WIDTH.contains(&one) && is_han(other);
    let is_fault = |pair: &&[char]| matches!(**pair, [a, b] if is_wrong(a, b) || is_wrong(b, a));
    let wrong = letters.windows(2).find(is_fault)?;
    Some(wrong.iter().collect())
}

/// Returns the faults of all settings below a schema: of its properties, of the definitions it refers to, and of the
/// values that `oneOf` describes one by one.
fn faults_below(place: &str, schema: &Value, root: &Value) -> Vec<String> {
    let mut all = Vec::new();
    for (name, setting) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let place = format!("{place}.{name}");
        all.extend(faults(&place, setting));
        all.extend(faults_below(&place, setting, root));
    }
    if let Some(name) = schema.get("$ref").and_then(Value::as_str).and_then(|to| to.strip_prefix("#/$defs/"))
    {
        all.extend(faults_below(place, &root["$defs"][name], root));
    }
    for keyword in ["allOf", "anyOf", "oneOf"] {
        for one in schema.get(keyword).and_then(Value::as_array).into_iter().flatten() {
            match one.get("const") {
                Some(value) => all.extend(faults(&format!("{place} = {value}"), one)),
                None => all.extend(faults_below(place, one, root)),
            }
        }
    }
    all
}

/// Returns the titles that several settings of a plugin share: an operator could not tell these settings apart.
fn repeated(plugin: &str, schema: &Value) -> Vec<String> {
    let mut repeated = Vec::new();
    for path in ["/title", "/translations/zh/title"] {
        let mut seen = BTreeSet::new();
        for setting in schema["properties"].as_object().into_iter().flat_map(|settings| settings.values()) {
            let title = setting.pointer(path).and_then(Value::as_str).unwrap_or_default();
            if !seen.insert(title) {
                repeated.push(format!("{plugin}: several settings have the title {title}"));
            }
        }
    }
    repeated
}

#[test]
fn every_setting_has_a_title_and_a_description_in_both_languages() {
    let mut wrong = Vec::new();
    for plugin in easysight_native::descriptors() {
        let schema: Value = serde_json::from_str(&plugin.config_schema).unwrap();
        wrong.extend(faults_below(&plugin.name, &schema, &schema));
        wrong.extend(repeated(&plugin.name, &schema));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_standard_plugin_is_listed() {
    let folders = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins")).unwrap();
    let folders =
        folders.map(|entry| entry.unwrap()).filter(|entry| entry.path().join("Cargo.toml").exists());
    let folders: BTreeSet<String> = folders.map(|entry| entry.file_name().into_string().unwrap()).collect();
    let listed = easysight_native::descriptors().into_iter().map(|plugin| plugin.name).collect();
    assert_eq!(folders, listed);
}

#[test]
fn missing_and_half_width_texts_are_found() {
    let chinese = |title: &str, description: &str| {
        serde_json::json!({
            "title": "Dark limit", "description": "Too dark below this value.",
            "translations": {"zh": {"title": title, "description": description}},
        })
    };
    assert!(faults("dark", &chinese("过暗阈值", "低于 1,000（含）即为过暗。")).is_empty());
    for (title, description) in [
        ("Dark limit", "低于此值即为过暗。"),
        ("过暗阈值", "低于此值,即为过暗。"),
        ("过暗阈值", "低于此值(含)即为过暗。"),
    ] {
        assert_eq!(faults("dark", &chinese(title, description)).len(), 1, "{title}: {description}");
    }
    let root = serde_json::json!({
        "properties": {"part": {"anyOf": [{"$ref": "#/$defs/Part"}, {"type": "null"}]}},
        "$defs": {"Part": {"properties": {"left": {"type": "number"}}}},
    });
    let nested = faults_below("clock", &root, &root);
    assert!(nested.iter().any(|fault| fault.starts_with("clock.part.left has no English")), "{nested:?}");
}
