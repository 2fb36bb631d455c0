//! Trailing `ID3v1` and APE tags, which must be hidden from decoders that search for the last frame's end.

use std::io::{self, Read, Seek, SeekFrom};

const ID3V1_BYTES: u64 = 128;
const APE_FOOTER_BYTES: u64 = 32;

/// Returns the length of the tags at the end of a file, in bytes.
pub(super) fn tag_bytes(file: &mut (impl Read + Seek), file_len: u64) -> io::Result<u64> {
    let mut end = file_len;
    if let Some(at) = end.checked_sub(ID3V1_BYTES)
        && read_at::<3>(file, at)? == *b"TAG"
    {
        end = at;
    }
    if let Some(at) = end.checked_sub(APE_FOOTER_BYTES) {
        let footer = read_at::<32>(file, at)?;
        if footer.starts_with(b"APETAGEX") {
            let number = |at: usize| {
                let bytes = footer[at..].first_chunk().copied().unwrap_or_default();
                u32::from_le_bytes(bytes)
            };
            // The size excludes the header, whose presence is indicated by the highest flag bit.
            let header = if number(20) >> 31 == 1 {
                APE_FOOTER_BYTES
            } else {
                0
            };
            end = end.saturating_sub(u64::from(number(12)) + header);
        }
    }
    Ok(file_len - end)
}

fn read_at<const N: usize>(file: &mut (impl Read + Seek), at: u64) -> io::Result<[u8; N]> {
    file.seek(SeekFrom::Start(at))?;
    let mut bytes = [0; N];
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[test]
    fn tags_are_as_long_as_they_say() {
        let mut ape = vec![0; 60];
        ape.extend(b"APETAGEX\xd0\x07\0\0");
        ape.extend(92_u32.to_le_bytes());
        ape.extend(1_u32.to_le_bytes());
        ape.extend((1_u32 << 31).to_le_bytes());
        ape.extend([0; 8]);
        let mut id3 = b"TAG".to_vec();
        id3.resize(128, b' ');
        let sound = vec![7_u8; 1000];
        for (tags, expected) in [
            (vec![], 0),
            (id3.clone(), 128),
            // Its header precedes the items: 92 bytes of items and footer, 32 of header.
            ([ape.clone(), id3].concat(), 128 + 124),
            (ape, 124),
        ] {
            let file = [sound.clone(), tags].concat();
            let len = file.len() as u64;
            assert_eq!(tag_bytes(&mut Cursor::new(file), len).unwrap(), expected);
        }
    }
}
