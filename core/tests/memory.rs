//! What readers take of memory where a small file claims, or unpacks to, far more than it is worth.
//!
//! The promise: 64 MiB and twice the file, or a block of what was asked for.
#![allow(
    clippy::disallowed_methods,
    reason = "tests prepare their files directly"
)]
#![expect(clippy::unwrap_used, reason = "a test fails with the reason")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use base64::Engine as _;
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use heschl_core::brain;
use heschl_core::files::formats::freesurfer::{self, patch};
use heschl_core::files::formats::npz;
use heschl_core::files::formats::responses::{ResponseOptions, open};

static NOW: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);
/// One measurement at a time.
static TURN: Mutex<()> = Mutex::new(());

struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

#[expect(
    unsafe_code,
    reason = "an allocator that counts and leaves the rest to the system's"
)]
// SAFETY: every call is handed on unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = NOW.fetch_add(layout.size(), Relaxed) + layout.size();
        MOST.fetch_max(now, Relaxed);
        // SAFETY: as for this function.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Relaxed);
        // SAFETY: as for this function.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// Fails if `work` takes more memory than a file of so many bytes is worth.
fn within(n_file_bytes: usize, what: &str, work: impl FnOnce()) {
    let _turn = TURN.lock().unwrap();
    let before = NOW.load(Relaxed);
    MOST.store(before, Relaxed);
    work();
    let taken = MOST.load(Relaxed) - before;
    let most = (64 << 20) + 2 * n_file_bytes;
    assert!(
        taken <= most,
        "{what}: {taken} bytes for a file of {n_file_bytes}"
    );
}

/// Writes a beginning and something `n` times. Memory would count in tests that run meanwhile.
fn repeated(folder: &Path, name: &str, (beginning, part, n): (&[u8], &[u8], usize)) -> PathBuf {
    let path = written(folder, name, beginning);
    let file = std::fs::File::options().append(true).open(&path).unwrap();
    let mut file = std::io::BufWriter::new(file);
    for _ in 0..n {
        file.write_all(part).unwrap();
    }
    file.flush().unwrap();
    path
}

/// Reads a file as everything that surfaces, maps and regions are read from.
fn read_within(path: &Path) {
    let n_bytes = std::fs::metadata(path).unwrap().len() as usize;
    let within = |work: &dyn Fn()| within(n_bytes, &path.display().to_string(), work);
    within(&|| drop(brain::read_surface(path)));
    within(&|| drop(brain::read_maps(path)));
    within(&|| drop(brain::read_map(path, None)));
    within(&|| drop(brain::read_regions(path)));
    within(&|| drop(brain::read_label(path)));
    within(&|| drop(freesurfer::read(path, patch::parse)));
}

/// Opens a file and reads the borders of each story, as `inspect` and a fit's first block do.
fn open_within(path: &Path) {
    let n_bytes = std::fs::metadata(path).unwrap().len() as usize;
    let options = ResponseOptions {
        mask: None,
        scratch: path.parent().unwrap().join("scratch"),
    };
    within(n_bytes, &path.display().to_string(), || {
        let Ok(source) = open(path, &options) else {
            return;
        };
        let stories = source.stories();
        let _ = source.verify(&stories);
        for story in stories {
            let (n_scans, n_voxels) = source.shape(&story).unwrap();
            let _ = source.read(&story, 0..n_scans.min(4), 0..n_voxels.min(100));
            let _ = source.read(&story, n_scans - 1..n_scans, n_voxels - 1..n_voxels);
        }
    });
}

fn written(folder: &Path, name: &str, content: &[u8]) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, content).unwrap();
    path
}

/// Zeros that follow `head`, compressed.
fn zeros<W: std::io::Write>(mut encoder: W, head: &[u8], n_mebibytes: usize) -> W {
    encoder.write_all(head).unwrap();
    for _ in 0..n_mebibytes {
        encoder.write_all(&vec![0; 1 << 20]).unwrap();
    }
    encoder
}

