//! Every format that is read, against the samples that went in.

use std::path::{Path, PathBuf};

use heschl_core::speech::audio::{
    Recording, RecordingInfo, Resampling, SincResampler, count_samples, probe,
};
use hound::{SampleFormat, WavSpec, WavWriter};
use tempfile::TempDir;

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/audio")
        .join(name)
}

fn read(path: &Path, resampling: Resampling) -> Vec<f32> {
    let mut recording = Recording::open(path, resampling).unwrap();
    let mut samples = Vec::new();
    while let Some(block) = recording.next_block().unwrap() {
        assert!(!block.is_empty());
        samples.extend_from_slice(block);
    }
    assert!(
        recording.next_block().unwrap().is_none(),
        "the end stays the end"
    );
    samples
}

fn spec(channels: u16, sample_rate: u32, bits: u16, sample_format: SampleFormat) -> WavSpec {
    WavSpec {
        channels,
        sample_rate,
        bits_per_sample: bits,
        sample_format,
    }
}

fn write_ints(path: &Path, spec: WavSpec, samples: impl IntoIterator<Item = i32>) {
    let mut writer = WavWriter::create(path, spec).unwrap();
    for sample in samples {
        writer.write_sample(sample).unwrap();
    }
    writer.finalize().unwrap();
}

/// The samples of `tone.wav`, by another reader than ours.
fn tone() -> Vec<f32> {
    let reader = hound::WavReader::open(data("tone.wav")).unwrap();
    reader
        .into_samples::<i16>()
        .map(|sample| f32::from(sample.unwrap()) / 32_768.0)
        .collect()
}

#[test]
fn integers_of_every_width_are_scaled_by_their_power_of_two() {
    let folder = TempDir::new().unwrap();
    for bits in [8_u16, 16, 24, 32] {
        let full = 2_f64.powi(i32::from(bits) - 1);
        let values = [
            0.0,
            1.0,
            -1.0,
            100.0,
            -full,
            full - 1.0,
            (full / 3.0).floor(),
        ];
        let path = folder.path().join(format!("{bits}.wav"));
        write_ints(
            &path,
            spec(1, 16_000, bits, SampleFormat::Int),
            values.map(|value| value as i32),
        );
        let expected = values.map(|value| (value / full) as f32);
        assert_eq!(read(&path, Resampling::Refuse), expected, "{bits} bits");
    }
}

#[test]
fn floats_come_as_they_are_even_beyond_one() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("float.wav");
    let values = [0.0, 0.1, -1.5, 1e-20, 3.25];
    let mut writer = WavWriter::create(&path, spec(1, 16_000, 32, SampleFormat::Float)).unwrap();
    for value in values {
        writer.write_sample(value).unwrap();
    }
    writer.finalize().unwrap();
    assert_eq!(read(&path, Resampling::Refuse), values);
}

#[test]
fn doubles_and_the_extensible_header_are_read() {
    let folder = TempDir::new().unwrap();
    let values = [0.0_f64, 0.1, -1.5, 3.25];
    let sound: Vec<u8> = values.iter().flat_map(|x| x.to_le_bytes()).collect();
    let expected = values.map(|x| x as f32);
    // IEEE float, by its own tag and by the GUID that holds it.
    let plain = wav_bytes(3, 64, &[], &sound);
    let mut extension = vec![22, 0, 64, 0, 4, 0, 0, 0, 3, 0, 0, 0, 0, 0, 16, 0];
    extension.extend([0x80, 0, 0, 0xaa, 0, 0x38, 0x9b, 0x71]);
    let extensible = wav_bytes(0xfffe, 64, &extension, &sound);
    for (name, bytes) in [("plain.wav", plain), ("extensible.wav", extensible)] {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        assert_eq!(read(&path, Resampling::Refuse), expected, "{name}");
    }
}

/// A mono WAV file at 16 kHz, written field by field.
fn wav_bytes(tag: u16, bits: u16, extension: &[u8], sound: &[u8]) -> Vec<u8> {
    let align = bits / 8;
    let mut format = Vec::new();
    format.extend(tag.to_le_bytes());
    format.extend(1_u16.to_le_bytes());
    format.extend(16_000_u32.to_le_bytes());
    format.extend((16_000 * u32::from(align)).to_le_bytes());
    format.extend(align.to_le_bytes());
    format.extend(bits.to_le_bytes());
    format.extend(extension);
    let mut file = b"RIFF".to_vec();
    file.extend((20 + format.len() as u32 + sound.len() as u32).to_le_bytes());
    file.extend(b"WAVEfmt ");
    file.extend((format.len() as u32).to_le_bytes());
    file.extend(format);
    file.extend(b"data");
    file.extend((sound.len() as u32).to_le_bytes());
    file.extend(sound);
    file
}

