//! The step: what one turn of an actor changes, promises, sends, tells and costs.

use std::sync::Arc;

use crate::{
    port::{Changes, Time},
    protocol::{
        ack::Ack,
        attestation::Attestation,
        bundle::Bundle,
        challenge::{Challenge, Response},
        codec::{DecodeError, Encode},
        complaint::{Admission, Complaint, Defence},
        cosignature::Cosignature,
        crypto::Signer,
        cut::Cut,
        derivation::Entry,
        digest::Digest,
        endorsement::Pen,
        evidence::Evidence,
        handler_receipt::HandlerReceipt,
        id::{ActorId, BundleNumber, ClientId, Count, Deployment, Epoch, Position},
        merkle::Path,
        message::Message,
        receipt::Receipt,
        recovery::Recovery,
        refusal::Refusal,
        seal::Seal,
        seal_ack::SealAck,
        statement::{Kind, SignatureError, Signed, Statement, Terms},
    },
};

/// The first byte of the rows in which a node keeps its actor's statements.
pub const STATEMENTS: u8 = 0;

/// The row of a statement: `0 ‖ kind ‖ slot`.
pub fn statement_row(kind: Kind, slot: u64) -> Vec<u8> {
    let mut key = vec![STATEMENTS, kind as u8];
    key.extend(slot.to_be_bytes());
    key
}

/// The row of an actor's own table (from 1 on).
pub fn row(table: u8, key: &[u8]) -> Vec<u8> {
    debug_assert!(table != STATEMENTS);
    [&[table], key].concat()
}

/// What one turn of an actor comes to.
#[derive(Default)]
pub struct Step {
    /// The time at which the turn began.
    pub now: Time,
    /// Rows to put and delete.
    pub changes: Changes,
    /// Statements to make durable and sign, in this order.
    pub promises: Vec<Draft>,
    /// Messages to send when all is durable.
    pub sends: Vec<(ActorId, Message)>,
    /// The same of an actor that is several: which of them sends it, to whom.
    pub sends_of_parts: Vec<(ActorId, ActorId, Message)>,
    /// What an application or an observer may want to know.
    pub notices: Vec<Notice>,
    /// What it cost.
    pub work: Ledger,
}

impl Step {
    /// A step that begins now.
    pub fn at(now: Time) -> Self {
        Step { now, ..Step::default() }
    }

    /// Puts a row.
    pub fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.changes.insert(key, Some(value));
    }

    /// Deletes a row.
    pub fn delete(&mut self, key: Vec<u8>) {
        self.changes.insert(key, None);
    }

    /// A peer has sent a statement that is not believed: no honest peer would, unless it has a roster that is not known here yet.
    pub fn disbelieve(&mut self, from: ActorId, error: &SignatureError) {
        self.notice(match error {
            SignatureError::Forged { .. } => Notice::Suspicious { from, why: error.to_string() },
            SignatureError::Later { .. } => Notice::Reached("a statement was left that names a later roster"),
        });
    }

    /// Promises a statement: it becomes durable with this step, is signed, and comes back in `release`.
    pub fn promise(&mut self, draft: impl Into<Draft>) {
        self.promises.push(draft.into());
    }

    /// Gives up a statement that nobody will ask for again. The last of each kind must stay: it guards the slot.
    pub fn forget(&mut self, kind: Kind, slot: u64) {
        self.delete(statement_row(kind, slot));
    }

    /// Sends a message when the step is durable.
    pub fn send(&mut self, to: ActorId, message: Message) {
        self.sends.push((to, message));
    }

    /// Sends a message of one of several actors, over its own connection.
    pub fn send_as(&mut self, part: ActorId, to: ActorId, message: Message) {
        self.sends_of_parts.push((part, to, message));
    }

    /// How many messages it sends so far.
    pub fn outputs(&self) -> u64 {
        (self.sends.len() + self.sends_of_parts.len()) as u64
    }

    /// Takes back what was to be sent to a peer over a connection that is no more.
    pub fn unsend(&mut self, part: Option<ActorId>, peer: ActorId) {
        self.sends.retain(|(to, _)| *to != peer);
        self.sends_of_parts.retain(|(from, to, _)| *to != peer || part.is_some_and(|part| part != *from));
    }

    /// Tells the application or an observer, when the step is durable.
    pub fn notice(&mut self, notice: Notice) {
        self.notices.push(notice);
    }
}

