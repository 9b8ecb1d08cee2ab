//! `cargo sim controls`: the negative controls.

use reports::text::Table;
use sim::{control::CONTROLS, pool::each};

use super::{Failed, cores, say, say_json};

/// What the command line says.
#[derive(clap::Args)]
pub struct Arguments {
    /// Seeds to try at most, each.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,
    /// Print one JSON object instead.
    #[arg(long)]
    json: bool,
}

/// Does it.
pub fn act(Arguments { seeds, json }: Arguments) -> Result<bool, Failed> {
    controls(seeds, json)
}

/// Runs every negative control: whether each was caught.
fn controls(seeds: u64, json: bool) -> Result<bool, Failed> {
    let found = each(CONTROLS, cores(), |control| control.run(seeds));
    let found = found.into_iter().collect::<Result<Vec<_>, _>>()?;
    let held = found.iter().all(|one| one.seeds.is_some());
    if json {
        say_json(&serde_json::json!({ "held": held, "seeds": seeds, "controls": found }));
        return Ok(held);
    }
    let mut table = Table::new(["control", "what it replaces", "seeds to the first failure", "caught by"]);
    for one in &found {
        let seeds = one.seeds.map_or(format!("NOT CAUGHT in {seeds}"), |seeds| seeds.to_string());
        table.row([one.name, one.replaces, &seeds, &one.caught_by.join(", ")]);
    }
    say(&table.to_string());
    Ok(held)
}
