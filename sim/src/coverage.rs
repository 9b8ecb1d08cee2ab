//! The *sometimes* points: places in the code that a wide sweep must reach, or it has not tried enough.
//!
//! A point is a sentence about what happened. Actors name one with `Notice::Reached`, the history names those that it
//! can see by itself; this table names them all, and a test compares it with the sources.

use std::collections::BTreeMap;

/// A point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point {
    /// Its name: what happened.
    pub name: &'static str,
    /// Why a sweep must have seen it, or where it is.
    pub line: &'static str,
}

/// Every point.
pub const POINTS: &[Point] = &[
    Point {
        name: "a bundle was held for the one before it",
        line: "incoming: numbers of a client have no holes",
    },
    Point {
        name: "a bundle was held for a cut that it cites",
        line: "incoming: a client knows a cut before its incoming actor does",
    },
    Point {
        name: "a bundle was submitted again after its admission",
        line: "incoming: a receipt was lost, and is given again",
    },
    Point { name: "a bundle was refused", line: "client: an incoming actor said why not" },
    Point {
        name: "an incoming actor challenged the sequencer to order a seal",
        line: "incoming: an acknowledged seal stays out of the cuts",
    },
    Point {
        name: "an incoming actor met a branch and asked who vouches for it",
        line: "incoming: mailbox actors attest two cuts of an epoch",
    },
    Point { name: "several seals of one actor went into one cut", line: "sequencer: it caught up" },
    Point { name: "a cut without news", line: "sequencer: nothing was sealed" },
    Point { name: "a late incoming actor missed a cut", line: "sequencer: the next cut takes what is late" },
    Point { name: "an attestation over no mailboxes", line: "mailbox: before the first delivery" },
    Point {
        name: "a mailbox actor waited for a cited batch",
        line: "mailbox: the cut came before the batch",
    },
    Point {
        name: "a mailbox actor challenged an incoming actor to hand over a run",
        line: "mailbox: the batch does not come",
    },
    Point {
        name: "a cut that does not follow stops the mailbox actor",
        line: "mailbox: a forked or broken chain of cuts",
    },
    Point {
        name: "a client was away for longer than the archive goes back",
        line: "mailbox: it is given heads instead of deliveries",
    },
    Point { name: "a complaint was admitted", line: "mailbox: it was at fault, and says so" },
    Point {
        name: "defence: it was another, and this proves it",
        line: "mailbox: a defence shifts the blame upstream",
    },
    Point { name: "defence: the mailbox is served", line: "mailbox: the client's complaint is out of date" },
    Point {
        name: "defence: it waits for another, whom it has challenged",
        line: "mailbox: who it waits for is to blame",
    },
    Point { name: "defence: the evidence proves nothing", line: "mailbox: an unfounded complaint" },
    Point { name: "a client went to another handler", line: "client: its handler does not answer" },
    Point {
        name: "a client challenged its mailbox actor to deliver",
        line: "client: what is attested does not come",
    },
    Point {
        name: "a statement was left that names a later roster",
        line: "everybody: it comes again when the roster is known",
    },
    Point { name: "a delivery came twice", line: "client: it takes it once" },
    Point {
        name: "a delivery did not go on from what was held",
        line: "client: it asks again from where it is",
    },
    Point {
        name: "a client was shown that nothing was due",
        line: "client: an empty mailbox is proven empty",
    },
    Point { name: "a sender saw its bundle where the receipt said", line: "client: the promise was kept" },
    Point {
        name: "a sender challenged an incoming actor to show a placement",
        line: "client: the promise is doubted",
    },
    Point {
        name: "a sender was shown once more where its bundle stands",
        line: "incoming: what was shown was lost with a connection",
    },
    Point {
        name: "a handler could not reach the incoming actor",
        line: "handler: the client is told, and tries again",
    },
    Point {
        name: "a handler asked in public for what it has in custody",
        line: "handler: the incoming actor says nothing to it",
    },
    Point {
        name: "a handler had in custody after a crash what it had before",
        line: "handler: it hands on again what it signed for",
    },
    Point {
        name: "a witness relayed no challenge that demands too much",
        line: "witness: nobody is suspected for what is not owed",
    },
    Point {
        name: "a target is blocked on another that it has challenged",
        line: "witness: the obligation rests",
    },
    Point {
        name: "an incoming actor was asked in public to admit a bundle",
        line: "witness: a bundle had no receipt in time",
    },
    Point {
        name: "an incoming actor was asked in public where a bundle stands",
        line: "witness: a sender was not shown a placement",
    },
    Point {
        name: "an incoming actor was asked in public for a seal",
        line: "witness: no heartbeat of it came",
    },
    Point {
        name: "an incoming actor was asked in public to open a seal",
        line: "witness: a cut cites what nobody opened",
    },
    Point {
        name: "an incoming actor was asked in public for a batch",
        line: "witness: a mailbox actor lacks what a cut cites",
    },
    Point { name: "the sequencer was asked in public for a cut", line: "witness: no heartbeat of it came" },
    Point {
        name: "the sequencer was asked in public to order a seal",
        line: "witness: an incoming actor misses its seal in the cuts",
    },
    Point {
        name: "a mailbox actor was asked in public to attest",
        line: "witness: a cut is not attested in time",
    },
    Point { name: "a mailbox actor was asked in public to deliver", line: "witness: a client hears nothing" },
    Point {
        name: "a mailbox actor was asked in public to answer a complaint",
        line: "witness: a complaint was not answered in time",
    },
    Point {
        name: "a handler was asked in public what became of a bundle",
        line: "witness: it had signed for it, and no receipt came",
    },
    Point { name: "an obligation rested", line: "witness: its target waits for another, or it is not due" },
    Point { name: "what was owed was shown", line: "witness: an obligation was fulfilled" },
    Point {
        name: "what was owed was refused, with a reason",
        line: "witness: an obligation was discharged by a refusal",
    },
    Point { name: "an obligation became void", line: "witness: of or towards somebody who is out" },
    Point { name: "an actor was suspected", line: "witness: an obligation outlasted its bound" },
    Point { name: "a suspicion ended when the actor answered", line: "witness: suspicion is never for good" },
    Point { name: "a dispute on a link was found", line: "client: a bundle went by way of the board" },
    Point { name: "a client found that nobody serves it", line: "client: neither handler nor board helps" },
    Point { name: "two statements of one slot were proven", line: "judge: equiv" },
    Point { name: "a broken chain was proven", line: "judge: chain" },
    Point { name: "a broken promise was proven", line: "judge: promise" },
    Point { name: "a bad seal was proven", line: "judge: badseal" },
    Point { name: "a bad cut was proven", line: "judge: badcut" },
    Point { name: "a bad attestation was proven", line: "judge: badattestation" },
    Point { name: "a false refusal was proven", line: "judge: badref" },
    Point { name: "a denial was proven", line: "judge: denial" },
    Point { name: "a false accusation was proven", line: "judge: falseacc" },
    Point { name: "a client dropped a leaf that is no bundle", line: "client: an incoming actor forged it" },
    Point { name: "a client could not use a delivery", line: "client: its mailbox actor sent nonsense" },
    Point {
        name: "an actor got what no honest one sends",
        line: "node: a frame, a signature or a chain is wrong",
    },
    Point {
        name: "a witness took off its board what a retired actor owed",
        line: "witness: it heard of the recovery",
    },
    Point {
        name: "an actor admitted that it lost state",
        line: "node: a recovery instead of a second signature",
    },
    Point { name: "a seal of no bundles", line: "incoming: a heartbeat" },
    Point { name: "a seal of more than eight bundles", line: "incoming: a long run" },
    Point {
        name: "a client signed several bundles at once",
        line: "client: what it was given to send while a step synced",
    },
    Point {
        name: "a receipt for several bundles",
        line: "incoming: what arrived while the last step synced",
    },
    Point { name: "one acknowledgement of several seals", line: "sequencer: they arrived together" },
    Point { name: "several heads under one cosignature", line: "witness: they arrived together" },
    Point {
        name: "a receipt outlived a crash of its incoming actor",
        line: "history: given before, kept after",
    },
    Point {
        name: "a receipt outlived a crash of the sequencer",
        line: "history: given before, ordered after",
    },
    Point {
        name: "a bundle was delivered after its client had crashed",
        line: "history: its sender was away meanwhile",
    },
    Point { name: "a key was replaced", line: "world: everybody is started anew with another roster" },
    Point { name: "a key was revoked", line: "world: what its owner had signed with it is fenced off" },
    Point { name: "an actor was killed before it committed", line: "world: nothing of the step is left" },
    Point { name: "an actor was killed in the middle of a commit", line: "world: the step is there or not" },
    Point {
        name: "an actor was killed after it committed and before it sent",
        line: "world: nobody has heard of the step",
    },
    Point {
        name: "an actor was killed when it had sent some of a step",
        line: "world: some have heard of the step",
    },
    Point {
        name: "an actor stopped rather than go on without its disk",
        line: "world: and its operator started it again",
    },
];

