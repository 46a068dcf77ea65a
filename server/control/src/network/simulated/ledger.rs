//! A simulated channel's ledger: what is in it and which writes it takes, with the answers that Fabric gives.

use std::collections::BTreeMap;

use fabric::error::{FabricError, GrpcCode};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::network::{Call, Committed, CommittedDefinition, DefinitionSpec};

/// A definition as it is written down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Definition {
    version: String,
    sequence: i64,
    policy: Option<String>,
    init_required: bool,
}

impl From<&DefinitionSpec> for Definition {
    fn from(spec: &DefinitionSpec) -> Self {
        Self {
            version: spec.version.clone(),
            sequence: spec.sequence,
            policy: spec.policy.clone(),
            init_required: spec.init_required,
        }
    }
}

/// What one organization agreed to, and the package by which its peers serve it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Approval {
    pub(super) definition: Definition,
    pub(super) package: String,
}

/// One channel, as far as a node has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ledger {
    /// Hash of the first block: ledgers of two channels never mix.
    pub(super) genesis: String,
    pub(super) height: u64,
    /// By `chaincode/sequence/MSP ID`.
    approvals: BTreeMap<String, Approval>,
    /// By chaincode.
    definitions: BTreeMap<String, Definition>,
    /// By `chaincode/key`.
    state: BTreeMap<String, i64>,
    /// Anchor peers by MSP ID; those of the first block are not read.
    #[serde(default)]
    anchors: BTreeMap<String, Vec<String>>,
    /// Revocation lists by MSP ID.
    #[serde(default)]
    revocations: BTreeMap<String, String>,
    /// Block of each transaction.
    transactions: BTreeMap<String, u64>,
    /// The transaction of a block, in hexadecimal digits.
    envelopes: BTreeMap<u64, String>,
}

fn slot(name: &str, sequence: i64, msp_id: &str) -> String {
    format!("{name}/{sequence}/{msp_id}")
}

/// A refusal of the lifecycle system chaincode.
fn refused(message: String) -> FabricError {
    FabricError::Proposal {
        status: 500,
        message: format!("failed to invoke backing implementation: {message}"),
    }
}

impl Ledger {
    /// A channel with its first block only.
    pub(super) fn new(block: &[u8]) -> Self {
        Self { genesis: hex::encode(Sha256::digest(block)), height: 1, ..Self::default() }
    }

    /// Sequence of the definition in force, 0 for none.
    fn current(&self, name: &str) -> i64 {
        self.definitions.get(name).map_or(0, |found| found.sequence)
    }

    /// The definition in force.
    pub(super) fn committed(&self, name: &str) -> Option<CommittedDefinition> {
        let found = self.definitions.get(name)?;
        Some(CommittedDefinition { version: found.version.clone(), sequence: found.sequence })
    }

    /// What an organization has approved.
    pub(super) fn approval(&self, spec: &DefinitionSpec, msp_id: &str) -> Option<&Approval> {
        let found = self.approvals.get(&slot(&spec.name, spec.sequence, msp_id))?;
        (found.definition == Definition::from(spec)).then_some(found)
    }

    /// The package by which an organization's peers serve what is in force.
    pub(super) fn serving(&self, name: &str, msp_id: &str) -> Option<&str> {
        let found = self.approvals.get(&slot(name, self.current(name), msp_id))?;
        Some(&found.package)
    }

    /// An approval; the same one again changes nothing and makes no block.
    pub(super) fn approve(
        &mut self,
        spec: &DefinitionSpec,
        msp_id: &str,
        package: &str,
    ) -> Result<(), FabricError> {
        let approval = Approval { definition: spec.into(), package: package.to_owned() };
        let slot = slot(&spec.name, spec.sequence, msp_id);
        if self.approvals.get(&slot) == Some(&approval) {
            return Ok(());
        }
        let current = self.current(&spec.name);
        if spec.sequence < current {
            let text = format!(
                "currently defined sequence {current} is larger than requested sequence {}",
                spec.sequence
            );
            return Err(refused(text));
        }
        if spec.sequence > current + 1 {
            let text = format!(
                "requested sequence {} is larger than the next available sequence number {}",
                spec.sequence,
                current + 1
            );
            return Err(refused(text));
        }
        self.approvals.insert(slot, approval);
        self.height += 1;
        Ok(())
    }

    /// Refuses a sequence that is not the next one.
    pub(super) fn check_next(&self, spec: &DefinitionSpec) -> Result<(), FabricError> {
        let next = self.current(&spec.name) + 1;
        if spec.sequence == next {
            return Ok(());
        }
        let text =
            format!("requested sequence is {}, but new definition must be sequence {next}", spec.sequence);
        Err(refused(text))
    }

    /// A commit; the same one again changes nothing and makes no block.
    pub(super) fn commit(&mut self, spec: &DefinitionSpec, msp_ids: &[String]) -> Result<(), FabricError> {
        if self.definitions.get(&spec.name) == Some(&Definition::from(spec)) {
            return Ok(());
        }
        self.check_next(spec)?;
        if let Some(missing) = msp_ids.iter().find(|msp_id| self.approval(spec, msp_id).is_none()) {
            return Err(refused(format!("chaincode definition not agreed to by this org ({missing})")));
        }
        self.definitions.insert(spec.name.clone(), spec.into());
        self.height += 1;
        Ok(())
    }

    /// Refuses a first call that is none, and every other call before it. Returns what the call leaves behind.
    fn check_init(&self, call: &Call) -> Result<BTreeMap<String, i64>, FabricError> {
        let Some(definition) = self.definitions.get(&call.chaincode) else { return Ok(BTreeMap::new()) };
        let key = format!("{}/initialized {}", call.chaincode, definition.version);
        let done = !definition.init_required || self.state.contains_key(&key);
        match (call.is_init, done) {
            (true, true) => Err(refused_call("is already initialized but called as init", &call.chaincode)),
            (false, false) => Err(refused_call(
                "has not been initialized for this version, must call as init first",
                &call.chaincode,
            )),
            (true, false) => Ok(BTreeMap::from([(key, 1)])),
            (false, true) => Ok(BTreeMap::new()),
        }
    }

