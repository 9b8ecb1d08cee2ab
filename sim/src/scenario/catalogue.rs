//! The attacks that a scenario may name.
//!
//! One table, which the reader checks scenarios against and `cargo sim list` prints, so that what is listed is
//! what is accepted.

use server::protocol::id::Role;

/// How an attack ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ending {
    /// The adversary is exposed: its own signature convicts it.
    Exposed,
    /// The adversary is suspected as long as it goes on: it owes what nobody can prove that it got.
    Suspected,
    /// Of two neighbours one is to blame, or the link between them.
    Pair,
    /// A client finds that nobody serves it, and can show nothing.
    Unserved,
    /// Nobody is blamed: what it does is free, or nobody could tell it from honesty.
    ByDesign,
    /// Nobody is blamed: it changes nothing.
    Harmless,
}

impl Ending {
    /// Its name in lists and reports.
    pub fn name(self) -> &'static str {
        match self {
            Ending::Exposed => "exposed",
            Ending::Suspected => "suspected",
            Ending::Pair => "pair",
            Ending::Unserved => "unserved",
            Ending::ByDesign => "nobody, by design",
            Ending::Harmless => "nobody, harmless",
        }
    }

    /// Whether somebody must be blamed.
    pub fn blames(self) -> bool {
        !matches!(self, Ending::ByDesign | Ending::Harmless)
    }
}

/// An attack that an adversary can carry out.
#[derive(Debug, PartialEq, Eq)]
pub struct AttackKind {
    /// Its name in scenario files.
    pub name: &'static str,
    /// Its number in the catalogue of the blame protocol.
    pub id: &'static str,
    /// The roles of the actors that can carry it out.
    pub roles: &'static [Role],
    /// The verdict it must end in.
    pub ending: Ending,
    /// What the adversary does, in a line.
    pub line: &'static str,
}

/// What is done all the time from its beginning on: nothing of it can be done every second or third time.
const CONTINUOUS: &[&str] = &[
    "starve-incoming",
    "stop-cutting",
    "stretch-epoch",
    "fall-silent",
    "slow-walk",
    "front-run",
    "favour-accomplice",
    "serve-stale",
    "withhold-delivery",
    "stop-attesting",
    "frame-incoming",
    "forge-ack",
    "cosign-branch",
];

/// What is against nobody, or against everyone alike.
const VICTIMLESS: &[&str] = &[
    "fork-bundle",
    "fork-in-run",
    "sign-again",
    "replay-bundle",
    "hand-in-garbage",
    "poison-ciphertext",
    "cite-forked-cut",
    "accuse-falsely",
    "deny-delivery",
    "spam-challenges",
    "reorder-bundles",
    "forge-receipt",
    "misroute-bundles",
    "refuse-opening",
    "fall-silent",
    "reseal-old-batch",
    "slow-walk",
    "admit-strangers",
    "regress-citation",
    "falsify-chain",
    "escape-rotation",
    "back-date",
    "regress-cut",
    "falsify-total",
    "break-cut-chain",
    "stop-cutting",
    "stretch-epoch",
    "resign-old-cut",
    "serve-stale",
    "stop-attesting",
    "attest-again",
    "cosign-branch",
];

/// What cannot be given up once it has begun: whoever was led astray stays so.
const ENDLESS: &[&str] = &["fork-cut", "eclipse-mailbox"];

impl AttackKind {
    /// Whether it can be told against whom it goes.
    pub fn has_victim(&self) -> bool {
        !VICTIMLESS.contains(&self.name)
    }

    /// Whether it can be told until when.
    pub fn ends(&self) -> bool {
        !ENDLESS.contains(&self.name)
    }

    /// Whether it is done on occasions, which can be counted.
    pub fn has_occasions(&self) -> bool {
        !CONTINUOUS.contains(&self.name)
    }
}

const CLIENT: &[Role] = &[Role::Client];
const CLIENT_OR_HANDLER: &[Role] = &[Role::Client, Role::Handler];
const HANDLER: &[Role] = &[Role::Handler];
const INCOMING: &[Role] = &[Role::Incoming];
const SEQUENCER: &[Role] = &[Role::Sequencer];
const MAILBOX: &[Role] = &[Role::Mailbox];
const WITNESS: &[Role] = &[Role::Witness];

const fn attack(
    id: &'static str,
    name: &'static str,
    roles: &'static [Role],
    ending: Ending,
    line: &'static str,
) -> AttackKind {
    AttackKind { name, id, roles, ending, line }
}

