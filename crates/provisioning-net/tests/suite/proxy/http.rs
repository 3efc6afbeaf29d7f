//! HTTP CONNECT.

use std::error::Error;

use provisioning_net::Proxy;
use provisioning_types::Host;

use test_support::proxy::LOGIN;

use super::scripted::{hears, opens, refusal, refuses, says};

const TARGET: (&str, u16) = ("dps.example", 8883);
const REQUEST: &str = "CONNECT dps.example:8883 HTTP/1.1\r\nHost: dps.example:8883\r\n\r\n";

#[tokio::test(start_paused = true)]
async fn the_request_is_for_host_and_port_and_carries_the_credentials_if_there_are_any() {
    for (proxy, target, request) in [
        ("http://p", TARGET, REQUEST),
        (
            "http://p",
            ("::1", 443),
            "CONNECT [::1]:443 HTTP/1.1\r\nHost: [::1]:443\r\n\r\n",
        ),
        (
            "http://Aladdin:open%20sesame@p:1",
            ("10.0.0.1", 1),
            "CONNECT 10.0.0.1:1 HTTP/1.1\r\nHost: 10.0.0.1:1\r\n\
             Proxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\r\n",
        ),
    ] {
        opens(
            proxy,
            target,
            4096,
            vec![hears(request), says("HTTP/1.1 200 OK\r\n\r\n")],
        )
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn any_2xx_opens_the_tunnel_byte_by_byte_or_at_once_and_nothing_behind_its_head_is_lost() {
    for answer in [
        "HTTP/1.1 200 Connection established\r\n\r\n",
        "HTTP/1.0 200\r\n\r\n",
        "HTTP/1.1 204 No Content\r\nVia: a\r\nContent-Length: 3\r\n\r\n",
        "HTTP/1.1 200 OK\nServer: line feeds only\n\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Wait\r\nA: b\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
    ] {
        for buffer in [1, 7, 8192] {
            opens("http://p", TARGET, buffer, vec![hears(REQUEST), says(answer)]).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn any_other_status_is_told_with_the_proxys_words() {
    for (answer, told) in [
        (
            "HTTP/1.1 403 Filtered\r\n\r\n",
            "it answered with status 403 (Filtered)",
        ),
        (
            "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 2\r\n\r\nno",
            "it answered with status 502 (Bad Gateway)",
        ),
        (
            "HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n",
            "it answered with status 302 (Found)",
        ),
        ("HTTP/1.1 500\r\n\r\n", "it answered with status 500"),
        (
            "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n",
            "it answered with status 407 (Proxy Authentication Required), so it requires a user name and a password",
        ),
    ] {
        for buffer in [1, 8192] {
            let message = refuses("http://p:3128", TARGET, buffer, vec![hears(REQUEST), says(answer)]).await;
            let expected = format!("the proxy http://p:3128 did not connect to dps.example:8883: {told}");
            assert_eq!(message, expected);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn credentials_that_the_proxy_does_not_accept_are_told_from_missing_ones() {
    let proxy = format!("http://{LOGIN}p");
    // tinyproxy says 401 where 407 is meant.
    for status in [401, 407] {
        let answer = format!("HTTP/1.1 {status} No\r\n\r\n");
        let message = refuses(&proxy, TARGET, 8192, vec![says(answer)]).await;
        let told = format!("status {status} (No), so it does not accept the user name and password");
        assert!(message.ends_with(&told), "{message}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_login_that_is_required_is_told_with_the_schemes_and_judged_only_if_it_was_asked_for() {
    let only_basic = "and this device can only log in by Basic";
    for (with_login, challenges, told, hint) in [
        (
            false,
            "Proxy-Authenticate: Basic realm=\"a, b=c\"\r\nproxy-authenticate: Digest realm=\"a\", nonce=\"b\"\r\n",
            "so it requires a user name and a password (it offers Basic, Digest)",
            "give the user name and password in the proxy's URL",
        ),
        (
            true,
            "Proxy-Authenticate: Digest realm=\"a\", BASIC realm=\"b\"\r\n",
            "so it does not accept the user name and password (it offers Digest, BASIC)",
            "check the user name and password",
        ),
        (
            false,
            "Proxy-Authenticate: Negotiate\r\nProxy-Authenticate: NTLM\r\n",
            &format!("so it requires a login by Negotiate, NTLM, {only_basic}"),
            "have the proxy accept",
        ),
        (
            true,
            "Proxy-Authenticate: Negotiate, NTLM\r\n",
            &format!(
                "so it requires a login by Negotiate, NTLM, {only_basic}: the user name and password were not checked"
            ),
            "have the proxy accept",
        ),
        (
            true,
            "Proxy-Authenticate: \"?\"\r\n",
            "so it does not accept the user name and password",
            "check the user name and password",
        ),
    ] {
        let proxy = format!("http://{}p", if with_login { LOGIN } else { "" });
        let answer = format!("HTTP/1.1 407 No\r\n{challenges}\r\n");
        let error = refusal(&proxy, TARGET, 8192, vec![says(answer)]).await;
        assert!(error.to_string().ends_with(told), "{error}");
        assert!(error.hint().starts_with(hint), "{error:?}");
    }
    let many = format!(
        "HTTP/1.1 407 No\r\nProxy-Authenticate: {}\r\n\r\n",
        "Scheme-of-a-length,".repeat(500)
    );
    let message = refuses("http://p", TARGET, 8192, vec![says(many)]).await;
    assert!(message.len() < 350, "{message}");
}

#[tokio::test(start_paused = true)]
async fn what_speaks_no_http_is_told_at_once() {
    for (garbage, but) in [
        (&b"SSH-2.0-OpenSSH_9.2\r\n"[..], ": it answers \"SSH-2.0-OpenSSH_9.2\""),
        (b"\x15\x03\x01\x00\x02\x02\x46", ": it answers TLS"),
        (b"\x05\xff", ""),
        (b"HTTP/9.9 200 OK\r\n\r\n", ""),
        (b"HTTP/1.1 abc OK\r\n\r\n", ""),
        (b"HTTP/1.1 200 OK\r\nno header\r\n\r\n", ""),
        (b"HTTP/1.1 200 \x1b[31m\r\n\r\n", ""),
    ] {
        // Were more awaited than is said, the message would be that the connection was closed.
        for buffer in [1, 8192] {
            let (request, garbage) = (hears(REQUEST), says(garbage));
            let message = refuses("http://p", TARGET, buffer, vec![request, garbage]).await;
            // Of bytes that arrive one by one, the first tells too little.
            let but = if buffer == 1 { "" } else { but };
            let expected = format!(": the peer is not an HTTP proxy{but}");
            assert!(message.ends_with(&expected), "{message}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_ends_early_and_one_without_end_are_told() {
    let answer = "HTTP/1.1 200 OK\r\nVia: a\r\n\r\n";
    for length in 0..answer.len() {
        let message = refuses("http://p", TARGET, 64, vec![hears(REQUEST), says(&answer[..length])]).await;
        assert!(
            message.ends_with(": it closed the connection before it had answered"),
            "{message}"
        );
    }
    let endless = "HTTP/1.1 200 OK\r\nA: ".to_owned() + &"x".repeat(20_000);
    let message = refuses("http://p", TARGET, 8192, vec![hears(REQUEST), says(endless)]).await;
    assert!(
        message.ends_with(": the head of its answer is longer than 16384 bytes"),
        "{message}"
    );
    let wordy = format!("HTTP/1.1 500 {}\r\n\r\n", "w".repeat(5_000));
    let message = refuses("http://p", TARGET, 8192, vec![hears(REQUEST), says(wordy)]).await;
    assert!(message.len() < 250, "{message}");
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_breaks_is_told_with_its_cause() {
    for scheme in ["http", "socks5"] {
        let proxy: Proxy = format!("{scheme}://p").parse().expect("a proxy");
        let (near, far) = tokio::io::duplex(64);
        drop(far);
        let outcome = proxy.tunnel(near, &Host::new("h").expect("a host"), 1).await;
        let error = outcome.err().expect("no connection");
        assert!(
            error
                .to_string()
                .ends_with(" did not connect to h:1: the connection to it was lost"),
            "{error}"
        );
        assert_eq!(error.source().expect("a cause").to_string(), "broken pipe");
    }
}
