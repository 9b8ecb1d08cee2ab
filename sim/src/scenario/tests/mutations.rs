//! Inputs that nobody would write.

use super::*;

/// Pieces that mutations put into a file.
const PIECES: &[&str] = &[
    "..",
    "=",
    "[",
    "]",
    "[[",
    "]]",
    "{",
    "}",
    "\"",
    "'",
    "\"\"\"",
    "#",
    "\n",
    "\r",
    "\r\n",
    ".",
    ",",
    "-",
    "*",
    "/",
    "nan",
    "inf",
    "0",
    "9",
    "99999999999999999999",
    "1e400",
    "0x7fffffffffffffff",
    "é",
    "\u{0}",
    "\u{7f}",
    "\u{feff}",
    "\u{2028}",
    "true",
    "2020-01-01",
    "5ms",
    "\"1..2\"",
    "\"*\"",
    "sequencer/*",
    "\\u0000",
    "[fault]",
    "[[fault]]",
    "latency",
    "a.b.c",
];

/// A file with one to four random changes.
fn mutated(text: &str, stream: &mut crate::random::Stream) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    for _ in 0..stream.within(1..=4) {
        let at = stream.below(letters.len() as u64 + 1) as usize;
        let end = letters.len().min(at + stream.below(8) as usize);
        let piece = stream.pick(PIECES).copied().unwrap_or_default();
        let piece = if stream.chance(0.3) { "" } else { piece };
        let end = if stream.chance(0.5) { at } else { end };
        letters.splice(at..end, piece.chars());
    }
    letters.into_iter().collect()
}

#[test]
fn no_input_makes_the_reader_panic_and_what_it_accepts_writes_itself() {
    let corpus: Vec<String> =
        files(&directory()).iter().map(|path| std::fs::read_to_string(path).unwrap()).collect();
    let mut stream = crate::random::Streams::new(1).stream("mutations");
    let mut accepted = 0;
    for round in 0..4_000 {
        let text = mutated(&corpus[round % corpus.len()], &mut stream);
        let set = mutated("fault.0.at=1s", &mut stream);
        let sets = if stream.chance(0.2) { vec![set] } else { Vec::new() };
        let Ok(scenario) = Scenario::parse("x.toml", &text, &sets) else { continue };
        let drawn = scenario.draw(round as u64);
        let again = Scenario::parse("again.toml", &drawn.to_toml(), &[]);
        assert_eq!(again.map(|again| again.draw(0)).map_err(|error| error.to_string()), Ok(drawn), "{text}");
        accepted += 1;
    }
    assert!(accepted > 200, "only {accepted} mutations were accepted");
}

#[test]
fn deep_nesting_is_refused() {
    for deep in ["[".repeat(50_000), "{a=".repeat(50_000), "a.".repeat(50_000)] {
        for text in [deep.clone(), format!("x = {deep}"), format!("[{deep}"), format!("{deep}a = 1")] {
            assert!(parse(&text, &[]).is_err());
            assert!(parse("", &[&format!("topology={text}")]).is_err());
            assert!(parse("", &[&text]).is_err());
        }
    }
}
