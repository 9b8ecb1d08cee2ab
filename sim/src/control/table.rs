//! The table of controls: what each breaks, why that matters, and which check must see it.

use super::{Break, Control, Weakness, judges, tampering};

/// Nobody cheats; crashes make what is lost matter.
const HONEST: &str = include_str!("honest.toml");
/// Nobody cheats, nothing fails, and it goes on for longer.
const CALM: &str = include_str!("../../../scenarios/honest/calm.toml");
/// Nobody cheats; a client is away while its mailbox actor crashes.
const AWAY: &str = include_str!("away.toml");
/// Nobody cheats; the sequencer gets another key half-way.
const ROTATED: &str = include_str!("rotated.toml");
/// Nobody cheats; the key of an incoming actor is revoked half-way.
const REVOKED: &str = include_str!("revoked.toml");
/// Nobody cheats; a mailbox actor is put back to an old snapshot.
const RESTORED: &str = include_str!("restored.toml");
/// A mailbox actor attests one thing to its clients and another to an incoming actor.
const FORKED: &str = include_str!("../../../scenarios/attacks/D05-fork-attestation.toml");
/// A mailbox actor delivers nothing to one client.
const WITHHELD: &str = include_str!("../../../scenarios/attacks/D07-withhold-delivery.toml");
/// A mailbox actor delivers another payload than was sent.
const SWAPPED: &str = include_str!("../../../scenarios/attacks/D04-swap-payload.toml");

