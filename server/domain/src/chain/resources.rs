//! How much of its host a node may use: the limits of a chain's plan, and those of one node that was resized. Checked here
//! for the page and the façade alike; whether a host has so much is nothing that can be known here.

use serde::{Deserialize, Serialize};

use super::range;
use crate::error::{Code, Error};

/// Least and most thousandths of a core of a new chain's nodes.
const CPU_MILLI: (u32, u32) = (100, 64_000);
/// Least and most memory of a new chain's nodes, in MiB.
const MEMORY_MIB: (u32, u32) = (64, 262_144);

/// Limits of one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeResources {
    /// Thousandths of a core.
    pub cpu_milli: u32,
    pub memory_mib: u32,
}

impl NodeResources {
    /// What a node gets unless somebody chooses: one core, which every host has, and what a peer with few blocks needs.
    pub const DEFAULT: Self = Self { cpu_milli: 1_000, memory_mib: 512 };
    /// By so many thousandths of a core a node is resized.
    pub const CPU_STEP_MILLI: u32 = 250;
    /// By so much memory a node is resized, in MiB.
    pub const MEMORY_STEP_MIB: u32 = 256;

    /// Refuses what no node of a new chain gets; the refusal names the limits.
    pub fn check(self) -> Result<(), Error> {
        if !(CPU_MILLI.0..=CPU_MILLI.1).contains(&self.cpu_milli) {
            return Err(range(CPU_MILLI.0, CPU_MILLI.1).on("cpu_milli"));
        }
        if !(MEMORY_MIB.0..=MEMORY_MIB.1).contains(&self.memory_mib) {
            return Err(range(MEMORY_MIB.0, MEMORY_MIB.1).on("memory_mib"));
        }
        Ok(())
    }

    /// Refuses what a node that has `now` cannot be resized to: whole steps within the limits, of which one has to differ.
    /// What stays as it is need not be a whole step. The refusal names step and limits, of CPU in cores.
    pub fn check_resize(self, now: Self) -> Result<(), Error> {
        if self == now {
            return Err(Error::invalid(Code::ResourcesUnchanged).on("cpu_milli"));
        }
        let stepped = |value: u32, before: u32, step: u32, most: u32| {
            value == before || ((step..=most).contains(&value) && value.is_multiple_of(step))
        };
        let refused = |[step, most, unit]: [&str; 3]| {
            let refusal = Error::invalid(Code::ResourceStep).with("step", step).with("unit", unit);
            refusal.with("min", step).with("max", most)
        };
        if !stepped(self.cpu_milli, now.cpu_milli, Self::CPU_STEP_MILLI, CPU_MILLI.1) {
            return Err(refused(["0.25", "64", "CPU"]).on("cpu_milli"));
        }
        if !stepped(self.memory_mib, now.memory_mib, Self::MEMORY_STEP_MIB, MEMORY_MIB.1) {
            return Err(refused(["256", "262144", "MiB"]).on("memory_mib"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(cpu_milli: u32, memory_mib: u32) -> NodeResources {
        NodeResources { cpu_milli, memory_mib }
    }

    #[test]
    fn a_node_is_resized_in_whole_steps_within_limits() {
        let now = of(100, 600);
        for (wanted, refusal) in [
            (of(250, 256), None),
            (of(64_000, 262_144), None),
            // What was chosen for the chain, and is no whole step, may stay.
            (of(100, 512), None),
            (of(1_250, 600), None),
            (of(100, 600), Some(("cpu_milli", Code::ResourcesUnchanged))),
            (of(0, 512), Some(("cpu_milli", Code::ResourceStep))),
            (of(300, 512), Some(("cpu_milli", Code::ResourceStep))),
            (of(64_250, 512), Some(("cpu_milli", Code::ResourceStep))),
            (of(250, 0), Some(("memory_mib", Code::ResourceStep))),
            (of(250, 500), Some(("memory_mib", Code::ResourceStep))),
            (of(250, 262_400), Some(("memory_mib", Code::ResourceStep))),
        ] {
            let found = wanted.check_resize(now).err();
            let told = found.as_ref().map(|error| (error.field.as_deref().unwrap_or(""), error.code));
            assert_eq!(told, refusal, "{wanted:?}");
        }
        let named = |refused: &Error| {
            ["step", "min", "max", "unit"].map(|name| refused.values[name].clone()).join(" ")
        };
        assert_eq!(named(&of(300, 512).check_resize(now).unwrap_err()), "0.25 0.25 64 CPU");
        assert_eq!(named(&of(250, 500).check_resize(now).unwrap_err()), "256 256 262144 MiB");
        let told = (NodeResources::CPU_STEP_MILLI, CPU_MILLI.1, NodeResources::MEMORY_STEP_MIB, MEMORY_MIB.1);
        assert_eq!(told, (250, 64_000, 256, 262_144), "the sentence names them in its own units");
    }

    #[test]
    fn limits_of_a_new_chain_are_named() {
        assert_eq!(NodeResources::DEFAULT.check(), Ok(()));
        assert_eq!(of(99, 512).check().unwrap_err().values["min"], "100");
        assert_eq!(of(100, 262_145).check().unwrap_err().values["max"], "262144");
    }
}
