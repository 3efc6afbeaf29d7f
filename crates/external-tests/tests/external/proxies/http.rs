//! `dps` registers through an HTTP proxy that asks for a login.

use super::proxy::{LOGIN, NO_LOGIN, Proxy, WRONG_LOGIN};
use crate::support::free_port;

#[tokio::test]
#[ignore = "needs tinyproxy: cargo xtask external"]
async fn a_device_registers_over_mqtt() {
    let proxy = Proxy::http().await;
    let port = proxy.dps.emulator.mqtt_port();
    proxy.register(LOGIN, port).await.assert_assigned();
}

#[tokio::test]
#[ignore = "needs tinyproxy: cargo xtask external"]
async fn a_device_registers_over_a_websocket() {
    let proxy = Proxy::http().await;
    proxy.register_over_websocket(LOGIN).await.assert_assigned();
}

#[tokio::test]
#[ignore = "needs tinyproxy: cargo xtask external"]
async fn a_proxy_in_the_environment_is_used_for_a_websocket() {
    let proxy = Proxy::http().await;
    let port = proxy.dps.emulator.websocket_port();
    let (words, url) = (["--websocket", "--proxy-from-environment"], proxy.url(LOGIN));
    let registration = proxy.register_with(port, &words, &[("HTTPS_PROXY", &url)]).await;
    registration.assert_assigned();
}

#[tokio::test]
#[ignore = "needs tinyproxy: cargo xtask external"]
async fn a_missing_login_is_named() {
    let proxy = Proxy::http().await;
    let port = proxy.dps.emulator.mqtt_port();
    let registration = proxy.register(NO_LOGIN, port).await;
    registration.assert_refused("so it requires a user name and a password");
}

#[tokio::test]
#[ignore = "needs tinyproxy: cargo xtask external"]
async fn a_wrong_login_is_named() {
    let proxy = Proxy::http().await;
    let port = proxy.dps.emulator.mqtt_port();
    let registration = proxy.register(WRONG_LOGIN, port).await;
    registration.assert_refused("so it does not accept the user name and password");
}

#[tokio::test]
#[ignore = "needs tinyproxy: cargo xtask external"]
async fn a_port_that_the_proxy_does_not_allow_is_named() {
    let proxy = Proxy::http().await;
    let registration = proxy.register(LOGIN, free_port().await).await;
    registration.assert_refused("status 403 (Access violation)");
}
