//! The first part of the AppImage: unpacks the squashfs that follows it into the user's cache, once, and starts the program.
//!
//! It is linked statically and mounts nothing, so that neither libfuse2 nor any FUSE is needed. Jobs outlive the window that
//! started them; a mount would end with it.

use std::ffi::OsString;
use std::fs::{self, File, Permissions};
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use backhand::{FilesystemReader, InnerNode};
use sha2::{Digest, Sha256};

/// The oldest GNU C library that the program runs with.
const OLDEST_GLIBC: (u32, u32) = (2, 28);
const PROGRAM: &str = "usr/lib/heschl/heschl";

/// Precedes the checksum of the squashfs, which `packaging/appimage` writes behind it.
const MARK: &[u8; 32] = b"SHA-256 of the squashfs follows:";

#[used]
static CHECKSUM: [u8; 64] = {
    let mut bytes = [0; 64];
    let mut at = 0;
    while at < MARK.len() {
        bytes[at] = MARK[at];
        at += 1;
    }
    bytes
};

fn main() -> ExitCode {
    let mut arguments = std::env::args_os();
    arguments.next();
    match start(arguments.collect()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            eprintln!("{sentence}");
            ExitCode::FAILURE
        }
    }
}

fn start(arguments: Vec<OsString>) -> Result<(), String> {
    let image = Image::of_this_program()?;
    match arguments.first().and_then(|first| first.to_str()) {
        Some("--appimage-offset") => println!("{}", image.offset),
        Some("--appimage-extract") => {
            image.unpack(Path::new("squashfs-root"))?;
            println!("Unpacked into the folder squashfs-root.");
        }
        Some("--appimage-clean") => remove_all(&cache()?)?,
        Some("--appimage-help") => println!(
            "--appimage-extract  unpack into the folder squashfs-root here\n\
             --appimage-clean    remove what was unpacked into the cache\n\
             --appimage-offset   print where the squashfs begins"
        ),
        _ => {
            check_glibc()?;
            return Err(run(&image, arguments));
        }
    }
    Ok(())
}

/// Starts the program; returns only if it cannot.
fn run(image: &Image, arguments: Vec<OsString>) -> String {
    let folder = match image.in_cache() {
        Ok(folder) => folder,
        Err(sentence) => return sentence,
    };
    let error = Command::new(folder.join(PROGRAM))
        .args(arguments)
        .env("APPIMAGE", &image.path)
        .env("APPDIR", &folder)
        .exec();
    format!(
        "Heschl was unpacked but cannot be started ({error}). If programs may not be run from this folder, set \
         XDG_CACHE_HOME to another.\nFolder: {}",
        folder.display()
    )
}

/// This file.
struct Image {
    path: PathBuf,
    /// Where the squashfs begins, bytes.
    offset: u64,
}

impl Image {
    fn of_this_program() -> Result<Self, String> {
        let path = std::env::current_exe().map_err(|error| format!("This file cannot be found ({error})."))?;
        let offset = end_of_elf(&path).map_err(|error| damaged(&path, &error.to_string()))?;
        Ok(Self { path, offset })
    }

    /// The checksum that the squashfs must have, in hexadecimal.
    fn checksum(&self) -> String {
        // As it is in the file, not as the compiler knew it.
        let bytes = std::hint::black_box(&CHECKSUM);
        bytes[MARK.len()..].iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The folder that holds what is inside, unpacked now if it was not before.
    fn in_cache(&self) -> Result<PathBuf, String> {
        let cache = cache()?;
        let key = &self.checksum()[..16];
        let folder = cache.join(key);
        fs::create_dir_all(&cache).map_err(|error| {
            format!(
                "The cache cannot be written to ({error}). Set XDG_CACHE_HOME to a folder that you may write to.\nFolder: {}",
                cache.display()
            )
        })?;
        let lock_path = cache.join(format!("{key}.lock"));
        let lock = File::create(&lock_path).map_err(|error| format!("{}: {error}", lock_path.display()))?;
        if !folder.is_dir() {
            // Two first starts at once: the second waits.
            let _ = lock.lock();
            if !folder.is_dir() {
                self.fill(&folder)?;
                remove_others(&cache, key);
            }
            let _ = lock.unlock();
        }
        // Held by the program and its jobs until the last of them ends, so that a newer version does not remove this one.
        let _ = lock.lock_shared();
        let _ = rustix::io::fcntl_setfd(&lock, rustix::io::FdFlags::empty());
        std::mem::forget(lock);
        Ok(folder)
    }

    fn fill(&self, folder: &Path) -> Result<(), String> {
        eprintln!("Unpacking Heschl into {} (once)", folder.display());
        let partial = folder.with_extension("partial");
        let _ = fs::remove_dir_all(&partial);
        self.unpack(&partial).inspect_err(|_| {
            let _ = fs::remove_dir_all(&partial);
        })?;
        fs::rename(&partial, folder).map_err(|error| format!("{}: {error}", folder.display()))
    }

    /// Checks the squashfs and unpacks it.
    fn unpack(&self, to: &Path) -> Result<(), String> {
        let found = self.sha256().map_err(|error| damaged(&self.path, &error.to_string()))?;
        if found != self.checksum() {
            return Err(damaged(&self.path, "its checksum is another"));
        }
        let not_written = |error: io::Error| {
            format!(
                "Heschl cannot be unpacked ({error}). Check the folder's permissions and the disk's free space.\nFolder: {}",
                to.display()
            )
        };
        self.write_nodes(to).map_err(not_written)
    }

    fn sha256(&self) -> io::Result<String> {
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(self.offset))?;
        let (mut hash, mut buffer) = (Sha256::new(), vec![0; 1 << 20]);
        loop {
            let n = file.read(&mut buffer)?;
            if n == 0 {
                break;
            }
            hash.update(&buffer[..n]);
        }
        Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    }

