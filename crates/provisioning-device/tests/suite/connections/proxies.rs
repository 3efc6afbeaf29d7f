//! Registrations through proxies, over both transports: real sockets, real TLS, proxies in the process.

use std::time::Duration;

use provisioning_device::{Builder, ErrorKind, Transport};
use provisioning_emulator::Emulator;
use test_support::{
    emulator::{credential, local_dps, start},
    listen,
    proxy::{Kind, LOGIN, LOGIN_SPELLINGS, Proxy, SERVICE},
    shown,
};

use crate::support::{self, BOTH, port, recorder::recorder};

async fn emulator() -> Emulator {
    start(local_dps().host(SERVICE).polls_before_assigning(0)).await
}

/// For the emulator, by a name that only the proxies can resolve.
fn builder(emulator: &Emulator, transport: Transport, proxy: &str) -> Builder {
    support::builder(emulator, credential(emulator, "device-1"), transport)
        .with_host(format!("{SERVICE}:{}", port(emulator, transport)))
        .with_proxy(proxy)
}

/// Fails to register, and returns the kind and the whole story.
async fn failure(builder: Builder) -> (ErrorKind, String) {
    let client = builder.build().expect("valid input");
    let error = client.register().await.expect_err("not through this proxy");
    (error.kind(), shown(&error))
}

#[tokio::test]
async fn a_device_registers_through_every_kind_of_proxy_which_resolves_the_services_name() {
    let emulator = emulator().await;
    for transport in BOTH {
        for kind in [Kind::Http, Kind::Socks5] {
            for login in [None, Some(LOGIN)] {
                let proxy = Proxy::start(kind, login.is_some()).await;
                let client = builder(&emulator, transport, &proxy.url(login.unwrap_or_default()));
                let assignment = client.build().expect("valid input").register().await;
                let assignment = assignment.unwrap_or_else(|error| panic!("{transport:?} {kind:?} {login:?}: {error}"));
                assert_eq!(assignment.device_id(), "device-1");
                assert_eq!(proxy.asked_for(), [format!("{SERVICE}:{}", port(&emulator, transport))]);
            }
        }
    }
    emulator.shutdown().await;
}

#[tokio::test]
async fn credentials_that_are_missing_or_wrong_never_reach_the_service() {
    let emulator = emulator().await;
    for transport in BOTH {
        for (kind, login, told) in [
            (
                Kind::Http,
                "",
                "status 407 (No), so it requires a user name and a password",
            ),
            (
                Kind::Http,
                "s3user:wrong@",
                "status 407 (No), so it does not accept the user name and password",
            ),
            (Kind::Socks5, "", "it requires a login, such as user name and password"),
            (
                Kind::Socks5,
                "s3user:wrong@",
                "it does not accept the user name and password",
            ),
        ] {
            let proxy = Proxy::start(kind, true).await;
            let (error, story) = failure(builder(&emulator, transport, &proxy.url(login))).await;
            assert_eq!(error, ErrorKind::Connect, "{story}");
            assert!(
                story.contains(&format!("the proxy {} did not connect", proxy.url(""))),
                "{story}"
            );
            assert!(story.contains(told), "{story}");
            assert_eq!(proxy.asked_for(), [""; 0]);
        }
    }
    assert!(emulator.log().is_empty(), "{:?}", emulator.log());
    emulator.shutdown().await;
}

#[tokio::test]
async fn a_host_that_the_proxy_cannot_resolve_is_told_as_the_proxys_word() {
    let emulator = emulator().await;
    for (kind, told) in [
        (Kind::Http, "it answered with status 502 (Unknown host)"),
        (
            Kind::Socks5,
            "the host was not resolved, or is unreachable from there (SOCKS5 reply 4)",
        ),
    ] {
        let proxy = Proxy::start(kind, false).await;
        let client = builder(&emulator, Transport::Mqtt, &proxy.url("")).with_host("nowhere.example:1");
        let (error, story) = failure(client).await;
        assert_eq!(error, ErrorKind::Connect);
        let expected = format!(
            "the proxy {} did not connect to nowhere.example:1: {told}",
            proxy.url("")
        );
        assert!(story.contains(&expected), "{story}");
    }
    emulator.shutdown().await;
}

#[tokio::test]
async fn tls_is_with_the_service_and_verified_against_its_name_not_the_proxys() {
    let emulator = emulator().await;
    for transport in BOTH {
        for kind in [Kind::Http, Kind::Socks5] {
            // The certificate is for 127.0.0.1 too, where the proxy is; that must not help.
            let proxy = Proxy::start(kind, false).await;
            let host = format!("other.{SERVICE}:{}", port(&emulator, transport));
            let (error, story) = failure(builder(&emulator, transport, &proxy.url("")).with_host(&host)).await;
            assert_eq!(error, ErrorKind::Tls);
            assert!(
                story.contains("the server's certificate is not for other.dps.example"),
                "{story}"
            );
        }
    }
    emulator.shutdown().await;
}

#[tokio::test]
async fn a_proxy_that_is_not_there_and_one_that_stays_silent_are_told_apart() {
    let emulator = emulator().await;
    for scheme in ["http", "socks5"] {
        let (listener, address) = listen::<String>().await;
        let url = format!("{scheme}://{address}");
        // Real time: the proxy is a real socket that stays silent.
        let silent = builder(&emulator, Transport::Mqtt, &url).with_timeout(Duration::from_millis(200));
        let (error, story) = failure(silent).await;
        assert_eq!(error, ErrorKind::Connect, "{story}");
        assert!(
            story.contains(&format!("no connection through the proxy {url}")),
            "{story}"
        );
        drop(listener);
        let (error, story) = failure(builder(&emulator, Transport::Mqtt, &url)).await;
        assert_eq!(error, ErrorKind::Connect);
        assert!(story.contains(&format!("the proxy {url} was not reached")), "{story}");
    }
    emulator.shutdown().await;
}

#[tokio::test]
async fn user_name_and_password_are_in_no_trace_no_error_and_no_debug_output() {
    let recorder = recorder();
    let emulator = emulator().await;
    let mut shown = String::new();
    for transport in BOTH {
        for kind in [Kind::Http, Kind::Socks5] {
            let accepting = Proxy::start(kind, true).await;
            let builder = builder(&emulator, transport, &accepting.url(LOGIN));
            shown += &format!("{builder:?}");
            let client = builder.clone().build().expect("valid input");
            client.register().await.expect("assigned");
            let (_, story) = failure(builder.clone().with_host("nowhere.example")).await;
            shown += &story;
            let refusing = accepting.url(&LOGIN.replace("s3user", "s3cret"));
            let (_, story) = failure(builder.with_proxy(&refusing)).await;
            shown += &story;
        }
    }
    emulator.shutdown().await;
    let own = recorder.text_of_this_thread();
    assert!(own.contains("the proxy has connected"), "it listens: {own}");
    let traced = recorder.text();
    for login in LOGIN_SPELLINGS {
        assert!(!shown.contains(login), "{login} in {shown}");
        let leak = traced.lines().find(|line| line.contains(login));
        assert_eq!(leak, None, "{login} was traced");
    }
}

#[tokio::test]
async fn what_is_no_proxy_is_refused_before_any_connection() {
    let emulator = Emulator::builder().start_in_memory().expect("a local DPS");
    let builder = builder(&emulator, Transport::Mqtt, "https://s3user:s3cret@h").with_host(SERVICE);
    let error = builder.build();
    let error = error.expect_err("TLS to the proxy is not supported");
    assert_eq!(error.input(), "proxy");
    assert!(!error.to_string().contains("s3"), "{error}");
}
