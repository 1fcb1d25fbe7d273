//! Guests written by hand: a core module in text format, wrapped into a component of the contract's world.

use std::{fs, path::Path};

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::{PackageId, Resolve, SourceMap};

use super::CONTRACT;

/// The parts of `wasi:io` that these guests misuse.
const WASI_IO: &str = "package wasi:io@0.2.0;
interface poll { resource pollable { block: func(); } }
interface error { resource error {} }
interface streams {
    use error.{error};
    resource output-stream { write: func(contents: list<u8>) -> result<_, stream-error>; }
    variant stream-error { last-operation-failed(error), closed }
}";
/// The parts of `wasi:cli` that these guests misuse.
const WASI_CLI: &str = "package wasi:cli@0.2.0;
interface stdout { use wasi:io/streams@0.2.0.{output-stream}; get-stdout: func() -> output-stream; }";
/// The parts of `wasi:clocks` that these guests misuse.
const WASI_CLOCKS: &str = "package wasi:clocks@0.2.0;
interface monotonic-clock { use wasi:io/poll@0.2.0.{pollable}; subscribe-duration: func(when: u64) -> pollable; }";
/// The parts of `wasi:http` that these guests misuse.
const WASI_HTTP: &str = "package wasi:http@0.2.0;
interface types { request: func(); }";
/// The worlds of the guests. All but the last two include a world of the contract; some also import WASI.
const WORLDS: &str = "package test:guests;
world plain { include easysight:diagnosis/plugin@1.2.0; }
world explaining { include easysight:diagnosis/explaining-plugin@1.2.0; }
world waiting { include easysight:diagnosis/plugin@1.2.0; import wasi:io/poll@0.2.0; import wasi:clocks/monotonic-clock@0.2.0; }
world printing { include easysight:diagnosis/plugin@1.2.0; import wasi:io/error@0.2.0; import wasi:io/streams@0.2.0; import wasi:cli/stdout@0.2.0; }
world foreign { include easysight:diagnosis/plugin@1.2.0; import wasi:http/types@0.2.0; }
world empty {}
world other { export describe: func() -> string; }";

/// The contract that a guest is built for: the contract in `wit/` under this version, and possibly one more interface.
pub(crate) struct Edition<'a> {
    pub(crate) version: &'a str,
    /// The name and the functions of the additional interface. Both strings are empty if there is no additional
    /// interface.
    pub(crate) more: [&'a str; 2],
}

pub(crate) const TODAY: Edition<'static> = Edition { version: "1.2.0", more: ["", ""] };

impl Edition<'_> {
    /// Replaces the contract's present version in a text with the version of this edition.
    fn of(&self, text: &str) -> String {
        text.replace("@1.2.0", &format!("@{}", self.version))
    }

    fn push(&self, resolve: &mut Resolve) {
        let [name, functions] = self.more;
        let imports = if name.is_empty() { "import log;" } else { &format!("import log; import {name};") };
        let mut contract = SourceMap::new();
        for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(CONTRACT)).unwrap() {
            let path = entry.unwrap().path();
            let text = self.of(&fs::read_to_string(&path).unwrap());
            contract.push(&path, text.replace("import log;", imports));
        }
        if !name.is_empty() {
            contract.push_str("more.wit", format!("interface {name} {{ {functions} }}"));
        }
        let group = contract.parse().map_err(|(_, error)| error).unwrap();
        resolve.push_group(group).unwrap();
    }
}

/// The address of the descriptor that `describe` returns.
const DESCRIPTOR: usize = 1024;
/// The address of the descriptor's diagnoses.
const DIAGNOSES: usize = 1100;
/// The address of the strings of the descriptor and of its diagnoses.
const STRINGS: usize = 1200;

