//! Films as files. Frames are drawn on all processors and stay on disk until the film is complete, so that a film that was stopped
//! goes on where it ended.

use std::fs;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use heschl_core::files::disk;
use heschl_core::files::formats::film::{FilmShape, Frame, Sound, apng, gif, mp4};
use heschl_core::run::progress::CancelToken;
use heschl_core::run::store::atomic;
use heschl_core::scene::Picture;

use crate::failure::Failure;
use crate::render;

/// Frames that are drawn at once at most: each of them is drawn by several threads itself.
const MOST_AT_ONCE: usize = 4;
/// Resolution that the frames tell.
const DPI: u32 = 96;
/// The file that says which film the frames of a folder belong to.
const ABOUT: &str = "film.txt";

/// A file format of films.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FilmFormat {
    /// A folder of PNG files.
    Frames,
    /// An animated PNG.
    Apng,
    /// An animated GIF.
    Gif,
    /// H.264 in MP4.
    Mp4,
}

impl FilmFormat {
    /// The format by the name of the file.
    ///
    /// # Errors
    /// A sentence if the name ends otherwise.
    pub(crate) fn of(path: &Path) -> Result<Self, Failure> {
        let Some(ending) = path.extension() else {
            return Ok(Self::Frames);
        };
        match ending.to_ascii_lowercase().to_str() {
            Some("apng" | "png") => Ok(Self::Apng),
            Some("gif") => Ok(Self::Gif),
            Some("mp4" | "m4v") => Ok(Self::Mp4),
            _ => Err(Failure::new(format!(
                "Films are written as .mp4, .gif or .apng, or as PNG files into a folder. Choose a name that ends so, or the name of a \
                 folder without a dot.\nFile: {}",
                path.display()
            ))),
        }
    }
}

/// A film to be written.
pub(crate) struct FilmFile<'a> {
    pub(crate) out: &'a Path,
    pub(crate) format: FilmFormat,
    pub(crate) shape: FilmShape,
    /// What the frames are made of: frames of another recipe are not used.
    pub(crate) recipe: &'a str,
    /// From the beginning of the film; formats other than MP4 are silent.
    pub(crate) sound: Option<Sound<'a>>,
}

/// How far a film is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FilmStep {
    /// So many frames are on disk.
    Drawn(usize),
    /// So many frames are in the file.
    Written(usize),
}

/// How writing a film ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FilmEnd {
    /// The film is complete: its length in bytes.
    Complete(u64),
    /// It was stopped; so many frames are kept in a folder.
    Stopped(usize, PathBuf),
}

/// Draws the opaque picture of a frame.
pub(crate) type DrawFrame<'a> = dyn Fn(usize) -> Result<Picture, Failure> + Sync + 'a;
/// Is told how far the film is.
pub(crate) type TellStep<'a> = dyn Fn(FilmStep) + Sync + 'a;

