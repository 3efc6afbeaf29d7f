//! A path that discards large packets and sends no ICMP about it, as a VPN with a wrong MTU does.

use std::fs;

use super::{
    namespace::Direction,
    site::{Site, over_both},
};

#[tokio::test]
#[ignore = "needs root and iproute2: cargo xtask external"]
async fn a_server_certificate_that_does_not_fit_is_a_timeout_whose_hint_names_the_mtu() {
    over_both(async |transport| {
        let site = Site::start().await;
        site.network.limit_packets(Direction::Device, 400);
        let registration = site.register(transport, &["--operation-timeout", "3"]).await;
        let peer = transport.peer();
        registration.assert_failed(5, "timeout", &["TLS handshake", &peer], &["VPN", "MTU"]);
        registration.assert_took(3.0, 6.0);
    })
    .await;
}

/// The handshakes are small: the device has a symmetric key. The registration request has a payload.
#[tokio::test]
#[ignore = "needs root and iproute2: cargo xtask external"]
async fn a_registration_request_that_does_not_fit_is_a_timeout_whose_hint_names_the_mtu() {
    over_both(async |transport| {
        let site = Site::start().await;
        site.network.limit_packets(Direction::Service, 900);
        let payload = site.dps.file("payload.json");
        fs::write(&payload, format!("\"{}\"", "x".repeat(4000))).expect("a file");
        let payload = format!("@{}", payload.display());
        let words = ["--operation-timeout", "3", "--payload", &payload];
        let registration = site.register_with_symmetric_key(transport, &words).await;
        let peer = transport.peer();
        registration.assert_failed(
            5,
            "timeout",
            &["PUBACK or response", &peer],
            &["MTU", "VPN", "larger request"],
        );
        registration.assert_took(3.0, 7.0);

        let registration = site
            .register_with_symmetric_key(transport, &["--operation-timeout", "10"])
            .await;
        registration.assert_assigned();
    })
    .await;
}
