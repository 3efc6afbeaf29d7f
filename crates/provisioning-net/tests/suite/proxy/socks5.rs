//! SOCKS5.

use std::collections::BTreeSet;

use test_support::proxy::LOGIN;

use super::scripted::{Turn, hears, opens, refusal, refuses, says};

const TARGET: (&str, u16) = ("dps.example", 8883);
const PORT: [u8; 2] = 8883_u16.to_be_bytes();
const NO_LOGIN: [u8; 2] = [5, 0];
const SUCCESS: [u8; 10] = [5, 0, 0, 1, 10, 0, 0, 1, 0x12, 0x34];

fn request(address: &[u8]) -> Vec<u8> {
    [&[5, 1, 0], address, &PORT].concat()
}

fn by_name() -> Vec<u8> {
    request(b"\x03\x0bdps.example")
}

/// Without a login, up to the proxy's reply.
fn until_the_reply(reply: &[u8]) -> Vec<Turn> {
    vec![hears([5, 1, 0]), says(NO_LOGIN), hears(by_name()), says(reply)]
}

#[tokio::test(start_paused = true)]
async fn a_name_goes_to_the_proxy_unresolved_and_an_address_as_an_address() {
    let ipv6 = [&[4][..], &[0; 15], &[1]].concat();
    for (host, address) in [
        ("dps.example", &b"\x03\x0bdps.example"[..]),
        ("10.1.2.3", &[1, 10, 1, 2, 3]),
        ("::1", &ipv6),
    ] {
        for scheme in ["socks5", "socks5h"] {
            let turns = vec![hears([5, 1, 0]), says(NO_LOGIN), hears(request(address)), says(SUCCESS)];
            opens(&format!("{scheme}://p"), (host, 8883), 4096, turns).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_tunnel_opens_byte_by_byte_or_at_once_and_nothing_behind_the_reply_is_lost() {
    let from_ipv6 = [&[5, 0, 0, 4][..], &[7; 18]].concat();
    let from_a_name = b"\x05\0\0\x03\x03abc\0\x01".to_vec();
    let from_no_name = b"\x05\0\0\x03\0\0\x01".to_vec();
    for reply in [SUCCESS.to_vec(), from_ipv6, from_a_name, from_no_name] {
        for buffer in [1, 7, 8192] {
            opens("socks5://p", TARGET, buffer, until_the_reply(&reply)).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn user_name_and_password_are_given_when_asked_for_and_only_then() {
    let long = "p".repeat(255);
    for (user, password) in [("u", "pass"), ("us er", ""), ("u", &long)] {
        let proxy = format!("socks5://{}:{password}@p", user.replace(' ', "%20"));
        let length = |text: &str| u8::try_from(text.len()).expect("short");
        let login = [
            &[1, length(user)],
            user.as_bytes(),
            &[length(password)],
            password.as_bytes(),
        ];
        let turns = vec![
            hears([5, 2, 0, 2]),
            says([5, 2]),
            hears(login.concat()),
            says([1, 0]),
            hears(by_name()),
            says(SUCCESS),
        ];
        opens(&proxy, TARGET, 1, turns).await;
        let unasked = vec![hears([5, 2, 0, 2]), says(NO_LOGIN), hears(by_name()), says(SUCCESS)];
        opens(&proxy, TARGET, 4096, unasked).await;
    }
}

#[tokio::test(start_paused = true)]
async fn each_reply_is_told_in_its_own_words_with_its_number() {
    let mut meanings = BTreeSet::new();
    for reply in (1..=9).chain([255]) {
        for rest in [&[0, 1, 0, 0, 0, 0, 0, 0][..], &[0, 9]] {
            let turns = until_the_reply(&[&[5, reply], rest].concat());
            let message = refuses("socks5://p", TARGET, 64, turns).await;
            let words = message
                .strip_prefix("the proxy socks5://p:1080 did not connect to dps.example:8883: ")
                .and_then(|rest| rest.strip_suffix(&format!(" (SOCKS5 reply {reply})")))
                .unwrap_or_else(|| panic!("{message}"));
            meanings.insert(words.to_owned());
        }
    }
    // 9 and 255 have none assigned.
    assert_eq!(meanings.len(), 9, "{meanings:?}");
}

#[tokio::test(start_paused = true)]
async fn credentials_that_are_missing_wrong_or_not_wanted_are_told_apart() {
    let with_login = format!("socks5://{LOGIN}p");
    for (proxy, turns, told, hint) in [
        (
            "socks5://p",
            vec![hears([5, 1, 0]), says([5, 0xff])],
            "it requires a login, such as user name and password",
            "give the user name and password in the proxy's URL",
        ),
        (
            &with_login,
            vec![hears([5, 2, 0, 2]), says([5, 0xff])],
            "it takes no user name and password, but requires another login",
            "have the proxy accept",
        ),
        (
            &with_login,
            vec![says([5, 2]), says([1, 1])],
            "it does not accept the user name and password",
            "check the user name and password",
        ),
    ] {
        let error = refusal(proxy, TARGET, 64, turns).await;
        assert!(error.to_string().ends_with(told), "{error}");
        assert!(error.hint().starts_with(hint), "{error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_speaks_no_socks5_is_told_at_once() {
    let with_login = format!("socks5://{LOGIN}p");
    for (proxy, turns) in [
        ("socks5://p", vec![says([4, 0xff])]),
        ("socks5://p", vec![says([0, 90])]),
        // A login that was not offered.
        ("socks5://p", vec![says([5, 2])]),
        (&with_login, vec![says([5, 1])]),
        // Another version of the login.
        (&with_login, vec![says([5, 2]), says([5, 0])]),
        ("socks5://p", until_the_reply(&[4, 0, 0, 1])),
        ("socks5://p", until_the_reply(&[5, 0, 0, 2])),
    ] {
        let message = refuses(proxy, TARGET, 64, turns).await;
        assert!(message.ends_with(": the peer is not a SOCKS5 proxy"), "{message}");
    }
    let page = says("HTTP/1.1 400 No\r\nServer: squid\r\n\r\n<title>Invalid request</title>");
    let message = refuses("socks5://p", TARGET, 64, vec![page]).await;
    let expected = ": the peer is not a SOCKS5 proxy: it answers HTTP: 400 \"Invalid request\" (server \"squid\")";
    assert!(message.ends_with(expected), "{message}");
}

#[tokio::test(start_paused = true)]
async fn a_proxy_that_leaves_at_any_byte_is_told() {
    let answers = [&[5, 2], &[1, 0], &SUCCESS[..]];
    let all = answers.concat();
    for length in 0..all.len() {
        let message = refuses(&format!("socks5://{LOGIN}p"), TARGET, 64, vec![says(&all[..length])]).await;
        assert!(
            message.ends_with(": it closed the connection before it had answered"),
            "{message}"
        );
    }
}
