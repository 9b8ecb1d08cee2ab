//! A reader: the events of one recipient, checked as they come.
//!
//! It checks what an application would see: of each sender the bundles in order, each once, and all bundles in the one order
//! of the deployment ([`super::order`]). (That the server's statements follow from each other is what clients check, and the
//! tests; here it would cost more than the server. Signatures are checked of cuts, once for all readers.)

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures_util::future::{Either, select};
use hdrhistogram::Histogram;
use hyper::{Method, StatusCode};
use server::{
    http::client::{Caller, Connection, Events, whole},
    protocol::{
        ack::Ack,
        codec::Decode,
        cut::{Cut, Span},
        digest::Digest,
        frame,
        id::{ActorId, ClientId, SequenceId},
        map::Lookup,
        message::{Delivery, Message},
        statement::{Signed, Unverified},
    },
};
use tokio::sync::watch;

use super::{
    Shared,
    order::{Name, Shown, id_of},
    sender::{client_of, histogram, signer_of},
};

/// Deliveries between two acks.
const ACK_EVERY: u64 = 64;
/// How often an ack is said, and the pause in between.
const ACK_TRIES: u32 = 10;
const ACK_PAUSE: Duration = Duration::from_millis(100);
/// Bytes of them: a mailbox actor sends no more than some MiB beyond what was acknowledged.
const ACK_BYTES: usize = 1 << 20;
/// Numbers of a sender that a reader remembers.
const REMEMBERED: usize = 1024;
/// Bundles are timed whose number is a multiple of this, where so many of each request are their client's, or one less: a prime by
/// which those cannot be divided, so that each place in a request is timed as often as any.
pub fn timed(of_one_client: u64) -> u64 {
    if [17, 18].contains(&of_one_client) { 19 } else { 17 }
}

/// When bundles were to be sent that are still on their way, by the digest of their signature's frame.
static DEPARTED: Mutex<BTreeMap<[u8; 32], u64>> = Mutex::new(BTreeMap::new());
/// Deliveries that have come, over all readers.
static DELIVERED: AtomicU64 = AtomicU64::new(0);

/// How many deliveries have come.
pub fn delivered() -> u64 {
    DELIVERED.load(Ordering::Relaxed)
}

/// Notes when the timed bundles of a request were to be sent.
pub fn departs(timed: Vec<Digest>, at: u64) {
    if !timed.is_empty() {
        let mut departed = DEPARTED.lock().unwrap_or_else(PoisonError::into_inner);
        departed.extend(timed.into_iter().map(|bundle| (bundle.0, at)));
    }
}

fn departed(number: u64, timed: u64, bundle: Digest) -> Option<u64> {
    if !number.is_multiple_of(timed) {
        return None;
    }
    DEPARTED.lock().unwrap_or_else(PoisonError::into_inner).get(&bundle.0).copied()
}

/// What came.
pub struct Got {
    /// Deliveries in all.
    pub deliveries: u64,
    /// Of them those that came before it was measured.
    pub warm_up_deliveries: u64,
    /// Bundles that came twice.
    pub duplicates: u64,
    /// Bundles that came after one that their sender numbered higher, or under a sequence id that does not rise, or under another
    /// than to other recipients.
    pub disordered: u64,
    /// Deliveries that did not come.
    pub missing: u64,
    /// Bundles that were forgotten before it was seen whether they came to all recipients under one sequence id.
    pub forgotten: u64,
    /// From when a request was to be sent to its delivery, in microseconds.
    pub delivery_us: Histogram<u64>,
}

impl Default for Got {
    fn default() -> Self {
        Got {
            deliveries: 0,
            warm_up_deliveries: 0,
            duplicates: 0,
            disordered: 0,
            missing: 0,
            forgotten: 0,
            delivery_us: histogram(),
        }
    }
}

impl Got {
    /// Deliveries that came while it was measured.
    pub fn measured(&self) -> u64 {
        self.deliveries - self.warm_up_deliveries
    }

    /// Adds what another got.
    pub fn add(&mut self, other: Got) {
        self.deliveries += other.deliveries;
        self.warm_up_deliveries += other.warm_up_deliveries;
        self.duplicates += other.duplicates;
        self.disordered += other.disordered;
        self.missing += other.missing;
        self.forgotten += other.forgotten;
        self.delivery_us += other.delivery_us;
    }
}

/// The numbers of one sender's bundles that have come to a recipient, as far as they are remembered.
#[derive(Default)]
struct Seen {
    recent: BTreeSet<u64>,
    /// Below this nothing is remembered.
    since: u64,
}

