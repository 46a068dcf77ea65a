//! Self-registration: off until an admin switches it on. Whoever registers waits for an admin, and hears the same whether
//! the name exists or not.

use domain::permission::{Action, Noun, Role};
use domain::user::{Registration, UserState};
use domain::{Code, Error, ErrorKind};
use serde_json::{Value, json};
use store::UserRecord;

use super::{DELAY_FIRST_MS, DELAY_LONGEST_MS, name_taken, new_record, short};
use crate::ControlPlane;
use crate::audit::neighbourhood;
use crate::caller::Caller;
use crate::policy::{self, Resource};

/// The setting.
const SETTING: &str = "registration";
/// Registrations from one address that are taken without a wait.
const FREE: u32 = 5;
/// People who may wait for an admin at the same time: requests from many addresses do not fill the database.
const WAITING_MAX: u32 = 200;

impl ControlPlane {
    /// Whether somebody without an account can ask for one.
    pub async fn registration_read(&self, caller: &Caller) -> Result<bool, Error> {
        policy::authorize(caller, Action::SignIn, Resource::any(Noun::Session))?;
        let found = self.services.store.setting_read(SETTING).await.map_err(crate::error::store)?;
        Ok(found == Some(Value::Bool(true)))
    }

    /// Lets people register, or no longer.
    pub async fn registration_set(&self, caller: &Caller, open: bool) -> Result<(), Error> {
        let word = |open: bool| if open { "on" } else { "off" };
        let mut object = "setting/registration".to_owned();
        let result = async {
            policy::authorize(caller, Action::Edit, Resource::any(Noun::Setting))?;
            let before = self.registration_read(caller).await?;
            if before != open {
                object = format!("{object} {}→{}", word(before), word(open));
            }
            self.audit.begin(caller, "registration-set", &object).await;
            self.services.store.setting_put(SETTING, &json!(open)).await.map_err(crate::error::store)
        }
        .await;
        self.audit.record(caller, "registration-set", &object, &result).await;
        result
    }

    /// Asks for an account. That the name exists is recorded, and told to nobody.
    pub async fn user_register(&self, caller: &Caller, new: Registration) -> Result<(), Error> {
        let object = format!("user/{}", short(new.name.as_str()));
        let result = self.user_register_checked(caller, new, &object).await;
        self.audit.record(caller, "user-register", &object, &result).await;
        match result {
            Err(error) if error.code == Code::UserNameTaken => Ok(()),
            other => other,
        }
    }

    async fn user_register_checked(
        &self,
        caller: &Caller,
        new: Registration,
        object: &str,
    ) -> Result<(), Error> {
        policy::authorize(caller, Action::SignIn, Resource::any(Noun::Session))?;
        if !self.registration_read(caller).await? {
            return Err(Error::new(ErrorKind::NotFound, Code::RegistrationClosed));
        }
        let store = &self.services.store;
        let sender = format!("register:{}", neighbourhood(&caller.address));
        self.not_delayed(&[(sender.as_str(), FREE)]).await?;
        let now_ms = self.services.clock.now_ms();
        store
            .delay_failed(&sender, now_ms, FREE, DELAY_FIRST_MS, DELAY_LONGEST_MS)
            .await
            .map_err(crate::error::store)?;
        if store.users_wait(WAITING_MAX).await.map_err(crate::error::store)? {
            return Err(Error::new(ErrorKind::NotFound, Code::RegistrationClosed));
        }
        // Hashed in any case: a name that exists is not known by a quick answer.
        let hash = self.passwords.hash(new.password, Role::User).await?;
        let record = new_record(new.name, Role::User, hash, now_ms)?;
        let record = UserRecord { state: UserState::Waiting, email: Some(new.email), ..record };
        self.audit.begin(caller, "user-register", object).await;
        store.user_create(&record).await.map_err(name_taken)?;
        self.services.changed("user", &record.id);
        Ok(())
    }
}
