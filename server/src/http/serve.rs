//! Serving connections: HTTP/1.1 over the network port, bounded in number and in patience.
//!
//! # Invariants
//! - A connection that is idle, or sends its head too slowly, or takes what is written too slowly, is closed.
//! - Accepting goes on whatever a connection does.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::{Duration, Instant},
};

use axum::{Extension, Router};
use futures_util::future::{Either, select};
use hyper::{
    rt::{Sleep, Timer},
    server::conn::http1,
};
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use tokio::sync::Semaphore;

use super::{Front, agent::Agent, events::Origin, router, stall::Stalling, stopped};
use crate::port::{Clock, Network, Spawn, Time, any_clock::AnyClock};

/// Bytes of a request's head, and of what is read at once.
const HEAD_BYTES_MAX: usize = 32 << 10;
/// Most header fields of a request.
const HEADERS_MAX: usize = 64;
/// The pause after a connection could not be accepted: the system is out of something.
const PAUSE_NS: u64 = 50_000_000;
/// How often a stop looks whether all requests are answered.
const LOOK_NS: u64 = 5_000_000;

/// Connections that are being served.
pub struct Serving {
    front: Arc<Front>,
    room: Arc<Semaphore>,
    bound: usize,
}

impl Serving {
    /// Takes no more connections and requests, and waits until those under way are answered, for so long at most. Then the agent ends,
    /// if there is one. Whether all were answered.
    pub async fn stop(self, patience_ns: u64) -> bool {
        self.front.stopping.send_replace(true);
        let all = self.answered(patience_ns).await;
        self.front.agent.iter().for_each(Agent::close);
        all
    }

    async fn answered(&self, patience_ns: u64) -> bool {
        let clock = &self.front.clock;
        let deadline = clock.now().after(patience_ns);
        while self.room.available_permits() < self.bound {
            if clock.now() >= deadline {
                return false;
            }
            clock.sleep(clock.now().after(LOOK_NS)).await;
        }
        true
    }
}

/// Serves the API on this listener, from now on.
pub fn serve<N: Network>(
    listener: N::Listener,
    front: &Arc<Front>,
    api: Router,
    spawn: &impl Spawn,
) -> Serving {
    serve_up_to::<N>(front.limits.connections, listener, front, api, spawn)
}

/// Serves the agent's own clients on this listener. How many connections they have is bounded by how many devices there are.
pub fn serve_agent<N: Network>(listener: N::Listener, front: &Arc<Front>, spawn: &impl Spawn) -> Serving {
    let api = router(front.clone()).layer(Extension(Origin::Agent));
    serve_up_to::<N>(Semaphore::MAX_PERMITS, listener, front, api, spawn)
}

fn serve_up_to<N: Network>(
    bound: usize,
    mut listener: N::Listener,
    front: &Arc<Front>,
    api: Router,
    spawn: &impl Spawn,
) -> Serving {
    let room = Arc::new(Semaphore::new(bound));
    let serving = Serving { front: front.clone(), room: room.clone(), bound };
    let (front, tasks) = (front.clone(), spawn.clone());
    spawn.spawn(async move {
        loop {
            let stop = std::pin::pin!(stopped(front.stopping.subscribe()));
            let accepted = match select(std::pin::pin!(N::accept(&mut listener)), stop).await {
                Either::Left((accepted, _)) => accepted,
                Either::Right(_) => return,
            };
            let Ok(stream) = accepted else {
                front.clock.sleep(front.clock.now().after(PAUSE_NS)).await;
                continue;
            };
            // without room the connection is closed
            let Ok(room) = room.clone().try_acquire_owned() else { continue };
            let (front, api) = (front.clone(), api.clone());
            tasks.spawn(async move {
                front.watch.metrics.connections.inc();
                connection(&front, stream, api).await;
                front.watch.metrics.connections.dec();
                drop(room);
            });
        }
    });
    serving
}

async fn connection<S>(front: &Front, stream: S, api: Router)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let (clock, limits) = (front.clock.clone(), &front.limits);
    let stream = TokioIo::new(Stalling::new(stream, clock.clone(), limits.write_ns));
    let served = http1::Builder::new()
        .timer(PortTimer::new(clock))
        .header_read_timeout(Duration::from_nanos(limits.head_ns))
        .max_buf_size(HEAD_BYTES_MAX)
        .max_headers(HEADERS_MAX)
        .serve_connection(stream, TowerToHyperService::new(api));
    let mut served = std::pin::pin!(served);
    let stop = std::pin::pin!(stopped(front.stopping.subscribe()));
    if let Either::Right(_) = select(served.as_mut(), stop).await {
        served.as_mut().graceful_shutdown();
        // an error is the peer's: it broke the rules or is gone
        let _ = served.await;
    }
}

/// Hyper's timer over the clock port.
#[derive(Clone)]
struct PortTimer {
    clock: AnyClock,
    /// Some instant, and what the port's clock showed then: hyper counts in instants.
    origin: (Instant, Time),
}

impl PortTimer {
    #[expect(clippy::disallowed_methods, reason = "an origin to count from: only differences to it are used")]
    fn new(clock: AnyClock) -> Self {
        PortTimer { origin: (Instant::now(), clock.now()), clock }
    }

    fn wait(&self, deadline: Time) -> Pin<Box<dyn Sleep>> {
        Box::pin(PortSleep(Mutex::new(self.clock.sleep(deadline))))
    }
}

impl Timer for PortTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.wait(self.clock.now().after(nanoseconds(duration)))
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        let (instant, time) = self.origin;
        self.wait(time.after(nanoseconds(deadline.saturating_duration_since(instant))))
    }

    fn now(&self) -> Instant {
        let (instant, time) = self.origin;
        instant + Duration::from_nanos(self.clock.now().0.saturating_sub(time.0))
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// The mutex is never locked: it makes the wait `Sync`, which hyper asks for.
struct PortSleep(Mutex<Pin<Box<dyn Future<Output = ()> + Send>>>);

impl Future for PortSleep {
    type Output = ();
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        match self.get_mut().0.get_mut() {
            Ok(wait) => wait.as_mut().poll(context),
            Err(poisoned) => poisoned.into_inner().as_mut().poll(context),
        }
    }
}

impl Sleep for PortSleep {}
