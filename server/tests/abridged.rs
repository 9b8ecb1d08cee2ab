//! Cuts and seals that follow each other are written once, and whatever they are they come back as they were, from no other bytes.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

mod support;

use proptest::{collection::vec, prelude::*, sample::Index};
use server::protocol::{
    abridged::{decode, encode},
    codec::{DecodeError, Reader, Writer},
    crypto::PublicKey,
    cut::{Cut, Reached},
    derivation::SealPart,
    digest::Digest,
    id::{BatchNumber, Deployment, Epoch, Position, SequenceId},
    map::{Map, Pruned},
    merkle::{Opening, Tree},
    seal::{Positions, Seal},
    statement::{Citation, Signed, Statement, Terms, Unverified},
};
use support::{Modelled, client};

type Row = (Vec<Unverified<Cut>>, Vec<SealPart>);

/// A seal to be made: how many bundles, of them one for the client or none, which cut it has seen, and whether the key is another one.
type Draft = (u64, bool, Seen, bool);

#[derive(Clone, Copy, Debug)]
enum Seen {
    Nothing,
    /// So many cuts before.
    Listed(usize),
    /// One that is not in the list.
    Cited(u64),
}

fn sign<T: Statement>(body: T) -> Unverified<T> {
    Signed::sign(body, Deployment([7; 8]), &Modelled(PublicKey([9; 32]))).to_unverified()
}

fn body<T: Statement>(statement: &Unverified<T>) -> T {
    let bytes = server::protocol::codec::Encode::to_bytes(statement);
    T::from_body(&bytes[4..bytes.len() - 64]).unwrap()
}

fn elsewhere(epoch: u64) -> Citation {
    sign(Cut {
        epoch: Epoch(epoch),
        terms: Terms::default(),
        previous: Digest::of(&[b"elsewhere"]),
        base: SequenceId(0),
        total: SequenceId(0),
        reached: Vec::new(),
    })
    .cite()
}

/// What seals of these drafts, in an epoch of each actor, would be after this one, and the cut that takes them.
fn row(epochs: &[Vec<Vec<Draft>>]) -> Row {
    let actors = epochs.first().map_or(0, Vec::len);
    let mut cuts: Vec<Unverified<Cut>> = Vec::new();
    let mut queues: Vec<Vec<SealPart>> = vec![Vec::new(); actors];
    let mut reached = vec![Reached { seal: None, end: Position(40) }; actors];
    let mut total = 40 * actors as u64;
    for epoch in epochs {
        let base = total;
        for (j, drafts) in epoch.iter().enumerate() {
            for draft in drafts {
                let part = part(j as u32, *draft, queues[j].last(), &cuts);
                let seal = body(&part.seal);
                total += seal.count();
                reached[j] = Reached { seal: Some(part.seal.cite()), end: seal.end };
                queues[j].push(part);
            }
        }
        let last = cuts.last().map(body);
        cuts.push(sign(Cut {
            epoch: last.as_ref().map_or(Epoch(700), |last| last.epoch.next()),
            terms: Terms::default(),
            previous: cuts.last().map_or(Digest::of(&[b"before"]), Unverified::digest),
            base: SequenceId(base),
            total: SequenceId(total),
            reached: reached.clone(),
        }));
    }
    (cuts, queues.concat())
}

fn part(
    incoming: u32,
    (count, ours, seen, key): Draft,
    last: Option<&SealPart>,
    cuts: &[Unverified<Cut>],
) -> SealPart {
    let before = last.map(|last| body(&last.seal));
    let start = before.as_ref().map_or(Position(40), |before| before.end);
    let leaf = |index: u64| Digest::of(&[&incoming.to_be_bytes(), &(start.0 + index).to_be_bytes()]);
    let tree = Tree::new((0..count).map(leaf).collect());
    let mut manifest: Map<Positions> = Map::default();
    for index in 0..count {
        let recipient = if ours && index == 0 { 0 } else { 1 + (index as usize + incoming as usize) % 7 };
        manifest.insert(client(recipient), Positions(vec![Position(start.0 + index)]));
    }
    let listed = |back: usize| cuts.len().checked_sub(back + 1).map(|at| cuts[at].cite());
    let seal = Seal {
        incoming,
        batch: before.as_ref().map_or(BatchNumber(30), |before| before.batch.next()),
        terms: Terms { roster: 0, key: u32::from(key) },
        start,
        end: Position(start.0 + count),
        chain: Digest::of(&[b"chain", &start.0.to_be_bytes()]),
        previous: last.map_or(Digest::of(&[b"previous"]), |last| last.seal.digest()),
        leaves: tree.root(),
        manifest: manifest.root(),
        content_bytes: 64 * count,
        seen: match seen {
            Seen::Nothing => None,
            Seen::Listed(back) => listed(back),
            Seen::Cited(epoch) => Some(elsewhere(epoch)),
        },
    };
    let indices: &[u64] = if ours && count > 0 { &[0] } else { &[] };
    SealPart { seal: sign(seal), manifest: manifest.prune_to(&client(0)), leaves: tree.open(indices) }
}

