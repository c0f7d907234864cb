//! Validation of Parquet's metadata, which are structs in Thrift's compact protocol, before the Parquet crate parses
//! them.
//!
//! The crate accepts a field of any type under a given number, and trusts the count of a list that it skips: a few
//! bytes can keep it busy for half a minute. Only this program writes these shards, so the possible contents of footers
//! and page headers are known, and anything else is rejected first.

/// Type of a value.
pub(super) enum Shape {
    Bool,
    I8,
    I16,
    I32,
    I64,
    Binary,
    List(&'static Shape),
    Struct(Fields),
}

/// Fields of a struct: number and type. All are optional, and in ascending order.
pub(super) type Fields = &'static [(i16, Shape)];

impl Shape {
    /// The protocol's number for the type. Booleans in fields have two: true and false.
    fn code(&self) -> u8 {
        match self {
            Shape::Bool => 1,
            Shape::I8 => 3,
            Shape::I16 => 4,
            Shape::I32 => 5,
            Shape::I64 => 6,
            Shape::Binary => 8,
            Shape::List(_) => 9,
            Shape::Struct(_) => 12,
        }
    }
}

/// Walks the struct at the start of `bytes` and returns its length in bytes. Each integer and boolean in it is passed
/// to `visit` with the numbers of the fields that lead to it; elements of a list have the path of the list.
///
/// # Errors
/// If the bytes end early, or contain something that is not in `fields`.
pub(super) fn walk(
    bytes: &[u8],
    fields: Fields,
    visit: &mut dyn FnMut(&[i16], i64),
) -> Result<usize, String> {
    let mut walker = Walker { bytes, at: 0, path: Vec::new(), visit };
    walker.fields(fields)?;
    Ok(walker.at)
}

struct Walker<'a> {
    bytes: &'a [u8],
    at: usize,
    path: Vec<i16>,
    visit: &'a mut dyn FnMut(&[i16], i64),
}

/// Recursion is as deep as types are nested, and each step takes at least one byte.
impl Walker<'_> {
    fn fields(&mut self, fields: Fields) -> Result<(), String> {
        let mut last = 0;
        loop {
            let header = self.byte()?;
            if header == 0 {
                return Ok(());
            }
            // Field numbers that exceed the last one by more than four bits have another form, which our fields never
            // need.
            let (step, code) = (i16::from(header >> 4), header & 0xf);
            let number = last + step;
            let known = fields.iter().find(|(own, _)| *own == number && step > 0);
            let Some((_, shape)) = known else { return Err(self.unexpected("an unknown field")) };
            last = number;
            self.path.push(number);
            match shape {
                Shape::Bool if code <= 2 => (self.visit)(&self.path, i64::from(code == 1)),
                _ if code == shape.code() => self.value(shape)?,
                _ => return Err(self.unexpected("a field of another type")),
            }
            self.path.pop();
        }
    }

    fn value(&mut self, shape: &Shape) -> Result<(), String> {
        match shape {
            Shape::Bool | Shape::I8 => self.byte().map(drop),
            Shape::I16 | Shape::I32 | Shape::I64 => {
                let zigzag = self.varint()?;
                let number = (zigzag >> 1) as i64 ^ -((zigzag & 1) as i64);
                // The crate truncates numbers that are too large, and would read a different number from the one
                // checked here.
                let fits = match shape {
                    Shape::I16 => i16::try_from(number).is_ok(),
                    Shape::I32 => i32::try_from(number).is_ok(),
                    _ => true,
                };
                if !fits {
                    return Err(self.unexpected("a number that is too large for its field"));
                }
                (self.visit)(&self.path, number);
                Ok(())
            }
            Shape::Binary => {
                let length = self.varint()?;
                if length > (self.bytes.len() - self.at) as u64 {
                    return Err(self.unexpected("a text that extends past the end"));
                }
                self.at += length as usize;
                Ok(())
            }
            Shape::List(element) => {
                let header = self.byte()?;
                if header & 0xf != element.code() {
                    return Err(self.unexpected("a list of another type"));
                }
                let count = match header >> 4 {
                    0xf => self.varint()?,
                    short => short.into(),
                };
                (0..count).try_for_each(|_| self.value(element))
            }
            Shape::Struct(fields) => self.fields(fields),
        }
    }

    fn byte(&mut self) -> Result<u8, String> {
        let byte = self.bytes.get(self.at).copied();
        self.at += 1;
        byte.ok_or_else(|| "a description ends early".to_owned())
    }

    /// Seven bits per byte, lowest first.
    fn varint(&mut self) -> Result<u64, String> {
        let mut value = 0;
        for shift in (0..u64::BITS).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(self.unexpected("a number of over 64 bits"))
    }

    fn unexpected(&self, what: &str) -> String {
        let (at, path) = (self.at, &self.path);
        format!("{what} at byte {at} of a description, under fields {path:?}: this program did not write it")
    }
}

#[cfg(test)]
mod tests {
    use super::Shape::{Binary, Bool, I32, I64, List, Struct};
    use super::*;

    const FIELDS: Fields = &[
        (1, I32),
        (2, Bool),
        (3, List(&Binary)),
        (5, List(&Struct(&[(1, I64)]))),
        (9, Struct(&[(4, Bool)])),
    ];

    type Seen = Vec<(Vec<i16>, i64)>;

    fn seen(bytes: &[u8]) -> Result<(usize, Seen), String> {
        let mut seen = Vec::new();
        let length = walk(bytes, FIELDS, &mut |path, value| seen.push((path.to_vec(), value)));
        length.map(|length| (length, seen))
    }

    #[test]
    fn integers_and_booleans_are_shown_with_their_path() {
        let bytes = [
            0x15, 0xac, 0x02, // 1: 150
            0x12, // 2: false
            0x19, 0x28, 2, b'a', b'b', 0, // 3: ["ab", ""]
            0x29, 0x2c, 0x16, 0x03, 0, 0, // 5: [{1: -2}, {}]
            0x4c, 0x41, 0,    // 9: {4: true}
            0,    // the end
            0x77, // of something else
        ];
        let expected = vec![(vec![1], 150), (vec![2], 0), (vec![5, 1], -2), (vec![9, 4], 1)];
        assert_eq!(seen(&bytes), Ok((bytes.len() - 1, expected)));
    }

    #[test]
    fn what_is_not_in_the_table_is_rejected_before_it_is_parsed() {
        let refused = |bytes: &[u8], reason: &str| {
            let problem = seen(bytes).unwrap_err();
            assert!(problem.contains(reason), "{problem}");
        };
        // A list of 2^31 - 1 booleans, which takes no bytes of its own, in an unknown field.
        refused(&[0x49, 0xf2, 0xff, 0xff, 0xff, 0xff, 0x07, 0], "an unknown field");
        refused(&[0x39, 0xf2, 0xff, 0xff, 0xff, 0xff, 0x07, 0], "a list of another type");
        refused(&[0x39, 0xf8, 0xff, 0xff, 0xff, 0xff, 0x07, 0], "ends early");
        refused(&[0x39, 0x18, 0x7f, 0], "a text that extends past the end");
        refused(&[0x16, 0x02, 0], "a field of another type");
        refused(&[0x15, 0x02, 0x05, 0x02, 0x02, 0], "an unknown field");
        refused(&[0x15, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01], "over 64 bits");
        refused(&[0x15], "ends early");
        // 2^32, which the crate would read as 0.
        refused(&[0x15, 0x80, 0x80, 0x80, 0x80, 0x20, 0], "too large");
    }
}
