//! Messages on a stream: four bytes of length, the highest first, then so many bytes of JSON. A length beyond `MAX_BYTES`
//! ends the connection before anything is read or allocated for it; so does an end in the middle of a message.

use std::io::{self, ErrorKind, Read};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The longest message. A launch is the longest: its arguments and environment, which the kernel bounds at 6 MiB, and a
/// text for its standard input, bounded by the length of a job file.
pub(super) const MAX_BYTES: usize = 16 << 20;

/// Appends one message; one that is too long is refused, and nothing of it appended.
pub(super) fn push<M: Serialize>(bytes: &mut Vec<u8>, message: &M) -> io::Result<()> {
    let before = bytes.len();
    bytes.extend([0; 4]);
    let written = serde_json::to_writer(&mut *bytes, message).map_err(io::Error::from);
    let length = bytes.len() - before - 4;
    if let Err(error) = written.and_then(|()| within(length)) {
        bytes.truncate(before);
        return Err(error);
    }
    let length = u32::try_from(length).expect("because the bound is far below 4 GiB");
    bytes[before..before + 4].copy_from_slice(&length.to_be_bytes());
    Ok(())
}

/// Reads the next message; nothing where the stream ends between two.
pub(super) fn read<M: DeserializeOwned>(stream: &mut impl Read) -> io::Result<Option<M>> {
    let mut head = [0; 4];
    if !read_head(stream, &mut head)? {
        return Ok(None);
    }
    let length = u32::from_be_bytes(head) as usize;
    within(length)?;
    let mut bytes = Vec::with_capacity(length.min(64 << 10));
    stream.take(length as u64).read_to_end(&mut bytes)?;
    if bytes.len() < length {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    serde_json::from_slice(&bytes).map(Some).map_err(|error| invalid(format!("a message cannot be read: {error}")))
}

fn read_head(stream: &mut impl Read, head: &mut [u8; 4]) -> io::Result<bool> {
    let mut n_read = 0;
    while n_read < head.len() {
        match stream.read(&mut head[n_read..]) {
            Ok(0) if n_read == 0 => return Ok(false),
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(n) => n_read += n,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}

fn within(length: usize) -> io::Result<()> {
    if length <= MAX_BYTES { Ok(()) } else { Err(invalid(format!("its {length} bytes are more than {MAX_BYTES}"))) }
}

fn invalid(why: String) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], expected: &Result<Option<Vec<u32>>, ErrorKind>) {
        let found = read::<Vec<u32>>(&mut &bytes[..]).map_err(|error| error.kind());
        assert_eq!(&found, expected, "{bytes:?}");
    }

    #[test]
    fn a_message_is_whole_or_refused() {
        check(b"", &Ok(None));
        check(b"\0\0\0\x05[1,2]", &Ok(Some(vec![1, 2])));
        check(b"\0\0\0\x05[1,2", &Err(ErrorKind::UnexpectedEof));
        check(b"\0\0", &Err(ErrorKind::UnexpectedEof));
        check(b"\0\0\0\x03{}]", &Err(ErrorKind::InvalidData));
        check(b"\xff\xff\xff\xff[1,2]", &Err(ErrorKind::InvalidData));
    }

    #[test]
    fn what_is_written_is_read_and_what_is_too_long_is_not_written() {
        let mut bytes = Vec::new();
        push(&mut bytes, &vec![1, 2]).unwrap();
        assert!(push(&mut bytes, &"x".repeat(MAX_BYTES)).is_err());
        push(&mut bytes, &Vec::<u32>::new()).unwrap();
        let mut stream = &bytes[..];
        assert_eq!(read::<Vec<u32>>(&mut stream).unwrap(), Some(vec![1, 2]));
        assert_eq!(read::<Vec<u32>>(&mut stream).unwrap(), Some(vec![]));
        assert_eq!(read::<Vec<u32>>(&mut stream).unwrap(), None);
    }
}
