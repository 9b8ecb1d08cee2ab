//! The roster: who the actors are, which keys they hold, and how work is routed among them.
//!
//! Fields after the terms: `previous digest(32) ‖ order rule(1) ‖ challenge bound(4) ‖ quorum(4) ‖ operators: list of key(32) ‖
//! members: list of (actor ‖ operator(4) ‖ key(32))`, and in all but the first version `deployment(8) ‖ former keys: list of (actor ‖
//! key(32) ‖ since(4) ‖ until(4) ‖ optional revocation: version(4) ‖ fences ‖ counts of cosignatures)`; and, if there are any, `agents: list
//! of handler(4)`. Slot: the version. Signed by the operators.
//!
//! Clients are not listed: a client is its key. Routing is by equal ranges of the key space over the number of
//! incoming and of mailbox actors, in the order of their index.
//!
//! # Invariants
//! - The deployment is a digest of the first roster, so a changed roster makes every signature of it void.
//! - Actors of a role are listed once each, by index from 0 without a gap.
//! - The keys of an actor follow one another without a gap: each was listed until the next was.
//! - No key is forgotten, so what a version proves every later one does, but by revoked keys.

pub mod keys;
pub mod succession;

use std::collections::BTreeSet;

use keys::{Former, Listed};

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

/// Most former keys a roster may list.
pub const FORMERS_MAX: usize = 65_536;

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
    /// The deployment; none in the first version, which founds it.
    founded: Option<Deployment>,
    /// The keys before the members' own, by actor and age.
    formers: Vec<Former>,
    /// The request handlers that sign for clients which sign nothing, by index.
    agents: Vec<u32>,
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
    /// Nobody could answer in time.
    #[error("a challenge bound of 0 epochs: at least 1")]
    NoBound,
    /// An operator that does not exist.
    #[error("{0} belongs to an operator that the roster does not list")]
    UnknownOperator(ActorId),
    /// An agent that is no request handler of the roster, or is named twice.
    #[error(
        "the agents must be request handlers that the roster lists, by index, each once: {0} is not, or stands where it must not"
    )]
    NoAgent(ActorId),
    /// A change of what is not there.
    #[error("the roster lists no {0}")]
    NotListed(ActorId),
    /// A revocation of a key that is not a former one, or is revoked already.
    #[error(
        "key {number} of {actor} is no former key that counts: only a key that was replaced can be revoked, and once"
    )]
    NotFormer {
        /// Whose.
        actor: ActorId,
        /// Which one.
        number: u32,
    },
    /// Former keys that do not lead to the present one.
    #[error(
        "the former keys of {0} are no history: each must be another, listed until the next was, and revoked after that"
    )]
    History(ActorId),
    /// More than can be signed.
    #[error("a roster of {length} bytes: at most {most} can be read, so it takes no more keys", most = super::statement::BODY_MAX)]
    TooLong {
        /// How many bytes.
        length: usize,
    },
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
            founded: None,
            formers: Vec::new(),
            agents: Vec::new(),
            incoming: 0,
            mailboxes: 0,
            handlers: 0,
            witnesses: 0,
        }
        .checked()
    }

    /// The same first roster with these request handlers as agents of clients that sign nothing themselves.
    ///
    /// # Errors
    /// They are not by index, each once, or not all there.
    pub fn with_agents(self, agents: Vec<u32>) -> Result<Self, RosterError> {
        Roster { agents, ..self }.checked()
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
        if self.rules.challenge_bound == 0 {
            return Err(RosterError::NoBound);
        }
        let in_order = self.agents.is_sorted_by(|one, next| one < next);
        if let Some(last) = self.agents.last().filter(|last| !in_order || **last >= self.handlers) {
            return Err(RosterError::NoAgent(ActorId::Server(Role::Handler, *last)));
        }
        self.check_histories()?;
        Ok(self)
    }

    fn check_histories(&self) -> Result<(), RosterError> {
        let (mut before, mut keys): (Option<&Former>, BTreeSet<PublicKey>) = (None, BTreeSet::new());
        for former in &self.formers {
            let since = match before.filter(|before| before.actor == former.actor) {
                Some(before) => before.until,
                None => 0,
            };
            let revoked = former.revoked.as_ref().is_none_or(|revoked| {
                let kinds: Vec<Kind> = revoked.bounds.fences.iter().map(|fence| fence.kind).collect();
                (former.until..=self.version).contains(&revoked.version)
                    && kinds.is_sorted_by(|one, next| one < next)
                    && revoked.bounds.cosigned.len() == self.witnesses as usize
            });
            if before.is_none_or(|before| before.actor != former.actor) {
                keys = self.key_of(&former.actor).into_iter().collect();
            }
            let sound = before.is_none_or(|before| before.actor <= former.actor)
                // one that came back would count again for what it signed when it was revoked
                && keys.insert(former.key)
                && former.since == since
                && since < former.until
                && former.until <= self.version
                && revoked
                // a client is its key, and an operator is named by the first roster
                && self.members.binary_search_by_key(&former.actor, |member| member.actor).is_ok();
            if !sound {
                return Err(RosterError::History(former.actor));
            }
            before = Some(former);
        }
        Ok(())
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

    /// The deployment: that which the first roster founds.
    pub fn deployment(&self) -> Deployment {
        if let Some(deployment) = self.founded {
            return deployment;
        }
        let digest = Digest::of(&[&self.body()]);
        let mut id = [0; 8];
        id.copy_from_slice(&digest.0[..8]);
        Deployment(id)
    }

    /// The former keys of an actor, the oldest first.
    pub fn formers_of(&self, actor: &ActorId) -> &[Former] {
        let first = self.formers.partition_point(|former| former.actor < *actor);
        let end = self.formers.partition_point(|former| former.actor <= *actor);
        &self.formers[first..end]
    }

    /// The number of the key that an actor signs with.
    pub fn current_number(&self, actor: &ActorId) -> u32 {
        self.formers_of(actor).len() as u32
    }

    /// Under what an actor signs now.
    pub fn terms_of(&self, actor: &ActorId) -> Terms {
        Terms { roster: self.version, key: self.current_number(actor) }
    }

    /// The key that an actor signs with now, and the roster that listed it first.
    pub fn present_terms_of(&self, actor: &ActorId) -> Terms {
        let key = self.current_number(actor);
        Terms { roster: self.numbered(actor, key).map_or(0, |listed| listed.since), key }
    }

    /// The number of the key that an actor signed with under the roster of a version.
    pub fn number_under(&self, actor: &ActorId, version: u32) -> u32 {
        self.formers_of(actor).partition_point(|former| former.until <= version) as u32
    }

    /// The key of this number of an actor or a client.
    pub fn numbered(&self, actor: &ActorId, number: u32) -> Option<Listed<'_>> {
        let formers = self.formers_of(actor);
        if let Some(former) = formers.get(number as usize) {
            let Former { key, since, revoked, .. } = former;
            return Some(Listed { key: *key, since: *since, revoked: revoked.as_ref() });
        }
        let since = formers.last().map_or(0, |last| last.until);
        let key = self.key_of(actor).filter(|_| number as usize == formers.len())?;
        Some(Listed { key, since, revoked: None })
    }

    /// The key with which an actor's or a client's signatures are made now.
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

    /// Whether a request handler signs for clients that sign nothing themselves.
    pub fn is_agent(&self, handler: u32) -> bool {
        self.agents.binary_search(&handler).is_ok()
    }

    /// The request handlers that do.
    pub fn agents(&self) -> &[u32] {
        &self.agents
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
        if let Some(deployment) = self.founded {
            out.bytes(&deployment.0);
            out.list(&self.formers);
        }
        if !self.agents.is_empty() {
            out.list(&self.agents);
        }
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
        let version = head.terms.roster;
        let roster = Roster {
            version,
            previous,
            rules: Rules { challenge_bound: input.u32()?, quorum: input.u32()? },
            operators: input.list("operators", MEMBERS_MAX)?,
            members: input.list("members", MEMBERS_MAX)?,
            founded: if version > 0 { Some(Deployment(input.array()?)) } else { None },
            formers: if version > 0 { input.list("former keys", FORMERS_MAX)? } else { Vec::new() },
            agents: agents(input)?,
            incoming: 0,
            mailboxes: 0,
            handlers: 0,
            witnesses: 0,
        };
        roster.checked().map_err(|_| DecodeError::Invalid("list of members"))
    }
}

/// The agents at the end, of a roster that has some.
fn agents(input: &mut Reader<'_>) -> Result<Vec<u32>, DecodeError> {
    if input.left().is_empty() {
        return Ok(Vec::new());
    }
    let agents: Vec<u32> = input.list("agents", MEMBERS_MAX)?;
    if agents.is_empty() { Err(DecodeError::Invalid("an empty list of agents")) } else { Ok(agents) }
}
