//! What the flags say about callers and about the users' services.

use std::path::Path;

use super::{FlagError, Values, bad};
use crate::outside::webhook::Webhook;
use crate::security::{Matcher, Security};

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

/// `-http_authentication_mechanism` and what belongs to it.
pub(super) fn security(values: &Values) -> Result<Option<Security>, FlagError> {
    let name = "http_authentication_mechanism";
    match values
        .text(name)
        .unwrap_or_default()
        .to_ascii_uppercase()
        .as_str()
    {
        "NONE" => return Ok(None),
        "BASIC" => {}
        other => return Err(bad(name, other, "`NONE` or `BASIC`")),
    }
    let path = values.required("shiro_ini_path")?;
    let name = "shiro_credentials_matcher";
    let matcher = values.text(name).unwrap_or_default();
    let matcher = Matcher::named(matcher).ok_or_else(|| {
        let known =
            "`SimpleCredentialsMatcher`, `Sha256CredentialsMatcher` or `Sha512CredentialsMatcher`";
        bad(name, matcher, known)
    })?;
    Security::load(Path::new(path), matcher)
        .map(Some)
        .map_err(|why| {
            bad(
                "shiro_ini_path",
                path,
                format!("a file of users and roles ({why})"),
            )
        })
}