fn npy_header(shape: &str) -> Vec<u8> {
    let text = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    let padded = format!("{text:117}\n");
    bytes.extend((padded.len() as u16).to_le_bytes());
    bytes.extend(padded.as_bytes());
    bytes
}

/// An archive with one member of zeros.
fn archive(shape: &str, n_mebibytes: usize) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    zip.start_file("features.npy", zip::write::SimpleFileOptions::default())
        .unwrap();
    zeros(zip, &npy_header(shape), n_mebibytes)
        .finish()
        .unwrap()
        .into_inner()
}

#[test]
fn archives_of_zeros_are_read_in_blocks() {
    let folder = tempfile::tempdir().unwrap();
    let path = written(folder.path(), "a.npz", &archive("(65536, 1024)", 256));
    let n_bytes = std::fs::metadata(&path).unwrap().len() as usize;
    assert!(n_bytes < 1 << 20);
    open_within(&path);
    within(n_bytes, "each value", || {
        let mut n = 0_usize;
        npz::each_value(&path, "features", &mut |_, value| {
            n += usize::from(value == 0.0);
        })
        .unwrap();
        assert_eq!(n, 65536 * 1024);
    });
    // A shape that the member does not have takes nothing.
    for shape in [
        "(1099511627776, 1)",
        "(1099511627776, 0)",
        "(1099511627776, 1099511627776)",
        "(65536, 2048)",
    ] {
        let path = written(folder.path(), "b.npz", &archive(shape, 1));
        open_within(&path);
        within(1000, shape, || {
            assert!(
                npz::read::<ndarray::Ix2>(&path, "features").is_err(),
                "{shape}"
            );
        });
    }
}

#[test]
fn arrays_without_columns_or_beyond_their_file_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    for shape in [
        "(1099511627776, 0)",
        "(0, 1099511627776)",
        "(4611686018427387904, 0)",
        "(4611686018427387904, 4)",
        "(2, 4611686018427387904, 0)",
        "(3, 1099511627776, 1099511627776)",
    ] {
        let path = written(folder.path(), "a.npy", &npy_header(shape));
        within(200, shape, || {
            let error = open(&path, &ResponseOptions::default())
                .err()
                .unwrap()
                .to_string();
            assert!(
                error.contains("no values in it") || error.contains("needs more than"),
                "{shape}: {error}"
            );
        });
    }
}

#[test]
fn compressed_files_are_unpacked_onto_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    // An image of 64 × 64 × 64 voxels and 256 scans, which are zeros.
    let mut head = vec![0_u8; 352];
    head[..4].copy_from_slice(&348_i32.to_le_bytes());
    for (index, size) in [4_i16, 64, 64, 64, 256].into_iter().enumerate() {
        head[40 + 2 * index..42 + 2 * index].copy_from_slice(&size.to_le_bytes());
    }
    head[70..72].copy_from_slice(&16_i16.to_le_bytes());
    head[72..74].copy_from_slice(&32_i16.to_le_bytes());
    head[108..112].copy_from_slice(&352_f32.to_le_bytes());
    head[344..348].copy_from_slice(b"n+1\0");
    let image = zeros(GzEncoder::new(Vec::new(), Compression::best()), &head, 256);
    open_within(&written(
        folder.path(),
        "a.nii.gz",
        &image.finish().unwrap(),
    ));
    // A pickle of nothing, packed.
    let pickle = zeros(
        ZlibEncoder::new(Vec::new(), Compression::best()),
        b"\x80\x02}.",
        256,
    );
    open_within(&written(folder.path(), "a.jbl", &pickle.finish().unwrap()));
}

