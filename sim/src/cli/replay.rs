//! `cargo sim replay`: the history of a run, event by event, twice, and the fingerprint.

use sim::{command, outcome::line};

use super::{Failed, Which, say};

/// What the command line says.
#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    which: Which,
}

/// Does it.
pub fn act(Arguments { which }: Arguments) -> Result<bool, Failed> {
    let scenario = which.read()?;
    let first = command::run(&which.scenario, &scenario, which.seed, true)?;
    for event in first.record().trace.iter().flatten() {
        say(&line(event));
    }
    let second = command::run(&which.scenario, &scenario, which.seed, true)?;
    let same = first.fingerprint() == second.fingerprint();
    for check in first.checks.iter().filter(|check| !check.held) {
        say(&format!("VIOLATED {}: {}\n", check.name, check.why));
    }
    if same {
        say(&format!("fingerprint {}, twice\n", first.fingerprint()));
    } else {
        say(&format!(
            "NOT DETERMINISTIC: fingerprints {} and {}\n",
            first.fingerprint(),
            second.fingerprint()
        ));
        let events = first.record().trace.iter().flatten().zip(second.record().trace.iter().flatten());
        if let Some((one, two)) = events.map(|(a, b)| (line(a), line(b))).find(|(one, two)| one != two) {
            say(&format!("first difference:\n  {one}  {two}"));
        }
    }
    Ok(same && first.held())
}
