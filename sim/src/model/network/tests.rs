//! What connections over the fabric do.

use super::{super::condition::Cut, *};
use crate::scenario::Latency;
use server::protocol::id::Role;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const HERE: ActorId = ActorId::Server(Role::Handler, 0);
const THERE: ActorId = ActorId::Server(Role::Incoming, 0);

/// Runs something on a fabric of two machines.
fn on_fabric<F: Future + Send + 'static>(
    network: DrawnNetwork,
    body: impl FnOnce(Fabric, SimNetwork, SimNetwork) -> F + Send + 'static,
) -> F::Output
where
    F::Output: Send,
{
    let thread = std::thread::spawn(move || {
        madsim::runtime::Runtime::with_seed_and_config(1, madsim::Config::default()).block_on(async move {
            let time = VirtualTime::current();
            let print = Fingerprint::default();
            let fabric = Fabric::new(network, Streams::new(1), time, print, Traps::default());
            let places = Arc::new([(HERE, 0), (THERE, 1)].into());
            let (here, there) = (fabric.of(0, Arc::clone(&places)), fabric.of(1, places));
            body(fabric, here, there).await
        })
    });
    thread.join().unwrap()
}

fn network(latency_ns: u64, bandwidth_bit_s: Option<u64>, loss: f64) -> DrawnNetwork {
    DrawnNetwork { latency: Latency::Constant { ns: latency_ns }, bandwidth_bit_s, loss }
}

/// Connects, sends so many bytes one way, and says how long they took and whether they arrived unchanged.
async fn transfer(fabric: &Fabric, here: &SimNetwork, there: &SimNetwork, bytes: usize) -> (u64, bool) {
    let mut listener = there.listen().await.unwrap();
    let mut sender = here.connect(THERE).await.unwrap();
    let mut receiver = SimNetwork::accept(&mut listener).await.unwrap();
    let sent: Vec<u8> = (0..bytes).map(|i| (i % 251) as u8).collect();
    let begin = fabric.time.now_ns();
    let copy = sent.clone();
    madsim::task::spawn(async move {
        sender.write_all(&copy).await.unwrap();
        std::future::pending::<()>().await;
    });
    let mut received = vec![0; bytes];
    receiver.read_exact(&mut received).await.unwrap();
    (fabric.time.now_ns() - begin, received == sent)
}

#[test]
fn a_gigabit_link_carries_a_gigabit() {
    let (took, whole) =
        on_fabric(network(100_000, Some(1_000_000_000), 0.0), |fabric, here, there| async move {
            transfer(&fabric, &here, &there, 25_000_000).await
        });
    let rate = 25_000_000.0 * 8.0 / (took as f64 / 1e9);
    assert!(whole && (rate / 1e9 - 1.0).abs() < 0.02, "{rate} bit/s");
}

#[test]
fn a_byte_takes_the_latency_of_its_link() {
    let (took, _) = on_fabric(network(100_000, None, 0.0), |fabric, here, there| async move {
        transfer(&fabric, &here, &there, 1).await
    });
    assert!((100_000..100_100).contains(&took), "{took} ns");
}

#[test]
fn a_lossy_link_delivers_everything_in_order_and_later() {
    let lossy = |loss| {
        on_fabric(network(100_000, Some(1_000_000_000), loss), |fabric, here, there| async move {
            (transfer(&fabric, &here, &there, 3_000_000).await, fabric.lost())
        })
    };
    let ((clean, _), _) = lossy(0.0);
    let ((took, whole), lost) = lossy(0.02);
    assert!(whole && lost > 0 && took > clean, "{lost} lost, {took} against {clean} ns");
}

#[test]
fn a_cut_holds_bytes_back_until_it_heals() {
    let took = on_fabric(network(100_000, None, 0.0), |fabric, here, there| async move {
        let mut listener = there.listen().await.unwrap();
        let mut sender = here.connect(THERE).await.unwrap();
        let mut receiver = SimNetwork::accept(&mut listener).await.unwrap();
        fabric.begin(0, Condition::Cut(Cut::Aside(vec![0])));
        sender.write_all(b"held").await.unwrap();
        let begin = fabric.time.now_ns();
        let healer = fabric.clone();
        madsim::task::spawn(async move {
            healer.time.sleep_until(begin + 5_000_000).await;
            assert_eq!(healer.end(0), 2, "it held up a connection and what was sent on it");
        });
        let mut bytes = [0; 4];
        receiver.read_exact(&mut bytes).await.unwrap();
        assert_eq!(&bytes, b"held");
        fabric.time.now_ns() - begin
    });
    assert!((5_100_000..5_200_000).contains(&took), "{took} ns");
}

#[test]
fn a_long_cut_resets_the_connection() {
    let error = on_fabric(network(100_000, None, 0.0), |fabric, here, there| async move {
        let mut listener = there.listen().await.unwrap();
        let _sender = here.connect(THERE).await.unwrap();
        let mut receiver = SimNetwork::accept(&mut listener).await.unwrap();
        fabric.begin(0, Condition::Cut(Cut::Aside(vec![0])));
        fabric.time.sleep_until(fabric.time.now_ns() + RESET_AFTER_NS + 1_000_000).await;
        fabric.end(0);
        receiver.read_u8().await.unwrap_err().kind()
    });
    assert_eq!(error, io::ErrorKind::ConnectionReset);
}

