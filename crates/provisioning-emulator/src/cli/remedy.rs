//! What to do about an error of the start, in the flags of the command.

use std::{io::ErrorKind, net::IpAddr, path::Path};

use super::Args;
use crate::{error::EmulatorError, port::Port};

/// The error with what to do about it, if it is about a port, the folder or the ready file.
pub(super) fn with_remedy(error: EmulatorError, args: &Args) -> EmulatorError {
    match error {
        // An error that is not of the system says itself what to do.
        EmulatorError::File { path, source, .. } if source.raw_os_error().is_some() => EmulatorError::File {
            remedy: file_remedy(&path, args).to_owned(),
            path,
            source,
        },
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
        " (`--ready-file` names a file in a folder that exists and can be written)"
    } else if path.starts_with(&args.dir) {
        " (`--dir` names a folder that can be created and written)"
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
            format!(" (the port is in use; `{flag} 0` takes a free one{other_address})")
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
    use std::{error::Error, io};

    use clap::Parser;

    use super::*;

    #[test]
    fn an_error_with_a_remedy_has_the_cause_of_the_one_without() {
        let args = Args::parse_from(["dps-emulator", "--dir", "home", "--ready-file", "ready.json"]);
        let file = |path: &str, source| with_remedy(EmulatorError::file(Path::new(path), source), &args);
        for (path, flag) in [
            ("home/ca.key", "(`--dir`"),
            ("ready.json", "(`--ready-file`"),
            ("other", ""),
        ] {
            // EACCES on every Unix.
            let error = file(path, io::Error::from_raw_os_error(13));
            let cause = error.source().and_then(|cause| cause.downcast_ref::<io::Error>());
            assert_eq!(cause.and_then(io::Error::raw_os_error), Some(13));
            assert!(error.to_string().contains(flag), "{error}");
        }
        let own = file("home/ca.key", io::Error::other("run `chmod 600` on it"));
        assert_eq!(own.to_string(), "home/ca.key cannot be used");
    }

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
