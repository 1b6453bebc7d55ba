//! Who may make which call.

use std::collections::BTreeSet;
use std::time::SystemTime;

use aurora_api::calls::{
    CreateJobArgs, GetRoleSummaryArgs, KillTasksArgs, SetQuotaArgs, SnapshotArgs,
};
use aurora_api::{JobConfiguration, JobUpdateKey};

use super::*;

const FILE: &str = "
[users]
root = secret, admin
dev = pass:word, deploy, nosuchrole
guest = guest
[roles]
admin = *
deploy = \"thrift.AuroraSchedulerManager:createJob,killTasks:www\", thrift.AuroraAdmin:snapshot
";

fn security() -> Security {
    Security::parse(FILE, Matcher::Simple, Mechanism::Basic).unwrap()
}

fn basic(text: &str) -> String {
    format!("Basic {}", BASE64.encode(text))
}

fn proved(user: &str) -> Claim {
    let user = user.to_string();
    Claim::Proved { user, answer: None }
}

#[test]
fn users_prove_themselves_by_their_password() {
    let security = security();
    for (header, want) in [
        (basic("root:secret"), Some("root")),
        (basic("dev:pass:word"), Some("dev")),
        (basic("root:Secret"), None),
        (basic("root:"), None),
        (basic("nobody:secret"), None),
        (basic("root"), None),
        ("Basic ???".to_string(), None),
        ("Basic".to_string(), None),
        ("Bearer x".to_string(), None),
        (basic("root:secret").replace("Basic", "bAsIc"), Some("root")),
    ] {
        let want = match want {
            Some(user) => proved(user),
            None if header.starts_with("Bearer") => Claim::None,
            None => Claim::Wrong,
        };
        assert_eq!(
            security.judge(&header, SystemTime::UNIX_EPOCH),
            want,
            "{header}"
        );
    }
}

#[test]
fn hashed_passwords_need_their_matcher() {
    let hash = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";
    let file = format!("[users]\na = {hash}\nb = K7gNU3sdo+OL0wNhqoVWhr3g6s1xYv72ol/pe/Unols=");
    let matcher = Matcher::named("org.apache.shiro.authc.credential.Sha256CredentialsMatcher");
    let hashed = Security::parse(&file, matcher.unwrap(), Mechanism::Basic).unwrap();
    let judge = |pair: &str| hashed.judge(&basic(pair), SystemTime::UNIX_EPOCH);
    assert_eq!(judge("a:secret"), proved("a"));
    assert_eq!(judge("b:secret"), proved("b"));
    assert_eq!(judge(&format!("a:{hash}")), Claim::Wrong);
    assert_eq!(Matcher::named("org.example.OtherMatcher"), None);
}

fn kill(role: &str) -> Call {
    Call::KillTasks(KillTasksArgs {
        job: Some(JobKey::new(role, "prod", "web")),
        instances: Some(BTreeSet::new()),
        message: None,
    })
}

#[test]
fn calls_need_permissions_and_reads_need_none() {
    let security = security();
    let snapshot = || Call::Snapshot(SnapshotArgs::default());
    let quota = || Call::SetQuota(SetQuotaArgs::default());
    let forbidden = |text: &str| Err(Denial::Forbidden(text.to_string()));
    let unnamed = Call::CreateJob(CreateJobArgs {
        description: Some(JobConfiguration::default()),
    });
    for (caller, call, want) in [
        (None, Call::GetRoleSummary(GetRoleSummaryArgs {}), Ok(())),
        (None, kill("www"), Err(Denial::Unknown)),
        (None, snapshot(), Err(Denial::Unknown)),
        (Some("root"), kill("www"), Ok(())),
        (Some("root"), quota(), Ok(())),
        (Some("root"), unnamed.clone(), Ok(())),
        (Some("dev"), kill("www"), Ok(())),
        (Some("dev"), snapshot(), Ok(())),
        (
            Some("dev"),
            kill("other"),
            forbidden(
                "Subject dev is not permitted to JobScopedRpcPermission{rpc=killTasks, \
                 permittedJob=IJobKey{role=other, environment=prod, name=web}}.",
            ),
        ),
        (
            Some("dev"),
            quota(),
            forbidden(
                "Subject dev lacks permission UnscopedRpcPermission{domain=thrift.AuroraAdmin, \
                 rpc=setQuota}",
            ),
        ),
        (Some("dev"), unnamed.clone(), Err(Denial::NoJob)),
        (Some("guest"), kill("a:b"), Err(Denial::NoJob)),
        (
            Some("guest"),
            snapshot(),
            forbidden(
                "Subject guest lacks permission UnscopedRpcPermission{domain=thrift.AuroraAdmin, \
                 rpc=snapshot}",
            ),
        ),
    ] {
        assert_eq!(
            security.authorize(caller, &call),
            want,
            "{caller:?} {call:?}"
        );
    }
}

#[test]
fn an_update_is_authorized_by_its_job() {
    let key = JobUpdateKey {
        job: JobKey::new("www", "prod", "web"),
        id: "1".to_string(),
    };
    let call = Call::PulseJobUpdate(aurora_api::calls::PulseJobUpdateArgs { key: Some(key) });
    assert!(security().authorize(Some("root"), &call).is_ok());
    assert!(security().authorize(Some("dev"), &call).is_err());
}

#[test]
fn a_file_has_users_and_roles_and_nothing_else() {
    for (text, want) in [
        ("", "none of the sections"),
        ("[main]\na = b\n[users]\na = b", "section `main`"),
        ("a = b", "section ``"),
    ] {
        let error = Security::parse(text, Matcher::Simple, Mechanism::Basic).unwrap_err();
        assert!(error.contains(want), "{text}: {error}");
    }
}
