use proptest::prelude::*;

use super::*;

fn bag(text: &str) -> Resources {
    parse(text, "*").expect(text)
}

#[test]
fn sums_and_differences_keep_thousandths() {
    let cases = [
        ("cpus:0.1", "cpus:0.2", "cpus:0.3"),
        ("cpus:1;mem:64", "mem:64;disk:8", "cpus:1; mem:128; disk:8"),
        ("ports:[1-5]", "ports:[6-9]", "ports:[1-9]"),
        ("names:{a}", "names:{b}", "names:{a, b}"),
        (
            "cpus(prod):1",
            "cpus:1",
            "cpus(reservations: [(STATIC,prod)]):1; cpus:1",
        ),
    ];
    for (a, b, want) in cases {
        let mut sum = bag(a);
        sum.add(&bag(b));
        assert_eq!(sum.to_string(), want);
        assert!(sum.contains(&bag(a)) && sum.contains(&bag(b)), "{want}");
        assert_eq!(sum.minus(&bag(b)), bag(a), "{want}");
    }
}

#[test]
fn what_is_not_there_is_not_contained() {
    let have = bag("cpus:1;mem:64;ports:[10-20]");
    for (want, is) in [
        ("cpus:1;mem:64;ports:[10-20]", true),
        ("cpus:1.001", false),
        ("ports:[10-10, 20-20]", true),
        ("ports:[20-21]", false),
        ("gpus:1", false),
        ("cpus(prod):1", false),
        ("cpus:0", true),
    ] {
        assert_eq!(have.contains(&bag(want)), is, "case `{want}`");
    }
}

#[test]
fn reservations_are_written_as_the_peer_reads_them() {
    let reserved = bag("cpus(prod):1");
    let pre = reserved.to_protos(Format::Pre);
    assert_eq!((pre[0].role(), pre[0].reservations.len()), ("prod", 0));
    let post = reserved.to_protos(Format::Post);
    assert_eq!((post[0].has_role(), post[0].reservations.len()), (false, 1));
    let both = reserved.to_protos(Format::Endpoint);
    assert_eq!((both[0].role(), both[0].reservations.len()), ("prod", 1));
    for protos in [pre, post, both] {
        assert_eq!(Resources::from_protos(&protos), Ok(reserved.clone()));
    }
    assert_eq!(bag("cpus:1").to_protos(Format::Endpoint)[0].role(), "*");
}

#[test]
fn allocations_are_kept_apart() {
    let free = bag("cpus:2");
    let mut all = free.allocated("a");
    all.add(&free.allocated("b"));
    assert_eq!(all.iter().count(), 2);
    assert_eq!(all.unallocated(), bag("cpus:4"));
}

#[test]
fn documents_always_show_the_four_usual_names() {
    assert_eq!(
        bag("cpus:4;ports:[31000-32000];tokens:2")
            .to_json()
            .to_string(),
        r#"{"disk":0.0,"mem":0.0,"gpus":0.0,"cpus":4.0,"ports":"[31000-32000]","tokens":2.0}"#
    );
}

fn any_bag() -> impl Strategy<Value = Resources> {
    (
        0u32..4000,
        0u32..4000,
        prop::collection::vec((0u64..60, 0u64..9), 0..5),
    )
        .prop_map(|(cpus, mem, ports)| {
            let ports: Vec<String> = ports
                .iter()
                .map(|(b, n)| format!("{b}-{}", b + n))
                .collect();
            let ports = if ports.is_empty() {
                String::new()
            } else {
                format!(";ports:[{}]", ports.join(", "))
            };
            bag(&format!(
                "cpus:{};mem:{mem}{ports}",
                f64::from(cpus) / 1000.0
            ))
        })
}

proptest! {
    #[test]
    fn taking_away_what_was_added_leaves_what_was(a in any_bag(), b in any_bag()) {
        let b = b.minus(&b.filter(|r| r.name() == "ports"));
        let mut sum = a.clone();
        sum.add(&b);
        prop_assert!(sum.contains(&a));
        prop_assert_eq!(sum.minus(&b), a);
    }

    #[test]
    fn nothing_is_left_of_a_bag_minus_itself(a in any_bag()) {
        prop_assert!(a.minus(&a).is_empty());
        prop_assert!(a.contains(&a));
    }
}

