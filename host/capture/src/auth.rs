//! Authentication to a camera: Digest (MD5, SHA-256) or Basic, over RTSP and HTTP.

use base64::{Engine, engine::general_purpose::STANDARD};
use http_auth::{ChallengeRef, PasswordClient, PasswordParams, digest::Algorithm, parser::ChallengeParser};
use percent_encoding::percent_decode_str;
use url::Url;

use crate::error::{CaptureErrorKind as Kind, Failure};

/// Returns an address without user, password and fragment. An address is sent to a camera in this form.
pub(crate) fn bare(url: &Url) -> Url {
    let mut bare = url.clone();
    // Neither call fails for an address with a host.
    bare.set_username("").and_then(|()| bare.set_password(None)).unwrap_or_default();
    bare.set_fragment(None);
    bare
}

/// Returns the encoded credentials of Basic authentication. None if the address has no credentials.
pub(crate) fn proof(url: &Url) -> Option<String> {
    let (user, password) = Authorization::of(url).credentials?;
    Some(STANDARD.encode(format!("{user}:{password}")))
}

/// The credentials, and the camera's last challenge.
pub(crate) struct Authorization {
    credentials: Option<(String, String)>,
    /// The index of the offered method that is being tried, and the client that answers its challenge.
    chosen: Option<(usize, PasswordClient)>,
    /// True if the camera has accepted an answer by the chosen method.
    proven: bool,
    /// The camera's challenge, if it contains no supported method.
    riddle: Option<String>,
}

/// The largest number of characters of a challenge that are quoted.
const QUOTED: usize = 120;

impl Authorization {
    /// Takes the credentials from an address.
    pub(crate) fn of(url: &Url) -> Self {
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let given = !url.username().is_empty() || url.password().is_some();
        let credentials =
            given.then(|| (decoded(url.username()), decoded(url.password().unwrap_or_default())));
        Self { credentials, chosen: None, proven: false, riddle: None }
    }

    /// Returns an error if the status of the camera's answer does not grant the request.
    pub(crate) fn granted(&self, method: &str, status: u16, status_line: &str) -> Result<(), Failure> {
        let kind = match status {
            200..300 => return Ok(()),
            401 => Kind::Unauthorized,
            403 => Kind::Forbidden,
            404 => Kind::NotFound,
            _ => Kind::ServerError,
        };
        let hint = match &self.riddle {
            _ if kind != Kind::Unauthorized => String::new(),
            _ if self.credentials.is_none() => ", and the address has no user and password".to_owned(),
            Some(riddle) => format!(", and its authentication challenge is not understood: {riddle:?}"),
            None => String::new(),
        };
        Err(Failure::new(kind, format!("{method}: {status_line}{hint}")))
    }

    /// Returns the value of the `Authorization` header for a request. None if the camera has not sent a challenge.
    pub(crate) fn value(&mut self, method: &str, uri: &str) -> Option<String> {
        let (username, password) = self.credentials.as_ref()?;
        let (_, client) = self.chosen.as_mut()?;
        let question = PasswordParams { username, password, uri, method, body: None };
        // Few cameras support authentication that also covers the body. It is used only if a camera accepts no other
        // kind.
        let covered = PasswordParams { body: Some(&[]), ..question };
        let mut value = client.respond(&question).or_else(|_| client.respond(&covered)).ok()?;
        if let PasswordClient::Digest(digest) = client
            && digest.rfc2069_compat()
            && digest.algorithm() == Algorithm::Sha256
        {
            value.push_str(", algorithm=SHA-256");
        }
        Some(value)
    }

    /// Records that the camera accepted the last answer.
    pub(crate) const fn accepted(&mut self) {
        self.proven = true;
    }

    /// Chooses the next authentication method from the challenges in these headers. Returns false if no method is
    /// left.
    pub(crate) fn asked<'a>(&mut self, challenges: impl IntoIterator<Item = &'a str>) -> bool {
        if self.credentials.is_none() {
            return false;
        }
        let challenges: Vec<_> = challenges.into_iter().collect();
        let mut offers = offers(&challenges);
        let quoted = challenges.join(", ").chars().filter(|c| !c.is_control()).take(QUOTED).collect();
        self.riddle = offers.is_empty().then_some(quoted);
        let tried = self.chosen.take().map(|(index, _)| index);
        let again = self.proven || offers.iter().any(is_stale);
        let next = match tried {
            None => 0,
            Some(index) if again => index,
            Some(index) => index + 1,
        };
        self.proven = false;
        if next >= offers.len() {
            return false;
        }
        self.chosen = Some((next, offers.swap_remove(next)));
        true
    }
}