#[test]
fn lossless_copies_are_equal_to_the_last_bit() {
    for name in ["tone.wav", "tone_piped.wav", "tone.flac", "tone_alac.m4a"] {
        assert_eq!(read(&data(name), Resampling::Refuse), tone(), "{name}");
    }
    let wide = read(&data("tone24.flac"), Resampling::Refuse);
    assert_eq!(wide, read(&data("tone24.wav"), Resampling::Refuse));
    assert!(
        wide.iter().any(|x| (x * 32_768.0).fract() != 0.0),
        "24 bits count"
    );
}

#[test]
fn lossy_copies_have_the_length_and_nearly_the_sound() {
    for (name, largest_error) in [
        ("tone.mp3", 0.02),
        ("tone.ogg", 0.02),
        // FFmpeg's own decoding of it is 0.0279 away; one sample too early or late would be 0.096.
        ("tone_aac.m4a", 0.03),
        ("video.m4a", 0.03),
    ] {
        let (copy, original) = (read(&data(name), Resampling::Refuse), tone());
        assert_eq!(copy.len(), original.len(), "{name}");
        let errors = copy.iter().zip(&original).map(|(a, b)| (a - b).powi(2));
        let rms = (errors.sum::<f32>() / copy.len() as f32).sqrt();
        assert!(rms < largest_error, "{name}: {rms}");
    }
}

#[test]
fn an_mp3_that_does_not_state_its_padding_keeps_all_frames() {
    let untagged = read(&data("tone_untagged.mp3"), Resampling::Refuse);
    // MPEG-2 layer III frames have 576 samples; LAME puts at least 1105 before the sound.
    assert_eq!(untagged.len() % 576, 0);
    assert!(untagged.len() >= 4_000 + 1_105);
}

#[test]
fn headers_tell_rate_channels_codec_and_length() {
    for (name, codec, secs) in [
        ("tone.wav", "PCM 16-bit", Some(0.25)),
        ("tone_piped.wav", "PCM 16-bit", Some(0.25)),
        ("tone24.flac", "FLAC", Some(0.1)),
        ("tone.mp3", "MP3", Some(0.25)),
        ("tone.ogg", "Vorbis", Some(0.25)),
        ("tone_aac.m4a", "AAC", Some(0.25)),
        ("tone_alac.m4a", "ALAC", Some(0.25)),
    ] {
        let expected = RecordingInfo {
            rate_hz: 16_000,
            channels: 1,
            codec: codec.into(),
            duration_secs: secs,
            notes: vec![],
        };
        let mut found = probe(&data(name)).unwrap();
        let notes = std::mem::take(&mut found.notes);
        assert_eq!(found, expected, "{name}");
        assert_eq!(
            notes.len(),
            usize::from(name == "tone_piped.wav"),
            "{notes:?}"
        );
    }
}

/// 16-bit samples behind a header whose lengths, and what follows the sound, can be chosen.
fn odd_wav(mark: [u8; 4], riff_len: u32, data_len: u32, behind: &[u8]) -> Vec<u8> {
    let sound: Vec<u8> = (0..1600_i16).flat_map(|i| (i * 7).to_le_bytes()).collect();
    let mut file = wav_bytes(1, 16, &[], &sound);
    file[..4].copy_from_slice(&mark);
    file[4..8].copy_from_slice(&riff_len.to_le_bytes());
    let at = file.len() - sound.len() - 4;
    file[at..at + 4].copy_from_slice(&data_len.to_le_bytes());
    file.extend(behind);
    file
}

