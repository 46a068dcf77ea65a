//! Figures for overviews. Each part is one question about what the caller may see: what is out of their reach is in no
//! sum. Nothing here walks through all chains or transactions; what has to be counted has been counted when it was written.

use std::collections::HashMap;

use domain::Error;
use domain::host::{Endpoint, HostState};
use domain::id::HostId;
use domain::name::ChainName;
use domain::permission::{Action, Noun};
use domain::stats::{ChainFigures, Day, HostFigures, RANGES, Share, StatsView, check_range, day_of};
use domain::transaction::SubmitView;
use store::{DayCount, HostRecord, Tally};

use crate::ControlPlane;
use crate::caller::Caller;
use crate::policy::{self, Resource};

/// Chains that are shown one by one.
const CARDS: u32 = 12;
/// The newest operations and transactions that are shown.
const RECENT: u32 = 6;
/// Hosts that are shown by name.
const HOSTS: usize = 10;

impl ControlPlane {
    /// Figures of what the caller may see, for 7 or 30 days.
    pub async fn stats_read(&self, caller: &Caller, days: u32) -> Result<StatsView, Error> {
        policy::authorize(caller, Action::List, Resource::any(Noun::Chain))?;
        check_range(days)?;
        self.stats_figures(caller, days).await
    }

    /// The same for the screen on a wall, which shows hosts.
    pub async fn wall_read(&self, caller: &Caller) -> Result<StatsView, Error> {
        policy::authorize(caller, Action::List, Resource::any(Noun::Host))?;
        let [_, days] = RANGES;
        self.stats_figures(caller, days).await
    }

    async fn stats_figures(&self, caller: &Caller, days: u32) -> Result<StatsView, Error> {
        let store = &self.services.store;
        let within = self.chains_in_reach(caller, Noun::Chain).await?;
        let within = within.as_deref();
        let hosts = match policy::allows(caller, Action::List, Resource::any(Noun::Host)) {
            true => Some(store.host_list().await.map_err(crate::error::store)?),
            false => None,
        };
        let tally = store.chain_tally(within).await.map_err(crate::error::store)?;
        let today = day_of(self.services.clock.now_ms());
        let from = today - i64::from(days) + 1;
        let cards = self.stats_cards(within).await?;
        Ok(StatsView {
            days,
            chains: chain_figures(&tally, hosts.as_deref().unwrap_or_default()),
            hosts: match hosts {
                Some(hosts) => Some(host_figures(&hosts, self.places_used().await?)),
                None => None,
            },
            people: self.stats_people(caller).await?,
            transactions: self.transaction_days(within, from, today).await?,
            created: self.creation_days(within, from, today).await?,
            running: self.operations_running(caller).await?,
            cards,
            operations: self.operations_newest(caller, RECENT).await?,
            submitted: self.submitted_lately(caller, within).await?,
        })
    }

