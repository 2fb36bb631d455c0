//! What pictures of the cortex show, whatever the view: one picture, and the legend of all.

use heschl_core::scene::{
    Category, ColourScale, ColourScale2d, FlatLayout, Marks, Picture, Scene, Underlay, View,
    Visibility, draw_flat, draw_with_visibility,
};

use super::args::{N_SAMPLES, ShownArgs};
use super::colouring::{Choice, Kinds, Maps, Source};
use super::interior::Inside;
use super::regions::Regions;
use crate::brain_legend::Legend;
use crate::brain_map::OpenSubject;
use crate::brain_marks::BrainMarks;
use crate::console::note;
use crate::failure::Failure;

/// Maps of a subject with their colours and regions.
pub(crate) struct Shown<'a> {
    args: &'a ShownArgs,
    open: &'a OpenSubject,
    /// One for each row of panels.
    rows: Vec<Maps<'a>>,
    regions: Regions<'a>,
    inside: Inside,
    scale2d: Option<ColourScale2d<'static>>,
    categories: Vec<Category>,
    has_legend: bool,
}

/// How a view is projected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Projection {
    /// By the camera.
    Camera,
    /// The flat map without perspective.
    Flat,
}

/// A picture, and what must be told of it.
pub(crate) struct Drawn {
    pub(crate) picture: Picture,
    pub(crate) seen: Visibility,
    /// Words over the picture.
    pub(crate) marks: BrainMarks,
    /// What places without a colour there are.
    pub(super) kinds: Kinds,
}

impl<'a> Shown<'a> {
    /// Reads the maps of files: a row for each file and map.
    ///
    /// # Errors
    /// A sentence if a file cannot be read or does not fit the subject, or options do not go together.
    pub(crate) fn read(
        args: &'a ShownArgs,
        sources: &[Source<'a>],
        open: &'a OpenSubject,
        has_legend: bool,
    ) -> Result<Self, Failure> {
        let rows = sources
            .iter()
            .map(|source| Maps::read(args, *source, open))
            .collect::<Result<Vec<_>, _>>()?;
        let mut shown = Self {
            args,
            open,
            rows,
            regions: Regions::read(args, open)?,
            inside: Inside::read(&args.interior, (open, args.xfm.as_deref()))?,
            scale2d: None,
            categories: vec![],
            has_legend,
        };
        Maps::share_limits(&mut shown.rows, args)?;
        if let [first, ..] = &shown.rows[..] {
            shown.scale2d = first.scale2d(args)?;
            shown.categories = Maps::categories(&shown.rows, args)?;
        }
        let notes = shown.rows.iter().flat_map(Maps::notes);
        for sentence in notes.collect::<std::collections::BTreeSet<_>>() {
            note(format_args!("{sentence}"));
        }
        Ok(shown)
    }

    /// Maps that are not those of a file.
    ///
    /// # Errors
    /// A sentence if the options do not suit them, or regions cannot be read.
    pub(crate) fn of_maps(
        args: &'a ShownArgs,
        maps: Maps<'a>,
        open: &'a OpenSubject,
    ) -> Result<Self, Failure> {
        Ok(Self {
            args,
            open,
            rows: vec![maps],
            regions: Regions::read(args, open)?,
            inside: Inside::read(&args.interior, (open, args.xfm.as_deref()))?,
            scale2d: None,
            categories: vec![],
            has_legend: true,
        })
    }

    /// The maps of each row.
    pub(crate) fn rows(&self) -> &[Maps<'a>] {
        &self.rows
    }

    fn choice(&self) -> Choice<'_> {
        Choice {
            scale2d: self.scale2d.as_ref(),
            categories: &self.categories,
            has_legend: self.has_legend,
        }
    }

    /// Draws a row's map from a view into a picture of `size`, (width, height) in pixels.
    ///
    /// # Errors
    /// A sentence if the subject lacks a surface of the view.
    pub(crate) fn draw(
        &self,
        row: usize,
        view: (&View, Projection),
        size: [usize; 2],
    ) -> Result<Drawn, Failure> {
        self.draw_maps(&self.rows[row], view, size)
    }

    /// Draws other maps in the same way.
    ///
    /// # Errors
    /// As [`Shown::draw`].
    pub(crate) fn draw_maps(
        &self,
        maps: &Maps,
        (view, projection): (&View, Projection),
        size: [usize; 2],
    ) -> Result<Drawn, Failure> {
        let subject = &*self.open.subject;
        let sampling = self.args.sampling(view.pose.depth);
        let lines = self.regions.lines(size[1]);
        let camera = view.camera(subject);
        let scene = Scene {
            subject,
            pose: view.pose,
            camera,
            underlay: Underlay::Curvature,
            layer: Some(maps.layer(self.args, &sampling, self.choice())),
            outlines: self.regions.outlines(size[1]),
            marks: Marks {
                dropout: maps.dropout(&sampling),
                lines: &lines,
            },
            interior: self.inside.interior(view, camera.eye())?,
            is_lit: view.is_lit && !self.args.no_light,
        };
        let is_flat = projection == Projection::Flat;
        let (picture, seen) = if is_flat {
            draw_flat(&scene, size, N_SAMPLES)?
        } else {
            draw_with_visibility(&scene, size, N_SAMPLES)?
        };
        let mut marks = self.regions.marks(self.args, &seen, is_flat, size);
        if is_flat && self.args.regions.scale_bar {
            let layout = FlatLayout::of(subject, size)?;
            marks = marks.with_scale(subject, &layout, size);
        }
        let kinds = if self.has_legend {
            Kinds::of(&scene, &seen)
        } else {
            Kinds::default()
        };
        Ok(Drawn {
            picture,
            seen,
            marks,
            kinds,
        })
    }

    /// The colours of the first map.
    pub(crate) fn scale(&self) -> ColourScale {
        self.rows[0].scale(self.args)
    }

    /// What the colours mean.
    ///
    /// * `kinds`: of all pictures.
    pub(super) fn legend(&self, kinds: &Kinds) -> Legend<'_> {
        self.rows[0].legend(self.args, kinds, self.choice())
    }

    /// The titles of the rows.
    pub(crate) fn titles(&self) -> Vec<String> {
        Maps::titles(&self.rows, self.args)
    }

    /// What the colours mean, as far as that does not depend on what is seen.
    pub(crate) fn usual_legend(&self) -> Legend<'_> {
        self.legend(&Kinds::of_args(self.args))
    }

    /// What the colours are, in a sentence without its end.
    pub(crate) fn sentence(&self) -> String {
        self.rows[0].sentence(self.args)
    }

    /// The title of the colour bar, and a command, both with what must be said of how the values were placed.
    pub(crate) fn captions(&self, command: &str) -> (String, String) {
        Maps::captions(&self.rows, self.args, command)
    }
}
