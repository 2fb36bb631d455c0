//! Every way in which a recording can be wrong ends in its own sentence.

use std::fs;
use std::path::{Path, PathBuf};

use heschl_core::speech::audio::{AudioError, Resampling, count_samples, probe};
use hound::{SampleFormat, WavSpec, WavWriter};
use tempfile::TempDir;

fn data(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/audio");
    fs::read(folder.join(name)).unwrap()
}

/// Reads `path` to its end; the message must say `expected` and end with the path.
fn check_path(path: &Path, expected: &str) {
    let error = count_samples(path, Resampling::Refuse).expect_err(expected);
    let message = error.to_string();
    assert!(
        message.contains(expected),
        "{expected:?} is not in {message:?}"
    );
    let last_line = format!("\nFile: {}", path.display());
    assert!(message.ends_with(&last_line), "{message:?}");
}

/// As [`check_path`], for a file with these bytes.
fn check(name: &str, bytes: &[u8], expected: &str) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    check_path(&path, expected);
}

/// A one-second WAV file with one field of its header replaced.
fn wav_with(at: usize, field: &[u8]) -> Vec<u8> {
    let mut bytes = wav(16_000, 1);
    bytes[at..at + field.len()].copy_from_slice(field);
    bytes
}

/// One second of WAV: header of 44 bytes, 16-bit samples.
fn wav(sample_rate: u32, channels: u16) -> Vec<u8> {
    let spec = WavSpec {
        channels,
        sample_rate,
        bits_per_sample: 16,
        sample_format: SampleFormat::Int,
    };
    let mut file = std::io::Cursor::new(Vec::new());
    let mut writer = WavWriter::new(&mut file, spec).unwrap();
    for i in 0..sample_rate * u32::from(channels) {
        writer.write_sample((i % 1_000) as i16).unwrap();
    }
    writer.finalize().unwrap();
    file.into_inner()
}

fn float_wav(samples: &[f32]) -> Vec<u8> {
    let spec = WavSpec {
        channels: 1,
        sample_rate: 16_000,
        bits_per_sample: 32,
        sample_format: SampleFormat::Float,
    };
    let mut file = std::io::Cursor::new(Vec::new());
    let mut writer = WavWriter::new(&mut file, spec).unwrap();
    for &sample in samples {
        writer.write_sample(sample).unwrap();
    }
    writer.finalize().unwrap();
    file.into_inner()
}

#[test]
fn what_is_not_there_or_no_file_is_said_so() {
    let folder = TempDir::new().unwrap();
    check_path(
        &folder.path().join("none.wav"),
        "There is no such recording",
    );
    check_path(folder.path(), "not a file");
}

#[test]
fn placeholders_are_named_with_the_way_to_fetch_them() {
    let pointer = b"/annex/objects/SHA256E-s1234--0123456789abcdef.wav\n";
    check("story.wav", pointer, "Only a placeholder");
    let lfs = b"version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 1234\n";
    check("story.wav", lfs, "git lfs pull");
}

#[cfg(unix)]
#[test]
fn a_link_into_an_annex_that_was_not_fetched_is_a_placeholder() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("story.wav");
    let target = ".git/annex/objects/aa/bb/SHA256E-s1--00.wav/SHA256E-s1--00.wav";
    std::os::unix::fs::symlink(target, &path).unwrap();
    check_path(&path, "datalad get");
}

#[test]
fn what_is_no_audio_is_said_so() {
    check("empty.wav", b"", "0 bytes");
    check("notes.wav", b"Dear diary,\nno sound today.\n", "not audio");
    check(
        "bytes.wav",
        &[0, 1, 2, 3, 0, 5, 6, 7, 200, 201],
        "not audio",
    );
}

