//! Registrations brought to a stage and held there.

use std::sync::Arc;

use provisioning_client::{Policy, Recovery, RegistrationClient, StatusEvents};
use tokio::task::JoinHandle;

use super::{Outcome, Play, Scripted, assigning, client_with, hangs, pass, spawn_register, throttled, told};

/// Where a registration in progress can stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The registration request waits for its connection.
    Connecting,
    /// The registration request is in flight.
    Registering,
    /// The service said `assigning`.
    WaitingToPoll,
    /// The service said 429.
    WaitingToRegister,
    /// The query is in flight.
    Polling,
    /// The connection was lost, and is not being made yet.
    Recovering,
    /// The connection was lost, and is being made again for the query.
    Reconnecting,
}

/// A registration in progress, in a task of its own, ten seconds after its start. Calls and events up to then are
/// forgotten.
pub(crate) struct Held {
    pub(crate) client: RegistrationClient,
    pub(crate) transport: Arc<Scripted>,
    pub(crate) events: StatusEvents,
    pub(crate) registration: JoinHandle<Outcome>,
}

impl Stage {
    pub(crate) const ALL: [Self; 7] = [
        Self::Connecting,
        Self::Registering,
        Self::WaitingToPoll,
        Self::WaitingToRegister,
        Self::Polling,
        Self::Recovering,
        Self::Reconnecting,
    ];

    pub(crate) async fn reached(self) -> Held {
        let policy = Policy::default().with_recovery(Recovery::lost_connections(1));
        let (client, transport) = client_with(policy, self.script());
        let mut events = client.events();
        let registration = spawn_register(&client);
        pass(1).await;
        if matches!(self, Self::Recovering | Self::Reconnecting) {
            transport.lose_connection();
        }
        pass(9).await;
        assert!(!registration.is_finished(), "{self:?} is not held");
        transport.forget_calls();
        told(&mut events).await;
        Held {
            client,
            transport,
            events,
            registration,
        }
    }

    fn script(self) -> Vec<Play> {
        let connected = |said: super::Said| Play::from(said).connected();
        match self {
            Self::Connecting => vec![hangs().connecting()],
            Self::Registering => vec![hangs().connected()],
            Self::WaitingToPoll | Self::Recovering => vec![connected(assigning().retry_after(100))],
            Self::WaitingToRegister => vec![connected(throttled(429).retry_after(100))],
            Self::Polling => vec![connected(assigning().retry_after(5)), hangs()],
            Self::Reconnecting => vec![connected(assigning().retry_after(5)), hangs().connecting()],
        }
    }
}
