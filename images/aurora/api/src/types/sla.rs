//! How many of a job's instances maintenance may take down at once.

use crate::value::Double;

thrift_struct! {
    /// This share of the instances must be up.
    PercentageSlaPolicy {
        1 "percentage" => percentage: Double,
        2 "durationSecs" => duration_secs: i64,
    }

    /// This many instances must be up.
    CountSlaPolicy {
        1 "count" => count: i64,
        2 "durationSecs" => duration_secs: i64,
    }

    /// A service of the user's is asked.
    CoordinatorSlaPolicy {
        1 "coordinatorUrl" => coordinator_url: String,
        2 "statusKey" => status_key: String,
    }
}

thrift_union! {
    /// One of the three policies.
    SlaPolicy {
        1 "percentageSlaPolicy" => Percentage(PercentageSlaPolicy),
        2 "countSlaPolicy" => Count(CountSlaPolicy),
        3 "coordinatorSlaPolicy" => Coordinator(CoordinatorSlaPolicy),
    }
}
