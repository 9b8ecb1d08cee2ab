//! A sender: one connection that submits, for as many clients as its requests need.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use bytes::Bytes;
use hdrhistogram::Histogram;
use hyper::{Method, StatusCode};
use server::{
    http::client::Connection,
    port::Clock,
    protocol::{
        bundle::{Bundle, Content, Envelope, Submission},
        codec::Decode,
        crypto::Signer,
        digest::Digest,
        frame,
        id::{ActorId, BundleNumber, ClientId, Epoch},
        message::Message,
        signing::Signing,
        statement::{Signed, Statement as _, Trust},
    },
};

use tokio::time::timeout;

use super::{Load, Shared, pace::Pace};

/// Most bundles of one client in a request: half of what it may have under way.
const OF_ONE_CLIENT: u32 = 32;

/// How many bundles of a request are the first client's.
pub fn first_share(bundles: u32) -> u32 {
    bundles.div_ceil(bundles.div_ceil(OF_ONE_CLIENT).max(1))
}

/// The signer of a label.
pub fn signer_of(signing: Signing, label: &str) -> Box<dyn Signer> {
    signing.signer(&Digest::of(&[b"noise/load/1", label.as_bytes()]).0)
}

/// The client that signs with it.
pub fn client_of(signer: &dyn Signer) -> ClientId {
    ClientId(signer.public())
}

/// A latency histogram: up to two minutes, three digits.
pub fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 120_000_000, 3).expect("the bounds are valid")
}

/// What was sent.
pub struct Sent {
    /// Requests answered in all.
    pub requests: u64,
    /// Of them those that were answered before it was measured.
    pub warm_up_requests: u64,
    /// Requests that had to be sent again.
    pub again: u64,
    /// Requests of an open loop that were due and not sent, for those before them had no answer in time.
    pub unsent: u64,
    /// Connections that ended before the load did, and why the first of them.
    pub failed: u64,
    /// Why.
    pub why: Option<String>,
    /// Deliveries that follow from all of them.
    pub deliveries: u64,
    /// From when a request was to be sent to its receipts, in microseconds.
    pub receipt_us: Histogram<u64>,
}

impl Default for Sent {
    fn default() -> Self {
        Sent {
            requests: 0,
            warm_up_requests: 0,
            again: 0,
            unsent: 0,
            failed: 0,
            why: None,
            deliveries: 0,
            receipt_us: histogram(),
        }
    }
}

impl Sent {
    /// Requests answered while it was measured.
    pub fn measured(&self) -> u64 {
        self.requests - self.warm_up_requests
    }

    /// Adds what another sent.
    pub fn add(&mut self, other: Sent) {
        self.requests += other.requests;
        self.warm_up_requests += other.warm_up_requests;
        self.again += other.again;
        self.unsent += other.unsent;
        self.failed += other.failed;
        self.why = self.why.take().or(other.why);
        self.deliveries += other.deliveries;
        self.receipt_us += other.receipt_us;
    }
}

/// A client that signs bundle after bundle.
struct Author {
    id: ClientId,
    signer: Box<dyn Signer>,
    next: u64,
    previous: Digest,
}

impl Author {
    fn of(signing: Signing, label: &str) -> Self {
        let signer = signer_of(signing, label);
        Author { id: client_of(&*signer), signer, next: 0, previous: Digest::ZERO }
    }

    /// Signs a bundle for each content: together, or one by one.
    fn write(&mut self, contents: Vec<Content>, together: bool, trust: &Trust) -> Vec<Submission> {
        let bundles: Vec<Bundle> = contents.iter().map(|content| self.bundle(content, trust)).collect();
        let signer = &*self.signer;
        let signed = match together {
            true => Signed::sign_together(bundles, trust.deployment, signer),
            false => bundles.into_iter().map(|one| Signed::sign(one, trust.deployment, signer)).collect(),
        };
        let submission =
            |(bundle, content): (Signed<Bundle>, _)| Submission { bundle: bundle.to_unverified(), content };
        signed.into_iter().zip(contents).map(submission).collect()
    }

    fn bundle(&mut self, content: &Content, trust: &Trust) -> Bundle {
        let bundle = Bundle {
            client: self.id,
            number: BundleNumber(self.next),
            terms: trust.roster.terms_of(&ActorId::Client(self.id)),
            previous: self.previous,
            commitment: content.commitment(),
            expiry: Epoch(u64::MAX),
            seen: None,
        };
        (self.next, self.previous) = (self.next + 1, Digest::of(&[&bundle.body()]));
        bundle
    }
}

/// One connection.
pub struct Sender {
    shared: Arc<Shared>,
    authors: Vec<Author>,
    bundles: u32,
    recipients: usize,
    payload: usize,
    /// Whether the bundles of a client in a request are signed together.
    runs: bool,
    offset: usize,
    signed: VecDeque<Request>,
    sent: Sent,
}

/// A request that is still to be sent, and those of its bundles that are timed.
struct Request {
    body: Bytes,
    timed: Vec<Digest>,
}

impl Sender {
    /// Sender `index` of a load.
    pub fn new(shared: Arc<Shared>, load: &Load, index: u32) -> Self {
        let authors = load.bundles.div_ceil(OF_ONE_CLIENT);
        let label = |author| format!("{} {author}", shared.label("sender", index));
        Sender {
            authors: (0..authors).map(|author| Author::of(shared.signing, &label(author))).collect(),
            shared,
            bundles: load.bundles,
            recipients: load.recipients as usize,
            payload: load.payload as usize,
            runs: !load.signed_one_by_one,
            offset: index as usize,
            signed: VecDeque::new(),
            sent: Sent::default(),
        }
    }

