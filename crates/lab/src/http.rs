//! A GET request to a server on this machine.

use anyhow::{Context, Result, bail};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(10);

/// The body of the response to `GET path`. With HTTP/1.0 the response ends with the connection and is not chunked.
pub(crate) fn get(port: u16, path: &str) -> Result<String> {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let asking = || format!("http://{address}{path}");
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE).with_context(asking)?;
    stream.set_read_timeout(Some(PATIENCE)).with_context(asking)?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n").with_context(asking)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).with_context(asking)?;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let Some((head, body)) = answer.split_once("\r\n\r\n") else {
        bail!("{}: expected a response with headers, found {} bytes without", asking(), answer.len())
    };
    let status = head.lines().next().unwrap_or_default();
    if !status.contains(" 200 ") {
        bail!("{}: {status}: {}", asking(), body.trim());
    }
    Ok(body.to_owned())
}

/// Encodes `text` for use after `?query=`.
pub(crate) fn encoded(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.~".contains(&b);
    text.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_characters_in_a_query_are_encoded() {
        assert_eq!(encoded("sum(rate(a_b[1m])) > 0.5"), "sum%28rate%28a_b%5B1m%5D%29%29%20%3E%200.5");
    }
}