#[test]
fn surfaces_that_unpack_to_far_more_take_no_memory() {
    let folder = tempfile::tempdir().unwrap();
    let values = zeros(ZlibEncoder::new(Vec::new(), Compression::best()), b"", 256)
        .finish()
        .unwrap();
    let values = base64::engine::general_purpose::STANDARD.encode(values);
    let array = |size: u64| {
        format!(
            "<GIFTI><DataArray Intent=\"NIFTI_INTENT_NONE\" DataType=\"NIFTI_TYPE_FLOAT32\" Dimensionality=\"2\" Dim0=\"{size}\" \
             Dim1=\"64\" Encoding=\"GZipBase64Binary\" Endian=\"LittleEndian\"><Data>{values}</Data></DataArray></GIFTI>"
        )
    };
    for size in [1 << 16, 1 << 20, 1 << 21, 1 << 40] {
        let text = array(size);
        let plain = written(folder.path(), "a.gii", text.as_bytes());
        open_within(&plain);
        read_within(&plain);
        let packed = zeros(
            GzEncoder::new(Vec::new(), Compression::best()),
            text.as_bytes(),
            256,
        );
        let packed = written(folder.path(), "b.gii.gz", &packed.finish().unwrap());
        open_within(&packed);
        read_within(&packed);
    }
    // Nothing but characters outside of ASCII.
    read_within(&repeated(
        folder.path(),
        "c.gii",
        (b"<GIFTI>", b"\xE9", 100 << 20),
    ));
}

#[test]
fn geometry_that_claims_or_holds_much_takes_what_it_is_worth() {
    let folder = tempfile::tempdir().unwrap();
    let n: usize = 100 << 20;
    let count = |n: usize| (n as u32).to_be_bytes();
    let beginnings: [(&str, Vec<u8>); 6] = [
        (
            "lh.pial",
            [b"\xFF\xFF\xFE\n\n".as_slice(), &count(n / 12), &count(0)].concat(),
        ),
        (
            "lh.white",
            [b"\xFF\xFF\xFE\n\n".as_slice(), &count(0), &count(n / 12)].concat(),
        ),
        (
            "lh.curv",
            [
                b"\xFF\xFF\xFF".as_slice(),
                &count(n / 4),
                &[0; 4],
                &count(1),
            ]
            .concat(),
        ),
        ("lh.a.annot", count(n / 8).to_vec()),
        ("lh.patch", [count(usize::MAX), count(n / 16)].concat()),
        ("lh.label", b"9999999999\n".to_vec()),
    ];
    for (name, beginning) in beginnings {
        read_within(&repeated(folder.path(), name, (&beginning, b"\0", n)));
    }
    let beginning = format!("#\n{}\n", 3 << 20);
    let lines = (beginning.as_bytes(), b"1 0 0 0 0\n".as_slice(), 3 << 20);
    read_within(&repeated(folder.path(), "rh.label", lines));
}

