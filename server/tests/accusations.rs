//! Accusations: the statements of a whole honest deployment, put together at random into every predicate, expose nobody (I1).

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

mod scene;
mod support;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

use scene::{Parcelled, cited, manifest, tree};
use server::{
    actor::{Input, Notice},
    port::Time,
    protocol::{
        attestation::Attestation,
        bundle::Submission,
        codec::{Decode, Encode},
        crypto::{Claim, Ed25519, Verifier},
        cut::{Cut, Reached},
        digest::Digest,
        evidence::Evidence,
        id::{ActorId, Epoch, Position, SequenceId},
        judge::judge,
        map::{KeyRange, Pruned},
        merkle::Opening,
        message::Message,
        predicate::{
            attestation::{BadCitation, BadHosting},
            chain::{BrokenChain, Linked},
            cut::{BadCut, CutFault},
            equivocation::Equivocation,
            promise::{BrokenPromise, PromiseProof},
            receipt::{Placed, TwoPlaces},
            refusal::BadRefusal,
            seal::{BadSeal, SealFault},
            seals::{CrossSeal, SealedBundle},
        },
        receipt::Receipt,
        refusal::{Reason, Refusal},
        seal::Seal,
        statement::{Citation, Signed, Statement, Terms, Trust, Unverified},
    },
};
use support::{Bench, Boundary, World, client, history::Random, incoming, mailbox, setup, signer_of};

/// Ed25519 that answers the same question once.
struct Remembering(Mutex<BTreeMap<Digest, bool>>);

impl Verifier for Remembering {
    fn verify(&self, (key, preimage, signature): Claim<'_>) -> bool {
        let question = Digest::of(&[&key.0, &signature.0, preimage]);
        let mut known = self.0.lock().unwrap();
        *known.entry(question).or_insert_with(|| Ed25519.verify((key, preimage, signature)))
    }

