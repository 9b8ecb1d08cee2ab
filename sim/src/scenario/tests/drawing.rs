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
        let FaultAction::Partition { mut actors } = scenario.draw(seed).faults[0].action.clone() else {
            panic!()
        };
        let count = actors.len();
        actors.sort();
        actors.dedup();
        assert_eq!(actors.len(), count);
    }
}
