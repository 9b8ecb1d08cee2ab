//! The roster: who the actors are, which keys they hold, and how work is routed among them.
//!
//! Fields after the terms: `previous digest(32) ‖ order rule(1) ‖ challenge bound(4) ‖ quorum(4) ‖ operators: list of key(32) ‖
//! members: list of (actor ‖ operator(4) ‖ key(32))`. Slot: the version. Signed by the operators.
//!
//! Clients are not listed: a client is its key. Routing is by equal ranges of the key space over the number of
//! incoming and of mailbox actors, in the order of their index.
//!
//! # Invariants
//! - The deployment is a digest of the first roster, so a changed roster makes every signature of it void.
//! - Actors of a role are listed once each, by index from 0 without a gap.

use super::{
    codec::{Decode, DecodeError, Encode, Reader, Writer},
    crypto::PublicKey,
    digest::Digest,
    id::{ActorId, ClientId, Deployment, Role},
    map::KeyRange,
    statement::{Head, Kind, Statement, Terms},
};

/// Most actors a roster may list.
pub const MEMBERS_MAX: usize = 16_384;

/// Batches inside an epoch are ordered by rotation: the actor that comes first moves on by one each epoch, so
/// nobody has lasting priority and there is nothing to grind.
const ORDER_BY_ROTATION: u8 = 1;

/// An actor of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// Which actor.
    pub actor: ActorId,
    /// Who runs it: an index into the operators.
    pub operator: u32,
    /// Its key.
    pub key: PublicKey,
}

/// Actors, keys, operators, routing and time bounds of a deployment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roster {
    version: u32,
    previous: Digest,
    rules: Rules,
    operators: Vec<PublicKey>,
    members: Vec<Member>,
    incoming: u32,
    mailboxes: u32,
    handlers: u32,
    witnesses: u32,
}

/// What a deployment has agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// How many epochs an obligation may stay open before its debtor is suspected.
    pub challenge_bound: u32,
    /// How many witnesses must have cosigned what a client accepts; 0 if none need have.
    pub quorum: u32,
}

/// Why these members make no roster.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RosterError {
    /// A role lacks an index, or has one twice.
    #[error("the members of a role must be listed by index from 0: {0} is out of place")]
    OutOfPlace(ActorId),
    /// A deployment needs each of these.
    #[error("a roster needs one sequencer and at least one {0}")]
    Missing(Role),
    /// More cosignatures than there are witnesses.
    #[error("a quorum of {quorum} of {witnesses} witnesses")]
    Quorum {
        /// How many are to cosign.
        quorum: u32,
        /// How many can.
        witnesses: u32,
    },
    /// An operator that does not exist.
    #[error("{0} belongs to an operator that the roster does not list")]
    UnknownOperator(ActorId),
}

impl Roster {
    /// The first roster of a deployment. Members are given by role and index.
    pub fn first(rules: Rules, operators: Vec<PublicKey>, members: Vec<Member>) -> Result<Self, RosterError> {
        Roster {
            version: 0,
            previous: Digest::ZERO,
            rules,
            operators,
            members,
            incoming: 0,
            mailboxes: 0,
            handlers: 0,
            witnesses: 0,
        }
        .checked()
    }

    fn checked(mut self) -> Result<Self, RosterError> {
        let mut expected: Option<ActorId> = None;
        for member in &self.members {
            let ActorId::Server(role, index) = member.actor else {
                return Err(RosterError::OutOfPlace(member.actor));
            };
            let in_place = match expected {
                Some(ActorId::Server(last, next)) if last == role => index == next,
                Some(ActorId::Server(last, _)) => role > last && index == 0,
                _ => index == 0,
            };
            if !in_place || (role == Role::Sequencer && index > 0) || role == Role::Operator {
                return Err(RosterError::OutOfPlace(member.actor));
            }
            if member.operator as usize >= self.operators.len() {
                return Err(RosterError::UnknownOperator(member.actor));
            }
            expected = Some(ActorId::Server(role, index + 1));
        }
        let count = |role| self.members.iter().filter(|member| member.actor.role() == role).count() as u32;
        let counts =
            [Role::Handler, Role::Incoming, Role::Sequencer, Role::Mailbox].map(|role| (role, count(role)));
        if let Some((role, _)) = counts.iter().find(|(_, count)| *count == 0) {
            return Err(RosterError::Missing(*role));
        }
        (self.handlers, self.incoming, self.mailboxes) = (counts[0].1, counts[1].1, counts[3].1);
        self.witnesses = count(Role::Witness);
        let (quorum, witnesses) = (self.rules.quorum, self.witnesses);
        if quorum > witnesses {
            return Err(RosterError::Quorum { quorum, witnesses });
        }
        Ok(self)
    }

