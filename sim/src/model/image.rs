//! Sparse bytes: what is on a simulated disk.

use std::collections::BTreeMap;

/// Bytes of a page: what is kept or not as a whole.
pub const PAGE: usize = 4096;

/// Sparse bytes.
#[derive(Clone, Default, PartialEq)]
pub struct Image {
    /// How many there are.
    pub len: u64,
    pages: BTreeMap<u64, Box<[u8]>>,
}

impl Image {
    /// Puts bytes somewhere.
    pub fn write(&mut self, offset: u64, bytes: &[u8]) {
        for (page, within, range) in pieces(offset, bytes.len()) {
            let page = self.pages.entry(page).or_insert_with(|| vec![0; PAGE].into_boxed_slice());
            page[within..within + range.len()].copy_from_slice(&bytes[range]);
        }
        self.len = self.len.max(offset + bytes.len() as u64);
    }

    /// Takes bytes from somewhere; where none were put they are 0.
    pub fn read(&self, offset: u64, out: &mut [u8]) {
        for (page, within, range) in pieces(offset, out.len()) {
            match self.pages.get(&page) {
                Some(page) => out[range.clone()].copy_from_slice(&page[within..within + range.len()]),
                None => out[range].fill(0),
            }
        }
    }

    /// Makes it longer or shorter.
    pub fn resize(&mut self, len: u64) {
        if len < self.len {
            self.pages = {
                let mut pages = std::mem::take(&mut self.pages);
                pages.split_off(&len.div_ceil(PAGE as u64));
                pages
            };
            let within = (len % PAGE as u64) as usize;
            if let Some(page) = self.pages.get_mut(&(len / PAGE as u64)).filter(|_| within > 0) {
                page[within..].fill(0);
            }
        }
        self.len = len;
    }

    /// The pages that hold anything.
    pub fn pages(&self) -> Vec<u64> {
        self.pages.keys().copied().collect()
    }

    /// Flips a bit of a page that holds anything.
    pub fn flip(&mut self, page: u64, at: usize, bit: u64) {
        if let Some(bytes) = self.pages.get_mut(&page) {
            bytes[at] ^= 1 << bit;
        }
    }
}

/// The pages that a range of bytes touches: page, offset in it, range of the bytes.
fn pieces(offset: u64, len: usize) -> impl Iterator<Item = (u64, usize, std::ops::Range<usize>)> {
    let mut done = 0;
    std::iter::from_fn(move || {
        if done == len {
            return None;
        }
        let at = offset + done as u64;
        let within = (at % PAGE as u64) as usize;
        let take = (PAGE - within).min(len - done);
        let piece = (at / PAGE as u64, within, done..done + take);
        done += take;
        Some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shrunk_image_reads_zero_where_it_was_cut() {
        let mut image = Image::default();
        image.write(10, &[7; 5000]);
        image.resize(20);
        image.resize(5010);
        let mut bytes = vec![1; 5010];
        image.read(0, &mut bytes);
        assert_eq!((&bytes[10..20], bytes[20..].iter().all(|byte| *byte == 0)), (&[7; 10][..], true));
    }
}