/// Every control: of storage and machines, of actors, of the judge, of the history.
pub const CONTROLS: &[Control] = &[
    Control {
        name: "sign-before-persist",
        line: "the storage port reports a commit as durable before it is",
        why: "R8, durable before visible: after a crash a slot whose digest was lost is signed again, with another.",
        seen_by: "one-digest",
        scenario: HONEST,
        how: Break::World(Weakness::EarlyDurable),
    },
    Control {
        name: "lost-synced-writes",
        line: "disks lose one synced commit of many",
        why: "R8: a sync that did not do what it said, or whose failure was ignored, is found by nobody but these checks.",
        seen_by: "one-digest",
        scenario: HONEST,
        how: Break::World(Weakness::LostSyncs),
    },
    Control {
        name: "unsynced-writes",
        line: "storage syncs one commit of ten, and a crash takes those since",
        why: "R8: what was signed meanwhile is out and forgotten.",
        seen_by: "one-digest",
        scenario: HONEST,
        how: Break::World(Weakness::UnsyncedWrites),
    },
    Control {
        name: "two-instances",
        line: "a second sequencer runs with the key of the first",
        why: "R3, one slot, one digest: most real equivocations are two instances with one key.",
        seen_by: "one-digest",
        scenario: HONEST,
        how: Break::World(Weakness::Twin),
    },
    Control {
        name: "slot-with-key-epoch",
        line: "the sequencer's slots hold the number of its key, and it gets another key",
        why: "R3: under a new key every slot is free again, so rotating a key licenses equivocation.",
        seen_by: "one-digest",
        scenario: ROTATED,
        how: Break::World(Weakness::KeyInSlot),
    },
    Control {
        name: "no-hold-back",
        line: "incoming actors admit bundles that cite cuts which they have not seen",
        why: "R10, never sign ahead of your inputs: their next seal names an older cut than what it holds, and convicts them.",
        seen_by: "accuracy",
        scenario: HONEST,
        how: Break::World(Weakness::NoHoldBack),
    },
    Control {
        name: "forgotten-senders",
        line: "incoming actors forget with a crash which bundle of a client comes next",
        why: "The table of numbers is a part of the durable queue: who has lost it waits for bundles that came long ago.",
        seen_by: "catch-up",
        scenario: HONEST,
        how: Break::World(Weakness::ForgottenSenders),
    },
    Control {
        name: "double-release",
        line: "incoming actors hand on the last bundle of their queue once more after a crash",
        why: "O5, exactly once: what was released before a crash may be released again as the same, not as one more.",
        seen_by: "exactly-once",
        scenario: HONEST,
        how: Break::World(Weakness::DoubleRelease),
    },
    Control {
        name: "given-up-unproven",
        line: "incoming actors keep no proof of having handed over the runs that they give up",
        why: "A mailbox actor that was put back demands what it had attested: after a crash nobody can show that it had it.",
        seen_by: "cleared",
        scenario: RESTORED,
        how: Break::World(Weakness::GivenUpUnproven),
    },
    Control {
        name: "misordered-merge",
        line: "mailbox actors merge the queues of an epoch by index, without rotation",
        why: "O2, a mailbox is a pure function of cuts and seals: one that is another function convicts its actor.",
        seen_by: "accuracy",
        scenario: HONEST,
        how: Break::World(Weakness::MisorderedMerge),
    },
    Control {
        name: "range-from-storage",
        line: "mailbox actors count after a crash what they find in storage",
        why: "What a client has acknowledged is gone from storage: whoever claims from what it stores convicts itself.",
        seen_by: "accuracy",
        scenario: HONEST,
        how: Break::World(Weakness::RangeFromStorage),
    },
    Control {
        name: "early-purge",
        line: "mailbox actors give up deliveries when they have attested them",
        why: "Custody moves against the signature of whoever takes over: what is given up for less than an ack may be lost.",
        seen_by: "no-loss",
        scenario: AWAY,
        how: Break::World(Weakness::EarlyPurge),
    },
    Control {
        name: "hoarding-mailbox",
        line: "mailbox actors delete nothing that they have stored",
        why: "I11, bounded storage: what is acknowledged by all whom it concerns must go.",
        seen_by: "storage",
        scenario: CALM,
        how: Break::World(Weakness::Hoard),
    },
    Control {
        name: "early-ack",
        line: "clients acknowledge deliveries a step before they store them",
        why: "R8: the mailbox actor gives up what is acknowledged, and a client that crashes in between cannot go on.",
        seen_by: "catch-up",
        scenario: HONEST,
        how: Break::World(Weakness::EarlyAck),
    },
    Control {
        name: "gullible-client",
        line: "clients tell their application what they are sent, unchecked",
        why: "O6, no invention: nobody else looks at the payload, so who swaps it is believed.",
        seen_by: "no-invention",
        scenario: SWAPPED,
        how: Break::World(Weakness::Gullible),
    },
    Control {
        name: "rash-complaint",
        line: "clients complain without having judged what they complain with",
        why: "Whoever accuses has judged first: a complaint whose evidence proves nothing exposes the complainer.",
        seen_by: "accuracy",
        scenario: HONEST,
        how: Break::World(Weakness::RashComplaint),
    },
    Control {
        name: "deaf-witness",
        line: "witnesses relay no challenge",
        why: "I4: without a board that it is demanded on, withholding costs nothing.",
        seen_by: "omission",
        scenario: WITHHELD,
        how: Break::World(Weakness::DeafWitness),
    },
    Control {
        name: "unsigned-citation",
        line: "the judge takes a citation whose signature it has not checked",
        why: "R6, cite with signature: else anybody is blamed for what never existed.",
        seen_by: "accuracy",
        scenario: HONEST,
        how: Break::Harsh(judges::unsigned_citation, "a signature is not that of its signer"),
    },
    Control {
        name: "slot-ignored",
        line: "the judge takes two seals of different numbers for an equivocation",
        why: "R4: the preimage holds kind, actor and slot, and a judge that drops one of them convicts everybody.",
        seen_by: "accuracy",
        scenario: HONEST,
        how: Break::Harsh(judges::slot_ignored, "the two statements are not of one slot"),
    },
    Control {
        name: "receipt-bound-to-epoch",
        line: "the judge blames an incoming actor that misses a cut",
        why: "R2, promise only what you can keep alone: the sequencer closes epochs, and loss makes anyone miss one.",
        seen_by: "accuracy",
        scenario: HONEST,
        how: Break::Harsh(judges::receipt_bound_to_epoch, "the two statements say the same"),
    },
    Control {
        name: "clock-in-predicate",
        line: "the judge blames a mailbox actor that delivers later than it thinks right",
        why: "R9, no clock in an exposure: lateness is nobody's statement.",
        seen_by: "own-statement",
        scenario: HONEST,
        how: Break::Harsh(judges::clock_in_predicate, "the two statements say the same"),
    },
    Control {
        name: "foreign-deployment",
        line: "the judge takes what was signed for another deployment",
        why: "R4: a key that serves two deployments has signed two cuts for every epoch, and done no wrong.",
        seen_by: "accuracy",
        scenario: HONEST,
        how: Break::Harsh(judges::foreign_deployment, "a signature is not that of its signer"),
    },
    Control {
        name: "revoked-key-counts",
        line: "the judge takes what a revoked key signed, cosigned before or not",
        why: "Who has stolen the key signs any slot with any date: its owner would be convicted of what a thief signed.",
        seen_by: "accuracy",
        scenario: REVOKED,
        how: Break::Harsh(judges::revoked_key_counts, "a signature is not that of its signer"),
    },
    Control {
        name: "roster-of-today",
        line: "the judge looks at what actors cited with the roster of today",
        why: "R7: whoever cited a seal had checked it with the key of that day, and knows nothing of later revocations.",
        seen_by: "accuracy",
        scenario: REVOKED,
        how: Break::Harsh(judges::roster_of_today, "the cut is sound in itself"),
    },
    Control {
        name: "leaf-without-signature",
        line: "the leaves of a seal hold what a bundle says and not its signature",
        why: "R5, commit to everything you can be judged on: an accuser exchanges the signature, and a forgery seems sealed.",
        seen_by: "accuracy",
        scenario: HONEST,
        how: Break::Harsh(judges::leaf_without_signature, "the opening does not show the bundle"),
    },
    Control {
        name: "counts-left-out",
        line: "the judge opens lists whose count is not in what was signed",
        why: "Counts and lengths are hashed: else an honest list is cut otherwise, and an inner node passes for a leaf.",
        seen_by: "accuracy",
        scenario: HONEST,
        how: Break::Harsh(judges::counts_left_out, "an opening does not open what was signed"),
    },
    Control {
        name: "foreign-base",
        line: "the judge measures a mailbox by the attestation of another mailbox actor",
        why: "R7, narrow duties: an actor is judged on its own statement before, never against another's past.",
        seen_by: "accuracy",
        scenario: HONEST,
        how: Break::Harsh(judges::foreign_base, "the attestation before it does not come before it"),
    },
    Control {
        name: "previous-left-out",
        line: "attestations do not name the one before them",
        why: "Every statement names the one before it: else two branches of which nobody sees one epoch contradict each other in nothing.",
        seen_by: "expected",
        scenario: FORKED,
        how: Break::Blind(judges::needs_previous_attestation),
    },
    Control {
        name: "swapped-deliveries",
        line: "two deliveries of a history change places",
        why: "O2: a mailbox is a projection of the order.",
        seen_by: "one-order",
        scenario: HONEST,
        how: Break::History(tampering::swap_deliveries),
    },
    Control {
        name: "moved-receipt",
        line: "a receipt of a history promises another place",
        why: "O7: a bundle stands where its receipt says.",
        seen_by: "no-loss",
        scenario: HONEST,
        how: Break::History(tampering::move_receipt),
    },
    Control {
        name: "forgotten-attestation",
        line: "a mailbox actor of a history has not attested an epoch",
        why: "O11: for each epoch there is a statement, or somebody who owes it.",
        seen_by: "emptiness",
        scenario: HONEST,
        how: Break::History(tampering::forget_attestation),
    },
    Control {
        name: "framed-actor",
        line: "an honest witness of a history keeps an honest actor suspected",
        why: "I2: suspicion of the honest ends.",
        seen_by: "cleared",
        scenario: HONEST,
        how: Break::History(tampering::frame),
    },
    Control {
        name: "split-view",
        line: "a witness of a history has cosigned two heads for one slot of a log",
        why: "O10: a witness that persists after it answers forgets its first head with a crash, and cosigns a fork.",
        seen_by: "one-digest",
        scenario: HONEST,
        how: Break::History(tampering::split_view),
    },
];
