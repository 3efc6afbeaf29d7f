//! A transport that plays a script: it answers, fails, delays and hangs as it is told, and logs each call with its
//! time.

use std::{
    collections::VecDeque,
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
    end: End,
}

#[derive(Debug, Clone)]
enum End {
    Answer(Said),
    Failure(TransportError),
    Never,
    Panic,
}

/// The request fails so.
pub(crate) fn fails(kind: ErrorKind) -> Play {
    Play::ending(End::Failure(TransportError::new(kind, "as the script says")))
}

/// The request fails with this.
pub(crate) fn fails_with(error: TransportError) -> Play {
    Play::ending(End::Failure(error))
}

/// No answer comes.
pub(crate) fn hangs() -> Play {
    Play::ending(End::Never)
}

impl From<Said> for Play {
    fn from(said: Said) -> Self {
        Self::ending(End::Answer(said))
    }
}

impl Play {
    fn ending(end: End) -> Self {
        Self {
            steps: vec![],
            delay: Duration::ZERO,
            reports_when_dropped: false,
            end,
        }
    }

    /// The transport breaks.
    pub(crate) fn panics() -> Self {
        Self::ending(End::Panic)
    }

    /// First a connection is being made, and does not stand yet.
    pub(crate) fn connecting(mut self) -> Self {
        self.steps.push(ConnectionEvent::Connecting {
            uri: "mqtts://service.example".to_owned(),
        });
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

/// The transport. A request that the script does not hold panics.
pub(crate) struct Scripted {
    started: Instant,
    script: Mutex<VecDeque<Play>>,
    farewell: Mutex<Farewell>,
    log: Mutex<Vec<(Duration, String)>>,
    /// One for each request that is being carried, and one.
    carried: Arc<()>,
    cancelled: Notify,
    loss: watch::Sender<Option<TransportError>>,
}

impl Scripted {
    pub(crate) fn new(script: impl IntoIterator<Item = impl Into<Play>>) -> Self {
        Self {
            started: Instant::now(),
            script: Mutex::new(script.into_iter().map(Into::into).collect()),
            farewell: Mutex::new(Farewell::AtOnce),
            log: Mutex::default(),
            carried: Arc::default(),
            cancelled: Notify::new(),
            loss: watch::channel(None).0,
        }
    }

    /// Puts this in place of what is left of the script.
    pub(crate) fn now(&self, script: impl IntoIterator<Item = impl Into<Play>>) {
        *self.script.lock().unwrap() = script.into_iter().map(Into::into).collect();
    }

    pub(crate) fn say_farewell(&self, farewell: Farewell) {
        *self.farewell.lock().unwrap() = farewell;
    }

    /// Ends the connection.
    pub(crate) fn lose_connection(&self) {
        let error = TransportError::new(ErrorKind::Lost, "the connection ended");
        self.loss.send_replace(Some(error));
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

    fn log(&self, call: &str) {
        let at = self.started.elapsed();
        self.log.lock().unwrap().push((at, call.to_owned()));
    }

    async fn play(&self, queried: Option<&str>, progress: Progress<'_>) -> Result<Response, TransportError> {
        let play = self.script.lock().unwrap().pop_front();
        let play = play.expect("a request that the script holds");
        let _carried = Arc::clone(&self.carried);
        let _late = play.reports_when_dropped.then(|| LateReport(progress));
        for step in play.steps {
            if step == ConnectionEvent::Connected {
                self.loss.send_replace(None);
            }
            progress.report(step);
        }
        if !play.delay.is_zero() {
            sleep(play.delay).await;
        }
        match play.end {
            End::Answer(said) => said.judged(queried),
            End::Failure(error) => Err(error),
            End::Never => nobody_gives_up().await,
            End::Panic => panic!("as the script says"),
        }
    }

    async fn carry(&self, queried: Option<&str>, progress: Progress<'_>) -> Result<Response, TransportError> {
        select! {
            biased;
            () = self.cancelled.notified() => Err(TransportError::operation_cancelled()),
            result = self.play(queried, progress) => result,
        }
    }

    async fn leave(&self) -> Result<(), TransportError> {
        self.cancelled.notify_waiters();
        let farewell = *self.farewell.lock().unwrap();
        match farewell {
            Farewell::AtOnce => Ok(()),
            Farewell::After(delay) => {
                sleep(seconds(delay)).await;
                Ok(())
            }
            Farewell::Fails => Err(TransportError::new(ErrorKind::Lost, "leaving failed")),
            Farewell::Never => nobody_gives_up().await,
        }
    }
}

#[async_trait]
impl PollingTransport for Scripted {
    async fn send(
        &self,
        _registration: &RegistrationRequest,
        request: &Request,
        progress: Progress<'_>,
    ) -> Result<Response, TransportError> {
        match request {
            Request::Register => self.log("register"),
            Request::Query { operation_id } => self.log(&format!("query {operation_id}")),
        }
        self.carry(request.operation_id(), progress).await
    }

    async fn cancel(&self) -> Result<(), TransportError> {
        self.log("cancel");
        self.leave().await
    }

    async fn disconnect(&self) -> Result<(), TransportError> {
        self.log("disconnect");
        self.leave().await
    }

    async fn connection_lost(&self) -> TransportError {
        let mut loss = self.loss.subscribe();
        let lost = loss.wait_for(Option::is_some).await.expect("the sender is in `self`");
        lost.clone().expect("waited for")
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
