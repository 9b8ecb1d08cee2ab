//! What seeds draw.

use super::*;

#[test]
fn every_scenario_of_the_project_draws_what_it_writes() {
    let all = files(&directory());
    assert!(all.len() >= 12);
    for path in all {
        let scenario = Scenario::read(&path, &[]).unwrap_or_else(|error| panic!("{error}"));
        for seed in 0..50 {
            let drawn = scenario.draw(seed);
            assert_eq!(drawn, scenario.draw(seed));
            let again = Scenario::parse("again.toml", &drawn.to_toml(), &[])
                .unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(again.draw(seed + 1000), drawn, "{}", drawn.to_toml());
        }
    }
}

#[test]
fn setting_one_key_changes_no_other_draw() {
    let path = directory().join("faults/chaos.toml");
    let read = |sets: &[String]| Scenario::read(&path, sets).unwrap().draw(7);
    let before = read(&[]).parameters();
    let after = read(&["fault.1.at=5s".to_owned(), "workload.bundles=1".to_owned()]).parameters();
    let changed = before.iter().zip(&after).filter(|(before, after)| before != after);
    assert_eq!(
        changed.map(|(_, (key, _))| key.as_str()).collect::<Vec<_>>(),
        ["workload.bundles", "fault.1.at"]
    );
}

#[test]
fn seeds_draw_different_values_within_their_range() {
    let scenario =
        parse("[topology]\nclients = \"3..9\"\n[workload]\nrate = \"100/s..200/s\"\n", &[]).unwrap();
    let clients: std::collections::BTreeSet<u32> =
        (0..200).map(|seed| scenario.draw(seed).topology.clients).collect();
    assert_eq!(clients.into_iter().collect::<Vec<_>>(), [3, 4, 5, 6, 7, 8, 9]);
    let rates = (0..200).map(|seed| scenario.draw(seed).workload.pace);
    assert!(
        rates
            .into_iter()
            .all(|pace| matches!(pace, Pace::Open { rate_per_s } if (100.0..=200.0).contains(&rate_per_s)))
    );
}

#[test]
fn an_adversary_drawn_from_a_wildcard_is_the_one_that_is_expected() {
    let text = |actor| {
        format!(
            "[topology]\nmailboxes = 5\n[[adversary]]\nactor = \"{actor}\"\nattack = \"swap-deliveries\"\n\
             [expect]\nexposed = [\"{actor}\"]\n"
        )
    };
    for actor in ["mailbox/3", "mailbox/*", "*"] {
        let scenario = parse(&text(actor), &[]).unwrap();
        for drawn in (0..50).map(|seed| scenario.draw(seed)) {
            assert_eq!(drawn.expect.exposed, [drawn.adversaries[0].actor]);
            assert_eq!(drawn.adversaries[0].actor.role.name(), "mailbox");
        }
    }
}

#[test]
fn a_bundle_never_has_more_recipients_than_there_are_clients() {
    let drawn = drawn("[topology]\nclients = 3\n", &[]);
    assert_eq!(drawn.workload.recipients, Range { low: 1, high: 3 });
}

#[test]
fn nobody_is_partitioned_twice() {
    let text = "[[fault]]\nat = \"1s\"\nkind = \"partition\"\nfor = \"1s\"\nactors = [\"mailbox/*\", \"mailbox/0\", \"mailbox/*\"]\n";
    let scenario = parse(text, &[]).unwrap();
    for seed in 0..20 {
        let mut actors = scenario.draw(seed).faults[0].actors("actors").to_vec();
        let count = actors.len();
        actors.sort();
        actors.dedup();
        assert_eq!(actors.len(), count);
    }
}

