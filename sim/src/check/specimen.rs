//! A small honest history for the tests of the checks, to be broken in one place each.

use server::protocol::{
    crypto::{PublicKey, Signature},
    cut::{Cut, Reached},
    derivation::Entry,
    digest::Digest,
    evidence::Evidence,
    id::{ActorId, BundleNumber, Count, Epoch, Position, Role, SequenceId},
    judge::Verdict,
    predicate::equivocation::Equivocation,
    roster::{Member, Roster, Rules},
    statement::{Citation, Kind, Terms, Trust},
};

use super::{Case, Judged, check_all};
use crate::{
    history::{Appended, Caught, Cheats, Delivered, Moment, Record, Submitted},
    scenario::{ActorName, AttackKind, Drawn, DrawnAdversary, Scenario},
};

const WITNESS: ActorName = ActorName { role: Role::Witness, index: 0 };

fn moment(epoch: u64) -> Moment {
    Moment { at_ns: epoch, epoch: Epoch(epoch) }
}

/// A history that can be broken.
pub struct Specimen {
    pub drawn: Drawn,
    pub record: Record,
    pub judged: Vec<Judged>,
    /// What checks signatures; none, unless a test needs it.
    pub trust: Option<Trust>,
    roster: Roster,
}

pub fn digest(number: u64) -> Digest {
    Digest::of(&[&number.to_be_bytes()])
}

const SCENARIO: &str = "# Two bundles.
[topology]
incoming = 1
mailboxes = 1
clients = 2
[workload]
bundles = 2
";

impl Specimen {
    /// client/0 sends bundles 0 and 1 to client/1, in epochs 1 and 2.
    pub fn honest() -> Self {
        let mut record = Record::default();
        for number in 0..2 {
            let (bundle, position) = ((0, BundleNumber(number)), Position(number));
            let submitted = Submitted {
                wanted_ns: 0,
                made_ns: 0,
                recipients: vec![1],
                payload: digest(number),
                receipt: Some((1, 0, position)),
                delivered_ns: Some(2),
                holders: [1].into(),
            };
            record.submitted.insert(bundle, submitted);
            let leaf = digest(100 + number);
            let appended = Appended { bundle, leaf, recipients: vec![1] };
            record.queues.entry(0).or_default().insert(position, appended);
            let entry = Entry { sequence: SequenceId(number), incoming: 0, position, leaf };
            let delivered = Delivered { entry, bundle: Some(bundle), payload: Some(digest(number)) };
            record.delivered.entry(1).or_default().insert(Count(number + 1), delivered);
            record.cuts.insert(Epoch(number + 1), cut(number + 1));
            let seen = record.seen_cuts.entry(Epoch(number + 1)).or_default();
            seen.insert(digest(200 + number), ActorName::SEQUENCER);
        }
        let scenario = Scenario::parse("specimen", SCENARIO, &[]).unwrap();
        Specimen { drawn: scenario.draw(0), record, judged: Vec::new(), trust: None, roster: roster() }
    }

    /// A verdict out of nowhere.
    pub fn expose(&mut self, name: ActorName, epoch: u64) {
        let nothing = Citation {
            kind: Kind::Cut,
            actor: ActorId::SEQUENCER,
            slot: 1,
            digest: digest(0),
            endorsement: Signature([0; 64]).into(),
        };
        let evidence = Evidence::from(Equivocation { first: nothing.clone(), second: nothing });
        let by = ActorName::new(Role::Client, 0);
        self.record.caught.push(Caught { at_ns: 0, by, epoch: Epoch(epoch), roster: 0, evidence });
        let evidence = self.record.caught.len() - 1;
        let (actor, predicate) = (ActorId::SEQUENCER, "equiv");
        let verdict = Verdict::Exposed { actor, predicate, offence: "nothing".to_owned() };
        self.judged.push(Judged { evidence, exposed: Some(name), verdict, text: "exposed".to_owned() });
    }

    /// An actor that is told to cheat, and does from this epoch on.
    pub fn cheats(&mut self, actor: ActorName, attack: &str, epoch: u64) {
        let attack = AttackKind::named(attack).expect("an attack of that name");
        let (until_ns, victim) = (None, None);
        let adversary =
            DrawnAdversary { actor, attack, from_ns: 0, until_ns, every: 1, victim, optional: false };
        self.drawn.adversaries.push(adversary);
        self.record.attacks.insert((actor, attack.name), Cheats { at_ns: 0, epoch: Epoch(epoch), count: 1 });
    }

    /// Someone owes something from this epoch on.
    pub fn owe(&mut self, target: ActorName, epoch: u64) {
        self.record.blame.open(moment(epoch), WITNESS, target, 0, "attest");
    }

    /// Someone is suspected from this epoch on.
    pub fn suspect(&mut self, target: ActorName, epoch: u64) {
        self.record.blame.suspect(moment(epoch), WITNESS, target, 0, "attest");
    }

    /// Someone has given what it owed.
    pub fn clear(&mut self, epoch: u64) {
        self.record.blame.clear(moment(epoch), WITNESS, 0);
    }

    /// Two are a pair.
    pub fn pair(&mut self, one: ActorName, two: ActorName) {
        self.record.blame.pair(moment(2), WITNESS, one, two);
    }

    /// A client finds itself unserved.
    pub fn unserved(&mut self, client: ActorName) {
        self.record.blame.unserved(moment(2), client);
    }

    /// What a check finds wrong.
    pub fn fails(&self, name: &str) -> Option<String> {
        let roster = Some(self.roster.clone());
        let trust = self.trust.clone();
        let case = Case { drawn: &self.drawn, record: &self.record, judged: &self.judged, roster, trust };
        let checks = check_all(&case);
        let check = checks.into_iter().find(|check| check.name == name).expect("a check of that name");
        (!check.held).then_some(check.why)
    }
}

fn cut(epoch: u64) -> Cut {
    Cut {
        epoch: Epoch(epoch),
        terms: Terms::default(),
        previous: Digest::ZERO,
        base: SequenceId(epoch - 1),
        total: SequenceId(epoch),
        reached: vec![Reached { seal: None, end: Position(epoch) }],
    }
}

fn roster() -> Roster {
    let roles = [Role::Handler, Role::Incoming, Role::Sequencer, Role::Mailbox];
    let member = |role| Member { actor: ActorId::Server(role, 0), operator: 0, key: PublicKey([7; 32]) };
    Roster::first(
        Rules { challenge_bound: 10, quorum: 0 },
        vec![PublicKey([7; 32])],
        roles.into_iter().map(member).collect(),
    )
    .unwrap()
}
