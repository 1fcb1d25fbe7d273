//! The words that occur in addresses of cameras: the names of secrets, and names that are known to be harmless. An
//! unknown parameter counts as a secret, because manufacturers invent new names.

/// The kind of a parameter's value, judged by the parameter's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// The value is a user, a password or a key.
    Secret,
    /// The value is harmless, such as a channel, a size or a format.
    Harmless,
    /// The name is unknown.
    Unknown,
}

/// Parts of the names of secret parameters.
const SECRET_PARTS: &[&str] = &[
    "pass", "pas", "pwd", "psw", "psd", "token", "auth", "secret", "sign", "sig", "user", "usr", "uname",
    "login", "logon", "cred", "sess", "ticket", "jwt", "bearer", "account", "cookie", "nonce", "digest",
    "hash", "apikey", "密码", "口令", "用户", "账号", "帐号", "令牌", "密钥",
];
/// Complete names of secret parameters.
const SECRET_NAMES: &[&str] = &[
    "u",
    "p",
    "pw",
    "key",
    "k",
    "sid",
    "pin",
    "uid",
    "un",
    "up",
    "code",
    "acc",
    "skey",
    "akey",
    "ak",
    "sk",
    "accesskey",
];

/// Names whose values are known to be harmless. Some of these names look like names of secrets.
const HARMLESS: &[&str] = &[
    "action",
    "audio",
    "av",
    "bitrate",
    "br",
    "cache",
    "cam",
    "camera",
    "cameraid",
    "camid",
    "cgi",
    "ch",
    "chan",
    "chl",
    "channel",
    "channelid",
    "channelno",
    "chid",
    "chn",
    "chno",
    "cmd",
    "codec",
    "color",
    "compression",
    "copy",
    "count",
    "cmp",
    "date",
    "dbname",
    "device",
    "duration",
    "enablesrtp",
    "encode",
    "encoder",
    "end",
    "endtime",
    "feed",
    "flv",
    "format",
    "fps",
    "framerate",
    "gop",
    "h",
    "hd",
    "height",
    "hls",
    "image",
    "img",
    "index",
    "input",
    "interval",
    "jpeg",
    "jpg",
    "keyframe",
    "lang",
    "layer",
    "level",
    "live",
    "main",
    "media",
    "mjpeg",
    "mjpg",
    "mode",
    "motion",
    "mp",
    "mpeg",
    "multicast",
    "no",
    "num",
    "page",
    "picture",
    "play",
    "playback",
    "port",
    "preview",
    "profile",
    "proto",
    "protocol",
    "q",
    "quality",
    "rate",
    "realmonitor",
    "res",
    "resolution",
    "rotation",
    "rtsp",
    "sd",
    "size",
    "snap",
    "snapshot",
    "source",
    "sslmode",
    "start",
    "starttime",
    "still",
    "stream",
    "streaming",
    "streamid",
    "streamno",
    "streamtype",
    "sub",
    "substream",
    "subtype",
    "t",
    "time",
    "timeout",
    "timestamp",
    "track",
    "trackid",
    "transport",
    "ts",
    "type",
    "udp",
    "tcp",
    "unicast",
    "video",
    "videocodec",
    "videostream",
    "view",
    "w",
    "width",
    "application_name",
    "sslrootcert",
];

/// Values that are never secrets.
const PLAIN_VALUES: &[&str] = &[
    "true",
    "false",
    "yes",
    "no",
    "on",
    "off",
    "main",
    "sub",
    "first",
    "second",
    "third",
    "high",
    "low",
    "medium",
    "hd",
    "sd",
    "h264",
    "h265",
    "mjpeg",
    "jpeg",
    "jpg",
    "tcp",
    "udp",
    "unicast",
    "multicast",
    "live",
    "real",
    "av",
    "stream",
    "verify",
    "full",
    "verify-full",
    "require",
    "disable",
    "default",
    "auto",
];

/// The default user names of cameras.
const USERS: &[&str] = &[
    "admin",
    "root",
    "administrator",
    "user",
    "guest",
    "operator",
    "service",
    "supervisor",
    "viewer",
    "ubnt",
    "666666",
    "888888",
];

