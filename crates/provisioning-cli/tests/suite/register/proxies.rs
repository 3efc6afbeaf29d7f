//! `dps register` through proxies.

use provisioning_emulator::{Device, Effect, Emulator, Fault, Step};
use test_support::{
    Files, Running,
    emulator::start,
    proxy::{Kind, LOGIN, LOGIN_SPELLINGS, Proxy},
};

use crate::support::{Run, dps, dps_with, start_dps};

/// Starts to register with a local service of its own.
fn start_locally(words: &[&str], environment: &[(&str, &str)]) -> Running {
    start_dps(&[&["register", "--local", "--json"], words].concat(), environment)
}

#[tokio::test]
async fn a_proxy_is_taken_from_the_flag_or_when_asked_to_from_the_environment() {
    let proxy = Proxy::start(Kind::Http, true).await;
    let url = proxy.url(LOGIN);
    let everything = ("RUST_LOG", "trace");
    let cases = [
        (&["--proxy", url.as_str()][..], &[everything][..]),
        (
            &["--proxy", &url, "--websocket"],
            &[everything, ("https_proxy", "http://127.0.0.1:1")],
        ),
        (&["--proxy-from-environment"], &[everything, ("HTTPS_PROXY", &url)]),
        (
            &["--proxy-from-environment", "--websocket"],
            &[
                everything,
                ("ALL_PROXY", &url),
                ("no_proxy", "127.0.0.1,localhost.example"),
            ],
        ),
    ];
    let running = cases.map(|(words, environment)| (words, start_locally(words, environment)));
    for (words, running) in running {
        let run = Run::of(running).await;
        assert_eq!(run.json()["status"], "assigned", "{words:?}: {run:?}");
        assert!(run.stderr.contains("the proxy has connected"), "{words:?}: {run:?}");
        for login in LOGIN_SPELLINGS {
            assert!(!run.stderr.contains(login), "{login} after {words:?}: {run:?}");
        }
    }
}

#[tokio::test]
async fn each_failure_after_an_answer_through_the_proxy_names_it() {
    let emulator = start(
        Emulator::builder()
            .polls_before_assigning(0)
            .device(Device::new("refused").refused(401, 401_002, "Invalid certificate."))
            .device(Device::new("unknown").refused(404, 404_201, "Not found."))
            .device(Device::new("failed").failed(400_209, "no hub")),
    )
    .await;
    let page = Effect::Body("<html>a page</html>".to_owned());
    emulator.inject(
        Fault::new(page, Step::Answer)
            .expect("a fault")
            .device("garbled")
            .always(),
    );
    for kind in [Kind::Http, Kind::Socks5] {
        let proxy = Proxy::start(kind, false).await;
        let url = proxy.url("");
        for (id, kind) in [
            ("refused", "unauthorized"),
            ("unknown", "not-found"),
            ("failed", "failed"),
            ("garbled", "unexpected-response"),
        ] {
            let files = crate::support::Files::of(&emulator, id);
            let hosts = [(&files.host, &[][..]), (&files.websocket_host, &["--websocket"])];
            for (host, transport) in hosts {
                let words = [&["--proxy", &url, "--json"], transport].concat();
                let run = files.register(host, &words).await;
                assert_eq!((run.code, run.kind().as_str()), (3, kind), "{run:?}");
                let named = run.message().matches(&format!("through the proxy {url}")).count();
                assert_eq!(named, 1, "{run:?}");
            }
        }
    }
    emulator.shutdown().await;
}

#[tokio::test]
async fn the_environments_proxy_is_not_used_unasked_and_not_for_the_hosts_in_no_proxy() {
    let dead = ("https_proxy", "http://127.0.0.1:1");
    let proxy = "--proxy-from-environment";
    let unasked = start_locally(&[], &[dead]);
    let excepted = start_locally(&[proxy], &[dead, ("no_proxy", "localhost")]);
    let asked = start_locally(&[proxy], &[dead]);
    for running in [unasked, excepted] {
        let run = Run::of(running).await;
        assert_eq!(run.code, 0, "{run:?}");
    }
    let asked = Run::of(asked).await;
    assert_eq!((asked.code, asked.kind().as_str()), (4, "connect"), "{asked:?}");
    assert!(
        asked.message().contains("the proxy http://127.0.0.1:1 was not reached"),
        "{asked:?}"
    );
}

#[tokio::test]
async fn an_environment_that_names_no_proxy_or_has_a_useless_entry_is_a_warning() {
    let unused = ("http_proxy", "http://127.0.0.1:1");
    let empty = ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"].map(|name| (name, ""));
    let run = Run::of(start_locally(
        &["--proxy-from-environment"],
        &[&empty[..], &[unused]].concat(),
    ))
    .await;
    assert_eq!(run.code, 0, "{run:?}");
    let none = "the environment names no proxy in https_proxy, HTTPS_PROXY, all_proxy or ALL_PROXY; ";
    assert!(run.stderr.contains(&format!("warning: {none}")), "{run:?}");
    assert!(run.stderr.contains("http_proxy is set, but not used"), "{run:?}");

    let entries = [
        ("all_proxy", "http://127.0.0.1:1"),
        ("no_proxy", "localhost,10.0.0.0/99"),
    ];
    let run = Run::of(start_locally(&["--proxy-from-environment"], &entries)).await;
    assert_eq!(run.code, 0, "{run:?}");
    let warning = "warning: entry in no_proxy \"10.0.0.0/99\" cannot be used";
    assert!(run.stderr.contains(warning), "{run:?}");

    let words = [
        "register",
        "--json",
        "--id-scope",
        "0ne00000000",
        "--registration-id",
        "d",
        "--host",
        "127.0.0.1:1",
    ];
    let key = Files::new();
    let key = key.write("key", "AA==");
    let rest = ["--symmetric-key-file", &key, "--proxy-from-environment"];
    let run = dps_with(&[&words[..], &rest].concat(), &[unused]).await;
    assert_eq!((run.code, run.kind().as_str()), (4, "connect"), "{run:?}");
    let remark = format!("({none}http_proxy is set, but not used)");
    assert!(run.message().contains(&remark), "{run:?}");
}

#[tokio::test]
async fn what_is_no_proxy_exits_with_2_before_any_connection_and_is_not_repeated() {
    for (words, environment, input) in [
        (
            &["--proxy", "https://u:s3cret@127.0.0.1:1"][..],
            &[][..],
            "proxy cannot be used",
        ),
        (&["--proxy", ""], &[], "proxy cannot be used"),
        (&["--proxy", "http://u:s3cret"], &[], "proxy cannot be used"),
        (
            &["--proxy-from-environment"],
            &[("all_proxy", "ftp://u:s3cret@h")],
            "proxy in all_proxy cannot be used",
        ),
        (
            &["--proxy", "http://127.0.0.1:1/proxy.pac"],
            &[],
            "a host and a port only, without a path",
        ),
    ] {
        let run = Run::of(start_locally(words, environment)).await;
        assert_eq!((run.code, run.kind().as_str()), (2, "input"), "{words:?}: {run:?}");
        assert!(run.message().contains(input), "{words:?}: {run:?}");
        assert!(!format!("{run:?}").contains("s3cret"), "{words:?}: {run:?}");
    }
    let both = dps(&["register", "--local", "--proxy", "http://h", "--proxy-from-environment"]).await;
    assert_eq!(both.code, 2, "{both:?}");
}
