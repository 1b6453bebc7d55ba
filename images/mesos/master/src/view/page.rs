//! The page at `/`: agents, frameworks and tasks for people, with links that open. It loads nothing
//! from elsewhere.

use std::fmt::Write as _;

use mesos_proto::mesos::Task;
use mesos_wire::authorization::Rights;

use super::{Site, VERSION, sight};
use crate::model::{Agent, Framework, Master};

const STYLE: &str = "body{font:14px/1.5 system-ui,sans-serif;margin:2em auto;max-width:78em;padding:0 1em;color:#223}\
table{border-collapse:collapse;width:100%;margin:.5em 0 2em}\
th,td{text-align:left;padding:.3em .8em .3em 0;border-bottom:1px solid #dde;vertical-align:top}\
th{font-weight:600;color:#556}code{font-size:12px}h1{font-size:1.5em}h2{font-size:1.1em}\
.none{color:#889}";

/// Most ended tasks that are listed.
const MOST_ENDED: usize = 100;

/// The page, with what may be seen.
pub fn page(master: &Master, site: &Site, rights: &Rights) -> String {
    let is_seen = |f: &&Framework| sight::framework(rights, &f.info);
    let cluster = site.cluster.as_deref().unwrap_or("Mesos");
    let mut html = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta http-equiv=\"refresh\" content=\"10\"><title>{0}</title><style>{STYLE}</style></head><body><h1>{0}</h1>",
        escaped(cluster)
    );
    let leader = site.leader.as_ref().map_or("none", |leader| leader.pid());
    put(
        &mut html,
        format!(
            "<p>Mesos master <code>{}</code>, version {VERSION}. Leader: <code>{}</code>. Documents: <a href=\"/state\">state</a>, <a href=\"/state-summary\">summary</a>, <a href=\"/slaves\">agents</a>, <a href=\"/frameworks\">frameworks</a>, <a href=\"/tasks\">tasks</a>, <a href=\"/roles\">roles</a>, <a href=\"/metrics/snapshot\">metrics</a>, <a href=\"/flags\">flags</a>.</p>",
            escaped(master.info.pid()),
            escaped(leader)
        ),
    );
    table(
        &mut html,
        "Agents",
        &[
            "Agent",
            "Host",
            "State",
            "CPUs",
            "Memory (MB)",
            "Disk (MB)",
            "Attributes",
        ],
        master.agents.values().map(agent),
    );
    table(
        &mut html,
        "Frameworks",
        &["Framework", "Name", "User", "Roles", "State", "Tasks"],
        master.frameworks.values().filter(is_seen).map(framework),
    );
    let visible = |f: &'_ Framework, t: &Task| sight::task(rights, t, &f.info);
    let seen = || master.frameworks.values().filter(is_seen);
    let running = seen().flat_map(|f| f.tasks.values().filter(move |t| visible(f, t)));
    let heads = ["Task", "Name", "Framework", "State", "Host"];
    table(
        &mut html,
        "Active tasks",
        &heads,
        running.map(|t| task(master, t)),
    );
    let lost = seen().flat_map(|f| f.unreachable.values().filter(move |t| visible(f, t)));
    table(
        &mut html,
        "Unreachable tasks",
        &heads,
        lost.map(|t| task(master, t)),
    );
    let all = sight::all_frameworks(master, rights);
    let mut ended: Vec<&Task> = all
        .flat_map(|f| f.completed.iter().filter(move |t| visible(f, t)))
        .collect();
    let time = |t: &Task| t.statuses.last().map_or(0.0, |status| status.timestamp());
    ended.sort_by(|a, b| time(b).total_cmp(&time(a)));
    table(
        &mut html,
        "Completed tasks",
        &heads,
        ended.into_iter().take(MOST_ENDED).map(|t| task(master, t)),
    );
    table(
        &mut html,
        "Completed frameworks",
        &["Framework", "Name", "User", "Roles", "State", "Tasks"],
        master
            .completed_frameworks
            .iter()
            .rev()
            .filter(is_seen)
            .map(framework),
    );
    html.push_str("</body></html>\n");
    html
}