/// Wraps a core module into a component of one of the worlds above.
pub(crate) fn encode(edition: &Edition<'_>, world: &str, core: &str) -> Vec<u8> {
    let mut resolve = Resolve::default();
    edition.push(&mut resolve);
    let mut push = |text: &str| -> PackageId { resolve.push_str("test.wit", text).unwrap() };
    push(WASI_IO);
    push(WASI_CLOCKS);
    push(WASI_CLI);
    push(WASI_HTTP);
    let package = push(&edition.of(WORLDS));
    let world = resolve.select_world(&[package], Some(world)).unwrap();
    let mut module = wat::parse_str(edition.of(core)).unwrap();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    ComponentEncoder::default().module(&module).unwrap().encode().unwrap()
}

/// Returns a guest with this name (eight letters), which is also the id of its only diagnosis. Its `describe` runs
/// `before` and then answers honestly. The body of its `diagnose` is `body`, and `extra` is added to the module.
/// Locals of the body: `$clip`, `$config`, `$length`, `$i`.
pub(crate) fn guest_named(name: &str, world: &str, extra: &str, before: &str, body: &str) -> Vec<u8> {
    guest_of(&TODAY, name, world, extra, before, body)
}

/// Does the same as [`guest_named`] for a given edition of the contract. `extra` names the contract's present version,
/// which is replaced with the version of the edition.
pub(crate) fn guest_of(
    edition: &Edition<'_>,
    name: &str,
    world: &str,
    extra: &str,
    before: &str,
    body: &str,
) -> Vec<u8> {
    // Imports come first in a module. So `extra` contains its imports first, and `---` after them.
    let (imports, extra) = extra.split_once("---").unwrap_or(("", extra));
    encode(
        edition,
        world,
        &format!(
            "(module
                (import \"easysight:diagnosis/video@1.2.0\" \"[resource-drop]clip\" (func $drop_clip (param i32)))
                {imports}
                (memory (export \"memory\") 4)
                (global $top (mut i32) (i32.const 65536))
                {data}
                {extra}
                (func (export \"cabi_realloc\") (param i32 i32 i32 i32) (result i32)
                    ;; Always the same address, so that data from the host never exhausts the guest's memory.
                    (i32.const 65536))
                (func (export \"describe\") (result i32) {before} (i32.const {DESCRIPTOR}))
                (func $body (param $clip i32) (param $config i32) (param $length i32) (result i32)
                    (local $i i32)
                    {body})
                (func (export \"diagnose\") (param $clip i32) (param $config i32) (param $length i32) (result i32)
                    (call $body (local.get $clip) (local.get $config) (local.get $length))
                    ;; A borrowed handle must be dropped before the call ends.
                    (call $drop_clip (local.get $clip))))",
            data = descriptor_data(name),
        ),
    )
}

/// Returns the descriptor in the layout of the canonical ABI.
fn descriptor_data(name: &str) -> String {
    let mut strings = Vec::new();
    let mut place = |text: &str| {
        let at = STRINGS + strings.len();
        strings.extend_from_slice(text.as_bytes());
        [at as u32, text.len() as u32]
    };
    let (id, zh, en) = (place(name), place("恶意"), place("Mischief"));
    let (version, schema) = (place("1.0.0"), place("{\"type\":\"object\"}"));
    let diagnosis = [id, zh, en, zh, en].concat();
    let descriptor = [&id[..], &version, &[DIAGNOSES as u32, 1], &schema, &[1, 0, 0]].concat();
    let data = |at: usize, bytes: &[u8]| {
        let escaped: String = bytes.iter().map(|byte| format!("\\{byte:02x}")).collect();
        format!("(data (i32.const {at}) \"{escaped}\")")
    };
    let words = |words: &[u32]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
    [data(DESCRIPTOR, &words(&descriptor)), data(DIAGNOSES, &words(&diagnosis)), data(STRINGS, &strings)]
        .concat()
}

/// The body of an honest guest: it returns the failure `inconclusive`, with the guest's name as the reason.
pub(crate) const HONEST: &str =
    "(i32.store8 (i32.const 512) (i32.const 1)) (i32.store8 (i32.const 516) (i32.const 2))
    (i32.store (i32.const 520) (i32.const 1200)) (i32.store (i32.const 524) (i32.const 8)) (i32.const 512)";
