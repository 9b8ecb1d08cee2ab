//! The workload: what the applications want sent, when, by whom and to whom.
//!
//! An open loop is drawn ahead as a whole, a Poisson process over all clients, so that latency counts from when a
//! bundle was wanted and a slow server cannot slow its clients down; a client may want several at once, and hands
//! these in together. A closed loop keeps a number of bundles of each client without receipt.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use server::{actor::Draught, node::Door, protocol::id::ClientId};
use tokio::sync::Notify;

use crate::{
    history::History,
    model::clock::VirtualTime,
    random::{Stream, Streams},
    scenario::{DrawnWorkload, Pace},
};

/// When the first bundle may be wanted: links are up by then.
pub const START_NS: u64 = 50_000_000;
/// From when on what is wanted is measured.
pub fn measured_from_ns(workload: &DrawnWorkload) -> u64 {
    START_NS + workload.warm_up_ns
}

/// How long an application waits before it asks a client again that was not there.
const AGAIN_NS: u64 = 1_000_000;
/// Bytes of a recipient's ciphertext: a wrapped key.
pub const CIPHERTEXT_BYTES: usize = 32;

/// A bundle that an application will want sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Nanoseconds from the start; in a closed loop, as soon as there is room.
    pub at_ns: Option<u64>,
    /// Which of all bundles it is.
    pub token: u64,
    /// To whom.
    pub recipients: Vec<u32>,
    /// Bytes of the payload.
    pub payload_bytes: u64,
}

/// The shares of clients and of a crowd in a workload: each as large as they are many. Two Poisson processes side by side
/// are one over all of them.
pub fn shares(workload: &DrawnWorkload, clients: u32, crowd: u32) -> [DrawnWorkload; 2] {
    let all = u128::from(clients) + u128::from(crowd);
    let of_clients = (u128::from(workload.bundles) * u128::from(clients) / all.max(1)) as u64;
    let share = |count: u32, bundles: u64| DrawnWorkload {
        bundles,
        pace: match workload.pace {
            Pace::Open { rate_per_s } => {
                Pace::Open { rate_per_s: rate_per_s * (f64::from(count) / all.max(1) as f64) }
            }
            closed => closed,
        },
        ..workload.clone()
    };
    [share(clients, of_clients), share(crowd, workload.bundles - of_clients)]
}

/// Draws what each client will want sent, by client.
pub fn plan(workload: &DrawnWorkload, clients: u32, streams: Streams) -> Vec<Vec<Wanted>> {
    let mut random = streams.stream("workload");
    let mut plan = vec![Vec::new(); clients as usize];
    let (mut at, mut sender) = (START_NS as f64, 0);
    for token in 0..workload.bundles {
        let (at_ns, client) = match workload.pace {
            Pace::Open { rate_per_s } => {
                if token % u64::from(workload.per_request) == 0 {
                    at += random.exponential(between_requests_ns(workload, rate_per_s));
                    sender = random.below(u64::from(clients));
                }
                (Some(at as u64), sender)
            }
            Pace::Closed { .. } => (None, token % u64::from(clients)),
        };
        let wanted = Wanted {
            at_ns,
            token,
            recipients: recipients(workload, clients, &mut random),
            payload_bytes: random.within(workload.payload_bytes.low..=workload.payload_bytes.high),
        };
        plan[client as usize].push(wanted);
    }
    plan
}

/// Nanoseconds from one request to the next in the mean, at so many bundles a second.
pub fn between_requests_ns(workload: &DrawnWorkload, rate_per_s: f64) -> f64 {
    1e9 * f64::from(workload.per_request) / rate_per_s
}

/// A sample without repetition.
pub fn recipients(workload: &DrawnWorkload, clients: u32, random: &mut Stream) -> Vec<u32> {
    let count = random.within(u64::from(workload.recipients.low)..=u64::from(workload.recipients.high));
    let mut chosen = std::collections::BTreeSet::new();
    while (chosen.len() as u64) < count.min(u64::from(clients)) {
        chosen.insert(random.below(u64::from(clients)) as u32);
    }
    chosen.into_iter().collect()
}

/// When the last bundle is wanted.
pub fn last_ns(plan: &[Vec<Wanted>]) -> u64 {
    plan.iter().flatten().filter_map(|wanted| wanted.at_ns).max().unwrap_or(0)
}

/// The way to a client that may be down; and to whom it tells that something has moved.
#[derive(Clone, Default)]
pub struct Desk {
    door: Arc<Mutex<Option<Door>>>,
    closed: Arc<AtomicBool>,
    moved: Arc<Notify>,
}

