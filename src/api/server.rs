//! Serves the router on a socket, until told to stop.

use std::future::Future;
use std::io;
use std::sync::Arc;

use tokio::net::UnixListener;
use tokio::sync::watch;

use super::context::{Context, Shared};
use super::peer::{Guarded, Peer};
use super::routes;

/// Answers on `listener` until `stop` ends; then takes no more, ends the streams, and returns when every answer that was
/// begun is out.
pub async fn serve(
    listener: UnixListener,
    context: Arc<Context>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let (stopping, is_stopping) = watch::channel(false);
    let shared = Shared { context, stopping: is_stopping };
    let service = routes::router(shared).into_make_service_with_connect_info::<Peer>();
    let stop = async move {
        stop.await;
        stopping.send_replace(true);
        // Dropped only now: a receiver that outlives its sender would take that for a stop.
        drop(stopping);
    };
    axum::serve(Guarded(listener), service).with_graceful_shutdown(stop).await
}
