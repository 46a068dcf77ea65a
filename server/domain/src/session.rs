//! Sessions as their owner sees them.

use serde::{Deserialize, Serialize};

/// A browser that is signed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionLine {
    /// Names the session to its owner; nobody signs in with it.
    pub id: String,
    pub device: Device,
    pub address: String,
    pub created_ms: i64,
    pub last_seen_ms: i64,
    /// The session that asks.
    pub is_this: bool,
}

/// What a browser says of itself, in names that people know. None: it said nothing of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    pub browser: Option<String>,
    pub system: Option<String>,
}

/// Words of a browser's own description, and what they stand for; the first that is there counts, since most browsers
/// name those that they resemble, too.
const BROWSERS: [(&str, &str); 8] = [
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
    ("curl/", "curl"),
];
const SYSTEMS: [(&str, &str); 7] = [
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
];

impl Device {
    /// Reads what a browser sent as its description.
    pub fn of(agent: &str) -> Self {
        let found = |words: &[(&str, &str)]| {
            let known = words.iter().find(|(word, _)| agent.contains(word));
            known.map(|(_, name)| (*name).to_owned())
        };
        Self { browser: found(&BROWSERS), system: found(&SYSTEMS) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_known_by_their_descriptions() {
        let firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
        let edge = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
            Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0";
        let phone = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 \
            (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1";
        for (agent, browser, system) in [
            (firefox, Some("Firefox"), Some("Linux")),
            (edge, Some("Edge"), Some("Windows")),
            (phone, Some("Safari"), Some("iPhone")),
            ("something else", None, None),
            ("", None, None),
        ] {
            let device = Device::of(agent);
            assert_eq!((device.browser.as_deref(), device.system.as_deref()), (browser, system), "{agent}");
        }
    }
}
