use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn acls(value: Value) -> Acls {
    Acls::parse(&value.to_string()).expect("lists")
}

#[test]
fn every_action_has_a_list() {
    for action in Action::ALL {
        let field = ACLs::descriptor().field_by_name(action.list());
        assert!(field.is_some_and(|f| f.is_repeated()), "{action:?}");
    }
}

#[test]
fn the_first_entry_that_matches_decides() {
    let acls = acls(json!({"run_tasks": [
        {"principals": {"values": ["p", "q"]}, "users": {"values": ["a", "b"]}},
        {"principals": {"values": ["p"]}, "users": {"type": "NONE"}},
        {"principals": {"type": "NONE"}, "users": {"values": ["root"]}},
    ]}));
    for (who, user, want) in [
        (Some("p"), Some("a"), true),
        (Some("q"), Some("b"), true),
        (Some("p"), Some("c"), false),
        // A list of names is not about anybody, and one of users is not about any.
        (Some("p"), None, false),
        (None, Some("a"), true),
        (None, Some("root"), false),
        (Some("r"), Some("root"), false),
        (Some("r"), Some("a"), true),
        (Some("r"), None, true),
    ] {
        let got = acls.allow(who, Action::RunTask, user);
        assert_eq!(got, want, "case {who:?} as {user:?}");
    }
    assert!(acls.allow(None, Action::ViewFlags, None));
}

#[test]
fn a_branch_of_roles_is_all_below_it_and_only_where_the_list_is_about_roles() {
    for (kind, roles) in [("SOME", json!(["a/%", "c"])), ("NONE", json!(["a/%"]))] {
        let acls = acls(json!({
            "permissive": false,
            "view_roles": [{"principals": {"type": "ANY"}, "roles": {"type": kind, "values": roles}}],
            "view_tasks": [{"principals": {"type": "ANY"}, "users": {"values": ["a/%"]}}],
        }));
        for (role, want) in [
            ("a/b", true),
            ("a/b/c", true),
            ("a", false),
            ("ab", false),
            ("a/", true),
        ] {
            let got = acls.allow(Some("p"), Action::ViewRole, Some(role));
            assert_eq!(got, want, "case {kind} `{role}`");
        }
        assert!(!acls.allow(Some("p"), Action::ViewRole, None));
        assert!(acls.allow(Some("p"), Action::ViewTask, Some("a/%")));
        assert!(!acls.allow(Some("p"), Action::ViewTask, Some("a/b")));
    }
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    let any = json!({"type": "ANY"});
    for (value, want) in [
        (json!([]), "a JSON object is expected"),
        (
            json!({"permissive": "x"}),
            "Failed to parse 'x' as a JSON boolean for field 'permissive': syntax error at line 1 near: x",
        ),
        (
            json!({"run_tasks": [{"principals": any, "users": any}, {"principals": any}]}),
            "`run_tasks[1]`: Missing required fields: users",
        ),
        (
            json!({"run_tasks": [{"principals": {"values": 1}, "users": any}]}),
            "`run_tasks[0]`: Not expecting a JSON number for field 'values'",
        ),
        (
            json!({"run_tasks": "x"}),
            "Not expecting a JSON string for field 'run_tasks'",
        ),
        (
            json!({"view_flags": [{"principals": any, "flags": {}}]}),
            "`view_flags[0]`: ACL.ViewFlags type must be either NONE or ANY",
        ),
        (
            json!({"register_agents": [{"principals": any, "agents": {"values": ["x"]}}]}),
            "`register_agents[0]`: ACL.RegisterAgent type must be either NONE or ANY",
        ),
        (
            json!({"launch_standalone_containers": [{"principals": any, "users": {"values": ["x"]}}]}),
            "`launch_standalone_containers[0]`: ACL.LaunchStandaloneContainer type must be either NONE or ANY",
        ),
        (
            json!({"get_endpoints": [{"principals": any, "paths": {"values": ["/flags"]}}]}),
            "`get_endpoints[0]`: Path: '/flags' is not an authorizable path",
        ),
    ] {
        let error = Acls::parse(&value.to_string()).expect_err("no lists");
        assert_eq!(error.to_string(), want, "case {value}");
    }
    assert_eq!(
        Acls::parse("{").expect_err("no JSON").to_string(),
        "syntax error at line 1 near: "
    );
}

#[test]
fn names_that_no_list_has_are_told() {
    let acls = acls(json!({"run_task": [], "view_tasks": [], "permissive": true}));
    assert_eq!(acls.strange(), ["run_task"]);
}

/// What a request or an entry names: `None` is nobody, `Some(None)` is anybody.
type Named = Option<Option<Vec<String>>>;

/// The original's two matrices (docs/authorization.md of Mesos, "Implementation"): whether an entry is about a
/// request, and whether it allows it.
fn original(request: Option<&str>, entry: &Named) -> (bool, bool) {
    match (request, entry) {
        (Some(_), Some(None)) => (true, true),
        (Some(_), None) => (true, false),
        (Some(one), Some(Some(values))) => {
            let is_in = values.iter().any(|value| value == one);
            (is_in, is_in)
        }
        (None, Some(None)) => (true, true),
        (None, None) => (true, false),
        (None, Some(Some(_))) => (false, false),
    }
}

fn written(named: &Named) -> Value {
    match named {
        None => json!({"type": "NONE"}),
        Some(None) => json!({"type": "ANY"}),
        Some(Some(values)) => json!({"values": values}),
    }
}

fn named() -> impl Strategy<Value = Named> {
    let values = proptest::collection::vec("[abc]", 0..3);
    prop_oneof![
        Just(None),
        Just(Some(None)),
        values.prop_map(|values| Some(Some(values)))
    ]
}

proptest! {
    #[test]
    fn lists_are_judged_as_the_original_judges_them(
        entries in proptest::collection::vec((named(), named()), 0..5),
        permissive: bool,
        who in proptest::option::of("[abc]"),
        what in proptest::option::of("[abc]"),
    ) {
        let list: Vec<Value> = entries
            .iter()
            .map(|(who, what)| json!({"principals": written(who), "users": written(what)}))
            .collect();
        let acls = acls(json!({"permissive": permissive, "view_tasks": list}));
        let mut want = permissive;
        for (subjects, objects) in &entries {
            let (about, may) = original(who.as_deref(), subjects);
            let (about_it, may_it) = original(what.as_deref(), objects);
            if about && about_it {
                want = may && may_it;
                break;
            }
        }
        prop_assert_eq!(acls.allow(who.as_deref(), Action::ViewTask, what.as_deref()), want);
    }

    #[test]
    fn any_text_is_taken_or_refused(text in ".*", list in "[a-z_]{0,20}") {
        let _ = Acls::parse(&text);
        let _ = Acls::parse(&json!({list: [{"principals": text}]}).to_string());
    }
}
