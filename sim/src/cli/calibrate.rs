//! `cargo sim calibrate`: what each operation costs on this machine.

use std::path::{Path, PathBuf};

use reports::text::Table;
use sim::{
    calibrate,
    model::costs::{Cost, Pauses, Profile},
    outcome::write,
    place,
};

use super::{Failed, say, writable};

/// What the command line says.
#[derive(clap::Args)]
pub struct Arguments {
    /// Write the profile to this file; a scenario names it as `topology.costs`.
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// A directory on the disk to be measured; what is written there is deleted again.
    #[arg(long, value_name = "DIR", default_value = ".")]
    disk: PathBuf,
    /// Measure the HTTP API and the way to it alone, and take everything else from this profile of the same machine.
    #[arg(long, value_name = "FILE")]
    http_of: Option<PathBuf>,
}

/// Measures, and shows or writes it.
pub fn act(arguments: Arguments) -> Result<bool, Failed> {
    let Arguments { out, disk, http_of } = arguments;
    let told = |what: &str| eprintln!("{what}");
    out.as_deref().map_or(Ok(()), place::of_profile)?;
    writable(out.as_deref().and_then(Path::parent))?;
    let profile = match http_of {
        Some(path) => calibrate::with_http(&disk, Profile::read(&path)?, &told)?,
        None => calibrate::calibrate(&disk, &told)?,
    };
    say(&table(&profile));
    if let Some(path) = out {
        write(path, &profile.to_toml())?;
    }
    Ok(true)
}

fn table(profile: &Profile) -> String {
    let Profile { machine, pace, crypto, bytes, disk, wake, timer, withheld, link, http, role } = profile;
    let mut table = Table::new(["operation", "median", "mean", "slowest of 20 parts"]);
    let us = |ns: f64| format!("{:.2} µs", ns / 1000.0);
    let mut cost = |name: &str, cost: &Cost| {
        table.row([name.to_owned(), us(cost.median()), us(cost.mean()), us(cost.slowest())]);
    };
    cost("yardstick: a check of a signature", &Cost::always(*pace));
    cost("sign", &crypto.sign);
    cost("verify alone", &crypto.verify);
    for (size, each) in &crypto.batch {
        cost(&format!("verify one of {size}"), each);
    }
    cost("hash 1 kB", &bytes.hash.times(1024.0));
    cost("encode or decode 1 kB", &bytes.code.times(1024.0));
    cost(&format!("commit, processor, in {} turns", disk.whole_turns()), &disk.commit);
    cost("commit, disk", &disk.sync);
    cost("write 1 kB", &Cost::always(disk.byte * 1024.0));
    cost("way to somebody on this machine", wake);
    cost("timer, late by", timer);
    for (what, pauses) in [("a core is not there", withheld), ("the disk stands still", &disk.standstills)] {
        let Some(Pauses { per_s, ns }) = pauses else { continue };
        cost(&format!("{what}, {per_s} times a second"), ns);
    }
    cost("write to a connection between actors", &Cost::always(*link));
    cost("request, server", &http.request);
    cost("bundle of a request, server", &Cost::always(http.bundle));
    cost("event, server", &http.event);
    cost("1 kB of events, server", &Cost::always(http.event_byte * 1024.0));
    cost("request, client", &http.ask);
    cost("bundle of a request, client", &Cost::always(http.hand_in));
    cost("event, client", &http.hear);
    cost("1 kB of events, client", &Cost::always(http.hear_byte * 1024.0));
    let mut factor = |name: &str, factor: &Cost| {
        let times = |factor: f64| format!("{factor:.2} times");
        let parts = [factor.median(), factor.mean(), factor.slowest()].map(times);
        table.row([[name.to_owned()].as_slice(), &parts].concat());
    };
    factor("requests and events, server, a run", &http.spread);
    factor("requests and events, client, a run", &http.client_spread);
    let mut actors =
        Table::new(["actor", "a step", "an input", "an output", "1 kB", "factor, slowest of 20 parts"]);
    for (name, handling) in role {
        let slowest = format!("{:.1}", handling.spread.slowest());
        actors.row([
            name.clone(),
            us(handling.step),
            us(handling.input),
            us(handling.output),
            us(handling.byte * 1024.0),
            slowest,
        ]);
    }
    format!("{machine}\n\n{table}\n{actors}")
}
