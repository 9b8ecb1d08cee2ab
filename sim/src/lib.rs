//! The deterministic testbed of the Noise server.

#[cfg(not(madsim))]
compile_error!(
    "sim must be built with `--cfg madsim`: .cargo/config.toml sets it, but an environment RUSTFLAGS \
     (even an empty one) overrides that setting. Unset it: `env -u RUSTFLAGS cargo ...`, or add `--cfg madsim` to it."
);

pub mod adversary;
pub mod barrier;
pub mod calibrate;
pub mod check;
pub mod command;
pub mod control;
pub mod coverage;
pub mod crowd;
pub mod difference;
pub mod fingerprint;
pub mod history;
pub mod journal;
pub mod model;
pub mod nemesis;
pub mod outcome;
pub mod place;
pub mod plant;
pub mod pool;
pub mod random;
pub mod real;
pub mod scale;
pub mod scenario;
pub mod shrink;
pub mod speed;
pub mod sweep;
pub mod trace;
pub mod trial;
pub mod validate;
pub mod windows;
pub mod workload;
pub mod world;
