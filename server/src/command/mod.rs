//! The command line, one file a command.

pub mod actor;
pub mod client;
pub mod limits;
pub mod load;
pub mod log;
pub mod revoke;
pub mod rotate;
pub mod run;
pub mod serving;
pub mod shape;
pub mod verify;
