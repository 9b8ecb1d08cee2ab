//! Mistakes in files, but for faults, adversaries and expectations.

use super::*;

/// Each text, from line 2 on, and what is said about it.
const WRONG: &[(&str, &str)] = &[
    // The text is no TOML.
    ("[topology\n", "2:10: unclosed table, expected `]`"),
    ("[topology]\nclients = 3\nclients = 4\n", "4:1: duplicate key"),
    ("x = \"ü\" y\n", "2:9: unexpected key or value, expected newline, `#`"),
    // Keys and tables that do not exist.
    (
        "sed = 3\n",
        "2:1: unknown key \"sed\" in the scenario; known keys: architecture, chaos, topology, network, workload, \
         fault, adversary, swarm, expect",
    ),
    (
        "[topology]\n  hanlders = 3\n",
        "3:3: unknown key \"hanlders\" in [topology], did you mean \"handlers\"? known keys: handlers, incoming, \
         mailboxes, clients, crowd, witnesses, quorum, challenge_bound, epoch, cores, transport, cut, handler_receipts, machines, costs, crypto, storage",
    ),
    (
        "network.lose = 0\n",
        "2:9: unknown key \"lose\" in [network], did you mean \"loss\"? known keys: latency, bandwidth, loss",
    ),
    (
        "[network]\nlatency = { median = \"5ms\", p98 = \"9ms\" }\n",
        "3:29: unknown key \"p98\" in network.latency, did you mean \"p99\"? known keys: median, p99, quantiles",
    ),
    (
        "[[faults]]\nat = \"1s\"\n",
        "2:3: unknown table [faults], did you mean \"fault\"? known tables: [topology], [network], [workload], [chaos], \
         [[fault]], [[adversary]], [swarm], [expect]",
    ),
    // Values of another type or unit.
    ("topology = 5\n", "2:12: topology must be a table, not 5: write [topology] above its keys"),
    ("[[topology]]\n", "2:1: topology must be a table, not a list: write [topology] above its keys"),
    (
        "[fault]\nat = \"1s\"\n",
        "2:1: fault must be a list of tables, not a table: write [[fault]] above each one, or fault = []",
    ),
    ("fault = [3]\n", "2:10: fault must be a table, not 3: write [[fault]] above its keys"),
    (
        "[topology]\nclients = \"many\"\n",
        "3:11: clients must be a whole number, not \"many\": write a whole number such as 12, or a range such as \
         \"3..9\"",
    ),
    (
        "[topology]\nclients = 1.5\n",
        "3:11: clients must be a whole number, not 1.5: write a whole number such as 12, or a range such as \"3..9\"",
    ),
    (
        "[topology]\nepoch = \"5\"\n",
        "3:9: epoch must be a duration, not \"5\": write a duration such as 5ms, 300us, 2s, or a range such as \
         \"1ms..5ms\"",
    ),
    (
        "[topology]\nepoch = \"5 parsec\"\n",
        "3:9: epoch must be a duration, not \"5 parsec\": write a duration such as 5ms, 300us, 2s, or a range such as \
         \"1ms..5ms\"",
    ),
    (
        "[network]\nbandwidth = \"1GB\"\n",
        "3:13: bandwidth must be a number of bits per second, not \"1GB\": write a bandwidth such as 1Gbit/s, \
         100Mbit/s, a range such as \"10Mbit/s..1Gbit/s\", or \"unlimited\"",
    ),
    (
        "[network]\nloss = \"1%\"\n",
        "3:8: loss must be a number, not \"1%\": write a number such as 0.01, or a range such as \"0..0.02\"",
    ),
    (
        "[workload]\nrate = 500\n",
        "3:8: rate must be a number per second, not 500: write a rate such as 500/s, or a range such as \
         \"100/s..500/s\"",
    ),
    (
        "[workload]\npayload = \"64\"\n",
        "3:11: payload must be a size, not \"64\": write a size such as 64B, 1kB, 2MB, or a range such as \"64B..1kB\"",
    ),
    ("[expect]\nwithin = 10\n", "3:10: within must be a number of epochs, not 10: write \"10 epochs\""),
    (
        "[expect]\nexposed = \"mailbox/0\"\n",
        "3:11: exposed must be a list of actors, not \"mailbox/0\": write exposed = [\"mailbox/0\"], or exposed = []",
    ),
    // Words.
    (
        "architecture = \"federated\"\n",
        "2:16: the architecture \"federated\" is not built yet: write \"central\", \"multithreaded\" or \"parallel\"",
    ),
    (
        "architecture = \"central\"\n[topology]\nincoming = 2\n",
        "4:12: central is one server with one actor of each role: write incoming = 1, or architecture = \"parallel\"",
    ),
    (
        "architecture = \"multithreaded\"\n[topology]\nmailboxes = \"1..2\"\n",
        "4:13: multithreaded is one server with one actor of each role: write mailboxes = 1, or architecture = \
         \"parallel\"",
    ),
    (
        "architecture = \"central\"\n[topology]\nhandler_receipts = true\n",
        "4:20: in central one key signs for all roles, and a handler receipt would move no custody: write \
         handler_receipts = false, or architecture = \"parallel\"",
    ),
    ("[topology]\nhandler_receipts = 1\n", "3:20: the choice must be a word, not 1; known: true, false"),
    (
        "architecture = \"paralel\"\n",
        "2:16: unknown architecture \"paralel\", did you mean \"parallel\"? known: central, multithreaded, parallel, \
         transactional, federated",
    ),
    (
        "[topology]\ncosts = \"defualt\"\n",
        "3:9: unknown costs \"defualt\", did you mean \"default\"? known: default, unsigned, zero, the path of a profile \
         such as ./profile.toml, or unsigned:./profile.toml",
    ),
    ("[topology]\ncrypto = 3\n", "3:10: the crypto must be a word, not 3; known: ed25519, modelled"),
    // Bounds.
    ("[topology]\nclients = \"9..3\"\n", "3:11: clients is a range upside down: write \"3..9\""),
    ("[workload]\npayload = \"1kB..64B\"\n", "3:11: payload is a range upside down: write \"64B..1kB\""),
    ("[network]\nloss = 1.5\n", "3:8: loss must lie in 0..=1"),
    ("[network]\nloss = -0.1\n", "3:8: loss must lie in 0..=1"),
    ("[network]\nloss = nan\n", "3:8: loss must lie in 0..=1"),
    ("[network]\nloss = \"0.5..1.5\"\n", "3:8: loss must lie in 0..=1"),
    (
        "[topology]\nwitnesses = \"1..3\"\nquorum = 2\n",
        "4:10: quorum must not be above the number of witnesses: write quorum = 1 or less",
    ),
    (
        "[topology]\nchallenge_bound = 9\n",
        "3:19: challenge_bound must be a number of epochs, not 9: write \"10 epochs\"",
    ),
    ("chaos = 3\n", "2:9: the choice must be a word, not 3; known: true, false"),
    (
        "[swarm]\nroles = [\"operator\"]\n",
        "3:10: unknown role \"operator\"; known: client, handler, incoming, sequencer, mailbox, witness",
    ),
    ("[topology]\nhandlers = 0\n", "3:12: handlers must lie in 1..=4096"),
    ("[topology]\nclients = \"3..200000\"\n", "3:11: clients must lie in 0..=100000"),
    (
        "[topology]\nclients = 0\n",
        "3:11: a scenario needs clients: write clients = 1 or more, or crowd = 1 or more beside clients = 0",
    ),
    ("[topology]\nepoch = \"1us\"\n", "3:9: epoch must lie in 10us..=60s"),
    (
        "[network]\nlatency = { median = \"5ms\", p99 = \"2ms\" }\n",
        "3:35: p99 must not be below median: write p99 = \"5ms\" or more",
    ),
    // Keys that are missing or too many.
    (
        "[network]\nlatency = { median = \"5ms\" }\n",
        "3:11: network.latency needs the key \"p99\": write p99 = \"2ms\"",
    ),
    (
        "[workload]\nrate = \"5/s\"\nclosed = 3\n",
        "4:10: rate and closed exclude each other: keep rate for an open loop, closed for a closed one",
    ),
    (
        "[workload]\nclosed = 3\nper_request = 4\n",
        "4:15: per_request and closed exclude each other: keep per_request for an open loop, closed for a closed one",
    ),
    (
        "[workload]\nbundles = \"200..900\"\nrate = \"100/s..400/s\"\nwarm_up = \"500ms\"\n",
        "5:11: warm_up must be shorter than the load, or nothing is measured: 200 bundles may be sent in 500ms; write a \
         shorter warm_up, or more bundles",
    ),
    ("[workload]\nper_request = 65\n", "3:15: per_request must lie in 1..=64"),
];

