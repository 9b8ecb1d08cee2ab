//! `cargo server load`: loads a server, and checks what comes out of it.
//!
//! Senders submit bundles, each on a connection of its own, with one request under way (closed loop) or at a given rate
//! (open loop); readers follow the events of the recipients. What a reader gets is checked while it comes: every
//! sender's bundles in their order, none twice, none missing in the end, and all recipients shown one order.
//!
//! Latencies are of HDR histograms. In an open loop they count from when a request *should* have been sent, so a
//! server that stalls is charged for all that would have been sent meanwhile (coordinated omission); but from when it
//! *was* sent if its connection was idle, and only the load generator late. In a closed loop they
//! count from the sending, and say nothing of a client that would not have waited.
//!
//! All connections are there when it begins, and what is sent in the first moments is checked and not measured: then
//! the server meets every client for the first time, which would be measured for as long as it catches up.

mod order;
mod pace;
mod reader;
mod report;
mod sender;

use std::{
    path::PathBuf,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use clap::Args;
use hyper::Method;
use server::{
    client::{Url, Web},
    http::client::Connection,
    port::{
        Clock, Network, Time,
        tls::Tls,
        tokio::{SystemClock, TokioTasks},
    },
    protocol::{
        id::{ActorId, ClientId, Role},
        roster_file,
        signing::Signing,
        statement::Trust,
    },
};
use tokio::sync::watch;

use super::say;
use order::Agreement;
use pace::Pace;
use reader::{Got, Reader};
use report::Report;
use sender::{Sender, Sent};

/// Where requests go: what serves a handler serves all of the deployment.
const HANDLER: ActorId = ActorId::Server(Role::Handler, 0);

const DAY_S: u64 = 86_400;

/// Load a server and check what comes out.
#[derive(Args)]
pub struct Load {
    /// The server.
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    server: Url,
    /// Over https: the certificate (PEM) of whom to believe.
    #[arg(long)]
    ca: Option<PathBuf>,
    /// Connections that submit.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    connections: u32,
    /// Bundles of a request.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1024))]
    bundles: u32,
    /// Recipients of a bundle.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1024))]
    recipients: u32,
    /// Clients that receive, each with a stream of events. Without any, deliveries are not checked.
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(0..=65_536))]
    readers: u32,
    /// Bytes of a payload.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(8..=1_048_576))]
    payload: u32,
    /// Requests a second over all connections, as a Poisson process; without it each connection sends again when it is answered.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    rate: Option<u32>,
    /// For how long.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=DAY_S))]
    seconds: u64,
    /// For how long it loads before that, as in that time, and measures nothing.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u64).range(0..=60_000))]
    warm_up_ms: u64,
    /// Bundles signed before it begins, over all connections: signing is not what is measured.
    #[arg(long, default_value_t = 50_000)]
    signed_before: u32,
    /// Each bundle has a signature of its own; without this, the bundles of a client in a request are signed together.
    #[arg(long)]
    signed_one_by_one: bool,
    /// How long to wait, when the time is over, for answers and then for deliveries that are still to come.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(0..=DAY_S))]
    patience_s: u64,
    /// Makes other clients than a run with another number, and the same as one with the same: which only another server takes
    /// for new. Drawn if it is not given, and told.
    #[arg(long)]
    series: Option<u64>,
    /// The server is one that is made for measuring, in which nothing is signed.
    #[arg(long)]
    unsigned_for_measuring: bool,
    /// Appends a row to this file.
    #[arg(long)]
    csv: Option<PathBuf>,
}

/// How long readers listen when all has come that was expected: some epochs.
const LISTENS_ON: Duration = Duration::from_millis(100);

/// What all tasks of a run share.
struct Shared {
    web: Web,
    host: String,
    trust: Trust,
    signing: Signing,
    clock: SystemClock,
    recipients: Vec<ClientId>,
    /// In which order they were shown what comes.
    agreement: Agreement,
    series: u64,
    /// From when on it is measured what comes.
    measured_from: AtomicU64,
    /// Bundles whose number is a multiple of this are timed.
    timed: u64,
}

impl Shared {
    fn is_measured(&self, at_ns: u64) -> bool {
        at_ns >= self.measured_from.load(Ordering::Relaxed)
    }

    fn label(&self, what: &str, index: u32) -> String {
        label(self.series, what, index)
    }

    async fn connect(&self) -> std::io::Result<Connection> {
        Connection::over(self.web.connect(HANDLER).await?, &self.host, &TokioTasks).await
    }

    fn now_ns(&self) -> u64 {
        self.clock.now().0
    }
}

impl Load {
    /// Loads. Exit status: 0 all came in order and once, or nobody looked, 1 not, 2 there was no load.
    pub fn execute(&self) -> ExitCode {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        let report =
            runtime.map_err(|error| error.to_string()).and_then(|runtime| runtime.block_on(self.run()));
        match report {
            Ok(report) => {
                say(&report);
                if let Some(path) = &self.csv
                    && let Err(error) = report.append(path)
                {
                    eprintln!("{}: {error}", path.display());
                    return ExitCode::from(2);
                }
                ExitCode::from(u8::from(!report.held()))
            }
            Err(error) => {
                eprintln!("{error}");
                ExitCode::from(2)
            }
        }
    }

    /// What would be found wrong only when it is over.
    fn check(&self) -> Result<(), String> {
        if (1..self.recipients).contains(&self.readers) {
            return Err(format!(
                "--recipients {} needs as many --readers at least, or none: what the others are sent would count as missing",
                self.recipients
            ));
        }
        self.csv.iter().try_for_each(|path| {
            report::file(path).map(drop).map_err(|error| format!("{}: {error}", path.display()))
        })
    }