    fn verify_all(&self, claims: &[Claim<'_>]) -> bool {
        claims.iter().all(|claim| self.verify(*claim))
    }
}

/// All that a deployment signed, and the runs of bundles under its seals.
struct Material {
    trust: Trust,
    bundles: Vec<Parcelled>,
    runs: Vec<(Signed<Seal>, Vec<Parcelled>)>,
    receipts: Vec<(Signed<Receipt>, Vec<Parcelled>)>,
    cuts: Vec<Signed<Cut>>,
    attestations: Vec<Signed<Attestation>>,
    citations: Vec<Citation>,
}

fn signed<T: Statement>(world: &World, trust: &Trust) -> Vec<Signed<T>> {
    let of_kind = world.benches.values().flat_map(|bench| &bench.signed);
    let of_kind = of_kind.filter(|((kind, _), _)| *kind == T::KIND);
    let read = of_kind.map(|(_, bytes)| Unverified::<T>::from_bytes(bytes).unwrap().verify(trust).unwrap());
    read.collect()
}

/// A busy deployment with a crash of every incoming actor, of the sequencer and of a mailbox actor.
fn material() -> Material {
    let mut world = World::new(2, 2, 4);
    let submitted: Arc<Mutex<BTreeMap<Digest, Submission>>> = Arc::default();
    let kept = submitted.clone();
    world.tamper = Some(Box::new(move |_, _, message| {
        if let Message::Submit(submission) = &message {
            kept.lock().unwrap().insert(submission.bundle.digest(), submission.clone());
        }
        Some(message)
    }));
    let crashes = [
        (incoming(0), 20, Boundary::AmidSends),
        (incoming(1), 30, Boundary::AfterCommit),
        (ActorId::SEQUENCER, 15, Boundary::AfterCommit),
        (mailbox(0), 25, Boundary::AmidSends),
    ];
    for (who, turn, boundary) in crashes {
        world.benches.get_mut(&who).unwrap().crash = Some((turn, boundary));
    }
    world.connect_all();
    for round in 0..8u64 {
        for from in 0..4 {
            for part in 0..3 {
                world.submit(from, 10 * round + part, &[from as u8, round as u8, part as u8], &[0, 1, from]);
            }
        }
        world.run_for(4);
    }
    world.run_for(200);
    assert_eq!(world.crashes, 4);
    let mut trust = world.setup.trust.clone();
    trust.verifier = Arc::new(Remembering(Mutex::new(BTreeMap::new())));
    let submissions = std::mem::take(&mut *submitted.lock().unwrap());
    let by_leaf: BTreeMap<Digest, Parcelled> = submissions
        .into_values()
        .map(|submission| Parcelled {
            bundle: submission.bundle.verify(&trust).unwrap(),
            content: submission.content,
        })
        .map(|parcelled| (parcelled.leaf(), parcelled))
        .collect();
    let mut queues: BTreeMap<(u32, u64), Parcelled> = BTreeMap::new();
    for index in 0..2 {
        for notice in world.told(incoming(index)) {
            if let Notice::Appended { position, leaf, .. } = notice {
                queues.insert((index, position.0), by_leaf[leaf].clone());
            }
        }
    }
    let run = |index: u32, start: u64, end: u64| -> Vec<Parcelled> {
        (start..end).map(|position| queues[&(index, position)].clone()).collect()
    };
    let runs = signed::<Seal>(&world, &trust).into_iter();
    let runs: Vec<_> =
        runs.map(|seal| (seal.clone(), run(seal.incoming, seal.start.0, seal.end.0))).collect();
    let receipts = signed::<Receipt>(&world, &trust).into_iter().map(|receipt| {
        let first = receipt.first.0;
        (receipt.clone(), run(receipt.incoming, first, first + u64::from(receipt.count)))
    });
    let receipts: Vec<_> = receipts.collect();
    let (cuts, attestations) = (signed::<Cut>(&world, &trust), signed::<Attestation>(&world, &trust));
    let mut citations: Vec<Citation> = runs.iter().map(|(seal, _)| seal.cite()).collect();
    citations.extend(cuts.iter().map(Signed::cite));
    citations.extend(attestations.iter().map(Signed::cite));
    citations.extend(by_leaf.values().map(|parcelled| parcelled.bundle.cite()));
    citations.extend(receipts.iter().map(|(receipt, _)| receipt.cite()));
    let bundles = by_leaf.into_values().collect();
    Material { trust, bundles, runs, receipts, cuts, attestations, citations }
}

/// One of these; none of an empty list.
fn pick<'a, T>(all: &'a [T], random: &mut Random) -> &'a T {
    &all[random.below(all.len())]
}

/// One leaf of these, or nothing that opens.
fn open(bundles: &[Parcelled], at: usize) -> Opening {
    let indices: Vec<u64> = (at < bundles.len()).then_some(at as u64).into_iter().collect();
    tree(bundles).open(&indices)
}

impl Material {
    /// The run that a seal closes, or now and then another one.
    fn run(&self, random: &mut Random) -> (&Signed<Seal>, &[Parcelled]) {
        let full: Vec<_> = self.runs.iter().filter(|(_, run)| !run.is_empty()).collect();
        let (seal, run) = pick(&full, random);
        let run = if random.below(8) == 0 { &pick(&full, random).1 } else { run };
        (seal, run)
    }

    /// The seal before this one, mostly.
    fn before(&self, seal: &Signed<Seal>, random: &mut Random) -> Option<Unverified<Seal>> {
        let known = self.runs.iter().map(|(seal, _)| seal).find(|other| other.digest() == seal.previous);
        match random.below(6) {
            0 => Some(pick(&self.runs, random).0.to_unverified()),
            1 => None,
            _ => known.map(Signed::to_unverified),
        }
    }

    fn cut_before(&self, cut: &Signed<Cut>, random: &mut Random) -> Option<Unverified<Cut>> {
        let known = self.cuts.iter().find(|other| other.digest() == cut.previous);
        match random.below(6) {
            0 => Some(pick(&self.cuts, random).to_unverified()),
            1 => None,
            _ => known.map(Signed::to_unverified),
        }
    }

