//! What `--acls` close besides what is compared with the original: endpoints that every program has, and the page.

use serde_json::json;

use crate::site::Site;

fn flag(acls: serde_json::Value) -> String {
    format!("--acls={acls}")
}

#[tokio::test]
async fn endpoints_are_closed_by_their_paths() {
    let closed = ["/metrics/snapshot", "/logging/toggle", "/files/debug"];
    for path in closed {
        let acls = flag(json!({"get_endpoints": [
            {"principals": {"type": "ANY"}, "paths": {"type": "NONE"}},
        ]}));
        let one = flag(json!({"get_endpoints": [
            {"principals": {"type": "NONE"}, "paths": {"values": [path]}},
        ]}));
        let (all, one) = (Site::start(&[&acls]).await, Site::start(&[&one]).await);
        for other in closed {
            let answer = all.client().get(other).await;
            assert_eq!(
                (answer.status, answer.text().as_str()),
                (403, "403 Forbidden.")
            );
            let answer = one.client().get(other).await;
            assert_eq!(answer.status == 403, other == path, "case {path}: {other}");
        }
        for open in ["/version", "/state", "/files/browse?path=/x"] {
            assert_ne!(all.client().get(open).await.status, 403, "case {open}");
        }
    }
}

#[tokio::test]
async fn the_page_shows_what_anybody_may_see() {
    let closed = flag(json!({"view_frameworks": [
        {"principals": {"type": "ANY"}, "users": {"type": "NONE"}},
    ]}));
    for (flags, want) in [(&[closed.as_str()][..], false), (&[], true)] {
        let site = Site::start(flags).await;
        let info = json!({"user": "root", "name": "the-framework", "failover_timeout": 60});
        let call = json!({"type": "SUBSCRIBE", "subscribe": {"framework_info": info}});
        let mut events = site.client().subscribe(&call).await;
        events.next_of("SUBSCRIBED").await;
        for path in ["/", "/state", "/frameworks"] {
            let text = site.client().get(path).await.text();
            assert_eq!(text.contains("the-framework"), want, "case {path}");
        }
    }
}
