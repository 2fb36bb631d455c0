use std::fmt::Write as _;
use std::io::{Cursor, Write as _};
use std::path::PathBuf;

use serde_json::Value as Json;
use zip::CompressionMethod;
use zip::write::{SimpleFileOptions, ZipWriter};

use super::*;
use crate::checkpoint::{CheckpointError, open};

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(name)
}

/// Value of an IEEE 754 half: a sign bit, five exponent bits, ten fraction bits.
fn half(bits: u16) -> f64 {
    let [sign, exponent, fraction] = [bits >> 15, bits >> 10 & 0x1f, bits & 0x3ff].map(i32::from);
    let magnitude = match exponent {
        0 => f64::from(fraction) * 2f64.powi(-24),
        _ => f64::from(1024 + fraction) * 2f64.powi(exponent - 25),
    };
    if sign == 1 { -magnitude } else { magnitude }
}

/// The values at a tensor's location.
fn numbers(checkpoint: &Checkpoint, name: &str) -> Vec<f64> {
    let shape = &checkpoint.tensors()[name].shape;
    let weight = checkpoint.weight(name, shape).unwrap();
    let file = std::fs::read(&weight.file).unwrap();
    let bytes = &file[weight.offset as usize..][..weight.n_bytes()];
    let each = bytes.chunks_exact(weight.format.n_bytes());
    each.map(|number| match weight.format {
        NumberFormat::F64 => f64::from_le_bytes(number.try_into().unwrap()),
        NumberFormat::F32 => f64::from(f32::from_le_bytes(number.try_into().unwrap())),
        NumberFormat::F16 => half(u16::from_le_bytes(number.try_into().unwrap())),
        NumberFormat::Bf16 => {
            let upper = u32::from(u16::from_le_bytes(number.try_into().unwrap()));
            f64::from(f32::from_bits(upper << 16))
        }
    })
    .collect()
}

/// Asserts that the checkpoint holds the values that `make_checkpoints.py` wrote to all of them.
fn check_values(checkpoint: &Checkpoint) {
    let expected = std::fs::read(data("values.json")).unwrap();
    let expected: BTreeMap<String, Json> = serde_json::from_slice(&expected).unwrap();
    assert!(checkpoint.tensors().keys().eq(expected.keys()));
    for (name, expected) in &expected {
        let tensor = &checkpoint.tensors()[name];
        assert_eq!(serde_json::json!(tensor.shape), expected["shape"], "{name}");
        match name.as_str() {
            "integers" => assert_eq!(tensor.dtype, Dtype::Other("int64".into())),
            "transposed" => {
                let asked = checkpoint.weight(name, &tensor.shape).unwrap_err();
                let sentence = asked.to_string();
                assert!(
                    sentence.contains("transposed do not lie in a row"),
                    "{sentence}"
                );
            }
            _ => {
                let found = serde_json::json!(numbers(checkpoint, name));
                assert_eq!(found, expected["values"], "{name}");
            }
        }
    }
}

#[test]
fn the_numbers_that_pytorch_saved_lie_where_the_checkpoint_says() {
    for file in ["plain.bin", "protocol4.bin", "legacy.bin", "training.bin"] {
        check_values(&read(&data(file)).unwrap());
    }
}

#[test]
fn shards_together_hold_what_one_file_holds() {
    let checkpoint = open(&data("sharded")).unwrap().unwrap();
    assert_eq!(checkpoint.files().len(), 2);
    check_values(&checkpoint);
}

#[test]
fn a_state_dict_with_attributes_is_read() {
    let checkpoint = read(&data("state_dict.bin")).unwrap();
    assert_eq!(checkpoint.tensors()["weight"].shape, [2, 3]);
    assert_eq!(checkpoint.tensors()["bias"].shape, [2]);
}

#[test]
fn a_whole_module_is_refused_with_what_to_do() {
    let sentence = read(&data("whole_model.bin")).unwrap_err().to_string();
    assert!(sentence.contains("no tensors by name"), "{sentence}");
}

/// Number of tensors, and the last value of the last norm's bias, as loaded by PyTorch 2.15.
fn check_encoder(folder: &str, n_tensors: usize, expected: f64) {
    let folder = data("../../../tests/data").join(folder);
    let checkpoint = open(&folder).unwrap().unwrap();
    assert_eq!(checkpoint.tensors().len(), n_tensors);
    let bias = numbers(&checkpoint, "encoder.layers.2.final_layer_norm.bias");
    assert_eq!(bias.len(), 32);
    assert!((bias[31] - expected).abs() < 1e-12, "{}", bias[31]);
}

#[test]
fn encoders_that_transformers_saved_are_read() {
    check_encoder("hubert-base-like", 67, -0.223_168_715_834_617_61);
    check_encoder("wavlm-base-like", 77, 0.002_129_053_464_163_169_3);
}

