//! The design system: small parts on platform HTML, each in one file, styled by the file of the same name in
//! `style/`. They know words and looks; they never call the server, but for [`prove`], which asks on behalf of every page.

pub mod badge;
pub mod copy;
pub mod dialog;
pub mod drawn;
pub mod field;
pub mod history;
pub mod icon;
pub mod kept;
pub mod list;
pub mod load;
pub mod log_view;
pub mod menu;
pub mod notice;
pub mod page;
pub mod picture;
pub mod prove;
pub mod reason;
pub mod rows;
pub mod stepper;
pub mod time;
pub mod toast;
pub mod topology;
pub mod unsaved;