/// Operations done in a step of an actor, or for a request: for the work port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    /// Steps taken: turns of the node's loop.
    pub steps: u64,
    /// Inputs handled.
    pub inputs: u64,
    /// Messages sent: those of this step before it signs, and those of the step before from then on.
    pub outputs: u64,
    /// Signatures made.
    pub signed: u64,
    /// Signatures verified one by one.
    pub verified: u64,
    /// Signatures verified in batches.
    pub verified_batched: u64,
    /// Bytes hashed.
    pub hashed_bytes: u64,
    /// Bytes encoded or decoded.
    pub coded_bytes: u64,
    /// Transactions committed.
    pub commits: u64,
    /// Requests of an HTTP API, made or answered.
    pub requests: u64,
    /// Bundles that were handed in with these.
    pub bundles: u64,
    /// Events of its streams, written or read.
    pub events: u64,
    /// Times that what had been said to a peer was written to its connection.
    pub written: u64,
}

impl std::ops::AddAssign for Ledger {
    fn add_assign(&mut self, other: Ledger) {
        self.steps += other.steps;
        self.inputs += other.inputs;
        self.outputs += other.outputs;
        self.signed += other.signed;
        self.verified += other.verified;
        self.verified_batched += other.verified_batched;
        self.hashed_bytes += other.hashed_bytes;
        self.coded_bytes += other.coded_bytes;
        self.commits += other.commits;
        self.requests += other.requests;
        self.bundles += other.bundles;
        self.events += other.events;
        self.written += other.written;
    }
}

macro_rules! statements {
    ($($kind:ident),*) => {
        /// A statement that its actor wants to make.
        #[derive(Clone, Debug, PartialEq, Eq)]
        #[allow(missing_docs)]
        pub enum Draft { $($kind($kind)),* }

        /// A statement that its actor has made.
        #[derive(Clone, Debug, PartialEq, Eq)]
        #[allow(missing_docs)]
        pub enum Issued { $($kind(Signed<$kind>)),* }

        impl Draft {
            /// The statement's kind.
            pub fn kind(&self) -> Kind {
                match self { $(Draft::$kind(_) => <$kind>::KIND),* }
            }

            /// Who makes it.
            pub fn actor(&self) -> ActorId {
                match self { $(Draft::$kind(body) => body.actor()),* }
            }

            /// The statement's slot.
            pub fn slot(&self) -> u64 {
                match self { $(Draft::$kind(body) => body.slot()),* }
            }

            /// Under which roster and key it is made.
            pub fn terms(&self) -> Terms {
                match self { $(Draft::$kind(body) => body.head().terms),* }
            }

            /// The canonical body.
            pub fn body(&self) -> Vec<u8> {
                match self { $(Draft::$kind(body) => body.body()),* }
            }

            /// Signs it, with those to which this path leads, if there is one.
            pub fn sign(
                self,
                path: Option<Arc<Path>>,
                deployment: Deployment,
                signer: &dyn Signer,
                pen: &mut Pen,
            ) -> Issued {
                match self {
                    $(Draft::$kind(body) => {
                        Issued::$kind(Signed::sign_in_run(body, path, deployment, signer, pen))
                    }),*
                }
            }

            /// Reads a stored body of this kind.
            pub fn from_body(kind: Kind, bytes: &[u8]) -> Result<Self, DecodeError> {
                $(if kind == <$kind>::KIND {
                    return Ok(Draft::$kind(<$kind>::from_body(bytes)?));
                })*
                Err(DecodeError::Invalid("kind of a stored statement"))
            }
        }

        impl Issued {
            /// Who made it.
            pub fn actor(&self) -> ActorId {
                match self { $(Issued::$kind(signed) => signed.actor()),* }
            }

            /// The statement's kind.
            pub fn kind(&self) -> Kind {
                match self { $(Issued::$kind(_) => <$kind>::KIND),* }
            }

            /// The statement's slot.
            pub fn slot(&self) -> u64 {
                match self { $(Issued::$kind(signed) => signed.slot()),* }
            }

            /// The canonical bytes of body and signature.
            pub fn to_bytes(&self) -> Vec<u8> {
                match self { $(Issued::$kind(signed) => Encode::to_bytes(&signed.to_unverified())),* }
            }
        }

        $(impl From<$kind> for Draft {
            fn from(body: $kind) -> Draft { Draft::$kind(body) }
        })*
    };
}

statements!(
    Bundle,
    Receipt,
    Refusal,
    Seal,
    SealAck,
    Cut,
    Attestation,
    Ack,
    Challenge,
    Response,
    Complaint,
    Admission,
    Defence,
    Recovery,
    Cosignature,
    HandlerReceipt
);

/// What a client was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// For all recipients.
    pub payload: Vec<u8>,
    /// For this one.
    pub ciphertext: Vec<u8>,
}

