//! Opens the window, and says in a sentence why it cannot be opened.

use std::path::PathBuf;
use std::sync::Arc;

use eframe::egui;
use eframe::egui_wgpu::{WgpuConfiguration, WgpuSetup};
use eframe::wgpu::DeviceDescriptor;
use heschl_models::folders::Surroundings;

use super::app::{App, StartOptions};
use super::preferences;
use crate::failure::{CommandResult, Failure, Outcome};

/// The smallest window in which nothing is cut off.
const SMALLEST: [f32; 2] = [800.0, 560.0];

/// Opens the window, with a study or what was open last.
///
/// # Errors
/// A sentence if there is no display or no driver to draw with.
pub(crate) fn open(path: Option<PathBuf>) -> CommandResult {
    let around = Surroundings::of_this_process();
    let folder = around.folders()?.root().to_path_buf();
    let (preferences, error_message) = preferences::read(&folder);
    let viewport = egui::ViewportBuilder::default()
        .with_title("Heschl")
        .with_app_id("heschl")
        .with_inner_size(preferences.layout.window_size)
        .with_min_inner_size(SMALLEST)
        .with_icon(icon());
    let native_options = eframe::NativeOptions {
        viewport,
        renderer: eframe::Renderer::Wgpu,
        wgpu_options: for_old_drivers(),
        centered: true,
        ..eframe::NativeOptions::default()
    };
    let options = StartOptions {
        folder,
        preferences,
        error_message,
        path,
        home: around.home,
        program: std::env::current_exe()?,
    };
    let create: eframe::AppCreator<'_> = Box::new(move |cc| {
        #[cfg(debug_assertions)]
        if let Some(map) = super::widget_map::WidgetMap::asked_for() {
            cc.egui_ctx.add_plugin(map);
        }
        Ok(Box::new(App::new(&cc.egui_ctx, options)))
    });
    eframe::run_native("heschl", native_options, create).map_err(|error| no_window(&error))?;
    Ok(Outcome::Done)
}

/// Asks a driver for no more than it has: some drivers are below the usual limits, though above what the window needs.
fn for_old_drivers() -> WgpuConfiguration {
    let mut configuration = WgpuConfiguration::default();
    if let WgpuSetup::CreateNew(setup) = &mut configuration.wgpu_setup {
        let usual = Arc::clone(&setup.device_descriptor);
        setup.device_descriptor = Arc::new(move |adapter| {
            let usual = usual(adapter);
            DeviceDescriptor {
                required_limits: usual
                    .required_limits
                    .or_worse_values_from(&adapter.limits()),
                ..usual
            }
        });
    }
    configuration
}

fn icon() -> egui::IconData {
    let decoded = image::load_from_memory(include_bytes!("../../assets/icon.png"));
    decoded.map_or_else(
        |_| egui::IconData::default(),
        |icon| {
            let icon = icon.into_rgba8();
            egui::IconData {
                width: icon.width(),
                height: icon.height(),
                rgba: icon.into_raw(),
            }
        },
    )
}

/// Why there is no window, and what to do.
fn no_window(error: &eframe::Error) -> Failure {
    let remedy = match error {
        eframe::Error::Wgpu(_) => {
            "No suitable graphics driver was found. On Debian or Ubuntu, install mesa-vulkan-drivers (it needs no \
             graphics card); elsewhere, update the graphics driver."
        }
        _ if cfg!(target_os = "linux") => {
            "Is there a display? Over ssh, or on a cluster, use the command line instead: heschl --help. On a desktop, \
             these packages are needed: libx11-6 libx11-xcb1 libxkbcommon-x11-0 libxcursor1 libxi6."
        }
        _ => "Use the command line instead: heschl --help.",
    };
    Failure::new(format!(
        "The window cannot be opened. {remedy}\nThe system says: {error}"
    ))
}
