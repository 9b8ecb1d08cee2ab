//! How fast the simulator is: the pipeline with modelled crypto and storage, as a ratio to a bare madsim message
//! ring in the same run. Machines are shared and noisy; the ratio is what can be compared.
//!
//! `cargo bench -p sim`, or `cargo bench -p sim -- 50000` for another number of bundles.

use sim::{
    command::{self, Stopwatch},
    scenario::Scenario,
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Nodes of the ring, and messages passed around it.
const RING: (usize, u64) = (16, 400_000);
const BUNDLES: u64 = 20_000;
const TRIES: usize = 3;

fn main() {
    let bundles = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(BUNDLES);
    let mut tries: Vec<[f64; 4]> = (0..TRIES).map(|_| attempt(bundles)).collect();
    tries.sort_by(|a, b| a[1].total_cmp(&b[1]));
    let [ring, inputs, steps, deliveries] = tries[TRIES / 2];
    println!("{bundles} bundles, modelled crypto and storage, median of {TRIES}");
    println!("{:<34}{:>12.0} /s", "bare madsim ring, messages", ring);
    for (name, rate) in [
        ("pipeline, inputs handled", inputs),
        ("pipeline, actor steps", steps),
        ("pipeline, deliveries", deliveries),
    ] {
        println!("{name:<34}{rate:>12.0} /s{:>10.3} of the ring", rate / ring);
    }
}

fn attempt(bundles: u64) -> [f64; 4] {
    let ring = ring();
    let sets = [
        "topology.crypto=modelled",
        "topology.storage=modelled",
        "topology.clients=100",
        "workload.rate=20000/s",
        "fault=[]",
        "adversary=[]",
        "expect.exposed=[]",
        &format!("workload.bundles={bundles}"),
    ];
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../scenarios/quickstart.toml");
    let scenario =
        Scenario::read(path.as_ref(), &sets.map(str::to_owned)).expect("the quickstart is a scenario");
    let outcome = command::run(path, &scenario, 1, false).expect("it needs no other file");
    assert!(outcome.held(), "violated: {}", outcome.signature());
    let wall = outcome.wall.as_secs_f64();
    let record = outcome.record();
    let deliveries: usize = record.delivered.values().map(std::collections::BTreeMap::len).sum();
    [ring, record.inputs as f64 / wall, record.steps as f64 / wall, deliveries as f64 / wall]
}

/// Messages a second that tasks on madsim nodes pass around a ring, each on its way at once.
fn ring() -> f64 {
    let (nodes, messages) = RING;
    let thread = std::thread::spawn(move || {
        let runtime = madsim::runtime::Runtime::with_seed_and_config(1, madsim::Config::default());
        let stopwatch = Stopwatch::start();
        runtime.block_on(async move {
            let (senders, receivers): (Vec<_>, Vec<_>) =
                (0..nodes).map(|_| tokio::sync::mpsc::unbounded_channel::<u64>()).unzip();
            let mut tasks = Vec::new();
            for (index, mut receiver) in receivers.into_iter().enumerate() {
                let next = senders[(index + 1) % nodes].clone();
                let node = madsim::runtime::Handle::current().create_node().build();
                tasks.push(node.spawn(async move {
                    while let Some(left) = receiver.recv().await {
                        let done = left == 0 || next.send(left - 1).is_err();
                        if done {
                            return;
                        }
                    }
                }));
            }
            senders.iter().for_each(|sender| {
                let _ = sender.send(messages / nodes as u64);
            });
            futures_util::future::select_all(tasks).await.0.expect("a ring task ends");
        });
        messages as f64 / stopwatch.elapsed().as_secs_f64()
    });
    thread.join().expect("the ring ends")
}