#[test]
fn lengths_that_nobody_filled_in_are_told_and_read_to_the_end() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("odd.wav");
    let expected: Vec<f32> = (0..1600).map(|i| (i * 7) as f32 / 32_768.0).collect();
    let n = 3200;
    let whole = 36 + n;
    let cases = [
        // ffmpeg, SoX, arecord, a writer that was killed, GStreamer.
        (u32::MAX, u32::MAX, true),
        (0x7fff_f024, 0x7fff_f000, true),
        (0x7fff_ffff, 0x7fff_ffff, true),
        (0x8000_0024, 0x8000_0000, true),
        (0, 0, true),
        (whole, 0, true),
        // A header too many is counted: by 16 bytes, by the header's own.
        (whole, n + 16, true),
        (whole, whole, true),
        (whole, n, false),
    ];
    for (riff_len, data_len, is_told) in cases {
        std::fs::write(&path, odd_wav(*b"RIFF", riff_len, data_len, &[])).unwrap();
        assert_eq!(read(&path, Resampling::Refuse), expected, "{data_len:#x}");
        let info = probe(&path).unwrap();
        assert_eq!(info.duration_secs, Some(0.1), "{data_len:#x}");
        assert_eq!(info.notes.len(), usize::from(is_told), "{:?}", info.notes);
    }
    // 64-bit lengths, as EBU Tech 3306 has them: RIFF, data, number of samples, no table.
    let mut long = odd_wav(*b"RF64", u32::MAX, u32::MAX, &[]);
    let mut ds64 = b"ds64\x1c\0\0\0".to_vec();
    for length in [u64::from(whole) + 36, u64::from(n), 1600] {
        ds64.extend(length.to_le_bytes());
    }
    ds64.extend([0; 4]);
    long.splice(12..12, ds64);
    std::fs::write(&path, long).unwrap();
    assert_eq!(read(&path, Resampling::Refuse), expected);
}

#[test]
fn what_lies_behind_the_sound_is_not_sound_and_is_told_if_it_may_be() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("odd.wav");
    let list = b"LIST\x04\0\0\0INFO";
    let data = [&b"data\x20\0\0\0"[..], &[7; 32]].concat();
    for (behind, n_notes) in [(&list[..], 0), (&data, 1), (&[0x81; 300], 1)] {
        std::fs::write(
            &path,
            odd_wav(*b"RIFF", 36 + 3200 + behind.len() as u32, 3200, behind),
        )
        .unwrap();
        assert_eq!(read(&path, Resampling::Refuse).len(), 1600);
        let notes = probe(&path).unwrap().notes;
        assert_eq!(notes.len(), n_notes, "{notes:?}");
    }
    // A sound of 0 bytes before other chunks is what it says.
    std::fs::write(&path, {
        let mut empty = odd_wav(*b"RIFF", 36 + 12, 0, &[]);
        empty.truncate(empty.len() - 3200);
        empty.extend(list);
        empty
    })
    .unwrap();
    assert!(
        probe(&path)
            .unwrap_err()
            .to_string()
            .contains("holds no sound")
    );
}

#[test]
fn tags_behind_a_flac_are_no_damage() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("tagged.flac");
    let mut tag = b"TAG".to_vec();
    tag.resize(128, b'x');
    std::fs::write(
        &path,
        [std::fs::read(data("tone.flac")).unwrap(), tag].concat(),
    )
    .unwrap();
    assert_eq!(read(&path, Resampling::Refuse), tone());
}

#[test]
fn channels_become_their_mean_and_then_16_khz() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("three.wav");
    let frames: Vec<[i32; 3]> = (0..4_410)
        .map(|i| [i % 99, 3 * i % 5_000, -(i % 700)])
        .collect();
    write_ints(
        &path,
        spec(3, 44_100, 16, SampleFormat::Int),
        frames.iter().flatten().copied(),
    );
    let mean = |frame: &[i32; 3]| (f64::from(frame.iter().sum::<i32>()) / 3.0 / 32_768.0) as f32;
    let mono: Vec<f32> = frames.iter().map(mean).collect();
    let mut expected = Vec::new();
    let mut resampler = SincResampler::new(44_100, 16_000).unwrap();
    resampler.push(&mono, &mut expected);
    resampler.finish(&mut expected);

    let samples = read(&path, Resampling::ToEncoderRate);
    assert_eq!(samples.len(), 1_600);
    assert_eq!(
        count_samples(&path, Resampling::ToEncoderRate).unwrap(),
        1_600
    );
    for (ours, theirs) in samples.iter().zip(&expected) {
        assert!((ours - theirs).abs() < 1e-6);
    }
}

