//! `cargo sim replay`: the history of a run, event by event, twice, and the fingerprint.

use std::{collections::BTreeSet, path::PathBuf, str::FromStr};

use server::protocol::id::{BundleNumber, Role};
use sim::{
    command, difference,
    history::BundleKey,
    outcome::{Outcome, write},
    scenario::ActorName,
    trace::{Filter, HEADER, perfetto, shiviz},
};

use super::{Failed, Which, say};

/// What the command line says.
#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    which: Which,
    /// Print only what happens there, such as incoming/0; more than one may be given.
    #[arg(long = "node", value_name = "ACTOR", value_parser = actor)]
    nodes: Vec<ActorName>,
    /// Print only what happens at this client, such as client/3; as --node.
    #[arg(long = "client", value_name = "CLIENT", value_parser = client)]
    clients: Vec<ActorName>,
    /// Print only what is about this bundle, such as client/3:7; more than one may be given.
    #[arg(long = "bundle", value_name = "CLIENT:NUMBER", value_parser = bundle)]
    bundles: Vec<BundleKey>,
    /// Write the trace to a file: perfetto[=FILE] for ui.perfetto.dev, shiviz[=FILE] for ShiViz.
    #[arg(long = "trace", value_name = "FORMAT[=FILE]")]
    traces: Vec<Export>,
}

/// A trace file that is asked for.
#[derive(Clone)]
struct Export {
    format: Format,
    file: PathBuf,
}

#[derive(Clone, Copy)]
enum Format {
    Perfetto,
    ShiViz,
}

impl FromStr for Export {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, file) = text.split_once('=').map_or((text, None), |(name, file)| (name, Some(file)));
        let (format, usual) = match name {
            "perfetto" => (Format::Perfetto, "trace.perfetto.json"),
            "shiviz" => (Format::ShiViz, "trace.shiviz.log"),
            _ => return Err(format!("{name:?} is no format of a trace: write perfetto or shiviz")),
        };
        match file {
            Some("") => {
                Err(format!("{text:?} names no file: write {name}=FILE, or {name} alone for {usual}"))
            }
            file => Ok(Export { format, file: file.unwrap_or(usual).into() }),
        }
    }
}

impl Export {
    fn write(&self, outcome: &Outcome) -> Result<(), Failed> {
        let trace = outcome.record().trace.as_ref();
        let text = match self.format {
            Format::Perfetto => perfetto::file(outcome),
            Format::ShiViz => {
                let (machines, architecture) = (&outcome.run.machines, outcome.drawn.architecture);
                trace.map_or_else(String::new, |trace| shiviz::file(trace, machines, architecture))
            }
        };
        Ok(write(self.file.clone(), &text)?)
    }
}

fn actor(text: &str) -> Result<ActorName, String> {
    let wrong = "names no actor: write handler/0, incoming/0, sequencer, mailbox/0, witness/0 or client/0";
    text.parse().map_err(|_: sim::scenario::Wrong| format!("{text:?} {wrong}"))
}

fn client(text: &str) -> Result<ActorName, String> {
    let client = actor(text)?;
    let is_client = client.role == Role::Client;
    is_client.then_some(client).ok_or_else(|| format!("{text:?} is no client: write client/3"))
}

fn bundle(text: &str) -> Result<BundleKey, String> {
    let wrong = || format!("{text:?} is no bundle: write client/3:7 for bundle 7 of client/3");
    let (of, number) = text.split_once(':').ok_or_else(wrong)?;
    let of = client(of).map_err(|_| wrong())?;
    Ok((of.index, BundleNumber(number.parse().map_err(|_| wrong())?)))
}

/// Refuses to look for what happens to somebody who is not there.
fn are_there(filter: &Filter, outcome: &Outcome) -> Result<(), Failed> {
    let there: BTreeSet<ActorName> = outcome.run.names.values().copied().collect();
    let senders = filter.bundles.iter().map(|(client, _)| ActorName::new(Role::Client, *client));
    let Some(absent) = filter.nodes.iter().copied().chain(senders).find(|name| !there.contains(name)) else {
        return Ok(());
    };
    let of_role: Vec<String> =
        there.iter().filter(|name| name.role == absent.role).map(ToString::to_string).collect();
    let has = match &of_role[..] {
        [] => format!("it has no {}", absent.role.name()),
        [only] => format!("it has {only} alone"),
        [first, .., last] => format!("it has {first} to {last}"),
    };
    Err(Failed::Arguments(format!("there is no {absent} in this run: {has}")))
}

/// Does it.
pub fn act(arguments: Arguments) -> Result<bool, Failed> {
    let Arguments { which, nodes, clients, bundles, traces } = arguments;
    let filter = Filter { nodes: [nodes, clients].concat(), bundles };
    let scenario = which.read()?;
    let attempt = || command::run_planted(&which.scenario, &scenario, which.seed, true, which.plant);
    let first = attempt()?;
    are_there(&filter, &first)?;
    say(HEADER);
    let events = first.record().trace.iter().flat_map(|trace| &trace.events);
    let shown = events.filter(|event| filter.shows(event)).map(|event| say(&event.line())).count();
    if shown == 0 {
        eprintln!("nothing of what was asked for happens in this run");
    }
    for trace in traces {
        trace.write(&first)?;
        eprintln!("written to {}", trace.file.display());
    }
    for check in first.checks.iter().filter(|check| !check.held) {
        say(&format!("VIOLATED {}: {}\n", check.name, check.why));
    }
    let second = attempt()?;
    let (one, two) = (first.fingerprint(), second.fingerprint());
    if one == two {
        say(&format!("fingerprint {one}, twice\n"));
    } else {
        say(&format!("NOT DETERMINISTIC: fingerprints {one} and {two}\n"));
        difference::first(&first.run, &second.run)
            .iter()
            .for_each(|difference| say(&format!("{difference}\n")));
    }
    Ok(one == two && first.held())
}
