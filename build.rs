//! Rebuilds the launcher when a file that it embeds is added or removed; changed ones the compiler sees itself.

fn main() {
    for folder in [
        "images/base",
        "images/zookeeper",
        "images/mesos/image",
        "images/aurora/image",
        "images/devtools",
        "profiles",
    ] {
        println!("cargo:rerun-if-changed={folder}");
    }
}