fn agent(agent: &Agent) -> Vec<String> {
    let url = agent_url(agent);
    let used = agent.used_total();
    let part = |name: &str| format!("{} of {}", used.scalar(name), agent.total.scalar(name));
    let attributes = mesos_wire::attributes::to_json(&agent.info.attributes);
    let attributes: Vec<String> = attributes
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| {
            let value = match (value.as_str(), value.as_f64()) {
                (Some(text), _) => text.to_string(),
                // As a person writes it: 2, not 2.0.
                (None, Some(number)) => number.to_string(),
                (None, None) => value.to_string(),
            };
            escaped(&format!("{name}: {value}"))
        })
        .collect();
    vec![
        link(&format!("{url}/state"), agent.id.as_str()),
        escaped(agent.info.hostname()),
        if agent.is_active() {
            "active"
        } else {
            "disconnected"
        }
        .to_string(),
        part("cpus"),
        part("mem"),
        part("disk"),
        attributes.join(", "),
    ]
}

/// Where an agent's own documents are, by the name that it gives out.
fn agent_url(agent: &Agent) -> String {
    format!(
        "http://{}:{}",
        agent.info.hostname(),
        agent.pid.address.port()
    )
}

fn framework(framework: &Framework) -> Vec<String> {
    let state = match (
        framework.unregistered,
        framework.is_connected(),
        framework.active,
    ) {
        (Some(_), _, _) => "completed",
        (None, false, _) => "disconnected",
        (None, true, false) => "inactive",
        (None, true, true) => "active",
    };
    let name = framework.info.name();
    let webui = framework.info.webui_url();
    let roles: Vec<&str> = framework.roles.iter().map(String::as_str).collect();
    vec![
        link(
            &format!("/frameworks?framework_id={}", framework.id),
            framework.id.as_str(),
        ),
        if webui.starts_with("http://") || webui.starts_with("https://") {
            link(webui, name)
        } else {
            escaped(name)
        },
        escaped(framework.info.user()),
        escaped(&roles.join(", ")),
        state.to_string(),
        framework.tasks.len().to_string(),
    ]
}

fn task(master: &Master, task: &Task) -> Vec<String> {
    let agent = crate::model::AgentId::from(task.slave_id.get_or_default());
    let framework = task.framework_id.value();
    let executor = match task.executor_id.value() {
        "" => task.task_id.value(),
        executor => executor,
    };
    let host = master.agents.get(&agent).map_or_else(
        || escaped(agent.as_str()),
        |agent| {
            // The agent knows each sandbox under this name, wherever its folders are.
            let path = format!("/frameworks/{framework}/executors/{executor}/runs/latest");
            link(
                &format!("{}/files/browse?path={}", agent_url(agent), query(&path)),
                agent.info.hostname(),
            )
        },
    );
    let state = format!("{:?}", task.state());
    vec![
        link(
            &format!(
                "/tasks?framework_id={}&task_id={}",
                query(framework),
                query(task.task_id.value())
            ),
            task.task_id.value(),
        ),
        escaped(task.name()),
        escaped(framework),
        state.trim_start_matches("TASK_").to_string(),
        host,
    ]
}

fn table(html: &mut String, title: &str, heads: &[&str], rows: impl Iterator<Item = Vec<String>>) {
    let rows: Vec<Vec<String>> = rows.collect();
    put(html, format!("<h2>{title} ({})</h2>", rows.len()));
    if rows.is_empty() {
        html.push_str("<p class=\"none\">none</p>");
        return;
    }
    html.push_str("<table><tr>");
    for head in heads {
        put(html, format!("<th>{head}</th>"));
    }
    html.push_str("</tr>");
    for row in rows {
        html.push_str("<tr>");
        for cell in row {
            put(html, format!("<td>{cell}</td>"));
        }
        html.push_str("</tr>");
    }
    html.push_str("</table>");
}

fn put(html: &mut String, text: String) {
    // Writing to a string does not fail.
    let _ = html.write_str(&text);
}

fn link(url: &str, text: &str) -> String {
    format!("<a href=\"{}\">{}</a>", escaped(url), escaped(text))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}

/// A value in a query.
fn query(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'/' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_name_is_text_and_never_markup() {
        assert_eq!(
            escaped("<b a=\"x\">&'"),
            "&lt;b a=&quot;x&quot;&gt;&amp;&#39;"
        );
        assert_eq!(query("a b&c"), "a%20b%26c");
    }
}
