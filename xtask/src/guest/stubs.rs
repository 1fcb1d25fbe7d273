//! Stubs of functions that Rust's standard library needs, but Debian's C library for WASI does not contain:
//! threads, sockets, parts of the file system. All of them report "not supported", except a few that do
//! nothing. The host would give a plugin the same answer.

use std::fmt::Write as _;

/// The value of `ENOTSUP` in WASI.
const NOT_SUPPORTED: i32 = 58;

/// Names of functions and the number of their arguments. All arguments are 32 bits wide.
type Functions = &'static [(&'static str, usize)];
/// Functions that succeed without doing anything.
const SUCCEED: Functions =
    &[("pthread_attr_init", 1), ("pthread_attr_setstacksize", 2), ("pthread_attr_destroy", 1)];
/// Functions that return an error number.
const REFUSE: Functions = &[("pthread_create", 4), ("pthread_detach", 1), ("pthread_join", 2)];
/// Functions that return −1 and set `errno`.
const FAIL: Functions = &[
    ("chmod", 2),
    ("fchmod", 2),
    ("socket", 3),
    ("bind", 3),
    ("connect", 3),
    ("listen", 2),
    ("getpeername", 3),
    ("getsockname", 3),
    ("recvfrom", 6),
    ("sendto", 6),
    ("setsockopt", 5),
];

/// Returns the source of the stubs in Rust.
pub(super) fn source() -> String {
    let mut text = String::from(
        "#![no_std]\n#![feature(thread_local)]\n#![allow(warnings)]\n\
         extern \"C\" { #[thread_local] static mut errno: i32; }\n",
    );
    let mut add = |name: &str, arguments: usize, body: &str| {
        let arguments: String = (0..arguments).map(|at| format!("_{at}: i32, ")).collect();
        // Writing to a string cannot fail.
        let _ =
            writeln!(text, "#[no_mangle] pub unsafe extern \"C\" fn {name}({arguments}) -> i32 {{ {body} }}");
    };
    for (functions, body) in [
        (SUCCEED, "0".to_owned()),
        (REFUSE, NOT_SUPPORTED.to_string()),
        (FAIL, format!("errno = {NOT_SUPPORTED}; -1")),
    ] {
        for (name, arguments) in functions {
            add(name, *arguments, &body);
        }
    }
    add("realpath", 2, &format!("errno = {NOT_SUPPORTED}; 0"));
    // −4 is EAI_FAIL.
    add("getaddrinfo", 4, "-4");
    add("gai_strerror", 1, "c\"not supported\".as_ptr() as i32");
    text.push_str("#[no_mangle] pub extern \"C\" fn freeaddrinfo(_: i32) {}\n");
    text
}
