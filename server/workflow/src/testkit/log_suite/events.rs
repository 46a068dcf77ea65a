//! The order of events.

use std::sync::Arc;

use futures::future::join_all;

use super::{Broken, NOW, claimed, created, failed, must, operation, same};
use crate::log::{Change, Fence, Log};
use crate::record::{EventBody, EventRecord, NewEvent};

/// Operations that write at the same time.
const WRITERS: u32 = 8;
/// Writes of each.
const WRITES: u32 = 25;

fn note(id: &str, text: String) -> NewEvent {
    NewEvent {
        operation: id.to_owned(),
        owner: "alice".to_owned(),
        subject: Some("chain:demo".to_owned()),
        at_ms: NOW,
        body: EventBody::Note { step: "first".to_owned(), attempt: 1, text, told: None },
    }
}

fn text(event: &EventRecord) -> String {
    match &event.body {
        EventBody::Note { text, .. } => text.clone(),
        other => other.kind().to_owned(),
    }
}

async fn write(log: &dyn Log, fence: &Fence, texts: &[String]) -> Result<Vec<EventRecord>, Broken> {
    let events = texts.iter().map(|text| note(&fence.operation, text.clone())).collect();
    log.save(fence, Change { now_ms: NOW, events, ..Change::default() }).await.map_err(failed)
}

pub(super) async fn pages(log: Arc<dyn Log>) -> Result<(), Broken> {
    same(&log.last_sequence().await.map_err(failed)?, &0, "the last sequence of an empty log")?;
    let one = created(&*log, operation(1)).await?;
    let two = created(&*log, operation(2)).await?;
    let first = claimed(&*log, &one, "one", NOW).await?;
    let second = claimed(&*log, &two, "one", NOW).await?;
    let mut returned = Vec::new();
    returned.extend(write(&*log, &first, &["a".to_owned(), "b".to_owned()]).await?);
    returned.extend(write(&*log, &second, &["c".to_owned()]).await?);
    returned.extend(write(&*log, &first, &["d".to_owned()]).await?);
    let all = log.events_since(0, 100).await.map_err(failed)?;
    same(&all[2..].to_vec(), &returned, "what the writes returned")?;
    let texts: Vec<_> = all.iter().map(text).collect();
    same(&texts.join(" "), &"state state a b c d".to_owned(), "all events")?;
    must(all.windows(2).all(|pair| pair[0].sequence < pair[1].sequence), "sequences do not rise")?;
    must(all[0].sequence >= 1, "the first sequence is below 1")?;
    same(&log.last_sequence().await.map_err(failed)?, &all[5].sequence, "the last sequence")?;
    let page = log.events_since(all[1].sequence, 2).await.map_err(failed)?;
    same(&page, &all[2..4].to_vec(), "a page of all")?;
    let of = log.events_of(&one, all[0].sequence, 2).await.map_err(failed)?;
    same(&of, &all[2..4].to_vec(), "a page of one operation")?;
    let rest = log.events_of(&one, all[3].sequence, 10).await.map_err(failed)?;
    same(&rest, &all[5..].to_vec(), "the last page of one operation")?;
    let last = log.events_last(&one, 2).await.map_err(failed)?;
    same(&last, &vec![all[3].clone(), all[5].clone()], "the newest of one operation")?;
    let all_of = log.events_last(&one, 10).await.map_err(failed)?;
    same(&all_of, &log.events_of(&one, 0, 10).await.map_err(failed)?, "all of one operation")?;
    must(log.events_since(all[5].sequence, 10).await.map_err(failed)?.is_empty(), "events after the last")
}

/// Writers append while a reader follows; what the reader saw on its way must be all there is in the end.
pub(super) async fn parallel(log: Arc<dyn Log>) -> Result<(), Broken> {
    let mut fences = Vec::new();
    for number in 1..=WRITERS {
        let id = created(&*log, operation(number)).await?;
        fences.push(claimed(&*log, &id, "one", NOW).await?);
    }
    let begin = log.last_sequence().await.map_err(failed)?;
    let writers = fences.into_iter().map(|fence| {
        let log = Arc::clone(&log);
        tokio::spawn(async move {
            for number in 0..WRITES {
                write(&*log, &fence, &[format!("{number:03}")]).await?;
            }
            Ok::<(), Broken>(())
        })
    });
    let writers: Vec<_> = writers.collect();
    let expected = usize::try_from(WRITERS * WRITES).unwrap_or(usize::MAX);
    let mut seen: Vec<EventRecord> = Vec::new();
    let mut ended = false;
    loop {
        let finished = writers.iter().all(tokio::task::JoinHandle::is_finished);
        let after = seen.last().map_or(begin, |event| event.sequence);
        let more = log.events_since(after, 7).await.map_err(failed)?;
        if more.is_empty() && ended {
            break;
        }
        // One more round after the writers' end, for what they wrote last.
        ended = finished && more.is_empty();
        seen.extend(more);
        tokio::task::yield_now().await;
    }
    for writer in join_all(writers).await {
        writer.map_err(|error| error.to_string())??;
    }
    same(&seen.len(), &expected, "events seen by a reader that followed")?;
    let all = log.events_since(begin, u32::MAX).await.map_err(failed)?;
    same(&seen, &all, "what the reader saw and what is stored")?;
    for number in 1..=WRITERS {
        let id = operation(number).operation.id;
        let texts: Vec<_> = all.iter().filter(|event| event.operation == id).map(text).collect();
        must(texts.is_sorted(), "one writer's events are out of order")?;
    }
    Ok(())
}
