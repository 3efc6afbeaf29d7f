//! The matrix of device SDKs: SDK x transport x credential x outcome. Each test is one registration.

/// Declares a test for each outcome of an SDK with a transport and a credential.
macro_rules! tests {
    ($sdk:ident, $transport:ident, $credential:ident, $needs:literal: $($name:ident = $outcome:ident,)+) => {
        use crate::interop::registration::{Credential, Outcome, Registration, Sdk, Transport};
        $(
            #[tokio::test]
            #[ignore = $needs]
            async fn $name() {
                let registration = Registration {
                    sdk: Sdk::$sdk,
                    transport: Transport::$transport,
                    credential: Credential::$credential,
                    outcome: Outcome::$outcome,
                };
                registration.run().await;
            }
        )+
    };
}

/// Declares the tests of an SDK with a transport.
macro_rules! credentials {
    ($sdk:ident, $transport:ident, $needs:literal) => {
        mod x509 {
            tests! { $sdk, $transport, X509, $needs:
                a_device_is_assigned = Assigned,
                a_payload_is_exchanged = Payload,
                a_throttled_device_retries = Throttled,
                a_refusal_is_reported = Refused,
                another_id_scope_is_not_authorized = OtherScope,
                the_certificate_of_another_device_is_not_authorized = OtherId,
            }
        }
        mod own_key {
            tests! { $sdk, $transport, OwnKey, $needs:
                a_device_is_assigned = Assigned,
                a_payload_is_exchanged = Payload,
                a_wrong_key_is_not_authorized = WrongKey,
                a_disabled_enrollment_is_reported = Disabled,
                another_id_scope_is_not_authorized = OtherScope,
            }
        }
        mod group_key {
            tests! { $sdk, $transport, GroupKey, $needs:
                a_device_is_assigned = Assigned,
                a_wrong_key_is_not_authorized = WrongKey,
                a_disabled_enrollment_is_reported = Disabled,
            }
        }
    };
}

mod node {
    mod mqtt {
        credentials! { Node, Mqtt, "needs Node and npm: cargo xtask external" }
    }
    mod websocket {
        credentials! { Node, WebSocket, "needs Node and npm: cargo xtask external" }
    }
    // Over HTTPS, the SDK does not retry a throttled request.
    mod https {
        mod x509 {
            tests! { Node, Https, X509, "needs Node and npm, and root for port 443: cargo xtask external":
                a_device_is_assigned = Assigned,
                a_payload_is_exchanged = Payload,
                a_refusal_is_reported = Refused,
                another_id_scope_is_not_authorized = OtherScope,
                the_certificate_of_another_device_is_not_authorized = OtherId,
            }
        }
        mod own_key {
            tests! { Node, Https, OwnKey, "needs Node and npm, and root for port 443: cargo xtask external":
                a_device_is_assigned = Assigned,
                a_payload_is_exchanged = Payload,
                a_wrong_key_is_not_authorized = WrongKey,
                a_disabled_enrollment_is_reported = Disabled,
            }
        }
        mod group_key {
            tests! { Node, Https, GroupKey, "needs Node and npm, and root for port 443: cargo xtask external":
                a_device_is_assigned = Assigned,
            }
        }
    }
}

mod python {
    mod mqtt {
        credentials! { Python, Mqtt, "needs Python, and root for port 443: cargo xtask external" }
    }
    mod websocket {
        credentials! { Python, WebSocket, "needs Python, and root for port 443: cargo xtask external" }
    }
}
