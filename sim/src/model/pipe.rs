//! One direction of a simulated connection: a byte stream over a link.
//!
//! # Invariants
//! - Bytes arrive whole, once and in order, as TCP promises; what a link loses is sent again and arrives later.
//! - Bytes on the way are bounded: a writer waits while a reader does not read.

use std::{collections::VecDeque, io, task::Waker};

/// Most bytes written and not read: well above what any link here holds in flight.
const IN_FLIGHT_MAX: usize = 4 << 20;
/// Most bytes that arrive at once. A segment is smaller, an event each would only cost time.
pub const CHUNK_MAX: usize = 64 << 10;

/// Something on the way.
pub enum Parcel {
    /// Bytes, of which some may have been read.
    Bytes {
        /// All of them.
        bytes: Vec<u8>,
        /// How many have been read.
        read: usize,
    },
    /// The end of the stream.
    End,
}

impl Parcel {
    /// How many bytes it still holds.
    pub fn size(&self) -> usize {
        match self {
            Parcel::Bytes { bytes, read } => bytes.len() - read,
            Parcel::End => 0,
        }
    }
}

/// One direction of a connection.
#[derive(Default)]
pub struct Pipe {
    /// With the time of arrival; none while the link is cut.
    on_the_way: VecDeque<(Option<u64>, Parcel)>,
    bytes: usize,
    /// The next parcel arrives no earlier.
    last_arrival: u64,
    /// Who waits for bytes.
    pub reader: Option<Waker>,
    /// Who waits for room.
    pub writer: Option<Waker>,
    /// The end that reads is gone.
    pub deserted: bool,
    /// The connection was lost.
    pub broken: bool,
}

impl Pipe {
    /// How much may be written, if at most so many bytes may be on the way.
    pub fn room(&self, buffer: Option<u64>) -> usize {
        let most = buffer.map_or(IN_FLIGHT_MAX, |buffer| IN_FLIGHT_MAX.min(buffer as usize));
        if self.deserted { CHUNK_MAX } else { most.saturating_sub(self.bytes).min(CHUNK_MAX) }
    }

    /// Sends something to arrive at a time, or when the link is back. Gives the true time of arrival.
    pub fn send(&mut self, parcel: Parcel, arrival: Option<u64>) -> Option<u64> {
        if self.deserted {
            return None;
        }
        let stuck = self.on_the_way.back().is_some_and(|(arrival, _)| arrival.is_none());
        let arrival = arrival.filter(|_| !stuck).map(|at| at.max(self.last_arrival));
        self.last_arrival = arrival.unwrap_or(self.last_arrival);
        self.bytes += parcel.size();
        self.on_the_way.push_back((arrival, parcel));
        arrival
    }

    /// When the next parcel arrives, if one is on the way.
    pub fn next_arrival(&self) -> Option<u64> {
        self.on_the_way.front().and_then(|(arrival, _)| *arrival)
    }

    /// Reads what has arrived by now: how much, none if there is nothing yet, 0 at the end of the stream.
    pub fn read(&mut self, now: u64, out: &mut tokio::io::ReadBuf<'_>) -> Option<usize> {
        let (mut total, mut ended) = (0, false);
        while out.remaining() > 0 {
            let Some((Some(arrival), parcel)) = self.on_the_way.front_mut() else { break };
            if *arrival > now {
                break;
            }
            let Parcel::Bytes { bytes, read } = parcel else {
                ended = true;
                break;
            };
            let take = out.remaining().min(bytes.len() - *read);
            out.put_slice(&bytes[*read..*read + take]);
            *read += take;
            total += take;
            if *read == bytes.len() {
                self.on_the_way.pop_front();
            }
        }
        self.bytes -= total;
        (total > 0 || ended).then_some(total)
    }

    /// The link is cut: what has not arrived is lost, and will be sent again.
    pub fn cut(&mut self, now: u64) {
        for (arrival, _) in &mut self.on_the_way {
            *arrival = arrival.filter(|at| *at <= now);
        }
        self.last_arrival = now;
    }

    /// The link is back: what waited is sent again; `arrival_of` says when so many bytes arrive.
    pub fn resume(&mut self, mut arrival_of: impl FnMut(usize) -> u64) {
        for (arrival, parcel) in &mut self.on_the_way {
            if arrival.is_none() {
                let at = arrival_of(parcel.size()).max(self.last_arrival);
                (*arrival, self.last_arrival) = (Some(at), at);
            }
        }
    }

    /// The reader is gone: nothing more is kept.
    pub fn desert(&mut self) {
        self.deserted = true;
        self.on_the_way.clear();
        self.bytes = 0;
    }

    /// The error of a lost connection, if it is.
    pub fn check(&self) -> io::Result<()> {
        if self.broken { Err(io::ErrorKind::ConnectionReset.into()) } else { Ok(()) }
    }

    /// Both ends look again.
    pub fn wake(&mut self) {
        [self.reader.take(), self.writer.take()].into_iter().flatten().for_each(Waker::wake);
    }
}
