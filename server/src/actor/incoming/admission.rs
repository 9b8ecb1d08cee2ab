//! Admission: which bundles may enter the queue, in which order, and what a client gets when it asks again.
//!
//! # Invariants
//! - For each client the admitted numbers are contiguous from 0, and each bundle names the one before it.
//! - A bundle that cites a cut not yet seen is held, not refused and not admitted (rule R10).
//! - A bundle handed in twice is admitted once, and its receipt is given again.

use std::{
    cell::OnceCell,
    collections::{BTreeMap, BTreeSet},
};

use super::room::Room;
use crate::{
    actor::{
        Step,
        step::{Notice, row},
    },
    protocol::{
        board::Twin,
        bundle::{Bundle, Submission},
        codec::{Decode, DecodeError, Encode as _, Reader, Writer},
        digest::Digest,
        evidence::Evidence,
        id::{ActorId, BundleNumber, ClientId, Epoch, Position, Role},
        judge::judge,
        merkle::{LEAVES_MAX, Nodes, Opening, Tree},
        predicate::equivocation::Equivocation,
        receipt::{Receipt, Receipted, bundle_leaf},
        refusal::{Reason, Refusal},
        statement::{Citation, Kind, Signed, Statement as _, Trust, Unverified},
    },
};

/// Rows: first position of a receipt → its bundles that their clients may still ask for.
pub const RECENT: u8 = 2;

/// Most bundles of one client without a receipt. What a client may still ask for is bounded by it.
pub const IN_FLIGHT_MAX: u64 = 64;
/// Most bytes of bundles that wait for the one before them or for a cut; keys are free, so it is over all clients.
const HELD_BYTES_MAX: u64 = 256 << 20;
/// How many epochs back a cited cut is compared with the one seen; of an older one the signature is checked.
const CUTS_KEPT: usize = 1024;

/// What is said of a bundle for which there is no room, and to a witness of one that can be neither admitted nor shown to
/// be wrong.
const LATER: Reason = Reason::QueueFull { retry_after_ms: super::RETRY_AFTER_MS };

/// What is known of one client.
#[derive(Default)]
struct Client {
    /// The handler that asked for it last.
    handler: Option<ActorId>,
    /// Arrived, signed, and not in order yet.
    held: BTreeMap<BundleNumber, (Signed<Bundle>, Submission)>,
    /// The last ones admitted; always holds the very last.
    recent: BTreeMap<BundleNumber, Recent>,
}

impl Client {
    fn last(&self) -> Option<(&BundleNumber, &Recent)> {
        self.recent.last_key_value()
    }

    fn next(&self) -> BundleNumber {
        self.last().map_or(BundleNumber(0), |(number, _)| number.next())
    }
}

/// A bundle that was admitted, and its place in a receipt: that receipt's first position, and the index there. None until the
/// receipt is promised.
struct Recent {
    citation: Citation,
    place: Option<(Position, u64)>,
}

/// A receipt that some client may ask for again.
struct Tick {
    receipt: Option<Signed<Receipt>>,
    /// What all its bundles are proven with, until it is out.
    tree: Option<Tree>,
    /// What its row holds: all bundles that may still be asked for, and some that may not.
    opening: Opening,
    /// The same, for proofs, once one is asked for.
    nodes: OnceCell<Nodes>,
    /// The bundles that may still be asked for, by index.
    members: BTreeMap<u64, Citation>,
}

impl Tick {
    fn new(opening: Opening, members: BTreeMap<u64, Citation>, tree: Option<Tree>) -> Self {
        Tick { receipt: None, tree, opening, nodes: OnceCell::new(), members }
    }

    fn prove(&self, indices: &[u64]) -> Option<Opening> {
        self.nodes.get_or_init(|| self.opening.nodes().unwrap_or_default()).open(indices)
    }

    /// What its row holds.
    fn row(&self) -> Vec<u8> {
        let mut out = Writer::default();
        self.opening.encode(&mut out);
        out.list(&self.members.values().cloned().collect::<Vec<_>>());
        out.into_bytes()
    }
}

/// What came of the bundles that had arrived.
#[derive(Default)]
pub struct Outcome {
    /// To append, in this order.
    pub admitted: Vec<(ClientId, Submission)>,
    /// To refuse: client, number, digest and reason.
    pub refused: Vec<(ClientId, BundleNumber, Digest, Reason)>,
}