fn written((cuts, seals): &Row) -> Vec<u8> {
    let mut out = Writer::default();
    encode(cuts, seals, &mut out);
    out.into_bytes()
}

/// As they are, whether they follow each other or not.
fn as_they_are((cuts, seals): &Row) -> Vec<u8> {
    let mut out = Writer::default();
    out.u8(0);
    out.list(cuts);
    out.list(seals);
    out.into_bytes()
}

fn read(bytes: &[u8]) -> Result<Row, DecodeError> {
    let mut input = Reader::new(bytes);
    let row = decode(&mut input)?;
    input.end()?;
    Ok(row)
}

fn draft() -> impl Strategy<Value = Draft> {
    let seen = prop_oneof![
        Just(Seen::Nothing),
        (0usize..3).prop_map(Seen::Listed),
        (690u64..703).prop_map(Seen::Cited),
    ];
    (0u64..5, any::<bool>(), seen, prop::bool::weighted(0.1))
}

fn rows() -> impl Strategy<Value = Row> {
    (1usize..4)
        .prop_flat_map(|actors| vec(vec(vec(draft(), 0..3), actors), 1..6))
        .prop_map(|epochs| row(&epochs))
}

/// The changes after which these no longer follow each other, or do.
fn distort((mut cuts, mut seals): Row, how: u8, at: &Index, other: &Index) -> Row {
    let (cut, next) = (at.index(cuts.len()), other.index(cuts.len()));
    let mut recut = |change: &dyn Fn(&mut Cut)| {
        let mut changed = body(&cuts[cut]);
        change(&mut changed);
        cuts[cut] = sign(changed);
    };
    match how {
        0 => recut(&|cut| cut.epoch.0 += 1),
        1 => recut(&|cut| cut.previous = Digest::ZERO),
        2 => recut(&|cut| cut.base.0 += 1),
        3 => recut(&|cut| cut.total.0 += 1),
        4 => recut(&|cut| cut.terms.key += 1),
        5 => recut(&|cut| cut.reached.iter_mut().take(1).for_each(|first| first.end.0 += 1)),
        6 => recut(&|cut| cut.reached.iter_mut().take(1).for_each(|first| first.seal = None)),
        7 => recut(&|cut| cut.reached.push(Reached::default())),
        8 => recut(&|cut| cut.reached.clear()),
        9 => recut(&|cut| cut.reached.iter_mut().take(1).for_each(|first| first.seal = Some(elsewhere(3)))),
        10 => drop(cuts.remove(cut)),
        11 => cuts.insert(next, cuts[cut].clone()),
        12 => cuts.swap(cut, next),
        _ if seals.is_empty() => {}
        _ => {
            let (at, other) = (at.index(seals.len()), other.index(seals.len()));
            let mut reseal = |change: &dyn Fn(&mut Seal)| {
                let mut changed = body(&seals[at].seal);
                change(&mut changed);
                seals[at].seal = sign(changed);
            };
            match how {
                13 => reseal(&|seal| seal.incoming += 1),
                14 => reseal(&|seal| seal.batch.0 += 1),
                15 => reseal(&|seal| seal.start.0 -= 1),
                16 => reseal(&|seal| seal.end.0 += 1),
                17 => reseal(&|seal| seal.previous = Digest::ZERO),
                18 => reseal(&|seal| seal.leaves = Digest::ZERO),
                19 => reseal(&|seal| seal.manifest = Digest::ZERO),
                20 => reseal(&|seal| seal.seen = None),
                21 => seals[at].manifest = Pruned::Hidden(body(&seals[at].seal).manifest),
                22 => seals[at].leaves = Opening::closed(body(&seals[at].seal).count(), Digest::ZERO),
                23 => drop(seals.remove(at)),
                24 => seals.insert(other, seals[at].clone()),
                25 => seals.swap(at, other),
                26 => seals[at] = seals[other].clone(),
                _ => seals.clear(),
            }
        }
    }
    (cuts, seals)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_follows_each_other_is_written_once_and_comes_back(row in rows()) {
        let bytes = written(&row);
        prop_assert_eq!(bytes[0], 1);
        prop_assert_eq!(read(&bytes), Ok(row.clone()));
        prop_assert!(read(&as_they_are(&row)).is_err(), "there is one way to write it");
    }

    #[test]
    fn what_does_not_comes_back_too(row in rows(), changes in vec((0u8..28, any::<Index>(), any::<Index>()), 1..4)) {
        let row = changes.iter().fold(row, |row, (how, at, other)| match row.0.is_empty() {
            true => row,
            false => distort(row, *how, at, other),
        });
        let bytes = written(&row);
        prop_assert_eq!(read(&bytes), Ok(row.clone()));
        prop_assert_eq!(read(&as_they_are(&row)).is_ok(), bytes[0] == 0);
    }

    #[test]
    fn no_other_bytes_are_the_same(row in rows(), at: Index, value: u8, second: Index, cut: Index) {
        let mut bytes = written(&row);
        let (at, second) = (at.index(bytes.len()), second.index(bytes.len()));
        for (at, value) in [(at, value), (second, bytes[second] ^ 1)] {
            bytes[at] = value;
            if let Ok(other) = read(&bytes) {
                prop_assert_eq!(&written(&other), &bytes);
            }
        }
        prop_assert!(read(&bytes[..cut.index(bytes.len())]).is_err());
    }
}

