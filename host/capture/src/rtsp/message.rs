//! RTSP messages: the heads of answers, and the data between them.

use bytes::{Buf, Bytes, BytesMut};

/// The longest head of an answer in bytes.
const MAX_HEAD_BYTES: usize = 64 << 10;
/// The longest body in bytes.
const MAX_BODY_BYTES: usize = 1 << 20;
/// The largest number of bytes that are skipped between two messages.
const MAX_NOISE_BYTES: usize = 1 << 20;
/// The characters between words.
const BLANKS: [char; 2] = [' ', '\t'];
/// The largest number of characters that are quoted from data that is not RTSP.
const QUOTED: usize = 60;

/// A camera's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The reason phrase, in the camera's own words.
    pub(crate) reason: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
}

impl Answer {
    /// Returns the first header with this name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers.find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Returns all headers with this name.
    pub(crate) fn headers<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let of_name = move |(own, _): &&(String, String)| own.eq_ignore_ascii_case(name);
        self.headers.iter().filter(of_name).map(|(_, value)| value.as_str())
    }

    /// Returns the status number and the reason phrase.
    pub(crate) fn status_line(&self) -> String {
        format!("{} {}", self.status, self.reason).trim_end().to_owned()
    }
}

/// A message on a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Message {
    Answer(Answer),
    /// A request from the camera. Such requests are ignored.
    Request,
    /// A packet on a channel.
    Packet(u8, Bytes),
}

/// Data that is not RTSP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Garbage(pub(crate) String);

/// Parses messages from the bytes that arrived.
#[derive(Debug, Default)]
pub(crate) struct Parser {
    /// True if packets may arrive. In this case, noise between packets is skipped.
    pub(crate) playing: bool,
    noise: usize,
}

impl Parser {
    /// Returns the next message. None if more bytes are needed.
    pub(crate) fn next(&mut self, buffer: &mut BytesMut) -> Result<Option<Message>, Garbage> {
        loop {
            match buffer.first() {
                None => return Ok(None),
                Some(b'$') => return Ok(packet(buffer)),
                // Line ends before a message are allowed.
                Some(b'\r' | b'\n') => buffer.advance(1),
                Some(_) => match begins(buffer) {
                    Begin::Unknown => return Ok(None),
                    Begin::Head => return head(buffer),
                    Begin::Noise if !self.playing => return Err(Garbage(quoted(buffer))),
                    Begin::Noise => self.pass_over_noise(buffer)?,
                },
            }
        }
    }

    /// Drops the bytes before the next possible beginning of a message.
    fn pass_over_noise(&mut self, buffer: &mut BytesMut) -> Result<(), Garbage> {
        // The first byte does not begin a message.
        let behind = buffer.get(1..).unwrap_or_default();
        let next = behind.iter().position(|&byte| byte == b'$' || byte == b'R');
        let noise = next.map_or(buffer.len(), |at| at + 1);
        self.noise += noise;
        if self.noise > MAX_NOISE_BYTES {
            return Err(Garbage(quoted(buffer)));
        }
        buffer.advance(noise);
        Ok(())
    }
}

enum Begin {
    Head,
    Noise,
    Unknown,
}

/// Returns whether a message begins here: an answer, or a request that cameras send.
fn begins(buffer: &[u8]) -> Begin {
    let starts: [&[u8]; 8] = [
        b"RTSP/",
        b"OPTIONS ",
        b"ANNOUNCE ",
        b"GET_PARAMETER ",
        b"SET_PARAMETER ",
        b"REDIRECT ",
        b"TEARDOWN ",
        b"PLAY_NOTIFY ",
    ];
    if starts.iter().any(|start| buffer.starts_with(start)) {
        return Begin::Head;
    }
    let partly = starts.iter().any(|start| start.starts_with(buffer));
    if partly { Begin::Unknown } else { Begin::Noise }
}

fn packet(buffer: &mut BytesMut) -> Option<Message> {
    let &[_, channel, high, low] = buffer.get(..4)?.first_chunk::<4>()?;
    let length = usize::from(u16::from_be_bytes([high, low]));
    if buffer.len() < 4 + length {
        return None;
    }
    buffer.advance(4);
    Some(Message::Packet(channel, buffer.split_to(length).freeze()))
}

fn head(buffer: &mut BytesMut) -> Result<Option<Message>, Garbage> {
    let Some((length, rest)) = head_end(buffer) else {
        return if buffer.len() > MAX_HEAD_BYTES { Err(Garbage(quoted(buffer))) } else { Ok(None) };
    };
    let text = String::from_utf8_lossy(buffer.get(..length).unwrap_or_default()).into_owned();
    let mut lines = text.lines();
    let first = lines.next().unwrap_or_default().trim();
    let mut headers: Vec<(String, String)> = Vec::new();
    for line in lines {
        match (headers.last_mut(), line.split_once(':')) {
            // The continuation of a header.
            (Some((_, value)), _) if line.starts_with(BLANKS) => value.extend([" ", line.trim()]),
            (_, Some((name, value))) => headers.push((name.trim().to_owned(), value.trim().to_owned())),
            (_, None) => {}
        }
    }
    let length_of_body = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let length_of_body = length_of_body.and_then(|(_, value)| value.parse::<usize>().ok()).unwrap_or(0);
    if length_of_body > MAX_BODY_BYTES {
        return Err(Garbage(quoted(buffer)));
    }
    if buffer.len() < rest + length_of_body {
        return Ok(None);
    }
    let first = first.to_owned();
    buffer.advance(rest);
    let body = buffer.split_to(length_of_body).freeze();
    if !first.starts_with("RTSP/") {
        return Ok(Some(Message::Request));
    }
    // For example `RTSP/1.0 453 Not Enough Bandwidth`, sometimes with more than one blank between the words.
    let (_version, rest) = first.split_once(BLANKS).unwrap_or_default();
    let rest = rest.trim_start();
    let (status, reason) = rest.split_once(BLANKS).unwrap_or((rest, ""));
    let Ok(status) = status.parse() else {
        return Err(Garbage(quoted(first.as_bytes())));
    };
    let reason = reason.trim().chars().filter(|c| !c.is_control()).take(200);
    Ok(Some(Message::Answer(Answer { status, reason: reason.collect(), headers, body })))
}

