//! Whether mail is sent, for admins.

use domain::mail::{self, MailSetting};
use leptos::prelude::*;

use super::ApiError;

/// Whether it is, and how.
#[server(endpoint = "mail_read", input = leptos::server_fn::codec::Json)]
pub async fn mail_read() -> Result<MailSetting, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.mail_read(&caller).await, &caller).await
}

/// Sends the person a mail, and tells what came of it.
#[server(endpoint = "mail_test", input = leptos::server_fn::codec::Json)]
pub async fn mail_test() -> Result<mail::MailTest, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.mail_test(&caller).await, &caller).await
}
