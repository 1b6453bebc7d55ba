//! A Kerberos realm of a test's own: MIT's key distribution centre on a free port of the loopback, without privileges.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::local::{DEADLINE, Local, free_port};

/// The realm's name.
pub(super) const REALM: &str = "KRBTEST.COM";

/// Where its files are, in the cluster's folder.
pub(super) struct Realm {
    folder: PathBuf,
}

/// Debian puts the centre's programs where only root's path leads.
fn path() -> String {
    let path = std::env::var("PATH").unwrap_or_default();
    format!("{path}:/usr/sbin:/sbin")
}

impl Realm {
    /// A realm with these principals, which ends with the cluster. Each has a keytab; clients know the centre's address
    /// and resolve no names, so that servers are called what the client calls them.
    pub(super) fn start(local: &mut Local, principals: &[&str]) -> Self {
        let folder = local.path("realm");
        std::fs::create_dir(&folder).expect("a folder");
        let (port, place) = (free_port(), folder.display());
        let client = format!(
            "[libdefaults]\n default_realm = {REALM}\n dns_lookup_kdc = false\n dns_lookup_realm = false\n \
             dns_canonicalize_hostname = false\n rdns = false\n udp_preference_limit = 1\n\
             [realms]\n {REALM} = {{\n  kdc = 127.0.0.1:{port}\n }}\n"
        );
        let centre = format!(
            "[realms]\n {REALM} = {{\n  database_name = {place}/principals\n  key_stash_file = {place}/stash\n  \
             acl_file = {place}/acl\n  kdc_listen = 127.0.0.1:{port}\n  kdc_tcp_listen = 127.0.0.1:{port}\n }}\n"
        );
        std::fs::write(folder.join("krb5.conf"), client).expect("written");
        std::fs::write(folder.join("kdc.conf"), centre).expect("written");
        let realm = Self { folder };
        realm.succeed("kdb5_util", &["create", "-s", "-W", "-P", "master"]);
        for principal in principals {
            realm.ask(&format!("addprinc -randkey {principal}"));
            let keytab = realm.keytab(principal);
            realm.ask(&format!("ktadd -k {} {principal}", keytab.display()));
        }
        let mut command = realm.command("krb5kdc");
        command.args(["-n", "-P"]).arg(realm.folder.join("pid"));
        local.spawn("krb5kdc", command);
        let begin = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(
                begin.elapsed() < DEADLINE,
                "{}",
                local.logs_of(&["krb5kdc"])
            );
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        realm
    }

    /// The keytab of a principal.
    pub(super) fn keytab(&self, principal: &str) -> PathBuf {
        let name = principal.replace('/', "-");
        self.folder.join(format!("{name}.keytab"))
    }

    /// A program that knows this realm and no other, and has the tickets of whoever is logged in.
    pub(super) fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(program.as_ref());
        command
            .env("PATH", path())
            .env("KRB5_CONFIG", self.folder.join("krb5.conf"))
            .env("KRB5_KDC_PROFILE", self.folder.join("kdc.conf"))
            .env("KRB5CCNAME", self.folder.join("tickets"))
            .stdin(Stdio::null());
        command
    }

    /// Gets a ticket for a principal, in the place of any other's.
    pub(super) fn log_in(&self, principal: &str) {
        let keytab = self.keytab(principal).display().to_string();
        self.succeed("kinit", &["-k", "-t", &keytab, principal]);
    }

    /// Throws the tickets away.
    pub(super) fn log_out(&self) {
        self.succeed("kdestroy", &[]);
    }

    fn ask(&self, query: &str) {
        let said = self.succeed("kadmin.local", &["-r", REALM, "-q", query]);
        // It ends with 0 whatever happens.
        assert!(!said.contains("while"), "{query}: {said}");
    }

    fn succeed(&self, program: &str, arguments: &[&str]) -> String {
        let output = self
            .command(program)
            .args(arguments)
            .output()
            .unwrap_or_else(|error| {
                panic!("`{program}`: {error}; `scripts/setup tests` installs Kerberos")
            });
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let said = text(&output.stdout) + &text(&output.stderr);
        assert!(output.status.success(), "{program} {arguments:?}: {said}");
        said
    }
}
