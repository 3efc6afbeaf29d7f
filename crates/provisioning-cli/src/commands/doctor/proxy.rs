//! Checks the proxy that is used, or the proxy that the environment names and that is not used.

use std::env;

use provisioning_device::{Endpoint, ErrorKind, Probe, ProxyRules};

use super::{code::Code, finding::Finding};
use crate::{input::flags::Network, output::failure::Failure};

const CHECK: &str = "proxy";

/// The variables that `--proxy-from-environment` reads, in the order of their priority.
const VARIABLES: [&str; 4] = ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];

/// The finding about the proxy that the probes of the ports used, or that the environment names. The proxy failed if no
/// port was reached through it.
pub(super) fn check(flags: &Network, endpoint: &Endpoint, probes: &[(u16, &Probe)]) -> Option<Finding> {
    let reached: Vec<_> = probes.iter().filter(|(_, probe)| probe.is_reached()).collect();
    let host = endpoint.host();
    let Some((proxy, first)) = probes.iter().find_map(|(_, probe)| Some((probe.proxy()?, *probe))) else {
        return ignored(flags, endpoint, reached.is_empty());
    };
    Some(match (reached.as_slice(), first.error()) {
        ([], Some(error)) => Finding::failed(CHECK, Code::ProxyFailed, error),
        _ => {
            let ports: Vec<_> = reached.iter().map(|(port, _)| port.to_string()).collect();
            let ports = ports.join(" and ");
            Finding::ok(CHECK, format!("{proxy} connects to {host} on {ports}"))
        }
    })
}

/// The proxy that the environment names and that is ignored.
fn ignored(flags: &Network, endpoint: &Endpoint, is_unreached: bool) -> Option<Finding> {
    if flags.proxy.is_some() || flags.proxy_from_environment {
        return None;
    }
    let variable = VARIABLES
        .into_iter()
        .find(|name| env::var_os(name).is_some_and(|value| !value.is_empty()))?;
    let port = endpoint.port().unwrap_or(8883);
    let named = match ProxyRules::from_environment() {
        Ok(rules) => format!(" ({})", rules.proxy_for(endpoint.host(), port)?),
        Err(_) => String::new(),
    };
    let message = format!("the environment variable {variable}{named} is ignored, and no proxy is used");
    Some(if is_unreached {
        let failure = Failure::new(ErrorKind::Connect, message)
            .with_hint("if this network has a proxy, add --proxy-from-environment, or --proxy URL");
        Finding::warning(CHECK, Code::ProxyIgnored, failure)
    } else {
        Finding::ok(CHECK, message)
    })
}
