//! The descriptors that a process may have open: a connection takes one, a store two.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use server::http::Limits;
use tracing::warn;

/// What is open besides connections and stores of devices.
const OTHERS: u64 = 64;
/// Files of a device's store.
const OF_DEVICE: u64 = 2;

/// Takes as many as the system gives, and says so if these bounds may need more: who cannot open a connection is not served.
pub fn take_all(limits: &Limits, serves_devices: bool) {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum {
        // what it has is enough, or it is told below
        let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    }
    let devices = if serves_devices { limits.devices as u64 } else { 0 };
    let needed = (limits.connections + limits.peers) as u64 + OF_DEVICE * devices + OTHERS;
    if let Some(given) = getrlimit(Resource::Nofile).current.filter(|given| *given < needed) {
        warn!(
            given,
            needed,
            "the system gives fewer descriptors than connections and devices may need: raise `ulimit -n`"
        );
    }
}
