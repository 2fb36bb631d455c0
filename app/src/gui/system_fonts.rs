//! Characters that the program's own fonts lack, from the fonts of the system: stories have names in all scripts.

use std::sync::OnceLock;

use eframe::egui::{FallbackRequest, FontData, FontInsert, FontProvider};
use resvg::usvg::fontdb::{Database, FaceInfo, Stretch, Style, Weight};

/// Looks for a font when a character turns up that no font so far can draw.
pub(crate) struct SystemFonts {
    /// Read when the first such character turns up.
    database: OnceLock<Database>,
    load: fn(&mut Database),
}

impl SystemFonts {
    /// The fonts of this system.
    pub(crate) fn new() -> Self {
        Self {
            database: OnceLock::new(),
            load: Database::load_system_fonts,
        }
    }

    /// The plainest face that has a character, and its file's bytes.
    fn find(&self, character: char) -> Option<(String, FontData)> {
        let database = self.database.get_or_init(|| {
            let mut database = Database::new();
            (self.load)(&mut database);
            database
        });
        let mut faces: Vec<&FaceInfo> = database.faces().collect();
        faces.sort_by_key(|face| strangeness(face));
        faces.into_iter().find_map(|face| {
            let read = |bytes: &[u8], index: u32| {
                let parsed = ttf_parser::Face::parse(bytes, index).ok()?;
                parsed.glyph_index(character)?;
                let mut data = FontData::from_owned(bytes.to_vec());
                data.index = index;
                Some(data)
            };
            let data = database.with_face_data(face.id, read).flatten()?;
            Some((face.post_script_name.clone(), data))
        })
    }
}

impl FontProvider for SystemFonts {
    fn font_for(&self, request: &FallbackRequest<'_>) -> Option<FontInsert> {
        let character = request.cluster.chars().next()?;
        let (name, data) = self.find(character)?;
        Some(FontInsert {
            name: format!("{name} of the system"),
            data,
            families: vec![],
        })
    }
}

/// How far a face is from what text is usually written in.
fn strangeness(face: &FaceInfo) -> (bool, bool, u16, bool, String) {
    (
        face.style != Style::Normal,
        face.stretch != Stretch::Normal,
        face.weight.0.abs_diff(Weight::NORMAL.0),
        face.monospaced,
        face.post_script_name.clone(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use eframe::egui::FontFamily;

    /// The fonts of the program's own assets, as if the system had no others.
    fn fonts() -> SystemFonts {
        SystemFonts {
            database: OnceLock::new(),
            load: |database| {
                let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/fonts");
                database.load_fonts_dir(folder);
            },
        }
    }

    #[test]
    fn a_font_is_found_by_the_character_that_it_has() {
        let fonts = fonts();
        let name = |cluster: &str| {
            let request = FallbackRequest {
                cluster,
                family: &FontFamily::Proportional,
            };
            Some(fonts.font_for(&request)?.name)
        };
        // The regular weight comes before the others.
        assert_eq!(
            name("A").as_deref(),
            Some("InterHeschl-Regular of the system")
        );
        let icon = crate::gui::icons::BRAIN.to_string();
        assert!(name(&icon).unwrap().contains("lucide"), "{:?}", name(&icon));
        // No font has it: nothing is made up.
        assert_eq!(name("\u{639}"), None);
        assert_eq!(name(""), None);
    }
}
