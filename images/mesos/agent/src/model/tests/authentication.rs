//! Proving to a master who the agent is, before it registers.

use mesos_proto::messages::{
    AuthenticateMessage, AuthenticationErrorMessage, AuthenticationMechanismsMessage,
    AuthenticationStartMessage, AuthenticationStepMessage,
};
use mesos_wire::authentication::{Credential, cram_md5};
use protobuf::MessageDyn as _;

use super::*;

fn proved() -> (Model, Credential) {
    let credential = Credential {
        principal: "p".to_string(),
        secret: "s".to_string(),
    };
    let mut config = config();
    config.proof = Some(Proof {
        credential: credential.clone(),
        timeout_min: Duration::from_secs(5),
        timeout_max: Duration::from_secs(60),
        backoff_factor: Duration::from_secs(1),
    });
    (detected_with(config), credential)
}

/// What the authenticatee of this number has said.
fn said<M: MessageFull>(effects: &[Effect], number: u64) -> Vec<M> {
    let process = format!("crammd5-authenticatee({number})");
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::SendAs(id, _, message) if *id == process => {
                <dyn MessageDyn>::downcast_ref::<M>(&**message).cloned()
            }
            _ => None,
        })
        .collect()
}

fn hear(model: &mut Model, now: f64, number: u64, message: &impl MessageFull) {
    let name = message.descriptor_dyn().name().to_string();
    let body = message.write_to_bytes().expect("a message");
    let to = format!("crammd5-authenticatee({number})");
    let session = "crammd5-authenticator-session(1)@10.0.0.1:5050"
        .parse()
        .expect("a pid");
    model
        .authenticatee_message(at(now), &to, &session, &name, &body)
        .expect("it parses");
}

fn mechanisms() -> AuthenticationMechanismsMessage {
    let mut message = AuthenticationMechanismsMessage::new();
    message.mechanisms.push("CRAM-MD5".to_string());
    message
}

#[test]
fn an_agent_registers_when_its_proof_is_accepted_and_not_before() {
    let (mut model, credential) = proved();
    model.tick(at(1.0));
    let effects = model.take_effects();
    let begun: Vec<AuthenticateMessage> = said(&effects, 1);
    assert_eq!(begun.len(), 1);
    assert_eq!(begun[0].pid(), "slave(1)@10.0.0.2:5051");
    assert!(sent::<RegisterSlaveMessage>(&effects).is_empty());
    hear(&mut model, 1.1, 1, &mechanisms());
    let start: Vec<AuthenticationStartMessage> = said(&model.take_effects(), 1);
    assert_eq!(start[0].mechanism(), "CRAM-MD5");
    let mut challenge = AuthenticationStepMessage::new();
    challenge.set_data(b"<1@h>".to_vec());
    hear(&mut model, 1.2, 1, &challenge);
    let step: Vec<AuthenticationStepMessage> = said(&model.take_effects(), 1);
    assert_eq!(step[0].data(), cram_md5::response(&credential, b"<1@h>"));
    let completed = mesos_proto::messages::AuthenticationCompletedMessage::new();
    hear(&mut model, 1.3, 1, &completed);
    assert_eq!(sent::<RegisterSlaveMessage>(&model.take_effects()).len(), 1);
    // Another master is another to prove it to.
    model.master_detected(at(2.0), model.master().cloned());
    model.tick(at(4.0));
    assert_eq!(
        said::<AuthenticateMessage>(&model.take_effects(), 2).len(),
        1
    );
}

#[test]
fn a_master_that_does_not_answer_or_errs_is_asked_again() {
    let (mut model, _) = proved();
    model.tick(at(1.0));
    assert!(model.is_authenticatee("crammd5-authenticatee(1)"));
    assert!(!model.is_authenticatee("crammd5-authenticatee(2)"));
    model.take_effects();
    // The least time, and no more than two factors beyond it.
    model.tick(at(5.9));
    assert!(said::<AuthenticateMessage>(&model.take_effects(), 2).is_empty());
    model.tick(at(8.1));
    assert_eq!(
        said::<AuthenticateMessage>(&model.take_effects(), 2).len(),
        1
    );
    // What belongs to an attempt that was given up is not answered.
    hear(&mut model, 8.2, 1, &mechanisms());
    assert!(said::<AuthenticationStartMessage>(&model.take_effects(), 1).is_empty());
    hear(&mut model, 8.3, 2, &AuthenticationErrorMessage::new());
    model.tick(at(80.0));
    assert_eq!(
        said::<AuthenticateMessage>(&model.take_effects(), 3).len(),
        1
    );
}

#[test]
fn an_agent_whose_proof_is_refused_ends() {
    let (mut model, _) = proved();
    model.tick(at(1.0));
    let failed = mesos_proto::messages::AuthenticationFailedMessage::new();
    hear(&mut model, 1.1, 1, &failed);
    let effects = model.take_effects();
    let ended = effects.iter().find_map(|effect| match effect {
        Effect::Exit(code, text) => Some((*code, text.as_str())),
        _ => None,
    });
    let text = "Master master@10.0.0.1:5050 refused authentication";
    assert_eq!(ended, Some((1, text)));
    model.tick(at(100.0));
    assert!(said::<AuthenticateMessage>(&model.take_effects(), 2).is_empty());
}