#[test]
fn reservations_are_checked_as_the_original_does() {
    use crate::json::{Dialect, from_value};
    let cases = [
        (
            r#""reservations":[{"type":"STATIC","role":"a"},{"type":"DYNAMIC","role":"a/b"}]"#,
            "",
        ),
        (
            r#""role":"a","reservation":{},"reservations":[{"type":"DYNAMIC","role":"a"}]"#,
            "",
        ),
        (r#""role":"a","reservation":{"principal":"p"}"#, ""),
        (
            r#""reservations":[{"role":"a"}]"#,
            "Invalid reservation: 'Resource.ReservationInfo.type' field must be set.",
        ),
        (
            r#""reservations":[{"type":"DYNAMIC"}]"#,
            "Invalid reservation: 'Resource.ReservationInfo.role' field must be set.",
        ),
        (
            r#""reservations":[{"type":"DYNAMIC","role":"a"},{"type":"STATIC","role":"a/b"}]"#,
            "Invalid refined reservation: A refined reservation cannot be STATIC",
        ),
        (
            r#""reservations":[{"type":"DYNAMIC","role":"a"},{"type":"DYNAMIC","role":"ab"}]"#,
            "Invalid refined reservation: role 'ab' is not a refinement of 'a'",
        ),
        (
            r#""role":"b","reservations":[{"type":"DYNAMIC","role":"a"}]"#,
            "Invalid resource format: 'Resource.role' field with 'b' does not match the role 'a' in 'Resource.reservations'",
        ),
        (
            r#""reservation":{}"#,
            "Invalid reservation: role \"*\" cannot be dynamically reserved",
        ),
    ];
    for (fields, want) in cases {
        let text = format!(r#"{{"name":"cpus","type":"SCALAR","scalar":{{"value":1}},{fields}}}"#);
        let value = serde_json::from_str(&text).unwrap();
        let resource: Resource = from_value(&value, Dialect::V0).unwrap();
        let got = Resources::from_protos([&resource])
            .err()
            .map_or(String::new(), |e| e.to_string());
        let got = got
            .split_once(" is invalid: ")
            .map_or("", |(_, reason)| reason);
        assert_eq!(got, want, "case `{fields}`");
    }
}

#[test]
fn amounts_are_checked_as_the_original_does() {
    use crate::json::{Dialect, from_value};
    for (fields, want) in [
        (
            r#""name":"cpus","type":"SCALAR","scalar":{"value":-1}"#,
            "Resource 'cpus:-1' is invalid: Invalid scalar resource: value <= 0",
        ),
        (
            r#""name":"","type":"SCALAR","scalar":{"value":1}"#,
            "Resource ':1' is invalid: Empty resource name",
        ),
        (
            r#""name":"a","type":"SCALAR","ranges":{}"#,
            "Resource 'a:0' is invalid: Invalid scalar resource",
        ),
        (
            r#""name":"p","type":"RANGES","ranges":{"range":[{"begin":2,"end":1}]}"#,
            "Resource 'p:[2-1]' is invalid: Invalid ranges resource: begin > end",
        ),
        (
            r#""name":"p","type":"RANGES","ranges":{"range":[{"begin":1,"end":3},{"begin":2,"end":4}]}"#,
            "Resource 'p:[1-3, 2-4]' is invalid: Invalid ranges resource: overlapping ranges",
        ),
        (
            r#""name":"s","type":"SET","set":{"item":["a","a"]}"#,
            "Resource 's:{a, a}' is invalid: Invalid set resource: duplicated elements",
        ),
        (
            r#""name":"cpus","type":"SCALAR","scalar":{"value":1},"disk":{}"#,
            "Resource 'cpus[]:1' is invalid: DiskInfo should not be set for cpus resource",
        ),
        (
            r#""name":"cpus","type":"SCALAR","scalar":{"value":1},"shared":{}"#,
            "Resource 'cpus<SHARED>:1' is invalid: Resource cpus cannot be shared",
        ),
        (
            r#""name":"disk","type":"SCALAR","scalar":{"value":1},"shared":{}"#,
            "Resource 'disk<SHARED>:1' is invalid: Only persistent volumes can be shared",
        ),
    ] {
        let value = serde_json::from_str(&format!("{{{fields}}}")).unwrap();
        let resource: Resource = from_value(&value, Dialect::V0).unwrap();
        let error = Resources::from_protos([&resource]).unwrap_err();
        assert_eq!(error.to_string(), want);
    }
}