/// Pieces of a path after which a secret follows.
const KEYS_OF_PATHS: &[&str] = &[
    "user",
    "users",
    "username",
    "usr",
    "login",
    "loginuse",
    "loginpas",
    "password",
    "passwd",
    "passwort",
    "pass",
    "pwd",
    "psw",
    "token",
    "auth",
    "authtoken",
    "accesstoken",
    "access_token",
    "key",
    "apikey",
    "api_key",
    "secret",
    "session",
    "sessionid",
    "sid",
    "sig",
    "signature",
    "credentials",
    "ticket",
    "jwt",
];

/// Returns the kind of a parameter's value, judged by the parameter's name.
pub(crate) fn class(name: &str) -> Class {
    let name = name.trim().to_lowercase();
    if HARMLESS.contains(&name.as_str()) {
        Class::Harmless
    } else if SECRET_NAMES.contains(&name.as_str()) || SECRET_PARTS.iter().any(|part| name.contains(part)) {
        Class::Secret
    } else {
        Class::Unknown
    }
}

/// Returns true if the value of a harmless parameter looks harmless.
pub(crate) fn is_plain(value: &str) -> bool {
    value.len() <= 64
        && value.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-:,*/ ".contains(&b))
        && !value.contains(crate::MASK)
}

/// Returns true if a value cannot be a secret in any parameter.
pub(crate) fn is_trivial(value: &str) -> bool {
    (value.len() <= 2 && value.bytes().all(|b| b.is_ascii_digit()))
        || PLAIN_VALUES.contains(&value.to_lowercase().as_str())
}

/// Returns true if a piece without a value consists of known words and numbers: `ch01`, `main_stream.sdp`.
pub(crate) fn is_known_word(piece: &str) -> bool {
    let piece = piece.to_lowercase();
    piece.split(['_', '-', '.', ' ']).all(|part| {
        let word = part.trim_matches(|c: char| c.is_ascii_digit());
        word.is_empty() && part.len() <= 4
            || HARMLESS.contains(&word)
            || PLAIN_VALUES.contains(&part)
            || ["sdp", "asp", "cgi", "php", "html", "htm", "real", "av", "id", "h", "amp"].contains(&word)
    })
}

/// Returns true for the file name of a page or a script, which is not a user name.
pub(crate) fn is_script(piece: &str) -> bool {
    let ending = piece.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
    ending
        .is_some_and(|ending| ["cgi", "fcgi", "asp", "php", "htm", "html", "jsp"].contains(&ending.as_str()))
}

/// Returns true for a default user name of cameras.
pub(crate) fn is_user(piece: &str) -> bool {
    USERS.contains(&piece.to_lowercase().as_str())
}

/// Returns true for a piece of a path after which a secret follows.
pub(crate) fn is_key_of_path(piece: &str) -> bool {
    KEYS_OF_PATHS.contains(&piece.to_lowercase().as_str())
}

/// Returns true for a string that looks like a key or a session id, not like the name of a stream. Such a string has at
/// least 16 characters, and both digits and letters. A run is a row of digits, of small letters or of capital letters.
/// Small letters after capital letters continue their run. Names of streams have long runs, because they consist of
/// words and numbers. In a key, the runs have at most 2.75 characters on average.
pub(crate) fn looks_random(piece: &str) -> bool {
    let alphabet = |b: u8| b.is_ascii_alphanumeric() || b"-_=+.".contains(&b);
    if piece.len() < 16 || !piece.bytes().all(alphabet) {
        return false;
    }
    let kind = |b: u8| match b {
        b'0'..=b'9' => 1,
        b'a'..=b'z' => 2,
        b'A'..=b'Z' => 3,
        _ => 0,
    };
    let (mut runs, mut letters, mut last) = (0, 0, 0);
    for byte in piece.bytes() {
        let now = kind(byte);
        // A capital letter and the small letters after it count as one run.
        if now != 0 && now != last && !(last == 3 && now == 2) {
            runs += 1;
        }
        letters += usize::from(now != 0);
        last = now;
    }
    let (digits, words) = (piece.bytes().any(|b| kind(b) == 1), piece.bytes().any(|b| kind(b) > 1));
    digits && words && letters * 4 <= runs * 11
}
