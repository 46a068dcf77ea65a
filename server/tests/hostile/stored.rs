//! The strings of the corpus in every text that the store keeps and a page shows. They are written past all checks: what
//! a check refuses today may be there from a former version, or come from a host, a peer or a chaincode.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use domain::audit::AuditView;
use domain::chain::{Ailment, Health, HealthView};
use domain::host::{HostFacts, HostSpec, HostState, HostStatus, ImageNames};
use domain::id::{HostId, UserId};
use domain::name::{ChainName, ChaincodeName, ChannelName, HostName, TemplateName};
use domain::notice::{NoticeKind, NoticeView};
use domain::profile::Profile;
use domain::template::TemplateChaincode;
use domain::transaction::{SubmitView, TransactionState};
use domain::{Code, Error};
use serde_json::json;
use store::{
    AuditRecord, ChaincodeRecord, HostRecord, NoticeRecord, SessionRecord, Store, TransactionRecord,
};
use workflow::{
    EventBody, FailureRecord, Log, NewEvent, NewOperation, OperationRecord, StepRecord, StepState,
};

use crate::corpus::corpus;
use crate::fixture;

/// A host whose own words are hostile.
pub const HOST: &str = "host0002";
/// An operation that failed with hostile words.
pub const OPERATION: &str = "0190000000000000000000000000beef";
/// Strings in one text, where there are many texts.
const AT_ONCE: usize = 10;

/// All strings: in one text, and in several.
struct Words {
    whole: String,
    parts: Vec<String>,
    now_ms: i64,
}

/// Fills the store of a portal that has the chain of the fixture, and in which `ada` is an admin.
pub async fn fill(store: &Store) {
    let parts: Vec<String> = corpus().chunks(AT_ONCE).map(|part| part.join(" ")).collect();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    let words = Words { whole: parts.join(" "), parts, now_ms: i64::try_from(now).unwrap() };
    let ada = store.user_by_name("ada").await.unwrap().unwrap().id;
    account(store, &ada, &words).await;
    audit(store, &words).await;
    template(store, &words).await;
    host(store, &words).await;
    chain(store, &ada, &words).await;
    operation(store, &words).await;
}

async fn account(store: &Store, ada: &UserId, words: &Words) {
    let whole = || words.whole.clone();
    let profile = Profile {
        display_name: whole(),
        organization: whole(),
        location: whole(),
        bio: whole(),
        ..Profile::default()
    };
    store.profile_save(ada, &profile).await.unwrap();
    for (at, part) in (1_i64..).zip(&words.parts) {
        let session = SessionRecord {
            id_hash: format!("{at:064x}"),
            user: Some(ada.clone()),
            data: json!({ "user": ada.as_str() }),
            created_ms: words.now_ms,
            last_seen_ms: words.now_ms,
            expires_ms: words.now_ms + 3_600_000,
            absolute_expires_ms: words.now_ms + 3_600_000,
            address: part.clone(),
            agent: part.clone(),
        };
        store.session_create(&session).await.unwrap();
        let view = NoticeView {
            at_ms: words.now_ms + at,
            kind: NoticeKind::OperationFailed,
            subject: part.clone(),
            operation: None,
            name: part.clone(),
            is_read: false,
        };
        let notice = NoticeRecord { key: format!("hostile-{at}"), user: ada.clone(), view };
        assert!(store.notice_put(&notice).await.unwrap());
    }
}

async fn audit(store: &Store, words: &Words) {
    let (last, _) = store.audit_last().await.unwrap().unwrap();
    let record = |(sequence, part): (i64, &String)| {
        let change = json!({ "field": part, "before": part, "after": part });
        let view = AuditView {
            sequence,
            at_ms: words.now_ms,
            who: part.clone(),
            what: part.clone(),
            object: part.clone(),
            result: part.clone(),
            request_id: part.clone(),
            address: part.clone(),
            changes: vec![serde_json::from_value(change).unwrap()],
        };
        AuditRecord { view, user: None, hash: "00".repeat(32) }
    };
    let records = (last + 1..).zip(&words.parts).map(record).collect();
    store.audit_append(records).await.unwrap();
}

async fn template(store: &Store, words: &Words) {
    let mut template =
        store.template_read(&TemplateName::parse("small").unwrap()).await.unwrap().expect("the first ones");
    template.title = words.whole.clone();
    template.description = words.whole.clone();
    template.chaincode = Some(TemplateChaincode {
        name: ChaincodeName::parse("basic").unwrap(),
        version: words.whole.clone(),
        image: Some(words.whole.clone()),
        policy: Some(words.whole.clone()),
        init_required: false,
    });
    store.template_save(&template).await.unwrap();
}

