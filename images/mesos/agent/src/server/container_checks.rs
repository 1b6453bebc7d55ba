//! Whether calls about containers can be understood, in the original's words.

use mesos_proto::mesos::{CommandInfo, ContainerID};
use mesos_proto::v1_agent::{Call, ProcessIO, call, process_io};
use protobuf::MessageField;

use crate::nested::Chain;

/// What is wrong with a call about a container; calls about something else are passed over.
pub(super) fn validate(call: &Call) -> Result<(), String> {
    use call::Type as Asked;
    match call.type_() {
        Asked::LAUNCH_NESTED_CONTAINER => {
            let what = "launch_nested_container";
            let asked = present(what, &call.launch_nested_container)?;
            nested(what, &asked.container_id)?;
            command(what, &asked.command)
        }
        Asked::LAUNCH_NESTED_CONTAINER_SESSION => {
            let what = "launch_nested_container_session";
            let asked = present(what, &call.launch_nested_container_session)?;
            nested(what, &asked.container_id)?;
            command(what, &asked.command)
        }
        Asked::LAUNCH_CONTAINER => {
            let what = "launch_container";
            let asked = present(what, &call.launch_container)?;
            id(what, &asked.container_id)?;
            command(what, &asked.command)?;
            if asked.container_id.parent.is_none() && asked.resources.is_empty() {
                return Err(format!("Expecting '{what}.resources' to be present"));
            }
            mesos_wire::resources::Resources::from_protos(&asked.resources)
                .map(drop)
                .map_err(|error| format!("'{what}.resources' is invalid: {error}"))
        }
        Asked::WAIT_NESTED_CONTAINER => {
            let what = "wait_nested_container";
            nested(
                what,
                &present(what, &call.wait_nested_container)?.container_id,
            )
        }
        Asked::WAIT_CONTAINER => {
            let what = "wait_container";
            id(what, &present(what, &call.wait_container)?.container_id)
        }
        Asked::KILL_NESTED_CONTAINER => {
            let what = "kill_nested_container";
            nested(
                what,
                &present(what, &call.kill_nested_container)?.container_id,
            )
        }
        Asked::KILL_CONTAINER => {
            let what = "kill_container";
            id(what, &present(what, &call.kill_container)?.container_id)
        }
        Asked::REMOVE_NESTED_CONTAINER => {
            let what = "remove_nested_container";
            nested(
                what,
                &present(what, &call.remove_nested_container)?.container_id,
            )
        }
        Asked::REMOVE_CONTAINER => {
            let what = "remove_container";
            id(what, &present(what, &call.remove_container)?.container_id)
        }
        Asked::ATTACH_CONTAINER_OUTPUT => {
            let what = "attach_container_output";
            id(
                what,
                &present(what, &call.attach_container_output)?.container_id,
            )
        }
        Asked::ATTACH_CONTAINER_INPUT => {
            use call::attach_container_input::Type;
            let what = "attach_container_input";
            let asked = present(what, &call.attach_container_input)?;
            if !asked.has_type() {
                return Err(format!("Expecting '{what}.type' to be present"));
            }
            match asked.type_() {
                Type::UNKNOWN => Err(format!("'{what}.type' is unknown")),
                Type::CONTAINER_ID => {
                    present("attach_container_input.container_id", &asked.container_id)?;
                    id(what, &asked.container_id)
                }
                Type::PROCESS_IO => Ok(()),
            }
        }
        Asked::ADD_RESOURCE_PROVIDER_CONFIG => present(
            "add_resource_provider_config",
            &call.add_resource_provider_config,
        )
        .map(drop),
        Asked::UPDATE_RESOURCE_PROVIDER_CONFIG => present(
            "update_resource_provider_config",
            &call.update_resource_provider_config,
        )
        .map(drop),
        Asked::REMOVE_RESOURCE_PROVIDER_CONFIG => present(
            "remove_resource_provider_config",
            &call.remove_resource_provider_config,
        )
        .map(drop),
        Asked::MARK_RESOURCE_PROVIDER_GONE => present(
            "mark_resource_provider_gone",
            &call.mark_resource_provider_gone,
        )
        .map(drop),
        _ => Ok(()),
    }
}

fn present<'a, M>(what: &str, field: &'a MessageField<M>) -> Result<&'a M, String> {
    field
        .as_ref()
        .ok_or_else(|| format!("Expecting '{what}' to be present"))
}

fn id(what: &str, id: &MessageField<ContainerID>) -> Result<(), String> {
    Chain::read(id.get_or_default())
        .map(drop)
        .map_err(|flaw| format!("'{what}.container_id' is invalid: {flaw}"))
}

fn nested(what: &str, container: &MessageField<ContainerID>) -> Result<(), String> {
    id(what, container)?;
    match container.parent.is_some() {
        true => Ok(()),
        false => Err(format!(
            "Expecting '{what}.container_id.parent' to be present"
        )),
    }
}

fn command(what: &str, command: &MessageField<CommandInfo>) -> Result<(), String> {
    let Some(command) = command.as_ref() else {
        return Ok(());
    };
    for variable in &command.environment.variables {
        use mesos_proto::mesos::environment::variable::Type;
        let is_secret = variable.type_() == Type::SECRET;
        let flaw = match (is_secret, variable.secret.is_some(), variable.has_value()) {
            (true, false, _) => "must have a secret set",
            (true, true, true) => "must not have a value set",
            (false, true, _) => "must not have a secret set",
            (false, false, false) => "must have a value set",
            _ => continue,
        };
        let (name, kind) = (variable.name(), if is_secret { "SECRET" } else { "VALUE" });
        return Err(format!(
            "'{what}.command' is invalid: Environment variable '{name}' of type '{kind}' {flaw}"
        ));
    }
    Ok(())
}