    /// Chains that need a look, then the newest ones.
    async fn stats_cards(
        &self,
        within: Option<&[ChainName]>,
    ) -> Result<Vec<domain::chain::ChainSummary>, Error> {
        let store = &self.services.store;
        let mut names = store.chains_unwell(within, CARDS).await.map_err(crate::error::store)?;
        for name in store.chains_newest(within, CARDS).await.map_err(crate::error::store)? {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names.truncate(usize::try_from(CARDS).unwrap_or(usize::MAX));
        self.chain_cards(&names).await
    }

    async fn places_used(&self) -> Result<u32, Error> {
        self.services.store.claim_count().await.map_err(crate::error::store)
    }

    async fn stats_people(&self, caller: &Caller) -> Result<Option<Vec<Share>>, Error> {
        if !policy::allows(caller, Action::List, Resource::any(Noun::User)) {
            return Ok(None);
        }
        let roles = self.services.store.user_roles().await.map_err(crate::error::store)?;
        Ok(Some(Share::count(roles.iter().map(|(role, count)| (role.as_str(), *count)))))
    }

    /// What was counted of transactions. Before the first one of all nothing was counted; whoever may not know of all hears
    /// of the first one in their reach.
    async fn transaction_days(
        &self,
        within: Option<&[ChainName]>,
        from: i64,
        today: i64,
    ) -> Result<Vec<Day>, Error> {
        let store = &self.services.store;
        let counts = store.transactions_daily(within, from).await.map_err(crate::error::store)?;
        let since = match within {
            None => store.transactions_since().await.map_err(crate::error::store)?,
            Some(_) => counts.first().map(|count| count.day),
        };
        Ok(spread(&counts, since, from, today))
    }

    async fn creation_days(
        &self,
        within: Option<&[ChainName]>,
        from: i64,
        today: i64,
    ) -> Result<Vec<Day>, Error> {
        let from_ms = from * 86_400_000;
        let created = self.services.store.chains_created(within, from_ms).await;
        let created = created.map_err(crate::error::store)?;
        let counts: Vec<DayCount> =
            created.into_iter().map(|ms| DayCount { day: day_of(ms), total: 1, failed: 0 }).collect();
        Ok(spread(&counts, Some(from), from, today))
    }

    /// What the caller submitted last, on chains that they can still see.
    async fn submitted_lately(
        &self,
        caller: &Caller,
        within: Option<&[ChainName]>,
    ) -> Result<Vec<SubmitView>, Error> {
        let user = &caller.require_user()?.id;
        let records = self.services.store.transactions_of(user, RECENT).await;
        let views = records.map_err(crate::error::store)?.into_iter().map(|record| record.view);
        Ok(views.filter(|view| within.is_none_or(|chains| chains.contains(&view.chain))).collect())
    }
}

/// Days from one to another with what was counted on each. Before `since` nobody counted.
fn spread(counts: &[DayCount], since: Option<i64>, from: i64, today: i64) -> Vec<Day> {
    let day = |day: i64| {
        let of_day = || counts.iter().filter(move |count| count.day == day);
        let is_counted = since.is_some_and(|since| day >= since);
        Day {
            day,
            total: is_counted.then(|| of_day().map(|count| count.total).sum()),
            failed: of_day().map(|count| count.failed).sum(),
        }
    };
    (from..=today).map(day).collect()
}

fn chain_figures(tally: &[Tally], hosts: &[HostRecord]) -> ChainFigures {
    let by = |word: fn(&Tally) -> &str| Share::count(tally.iter().map(|row| (word(row), row.count)));
    let running = tally.iter().filter(|row| row.state == "running");
    let names: HashMap<&HostId, &str> =
        hosts.iter().map(|host| (&host.id, host.spec.name.as_str())).collect();
    let on_hosts = tally.iter().filter_map(|row| Some((*names.get(&row.host)?, row.count)));
    let mut hosts = Share::count(on_hosts);
    hosts.truncate(HOSTS);
    ChainFigures {
        total: tally.iter().map(|row| row.count).sum(),
        states: by(|row| &row.state),
        healths: Share::count(running.map(|row| (row.health.as_str(), row.count))),
        consensus: by(|row| &row.consensus),
        versions: by(|row| &row.version),
        hosts,
    }
}

fn host_figures(hosts: &[HostRecord], used: u32) -> HostFigures {
    let state = |host: &HostRecord| match host.status.state {
        HostState::Active => "active",
        HostState::Inactive => "inactive",
        HostState::Unknown => "unknown",
    };
    let kind = |host: &HostRecord| match host.spec.endpoint {
        Endpoint::Local { .. } | Endpoint::Tcp { .. } => "docker",
        Endpoint::Cluster { .. } | Endpoint::InCluster => "kubernetes",
    };
    HostFigures {
        states: Share::count(hosts.iter().map(|host| (state(host), 1))),
        kinds: Share::count(hosts.iter().map(|host| (kind(host), 1))),
        capacity: hosts.iter().map(|host| u32::from(host.spec.capacity)).fold(0, u32::saturating_add),
        used,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_without_transactions_is_not_a_day_without_counting() {
        let count = |day, total, failed| DayCount { day, total, failed };
        let counts = [count(12, 3, 1), count(14, 2, 0), count(14, 1, 1)];
        let told = |since| {
            let days = spread(&counts, since, 11, 14);
            days.into_iter().map(|day| (day.day, day.total, day.failed)).collect::<Vec<_>>()
        };
        assert_eq!(told(Some(12)), [(11, None, 0), (12, Some(3), 1), (13, Some(0), 0), (14, Some(3), 1)]);
        assert!(told(None).iter().all(|(_, total, _)| total.is_none()));
    }

    #[test]
    fn chains_are_counted_by_what_they_are() {
        let row = |state: &str, health: &str, host: &str, count| Tally {
            state: state.to_owned(),
            health: health.to_owned(),
            consensus: "raft".to_owned(),
            version: "3.1".to_owned(),
            host: HostId::new(host),
            count,
        };
        let tally =
            [row("running", "ok", "a", 2), row("running", "degraded", "b", 1), row("stopped", "ok", "a", 4)];
        let figures = chain_figures(&tally, &[]);
        let told = |shares: &[Share]| {
            shares
                .iter()
                .map(|share| format!("{} {}", share.word, share.count))
                .collect::<Vec<_>>()
                .join(", ")
        };
        assert_eq!(figures.total, 7);
        assert_eq!(told(&figures.states), "stopped 4, running 3");
        assert_eq!(told(&figures.healths), "ok 2, degraded 1", "how a stopped chain did is no news");
        assert_eq!(told(&figures.consensus), "raft 7");
        assert!(figures.hosts.is_empty(), "whoever may not know of hosts hears no names");
    }
}
