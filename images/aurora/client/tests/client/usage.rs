//! The help of every noun, verb and command, as `tests/data/help.txt` has it. After a change that is
//! meant, `UPDATE_HELP=1 cargo nextest run -p aurora-client usage` writes the file anew.

use std::path::Path;

use aurora_client::argparse::{Parser, help};

use crate::support::{Client, text};

/// What a terminal of 80 columns leaves.
const WIDTH: usize = 78;

fn helps(parser: &Parser, all: &mut String) {
    all.push_str(&format!(
        "$ {} -h\n{}\n\n",
        parser.prog,
        help(parser, WIDTH)
    ));
    for child in parser.children.iter().flat_map(|known| &known.parsers) {
        helps(&child.parser, all);
    }
}

fn admin_helps(all: &mut String) {
    let mut client = Client::direct("http://127.0.0.1:1");
    client.program = env!("CARGO_BIN_EXE_aurora_admin");
    client.env.push(("AURORA_COMPLETE", "1".to_owned()));
    let commands = text(&client.run(&[""]).stdout);
    client.env.clear();
    for command in commands.lines() {
        let args = match command {
            "help" => vec![command],
            _ => vec![command, "-h"],
        };
        let said = text(&client.run(&args).stdout);
        all.push_str(&format!("$ aurora_admin {}\n{said}\n", args.join(" ")));
    }
}

#[test]
fn every_help_is_as_it_was() {
    let mut all = String::new();
    helps(&aurora_client::grammar::program(), &mut all);
    admin_helps(&mut all);
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/help.txt");
    if std::env::var_os("UPDATE_HELP").is_some() {
        std::fs::write(&file, &all).unwrap();
    }
    let kept = std::fs::read_to_string(&file).unwrap();
    for (found, expected) in all.split("\n$ ").zip(kept.split("\n$ ")) {
        assert_eq!(found, expected);
    }
    assert_eq!(all.len(), kept.len());
}