/// What libsndfile reads from the recording whose name is given.
fn libsndfile(name: &str) -> Vec<f32> {
    let mut reader = hound::WavReader::open(data(name)).unwrap();
    let channels = usize::from(reader.spec().channels);
    let samples: Vec<f32> = reader
        .samples::<i16>()
        .map(|sample| f32::from(sample.unwrap()) / 32_768.0)
        .collect();
    let mean = |frame: &[f32]| frame.iter().sum::<f32>() / channels as f32;
    samples.chunks_exact(channels).map(mean).collect()
}

/// A WAV file with another length of its sound, and what its `fact` chunk counts.
fn shortened(wav: &[u8], n_bytes: usize, fact: u32) -> Vec<u8> {
    let at = |tag: &[u8; 4]| wav.windows(4).position(|bytes| bytes == tag).unwrap();
    let mut file = wav[..at(b"data") + 8 + n_bytes].to_vec();
    let n = (n_bytes as u32).to_le_bytes();
    file[at(b"data") + 4..at(b"data") + 8].copy_from_slice(&n);
    file[at(b"fact") + 8..at(b"fact") + 12].copy_from_slice(&fact.to_le_bytes());
    let riff = (file.len() as u32 - 8).to_le_bytes();
    file[4..8].copy_from_slice(&riff);
    file
}

#[test]
fn ima_adpcm_has_the_samples_that_libsndfile_reads() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("ima.wav");
    for (name, block, turn) in [("mono", 512, 1), ("stereo", 1024, 8)] {
        let expected = libsndfile(&format!("ima_{name}_pcm.wav"));
        let file = std::fs::read(data(&format!("ima_{name}.wav"))).unwrap();
        let expect = |n_bytes, fact, n_frames: usize, n_notes| {
            std::fs::write(&path, shortened(&file, n_bytes, fact)).unwrap();
            let info = probe(&path).unwrap();
            assert_eq!(info.codec, "IMA ADPCM");
            assert_eq!(info.notes.len(), n_notes, "{:?}", info.notes);
            let secs = n_frames as f64 / 16_000.0;
            assert_eq!(info.duration_secs, Some(secs), "{name} {n_bytes} {fact}");
            assert_eq!(read(&path, Resampling::ToEncoderRate), expected[..n_frames]);
        };
        let whole = 2 * block;
        // A block has 1017 samples: one in its header, two in each byte.
        expect(whole, 2034, 2034, 0);
        expect(whole, 1300, 1300, 0);
        // No count, and one that cannot be.
        expect(whole, 0, 2034, 0);
        expect(whole, 64_000, 2034, 1);
        // The last block ends after five turns, within its header, with its header.
        let header = block / 128;
        let five = block + header + 5 * turn;
        let in_five = 1017 + 1 + 5 * if turn == 1 { 2 } else { 8 };
        expect(five, 0, in_five, 0);
        expect(five, in_five as u32 - 1, in_five - 1, 0);
        expect(block + header - 1, 0, 1017, 0);
        expect(block + header, 0, 1018, 0);
    }
}

/// The pages of an Ogg file.
fn ogg_pages(file: &[u8]) -> Vec<Vec<u8>> {
    let mut pages: Vec<Vec<u8>> = vec![];
    let mut rest = file;
    while !rest.is_empty() {
        let n_segments = usize::from(rest[26]);
        let content = rest[27..27 + n_segments].iter().map(|&n| usize::from(n));
        let (page, behind) = rest.split_at(27 + n_segments + content.sum::<usize>());
        pages.push(page.to_vec());
        rest = behind;
    }
    pages
}

/// A page with another time, in samples, and the checksum that fits (CRC-32 of RFC 3533).
fn retimed(mut page: Vec<u8>, add: u64) -> Vec<u8> {
    let time = u64::from_le_bytes(page[6..14].try_into().unwrap());
    page[6..14].copy_from_slice(&(time + add).to_le_bytes());
    page[22..26].fill(0);
    let crc = page.iter().fold(0_u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte) << 24, |crc, _| {
            (crc << 1) ^ if crc >> 31 == 1 { 0x04c1_1db7 } else { 0 }
        })
    });
    page[22..26].copy_from_slice(&crc.to_le_bytes());
    page
}