    fn of_run<'a>(&'a self, run: &'a [Parcelled], random: &mut Random) -> (&'a Parcelled, usize) {
        let at = random.below(run.len());
        let bundle = if random.below(8) == 0 { pick(&self.bundles, random) } else { &run[at] };
        (bundle, at)
    }

    /// Puts statements together into some predicate.
    fn accuse(&self, random: &mut Random) -> Evidence {
        match random.below(9) {
            0 => Equivocation {
                first: pick(&self.citations, random).clone(),
                second: pick(&self.citations, random).clone(),
            }
            .into(),
            1 => self.accuse_of_chain(random),
            2 | 3 => self.accuse_of_promise(random),
            4 | 5 => self.accuse_of_seal(random),
            6 => self.accuse_of_cut(random),
            7 => self.accuse_of_attestation(random),
            _ => self.accuse_of_refusal(random),
        }
    }

    fn accuse_of_chain(&self, random: &mut Random) -> Evidence {
        let later = match random.below(4) {
            0 => Linked::Bundle(pick(&self.bundles, random).bundle.to_unverified()),
            1 => Linked::Seal(pick(&self.runs, random).0.to_unverified()),
            2 => Linked::Cut(pick(&self.cuts, random).to_unverified()),
            _ => Linked::Attestation(pick(&self.attestations, random).to_unverified()),
        };
        let cited = match &later {
            Linked::Bundle(bundle) => bundle.cite(),
            Linked::Seal(seal) => seal.cite(),
            Linked::Cut(cut) => cut.cite(),
            Linked::Attestation(attestation) => attestation.cite(),
        };
        let near = |other: &&Citation| {
            (other.kind, other.actor) == (cited.kind, cited.actor) && other.slot + 1 == cited.slot
        };
        let earlier = match random.below(4) {
            0 => None,
            1 => Some(pick(&self.citations, random).clone()),
            _ => self.citations.iter().find(near).cloned(),
        };
        BrokenChain { earlier, later }.into()
    }

    fn accuse_of_promise(&self, random: &mut Random) -> Evidence {
        let (receipt, promised) = pick(&self.receipts, random);
        let placed = |random: &mut Random| {
            let (receipt, promised) = pick(&self.receipts, random);
            let (bundle, at) = self.of_run(promised, random);
            let bundle = bundle.bundle.cite();
            Placed { receipt: receipt.to_unverified(), bundle, opening: open(promised, at) }
        };
        if random.below(4) == 0 {
            return TwoPlaces { first: placed(random), second: placed(random) }.into();
        }
        let at = random.below(promised.len());
        let position = Position(receipt.first.0 + at as u64);
        let covers = |(seal, _): &&(Signed<Seal>, Vec<Parcelled>)| {
            seal.incoming == receipt.incoming && (seal.start..seal.end).contains(&position)
        };
        let covering = self.runs.iter().find(covers).filter(|_| random.below(6) > 0);
        let (seal, run) = covering.unwrap_or_else(|| pick(&self.runs, random));
        let there = position.0.saturating_sub(seal.start.0) as usize;
        let proof = match random.below(2) {
            0 => PromiseProof::Place { position, promised: open(promised, at), sealed: open(run, there) },
            _ => PromiseProof::Chain {
                before: self.before(seal, random),
                leaves: run.iter().map(Parcelled::leaf).collect(),
            },
        };
        BrokenPromise { receipt: receipt.to_unverified(), seal: seal.to_unverified(), proof }.into()
    }

    fn accuse_of_seal(&self, random: &mut Random) -> Evidence {
        let (seal, run) = self.run(random);
        let (of, at) = self.of_run(run, random);
        let bundle = of.bundle.to_unverified();
        let opening = open(run, at);
        let mut whole = manifest(seal.start, run);
        let fault = match random.below(12) {
            0 => SealFault::Count { bundles: cited(run) },
            1 => SealFault::Chain { before: self.before(seal, random), bundles: cited(run) },
            2 => SealFault::Leaf { bundle: of.bundle.cite(), opening },
            3 => {
                let two = random.below(run.len());
                let (first, second) = (at.min(two), at.max(two));
                let indices: BTreeSet<u64> = [first as u64, second as u64].into();
                let opening = tree(run).open(&indices.into_iter().collect::<Vec<_>>());
                SealFault::Fifo {
                    first: run[first].bundle.cite(),
                    second: run[second].bundle.cite(),
                    opening,
                }
            }
            4 => SealFault::Ahead { bundle, opening },
            5 => SealFault::Seen,
            6 => {
                let index = random.below(of.content.envelopes().len());
                let envelope = &of.content.envelopes()[index];
                SealFault::Omitted {
                    bundle,
                    opening,
                    recipient: envelope.recipient,
                    salt: envelope.salt,
                    ciphertext: Digest::of(&[&envelope.ciphertext]),
                    envelope: of.content.tree().open(&[index as u64]),
                    manifest: whole.prune_to(&envelope.recipient),
                }
            }
            7 => SealFault::Padded { bundle, opening, manifest: whole.prune_to_range(KeyRange::of(0, 1)) },
            8 => {
                let who = client(random.below(4));
                SealFault::Entry { client: who, manifest: whole.prune_to(&who) }
            }
            9 => {
                let (other, others) = self.run(random);
                let (later, there) = self.of_run(others, random);
                let earlier = SealedBundle { seal: seal.to_unverified(), bundle: of.bundle.cite(), opening };
                let later = SealedBundle {
                    seal: other.to_unverified(),
                    bundle: later.bundle.cite(),
                    opening: open(others, there),
                };
                return CrossSeal { earlier, later }.into();
            }
            _ => match self.before(seal, random) {
                None => SealFault::First,
                Some(before) if random.below(2) == 0 => SealFault::Start { before },
                Some(before) => SealFault::Regress { before },
            },
        };
        BadSeal { seal: seal.to_unverified(), fault }.into()
    }

    fn accuse_of_cut(&self, random: &mut Random) -> Evidence {
        let cut = pick(&self.cuts, random);
        let before = self.cut_before(cut, random);
        let from = before.clone().and_then(|before| before.verify(&self.trust).ok());
        let j = random.below(cut.reached.len());
        let slot = |cut: &Cut| cut.reached[j].seal.as_ref().map_or(0, |seal| seal.slot + 1);
        let (from, upto) = (from.map_or(0, |before| slot(&before)), slot(cut));
        let walk = (from..upto).rev().filter_map(|batch| {
            let seals = self.runs.iter().map(|(seal, _)| seal);
            seals.into_iter().find(|seal| seal.incoming as usize == j && seal.batch.0 == batch)
        });
        let mut seals: Vec<Unverified<Seal>> = walk.map(Signed::to_unverified).collect();
        if random.below(4) == 0 && !seals.is_empty() {
            seals.remove(random.below(seals.len()));
        }
        let fault = match (random.below(4), before, seals.first().cloned()) {
            (0, _, _) => CutFault::Alone,
            (1, Some(before), _) => CutFault::Follows { before },
            (2, _, Some(seal)) => CutFault::End { seal },
            (_, before, _) => CutFault::Extends { before, seals },
        };
        BadCut { cut: cut.to_unverified(), fault }.into()
    }

    fn accuse_of_attestation(&self, random: &mut Random) -> Evidence {
        let attestation = pick(&self.attestations, random);
        if random.below(4) == 0 {
            let mailboxes = Pruned::Hidden(attestation.root);
            let attestation = attestation.to_unverified();
            return BadHosting { attestation, client: client(random.below(4)), mailboxes }.into();
        }
        let previous = self.attestations.iter().find(|other| other.digest() == attestation.previous);
        let previous = match random.below(6) {
            0 => Some(pick(&self.attestations, random)),
            1 => None,
            _ => previous,
        };
        let cut = self.cuts.iter().find(|cut| cut.digest() == attestation.cut.digest);
        let cut = match random.below(6) {
            0 => Some(pick(&self.cuts, random)),
            1 => None,
            _ => cut,
        };
        BadCitation {
            attestation: attestation.to_unverified(),
            previous: previous.map(Signed::to_unverified),
            cut: cut.map(Signed::to_unverified),
        }
        .into()
    }

    /// Refusals that an honest actor gives are made here: a calm deployment refuses nothing.
    fn accuse_of_refusal(&self, random: &mut Random) -> Evidence {
        let of = pick(&self.bundles, random);
        let routed = self.trust.roster.incoming_of(&of.bundle.client);
        let (index, reason) = match random.below(3) {
            0 => (1 - routed, Reason::Misrouted),
            1 => (routed, Reason::Malformed),
            _ => (routed, Reason::QueueFull { retry_after_ms: 50 }),
        };
        let refusal = Refusal {
            incoming: index,
            client: of.bundle.client,
            number: of.bundle.number,
            bundle: of.bundle.digest(),
            terms: Terms::default(),
            reason,
        };
        let refusal = Signed::sign(refusal, self.trust.deployment, &support::signer_of(incoming(index)));
        let shown = if random.below(4) == 0 { pick(&self.bundles, random) } else { of };
        let submission = (random.below(3) > 0).then(|| shown.submission());
        BadRefusal { refusal: refusal.to_unverified(), submission }.into()
    }
}

