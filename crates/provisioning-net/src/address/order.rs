//! The order in which a host's addresses are tried.

use std::net::SocketAddr;

/// Each address once, in the resolver's order with the families alternating, the family of the first address first
/// ([RFC 8305, section 4](https://www.rfc-editor.org/rfc/rfc8305#section-4), with a First Address Family Count of 1).
pub(super) fn alternate_families(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    if addresses.len() < 2 {
        return addresses;
    }
    let mut unique = Vec::with_capacity(addresses.len());
    for address in addresses {
        if !unique.contains(&address) {
            unique.push(address);
        }
    }
    let first_is_ipv4 = unique.first().is_some_and(SocketAddr::is_ipv4);
    let (first, second): (Vec<_>, Vec<_>) = unique
        .into_iter()
        .partition(|address| address.is_ipv4() == first_is_ipv4);
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let mut ordered = Vec::new();
    loop {
        let pair = [first.next(), second.next()];
        if pair == [None, None] {
            return ordered;
        }
        ordered.extend(pair.into_iter().flatten());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ordered(addresses: &[&str]) -> Vec<String> {
        let addresses = addresses
            .iter()
            .map(|ip| SocketAddr::new(ip.parse().expect("an IP address"), 8883));
        let ordered = alternate_families(addresses.collect()).into_iter();
        ordered.map(|address| address.ip().to_string()).collect()
    }

    #[test]
    fn families_alternate_and_the_first_of_the_resolver_stays_first() {
        assert_eq!(
            ordered(&["::1", "::2", "::3", "10.0.0.1", "10.0.0.2"]),
            ["::1", "10.0.0.1", "::2", "10.0.0.2", "::3"]
        );
        assert_eq!(
            ordered(&["10.0.0.1", "10.0.0.2", "10.0.0.3", "::1"]),
            ["10.0.0.1", "::1", "10.0.0.2", "10.0.0.3"]
        );
    }

    #[test]
    fn within_a_family_the_resolvers_order_is_kept_and_each_address_is_tried_once() {
        assert_eq!(ordered(&["10.0.0.9", "10.0.0.1", "10.0.0.9"]), ["10.0.0.9", "10.0.0.1"]);
        assert_eq!(
            ordered(&["10.0.0.1", "::1", "10.0.0.2", "::1"]),
            ["10.0.0.1", "::1", "10.0.0.2"]
        );
        assert_eq!(ordered(&["::1"]), ["::1"]);
        assert!(ordered(&[]).is_empty());
    }
}
