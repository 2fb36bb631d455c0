//! Films, written only: animated PNG and GIF, and MP4 with H.264 and sound.

mod apng;
mod flac;
mod gif;
mod h264;
mod mp4;

pub use apng::apng;
pub use gif::gif;
pub use mp4::mp4;

/// A picture of three bytes a pixel, row by row from the top.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Width and height in pixels.
    pub size: [usize; 2],
    /// Red, green and blue of each pixel.
    pub rgb: Vec<u8>,
}

/// What a film is like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FilmShape {
    /// Width and height in pixels.
    pub size: [usize; 2],
    /// Frames a second.
    pub fps: f64,
    /// Number of frames.
    pub n_frames: usize,
}

/// Mono sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sound<'a> {
    /// Samples a second.
    pub rate_hz: u32,
    /// The samples.
    pub samples: &'a [i16],
}

/// Why a film cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum FilmError {
    /// A frame has another size than the film.
    #[error("A frame has {0} × {1} pixels, unlike the film.")]
    FrameSize(usize, usize),
    /// Two pixels share their colour, along both sides.
    #[error(
        "Width and height of an MP4 film must be even numbers of at most 4096; {0} × {1} is not."
    )]
    Size(usize, usize),
    /// Places in the file are numbers of 32 bits.
    #[error("The film would be larger than 4 GB. Choose fewer frames or a smaller picture.")]
    TooLarge,
    /// APNG.
    #[error("The film cannot be written as APNG: {0}.")]
    Png(#[from] png::EncodingError),
    /// GIF.
    #[error("The film cannot be written as GIF: {0}.")]
    Gif(#[from] ::gif::EncodingError),
}

impl Frame {
    fn check(&self, shape: &FilmShape) -> Result<(), FilmError> {
        let [width, height] = self.size;
        let is_whole = self.size == shape.size && self.rgb.len() == 3 * width * height;
        if is_whole {
            Ok(())
        } else {
            Err(FilmError::FrameSize(width, height))
        }
    }
}

#[cfg(test)]
mod tests;
