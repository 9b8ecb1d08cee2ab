//! Whole runs: what the scenario files claim, and that the simulator tells the truth about time.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use sim::{
    command,
    model::costs::{Cost, Profile},
    outcome::Outcome,
    scale::METRICS,
    scenario::Scenario,
};

mod support;

use support::root;

fn run(path: &str, seed: u64, sets: &[&str]) -> Outcome {
    let sets: Vec<String> = sets.iter().map(ToString::to_string).collect();
    let scenario = Scenario::read(&root().join(path), &sets).unwrap_or_else(|error| panic!("{error}"));
    command::run(path, &scenario, seed, false).unwrap_or_else(|error| panic!("{error}"))
}

fn violated(outcome: &Outcome) -> Vec<String> {
    let violated = outcome.checks.iter().filter(|check| !check.held);
    violated.map(|check| format!("seed {}: {}: {}", outcome.seed, check.name, check.why)).collect()
}

#[test]
fn the_quickstart_exposes_the_mailbox_actor_that_cheats_and_nobody_else() {
    let outcome = run("scenarios/quickstart.toml", 7, &[]);
    assert_eq!(violated(&outcome), Vec::<String>::new());
    assert_eq!(outcome.exposed(), ["mailbox/0"]);
    assert!(outcome.throughput_per_s() > 100.0);
    assert_eq!(outcome.bundles().accepted, outcome.bundles().delivered);
}