/// How a bundle came, as far as its sender's others tell.
struct Arrival {
    twice: bool,
    late: bool,
}

impl Seen {
    /// One more has come. One that is too old to be remembered came out of order, and perhaps twice: it is taken for both, so
    /// that it never stands for one that is missing.
    fn take(&mut self, number: u64) -> Arrival {
        if number < self.since {
            return Arrival { twice: true, late: true };
        }
        let newest = self.recent.last().copied();
        if !self.recent.insert(number) {
            return Arrival { twice: true, late: false };
        }
        if self.recent.len() > REMEMBERED
            && let Some(oldest) = self.recent.pop_first()
        {
            self.since = oldest + 1;
        }
        Arrival { twice: false, late: newest.is_some_and(|newest| number < newest) }
    }
}

/// One recipient.
pub struct Reader {
    shared: Arc<Shared>,
    label: String,
    id: ClientId,
    events: Events,
    requests: Connection,
    seen: BTreeMap<ClientId, Seen>,
    shown: Shown,
    acks: u64,
    unacknowledged: u64,
    unacknowledged_bytes: usize,
    got: Got,
}

impl Reader {
    /// Opens the stream of events of a label's client. Readers that got all the same would acknowledge it all at
    /// once, as clients never do: one begins as if it had got `ahead` already.
    pub async fn open(shared: Arc<Shared>, label: &str, ahead: u64) -> Result<Reader, String> {
        let failed = |error: std::io::Error| error.to_string();
        let signer = || signer_of(shared.signing, label);
        let id = client_of(&*signer());
        let caller = Caller::new(signer(), shared.trust.deployment);
        let mut connection = shared.connect().await.map_err(failed)?;
        let response = connection
            .begin_signed(&caller, (Method::GET, "/v1/events"), &[], Bytes::new())
            .await
            .map_err(failed)?;
        if response.status() != StatusCode::OK {
            return Err(whole(response).await.map_err(failed)?.told());
        }
        let requests = shared.connect().await.map_err(failed)?;
        Ok(Reader {
            label: label.to_owned(),
            id,
            events: Events::of(response.into_body()),
            requests,
            shared,
            seen: BTreeMap::new(),
            shown: Shown::default(),
            acks: 0,
            unacknowledged: ahead % ACK_EVERY,
            unacknowledged_bytes: 0,
            got: Got::default(),
        })
    }

    /// Follows the events until it is stopped.
    pub async fn follow(mut self, mut stopped: watch::Receiver<bool>) -> Got {
        loop {
            let stop = std::pin::pin!(stopped.wait_for(|stop| *stop));
            let event = match select(std::pin::pin!(self.events.next()), stop).await {
                Either::Left((Ok(event), _)) => event,
                Either::Left((Err(error), _)) => {
                    eprintln!("{}: {error}", self.label);
                    return self.got;
                }
                Either::Right(_) => return self.got,
            };
            let Some(event) = event else { continue };
            match Message::from_bytes(&event.data) {
                Ok(Message::Delivery(delivery)) => self.take(&delivery).await,
                Ok(Message::Introduction(introduction)) => {
                    if let Some(cut) = self.believed(&introduction.cut) {
                        self.shown.start(cut);
                    }
                }
                _ => {}
            }
        }
    }

    fn believed(&self, cut: &Unverified<Cut>) -> Option<Signed<Cut>> {
        cut.clone().verify(&self.shared.trust).ok()
    }

    /// What the cuts of a delivery order.
    fn ordered(&mut self, delivery: &Delivery) -> Vec<Span> {
        let mut ordered = Vec::new();
        for cut in &delivery.cuts {
            if let Some(cut) = self.believed(cut) {
                ordered.extend(self.shown.follow(cut));
            }
        }
        ordered
    }

    /// Looks at every bundle of a delivery.
    fn check(&mut self, delivery: &Delivery, now: u64) {
        let ordered = self.ordered(delivery);
        for parcel in &delivery.parcels {
            let ActorId::Client(sender) = parcel.bundle.claimed_actor() else { continue };
            let number = parcel.bundle.claimed_slot();
            if let Some(at) = departed(number, self.shared.timed, parcel.bundle.digest()) {
                self.got.delivery_us.saturating_record(((now.saturating_sub(at)) / 1000).max(1));
            }
            let arrival = self.seen.entry(sender).or_default().take(number);
            let incoming = self.shared.trust.roster.incoming_of(&sender);
            let in_order = self.is_in_order((sender, number), id_of(&ordered, incoming, parcel.position));
            self.got.duplicates += u64::from(arrival.twice);
            self.got.disordered += u64::from(arrival.late || !in_order);
        }
    }

