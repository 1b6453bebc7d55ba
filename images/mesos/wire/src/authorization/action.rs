//! What can be allowed, and where in the lists it stands.

macro_rules! actions {
    ($($(#[$doc:meta])* $action:ident = $list:literal,)*) => {
        /// Something that only some may do.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Action {
            $($(#[$doc])* $action,)*
        }

        impl Action {
            /// The list of `--acls` that is about this.
            pub const fn list(self) -> &'static str {
                match self {
                    $(Self::$action => $list,)*
                }
            }

            /// Every action that is asked about.
            #[cfg(test)]
            pub(super) const ALL: &[Self] = &[$(Self::$action,)*];
        }
    };
}

actions! {
    /// Frameworks of a role.
    RegisterFramework = "register_frameworks",
    /// Agents.
    RegisterAgent = "register_agents",
    /// Tasks and executors as a user.
    RunTask = "run_tasks",
    /// Ending frameworks of a principal.
    TeardownFramework = "teardown_frameworks",
    /// Reservations for a role.
    ReserveResources = "reserve_resources",
    /// Ending reservations that a principal made.
    UnreserveResources = "unreserve_resources",
    /// Volumes of a role.
    CreateVolume = "create_volumes",
    /// Ending volumes that a principal made.
    DestroyVolume = "destroy_volumes",
    /// Other sizes for volumes of a role.
    ResizeVolume = "resize_volumes",
    /// Seeing a role's quota.
    GetQuota = "get_quotas",
    /// Changing a role's quota.
    UpdateQuota = "update_quotas",
    /// Seeing a role.
    ViewRole = "view_roles",
    /// Changing a role's weight.
    UpdateWeight = "update_weights",
    /// Asking an endpoint of [`super::ENDPOINTS`].
    GetEndpoint = "get_endpoints",
    /// Seeing frameworks of a user.
    ViewFramework = "view_frameworks",
    /// Seeing tasks of a user.
    ViewTask = "view_tasks",
    /// Seeing executors of a user.
    ViewExecutor = "view_executors",
    /// Seeing containers of a user.
    ViewContainer = "view_containers",
    /// Reading sandboxes of a user.
    AccessSandbox = "access_sandboxes",
    /// Reading the program's log.
    AccessMesosLog = "access_mesos_logs",
    /// Seeing the program's flags.
    ViewFlags = "view_flags",
    /// Saying how much is logged.
    SetLogLevel = "set_log_level",
    /// Seeing when machines are worked on.
    GetMaintenanceSchedule = "get_maintenance_schedules",
    /// Saying when machines are worked on.
    UpdateMaintenanceSchedule = "update_maintenance_schedules",
    /// Seeing which machines are worked on.
    GetMaintenanceStatus = "get_maintenance_statuses",
    /// Taking machines down.
    StartMaintenance = "start_maintenances",
    /// Bringing machines up.
    StopMaintenance = "stop_maintenances",
    /// Giving agents up.
    MarkAgentGone = "mark_agents_gone",
    /// Draining agents.
    DrainAgent = "drain_agents",
    /// Setting agents aside.
    DeactivateAgent = "deactivate_agents",
    /// Taking agents back.
    ReactivateAgent = "reactivate_agents",
    /// Nested containers as a user.
    LaunchNestedContainerAsUser = "launch_nested_containers_as_user",
    /// Nested containers in those of a user.
    LaunchNestedContainerUnderParent = "launch_nested_containers_under_parent_with_user",
    /// Sessions as a user.
    LaunchNestedContainerSessionAsUser = "launch_nested_container_sessions_as_user",
    /// Sessions in containers of a user.
    LaunchNestedContainerSessionUnderParent = "launch_nested_container_sessions_under_parent_with_user",
    /// Waiting for nested containers of a user.
    WaitNestedContainer = "wait_nested_containers",
    /// Ending nested containers of a user.
    KillNestedContainer = "kill_nested_containers",
    /// Forgetting nested containers of a user.
    RemoveNestedContainer = "remove_nested_containers",
    /// Writing to containers of a user.
    AttachContainerInput = "attach_containers_input",
    /// Reading from containers of a user.
    AttachContainerOutput = "attach_containers_output",
    /// Containers that belong to no framework.
    LaunchStandaloneContainer = "launch_standalone_containers",
    /// Waiting for such containers.
    WaitStandaloneContainer = "wait_standalone_containers",
    /// Ending such containers.
    KillStandaloneContainer = "kill_standalone_containers",
    /// Forgetting such containers.
    RemoveStandaloneContainer = "remove_standalone_containers",
    /// Seeing such containers.
    ViewStandaloneContainer = "view_standalone_containers",
    /// Forgetting images that are not in use.
    PruneImages = "prune_images",
}
