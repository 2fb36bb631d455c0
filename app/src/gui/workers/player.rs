//! Plays a story through the system's audio device, if there is one.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};

use heschl_core::speech::ENCODER_RATE_HZ;
use maudio::audio::sample_rate::SampleRate;
use maudio::device::Device;
use maudio::device::device_builder::{DeviceBuilder, DeviceBuilderOps as _};

use super::Waker;

/// Samples of a story as the encoder receives them: `(n_samples,)` at 16 kHz mono.
type Samples = Arc<Vec<i16>>;

/// The player: a thread that holds the device while something plays.
pub(crate) struct Player {
    orders: Sender<PlayerCommand>,
    shared: Arc<PlayerState>,
}

enum PlayerCommand {
    Play(Samples),
    Stop,
}

/// What the device's thread, the player's thread and the window see of each other.
#[derive(Default)]
struct PlayerState {
    /// The sample that is played next.
    at: AtomicUsize,
    is_playing: AtomicBool,
    /// Why nothing can be heard: a sentence.
    problem: Mutex<Option<String>>,
}

impl Player {
    /// Gets ready to play; no device is touched before something is played.
    pub(crate) fn open(waker: &Waker) -> Self {
        let (orders, last_request) = mpsc::channel();
        let shared = Arc::new(PlayerState::default());
        let (theirs, waker) = (shared.clone(), waker.clone());
        // Without a thread nothing plays, which is all that is lost.
        let _ = std::thread::Builder::new()
            .name("player".into())
            .spawn(move || handle(&last_request, &theirs, &waker));
        Self { orders, shared }
    }

    /// Plays from an instant, in seconds.
    pub(crate) fn play(&self, samples: &Samples, from_secs: f64) {
        self.seek(from_secs);
        self.shared.is_playing.store(true, Ordering::Release);
        let _ = self.orders.send(PlayerCommand::Play(samples.clone()));
    }

    /// Goes to an instant, in seconds, playing or not.
    pub(crate) fn seek(&self, secs: f64) {
        let at = (secs.max(0.0) * f64::from(ENCODER_RATE_HZ)).round() as usize;
        self.shared.at.store(at, Ordering::Release);
    }

    /// Falls silent.
    pub(crate) fn stop(&self) {
        self.shared.is_playing.store(false, Ordering::Release);
        let _ = self.orders.send(PlayerCommand::Stop);
    }

    /// The instant that is heard, in seconds; `None` while nothing plays.
    #[must_use]
    pub(crate) fn heard_secs(&self) -> Option<f64> {
        let is_playing = self.shared.is_playing.load(Ordering::Acquire);
        let at = self.shared.at.load(Ordering::Acquire);
        is_playing.then(|| at as f64 / f64::from(ENCODER_RATE_HZ))
    }

    /// Why nothing can be heard, told once.
    pub(crate) fn take_problem(&self) -> Option<String> {
        let problem = self.shared.problem.lock();
        problem.unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Holds at most one device, until it is told to fall silent or the window is gone.
fn handle(orders: &Receiver<PlayerCommand>, shared: &Arc<PlayerState>, waker: &Waker) {
    let mut playing: Option<Device<i16>> = None;
    for order in orders {
        // A device that is dropped is closed.
        drop(playing.take());
        let PlayerCommand::Play(samples) = order else {
            continue;
        };
        match start(samples, shared) {
            Ok(device) => playing = Some(device),
            Err(error) => {
                shared.is_playing.store(false, Ordering::Release);
                let problem = shared.problem.lock();
                *problem.unwrap_or_else(PoisonError::into_inner) = Some(format!(
                    "No audio device could be opened, so nothing can be played. ({error})"
                ));
                waker();
            }
        }
    }
}

fn start(samples: Samples, shared: &Arc<PlayerState>) -> maudio::MaResult<Device<i16>> {
    let shared = shared.clone();
    let mut device = DeviceBuilder::playback()
        .i16()
        .playback_channels(1)
        .sample_rate(SampleRate::Sr16000)
        .with_callback(move |_, out| fill(&samples, &shared, out))?;
    device.device_start()?;
    Ok(device)
}

/// Gives the device its next samples, and silence after the last.
fn fill(samples: &[i16], shared: &PlayerState, out: &mut [i16]) {
    let at = shared.at.load(Ordering::Acquire).min(samples.len());
    let n_left = out.len().min(samples.len() - at);
    let is_playing = shared.is_playing.load(Ordering::Acquire);
    let n_played = if is_playing { n_left } else { 0 };
    out[..n_played].copy_from_slice(&samples[at..at + n_played]);
    out[n_played..].fill(0);
    if n_played == 0 {
        shared.is_playing.store(false, Ordering::Release);
    } else {
        // A seek that came meanwhile stands.
        let _ = shared
            .at
            .compare_exchange(at, at + n_played, Ordering::AcqRel, Ordering::Acquire);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_device_gets_every_sample_once_and_then_silence() {
        let shared = PlayerState::default();
        shared.is_playing.store(true, Ordering::Release);
        shared.at.store(1, Ordering::Release);
        let samples = [10, 11, 12, 13, 14];
        let mut heard = vec![];
        for _ in 0..3 {
            let mut out = [99; 3];
            fill(&samples, &shared, &mut out);
            heard.extend(out);
        }
        assert_eq!(heard, [11, 12, 13, 14, 0, 0, 0, 0, 0]);
        assert!(!shared.is_playing.load(Ordering::Acquire));
    }

    #[test]
    fn a_seek_past_the_end_is_silence() {
        let shared = PlayerState::default();
        shared.is_playing.store(true, Ordering::Release);
        shared.at.store(usize::MAX, Ordering::Release);
        let mut out = [99; 2];
        fill(&[1, 2, 3], &shared, &mut out);
        assert_eq!(out, [0, 0]);
    }
}
