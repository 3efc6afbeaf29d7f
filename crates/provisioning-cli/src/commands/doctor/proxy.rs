//! Checks the proxy that is used, or the proxy that the environment names and that is not used.

use provisioning_device::{Endpoint, ErrorKind, Probe, ProxyRules};

use super::{code::Code, finding::Finding};
use crate::{input::flags::Network, output::failure::Failure};

const CHECK: &str = "proxy";

/// The finding about the proxy that the probes of the ports used, or that the environment names for the port that a
/// registration needs. The proxy failed if no port was reached through it.
pub(super) fn check(flags: &Network, endpoint: &Endpoint, needed: u16, probes: &[(u16, &Probe)]) -> Option<Finding> {
    let reached: Vec<_> = probes.iter().filter(|(_, probe)| probe.is_reached()).collect();
    let host = endpoint.host();
    let Some((proxy, first)) = probes.iter().find_map(|(_, probe)| Some((probe.proxy()?, *probe))) else {
        return ignored(flags, endpoint, needed, reached.is_empty());
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
fn ignored(flags: &Network, endpoint: &Endpoint, port: u16, is_unreached: bool) -> Option<Finding> {
    if flags.proxy.is_some() || flags.proxy_from_environment {
        return None;
    }
    let named = match ProxyRules::from_environment() {
        Ok(rules) => {
            let proxy = rules.proxy_for(endpoint.host(), port)?;
            format!("the environment variable {} ({proxy})", rules.variable()?)
        }
        Err(error) => format!("the environment's {}", error.input()),
    };
    let message = format!("{named} is ignored, and no proxy is used");
    Some(if is_unreached {
        let failure = Failure::new(ErrorKind::Connect, message)
            .with_hint("if this network has a proxy, add --proxy-from-environment, or --proxy URL");
        Finding::warning(CHECK, Code::ProxyIgnored, failure)
    } else {
        Finding::ok(CHECK, message)
    })
}
