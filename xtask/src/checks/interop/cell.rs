//! The matrix: SDK x transport x credential x outcome. A cell is a line here.

use std::fmt;

use self::{
    Outcome::{Assigned, OtherId, OtherScope, Payload, Refused, Throttled},
    Sdk::{Node, Python},
    Transport::{Mqtt, WebSocket},
};

/// One registration by an SDK, and how it must end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cell {
    pub(super) sdk: Sdk,
    pub(super) transport: Transport,
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
}

pub(super) const CELLS: [Cell; 24] = [
    cell(Node, Mqtt, Assigned),
    cell(Node, Mqtt, Payload),
    cell(Node, Mqtt, Throttled),
    cell(Node, Mqtt, Refused),
    cell(Node, Mqtt, OtherScope),
    cell(Node, Mqtt, OtherId),
    cell(Node, WebSocket, Assigned),
    cell(Node, WebSocket, Payload),
    cell(Node, WebSocket, Throttled),
    cell(Node, WebSocket, Refused),
    cell(Node, WebSocket, OtherScope),
    cell(Node, WebSocket, OtherId),
    cell(Python, Mqtt, Assigned),
    cell(Python, Mqtt, Payload),
    cell(Python, Mqtt, Throttled),
    cell(Python, Mqtt, Refused),
    cell(Python, Mqtt, OtherScope),
    cell(Python, Mqtt, OtherId),
    cell(Python, WebSocket, Assigned),
    cell(Python, WebSocket, Payload),
    cell(Python, WebSocket, Throttled),
    cell(Python, WebSocket, Refused),
    cell(Python, WebSocket, OtherScope),
    cell(Python, WebSocket, OtherId),
];

const fn cell(sdk: Sdk, transport: Transport, outcome: Outcome) -> Cell {
    Cell {
        sdk,
        transport,
        outcome,
    }
}

/// A row of the printed matrix: who, over what, with what, and what for.
pub(super) fn row(who: &str, over: &str, with: &str, what: &str) -> String {
    format!("{who:<12}  {over:<9}  {with:<10}  {what:<16}")
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
        };
        f.write_str(&row(sdk, transport, "X.509", outcome))
    }
}
