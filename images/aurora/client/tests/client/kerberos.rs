//! A cluster whose `auth_mechanism` is `KERBEROS`.

use aurora_api::Protocol;
use aurora_api::envelope::encode_reply;

use crate::support::{Canned, CannedScheduler, Client, done, text};

const KEY: &str = "direct/www-data/prod/hello";
/// In Python's place: a token that names the host it is for.
const TICKETS: &str = r#"for last; do :; done; echo "for-$last""#;

/// A scheduler that asks for a ticket, and then does as it is told.
fn kerberized(more: Vec<Canned>) -> (CannedScheduler, Client) {
    let asks = Canned {
        status: "401 Unauthorized",
        headers: "WWW-Authenticate: Negotiate\r\n".to_owned(),
        body: Vec::new(),
    };
    let scheduler = CannedScheduler::start(std::iter::once(asks).chain(more).collect());
    let client = Client::new(&format!(
        r#"[{{"name": "direct", "scheduler_uri": "{}", "auth_mechanism": "KERBEROS"}}]"#,
        scheduler.url
    ));
    std::fs::write(
        client.home().join(".netrc"),
        "default login aurora password secret\n",
    )
    .unwrap();
    (scheduler, client)
}

#[test]
fn a_scheduler_that_asks_for_a_ticket_is_shown_one() {
    let reply = encode_reply(Protocol::Binary, "startCronJob", 0, &done()).unwrap();
    let (scheduler, client) = kerberized(vec![Canned::ok(reply)]);
    let mut client = client.with_programs(&[("tickets", TICKETS)]);
    client.env.push((
        "AURORA_PYTHON",
        client.home().join("bin/tickets").display().to_string(),
    ));
    let output = client.run(&["cron", "start", KEY]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let requests = scheduler.requests();
    let shown: Vec<_> = requests.iter().map(|r| r.header("Authorization")).collect();
    assert_eq!(shown, [None, Some("Negotiate for-127.0.0.1")]);
    assert_eq!(requests[0].body, requests[1].body);
}

#[test]
fn who_has_no_ticket_is_told_to_get_one() {
    let (scheduler, mut client) = kerberized(Vec::new());
    let none = client.home().join("none").display().to_string();
    client.env.push(("KRB5CCNAME", none.clone()));
    client.env.push(("KRB5_CONFIG", none));
    let output = client.run(&["cron", "start", KEY]);
    assert_eq!(output.status.code(), Some(30));
    let stderr = text(&output.stderr);
    let advice = "ERROR] Communication with Aurora scheduler is kerberized. Did you forget to run \"kinit\"?\n";
    assert!(stderr.contains(advice), "{stderr}");
    let why = "401 Client Error: Unauthorized for url: ";
    assert!(
        stderr.contains(why) && stderr.contains(": no Kerberos token: "),
        "{stderr}"
    );
    assert_eq!(scheduler.requests().len(), 1);
}

#[test]
fn a_ticket_that_is_not_taken_is_not_shown_again() {
    let refuses = || Canned {
        status: "401 Unauthorized",
        headers: "WWW-Authenticate: Negotiate\r\n".to_owned(),
        body: Vec::new(),
    };
    let (scheduler, client) = kerberized(vec![refuses()]);
    let mut client = client.with_programs(&[("tickets", "echo x")]);
    client.env.push((
        "AURORA_PYTHON",
        client.home().join("bin/tickets").display().to_string(),
    ));
    let output = client.run(&["cron", "start", KEY]);
    assert_eq!(output.status.code(), Some(30));
    assert!(
        text(&output.stderr).contains("kinit"),
        "{}",
        text(&output.stderr)
    );
    assert_eq!(scheduler.requests().len(), 2);
}

#[test]
fn the_ticket_is_one_for_the_scheduler_that_leads() {
    let reply = encode_reply(Protocol::Binary, "startCronJob", 0, &done()).unwrap();
    let (leader, _) = kerberized(vec![Canned::ok(reply)]);
    let elsewhere = leader.url.replace("127.0.0.1", "localhost");
    let follower = CannedScheduler::start(vec![Canned {
        status: "307 Temporary Redirect",
        headers: format!("Location: {elsewhere}/api\r\n"),
        body: Vec::new(),
    }]);
    let mut client = Client::new(&format!(
        r#"[{{"name": "direct", "scheduler_uri": "{}", "auth_mechanism": "KERBEROS"}}]"#,
        follower.url
    ))
    .with_programs(&[("tickets", TICKETS)]);
    client.env.push((
        "AURORA_PYTHON",
        client.home().join("bin/tickets").display().to_string(),
    ));
    let output = client.run(&["cron", "start", KEY]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let requests = leader.requests();
    assert_eq!(
        requests[1].header("Authorization"),
        Some("Negotiate for-localhost")
    );
}
