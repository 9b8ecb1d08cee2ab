//! The gate: who asks. A client signs its request; whoever repeats it, or comes late with it, is refused.
//!
//! Bundles, acks and complaints are signed statements and need no more. What is signed here are requests that are
//! none: to read a mailbox. The header is
//! ```text
//! Authorization: Noise client=<64 hex>, nonce=<32 hex>, counter=<decimal>, signature=<128 hex>
//! ```
//! and the signature covers `"noise/request/1" ‖ deployment(8) ‖ client(32) ‖ nonce(16) ‖ counter(8) ‖
//! SHA-256(method ‖ ' ' ‖ path and query)`. The nonce comes from the server (`WWW-Authenticate` of a 401, and
//! [`NONCE_HEADER`] of an answer to a signed request that was granted), changes every minute and with every start, and holds for one
//! more minute; so a request is dated without any clock of the client. The counter is the client's own and not used twice.
//!
//! # Invariants
//! - A request passes once: of each client the highest counter is remembered and which of the 64 below it were used.
//! - What is remembered of a client ends with the nonces that it was used with; of more clients than [`USED_MAX`] nothing is taken,
//!   for to forget one would let its requests pass twice.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use axum::http::{HeaderMap, Method, Uri, header};

use super::{Front, Problem};
use crate::{
    port::{Clock, any_clock::AnyClock},
    protocol::{
        crypto::{PublicKey, Signature, Signer},
        digest::Digest,
        id::{ClientId, Deployment},
    },
};

/// Separates signed requests from all else that is signed.
pub const REQUEST_TAG: &[u8] = b"noise/request/1";
/// The header with the nonce for the next request.
pub const NONCE_HEADER: &str = "noise-nonce";
/// How long a nonce is given out.
const PERIOD_NS: u64 = 60_000_000_000;
/// Clients that are remembered at once: keys cost nothing.
const USED_MAX: usize = 1 << 18;
/// How many counters below the highest may still come.
const WINDOW: u64 = 64;

/// What a client shows with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// Who.
    pub client: ClientId,
    /// The server's nonce.
    pub nonce: [u8; 16],
    /// The client's counter.
    pub counter: u64,
    /// Over all of it and the request.
    pub signature: Signature,
}

/// What the signature of a request covers.
pub fn request_preimage(
    deployment: Deployment,
    client: &ClientId,
    nonce: &[u8; 16],
    counter: u64,
    method: &str,
    path_and_query: &str,
) -> Vec<u8> {
    let request = Digest::of(&[method.as_bytes(), b" ", path_and_query.as_bytes()]);
    [REQUEST_TAG, &deployment.0, client.bytes(), nonce, &counter.to_be_bytes(), &request.0].concat()
}

impl Credentials {
    /// Signs a request.
    pub fn sign(
        signer: &dyn Signer,
        deployment: Deployment,
        nonce: [u8; 16],
        counter: u64,
        method: &str,
        path_and_query: &str,
    ) -> Self {
        let client = ClientId(signer.public());
        let preimage = request_preimage(deployment, &client, &nonce, counter, method, path_and_query);
        Credentials { client, nonce, counter, signature: signer.sign(&preimage) }
    }

    /// The value of the header.
    pub fn header(&self) -> String {
        format!(
            "Noise client={}, nonce={}, counter={}, signature={}",
            hex::encode(self.client.bytes()),
            hex::encode(self.nonce),
            self.counter,
            hex::encode(self.signature.0)
        )
    }

    /// Reads the value of the header; none if it is not one.
    pub fn read(text: &str) -> Option<Self> {
        let fields = text.strip_prefix("Noise ")?.split(',').map(|field| field.trim().split_once('='));
        let fields: BTreeMap<&str, &str> = fields.collect::<Option<_>>()?;
        let mut credentials = Credentials {
            client: ClientId(PublicKey([0; 32])),
            nonce: [0; 16],
            counter: fields.get("counter")?.parse().ok()?,
            signature: Signature([0; 64]),
        };
        hex::decode_to_slice(fields.get("client")?, &mut credentials.client.0.0).ok()?;
        hex::decode_to_slice(fields.get("nonce")?, &mut credentials.nonce).ok()?;
        hex::decode_to_slice(fields.get("signature")?, &mut credentials.signature.0).ok()?;
        Some(credentials)
    }
}

