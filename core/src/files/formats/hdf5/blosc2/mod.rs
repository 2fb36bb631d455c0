//! Blosc2 chunks of HDF5 (filter 32026): a frame that stores a chunk as a whole, or in multidimensional blocks.
//!
//! Source: the format descriptions of frame, chunk and `b2nd` in the repository of C-Blosc2.

mod codec;

/// Size of a frame's header before its metalayers.
const FIXED_HEADER_BYTES: usize = 87;
/// Size of a chunk's header.
const CHUNK_HEADER_BYTES: usize = 32;
/// Number of filter slots of a chunk.
const N_FILTERS: usize = 6;

/// Decompresses a frame of `n_bytes` bytes of data.
///
/// # Errors
/// Returns a clause on what is wrong with it.
pub(super) fn unpack(frame: &[u8], n_bytes: usize) -> Result<Vec<u8>, String> {
    if frame.get(2..10) != Some(b"b2frame\0") {
        return Err("has no frame".into());
    }
    let header_bytes = be32(frame, 0x0b).ok_or("ends within its header")? as usize;
    let typesize = be32(frame, 0x30).ok_or("ends within its header")? as usize;
    let n_packed = be64(frame, 0x27).ok_or("ends within its header")?;
    let chunks = frame.get(header_bytes..).ok_or("ends within its header")?;
    let blocking = Blocking::of(frame)?;
    let most = match &blocking {
        Some(blocking) => blocking.n_padded().and_then(|n| n.checked_mul(typesize)),
        None => Some(n_bytes),
    };
    // Block padding may enlarge a chunk, but only by a limited factor.
    let most = most.filter(|most| *most <= n_bytes.saturating_mul(64).max(1 << 20));
    let most = most.ok_or("has blocks that are invalid")?;
    let chunk = if n_packed == 0 {
        special_chunk(chunks, most)?
    } else {
        chunk(chunks, most)?
    };
    match blocking {
        None => Ok(chunk),
        Some(blocking) => blocking.in_order(&chunk, typesize),
    }
}

/// A special chunk, encoded in the frame's index alone: usually zeros.
fn special_chunk(index: &[u8], n_bytes: usize) -> Result<Vec<u8>, String> {
    let offsets = chunk(index, 8)?;
    match offsets.get(7) {
        Some(0x81 | 0x84) => Ok(vec![0; n_bytes]),
        _ => Err("is of a kind that is not known".into()),
    }
}

/// Decompresses one chunk to at most `most` bytes.
fn chunk(bytes: &[u8], most: usize) -> Result<Vec<u8>, String> {
    let header = bytes
        .get(..CHUNK_HEADER_BYTES)
        .ok_or("ends within a header")?;
    let (flags, typesize, special) = (header[2], usize::from(header[3]), header[31] >> 4 & 7);
    let size = |at: usize| le32(header, at).map(|n| n as usize);
    let (Some(n_bytes), Some(block_bytes)) = (size(4), size(8)) else {
        return Err("ends within a header".into());
    };
    if n_bytes > most || typesize == 0 || flags & 5 != 5 {
        return Err("has a header that is invalid".into());
    }
    let rest = &bytes[CHUNK_HEADER_BYTES..];
    match special {
        0 => {}
        1 | 4 => return Ok(vec![0; n_bytes]),
        3 => {
            let value = rest.get(..typesize).ok_or("ends within its value")?;
            return Ok(value.iter().copied().cycle().take(n_bytes).collect());
        }
        _ => return Err("is of a kind that is not known".into()),
    }
    if flags & 2 != 0 {
        let plain = rest.get(..n_bytes).ok_or("is cut off")?;
        return Ok(plain.to_vec());
    }
    if header[31] & 1 != 0 {
        return Err("is compressed with a dictionary, which is not known".into());
    }
    if block_bytes == 0 || block_bytes > n_bytes.max(1) {
        return Err("has blocks that are invalid".into());
    }
    let mut unpacked = Vec::with_capacity(n_bytes);
    for block in 0..n_bytes.div_ceil(block_bytes) {
        let at = le32(rest, 4 * block).ok_or("is cut off")? as usize;
        let length = block_bytes.min(n_bytes - block * block_bytes);
        // An incomplete last block is never split into streams.
        let is_split = flags & 0x10 == 0 && length == block_bytes;
        let n_streams = if is_split { typesize } else { 1 };
        let packed = bytes.get(at..).ok_or("is cut off")?;
        let block = streams(packed, flags >> 5, (n_streams, length))?;
        unpacked.extend(unfiltered(block, header, typesize)?);
    }
    Ok(unpacked)
}

/// Decompresses a block of one or more streams.
fn streams(mut packed: &[u8], code: u8, (n, length): (usize, usize)) -> Result<Vec<u8>, String> {
    let mut block = vec![0; length];
    let stream_bytes = length / n;
    if stream_bytes == 0 {
        return Err("has blocks that are invalid".into());
    }
    for stream in block.chunks_exact_mut(stream_bytes).take(n) {
        let size = le32(packed, 0).ok_or("is cut off")? as i32;
        packed = &packed[4..];
        if size < 0 {
            // A run of a single byte.
            let (token, rest) = packed.split_first().ok_or("is cut off")?;
            let value = u8::try_from(size.unsigned_abs())
                .ok()
                .filter(|_| token & 1 == 1);
            stream.fill(value.ok_or("has a run that is invalid")?);
            packed = rest;
            continue;
        }
        let content = packed.get(..size as usize).ok_or("is cut off")?;
        packed = &packed[size as usize..];
        match content.len() {
            0 => stream.fill(0),
            n if n == stream_bytes => stream.copy_from_slice(content),
            _ => codec::decompress(code, content, stream)?,
        }
    }
    Ok(block)
}

