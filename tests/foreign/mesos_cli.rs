//! Mesos' own command line, in the form in which PyPI still has it.

use crate::local::Local;

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_looks_executes_and_attaches() {
    let cluster = Local::start().await;
    let printed = cluster.python("task_exec.py").await;
    assert!(printed.ends_with("all done\n"), "{printed}");
}
