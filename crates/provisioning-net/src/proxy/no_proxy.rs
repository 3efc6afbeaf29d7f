//! The hosts that are connected to without the proxy, in the form of the variable `no_proxy`.

use std::{net::IpAddr, str::FromStr};

use ipnet::IpNet;
use provisioning_types::Host;

/// What [`ProxyRules::from_environment`](super::ProxyRules::from_environment) describes.
#[derive(Debug, Clone, Default)]
pub(super) struct NoProxy(Vec<Entry>);

#[derive(Debug, Clone)]
struct Entry {
    hosts: Hosts,
    port: Option<u16>,
}

#[derive(Debug, Clone)]
enum Hosts {
    All,
    Network(IpNet),
    /// In lower case.
    Domain(String),
}

impl NoProxy {
    /// Whether this host is to be connected to directly.
    pub(super) fn covers(&self, host: &Host, port: u16) -> bool {
        let name = host.bare().to_ascii_lowercase();
        self.0
            .iter()
            .any(|entry| entry.port.is_none_or(|only| only == port) && entry.hosts.contain(&name))
    }
}

impl NoProxy {
    /// Parses a list. Also returns the entries that cannot be used, which are ignored.
    pub(super) fn parse(list: &str) -> (Self, Vec<&str>) {
        let (mut entries, mut rejected) = (vec![], vec![]);
        for entry in list.split(|c: char| c == ',' || c.is_whitespace()) {
            match entry.parse() {
                Ok(parsed) => entries.push(parsed),
                Err(()) if entry.is_empty() => {}
                Err(()) => rejected.push(entry),
            }
        }
        (Self(entries), rejected)
    }
}

impl FromStr for Entry {
    type Err = ();

    fn from_str(entry: &str) -> Result<Self, ()> {
        // As a whole first: the colons of an IPv6 address announce no port.
        let (hosts, port) = match (entry.parse(), entry.rsplit_once(':')) {
            (Ok(hosts), _) => (hosts, None),
            (Err(()), Some((hosts, port))) => (hosts.parse()?, Some(port.parse().map_err(drop)?)),
            (Err(()), None) => return Err(()),
        };
        Ok(Self { hosts, port })
    }
}

impl Hosts {
    fn contain(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Network(network) => name.parse::<IpAddr>().is_ok_and(|address| network.contains(&address)),
            Self::Domain(domain) => name
                .strip_suffix(domain.as_str())
                .is_some_and(|below| below.is_empty() || below.ends_with('.')),
        }
    }
}

impl FromStr for Hosts {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if text == "*" {
            return Ok(Self::All);
        }
        let in_brackets = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let address = in_brackets.unwrap_or(text);
        let one = |_| address.parse::<IpAddr>().map(IpNet::from);
        if let Ok(network) = address.parse().or_else(one) {
            return Ok(Self::Network(network));
        }
        let below = text.strip_prefix("*.").or_else(|| text.strip_prefix('.'));
        let domain = below.unwrap_or(text);
        let domain = domain.strip_suffix('.').unwrap_or(domain);
        match Host::new(domain) {
            Ok(_) => Ok(Self::Domain(domain.to_ascii_lowercase())),
            Err(_) => Err(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_compared_with_the_list_as_curl_does() {
        for (list, covered, not_covered) in [
            ("", "", "h 127.0.0.1 localhost"),
            (" , ,, ", "", "h"),
            ("*", "h 10.0.0.1 [::1]", ""),
            ("a.example, *", "h", ""),
            (
                "a.example",
                "a.example A.Example x.a.example",
                "example xa.example a.example.org",
            ),
            (".a.example", "a.example y.x.a.example", "xa.example"),
            ("*.a.example", "a.example x.a.example", "xa.example"),
            ("A.EXAMPLE.", "a.example", "b.example"),
            (
                "a.example b.example,c.example\td.example",
                "a.example b.example c.example d.example",
                "e.example",
            ),
            ("localhost", "localhost", "127.0.0.1 [::1]"),
            ("10.0.0.1", "10.0.0.1", "10.0.0.2 110.0.0.1 x.example"),
            ("10.1.2.3/8", "10.0.0.0 10.255.255.255", "9.255.255.255 11.0.0.0 [::1]"),
            ("0.0.0.0/0", "10.0.0.1", "[::1] h"),
            ("192.168.1.77/32", "192.168.1.77", "192.168.1.78"),
            ("::1", "[::1]", "[::2] 127.0.0.1"),
            ("[::1]", "[::1]", "[::2]"),
            ("fd00::/8", "[fd12::1]", "[fe80::1]"),
            ("0:0:0:0:0:0:0:1", "[::1]", "[::2]"),
            ("a.example:8883", "a.example x.a.example", "b.example"),
            ("a.example:443", "", "a.example"),
            ("*:8883", "h", ""),
            ("10.0.0.1:8883,10.0.0.2:443", "10.0.0.1", "10.0.0.2"),
            ("[::1]:8883,[::2]:443", "[::1]", "[::2]"),
        ] {
            let (parsed, rejected) = NoProxy::parse(list);
            assert_eq!(rejected, [""; 0], "{list}");
            let covers = |host: &str| parsed.covers(&Host::new(host).expect(host), 8883);
            assert!(covered.split_whitespace().all(covers), "{list:?} covers {covered}");
            assert!(
                !not_covered.split_whitespace().any(covers),
                "{list:?} does not cover {not_covered}"
            );
        }
    }

    #[test]
    fn an_entry_that_means_nothing_is_left_out_and_returned() {
        for list in [
            "10.0.0.0/33",
            "h/8",
            "http://h",
            "h:0x50",
            "h:99999",
            "h:",
            ":80",
            "a..b",
            ".",
            "127.*",
            "*x.example",
            "<local>",
            "192.168.1.",
        ] {
            let (parsed, rejected) = NoProxy::parse(list);
            assert_eq!((parsed.0.len(), rejected.as_slice()), (0, &[list][..]));
        }
        let (parsed, rejected) = NoProxy::parse("h, 10.0.0.0/33 .,,*");
        assert_eq!((parsed.0.len(), rejected), (2, vec!["10.0.0.0/33", "."]));
    }
}
