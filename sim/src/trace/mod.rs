//! The trace of a run: what happened, event by event, when it is kept.
//!
//! A trace changes nothing: a run has the same fingerprint with one and without. It is printed in fixed columns
//! ([`Event::line`]), or exported for a viewer: [`perfetto`] shows it over time, [`shiviz`] by cause and effect.

mod message;
mod notice;
pub mod perfetto;
pub mod shiviz;

use server::protocol::id::Epoch;

pub use message::{Message, messages};
pub use notice::{bundle_of, describe};

use crate::{history::BundleKey, scenario::ActorName};

/// The columns of [`Event::line`].
pub const HEADER: &str = "      time, ms  node            event          epoch  detail\n";

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When.
    pub at_ns: u64,
    /// Where; nowhere if it befell the world.
    pub who: Option<ActorName>,
    /// The newest epoch at that time.
    pub epoch: Epoch,
    /// The bundle that it is about.
    pub bundle: Option<BundleKey>,
    /// What: a verb and what belongs to it.
    pub what: String,
}

/// A turn of the loop that drives an actor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    /// Whose.
    pub who: ActorName,
    /// Its begin.
    pub from_ns: u64,
    /// Its end.
    pub to_ns: u64,
    /// Inputs handled.
    pub inputs: u64,
    /// Statements signed.
    pub signed: u64,
}

/// Which end of a connection saw the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// The sender wrote them.
    Written,
    /// The receiver read them.
    Read,
}

/// Bytes that went into a connection or came out of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passage {
    /// When.
    pub at_ns: u64,
    /// Which connection.
    pub connection: u64,
    /// In or out.
    pub way: Way,
    /// The machine that sends.
    pub from: usize,
    /// The machine that receives.
    pub to: usize,
    /// How many bytes.
    pub bytes: usize,
    /// Their hash.
    pub content: u64,
}

/// What is kept of a run.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    /// What happened, in order.
    pub events: Vec<Event>,
    /// The turns of all actors, in the order of their ends.
    pub turns: Vec<Turn>,
    /// What went over the network, in order.
    pub passages: Vec<Passage>,
}

impl Event {
    /// The verb: what kind of thing happened.
    pub fn event(&self) -> &str {
        self.split().0
    }

    /// What belongs to it.
    pub fn detail(&self) -> &str {
        self.split().1
    }

    fn split(&self) -> (&str, &str) {
        let what = self.what.strip_prefix("is ").unwrap_or(&self.what);
        let (event, detail) = what.split_once(' ').unwrap_or((what, ""));
        (event.trim_end_matches([':', ',']), detail)
    }

    /// Where, in words.
    pub fn node(&self) -> String {
        self.who.map_or("world".to_owned(), |who| who.to_string())
    }

    /// The event in fixed columns, those of [`HEADER`].
    pub fn line(&self) -> String {
        let (time, epoch) = (self.at_ns as f64 / 1e6, self.epoch.0);
        let (event, detail) = self.split();
        let line = format!("{time:>14.6}  {:<14}  {event:<12}  {epoch:>6}  {detail}", self.node());
        format!("{}\n", line.trim_end())
    }
}

/// Which events are shown: those at one of the nodes, and about one of the bundles. An empty list lets all pass.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Nodes.
    pub nodes: Vec<ActorName>,
    /// Bundles.
    pub bundles: Vec<BundleKey>,
}

impl Filter {
    /// Whether an event is shown.
    pub fn shows(&self, event: &Event) -> bool {
        let node = || event.who.is_some_and(|who| self.nodes.contains(&who));
        let bundle = || event.bundle.is_some_and(|bundle| self.bundles.contains(&bundle));
        (self.nodes.is_empty() || node()) && (self.bundles.is_empty() || bundle())
    }
}

#[cfg(test)]
mod tests {
    use server::protocol::id::{BundleNumber, Role};

    use super::*;

    fn event(what: &str, who: Option<ActorName>, bundle: Option<BundleKey>) -> Event {
        Event { at_ns: 1_500_000, who, epoch: Epoch(3), bundle, what: what.to_owned() }
    }

    #[test]
    fn columns_stand_below_their_names() {
        let line = event("promises cut 3 ab..", Some(ActorName::SEQUENCER), None).line();
        assert_eq!(line, "      1.500000  sequencer       promises           3  cut 3 ab..\n");
        for (name, cell) in [("node", "sequencer"), ("event", "promises"), ("detail", "cut 3")] {
            assert_eq!(HEADER.find(name), line.find(cell), "{name}");
        }
        let killed = event("is killed", None, None);
        assert_eq!((killed.event(), killed.detail(), killed.node().as_str()), ("killed", "", "world"));
    }

    #[test]
    fn a_filter_shows_what_fits_all_its_lists() {
        let client = ActorName::new(Role::Client, 3);
        let key = (3, BundleNumber(7));
        let shown = event("submits 7 to 2", Some(client), Some(key));
        let filter = |nodes: &[ActorName], bundles: &[BundleKey]| Filter {
            nodes: nodes.to_vec(),
            bundles: bundles.to_vec(),
        };
        assert!(filter(&[], &[]).shows(&shown) && filter(&[client], &[key]).shows(&shown));
        assert!(!filter(&[ActorName::SEQUENCER], &[key]).shows(&shown));
        assert!(!filter(&[], &[(3, BundleNumber(8))]).shows(&shown));
        assert!(!filter(&[client], &[]).shows(&event("fault 0 begins", None, None)));
    }
}