#[test]
fn a_seed_has_one_fingerprint_and_another_seed_another() {
    let fingerprint = |seed| run("scenarios/quickstart.toml", seed, &["workload.bundles=120"]).fingerprint();
    let first = fingerprint(7);
    let others = std::thread::scope(|scope| {
        let again: Vec<_> = (0..2).map(|_| scope.spawn(|| fingerprint(7))).collect();
        again.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    assert_eq!(others, [first.clone(), first.clone()]);
    assert_ne!(fingerprint(8), first);
}

/// A replay keeps the trace, and must be of the run that it replays.
#[test]
fn whoever_watches_changes_nothing() {
    let scenario = Scenario::read(&root().join("scenarios/quickstart.toml"), &[]).unwrap();
    let run = |trace| command::run("quickstart", &scenario, 7, trace).unwrap();
    let (watched, unwatched) = (run(true), run(false));
    assert!(watched.record().trace.is_some() && unwatched.record().trace.is_none());
    assert_eq!(watched.fingerprint(), unwatched.fingerprint());
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let sample = format!("  fingerprint       {}\n", unwatched.fingerprint());
    assert!(readme.contains(&sample), "the README's sample has another than {sample}");
}

#[test]
fn a_scenario_as_drawn_runs_the_same() {
    let outcome = run("scenarios/quickstart.toml", 3, &["workload.bundles=100..150"]);
    let drawn =
        Scenario::parse("drawn", &outcome.drawn.to_toml(), &[]).unwrap_or_else(|error| panic!("{error}"));
    let again = command::run("drawn", &drawn, 3, false).unwrap();
    assert_eq!(again.fingerprint(), outcome.fingerprint());
}

/// How many faults had an effect in a short run with this one.
fn fired(fault: &str, sets: &[&str]) -> u64 {
    let text = format!(
        "# A fault counts if something is different for it.\n[topology]\nclients = 4\ncrypto = \"modelled\"\nstorage = \"modelled\"\n\
         [workload]\nbundles = 60\nrate = \"300/s\"\n[[fault]]\nat = \"60ms\"\nfor = \"150ms\"\n{fault}\n"
    );
    let sets: Vec<String> = sets.iter().map(ToString::to_string).collect();
    let scenario = Scenario::parse("fault", &text, &sets).unwrap_or_else(|error| panic!("{error}"));
    command::run("fault", &scenario, 1, false).unwrap().record().faults.values().sum()
}

#[test]
fn a_fault_that_changes_nothing_does_not_count() {
    let slow = "kind = \"slow\"\nactor = \"sequencer\"\nfactor = 20";
    for (fault, idle) in [
        (slow, "topology.costs=zero"),
        (slow, "fault.0.factor=1"),
        ("kind = \"throttle\"\nbandwidth = \"10Mbit/s\"", "fault.0.bandwidth=1Gbit/s"),
        ("kind = \"throttle\"\nbandwidth = \"5Gbit/s\"\nbuffer = \"200B\"", "fault.0.buffer=500kB"),
        ("kind = \"duplicate\"\nrate = 0.5", "network.bandwidth=unlimited"),
    ] {
        assert_eq!((fired(fault, &[]), fired(fault, &[idle])), (1, 0), "{fault} and {idle}");
    }
}

#[test]
fn a_receipt_takes_four_links_when_all_work_is_free() {
    let outcome = run("scenarios/honest/bare-latency.toml", 1, &[]);
    assert_eq!(violated(&outcome), Vec::<String>::new());
    let receipt = outcome.record().receipt.summary().unwrap();
    assert!((receipt.p50 / 400.0 - 1.0).abs() < 0.01, "{receipt:?}");
    assert!((receipt.max / 400.0 - 1.0).abs() < 0.01, "{receipt:?}");
}

#[test]
fn a_calm_network_keeps_its_first_connections() {
    let outcome = run("scenarios/honest/bare-latency.toml", 1, &[]);
    // 2 clients to handler, mailbox actor and witness; handler, sequencer and mailbox actor to the incoming actor,
    // mailbox actor to the sequencer; witness to incoming actor, sequencer and mailbox actor
    assert_eq!(outcome.run.connections, 2 * 3 + 3 + 1 + 3);
}

#[test]
fn every_fault_scenario_holds() {
    let faults = ["crash-client", "crash-handler", "crash-incoming", "crash-mailbox", "crash-sequencer"];
    for fault in faults.into_iter().chain(["lossy", "partition", "slow-link", "chaos"]) {
        for seed in 0..3 {
            let outcome = run(&format!("scenarios/faults/{fault}.toml"), seed, &[]);
            assert_eq!(violated(&outcome), Vec::<String>::new(), "{fault}");
        }
    }
}

#[test]
fn one_server_holds_and_so_does_http() {
    let modelled = ["topology.crypto=modelled", "topology.storage=modelled"];
    for fault in ["central-chaos", "multithreaded-chaos", "http-chaos", "central-http-chaos"] {
        for seed in 0..2 {
            let path = format!("scenarios/faults/{fault}.toml");
            let outcome = run(&path, seed, &modelled);
            assert_eq!(violated(&outcome), Vec::<String>::new(), "{fault}");
            assert_eq!(run(&path, seed, &modelled).fingerprint(), outcome.fingerprint(), "{fault}");
        }
    }
}

#[test]
fn many_cores_help_a_server_that_checks_signatures_on_all_of_them() {
    // so dear that nothing else is worth mentioning, on whichever machine the profile was measured
    let mut profile = Profile::standard();
    profile.crypto.batch = vec![(1.0, Cost::always(1_000_000.0))];
    let costs = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(costs.path(), profile.to_toml()).unwrap();
    let throughput = |architecture, cores| {
        let sets = [
            &format!("architecture={architecture}"),
            &format!("topology.cores={cores}"),
            &format!("topology.costs={}", costs.path().display()),
            "topology.machines=each",
            "topology.crypto=modelled",
            "topology.storage=modelled",
            "topology.incoming=1",
            "topology.mailboxes=1",
            "topology.clients=64",
            "workload.closed=8",
            "workload.bundles=1500",
        ];
        run("scenarios/honest/one-machine.toml", 1, &sets).throughput_per_s()
    };
    let [one, eight] = [1, 8].map(|cores| throughput("multithreaded", cores));
    assert!(eight > 4.0 * one, "{eight} on eight cores, {one} on one");
    let central = throughput("central", 8);
    assert!(eight > 4.0 * central, "{eight}, and {central} where one checks for all");
}

fn measured(outcome: &Outcome, name: &str) -> f64 {
    METRICS.iter().find(|metric| metric.name == name).unwrap().of(outcome).unwrap()
}

#[test]
fn detection_takes_time_from_the_cheat_to_the_evidence() {
    let modelled = ["topology.crypto=modelled", "topology.storage=modelled"];
    for seed in 0..3 {
        let outcome = run("scenarios/attacks/D03-swap-deliveries.toml", seed, &modelled);
        assert_eq!(violated(&outcome), Vec::<String>::new());
        let (ms, epochs) = (measured(&outcome, "detection"), measured(&outcome, "detection-epochs"));
        let epoch_ms = outcome.drawn.topology.epoch_ns as f64 / 1e6;
        // whole epochs lie between, and a delivery is on its way for some time
        assert!(ms > 0.1 && ms > (epochs - 1.0) * epoch_ms, "{ms} ms, {epochs} epochs");
        assert!(ms < 100.0, "{ms} ms");
    }
}

#[test]
fn what_passes_a_slow_actor_is_told_apart_from_the_others() {
    let of = |factor: &str| {
        let outcome = run("scenarios/scaling/straggler.toml", 1, &[factor, "workload.bundles=1500"]);
        assert_eq!(violated(&outcome), Vec::<String>::new());
        ["untouched-p50", "untouched-p99", "delivery-p99"].map(|name| measured(&outcome, name))
    };
    let ([median, others, all], [fast, ..]) = (of("fault.0.factor=100"), of("fault=[]"));
    assert!(all > 3.0 * others, "{all} ms of all, {others} ms of the others");
    assert!(median < 2.0 * fast && median < others, "{median} ms, {fast} ms where nobody is slow");
}

#[test]
fn a_cut_waits_for_nobody_and_a_barrier_for_everybody() {
    let median_and_missed = |cut| {
        let sets = [
            &format!("topology.cut={cut}"),
            "fault.0.factor=100",
            "workload.rate=1500/s",
            "workload.bundles=600",
        ];
        let outcome = run("scenarios/scaling/straggler.toml", 1, &sets);
        assert_eq!(violated(&outcome), Vec::<String>::new(), "{cut}");
        let record = outcome.record();
        let missed = record.coverage.get("a late incoming actor missed a cut").copied().unwrap_or(0);
        (record.delivery.summary().unwrap().p50, missed)
    };
    let [(fast, missed), (slow, none)] = ["nobody", "everybody"].map(median_and_missed);
    assert!(missed > 10 && none == 0, "{missed} and {none} cuts without somebody");
    assert!(slow > 1.3 * fast, "{slow} µs is not much slower than {fast} µs");
}

#[test]
fn modelled_crypto_and_storage_give_the_same_verdicts() {
    let modelled = ["topology.crypto=modelled", "topology.storage=modelled"];
    for (path, exposed) in
        [("scenarios/quickstart.toml", vec!["mailbox/0"]), ("scenarios/faults/chaos.toml", vec![])]
    {
        for seed in 0..4 {
            let outcome = run(path, seed, &modelled);
            assert_eq!(violated(&outcome), Vec::<String>::new());
            assert_eq!(outcome.exposed(), exposed);
        }
    }
}

#[test]
fn a_closed_loop_keeps_its_bundles_in_flight() {
    let sets = ["workload.closed=4", "workload.bundles=300", "adversary=[]", "expect.exposed=[]"];
    let outcome = run("scenarios/quickstart.toml", 2, &sets);
    assert_eq!(violated(&outcome), Vec::<String>::new());
    assert_eq!(outcome.record().submitted.len(), 300);
}

#[test]
fn an_honest_run_without_the_expected_cheat_is_violated() {
    let outcome = run("scenarios/quickstart.toml", 7, &["adversary=[]", "workload.bundles=100"]);
    assert!(violated(&outcome).iter().any(|why| why.contains("mailbox/0 is not exposed")));
}
