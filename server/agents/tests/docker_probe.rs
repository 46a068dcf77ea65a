//! "Test connection" against real sockets, without an engine: every way in which it can fail names its stage and what
//! helps.

#[cfg(test)]
#[path = "docker_probe/door.rs"]
mod door;
#[cfg(test)]
#[path = "docker_probe/stages.rs"]
mod stages;
