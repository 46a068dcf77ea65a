//! gzip without compression (RFC 1952 around stored blocks of RFC 1951).
//!
//! A compressor's output may change with its version and would change package ids with it; stored blocks cannot.

use flate2::Crc;

/// Longest stored block, bound by its 16-bit length.
const BLOCK_BYTES_MAX: usize = 0xffff;

/// Wraps `data` into one gzip member with no time, no name and "unknown" as operating system.
pub(super) fn stored(data: &[u8]) -> Vec<u8> {
    let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
    let mut chunks = data.chunks(BLOCK_BYTES_MAX).peekable();
    if chunks.peek().is_none() {
        out.extend([1, 0, 0, 0xff, 0xff]);
    }
    while let Some(chunk) = chunks.next() {
        let length = u16::try_from(chunk.len()).unwrap_or(u16::MAX);
        out.push(u8::from(chunks.peek().is_none()));
        out.extend(length.to_le_bytes());
        out.extend((!length).to_le_bytes());
        out.extend(chunk);
    }
    let mut crc = Crc::new();
    crc.update(data);
    out.extend(crc.sum().to_le_bytes());
    out.extend(crc.amount().to_le_bytes());
    out
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::stored;

    #[test]
    fn any_gzip_reader_gets_the_data_back() {
        for length in [0, 1, 0xfffe, 0xffff, 0x10000, 0x2_0001] {
            let data: Vec<u8> = (0..length).map(|i: u32| i.to_le_bytes()[0]).collect();
            let mut back = Vec::new();
            let packed = stored(&data);
            flate2::read::GzDecoder::new(packed.as_slice()).read_to_end(&mut back).unwrap();
            assert!(back == data, "length {length}");
        }
    }
}
