//! What the flags say about the users' services, and about what the scheduler proves itself with.

use std::fs::File;
use std::path::Path;

use mesos_wire::authentication::Credential;

use super::{FlagError, Values, bad};
use crate::outside::webhook::Webhook;

/// `-webhook_config`
pub(super) fn webhook(values: &Values) -> Result<Option<Webhook>, FlagError> {
    let name = "webhook_config";
    let load = |path: &str| {
        Webhook::load(Path::new(path)).map_err(|why| {
            bad(
                name,
                path,
                format!("a file that describes a webhook ({why})"),
            )
        })
    };
    values.text(name).map(load).transpose()
}

/// `-framework_authentication_file`: a Java properties file, as Aurora's `CommandLineDriverSettingsModule` reads it.
pub(super) fn credential(values: &Values) -> Result<Option<Credential>, FlagError> {
    let name = "framework_authentication_file";
    let Some(path) = values.text(name) else {
        return Ok(None);
    };
    let unfit = |why: String| bad(name, path, format!("a file of credentials ({why})"));
    let file = File::open(path).map_err(|error| unfit(error.to_string()))?;
    let mut properties = java_properties::read(file).map_err(|error| unfit(error.to_string()))?;
    let mut of = |key: &str| {
        properties.remove(key).ok_or_else(|| {
            unfit(format!(
                "The framework authentication file is missing the key: {key}"
            ))
        })
    };
    Ok(Some(Credential {
        principal: of("aurora_authentication_principal")?,
        secret: of("aurora_authentication_secret")?,
    }))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::flags::Request;

    fn credential_in(text: &str) -> Result<Option<Credential>, FlagError> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        let flag = format!("-framework_authentication_file={}", file.path().display());
        match Values::parse(&[flag]).unwrap() {
            Request::Run(values) => credential(&values),
            Request::Help => panic!("no help was asked for"),
        }
    }

    #[test]
    fn credentials_stand_in_a_properties_file() {
        let text = "# ours\naurora_authentication_principal=aurora\n\
                    aurora_authentication_secret: s\\=e cret\n";
        let found = credential_in(text).unwrap().unwrap();
        assert_eq!(
            (found.principal.as_str(), found.secret.as_str()),
            ("aurora", "s=e cret")
        );
    }

    #[test]
    fn what_a_file_of_credentials_lacks_is_named() {
        let error = credential_in("aurora_authentication_principal=aurora").unwrap_err();
        let missing = "missing the key: aurora_authentication_secret";
        assert!(error.to_string().contains(missing), "{error}");
        let Ok(Request::Run(values)) =
            Values::parse(&["-framework_authentication_file=/nowhere".to_string()])
        else {
            panic!("the flag is fine");
        };
        let error = credential(&values).unwrap_err().to_string();
        assert!(error.contains("No such file"), "{error}");
    }
}
