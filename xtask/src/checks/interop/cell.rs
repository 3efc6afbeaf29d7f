//! The matrix: SDK x transport x credential x outcome. A cell is a line here.

use std::fmt;

use self::{
    Credential::{Group, Own, X509},
    Outcome::{Assigned, Disabled, OtherId, OtherScope, Payload, Refused, Throttled, WrongKey},
    Sdk::{Node, Python},
    Transport::{Mqtt, WebSocket},
};

/// One registration by an SDK, and how it must end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cell {
    pub(super) sdk: Sdk,
    pub(super) transport: Transport,
    pub(super) credential: Credential,
    pub(super) outcome: Outcome,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sdk {
    Node,
    Python,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transport {
    Mqtt,
    WebSocket,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Credential {
    /// The device that the emulator makes.
    X509,
    /// A symmetric key, of an enrollment that the service SDK makes for the cell.
    Own,
    /// A symmetric key, derived from that of an enrollment group that the service SDK makes.
    Group,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Assigned,
    /// Assigned, with a payload both ways.
    Payload,
    /// Told twice to come back later (429), then assigned.
    Throttled,
    /// Answered with 401.
    Refused,
    /// Not let in: another id scope.
    OtherScope,
    /// Not let in: a certificate of another device.
    OtherId,
    /// Not let in: another key than the enrollment's.
    WrongKey,
    /// Not let in: the service SDK has disabled the enrollment.
    Disabled,
}

pub(super) const CELLS: [Cell; 56] = [
    cell(Node, Mqtt, X509, Assigned),
    cell(Node, Mqtt, X509, Payload),
    cell(Node, Mqtt, X509, Throttled),
    cell(Node, Mqtt, X509, Refused),
    cell(Node, Mqtt, X509, OtherScope),
    cell(Node, Mqtt, X509, OtherId),
    cell(Node, Mqtt, Own, Assigned),
    cell(Node, Mqtt, Own, Payload),
    cell(Node, Mqtt, Own, WrongKey),
    cell(Node, Mqtt, Own, Disabled),
    cell(Node, Mqtt, Own, OtherScope),
    cell(Node, Mqtt, Group, Assigned),
    cell(Node, Mqtt, Group, WrongKey),
    cell(Node, Mqtt, Group, Disabled),
    cell(Node, WebSocket, X509, Assigned),
    cell(Node, WebSocket, X509, Payload),
    cell(Node, WebSocket, X509, Throttled),
    cell(Node, WebSocket, X509, Refused),
    cell(Node, WebSocket, X509, OtherScope),
    cell(Node, WebSocket, X509, OtherId),
    cell(Node, WebSocket, Own, Assigned),
    cell(Node, WebSocket, Own, Payload),
    cell(Node, WebSocket, Own, WrongKey),
    cell(Node, WebSocket, Own, Disabled),
    cell(Node, WebSocket, Own, OtherScope),
    cell(Node, WebSocket, Group, Assigned),
    cell(Node, WebSocket, Group, WrongKey),
    cell(Node, WebSocket, Group, Disabled),
    cell(Python, Mqtt, X509, Assigned),
    cell(Python, Mqtt, X509, Payload),
    cell(Python, Mqtt, X509, Throttled),
    cell(Python, Mqtt, X509, Refused),
    cell(Python, Mqtt, X509, OtherScope),
    cell(Python, Mqtt, X509, OtherId),
    cell(Python, Mqtt, Own, Assigned),
    cell(Python, Mqtt, Own, Payload),
    cell(Python, Mqtt, Own, WrongKey),
    cell(Python, Mqtt, Own, Disabled),
    cell(Python, Mqtt, Own, OtherScope),
    cell(Python, Mqtt, Group, Assigned),
    cell(Python, Mqtt, Group, WrongKey),
    cell(Python, Mqtt, Group, Disabled),
    cell(Python, WebSocket, X509, Assigned),
    cell(Python, WebSocket, X509, Payload),
    cell(Python, WebSocket, X509, Throttled),
    cell(Python, WebSocket, X509, Refused),
    cell(Python, WebSocket, X509, OtherScope),
    cell(Python, WebSocket, X509, OtherId),
    cell(Python, WebSocket, Own, Assigned),
    cell(Python, WebSocket, Own, Payload),
    cell(Python, WebSocket, Own, WrongKey),
    cell(Python, WebSocket, Own, Disabled),
    cell(Python, WebSocket, Own, OtherScope),
    cell(Python, WebSocket, Group, Assigned),
    cell(Python, WebSocket, Group, WrongKey),
    cell(Python, WebSocket, Group, Disabled),
];

const fn cell(sdk: Sdk, transport: Transport, credential: Credential, outcome: Outcome) -> Cell {
    Cell {
        sdk,
        transport,
        credential,
        outcome,
    }
}

/// A row of the printed matrix: who, over what, with what, and what for.
pub(super) fn row(who: &str, over: &str, with: &str, what: &str) -> String {
    format!("{who:<12}  {over:<9}  {with:<10}  {what:<17}")
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sdk = match self.sdk {
            Node => "Node SDK",
            Python => "Python SDK",
        };
        let transport = match self.transport {
            Mqtt => "MQTT",
            WebSocket => "WebSocket",
        };
        let outcome = match self.outcome {
            Assigned => "assigned",
            Payload => "payload",
            Throttled => "throttled",
            Refused => "refused",
            OtherScope => "other id scope",
            OtherId => "other device",
            WrongKey => "wrong key",
            Disabled => "disabled",
        };
        let credential = match self.credential {
            X509 => "X.509",
            Own => "own key",
            Group => "group key",
        };
        f.write_str(&row(sdk, transport, credential, outcome))
    }
}
