//! A transport that plays a script: it answers, fails, delays and hangs as it is told, and logs each call with its
//! time.

use std::{
    iter,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use provisioning_types::{
    ConnectionEvent, ErrorKind, PollingTransport, Progress, RegistrationRequest, Request, Response, TransportError,
    WaitStep, Waiting,
};
use tokio::{
    select,
    sync::{Notify, watch},
    time::{Instant, sleep},
};

use super::{Said, seconds};

/// What one request comes to.
#[derive(Debug, Clone)]
pub(crate) struct Play {
    steps: Vec<ConnectionEvent>,
    delay: Duration,
    reports_when_dropped: bool,
    /// `None` hangs.
    end: Option<Result<Said, TransportError>>,
}

/// The request fails with an error of this kind.
pub(crate) fn fails(kind: ErrorKind) -> Play {
    fails_with(TransportError::new(kind, "as the script says"))
}

/// The request fails with this.
pub(crate) fn fails_with(error: TransportError) -> Play {
    Play::ending(Some(Err(error)))
}

/// No answer comes.
pub(crate) fn hangs() -> Play {
    Play::ending(None)
}

impl From<Said> for Play {
    fn from(said: Said) -> Self {
        Self::ending(Some(Ok(said)))
    }
}

impl Play {
    fn ending(end: Option<Result<Said, TransportError>>) -> Self {
        Self {
            steps: vec![],
            delay: Duration::ZERO,
            reports_when_dropped: false,
            end,
        }
    }

    /// First a connection is being made, and does not stand yet.
    pub(crate) fn connecting(mut self) -> Self {
        let uri = "mqtts://service.example".to_owned();
        self.steps.push(ConnectionEvent::Connecting { uri });
        self
    }

    /// First a connection is made.
    pub(crate) fn connected(mut self) -> Self {
        self = self.connecting();
        self.steps.push(ConnectionEvent::Connected);
        self
    }

    /// Then it waits at this step for `service.example:8883`.
    pub(crate) fn waiting_for(mut self, step: WaitStep) -> Self {
        let waiting = Waiting::new(step, "service.example:8883");
        self.steps.push(ConnectionEvent::WaitingFor(waiting));
        self
    }

    /// Reports a connection when the request is dropped, which is too late.
    pub(crate) fn reporting_when_dropped(mut self) -> Self {
        self.reports_when_dropped = true;
        self
    }

    /// So many seconds later.
    pub(crate) fn after(mut self, delay: u64) -> Self {
        self.delay = seconds(delay);
        self
    }
}

/// What `cancel` and `disconnect` come to.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Farewell {
    AtOnce,
    After(u64),
    Fails,
    Never,
}

/// What requests come to, in order.
pub(crate) trait Script: IntoIterator<Item: Into<Play> + 'static, IntoIter: Send + 'static> {}

impl<S: IntoIterator<Item: Into<Play> + 'static, IntoIter: Send + 'static>> Script for S {}

/// The transport. A request that the script does not hold panics.
pub(crate) struct Scripted {
    started: Instant,
    script: Mutex<Box<dyn Iterator<Item = Play> + Send>>,
    farewell: Mutex<Farewell>,
    log: Mutex<Vec<(Duration, String)>>,
    registrations: Mutex<Vec<RegistrationRequest>>,
    /// One for each request that is being carried, and one.
    carried: Arc<()>,
    cancelled: Notify,
    is_lost: watch::Sender<bool>,
}

impl Scripted {
    pub(crate) fn new(script: impl Script) -> Self {
        let scripted = Self {
            started: Instant::now(),
            script: Mutex::new(Box::new(iter::empty())),
            farewell: Mutex::new(Farewell::AtOnce),
            log: Mutex::default(),
            registrations: Mutex::default(),
            carried: Arc::default(),
            cancelled: Notify::new(),
            is_lost: watch::Sender::new(false),
        };
        scripted.now(script);
        scripted
    }

    /// Puts this in place of what is left of the script.
    pub(crate) fn now(&self, script: impl Script) {
        *self.script.lock().unwrap() = Box::new(script.into_iter().map(Into::into));
    }