/// What an actor lets its surroundings know. After a crash some are told again, never otherwise than before.
#[derive(Clone, Debug)]
pub enum Notice {
    /// A client has taken over a draught, durably: it will be submitted until there is a receipt.
    Submitted {
        /// The application's token.
        token: u64,
        /// The bundle's number.
        number: BundleNumber,
        /// Its recipients.
        recipients: Vec<ClientId>,
        /// The digest of its payload.
        payload: Digest,
    },
    /// A client's submission queue is full: the draught is not taken.
    Overloaded {
        /// The application's token.
        token: u64,
    },
    /// A client holds a valid receipt.
    Receipted {
        /// The bundle's number.
        number: BundleNumber,
        /// Who gave it.
        incoming: u32,
        /// The promised place.
        position: Position,
    },
    /// A client's bundle was refused.
    Refused {
        /// The bundle's number.
        number: BundleNumber,
        /// Why.
        reason: &'static str,
    },
    /// A client has a delivery, verified and durable.
    Delivered {
        /// The client's own count of it.
        count: Count,
        /// Its place in the order.
        entry: Entry,
        /// Who sent it.
        sender: ClientId,
        /// The sender's number.
        number: BundleNumber,
        /// The digest of the common payload.
        payload: Digest,
        /// What was sent, if the client keeps it for its application.
        content: Option<Received>,
    },
    /// A client was told of a bundle that is not one: its leaf is in the order, but the bundle is not valid.
    Dropped {
        /// The client's own count of it.
        count: Count,
        /// Its place in the order.
        entry: Entry,
        /// What is wrong.
        why: &'static str,
    },
    /// A client got a delivery that it cannot use.
    Unusable {
        /// What is wrong.
        why: String,
    },
    /// A client has acknowledged.
    Acknowledged {
        /// Up to this count.
        count: Count,
    },
    /// An incoming actor has appended a bundle to its queue, durably.
    Appended {
        /// Where.
        position: Position,
        /// Whose.
        client: ClientId,
        /// Which.
        number: BundleNumber,
        /// Its leaf.
        leaf: Digest,
        /// Its recipients.
        recipients: Vec<ClientId>,
    },
    /// An actor or client holds a valid cut.
    SawCut {
        /// Its epoch.
        epoch: Epoch,
        /// Its digest.
        digest: Digest,
    },
    /// An actor got a statement that no honest actor could have sent, or a signature that is none.
    Suspicious {
        /// From whom.
        from: ActorId,
        /// What.
        why: String,
    },
    /// A client has complained to its mailbox actor.
    Complained {
        /// The number of the complaint.
        number: u64,
        /// Whom it accuses.
        against: ActorId,
        /// Of what; or `known`, if its application asks for what it has done before.
        charge: &'static str,
    },
    /// A complaint was answered.
    ComplaintAnswered {
        /// The number of the complaint.
        number: u64,
        /// By whom.
        by: ActorId,
        /// How: `admission`, or the ground of the defence.
        how: &'static str,
    },
    /// A witness has an open obligation on its board.
    Obliged {
        /// The witness's own number for it.
        id: u64,
        /// Who owes.
        target: ActorId,
        /// What.
        demand: &'static str,
        /// Who demands it.
        challenger: ActorId,
    },
    /// An obligation does not bind for now: its target waits for another, or its time has not come. A suspicion ends.
    Idle {
        /// Its number.
        id: u64,
    },
    /// An obligation is no more.
    Discharged {
        /// Its number.
        id: u64,
        /// Why: `shown`, `refused`, or `void`.
        how: &'static str,
    },
    /// An obligation has been open for too long: its target is suspected while it is.
    Suspected {
        /// Its number.
        id: u64,
        /// Who owes.
        target: ActorId,
        /// What.
        demand: &'static str,
    },
    /// A dispute on a link that nobody can resolve: one of the two is at fault, or the link is.
    Pair {
        /// One end.
        one: ActorId,
        /// The other.
        other: ActorId,
        /// What did not pass.
        why: &'static str,
    },
    /// A client is not served: a finding of its own that it can prove to nobody.
    Unserved {
        /// The bundle that nobody takes.
        number: BundleNumber,
    },
    /// An actor has admitted that it lost state: it owes nothing any more, and nobody who waits for it does. A witness says so of others, a client
    /// of itself.
    Retired {
        /// Who.
        actor: ActorId,
    },
    /// A point in the code that a sweep must reach.
    Reached(&'static str),
    /// Someone cheated, and this proves it.
    Caught(Box<Evidence>),
}
