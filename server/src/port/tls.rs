//! TLS (rustls) around a byte stream, on either side.
//!
//! A server's handshake happens as its stream is first read, so a peer that is slow about it holds up nobody else.

use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::Path,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use super::Network;
use crate::protocol::id::ActorId;
use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::{Accept, TlsAcceptor, TlsConnector, TlsStream};

/// Certificates and keys of one side.
#[derive(Clone)]
pub struct Tls {
    server: Option<TlsAcceptor>,
    client: Option<TlsConnector>,
}

/// Why files make no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file.
    #[error("{path}: {why}")]
    File {
        /// Which.
        path: String,
        /// What is wrong with it.
        why: String,
    },
    /// The certificates and key do not go together, or are not fit for use.
    #[error("the certificate cannot be used: {0}")]
    Certificate(#[from] rustls::Error),
}

fn at(path: &Path) -> impl Fn(&dyn std::fmt::Display) -> TlsError {
    move |why| TlsError::File { path: path.display().to_string(), why: why.to_string() }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let pem = fs::read(path).map_err(|error| at(path)(&error))?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let found = found.map_err(|error| at(path)(&error))?;
    if found.is_empty() {
        return Err(at(path)(&"there is no certificate (PEM) in it"));
    }
    Ok(found)
}

/// What a key file holds. One that everybody may read is refused; a group is often given certificates and keys, so of that a word is said.
fn key_in(path: &Path) -> Result<Vec<u8>, TlsError> {
    let mode = fs::metadata(path).map_err(|error| at(path)(&error))?.mode() & 0o777;
    if mode & 0o007 != 0 {
        return Err(at(path)(&format!(
            "everybody may read this key (mode {mode:o}): make a new one, or `chmod 600` it if nobody did"
        )));
    }
    if mode & 0o070 != 0 {
        tracing::warn!(path = %path.display(), mode = format!("{mode:o}"), "the group of this key may read it");
    }
    fs::read(path).map_err(|error| at(path)(&error))
}

impl Tls {
    /// A server with this chain of certificates and this key, both PEM.
    ///
    /// # Errors
    /// They are none, or everybody may read the key.
    pub fn server(chain: &Path, key: &Path) -> Result<Tls, TlsError> {
        let pem = key_in(key)?;
        let secret = PrivateKeyDer::from_pem_slice(&pem)
            .map_err(|error| at(key)(&format!("there is no private key (PEM) in it: {error}")))?;
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(certificates(chain)?, secret)?;
        Ok(Tls { server: Some(TlsAcceptor::from(Arc::new(config))), client: None })
    }

    /// A client that believes whoever these certificates (PEM) vouch for.
    pub fn client(roots: &Path) -> Result<Tls, TlsError> {
        let mut store = RootCertStore::empty();
        for certificate in certificates(roots)? {
            store.add(certificate)?;
        }
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(store)
            .with_no_client_auth();
        Ok(Tls { server: None, client: Some(TlsConnector::from(Arc::new(config))) })
    }

    /// The server's side of a stream; in the clear if this is no server.
    pub fn accept<S: AsyncRead + AsyncWrite + Unpin>(&self, stream: S) -> Stream<S> {
        match &self.server {
            Some(server) => Stream(State::Greeting(Box::new(server.accept(stream)))),
            None => Stream::plain(stream),
        }
    }

    /// The client's side of a stream to this host.
    pub async fn connect<S>(&self, host: &str, stream: S) -> io::Result<Stream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let client = self.client.as_ref().ok_or_else(|| io::Error::other("no certificate to believe"))?;
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        let stream = client.connect(name, stream).await.map_err(|error| match error.kind() {
            io::ErrorKind::InvalidData => io::Error::new(error.kind(), format!("no TLS with it: {error}")),
            _ => error,
        })?;
        Ok(Stream(State::Secret(Box::new(stream.into()))))
    }
}

/// A network whose connections to here are over TLS, or in the clear if no certificate is given.
#[derive(Clone)]
pub struct Secured<N> {
    /// The network.
    pub inner: N,
    /// The server's side.
    pub tls: Option<Tls>,
}