/// Every attack, by its number. The last one is an accomplice of B16.
pub const ATTACKS: &[AttackKind] = &[
    attack(
        "A01",
        "fork-bundle",
        CLIENT,
        Ending::Exposed,
        "signs a second bundle for a number and hands both in",
    ),
    attack(
        "A02",
        "replay-bundle",
        CLIENT_OR_HANDLER,
        Ending::Harmless,
        "hands in every bundle a second time",
    ),
    attack(
        "A03",
        "hand-in-garbage",
        CLIENT_OR_HANDLER,
        Ending::Harmless,
        "hands in bundles whose signature is none",
    ),
    attack("A04", "accuse-falsely", CLIENT, Ending::Exposed, "complains with evidence that proves nothing"),
    attack("A05", "deny-delivery", CLIENT, Ending::Exposed, "denies a delivery that it has acknowledged"),
    attack(
        "A06",
        "poison-ciphertext",
        CLIENT,
        Ending::ByDesign,
        "commits to a ciphertext that its recipient cannot read",
    ),
    attack("A07", "cite-forked-cut", CLIENT, Ending::Harmless, "cites a cut that the sequencer never signed"),
    attack(
        "A08",
        "spam-challenges",
        CLIENT,
        Ending::Harmless,
        "demands in public what it has got already, and complains of what is not due",
    ),
    attack("A09", "drop-bundles", HANDLER, Ending::Pair, "hands no bundle of the victim on"),
    attack("A10", "reorder-bundles", HANDLER, Ending::Harmless, "hands two bundles on in the other order"),
    attack("A11", "mangle-bundles", HANDLER, Ending::Pair, "alters the bytes of the victim's bundles"),
    attack("A12", "forge-receipt", HANDLER, Ending::Harmless, "answers with receipts that nobody signed"),
    attack(
        "A13",
        "lose-custody",
        HANDLER,
        Ending::Pair,
        "signs for the victim's bundles and hands none of them on",
    ),
    attack(
        "A14",
        "fork-in-run",
        CLIENT,
        Ending::Exposed,
        "signs two bundles for a number in one run and hands both in",
    ),
    attack(
        "A15",
        "sign-again",
        CLIENT,
        Ending::Harmless,
        "hands in every bundle again and again, signed in other ways",
    ),
    attack("B01", "censor-client", INCOMING, Ending::Suspected, "ignores the bundles of the victim"),
    attack(
        "B02",
        "drop-receipted",
        INCOMING,
        Ending::Exposed,
        "gives a receipt and leaves the bundle out of its seal",
    ),
    attack(
        "B03",
        "swap-receipted",
        INCOMING,
        Ending::Exposed,
        "seals two receipted bundles in the other order",
    ),
    attack(
        "B04",
        "insert-before-receipted",
        INCOMING,
        Ending::Exposed,
        "seals a bundle ahead of those receipted before it",
    ),
    attack(
        "B05",
        "break-sender-order",
        INCOMING,
        Ending::Exposed,
        "seals two bundles of one client in the wrong order",
    ),
    attack("B06", "duplicate-bundle", INCOMING, Ending::Exposed, "seals a bundle twice"),
    attack("B07", "forge-bundle", INCOMING, Ending::Exposed, "seals a bundle that its client never signed"),
    attack(
        "B08",
        "poison-batch",
        INCOMING,
        Ending::Suspected,
        "hands a mailbox actor other bytes than it sealed",
    ),
    attack(
        "B09",
        "fork-seal",
        INCOMING,
        Ending::Exposed,
        "shows a mailbox actor another seal than the sequencer",
    ),
    attack("B10", "falsify-manifest", INCOMING, Ending::Exposed, "leaves a recipient out of the manifest"),
    attack("B11", "withhold-batch", INCOMING, Ending::Suspected, "seals, and gives a mailbox actor nothing"),
    attack("B12", "refuse-opening", INCOMING, Ending::Suspected, "answers no challenge"),
    attack("B13", "fall-silent", INCOMING, Ending::Suspected, "seals and sends nothing any more"),
    attack(
        "B14",
        "reseal-old-batch",
        INCOMING,
        Ending::Exposed,
        "signs an old batch number again, as if its disk had been rolled back",
    ),
    attack("B15", "slow-walk", INCOMING, Ending::ByDesign, "sends every seal as late as it may"),
    attack(
        "B16",
        "admit-strangers",
        INCOMING,
        Ending::Exposed,
        "seals bundles of clients whom another incoming actor serves",
    ),
    attack(
        "B17",
        "regress-citation",
        INCOMING,
        Ending::Exposed,
        "cites in a seal an older cut than in the one before",
    ),
    attack(
        "B18",
        "front-run",
        INCOMING,
        Ending::ByDesign,
        "lets others pass the victim before it gives receipts",
    ),
    attack(
        "B19",
        "falsify-chain",
        INCOMING,
        Ending::Exposed,
        "seals a queue chain that does not follow from its bundles",
    ),
    attack(
        "B20",
        "refuse-falsely",
        INCOMING,
        Ending::Exposed,
        "refuses the victim's bundles as misrouted, though it serves that client",
    ),
    attack(
        "C01",
        "fork-cut",
        SEQUENCER,
        Ending::Exposed,
        "signs two cuts for one epoch and shows each to others",
    ),
    attack(
        "C02",
        "starve-incoming",
        SEQUENCER,
        Ending::Suspected,
        "never orders what one incoming actor seals",
    ),
    attack("C03", "regress-cut", SEQUENCER, Ending::Exposed, "takes an incoming actor back in the next cut"),
    attack("C04", "falsify-total", SEQUENCER, Ending::Exposed, "signs a cut whose total is wrong"),
    attack(
        "C05",
        "cite-phantom-seal",
        SEQUENCER,
        Ending::Exposed,
        "orders a seal that its incoming actor never signed",
    ),
    attack("C07", "break-cut-chain", SEQUENCER, Ending::Exposed, "names another cut as the one before"),
    attack("C08", "stop-cutting", SEQUENCER, Ending::Suspected, "signs no cut any more"),
    attack("C09", "stretch-epoch", SEQUENCER, Ending::ByDesign, "leaves out cuts that were due"),
    attack(
        "C10",
        "resign-old-cut",
        SEQUENCER,
        Ending::Exposed,
        "signs an old epoch again, as if its disk had been rolled back",
    ),
    attack("D01", "omit-delivery", MAILBOX, Ending::Exposed, "leaves a delivery out and attests it"),
    attack("D02", "insert-delivery", MAILBOX, Ending::Exposed, "delivers a bundle twice and attests it"),
    attack(
        "D03",
        "swap-deliveries",
        MAILBOX,
        Ending::Exposed,
        "delivers two bundles of a mailbox in the other order than the cuts say",
    ),
    attack(
        "D04",
        "swap-payload",
        MAILBOX,
        Ending::Suspected,
        "delivers another payload than the bundle commits to",
    ),
    attack(
        "D05",
        "fork-attestation",
        MAILBOX,
        Ending::Exposed,
        "attests one thing to clients and another to an incoming actor",
    ),
    attack(
        "D06",
        "serve-stale",
        MAILBOX,
        Ending::Suspected,
        "attests upstream and delivers nothing new to any client",
    ),
    attack(
        "D07",
        "withhold-delivery",
        MAILBOX,
        Ending::Suspected,
        "attests and delivers nothing to the victim",
    ),
    attack("D08", "stop-attesting", MAILBOX, Ending::Suspected, "attests nothing any more"),
    attack(
        "D09",
        "forge-ack",
        MAILBOX,
        Ending::Suspected,
        "delivers nothing to the victim, and answers challenges with an acknowledgement that it never signed",
    ),
    attack("D10", "attest-again", MAILBOX, Ending::Harmless, "sends old attestations again, as they were"),
    attack(
        "D11",
        "purge-early",
        MAILBOX,
        Ending::Suspected,
        "deletes a delivery before its client has acknowledged it",
    ),
    attack(
        "D12",
        "restart-chain",
        MAILBOX,
        Ending::Exposed,
        "begins a mailbox anew, as if nothing had been delivered to it",
    ),
    attack(
        "D13",
        "frame-incoming",
        MAILBOX,
        Ending::Suspected,
        "pretends that it never got the batches of an incoming actor",
    ),
    attack(
        "F01",
        "favour-accomplice",
        INCOMING,
        Ending::ByDesign,
        "lets the victim, its accomplice, pass others before it gives receipts",
    ),
    attack(
        "F02",
        "eclipse-mailbox",
        SEQUENCER,
        Ending::Exposed,
        "keeps a mailbox actor and its clients on a branch of their own",
    ),
    attack(
        "F06",
        "cosign-branch",
        WITNESS,
        Ending::Exposed,
        "cosigns both branches of a sequencer that forks",
    ),
    attack(
        "F08",
        "escape-rotation",
        INCOMING,
        Ending::Exposed,
        "seals a batch again with the key that it had before",
    ),
    attack(
        "F09",
        "back-date",
        INCOMING,
        Ending::Harmless,
        "is a thief of its revoked key, and signs old slots with it",
    ),
    attack(
        "B16a",
        "misroute-bundles",
        HANDLER,
        Ending::Harmless,
        "hands every bundle to the wrong incoming actor too",
    ),
];

impl AttackKind {
    /// Whether it is a breach of a handler receipt, so that there must be such.
    pub fn needs_handler_receipts(&self) -> bool {
        self.name == "lose-custody"
    }

    /// The attack of that name.
    pub fn named(name: &str) -> Option<&'static AttackKind> {
        ATTACKS.iter().find(|attack| attack.name == name)
    }
}
