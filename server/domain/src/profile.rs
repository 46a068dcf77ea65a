//! What somebody says of themselves, and how the portal shall be for them. Their name and role are not here: those are
//! given to them.

use serde::{Deserialize, Serialize};

use crate::error::{Code, Error};

/// Longest name that is shown, in characters.
pub const DISPLAY_NAME_MAX: usize = 60;
/// Longest organization and location, in characters.
pub const LINE_MAX: usize = 80;
/// Longest text about oneself, in characters.
pub const BIO_MAX: usize = 500;
/// Longest name of a time zone, in characters.
const ZONE_MAX: usize = 64;
/// Colours that a picture may have.
const COLOURS: u32 = 8;

/// A person as they describe themselves. Empty texts say nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    pub display_name: String,
    pub organization: String,
    pub location: String,
    pub bio: String,
    /// IANA name, such as `Europe/Berlin`; empty: the browser's own.
    pub time_zone: String,
    /// Whether keys of the keyboard do things.
    pub shortcuts: bool,
}

impl Default for Profile {
    fn default() -> Self {
        let text = String::new;
        let (display_name, organization, location, bio) = (text(), text(), text(), text());
        Self { display_name, organization, location, bio, time_zone: text(), shortcuts: true }
    }
}

impl Profile {
    /// Trims every text and checks its length; a refusal names the field.
    pub fn checked(self) -> Result<Self, Error> {
        let time_zone = self.time_zone.trim().to_owned();
        if !time_zone.is_empty() && !is_zone(&time_zone) {
            return Err(Error::invalid(Code::TimeZoneMalformed).on("time_zone"));
        }
        Ok(Self {
            display_name: line(&self.display_name, "display_name", DISPLAY_NAME_MAX)?,
            organization: line(&self.organization, "organization", LINE_MAX)?,
            location: line(&self.location, "location", LINE_MAX)?,
            bio: bounded(self.bio.trim(), "bio", BIO_MAX)?,
            time_zone,
            shortcuts: self.shortcuts,
        })
    }
}

/// A text of one line: whatever breaks it becomes a space.
fn line(text: &str, field: &str, max: usize) -> Result<String, Error> {
    let text: String = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    bounded(text.trim(), field, max)
}

fn bounded(text: &str, field: &str, max: usize) -> Result<String, Error> {
    if text.chars().count() > max {
        return Err(Error::invalid(Code::TextTooLong).with("max", max).on(field));
    }
    Ok(text.to_owned())
}

/// Whether a text has the shape of a time zone's name. Which zones there are the browser knows.
pub fn is_zone(text: &str) -> bool {
    let is_part = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|letter| letter.is_ascii_alphanumeric() || b"_+-".contains(&letter))
    };
    text.len() <= ZONE_MAX
        && text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.split('/').all(is_part)
}

/// One or two letters for somebody's picture: those that their first and last word begin with.
pub fn initials(name: &str) -> String {
    let mut words = name.split(|letter: char| letter.is_whitespace() || "-_.".contains(letter));
    let mut firsts = words.by_ref().filter_map(|word| word.chars().next());
    let first = firsts.next();
    let last = firsts.last();
    first.into_iter().chain(last).flat_map(char::to_uppercase).collect()
}

/// Which of the colours somebody's picture has; always the same one for a name.
pub fn colour(name: &str) -> u32 {
    name.bytes().fold(0_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(byte))) % COLOURS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_trimmed_and_bounded() {
        let profile = |name: &str, bio: &str, zone: &str| Profile {
            display_name: name.to_owned(),
            bio: bio.to_owned(),
            time_zone: zone.to_owned(),
            ..Profile::default()
        };
        let good = profile(" Ada\nLovelace ", " one\ntwo ", " Europe/Berlin ").checked().unwrap();
        assert_eq!((good.display_name.as_str(), good.bio.as_str()), ("Ada Lovelace", "one\ntwo"));
        assert_eq!(good.time_zone, "Europe/Berlin");
        let field = |profile: Profile| profile.checked().unwrap_err().field.unwrap();
        assert_eq!(field(profile(&"密".repeat(61), "", "")), "display_name");
        assert!(profile(&"密".repeat(60), &"a".repeat(500), "").checked().is_ok());
        assert_eq!(field(profile("", &"a".repeat(501), "")), "bio");
        for bad in ["/Berlin", "Europe/", "Europe//Berlin", "<b>", "5", "Europe/Ber lin", &"a".repeat(65)] {
            assert_eq!(field(profile("", "", bad)), "time_zone", "{bad}");
        }
        for zone in ["UTC", "Etc/GMT+8", "America/Argentina/Buenos_Aires"] {
            assert!(is_zone(zone), "{zone}");
        }
    }

    #[test]
    fn a_picture_has_the_first_letters_and_one_colour() {
        for (name, letters) in
            [("ada", "A"), ("Ada Lovelace", "AL"), ("ada-maria_king", "AK"), ("王 小明", "王小"), ("", "")]
        {
            assert_eq!(initials(name), letters, "{name}");
        }
        assert_eq!(colour("ada"), colour("ada"));
        let colours: std::collections::BTreeSet<u32> =
            ["ada", "ben", "otto", "uma", "gus", "eve"].into_iter().map(colour).collect();
        assert!(colours.len() > 2 && colours.iter().all(|colour| *colour < COLOURS), "{colours:?}");
    }
}
