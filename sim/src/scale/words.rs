//! The words that every page uses, for who reads it alone.

use reports::page::Section;

/// What they mean.
const WORDS: &str = "A bundle is what a client sends in one piece to one or several recipients; a delivery is a bundle at one of them. \
    A client hands it to a request handler (handler), which checks its signature and gives it to an incoming actor; that stores it and signs for its place in \
    a queue (the receipt), and once an epoch closes the queue so far (a seal). The sequencer orders the seals of an epoch (the cut), and a mailbox actor works out \
    from cuts and seals what each of its clients gets, attests that, and delivers it with the proofs. Witnesses check what all of these sign. Parallel has a process \
    for each of these actors, any number of each but the sequencer; multithreaded and central are one server with one key that is all of them, with many threads \
    and with one that check signatures. A seed decides everything that is drawn in a run.";

/// As a section of a page.
pub fn section() -> Section {
    Section { title: "Words".to_owned(), text: WORDS.to_owned(), plots: Vec::new(), tables: Vec::new() }
}
