//! `heschl flatten`: flat maps of a subject, for pycortex and FreeSurfer.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use clap::ValueEnum;
use heschl_core::brain::flatten::{FlatMap, FlattenError, FlattenStage, Watch, flatten};
use heschl_core::brain::folders::{self, FolderKind, LoadedSubject};
use heschl_core::brain::{Side, SurfaceKind};
use heschl_core::files::formats::freesurfer::{morph, patch};
use heschl_core::files::formats::gifti::flat_surface::flat_surface;
use heschl_core::run::store::atomic;

use crate::console::{note, say};
use crate::failure::{CommandResult, Failure, Outcome};
use crate::setup;

/// Progress is told this often.
const TELL_EVERY: Duration = Duration::from_secs(5);

/// Flatten the cortex of a subject
///
/// Cuts both hemispheres along the medial wall and five lines of fsaverage, unfolds them without flipping a triangle, and relaxes distances. Writes a GIFTI surface for pycortex and a patch for FreeSurfer (lh.cortex.patch.flat) of each hemisphere, and the metric distortion of each vertex (lh.flat.distortion) as a map in FreeSurfer's format.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Folder of a subject of FreeSurfer, with surf/lh.white and surf/lh.sphere.reg
    subject: PathBuf,

    /// Output folder
    #[arg(long, value_name = "FOLDER", default_value = "flat")]
    out: PathBuf,

    /// Surface whose distances the flat map keeps
    #[arg(long, value_enum, default_value_t = Folded::White)]
    surface: Folded,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Folded {
    White,
    Middle,
    Pial,
}

impl From<Folded> for SurfaceKind {
    fn from(folded: Folded) -> Self {
        match folded {
            Folded::White => Self::White,
            Folded::Middle => Self::Middle,
            Folded::Pial => Self::Pial,
        }
    }
}

/// Flattens both hemispheres and writes the maps.
///
/// # Errors
/// A sentence if the folder is no subject of FreeSurfer, a surface is missing or cannot be flattened, or a file cannot be written.
pub(crate) fn run(args: &Args) -> CommandResult {
    let loaded = subject(&args.subject)?;
    let cancel = setup::cancel_on_signals()?;
    let progress = Progress::default();
    let of_side = |side: Side| {
        let tell = |stage: FlattenStage, share: f64| {
            progress.tell(side, stage, share);
            if cancel.is_cancelled() {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        };
        flatten(
            loaded.subject.hemisphere(side),
            side,
            args.surface.into(),
            &Watch(&tell),
        )
    };
    let [left, right] = std::thread::scope(|scope| {
        let right = scope.spawn(|| of_side(Side::Right));
        let left = of_side(Side::Left);
        [Ok(left), right.join()]
    });
    let maps = [left, right]
        .map(|outcome| outcome.unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
    let [left, right] = maps.map(|outcome| outcome.map_err(|error| about(&args.subject, &error)));
    let (Some(left), Some(right)) = (left?, right?) else {
        note("Stopped. Nothing was written.");
        return Ok(Outcome::Stopped);
    };
    for (side, map) in Side::BOTH.into_iter().zip([left, right]) {
        let n_triangles = loaded
            .subject
            .hemisphere(side)
            .surface(args.surface.into())
            .map_or(0, |it| it.triangles().len());
        write(&args.out, side, &map, n_triangles)?;
        summary(side, &map);
    }
    say(format_args!("flat maps in {}", args.out.display()));
    Ok(Outcome::Done)
}

/// The subject, with what is odd about its files said.
fn subject(folder: &Path) -> Result<LoadedSubject, Failure> {
    let loaded = folders::load(folder)?;
    if loaded.kind != FolderKind::FreeSurfer {
        return Err(Failure::new(format!(
            "Flattening needs the sphere of registration of a subject of FreeSurfer. Choose its folder, with surf/lh.sphere.reg.\n\
             Folder: {}",
            folder.display()
        )));
    }
    for sentence in &loaded.notes {
        note(sentence);
    }
    Ok(loaded)
}

fn about(folder: &Path, error: &FlattenError) -> Failure {
    Failure::new(format!("{error}.\nFolder: {}", folder.display()))
}

fn prefix(side: Side) -> &'static str {
    match side {
        Side::Left => "lh",
        Side::Right => "rh",
    }
}

fn write(folder: &Path, side: Side, map: &FlatMap, n_triangles: usize) -> Result<(), Failure> {
    let prefix = prefix(side);
    let structure = match side {
        Side::Left => "CortexLeft",
        Side::Right => "CortexRight",
    };
    let refused =
        |clause: String| Failure::new(format!("The flat map cannot be written: {clause}."));
    let surface = &map.surface;
    let gifti = flat_surface(surface.points(), surface.triangles(), structure)?;
    let patch = patch::bytes(&map.patch()).map_err(refused)?;
    let distortion = morph::bytes(&map.distortion, n_triangles).map_err(refused)?;
    atomic::write(
        &folder.join(format!("{prefix}.flat.distortion")),
        &distortion,
    )?;
    atomic::write(&folder.join(format!("{prefix}.cortex.patch.flat")), &patch)?;
    atomic::write(&folder.join(format!("flat_{prefix}.gii")), gifti.as_bytes())?;
    Ok(())
}

fn summary(side: Side, map: &FlatMap) {
    let used = map.surface.used();
    let n_used = used.iter().filter(|used| **used).count();
    let left_out = match map.n_left_out {
        0 => String::new(),
        n => format!(", {n} between cuts left out"),
    };
    say(format_args!(
        "{side}: {n_used} of {} vertices{left_out}, {} triangles, none flipped, mean metric distortion {:.2} %",
        used.len(),
        map.surface.triangles().len(),
        100.0 * map.mean_distortion
    ));
}

/// Tells how far both hemispheres are.
#[derive(Default)]
struct Progress(Mutex<[Option<(FlattenStage, Instant)>; 2]>);

impl Progress {
    fn tell(&self, side: Side, stage: FlattenStage, share: f64) {
        let Ok(mut told) = self.0.lock() else {
            return;
        };
        let last = &mut told[side.index()];
        let is_due = last.is_none_or(|(known, at)| known != stage || at.elapsed() >= TELL_EVERY);
        if is_due {
            *last = Some((stage, Instant::now()));
            let done = if share > 0.0 {
                format!(", {:.0} %", 100.0 * share)
            } else {
                String::new()
            };
            note(format_args!("  {side}: {}{done}", title(stage)));
        }
    }
}

fn title(stage: FlattenStage) -> &'static str {
    match stage {
        FlattenStage::Cutting => "cutting",
        FlattenStage::Distances => "measuring distances along the surface",
        FlattenStage::Unfolding => "unfolding",
        FlattenStage::Relaxing => "relaxing distances",
        FlattenStage::Measuring => "measuring the distortion",
    }
}
