//! Accepts connections, so many and no more, and gives no one of them for ever.
//!
//! `axum::serve` would do, but for its want of limits: a request's head must come in time and be of a sensible size.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tower::ServiceExt;

/// More wait in the kernel until one of these ends.
const CONNECTIONS_MAX: usize = 1024;
/// For a request's head; also how long a connection may say nothing between two requests, which is longer than a page
/// pauses between two of its own.
const HEAD_WITHIN: Duration = Duration::from_secs(25);
const HEAD_MAX_BYTES: usize = 32 * 1024;
const HEADERS_MAX: usize = 64;
/// After a failure to accept, which is for want of file descriptors most of the time.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves until told to stop, and then until the answers under way are given.
pub async fn serve(listener: TcpListener, router: Router, mut stopping: watch::Receiver<bool>) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_WITHIN);
    http.max_header_size(HEAD_MAX_BYTES).max_headers(HEADERS_MAX);
    let connections = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let next = async {
            let place = places.clone().acquire_owned().await;
            (place, accept(&listener).await)
        };
        let (place, (stream, peer)) = tokio::select! {
            next = next => next,
            _ = stopping.wait_for(|stop| *stop) => break,
        };
        let router = router.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(ConnectInfo(peer));
            router.clone().oneshot(request)
        });
        let connection = connections.watch(http.serve_connection(TokioIo::new(stream), service));
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::trace!("a connection broke off: {error}");
            }
            drop(place);
        });
    }
    drop(listener);
    connections.shutdown().await;
}

async fn accept(listener: &TcpListener) -> (TcpStream, std::net::SocketAddr) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // Only slower without.
                let _ = stream.set_nodelay(true);
                return (stream, peer);
            }
            // The caller's own trouble, and gone with it.
            Err(error) if is_the_callers(&error) => {}
            Err(error) => {
                tracing::error!("cannot accept a connection: {error}");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

fn is_the_callers(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}
