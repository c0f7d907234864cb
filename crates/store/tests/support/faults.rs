use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What happens to a request on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    /// The server is not asked; this status comes back.
    Status(u16),
    /// The server does it, and the line is cut before it can answer.
    CutBeforeAnswer,
    /// The line is cut in the middle of the answer.
    CutAnswer,
    /// Half of the request arrives, then the line is cut.
    CutRequest,
    /// The answer comes, late.
    Slow(Duration),
}

/// A line to an S3 server, with a plan of what goes wrong.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) address: SocketAddr,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    next: VecDeque<Fault>,
    always: Option<Fault>,
    /// Every so many requests, one of these in turn.
    every: Option<(usize, Vec<Fault>)>,
    count: usize,
    /// Method and target of each request.
    seen: Vec<String>,
}

impl Line {
    pub(crate) fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let state = Arc::clone(&shared);
                std::thread::spawn(move || drop(carry(client, server, &state)));
            }
        });
        Self { address, state }
    }

    /// These faults for the next requests, one each; then none.
    pub(crate) fn next(&self, faults: &[Fault]) {
        self.state.lock().unwrap().next.extend(faults);
    }

    /// This fault for all requests from now on.
    pub(crate) fn always(&self, fault: Fault) {
        self.state.lock().unwrap().always = Some(fault);
    }

    /// One of these faults, in turn, for every `n`-th request from now on.
    pub(crate) fn every(&self, n: usize, faults: &[Fault]) {
        self.state.lock().unwrap().every = Some((n, faults.to_vec()));
    }

    /// Requests since this was asked last: `PUT /bucket/name`.
    pub(crate) fn seen(&self) -> Vec<String> {
        std::mem::take(&mut self.state.lock().unwrap().seen)
    }
}

/// One request and its answer; then the line is closed.
fn carry(client: TcpStream, server: SocketAddr, state: &Mutex<State>) -> std::io::Result<()> {
    let mut from_client = BufReader::new(client.try_clone()?);
    let (head, length) = head(&mut from_client)?;
    if head.is_empty() {
        return Ok(());
    }
    let fault = {
        let mut state = state.lock().unwrap();
        let first = head.lines().next().unwrap_or_default();
        state.seen.push(first.trim_end_matches(" HTTP/1.1").to_owned());
        state.count += 1;
        let turn = state.every.as_ref().filter(|(n, _)| state.count.is_multiple_of(*n));
        let turn = turn.map(|(n, faults)| faults[state.count / n % faults.len()]);
        state.next.pop_front().or(state.always).or(turn).unwrap_or(Fault::None)
    };
    let mut client = client;
    if fault == Fault::CutRequest {
        let mut half = vec![0; length / 2];
        return from_client.read_exact(&mut half);
    }
    let mut body = vec![0; length];
    from_client.read_exact(&mut body)?;
    if let Fault::Status(status) = fault {
        let answer = format!("HTTP/1.1 {status} Fault\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        return client.write_all(answer.as_bytes());
    }

    let mut upstream = TcpStream::connect(server)?;
    let (first, rest) = head.split_once("\r\n").unwrap_or((&head, ""));
    upstream.write_all(format!("{first}\r\nConnection: close\r\n{rest}").as_bytes())?;
    upstream.write_all(&body)?;
    let mut answer = Vec::new();
    upstream.read_to_end(&mut answer)?;
    match fault {
        Fault::CutBeforeAnswer => Ok(()),
        Fault::CutAnswer => client.write_all(&answer[..answer.len() - answer.len().min(200) / 2]),
        Fault::Slow(pause) => {
            std::thread::sleep(pause);
            client.write_all(&answer)
        }
        _ => client.write_all(&answer),
    }
}

/// A request's head without what would keep the line open, and the length of its body.
fn head(stream: &mut impl BufRead) -> std::io::Result<(String, usize)> {
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line)? == 0 {
            return Ok((String::new(), 0));
        }
        let lower = line.to_ascii_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
        if lower.starts_with("connection:") {
            continue;
        }
        head.push_str(&line);
        if line == "\r\n" {
            return Ok((head, length));
        }
    }
}