    /// Its version; the first is 0.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// How many epochs an obligation may stay open before its debtor is suspected.
    pub fn challenge_bound(&self) -> u32 {
        self.rules.challenge_bound
    }

    /// How many witnesses must have cosigned what a client accepts.
    pub fn quorum(&self) -> u32 {
        self.rules.quorum
    }

    /// The actors, by role and index.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// The deployment that this first roster founds.
    pub fn deployment(&self) -> Deployment {
        let digest = Digest::of(&[&self.body()]);
        let mut id = [0; 8];
        id.copy_from_slice(&digest.0[..8]);
        Deployment(id)
    }

    /// The key that verifies an actor's or a client's signatures.
    pub fn key_of(&self, actor: &ActorId) -> Option<PublicKey> {
        match actor {
            ActorId::Client(client) => Some(client.0),
            ActorId::Server(Role::Operator, index) => self.operators.get(*index as usize).copied(),
            server => {
                let found = self.members.binary_search_by_key(server, |member| member.actor).ok()?;
                Some(self.members[found].key)
            }
        }
    }

    /// How many request handlers there are.
    pub fn handlers(&self) -> u32 {
        self.handlers
    }

    /// How many incoming actors there are.
    pub fn incoming(&self) -> u32 {
        self.incoming
    }

    /// How many mailbox actors there are.
    pub fn mailboxes(&self) -> u32 {
        self.mailboxes
    }

    /// How many witnesses there are.
    pub fn witnesses(&self) -> u32 {
        self.witnesses
    }

    /// Which incoming actor takes a client's bundles.
    pub fn incoming_of(&self, client: &ClientId) -> u32 {
        client.range(self.incoming)
    }

    /// Which mailbox actor keeps a client's mailbox.
    pub fn mailbox_of(&self, client: &ClientId) -> u32 {
        client.range(self.mailboxes)
    }

    /// The clients whose mailboxes an actor keeps.
    pub fn hosted_by(&self, mailbox: u32) -> KeyRange {
        KeyRange::of(mailbox, self.mailboxes)
    }
}

impl Encode for Member {
    fn encode(&self, out: &mut Writer) {
        self.actor.encode(out);
        out.u32(self.operator);
        out.bytes(&self.key.0);
    }
}

impl Decode for Member {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Member { actor: ActorId::decode(input)?, operator: input.u32()?, key: PublicKey(input.array()?) })
    }
}

impl Encode for PublicKey {
    fn encode(&self, out: &mut Writer) {
        out.bytes(&self.0);
    }
}

impl Decode for PublicKey {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(PublicKey(input.array()?))
    }
}

impl Statement for Roster {
    const KIND: Kind = Kind::Roster;

    fn head(&self) -> Head {
        Head {
            actor: ActorId::Server(Role::Operator, 0),
            slot: u64::from(self.version),
            terms: Terms { roster: self.version, key: 0 },
        }
    }

    fn encode_fields(&self, out: &mut Writer) {
        self.previous.encode(out);
        out.u8(ORDER_BY_ROTATION);
        out.u32(self.rules.challenge_bound);
        out.u32(self.rules.quorum);
        out.list(&self.operators);
        out.list(&self.members);
    }

    fn decode_fields(head: Head, input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        if head.actor != ActorId::Server(Role::Operator, 0)
            || (head.terms.key, u64::from(head.terms.roster)) != (0, head.slot)
        {
            return Err(DecodeError::Invalid("roster signer or version"));
        }
        let previous = Digest::decode(input)?;
        if input.u8()? != ORDER_BY_ROTATION {
            return Err(DecodeError::Invalid("order rule"));
        }
        let roster = Roster {
            version: head.terms.roster,
            previous,
            rules: Rules { challenge_bound: input.u32()?, quorum: input.u32()? },
            operators: input.list("operators", MEMBERS_MAX)?,
            members: input.list("members", MEMBERS_MAX)?,
            incoming: 0,
            mailboxes: 0,
            handlers: 0,
            witnesses: 0,
        };
        roster.checked().map_err(|_| DecodeError::Invalid("list of members"))
    }
}