#[test]
fn what_is_expected_of_victims_is_drawn_with_them() {
    let text = "[topology]\nclients = 5\n[[adversary]]\nactor = \"handler/0\"\nattack = \"drop-bundles\"\n\
                victim = \"client/*\"\nuntil = \"1s..2s\"\nevery = \"1..3\"\n\
                [expect]\npairs = [[\"handler/0\", \"client/*\"]]\nunserved = [\"client/*\"]\n";
    let scenario = parse(text, &[]).unwrap();
    for drawn in (0..30).map(|seed| scenario.draw(seed)) {
        let adversary = &drawn.adversaries[0];
        let victim = adversary.victim.unwrap();
        assert_eq!(drawn.expect.unserved, [victim]);
        assert_eq!(drawn.expect.pairs, [[victim, ActorName::new(Role::Handler, 0)]]);
        assert!(adversary.until_ns.unwrap() >= 1_000_000_000 && (1..=3).contains(&adversary.every));
    }
}

#[test]
fn chaos_adds_faults_that_heal_and_changes_no_other_draw() {
    let calm = parse("", &[]).unwrap();
    let chaos = parse("", &["chaos=true"]).unwrap();
    let mut kinds = std::collections::BTreeSet::new();
    for seed in 0..50 {
        let (calm, chaos) = (calm.draw(seed), chaos.draw(seed));
        assert_eq!((&calm.topology, &calm.workload), (&chaos.topology, &chaos.workload));
        assert!(chaos.faults.len() >= 5 && chaos.faults.iter().all(|fault| fault.optional));
        assert!(chaos.faults.iter().all(|fault| fault.end_ns() < 3_000_000_000));
        kinds.extend(chaos.faults.iter().map(|fault| fault.kind.name));
    }
    assert_eq!(kinds.len(), 4);
}

#[test]
fn a_swarm_leaves_someone_honest_and_fits_attacks_to_roles() {
    let scenario = parse("[topology]\nclients = 4\n[swarm]\n[expect]\nblame = \"guilty\"\n", &[]).unwrap();
    let mut sizes = std::collections::BTreeSet::new();
    for drawn in (0..200).map(|seed| scenario.draw(seed)) {
        sizes.insert(drawn.adversaries.len());
        let fits = |one: &DrawnAdversary| one.attack.roles.contains(&one.actor.role);
        assert!(drawn.adversaries.iter().all(fits));
        assert!(drawn.adversaries.windows(2).all(|two| two[0].actor < two[1].actor));
    }
    assert_eq!((sizes.first().copied(), sizes.last().copied()), (Some(1), Some(4 + 1 + 2 + 1 + 2 - 1)));
}

#[test]
fn every_fault_has_a_scenario_that_names_it() {
    let directory = directory().join("faults");
    let scenarios = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let named: std::collections::BTreeSet<&str> = scenarios
        .flat_map(|path| Scenario::read(&path, &[]).unwrap().faults)
        .filter(|fault| !fault.optional)
        .map(|fault| fault.kind.name)
        .collect();
    let missing: Vec<&str> =
        FAULTS.iter().map(|kind| kind.name).filter(|name| !named.contains(name)).collect();
    assert!(missing.is_empty(), "no scenario proves that these fire: {missing:?}");
}

#[test]
fn a_swarm_draws_every_kind_of_fault_and_what_it_draws_reads_back() {
    let text = "[topology]\nclients = 9\nwitnesses = 2\nhandlers = 2\n[chaos]\nmode = \"unrestricted\"\ndead = \"0..2\"\n";
    let scenario = parse(text, &[]).unwrap();
    let mut kinds = std::collections::BTreeSet::new();
    for seed in 0..300 {
        let drawn = scenario.draw(seed);
        kinds.extend(drawn.faults.iter().map(|fault| fault.kind.name));
        let again = Scenario::parse("drawn.toml", &drawn.to_toml(), &[]).unwrap().draw(seed + 1);
        assert_eq!(again, drawn);
    }
    let missing: Vec<&str> =
        FAULTS.iter().map(|kind| kind.name).filter(|name| !kinds.contains(name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