async fn host(store: &Store, words: &Words) {
    let whole = || words.whole.clone();
    let parts = || words.parts.clone();
    let spec = HostSpec {
        bind_address: whole(),
        client_address: whole(),
        images: ImageNames { peer: parts(), orderer: parts(), sample: parts() },
        image_rules: parts(),
        ..HostSpec::local(HostName::parse("hostile").unwrap(), "/nonexistent/other.sock")
    };
    let facts = HostFacts {
        engine: whole(),
        version: whole(),
        api_version: whole(),
        operating_system: whole(),
        architecture: whole(),
        cpus: 1,
        memory_mib: 1,
        memory_largest_mib: None,
        disk_free_mib: None,
        engine_id: whole(),
        warnings: parts(),
    };
    let status = HostStatus {
        state: HostState::Inactive,
        reason: Some(Error::unavailable(Code::HostUnreachable).with("why", whole())),
        last_seen_ms: Some(1),
        facts: Some(facts),
    };
    let record = HostRecord { id: HostId::new(HOST), spec, status, created_ms: 1 };
    store.host_create(&record, None).await.unwrap();
}

async fn chain(store: &Store, ada: &UserId, words: &Words) {
    let (chain, channel) =
        (ChainName::parse(fixture::CHAIN).unwrap(), ChannelName::parse("mychannel").unwrap());
    let name = ChaincodeName::parse("basic").unwrap();
    let ailment = |part: &String| Ailment::of(part, Error::unavailable(Code::NodeUnwell).with("why", part));
    let ailments = words.parts.iter().map(ailment).collect();
    let health = HealthView { health: Health::Degraded, ailments, ..HealthView::default() };
    store.chain_health_save(&chain, &health).await.unwrap();
    let whole = || words.whole.clone();
    let chaincode = ChaincodeRecord {
        channel: channel.clone(),
        name: name.clone(),
        version: whole(),
        sequence: 1,
        image: whole(),
        image_id: whole(),
        image_digest: Some(whole()),
        policy: Some(whole()),
        init_required: false,
        deployed_ms: 1,
        package_ids: BTreeMap::from([("Org1MSP".to_owned(), whole())]),
        is_served: false,
    };
    store.chaincode_put(&chain, &chaincode).await.unwrap();
    for (at, part) in (1_i64..).zip(&words.parts) {
        let part = || part.clone();
        let view = SubmitView {
            id: format!("{at:064x}"),
            chain: chain.clone(),
            channel: channel.clone(),
            chaincode: name.clone(),
            function: part(),
            arguments: vec![part(), part()],
            organization: None,
            submitted_by: part(),
            state: TransactionState::Invalid,
            validation: Some(part()),
            block: Some(1),
            result: Some(part()),
            result_hex: Some(part()),
            error: Some(Error::conflict(Code::EndorsementRefused).with("why", part())),
            created_ms: words.now_ms + at,
            endorse_ms: Some(1),
            order_ms: Some(1),
            commit_ms: Some(1),
        };
        let record = TransactionRecord {
            view,
            user: ada.clone(),
            idempotency_key: format!("hostile-{at}"),
            asked: None,
        };
        assert_eq!(store.transaction_create(&record).await.unwrap(), None);
    }
}

async fn operation(store: &Store, words: &Words) {
    let failure = FailureRecord {
        code: words.parts[0].clone(),
        message: words.whole.clone(),
        values: BTreeMap::from([("why".to_owned(), words.whole.clone())]),
        evidence: words.parts.clone(),
        step: Some(words.parts[1].clone()),
        attempts: 1,
    };
    let known = store.load(fixture::OPERATION).await.unwrap().unwrap().operation;
    let operation = OperationRecord {
        id: OPERATION.to_owned(),
        owner: words.parts[2].clone(),
        subject: None,
        error: Some(failure.clone()),
        ..known
    };
    let step = |(index, part): (u32, &String)| StepRecord {
        operation: OPERATION.to_owned(),
        index,
        name: part.clone(),
        state: StepState::Failed,
        attempt: 1,
        interrupted: 0,
        started_ms: Some(1),
        ended_ms: Some(2),
        retry_at_ms: None,
        output: None,
        error: Some(failure.clone()),
        done: 0,
        total: 0,
    };
    let event = |part: &String| NewEvent {
        operation: OPERATION.to_owned(),
        owner: operation.owner.clone(),
        subject: None,
        at_ms: 1,
        body: EventBody::Note { step: part.clone(), attempt: 1, text: part.clone(), told: None },
    };
    let steps = (0_u32..).zip(&words.parts).take(3).map(step).collect();
    let events = words.parts.iter().map(event).collect();
    let new = NewOperation { operation: operation.clone(), steps, events, supersede: None };
    store.create(new).await.unwrap();
}