/// Reverses the filters of a block, the last one first.
fn unfiltered(mut block: Vec<u8>, header: &[u8], typesize: usize) -> Result<Vec<u8>, String> {
    for index in (0..N_FILTERS).rev() {
        let (filter, meta) = (header[16 + index], usize::from(header[24 + index]));
        block = match filter {
            // No filter, or precision truncation, which needs no reversal.
            0 | 4 => block,
            1 => codec::unshuffled(&block, if meta == 0 { typesize } else { meta }),
            2 => codec::bit_unshuffled(&block, typesize),
            other => return Err(format!("has the filter {other}, which is not known")),
        };
    }
    Ok(block)
}

/// Block layout of a multidimensional array; blocks may extend beyond it.
struct Blocking {
    chunk: Vec<usize>,
    block: Vec<usize>,
}

impl Blocking {
    /// Reads the layout from the frame's `b2nd` metalayer, if there is one.
    fn of(frame: &[u8]) -> Result<Option<Self>, String> {
        let Some(content) = note(frame, b"b2nd") else {
            return Ok(None);
        };
        Self::parse(content)
            .map(Some)
            .ok_or_else(|| "has blocks that are invalid".into())
    }

    fn parse(content: &[u8]) -> Option<Self> {
        let n_axes = usize::from(*content.get(2)?);
        // MessagePack: a list marker, then eight-byte integers, then lists of four-byte integers, each with a marker.
        let (shape, chunk) = (3, 3 + 1 + 9 * n_axes);
        let block = chunk + 1 + 5 * n_axes;
        if n_axes == 0 || n_axes > 8 || content.get(shape)? & 0xf0 != 0x90 {
            return None;
        }
        let sizes = |at: usize| -> Option<Vec<usize>> {
            let size = |axis: usize| be32(content, at + 2 + 5 * axis).map(|n| n as usize);
            let sizes: Vec<usize> = (0..n_axes).map(size).collect::<Option<_>>()?;
            sizes.iter().all(|size| *size > 0).then_some(sizes)
        };
        Some(Self {
            chunk: sizes(chunk)?,
            block: sizes(block)?,
        })
    }

    /// Number of blocks along each axis.
    fn grid(&self) -> Vec<usize> {
        self.chunk
            .iter()
            .zip(&self.block)
            .map(|(size, block)| size.div_ceil(*block))
            .collect()
    }

    /// Number of values in all blocks, including padding.
    fn n_padded(&self) -> Option<usize> {
        let sizes = self.grid().into_iter().zip(&self.block);
        sizes
            .map(|(n, block)| n.checked_mul(*block))
            .try_fold(1_usize, |n, size| n.checked_mul(size?))
    }

    /// Reorders the values of the blocks to the array's C order.
    fn in_order(&self, blocks: &[u8], typesize: usize) -> Result<Vec<u8>, String> {
        let (grid, n_axes) = (self.grid(), self.chunk.len());
        let n_block: usize = self.block.iter().product();
        let n_values: usize = self.chunk.iter().product();
        let mut values = vec![0; n_values * typesize];
        let (line, n_lines) = (self.block[n_axes - 1], n_block / self.block[n_axes - 1]);
        for index in 0..grid.iter().product() {
            let corner = place(index, &grid);
            for row in 0..n_lines {
                let inner = place(row * line, &self.block);
                let at: Vec<usize> = (0..n_axes)
                    .map(|axis| corner[axis] * self.block[axis] + inner[axis])
                    .collect();
                if at.iter().zip(&self.chunk).any(|(at, size)| at >= size) {
                    continue;
                }
                let n = line.min(self.chunk[n_axes - 1] - at[n_axes - 1]) * typesize;
                let from = (index * n_block + row * line) * typesize;
                let to = at
                    .iter()
                    .zip(&self.chunk)
                    .fold(0, |sum, (at, size)| sum * size + at)
                    * typesize;
                let source = blocks.get(from..from + n).ok_or("is cut off")?;
                values[to..to + n].copy_from_slice(source);
            }
        }
        Ok(values)
    }
}

/// Multi-index of a value; the last index varies fastest.
fn place(mut index: usize, sizes: &[usize]) -> Vec<usize> {
    let mut place = vec![0; sizes.len()];
    for (at, size) in place.iter_mut().zip(sizes).rev() {
        *at = index % size;
        index /= size;
    }
    place
}

/// Finds a metalayer in the header of a frame by name.
fn note<'a>(frame: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let notes = frame.get(FIXED_HEADER_BYTES..)?;
    // A MessagePack list of three: size, a map (16-bit length) from names to offsets, metalayers.
    let (0x93, 0xcd, 0xde) = (*notes.first()?, *notes.get(1)?, *notes.get(4)?) else {
        return None;
    };
    let n = u16::from_be_bytes([*notes.get(5)?, *notes.get(6)?]);
    let mut at = 7;
    for _ in 0..n {
        let length = usize::from(notes.get(at)? & 0x1f);
        let own = notes.get(at + 1..at + 1 + length)?;
        let place = be32(notes, at + 1 + length + 1)? as usize;
        if own == name {
            let size = be32(frame, place + 1)? as usize;
            return frame.get(place + 5..place.checked_add(5)?.checked_add(size)?);
        }
        at += 1 + length + 5;
    }
    None
}

fn le32(bytes: &[u8], at: usize) -> Option<u32> {
    bytes
        .get(at..)?
        .first_chunk()
        .map(|word| u32::from_le_bytes(*word))
}

fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    bytes
        .get(at..)?
        .first_chunk()
        .map(|word| u32::from_be_bytes(*word))
}

fn be64(bytes: &[u8], at: usize) -> Option<u64> {
    bytes
        .get(at..)?
        .first_chunk()
        .map(|word| u64::from_be_bytes(*word))
}
