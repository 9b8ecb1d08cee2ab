//! Crowds: they get what clients get, through whatever happens, and what is broken shows in them too.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use sim::{
    command::Stopwatch,
    control::Weakness,
    crowd::Counts,
    outcome::Outcome,
    scenario::Scenario,
    world::{self},
};

const CROWD: &str = "# A crowd gets what it is sent.
[topology]
handlers = 2
clients = 0
crowd = 300
crypto = \"modelled\"
storage = \"modelled\"
[workload]
bundles = 400
rate = \"800/s\"
";

fn run_weak(more: &str, seed: u64, sets: &[&str], weakness: Weakness) -> Outcome {
    let sets: Vec<String> = sets.iter().map(ToString::to_string).collect();
    let scenario = Scenario::parse("crowd", &format!("{CROWD}{more}"), &sets).unwrap();
    let drawn = scenario.draw(seed);
    let run = world::run_weak(&drawn, seed, false, weakness).unwrap();
    Outcome::of("crowd".to_owned(), seed, drawn, run, Stopwatch::start().elapsed())
}

fn run(more: &str, seed: u64, sets: &[&str]) -> Outcome {
    run_weak(more, seed, sets, Weakness::None)
}

fn violated(outcome: &Outcome) -> Vec<String> {
    let violated = outcome.checks.iter().filter(|check| !check.held);
    violated.map(|check| format!("seed {}: {}: {}", outcome.seed, check.name, check.why)).collect()
}

/// What is sent to one server is more than it can take, and fills its actor's inbox: all of it is late, and nothing is lost.
#[test]
fn what_is_too_much_for_a_server_comes_late() {
    let base = "../scenarios/scaling/base.toml";
    let sets = [
        "architecture=multithreaded",
        "topology.handlers=1",
        "topology.incoming=1",
        "topology.mailboxes=1",
        "workload.bundles=3000",
    ];
    let scenario = Scenario::read(base.as_ref(), &sets.map(ToOwned::to_owned)).unwrap();
    let drawn = scenario.draw(2);
    let run = world::run_weak(&drawn, 2, false, Weakness::None).unwrap();
    let outcome = Outcome::of("overload".to_owned(), 2, drawn, run, Stopwatch::start().elapsed());
    let bundles = outcome.bundles();
    assert_eq!((bundles.accepted, bundles.delivered), (3000, 3000));
    assert!(outcome.record().delivery.summary().unwrap().p50 > 100_000.0, "it is no overload: five epochs");
}

fn crash(actor: &str) -> String {
    format!("[[fault]]\nat = \"200ms\"\nkind = \"crash\"\nactor = \"{actor}\"\nfor = \"100ms\"\n")
}

#[test]
fn a_crowd_gets_what_it_is_sent_and_says_so_in_every_number() {
    let outcome = run("", 1, &[]);
    assert_eq!(violated(&outcome), Vec::<String>::new());
    let Counts { sent, accepted, addressed, delivered, completed, again, .. } = outcome.crowd().unwrap();
    assert_eq!((sent, accepted, completed, again), (400, 400, 400, 0));
    assert_eq!(addressed, delivered);
    assert_eq!((outcome.bundles().accepted, outcome.bundles().delivered), (400, 400));
    let record = outcome.record();
    assert_eq!((record.receipt.count(), record.delivery.count()), (400, delivered));
    assert!((200.0..1600.0).contains(&outcome.throughput_per_s()), "{}", outcome.throughput_per_s());
    assert!(record.submitted.is_empty() && record.delivered.is_empty(), "nothing is kept of each bundle");
}

#[test]
fn a_crowd_has_one_fingerprint_with_real_signatures_and_storage_too() {
    let real = ["topology.crypto=ed25519", "topology.storage=redb", "workload.bundles=100"];
    let [one, again] = [run("", 3, &real), run("", 3, &real)];
    assert_eq!(violated(&one), Vec::<String>::new());
    assert_eq!(one.fingerprint(), again.fingerprint());
    assert_ne!(run("", 4, &real).fingerprint(), one.fingerprint());
}

#[test]
fn clients_beside_a_crowd_are_checked_as_ever() {
    let outcome = run("", 2, &["topology.clients=100", "topology.witnesses=2", "topology.quorum=1"]);
    assert_eq!(violated(&outcome), Vec::<String>::new());
    let (of_clients, crowd) = (outcome.record().submitted.len(), outcome.crowd().unwrap());
    assert_eq!((of_clients, crowd.completed), (100, 300));
    assert_eq!(outcome.bundles().delivered, 400);
}

#[test]
fn what_is_wanted_while_it_warms_up_is_checked_and_not_measured() {
    let sets = ["workload.bundles=800", "workload.warm_up=500ms"];
    let [cold, warm] = [run("", 1, &sets[..1]), run("", 1, &sets)];
    assert_eq!(violated(&warm), Vec::<String>::new());
    assert_eq!(cold.fingerprint(), warm.fingerprint(), "measuring changes nothing");
    assert_eq!((warm.bundles().delivered, warm.crowd().unwrap().completed), (800, 800));
    let (all, measured) = (cold.record(), warm.record());
    let half =
        |part: u64, whole: u64| assert!((3 * whole..7 * whole).contains(&(10 * part)), "{part} of {whole}");
    half(warm.flow().served, 800);
    half(measured.receipt.count(), all.receipt.count());
    half(measured.delivery.count(), all.delivery.count());
    let rates = warm.throughput_per_s() / cold.throughput_per_s();
    assert!((0.8..1.25).contains(&rates), "{rates}");
    let (from_ns, to_ns) = warm.run.load.measured_ns;
    assert_eq!((from_ns, to_ns), (from_ns.max(500_000_000), cold.run.load.measured_ns.1));
}

