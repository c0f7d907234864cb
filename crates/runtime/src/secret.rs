use rustix::rand::{GetRandomFlags, getrandom};
use std::io;

/// Fills `bytes` with random numbers that nobody can guess, from the system.
///
/// # Errors
/// The system's, if it has none.
pub fn secret(bytes: &mut [u8]) -> io::Result<()> {
    let mut filled = 0;
    while filled < bytes.len() {
        match getrandom(&mut bytes[filled..], GetRandomFlags::empty()) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(more) => filled += more,
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_a_long_secret_is_filled_and_no_two_are_equal() {
        let [mut one, mut other] = [[0; 1024]; 2];
        secret(&mut one).unwrap();
        secret(&mut other).unwrap();
        assert_ne!(one, other);
        for part in one.chunks(32) {
            assert_ne!(part, [0; 32]);
        }
    }
}
