//! Simplified Chinese, of notices.

use crate::text::table::NoticeText;

/// The texts.
pub static TEXT: NoticeText = NoticeText {
    read_all: "全部标为已读",
    no_notices: "没有通知",
    no_notices_hint: "您发起的操作结束时，或您的链出现问题时，会在这里通知您。",
    notice_done: "已完成",
    notice_undone: "已撤销",
    notice_failed: "失败：等待您继续或撤销",
    notice_unwell: "链不再健康",
    notice_ending: "链即将被释放：请保存所需内容",
    notice_mail_failed: "邮件发送失败：请查看该用户的页面",
    notice_unread: "新",
};
