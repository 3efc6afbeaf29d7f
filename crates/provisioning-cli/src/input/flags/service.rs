//! Flags of the service and of what is requested from it.

use std::convert::Infallible;

use clap::Args;
use provisioning_device::InputFile;

#[derive(Debug, Args)]
#[command(next_help_heading = "Service")]
pub(crate) struct Service {
    /// The service's address; the global endpoint unless given
    ///
    /// Sovereign clouds have their own endpoint. The port is 8883, or 443 with --websocket, unless given.
    #[arg(long, value_name = "HOST[:PORT]")]
    pub(crate) host: Option<String>,

    /// The name that the server's certificate must contain; the host unless given
    ///
    /// For a gateway or a tunnel, whose host differs from the service's name.
    #[arg(long, value_name = "NAME")]
    pub(crate) server_name: Option<String>,

    /// The id scope of the service instance, such as 0ne00A1B2C3
    #[arg(long, value_name = "SCOPE")]
    pub(crate) id_scope: Option<String>,

    /// The registration id; with X.509 the certificate's common name unless given
    #[arg(long, value_name = "ID")]
    pub(crate) registration_id: Option<String>,

    /// JSON for the enrollment's custom allocation webhook, or @FILE to read it from a file
    #[arg(long, value_name = "JSON|@FILE", value_parser = payload)]
    pub(crate) payload: Option<PayloadSource>,

    /// The largest payload, in bytes; 98304 unless given, the largest that the service accepts
    #[arg(long, value_name = "BYTES")]
    pub(crate) max_payload: Option<usize>,

    /// The version of the service's API; 2019-03-31 unless given
    #[arg(long, value_name = "VERSION")]
    pub(crate) api_version: Option<String>,
}

/// Where the payload is.
#[derive(Debug, Clone)]
pub(crate) enum PayloadSource {
    /// In the flag itself: JSON.
    Text(String),
    /// In the file of `@FILE`.
    File(InputFile),
}

impl PayloadSource {
    /// The file, if it is in one.
    pub(crate) fn file(&self) -> Option<&InputFile> {
        match self {
            Self::Text(_) => None,
            Self::File(file) => Some(file),
        }
    }
}

fn payload(given: &str) -> Result<PayloadSource, Infallible> {
    Ok(match given.strip_prefix('@') {
        Some(path) => PayloadSource::File(InputFile::new(path)),
        None => PayloadSource::Text(given.to_owned()),
    })
}