/// What a cited cut is to this actor.
enum Cited {
    Known,
    NotSeen,
    Forked(Citation),
    Forged,
}

/// The admission table of an incoming actor.
pub struct Admission {
    index: u32,
    trust: Trust,
    arrived: Vec<(ActorId, Submission)>,
    clients: BTreeMap<ClientId, Client>,
    /// Clients whose next bundle may be in order, first come first.
    ready: Vec<ClientId>,
    /// Clients whose next bundle waits for a cut.
    waiting: BTreeSet<ClientId>,
    cuts: BTreeMap<Epoch, Citation>,
    /// Who asked for clients of another incoming actor, until they are told so.
    strangers: BTreeMap<ClientId, ActorId>,
    /// Bundles that came from a witness: they are owed an answer, if only that another must come first.
    posted: BTreeSet<(ClientId, BundleNumber)>,
    /// The witnesses that posted a bundle in this step, and want to see what is said of it.
    posted_by: BTreeMap<Digest, BTreeSet<ActorId>>,
    /// Bytes of all held bundles.
    held_bytes: u64,
    placed: Vec<(ClientId, BundleNumber)>,
    ticks: BTreeMap<Position, Tick>,
}

impl Admission {
    /// The empty table of incoming actor `index`.
    pub fn new(index: u32, trust: Trust) -> Self {
        Admission {
            index,
            trust,
            arrived: Vec::new(),
            clients: BTreeMap::new(),
            ready: Vec::new(),
            waiting: BTreeSet::new(),
            cuts: BTreeMap::new(),
            strangers: BTreeMap::new(),
            posted: BTreeSet::new(),
            posted_by: BTreeMap::new(),
            held_bytes: 0,
            placed: Vec::new(),
            ticks: BTreeMap::new(),
        }
    }

    /// Puts back a stored row.
    pub fn recover(&mut self, key: &[u8], value: &[u8]) -> Result<(), DecodeError> {
        let first = Position::from_bytes(key)?;
        let mut input = Reader::new(value);
        let opening = Opening::decode(&mut input)?;
        let bundles: Vec<Citation> = input.list("bundles of a receipt", LEAVES_MAX as usize)?;
        input.end()?;
        let leaves = bundles.iter().map(bundle_leaf);
        let sound = opening.root().is_some() && opening.leaves().iter().map(|(_, leaf)| *leaf).eq(leaves);
        if !sound {
            return Err(DecodeError::Invalid("bundles of a receipt"));
        }
        let indices = opening.leaves().iter().map(|(index, _)| *index);
        let members: BTreeMap<u64, Citation> = indices.zip(bundles).collect();
        for (index, citation) in &members {
            let client = citation.actor.client().ok_or(DecodeError::Invalid("citation of a bundle"))?;
            let recent = Recent { citation: citation.clone(), place: Some((first, *index)) };
            self.clients.entry(client).or_default().recent.insert(BundleNumber(citation.slot), recent);
        }
        self.ticks.insert(first, Tick::new(opening, members, None));
        Ok(())
    }

    /// Puts back a receipt. Gives up one that nobody can ask for.
    pub fn recover_receipt(&mut self, receipt: Signed<Receipt>) {
        if let Some(tick) = self.ticks.get_mut(&receipt.first) {
            tick.receipt = Some(receipt);
        }
    }

    /// A cut was seen: what waited for it may go on.
    pub fn see(&mut self, cut: Citation) {
        self.cuts.insert(Epoch(cut.slot), cut);
        while self.cuts.len() > CUTS_KEPT {
            self.cuts.pop_first();
        }
        self.ready.extend(std::mem::take(&mut self.waiting));
    }

    /// The cut of an epoch, if it is remembered.
    pub fn cut(&self, epoch: Epoch) -> Option<Citation> {
        self.cuts.get(&epoch).cloned()
    }

    /// The handler that asked for a client last.
    pub fn handler_of(&self, client: &ClientId) -> Option<ActorId> {
        self.clients.get(client)?.handler
    }

