//! The log: to standard error, for people or for machines.

use std::io::IsTerminal;

use clap::ValueEnum;
use tracing_subscriber::{EnvFilter, fmt};

/// How the log is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Log {
    /// A line for people.
    #[default]
    Plain,
    /// A JSON object a line.
    Json,
}

impl Log {
    /// Starts the log. What is logged is chosen by `RUST_LOG`; without it, what an operator should know.
    pub fn start(self) {
        let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
        let log = fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
        let log = log.with_ansi(std::io::stderr().is_terminal());
        // a second start would be a fault of ours, and no reason to stop
        let _ = match self {
            Log::Plain => log.try_init(),
            Log::Json => log.json().try_init(),
        };
    }
}