#[test]
fn an_honest_deployment_can_be_accused_of_nothing() {
    let material = material();
    let bundles = material.bundles.len();
    let mut random = Random(7);
    let mut whys: BTreeMap<String, usize> = BTreeMap::new();
    for round in 0..60_000 {
        let evidence = material.accuse(&mut random);
        let mut bytes = evidence.to_bytes();
        if round % 4 == 0 {
            let at = random.below(bytes.len());
            bytes[at] ^= 1 << random.below(8);
        }
        let Ok(evidence) = Evidence::from_bytes(&bytes) else { continue };
        let verdict = judge(&evidence, &material.trust);
        assert_eq!(verdict.exposed(), None, "{verdict} {}", hex::encode(&bytes));
        let why = format!("{}: {verdict}", evidence.predicate());
        if !why.contains("the signature of") {
            *whys.entry(why).or_default() += 1;
        }
    }
    println!(
        "60000 accusations out of {bundles} bundles and {} seals; not proven, because",
        material.runs.len()
    );
    whys.iter().for_each(|(why, count)| println!("{count:>6}  {why}"));
    // the accusations come to the point where only the lie is missing
    for due in [
        "the statement names the one before it",
        "the queue is the promised one",
        "what was promised was sealed",
        "the bundles lead to the chain",
        "as many bundles as positions",
        "the bundles are in order",
        "the cited cut had been seen",
        "the manifest names the recipient",
        "the manifest names as many as the bundle",
        "the last cut seen does not go back",
        "the cut is sound in itself",
        "the cut goes on from the one before it",
        "the end is that of the cited seal",
        "the seal extends what was ordered before",
        "the cut follows the one attested before",
    ] {
        assert!(whys.keys().any(|why| why.ends_with(due)), "{due}");
    }
}