fn is_stale(offer: &PasswordClient) -> bool {
    matches!(offer, PasswordClient::Digest(digest) if digest.stale())
}

/// Returns the supported methods that the camera offers, in the camera's order. Methods of Basic authentication are
/// returned only if the camera offers no Digest, because Basic exposes the password to everybody on the network path.
fn offers(challenges: &[&str]) -> Vec<PasswordClient> {
    let mut digests = Vec::new();
    let mut basics = Vec::new();
    for value in challenges {
        let tidy = tidy(value);
        // After a part that cannot be parsed, the rest cannot be parsed either.
        for challenge in ChallengeParser::new(&tidy).map_while(Result::ok) {
            let Ok(client) = PasswordClient::try_from(&lenient(&challenge)) else { continue };
            match client {
                PasswordClient::Basic(_) => basics.push(client),
                _ => digests.push(client),
            }
        }
    }
    if digests.is_empty() { basics } else { digests }
}

/// Puts quotes around values, and commas between parameters. Some cameras omit the quotes or the commas, or use other
/// separators.
fn tidy(challenge: &str) -> String {
    let mut tidy = String::new();
    let mut rest = challenge.trim();
    while let Some((name, value)) = rest.split_once('=') {
        let value = value.trim_start();
        let (value, after) = value.strip_prefix('"').map_or_else(
            || value.split_at(value.find([',', ';', ' ', '\t']).unwrap_or(value.len())),
            |quoted| quoted.split_at(closing(quoted)),
        );
        let name: Vec<_> = name.split_whitespace().collect();
        tidy.extend([&name.join(" "), "=\"", value, "\""]);
        rest = after.trim_start_matches('"').trim_start_matches([',', ';', ' ', '\t']);
        if !rest.is_empty() {
            tidy.push_str(", ");
        }
    }
    tidy + rest
}

/// Returns the end of a quoted value.
fn closing(quoted: &str) -> usize {
    let mut is_escaped = false;
    let end = quoted.find(|c| {
        let closes = c == '"' && !is_escaped;
        is_escaped = c == '\\' && !is_escaped;
        closes
    });
    end.unwrap_or(quoted.len())
}

/// Removes the parameters that some cameras leave empty: an empty value means that the parameter is absent.
fn lenient<'a>(challenge: &ChallengeRef<'a>) -> ChallengeRef<'a> {
    let mut lenient = ChallengeRef::new(challenge.scheme);
    let optional = ["qop", "algorithm", "opaque", "domain"];
    let kept = |name: &str, value: &str| {
        !(value.trim().is_empty() && optional.iter().any(|one| name.eq_ignore_ascii_case(one)))
    };
    lenient.params =
        challenge.params.iter().filter(|(name, value)| kept(name, value.as_escaped())).copied().collect();
    lenient
}

/// Returns the authentication method of an `Authorization` header, without its credentials.
pub(crate) fn way(value: &str) -> String {
    let scheme = value.split(' ').next().unwrap_or_default();
    if scheme.eq_ignore_ascii_case("digest") {
        return if value.contains("SHA-256") { "Digest SHA-256" } else { "Digest MD5" }.to_owned();
    }
    scheme.to_owned()
}

