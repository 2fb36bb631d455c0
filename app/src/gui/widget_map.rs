//! Where each control stands in the real window, by the name that a screen reader reads: for tests that drive it with a mouse.
//!
//! Debug builds only. With `HESCHL_WIDGET_MAP=FILE`, each frame that changes a control writes the file anew: one line per
//! control that is in sight, `x y role state name value`, separated by tabs. x and y are the middle of what is seen of it, in
//! pixels; its state is `enabled`, `disabled` or `focused`.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use eframe::egui;
use egui::accesskit::{Node, NodeId, TreeUpdate};
use heschl_core::files::disk;

/// Writes the map; see the module.
pub(crate) struct WidgetMap {
    file: PathBuf,
    written: String,
}

impl WidgetMap {
    /// The map that the environment asks for.
    pub(crate) fn asked_for() -> Option<Self> {
        let file = std::env::var_os("HESCHL_WIDGET_MAP")?;
        Some(Self {
            file: file.into(),
            written: String::new(),
        })
    }
}

impl egui::Plugin for WidgetMap {
    fn debug_name(&self) -> &'static str {
        "widget map"
    }

    fn input_hook(&mut self, ctx: &egui::Context, _: &mut egui::RawInput) {
        ctx.enable_accesskit();
    }

    fn output_hook(&mut self, ctx: &egui::Context, output: &mut egui::FullOutput) {
        let Some(update) = &output.platform_output.accesskit_update else {
            return;
        };
        let scale = ctx.pixels_per_point();
        let text = ctx.viewport(|viewport| lines(update, &viewport.prev_pass.widgets, scale));
        if text == self.written {
            return;
        }
        let outcome = disk::write_atomically(&self.file, text.as_bytes());
        // Tried again with the next frame.
        if outcome.is_ok() {
            self.written = text;
        }
    }
}

fn lines(update: &TreeUpdate, widgets: &egui::WidgetRects, pixels_per_point: f32) -> String {
    let nodes: HashMap<NodeId, &Node> = update.nodes.iter().map(|(id, node)| (*id, node)).collect();
    let words = |id: &NodeId| {
        nodes
            .get(id)
            .and_then(|node| node.label().or_else(|| node.value()))
    };
    let one_line = |text: &str| text.replace(['\n', '\t'], " ");
    let mut text = String::new();
    for widget in widgets.layers().flat_map(|(_, widgets)| widgets) {
        let id = widget.id.accesskit_id();
        let in_sight = widget.interact_rect;
        let Some(node) = nodes.get(&id).filter(|_| in_sight.is_positive()) else {
            continue;
        };
        let label = node
            .label()
            .or_else(|| node.labelled_by().iter().find_map(words));
        let Some(name) = label.or_else(|| node.value()) else {
            continue;
        };
        let state = match (node.is_disabled(), id == update.focus) {
            (true, _) => "disabled",
            (false, true) => "focused",
            (false, false) => "enabled",
        };
        let middle = in_sight.center() * pixels_per_point;
        let _ = writeln!(
            text,
            "{:.0}\t{:.0}\t{:?}\t{state}\t{}\t{}",
            middle.x,
            middle.y,
            node.role(),
            one_line(name),
            one_line(node.value().unwrap_or_default())
        );
    }
    text
}
