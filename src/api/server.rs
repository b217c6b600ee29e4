//! Serves the router on a socket, until told to stop. A connection is bounded in number and in time: who opens one must
//! send a request, and who asks for something must take it.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{Semaphore, mpsc, watch};

use super::access::Access;
use super::context::{Context, MAX_STREAMS, Shared};
use super::patient::Patient;
use super::peer::Peer;
use super::routes;

/// So many connections are served at once; the next one waits in the kernel's queue.
const MAX_CONNECTIONS: usize = 256;
/// How long the head of a request may take to arrive, and how long a connection may be idle.
const HEAD: Duration = Duration::from_secs(15);
/// How long a client may take nothing of what it is sent.
const STALLED: Duration = Duration::from_secs(30);

/// Answers on `listener` until `stop` ends; then takes no more, ends the streams, and returns when every answer that was
/// begun is out.
pub async fn serve(
    listener: impl Into<Listening>,
    context: Arc<Context>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let listener = listener.into();
    let (stopping, is_stopping) = watch::channel(false);
    let shared = Shared { context, stopping: is_stopping.clone(), streams: Arc::new(Semaphore::new(MAX_STREAMS)) };
    let router = routes::router(shared);
    let (alive, mut all_gone) = mpsc::channel::<()>(1);
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut stop = Box::pin(stop);
    loop {
        let place = tokio::select! {
            place = Arc::clone(&places).acquire_owned() => place.map_err(io::Error::other)?,
            () = &mut stop => break,
        };
        let (stream, peer) = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stop => break,
        };
        let (router, is_stopping, alive) = (router.clone(), is_stopping.clone(), alive.clone());
        drop(tokio::spawn(async move {
            connection(stream, ConnectInfo(peer), router, is_stopping, HEAD).await;
            drop((place, alive));
        }));
    }
    drop(listener);
    stopping.send_replace(true);
    drop(alive);
    // Nothing is ever sent: it ends with the last connection.
    let _ = all_gone.recv().await;
    Ok(())
}

/// Where connections come from.
pub enum Listening {
    /// The Unix socket, whose kernel says who asks.
    Unix(UnixListener),
    /// An address, where tokens say so.
    Tcp(TcpListener, Arc<Access>),
}

impl From<UnixListener> for Listening {
    fn from(listener: UnixListener) -> Self {
        Listening::Unix(listener)
    }
}

impl From<(TcpListener, Access)> for Listening {
    fn from((listener, access): (TcpListener, Access)) -> Self {
        Listening::Tcp(listener, Arc::new(access))
    }
}

/// A connection of either kind.
trait Connection: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Connection for S {}

impl Listening {
    /// The next connection, and who it is. An error is of that connection, or of too many open files; neither ends us.
    async fn accept(&self) -> (Box<dyn Connection>, Peer) {
        loop {
            let accepted: io::Result<(Box<dyn Connection>, Peer)> = match self {
                Listening::Unix(listener) => listener.accept().await.map(|(stream, _)| {
                    let peer = Peer::of(&stream);
                    (Box::new(stream) as _, peer)
                }),
                Listening::Tcp(listener, access) => {
                    listener.accept().await.map(|(stream, _)| (Box::new(stream) as _, Peer::remote(Arc::clone(access))))
                }
            };
            match accepted {
                Ok(accepted) => return accepted,
                Err(error) => {
                    tracing::warn!(%error, "a connection cannot be accepted");
                    let _ = tokio::time::timeout(Duration::from_secs(1), std::future::pending::<()>()).await;
                }
            }
        }
    }
}

/// Serves one connection to its end; when the daemon stops, to the end of the answer that was begun.
async fn connection(
    stream: impl Connection,
    peer: ConnectInfo<Peer>,
    router: Router,
    mut stopping: watch::Receiver<bool>,
    head: Duration,
) {
    let routed = TowerToHyperService::new(router);
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(peer.clone());
        routed.call(request.map(Body::new))
    });
    let io = TokioIo::new(Patient::new(stream, STALLED));
    let served = http1::Builder::new().timer(TokioTimer::new()).header_read_timeout(head).serve_connection(io, service);
    let mut served = std::pin::pin!(served);
    let stopped = async move { drop(stopping.wait_for(|stopping| *stopping).await) };
    let result = tokio::select! {
        result = served.as_mut() => result,
        () = stopped => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, "a connection ended early");
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn who_sends_no_whole_request_is_not_waited_for() {
        let (ours, mut theirs) = tokio::io::duplex(1_024);
        let (_stopping, is_stopping) = watch::channel(false);
        let peer = ConnectInfo(Peer::remote(Arc::default()));
        let served = connection(ours, peer, Router::new(), is_stopping, Duration::from_millis(20));
        let served = tokio::spawn(served);
        theirs.write_all(b"GET /livez HTTP/1.1\r\nHost: x\r\nX-Slow: ").await.expect("because there is room");
        let mut said = Vec::new();
        theirs.read_to_end(&mut said).await.expect("because it is a pipe");
        assert!(said.is_empty() || said.starts_with(b"HTTP/1.1 408"), "{}", String::from_utf8_lossy(&said));
        served.await.expect("because nothing panics");
    }
}
