use std::f64::consts::TAU;

use super::*;

/// A disc with coloured stripes that turns before a plain ground.
fn frames(shape: FilmShape) -> impl Iterator<Item = Result<Frame, FilmError>> {
    let [width, height] = shape.size;
    (0..shape.n_frames).map(move |at| {
        let turn = TAU * at as f64 / 60.0;
        let rgb = (0..width * height).flat_map(|place| {
            let [x, y] = [(place % width) as f64, (place / width) as f64];
            let [dx, dy] = [x - width as f64 / 2.0, y - height as f64 / 2.0];
            if dx.hypot(dy) > 0.4 * height as f64 {
                return [255, 255, 255];
            }
            let along = dx * turn.cos() + dy * turn.sin();
            let stripe = (along / 6.0).sin();
            let red = (128.0 + 100.0 * stripe) as u8;
            let green = if x < width as f64 / 2.0 { 40 } else { 150 };
            [red, green, (255.0 * dy.abs() / height as f64) as u8]
        });
        Ok(Frame {
            size: shape.size,
            rgb: rgb.collect(),
        })
    })
}

const SHAPE: FilmShape = FilmShape {
    size: [170, 98],
    fps: 25.0,
    n_frames: 60,
};

/// Writes films for other programs to look at: `HESCHL_FILMS=folder`.
#[test]
fn films_are_written_in_every_format() {
    let speech: Vec<i16> = (0..20_000)
        .map(|at| (12_000.0 * (TAU * 440.0 * f64::from(at) / 16_000.0).sin()) as i16)
        .collect();
    let sound = Sound {
        rate_hz: 16_000,
        samples: &speech,
    };
    let mp4 = mp4(&SHAPE, frames(SHAPE), Some(sound)).unwrap();
    let gif = gif(&SHAPE, &|| frames(SHAPE)).unwrap();
    let apng = apng(&SHAPE, frames(SHAPE)).unwrap();
    if let Some(folder) = std::env::var_os("HESCHL_FILMS") {
        let folder = std::path::PathBuf::from(folder);
        for (name, bytes) in [("film.mp4", &mp4), ("film.gif", &gif), ("film.apng", &apng)] {
            std::fs::write(folder.join(name), bytes).unwrap();
        }
        for (at, frame) in frames(SHAPE).enumerate() {
            let name = format!("frame-{at:03}.rgb");
            std::fs::write(folder.join(name), frame.unwrap().rgb).unwrap();
        }
    }
    assert!(mp4.len() < 150_000, "{}", mp4.len());
    assert_eq!(&gif[..6], b"GIF89a");
}
