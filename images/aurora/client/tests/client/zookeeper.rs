//! The scheduler as ZooKeeper names it, and named anew when it does not answer.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use aurora_api::envelope::encode_reply;
use aurora_api::{CallResult, GetQuotaResult, Protocol};

use crate::support::{Canned, CannedScheduler, Client, ok, text};

const PATH: &str = "/aurora/scheduler";
/// Requests and errors of ZooKeeper's protocol that the client meets.
const CLOSE: i32 = -11;
const EXISTS: i32 = 3;
const GET_DATA: i32 = 4;
const GET_CHILDREN: i32 = 8;
const PING: i32 = 11;
const GET_CHILDREN2: i32 = 12;
const UNIMPLEMENTED: i32 = -6;
const STAT: [u8; 68] = [0; 68];

/// A ZooKeeper with one announcement, whose address is another for every session: the last one stays.
fn zookeeper(addresses: Vec<String>) -> String {
    zookeeper_that_tells(addresses, || ())
}

/// The same, which tells of each session that begins.
fn zookeeper_that_tells(addresses: Vec<String>, tell: impl Fn() + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        let mut addresses = addresses.into_iter().peekable();
        loop {
            let (stream, _) = listener.accept().unwrap();
            tell();
            let address = match addresses.len() {
                1 => addresses.peek().cloned(),
                _ => addresses.next(),
            };
            // The client may hang up at any moment.
            let _ = serve(stream, &address.unwrap());
        }
    });
    url
}

fn serve(mut stream: TcpStream, address: &str) -> std::io::Result<()> {
    let (host, port) = address.rsplit_once(':').unwrap();
    let member = format!(
        r#"{{"serviceEndpoint":{{"host":"x","port":1}},"additionalEndpoints":{{"http":{{"host":"{host}","port":{port}}}}},"status":"ALIVE"}}"#
    );
    frame(&mut stream)?;
    let mut welcome = Vec::new();
    welcome.extend(0i32.to_be_bytes());
    welcome.extend(10_000i32.to_be_bytes());
    welcome.extend(1i64.to_be_bytes());
    buffer(&mut welcome, &[0; 16]);
    welcome.push(0);
    answer(&mut stream, &welcome)?;
    loop {
        let request = frame(&mut stream)?;
        let xid = i32::from_be_bytes(request[..4].try_into().unwrap());
        let kind = i32::from_be_bytes(request[4..8].try_into().unwrap());
        let mut body = Vec::new();
        let mut error = 0;
        match kind {
            GET_CHILDREN | GET_CHILDREN2 => {
                body.extend(2i32.to_be_bytes());
                buffer(&mut body, b"singleton_candidate_0000000000");
                buffer(&mut body, b"member_0000000001");
                if kind == GET_CHILDREN2 {
                    body.extend(STAT);
                }
            }
            GET_DATA => {
                buffer(&mut body, member.as_bytes());
                body.extend(STAT);
            }
            EXISTS => body.extend(STAT),
            PING => {}
            CLOSE => return Ok(()),
            _ => error = UNIMPLEMENTED,
        }
        let mut reply = Vec::new();
        reply.extend(xid.to_be_bytes());
        reply.extend(1i64.to_be_bytes());
        reply.extend(error.to_be_bytes());
        reply.extend(body);
        answer(&mut stream, &reply)?;
    }
}

fn frame(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let mut bytes = vec![0; u32::from_be_bytes(length) as usize];
    stream.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn answer(stream: &mut TcpStream, bytes: &[u8]) -> std::io::Result<()> {
    stream.write_all(&u32::try_from(bytes.len()).unwrap().to_be_bytes())?;
    stream.write_all(bytes)
}

fn buffer(bytes: &mut Vec<u8>, content: &[u8]) {
    bytes.extend(u32::try_from(content.len()).unwrap().to_be_bytes());
    bytes.extend(content);
}

fn quota() -> Canned {
    let answer = ok(CallResult::GetQuota(GetQuotaResult::default()));
    Canned::ok(encode_reply(Protocol::Binary, "getQuota", 0, &answer).unwrap())
}

fn get_quota(addresses: Vec<String>) -> std::process::Output {
    let client = Client::new(&format!(
        r#"[{{"name": "zoo", "zk": "{}", "scheduler_zk_path": "{PATH}"}}]"#,
        zookeeper(addresses)
    ));
    client.run(&["quota", "get", "zoo/www-data"])
}

#[test]
fn the_scheduler_is_the_one_that_zookeeper_names() {
    let scheduler = CannedScheduler::start(vec![quota()]);
    let output = get_quota(vec![scheduler.url.replace("http://", "")]);
    assert_eq!(text(&output.stdout), "Allocated:\n");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
}

#[test]
fn a_scheduler_that_does_not_answer_is_looked_up_again() {
    // Of those that programs are given, no port stays free for sure.
    let gone = "127.0.0.1:1".to_owned();
    let scheduler = CannedScheduler::start(vec![quota()]);
    let output = get_quota(vec![gone, scheduler.url.replace("http://", "")]);
    let stderr = text(&output.stderr);
    assert_eq!(text(&output.stdout), "Allocated:\n", "{stderr}");
    assert_eq!(
        stderr
            .matches(" WARN] Transport error communicating with scheduler: ")
            .count(),
        1,
        "{stderr}"
    );
    assert!(stderr.contains(", retrying...\n"), "{stderr}");
}

#[test]
fn the_scheduler_is_looked_for_while_the_configuration_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let asked = folder.path().join("asked");
    let file = folder.path().join("patient.aurora");
    let source = format!(
        "import os, time\n\
         until = time.time() + 120\n\
         while not os.path.exists({asked:?}):\n  \
           assert time.time() < until, 'ZooKeeper is not asked'\n  \
           time.sleep(0.01)\n\
         jobs = []\n"
    );
    std::fs::write(&file, source).unwrap();
    let tell = move || std::fs::write(&asked, "").unwrap();
    let client = Client::new(&format!(
        r#"[{{"name": "zoo", "zk": "{}", "scheduler_zk_path": "{PATH}"}}]"#,
        zookeeper_that_tells(vec!["127.0.0.1:1".to_owned()], tell)
    ));
    let file = file.to_str().unwrap();
    let output = client.run(&["job", "create", "zoo/www-data/devel/x", file]);
    let stderr = text(&output.stderr);
    assert!(
        stderr.contains("No job defined in this config!"),
        "{stderr}"
    );
    assert_eq!(output.status.code(), Some(3), "{stderr}");
}