#[test]
fn what_is_another_kind_of_audio_is_named() {
    check("story.ogg", &data("tone_opus.ogg"), "Opus");
    check("story.wav", b"RIFX\0\0\0\x24WAVEfmt ", "big-endian");
    check(
        "story.m4a",
        b"\x1a\x45\xdf\xa3\x01\0\0\0\0\0\0\x1f",
        "Matroska",
    );
    let mut speex = b"OggS".to_vec();
    speex.resize(28, 0);
    speex.extend(b"Speex   1.2");
    check("story.ogg", &speex, "Speex");
    check(
        "story.wav",
        b"FORM\0\0\0\x10AIFFCOMM",
        "description of its sound is missing",
    );
    let mut ima4 = data("aiff_fl32.aifc");
    let at = ima4
        .windows(4)
        .position(|bytes| bytes == b"FL32" || bytes == b"fl32")
        .unwrap();
    ima4[at..at + 4].copy_from_slice(b"ima4");
    check("story.aifc", &ima4, "an AIFF-C file coded as \"ima4\"");
    for (tag, name) in [
        (0x50_u16, "MPEG layer 1 or 2 inside a WAV file"),
        (0x55, "MP3 inside a WAV file"),
        (0x28f, "ITU G.722 inside a WAV file"),
        (0x4321, "0x4321"),
    ] {
        check("story.wav", &wav_with(20, &tag.to_le_bytes()), name);
    }
    check("story.wav", &wav_with(34, &[12, 0]), "12-bit PCM");
}

#[test]
fn headers_that_contradict_themselves_are_refused() {
    // 24 bits in 4 bytes: right-aligned by ALSA, left-aligned by others, floats by Cool Edit.
    let mut bytes = wav_with(34, &[24, 0]);
    bytes[32] = 4;
    check(
        "story.wav",
        &bytes,
        "contradicts itself: 24 bits per sample and 1 channels make 3 bytes",
    );
    check("story.wav", &wav_with(32, &[4, 0]), "contradicts itself");
}

#[test]
fn lengths_that_no_file_of_the_size_can_hold_are_refused() {
    let mut ogg = data("tone.ogg");
    let last = ogg.windows(4).rposition(|bytes| bytes == b"OggS").unwrap();
    ogg[last + 6..last + 14].copy_from_slice(&(i64::MAX / 2).to_le_bytes());
    // The page's own checksum, over the page with 0 in its place.
    ogg[last + 22..last + 26].fill(0);
    let crc = ogg[last..].iter().fold(0_u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte) << 24, |crc, _| {
            if crc >> 31 == 1 {
                crc << 1 ^ 0x04c1_1db7
            } else {
                crc << 1
            }
        })
    });
    ogg[last + 22..last + 26].copy_from_slice(&crc.to_le_bytes());
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("story.ogg");
    fs::write(&path, ogg).unwrap();
    let message = probe(&path).unwrap_err().to_string();
    assert!(message.contains("hours of sound"), "{message}");
}

#[test]
fn headers_that_no_recording_has_are_refused() {
    check("story.wav", &wav_with(24, &[0; 4]), "0 Hz");
    check("story.wav", &wav_with(24, &[0xff; 4]), "4294967295 Hz");
    check("story.wav", &wav_with(22, &[0, 0]), "0 channels");
    check("story.wav", &wav_with(22, &[0xff, 0xff]), "65535 channels");
}

#[test]
fn recordings_that_hold_nothing_are_refused() {
    check("story.wav", &float_wav(&[]), "holds no sound");
}

#[test]
fn recordings_that_end_early_say_how_early() {
    // 16000 samples of two bytes after a header of 44.
    let half = &wav(16_000, 1)[..44 + 16_000];
    check("story.wav", half, "promises 1.000 s, but only 0.500 s");
    let aiff = data("aiff_16.aiff");
    check("story.aiff", &aiff[..aiff.len() - 200], "cut short");
    let flac = data("tone.flac");
    check("story.flac", &flac[..flac.len() - 40], "cut short");
    check("story.flac", &flac[..flac.len() / 2], "promises 0.250 s");
    let mp3 = data("tone.mp3");
    check("story.mp3", &mp3[..mp3.len() / 3], "cut short");
    // All of its sound is in one page, which is not whole any more.
    let ogg = data("tone.ogg");
    check("story.ogg", &ogg[..ogg.len() - 200], "the file ends there");
    for name in ["tone_aac.m4a", "tone_alac.m4a"] {
        let m4a = data(name);
        check("story.m4a", &m4a[..m4a.len() / 2], "shorter than it says");
    }
}