impl<N: Network> Network for Secured<N> {
    type Stream = Stream<N::Stream>;
    type Listener = (N::Listener, Option<Tls>);

    async fn listen(&self) -> io::Result<Self::Listener> {
        Ok((self.inner.listen().await?, self.tls.clone()))
    }

    async fn accept((listener, tls): &mut Self::Listener) -> io::Result<Self::Stream> {
        let stream = N::accept(listener).await?;
        Ok(match tls {
            Some(tls) => tls.accept(stream),
            None => Stream::plain(stream),
        })
    }

    async fn connect(&self, to: ActorId) -> io::Result<Self::Stream> {
        Ok(Stream::plain(self.inner.connect(to).await?))
    }
}

/// A byte stream, over TLS or in the clear.
pub struct Stream<S>(State<S>);

enum State<S> {
    Plain(S),
    Greeting(Box<Accept<S>>),
    Secret(Box<TlsStream<S>>),
    /// The greeting failed, and must not be polled again: whoever serves the stream may still want to end it well.
    Failed,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Stream<S> {
    /// In the clear.
    pub fn plain(stream: S) -> Self {
        Stream(State::Plain(stream))
    }

    /// Ends the greeting, if it is not over.
    fn greet(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let State::Greeting(accept) = &mut self.0 {
            let greeted = ready!(Pin::new(accept.as_mut()).poll(context));
            self.0 = State::Failed;
            self.0 = State::Secret(Box::new(greeted?.into()));
        }
        Poll::Ready(Ok(()))
    }
}

/// Does with the stream inside whatever is to be done.
macro_rules! inside {
    ($this:expr, $context:expr, $stream:ident => $act:expr) => {{
        let this = $this.get_mut();
        ready!(this.greet($context))?;
        match &mut this.0 {
            State::Plain($stream) => $act,
            State::Secret($stream) => {
                let $stream = &mut **$stream;
                $act
            }
            State::Greeting(_) | State::Failed => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }};
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Stream<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        inside!(self, context, stream => Pin::new(stream).poll_read(context, buffer))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Stream<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        inside!(self, context, stream => Pin::new(stream).poll_write(context, bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        inside!(self, context, stream => Pin::new(stream).poll_write_vectored(context, slices))
    }

    fn is_write_vectored(&self) -> bool {
        match &self.0 {
            State::Plain(stream) => stream.is_write_vectored(),
            _ => true,
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        inside!(self, context, stream => Pin::new(stream).poll_flush(context))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        inside!(self, context, stream => Pin::new(stream).poll_shutdown(context))
    }
}

#[cfg(test)]
mod tests {
    use std::{os::unix::fs::PermissionsExt, path::PathBuf};

    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    /// A certificate and its key, which only the owner may read.
    fn made_in(directory: &Path) -> (PathBuf, PathBuf) {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let (chain, key) = (directory.join("cert"), directory.join("key"));
        fs::write(&chain, made.cert.pem()).unwrap();
        fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        allow(&key, 0o600);
        (chain, key)
    }

    fn allow(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_key_that_everybody_may_read_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let (chain, key) = made_in(directory.path());
        for (mode, is_taken) in [(0o600, true), (0o640, true), (0o644, false), (0o604, false)] {
            allow(&key, mode);
            let told = Tls::server(&chain, &key).err().map(|error| error.to_string());
            assert_eq!(told.is_none(), is_taken, "{mode:o}: {told:?}");
            assert!(told.is_none_or(|told| told.contains("everybody may read this key")));
        }
    }

    #[test]
    fn who_does_not_greet_ends_the_stream_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let (chain, key) = made_in(directory.path());
        let tls = Tls::server(&chain, &key).unwrap();
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
            let (mut near, far) = duplex(1024);
            let mut stream = tls.accept(far);
            near.write_all(b"GET /health HTTP/1.1\r\n\r\n").await.unwrap();
            assert!(stream.read_u8().await.is_err());
            assert!(stream.write_all(b"x").await.is_err());
            assert!(stream.shutdown().await.is_err());
        });
    }
}