    /// Whether a bundle came under a sequence id that is above those before it, and the same as to other recipients.
    fn is_in_order(&mut self, bundle: Name, id: Option<SequenceId>) -> bool {
        let Some(id) = id else { return false };
        let rises = self.shown.rises(id);
        self.shared.agreement.holds(bundle, id) && rises
    }

    async fn take(&mut self, delivery: &Delivery) {
        let now = self.shared.now_ns();
        self.check(delivery, now);
        let count = delivery.parcels.len() as u64;
        self.got.deliveries += count;
        if !self.shared.is_measured(now) {
            self.got.warm_up_deliveries += count;
        }
        DELIVERED.fetch_add(count, Ordering::Relaxed);
        self.unacknowledged += count;
        self.unacknowledged_bytes += delivery.parcels.iter().map(|parcel| parcel.bytes()).sum::<usize>();
        if self.unacknowledged >= ACK_EVERY || self.unacknowledged_bytes >= ACK_BYTES {
            self.acknowledge(delivery).await;
        }
    }

    async fn acknowledge(&mut self, delivery: &Delivery) {
        let Lookup::Present(head) = delivery.after.get(&self.id) else { return };
        let ack = Ack {
            client: self.id,
            clock: self.acks,
            terms: self.shared.trust.roster.terms_of(&ActorId::Client(self.id)),
            generation: head.generation,
            count: head.count,
            head: head.head,
            attestation: delivery.attestation.cite(),
        };
        let ack =
            Signed::sign(ack, self.shared.trust.deployment, &*signer_of(self.shared.signing, &self.label));
        let mut body = Vec::new();
        frame::append(&mut body, &Message::Acknowledged(ack.to_unverified()));
        let body = Bytes::from(body);
        for _ in 0..ACK_TRIES {
            if self.say(body.clone()).await {
                (self.acks, self.unacknowledged, self.unacknowledged_bytes) = (self.acks + 1, 0, 0);
                return;
            }
            tokio::time::sleep(ACK_PAUSE).await;
        }
        eprintln!("{}: the server takes no ack", self.label);
    }

    /// Says an ack; whether the server has taken it. What it has closed, for it was idle, is opened anew.
    async fn say(&mut self, ack: Bytes) -> bool {
        if self.requests.is_over() {
            match self.shared.connect().await {
                Ok(again) => self.requests = again,
                Err(_) => return false,
            }
        }
        let said = self.requests.ask(Method::POST, "/v1/acks", &[], ack).await;
        said.is_ok_and(|answer| answer.status.is_success())
    }
}

#[cfg(test)]
mod tests {
    use super::{super::sender::first_share, REMEMBERED, Seen, timed};

    #[test]
    fn what_comes_twice_or_out_of_order_is_counted_as_that() {
        let count = |numbers: &[u64]| {
            let mut seen = Seen::default();
            let arrivals: Vec<_> = numbers.iter().map(|number| seen.take(*number)).collect();
            let twice = arrivals.iter().filter(|arrival| arrival.twice).count();
            (twice, arrivals.iter().filter(|arrival| arrival.late).count())
        };
        assert_eq!(count(&[0, 1, 5, 6]), (0, 0), "what went to others is no gap");
        assert_eq!(count(&[1, 2, 2]), (1, 0));
        assert_eq!(count(&[1, 3, 2]), (0, 1));
        assert_eq!(count(&[1, 2, 1, 2]), (2, 0));
        let long: Vec<u64> = (1..=REMEMBERED as u64 + 1).chain([1]).collect();
        assert_eq!(count(&long), (1, 1), "nobody remembers if the first has come");
    }

    #[test]
    fn each_place_in_a_request_is_timed_as_often_as_any() {
        for bundles in 1..=1000 {
            let first = u64::from(first_share(bundles));
            let timed = timed(first);
            // the other clients of a request have as many, or one less
            for share in [first, first - 1].into_iter().filter(|share| *share > 0) {
                let mut at = vec![0; share as usize];
                for number in (0..timed * share * 3).filter(|number| number.is_multiple_of(timed)) {
                    at[(number % share) as usize] += 1;
                }
                assert!(at.iter().all(|times| *times == 3), "{bundles} bundles a request: {at:?}");
            }
        }
    }
}
