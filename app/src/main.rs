//! The `heschl` program: the command line, and the window if no command is given.
#![cfg_attr(
    test,
    allow(
        clippy::disallowed_methods,
        reason = "tests prepare their files directly"
    )
)]

mod brain_figure;
mod brain_legend;
mod brain_map;
mod brain_marks;
mod brain_panels;
mod command_text;
mod commands;
mod console;
mod crash_message;
mod csv;
mod derived_maps;
mod drawn_regions;
mod failure;
mod fetching;
mod film_file;
mod film_frame;
mod forecast;
mod gui;
mod inputs;
mod logging;
mod map_export;
mod own_program;
mod picture;
mod remedies;
mod render;
mod report;
mod setup;
mod share;
mod slurm;
mod story_film;
mod support;
mod test_responses;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use failure::Outcome;

/// A LibriVox recording, in the public domain: 24.7 s, 16 kHz mono.
const RECORDING: &[u8] = include_bytes!("../assets/austen.wav");

/// Extract speech-model features from recordings and see how well they predict fMRI responses.
#[derive(Parser)]
#[command(name = "heschl", version, about, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    /// Opens the window if no command is given
    command: Option<Command>,

    /// Write details of what is done to standard error
    #[arg(long, short, global = true)]
    verbose: bool,
}

#[derive(Subcommand)]
enum Command {
    Open(commands::open::Args),
    #[command(hide = true)]
    Pick(commands::pick::Args),
    /// Do the jobs that wait, without a window
    #[command(hide = true)]
    GoOn,
    Extract(commands::extract::Args),
    Run(commands::run::Args),
    Check(commands::check::Args),
    Clean(commands::clean::Args),
    Downsample(commands::downsample::Args),
    Encode(commands::encode::Args),
    Merge(commands::encode::MergeArgs),
    Predict(commands::predict::Args),
    Sweep(commands::sweep::Args),
    Stack(commands::stack::Args),
    Partition(commands::partition::Args),
    Map(commands::map::Args),
    Simulate(commands::simulate::Args),
    Render(Box<commands::render::Args>),
    Film(Box<commands::film::Args>),
    Export(commands::export::Args),
    Flatten(commands::flatten::Args),
    Share(commands::share::Args),
    Inspect(commands::inspect::Args),
    Models(commands::models::Args),
    Devices(commands::devices::Args),
    Demo(commands::demo::Args),
    Bench(commands::bench::Args),
    Completions(commands::completions::Args),
    #[command(hide = true)]
    Man(commands::man::Args),
}

fn main() -> ExitCode {
    failure::install_panic_hook();
    crash_message::prepare();
    let code = std::panic::catch_unwind(run).unwrap_or_else(|_| {
        report::report_failure(&failure::of_our_own());
        failure::FAILED
    });
    failure::leave_word(code);
    ExitCode::from(code)
}

fn run() -> u8 {
    let cli = Cli::parse();
    let outcome = logging::start(cli.verbose).and_then(|()| match cli.command {
        None => gui::open(None),
        Some(command) => run_command(command),
    });
    match outcome {
        Ok(Outcome::Done) => failure::DONE,
        Ok(Outcome::SomeFailed) => failure::FAILED,
        Ok(Outcome::Stopped) => failure::STOPPED,
        Err(failure) => {
            report::report_failure(&failure);
            failure::FAILED
        }
    }
}

fn run_command(command: Command) -> failure::CommandResult {
    match command {
        Command::Open(args) => commands::open::run(args),
        Command::Pick(args) => commands::pick::run(args),
        Command::GoOn => gui::go_on(),
        Command::Extract(args) => commands::extract::run(args),
        Command::Run(args) => commands::run::run(args),
        Command::Check(args) => commands::check::run(args),
        Command::Clean(args) => commands::clean::run(&args),
        Command::Downsample(args) => commands::downsample::run(&args),
        Command::Encode(args) => commands::encode::run(&args),
        Command::Merge(args) => commands::encode::merge(&args),
        Command::Predict(args) => commands::predict::run(&args),
        Command::Sweep(args) => commands::sweep::run(&args),
        Command::Stack(args) => commands::stack::run(&args),
        Command::Partition(args) => commands::partition::run(&args),
        Command::Map(args) => commands::map::run(&args),
        Command::Simulate(args) => commands::simulate::run(&args),
        Command::Render(args) => commands::render::run(&args),
        Command::Film(args) => commands::film::run(&args),
        Command::Export(args) => commands::export::run(&args),
        Command::Flatten(args) => commands::flatten::run(&args),
        Command::Share(args) => commands::share::run(&args),
        Command::Inspect(args) => commands::inspect::run(&args),
        Command::Models(args) => commands::models::run(args),
        Command::Devices(args) => commands::devices::run(args),
        Command::Demo(args) => commands::demo::run(args),
        Command::Bench(args) => commands::bench::run(args),
        Command::Completions(args) => commands::completions::run(&args, &mut Cli::command()),
        Command::Man(args) => commands::man::run(&args, &Cli::command()),
    }
}
