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
use tokio::net::UnixListener;
use tokio::sync::{Semaphore, mpsc, watch};

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
    listener: UnixListener,
    context: Arc<Context>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
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
            accepted = accept(&listener) => accepted,
            () = &mut stop => break,
        };
        let (router, is_stopping, alive) = (router.clone(), is_stopping.clone(), alive.clone());
        drop(tokio::spawn(async move {
            connection(stream, ConnectInfo(peer), router, is_stopping).await;
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

/// The next connection, and who it is. An error is of that connection, or of too many open files; neither ends us.
async fn accept(listener: &UnixListener) -> (tokio::net::UnixStream, Peer) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let peer = Peer::of(&stream);
                return (stream, peer);
            }
            Err(error) => {
                tracing::warn!(%error, "a connection cannot be accepted");
                let _ = tokio::time::timeout(Duration::from_secs(1), std::future::pending::<()>()).await;
            }
        }
    }
}

/// Serves one connection to its end; when the daemon stops, to the end of the answer that was begun.
async fn connection<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    peer: ConnectInfo<Peer>,
    router: Router,
    mut stopping: watch::Receiver<bool>,
) {
    let routed = TowerToHyperService::new(router);
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(peer);
        routed.call(request.map(Body::new))
    });
    let io = TokioIo::new(Patient::new(stream, STALLED));
    let served = http1::Builder::new().timer(TokioTimer::new()).header_read_timeout(HEAD).serve_connection(io, service);
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
