//! Compute devices: as requested by the user, and as selected.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The device requested by the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum DeviceChoice {
    /// CUDA if available, else the CPU, with a note.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// An NVIDIA GPU by index; an error if it cannot be used.
    Cuda(u32),
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(0) => f.write_str("cuda"),
            Self::Cuda(n) => write!(f, "cuda:{n}"),
        }
    }
}

impl FromStr for DeviceChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Cpu),
            "cuda" => Ok(Self::Cuda(0)),
            _ => text
                .strip_prefix("cuda:")
                .and_then(|number| number.parse().ok())
                .map(Self::Cuda)
                .ok_or_else(|| {
                    format!("\"{text}\" is no device. Use auto, cpu, cuda, or cuda:1 for the second GPU.")
                }),
        }
    }
}

impl From<DeviceChoice> for String {
    fn from(choice: DeviceChoice) -> Self {
        choice.to_string()
    }
}

impl TryFrom<String> for DeviceChoice {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

/// The device in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Device {
    /// The CPU.
    Cpu {
        /// Threads per matrix product.
        n_threads: usize,
    },
    /// An NVIDIA GPU.
    Cuda {
        /// Index of the GPU.
        index: u32,
    },
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu { n_threads: 1 } => f.write_str("CPU, 1 thread"),
            Self::Cpu { n_threads } => write!(f, "CPU, {n_threads} threads"),
            Self::Cuda { index } => write!(f, "NVIDIA GPU {index} (CUDA)"),
        }
    }
}
