//! What an operation is made of: a named, versioned, linear list of steps, each with its undo.
//!
//! A plan is pure description. Steps run at least once, possibly often, and perhaps on another replica than their last
//! attempt: each must find what an earlier attempt made, and each undo must bear that there is nothing (left) to undo.

use std::collections::{BTreeMap, HashSet};
use std::future::Future;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::context::{Context, Live};
use crate::error::{StepError, codes};

/// Durable work: its parameters, the services that its steps need, and its plan.
///
/// The type itself is the parameters; they are stored in clear, so they refer to secrets and never hold one.
pub trait Operation: Serialize + DeserializeOwned + Clone + Send + Sync + 'static {
    /// Services that the steps use; one type for all operations of a [`crate::Workflow`].
    type Env: Send + Sync + 'static;

    /// The steps. Must always build the same plan.
    fn plan() -> Plan<Self>;
}

/// Result of a step, stored in the log and read by later steps with [`Context::output`].
///
/// `()` is the output of a step that has nothing to tell.
pub trait StepOutput: Serialize + DeserializeOwned + Send + 'static {
    /// Name of the step that makes it.
    const STEP: &'static str;
}

impl StepOutput for () {
    const STEP: &'static str = "";
}

/// The undo of a step that leaves nothing behind, or whose traces another step's undo removes.
pub async fn keep<P: Operation>(_context: Context<P>) -> Result<(), StepError> {
    Ok(())
}

/// What a step or an undo runs as, once its types are erased.
pub(crate) type StepFuture = BoxFuture<'static, Result<Value, StepError>>;
type StepFn<E> = Arc<dyn Fn(Call<E>) -> StepFuture + Send + Sync>;

/// Everything that one attempt gets.
pub(crate) struct Call<E> {
    pub(crate) env: Arc<E>,
    pub(crate) params: Arc<Value>,
    pub(crate) outputs: Arc<BTreeMap<String, Value>>,
    pub(crate) live: Arc<Live>,
}

// Derived, it would ask for `E: Clone`.
impl<E> Clone for Call<E> {
    fn clone(&self) -> Self {
        Self {
            env: Arc::clone(&self.env),
            params: Arc::clone(&self.params),
            outputs: Arc::clone(&self.outputs),
            live: Arc::clone(&self.live),
        }
    }
}

pub(crate) struct PlanStep<E> {
    pub(crate) name: &'static str,
    pub(crate) timeout_ms: Option<u64>,
    pub(crate) attempts: Option<u32>,
    pub(crate) run: StepFn<E>,
    pub(crate) undo: StepFn<E>,
    output: &'static str,
}

/// A plan without the type of its parameters, as the engine keeps it.
pub(crate) struct Steps<E> {
    pub(crate) name: &'static str,
    pub(crate) version: u32,
    pub(crate) steps: Vec<PlanStep<E>>,
    readable: fn(&Value) -> Result<(), serde_json::Error>,
}

/// A named, versioned, linear list of steps.
pub struct Plan<P: Operation> {
    steps: Steps<P::Env>,
}

impl<P: Operation> Plan<P> {
    /// An empty plan. Raise the version whenever steps, parameters or outputs change in a way that a stored operation
    /// would notice.
    pub fn named(name: &'static str, version: u32) -> Self {
        let readable = |params: &Value| P::deserialize(params).map(|_| ());
        Self { steps: Steps { name, version, steps: Vec::new(), readable } }
    }

    /// Appends a step and its undo (see [`keep`]).
    #[must_use]
    pub fn step<T, Run, Ran, Undo, Undone>(mut self, name: &'static str, run: Run, undo: Undo) -> Self
    where
        T: StepOutput,
        Run: Fn(Context<P>) -> Ran + Send + Sync + 'static,
        Ran: Future<Output = Result<T, StepError>> + Send + 'static,
        Undo: Fn(Context<P>) -> Undone + Send + Sync + 'static,
        Undone: Future<Output = Result<(), StepError>> + Send + 'static,
    {
        let run: StepFn<P::Env> = Arc::new(move |call| match Context::new(call) {
            Ok(context) => run(context).map(|result| result.and_then(|output| to_value(&output))).boxed(),
            Err(error) => std::future::ready(Err(error)).boxed(),
        });
        let undo: StepFn<P::Env> = Arc::new(move |call| match Context::new(call) {
            Ok(context) => undo(context).map(|result| result.map(|()| Value::Null)).boxed(),
            Err(error) => std::future::ready(Err(error)).boxed(),
        });
        let step = PlanStep { name, timeout_ms: None, attempts: None, run, undo, output: T::STEP };
        self.steps.steps.push(step);
        self
    }

    /// Time-out of each attempt of the step (and of its undo) appended last, instead of the engine's.
    #[must_use]
    pub fn timeout_ms(mut self, timeout_ms: u64) -> Self {
        if let Some(step) = self.steps.steps.last_mut() {
            step.timeout_ms = Some(timeout_ms);
        }
        self
    }

    /// Greatest number of attempts of the step (and of its undo) appended last, instead of the engine's.
    #[must_use]
    pub fn attempts(mut self, attempts: u32) -> Self {
        if let Some(step) = self.steps.steps.last_mut() {
            step.attempts = Some(attempts.max(1));
        }
        self
    }

    /// The plan's name.
    pub fn name(&self) -> &'static str {
        self.steps.name
    }

    /// The plan's version.
    pub fn version(&self) -> u32 {
        self.steps.version
    }

    /// The names of its steps, in order.
    pub fn step_names(&self) -> Vec<&'static str> {
        self.steps.steps.iter().map(|step| step.name).collect()
    }

    /// Checks the plan's wiring and erases its type.
    pub(crate) fn checked(self) -> Result<Steps<P::Env>, PlanError> {
        let mut names = HashSet::new();
        let plan = self.steps.name;
        if self.steps.steps.is_empty() {
            return Err(PlanError::Empty { plan });
        }
        for step in &self.steps.steps {
            if step.name.is_empty() || !names.insert(step.name) {
                return Err(PlanError::StepName { plan, step: step.name });
            }
            if !step.output.is_empty() && step.output != step.name {
                return Err(PlanError::Output { plan, step: step.name, output: step.output });
            }
        }
        Ok(self.steps)
    }
}

impl<E> Steps<E> {
    /// Whether stored parameters fit the operation's type.
    pub(crate) fn check_params(&self, params: &Value) -> Result<(), serde_json::Error> {
        (self.readable)(params)
    }
}

/// A plan that cannot be registered: a programming error, found when the program starts.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// It has no steps.
    #[error("the plan {plan} has no steps")]
    Empty {
        /// The plan.
        plan: &'static str,
    },
    /// A step's name is empty or used twice.
    #[error("the plan {plan} has an empty or a repeated step name: {step:?}")]
    StepName {
        /// The plan.
        plan: &'static str,
        /// The name.
        step: &'static str,
    },
    /// A step returns an output type that says to come from another step.
    #[error("in the plan {plan}, step {step} returns the output of {output}")]
    Output {
        /// The plan.
        plan: &'static str,
        /// The step.
        step: &'static str,
        /// What its output type says.
        output: &'static str,
    },
    /// Another plan has this name and version.
    #[error("the plan {plan} version {version} is registered twice")]
    Twice {
        /// The plan.
        plan: &'static str,
        /// Its version.
        version: u32,
    },
}

fn to_value<T: Serialize>(output: &T) -> Result<Value, StepError> {
    serde_json::to_value(output).map_err(|error| {
        StepError::stop(codes::OUTPUT_UNREADABLE, format!("The result cannot be stored: {error}."))
    })
}
