//! Errors between this program and a master, each in one line for the person who must act.

use easysight_protocol::Problem;

use crate::listing::plain;

/// Why a request to a master failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MasterError {
    /// The connection failed.
    #[error("{}", unreachable(url, reason))]
    Unreachable { url: String, reason: String },
    /// There was no answer in time.
    #[error("{url} accepted the request but did not answer in time; wait longer with --request-timeout S")]
    Silent { url: String },
    /// The connection ended before the answer was complete.
    #[error("the connection to {url} was lost: {reason}")]
    BrokenOff { url: String, reason: String },
    /// The master refused the request and gave a reason.
    #[error("{}", refusal(.0))]
    Refused(Box<Problem>),
    /// The answer is not from a master, or from a master that uses another format.
    #[error(
        "{url} answered {status}, but the answer is not from a master: {}. Is --master (EASYSIGHT_MASTER) right?",
        plain(text)
    )]
    Strange { url: String, status: u16, text: String },
    /// The master has another address.
    #[error("{url} redirects to {}; give that address with --master (EASYSIGHT_MASTER)", plain(to))]
    Redirected { url: String, to: String },
    /// The pages of a list repeat without end.
    #[error("{url} returns the same page of the list again and again")]
    Endless { url: String },
    /// The string cannot be an id.
    #[error("`{0}` is not an id")]
    NoId(String),
}

impl MasterError {
    /// True if the same request may succeed a little later.
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Silent { .. } | Self::BrokenOff { .. } => true,
            Self::Refused(problem) => passes(problem.status),
            Self::Strange { status, .. } => passes(*status),
            Self::Redirected { .. } | Self::Endless { .. } | Self::NoId(_) => false,
        }
    }

    /// True if the master may have carried out the request, although there was no answer.
    pub(crate) const fn may_have_arrived(&self) -> bool {
        matches!(self, Self::Silent { .. } | Self::BrokenOff { .. })
    }
}

/// True for statuses by which a master, or the load balancer in front of it, reports that a retry may succeed.
const fn passes(status: u16) -> bool {
    matches!(status, 429 | 502 | 503 | 504)
}

fn unreachable(url: &str, reason: &str) -> String {
    let check = if reason.contains("certificate") {
        "Give the certificate of the authority that signed the master's certificate with --ca FILE"
    } else if reason.contains("corrupt message") {
        "The server seems to speak http, not https; is --master (EASYSIGHT_MASTER) right?"
    } else {
        "Is the master running there, and is --master (EASYSIGHT_MASTER) right?"
    };
    format!("{url} cannot be reached: {}. {check}", plain(reason))
}

/// Formats a refusal as `detail (field, status)`.
fn refusal(problem: &Problem) -> String {
    let detail = if problem.detail.is_empty() { &problem.title } else { &problem.detail };
    let status = problem.status;
    let place = match problem.field.as_deref() {
        Some(field) if !field.is_empty() => format!("{field}, {status}"),
        _ => status.to_string(),
    };
    let hint = if status == 401 { "; pass a token with EASYSIGHT_TOKEN or --token-file" } else { "" };
    plain(&format!("{} ({place}){hint}", detail.trim_end_matches('.'))).replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_one_line_with_the_field_and_the_status() {
        let problem = Problem::new(422, "invalid", "Invalid", "1 to 20 attempts are allowed, not 50.")
            .at("/max_attempts");
        let error = MasterError::Refused(Box::new(problem));
        assert_eq!(error.to_string(), "1 to 20 attempts are allowed, not 50 (/max_attempts, 422)");
        assert!(!error.may_pass());
    }

    #[test]
    fn a_problem_without_detail_and_field_shows_its_title() {
        let problem = Problem::new(503, "busy", "Busy\u{1b}[2J\nfor now", "");
        let error = MasterError::Refused(Box::new(problem));
        assert_eq!(error.to_string(), "Busy [2J for now (503)");
        assert!(error.may_pass());
    }

    #[test]
    fn who_lacks_a_token_hears_where_it_goes() {
        let problem = Problem::new(401, "unauthenticated", "Unauthenticated", "a bearer token is wanted");
        let text = MasterError::Refused(Box::new(problem)).to_string();
        assert_eq!(text, "a bearer token is wanted (401); pass a token with EASYSIGHT_TOKEN or --token-file");
    }

    #[test]
    fn an_unknown_authority_is_told_from_a_master_that_is_not_there() {
        let url = "https://master/".to_owned();
        let reason = "invalid peer certificate: UnknownIssuer".to_owned();
        let text = MasterError::Unreachable { url: url.clone(), reason }.to_string();
        assert!(text.contains("--ca FILE"), "{text}");
        let text = MasterError::Unreachable { url, reason: "connection refused".into() }.to_string();
        assert!(text.contains("https://master/ cannot be reached: connection refused."), "{text}");
        assert!(text.contains("--master"), "{text}");
    }
}