/// The points that were never reached, of how many reached how often.
pub fn unreached(reached: &BTreeMap<String, u64>) -> Vec<&'static str> {
    let names = POINTS.iter().map(|point| point.name);
    names.filter(|name| !reached.contains_key(*name)).collect()
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs, path::Path};

    use super::*;

    /// The Rust files below a directory.
    fn sources(directory: &Path, out: &mut Vec<String>) {
        for entry in fs::read_dir(directory).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                sources(&path, out);
            } else if path.extension().is_some_and(|extension| extension == "rs")
                && !path.ends_with("coverage.rs")
            {
                out.push(fs::read_to_string(path).unwrap());
            }
        }
    }

    fn all_sources() -> Vec<String> {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut all = Vec::new();
        [here.join("src"), here.join("../server/src")].iter().for_each(|below| sources(below, &mut all));
        all
    }

    /// The literals that stand right behind `call(`.
    fn literals<'a>(source: &'a str, call: &'a str) -> impl Iterator<Item = &'a str> {
        let behind = source.match_indices(call).map(|(at, _)| source[at + call.len()..].trim_start());
        behind.filter_map(|text| text.strip_prefix('"')?.split('"').next())
    }

    #[test]
    fn every_point_in_the_sources_is_in_the_table() {
        let sources = all_sources();
        let calls = ["Notice::Reached(", ".cover("];
        let named = sources.iter().flat_map(|source| calls.iter().flat_map(|call| literals(source, call)));
        let known: BTreeSet<&str> = POINTS.iter().map(|point| point.name).collect();
        let unknown: BTreeSet<&str> = named.filter(|name| !known.contains(name)).collect();
        assert!(unknown.is_empty(), "not in coverage::POINTS: {unknown:?}");
        assert_eq!(known.len(), POINTS.len(), "a point stands twice in the table");
    }

    #[test]
    fn every_point_of_the_table_is_in_the_sources() {
        let sources = all_sources();
        let stands = |name: &str| sources.iter().any(|source| source.contains(&format!("\"{name}\"")));
        let gone: Vec<_> = POINTS.iter().filter(|point| !stands(point.name)).collect();
        assert!(gone.is_empty(), "{gone:?}");
    }
}
