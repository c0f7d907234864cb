use std::net::{SocketAddr, ToSocketAddrs};

/// Parses an address of a command line, `HOST:PORT`, whose host is a number or a name. Of a name's addresses, the
/// first IPv4 address is used, or else the first: so `localhost` means the same everywhere.
///
/// # Errors
/// A message that says what was expected and what was found.
pub fn address(text: &str) -> Result<SocketAddr, String> {
    let wrong = |found: &str| {
        format!("expected HOST:PORT, as in 127.0.0.1:7400, localhost:7400 or [::1]:7400, found {found}")
    };
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let (host, port) = text.rsplit_once(':').ok_or_else(|| wrong("no port"))?;
    if host.contains(':') && !host.starts_with('[') {
        return Err(wrong("an IPv6 address without brackets, or more than one port"));
    }
    let port: u16 = port.parse().map_err(|_| wrong(&format!("`{port}` for a port, which is 0 to 65535")))?;
    if host.is_empty() {
        return Err(wrong("no host; 0.0.0.0 means all networks of this machine"));
    }
    let found = (host, port).to_socket_addrs();
    let found: Vec<SocketAddr> =
        found.map_err(|error| wrong(&format!("`{host}`, which is not a known host: {error}")))?.collect();
    let first = found.iter().find(|address| address.is_ipv4()).or(found.first());
    first.copied().ok_or_else(|| wrong(&format!("`{host}`, which has no address")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_of_hosts_are_addresses() {
        for (text, expected) in [
            ("127.0.0.1:7400", "127.0.0.1:7400"),
            ("localhost:7400", "127.0.0.1:7400"),
            ("[::1]:0", "[::1]:0"),
            ("0.0.0.0:65535", "0.0.0.0:65535"),
        ] {
            assert_eq!(address(text).map(|a| a.to_string()), Ok(expected.to_owned()), "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused_with_what_was_expected_and_found() {
        for (text, found) in [
            ("localhost", "found no port"),
            ("7400", "found no port"),
            (":7400", "found no host"),
            ("localhost:http", "found `http` for a port"),
            ("127.0.0.1:70000", "found `70000` for a port"),
            ("::1:7400:x", "without brackets"),
            ("no-such-host.invalid:7400", "found `no-such-host.invalid`, which is not a known host"),
        ] {
            let words = address(text).unwrap_err();
            assert!(words.starts_with("expected HOST:PORT") && words.contains(found), "{text}: {words}");
        }
    }
}
