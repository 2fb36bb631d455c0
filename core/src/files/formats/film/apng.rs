//! Films as animated PNG: without loss, for web pages and slides.

use super::{FilmError, FilmShape, Frame};

/// A film that repeats for ever, as animated PNG.
///
/// # Errors
/// An error of a frame, or a [`FilmError`] if one has another size.
pub fn apng<E: From<FilmError>>(
    shape: &FilmShape,
    frames: impl Iterator<Item = Result<Frame, E>>,
) -> Result<Vec<u8>, E> {
    let failed = |error: png::EncodingError| E::from(FilmError::from(error));
    let mut bytes = Vec::new();
    let [width, height] = shape.size.map(|side| side as u32);
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder
        .set_animated(shape.n_frames as u32, 0)
        .map_err(failed)?;
    // Seconds as a fraction of two numbers of 16 bits.
    let per_frame = (shape.fps * 1000.0).round().clamp(1.0, f64::from(u16::MAX));
    encoder
        .set_frame_delay(1000, per_frame as u16)
        .map_err(failed)?;
    let mut writer = encoder.write_header().map_err(failed)?;
    for frame in frames {
        let frame = frame?;
        frame.check(shape)?;
        writer.write_image_data(&frame.rgb).map_err(failed)?;
    }
    writer.finish().map_err(failed)?;
    Ok(bytes)
}
