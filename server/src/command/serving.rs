//! What every command that serves clients takes: TLS, the log, the bounds.

use std::path::PathBuf;

use clap::Args;
use server::{http::Limits, port::tls::Tls};

use super::{descriptors, limits::LimitOptions, log::Log, run::Failure};

/// How clients are served.
#[derive(Args)]
pub struct Serving {
    /// Serve over TLS, with this chain of certificates (PEM).
    #[arg(long, requires = "tls_key")]
    tls_certificate: Option<PathBuf>,
    /// The key of the certificate (PEM), which must not be for everybody to read.
    #[arg(long, requires = "tls_certificate")]
    tls_key: Option<PathBuf>,
    /// How the log is written.
    #[arg(long, value_enum, default_value_t)]
    log: Log,
    #[command(flatten)]
    limits: LimitOptions,
}

impl Serving {
    /// Starts the log.
    pub fn start_log(&self) {
        self.log.start();
    }

    /// TLS, if certificate and key are given.
    pub fn tls(&self) -> Result<Option<Tls>, Failure> {
        match (&self.tls_certificate, &self.tls_key) {
            (Some(certificate), Some(key)) => Tls::server(certificate, key).map(Some).map_err(Failure::start),
            _ => Ok(None),
        }
    }

    /// The bounds of the HTTP API.
    pub fn limits(&self) -> Limits {
        self.limits.limits()
    }

    /// Takes all descriptors that the process is given.
    pub fn take_descriptors(&self, serves_devices: bool) {
        descriptors::take_all(&self.limits(), serves_devices);
    }
}
