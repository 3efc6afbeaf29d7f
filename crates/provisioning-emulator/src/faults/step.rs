//! The steps at which faults trigger.

use serde::{Deserialize, Serialize};

/// Declares the steps once: the variant, the name that it has in a configuration, and its documentation.
macro_rules! steps {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// When a fault triggers.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "camelCase")]
        #[non_exhaustive]
        pub enum Step {
            $($(#[$doc])* $variant,)*
        }

        impl Step {
            #[cfg(test)]
            pub(super) const ALL: &[Self] = &[$(Self::$variant),*];

            /// The name in a configuration, over HTTP and in the log.
            pub(crate) fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

steps! {
    /// The connection, as bytes on the wire. The device is not known yet: only a fault for every device triggers.
    Tcp = "tcp",
    /// The TLS handshake, and the bytes inside TLS. A fault for every device triggers before the handshake, a fault
    /// for a named device after it, when the client certificate is known. Without TLS nothing triggers.
    Tls = "tls",
    /// The HTTP request on the WebSocket port, and the bytes from there on. A device is known by its client
    /// certificate only.
    Upgrade = "upgrade",
    /// CONNACK. From here on a device is known by its client id.
    Connack = "connack",
    /// SUBACK.
    Suback = "suback",
    /// UNSUBACK.
    Unsuback = "unsuback",
    /// PUBACK.
    Puback = "puback",
    /// PINGRESP.
    Pingresp = "pingresp",
    /// A request of the device, before it is processed.
    Request = "request",
    /// A new registration, when the number of its queries is determined.
    Polling = "polling",
    /// The outcome of a registration, when it is determined.
    Outcome = "outcome",
    /// The certificate for a signing request, when it is issued.
    Certificate = "certificate",
    /// The answer to a request.
    Answer = "answer",
}

impl Step {
    /// Whether it is the start of a layer of the connection.
    pub(super) fn is_layer(self) -> bool {
        matches!(self, Self::Tcp | Self::Tls | Self::Upgrade)
    }

    /// Whether it is inside the service: nothing is sent at it.
    pub(super) fn is_of_service(self) -> bool {
        matches!(self, Self::Request | Self::Polling | Self::Outcome | Self::Certificate)
    }
}
