//! Ctrl-C: exit status 1, whatever the command; one that takes long and keeps what it has ends in good order first.

use std::sync::atomic::{AtomicBool, Ordering};

/// The exit status of what was interrupted: it has not held.
const INTERRUPTED: i32 = 1;

static STOP: AtomicBool = AtomicBool::new(false);
/// Whether the command looks at [`STOP`].
static LOOKS: AtomicBool = AtomicBool::new(false);

/// From here on Ctrl-C ends the process with the status of something interrupted: at once, unless the command asks to be told.
pub fn watch() {
    let on_signal = || {
        if !LOOKS.load(Ordering::Relaxed) || STOP.swap(true, Ordering::Relaxed) {
            std::process::exit(INTERRUPTED);
        }
        eprintln!("stopping; once more to end at once");
    };
    // without a handler Ctrl-C ends the process at once: journals and best results so far are on disk
    let _ = ctrlc::set_handler(on_signal);
}

/// Set from the first Ctrl-C on. A second one ends the process at once.
pub fn stop() -> &'static AtomicBool {
    LOOKS.store(true, Ordering::Relaxed);
    &STOP
}
