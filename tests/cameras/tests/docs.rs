//! Checks that the documents contain the current table of the camera bench.

#![cfg(test)]

use std::{env, fs, path::Path};

use easysight_cameras::{Language, table};

const BEGIN: &str = "<!-- bench: begin -->\n";
const END: &str = "<!-- bench: end -->";

/// `EASYSIGHT_WRITE_DOCS=1 cargo test -p easysight-cameras --test docs` writes the documents again.
#[test]
fn the_documents_show_every_row() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    for (name, language) in [("cameras.md", Language::En), ("cameras.zh-CN.md", Language::Zh)] {
        let file = docs.join(name);
        let text = fs::read_to_string(&file).unwrap();
        let (before, rest) = text.split_once(BEGIN).unwrap_or_else(|| panic!("{name} has no {BEGIN}"));
        let (shown, after) = rest.split_once(END).unwrap_or_else(|| panic!("{name} has no {END}"));
        let wanted = table(language);
        if env::var_os("EASYSIGHT_WRITE_DOCS").is_some() {
            fs::write(&file, format!("{before}{BEGIN}{wanted}{END}{after}")).unwrap();
        } else {
            assert_eq!(shown, wanted, "{name} is outdated; EASYSIGHT_WRITE_DOCS=1 updates it");
        }
    }
}
