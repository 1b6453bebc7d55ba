//! Aurora's own Kerberos test, `test_kerberos_end_to_end.sh` (vagrant.md, 6.3): MIT's key distribution centre, curl, and
//! our clients, against a scheduler that asks for tickets.

mod realm;

use std::os::unix::process::CommandExt as _;
use std::process::Output;
use std::time::{Duration, Instant};

use realm::{REALM, Realm};
use zookeeper_for_tests::ZooKeeper;

use crate::local::{DEADLINE, Local, free_port};

/// As in the original's file for tests: one who may do all, one with a role, and one without.
const USERS: &str = "[users]\nroot = secret, admin\nwfarner = password, eng\nksweeney = 12345\n\
                     [roles]\nadmin = *\neng = thrift.AuroraAdmin:setQuota\n";

struct Site {
    local: Local,
    realm: Realm,
    port: u16,
    _zookeeper: ZooKeeper,
}

impl Site {
    async fn start() -> Self {
        let mut local = Local::start().await;
        let server = "HTTP/localhost";
        let realm = Realm::start(
            &mut local,
            &["vagrant", "unpriv", "root", "wfarner", server],
        );
        let zookeeper = ZooKeeper::start();
        let port = free_port();
        let users = local.path("shiro.ini");
        std::fs::write(&users, USERS).expect("written");
        let master = local.master;
        let folder = local.path("scheduler").display().to_string();
        local.run(
            "aurora-scheduler",
            &[
                "-cluster_name=devcluster".to_owned(),
                "-hostname=localhost".to_owned(),
                format!("-http_port={port}"),
                format!("-zk_endpoints={}", zookeeper.address),
                "-serverset_path=/aurora/scheduler".to_owned(),
                format!("-mesos_master_address=127.0.0.1:{master}"),
                format!("-native_log_file_path={folder}/store"),
                format!("-backup_dir={folder}/backups"),
                "-http_authentication_mechanism=NEGOTIATE".to_owned(),
                "-shiro_realm_modules=KERBEROS5_AUTHN,INI_AUTHNZ".to_owned(),
                format!("-shiro_ini_path={}", users.display()),
                format!("-kerberos_server_keytab={}", realm.keytab(server).display()),
                format!("-kerberos_server_principal={server}@{REALM}"),
                "-kerberos_debug=true".to_owned(),
            ],
        );
        let clusters = format!(
            r#"[{{"name": "devcluster", "zk": "127.0.0.1", "zk_port": {}, "scheduler_zk_path": "/aurora/scheduler",
                "auth_mechanism": "KERBEROS"}}]"#,
            zookeeper.address.port()
        );
        std::fs::write(local.path("clusters.json"), clusters).expect("written");
        let site = Self {
            local,
            realm,
            port,
            _zookeeper: zookeeper,
        };
        site.until_registered().await;
        site
    }

    async fn until_registered(&self) {
        let begin = Instant::now();
        let url = format!("http://localhost:{}/vars", self.port);
        loop {
            let vars = async { reqwest::get(&url).await?.text().await }.await;
            if vars.is_ok_and(|vars| vars.contains("framework_registered 1\n")) {
                return;
            }
            assert!(begin.elapsed() < DEADLINE, "{}", self.logs());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    fn logs(&self) -> String {
        let ours = ["mesos-master", "aurora-scheduler"];
        self.local.logs_of(&[&ours[..], &["krb5kdc"]].concat())
    }

    /// Has curl ask for a snapshot on behalf of whoever is logged in: the status, and what is answered, headers and all.
    fn snapshot(&self) -> (String, String) {
        let output = self
            .realm
            .command("curl")
            .args(["-q", "-s", "-u", ":", "--negotiate", "--noproxy", "*", "-i"])
            .args(["-H", "Content-Type:application/vnd.apache.thrift.json"])
            .args(["--data-binary", r#"[1,"snapshot",1,0,{}]"#])
            .args(["-w", "\n%{http_code}"])
            .arg(format!("http://localhost:{}/api", self.port))
            .output()
            .expect("curl starts");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let (said, status) = said.rsplit_once('\n').expect("a status");
        (status.to_owned(), said.to_owned())
    }

    /// Runs a client of ours on behalf of whoever is logged in.
    fn client(&self, name: &str, arguments: &[&str]) -> (Option<i32>, String) {
        let folder = self.local.path("");
        let Output {
            status,
            stdout,
            stderr,
        } = self
            .realm
            .command(env!("CARGO_BIN_EXE_devcluster"))
            .arg0(name)
            .args(arguments)
            .env("AURORA_CONFIG_ROOT", &folder)
            .env("HOME", &folder)
            .output()
            .expect("the client starts");
        let said = [stdout, stderr].concat();
        (status.code(), String::from_utf8_lossy(&said).into_owned())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tickets_say_who_calls_and_the_file_says_what_they_may() {
    let site = Site::start().await;
    for principal in ["vagrant", "unpriv"] {
        site.realm.log_in(principal);
        let (status, said) = site.snapshot();
        assert_eq!(status, "200", "{said}\n{}", site.logs());
        assert!(said.contains("lacks permission"), "{principal}: {said}");
        assert!(said.contains(&format!("Subject {principal} ")), "{said}");
    }
    let quota = [
        "set_quota",
        "devcluster",
        "kerberos-test",
        "0.0",
        "0MB",
        "0MB",
    ];
    let (code, said) = site.client("aurora_admin", &quota);
    assert!(
        code != Some(0) && said.contains("lacks permission"),
        "{said}"
    );

    site.realm.log_in("root");
    let (status, said) = site.snapshot();
    assert_eq!(status, "200", "{said}\n{}", site.logs());
    assert!(!said.contains("lacks permission"), "{said}");
    // curl has checked it: otherwise it would have ended.
    assert!(said.contains("\nwww-authenticate: Negotiate o"), "{said}");
    let (code, said) = site.client("aurora_admin", &quota);
    assert_eq!(code, Some(0), "{said}\n{}", site.logs());
    let (_, said) = site.client("aurora", &["update", "pause", "devcluster/role/env/job"]);
    assert!(said.contains("No active update found"), "{said}");

    site.realm.log_in("wfarner");
    let (code, said) = site.client("aurora_admin", &quota);
    assert_eq!(code, Some(0), "{said}");
    let (_, said) = site.snapshot();
    assert!(said.contains("Subject wfarner lacks permission"), "{said}");

    site.realm.log_out();
    let (status, said) = site.snapshot();
    assert_eq!(status, "401", "{said}");
    assert!(said.contains("\nwww-authenticate: Negotiate\r"), "{said}");
    let (code, said) = site.client("aurora_admin", &quota);
    assert!(said.contains("Did you forget to run \"kinit\"?"), "{said}");
    assert!(said.contains("No Kerberos credentials available"), "{said}");
    assert_eq!(code, Some(1), "{said}");
    let (code, said) = site.client("aurora", &["cron", "start", "devcluster/role/env/job"]);
    assert_eq!(code, Some(30), "{said}");
    let (code, said) = site.client("aurora", &["quota", "get", "devcluster/role"]);
    assert_eq!(code, Some(0), "reading needs no ticket: {said}");
}
