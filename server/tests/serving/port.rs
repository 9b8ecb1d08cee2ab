//! Ports for servers that tests start.

use std::{
    net::TcpListener,
    sync::atomic::{AtomicU16, Ordering},
};

/// The first port, and how many: below those that systems give to whoever connects or asks for any, which could be ours otherwise
/// before our server listens.
const PORTS: (u16, u16) = (10_000, 20_000);

/// A port that nobody listens on, and that is handed out once by a process.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // processes at the same time begin elsewhere
    let begin = (std::process::id() % 200) as u16 * 100;
    let mut ports = (0..PORTS.1).map(|_| {
        let next = NEXT.fetch_add(1, Ordering::Relaxed);
        PORTS.0 + (begin + next) % PORTS.1
    });
    ports.find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).expect("a port is free")
}