/// What became of it was told when it was asked for first.
#[test]
fn a_client_that_is_asked_to_complain_once_more_says_that_it_has() {
    let setup = setup(1, 1);
    let cite = |total| {
        let (terms, previous, reached) = (Terms::default(), Digest::ZERO, vec![Reached::default()]);
        let (epoch, base, total) = (Epoch(1), SequenceId(0), SequenceId(total));
        let cut = Cut { epoch, terms, previous, base, total, reached };
        Signed::sign(cut, setup.trust.deployment, &signer_of(ActorId::SEQUENCER)).cite()
    };
    let evidence = Evidence::from(Equivocation { first: cite(0), second: cite(1) });
    let mut ann = Bench::client(0, &setup);
    let complained = |ann: &mut Bench| {
        let turn = ann.turn(Time(1), vec![Input::Complain(Box::new(evidence.clone()))]);
        let complained = |notice: &Notice| match notice {
            Notice::Complained { number, against, charge } => Some((*number, *against, *charge)),
            _ => None,
        };
        turn.notices.iter().filter_map(complained).collect::<Vec<_>>()
    };
    assert_eq!(complained(&mut ann), [(0, ActorId::SEQUENCER, "proven")]);
    assert_eq!(complained(&mut ann), [(0, ActorId::SEQUENCER, "known")]);
    ann.restart();
    assert_eq!(complained(&mut ann), [(0, ActorId::SEQUENCER, "known")], "in a later life, too");
}
