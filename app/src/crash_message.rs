//! What is said when the system ends the program: out of memory, or past a limit on the size of files.

/// Said where the program or a library of it aborts, which happens when the system gives no memory. Rust's own line about how
/// much was wanted stands above it.
#[cfg(unix)]
const OUT_OF_MEMORY: &[u8] = b"Error: The program had to stop, most likely because memory ran out. What is done so far is kept; \
run the same command again to resume. Close other programs, raise the limit on memory (ulimit -v, or --mem of the cluster), or \
ask for less at once (a smaller --batchsz, a smaller memory_gib in the recipe, fewer voxels).\n";

/// Turns an abort into a sentence and exit code 1, and a write past a limit on the size of files into an error of that write.
#[cfg(unix)]
#[expect(
    unsafe_code,
    reason = "handlers of signals cannot be registered otherwise; these only write a constant and exit, or do nothing"
)]
pub(crate) fn prepare() {
    let say_and_exit = || {
        // SAFETY: writes a constant, and ends the process at once, without running anything else of it.
        unsafe {
            libc::write(
                libc::STDERR_FILENO,
                OUT_OF_MEMORY.as_ptr().cast(),
                OUT_OF_MEMORY.len(),
            );
            libc::_exit(i32::from(crate::failure::FAILED))
        }
    };
    // SAFETY: both handlers call nothing but functions that may be called at any moment (POSIX: write, _exit). Without a handler
    // the system's default stays, which is no fault.
    unsafe {
        let _ = signal_hook_registry::register(libc::SIGABRT, say_and_exit);
        let _ = signal_hook_registry::register(libc::SIGXFSZ, || {});
    }
}

/// Nothing is prepared on this system.
#[cfg(not(unix))]
pub(crate) fn prepare() {}
