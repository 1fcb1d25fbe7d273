//! Splits an address into the parts that masking needs, with the positions of the user and the host.

use std::{net::Ipv4Addr, ops::Range};

use crate::words::{self, Class};

/// An address with a scheme.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Parts<'a> {
    /// The scheme, such as `rtsp`.
    pub(crate) scheme: &'a str,
    /// The position of the user and the password in the address, without the `@`.
    pub(crate) user: Option<Range<usize>>,
    /// Host and port.
    pub(crate) host: &'a str,
    /// The position of the host in the address.
    pub(crate) host_at: usize,
    /// Path, query and fragment.
    pub(crate) tail: &'a str,
    /// True if the user or the password contains a character that ends the host, so that other programs parse the
    /// address differently.
    pub(crate) is_ambiguous: bool,
}

/// The characters that end the part of an address with user, host and port. Some programs treat a backslash as a slash.
const ENDS: [char; 4] = ['/', '?', '#', '\\'];

impl<'a> Parts<'a> {
    /// Parses an address. Returns none if the text has no scheme.
    pub(crate) fn of(text: &'a str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        if scheme.contains(['/', '\\', '?', '#', '@']) {
            return None;
        }
        let begin = scheme.len() + 3;
        let end = rest.find(ENDS).unwrap_or(rest.len());
        let (authority, tail) = rest.split_at(end);
        let hidden = tail.rfind('@').filter(|at| !is_of_tail(authority, tail, *at)).map(|at| end + at);
        let user_end = hidden.or_else(|| authority.rfind('@'));
        let behind = user_end.map_or(0, |at| at + 1);
        let from_host = rest.get(behind..)?;
        let host_end = from_host.find(ENDS).unwrap_or(from_host.len());
        let (host, tail) = from_host.split_at(host_end);
        Some(Self {
            scheme,
            user: user_end.map(|at| begin..begin + at),
            host,
            host_at: begin + behind,
            tail,
            is_ambiguous: hidden.is_some(),
        })
    }

    /// Returns the position of the tail in the address.
    pub(crate) const fn tail_at(&self) -> usize {
        self.host_at + self.host.len()
    }

    /// Returns the host without its port.
    pub(crate) fn host_name(&self) -> &'a str {
        host_and_port(self.host).0
    }
}

/// Determines the meaning of the `@` at the position `at` of `tail`, which is the text after a possible host. Returns
/// true if the `@` belongs to the path or the query, so that the possible host is the host. Returns false if the `@`
/// follows a password that contains `/`, `?` or `#`. In that case, the possible host is a part of the user and the
/// password.
fn is_of_tail(authority: &str, tail: &str, at: usize) -> bool {
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let (name, port) = host_and_port(host);
    if port.is_some_and(|port| !port.is_empty() && port.parse::<u16>().is_err()) {
        return false;
    }
    if is_certain_host(name) {
        return true;
    }
    let (before, after) = (tail.get(..at).unwrap_or_default(), tail.get(at + 1..).unwrap_or_default());
    // In `…/live?user=me@mail.example` the parameter's value is a mail address, so this `@` belongs to the query.
    let parameter = before.rsplit(['?', '&', ';']).next().and_then(|parameter| parameter.split_once('='));
    let domain = after.split(['&', ';']).next().unwrap_or_default();
    let of_parameter = before.starts_with('/')
        && before.contains('?')
        && parameter.is_some_and(|(name, _)| words::class(name) == Class::Secret || name.contains("mail"))
        && domain.contains('.')
        && !domain.contains([':', '/', '?', '#', '\\'])
        && !is_certain_host(domain);
    if of_parameter {
        return true;
    }
    let end = after.find(ENDS).unwrap_or(after.len());
    let (next, has_end) = (after.get(..end).unwrap_or_default(), end < after.len());
    let (next_name, next_port) = host_and_port(next);
    let could_be_host =
        is_certain_host(next_name) || next_port.is_some() || next_name.contains('.') || has_end;
    name.contains('.') && !could_be_host
}

fn is_certain_host(name: &str) -> bool {
    name.parse::<Ipv4Addr>().is_ok()
        || (name.starts_with('[') && name.ends_with(']'))
        || name.eq_ignore_ascii_case("localhost")
}

pub(crate) fn host_and_port(host: &str) -> (&str, Option<&str>) {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => (name, Some(port)),
        _ => (host, None),
    }
}

/// Returns true for a string without a valid scheme that still looks like an address, such as `rtsp:/camera` or
/// `user:password@camera`.
pub(crate) fn lacks_scheme(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let wrong = ["rtsps", "rtsp", "https", "http"].iter().any(|scheme| {
        lower.strip_prefix(scheme).is_some_and(|rest| {
            rest.starts_with(":/")
                || rest.starts_with(":\\")
                || rest.starts_with("//")
                || rest.starts_with(';')
                || (rest.starts_with(':') && rest.contains(['@', '/']))
        })
    });
    let is_path = text.starts_with(['/', '.', '~', '\\']);
    let mut chars = text.chars();
    let has_drive = chars.next().is_some_and(|c| c.is_ascii_alphabetic())
        && chars.next() == Some(':')
        && chars.next().is_some_and(|c| c == '\\' || c == '/');
    let user = text.split_once('@').is_some_and(|(user, host)| {
        user.split_once(':').is_some_and(|(name, _)| !name.contains(['/', '\\'])) && !host.is_empty()
    });
    !text.contains("://") && (wrong || (user && !is_path && !has_drive))
}