/// Returns the end of the head and the beginning of the body. An empty line separates the two. It may have any kind of
/// line end.
fn head_end(buffer: &[u8]) -> Option<(usize, usize)> {
    let mut line_ends = buffer.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at);
    line_ends.find_map(|at| match buffer.get(at + 1..)? {
        [b'\n', ..] => Some((at, at + 2)),
        [b'\r', b'\n', ..] => Some((at, at + 3)),
        _ => None,
    })
}

/// Quotes the beginning of the data. Characters that cannot be shown are replaced.
pub(crate) fn quoted(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes.get(..4 * QUOTED).unwrap_or(bytes));
    let line = text.trim_start().lines().next().unwrap_or_default();
    line.chars().map(|c| if c.is_control() || c == '\u{FFFD}' { '·' } else { c }).take(QUOTED).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(parser: &mut Parser, bytes: &[u8]) -> Result<Vec<Message>, Garbage> {
        let mut buffer = BytesMut::from(bytes);
        let mut messages = Vec::new();
        while let Some(message) = parser.next(&mut buffer)? {
            messages.push(message);
        }
        Ok(messages)
    }

    #[test]
    fn answers_and_packets_are_told_apart() {
        let bytes = b"RTSP/1.0 453 Not Enough Bandwidth\r\nCSeq: 3\r\nContent-Length: 2\r\n\r\nab$\x01\0\x03xyzRTSP/1.0 200\n\n";
        let messages = all(&mut Parser::default(), bytes).unwrap();
        let Message::Answer(answer) = &messages[0] else { panic!("{messages:?}") };
        assert_eq!(answer.status_line(), "453 Not Enough Bandwidth");
        assert_eq!((answer.header("cseq"), &answer.body[..]), (Some("3"), &b"ab"[..]));
        assert_eq!(messages[1], Message::Packet(1, Bytes::from_static(b"xyz")));
        let Message::Answer(answer) = &messages[2] else { panic!("{messages:?}") };
        assert_eq!(answer.status_line(), "200");
    }

    #[test]
    fn heads_that_are_written_carelessly_are_understood() {
        for head in [
            "RTSP/1.0  200  OK\r\nTransport:a;\r\n b=0-1\r\n\r\n",
            "RTSP/1.0\t200 OK\nTRANSPORT : a;\n\tb=0-1\n\r\n",
            "RTSP/1.0 200\r\ntransport: a; b=0-1\r\n\n",
        ] {
            let messages = all(&mut Parser::default(), head.as_bytes()).unwrap();
            let [Message::Answer(answer)] = &messages[..] else { panic!("{messages:?}") };
            assert_eq!((answer.status, answer.header("transport")), (200, Some("a; b=0-1")));
        }
    }

    #[test]
    fn what_is_no_rtsp_is_quoted_unless_packets_may_lie_behind_it() {
        let page = b"HTTP/1.1 400 Bad Request\r\n\r\n";
        assert_eq!(all(&mut Parser::default(), page), Err(Garbage("HTTP/1.1 400 Bad Request".into())));
        let mut playing = Parser { playing: true, ..Parser::default() };
        let found = all(&mut playing, b"junk$\x00\x00\x01a").unwrap();
        assert_eq!(found, [Message::Packet(0, Bytes::from_static(b"a"))]);
        assert!(all(&mut playing, &vec![b'x'; 2 << 20]).is_err());
        let endless = [b"RTSP/1.0 200 OK\r\n".to_vec(), vec![b'a'; 70_000]].concat();
        assert!(all(&mut Parser::default(), &endless).is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic_and_pieces_say_the_same(
            bytes in prop::collection::vec(prop_oneof![Just(b'$'), Just(b'R'), Just(b'\n'), any::<u8>()], 0..300),
            playing in any::<bool>(), cut in 0..300_usize
        ) {
            let new = || Parser { playing, ..Parser::default() };
            let whole = all(&mut new(), &bytes);
            let (mut parser, mut buffer, mut messages) = (new(), BytesMut::new(), Vec::new());
            let (one, other) = bytes.split_at(cut.min(bytes.len()));
            let mut failed = None;
            for part in [one, other] {
                buffer.extend_from_slice(part);
                loop {
                    match parser.next(&mut buffer) {
                        Ok(Some(message)) => messages.push(message),
                        Ok(None) => break,
                        Err(garbage) => { failed = Some(garbage); break }
                    }
                }
                if failed.is_some() { break }
            }
            match whole {
                Ok(all) if failed.is_none() => prop_assert_eq!(all, messages),
                other => prop_assert_eq!(other.is_err(), failed.is_some()),
            }
        }
    }
}
