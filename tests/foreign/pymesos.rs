//! pymesos, a framework's and an executor's driver of the v1 API in Python that others wrote.

use crate::local::Local;

#[tokio::test(flavor = "multi_thread")]
async fn a_framework_drives_command_tasks_and_an_executor_of_its_own_to_their_ends() {
    let cluster = Local::start().await;
    let printed = cluster.python("pymesos_framework.py").await;
    let mut lines: Vec<&str> = printed.lines().collect();
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            "command TASK_FINISHED Command exited with status 0",
            "custom TASK_FINISHED its executor was told `finish`",
            "executor answered `finish`",
            "failing TASK_FAILED Command exited with status 3",
            "killed TASK_KILLED Command terminated with signal Terminated",
            "reconciled TASK_RUNNING of killed",
        ],
        "{}",
        cluster.logs()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_asks_and_changes_the_cluster() {
    let cluster = Local::start().await;
    let printed = cluster.python("pymesos_operator.py").await;
    assert!(printed.ends_with("all answered\n"), "{printed}");
}