/// A view of the storage "0", as written in a pickle.
#[derive(Clone, Copy)]
struct Written<'a> {
    name: &'a str,
    count: i64,
    offset: i64,
    shape: &'a [i64],
    strides: &'a [i64],
}

const USUAL: Written = Written {
    name: "w",
    count: 16,
    offset: 4,
    shape: &[3, 4],
    strides: &[4, 1],
};

/// A pickle of a dictionary of tensors, in the oldest protocol.
fn pickle_of(tensors: &[Written]) -> Vec<u8> {
    let tuple = |numbers: &[i64]| {
        let lines: Vec<String> = numbers.iter().map(|n| format!("I{n}\n")).collect();
        format!("({}t", lines.concat())
    };
    let mut pickle = String::from("}");
    for tensor in tensors {
        let Written {
            name,
            count,
            offset,
            shape,
            strides,
        } = tensor;
        let (shape, strides) = (tuple(shape), tuple(strides));
        write!(
            pickle,
            "S'{name}'\nctorch._utils\n_rebuild_tensor_v2\n((S'storage'\nctorch\nFloatStorage\nS'0'\nS'cpu'\n\
             I{count}\ntQI{offset}\n{shape}{strides}I00\nNtRs"
        )
        .unwrap();
    }
    pickle.push('.');
    pickle.into_bytes()
}

const STORED: CompressionMethod = CompressionMethod::Stored;
const DEFLATED: CompressionMethod = CompressionMethod::Deflated;

fn zip_of(entries: &[(&str, &[u8], CompressionMethod)]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(vec![]));
    for (name, content, method) in entries {
        let options = SimpleFileOptions::default().compression_method(*method);
        zip.start_file(*name, options).unwrap();
        zip.write_all(content).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn checkpoint_of(tensors: &[Written]) -> Vec<u8> {
    let pickle = pickle_of(tensors);
    zip_of(&[
        ("a/data.pkl", &pickle, STORED),
        ("a/data/0", &[0; 64], STORED),
    ])
}

fn parse_bytes(bytes: &[u8]) -> Result<Checkpoint, CheckpointError> {
    parse(
        Cursor::new(bytes),
        bytes.len() as u64,
        Path::new("hostile.bin"),
    )
}

/// Asserts that the bytes are rejected with a message that contains `expected`.
fn check_refused(bytes: &[u8], expected: &str) {
    let sentence = parse_bytes(bytes).expect_err(expected).to_string();
    assert!(sentence.contains(expected), "{sentence}");
    assert!(sentence.contains("hostile.bin"), "{sentence}");
}

#[test]
fn a_storage_must_be_as_long_as_it_claims_and_a_tensor_begin_in_it() {
    assert!(parse_bytes(&checkpoint_of(&[USUAL])).is_ok());
    let check = |count, offset, expected: &str| {
        let tensor = Written {
            count,
            offset,
            ..USUAL
        };
        check_refused(&checkpoint_of(&[tensor]), expected);
    };
    check(17, 4, "w has a storage that is longer than");
    check(i64::MAX, 4, "w has a storage that is longer than");
    check(-1, 4, "w has a storage that is longer than");
    check(16, 5, "w reaches past the end of its storage");
    check(16, i64::MAX, "w reaches past the end of its storage");
    check(16, -1, "w does not say where it begins");
    check_refused(&checkpoint_of(&[USUAL, USUAL]), "two tensors named w");
}

#[test]
fn a_tensor_must_end_within_its_storage() {
    let check = |shape: &[i64], strides: &[i64], expected: &str| {
        let tensor = Written {
            shape,
            strides,
            ..USUAL
        };
        check_refused(&checkpoint_of(&[tensor]), expected);
    };
    check(&[4, 4], &[4, 1], "w reaches past the end");
    check(&[3, 4], &[1000, 1], "w reaches past the end");
    check(&[3, 4], &[i64::MAX, 1], "w is larger than any file");
    check(&[1 << 40, 1 << 40], &[4, 1], "w is larger than any file");
    check(&[1 << 62, 1], &[1, 1], "w is larger than any file");
    check(&[1 << 40, 1 << 40, 0], &[0; 3], "w is larger than any file");
    check(&[-3, 4], &[4, 1], "w has no shape");
    check(&[1; 65], &[1; 65], "w has no shape");
    check(&[3, 4], &[-4, 1], "w has strides that do not belong");
    check(&[3, 4], &[1], "w has strides that do not belong");
}

#[test]
fn a_view_that_repeats_or_skips_numbers_is_refused_when_it_is_asked_for() {
    for strides in [&[0, 1], &[1, 3], &[4, 0], &[5, 1]] {
        let tensor = Written {
            offset: 0,
            strides,
            ..USUAL
        };
        let checkpoint = parse_bytes(&checkpoint_of(&[tensor])).unwrap();
        let asked = checkpoint.weight("w", &[3, 4]);
        assert!(matches!(asked, Err(CheckpointError::Scattered { .. })));
    }
}

#[test]
fn archives_that_cannot_be_used_are_refused() {
    let pickle = pickle_of(&[USUAL]);
    let pickle = ("a/data.pkl", &pickle[..], STORED);
    let storage = ("a/data/0", &[0; 64][..], STORED);
    check_refused(&zip_of(&[pickle]), "w has no numbers in the file");
    check_refused(&zip_of(&[storage]), "a zip archive without a data.pkl");
    let big = ("a/byteorder", &b"big"[..], STORED);
    check_refused(&zip_of(&[pickle, big, storage]), "the little-endian order");
    let deflated = ("a/data/0", &[0; 64][..], DEFLATED);
    check_refused(&zip_of(&[pickle, deflated]), "compressed or encrypted");
    let hostile = ("a/data.pkl", &b"cos\nsystem\n(S'true'\ntR."[..], STORED);
    check_refused(&zip_of(&[hostile, storage]), "asks to call \"os.system\"");
    check_refused(
        &zip_of(&[("a/data.pkl", b"}.", STORED)]),
        "no tensors by name",
    );
    check_refused(b"#!/bin/sh", "not saved by PyTorch");
    check_refused(b"", "not saved by PyTorch");
    let tar = [&[0; 257][..], b"ustar"].concat();
    check_refused(&tar, "a tar archive");
    check_refused(b"PK\x03\x04", "its zip archive is invalid");
}

#[test]
fn a_compressed_pickle_is_read() {
    let pickle = pickle_of(&[USUAL]);
    let entries = [
        ("data.pkl", &pickle[..], DEFLATED),
        ("data/0", &[0; 64], STORED),
    ];
    assert!(
        parse_bytes(&zip_of(&entries))
            .unwrap()
            .weight("w", &[3, 4])
            .is_ok()
    );
}

/// `bytes` with every `from` replaced by `to`, of the same length.
fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut replaced = bytes.to_vec();
    let found = (0..bytes.len()).filter(|at| bytes[*at..].starts_with(from));
    for at in found {
        replaced[at..at + to.len()].copy_from_slice(to);
    }
    assert_ne!(replaced, bytes);
    replaced
}