#[test]
fn bundles_of_a_request_are_signed_once_and_come_one_by_one() {
    let [single, several] = [1, 8].map(|bundles| run("", 1, &[&format!("workload.per_request={bundles}")]));
    for outcome in [&single, &several] {
        assert_eq!(violated(outcome), Vec::<String>::new());
        assert_eq!((outcome.bundles().accepted, outcome.bundles().delivered), (400, 400));
    }
    let signed = |outcome: &Outcome| outcome.record().signed["client"].total();
    let requests = |outcome: &Outcome| outcome.crowd().unwrap().requests;
    // 50 requests of 8, and acks; more of these come together, too
    assert!(signed(&single) >= signed(&several) + 350, "{} and {}", signed(&single), signed(&several));
    assert!(
        requests(&single) >= requests(&several) + 350,
        "{} and {}",
        requests(&single),
        requests(&several)
    );
}

#[test]
fn clients_hand_in_together_what_they_want_at_once() {
    let few = ["topology.crowd=0", "topology.clients=12", "workload.recipients=1..3"];
    let of = |bundles: u32| run("", 1, &[&few[..], &[&format!("workload.per_request={bundles}")]].concat());
    let [single, several] = [of(1), of(8)];
    for outcome in [&single, &several] {
        assert_eq!(violated(outcome), Vec::<String>::new());
        assert_eq!(outcome.bundles().delivered, 400);
    }
    let signed = |outcome: &Outcome| outcome.record().signed["client"].total();
    assert!(signed(&single) >= signed(&several) + 300, "{} and {}", signed(&single), signed(&several));
}

#[test]
fn a_closed_loop_of_a_crowd_sends_all() {
    let outcome = run("", 5, &["workload.closed=2", "topology.crowd=20"]);
    assert_eq!(violated(&outcome), Vec::<String>::new());
    assert_eq!(outcome.bundles().delivered, 400);
}

#[test]
fn a_crowd_outlives_the_crash_of_any_actor() {
    for actor in ["handler/0", "incoming/1", "sequencer", "mailbox/0"] {
        let outcome = run(&crash(actor), 6, &[]);
        assert_eq!(violated(&outcome), Vec::<String>::new(), "{actor}");
        let crowd = outcome.crowd().unwrap();
        match actor {
            "handler/0" => assert!(crowd.again > 0 && crowd.lost_connections > 0, "{crowd:?}"),
            "incoming/1" => assert!(crowd.put_off > 0 && crowd.lost_connections == 0, "{crowd:?}"),
            "mailbox/0" => assert_eq!(crowd.lost_connections, 2, "one of each group"),
            _ => assert_eq!(crowd.lost_connections, 0),
        }
    }
}

#[test]
fn a_crowd_outlives_loss_and_partitions() {
    for fault in ["lossy", "partition", "half-open", "slow-link", "swizzle"] {
        let file = format!("{}/../scenarios/faults/{fault}.toml", env!("CARGO_MANIFEST_DIR"));
        let sets = ["topology.crowd=200", "topology.crypto=modelled", "topology.storage=modelled"];
        let sets = sets.map(str::to_owned);
        let scenario = Scenario::read(file.as_ref(), &sets).unwrap();
        for seed in 0..2 {
            let drawn = scenario.draw(seed);
            let run = world::run(&drawn, seed, false).unwrap();
            let outcome = Outcome::of(file.clone(), seed, drawn, run, Stopwatch::start().elapsed());
            assert_eq!(violated(&outcome), Vec::<String>::new(), "{fault}");
        }
    }
}

#[test]
fn a_handler_that_dies_ends_the_run_and_shows_in_what_is_missing() {
    let dies = "[[fault]]\nat = \"200ms\"\nkind = \"dies\"\nactor = \"handler/0\"\n";
    let outcome = run(dies, 7, &["expect.catch_up=1s"]);
    let crowd = outcome.crowd().unwrap();
    assert!(crowd.accepted < crowd.sent && crowd.again > 0, "{crowd:?}");
    assert_eq!(violated(&outcome), Vec::<String>::new(), "who is gone for good excuses what is lost");
}

/// Negative controls: what is broken must show in a crowd without any client.
#[test]
fn what_is_broken_shows_in_a_crowd() {
    for (weakness, actor, check) in [
        (Weakness::DoubleRelease, "incoming/0", "exactly-once"),
        (Weakness::RangeFromStorage, "mailbox/0", "exactly-once"),
        (Weakness::UnsyncedWrites, "mailbox/0", "no-loss"),
    ] {
        let fails = |seed| {
            let outcome = run_weak(&crash(actor), seed, &["expect.catch_up=2s"], weakness);
            outcome.checks.iter().any(|one| one.name == check && !one.held && one.why.contains("crowd/"))
        };
        assert!((0..10).any(fails), "{weakness:?}");
    }
}