    /// Where the answer to a refused bundle goes: to whoever handed in one of the client's last, and to the witnesses that posted
    /// this one, whatever came after it.
    pub fn routes(&mut self, refusal: &Refusal) -> BTreeSet<ActorId> {
        let stranger = self.strangers.remove(&refusal.client);
        let last = stranger.or_else(|| self.clients.get(&refusal.client)?.handler);
        let posted = self.posted_by.remove(&refusal.bundle).unwrap_or_default();
        posted.into_iter().chain(last).collect()
    }

    /// A submission arrived. If its bundle already has a receipt, that is the answer.
    pub fn arrive(&mut self, from: ActorId, submission: Submission, step: &mut Step) -> Option<Receipted> {
        let client = submission.bundle.claimed_actor().client()?;
        let number = BundleNumber(submission.bundle.claimed_slot());
        if self.admitted(&client, number).is_some_and(|recent| recent.citation == submission.bundle.cite()) {
            step.notice(Notice::Reached("a bundle was submitted again after its admission"));
            return self.receipt_of(&client, number);
        }
        if from.role() == Role::Witness {
            self.posted.insert((client, number));
            self.posted_by.entry(submission.bundle.digest()).or_default().insert(from);
        }
        self.arrived.push((from, submission));
        None
    }

    fn admitted(&self, client: &ClientId, number: BundleNumber) -> Option<&Recent> {
        self.clients.get(client)?.recent.get(&number)
    }

    fn receipt_of(&self, client: &ClientId, number: BundleNumber) -> Option<Receipted> {
        let (first, index) = self.admitted(client, number)?.place?;
        let tick = self.ticks.get(&first)?;
        Some(Receipted::new(tick.receipt.as_ref()?, *client, number, tick.prove(&[index])?))
    }

    /// The receipt of a bundle that was admitted under another signature of its client.
    pub fn twin(&self, bundle: &Citation) -> Option<Twin> {
        let (client, number) = (bundle.actor.client()?, BundleNumber(bundle.slot));
        let admitted = &self.admitted(&client, number)?.citation;
        let twin = admitted.digest == bundle.digest && *admitted != *bundle;
        let receipted = self.receipt_of(&client, number).filter(|_| twin)?;
        Some(Twin { receipted, bundle: admitted.clone() })
    }

    /// Verifies all that arrived, in one batch, and admits what is in order, as far as there is room.
    pub fn admit(&mut self, mut room: Room, step: &mut Step) -> Outcome {
        let mut outcome = Outcome::default();
        let arrived = std::mem::take(&mut self.arrived);
        let bundles = || arrived.iter().map(|(_, submission)| &submission.bundle);
        step.work.verified_batched += Unverified::signatures(bundles());
        let bundles = bundles().cloned().collect();
        let verified = Unverified::verify_all(bundles, &self.trust);
        for ((from, submission), bundle) in arrived.into_iter().zip(verified) {
            match bundle {
                Ok(bundle) => self.sort(from, bundle, submission, step, &mut outcome),
                Err(error) => step.disbelieve(from, &error),
            }
        }
        for client in std::mem::take(&mut self.ready) {
            self.drain(client, &mut room, step, &mut outcome);
        }
        self.answer_posted(&mut outcome);
        let refused: BTreeSet<Digest> = outcome.refused.iter().map(|(.., bundle, _)| *bundle).collect();
        self.posted_by.retain(|bundle, _| refused.contains(bundle));
        outcome
    }

