//! The HTTP client against a real peer on loopback: what it refuses to do.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};

use campanile::model::duration::Duration;
use campanile::outbound::{Answer, Blocked, Client, Request, SendError, Trust};
use http::{HeaderMap, Method};

const FILES: Trust = Trust::Files { allow_private: false };
const ENDLESS: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\n";

/// Listens on a free port. Says `head`, then anything for as long as it is taken. What it was asked comes back.
fn peer(head: &'static [u8]) -> (u16, Receiver<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("because loopback has free ports");
    let port = listener.local_addr().expect("because it is bound").port();
    let (asked, requests) = channel();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut request = vec![0; 4_096];
            let n_bytes = stream.read(&mut request).unwrap_or(0);
            request.truncate(n_bytes);
            // A test that has ended asks no more.
            let _ = asked.send(request);
            let _ = stream.write_all(head);
            while stream.write_all(&[b'x'; 8_192]).is_ok() {}
        }
    });
    (port, requests)
}

async fn get(client: &Client, url: &str, trust: Trust, max_body: usize) -> Result<Answer, SendError> {
    let request = Request {
        method: Method::GET,
        url: url.to_owned(),
        trust,
        headers: HeaderMap::new(),
        body: Vec::new(),
        timeout: Duration::from_secs(30),
        max_body,
    };
    client.send(request).await
}

#[tokio::test]
async fn a_body_is_kept_as_far_as_it_was_asked_for() {
    let (port, _) = peer(ENDLESS);
    for max_body in [10_000, 0] {
        let answer = get(&Client::new(), &format!("http://127.0.0.1:{port}/"), FILES, max_body).await.unwrap();
        assert_eq!((answer.status, answer.body.len(), answer.cut), (200, max_body, true));
    }
}

#[tokio::test]
async fn a_name_is_judged_by_the_addresses_it_stands_for() {
    let (port, requests) = peer(ENDLESS);
    let client = Client::new();
    let named = format!("http://localhost:{port}/");
    assert_eq!(get(&client, &named, FILES, 0).await.unwrap().status, 200);
    let first = requests.recv().unwrap();
    assert!(first.starts_with(b"GET / HTTP/1.1\r\n"), "{}", String::from_utf8_lossy(&first));
    let found = get(&client, &named, Trust::Api, 0).await.unwrap_err();
    assert!(matches!(found, SendError::Blocked(Blocked::NotPublic)), "{found:?}");
    assert!(requests.try_recv().is_err());
}

#[tokio::test]
async fn an_answer_that_is_not_http_is_no_answer() {
    let (port, _) = peer(b"220 mail.example.com ESMTP\r\n");
    let found = get(&Client::new(), &format!("http://127.0.0.1:{port}/"), FILES, 0).await.unwrap_err();
    assert!(matches!(found, SendError::NoAnswer(_)), "{found:?}");
}
