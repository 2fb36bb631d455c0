use std::sync::atomic::AtomicUsize;

use super::*;

/// A frame whose left half is red, with a stripe that moves to the right.
fn picture(at: usize, [width, height]: [usize; 2]) -> Picture {
    let pixel = |place: usize| {
        let x = place % width;
        let colour = if x == at {
            [0, 0, 255]
        } else if x < width / 2 {
            [200, 30, 30]
        } else {
            [255; 3]
        };
        [colour[0], colour[1], colour[2], 255]
    };
    Picture {
        size: [width, height],
        rgba: (0..width * height).flat_map(pixel).collect(),
    }
}

fn film<'a>(out: &'a Path, recipe: &'a str) -> FilmFile<'a> {
    FilmFile {
        out,
        format: FilmFormat::of(out).unwrap(),
        shape: FilmShape {
            size: [48, 32],
            fps: 20.0,
            n_frames: 12,
        },
        recipe,
        sound: None,
    }
}

#[test]
fn a_stopped_film_goes_on_with_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("film.mp4");
    let film = film(&out, "recipe");
    let cancel = CancelToken::default();
    let drawn = AtomicUsize::new(0);
    let draw = |at: usize| {
        if drawn.fetch_add(1, Ordering::Relaxed) >= 4 {
            cancel.cancel();
        }
        Ok(picture(at, [48, 32]))
    };
    let end = film.write(&draw, &|_| {}, &cancel).unwrap();
    let FilmEnd::Stopped(n, frames) = end else {
        panic!("{end:?}");
    };
    assert!((5..12).contains(&n), "{n}");
    assert!(!out.exists() && frames.join("frame-000001.png").is_file());
    let again = AtomicUsize::new(0);
    let draw = |at: usize| {
        again.fetch_add(1, Ordering::Relaxed);
        Ok(picture(at, [48, 32]))
    };
    let end = film.write(&draw, &|_| {}, &CancelToken::default()).unwrap();
    assert_eq!(again.into_inner(), 12 - n);
    let bytes = fs::read(&out).unwrap();
    assert_eq!(end, FilmEnd::Complete(bytes.len() as u64));
    assert!(!frames.exists());
    // In one go it is the same film.
    let other = folder.path().join("other.mp4");
    let whole = FilmFile {
        out: &other,
        ..film
    };
    whole
        .write(&draw_of_48, &|_| {}, &CancelToken::default())
        .unwrap();
    assert!(fs::read(other).unwrap() == bytes);
}

#[expect(clippy::unnecessary_wraps, reason = "frames may fail")]
fn draw_of_48(at: usize) -> Result<Picture, Failure> {
    Ok(picture(at, [48, 32]))
}

#[test]
fn frames_of_another_film_are_not_used() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("frames");
    let cancel = CancelToken::default();
    let first = film(&out, "one");
    first.write(&draw_of_48, &|_| {}, &cancel).unwrap();
    assert_eq!(fs::read_dir(&out).unwrap().count(), 13);
    // The same film is there already.
    let unwanted = |_: usize| -> Result<Picture, Failure> { panic!("drawn again") };
    first.write(&unwanted, &|_| {}, &cancel).unwrap();
    let failure = film(&out, "two").write(&draw_of_48, &|_| {}, &cancel);
    assert!(failure.unwrap_err().message.contains("another film"));
    // The frames of a file that was stopped are this program's own.
    let out = folder.path().join("film.gif");
    let frames = folder.path().join("film.gif.frames");
    fs::create_dir(&frames).unwrap();
    fs::write(frames.join(ABOUT), "one").unwrap();
    fs::write(frames.join("frame-000001.png"), "old").unwrap();
    film(&out, "two")
        .write(&draw_of_48, &|_| {}, &cancel)
        .unwrap();
    assert!(out.is_file() && !frames.exists());
}

#[test]
fn a_frame_that_cannot_be_drawn_ends_the_film() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("film.gif");
    let draw = |at: usize| {
        if at == 5 {
            Err(Failure::new("Frame 5 is missing.".into()))
        } else {
            draw_of_48(at)
        }
    };
    let failure = film(&out, "x").write(&draw, &|_| {}, &CancelToken::default());
    assert_eq!(failure.unwrap_err().message, "Frame 5 is missing.");
    assert!(!out.exists());
    let path = folder.path().join("film.mp4");
    let odd = FilmFile {
        shape: FilmShape {
            size: [47, 32],
            fps: 20.0,
            n_frames: 2,
        },
        ..film(&path, "x")
    };
    let failure = odd.write(&draw_of_48, &|_| {}, &CancelToken::default());
    assert!(failure.unwrap_err().message.contains("must be even"));
    assert!(FilmFormat::of(Path::new("film.avi")).is_err());
}
