//! DynamoDB behind TLS, as a function meets it: a certificate of an authority that stands at the end of a
//! full bundle of them.

use std::{error::Error, fs, io::Write, net::Ipv4Addr, path::PathBuf, sync::Arc, time::Duration};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tempfile::NamedTempFile;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time::sleep,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, pki_types::PrivateKeyDer},
};

use super::Outcome;

/// Where distributions keep all authorities in one file; the first is that of Lambda's image.
const BUNDLES: [&str; 4] = [
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// A running front. It ends when it is dropped.
pub(super) struct TlsFront {
    pub(super) endpoint: String,
    /// How many authorities are in the bundle.
    pub(super) authorities: usize,
    bundle: NamedTempFile,
    server: JoinHandle<()>,
}

impl TlsFront {
    /// Starts one before `upstream` (`http://127.0.0.1:PORT`).
    pub(super) async fn start(upstream: &str) -> Outcome<Self> {
        let (config, authority) = certificates()?;
        let mut bundle = NamedTempFile::new()?;
        let found = BUNDLES.iter().find_map(|path| fs::read_to_string(path).ok());
        let all = found.ok_or("this machine has no bundle of certificate authorities")? + &authority;
        bundle.write_all(all.as_bytes())?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let endpoint = format!("https://{}", listener.local_addr()?);
        let upstream = upstream.trim_start_matches("http://").to_owned();
        let server = tokio::spawn(serve(listener, TlsAcceptor::from(Arc::new(config)), upstream));
        Ok(Self { endpoint, authorities: all.matches("BEGIN CERTIFICATE").count(), bundle, server })
    }

    /// The file with all authorities.
    pub(super) fn bundle(&self) -> PathBuf {
        self.bundle.path().to_owned()
    }
}

impl Drop for TlsFront {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// The server's side, and the authority in PEM.
fn certificates() -> Result<(ServerConfig, String), Box<dyn Error>> {
    let mut authority = CertificateParams::new(Vec::new())?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_key = KeyPair::generate()?;
    let pem = authority.self_signed(&authority_key)?.pem();
    let key = KeyPair::generate()?;
    let server = CertificateParams::new(vec!["127.0.0.1".to_owned()])?;
    let certificate = server.signed_by(&key, &Issuer::new(authority, authority_key))?;
    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let config = ServerConfig::builder().with_no_client_auth();
    Ok((config.with_single_cert(vec![certificate.der().clone()], key)?, pem))
}

async fn serve(listener: TcpListener, acceptor: TlsAcceptor, upstream: String) {
    // An error concerns one connection, which is gone, and whose function reports it.
    loop {
        let Ok((connection, _)) = listener.accept().await else {
            // Such as no handles left: some are given back while others have their turn.
            sleep(Duration::from_millis(10)).await;
            continue;
        };
        let (acceptor, upstream) = (acceptor.clone(), upstream.clone());
        tokio::spawn(async move {
            connection.set_nodelay(true)?;
            let mut plain = TcpStream::connect(&upstream).await?;
            plain.set_nodelay(true)?;
            let mut secret = acceptor.accept(connection).await?;
            copy_bidirectional(&mut secret, &mut plain).await
        });
    }
}