    /// Holds a signed bundle for its turn, or refuses it.
    fn sort(
        &mut self,
        from: ActorId,
        bundle: Signed<Bundle>,
        submission: Submission,
        step: &mut Step,
        outcome: &mut Outcome,
    ) {
        let (client, number) = (bundle.client, bundle.number);
        let mut refuse = |reason| outcome.refused.push((client, number, bundle.digest(), reason));
        if self.trust.roster.incoming_of(&client) != self.index {
            self.strangers.insert(client, from);
            return refuse(Reason::Misrouted);
        }
        let known = self.clients.entry(client).or_default();
        known.handler = Some(from);
        step.work.hashed_bytes += submission.content.bytes();
        if submission.content.commitment() != bundle.commitment {
            // whoever handed it in may have changed it: that is no word of the client's, and no refusal of its bundle
            return step
                .notice(Notice::Suspicious { from, why: "content that was not committed to".to_owned() });
        }
        if !submission.content.is_well_formed() {
            return refuse(Reason::Malformed);
        }
        let held = known.held.get(&number).map(|(held, _)| held.cite());
        let other = known.recent.get(&number).map(|recent| recent.citation.clone()).or(held);
        if let Some(other) = other {
            if other.digest != bundle.digest() {
                let evidence = Equivocation { first: other.clone(), second: bundle.cite() };
                step.notice(Notice::Caught(Box::new(evidence.into())));
                refuse(Reason::Equivocation { other });
            } else if other != bundle.cite() {
                // signed in another way: it is not admitted again, and whoever has it in custody need not wait
                refuse(LATER);
            }
            return;
        }
        let next = known.next();
        let bytes = submission.content.wire_bytes();
        let too_much = number > next && self.held_bytes + bytes > HELD_BYTES_MAX;
        if number.0 >= next.0 + IN_FLIGHT_MAX || too_much {
            return refuse(Reason::Gap { next });
        }
        if number < next {
            // older than what a client may still ask for; a witness wants an answer for its board all the same
            if from.role() == Role::Witness {
                refuse(LATER);
            }
            return;
        }
        if number > next {
            step.notice(Notice::Reached("a bundle was held for the one before it"));
        }
        self.held_bytes += bytes;
        known.held.insert(number, (bundle, submission));
        self.ready.push(client);
    }

    /// What was posted and is held gets an answer too: what it is held for, or that its time has not come.
    fn answer_posted(&mut self, outcome: &mut Outcome) {
        for (client, number) in std::mem::take(&mut self.posted) {
            let Some(known) = self.clients.get(&client) else { continue };
            let next = known.next();
            let Some((bundle, _)) = known.held.get(&number) else { continue };
            let reason = if number > next { Reason::Gap { next } } else { LATER };
            outcome.refused.push((client, number, bundle.digest(), reason));
        }
    }

    /// Admits what is in order of one client.
    fn drain(&mut self, client: ClientId, room: &mut Room, step: &mut Step, outcome: &mut Outcome) {
        let Some(known) = self.clients.get_mut(&client) else { return };
        while let Some(entry) = known.held.first_entry() {
            let number = *entry.key();
            if number != known.recent.last_key_value().map_or(BundleNumber(0), |(last, _)| last.next()) {
                return;
            }
            let last = known.recent.last_key_value().map(|(_, recent)| recent.citation.clone());
            let bundle = &entry.get().0;
            let reason = match examine(bundle, last, &self.cuts, &self.trust) {
                // keys are free, and so are bundles that cite what this actor sees a moment later than others
                Err(NotYet) if self.held_bytes > HELD_BYTES_MAX => Some(LATER),
                Err(NotYet) => {
                    step.notice(Notice::Reached("a bundle was held for a cut that it cites"));
                    self.waiting.insert(client);
                    return;
                }
                Ok(Some(reason)) => Some(reason),
                Ok(None) if room.is_none() => Some(LATER),
                Ok(None) => None,
            };
            let (bundle, submission) = entry.remove();
            let bytes = submission.content.wire_bytes();
            self.held_bytes -= bytes;
            if let (Some(Reason::ForkedCut { known }), Some(cited)) = (&reason, bundle.seen.clone()) {
                let evidence = Evidence::from(Equivocation { first: known.clone(), second: cited });
                // a key that was revoked since goes on to count in the work, and proves nothing
                if judge(&evidence, &self.trust).exposed().is_some() {
                    step.notice(Notice::Caught(Box::new(evidence)));
                }
            }
            if let Some(reason) = reason {
                return outcome.refused.push((client, number, bundle.digest(), reason));
            }
            room.take(bytes);
            let recent = Recent { citation: bundle.cite(), place: None };
            known.recent.insert(number, recent);
            self.placed.push((client, number));
            outcome.admitted.push((client, submission));
        }
    }