    fn write_nodes(&self, to: &Path) -> io::Result<()> {
        let reader = BufReader::new(File::open(&self.path)?);
        let squashfs = FilesystemReader::from_reader_with_offset(reader, self.offset).map_err(io::Error::other)?;
        for node in squashfs.files() {
            let path = to.join(node.fullpath.strip_prefix("/").unwrap_or(&node.fullpath));
            match &node.inner {
                InnerNode::Dir(_) => fs::create_dir_all(&path)?,
                InnerNode::Symlink(link) => symlink(&link.link, &path)?,
                InnerNode::File(file) => {
                    let mut out = File::create(&path)?;
                    io::copy(&mut squashfs.file(file).reader(), &mut out)?;
                    out.flush()?;
                    fs::set_permissions(&path, Permissions::from_mode(u32::from(node.header.permissions)))?;
                }
                _ => return Err(io::Error::other("a node of another kind")),
            }
        }
        Ok(())
    }
}

fn damaged(path: &Path, why: &str) -> String {
    format!("This file is damaged ({why}). Download it again.\nFile: {}", path.display())
}

/// Where the ELF file that this program is ends: behind its section headers.
fn end_of_elf(path: &Path) -> io::Result<u64> {
    let mut header = [0; 64];
    File::open(path)?.read_exact(&mut header)?;
    let word = |at: usize| u64::from(u16::from_le_bytes([header[at], header[at + 1]]));
    let mut offset = [0; 8];
    offset.copy_from_slice(&header[0x28..0x30]);
    Ok(u64::from_le_bytes(offset) + word(0x3a) * word(0x3c))
}

/// Where versions are unpacked.
fn cache() -> Result<PathBuf, String> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = variable("XDG_CACHE_HOME").or_else(|| Some(variable("HOME")?.join(".cache")));
    let cache = cache.filter(|cache| cache.is_absolute());
    let none = || "There is no folder to unpack Heschl into. Set XDG_CACHE_HOME to a folder that you may write to.".to_owned();
    Ok(cache.ok_or_else(none)?.join("heschl/appimage"))
}

/// Removes other versions that no process uses.
fn remove_others(cache: &Path, key: &str) {
    for entry in fs::read_dir(cache).into_iter().flatten().flatten() {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if !path.is_dir() || name.starts_with(key) {
            continue;
        }
        let lock_path = cache.join(format!("{}.lock", name.trim_end_matches(".partial")));
        let is_free = File::create(&lock_path).is_ok_and(|lock| lock.try_lock().is_ok());
        if is_free && fs::remove_dir_all(&path).is_ok() {
            let _ = fs::remove_file(&lock_path);
        }
    }
}

fn remove_all(cache: &Path) -> Result<(), String> {
    if cache.is_dir() {
        fs::remove_dir_all(cache).map_err(|error| format!("{}: {error}", cache.display()))?;
    }
    Ok(())
}

/// Refuses a system whose C library is too old, in a sentence.
fn check_glibc() -> Result<(), String> {
    let asked = Command::new("getconf").arg("GNU_LIBC_VERSION").output();
    let text = asked.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    // Where this cannot be asked, the system's own loader says what it lacks.
    let Some(version) = text.trim().strip_prefix("glibc ") else {
        return Ok(());
    };
    let mut numbers = version.split('.').map_while(|number| number.parse::<u32>().ok());
    let (Some(major), Some(minor)) = (numbers.next(), numbers.next()) else {
        return Ok(());
    };
    if (major, minor) >= OLDEST_GLIBC {
        return Ok(());
    }
    Err(format!(
        "Heschl needs version {}.{} or newer of the GNU C library (Debian 10, Ubuntu 20.04, RHEL 8); this system has {version}.",
        OLDEST_GLIBC.0, OLDEST_GLIBC.1
    ))
}
