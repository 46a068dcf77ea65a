//! A change of a channel's configuration as a signed transaction.

use fabric::config_update::{self, ConfigUpdateError};
use fabric::error::FabricError;
use fabric::identity::SigningIdentity;
use fabric::proto::channel::{Config, Envelope};

use crate::secrets::random;

/// The signed transaction of a change of the configuration; none if it would change nothing.
pub(super) fn signed_update(
    block: &[u8],
    channel: &str,
    admin: &SigningIdentity,
    change: impl FnOnce(&Config) -> Result<Config, ConfigUpdateError>,
) -> Result<Option<Envelope>, FabricError> {
    let wrong = |error: ConfigUpdateError| FabricError::Request(error.to_string());
    let config = config_update::config_from_block(block).map_err(wrong)?;
    let wanted = change(&config).map_err(wrong)?;
    let update = match config_update::delta(channel, &config, &wanted) {
        Err(ConfigUpdateError::Unchanged) => return Ok(None),
        other => config_update::encode(&other.map_err(wrong)?),
    };
    let nonce = || random::<24>().map_err(|_| FabricError::Settings("no random numbers".to_owned()));
    let signature = config_update::sign(admin, &update, nonce()?);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let seconds = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    Ok(Some(config_update::envelope(admin, channel, update, vec![signature], seconds, nonce()?)))
}