    /// The bundles admitted since the last receipt stand at `first` and after; `tree` is over their leaves. Gives up what no client
    /// may ask for any more, and stores the rest.
    pub fn tick(&mut self, first: Position, tree: Tree, step: &mut Step) {
        let placed = std::mem::take(&mut self.placed);
        debug_assert_eq!(placed.len() as u64, tree.size());
        let (mut members, mut given_up) = (BTreeMap::new(), BTreeSet::new());
        for (index, (client, number)) in (0..).zip(placed) {
            let Some(known) = self.clients.get_mut(&client) else { continue };
            if let Some(recent) = known.recent.get_mut(&number) {
                recent.place = Some((first, index));
                members.insert(index, recent.citation.clone());
            }
            let oldest = BundleNumber((number.0 + 1).saturating_sub(IN_FLIGHT_MAX));
            while let Some(entry) = known.recent.first_entry().filter(|entry| *entry.key() < oldest) {
                let Some((of, index)) = entry.remove().place else { continue };
                match self.ticks.get_mut(&of) {
                    Some(tick) => drop(tick.members.remove(&index)),
                    None => drop(members.remove(&index)),
                }
                given_up.insert(of);
            }
        }
        let opening = tree.open(&members.keys().copied().collect::<Vec<_>>());
        let tick = Tick::new(opening, members, Some(tree));
        step.put(row(RECENT, &first.to_bytes()), tick.row());
        self.ticks.insert(first, tick);
        given_up.into_iter().for_each(|first| self.shrink(first, step));
    }

    /// Stores a receipt's bundles anew if most are given up: a client that comes seldom keeps its own, and little else.
    fn shrink(&mut self, first: Position, step: &mut Step) {
        let Some(tick) = self.ticks.get_mut(&first) else { return };
        let row = row(RECENT, &first.to_bytes());
        if tick.members.is_empty() {
            self.ticks.remove(&first);
            step.delete(row);
            step.forget(Receipt::KIND, first.0);
        } else if tick.members.len() <= tick.opening.leaves().len() / 4 {
            let indices: Vec<u64> = tick.members.keys().copied().collect();
            if let Some(opening) = tick.prove(&indices) {
                (tick.opening, tick.nodes) = (opening, OnceCell::new());
                step.put(row, tick.row());
            }
        }
    }

    /// A receipt is out: for each bundle in it, where its proof goes.
    pub fn receipted(&mut self, receipt: &Signed<Receipt>) -> Vec<(ActorId, Receipted)> {
        let Some(tick) = self.ticks.get_mut(&receipt.first) else { return Vec::new() };
        tick.receipt = Some(receipt.clone());
        let Some(tree) = tick.tree.take() else { return Vec::new() };
        let proof = |(index, citation): (&u64, &Citation)| {
            let client = citation.actor.client()?;
            let (handler, opening) = (self.clients.get(&client)?.handler?, tree.open(&[*index]));
            Some((handler, Receipted::new(receipt, client, BundleNumber(citation.slot), opening)))
        };
        tick.members.iter().filter_map(proof).collect()
    }
}

/// The cut that a bundle cites has not been seen.
struct NotYet;

/// Why a bundle that is next in line is refused, if it is.
fn examine(
    bundle: &Signed<Bundle>,
    last: Option<Citation>,
    cuts: &BTreeMap<Epoch, Citation>,
    trust: &Trust,
) -> Result<Option<Reason>, NotYet> {
    if bundle.previous != last.as_ref().map_or(Digest::ZERO, |last| last.digest) {
        return Ok(Some(last.map_or(Reason::Malformed, |other| Reason::Equivocation { other })));
    }
    match bundle.seen.as_ref().map_or(Cited::Known, |cited| look_up(cited, cuts, trust)) {
        Cited::NotSeen => return Err(NotYet),
        Cited::Forged => return Ok(Some(Reason::Malformed)),
        Cited::Forked(known) => return Ok(Some(Reason::ForkedCut { known })),
        Cited::Known => {}
    }
    let newest = cuts.last_key_value().map(|(_, cut)| cut.clone());
    Ok(newest.filter(|cut| cut.slot > bundle.expiry.0).map(|cut| Reason::Expired { cut }))
}

fn look_up(cited: &Citation, cuts: &BTreeMap<Epoch, Citation>, trust: &Trust) -> Cited {
    let epoch = Epoch(cited.slot);
    if !cited.is_of(Kind::Cut, ActorId::SEQUENCER, cited.slot) {
        return Cited::Forged;
    }
    match cuts.get(&epoch) {
        Some(known) if known == cited => Cited::Known,
        _ if !cited.verify(trust) => Cited::Forged,
        Some(known) if known.digest != cited.digest => Cited::Forked(known.clone()),
        Some(_) => Cited::Known,
        None if cuts.last_key_value().is_none_or(|(newest, _)| epoch > *newest) => Cited::NotSeen,
        None => Cited::Known,
    }
}
