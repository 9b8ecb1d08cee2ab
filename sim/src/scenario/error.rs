//! What can be wrong with a scenario, and where.
//!
//! Whoever writes a scenario by hand gets one line per mistake: the place an editor can jump to, what is wrong,
//! and what would be right. So every error carries its place, and every message ends in something to write.
//!
//! # Invariants
//! - Lines and columns count from 1, columns in characters.
//! - Every message is one line.

use std::io;

/// Why a scenario cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// The file cannot be opened, or is no text.
    #[error("{file}: cannot read: {source}")]
    Unreadable {
        /// The file, as it was named.
        file: String,
        /// What the system says.
        source: io::Error,
    },
    /// Something in the file is wrong.
    #[error("{file}:{line}:{column}: {wrong}")]
    InFile {
        /// The file, as it was named.
        file: String,
        /// From 1.
        line: usize,
        /// From 1, in characters.
        column: usize,
        /// What is wrong there.
        wrong: Box<Wrong>,
    },
    /// Something in a `--set key=value` is wrong.
    #[error("--set {set}: {wrong}")]
    InOverride {
        /// The override, as it was given.
        set: String,
        /// What is wrong with it.
        wrong: Box<Wrong>,
    },
}

/// What is wrong, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    /// The file says no claim.
    #[error("the first line must be a comment with the claim in one sentence, such as `# Nothing is lost.`")]
    NoClaim,
    /// The text is no TOML.
    #[error("{0}")]
    Syntax(String),
    /// A key that this table does not have.
    #[error("unknown key {key:?} in {table}{hint} known keys: {known}")]
    UnknownKey {
        /// The key.
        key: String,
        /// The table it is in.
        table: String,
        /// The nearest known key, as a question, if one is near.
        hint: String,
        /// The keys that the table has.
        known: String,
    },
    /// A table that scenarios do not have.
    #[error("unknown table [{table}]{hint} known tables: {known}")]
    UnknownTable {
        /// The table.
        table: String,
        /// The nearest known table, as a question, if one is near.
        hint: String,
        /// The tables that scenarios have.
        known: String,
    },
    /// A value of another type or unit.
    #[error("{key} must be {noun}, not {found}: write {example}")]
    Kind {
        /// The key.
        key: String,
        /// What its value is.
        noun: &'static str,
        /// What it was given.
        found: String,
        /// What to write.
        example: &'static str,
    },
    /// A word that is none of the possible ones.
    #[error("unknown {noun} {found}{hint} known: {known}")]
    UnknownWord {
        /// What the word names.
        noun: &'static str,
        /// The word.
        found: String,
        /// The nearest known word, as a question, if one is near.
        hint: String,
        /// The known words.
        known: String,
    },
    /// Something else than a word.
    #[error("the {noun} must be a word, not {found}; known: {known}")]
    NoWord {
        /// What the word names.
        noun: &'static str,
        /// What there is instead.
        found: String,
        /// The known words.
        known: String,
    },
    /// A range whose first end is above its second.
    #[error("{key} is a range upside down: write \"{low}..{high}\"")]
    UpsideDown {
        /// The key.
        key: String,
        /// The smaller end.
        low: String,
        /// The larger end.
        high: String,
    },
    /// A value that is too small or too large.
    #[error("{key} must lie in {low}..={high}")]
    OutOfBounds {
        /// The key.
        key: String,
        /// The smallest possible value.
        low: String,
        /// The largest possible value.
        high: String,
    },
    /// A percentile below the median.
    #[error("p99 must not be below median: write p99 = \"{median}\" or more")]
    PercentileBelowMedian {
        /// The largest value that the median may take.
        median: String,
    },
    /// A key that must be there is not.
    #[error("{table} needs the key {key:?}: write {key} = {example}")]
    MissingKey {
        /// What lacks it.
        table: String,
        /// The key.
        key: &'static str,
        /// What to write.
        example: &'static str,
    },
    /// More recipients than there are.
    #[error(
        "a bundle cannot have more recipients than there are clients: write recipients = {clients} or less, or more clients"
    )]
    TooManyRecipients {
        /// Clients, those of a crowd too.
        clients: u32,
    },
    /// A warm-up after which nothing is left that could be measured.
    #[error(
        "warm_up must be shorter than the load, or nothing is measured: {bundles} bundles may be sent in {load}; write a shorter \
         warm_up, or more bundles"
    )]
    AllWarmUp {
        /// Bundles, where there are fewest.
        bundles: u64,
        /// For how long they are sent, where that is shortest.
        load: String,
    },
    /// A time that ends before it begins.
    #[error("{until} must come after {from}: it would never cheat")]
    Never {
        /// When it begins.
        from: &'static str,
        /// When it ends.
        until: &'static str,
    },
    /// Two keys of which only one may be there.
    #[error("{left} and {right} exclude each other: keep {left} for an open loop, {right} for a closed one")]
    Exclusive {
        /// The one.
        left: &'static str,
        /// The other.
        right: &'static str,
    },
    /// Neither clients nor a crowd.
    #[error("a scenario needs clients: write clients = 1 or more, or crowd = 1 or more beside clients = 0")]
    Nobody,
    /// More cosignatures than there are witnesses.
    #[error("quorum must not be above the number of witnesses: write quorum = {witnesses} or less")]
    Quorum {
        /// How many witnesses there are at least.
        witnesses: u32,
    },
    /// A victim that is no client.
    #[error("a victim is a client, not {found}: write client/0 or client/*")]
    NoVictim {
        /// Who was named.
        found: String,
    },
    /// An attack that goes on all the time, every so many times.
    #[error("{attack} is done all the time from its beginning on, not every so many times: leave it out")]
    NoOccasions {
        /// The attack.
        attack: &'static str,
    },
    /// A victim of an attack that is not against anyone in particular.
    #[error("{attack} is against nobody in particular: leave victim out")]
    AgainstNobody {
        /// The attack.
        attack: &'static str,
    },
    /// The end of an attack that has none.
    #[error("{attack} does not end once it has begun, for whoever was led astray stays so: leave until out")]
    Endless {
        /// The attack.
        attack: &'static str,
    },
    /// A pair that is none.
    #[error("{found} is no pair of actors: write pairs = [[\"client/0\", \"handler/0\"]]")]
    NoPair {
        /// What was written.
        found: String,
    },
    /// A list that says nothing.
    #[error("{key} must name at least one actor: write {key} = [\"incoming/0\"]")]
    NoActors {
        /// The key.
        key: String,
    },
    /// A client, where a key of the roster is meant.
    #[error(
        "a client's key is its name and cannot be replaced: write an actor of the server, such as \"incoming/0\""
    )]
    NotInRoster,
    /// An architecture that does not run yet.
    #[error("the architecture {0:?} is not built yet: write \"central\", \"multithreaded\" or \"parallel\"")]
    NotBuilt(&'static str),
    /// More actors of a role than a monolith has.
    #[error(
        "{architecture} is one server with one actor of each role: write {key} = 1, or architecture = \"parallel\""
    )]
    OneOfEach {
        /// The architecture.
        architecture: &'static str,
        /// The key.
        key: &'static str,
    },
    /// Handler receipts of a monolith.
    #[error(
        "in {architecture} one key signs for all roles, and a handler receipt would move no custody: write handler_receipts = \
         false, or architecture = \"parallel\""
    )]
    OneKey {
        /// The architecture.
        architecture: &'static str,
    },
    /// A breach of what nobody signs.
    #[error(
        "{attack} breaks a handler receipt, and handlers give none: write handler_receipts = true in [topology]"
    )]
    NoHandlerReceipts {
        /// The attack.
        attack: &'static str,
    },
    /// A text that is no actor's name.
    #[error(
        "{found} names no actor: write handler/0, incoming/0, sequencer, mailbox/0, client/0, or a wildcard such as incoming/* or *"
    )]
    NoActorName {
        /// The text.
        found: String,
    },
    /// An actor that the topology does not have.
    #[error("there is no {actor}: the smallest topology of this scenario has {has}")]
    NoSuchActor {
        /// The actor.
        actor: String,
        /// What there is instead.
        has: String,
    },
    /// An attack by an actor that cannot carry it out.
    #[error("the attack {attack} does not fit {actor}: write {fitting}")]
    UnfitActor {
        /// The attack.
        attack: &'static str,
        /// The actor.
        actor: String,
        /// Wildcards of the actors that it fits.
        fitting: String,
    },
    /// A wildcard in what is expected, that stands for no adversary.
    #[error("no adversary is drawn from {pattern}: {advice}")]
    NoSuchAdversary {
        /// The wildcard.
        pattern: String,
        /// The actors of the adversaries, as what to write.
        advice: String,
    },
    /// Quantiles that are too few, are ranges or go down.
    #[error("quantiles must be two durations or more, none smaller than the one before: write {example}")]
    Quantiles {
        /// What to write.
        example: &'static str,
    },
    /// A list of families of faults without any.
    #[error("families must name at least one family: write families = [\"link\", \"crash\"]")]
    NoFamilies,
    /// An override that is no `key=value`.
    #[error("this sets nothing: write --set key=value, such as --set workload.bundles=50")]
    NoOverride,
    /// An override of an item that a list does not have.
    #[error(
        "there is no {path}: the scenario has {count}, counted from 0; to replace them all, set {list}=[…]"
    )]
    NoSuchItem {
        /// The path of the item.
        path: String,
        /// The path of the list.
        list: String,
        /// How many items the list has.
        count: usize,
    },
    /// An override of a key inside something that has no keys.
    #[error("{path} is no table, nothing can be set inside it: set {path} itself")]
    NoTable {
        /// The path of that something.
        path: String,
    },
}

