//! Ports whose packets a firewall drops, and networks that come up later.

use std::time::Duration;

use provisioning_emulator::{LogKind, Port};
use tokio::{join, time::sleep};

use super::{
    namespace::{Flow, NAME},
    site::{Site, Transport, over_both},
};

/// The time after which the network comes up. It is real time: the clock of the kernel cannot be paused.
const LATER: Duration = Duration::from_secs(4);

#[tokio::test]
#[ignore = "needs root and iproute2: cargo xtask external"]
async fn a_dropped_port_is_named_within_12_seconds_and_the_hint_names_the_way_around_it() {
    over_both(async |transport| {
        let site = Site::start().await;
        site.network.discard(Flow::ServicePort(transport.port()));
        let registration = site.register(transport, &[]).await;
        let address = format!("{} (no answer within 12 s)", site.network.service());
        let hint: &[&str] = match transport {
            Transport::Mqtt => &["firewall", "8883", "--fallback"],
            Transport::WebSocket => &["firewall"],
        };
        registration.assert_failed(4, "connect", &[NAME, &address], hint);
        registration.assert_took(11.0, 14.0);
    })
    .await;
}

#[tokio::test]
#[ignore = "needs root and iproute2: cargo xtask external"]
async fn a_fallback_registers_over_a_websocket_if_the_port_of_mqtt_is_dropped() {
    let site = Site::start().await;
    site.network.discard(Flow::ServicePort(8883));
    let registration = site.register(Transport::Mqtt, &["--fallback"]).await;
    registration.assert_assigned();
    registration.assert_took(11.0, 15.0);
    let log = site.dps.log();
    let ports: Vec<_> = log.of(LogKind::Connect).map(|entry| entry.port).collect();
    assert_eq!(ports, [Some(Port::WebSocket)], "{log}");
}

#[tokio::test]
#[ignore = "needs root and iproute2: cargo xtask external"]
async fn both_ports_dropped_are_both_named() {
    let site = Site::start().await;
    for port in [8883, 443] {
        site.network.discard(Flow::ServicePort(port));
    }
    let words = ["--fallback", "--connect-timeout", "2"];
    let registration = site.register(Transport::Mqtt, &words).await;
    registration.assert_failed(4, "connect", &["8883", "443", "no answer within 2 s"], &["both ports"]);
    registration.assert_took(4.0, 6.0);
}

#[tokio::test]
#[ignore = "needs root and iproute2: cargo xtask external"]
async fn a_port_that_is_opened_later_is_waited_for() {
    over_both(async |transport| {
        let (site, flow) = (Site::start().await, Flow::ServicePort(transport.port()));
        site.network.discard(flow);
        let opening = async {
            sleep(LATER).await;
            site.network.forward(flow);
        };
        let words = ["--connect-timeout", "2", "--wait-for-network", "20"];
        let (registration, ()) = join!(site.register(transport, &words), opening);
        registration.assert_assigned();
        registration.assert_took(4.0, 20.0);
    })
    .await;
}

#[tokio::test]
#[ignore = "needs root and iproute2: cargo xtask external"]
async fn a_link_that_comes_up_later_is_waited_for() {
    over_both(async |transport| {
        let site = Site::start().await;
        site.network.unplug();
        let plugging_in = async {
            sleep(LATER).await;
            site.network.plug_in();
        };
        let words = ["--wait-for-network", "20"];
        let (registration, ()) = join!(site.register(transport, &words), plugging_in);
        registration.assert_assigned();
        registration.assert_took(4.0, 20.0);
    })
    .await;
}

#[tokio::test]
#[ignore = "needs root and iproute2: cargo xtask external"]
async fn a_link_that_is_down_is_named_at_once() {
    over_both(async |transport| {
        let site = Site::start().await;
        site.network.unplug();
        let registration = site.register(transport, &[]).await;
        registration.assert_failed(4, "connect", &[NAME, "no route"], &["network"]);
        registration.assert_took(0.0, 3.0);
    })
    .await;
}
