//! `cargo server`: the production server's command line.

mod command;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use command::{
    actor::{ActorCommand, Init},
    client::ClientCommand,
    load::Load,
    revoke::Revoke,
    rotate::Rotate,
    run::Run,
    verify::Verify,
};

/// A request is many small allocations, made and freed on different threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A server that orders encrypted messages and need not be trusted.
#[derive(Parser)]
#[command(name = "server", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Actor(ActorCommand),
    Client(ClientCommand),
    Init(Init),
    Load(Load),
    Revoke(Revoke),
    Rotate(Rotate),
    Run(Run),
    Verify(Verify),
}

fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Actor(actor) => actor.execute(),
        Command::Init(init) => init.execute(),
        Command::Client(client) => client.execute(),
        Command::Load(load) => load.execute(),
        Command::Revoke(revoke) => revoke.execute(),
        Command::Rotate(rotate) => rotate.execute(),
        Command::Run(run) => run.execute(),
        Command::Verify(verify) => verify.execute(),
    }
}
