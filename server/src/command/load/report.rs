//! What a load came to: on screen, and as a row of a CSV file.

use std::{
    fmt,
    fs::{File, OpenOptions},
    io::{self, Write},
    path::Path,
};

use hdrhistogram::Histogram;

use super::{reader::Got, sender::Sent};

/// What the load was.
pub struct Described {
    pub connections: u32,
    pub bundles_per_request: u32,
    pub recipients: u32,
    pub readers: u32,
    pub payload_bytes: u32,
    pub rate_per_s: u32,
    pub series: u64,
}

/// What it came to.
pub struct Report {
    pub load: Described,
    /// From the first request that is measured to the last receipt.
    pub sending_ns: u64,
    /// From the first request that is measured to the last delivery.
    pub ended_ns: u64,
    pub sent: Sent,
    pub got: Got,
}

const HEADER: &str = "connections,bundles_per_request,recipients,readers,payload_bytes,rate_per_s,requests_per_s,\
bundles_per_s,deliveries_per_s,receipt_us_p50,receipt_us_p90,receipt_us_p99,receipt_us_max,delivery_us_p50,\
delivery_us_p90,delivery_us_p99,delivery_us_max,again,missing,duplicates,disordered,requests,series,receipts_timed,deliveries_timed,unsent,failed";

/// The CSV file, made if it is not there.
pub fn file(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).open(path)
}

fn per_second(count: u64, nanoseconds: u64) -> u64 {
    (u128::from(count) * 1_000_000_000 / u128::from(nanoseconds.max(1))) as u64
}

/// Median, 90th and 99th percentile and greatest of what was timed, if anything was.
fn percentiles(histogram: &Histogram<u64>) -> Option<[u64; 4]> {
    let at = |quantile| histogram.value_at_quantile(quantile);
    (!histogram.is_empty()).then(|| [at(0.5), at(0.9), at(0.99), histogram.max()])
}

/// The same as fields of a row.
fn fields(histogram: &Histogram<u64>) -> [String; 4] {
    percentiles(histogram).map_or_else(Default::default, |all| all.map(|one| one.to_string()))
}

impl Report {
    /// Requests, bundles and deliveries a second.
    fn throughput(&self) -> [u64; 3] {
        let requests = self.sent.measured();
        let bundles = requests * u64::from(self.load.bundles_per_request);
        let deliveries = per_second(self.got.measured(), self.ended_ns);
        [per_second(requests, self.sending_ns), per_second(bundles, self.sending_ns), deliveries]
    }

    /// Whether all was sent, and all came, once and in order.
    pub fn held(&self) -> bool {
        let lost = self.sent.unsent + self.sent.failed;
        self.got.missing + self.got.duplicates + self.got.disordered + lost == 0
    }

    /// Appends it to a CSV file; a new file gets the header.
    pub fn append(&self, path: &Path) -> io::Result<()> {
        let mut file = file(path)?;
        if file.metadata()?.len() == 0 {
            writeln!(file, "{HEADER}")?;
        }
        let Report { load, sent, got, .. } = self;
        let head = [
            u64::from(load.connections),
            u64::from(load.bundles_per_request),
            u64::from(load.recipients),
            u64::from(load.readers),
            u64::from(load.payload_bytes),
            u64::from(load.rate_per_s),
        ];
        let tail = [
            sent.again,
            got.missing,
            got.duplicates,
            got.disordered,
            sent.requests,
            load.series,
            sent.receipt_us.len(),
            got.delivery_us.len(),
            sent.unsent,
            sent.failed,
        ];
        let numbers = |numbers: &[u64]| numbers.iter().map(u64::to_string).collect::<Vec<_>>();
        let latencies = [fields(&sent.receipt_us), fields(&got.delivery_us)].concat();
        let row = [numbers(&head), numbers(&self.throughput()), latencies, numbers(&tail)].concat();
        writeln!(file, "{}", row.join(","))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Report { load, sent, got, .. } = self;
        writeln!(
            f,
            "load        {} connections, {} bundles a request, {} recipients, {} readers, series {}",
            load.connections, load.bundles_per_request, load.recipients, load.readers, load.series
        )?;
        let [requests, bundles, deliveries] = self.throughput();
        writeln!(f, "throughput  {requests} requests/s, {bundles} bundles/s, {deliveries} deliveries/s")?;
        let latencies = |histogram| match percentiles(histogram) {
            None => "none was timed".to_owned(),
            Some([p50, p90, p99, max]) => format!("p50 {p50} us, p90 {p90} us, p99 {p99} us, max {max} us"),
        };
        writeln!(f, "receipt     {}", latencies(&sent.receipt_us))?;
        if let Some(why) = &sent.why {
            writeln!(f, "failed      {} connections, the first because {why}", sent.failed)?;
        }
        if sent.unsent > 0 {
            writeln!(
                f,
                "unsent      {} requests were due, and no answer came in time before them",
                sent.unsent
            )?;
        }
        if load.readers == 0 {
            return write!(
                f,
                "checked     deliveries are not checked: there are no readers; {} requests sent again",
                sent.again
            );
        }
        writeln!(f, "delivery    {}", latencies(&got.delivery_us))?;
        write!(
            f,
            "checked     {} deliveries: {} missing, {} twice, {} out of order; {} requests sent again",
            got.deliveries, got.missing, got.duplicates, got.disordered, sent.again
        )?;
        match got.forgotten {
            0 => Ok(()),
            forgotten => write!(f, "; {forgotten} bundles came too late to compare at all recipients"),
        }
    }
}
