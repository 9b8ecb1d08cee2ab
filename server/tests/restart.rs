//! Crash at any point (O10): every actor, in every turn, at every boundary of the turn.
//!
//! The crashed actor is built anew from what it had made durable. [`support::Bench`] asserts that no slot ever gets
//! a second digest; here it is asserted that nothing is lost, nothing comes twice, all clients see one order, and
//! nobody is accused.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

mod support;

use std::collections::BTreeMap;

use server::{
    actor::Notice,
    protocol::id::{ActorId, ClientId, SequenceId},
};
use support::{Boundary, HANDLER, SEQUENCER, World, client, incoming, mailbox};

const BUNDLES: u64 = 3;

/// Two clients write to each other and to a third in three rounds; one actor crashes in this turn, if it gets there.
fn run(crash: Option<(ActorId, usize, Boundary)>) -> World {
    let mut world = World::new(2, 2, 3);
    if let Some((who, turn, boundary)) = crash {
        world.benches.get_mut(&who).unwrap().crash = Some((turn, boundary));
    }
    world.connect_all();
    for token in 0..BUNDLES {
        world.submit(0, token, &[0, token as u8], &[0, 1, 2]);
        world.submit(1, token, &[1, token as u8], &[0, 1, 2]);
        world.run_for(3);
    }
    world
}

/// How many bundles a client's application knows to be taken over by the client.
fn submitted(world: &World, index: usize) -> usize {
    let told = world.told(ActorId::Client(client(index)));
    let numbers = told.iter().filter_map(|notice| match notice {
        Notice::Submitted { number, .. } => Some(*number),
        _ => None,
    });
    numbers.collect::<std::collections::BTreeSet<_>>().len()
}

fn check(mut world: World, what: &str) {
    let expected = submitted(&world, 0) + submitted(&world, 1);
    let all_delivered = |world: &World| (0..3).all(|index| world.delivered(index).len() >= expected);
    world.run_until(what, 3000, all_delivered);
    world.run_for(30);
    let mut order: BTreeMap<SequenceId, (ClientId, u64)> = BTreeMap::new();
    for index in 0..3 {
        let delivered = world.delivered(index);
        assert_eq!(delivered.len(), expected, "{what}: each once");
        assert!(delivered.keys().map(|count| count.0).eq(1..=expected as u64), "{what}: counts");
        assert!(delivered.values().is_sorted_by(|a, b| a.0 < b.0), "{what}: in order");
        for (sequence, sender, number) in delivered.into_values() {
            let before = order.insert(sequence, (sender, number));
            assert!(before.is_none_or(|before| before == (sender, number)), "{what}: one order");
        }
    }
    assert_eq!(order.len(), expected, "{what}");
    for notices in world.notices.values() {
        for notice in notices {
            let accuses = matches!(
                notice,
                Notice::Caught(_)
                    | Notice::Suspicious { .. }
                    | Notice::Unusable { .. }
                    | Notice::Dropped { .. }
            );
            assert!(!accuses, "{what}: {notice:?}");
        }
    }
}

#[test]
fn without_a_crash_all_is_delivered() {
    let world = run(None);
    assert_eq!(submitted(&world, 0) + submitted(&world, 1), 2 * BUNDLES as usize);
    check(world, "no crash");
}

fn every_crash_of(who: ActorId) {
    let mut crashes = 0;
    for boundary in [Boundary::BeforeCommit, Boundary::AfterCommit, Boundary::AmidSends] {
        for turn in 0.. {
            let world = run(Some((who, turn, boundary)));
            if world.crashes == 0 {
                break;
            }
            crashes += 1;
            check(world, &format!("{who} crashes in turn {turn}, {boundary:?}"));
        }
    }
    assert!(crashes > 20, "{crashes} crashes of {who}");
}

#[test]
fn a_handler_may_crash_at_any_point() {
    every_crash_of(HANDLER);
}

#[test]
fn an_incoming_actor_may_crash_at_any_point() {
    every_crash_of(incoming(0));
}

#[test]
fn the_sequencer_may_crash_at_any_point() {
    every_crash_of(SEQUENCER);
}

#[test]
fn a_mailbox_actor_may_crash_at_any_point() {
    every_crash_of(mailbox(0));
}

#[test]
fn a_client_may_crash_at_any_point() {
    every_crash_of(ActorId::Client(client(0)));
}

/// A connection that is lost and comes up again costs nothing either.
#[test]
fn every_link_may_break_between_any_two_rounds() {
    for who in [HANDLER, incoming(1), SEQUENCER, mailbox(1), ActorId::Client(client(1))] {
        for ms in [1, 2, 4, 7] {
            let mut world = World::new(2, 2, 3);
            world.connect_all();
            for token in 0..BUNDLES {
                world.submit(0, token, &[0, token as u8], &[0, 1, 2]);
                world.submit(1, token, &[1, token as u8], &[0, 1, 2]);
                world.run_for(ms);
                world.disconnect(who);
                world.run_for(ms);
                world.reconnect(who);
            }
            check(world, &format!("{who} cut off every {ms} ms"));
        }
    }
}
