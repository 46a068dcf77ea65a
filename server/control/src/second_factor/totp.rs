//! Codes that change with time (RFC 6238 over RFC 4226: HMAC-SHA-1, six digits, half a minute), and how their secret gets
//! into an app: as letters (RFC 4648, base 32) and as a drawing. Pure; the caller says what time it is.

use domain::second_factor::{Picture, STEP_SECONDS};
use hmac::{Hmac, Mac};
use qrcodegen::{QrCode, QrCodeEcc};
use sha1::Sha1;

/// Codes there are.
const CODES: u32 = 1_000_000;
const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/// Light squares around the drawing, as cameras need them.
const MARGIN: i32 = 4;

/// The step of a moment.
pub(super) fn step_at(now_ms: i64) -> i64 {
    now_ms.div_euclid(STEP_SECONDS * 1_000)
}

/// The number of a step before it is cut to digits.
fn number(secret: &[u8], step: i64) -> Option<u32> {
    let mut mac = <Hmac<Sha1> as Mac>::new_from_slice(secret).ok()?;
    mac.update(&u64::try_from(step).ok()?.to_be_bytes());
    let tag = mac.finalize().into_bytes();
    let offset = usize::from(tag.last()? & 0x0f);
    let four: [u8; 4] = tag.get(offset..offset + 4)?.try_into().ok()?;
    Some(u32::from_be_bytes(four) & 0x7fff_ffff)
}

/// The code of a step.
pub(super) fn code(secret: &[u8], step: i64) -> Option<String> {
    number(secret, step).map(|number| format!("{:06}", number % CODES))
}

/// Bytes as letters and digits, five bits each.
pub(super) fn base32(bytes: &[u8]) -> String {
    let letter = |bits: u32| {
        let index = usize::try_from(bits & 31).unwrap_or_default();
        char::from(ALPHABET.get(index).copied().unwrap_or_default())
    };
    let (mut out, mut buffer, mut waiting) = (String::new(), 0_u32, 0_u32);
    for byte in bytes {
        buffer = (buffer << 8) | u32::from(*byte);
        waiting += 8;
        while waiting >= 5 {
            waiting -= 5;
            out.push(letter(buffer >> waiting));
            buffer &= (1 << waiting) - 1;
        }
    }
    if waiting > 0 {
        out.push(letter(buffer << (5 - waiting)));
    }
    out
}

/// The bytes of letters and digits, as an app reads them; whatever is no letter of the alphabet does not count.
#[cfg(any(test, feature = "testkit"))]
pub(super) fn bytes_of(letters: &str) -> Vec<u8> {
    let (mut out, mut buffer, mut waiting) = (Vec::new(), 0_u32, 0_u32);
    for value in letters.bytes().filter_map(|letter| ALPHABET.iter().position(|known| *known == letter)) {
        buffer = (buffer << 5) | u32::try_from(value).unwrap_or_default();
        waiting += 5;
        if waiting >= 8 {
            waiting -= 8;
            out.extend(u8::try_from(buffer >> waiting));
            buffer &= (1 << waiting) - 1;
        }
    }
    out
}

/// What an app reads from the drawing.
pub(super) fn address(issuer: &str, name: &str, secret: &[u8]) -> String {
    let secret = base32(secret);
    format!(
        "otpauth://totp/{issuer}:{name}?secret={secret}&issuer={issuer}&algorithm=SHA1&digits=6&period=30"
    )
}

/// Draws a text; none if it is too long.
pub(super) fn picture(text: &str) -> Option<Picture> {
    let code = QrCode::encode_text(text, QrCodeEcc::Medium).ok()?;
    let mut path = String::new();
    for y in 0..code.size() {
        for x in 0..code.size() {
            if code.get_module(x, y) {
                path.push_str(&format!("M{} {}h1v1h-1z", x + MARGIN, y + MARGIN));
            }
        }
    }
    Some(Picture { side: code.size() + 2 * MARGIN, path })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Appendix B of RFC 6238, the rows of SHA-1; there the codes have eight digits.
    #[test]
    fn the_vectors_of_the_standard() {
        let secret = b"12345678901234567890";
        for (seconds, wanted) in [
            (59, 94_287_082),
            (1_111_111_109, 7_081_804),
            (1_111_111_111, 14_050_471),
            (1_234_567_890, 89_005_924),
            (2_000_000_000, 69_279_037),
            (20_000_000_000, 65_353_130),
        ] {
            let step = step_at(seconds * 1_000);
            assert_eq!(number(secret, step).map(|number| number % 100_000_000), Some(wanted), "{seconds}");
        }
        assert_eq!(code(secret, step_at(59_000)).as_deref(), Some("287082"));
        assert_eq!(
            code(secret, step_at(1_111_111_109_000)).as_deref(),
            Some("081804"),
            "with its first nought"
        );
        assert_eq!(code(secret, -1), None, "before 1970 there are none");
    }

    /// Section 10 of RFC 4648, without the padding, which apps do not want.
    #[test]
    fn letters_of_the_standard() {
        for (text, letters) in [
            ("", ""),
            ("f", "MY"),
            ("fo", "MZXQ"),
            ("foo", "MZXW6"),
            ("foob", "MZXW6YQ"),
            ("foobar", "MZXW6YTBOI"),
        ] {
            assert_eq!(base32(text.as_bytes()), letters, "{text}");
            assert_eq!(bytes_of(letters), text.as_bytes(), "{text}");
        }
    }

    #[test]
    fn a_drawing_has_a_margin_and_dark_squares() {
        let text = address("Heddle", "ada", &[7; 20]);
        assert!(
            text.starts_with("otpauth://totp/Heddle:ada?secret=A4DQOBYHA4DQOBYHA4DQOBYHA4DQOBYH&"),
            "{text}"
        );
        let picture = picture(&text).unwrap();
        // The corner of the upper left mark, right behind the margin.
        assert!(picture.path.starts_with("M4 4h1v1h-1z"), "{}", picture.path);
        assert!((29..=77).contains(&picture.side) && picture.path.len() > 1_000, "{}", picture.side);
        assert!(super::picture(&"a".repeat(5_000)).is_none());
    }
}