    /// Signs so many bundles, in requests.
    pub fn sign_before(mut self, bundles: u32) -> Self {
        for _ in 0..bundles.div_ceil(self.bundles) {
            let request = self.request();
            self.signed.push_back(request);
        }
        self
    }

    /// The body of the next request. When it is sent is not known yet, so no time stands in it.
    fn request(&mut self) -> Request {
        let (mut bytes, mut timed) = (Vec::new(), Vec::new());
        let (authors, bundles) = (self.authors.len(), self.bundles as usize);
        for author in 0..authors {
            let own = bundles / authors + usize::from(author < bundles % authors);
            let contents = (0..own).map(|_| self.content()).collect();
            for submission in self.authors[author].write(contents, self.runs, &self.shared.trust) {
                if submission.bundle.claimed_slot().is_multiple_of(self.shared.timed) {
                    timed.push(submission.bundle.digest());
                }
                frame::append(&mut bytes, &Message::Submit(submission));
            }
        }
        Request { body: bytes.into(), timed }
    }

    fn content(&mut self) -> Content {
        self.offset += 1;
        let all = &self.shared.recipients;
        let chosen =
            (0..self.recipients).map(|index| all[(self.offset * self.recipients + index) % all.len()]);
        let mut envelopes: Vec<Envelope> =
            chosen.map(|recipient| Envelope { recipient, salt: [3; 16], ciphertext: vec![0; 16] }).collect();
        envelopes.sort_by_key(|envelope| envelope.recipient);
        envelopes.dedup_by_key(|envelope| envelope.recipient);
        Content::new(vec![b'x'; self.payload], envelopes)
    }

    /// Sends what is due until the time is over, and waits so much longer for the last answer.
    pub async fn send(
        mut self,
        mut connection: Connection,
        mut pace: Pace,
        ends: u64,
        patience_ns: u64,
    ) -> Sent {
        let mut idle_since = 0;
        while let Some(due) = pace.next(&self.shared.clock).await {
            let now = self.shared.now_ns();
            if due >= ends {
                break;
            }
            // what a stall held up is sent when it is over, for it waited too
            if self.sent.failed > 0 || now >= ends + patience_ns {
                self.sent.unsent += 1;
                continue;
            }
            // a connection that was idle is late by the generator's own wake-up only, which is not the server's to answer for
            let wanted = if idle_since <= due { now } else { due };
            let Request { body, timed } = match self.signed.pop_front() {
                Some(request) => request,
                None => self.request(),
            };
            let is_timed = self.shared.is_measured(wanted);
            if is_timed {
                super::reader::departs(timed, wanted);
            }
            if let Err(why) = self.submit(&mut connection, body, ends + patience_ns).await {
                (self.sent.failed, self.sent.why) = (1, Some(why));
                match pace {
                    Pace::Closed => break,
                    Pace::Open(_) => continue,
                }
            }
            idle_since = self.shared.now_ns();
            if is_timed {
                let taken_us = (idle_since - wanted) / 1000;
                self.sent.receipt_us.saturating_record(taken_us.max(1));
            }
            self.sent.requests += 1;
            self.sent.warm_up_requests += u64::from(!self.shared.is_measured(idle_since));
            let recipients = self.recipients.min(self.shared.recipients.len());
            self.sent.deliveries += u64::from(self.bundles) * recipients as u64;
        }
        self.sent
    }

    /// Submits until every bundle has its receipt, or this time has come.
    async fn submit(&mut self, connection: &mut Connection, body: Bytes, until: u64) -> Result<(), String> {
        loop {
            let left = Duration::from_nanos(until.saturating_sub(self.shared.now_ns()));
            if connection.is_over() {
                // a server closes what is idle
                let again = timeout(left, self.shared.connect()).await;
                let again = again.map_err(|_| self.without_receipt("none in time"))?;
                let lost = |error| format!("the server does not answer any more: {error}");
                *connection = again.map_err(lost)?;
            }
            let asked = connection.ask(Method::POST, "/v1/bundles", &[], body.clone());
            let Ok(answer) = timeout(left, asked).await else {
                return Err(self.without_receipt("none in time"));
            };
            let answer = answer.map_err(|error| format!("the server does not answer any more: {error}"))?;
            match answer.status {
                StatusCode::OK if receipts(&answer.body) == self.bundles as usize => return Ok(()),
                StatusCode::OK | StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => {
                    if self.shared.now_ns() >= until {
                        let refused = refused_for(&answer.body, &self.shared.trust);
                        let refused = refused.map_or(String::new(), |why| format!(", refused for {why}"));
                        return Err(self.without_receipt(&format!("{}{refused}", answer.status)));
                    }
                    self.sent.again += 1;
                    let pause = self.shared.clock.now().after(20_000_000);
                    self.shared.clock.sleep_until(pause).await;
                }
                _ => return Err(answer.told()),
            }
        }
    }

    fn without_receipt(&self, last: &str) -> String {
        format!(
            "a request got no receipt (the last answer: {last}): the server is stuck, or knows these clients from another load of \
             series {}",
            self.shared.series
        )
    }
}

/// Why the first of the bundles is refused, if one is.
fn refused_for(bytes: &[u8], trust: &Trust) -> Option<&'static str> {
    frame::bodies(bytes).find_map(|body| match Message::from_bytes(body) {
        Ok(Message::Refused(refusal, _)) => refusal.verify(trust).ok().map(|refusal| refusal.reason.name()),
        _ => None,
    })
}

/// How many frames of an answer are receipts: by their tags alone, for decoding is the client's cost.
fn receipts(bytes: &[u8]) -> usize {
    const RECEIPTED: u8 = 3;
    frame::bodies(bytes).filter(|body| body.first() == Some(&RECEIPTED)).count()
}
