//! `cargo sim`: the testbed's command line. Exit status: 0 held, 1 something violated or interrupted, 2 bad input.

mod cli;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// A run allocates and frees small pieces all the time, on a thread of its own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A deterministic testbed for a server whose honesty can be checked.
#[derive(Parser)]
#[command(name = "sim", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run a scenario once: what was drawn, checks, verdicts, throughput and latency.
    Run(cli::run::Arguments),
    /// Run scenarios over many seeds, on all cores.
    Sweep(cli::sweep::Arguments),
    /// Put the shards of a sweep together.
    Merge(cli::merge::Arguments),
    /// Find the smallest scenario that fails as a seed does.
    Shrink(cli::shrink::Arguments),
    /// Run a scenario twice, print its history event by event, and compare the fingerprints.
    Replay(cli::replay::Arguments),
    /// Measure what each operation costs on this machine: a cost profile.
    Calibrate(cli::calibrate::Arguments),
    /// Compare what the simulator predicts with what the real server does on this machine.
    Validate(cli::validate::Arguments),
    /// Run an experiment: a table of runs that answers a question.
    Scale(cli::scale::Arguments),
    /// Break what the testbed relies on, one thing at a time: every negative control must be caught.
    Controls(cli::controls::Arguments),
    /// What there is, a line each.
    List(cli::list::Arguments),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    cli::interrupt::watch();
    let held = match arguments.command {
        Command::Run(arguments) => cli::run::act(arguments),
        Command::Sweep(arguments) => cli::sweep::act(arguments),
        Command::Merge(arguments) => cli::merge::act(arguments),
        Command::Shrink(arguments) => cli::shrink::act(arguments),
        Command::Replay(arguments) => cli::replay::act(arguments),
        Command::Calibrate(arguments) => cli::calibrate::act(arguments),
        Command::Validate(arguments) => cli::validate::act(arguments),
        Command::Scale(arguments) => cli::scale::act(arguments),
        Command::Controls(arguments) => cli::controls::act(arguments),
        Command::List(arguments) => cli::list::act(arguments),
    };
    match held {
        Ok(_) if !cli::is_said() => ExitCode::from(2),
        Ok(held) => ExitCode::from(u8::from(!held)),
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}
