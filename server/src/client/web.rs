//! Where servers are on the web: the network port of a client.

use std::{collections::BTreeMap, io, str::FromStr, sync::Arc};

use tokio::net::TcpStream;

use crate::{
    port::{
        Outward,
        tls::{Stream, Tls},
    },
    protocol::id::ActorId,
};

/// The address of a server: `http://host:port` or `https://host:port`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    /// Whether the connection is encrypted.
    pub scheme: Scheme,
    /// The host's name or address.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// How a server is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// In the clear.
    Http,
    /// Over TLS.
    Https,
}

impl Url {
    /// Host and port, as in a request.
    pub fn authority(&self) -> String {
        let Url { host, port, .. } = self;
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
    }

    /// Connects to the server; over `https` only to one that is believed to be who it says.
    pub async fn connect(&self, believed: Option<&Tls>) -> io::Result<Stream<TcpStream>> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
        stream.set_nodelay(true)?;
        match (self.scheme, believed) {
            (Scheme::Http, _) => Ok(Stream::plain(stream)),
            (Scheme::Https, Some(tls)) => tls.connect(&self.host, stream).await,
            (Scheme::Https, None) => {
                Err(io::Error::other(format!("{self} needs the certificate of whom to believe")))
            }
        }
    }
}

/// Why a text is no address of a server.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is no server: write http://host:port or https://host:port")]
pub struct UrlError(String);

impl FromStr for Url {
    type Err = UrlError;
    fn from_str(text: &str) -> Result<Self, UrlError> {
        let wrong = || UrlError(text.to_owned());
        let (scheme, rest, port) = match text.split_once("://").ok_or_else(wrong)? {
            ("http", rest) => (Scheme::Http, rest, 80),
            ("https", rest) => (Scheme::Https, rest, 443),
            _ => return Err(wrong()),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = match rest.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, port.parse().map_err(|_| wrong())?),
            _ => (rest, port),
        };
        if host.is_empty() || host.contains(['/', '?', '#', '@']) {
            return Err(wrong());
        }
        Ok(Url { scheme, host: host.trim_matches(['[', ']']).to_owned(), port })
    }
}

impl std::fmt::Display for Url {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let scheme = if self.scheme == Scheme::Https { "https" } else { "http" };
        write!(f, "{scheme}://{}", self.authority())
    }
}

/// TCP or TLS to where each actor is served.
#[derive(Clone)]
pub struct Web {
    /// Where actors are served that are not listed.
    pub server: Url,
    /// Where the others are.
    pub elsewhere: Arc<BTreeMap<ActorId, Url>>,
    /// Whom to believe that they are who they say, over `https`.
    pub tls: Option<Tls>,
}

impl Outward for Web {
    type Stream = Stream<TcpStream>;

    async fn reach(&self, to: ActorId) -> io::Result<Self::Stream> {
        self.elsewhere.get(&to).unwrap_or(&self.server).connect(self.tls.as_ref()).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_version_six_is_bracketed_where_its_port_follows() {
        for (text, authority) in [("http://[::1]:7", "[::1]:7"), ("https://a.b", "a.b:443")] {
            let url: Url = text.parse().unwrap();
            assert_eq!(url.authority(), authority);
            assert_eq!(url.to_string().parse::<Url>().unwrap(), url);
        }
    }

    #[test]
    fn addresses_are_read() {
        for (text, port) in
            [("http://a:81", 81), ("https://a.b/", 443), ("http://[::1]:7", 7), ("http://a", 80)]
        {
            assert_eq!(text.parse::<Url>().unwrap().port, port, "{text}");
        }
        for odd in ["", "a:1", "ftp://a", "http://", "http://a:b", "http://a/b", "http://u@a"] {
            assert!(odd.parse::<Url>().is_err(), "{odd}");
        }
    }
}
