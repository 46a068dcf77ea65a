//! What letters say, in both languages. It stands here and not among the texts of the pages, since nobody who writes a
//! letter knows pages. A letter is plain text: its link is seen as it is.

use domain::name::ChainName;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::macros::format_description;

use super::Matter;

/// A language of letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Tongue {
    English,
    Chinese,
}

impl Tongue {
    /// By the tag of the language that somebody chose for the pages; English where they chose none.
    pub(super) fn of(tag: Option<&str>) -> Self {
        let primary = tag.and_then(|tag| tag.split(['-', '_']).next()).unwrap_or_default();
        if primary.eq_ignore_ascii_case("zh") { Self::Chinese } else { Self::English }
    }

    /// Subject and text of a letter to the person of a name, from a portal that is reached by an address.
    pub(super) fn words(self, matter: &Matter, user: &str, origin: &str) -> (String, String) {
        let (subject, text) = match matter {
            Matter::Invite { link, until_ms } => self.invite(link, &moment(*until_ms), user, origin),
            Matter::Reset { link, until_ms } => self.reset(link, &moment(*until_ms), user, origin),
            Matter::Ending { chain, end_ms } => self.ending(chain, &moment(*end_ms), origin),
            Matter::Test => self.test(),
        };
        let end = match self {
            Self::English => {
                format!("This mail was written by the Heddle portal at {origin}. Nobody reads answers to it.")
            }
            Self::Chinese => format!("此邮件由 Heddle 门户 {origin} 自动发送，请勿回复。"),
        };
        (subject.to_owned(), format!("{text}\n\n-- \n{end}\n"))
    }

    fn invite(self, link: &str, until: &str, user: &str, origin: &str) -> (&'static str, String) {
        match self {
            Self::English => (
                "Your account on Heddle",
                format!(
                    "An admin has made an account for you on {origin}.\nYour user name: {user}\n\nChoose your password \
                     here; the link is good once, until {until}:\n\n{link}\n\nIf you did not expect this, do nothing."
                ),
            ),
            Self::Chinese => (
                "您的 Heddle 账户",
                format!(
                    "管理员已在 {origin} 为您创建账户。\n您的用户名：{user}\n\n请通过下面的链接设置密码；\
                     链接只能使用一次，有效期至 {until}：\n\n{link}\n\n如果您没有预料到此邮件，请忽略。"
                ),
            ),
        }
    }

    fn reset(self, link: &str, until: &str, user: &str, origin: &str) -> (&'static str, String) {
        match self {
            Self::English => (
                "Your password on Heddle",
                format!(
                    "An admin has reset the password of your account {user} on {origin}.\n\nChoose another one here; \
                     the link is good once, until {until}:\n\n{link}\n\nIf you did not ask for this, ask an admin why."
                ),
            ),
            Self::Chinese => (
                "您的 Heddle 密码",
                format!(
                    "管理员已重置您在 {origin} 的账户 {user} 的密码。\n\n请通过下面的链接设置新密码；\
                     链接只能使用一次，有效期至 {until}：\n\n{link}\n\n如果您没有提出过此请求，请向管理员询问。"
                ),
            ),
        }
    }

    fn ending(self, chain: &ChainName, end: &str, origin: &str) -> (&'static str, String) {
        match self {
            Self::English => (
                "A chain of yours is released soon",
                format!(
                    "Your chain {chain} is released at {end}. Nothing of what is on it is kept.\n\nSave what you need, \
                     or ask an operator for more time:\n\n{origin}/chains/{chain}"
                ),
            ),
            Self::Chinese => (
                "您的链即将被释放",
                format!(
                    "您的链 {chain} 将于 {end} 被释放，其中的内容不会保留。\n\n请保存所需内容，\
                     或请操作员延长时间：\n\n{origin}/chains/{chain}"
                ),
            ),
        }
    }

    fn test(self) -> (&'static str, String) {
        match self {
            Self::English => ("A test of Heddle's mail", "Mail from the portal reaches you.".to_owned()),
            Self::Chinese => ("Heddle 邮件测试", "您可以收到门户发送的邮件。".to_owned()),
        }
    }
}

/// A moment in words that need no time zone of the reader: `2026-11-30 08:15 UTC`.
fn moment(ms: i64) -> String {
    let format = format_description!("[year]-[month]-[day] [hour]:[minute] UTC");
    let moment = OffsetDateTime::from_unix_timestamp(ms.div_euclid(1_000)).ok();
    moment.and_then(|moment| moment.format(format).ok()).unwrap_or_else(|| format!("{ms} ms"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_languages_say_the_same_facts() {
        let link = "https://portal.example/welcome?token=00ff".to_owned();
        let until_ms = 1_700_000_000_000;
        let chain = ChainName::parse("demo").unwrap();
        let until = "2023-11-14 22:13 UTC";
        let cases = [
            (Matter::Invite { link: link.clone(), until_ms }, vec![link.as_str(), until, "uma"]),
            (Matter::Reset { link: link.clone(), until_ms }, vec![link.as_str(), until, "uma"]),
            (Matter::Ending { chain, end_ms: until_ms }, vec!["/chains/demo", until]),
            (Matter::Test, vec![]),
        ];
        for (matter, facts) in cases {
            let english = Tongue::English.words(&matter, "uma", "https://portal.example");
            let chinese = Tongue::Chinese.words(&matter, "uma", "https://portal.example");
            for fact in facts.into_iter().chain(["https://portal.example"]) {
                assert!(
                    english.1.contains(fact) && chinese.1.contains(fact),
                    "{fact}: {english:?} {chinese:?}"
                );
            }
            // As such it is sent without any encoding.
            assert!(english.0.is_ascii() && english.1.is_ascii(), "{english:?}");
            let is_chinese = |text: &str| text.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c));
            assert!(is_chinese(&chinese.0) && is_chinese(&chinese.1), "{chinese:?}");
        }
    }

    #[test]
    fn the_language_is_that_of_the_pages() {
        for (tag, tongue) in [
            (None, Tongue::English),
            (Some(""), Tongue::English),
            (Some("en"), Tongue::English),
            (Some("zh-CN"), Tongue::Chinese),
            (Some("ZH"), Tongue::Chinese),
        ] {
            assert_eq!(Tongue::of(tag), tongue, "{tag:?}");
        }
    }
}