/// Returns the authentication methods that a camera offers, in the camera's order, without the challenges' content.
pub(crate) fn ways<'a>(challenges: impl IntoIterator<Item = &'a str>) -> String {
    let mut ways = Vec::new();
    for value in challenges {
        for challenge in ChallengeParser::new(value).map_while(Result::ok) {
            let parameter = |name: &str| {
                let mut all = challenge.params.iter();
                all.find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_unescaped())
            };
            let digest = challenge.scheme.eq_ignore_ascii_case("digest");
            let algorithm = parameter("algorithm").filter(|value| !value.trim().is_empty());
            let algorithm = algorithm.unwrap_or_else(|| if digest { "MD5" } else { "" }.to_owned());
            let mut way = format!("{} {algorithm}", challenge.scheme).trim_end().to_owned();
            if parameter("stale").is_some_and(|stale| stale.eq_ignore_ascii_case("true")) {
                way.push_str(" (stale)");
            }
            ways.push(way);
        }
    }
    if ways.is_empty() { String::new() } else { format!("; asks for {}", ways.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(offered: &[&str]) -> Authorization {
        let mut authorization =
            Authorization::of(&Url::parse("rtsp://us%40er:p%3Aa%2Fss@camera/live").unwrap());
        assert!(authorization.asked(offered.iter().copied()));
        authorization
    }

    #[test]
    fn each_kind_of_question_is_answered() {
        let value = |offered: &[&str]| asked(offered).value("DESCRIBE", "rtsp://camera/live").unwrap();
        assert_eq!(value(&["Basic realm=\"camera\""]), "Basic dXNAZXI6cDphL3Nz");
        let digest = value(&["Digest realm=\"camera\", nonce=\"1\", algorithm=\"SHA-256\", qop=\"auth\""]);
        assert!(digest.contains("SHA-256") && digest.contains("us@er"), "{digest}");
        // The password is not exposed if another method is offered.
        let safer = value(&["Basic realm=\"a\"", "Digest realm=\"a\", nonce=\"1\", qop=\"\""]);
        assert!(safer.starts_with("Digest "), "{safer}");
    }

    #[test]
    fn questions_that_are_written_carelessly_are_understood() {
        let value = |offered: &str| asked(&[offered]).value("DESCRIBE", "rtsp://camera/live").unwrap();
        for offered in [
            "Digest realm=cam, nonce=MTIz==, algorithm=\"MD5\", stale=false",
            "Digest realm=\"cam\" nonce=\"MTIz==\" algorithm=MD5",
            "Digest  realm = \"cam\" ; nonce = \"MTIz==\",",
            "Digest realm=\"cam\",nonce=\"MTIz==\",opaque=\"\"",
        ] {
            let value = value(offered);
            assert!(value.contains("realm=\"cam\"") && value.contains("nonce=\"MTIz==\""), "{value}");
        }
        let several = "Negotiate, Digest realm=\"a, b=c \\\"d\\\"\", nonce=\"1\", Basic realm=\"x\"";
        assert!(value(several).contains("realm=\"a, b=c \\\"d\\\"\""), "{}", value(several));
    }

    #[test]
    fn a_question_that_is_not_understood_is_told() {
        let mut authorization = Authorization::of(&Url::parse("rtsp://user:secret@camera/").unwrap());
        assert!(!authorization.asked(["Negotiate realm=\"a\""]));
        let refused = authorization.granted("GET", 401, "401 Unauthorized").unwrap_err();
        assert!(refused.detail.contains("not understood") && refused.detail.contains("Negotiate"));
        assert!(!refused.detail.contains("secret"));
    }

    #[test]
    fn a_way_that_is_refused_is_followed_by_the_next_and_then_by_none() {
        let offered = [
            "Digest realm=\"a\", nonce=\"1\", algorithm=MD5",
            "Digest realm=\"a\", nonce=\"1\", algorithm=SHA-256",
        ];
        let mut authorization = asked(&offered);
        assert!(authorization.asked(offered));
        assert!(authorization.value("GET", "/").unwrap().contains("SHA-256"));
        assert!(!authorization.asked(offered));
    }

    #[test]
    fn ways_are_told_without_what_is_secret() {
        let offered = [
            "Digest realm=\"a\", nonce=\"n0nce\", algorithm=SHA-256, Digest realm=\"a\", nonce=\"n0nce\", stale=TRUE",
            "Basic realm=\"a\"",
        ];
        assert_eq!(ways(offered), "; asks for Digest SHA-256, Digest MD5 (stale), Basic");
        assert_eq!(ways([]), "");
        let mut authorization = asked(&offered);
        assert_eq!(way(&authorization.value("GET", "/").unwrap()), "Digest SHA-256");
        assert_eq!(way("Basic dXNAZXI6cDphL3Nz"), "Basic");
    }

    #[test]
    fn a_number_that_is_used_up_is_replaced() {
        let mut authorization = asked(&["Digest realm=\"a\", nonce=\"1\""]);
        authorization.accepted();
        assert!(authorization.asked(["Digest realm=\"a\", nonce=\"2\""]));
        assert!(authorization.value("PLAY", "/").unwrap().contains("nonce=\"2\""));
        assert!(authorization.asked(["Digest realm=\"a\", nonce=\"3\", stale=true"]));
        assert!(!authorization.asked(["Digest realm=\"a\", nonce=\"4\""]));
        let mut nobody = Authorization::of(&Url::parse("rtsp://camera/").unwrap());
        assert!(!nobody.asked(["Basic realm=\"a\""]));
        let refused = nobody.granted("GET", 401, "401 Unauthorized").unwrap_err();
        assert!(refused.detail.contains("no user and password"), "{}", refused.detail);
    }
}
