//! `cargo sim run`: one run, checked and judged.

use std::path::PathBuf;

use sim::{command, place, speed::Speed};

use super::{Failed, Which, say, say_json, writable};

/// What the command line says.
#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    which: Which,
    /// Write CSV, plots, evidence, roster and trace to this directory.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print one JSON object instead.
    #[arg(long)]
    json: bool,
    /// Say on standard error how long it took here, and how much memory.
    #[arg(long)]
    speed: bool,
}

/// Does it.
pub fn act(Arguments { which, out, json, speed }: Arguments) -> Result<bool, Failed> {
    out.as_deref().map_or(Ok(()), place::of_run)?;
    writable(out.as_deref())?;
    let mut outcome =
        command::run_planted(&which.scenario, &which.read()?, which.seed, out.is_some(), which.plant)?;
    outcome.sets = which.overrides();
    if json {
        say_json(&outcome.json());
    } else {
        say(&outcome.screen());
    }
    if let Some(directory) = out {
        outcome.write(&directory)?;
        if !json {
            say(&format!("\nwritten to {}\n", directory.display()));
        }
    }
    if speed {
        eprintln!("{}", serde_json::json!(Speed::of(&outcome)));
    }
    Ok(outcome.held())
}
