//! A receiver on loopback for black-box tests: takes HTTP/1.1 requests, shows each to the test, and answers as it was
//! told to. One request a connection.

use std::collections::BTreeMap;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// How a receiver answers.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// With this status line and these headers, and no body.
    Head(String),
    /// Never; the connection stays open.
    Hang,
    /// The first request so, the second so, and all after the last of these like it.
    Each(Vec<Reply>),
    /// With a body that does not end for as long as somebody reads it.
    Flood,
}

impl Reply {
    /// With `status`, these headers and this body.
    pub(crate) fn full(status: &str, headers: &str, body: &str) -> Reply {
        let length = body.len();
        Reply::Head(format!(
            "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n{headers}\r\n{body}"
        ))
    }

    /// To the request of that number, counted from 0.
    fn to(&self, number: usize) -> Reply {
        match self {
            Reply::Each(replies) => replies[number.min(replies.len() - 1)].clone(),
            Reply::Head(_) | Reply::Hang | Reply::Flood => self.clone(),
        }
    }

    /// With `status`, as in `410 Gone`, and these headers, each with its line end.
    pub(crate) fn status(status: &str, headers: &str) -> Reply {
        Reply::Head(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n{headers}\r\n"))
    }
}

/// One request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    /// The first line.
    pub(crate) line: String,
    /// Names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    /// The raw body.
    pub(crate) body: String,
}

/// A receiver that listens.
pub(crate) struct Receiver {
    /// Where, without a path.
    pub(crate) origin: String,
    /// What arrived.
    pub(crate) requests: UnboundedReceiver<Received>,
    /// For each flood that ended, how many bytes were taken.
    pub(crate) flooded: UnboundedReceiver<usize>,
}

impl Receiver {
    /// Listens on a free port and answers every request so.
    pub(crate) async fn start(reply: Reply) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").await.expect("because loopback has free ports"), reply)
    }

    /// Answers every request that comes there so.
    pub(crate) fn on(listener: TcpListener, reply: Reply) -> Self {
        let origin = format!("http://{}", listener.local_addr().expect("because it is bound"));
        let (seen, requests) = unbounded_channel();
        let (ended, flooded) = unbounded_channel();
        tokio::spawn(async move {
            let mut n_requests = 0;
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, reply.to(n_requests), seen.clone(), ended.clone()));
                n_requests += 1;
            }
        });
        Receiver { origin, requests, flooded }
    }

    /// A receiver that answers with `status`, as in `410 Gone`, and these headers, each with its line end.
    pub(crate) async fn answering(status: &str, headers: &str) -> Self {
        Self::start(Reply::status(status, headers)).await
    }
}

async fn answer(
    mut stream: TcpStream,
    reply: Reply,
    seen: UnboundedSender<Received>,
    ended: UnboundedSender<usize>,
) -> Option<()> {
    let received = read(&mut stream).await?;
    // A test that has ended reads no more.
    let _ = seen.send(received);
    match reply {
        Reply::Head(head) => stream.write_all(head.as_bytes()).await.ok()?,
        Reply::Each(_) | Reply::Hang => {
            // Ends when the other side goes away.
            let _ = stream.read(&mut [0; 1]).await;
        }
        Reply::Flood => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\n").await;
            let mut n_bytes = 0;
            while stream.write_all(&[b'x'; 8_192]).await.is_ok() {
                n_bytes += 8_192;
            }
            let _ = ended.send(n_bytes);
        }
    }
    Some(())
}

async fn read(stream: &mut TcpStream) -> Option<Received> {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break at;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let text = String::from_utf8_lossy(&bytes[..head]).into_owned();
    let mut lines = text.split("\r\n").map(str::to_owned);
    let line = lines.next()?;
    let headers: BTreeMap<String, String> = lines
        .filter_map(|line| line.split_once(':').map(|(name, value)| (name.to_lowercase(), value.trim().to_owned())))
        .collect();
    let length: usize = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    while bytes.len() < head + 4 + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    let body = String::from_utf8_lossy(&bytes[head + 4..head + 4 + length]).into_owned();
    Some(Received { line, headers, body })
}
