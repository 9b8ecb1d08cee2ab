//! Who tells the history: the observer of a node, and a signer whose every signature is seen.

use std::sync::Arc;

use server::{
    actor::{Draft, Issued, Notice, Step},
    node::Observer,
    port::Time,
    protocol::{
        codec::{Decode, Reader},
        crypto::{PublicKey, Signature, Signer},
        digest::Digest,
        id::{ActorId, BundleNumber, Epoch, Role},
        message::Message,
        statement::Kind,
    },
    watch::shelf::Shelf,
};

use super::{History, points};
use crate::{
    scenario::ActorName,
    trace::{self, Event, Turn},
};
/// A signer whose every signature is seen: a statement that is signed before it is durable would be missed by an
/// observer of what is durable.
pub struct SeenSigner {
    /// Whose key it is.
    pub who: ActorName,
    /// All who sign with it: `who` alone, or the parts of a monolith.
    pub parts: Vec<ActorName>,
    /// The key.
    pub signer: Box<dyn Signer>,
    /// Where it is seen.
    pub history: History,
}

impl Signer for SeenSigner {
    fn public(&self) -> PublicKey {
        self.signer.public()
    }

    fn sign(&self, preimage: &[u8]) -> Signature {
        self.see(preimage);
        self.signer.sign(preimage)
    }

    fn covers(&self, preimage: &[u8]) {
        self.see(preimage);
    }
}

impl SeenSigner {
    fn see(&self, preimage: &[u8]) {
        if let Some((kind, actor, slot, digest)) = slot_of(preimage).filter(|(kind, ..)| kind.exclusive()) {
            let who = part_of(&self.parts, &actor).unwrap_or(self.who);
            let mut record = self.history.record();
            record.slots.entry((who, kind, slot)).or_default().insert(digest);
            record.signs(who, kind, slot);
        }
    }
}

/// Kind, actor, slot and digest of a preimage: `tag(6) ‖ deployment(8) ‖ kind(1) ‖ actor ‖ slot(8) ‖ digest(32)`.
fn slot_of(preimage: &[u8]) -> Option<(Kind, ActorId, u64, Digest)> {
    let kind = Kind::from_byte(*preimage.get(14)?)?;
    let (head, tail) = preimage.split_at_checked(preimage.len().checked_sub(40)?)?;
    let actor = ActorId::from_bytes(head.get(15..)?).ok()?;
    let mut tail = Reader::new(tail);
    Some((kind, actor, tail.u64().ok()?, Digest(tail.array().ok()?)))
}

/// Which of several parts of a monolith makes a statement; none where there is nothing to tell apart.
fn part_of(parts: &[ActorName], actor: &ActorId) -> Option<ActorName> {
    let ActorId::Server(role, index) = *actor else { return None };
    parts.iter().copied().find(|part| parts.len() > 1 && *part == ActorName::new(role, index))
}

/// Observes one process.
pub struct NodeObserver {
    pub(super) who: ActorName,
    /// Who lives in it: `who` alone, or the parts of a monolith.
    pub(super) parts: Vec<ActorName>,
    /// What it goes by where roles are counted.
    pub(super) label: &'static str,
    /// Where public statements are handed out over HTTP, if they are.
    pub(super) shelf: Option<Arc<Shelf>>,
    pub(super) history: History,
}

impl NodeObserver {
    /// The same, which puts public statements on this shelf.
    #[must_use]
    pub fn filling(self, shelf: Arc<Shelf>) -> Self {
        NodeObserver { shelf: Some(shelf), ..self }
    }

    /// Whose notice it is, as far as that can be told apart.
    fn teller(&self, notice: &Notice) -> ActorName {
        match notice {
            Notice::Appended { .. } => {
                part_of(&self.parts, &ActorId::Server(Role::Incoming, 0)).unwrap_or(self.who)
            }
            _ => self.who,
        }
    }
}

impl Observer for NodeObserver {
    fn promised(&mut self, _: Time, draft: &Draft, digest: Digest) {
        let (kind, slot) = (draft.kind(), draft.slot());
        let who = part_of(&self.parts, &draft.actor()).unwrap_or(self.who);
        let bundle = (kind == Kind::Bundle).then_some((who.index, BundleNumber(slot)));
        let what = format!("promises {} {slot} {digest:?}", kind.name());
        self.history.event_about(bundle, Some(who), what);
        if let Draft::Cut(cut) = draft {
            self.history.record().cuts.insert(cut.epoch, cut.clone());
        }
        if let Some(point) = points::of_statement(draft) {
            self.history.record().cover(point);
        }
        if matches!(draft, Draft::Recovery(_)) {
            self.history.retired(who);
        }
        if let Draft::Attestation(attestation) = draft {
            let mut record = self.history.record();
            record.attested.entry(attestation.mailbox).or_default().insert(attestation.epoch);
        }
        if let Draft::Cosignature(cosignature) = draft {
            let mut record = self.history.record();
            for head in &cosignature.heads {
                let log = (self.who, head.kind, head.actor, head.slot);
                record.heads.entry(log).or_default().insert(head.digest);
            }
        }
    }

