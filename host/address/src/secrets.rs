//! Finds the secrets in an address. Manufacturers put them before the `@`, in parameters after `?`, `&` and `;`,
//! in paths as `user=admin_password=…_channel=1`, and in paths as `/user/admin/password/…`. The names may be
//! percent-encoded.

use std::ops::Range;

use crate::{
    letters::Letters,
    parts::{self, Parts},
    words::{self, Class},
};

/// The kind of a secret. A client may change a masked address and send it back. The kind then shows which stored secret
/// each `***` stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// The user and the password before the `@`.
    User,
    /// The value of a parameter of this name.
    Named(String),
    /// A piece of the path or the query that has no name: its index, counted from 0. The index is `usize::MAX` for text
    /// that is secret only because of another secret: a repetition of that secret, or its continuation.
    Piece(usize),
}

/// A secret: its kind, and its position in the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Secret {
    pub(crate) place: Place,
    pub(crate) at: Range<usize>,
}

/// Returns the secrets of an address in the order in which they occur. They do not overlap. The path of a file has no
/// secrets.
pub(crate) fn secrets(text: &str) -> Vec<Secret> {
    let (tail_at, strict) = match Parts::of(text) {
        Some(parts) if parts.scheme.eq_ignore_ascii_case("file") => return Vec::new(),
        Some(parts) => {
            let mut found = Vec::new();
            if let Some(at) = &parts.user
                && !at.is_empty()
            {
                found.push(Secret { place: Place::User, at: at.clone() });
            }
            // In `rtsp://admin:secret` the host is missing. The text after the colon is not a port, so it counts
            // as a password.
            if let (name, Some(port)) = parts::host_and_port(parts.host)
                && !port.bytes().all(|b| b.is_ascii_digit())
            {
                let at = parts.host_at + name.len() + 1;
                found.push(Secret { place: Place::User, at: at..at + port.len() });
            }
            let mut tail = Tail::new(text, parts.tail_at(), true);
            tail.read();
            found.append(&mut tail.found);
            repeat(text, &parts, &mut found);
            return found;
        }
        None if parts::lacks_scheme(text) => {
            let end = text.rfind('@');
            (end.map_or(0, |at| at + 1), end.is_some())
        }
        // The address has no scheme, and its user and password are already masked.
        None if text.starts_with("***@") => (crate::MASK.len() + 1, true),
        None if text.starts_with(['/', '.', '~']) => return Vec::new(),
        None => (0, false),
    };
    let mut found = Vec::new();
    if tail_at > 1 {
        found.push(Secret { place: Place::User, at: 0..tail_at - 1 });
    }
    let mut tail = Tail::new(text, tail_at, strict);
    tail.read();
    found.append(&mut tail.found);
    found
}

/// Finds further occurrences of secrets: a password before the `@` or in a parameter sometimes occurs in the path too.
fn repeat(text: &str, parts: &Parts<'_>, found: &mut Vec<Secret>) {
    let mut values: Vec<String> = Vec::new();
    for one in found.iter() {
        let value = text.get(one.at.clone()).unwrap_or_default();
        let value =
            if one.place == Place::User { value.split_once(':').map_or("", |(_, word)| word) } else { value };
        if value.chars().count() >= 5 && !words::is_trivial(value) && !value.contains(crate::MASK) {
            values.push(value.to_owned());
        }
    }
    for value in values {
        let places: Vec<_> = parts.tail.match_indices(&value).map(|(at, _)| parts.tail_at() + at).collect();
        for at in places {
            let new = at..at + value.len();
            if found.iter().all(|one| one.at.end <= new.start || new.end <= one.at.start) {
                found.push(Secret { place: Place::Piece(usize::MAX), at: new });
            }
        }
    }
    found.sort_by_key(|one| one.at.start);
}

/// The path, the query and the fragment of an address.
struct Tail {
    letters: Letters,
    /// True if unknown parameters and pieces count as secrets.
    strict: bool,
    found: Vec<Secret>,
}

/// The text between two separators.
struct Piece {
    range: Range<usize>,
    in_query: bool,
}

impl Tail {
    fn new(text: &str, from: usize, strict: bool) -> Self {
        Self { letters: Letters::of(text.get(from..).unwrap_or_default(), from), strict, found: Vec::new() }
    }

    fn read(&mut self) {
        let pieces = self.pieces();
        let texts: Vec<String> = pieces.iter().map(|piece| self.letters.text(piece.range.clone())).collect();
        let mut open = false;
        for (index, piece) in pieces.iter().enumerate() {
            if texts.get(index).is_some_and(|text| text.contains('=')) {
                open = self.pairs(piece, open && !piece.in_query);
            } else {
                open = false;
                if self.is_secret(&texts, index, piece.in_query) {
                    self.add(Place::Piece(index), piece.range.clone());
                }
            }
        }
    }

    fn pieces(&self) -> Vec<Piece> {
        let bytes = self.letters.bytes();
        let mut pieces = Vec::new();
        let (mut start, mut in_query) = (0, false);
        for (index, byte) in bytes.iter().enumerate() {
            let plain = self.letters.is_plain(index);
            let separates = match byte {
                b'/' | b'?' | b'#' | b'&' | b';' | b'\\' if plain => true,
                // An encoded slash separates too, unless it is in the value of a parameter.
                b'/' => !bytes.get(start..index).is_some_and(|before| before.contains(&b'=')),
                _ => false,
            };
            if separates {
                pieces.push(Piece { range: start..index, in_query });
                start = index + 1;
                in_query |= plain && matches!(byte, b'?' | b'#');
            }
        }
        pieces.push(Piece { range: start..bytes.len(), in_query });
        pieces
    }

