//! What a job asks Thermos to run: the task that Aurora's `executorConfig.data` carries.

mod bind;
mod fields;
mod job;
mod plan;
mod pyjson;
mod spec;
mod template;

pub use bind::{BindError, Bindings, bind};
pub use fields::TaskError;
pub use job::{
    Announcer, Assignment, HealthCheckConfig, HealthChecker, HttpHealthChecker, HttpLifecycle, Job,
    resolve_portmap,
};
pub use plan::{Plan, PlanError, Plans};
pub use pyjson::to_python_json;
pub use spec::{Destination, Logger, Mode, ProcessSpec, Resources, Rotate, TaskSpec};
pub use template::{Fragment, fragments};