/// Writes a packed CIFTI file of one map, whose XML names hemispheres of so many vertices, and a part so many times.
fn cifti(path: &Path, n_vertices: usize, (part, n): (&str, usize)) {
    let model = |side: &str, offset: usize| {
        format!(
            "<BrainModel IndexOffset=\"{offset}\" IndexCount=\"1\" ModelType=\"CIFTI_MODEL_TYPE_SURFACE\" \
             BrainStructure=\"CIFTI_STRUCTURE_CORTEX_{side}\" SurfaceNumberOfVertices=\"{n_vertices}\"><VertexIndices>0\
             </VertexIndices></BrainModel>"
        )
    };
    let xml = format!(
        "<CIFTI Version=\"2\"><Matrix><MatrixIndicesMap AppliesToMatrixDimension=\"0\" \
         IndicesMapToDataType=\"CIFTI_INDEX_TYPE_SCALARS\"><NamedMap><MapName>r</MapName></NamedMap></MatrixIndicesMap>\
         <MatrixIndicesMap AppliesToMatrixDimension=\"1\" IndicesMapToDataType=\"CIFTI_INDEX_TYPE_BRAIN_MODELS\">{}{}",
        model("LEFT", 0),
        model("RIGHT", 1)
    );
    let end = "</MatrixIndicesMap></Matrix></CIFTI>";
    let n_xml = xml.len() + n * part.len() + end.len();
    let n_bytes = (8 + n_xml).next_multiple_of(16);
    let mut head = vec![0; 544];
    head[..4].copy_from_slice(&540_i32.to_le_bytes());
    head[4..12].copy_from_slice(b"n+2\0\r\n\x1a\n");
    head[12..14].copy_from_slice(&16_i16.to_le_bytes());
    head[14..16].copy_from_slice(&32_i16.to_le_bytes());
    for (index, size) in [6_i64, 1, 1, 1, 1, 1, 2].into_iter().enumerate() {
        head[16 + 8 * index..24 + 8 * index].copy_from_slice(&size.to_le_bytes());
    }
    head[168..176].copy_from_slice(&((544 + n_bytes) as i64).to_le_bytes());
    head[504..508].copy_from_slice(&3006_i32.to_le_bytes());
    head.extend((n_bytes as i32).to_le_bytes());
    head.extend(32_i32.to_le_bytes());
    // Written piece by piece: memory would count in tests that run meanwhile.
    let file = std::io::BufWriter::new(std::fs::File::create(path).unwrap());
    let mut packed = GzEncoder::new(file, Compression::fast());
    packed.write_all(&head).unwrap();
    packed.write_all(xml.as_bytes()).unwrap();
    for _ in 0..n {
        packed.write_all(part.as_bytes()).unwrap();
    }
    packed.write_all(end.as_bytes()).unwrap();
    packed.write_all(&vec![0; n_bytes - 8 - n_xml + 8]).unwrap();
    packed.finish().unwrap().flush().unwrap();
}

#[test]
fn cifti_that_claims_or_unpacks_to_much_takes_no_memory() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.dscalar.nii.gz");
    let most = 1 << 21;
    cifti(&path, most, ("", 0));
    let n_bytes = std::fs::metadata(&path).unwrap().len() as usize;
    within(n_bytes, "maps of the largest hemispheres", || {
        assert!(brain::read_map(&path, None).is_ok());
    });
    for (n_vertices, part, n) in [
        (most + 1, "", 0),
        (usize::MAX, "", 0),
        (most, "<NamedMap/>", 70_000),
        (most, "<MapName>a</MapName>", 500_000),
        (most, "<VertexIndices>0 ", 700_000),
        (most, "\u{e9}", 7 << 20),
        (most, "          ", 2 << 20),
    ] {
        cifti(&path, n_vertices, (part, n));
        read_within(&path);
    }
}

#[test]
fn pickles_that_copy_what_they_hold_take_no_memory() {
    let folder = tempfile::tempdir().unwrap();
    // A list of a thousand pairs, of which dictionaries are made again and again.
    let mut pickle = b"\x80\x02](".to_vec();
    for _ in 0..1000 {
        pickle.extend(b"K\x01K\x02\x86");
    }
    pickle.extend(b"eq\x00]ccollections\nOrderedDict\nq\x01");
    for _ in 0..50_000 {
        pickle.extend(b"h\x01h\x00\x85R0");
    }
    pickle.extend(b".");
    open_within(&written(folder.path(), "a.pkl", &pickle));
    let mut pickle = b"\x80\x02".to_vec();
    pickle.extend(std::iter::repeat_n(b']', 99_000));
    open_within(&written(folder.path(), "b.pkl", &pickle));
}

#[test]
fn chunks_and_dictionaries_take_what_they_are_worth() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/formats/others");
    let folder = tempfile::tempdir().unwrap();
    for name in [
        "zeros.h5",
        "one_vast_chunk.h5",
        "blosc2_zeros.h5",
        "vast_dictionary_xz.jbl",
        "vast_dictionary_lzma.jbl",
    ] {
        let path = folder.path().join(name);
        std::fs::copy(data.join(name), &path).unwrap();
        open_within(&path);
    }
}
