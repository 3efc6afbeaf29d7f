//! A name with silent addresses.

use super::site::{Site, over_both};

/// The second address is tried 250 ms after the first. The upper limit has a margin for a busy machine, and is far below
/// the connect timeout of 12 s.
#[tokio::test]
#[ignore = "needs root and iproute2: cargo xtask external"]
async fn a_dead_first_address_does_not_cost_the_connect_timeout() {
    over_both(async |transport| {
        let site = Site::start().await;
        for silent in [site.network.silent()[0], site.network.silent_v6()] {
            site.network.resolve_to(&[silent, site.network.service()]);
            let registration = site.register(transport, &[]).await;
            registration.assert_assigned();
            registration.assert_took(0.25, 3.0);
        }
    })
    .await;
}

#[tokio::test]
#[ignore = "needs root and iproute2: cargo xtask external"]
async fn a_name_with_dead_addresses_only_is_not_reached_and_the_message_lists_each() {
    over_both(async |transport| {
        let site = Site::start().await;
        site.network.resolve_to(&site.network.silent());
        let registration = site.register(transport, &["--connect-timeout", "2"]).await;
        let outcomes = site
            .network
            .silent()
            .map(|address| format!("{address} (no answer within "));
        registration.assert_failed(4, "connect", &[&outcomes[0], &outcomes[1]], &["firewall"]);
        registration.assert_took(2.0, 4.0);
    })
    .await;
}
