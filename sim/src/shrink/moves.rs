//! The moves: in which order what of a scenario is made smaller.

use super::{Plain, search::Search};

/// The lists of a scenario that get shorter.
const LISTS: [&str; 2] = ["fault", "adversary"];

/// Parts of all times and of the number of bundles: what happens stays in step with what is sent.
const SHORTER: [f64; 3] = [0.25, 0.5, 0.75];
/// Parts of the rate of sending, and of the times of faults, at which candidates with fewer faults, adversaries or
/// actors are tried again.
const PACES: [f64; 12] = [0.9, 1.1, 0.7, 1.4, 0.8, 1.2, 0.95, 1.05, 0.6, 1.6, 0.85, 1.3];

/// Makes the best scenario smaller until nothing helps. Whether it came to that.
pub(super) fn all(search: &mut Search<'_>) -> bool {
    search.first(vec![search.best.0.modelled()]);
    loop {
        while round(search, &[]) {}
        // only now, when runs are short: most of these candidates do not fail
        let changed = round(search, &PACES);
        if search.is_over() || !changed {
            return !search.is_over();
        }
    }
}

/// Tries every move as it is, and at parts of the rate of sending and of the times of faults. Whether any helped.
fn round(search: &mut Search<'_>, paces: &[f64]) -> bool {
    let before = search.best.0.text();
    while search.first(SHORTER.map(|part| search.best.0.shorter(part)).to_vec()) {}
    for list in LISTS {
        shorten(search, list, paces);
    }
    for knob in search.best.0.knobs() {
        let paces = if knob.counts_actors() { paces } else { &[] };
        while at_any_pace(search, paces, |best| best.smaller(&knob)) {}
    }
    search.best.0.text() != before
}

/// Takes pieces out of a list: all of it, then halves, quarters and so on down to single items.
fn shorten(search: &mut Search<'_>, list: &str, paces: &[f64]) {
    let mut size = search.best.0.len(list);
    while size > 0 {
        while at_any_pace(search, paces, |best| without(best, list, size)) {}
        size /= 2;
    }
}

/// Tries candidates, and if none fails the same ones at other times and rates of sending.
fn at_any_pace(search: &mut Search<'_>, paces: &[f64], candidates: impl Fn(&Plain) -> Vec<Plain>) -> bool {
    let plain = candidates(&search.best.0);
    let paced = paces.iter().flat_map(|part| plain.iter().flat_map(|plain| plain.paced(*part)));
    let paced: Vec<Plain> = paced.collect();
    search.first(plain) || search.first(paced)
}

/// The scenario without each of the pieces of that size.
fn without(plain: &Plain, list: &str, size: usize) -> Vec<Plain> {
    let len = plain.len(list);
    let starts = (0..len).step_by(size.max(1));
    starts.map(|start| plain.without(list, start..(start + size).min(len))).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::{scenario::Scenario, trial::Broken};

    /// A scenario with ten faults, that fails while there are a crash of the sequencer, three clients and 20 bundles.
    fn shrink(jobs: usize) -> (String, u64) {
        let crash = |index: usize| {
            let actor = if index == 6 { "sequencer".to_owned() } else { format!("client/{index}") };
            format!(
                "[[fault]]\nat = \"{}ms\"\nkind = \"crash\"\nactor = \"{actor}\"\nfor = \"37ms\"\n",
                100 + index
            )
        };
        let faults: String = (0..10).map(crash).collect();
        let text = format!("# A claim.\n[topology]\nclients = 12\n[workload]\nbundles = 300\n{faults}");
        let scenario = Scenario::parse("x.toml", &text, &[]).unwrap();
        let broken = Broken { signature: "no-loss".to_owned(), why: String::new() };
        let fails = |plain: &Plain| {
            let drawn = Scenario::parse("x", &plain.text(), &[]).ok()?.draw(1);
            let crashed = drawn.faults.iter().any(|fault| fault.to_string() == "crash sequencer");
            (crashed && drawn.topology.clients >= 3 && drawn.workload.bundles >= 20).then(|| broken.clone())
        };
        let mut search = Search {
            fails: &fails,
            over: &|| false,
            jobs,
            most: 10_000,
            best: (Plain::of(&scenario.draw(1)), broken.clone()),
            tried: BTreeSet::new(),
            runs: 0,
            progress: &mut |_, _, _| {},
        };
        assert!(all(&mut search));
        (search.best.0.text(), search.runs)
    }

    #[test]
    fn what_is_not_needed_goes_and_the_number_of_threads_does_not_show() {
        let (text, runs) = shrink(1);
        assert_eq!(shrink(3), (text.clone(), runs));
        let drawn = Scenario::parse("x", &text, &[]).unwrap().draw(1);
        let size = (drawn.faults.len(), drawn.topology.clients, drawn.workload.bundles);
        assert_eq!(size, (1, 3, 20), "{text}");
        assert_eq!((drawn.topology.incoming, drawn.topology.mailboxes), (1, 1));
        assert!(runs < 2000, "{runs}");
    }
}
