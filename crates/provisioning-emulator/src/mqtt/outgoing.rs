//! A packet for the device, and the step of a registration that it is.

use rumqttc::Packet;

use crate::faults::Step;

/// A packet for the device.
#[derive(Clone)]
pub(crate) struct Outgoing {
    pub(super) packet: Packet,
    /// Why it refuses something, for the log.
    pub(super) reason: Option<String>,
}

impl From<Packet> for Outgoing {
    fn from(packet: Packet) -> Self {
        Self { packet, reason: None }
    }
}

impl Outgoing {
    /// A packet that refuses something for this reason.
    pub(crate) fn refusal(packet: Packet, reason: impl Into<String>) -> Self {
        let reason = Some(reason.into());
        Self { packet, reason }
    }

    pub(crate) fn with_reason(self, reason: Option<String>) -> Self {
        Self { reason, ..self }
    }

    /// The step at which sending it triggers a fault.
    pub(super) fn triggers(&self) -> Option<Step> {
        // The faults of SUBACK and of answers are triggered where they are made.
        self.step().filter(|step| !matches!(step, Step::Suback | Step::Answer))
    }

    /// The step that it is.
    pub(super) fn step(&self) -> Option<Step> {
        match self.packet {
            Packet::ConnAck(_) => Some(Step::Connack),
            Packet::SubAck(_) => Some(Step::Suback),
            Packet::UnsubAck(_) => Some(Step::Unsuback),
            Packet::PubAck(_) => Some(Step::Puback),
            Packet::PingResp => Some(Step::Pingresp),
            Packet::Publish(_) => Some(Step::Answer),
            _ => None,
        }
    }
}
