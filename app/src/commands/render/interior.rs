//! Slices inside of the cortex, and the cortex cut away or transparent, of `heschl render`.

use std::str::FromStr;

use heschl_core::scene::{Interior, Plane, View, is_as_scanned};

use crate::brain_map::{Anatomy, OpenSubject};
use crate::failure::Failure;

/// What is seen inside of the cortex.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct InteriorArgs {
    /// Show a slice through the subject's T1 inside of the cortex: axial=MM, coronal=MM, sagittal=MM, or at any angle by the vector
    /// across it, X,Y,Z=MM (right, anterior, superior). May be given several times
    #[arg(long = "slice", value_name = "PLANE=MM", allow_hyphen_values = true)]
    slices: Vec<SlicePosition>,

    /// Cut away the cortex between a plane, given as for --slice, and the viewer
    #[arg(long, value_name = "PLANE=MM", allow_hyphen_values = true)]
    cut: Option<SlicePosition>,

    /// Opacity of the cortex over slices, from 0 to 1
    #[arg(long, value_name = "SHARE", default_value_t = 1.0, value_parser = super::share)]
    cortex_opacity: f32,
}

impl Default for InteriorArgs {
    fn default() -> Self {
        Self {
            slices: Vec::new(),
            cut: None,
            cortex_opacity: 1.0,
        }
    }
}

/// A plane by its direction and its distance from the origin.
#[derive(Debug, Clone, Copy, PartialEq)]
struct SlicePosition {
    normal: [f64; 3],
    mm: f64,
}

impl FromStr for SlicePosition {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || "must be like axial=6, coronal=-20, sagittal=-48, or 0,1,1=12".to_owned();
        let (plane, mm) = text.split_once('=').ok_or_else(expected)?;
        let mm: f64 = mm.trim().parse().map_err(|_| expected())?;
        let normal = match plane.trim() {
            "axial" => [0.0, 0.0, 1.0],
            "coronal" => [0.0, 1.0, 0.0],
            "sagittal" => [1.0, 0.0, 0.0],
            vector => {
                let parts = vector.split(',').map(|part| part.trim().parse::<f64>());
                let parts: Vec<f64> = parts.collect::<Result<_, _>>().map_err(|_| expected())?;
                <[f64; 3]>::try_from(parts).map_err(|_| expected())?
            }
        };
        let length = normal.iter().map(|x| x * x).sum::<f64>().sqrt();
        if !(length > 0.0 && length.is_finite() && mm.is_finite()) {
            return Err(expected());
        }
        Ok(Self {
            normal: normal.map(|x| x / length),
            mm,
        })
    }
}

impl SlicePosition {
    fn plane(self) -> Plane {
        Plane {
            normal: self.normal,
            point: self.normal.map(|x| x * self.mm),
        }
    }
}

/// What is drawn inside.
pub(super) struct Inside {
    slices: Vec<Plane>,
    anatomy: Option<Anatomy>,
    cut: Option<Plane>,
    opacity: f32,
}

impl Inside {
    /// Reads the subject's image, if slices are wanted.
    ///
    /// # Errors
    /// A sentence if the image cannot be read.
    pub(super) fn read(
        args: &InteriorArgs,
        (open, transform): (&OpenSubject, Option<&str>),
    ) -> Result<Self, Failure> {
        let anatomy = if args.slices.is_empty() {
            None
        } else {
            let image = Anatomy::of(open, transform)?;
            let image = image.ok_or_else(|| {
                Failure::new(
                    "The subject has no T1 through which a slice could be shown. Leave out --slice."
                        .into(),
                )
            })?;
            Some(image.without_background())
        };
        Ok(Self {
            slices: args.slices.iter().map(|slice| slice.plane()).collect(),
            anatomy,
            cut: args.cut.map(SlicePosition::plane),
            opacity: args.cortex_opacity,
        })
    }

    /// The part of a scene that is seen from a view.
    ///
    /// # Errors
    /// A sentence if the brain is unfolded or opened.
    pub(super) fn interior(&self, view: &View, eye: [f64; 3]) -> Result<Interior<'_>, Failure> {
        let is_wanted = !self.slices.is_empty() || self.cut.is_some() || self.opacity < 1.0;
        if is_wanted && !is_as_scanned(&view.pose) {
            return Err(Failure::new(
                "Slices, cuts and a transparent cortex are shown in the folded brain as it was scanned. Leave out --unfold, and choose a \
                 view that does not open the hemispheres, such as left, dorsal or lateral-left."
                    .into(),
            ));
        }
        Ok(Interior {
            slices: &self.slices,
            image: self.anatomy.as_ref().map(Anatomy::under),
            cut: self.cut.map(|cut| cut.towards(eye)),
            opacity: self.opacity,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn planes_are_read_by_name_and_by_direction() {
        let read = |text: &str| text.parse::<SlicePosition>();
        for (text, normal, mm) in [
            ("axial=6", [0.0, 0.0, 1.0], 6.0),
            ("coronal=-20.5", [0.0, 1.0, 0.0], -20.5),
            ("sagittal=-48", [1.0, 0.0, 0.0], -48.0),
            ("0,3,4=10", [0.0, 0.6, 0.8], 10.0),
        ] {
            assert_eq!(read(text), Ok(SlicePosition { normal, mm }), "{text}");
        }
        for wrong in ["axial", "axial=", "0,0,0=1", "1,2=3", "top=3", "axial=inf"] {
            assert!(
                read(wrong).unwrap_err().starts_with("must be like"),
                "{wrong}"
            );
        }
    }
}
