//! Messages, put together from what was written into connections and read out of them.
//!
//! A connection carries bytes in order, so what was written arrived when as many bytes were read as had been written
//! up to its end.

use std::collections::{BTreeMap, VecDeque};

use super::{Passage, Way};

/// Bytes that a machine wrote at once, and what became of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    /// The machine that sent it.
    pub from: usize,
    /// The machine that received it.
    pub to: usize,
    /// How many bytes.
    pub bytes: usize,
    /// The passage in which it was written.
    pub written: usize,
    /// The passage in which its last byte was read; none if that never came.
    pub read: Option<usize>,
}

/// What is under way on one direction of a connection.
#[derive(Default)]
struct Direction {
    written_bytes: usize,
    read_bytes: usize,
    /// Messages not read to their ends, and where these are.
    under_way: VecDeque<(usize, usize)>,
}

/// The messages, in the order in which they were written.
pub fn messages(passages: &[Passage]) -> Vec<Message> {
    let mut directions: BTreeMap<(u64, usize), Direction> = BTreeMap::new();
    let mut messages: Vec<Message> = Vec::new();
    for (index, passage) in passages.iter().enumerate() {
        let Passage { from, to, bytes, .. } = *passage;
        let direction = directions.entry((passage.connection, from)).or_default();
        if passage.way == Way::Written {
            direction.written_bytes += bytes;
            direction.under_way.push_back((messages.len(), direction.written_bytes));
            messages.push(Message { from, to, bytes, written: index, read: None });
            continue;
        }
        direction.read_bytes += bytes;
        while let Some((message, _)) =
            direction.under_way.pop_front_if(|(_, end)| *end <= direction.read_bytes)
        {
            messages[message].read = Some(index);
        }
    }
    messages
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passage(way: Way, bytes: usize) -> Passage {
        Passage { at_ns: 0, connection: 1, way, from: 0, to: 1, bytes, content: 0 }
    }

    #[test]
    fn a_message_is_read_when_its_last_byte_is() {
        let log = [
            passage(Way::Written, 100),
            passage(Way::Written, 50),
            passage(Way::Read, 60),
            passage(Way::Read, 90),
            passage(Way::Written, 10),
        ];
        let read: Vec<_> = messages(&log).iter().map(|message| message.read).collect();
        assert_eq!(read, [Some(3), Some(3), None]);
    }
}
