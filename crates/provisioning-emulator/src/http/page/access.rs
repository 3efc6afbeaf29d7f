//! Access to the page: the hosts by which it can be read, and the token that allows changes.

use std::net::{Ipv4Addr, Ipv6Addr};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

use super::super::server::{self, Head, header};
use crate::{error::EmulatorError, identity, refusal::Refusal};

/// The header with the token.
const TOKEN: &str = "x-page-token";

/// The rules of one run of the emulator.
pub(crate) struct PageAccess {
    /// Made anew at each start. It is part of the page's address after `#`, which browsers send nowhere.
    token: String,
    /// Whether the page is meant for other machines, too.
    is_shared: bool,
}

impl PageAccess {
    /// With a new token. Fails if the system has no randomness.
    pub(crate) fn new(is_shared: bool) -> Result<Self, EmulatorError> {
        let token = URL_SAFE_NO_PAD.encode(identity::random::<24>()?);
        Ok(Self { token, is_shared })
    }

    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    /// Whether a call has the token.
    pub(super) fn has_token(&self, head: &Head) -> bool {
        // Digests are compared: the time says nothing about the token.
        let digest = |token: &str| Sha256::digest(token);
        header(head, TOKEN).is_some_and(|token| digest(token) == digest(&self.token))
    }

    /// Whether a call may be answered, for the host that it names.
    ///
    /// A site can make its own name lead here, and read the answers: a name other than `localhost` is not trusted. An
    /// address is not a site's name.
    pub(super) fn check_host(&self, head: &Head, is_public: bool) -> Result<(), &'static str> {
        let host = server::host(head).unwrap_or_default();
        match self.is_shared {
            _ if is_this_machine(host) => Ok(()),
            false => {
                Err("This page is for http://localhost only, unless the emulator is started with --page-listen.\n")
            }
            true if is_public || is_address(host) || self.has_token(head) => Ok(()),
            true => Err("By this name the page needs its token: open the address that the emulator printed.\n"),
        }
    }

    /// Whether a call may change something: a page of another site has neither the token nor this origin, and cannot
    /// send JSON without being allowed to.
    pub(super) fn check_change(&self, head: &Head) -> Result<(), Refusal> {
        if !self.has_token(head) {
            let message = "Without its token the page can only be looked at: open the address that the emulator printed at \
                           its latest start.";
            return Err(Refusal::new(403, 403_001, message));
        }
        let origin = header(head, "origin").and_then(|origin| origin.strip_prefix("http://"));
        if origin.is_none() || origin != header(head, "host") {
            return Err(Refusal::new(
                403,
                403_001,
                "Only the page itself may send this: Origin must name its host.",
            ));
        }
        let content_type = header(head, "content-type").unwrap_or_default();
        let media_type = content_type.split(';').next().unwrap_or_default().trim();
        if !media_type.eq_ignore_ascii_case("application/json") {
            return Err(Refusal::new(415, 415_001, "Content-Type must be application/json."));
        }
        Ok(())
    }
}

fn is_this_machine(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || ["127.0.0.1", "[::1]"].contains(&host)
}

fn is_address(host: &str) -> bool {
    let in_brackets = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    match in_brackets {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => host.parse::<Ipv4Addr>().is_ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_addresses_are_addresses() {
        for host in ["192.168.0.7", "0.0.0.0", "[fe80::1]", "[::]"] {
            assert!(is_address(host), "{host}");
        }
        for host in [
            "",
            "192.168.0.7.evil.example",
            "1",
            "::1",
            "[::1",
            "[evil.example]",
            "0x7f.1",
        ] {
            assert!(!is_address(host), "{host}");
        }
    }

    #[test]
    fn each_start_has_a_token_of_its_own() {
        let [one, other] = [(), ()].map(|()| PageAccess::new(false).expect("randomness"));
        assert_ne!(one.token(), other.token());
        assert_eq!(one.token().len(), 32);
    }
}