/// What a record of input after the first carries; or what is wrong with it.
pub(super) fn input(call: &Call) -> Result<&ProcessIO, String> {
    let asked = present("attach_container_input", &call.attach_container_input)?;
    if asked.type_() != call::attach_container_input::Type::PROCESS_IO {
        return Err(format!(
            "Expecting 'attach_container_input.type' to be 'PROCESS_IO' instead of: '{:?}'",
            asked.type_()
        ));
    }
    let io = present("attach_container_input.process_io", &asked.process_io)?;
    let known = |what: &str, has: bool, is_unknown: bool| match (has, is_unknown) {
        (false, _) => Err(format!("Expecting '{what}' to be present")),
        (true, true) => Err(format!("'{what}' is unknown")),
        (true, false) => Ok(()),
    };
    known(
        "process_io.type",
        io.has_type(),
        io.type_() == process_io::Type::UNKNOWN,
    )?;
    if io.type_() == process_io::Type::CONTROL {
        use process_io::control::Type;
        let control = present("process_io.control", &io.control)?;
        let kind = control.type_();
        known(
            "process_io.control.type",
            control.has_type(),
            kind == Type::UNKNOWN,
        )?;
        if kind == Type::HEARTBEAT {
            present("process_io.control.heartbeat", &control.heartbeat)?;
        } else {
            let terminal = present("process_io.control.tty_info", &control.tty_info)?;
            present("tty_info.window_size", &terminal.window_size)?;
        }
        return Ok(io);
    }
    let data = present("process_io.data", &io.data)?;
    if !data.has_type() {
        return Err("Expecting 'process_io.data.type' to be present".to_string());
    }
    if data.type_() != process_io::data::Type::STDIN {
        return Err("Expecting 'process_io.data.type' to be 'STDIN'".to_string());
    }
    if !data.has_data() {
        return Err("Expecting 'process_io.data.data' to be present".to_string());
    }
    Ok(io)
}

#[cfg(test)]
mod tests {
    use mesos_wire::json::{Dialect, from_slice};

    use super::*;

    fn read(text: &str) -> Call {
        from_slice(text.as_bytes(), Dialect::V1).expect(text)
    }

    #[test]
    fn calls_about_containers_are_judged_in_the_originals_words() {
        let cases = [
            (
                r#"{"type":"WAIT_CONTAINER"}"#,
                "Expecting 'wait_container' to be present",
            ),
            (
                r#"{"type":"LAUNCH_NESTED_CONTAINER","launch_nested_container":{"container_id":{"value":"a"}}}"#,
                "Expecting 'launch_nested_container.container_id.parent' to be present",
            ),
            (
                r#"{"type":"KILL_NESTED_CONTAINER","kill_nested_container":{"container_id":{"value":"a/b","parent":{"value":"p"}}}}"#,
                "'kill_nested_container.container_id' is invalid: 'a/b' contains invalid characters",
            ),
            (
                r#"{"type":"LAUNCH_CONTAINER","launch_container":{"container_id":{"value":"a"}}}"#,
                "Expecting 'launch_container.resources' to be present",
            ),
            (
                r#"{"type":"LAUNCH_NESTED_CONTAINER","launch_nested_container":{"container_id":{"value":"a","parent":{"value":"p"}},
                   "command":{"environment":{"variables":[{"name":"A"}]}}}}"#,
                "'launch_nested_container.command' is invalid: Environment variable 'A' of type 'VALUE' must have a value set",
            ),
            (
                r#"{"type":"ATTACH_CONTAINER_INPUT","attach_container_input":{}}"#,
                "Expecting 'attach_container_input.type' to be present",
            ),
        ];
        for (text, want) in cases {
            assert_eq!(validate(&read(text)), Err(want.to_string()), "case {text}");
        }
        let fine = r#"{"type":"WAIT_NESTED_CONTAINER","wait_nested_container":{"container_id":{"value":"a","parent":{"value":"p"}}}}"#;
        assert_eq!(validate(&read(fine)), Ok(()));
        assert_eq!(validate(&read(r#"{"type":"GET_HEALTH"}"#)), Ok(()));
    }

    #[test]
    fn input_is_judged_record_by_record() {
        let cases = [
            (
                r#""type":"CONTAINER_ID""#,
                "Expecting 'attach_container_input.type' to be 'PROCESS_IO' instead of: 'CONTAINER_ID'",
            ),
            (
                r#""type":"PROCESS_IO""#,
                "Expecting 'attach_container_input.process_io' to be present",
            ),
            (
                r#""type":"PROCESS_IO","process_io":{}"#,
                "Expecting 'process_io.type' to be present",
            ),
            (
                r#""type":"PROCESS_IO","process_io":{"type":"DATA"}"#,
                "Expecting 'process_io.data' to be present",
            ),
            (
                r#""type":"PROCESS_IO","process_io":{"type":"DATA","data":{"type":"STDOUT","data":"eA=="}}"#,
                "Expecting 'process_io.data.type' to be 'STDIN'",
            ),
            (
                r#""type":"PROCESS_IO","process_io":{"type":"CONTROL","control":{"type":"TTY_INFO","tty_info":{}}}"#,
                "Expecting 'tty_info.window_size' to be present",
            ),
        ];
        for (text, want) in cases {
            let call = read(&format!(
                r#"{{"type":"ATTACH_CONTAINER_INPUT","attach_container_input":{{{text}}}}}"#
            ));
            assert_eq!(input(&call).expect_err(want), want);
        }
    }
}
