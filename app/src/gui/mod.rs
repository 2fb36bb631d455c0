//! The window.
//!
//! ```text
//!  pages (draw info and state, return actions) → dispatch (applies actions) → workers, jobs (threads, processes)
//!        ▲                                                                                  │
//!        └────────────────────────────── info (what workers found) ◄───────────────────────┘
//! ```
//!
//! * `state`: what the user decided; its persistent part is saved in a file. Changed only by `actions`, so that every change
//!   of the study or the settings can be undone.
//! * `info`: what workers and jobs found; pages only read it.
//! * `pages`: one file per page; a page draws, keeps what is half-typed, and returns what was asked for. It reads no
//!   file, starts no thread, knows no process.
//! * `workers`: one thread per kind of request; a newer request cancels the older one.
//! * `app`: puts them together, frame by frame.

mod actions;
mod app;
mod brain;
mod brain_actions;
mod close_request;
mod colours;
mod dispatch;
mod features;
mod figure;
mod fit_actions;
mod fitting;
mod history;
mod icons;
mod info;
mod job_actions;
mod jobs;
mod loading;
mod log;
mod manual;
mod pages;
mod palette;
mod path_purpose;
mod preferences;
mod rail;
mod region_actions;
pub(crate) mod sample;
mod saving;
mod shortcuts;
mod start;
mod state;
mod status_bar;
mod story;
mod study;
mod system_fonts;
mod text;
mod theme;
mod toasts;
mod waker;
#[cfg(debug_assertions)]
mod widget_map;
mod widgets;
mod workers;

pub(crate) use jobs::go_on;
pub(crate) use start::open;
pub(crate) use text::thousands;

#[cfg(test)]
mod tests;
