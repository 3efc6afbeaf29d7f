//! A DNS name or an IP address.

use std::{
    borrow::Cow,
    fmt,
    hash::{Hash, Hasher},
    net::IpAddr,
    str::FromStr,
    sync::Arc,
};

use crate::{invalid_input::InvalidInput, text_conversions};

/// The service's global endpoint; sovereign clouds have their own.
pub const GLOBAL_HOST: &str = "global.azure-devices-provisioning.net";

/// A DNS name or an IP address. Names are shown as given and compared without case.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Host(HostKind);

#[derive(Clone)]
enum HostKind {
    Name(Arc<str>),
    Address(IpAddr),
}

impl Host {
    /// Checks `text`: a DNS name, an IPv4 address, or an IPv6 address with or without brackets.
    ///
    /// # Errors
    /// [`InvalidInput`] for anything else, a port included.
    pub fn new(text: &str) -> Result<Self, InvalidInput> {
        let bare = text
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
            .filter(|inner| inner.contains(':'))
            .unwrap_or(text);
        if let Ok(address) = bare.parse() {
            return Ok(Self(HostKind::Address(address)));
        }
        if is_dns_name(text) {
            return Ok(Self(HostKind::Name(text.into())));
        }
        Err(Self::invalid(text))
    }

    /// The service's global host.
    pub(crate) fn global() -> Self {
        Self(HostKind::Name(GLOBAL_HOST.into()))
    }

    pub(crate) fn is_ipv6(&self) -> bool {
        matches!(self.0, HostKind::Address(IpAddr::V6(_)))
    }

    pub(crate) fn invalid(text: &str) -> InvalidInput {
        let expected = "a DNS name, an IPv4 address or a bracketed IPv6 address, with an optional port";
        InvalidInput::new("host", expected).with_given(text)
    }

    /// The address; `None` for a name.
    pub fn ip(&self) -> Option<IpAddr> {
        match self.0 {
            HostKind::Name(_) => None,
            HostKind::Address(address) => Some(address),
        }
    }

    /// The name or address without brackets, as a resolver or a TLS stack takes it.
    pub fn bare(&self) -> Cow<'_, str> {
        match &self.0 {
            HostKind::Name(name) => Cow::Borrowed(name),
            HostKind::Address(address) => Cow::Owned(address.to_string()),
        }
    }
}

/// As it is displayed.
impl From<&Host> for Arc<str> {
    fn from(host: &Host) -> Self {
        match &host.0 {
            HostKind::Name(name) => Arc::clone(name),
            HostKind::Address(_) => host.to_string().into(),
        }
    }
}

impl FromStr for Host {
    type Err = InvalidInput;

    /// See [`Host::new`].
    fn from_str(text: &str) -> Result<Self, InvalidInput> {
        Self::new(text)
    }
}

text_conversions!(Host);

impl PartialEq for HostKind {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Name(one), Self::Name(other)) => one.eq_ignore_ascii_case(other),
            (Self::Address(one), Self::Address(other)) => one == other,
            (Self::Name(_), Self::Address(_)) | (Self::Address(_), Self::Name(_)) => false,
        }
    }
}

impl Eq for HostKind {}

impl Hash for HostKind {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Self::Name(name) => name.to_ascii_lowercase().hash(state),
            Self::Address(address) => address.hash(state),
        }
    }
}

impl fmt::Display for Host {
    /// Writes the host as in a URI: an IPv6 address is in brackets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            HostKind::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
            HostKind::Address(IpAddr::V4(address)) => write!(f, "{address}"),
            HostKind::Name(name) => f.write_str(name),
        }
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

/// Up to 253 characters in dot-separated labels of 1 to 63 letters, digits, `-` and `_`, hyphens inside only. The last
/// label is not digits only, which would be a mistyped IPv4 address.
fn is_dns_name(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let last = text.rsplit('.').next().unwrap_or_default();
    text.len() <= 253 && text.split('.').all(label) && !last.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_without_case_and_shown_as_given() {
        let hash = |host: &Host| {
            let mut hasher = std::hash::DefaultHasher::new();
            host.hash(&mut hasher);
            hasher.finish()
        };
        let host = |text| Host::new(text).expect("a host");
        let (one, same, other) = (host("Service.Example"), host("sERVICE.example"), host("service.test"));
        assert_eq!((&one, hash(&one)), (&same, hash(&same)));
        assert_ne!(one, other);
        assert_ne!(host("127.0.0.1"), host("127.0.0.2"));
        assert_eq!(host("2001:DB8::1"), host("2001:db8::1"));
        assert_eq!(one.to_string(), "Service.Example");
    }
}
