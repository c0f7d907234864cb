use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// What happens to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The request does not reach the server; this status is returned.
    Status(u16),
    /// Half of the request arrives, then the connection breaks.
    CutRequest,
    /// The server carries out the request, and the connection breaks before it can answer.
    LoseAnswer,
    /// Half of the answer arrives, then the connection breaks.
    CutAnswer,
    /// The answer comes late.
    Slow(Duration),
}

/// A proxy to a server, with one request per connection and injected faults.
pub(crate) struct Line {
    pub(crate) address: SocketAddr,
    state: Arc<Mutex<State>>,
}

struct State {
    /// The fault of each request, by its number.
    rule: Box<dyn FnMut(usize) -> Option<Fault> + Send>,
    /// Requests since this rule was set.
    requests: usize,
    faults: usize,
    /// Method and target of each request.
    seen: Vec<String>,
}

impl Line {
    /// A proxy without faults.
    pub(crate) fn to(server: SocketAddr) -> Line {
        let state = State { rule: Box::new(|_| None), requests: 0, faults: 0, seen: Vec::new() };
        let state = Arc::new(Mutex::new(state));
        let shared = Arc::clone(&state);
        let address = super::serve(move |client| {
            let state = Arc::clone(&shared);
            // The client sees a broken connection as an error of its own.
            async move { drop(carry(client, server, &state).await) }
        });
        Line { address, state }
    }

    /// From now on `rule` determines the fault of each request, by its number from 1.
    pub(crate) fn fail(&self, rule: impl FnMut(usize) -> Option<Fault> + Send + 'static) {
        let mut state = self.state.lock().unwrap();
        state.rule = Box::new(rule);
        state.requests = 0;
    }

    /// The number of injected faults.
    pub(crate) fn faults(&self) -> usize {
        self.state.lock().unwrap().faults
    }

    /// The requests since the last call, `PUT /bucket/name` for example.
    pub(crate) fn seen(&self) -> Vec<String> {
        std::mem::take(&mut self.state.lock().unwrap().seen)
    }
}

impl State {
    fn meet(&mut self, head: &str) -> Option<Fault> {
        let first = head.lines().next().unwrap_or_default();
        self.seen.push(first.trim_end_matches(" HTTP/1.1").to_owned());
        self.requests += 1;
        let fault = (self.rule)(self.requests);
        self.faults += usize::from(fault.is_some());
        fault
    }
}

/// One request and its answer; then the connection is closed.
async fn carry(client: TcpStream, server: SocketAddr, state: &Mutex<State>) -> io::Result<()> {
    let mut client = BufReader::new(client);
    let (head, length) = read_head(&mut client).await?;
    let fault = state.lock().unwrap().meet(&head);
    let mut body = vec![0; if fault == Some(Fault::CutRequest) { length / 2 } else { length }];
    client.read_exact(&mut body).await?;
    if let Some(Fault::Status(status)) = fault {
        let answer = format!("HTTP/1.1 {status} Fault\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        return client.write_all(answer.as_bytes()).await;
    }

    let mut upstream = TcpStream::connect(server).await?;
    upstream.write_all(head.as_bytes()).await?;
    upstream.write_all(&body).await?;
    if fault == Some(Fault::CutRequest) {
        upstream.set_zero_linger()?;
        return client.get_ref().set_zero_linger();
    }
    let mut answer = Vec::new();
    upstream.read_to_end(&mut answer).await?;
    match fault {
        Some(Fault::LoseAnswer) => return client.get_ref().set_zero_linger(),
        Some(Fault::CutAnswer) => answer.truncate(answer.len() / 2),
        Some(Fault::Slow(pause)) => tokio::time::sleep(pause).await,
        _ => {}
    }
    client.write_all(&answer).await
}

/// A request's head, changed to ask for the connection to be closed afterwards, and the length of its body.
async fn read_head(client: &mut BufReader<TcpStream>) -> io::Result<(String, usize)> {
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if client.read_line(&mut line).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let lower = line.to_ascii_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().map_err(io::Error::other)?;
        }
        if line == "\r\n" {
            return Ok((head + "Connection: close\r\n\r\n", length));
        }
        if !lower.starts_with("connection:") {
            head += &line;
        }
    }
}