/// Which counters of a client were used.
#[derive(Clone, Copy)]
struct Used {
    highest: u64,
    /// Bit `i`: `highest - i` was used.
    window: u64,
    /// The last period in which it came.
    period: u64,
}

impl Used {
    /// Takes a counter; false if it was taken, or is too old to know.
    fn take(&mut self, counter: u64) -> bool {
        if counter > self.highest {
            let ahead = counter - self.highest;
            self.window = if ahead >= WINDOW { 0 } else { self.window << ahead };
            self.window |= 1;
            self.highest = counter;
            return true;
        }
        let behind = self.highest - counter;
        let bit = 1u64.checked_shl(u32::try_from(behind).unwrap_or(u32::MAX)).unwrap_or(0);
        let free = bit != 0 && self.window & bit == 0;
        self.window |= bit;
        free
    }
}

/// What becomes of a counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Passage {
    /// It passes.
    Once,
    /// It was used, or is too old to know.
    Before,
    /// Nobody knows: of this client nothing can be remembered.
    TooMany,
}

/// Checks who asks.
pub struct Gate {
    deployment: Deployment,
    secret: [u8; 32],
    clock: AnyClock,
    used: Mutex<(u64, BTreeMap<ClientId, Used>)>,
    clients_max: usize,
}

impl Gate {
    /// A gate whose nonces come from this secret.
    pub fn new(deployment: Deployment, secret: [u8; 32], clock: AnyClock) -> Self {
        Gate { deployment, secret, clock, used: Mutex::default(), clients_max: USED_MAX }
    }

    fn period(&self) -> u64 {
        self.clock.now().0 / PERIOD_NS
    }

    fn nonce_of(&self, period: u64) -> [u8; 16] {
        let digest = Digest::of(&[b"noise/nonce/1", &self.secret, &period.to_be_bytes()]);
        let mut nonce = [0; 16];
        nonce.copy_from_slice(&digest.0[..16]);
        nonce
    }

    /// What the next request is to be signed with.
    pub fn nonce(&self) -> String {
        hex::encode(self.nonce_of(self.period()))
    }

    fn is_current(&self, nonce: &[u8; 16]) -> bool {
        let now = self.period();
        *nonce == self.nonce_of(now) || now.checked_sub(1).is_some_and(|last| *nonce == self.nonce_of(last))
    }

    /// Takes a client's counter.
    fn take(&self, client: ClientId, counter: u64) -> Passage {
        let now = self.period();
        let mut guard = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let (period, used) = &mut *guard;
        if *period != now {
            // whoever has not come in this period or the last could come with an old nonce only
            used.retain(|_, used| used.period + 1 >= now);
            *period = now;
        }
        if used.len() >= self.clients_max && !used.contains_key(&client) {
            return Passage::TooMany;
        }
        let own = used.entry(client).or_insert(Used { highest: 0, window: 0, period: now });
        own.period = now;
        if own.take(counter) { Passage::Once } else { Passage::Before }
    }
}

