//! How many connections there may be, by what they are for; and the lines in the log about connections that are refused.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::sleep,
};

use crate::{
    log::{LogKind, Origin},
    port::Port,
    service::Service,
};

/// How many connections the control endpoint may have.
const CONTROL: usize = 512;

/// How many connections the page may have.
const PAGE: usize = 128;

/// How often refused connections are counted into one line of the log.
const REPORT_INTERVAL: Duration = Duration::from_secs(1);

/// The room for connections. Those that fill one port leave the others unaffected; the two ports for devices share one.
pub(crate) struct Rooms {
    devices: Room,
    control: Room,
    page: Room,
}

struct Room {
    permits: Semaphore,
    size: usize,
    /// How many connections were refused since the last line about it; `None` if none is refused now.
    refused: Mutex<Option<u64>>,
}

impl Rooms {
    /// Room for this many connections of devices.
    pub(crate) fn new(devices: usize) -> Self {
        Self {
            devices: Room::new(devices),
            control: Room::new(CONTROL),
            page: Room::new(PAGE),
        }
    }

    fn of(&self, port: Port) -> &Room {
        match port {
            Port::Mqtt | Port::WebSocket => &self.devices,
            Port::Control => &self.control,
            Port::Page => &self.page,
        }
    }
}

impl Room {
    fn new(size: usize) -> Self {
        Self {
            permits: Semaphore::new(size.min(Semaphore::MAX_PERMITS)),
            size,
            refused: Mutex::default(),
        }
    }

    /// Counts a refusal. Returns whether it is the first of a burst.
    fn is_first_refusal(&self) -> bool {
        let mut refused = self.refused();
        let count = refused.map_or(0, |count| count + 1);
        refused.replace(count).is_none()
    }

    /// The refusals that were counted since the last call. Without one, the burst has ended.
    fn counted(&self) -> Option<u64> {
        let mut refused = self.refused();
        let count = refused.filter(|count| *count > 0);
        *refused = count.map(|_| 0);
        count
    }

    fn refused(&self) -> MutexGuard<'_, Option<u64>> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A permit for one more connection to a port, or `None` if there is no room.
pub(super) fn enter(service: &Arc<Service>, port: Port, origin: Origin) -> Option<SemaphorePermit<'_>> {
    let room = service.rooms.of(port);
    let permit = room.permits.try_acquire().ok();
    if permit.is_none() && room.is_first_refusal() {
        let reason = format!("there are {} connections already, as many as there may be", room.size);
        service.note(origin, None, LogKind::Refused, reason);
        service.tasks.spawn(report(Arc::clone(service), port));
    }
    permit
}

/// Logs how many connections were refused, until none is.
async fn report(service: Arc<Service>, port: Port) {
    let origin = Origin {
        port: Some(port),
        ..Origin::default()
    };
    while service.stop.run_until_cancelled(sleep(REPORT_INTERVAL)).await.is_some() {
        let Some(count) = service.rooms.of(port).counted() else {
            return;
        };
        let reason = match count {
            1 => "1 more connection was refused".to_owned(),
            count => format!("{count} more connections were refused"),
        };
        service.note(origin, None, LogKind::Refused, reason);
    }
}
