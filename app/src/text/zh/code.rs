//! Simplified Chinese, around the sign-in.

use crate::text::table::CodeText;

/// The texts.
pub static TEXT: CodeText = CodeText {
    title: "第二因素",
    code: "验证码",
    hint: "应用当前显示的六位数字，或一个恢复码。",
    again: "用密码重新开始",
    register_title: "申请账户",
};