impl Front {
    /// The client that signed this request.
    pub(super) async fn who(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> Result<ClientId, Problem> {
        let refuse = |why: &str| Problem::unauthorized(why, &self.gate.nonce());
        let header = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let header = header.ok_or_else(|| refuse("sign the request, with the nonce in WWW-Authenticate"))?;
        let credentials = Credentials::read(header)
            .ok_or_else(|| refuse("write Noise client=…, nonce=…, counter=…, signature=…"))?;
        let Credentials { client, nonce, counter, signature } = credentials;
        if !self.gate.is_current(&nonce) {
            return Err(refuse("the nonce is stale: take the one in WWW-Authenticate"));
        }
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let preimage =
            request_preimage(self.gate.deployment, &client, &nonce, counter, method.as_str(), path);
        if !self.checker.check(vec![(client.0, preimage, signature)]).await {
            return Err(refuse("the signature is not that of this client over this request"));
        }
        match self.gate.take(client, counter) {
            Passage::Once => Ok(client),
            Passage::Before => Err(refuse("the counter was used before: count on")),
            Passage::TooMany => {
                Err(Problem::unavailable("too many clients ask at once: ask again in a minute"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{port::hand::Hand, protocol::crypto::Ed25519Signer};

    #[test]
    fn credentials_are_read_as_written_and_nothing_else_is() {
        let signer = Ed25519Signer::from_secret(&[1; 32]);
        let credentials = Credentials::sign(&signer, Deployment([2; 8]), [3; 16], 4, "GET", "/v1/events");
        assert_eq!(Credentials::read(&credentials.header()), Some(credentials));
        for odd in ["", "Noise", "Noise client=00", "Bearer abc", "Noise client=zz, nonce=, counter=1"] {
            assert_eq!(Credentials::read(odd), None, "{odd}");
        }
    }

    /// In each period what was taken in the one before is known: its nonce still counts.
    #[test]
    fn a_request_passes_once_while_its_nonce_counts() {
        let hand = Hand::default();
        let gate = Gate::new(Deployment([2; 8]), [3; 32], AnyClock::new(hand.clone()));
        let ann = ClientId(PublicKey([1; 32]));
        let nonce = gate.nonce_of(0);
        assert!(gate.is_current(&nonce));
        assert_eq!(gate.take(ann, 5), Passage::Once);
        hand.set(2 * PERIOD_NS - 1);
        assert!(gate.is_current(&nonce) && !gate.is_current(&gate.nonce_of(2)));
        // somebody else's request has old ones forgotten
        assert_eq!(gate.take(ClientId(PublicKey([2; 32])), 1), Passage::Once);
        assert_eq!(gate.take(ann, 5), Passage::Before, "a request of the period before comes again");
        assert_eq!(gate.take(ann, 4), Passage::Once);
        hand.set(2 * PERIOD_NS);
        assert!(!gate.is_current(&nonce), "two periods later its nonce is stale");
        hand.set(4 * PERIOD_NS);
        assert_eq!(gate.take(ann, 5), Passage::Once, "with another nonce it is another request");
    }

    #[test]
    fn of_more_clients_than_can_be_remembered_none_is_taken_and_none_forgotten() {
        let hand = Hand::default();
        let gate =
            Gate { clients_max: 2, ..Gate::new(Deployment([2; 8]), [3; 32], AnyClock::new(hand.clone())) };
        let [ann, bob, eve] = [1, 2, 3].map(|key| ClientId(PublicKey([key; 32])));
        assert_eq!(
            [ann, bob, eve].map(|client| gate.take(client, 1)),
            [Passage::Once, Passage::Once, Passage::TooMany]
        );
        assert_eq!((gate.take(ann, 1), gate.take(bob, 2)), (Passage::Before, Passage::Once));
        hand.set(3 * PERIOD_NS);
        assert_eq!(gate.take(eve, 1), Passage::Once, "the others have not come for so long");
    }

    #[test]
    fn a_nonce_is_that_of_one_start() {
        let gate = |secret| Gate::new(Deployment([2; 8]), secret, AnyClock::new(Hand::default()));
        assert_eq!(gate([3; 32]).nonce(), gate([3; 32]).nonce());
        assert_ne!(gate([3; 32]).nonce(), gate([4; 32]).nonce());
    }

    #[test]
    fn a_counter_is_taken_once_in_any_order_within_the_window() {
        let mut used = Used { highest: 0, window: 0, period: 0 };
        for counter in [5, 3, 4, 70, 69, 8] {
            assert!(used.take(counter), "{counter}");
            assert!(!used.take(counter), "{counter} again");
        }
        assert!(!used.take(5), "too old to know");
    }
}
