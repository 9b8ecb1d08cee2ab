//! The protocol: what is signed, in which bytes, and what it proves. Pure.
//!
//! Nothing here knows a socket, a disk, a clock or a source of randomness; the judge is part of it, so that a
//! verdict is a function of signed bytes and the roster alone.
//!
//! # Bytes
//! One canonical encoding ([`codec`]), signed and sent alike. Integers are big-endian and of fixed width, a list
//! is its `u32` count and its items, a byte string its `u32` length and its bytes, an optional value one byte
//! 0 or 1 and the value. Decoding rejects trailing bytes, unknown tags and lengths over their bound.
//!
//! A statement's **body** is `kind(1) ‖ actor(5 or 33) ‖ slot(8) ‖ roster version(4) ‖ key epoch(4) ‖ fields`;
//! its **digest** is SHA-256 of the body; its **signature** covers the fixed-size preimage
//! `"ord/v1" ‖ deployment(8) ‖ kind ‖ actor ‖ slot ‖ digest(32)`. A **citation** is
//! `kind ‖ actor ‖ slot ‖ digest ‖ endorsement`: 110 bytes for a server actor, 138 for a client. An endorsement is
//! the signature (64 bytes); a bundle may be signed in a run, and has at least one byte more for it ([`endorsement`]).
//! An actor is `role(1) ‖ index(4)`, a client `1 ‖ public key(32)`.
//! The fields of every kind are listed with its type: [`bundle`], [`receipt`], [`refusal`], [`seal`], [`seal_ack`],
//! [`cut`], [`attestation`], [`ack`], [`challenge`], [`complaint`], [`recovery`], [`cosignature`], [`handler_receipt`],
//! [`roster`].
//!
//! # Hashes
//! All SHA-256, told apart by their first byte: `00` Merkle leaf and `01` Merkle node (RFC 6962), `02` map leaf
//! and `03` map node ([`map`]), `04` delivery chain, `05` queue chain. Bodies begin with their kind, from `10`.

pub mod abridged;
pub mod ack;
pub mod agency;
pub mod attestation;
pub mod batch;
pub mod board;
pub mod bundle;
pub mod challenge;
pub mod citation;
pub mod codec;
pub mod complaint;
pub mod cosignature;
pub mod crypto;
pub mod cut;
pub mod derivation;
pub mod digest;
pub mod endorsement;
pub mod evidence;
pub mod file;
pub mod frame;
pub mod handler_receipt;
pub mod id;
pub mod judge;
pub mod map;
pub mod merkle;
pub mod message;
pub mod obligation;
pub mod predicate;
pub mod receipt;
pub mod recovery;
pub mod refusal;
pub mod remembered;
pub mod roster;
pub mod roster_file;
pub mod seal;
pub mod seal_ack;
pub mod signing;
pub mod statement;
pub mod trust;
