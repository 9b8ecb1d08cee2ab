//! What clients complain of, who accuses falsely, and who signs for whom.

use super::*;

pub fn complaints(scene: &Scene, all: &mut Vec<Case>) {
    let me = ActorId::Client(client(0));
    let missing = |acks: u64, upto: u64| complaint(me, 0, mailbox(0), acks, Charge::NotReceived(Count(upto)));
    let denial = |body: Complaint| {
        let complaint = scene.sign(body).to_unverified();
        Evidence::from(Denial { complaint, ack: scene.ack.to_unverified() })
    };
    let other = ActorId::Client(client(1));
    let honest = vec![
        denial(missing(4, 6)), // more than was acknowledged
        denial(missing(3, 5)), // said before the ack
        denial(complaint(other, 0, mailbox(0), 9, Charge::NotReceived(Count(1)))),
        denial(complaint(me, 0, mailbox(0), 4, Charge::Proven(Digest::ZERO))),
    ];
    add(all, "denial", me, denial(missing(4, 5)), honest);

    let proven = Evidence::from(Equivocation {
        first: scene.cuts[1].cite(),
        second: scene.cut_with(|cut| cut.total = SequenceId(9)).cite(),
    });
    let unproven = Evidence::from(Equivocation { first: scene.cuts[1].cite(), second: scene.cuts[1].cite() });
    let charge = |evidence: &[u8]| Charge::Proven(Digest::of(&[evidence]));
    let accuse = |against: ActorId, named: &[u8], shown: &[u8]| {
        let complaint = scene.sign(complaint(me, 1, against, 4, charge(named))).to_unverified();
        Evidence::from(FalseAccusation {
            statement: Accusation::Complaint(complaint),
            evidence: shown.to_vec(),
        })
    };
    let (sound, empty) = (proven.to_bytes(), unproven.to_bytes());
    let not_proven = accuse(SEQUENCER, &empty, &empty);
    let honest = || {
        vec![
            accuse(SEQUENCER, &sound, &sound),
            accuse(SEQUENCER, &sound, &empty), // the accuser rests on other bytes
            accuse(SEQUENCER, &sound, b"no evidence"),
        ]
    };
    add(all, "falseacc: not proven", me, not_proven.clone(), honest());
    add(all, "falseacc: another", me, accuse(mailbox(0), &sound, &sound), honest());
    add(all, "falseacc: malformed", me, accuse(SEQUENCER, b"noise", b"noise"), honest());
    let nested = not_proven.to_bytes();
    add(all, "falseacc: nested", me, accuse(me, &nested, &nested), honest());

    let against = scene.sign(complaint(me, 2, mailbox(0), 4, charge(&empty))).cite();
    let defend = |ground: Ground, shown: &[u8]| {
        let defence = scene.sign(defence(mailbox(0), against.clone(), ground)).to_unverified();
        Evidence::from(FalseAccusation { statement: Accusation::Defence(defence), evidence: shown.to_vec() })
    };
    let ground = |evidence: &[u8]| Ground::Evidence(Digest::of(&[evidence]));
    let honest = vec![
        defend(ground(&sound), &sound),
        defend(Ground::Unfounded, &empty),
        defend(ground(&sound), &empty),
    ];
    add(all, "falseacc: defence", mailbox(0), defend(ground(&empty), &empty), honest);
}

/// Whoever says that it signs for a client answers for what that client did.
pub fn agencies(scene: &Scene, all: &mut Vec<Case>) {
    let denial = |acks| {
        let body = complaint(ActorId::Client(client(0)), 0, mailbox(0), acks, Charge::NotReceived(Count(5)));
        let complaint = scene.sign(body).to_unverified();
        Evidence::from(Denial { complaint, ack: scene.ack.to_unverified() })
    };
    let represented = |agency: &Signed<Agency>, evidence| {
        Evidence::from(Represented { agency: agency.to_unverified(), evidence: Box::new(evidence) })
    };
    let agency = |index, agent| Agency {
        handler: agent,
        terms: TERMS,
        client: client(index),
        device: device_digest("a device"),
    };
    let (own, of_other) = (scene.sign(agency(0, 0)), scene.sign(agency(3, 0)));
    let fork = scene.cut_with(|cut| cut.total = SequenceId(9)).cite();
    let of_sequencer = Equivocation { first: scene.cuts[1].cite(), second: fork };
    let honest = vec![
        represented(&of_other, denial(4)),
        represented(&of_other, of_sequencer.into()), // nobody signs for a server's actor
        represented(&scene.pen.forge(agency(0, 0)), denial(4)),
        represented(&scene.sign(agency(0, 1)), denial(4)), // listed, but not as an agent
        represented(&own, denial(3)),                      // the client has done nothing
    ];
    add(all, "agent", HANDLER, represented(&own, denial(4)), honest);
}
