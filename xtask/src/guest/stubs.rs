//! Stand-ins for functions that Rust's standard library wants and Debian's C library for WASI does
//! not have: threads, sockets, some of the file system. All of them say "not supported", which is
//! what a plugin gets from the host anyway.

use std::fmt::Write as _;

/// `ENOTSUP` of WASI.
const NOT_SUPPORTED: i32 = 58;

/// Name and number of arguments, all of which are 32 bit wide.
type Functions = &'static [(&'static str, usize)];
/// Succeed without doing anything.
const SUCCEED: Functions =
    &[("pthread_attr_init", 1), ("pthread_attr_setstacksize", 2), ("pthread_attr_destroy", 1)];
/// Answer with an error number.
const REFUSE: Functions = &[("pthread_create", 4), ("pthread_detach", 1), ("pthread_join", 2)];
/// Answer −1 and set `errno`.
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

/// Their source in Rust.
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
    // EAI_FAIL.
    add("getaddrinfo", 4, "-4");
    add("gai_strerror", 1, "c\"not supported\".as_ptr() as i32");
    text.push_str("#[no_mangle] pub extern \"C\" fn freeaddrinfo(_: i32) {}\n");
    text
}