#[test]
fn recordings_that_are_longer_than_they_say_are_refused() {
    let untagged = data("tone_untagged.mp3");
    let joined = [data("tone.mp3"), untagged.clone(), untagged].concat();
    check("story.mp3", &joined, "several files were joined");
    // Here the second file's length tag lies between the frames.
    let joined = [data("tone.mp3"), data("tone.mp3")].concat();
    check("story.mp3", &joined, "part of it is missing");
}

#[test]
fn damage_inside_is_found() {
    for name in ["tone.flac", "tone.ogg", "tone.mp3", "tone_untagged.mp3"] {
        let mut bytes = data(name);
        let middle = bytes.len() * 3 / 4;
        // More than an MP3 frame, so that a frame's header is hit.
        let len = if name.ends_with("mp3") { 300 } else { 1 };
        bytes[middle..middle + len]
            .iter_mut()
            .for_each(|byte| *byte ^= 0x55);
        let folder = TempDir::new().unwrap();
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        let error = count_samples(&path, Resampling::Refuse).expect_err(name);
        let is_fitting = matches!(
            error,
            AudioError::Damaged { .. } | AudioError::Truncated { .. }
        );
        assert!(is_fitting, "{name}: {error}");
    }
}

#[test]
fn a_flac_whose_sound_does_not_fit_its_checksum_is_damaged() {
    let mut bytes = data("tone.flac");
    // The last byte of STREAMINFO's MD5: 4 bytes of mark, 4 of block header, 34 of block.
    bytes[41] ^= 1;
    check("story.flac", &bytes, "its checksum does not fit");
}

#[test]
fn samples_that_are_not_numbers_are_found_with_their_time() {
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut samples = vec![0.25; 16_000];
        samples[12_000] = bad;
        samples[15_000] = bad;
        check("story.wav", &float_wav(&samples), "at 0.750 s");
    }
}

#[test]
fn other_rates_and_channels_need_a_tick() {
    check("story.wav", &wav(44_100, 2), "44100 Hz and 2 channels");
    check("story.wav", &wav(22_050, 1), "22050 Hz and 1 channel;");
    check("story.wav", &wav(16_000, 2), "Allow resampling");
}

#[test]
fn rates_too_odd_to_resample_are_refused() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("odd.wav");
    fs::write(&path, wav(767_999, 1)).unwrap();
    let error = count_samples(&path, Resampling::ToEncoderRate).unwrap_err();
    assert!(
        error.to_string().starts_with("Resampling 767999 Hz"),
        "{error}"
    );
}

/// Files as they leave a broken disk: any outcome but a panic or a hang will do.
#[test]
fn no_damage_makes_reading_panic() {
    let folder = TempDir::new().unwrap();
    let names = [
        "tone.wav",
        "tone.flac",
        "tone.mp3",
        "tone.ogg",
        "tone_aac.m4a",
        "tone_alac.m4a",
    ];
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = |below: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        (random % below as u64) as usize
    };
    let mut n_refused = 0;
    for name in names {
        for round in 0..100 {
            let mut bytes = data(name);
            // Headers are where the traps are: half of the rounds damage only those.
            let reach = if round % 2 == 0 { bytes.len() } else { 128 };
            for _ in 0..=next(4) {
                bytes[next(reach)] = next(256) as u8;
            }
            if round % 5 == 0 {
                bytes.truncate(next(bytes.len()));
            }
            let path: PathBuf = folder.path().join(name);
            fs::write(&path, bytes).unwrap();
            let _ = probe(&path);
            n_refused += usize::from(count_samples(&path, Resampling::ToEncoderRate).is_err());
        }
    }
    assert!(
        n_refused > 200,
        "only {n_refused} of 600 damaged files were refused"
    );
}
