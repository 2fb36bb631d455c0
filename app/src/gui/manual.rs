//! The manual: pages of Markdown, each linked from the place where it is needed.

/// A page of the manual.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) enum Topic {
    #[default]
    FirstSteps,
    Numbers,
    Stimuli,
    Models,
    App,
    Extract,
    Jobs,
    Features,
    Align,
    Fit,
    Scores,
    Brain,
    Devices,
    Files,
    Keyboard,
    Troubleshooting,
    Licences,
}

impl Topic {
    /// All of them, in order.
    pub(crate) const ALL: [Self; 17] = [
        Self::FirstSteps,
        Self::Numbers,
        Self::Stimuli,
        Self::Models,
        Self::App,
        Self::Extract,
        Self::Jobs,
        Self::Features,
        Self::Align,
        Self::Fit,
        Self::Scores,
        Self::Brain,
        Self::Devices,
        Self::Files,
        Self::Keyboard,
        Self::Troubleshooting,
        Self::Licences,
    ];

    /// Its title.
    #[must_use]
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::FirstSteps => "First steps",
            Self::Numbers => "What do these numbers mean?",
            Self::Stimuli => "Stories and recordings",
            Self::Models => "Speech models",
            Self::App => "The sliding window",
            Self::Extract => "Extracting features",
            Self::Jobs => "Running jobs",
            Self::Features => "Looking at features",
            Self::Align => "Sound and scans on one clock",
            Self::Fit => "Fitting voxels",
            Self::Scores => "Reading scores",
            Self::Brain => "The cortex",
            Self::Devices => "Processor and GPU",
            Self::Files => "Files and folders",
            Self::Keyboard => "Keyboard",
            Self::Troubleshooting => "When something is wrong",
            Self::Licences => "Licences",
        }
    }

    /// Its text, in Markdown.
    #[must_use]
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::FirstSteps => include_str!("../../../docs/manual/first-steps.md"),
            Self::Numbers => include_str!("../../../docs/manual/numbers.md"),
            Self::Stimuli => include_str!("../../../docs/manual/stimuli.md"),
            Self::Models => include_str!("../../../docs/manual/models.md"),
            Self::App => include_str!("../../../docs/manual/window.md"),
            Self::Extract => include_str!("../../../docs/manual/extract.md"),
            Self::Jobs => include_str!("../../../docs/manual/jobs.md"),
            Self::Features => include_str!("../../../docs/manual/features.md"),
            Self::Align => include_str!("../../../docs/manual/align.md"),
            Self::Fit => include_str!("../../../docs/manual/fit.md"),
            Self::Scores => include_str!("../../../docs/manual/scores.md"),
            Self::Brain => include_str!("../../../docs/manual/brain.md"),
            Self::Devices => include_str!("../../../docs/manual/devices.md"),
            Self::Files => include_str!("../../../docs/manual/files.md"),
            Self::Keyboard => include_str!("../../../docs/manual/keyboard.md"),
            Self::Troubleshooting => include_str!("../../../docs/manual/troubles.md"),
            Self::Licences => concat!(
                include_str!("../../../docs/manual/licences.md"),
                "\n## FreeSurfer Software License\n\n",
                include_str!("../../../core/assets/fsaverage5/LICENSE.FreeSurfer.txt"),
                "\n## Notice of McGill University\n\n",
                include_str!("../../../core/assets/mni152/LICENSE.McGill.txt"),
                "\n## Licence of pycortex\n\n",
                include_str!("../../../core/assets/colour_maps/LICENSE.pycortex"),
                "\n## Licence of matplotlib\n\n",
                include_str!("../../../core/assets/colour_maps/LICENSE.matplotlib"),
                "\n## Licence of autoflatten\n\n",
                include_str!("../../../core/assets/cuts/LICENSE.autoflatten")
            ),
        }
    }
}
