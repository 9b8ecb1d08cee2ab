//! Files of canonical bytes: evidence and rosters, as one person hands them to another.
//!
//! JSON: what a reader wants to see, and the canonical bytes in hexadecimal. Only the bytes count, and the rest must be
//! exactly what they render to, so no byte of a file can be changed unnoticed.

use serde::{Serialize, de::DeserializeOwned};

use super::codec::{Decode, DecodeError};

/// Why a file is not what it should be.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// Not JSON, or not these fields.
    #[error("this is no file of that kind: {0}")]
    Json(#[from] serde_json::Error),
    /// Another format.
    #[error("the format is {found:?}, expected {expected:?}")]
    Format {
        /// The one that the file names.
        found: String,
        /// The one that is read here.
        expected: &'static str,
    },
    /// `bytes` is not hexadecimal.
    #[error("`bytes` is not hexadecimal: {0}")]
    Hex(#[from] hex::FromHexError),
    /// `bytes` is not the encoding of what the file should hold.
    #[error("`bytes` cannot be read: {0}")]
    Bytes(#[from] DecodeError),
    /// The roster founds another deployment.
    #[error("the evidence is from deployment {file}, the roster is that of {roster}")]
    Deployment {
        /// The one in the evidence.
        file: String,
        /// The one that the roster founds.
        roster: String,
    },
    /// A roster that is not signed by its operator.
    #[error(
        "the roster is not signed by its operator (that of a run with modelled signatures proves nothing)"
    )]
    Signature,
    /// The roster of a deployment that is made for measuring, where another is expected.
    #[error(
        "the deployment is made for measuring: nothing in it is signed, so nobody in it can be believed or blamed"
    )]
    Unsigned,
    /// The roster of a deployment that signs, where one is expected that is made for measuring.
    #[error("the deployment is not made for measuring: what its actors and clients say is signed")]
    NotUnsigned,
    /// Rosters that do not lead from the one that founds the deployment to the newest.
    #[error(
        "the rosters are no succession: the first must be version 0, and each of the others must come after the one before it"
    )]
    Succession,
    /// Rosters that are not those that are kept.
    #[error(
        "the server's rosters are not those that this client keeps to: it serves another deployment, or its operator has signed two \
         successions"
    )]
    Other,
    /// What the file shows is not what its bytes say.
    #[error("the file was altered: it is not what its `bytes` render to")]
    Altered,
}

/// The text of a file.
pub fn render(file: &impl Serialize) -> String {
    let mut text = serde_json::to_string_pretty(file).expect("strings and numbers always serialize");
    text.push('\n');
    text
}

/// Reads the fields of a file.
pub fn parse<F: DeserializeOwned>(text: &str) -> Result<F, FileError> {
    Ok(serde_json::from_str(text)?)
}

/// Reads the bytes of a file of this format.
pub fn decode<T: Decode>(format: &str, expected: &'static str, bytes: &str) -> Result<T, FileError> {
    if format != expected {
        return Err(FileError::Format { found: format.to_owned(), expected });
    }
    Ok(T::from_bytes(&hex::decode(bytes)?)?)
}