#[test]
fn a_pickle_that_unpacks_to_more_than_is_read_is_refused() {
    const UNPACKED: u32 = 2_000_000;
    let bomb = zip_of(&[("a/data.pkl", &vec![b'N'; UNPACKED as usize], DEFLATED)]);
    check_refused(&bomb, "claims 2000000 bytes");
    let lying = replaced(&bomb, &UNPACKED.to_le_bytes(), &1000_u32.to_le_bytes());
    check_refused(&lying, "Fetch or copy it again");
}

#[test]
fn two_entries_of_one_name_are_refused() {
    let zip = zip_of(&[
        ("a/data/0", &[0; 64], STORED),
        ("a/data/1", &[0; 64], STORED),
    ]);
    check_refused(
        &replaced(&zip, b"data/1", b"data/0"),
        "two entries of one name",
    );
}

#[test]
fn entries_and_lists_outside_the_file_are_refused() {
    let zip = checkpoint_of(&[USUAL]);
    let longer = replaced(&zip, &64_u32.to_le_bytes(), &6400_u32.to_le_bytes());
    check_refused(&longer, "cut short");
    let end = zip.len() - 22;
    let mut outside = zip.clone();
    outside[end + 16..end + 20].copy_from_slice(&0x7fff_ffff_u32.to_le_bytes());
    check_refused(&outside, "its zip archive is invalid");
}

/// Asserts that no accepted checkpoint has tensors outside the file.
fn check_inside(bytes: &[u8]) {
    let Ok(checkpoint) = parse_bytes(bytes) else {
        return;
    };
    for (name, tensor) in checkpoint.tensors() {
        if let Ok(weight) = checkpoint.weight(name, &tensor.shape) {
            assert!(weight.offset + weight.n_bytes() as u64 <= bytes.len() as u64);
        }
    }
}

#[test]
fn no_damage_to_a_byte_makes_a_tensor_lie_outside() {
    for file in ["plain.bin", "legacy.bin"] {
        let whole = std::fs::read(data(file)).unwrap();
        for at in 0..whole.len() {
            for value in [0, 0xff, whole[at] ^ 1, whole[at].wrapping_add(16)] {
                let mut damaged = whole.clone();
                damaged[at] = value;
                check_inside(&damaged);
            }
        }
    }
}

#[test]
fn a_file_that_is_cut_short_is_refused_wherever_it_is_cut() {
    for file in ["plain.bin", "legacy.bin"] {
        let whole = std::fs::read(data(file)).unwrap();
        for n_bytes in 0..whole.len() {
            assert!(
                parse_bytes(&whole[..n_bytes]).is_err(),
                "{file} cut to {n_bytes} bytes"
            );
        }
    }
}