/// `, did you mean "x"?` for the known word nearest to what was written; `;` if none is near.
pub(super) fn hint(written: &str, known: &[&str]) -> String {
    let near = |word: &&&str| distance(written, word) <= 1.max(word.len() / 3);
    let nearest = known.iter().filter(near).min_by_key(|word| distance(written, word));
    nearest.map_or_else(|| ";".to_owned(), |word| format!(", did you mean {word:?}?"))
}

/// The longest word that is compared: the distance takes quadratic time.
const WORD_MAX: usize = 64;

/// How many letters must be put in, taken out or replaced to get from one word to the other (Levenshtein).
fn distance(from: &str, to: &str) -> usize {
    let target: Vec<char> = to.chars().take(WORD_MAX).collect();
    let mut row: Vec<usize> = (0..=target.len()).collect();
    for (line, letter) in from.chars().take(WORD_MAX).enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], line + 1);
        for (column, other) in target.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != *other);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[target.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_counts_letters() {
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("loss", "loss"), 0);
    }

    #[test]
    fn hint_offers_only_what_is_near() {
        assert_eq!(hint("hanlders", &["handlers", "incoming"]), ", did you mean \"handlers\"?");
        assert_eq!(hint("parsecs", &["handlers", "incoming"]), ";");
    }
}
