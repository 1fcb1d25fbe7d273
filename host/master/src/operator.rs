//! The person who runs a subcommand on the master's machine, by the user name of the operating system.

use std::fs;

use easysight_protocol::ActorKind;
use easysight_store::Actor;
use rustix::process::getuid;

/// The id of the user who signed in to the machine. It stays the same after `sudo`.
const LOGIN: &str = "/proc/self/loginuid";
const USERS: &str = "/etc/passwd";

/// Returns the person who runs this process, for the audit log.
pub(crate) fn actor() -> Actor {
    // Some systems, such as containers, do not record who signed in. `u32::MAX` means that nobody signed in.
    let login = fs::read_to_string(LOGIN).ok().and_then(|text| text.trim().parse().ok());
    let id = login.filter(|id| *id != u32::MAX).unwrap_or_else(|| getuid().as_raw());
    let users = fs::read_to_string(USERS).unwrap_or_default();
    let mut actor = Actor::on_this_machine(ActorKind::CommandLine, name_of(id, &users));
    actor.who.id = Some(id.to_string());
    actor
}

/// Returns the name of the user with this id in the text of `/etc/passwd`.
fn name_of(id: u32, users: &str) -> Option<String> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, _, of) = (fields.next()?, fields.next()?, fields.next()?);
        (of.parse() == Ok(id) && !name.contains(char::is_control)).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_named_by_the_list_of_users() {
        let users = "root:x:0:0:root:/root:/bin/bash\n\nbroken\nlin:x:1000:1000:林:/home/lin:/bin/sh\n";
        assert_eq!(name_of(0, users).as_deref(), Some("root"));
        assert_eq!(name_of(1000, users).as_deref(), Some("lin"));
        assert_eq!(name_of(7, users), None);
    }
}
