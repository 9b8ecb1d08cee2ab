//! Clocks of the world outside, which go on inside a run: the system is asked past the simulator, which replaces the
//! clock of the C library.

use rustix::time::{ClockId, Timespec, clock_gettime};

fn ns(time: Timespec) -> u64 {
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// Nanoseconds since some moment.
pub fn now_ns() -> u64 {
    ns(clock_gettime(ClockId::Monotonic))
}

/// Nanoseconds of processors that this process has used.
pub fn process_ns() -> u64 {
    ns(clock_gettime(ClockId::ProcessCPUTime))
}

/// Nanoseconds of a processor that this thread has used.
pub fn thread_ns() -> u64 {
    ns(clock_gettime(ClockId::ThreadCPUTime))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_goes_on_inside_a_run() {
        let thread = std::thread::spawn(|| {
            let runtime = madsim::runtime::Runtime::with_seed_and_config(1, madsim::Config::default());
            runtime.block_on(async {
                let (began, began_cpu) = (now_ns(), thread_ns());
                let mut sum = 0u64;
                while now_ns() - began < 5_000_000 {
                    sum = sum.wrapping_add(now_ns());
                }
                (thread_ns() - began_cpu, sum)
            })
        });
        let (worked, _) = thread.join().unwrap();
        assert!((1_000..10_000_000_000).contains(&worked), "{worked} ns");
    }
}