    fn issued(&mut self, issued: &Issued) {
        self.shelf.iter().for_each(|shelf| shelf.put(issued));
        if let Some(point) = points::of_issued(issued) {
            self.history.record().cover(point);
        }
    }

    fn notice(&mut self, _: Time, notice: Notice) {
        let (now, who) = (self.history.time.now_ns(), self.teller(&notice));
        let traced = self.history.record().trace.is_some();
        if traced {
            let bundle = trace::bundle_of(&notice, who, &self.history.record());
            let what = trace::describe(&notice);
            self.history.trace(Event { at_ns: now, who: Some(who), epoch: Epoch(0), bundle, what });
        }
        self.history.record().take(now, who, notice);
    }

    fn committed(&mut self, took_ns: u64) {
        self.history.record().commits.add(took_ns);
    }

    fn stepped(&mut self, now: Time, step: &Step) {
        let to_ns = self.history.time.now_ns();
        self.history.fingerprint.step(to_ns, (self.label, self.who.index), &step.work);
        let mut record = self.history.record();
        if let Some(trace) = &mut record.trace {
            let from_ns = to_ns.saturating_sub(now.0.saturating_sub(step.now.0));
            let (who, inputs, signed) = (self.who, step.work.inputs, step.work.signed);
            trace.turns.push(Turn { who, from_ns, to_ns, inputs, signed });
        }
        record.steps += 1;
        record.inputs += step.work.inputs;
        record.signed.entry(self.label).or_default().add(to_ns, step.work.signed);
        if let Some(letters) = &mut record.letters {
            let sent = step.sends.iter().map(|(_, message)| message);
            letters.extend(sent.filter(|message| is_for_a_client(message)).cloned());
        }
    }
}

fn is_for_a_client(message: &Message) -> bool {
    matches!(message, Message::Delivery(_) | Message::Receipted(_))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use madsim::runtime::Runtime;
    use server::protocol::{crypto::Ed25519Signer, id::Deployment, statement::preimage};

    use super::*;
    use crate::{fingerprint::Fingerprint, model::clock::VirtualTime};

    const WHO: ActorName = ActorName::SEQUENCER;

    /// A sequencer's signer, and the history that sees it.
    fn seen() -> (SeenSigner, History) {
        let time = Runtime::new().block_on(async { VirtualTime::current() });
        let history = History::new(&[], BTreeSet::new(), false, time, Fingerprint::default());
        let signer = Box::new(Ed25519Signer::from_secret(&[1; 32]));
        (SeenSigner { who: WHO, parts: vec![WHO], signer, history: history.clone() }, history)
    }

    fn sign(signer: &SeenSigner, kind: Kind, slot: u64) {
        let digest = Digest::of(&[b"what"]);
        signer.sign(&preimage(Deployment([2; 8]), kind, ActorId::SEQUENCER, slot, digest));
    }

    #[test]
    fn what_is_signed_after_a_loss_is_seen_and_an_admission_is_none_of_it() {
        let (signer, history) = seen();
        sign(&signer, Kind::Cut, 1);
        history.record().loses(WHO);
        sign(&signer, Kind::Recovery, 0);
        assert_eq!(history.record().signed_after_loss, []);
        sign(&signer, Kind::Cut, 2);
        assert_eq!(history.record().signed_after_loss, [(WHO, "cut 2".to_owned())]);
    }

    #[test]
    fn what_is_signed_before_a_loss_shows_counts_from_when_its_actor_started() {
        let (signer, history) = seen();
        sign(&signer, Kind::Cut, 1);
        history.record().begin_to_read(&[WHO]);
        sign(&signer, Kind::Cut, 2);
        sign(&signer, Kind::Recovery, 0);
        assert_eq!(history.record().signed_after_loss, [], "nothing may be lost");
        history.record().loses(WHO);
        assert_eq!(history.record().signed_after_loss, [(WHO, "cut 2".to_owned())]);
    }

    #[test]
    fn what_is_signed_by_who_reads_a_whole_disk_counts_for_nothing() {
        let (signer, history) = seen();
        history.record().begin_to_read(&[WHO]);
        sign(&signer, Kind::Cut, 1);
        history.record().have_read(&[WHO]);
        sign(&signer, Kind::Cut, 2);
        history.record().loses(WHO);
        assert_eq!(history.record().signed_after_loss, []);
    }
}