#[test]
fn an_ogg_cut_from_the_middle_of_a_stream_keeps_all_its_sound() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("cut.ogg");
    let pages = ogg_pages(&std::fs::read(data("noise.ogg")).unwrap());
    // A minute into a broadcast: its clock goes on, the headers have none.
    let is_header = |page: &[u8]| page[6..14] == [0; 8];
    let cut = pages.into_iter().map(|page| {
        let add = if is_header(&page) { 0 } else { 16_000 * 60 };
        retimed(page, add)
    });
    std::fs::write(&path, cut.collect::<Vec<_>>().concat()).unwrap();
    let expected = read(&data("noise.ogg"), Resampling::Refuse);
    assert_eq!(expected.len(), 16_000);
    let found = read(&path, Resampling::Refuse);
    assert_eq!(found.len(), expected.len());
    assert!(found == expected, "other samples");
    // The minute is no part of it; the first block may be.
    let secs = probe(&path).unwrap().duration_secs.unwrap();
    assert!((1.0..1.05).contains(&secs), "{secs}");
}

#[test]
fn joined_ogg_streams_are_read_to_the_end_as_one() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("joined.ogg");
    let one = std::fs::read(data("tone.ogg")).unwrap();
    let once = read(&data("tone.ogg"), Resampling::Refuse);
    std::fs::write(&path, one.repeat(3)).unwrap();
    assert_eq!(read(&path, Resampling::Refuse), once.repeat(3));
    let info = probe(&path).unwrap();
    assert_eq!(info.duration_secs, Some(0.75));
    assert!(info.notes[0].contains("3 Ogg streams"), "{:?}", info.notes);

    // What goes wrong in the second has the time that it has in the whole.
    std::fs::write(&path, &one.repeat(2)[..one.len() * 2 - 40]).unwrap();
    let error = probe(&path).unwrap_err().to_string();
    assert!(error.contains("damaged after 0.250 s"), "{error}");

    let other = std::fs::read(data("tone_8k_stereo.ogg")).unwrap();
    std::fs::write(&path, [one, other].concat()).unwrap();
    let error = probe(&path).unwrap_err().to_string();
    assert!(
        error.contains("one of 16000 Hz and 1 channel, another of 8000 Hz and 2 channels"),
        "{error}"
    );
}

#[test]
fn aiff_is_read_in_each_of_its_codings() {
    let expected: Vec<f32> = (0..100_i32)
        .map(|i| ((37 * i) % 256 - 128 + (91 * i) % 256 - 128) as f32 / 256.0)
        .collect();
    let names = [
        "8.aiff",
        "16.aiff",
        "24.aiff",
        "32.aiff",
        "u8.aifc",
        "sowt16.aifc",
        "sowt24.aifc",
        "sowt32.aifc",
        "fl32.aifc",
        "fl64.aifc",
    ];
    for name in names {
        let path = data(&format!("aiff_{name}"));
        let info = probe(&path).unwrap();
        assert_eq!((info.rate_hz, info.channels), (16_000, 2), "{name}");
        assert_eq!(info.duration_secs, Some(0.00625), "{name}");
        assert!(info.notes.is_empty(), "{:?}", info.notes);
        let found = read(&path, Resampling::ToEncoderRate);
        // 1 becomes the largest float of a 32-bit number: nothing here is 1.
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn an_aiff_written_to_a_pipe_is_read_to_its_end() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("piped.aiff");
    let mut file = std::fs::read(data("aiff_16.aiff")).unwrap();
    let whole = read(&data("aiff_16.aiff"), Resampling::ToEncoderRate);
    let at = |tag: &[u8; 4]| file.windows(4).position(|bytes| bytes == tag).unwrap();
    let (common, sound) = (at(b"COMM"), at(b"SSND"));
    file[4..8].fill(0);
    file[sound + 4..sound + 8].fill(0);
    // Fewer samples than the sound has: which is true cannot be told.
    std::fs::write(&path, &file).unwrap();
    assert!(
        probe(&path)
            .unwrap_err()
            .to_string()
            .contains("contradicts itself")
    );
    file[common + 10..common + 14].fill(0);
    std::fs::write(&path, &file).unwrap();
    assert_eq!(read(&path, Resampling::ToEncoderRate), whole);
    assert_eq!(probe(&path).unwrap().notes.len(), 1);
}