/// Eight incoming actors, twelve epochs, fifty bundles in each run, none of them the client's: what a client is shown that gets something
/// now and then.
#[test]
fn a_row_takes_half_of_what_its_statements_take() {
    let row = row(&vec![vec![vec![(50, false, Seen::Listed(0), false)]; 8]; 12]);
    let (once, as_it_is) = (written(&row).len(), as_they_are(&row).len());
    assert!(once * 2 < as_it_is, "{once} of {as_it_is} bytes");
}

#[test]
fn a_row_of_nothing_and_one_that_makes_up_much_are_refused() {
    let counts = |cuts: u32, actors: u32| {
        [&[1][..], &cuts.to_be_bytes(), &actors.to_be_bytes(), &[0; 1 << 16]].concat()
    };
    let refused = Err(DecodeError::Invalid("form of cuts and seals"));
    for (cuts, actors) in [(0, 1), (1, 0), (8192, 16384), (17, 16384)] {
        assert_eq!(read(&counts(cuts, actors)), refused, "{cuts} cuts of {actors}");
    }
    assert_eq!(read(&[2]), refused);
    assert_eq!(read(&counts(9000, 1)), Err(DecodeError::TooLong { what: "cuts", length: 9000, bound: 8192 }));
    // nothing at all follows nothing
    assert_eq!(read(&as_they_are(&(Vec::new(), Vec::new()))), Ok((Vec::new(), Vec::new())));
}

#[test]
fn at_the_end_of_the_number_space_they_come_back_too() {
    let draft = (2, true, Seen::Nothing, false);
    let (mut cuts, mut seals) = row(&[vec![vec![draft]], vec![vec![draft]]]);
    let mut first = body(&seals[0].seal);
    first.batch = BatchNumber(u64::MAX);
    seals[0].seal = sign(first.clone());
    seals[1].seal =
        sign(Seal { batch: BatchNumber(u64::MAX), previous: seals[0].seal.digest(), ..body(&seals[1].seal) });
    let mut previous = Digest::ZERO;
    for (cut, part) in cuts.iter_mut().zip(&seals) {
        let reached = vec![Reached { seal: Some(part.seal.cite()), end: body(&part.seal).end }];
        *cut = sign(Cut { epoch: Epoch(u64::MAX), previous, reached, ..body(cut) });
        previous = cut.digest();
    }
    let row = (cuts, seals);
    assert_eq!(read(&written(&row)), Ok(row));
}

#[test]
fn a_seal_has_seen_no_cut_that_comes_after_it() {
    let row =
        row(&[vec![vec![(1, true, Seen::Nothing, false)]], vec![vec![(1, true, Seen::Listed(0), false)]]]);
    let bytes = written(&row);
    let listed = 65u32.to_be_bytes();
    let at = bytes.windows(4).position(|window| window == listed).unwrap();
    for (seen, allowed) in [(0u32, true), (1, false), (64, false), (65, true), (66, false), (u32::MAX, false)]
    {
        let mut changed = bytes.clone();
        changed[at..at + 4].copy_from_slice(&seen.to_be_bytes());
        assert_eq!(read(&changed).is_ok(), allowed, "seen {seen}");
    }
}