    async fn run(&self) -> Result<Report, String> {
        self.check()?;
        let shared = Arc::new(self.prepare().await?);
        let (stop, stopped) = watch::channel(false);
        let mut readers = Vec::new();
        for index in 0..self.readers {
            let reader =
                Reader::open(shared.clone(), &shared.label("reader", index), u64::from(index)).await?;
            readers.push(tokio::spawn(reader.follow(stopped.clone())));
        }
        let mut senders = Vec::new();
        for index in 0..self.connections {
            let sender = Sender::new(shared.clone(), self, index);
            let signed = self.signed_before / self.connections;
            senders.push(tokio::task::spawn_blocking(move || sender.sign_before(signed)));
        }
        let mut ready = Vec::new();
        for sender in senders {
            let sender = sender.await.map_err(|error| error.to_string())?;
            ready.push((sender, shared.connect().await.map_err(|error| error.to_string())?));
        }
        let starts = shared.now_ns();
        let began = starts + self.warm_up_ms * 1_000_000;
        shared.measured_from.store(began, Ordering::Relaxed);
        let (ends, patience_ns) = (began + self.seconds * 1_000_000_000, self.patience_s * 1_000_000_000);
        let paces = self.paces(starts, ends, &shared);
        let running: Vec<_> = ready
            .into_iter()
            .zip(paces)
            .map(|((sender, connection), pace)| {
                tokio::spawn(sender.send(connection, pace, ends, patience_ns))
            })
            .collect();
        let mut sent = Sent::default();
        for sender in running {
            sent.add(sender.await.map_err(|error| error.to_string())?);
        }
        if let Some(why) = sent.why.take_if(|_| sent.requests == 0) {
            return Err(why);
        }
        let sending_ns = shared.now_ns().saturating_sub(began);
        let (got, ended) = self.collect(&shared, readers, &sent, stop).await?;
        Ok(Report {
            load: self.described(shared.series),
            sending_ns,
            ended_ns: ended.saturating_sub(began),
            sent,
            got,
        })
    }

    /// Waits for what is still to come, then stops the readers; also, when all had come.
    async fn collect(
        &self,
        shared: &Shared,
        readers: Vec<tokio::task::JoinHandle<Got>>,
        sent: &Sent,
        stop: watch::Sender<bool>,
    ) -> Result<(Got, u64), String> {
        let expected = sent.deliveries;
        let deadline = shared.clock.now().after(self.patience_s * 1_000_000_000);
        while self.readers > 0 && reader::delivered() < expected && shared.clock.now() < deadline {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let ended = shared.now_ns();
        // what comes twice may come last
        if self.readers > 0 {
            tokio::time::sleep(LISTENS_ON).await;
        }
        stop.send_replace(true);
        let mut got = Got::default();
        for reader in readers {
            got.add(reader.await.map_err(|error| error.to_string())?);
        }
        let once = got.deliveries.saturating_sub(got.duplicates);
        got.missing = if self.readers > 0 { expected.saturating_sub(once) } else { 0 };
        got.forgotten = shared.agreement.forgotten();
        Ok((got, ended))
    }

    fn paces(&self, starts: u64, ends: u64, shared: &Shared) -> Vec<Pace> {
        match self.rate {
            Some(rate) => {
                pace::open(rate, self.connections, (starts, ends), shared.series, shared.clock.clone())
            }
            None => (0..self.connections).map(|_| Pace::Closed).collect(),
        }
    }

    async fn prepare(&self) -> Result<Shared, String> {
        let tls = self.ca.as_deref().map(Tls::client).transpose().map_err(|error| error.to_string())?;
        let web = Web { server: self.server.clone(), elsewhere: Arc::default(), tls };
        let host = self.server.authority();
        let failed = |error: std::io::Error| format!("{}: {error}", self.server);
        let stream = web.connect(HANDLER).await.map_err(failed)?;
        let mut connection = Connection::over(stream, &host, &TokioTasks).await.map_err(failed)?;
        let roster = connection.ask(Method::GET, "/v1/roster", &[], Bytes::new()).await.map_err(failed)?;
        let signing =
            if self.unsigned_for_measuring { Signing::UnsignedForMeasuring } else { Signing::Ed25519 };
        let trust = roster_file::from_json_of(signing, &String::from_utf8_lossy(&roster.body))
            .map_err(|error| format!("{}: the roster: {error}", self.server))?
            .checked_by(signing.remembering()); // every reader is shown the same cuts
        let series = self.series.map_or_else(getrandom::u64, Ok).map_err(|error| error.to_string())?;
        let count = self.readers.max(self.recipients);
        let recipients = (0..count)
            .map(|index| sender::client_of(&*sender::signer_of(signing, &label(series, "reader", index))));
        let recipients = recipients.collect();
        let agreement = Agreement::among(self.recipients);
        let clock = SystemClock::default();
        // times in payloads must not be zero
        clock.sleep_until(Time(1_000_000)).await;
        let measured_from = AtomicU64::new(u64::MAX);
        let timed = reader::timed(u64::from(sender::first_share(self.bundles)));
        Ok(Shared { web, host, trust, signing, clock, recipients, agreement, series, measured_from, timed })
    }

    fn described(&self, series: u64) -> report::Described {
        report::Described {
            connections: self.connections,
            bundles_per_request: self.bundles,
            recipients: self.recipients,
            readers: self.readers,
            payload_bytes: self.payload,
            rate_per_s: self.rate.unwrap_or(0),
            series,
        }
    }
}

/// What the key of somebody follows from.
fn label(series: u64, what: &str, index: u32) -> String {
    format!("load {series} {what} {index}")
}
