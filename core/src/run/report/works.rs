//! References of the methods paragraph.

/// A work that the methods paragraph can cite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Work {
    Antonello2023,
    Dupre2022,
    BenjaminiHochberg1995,
    Duchon1979,
    Hoerl1970,
    Schoppe2016,
    Whisper,
    HuBert,
    WavLm,
    Wav2Vec2,
}

impl Work {
    pub(super) fn mark(self) -> &'static str {
        match self {
            Self::Antonello2023 => "Antonello et al., 2023",
            Self::Dupre2022 => "Dupré la Tour et al., 2022",
            Self::BenjaminiHochberg1995 => "Benjamini & Hochberg, 1995",
            Self::Duchon1979 => "Duchon, 1979",
            Self::Hoerl1970 => "Hoerl & Kennard, 1970",
            Self::Schoppe2016 => "Schoppe et al., 2016",
            Self::Whisper => "Radford et al., 2023",
            Self::HuBert => "Hsu et al., 2021",
            Self::WavLm => "Chen et al., 2022",
            Self::Wav2Vec2 => "Baevski et al., 2020",
        }
    }

    pub(super) fn reference(self) -> &'static str {
        match self {
            Self::Antonello2023 => {
                "Antonello, R., Vaidya, A., & Huth, A. G. (2023). Scaling laws for language encoding models in fMRI. *Advances in \
                 Neural Information Processing Systems*, 36."
            }
            Self::Dupre2022 => {
                "Dupré la Tour, T., Eickenberg, M., Nunez-Elizalde, A. O., & Gallant, J. L. (2022). Feature-space selection with banded \
                 ridge regression. *NeuroImage*, 264, 119728."
            }
            Self::BenjaminiHochberg1995 => {
                "Benjamini, Y., & Hochberg, Y. (1995). Controlling the false discovery rate: A practical and powerful approach to \
                 multiple testing. *Journal of the Royal Statistical Society B*, 57, 289–300."
            }
            Self::Duchon1979 => {
                "Duchon, C. E. (1979). Lanczos filtering in one and two dimensions. *Journal of Applied Meteorology*, 18, 1016–1022."
            }
            Self::Hoerl1970 => {
                "Hoerl, A. E., & Kennard, R. W. (1970). Ridge regression: Biased estimation for nonorthogonal problems. \
                 *Technometrics*, 12, 55–67."
            }
            Self::Schoppe2016 => {
                "Schoppe, O., Harper, N. S., Willmore, B. D. B., King, A. J., & Schnupp, J. W. H. (2016). Measuring the performance \
                 of neural models. *Frontiers in Computational Neuroscience*, 10, 10."
            }
            Self::Whisper => {
                "Radford, A., Kim, J. W., Xu, T., Brockman, G., McLeavey, C., & Sutskever, I. (2023). Robust speech recognition via \
                 large-scale weak supervision. *Proceedings of the 40th International Conference on Machine Learning*."
            }
            Self::HuBert => {
                "Hsu, W.-N., Bolte, B., Tsai, Y.-H. H., Lakhotia, K., Salakhutdinov, R., & Mohamed, A. (2021). HuBERT: \
                 Self-supervised speech representation learning by masked prediction of hidden units. *IEEE/ACM Transactions on \
                 Audio, Speech, and Language Processing*, 29, 3451–3460."
            }
            Self::WavLm => {
                "Chen, S., et al. (2022). WavLM: Large-scale self-supervised pre-training for full stack speech processing. *IEEE \
                 Journal of Selected Topics in Signal Processing*, 16, 1505–1518."
            }
            Self::Wav2Vec2 => {
                "Baevski, A., Zhou, Y., Mohamed, A., & Auli, M. (2020). wav2vec 2.0: A framework for self-supervised learning of \
                 speech representations. *Advances in Neural Information Processing Systems*, 33."
            }
        }
    }
}