#[test]
fn a_clog_holds_bytes_back_and_costs_no_connection() {
    let took = on_fabric(network(100_000, None, 0.0), |fabric, here, there| async move {
        let mut listener = there.listen().await.unwrap();
        let mut sender = here.connect(THERE).await.unwrap();
        let mut receiver = SimNetwork::accept(&mut listener).await.unwrap();
        let clog = Cut::Of(Whose { machine: Some(0), peer: None });
        fabric.begin(0, Condition::Clog(clog));
        let begin = fabric.time.now_ns();
        sender.write_all(b"held").await.unwrap();
        fabric.time.sleep_until(begin + 2 * RESET_AFTER_NS).await;
        fabric.end(0);
        receiver.read_exact(&mut [0; 4]).await.unwrap();
        fabric.time.now_ns() - begin
    });
    assert!(took > 2 * RESET_AFTER_NS);
}

#[test]
fn a_reset_ends_both_ends() {
    let errors = on_fabric(network(100_000, None, 0.0), |fabric, here, there| async move {
        let mut listener = there.listen().await.unwrap();
        let mut sender = here.connect(THERE).await.unwrap();
        let mut receiver = SimNetwork::accept(&mut listener).await.unwrap();
        assert_eq!(fabric.reset(Whose { machine: Some(1), peer: Some(0) }), 1);
        [receiver.read_u8().await.unwrap_err().kind(), sender.write_u8(1).await.unwrap_err().kind()]
    });
    assert_eq!(errors, [io::ErrorKind::ConnectionReset; 2]);
}

#[test]
fn the_far_end_of_a_half_open_connection_learns_it_when_it_sends_and_is_answered() {
    let error = on_fabric(network(100_000, None, 0.0), |fabric, here, there| async move {
        let mut listener = there.listen().await.unwrap();
        let mut sender = here.connect(THERE).await.unwrap();
        let mut receiver = SimNetwork::accept(&mut listener).await.unwrap();
        let whose = Whose { machine: Some(1), peer: None };
        assert_eq!(fabric.abandon(1, whose), 1);
        assert_eq!(receiver.read_u8().await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
        drop(receiver);
        sender.write_u8(1).await.unwrap();
        fabric.answer(whose);
        sender.write_u8(1).await.unwrap_err().kind()
    });
    assert_eq!(error, io::ErrorKind::ConnectionReset);
}

#[test]
fn a_corrupting_link_flips_one_bit() {
    let flipped = on_fabric(network(100_000, None, 0.0), |fabric, here, there| async move {
        let mut listener = there.listen().await.unwrap();
        let mut sender = here.connect(THERE).await.unwrap();
        let mut receiver = SimNetwork::accept(&mut listener).await.unwrap();
        fabric.begin(0, Condition::Corrupt(1.0, Whose::default()));
        sender.write_all(&[0; 16]).await.unwrap();
        let mut bytes = [0; 16];
        receiver.read_exact(&mut bytes).await.unwrap();
        assert_eq!(fabric.end(0), 1);
        bytes.iter().map(|byte| byte.count_ones()).sum::<u32>()
    });
    assert_eq!(flipped, 1);
}

#[test]
fn a_throttled_link_carries_what_it_is_left() {
    let took = on_fabric(network(100_000, None, 0.0), |fabric, here, there| async move {
        fabric.begin(0, Condition::Throttle(8_000_000, Some(10_000), Whose::default()));
        transfer(&fabric, &here, &there, 1_000_000).await.0
    });
    assert!((1_000_000_000..1_300_000_000).contains(&took), "{took} ns");
}

#[test]
fn a_throttle_has_an_effect_if_it_is_narrower_or_its_buffer_is_full() {
    let effects = |rate, buffer, bytes| {
        on_fabric(network(100_000, Some(1_000_000_000), 0.0), move |fabric, here, there| async move {
            fabric.begin(0, Condition::Throttle(rate, buffer, Whose::default()));
            transfer(&fabric, &here, &there, bytes).await;
            fabric.end(0)
        })
    };
    let (narrower, wider) = (500_000_000, 2_000_000_000);
    assert!(effects(narrower, None, 1000) > 0);
    assert!(effects(wider, Some(10_000), 1_000_000) > 0, "a writer waits for room");
    assert_eq!(effects(wider, Some(10_000), 1000), 0, "there is room all the time");
    assert_eq!(effects(wider, None, 1_000_000), 0);
}

#[test]
fn a_dropped_end_ends_the_stream_after_its_bytes() {
    let text = on_fabric(network(100_000, None, 0.0), |_, here, there| async move {
        let mut listener = there.listen().await.unwrap();
        let mut sender = here.connect(THERE).await.unwrap();
        let mut receiver = SimNetwork::accept(&mut listener).await.unwrap();
        sender.write_all(b"last words").await.unwrap();
        drop(sender);
        let mut text = String::new();
        receiver.read_to_string(&mut text).await.unwrap();
        text
    });
    assert_eq!(text, "last words");
}

#[test]
fn a_machine_where_nobody_listens_refuses() {
    let error = on_fabric(network(100_000, None, 0.0), |_, here, _| async move {
        here.connect(THERE).await.err().map(|error| error.kind())
    });
    assert_eq!(error, Some(io::ErrorKind::ConnectionRefused));
}