impl Desk {
    /// The client has started.
    pub fn open(&self, door: Door) {
        *self.door.lock().unwrap_or_else(PoisonError::into_inner) = Some(door);
        self.moved.notify_one();
    }

    /// The client will never take anything again.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
        self.moved.notify_one();
    }

    fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    /// Something has moved.
    pub fn moved(&self) {
        self.moved.notify_one();
    }

    fn send(&self, draught: Draught) -> bool {
        if self.is_closed() {
            return false;
        }
        let door = self.door.lock().unwrap_or_else(PoisonError::into_inner);
        door.as_ref().is_some_and(|door| door.send(draught))
    }
}

/// The application of one client.
pub struct Application {
    /// Which client.
    pub client: u32,
    /// The keys of all clients.
    pub ids: Arc<Vec<ClientId>>,
    /// The way to it.
    pub desk: Desk,
    /// Its pace.
    pub pace: Pace,
    /// Told what is wanted.
    pub history: History,
    /// The time.
    pub time: VirtualTime,
}

impl Application {
    /// Hands over everything planned, then ends; or gives up what is left when the client is gone for good.
    pub async fn run(self, plan: Vec<Wanted>) {
        for (done, wanted) in plan.iter().enumerate() {
            match self.pace {
                Pace::Open { .. } => self.time.sleep_until(wanted.at_ns.unwrap_or(0)).await,
                Pace::Closed { in_flight } => self.wait_for_room(in_flight).await,
            }
            let at_ns = wanted.at_ns.unwrap_or_else(|| self.time.now_ns());
            self.history.wanted(wanted.token, at_ns);
            let draught = self.draught(wanted);
            while !self.desk.send(draught.clone()) {
                if self.desk.is_closed() {
                    return self.history.abandoned((plan.len() - done) as u64);
                }
                self.time.sleep_until(self.time.now_ns() + AGAIN_NS).await;
            }
            self.history.handed(self.client);
        }
    }

    async fn wait_for_room(&self, in_flight: u32) {
        self.time.sleep_until(START_NS).await;
        while self.history.in_flight(self.client) >= u64::from(in_flight) && !self.desk.is_closed() {
            self.desk.moved.notified().await;
        }
    }

    fn draught(&self, wanted: &Wanted) -> Draught {
        let token = wanted.token.to_be_bytes();
        let payload = token.iter().copied().cycle().take(wanted.payload_bytes.max(8) as usize).collect();
        let ciphertext = |recipient: &u32| {
            let text = [&token[..], &recipient.to_be_bytes()].concat();
            (self.ids[*recipient as usize], text.into_iter().cycle().take(CIPHERTEXT_BYTES).collect())
        };
        Draught {
            token: wanted.token,
            payload,
            ciphertexts: wanted.recipients.iter().map(ciphertext).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Range;

    fn workload(pace: Pace) -> DrawnWorkload {
        DrawnWorkload {
            bundles: 20_000,
            pace,
            per_request: 1,
            warm_up_ns: 0,
            recipients: Range { low: 1, high: 4 },
            payload_bytes: Range { low: 64, high: 1000 },
        }
    }

    #[test]
    fn an_open_loop_has_its_rate() {
        let plan = plan(&workload(Pace::Open { rate_per_s: 500.0 }), 10, Streams::new(3));
        let seconds = (last_ns(&plan) - START_NS) as f64 / 1e9;
        assert!((20_000.0 / seconds - 500.0).abs() < 15.0, "{seconds} s");
        assert!(plan.iter().all(|client| client.is_sorted_by_key(|wanted| wanted.at_ns)));
    }

    #[test]
    fn bundles_of_a_request_are_wanted_at_once_by_one_client() {
        let several = DrawnWorkload { per_request: 8, ..workload(Pace::Open { rate_per_s: 500.0 }) };
        let plan = plan(&several, 10, Streams::new(3));
        let seconds = (last_ns(&plan) - START_NS) as f64 / 1e9;
        assert!((20_000.0 / seconds - 500.0).abs() < 40.0, "{seconds} s");
        let requests = plan.iter().flat_map(|client| client.chunk_by(|one, next| one.at_ns == next.at_ns));
        assert!(requests.map(<[Wanted]>::len).all(|bundles| bundles == 8));
    }

    #[test]
    fn recipients_are_distinct_and_in_range() {
        for wanted in plan(&workload(Pace::Closed { in_flight: 2 }), 5, Streams::new(3)).concat() {
            assert!((1..=4).contains(&wanted.recipients.len()));
            assert!(wanted.recipients.is_sorted_by(|a, b| a < b) && *wanted.recipients.last().unwrap() < 5);
        }
    }
}
