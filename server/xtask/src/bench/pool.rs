//! A chain of the pool for everybody at once: from the click to the chain's page, and to the first transaction on it. Hosts
//! and nodes are simulated, so that what is measured is the portal: its claims, its database, its identities, its pages.

use std::sync::{Barrier, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use serde_json::{Value, json};

use super::figures;
use super::http::Connection;
use super::network;
use super::portal::{self, Build, Portal};
use crate::paths::Paths;
use crate::process;
use crate::report::say;

/// By this address the portal under measurement knows that its engine is simulated.
const ENGINE: &str = "unix:///simulated";
const PASSWORD: &str = "twelve-looms-and-a-shuttle";
/// Nineteen of twenty wait at most so many seconds.
const SLOWEST_S: f64 = 2.0;
/// Time in which chains that were made are looked at.
const LOOKS: Duration = Duration::from_secs(120);
/// Time for the last of many fillups.
const FILLED: Duration = Duration::from_secs(600);
const POLL: Duration = Duration::from_millis(200);
/// Below those that the system gives to whoever asks for any, as the portal under measurement does itself.
const FIRST_PORT: u64 = 20_000;
/// Ports of one chain.
const PORTS: usize = 100;

/// Measures, and fails when too many wait too long.
pub fn run(paths: &Paths, build: Build, people: usize) -> Result<()> {
    if people == 0 {
        bail!("nothing can be said after nobody");
    }
    let program = portal::build(paths, build, &["bench"])?;
    let mut portal = Portal::start(paths, &program, Some(ENGINE))?;
    portal.sign_in()?;
    fill(&portal, people)?;
    let cookies = (0..people).map(|number| join(&portal, number)).collect::<Result<Vec<_>>>()?;
    let mut waits = all_at_once(&portal, &cookies)?;
    waits.sort_by(|one, other| one.ready.total_cmp(&other.ready));
    let owned: std::collections::BTreeSet<&str> = waits.iter().map(|wait| wait.chain.as_str()).collect();
    if owned.len() != people {
        bail!("{people} people have {} chains", owned.len());
    }
    let of = |read: fn(&Wait) -> f64| slowest_but_few(waits.iter().map(read).collect());
    say(format!("claimed  {:.3} s for nineteen of twenty", of(|wait| wait.claimed)));
    say(format!("page     {:.3} s", of(|wait| wait.shown)));
    figures::at_most(
        "seconds until nineteen of twenty chains take transactions",
        of(|wait| wait.ready),
        SLOWEST_S,
    )
}

/// Fills one host with a chain for everybody, and waits until all are known to be well.
fn fill(portal: &Portal, people: usize) -> Result<()> {
    let mut spec = portal.call("host_local_offer", &json!({}))?[0].clone();
    let ports = u64::try_from(people * PORTS).context("too many people")?;
    spec["capacity"] = json!(people);
    spec["port_first"] = json!(FIRST_PORT);
    spec["port_last"] = json!(FIRST_PORT + ports - 1);
    let host = portal.call("host_add", &json!({ "spec": spec, "credentials": null }))?["id"].clone();
    let fill = json!({ "id": host, "template": "small", "count": people });
    let operation = portal.call("host_fill", &fill)?;
    let begin = Instant::now();
    loop {
        let state = portal.call("operation_read", &json!({ "id": operation }))?["summary"]["state"].clone();
        match state.as_str() {
            Some("done") => break,
            Some("failed" | "undone") => bail!("the host is not filled: {}", portal.log()),
            _ if begin.elapsed() > FILLED || process::stopping() => bail!("the host is not filled in time"),
            _ => thread::sleep(POLL),
        }
    }
    let begin = Instant::now();
    loop {
        let free = portal.call("pool_read", &json!({}))?["free"].as_array().map_or(0, Vec::len);
        if free == people {
            return Ok(());
        }
        if begin.elapsed() > LOOKS || process::stopping() {
            bail!("only {free} of {people} chains are free: {}", portal.log());
        }
        thread::sleep(POLL);
    }
}

/// Makes somebody, and signs them in; their cookie.
fn join(portal: &Portal, number: usize) -> Result<String> {
    let name = format!("person-{number}");
    let user = json!({ "user": { "name": name, "role": "user", "password": PASSWORD } });
    portal.call("user_create", &user)?;
    let form = format!("name={name}&password={PASSWORD}&next=/");
    let mut connection = Connection::open(portal.address, None)?;
    let answer =
        connection.post("/api/session_create", "application/x-www-form-urlencoded", form.as_bytes())?;
    answer.cookie.with_context(|| format!("{name} cannot sign in: {}", answer.status))
}

/// How long somebody waited, in seconds since the click, and for what.
struct Wait {
    chain: String,
    claimed: f64,
    shown: f64,
    ready: f64,
}

fn all_at_once(portal: &Portal, cookies: &[String]) -> Result<Vec<Wait>> {
    let (together, waits) = (Barrier::new(cookies.len()), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        let (together, waits) = (&together, &waits);
        let people: Vec<_> = (0..)
            .zip(cookies)
            .map(|(number, cookie)| {
                scope.spawn(move || -> Result<()> {
                    let connection = Connection::open(portal.address, Some(cookie.clone()));
                    // Whoever could not connect must not keep the others waiting.
                    together.wait();
                    let wait = one(&mut connection?, number)?;
                    waits.lock().unwrap_or_else(PoisonError::into_inner).push(wait);
                    Ok(())
                })
            })
            .collect();
        people.into_iter().try_for_each(|one| one.join().map_err(|_| anyhow!("a person panicked"))?)
    })?;
    Ok(waits.into_inner().unwrap_or_else(PoisonError::into_inner))
}

/// One person: applies, opens the page of the chain, and writes to it.
fn one(connection: &mut Connection, number: u32) -> Result<Wait> {
    let begin = Instant::now();
    let spec = json!({ "spec": { "template": "small", "key": format!("bench-key-{number}") } });
    let applied = portal::call(connection, "chain_apply", &spec)?;
    let chain = match (applied["kind"].as_str(), applied["chain"].as_str()) {
        (Some("claimed"), Some(chain)) => chain.to_owned(),
        _ => bail!("somebody gets no chain: {applied}"),
    };
    let claimed = figures::seconds(begin.elapsed());
    let page = connection.get(&format!("/chains/{chain}"))?;
    if page.status != 200 {
        bail!("the page of {chain} answers {}", page.status);
    }
    let shown = figures::seconds(begin.elapsed());
    let mut call: Value = network::call("init", &["a", "100", "b", "200"]);
    call["call"]["chain"] = json!(chain);
    call["call"]["channel"] = json!("mychannel");
    let view = portal::call(connection, "transaction_submit", &call)?;
    if view["state"] != "valid" {
        bail!("a transaction is not valid: {view}");
    }
    Ok(Wait { chain, claimed, shown, ready: figures::seconds(begin.elapsed()) })
}

/// The longest of the nineteen shortest of twenty.
pub(super) fn slowest_but_few(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let place = (values.len() * 19).div_ceil(20);
    values.get(place.saturating_sub(1)).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_twenty_may_be_slower() {
        let hundred: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        assert!((slowest_but_few(hundred) - 95.0).abs() < f64::EPSILON);
        assert!((slowest_but_few(vec![7.0]) - 7.0).abs() < f64::EPSILON);
    }
}