    fn add(&mut self, place: Place, range: Range<usize>) {
        if !range.is_empty() {
            let at = self.letters.place(range);
            self.found.push(Secret { place, at });
        }
    }

    /// Reads a piece that contains at least one `name=value`. Returns true if its last value is a secret. `open`
    /// is true if the previous piece ends with a secret. In this case, the text before the first name belongs to that
    /// secret.
    fn pairs(&mut self, piece: &Piece, open: bool) -> bool {
        let names = self.names(piece.range.clone());
        if open
            && let Some(first) = names.first()
            && first.start > piece.range.start
        {
            self.add(Place::Piece(usize::MAX), piece.range.start..first.start - 1);
        }
        let mut is_open = false;
        for (index, name) in names.iter().enumerate() {
            let end = names.get(index + 1).map_or(piece.range.end, |next| next.start.saturating_sub(1));
            let value = name.end + 1..end.max(name.end + 1);
            let name = self.letters.text(name.clone());
            let text = self.letters.text(value.clone());
            let secret = match words::class(&name) {
                Class::Secret => true,
                Class::Harmless => self.strict && !words::is_plain(&text),
                Class::Unknown => self.strict && !words::is_trivial(&text),
            };
            if secret {
                self.add(Place::Named(name.trim().to_lowercase()), value);
            }
            is_open = secret;
        }
        is_open
    }

    /// Returns the positions of the names in a piece. The first name ends at the first `=`. It is the shortest known
    /// name that ends there (`user` in `live_user=`), or the whole text before the `=` if no known name ends there. A
    /// later name counts only if it is known, since a password may contain an `=`.
    fn names(&self, piece: Range<usize>) -> Vec<Range<usize>> {
        let bytes = self.letters.bytes();
        let mut names: Vec<Range<usize>> = Vec::new();
        let mut from = piece.start;
        for at in piece.clone().filter(|at| bytes.get(*at) == Some(&b'=')) {
            let starts = (from..at)
                .filter(|i| bytes.get(*i).is_some_and(|b| b"_,!|+ &;?#/:-".contains(b)))
                .map(|i| i + 1);
            let known =
                starts.rev().find(|start| words::class(&self.letters.text(*start..at)) != Class::Unknown);
            if names.is_empty() {
                let whole = from..at;
                let is_secret = words::class(&self.letters.text(whole.clone())) == Class::Secret;
                // If the whole text denotes a secret and the known name at its end does not, the whole text is the
                // name: `token_type`.
                let start =
                    known.filter(|start| !is_secret || self.is_secret_name(*start..at)).unwrap_or(from);
                names.push(start..at);
            } else if let Some(start) = known {
                names.push(start..at);
            } else {
                continue;
            }
            from = at + 1;
        }
        names
    }

    fn is_secret_name(&self, range: Range<usize>) -> bool {
        words::class(&self.letters.text(range)) == Class::Secret
    }

    /// Returns true if a piece without a name is a secret. The text of the piece and the neighbouring pieces decide.
    fn is_secret(&self, pieces: &[String], index: usize, in_query: bool) -> bool {
        let piece = |index: usize| pieces.get(index).map_or("", String::as_str);
        let own = piece(index);
        if own.is_empty() {
            return false;
        }
        let before = index.checked_sub(1).map_or("", piece);
        let pair = own.split_once(':').is_some_and(|(user, word)| !user.is_empty() && !word.is_empty());
        if own.contains(crate::MASK) || (pair && self.strict) {
            return true;
        }
        if in_query {
            return self.strict && !words::is_known_word(own) && !words::is_trivial(own);
        }
        if words::is_known_word(own) || words::is_script(own) {
            return false;
        }
        let follows_key = words::is_key_of_path(before) && !words::is_key_of_path(own);
        let follows_user = words::is_user(before)
            || index.checked_sub(2).is_some_and(|two| {
                words::is_key_of_path(piece(two))
                    && piece(two).starts_with("user")
                    && !words::is_key_of_path(before)
                    && !words::is_key_of_path(own)
                    && index + 1 < pieces.len()
            });
        let is_user = words::is_user(own)
            && index + 1 < pieces.len()
            && !words::is_known_word(piece(index + 1))
            && !words::is_script(piece(index + 1))
            && !words::is_key_of_path(own);
        self.strict
            && (follows_key
                || follows_user
                || is_user
                || words::looks_random(own)
                || is_portal(pieces, index))
    }
}

/// Returns true if a piece is the name or the password in `/live/NAME/PASSWORD/12.ts`. Stream portals use this form.
fn is_portal(pieces: &[String], index: usize) -> bool {
    let Some([.., kind, _, _, last]) = pieces.get(..5) else { return false };
    let number = last.rsplit_once('.').filter(|(_, ending)| ["ts", "m3u8", "mp4"].contains(ending));
    pieces.len() == 5
        && (2..4).contains(&index)
        && ["live", "movie", "series"].contains(&kind.as_str())
        && number.is_some_and(|(number, _)| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
}
