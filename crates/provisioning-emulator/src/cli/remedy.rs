//! What to do about an error of the start, in the flags of the command.

use std::{io::ErrorKind, net::IpAddr, path::Path};

use super::Args;
use crate::{error::EmulatorError, port::Port};

/// The error with what to do about it, if it is about a port, the folder or the ready file.
pub(super) fn with_remedy(error: EmulatorError, args: &Args) -> EmulatorError {
    match error {
        EmulatorError::File { path, source } => {
            let remedy = file_remedy(&path, args);
            EmulatorError::InvalidFile(format!("{} cannot be used: {source}{remedy}", path.display()))
        }
        EmulatorError::Listen {
            port, address, source, ..
        } => EmulatorError::Listen {
            remedy: remedy(port, source.kind(), args.listen),
            port,
            address,
            source,
        },
        other => other,
    }
}

fn file_remedy(path: &Path, args: &Args) -> &'static str {
    if args.ready_file.as_deref() == Some(path) {
        "; `--ready-file` names a file in a folder that exists and can be written"
    } else if path.starts_with(&args.dir) {
        "; `--dir` names a folder that can be created and written"
    } else {
        ""
    }
}

fn remedy(port: Port, kind: ErrorKind, listen: Option<IpAddr>) -> String {
    let flag = match port {
        Port::Mqtt => "--mqtt-port",
        Port::WebSocket => "--ws-port",
        Port::Control => "--control-port",
        Port::Page => "--page-port",
    };
    // The page does not listen there.
    let other_address = match (port, listen) {
        (Port::Page, _) | (_, Some(_)) => "",
        (_, None) => ", or `--listen 127.0.0.8` an address of its own",
    };
    match kind {
        ErrorKind::AddrInUse => {
            format!(" (another program has this port; `{flag} 0` takes a free one{other_address})")
        }
        ErrorKind::PermissionDenied => {
            format!(" (ports below 1024 need a permission; `{flag} 0` takes a free one, which needs none)")
        }
        ErrorKind::AddrNotAvailable => {
            let flag = if port == Port::Page {
                "--page-listen"
            } else {
                "--listen"
            };
            format!(" (`{flag}` takes an address of this machine)")
        }
        _ => format!(" (`{flag}` selects another port)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_port_names_its_flag_and_a_way_out() {
        for (port, flag) in [
            (Port::Mqtt, "--mqtt-port 0"),
            (Port::WebSocket, "--ws-port 0"),
            (Port::Control, "--control-port 0"),
            (Port::Page, "--page-port 0"),
        ] {
            for kind in [ErrorKind::AddrInUse, ErrorKind::PermissionDenied] {
                let remedy = remedy(port, kind, None);
                assert!(remedy.contains(flag), "{remedy}");
                let names_address = kind == ErrorKind::AddrInUse && port != Port::Page;
                assert_eq!(remedy.contains("--listen 127.0.0.8"), names_address, "{remedy}");
            }
        }
        for (port, flag) in [(Port::Mqtt, "(`--listen`"), (Port::Page, "(`--page-listen`")] {
            let remedy = remedy(port, ErrorKind::AddrNotAvailable, None);
            assert!(remedy.contains(flag), "{remedy}");
        }
        let given = remedy(Port::Mqtt, ErrorKind::AddrInUse, Some([127, 0, 0, 8].into()));
        assert!(!given.contains("--listen"), "{given}");
    }
}