impl FilmFile<'_> {
    /// Whether the format can hold the film.
    ///
    /// # Errors
    /// A sentence that says what it cannot hold.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        let [width, height] = self.shape.size;
        let is_even = width.is_multiple_of(2) && height.is_multiple_of(2);
        if self.format == FilmFormat::Mp4 && !is_even {
            return Err(Failure::new(format!(
                "Width and height of an MP4 film must be even; {width} × {height} is not. Choose another --size."
            )));
        }
        Ok(())
    }

    /// Draws what is missing and writes the film.
    ///
    /// # Errors
    /// A sentence if a frame cannot be drawn or a file not be written.
    pub(crate) fn write(
        &self,
        draw: &DrawFrame,
        tell: &TellStep,
        cancel: &CancelToken,
    ) -> Result<FilmEnd, Failure> {
        self.check()?;
        let folder = self.frames_folder();
        self.claim(&folder)?;
        let n_drawn = self.draw_missing(&folder, draw, tell, cancel)?;
        let stopped = |n: usize| FilmEnd::Stopped(n, folder.clone());
        if n_drawn < self.shape.n_frames {
            return Ok(stopped(n_drawn));
        }
        let frames = || {
            (0..self.shape.n_frames).map(|at| {
                if cancel.is_cancelled() {
                    return Err(Failure::new(STOPPED.into()));
                }
                let frame = read_frame(&frame_path(&folder, at), self.shape.size);
                tell(FilmStep::Written(at + 1));
                frame
            })
        };
        let bytes = match self.format {
            FilmFormat::Frames => {
                let lengths =
                    (0..self.shape.n_frames).map(|at| fs::metadata(frame_path(&folder, at)));
                let lengths = lengths.filter_map(Result::ok).map(|info| info.len());
                return Ok(FilmEnd::Complete(lengths.sum()));
            }
            FilmFormat::Apng => apng(&self.shape, frames())
                .map(|bytes| render::with_chunks(&bytes, self.recipe, DPI)),
            FilmFormat::Gif => gif(&self.shape, &frames),
            FilmFormat::Mp4 => mp4(&self.shape, frames(), self.sound),
        };
        let bytes = match bytes {
            Err(_) if cancel.is_cancelled() => return Ok(stopped(self.shape.n_frames)),
            bytes => bytes?,
        };
        atomic::write(self.out, &bytes)?;
        disk::remove_folder(&folder)?;
        Ok(FilmEnd::Complete(bytes.len() as u64))
    }

    /// Where frames lie while the film is made.
    fn frames_folder(&self) -> PathBuf {
        if self.format == FilmFormat::Frames {
            return self.out.to_path_buf();
        }
        let mut name = self.out.file_name().unwrap_or_default().to_os_string();
        name.push(".frames");
        self.out.with_file_name(name)
    }

    /// Makes the folder of the frames this film's.
    fn claim(&self, folder: &Path) -> Result<(), Failure> {
        let about = folder.join(ABOUT);
        let known = fs::read_to_string(&about).ok();
        if known.as_deref() == Some(self.recipe) {
            return Ok(());
        }
        let has_frames = frame_path(folder, 0).exists() || known.is_some();
        if has_frames && self.format == FilmFormat::Frames {
            return Err(Failure::new(format!(
                "The folder holds frames of another film. Choose another folder, or delete this one.\nFolder: {}",
                folder.display()
            )));
        }
        if known.is_some() {
            disk::remove_folder(folder)?;
        } else if has_frames {
            return Err(Failure::new(format!(
                "The folder for the frames holds something else. Move it, or choose another name for the film.\nFolder: {}",
                folder.display()
            )));
        }
        atomic::write(&about, self.recipe.as_bytes())?;
        Ok(())
    }

    /// Draws the frames that are not on disk; returns how many there are.
    fn draw_missing(
        &self,
        folder: &Path,
        draw: &DrawFrame,
        tell: &TellStep,
        cancel: &CancelToken,
    ) -> Result<usize, Failure> {
        let is_missing = |at: &usize| !frame_path(folder, *at).is_file();
        let missing: Vec<usize> = (0..self.shape.n_frames).filter(is_missing).collect();
        let n_drawn = AtomicUsize::new(self.shape.n_frames - missing.len());
        let next = AtomicUsize::new(0);
        let failure = Mutex::new(None);
        let work = || {
            while let Some(at) = missing.get(next.fetch_add(1, Ordering::Relaxed)) {
                let has_failed = failure.lock().is_ok_and(|failure| failure.is_some());
                if cancel.is_cancelled() || has_failed {
                    return;
                }
                let frame = draw(*at).and_then(|picture| {
                    let bytes = frame_png(&picture, self.recipe)?;
                    atomic::write(&frame_path(folder, *at), &bytes).map_err(Failure::from)
                });
                match frame {
                    Ok(()) => tell(FilmStep::Drawn(n_drawn.fetch_add(1, Ordering::Relaxed) + 1)),
                    Err(reason) => {
                        if let Ok(mut failure) = failure.lock() {
                            *failure = Some(reason);
                        }
                    }
                }
            }
        };
        let n_threads = std::thread::available_parallelism().map_or(1, usize::from);
        std::thread::scope(|scope| {
            for _ in 0..n_threads.min(MOST_AT_ONCE) {
                scope.spawn(work);
            }
        });
        match failure.into_inner() {
            Ok(Some(failure)) => Err(failure),
            _ => Ok(n_drawn.into_inner()),
        }
    }
}

/// What ends reading frames when the film was stopped.
const STOPPED: &str = "It was stopped.";

/// The file of a frame, counted from 0.
fn frame_path(folder: &Path, at: usize) -> PathBuf {
    folder.join(format!("frame-{:06}.png", at + 1))
}

/// A frame as PNG, with the recipe inside.
fn frame_png(picture: &Picture, recipe: &str) -> Result<Vec<u8>, Failure> {
    let written = png_of_rgb(picture.size, &rgb(&picture.rgba));
    let png = written
        .map_err(|error| Failure::new(format!("The picture cannot be written: {error}.")))?;
    Ok(render::with_chunks(&png, recipe, DPI))
}

fn rgb(rgba: &[u8]) -> Vec<u8> {
    let pixels = rgba.chunks_exact(4);
    pixels
        .flat_map(|pixel| [pixel[0], pixel[1], pixel[2]])
        .collect()
}

fn png_of_rgb([width, height]: [usize; 2], rgb: &[u8]) -> Result<Vec<u8>, png::EncodingError> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width as u32, height as u32);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(rgb)?;
    writer.finish()?;
    Ok(bytes)
}

fn read_frame(path: &Path, size: [usize; 2]) -> Result<Frame, Failure> {
    let damaged = |reason: String| {
        Failure::new(format!(
            "A frame is damaged ({reason}). Delete it; it is drawn again.\nFile: {}",
            path.display()
        ))
    };
    let file = fs::File::open(path).map_err(|error| damaged(error.to_string()))?;
    let mut reader = png::Decoder::new(BufReader::new(file))
        .read_info()
        .map_err(|error| damaged(error.to_string()))?;
    let n_bytes = 3 * size[0] * size[1];
    if reader.output_buffer_size() != Some(n_bytes) {
        return Err(damaged("it has another size".into()));
    }
    let mut rgb = vec![0; n_bytes];
    reader
        .next_frame(&mut rgb)
        .map_err(|error| damaged(error.to_string()))?;
    Ok(Frame { size, rgb })
}

#[cfg(test)]
mod tests;
