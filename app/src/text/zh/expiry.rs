//! Chinese, of the end of a session.

use crate::text::table::ExpiryText;

/// The texts.
pub static TEXT: ExpiryText = ExpiryText {
    soon: "您即将被退出登录",
    left: "剩余 {time}",
    stay: "保持登录",
    no_more: "本次会话无法再延长。请保存您的工作，然后重新登录。",
    ended: "您的会话已结束",
    ended_hint: "请重新登录以继续。您在本页输入的内容仍在。",
    elsewhere: "以其他用户登录",
};
