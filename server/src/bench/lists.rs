//! Long lists, for `cargo xtask bench lists`: an empty database is filled through the store, and the façade is asked for
//! page after page of every list, as pages ask for them. Nothing watches hosts or chains meanwhile.

use std::error::Error;
use std::fmt::Write;
use std::time::Instant;

use control::ControlPlane;
use control::caller::{Caller, CallerUser};
use domain::id::UserId;
use domain::list::ListQuery;
use domain::name::UserName;
use domain::permission::Role;
use serde_json::json;

use crate::compose;
use crate::config::Config;

mod seed;

/// Pages of each look that are measured.
const PAGES: usize = 100;
/// Whose chains, operations and entries are looked for.
const SOMEBODY: &str = "p000001";

/// Why nothing is measured.
type Failed = Box<dyn Error>;

#[derive(Clone, Copy, Debug)]
enum List {
    Audit,
    Chains,
    Hosts,
    Operations,
    People,
}

/// What somebody looks for, in the words of a page's address.
struct Look(List, Role, &'static [(&'static str, &'static str)]);

/// Every list, with each of its orders and filters.
const LOOKS: &[Look] = &[
    Look(List::Audit, Role::Admin, &[]),
    Look(List::Audit, Role::Operator, &[]),
    Look(List::Audit, Role::User, &[]),
    Look(List::Audit, Role::Admin, &[("who", SOMEBODY)]),
    Look(List::Audit, Role::Admin, &[("what", "chain-stop")]),
    Look(List::Audit, Role::Admin, &[("what", "host")]),
    Look(List::Audit, Role::Admin, &[("object", "chain/c000001")]),
    Look(List::Audit, Role::Admin, &[("object", "host")]),
    Look(List::Audit, Role::Admin, &[("result", "refused")]),
    Look(List::Audit, Role::Admin, &[("result", "host-unreachable")]),
    Look(List::Audit, Role::Admin, &[("from", "2026-01-01"), ("to", "2026-12-31")]),
    Look(List::Audit, Role::Admin, &[("who", SOMEBODY), ("what", "chain-create")]),
    Look(List::Audit, Role::Operator, &[("result", "refused")]),
    Look(List::Audit, Role::Admin, &[("what", "nothing*")]),
    Look(List::Chains, Role::Admin, &[]),
    Look(List::Chains, Role::User, &[]),
    Look(List::Chains, Role::Admin, &[("sort", "-created")]),
    Look(List::Chains, Role::Admin, &[("sort", "state")]),
    Look(List::Chains, Role::Admin, &[("state", "running")]),
    Look(List::Chains, Role::Admin, &[("state", "running"), ("sort", "-created")]),
    Look(List::Chains, Role::Admin, &[("health", "degraded")]),
    Look(List::Chains, Role::Admin, &[("version", "3.1")]),
    Look(List::Chains, Role::Admin, &[("host", "h000000")]),
    Look(List::Chains, Role::Admin, &[("owner", SOMEBODY)]),
    Look(List::Chains, Role::Admin, &[("owner", "none")]),
    Look(List::Chains, Role::Admin, &[("text", "c0001")]),
    Look(List::Chains, Role::Admin, &[("text", "nothing")]),
    Look(List::Hosts, Role::Admin, &[]),
    Look(List::Hosts, Role::Admin, &[("sort", "-created")]),
    Look(List::Hosts, Role::Admin, &[("state", "active")]),
    Look(List::Hosts, Role::Admin, &[("kind", "engine")]),
    Look(List::Operations, Role::Admin, &[]),
    Look(List::Operations, Role::User, &[]),
    Look(List::Operations, Role::Admin, &[("sort", "started")]),
    Look(List::Operations, Role::Admin, &[("state", "failed")]),
    Look(List::Operations, Role::Admin, &[("name", "chain-stop")]),
    Look(List::Operations, Role::Admin, &[("owner", SOMEBODY)]),
    Look(List::People, Role::Admin, &[]),
    Look(List::People, Role::Admin, &[("sort", "-created")]),
    Look(List::People, Role::Admin, &[("sort", "role")]),
    Look(List::People, Role::Admin, &[("role", "operator")]),
    Look(List::People, Role::Admin, &[("state", "disabled")]),
];

/// Fills the database of an empty data folder and measures every look. A line of JSON each: what was looked for, and how
/// many milliseconds its pages took.
pub async fn run(config: &Config, rows: u32) -> Result<String, Failed> {
    let portal = compose::build(config).await?;
    // The portal has read the end of the audit by then, and appends nothing while somebody only looks.
    seed::fill(&portal.store, rows).await?;
    let mut told = String::new();
    for look in LOOKS {
        let times = look.measured(&portal.plane).await?;
        writeln!(told, "{}", json!({ "look": look.told(), "ms": times }))?;
    }
    Ok(told)
}

impl Look {
    fn told(&self) -> String {
        let Self(list, role, words) = self;
        let words: Vec<String> = words.iter().map(|(key, value)| format!("{key}={value}")).collect();
        format!("{list:?} {} {}", role.as_str(), words.join("&")).trim_end().to_owned()
    }

    fn query(&self) -> ListQuery {
        let mut query = ListQuery::default();
        for (key, value) in self.2 {
            match *key {
                "text" => (*value).clone_into(&mut query.text),
                "sort" => {
                    query.descending = value.starts_with('-');
                    value.trim_start_matches('-').clone_into(&mut query.sort);
                }
                _ => drop(query.filters.insert((*key).to_owned(), (*value).to_owned())),
            }
        }
        query
    }

    /// Milliseconds of page after page, from the beginning again behind the last one. A last page is not measured: it may
    /// hold less than others.
    async fn measured(&self, plane: &ControlPlane) -> Result<Vec<f64>, Failed> {
        let caller = somebody(self.1)?;
        let (first, mut times) = (self.query(), Vec::new());
        let mut query = first.clone();
        // What is compiled or filled at first use is no part of it.
        page(plane, self.0, &caller, query.clone()).await?;
        while times.len() < PAGES {
            let is_first = query.after.is_empty();
            let begin = Instant::now();
            let next = page(plane, self.0, &caller, query).await?;
            let took = begin.elapsed();
            if is_first || next.is_some() {
                times.push(took.as_secs_f64() * 1e3);
            }
            query = ListQuery { after: next.unwrap_or_default(), ..first.clone() };
        }
        Ok(times)
    }
}

fn somebody(role: Role) -> Result<Caller, Failed> {
    let user =
        CallerUser { id: UserId::new(seed::person_id(SOMEBODY)), name: UserName::parse(SOMEBODY)?, role };
    Ok(Caller { user: Some(user), ..Caller::anonymous("bench", "127.0.0.1") })
}

/// Reads a page; where the next one begins.
async fn page(
    plane: &ControlPlane,
    list: List,
    caller: &Caller,
    query: ListQuery,
) -> Result<Option<String>, domain::Error> {
    Ok(match list {
        List::Audit => plane.audit_page(caller, &query).await?.next,
        List::Chains => plane.chain_page(caller, query).await?.next,
        List::Hosts => plane.host_page(caller, query).await?.next,
        List::Operations => plane.operation_page(caller, &query).await?.next,
        List::People => plane.user_page(caller, &query).await?.next,
    })
}
