//! Quotas: how many requests are served in a time, as at the service.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::{refusal::Refusal, retry_after::RetryAfter};

/// The windows of the quotas.
const MINUTE: Duration = Duration::from_secs(60);
const TEN_SECONDS: Duration = Duration::from_secs(10);

/// The quotas of an emulator. `None` is no limit.
#[derive(Debug, Clone, Default)]
pub(crate) struct QuotaSettings {
    /// Registrations of all devices in a minute.
    pub(crate) registrations: Option<u32>,
    /// Queries of each device in 10 s.
    pub(crate) queries: Option<u32>,
    /// The `retry-after` of refusals; `None` is the time until the request would be served.
    pub(crate) retry_after: Option<RetryAfter>,
}

/// The quotas, and the requests that count towards them.
pub(crate) struct Quotas {
    settings: QuotaSettings,
    registrations: Mutex<Window>,
    queries: Mutex<Queries>,
}

/// The queries that count towards the quotas.
#[derive(Default)]
struct Queries {
    /// By registration id in lower case.
    by_device: HashMap<String, Window>,
    /// With so many devices, those without a query that counts are removed.
    full_at: usize,
}

impl Quotas {
    pub(crate) fn new(settings: QuotaSettings) -> Self {
        Self {
            settings,
            registrations: Mutex::default(),
            queries: Mutex::default(),
        }
    }

    /// Forgets the requests so far.
    pub(crate) fn clear(&self) {
        *self.registrations.lock().unwrap_or_else(PoisonError::into_inner) = Window::default();
        *self.queries.lock().unwrap_or_else(PoisonError::into_inner) = Queries::default();
    }

    /// Counts a registration request, or refuses it.
    pub(crate) fn registration(&self) -> Result<(), Refusal> {
        let mut window = self.registrations.lock().unwrap_or_else(PoisonError::into_inner);
        self.check(&mut window, self.settings.registrations, MINUTE)
    }

    /// Counts a query of a device, or refuses it.
    pub(crate) fn query(&self, registration_id: &str) -> Result<(), Refusal> {
        if self.settings.queries.is_none() {
            return Ok(());
        }
        let mut queries = self.queries.lock().unwrap_or_else(PoisonError::into_inner);
        if queries.by_device.len() >= queries.full_at {
            queries.by_device.retain(|_, window| window.is_used(TEN_SECONDS));
            // Twice as many: the time that it takes is spread over as many queries.
            queries.full_at = (2 * queries.by_device.len()).max(1024);
        }
        let window = queries
            .by_device
            .entry(registration_id.to_ascii_lowercase())
            .or_default();
        self.check(window, self.settings.queries, TEN_SECONDS)
    }

    fn check(&self, window: &mut Window, limit: Option<u32>, length: Duration) -> Result<(), Refusal> {
        let Some(limit) = limit else { return Ok(()) };
        let Err(wait) = window.count(limit, length) else {
            return Ok(());
        };
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        let retry_after = self.settings.retry_after.clone();
        Err(Refusal {
            retry_after: retry_after.unwrap_or(RetryAfter::Seconds(seconds)),
            ..Refusal::new(429, 429_001, "Operations are being throttled for this tenant.")
        })
    }
}

/// The times of the latest requests that were served.
#[derive(Default)]
struct Window(VecDeque<Instant>);

impl Window {
    /// Counts a request, or returns the time until it would be served.
    fn count(&mut self, limit: u32, length: Duration) -> Result<(), Duration> {
        let now = Instant::now();
        while self.0.front().is_some_and(|first| now.duration_since(*first) >= length) {
            self.0.pop_front();
        }
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        if self.0.len() < limit {
            self.0.push_back(now);
            return Ok(());
        }
        // With a limit of 0 no request is ever served.
        let first = self.0.front().copied().unwrap_or(now);
        Err(length.saturating_sub(now.duration_since(first)))
    }

    fn is_used(&self, length: Duration) -> bool {
        self.0.back().is_some_and(|last| last.elapsed() < length)
    }
}