    /// A call of the sample: `init a 100 b 200`, `move a b 10`, `query a`; and `reveal name`, which tells a private
    /// input. Returns what it answers and what it would write.
    pub(super) fn call(&self, call: &Call) -> Result<(Vec<u8>, BTreeMap<String, i64>), FabricError> {
        let mut all = self.check_init(call)?;
        let (answer, writes) = self.invoke(call)?;
        all.extend(writes);
        Ok((answer, all))
    }

    fn invoke(&self, call: &Call) -> Result<(Vec<u8>, BTreeMap<String, i64>), FabricError> {
        let (chaincode, arguments) = (&call.chaincode, &call.arguments);
        let words: Vec<String> =
            arguments.iter().map(|word| String::from_utf8_lossy(word).into_owned()).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let number = |text: &str| {
            text.parse::<i64>().map_err(|_| failed(format!("Expecting integer value, not {text}")))
        };
        let key = |name: &str| format!("{chaincode}/{name}");
        let value = |name: &str| {
            self.state.get(&key(name)).copied().ok_or_else(|| failed(format!("Nil amount for {name}")))
        };
        match words.as_slice() {
            ["init", a, a_value, b, b_value] => {
                let writes = [(key(a), number(a_value)?), (key(b), number(b_value)?)];
                Ok((Vec::new(), writes.into_iter().collect()))
            }
            ["move", a, b, amount] => {
                let amount = number(amount)?;
                let writes = [(key(a), value(a)? - amount), (key(b), value(b)? + amount)];
                Ok((Vec::new(), writes.into_iter().collect()))
            }
            ["reveal", name] => match call.transient.get(*name) {
                Some(value) => Ok((value.clone(), BTreeMap::new())),
                None => Err(failed(format!("no private input {name}"))),
            },
            ["query", name] => Ok((value(name)?.to_string().into_bytes(), BTreeMap::new())),
            _ => Err(failed("Invalid invoke function name".to_owned())),
        }
    }

    /// Writes a transaction, once.
    pub(super) fn write(&mut self, tx_id: &str, writes: BTreeMap<String, i64>, envelope: String) {
        if self.transactions.contains_key(tx_id) {
            return;
        }
        self.transactions.insert(tx_id.to_owned(), self.height);
        self.envelopes.insert(self.height, envelope);
        self.state.extend(writes);
        self.height += 1;
    }

    /// New anchor peers; the same ones again make no block.
    pub(super) fn set_anchors(&mut self, msp_id: &str, anchors: Vec<String>) {
        if self.anchors.get(msp_id) != Some(&anchors) {
            self.anchors.insert(msp_id.to_owned(), anchors);
            self.height += 1;
        }
    }

    /// Anchor peers that were set.
    pub(super) fn anchors(&self, msp_id: &str) -> Vec<String> {
        self.anchors.get(msp_id).cloned().unwrap_or_default()
    }

    /// Another revocation list; the same one again makes no block.
    pub(super) fn set_revocation(&mut self, msp_id: &str, crl_pem: &str) {
        if self.revocations.get(msp_id).map(String::as_str) != Some(crl_pem) {
            self.revocations.insert(msp_id.to_owned(), crl_pem.to_owned());
            self.height += 1;
        }
    }

    /// The revocation list in force.
    pub(super) fn revocation(&self, msp_id: &str) -> Option<String> {
        self.revocations.get(msp_id).cloned()
    }

    /// Refuses a certificate that its organization has revoked, as peers do.
    pub(super) fn check_creator(&self, msp_id: &str, cert_pem: &str) -> Result<(), FabricError> {
        let Some(list) = self.revocations.get(msp_id) else { return Ok(()) };
        let serial = fabric::material::describe(cert_pem).map(|facts| facts.serial_hex).unwrap_or_default();
        let revoked = fabric::material::revoked_serials(list).unwrap_or_default();
        if !revoked.contains(&serial) {
            return Ok(());
        }
        Err(FabricError::Grpc {
            code: GrpcCode::Unknown,
            message: "access denied: the certificate has been revoked".to_owned(),
            details: Vec::new(),
        })
    }

    /// The block of a transaction.
    pub(super) fn block_of(&self, tx_id: &str) -> Option<u64> {
        self.transactions.get(tx_id).copied()
    }

    /// What was ordered into a block.
    pub(super) fn envelopes(&self, number: u64) -> Vec<Vec<u8>> {
        let found = self.envelopes.get(&number).and_then(|text| hex::decode(text).ok());
        found.into_iter().collect()
    }

    /// Where a transaction ended.
    pub(super) fn status(&self, tx_id: &str) -> Option<Committed> {
        let block = *self.transactions.get(tx_id)?;
        Some(Committed { block, code: "VALID".to_owned(), valid: true })
    }
}

/// A refusal before the chaincode is asked.
fn refused_call(why: &str, chaincode: &str) -> FabricError {
    FabricError::Proposal { status: 500, message: format!("chaincode '{chaincode}' {why}") }
}

fn failed(message: String) -> FabricError {
    FabricError::Chaincode { status: 500, message }
}

/// The answer of a peer that does not serve a channel.
pub(super) fn unknown_channel(channel: &str) -> FabricError {
    FabricError::Grpc {
        code: GrpcCode::NotFound,
        message: format!("channel does not exist: {channel}"),
        details: Vec::new(),
    }
}
