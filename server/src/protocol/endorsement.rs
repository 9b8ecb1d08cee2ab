//! Endorsements: how a statement is signed, alone or in a run.
//!
//! A client that hands in many bundles at once signs once: a Merkle tree over the preimages of all of them, and each carries the path
//! from its own to the root. So every bundle can be shown, cited and checked without the others, and whoever checks many of one run
//! checks one signature. (Batch signing, as Roughtime does it.)
//!
//! What a run's signature covers is `"ord/v1/run" ‖ leaves(4) ‖ root(32)`; a leaf is the preimage of a statement. An endorsement is
//! `signature(64)`, and of a bundle besides its optional path.
//!
//! # Invariants
//! - One statement of a run says nothing about another: each is signed as if it were alone, and that two of them share a slot is an
//!   equivocation like any other.
//! - Nobody but the signer can turn one endorsement into another: size and root are signed, and they fix the path of every statement that is
//!   in the run once.
//! - A signer can endorse one statement in as many ways as it likes. Nothing that is owed may turn on which of them somebody knows, but
//!   what names the very endorsement: a leaf of a tree, and an answer about that leaf.
//! - Only bundles are signed in runs.

use std::sync::Arc;

use super::{
    codec::{DecodeError, Reader, Writer},
    crypto::{Claim, PublicKey, Signature, Signer, Verifier},
    digest::Digest,
    merkle::{self, Path, Tree},
    statement::Kind,
};

/// Most statements of a run: with more, each would save little and carry more.
pub const RUN_MAX: usize = 128;

/// What a run's signature covers begins with this; the preimages of statements are of other lengths.
const RUN_TAG: &[u8] = b"ord/v1/run";

/// A [`Claim`] that is kept: the key, what is signed, the signature.
pub type OwnedClaim = (PublicKey, Vec<u8>, Signature);

/// How a statement is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endorsement {
    signature: Signature,
    /// From the statement's preimage to the root of its run, if it is signed in one.
    path: Option<Arc<Path>>,
}

impl From<Signature> for Endorsement {
    fn from(signature: Signature) -> Self {
        Endorsement { signature, path: None }
    }
}

/// Signs statements, and each run once, if those of a run come one after the other.
#[derive(Default)]
pub struct Pen {
    /// The last run: what was signed, and the signature.
    last: Option<(Vec<u8>, Signature)>,
    signed: u64,
}

impl Pen {
    /// Signs a statement with this preimage: alone, or in the run to which this path leads.
    pub fn sign(&mut self, preimage: &[u8], path: Option<Arc<Path>>, signer: &dyn Signer) -> Endorsement {
        let Some(run) = path.as_ref().map(|path| covered(path, preimage)) else {
            self.signed += 1;
            return signer.sign(preimage).into();
        };
        signer.covers(preimage);
        let last = self.last.take().filter(|(last, _)| *last == run);
        let (run, signature) = last.unwrap_or_else(|| {
            self.signed += 1;
            let signature = signer.sign(&run);
            (run, signature)
        });
        self.last = Some((run, signature));
        Endorsement { signature, path }
    }

    /// How many signatures it has made.
    pub fn signed(&self) -> u64 {
        self.signed
    }
}

impl Endorsement {
    /// The signature: of the statement, or of its run.
    pub fn signature(&self) -> Signature {
        self.signature
    }

    /// Whether others are signed with it.
    pub fn is_of_a_run(&self) -> bool {
        self.path.is_some()
    }

    /// The signature to check for a statement with this preimage.
    pub fn claim(&self, key: PublicKey, preimage: Vec<u8>) -> OwnedClaim {
        let signed = match &self.path {
            None => preimage,
            Some(path) => covered(path, &preimage),
        };
        (key, signed, self.signature)
    }

    /// Appends that of a statement of this kind.
    pub fn encode_of(&self, kind: Kind, out: &mut Writer) {
        out.bytes(&self.signature.0);
        if kind.is_signed_in_runs() {
            out.option(self.path.as_deref());
        }
    }

    /// Reads that of a statement of this kind.
    pub fn decode_of(kind: Kind, input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let signature = Signature(input.array()?);
        let path = if kind.is_signed_in_runs() { decode_path(input)? } else { None };
        Ok(Endorsement { signature, path })
    }
}

/// Reads an optional path.
pub fn decode_path(input: &mut Reader<'_>) -> Result<Option<Arc<Path>>, DecodeError> {
    let path = input.option::<Path>()?;
    if path.as_ref().is_some_and(|path| !(2..=RUN_MAX).contains(&(path.size() as usize))) {
        return Err(DecodeError::Invalid("size of a signed run"));
    }
    Ok(path.map(Arc::new))
}

/// The paths of the statements with these preimages, to be signed together: at most [`RUN_MAX`] a run, and one alone has none.
pub fn paths_of(preimages: &[Vec<u8>]) -> Vec<Option<Arc<Path>>> {
    let mut paths = Vec::with_capacity(preimages.len());
    for run in preimages.chunks(RUN_MAX) {
        let tree = Tree::new(run.iter().map(|preimage| merkle::leaf(preimage)).collect());
        let together = run.len() > 1;
        paths.extend((0..run.len() as u32).map(|index| together.then(|| Arc::new(tree.path(index)))));
    }
    paths
}

/// How many signatures there are to check, if those of one run come one after the other.
pub fn signatures<'a>(endorsements: impl Iterator<Item = &'a Endorsement>) -> u64 {
    let mut last = None;
    endorsements.map(|one| u64::from(last.replace(one.signature) != Some(one.signature))).sum()
}

fn covered(path: &Path, preimage: &[u8]) -> Vec<u8> {
    let root: Digest = path.root(merkle::leaf(preimage));
    [RUN_TAG, &path.size().to_be_bytes(), &root.0].concat()
}

/// The claim, to be checked.
pub fn borrowed((key, signed, signature): &OwnedClaim) -> Claim<'_> {
    (*key, signed, *signature)
}

/// Which of many claims are valid, and what it took to find out.
pub struct Checked {
    /// Of each, whether it is valid.
    pub valid: Vec<bool>,
    /// Signatures that were checked at once.
    pub at_once: u64,
    /// Signatures that were checked one by one, for one of them was bad.
    pub one_by_one: u64,
}

/// Checks many. Claims of one run are one, if they come one after the other; one bad signature costs the others a second check.
pub fn check_all(claims: &[Claim<'_>], verifier: &dyn Verifier) -> Checked {
    let mut distinct = claims.to_vec();
    distinct.dedup();
    let at_once = distinct.len() as u64;
    if verifier.verify_all(&distinct) {
        return Checked { valid: vec![true; claims.len()], at_once, one_by_one: 0 };
    }
    let found: Vec<bool> = distinct.iter().map(|claim| verifier.verify(*claim)).collect();
    let mut at = 0;
    let valid = claims.iter().map(|claim| {
        at += usize::from(*claim != distinct[at]);
        found[at]
    });
    Checked { valid: valid.collect(), at_once, one_by_one: at_once }
}
