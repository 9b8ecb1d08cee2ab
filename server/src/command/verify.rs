//! `cargo server verify`: the offline judge.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Args;
use server::protocol::{
    evidence::Evidence,
    judge::{Verdict, judge},
    roster_file,
    statement::Citation,
};

/// Judge a piece of evidence offline. Exit status: 0 proven, 1 not proven, 2 malformed.
#[derive(Args)]
pub struct Verify {
    /// The evidence file.
    pub evidence: PathBuf,
    /// The roster file of the deployment.
    #[arg(long)]
    pub roster: PathBuf,
}

impl Verify {
    /// Judges.
    pub fn execute(&self) -> ExitCode {
        match verify(&self.evidence, &self.roster) {
            Ok((evidence, verdict)) => {
                print!("{}", report(&evidence, &verdict));
                ExitCode::from(u8::from(matches!(verdict, Verdict::NotProven(_))))
            }
            Err(error) => {
                eprintln!("malformed: {error}");
                ExitCode::from(2)
            }
        }
    }
}

fn verify(evidence: &Path, roster: &Path) -> Result<(Evidence, Verdict), String> {
    let read = |path: &Path| {
        std::fs::read_to_string(path).map_err(|error| format!("{}: cannot read: {error}", path.display()))
    };
    let trust =
        roster_file::from_json(&read(roster)?).map_err(|error| format!("{}: {error}", roster.display()))?;
    let evidence = Evidence::from_json(&read(evidence)?, trust.deployment)
        .map_err(|error| format!("{}: {error}", evidence.display()))?;
    let verdict = judge(&evidence, &trust);
    Ok((evidence, verdict))
}

/// What was proven, by which rule and statements; or why nothing was.
fn report(evidence: &Evidence, verdict: &Verdict) -> String {
    let shown = match verdict {
        Verdict::Exposed { .. } => "proven by",
        Verdict::NotProven(_) => "not proven by",
    };
    let mut text = format!("{verdict}\n{} {shown}\n", evidence.predicate());
    for Citation { kind, actor, slot, digest, .. } in evidence.statements() {
        let (kind, digest) = (kind.name(), &digest.to_string()[..12]);
        text += &format!("  {kind:<12}{slot:>8}  {digest}  {actor}\n");
    }
    text
}
