//! Ctrl-C: a command that takes long ends in good order when it is asked to.

use std::sync::atomic::{AtomicBool, Ordering};

static STOP: AtomicBool = AtomicBool::new(false);

/// Set from the first Ctrl-C on. A second one ends the process at once.
pub fn stop() -> &'static AtomicBool {
    let on_signal = || {
        if STOP.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
        eprintln!("stopping; once more to end at once");
    };
    // without a handler Ctrl-C ends the process at once: journals and best results so far are on disk
    let _ = ctrlc::set_handler(on_signal);
    &STOP
}
