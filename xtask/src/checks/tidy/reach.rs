//! What a crate must not reach, not even through another package: asked of `cargo tree`.

use std::collections::BTreeSet;

use super::Context;
use crate::{process::capture, report::Finding};

/// A crate, the features that it is built with, and the packages out of its reach.
struct Reach {
    package: &'static str,
    features: &'static [&'static str],
    unwanted: &'static [&'static str],
}

const DEFAULT: &[&str] = &[];
const NONE: &[&str] = &["--no-default-features"];
const ALL: &[&str] = &["--all-features"];

const OUT_OF_REACH: [Reach; 8] = [
    // Whoever writes a transport compiles no cryptography.
    Reach {
        package: "provisioning-types",
        features: ALL,
        unwanted: &[
            "hmac",
            "pkcs8",
            "rumqttc",
            "rustls",
            "sha2",
            "tokio",
            "tokio-tungstenite",
            "x509-parser",
        ],
    },
    // The machine alone needs no runtime.
    Reach {
        package: "provisioning-client",
        features: NONE,
        unwanted: &["fastrand", "tokio", "tracing"],
    },
    Reach {
        package: "provisioning-client",
        features: ALL,
        unwanted: &["hmac", "pkcs8", "rumqttc", "rustls", "tokio-tungstenite", "x509-parser"],
    },
    Reach {
        package: "provisioning-credentials",
        features: ALL,
        unwanted: &["rumqttc", "rustls", "tokio", "tokio-tungstenite"],
    },
    // A byte stream of one's own needs neither TLS nor a WebSocket.
    Reach {
        package: "provisioning-net",
        features: NONE,
        unwanted: &["rumqttc", "rustls", "tokio-tungstenite", "x509-parser"],
    },
    Reach {
        package: "provisioning-mqtt",
        features: DEFAULT,
        unwanted: &[
            "hmac",
            "pkcs8",
            "rustls",
            "rustls-platform-verifier",
            "tokio-tungstenite",
            "x509-parser",
        ],
    },
    Reach {
        package: "provisioning-websocket",
        features: ALL,
        unwanted: &["rumqttc", "rustls"],
    },
    // Firmware with one pinned CA and a plain key.
    Reach {
        package: "provisioning-device",
        features: &["--no-default-features", "--features", "mqtt,ring"],
        unwanted: &[
            "aes-gcm",
            "cbc",
            "rustls-platform-verifier",
            "scrypt",
            "tokio-tungstenite",
        ],
    },
];

pub(super) fn check(context: &Context) -> Vec<Finding> {
    OUT_OF_REACH
        .iter()
        .flat_map(|reach| of_package(context, reach))
        .collect()
}

fn of_package(context: &Context, reach: &Reach) -> Vec<Finding> {
    let edges = ["--edges", "normal,build"];
    let shape = ["--prefix", "none", "--format", "{p}", "--locked"];
    let words = [&["tree", "--package", reach.package], reach.features, &edges, &shape].concat();
    match capture(context.cargo(&words)) {
        Ok(tree) => reached(reach, &tree),
        Err(why) => vec![Finding::general(why, "see above")],
    }
}

fn reached(reach: &Reach, tree: &str) -> Vec<Finding> {
    let Reach {
        package,
        features,
        unwanted,
    } = reach;
    let names: BTreeSet<_> = tree.lines().filter_map(|line| line.split_whitespace().next()).collect();
    let found = unwanted.iter().filter(|name| names.contains(*name));
    found
        .map(|name| {
            let manifest = format!("crates/{package}/Cargo.toml");
            let words = [&["-p", package], *features, &["-e", "normal", "-i", name]]
                .concat()
                .join(" ");
            let fix = format!("`cargo tree {words}` shows the way");
            Finding::at(&manifest, 1, format!("`{package}` reaches `{name}`"), fix)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_in_reach_is_found_however_far_it_is() {
        let tree = "a v0.1.0 (/a)\nserde v1.0.0 (*)\ntokio v1.0.0\ntokio-util v0.7.0\n";
        let reach = |unwanted| Reach {
            package: "a",
            features: ALL,
            unwanted,
        };
        let found = reached(&reach(&["tokio", "rustls"]), tree);
        assert_eq!(found.len(), 1);
        let said = found[0].to_string();
        assert!(
            said.starts_with(
                "crates/a/Cargo.toml:1: `a` reaches `tokio` (`cargo tree -p a --all-features -e normal -i tokio`"
            ),
            "{said}"
        );
        assert_eq!(reached(&reach(&["rustls"]), tree), []);
    }
}
