//! What a host says to nodes that are only tried: nothing of them is made.

/// How a host would take nodes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rehearsal {
    /// Where the nodes would be, for people; `None` on a host that has no rules of its own for what runs there.
    pub place: Option<String>,
    /// The host's rules stand against them; `None` when they do not, or cannot be asked beforehand.
    pub refusal: Option<Refusal>,
    /// What is free for them; `None` on a host that keeps nothing free for what runs there.
    pub room: Option<Room>,
}

/// What a host's rules say against nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The host's own words, cut to a bound.
    pub said: String,
    /// True when the nodes would meet the same rules; else they were tried in another place, whose rules may differ.
    pub is_certain: bool,
}

/// What nodes keep free for themselves, and what is free on the machines that would run them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// Nodes that were asked about …
    pub nodes: usize,
    /// … and those of them that find a machine, placed one after another.
    pub placed: usize,
    /// In thousandths of a processor.
    pub cpu_milli: Share,
    /// In bytes.
    pub memory_bytes: Share,
}

/// One resource: what is wanted of it, and what is free.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// By all nodes together.
    pub wanted: u64,
    /// By the node that wants most.
    pub of_one: u64,
    /// On all machines together.
    pub free: u64,
    /// On the machine that has most of it free.
    pub largest: u64,
}