#[test]
fn every_mistake_has_its_place_and_its_remedy() {
    for (text, message) in WRONG {
        assert_eq!(wrong(text), format!("x.toml:{message}"), "{text}");
    }
}

#[test]
fn what_leaves_something_to_measure_may_warm_up() {
    let warm_up = |text: &str, sets: &[&str]| parse(&format!("[workload]\n{text}\n"), sets).is_ok();
    assert!(warm_up("bundles = \"200..900\"\nrate = \"100/s..400/s\"\nwarm_up = \"499ms\"", &[]));
    // of a closed loop nobody knows how long it takes, and what is no warm-up leaves all that there is
    assert!(warm_up("closed = 1\nwarm_up = \"9000s\"", &[]) && warm_up("bundles = 0\nwarm_up = \"0s\"", &[]));
    assert!(warm_up("bundles = 500\nwarm_up = \"400ms\"", &[]));
    assert!(!warm_up("bundles = 500\nwarm_up = \"400ms\"", &["workload.bundles=200"]));
}

#[test]
fn a_scenario_begins_with_its_claim() {
    let message = "x.toml:1:1: the first line must be a comment with the claim in one sentence, such as `# Nothing is lost.`";
    for text in ["", "\n# Late.\n", "architecture = \"parallel\"\n", "#\n", "#   \n"] {
        assert_eq!(Scenario::parse("x.toml", text, &[]).unwrap_err().to_string(), message, "{text:?}");
    }
    let scenario = Scenario::parse("x.toml", "\u{feff}#  Nothing is lost. \r\n", &[]).unwrap();
    assert_eq!(scenario.claim, "Nothing is lost.");
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let missing = Scenario::read(Path::new("no/such.toml"), &[]).unwrap_err().to_string();
    assert_eq!(missing, "no/such.toml: cannot read: No such file or directory (os error 2)");
    let directory = Scenario::read(&directory(), &[]).unwrap_err().to_string();
    assert!(directory.contains("scenarios: cannot read: "), "{directory}");
}
