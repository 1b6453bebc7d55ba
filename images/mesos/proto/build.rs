//! Generates Rust types from `protos/`, with the pure-Rust parser: no protoc is needed.

use std::path::PathBuf;

fn main() {
    let folder = PathBuf::from("protos");
    println!("cargo:rerun-if-changed={}", folder.display());
    let mut protos: Vec<PathBuf> = std::fs::read_dir(&folder)
        .expect("the folder `protos` stands beside build.rs")
        .filter_map(|entry| entry.ok().map(|e| e.path()))
        .filter(|path| path.extension().is_some_and(|x| x == "proto"))
        .collect();
    protos.sort();
    protobuf_codegen::Codegen::new()
        .pure()
        .include(&folder)
        .inputs(&protos)
        .cargo_out_dir("generated")
        .run_from_script();
}
