//! Mistakes in faults, adversaries and expectations.

use super::*;

/// Each text below `[[fault]]`, from line 3 on, and what is said about it.
const WRONG_FAULTS: &[(&str, &str)] = &[
    ("at = \"1s\"\n", "2:1: a fault needs the key \"kind\": write kind = \"crash\""),
    (
        "kind = \"meteor\"\n",
        "3:8: unknown fault \"meteor\"; known: crash, restart, crash-at, zone, power-lost, power-torn, power-reordered, dies, \
         partition, one-way, split, clog, swizzle, loss, delay, jitter, duplicate, reorder, corrupt, throttle, reset, \
         half-open, pause, slow, clock-ahead, clock-behind, clock-fast, clock-slow, clock-freeze, disk-slow, disk-stall, \
         disk-full, disk-sync-error, disk-read-error, disk-rot, disk-misdirect, wipe, restore, \
         rotate, revoke",
    ),
    (
        "kind = \"crash-at\"\nat = \"1s\"\nfor = \"1s\"\nactor = \"incoming/0\"\nboundary = \"commit\"\n",
        "7:12: unknown boundary \"commit\", did you mean \"in-commit\"? known: before-commit, in-commit, after-commit, sending",
    ),
    (
        "kind = \"dies\"\nat = \"1s\"\nfor = \"1s\"\nactor = \"incoming/0\"\n",
        "5:1: unknown key \"for\" in a dies fault; known keys: at, kind, actor, optional",
    ),
    (
        "kind = \"split\"\nat = \"1s\"\nfor = \"1s\"\ngroups = [[\"incoming/0\"], []]\n",
        "6:27: groups must name at least one actor: write groups = [\"incoming/0\"]",
    ),
    (
        "kind = \"slow\"\nat = \"1s\"\nfor = \"1s\"\nactor = \"incoming/0\"\nfactor = 0\n",
        "7:10: factor must lie in 1..=1000000",
    ),
    ("kind = \"crash\"\n", "2:1: a crash fault needs the key \"at\": write at = \"1s\""),
    (
        "kind = \"crash\"\nat = \"1s\"\nactor = \"incoming/0\"\n",
        "2:1: a crash fault needs the key \"for\": write for = \"200ms\"",
    ),
    (
        "kind = \"crash\"\nat = \"1s\"\nfor = \"1s\"\n",
        "2:1: a crash fault needs the key \"actor\": write actor = \"incoming/0\"",
    ),
    (
        "kind = \"delay\"\nat = \"1s\"\nfor = \"1s\"\n",
        "2:1: a delay fault needs the key \"extra\": write extra = \"5ms\"",
    ),
    (
        "kind = \"loss\"\nat = \"1s\"\nfor = \"1s\"\n",
        "2:1: a loss fault needs the key \"rate\": write rate = 0.01",
    ),
    (
        "kind = \"crash\"\nat = \"1s\"\nfor = \"1s\"\nactor = \"incoming/0\"\nrate = 0.1\n",
        "7:1: unknown key \"rate\" in a crash fault; known keys: at, kind, for, actor, optional",
    ),
    (
        "kind = \"crash\"\nat = \"1s\"\nfor = \"1s\"\nactor = \"incoming/7\"\n",
        "6:9: there is no incoming/7: the smallest topology of this scenario has incoming/0 to incoming/1",
    ),
    (
        "kind = \"crash\"\nat = \"1s\"\nfor = \"1s\"\nactor = \"router/7\"\n",
        "6:9: \"router/7\" names no actor: write handler/0, incoming/0, sequencer, mailbox/0, client/0, or a wildcard \
         such as incoming/* or *",
    ),
    (
        "kind = \"crash\"\nat = \"1s\"\nfor = \"1s\"\nactor = 7\n",
        "6:9: actor must be the name of an actor, not 7: write one such as \"incoming/0\" or \"incoming/*\"",
    ),
    (
        "kind = \"partition\"\nat = \"1s\"\nfor = \"1s\"\nactors = []\n",
        "6:10: actors must name at least one actor: write actors = [\"incoming/0\"]",
    ),
    (
        "kind = \"partition\"\nat = \"1s\"\nfor = \"1s\"\nactors = [\n  \"handler/0\",\n  \"operator/*\",\n]\n",
        "8:3: there is no operator/*: the smallest topology of this scenario has no operator",
    ),
    (
        "kind = \"rotate\"\nat = \"1s\"\nfor = \"1s\"\nactor = \"client/0\"\n",
        "6:9: a client's key is its name and cannot be replaced: write an actor of the server, such as \"incoming/0\"",
    ),
    ("kind = \"loss\"\nat = \"1s\"\nfor = \"1s\"\nrate = 2\n", "6:8: rate must lie in 0..=1"),
];

