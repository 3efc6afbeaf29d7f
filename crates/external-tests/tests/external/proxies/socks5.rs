//! `dps` registers through a SOCKS5 proxy that asks for a login.

use super::proxy::{LOGIN, NO_LOGIN, Proxy, WRONG_LOGIN};
use crate::support::free_port;

#[tokio::test]
#[ignore = "needs microsocks: cargo xtask external"]
async fn a_device_registers_over_mqtt() {
    let proxy = Proxy::socks5().await;
    let port = proxy.dps.emulator.mqtt_port();
    proxy.register(LOGIN, port).await.assert_assigned();
}

#[tokio::test]
#[ignore = "needs microsocks: cargo xtask external"]
async fn a_device_registers_over_a_websocket() {
    let proxy = Proxy::socks5().await;
    proxy.register_over_websocket(LOGIN).await.assert_assigned();
}

#[tokio::test]
#[ignore = "needs microsocks: cargo xtask external"]
async fn a_proxy_in_the_environment_is_used_for_mqtt() {
    let proxy = Proxy::socks5().await;
    let port = proxy.dps.emulator.mqtt_port();
    let (words, url) = (["--proxy-from-environment"], proxy.url(LOGIN));
    let registration = proxy.register_with(port, &words, &[("all_proxy", &url)]).await;
    registration.assert_assigned();
}

#[tokio::test]
#[ignore = "needs microsocks: cargo xtask external"]
async fn a_missing_login_is_named() {
    let proxy = Proxy::socks5().await;
    let port = proxy.dps.emulator.mqtt_port();
    let registration = proxy.register(NO_LOGIN, port).await;
    registration.assert_refused("it requires a login, such as user name and password");
}

#[tokio::test]
#[ignore = "needs microsocks: cargo xtask external"]
async fn a_wrong_login_is_named() {
    let proxy = Proxy::socks5().await;
    let port = proxy.dps.emulator.mqtt_port();
    let registration = proxy.register(WRONG_LOGIN, port).await;
    registration.assert_refused("it does not accept the user name and password");
}

#[tokio::test]
#[ignore = "needs microsocks: cargo xtask external"]
async fn a_port_on_which_no_service_listens_is_named() {
    let proxy = Proxy::socks5().await;
    let registration = proxy.register(LOGIN, free_port().await).await;
    registration.assert_refused("(SOCKS5 reply 5)");
}
