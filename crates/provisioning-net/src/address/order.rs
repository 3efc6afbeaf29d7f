//! The order in which a host's addresses are tried.

use std::{iter, net::SocketAddr};

/// Each address once, in the resolver's order with the families alternating, the family of the first address first
/// ([RFC 8305, section 4](https://www.rfc-editor.org/rfc/rfc8305#section-4), with a First Address Family Count of 1).
pub(super) fn alternate_families(addresses: &[SocketAddr]) -> impl Iterator<Item = SocketAddr> {
    let first_is_ipv4 = addresses.first().is_some_and(SocketAddr::is_ipv4);
    let of_family = |is_first: bool| {
        let once = addresses
            .iter()
            .enumerate()
            .filter(|(index, address)| !addresses[..*index].contains(address));
        once.map(|(_, address)| *address)
            .filter(move |address| (address.is_ipv4() == first_is_ipv4) == is_first)
    };
    let (mut first, mut second) = (of_family(true), of_family(false));
    let pairs = iter::from_fn(move || Some([first.next(), second.next()]));
    pairs.take_while(|pair| *pair != [None, None]).flatten().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ordered(addresses: &[&str]) -> Vec<String> {
        let addresses = addresses
            .iter()
            .map(|ip| SocketAddr::new(ip.parse().expect("an IP address"), 8883));
        let addresses: Vec<_> = addresses.collect();
        alternate_families(&addresses)
            .map(|address| address.ip().to_string())
            .collect()
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