    pub(crate) fn say_farewell(&self, farewell: Farewell) {
        *self.farewell.lock().unwrap() = farewell;
    }

    /// Ends the connection.
    pub(crate) fn lose_connection(&self) {
        self.is_lost.send_replace(true);
    }

    pub(crate) fn started(&self) -> Instant {
        self.started
    }

    /// The calls so far, such as `7 s: query 4.5`.
    pub(crate) fn calls(&self) -> Vec<String> {
        let log = self.log.lock().unwrap();
        let shown = |(at, call): &(Duration, String)| format!("{} s: {call}", at.as_secs_f64());
        log.iter().map(shown).collect()
    }

    /// The registrations that the requests so far were for.
    pub(crate) fn registrations(&self) -> Vec<RegistrationRequest> {
        self.registrations.lock().unwrap().clone()
    }

    /// Forgets the calls so far.
    pub(crate) fn forget_calls(&self) {
        self.log.lock().unwrap().clear();
    }

    /// How much time passed from call to call so far.
    pub(crate) fn gaps(&self) -> Vec<Duration> {
        let log = self.log.lock().unwrap();
        log.windows(2).map(|pair| pair[1].0 - pair[0].0).collect()
    }

    /// How many requests are being carried.
    pub(crate) fn in_flight(&self) -> usize {
        Arc::strong_count(&self.carried) - 1
    }

    fn log(&self, call: impl Into<String>) {
        self.log.lock().unwrap().push((self.started.elapsed(), call.into()));
    }

    async fn play(&self, queried: Option<&str>, progress: Progress<'_>) -> Result<Response, TransportError> {
        let play = self.script.lock().unwrap().next();
        let play = play.expect("a request that the script holds");
        let _carried = Arc::clone(&self.carried);
        let _late = play.reports_when_dropped.then(|| LateReport(progress));
        for step in play.steps {
            if step == ConnectionEvent::Connected {
                self.is_lost.send_replace(false);
            }
            progress.report(step);
        }
        if !play.delay.is_zero() {
            sleep(play.delay).await;
        }
        match play.end {
            Some(end) => end?.judged(queried),
            None => nobody_gives_up().await,
        }
    }

    async fn leave(&self, call: &str) -> Result<(), TransportError> {
        self.log(call);
        self.cancelled.notify_waiters();
        let farewell = *self.farewell.lock().unwrap();
        match farewell {
            Farewell::AtOnce => {}
            Farewell::After(delay) => sleep(seconds(delay)).await,
            Farewell::Fails => return Err(TransportError::new(ErrorKind::Lost, "leaving failed")),
            Farewell::Never => nobody_gives_up().await,
        }
        Ok(())
    }
}

#[async_trait]
impl PollingTransport for Scripted {
    async fn send(
        &self,
        registration: &RegistrationRequest,
        request: &Request,
        progress: Progress<'_>,
    ) -> Result<Response, TransportError> {
        let queried = request.operation_id();
        self.log(queried.map_or("register".to_owned(), |id| format!("query {id}")));
        self.registrations.lock().unwrap().push(registration.clone());
        select! {
            biased;
            () = self.cancelled.notified() => Err(TransportError::operation_cancelled()),
            result = self.play(queried, progress) => result,
        }
    }

    async fn cancel(&self) -> Result<(), TransportError> {
        self.leave("cancel").await
    }

    async fn disconnect(&self) -> Result<(), TransportError> {
        self.leave("disconnect").await
    }

    async fn connection_lost(&self) -> TransportError {
        let mut is_lost = self.is_lost.subscribe();
        is_lost.wait_for(|&lost| lost).await.expect("the sender is in `self`");
        TransportError::new(ErrorKind::Lost, "the connection ended")
    }

    fn abort(&self) {
        self.log("abort");
        self.cancelled.notify_waiters();
    }
}

struct LateReport<'a>(Progress<'a>);

impl Drop for LateReport<'_> {
    fn drop(&mut self) {
        self.0.report(ConnectionEvent::Connected);
    }
}

/// Hangs, but not the test.
async fn nobody_gives_up() -> ! {
    sleep(seconds(1_000_000)).await;
    panic!("nobody gave up waiting");
}