/// Each text about who cheats and what is expected, from line 2 on, and what is said about it.
const WRONG_CHEATS: &[(&str, &str)] = &[
    (
        "[[adversary]]\nattack = \"swap-deliveries\"\n",
        "2:1: an adversary needs the key \"actor\": write actor = \"mailbox/0\"",
    ),
    (
        "[[adversary]]\nactor = \"mailbox/0\"\n",
        "2:1: an adversary needs the key \"attack\": write attack = \"swap-deliveries\"",
    ),
    (
        "[[adversary]]\nactor = \"mailbox/0\"\nattack = \"swap-delivery\"\n",
        "4:10: unknown attack \"swap-delivery\", did you mean \"swap-deliveries\"? known: *",
    ),
    (
        "[[adversary]]\nactor = \"incoming/0\"\nattack = \"swap-deliveries\"\n",
        "3:9: the attack swap-deliveries does not fit incoming/0: write mailbox/0 or mailbox/*",
    ),
    (
        "[topology]\nmailboxes = \"1..3\"\n[[adversary]]\nactor = \"mailbox/1\"\nattack = \"swap-deliveries\"\n",
        "5:9: there is no mailbox/1: the smallest topology of this scenario has mailbox/0",
    ),
    (
        "[expect]\nexposed = [\"mailbox/0\", \"mailbox/9\"]\n",
        "3:25: there is no mailbox/9: the smallest topology of this scenario has mailbox/0 to mailbox/1",
    ),
    (
        "[expect]\nexposed = [\"mailbox/*\"]\n",
        "3:12: no adversary is drawn from mailbox/*: the scenario has no adversary: write exposed = []",
    ),
    (
        "[[adversary]]\nactor = \"mailbox/0\"\nattack = \"swap-deliveries\"\nvictim = \"mailbox/1\"\n",
        "5:10: a victim is a client, not mailbox/1: write client/0 or client/*",
    ),
    (
        "[[adversary]]\nactor = \"sequencer\"\nattack = \"stop-cutting\"\nevery = 3\n",
        "5:9: stop-cutting is done all the time from its beginning on, not every so many times: leave it out",
    ),
    (
        "[[adversary]]\nactor = \"sequencer\"\nattack = \"stop-cutting\"\nvictim = \"client/0\"\n",
        "5:10: stop-cutting is against nobody in particular: leave victim out",
    ),
    (
        "[[adversary]]\nactor = \"sequencer\"\nattack = \"fork-cut\"\nuntil = \"1s\"\n",
        "5:9: fork-cut does not end once it has begun, for whoever was led astray stays so: leave until out",
    ),
    (
        "[[adversary]]\nactor = \"handler/0\"\nattack = \"lose-custody\"\n",
        "4:10: lose-custody breaks a handler receipt, and handlers give none: write handler_receipts = true in [topology]",
    ),
    (
        "[[adversary]]\nactor = \"mailbox/0\"\nattack = \"swap-deliveries\"\nevery = 0\n",
        "5:9: every must lie in 1..=1000000",
    ),
    (
        "[[adversary]]\nactor = \"mailbox/0\"\nattack = \"swap-deliveries\"\nfrom = \"500ms\"\nuntil = \"100ms\"\n",
        "6:9: until must come after from: it would never cheat",
    ),
    (
        "[expect]\npairs = [[\"client/0\"]]\n",
        "3:10: a list of 1 is no pair of actors: write pairs = [[\"client/0\", \"handler/0\"]]",
    ),
    (
        "[expect]\nsuspected = [\"mailbox/*\"]\n",
        "3:14: no adversary is drawn from mailbox/*: the scenario has no adversary: write suspected = []",
    ),
    (
        "[expect]\nexposed = [\"*\"]\n[[adversary]]\nactor = \"mailbox/*\"\nattack = \"swap-deliveries\"\n",
        "3:12: no adversary is drawn from *: write the actor as the adversary does: mailbox/*",
    ),
];

#[test]
fn every_mistake_in_a_fault_has_its_place_and_its_remedy() {
    for (text, message) in WRONG_FAULTS {
        assert_eq!(wrong(&format!("[[fault]]\n{text}")), format!("x.toml:{message}"), "{text}");
    }
}

#[test]
fn every_mistake_in_a_cheat_has_its_place_and_its_remedy() {
    let names: Vec<&str> = ATTACKS.iter().map(|attack| attack.name).collect();
    for (text, message) in WRONG_CHEATS {
        let message = message.replace("known: *", &format!("known: {}", names.join(", ")));
        assert_eq!(wrong(text), format!("x.toml:{message}"), "{text}");
    }
}
