//! The container's input and output for those who attach to it, at a socket: each side sends records
//! (RecordIO) of `ProcessIO`. A connection says in its first byte which way it goes, [`OUTPUT`] or
//! [`INPUT`]; the latter is answered at its end by `STATUS TEXT`.

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use mesos_proto::v1_agent::{ProcessIO, process_io};
use mesos_wire::recordio::{self, Decoder};
use protobuf::Message as _;

use super::info::Io;
use super::terminal;

/// Begins a connection that is sent the container's output.
pub(crate) const OUTPUT: u8 = b'O';
/// Begins a connection that sends the container input.
pub(crate) const INPUT: u8 = b'I';
/// The largest record of input that is taken, in bytes.
pub(crate) const MAX_INPUT: usize = 1 << 20;

/// How long output waits for the first that attaches once the process has ended.
const LATE: Duration = Duration::from_secs(5);
/// Who takes nothing for so long is not there any more.
const PATIENCE: Duration = Duration::from_secs(60);
/// How much is read at once, in bytes.
const PIECE: usize = 16 << 10;

/// The launcher's ends of a container's streams.
pub(super) struct Ends {
    pub(super) input: File,
    pub(super) output: File,
    /// None with a terminal, which has both in one.
    pub(super) error: Option<File>,
}

#[derive(Default)]
struct State {
    outputs: Vec<UnixStream>,
    inputs: Vec<UnixStream>,
    /// Whether output flows: somebody was attached, or nobody is waited for.
    flows: bool,
    has_input: bool,
    over: bool,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    input: Mutex<Option<File>>,
    is_terminal: bool,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The switchboard at work.
pub(super) struct Board {
    shared: Arc<Shared>,
    readers: Vec<JoinHandle<()>>,
    socket: PathBuf,
}

/// Serves a container's streams at the socket, in threads of its own.
pub(super) fn serve(io: &Io, ends: Ends) -> io::Result<Board> {
    let (Io::Pipes(socket) | Io::Terminal { socket, .. }) = io else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let waits = !matches!(io, Io::Terminal { waits: false, .. });
    let listener = listen(socket)?;
    let shared = Arc::new(Shared {
        state: Mutex::new(State {
            flows: !waits,
            ..State::default()
        }),
        changed: Condvar::new(),
        input: Mutex::new(Some(ends.input)),
        is_terminal: matches!(io, Io::Terminal { .. }),
    });
    use process_io::data::Type;
    let streams = [
        Some((ends.output, Type::STDOUT)),
        ends.error.map(|e| (e, Type::STDERR)),
    ];
    let readers = streams
        .into_iter()
        .flatten()
        .map(|(file, kind)| {
            let shared = shared.clone();
            thread::spawn(move || pump(&shared, file, kind))
        })
        .collect();
    let accepting = shared.clone();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let shared = accepting.clone();
            thread::spawn(move || attach(&shared, stream));
        }
    });
    Ok(Board {
        shared,
        readers,
        socket: socket.clone(),
    })
}

/// Listens first and gets its name then: whoever finds the socket finds it answered.
fn listen(socket: &Path) -> io::Result<UnixListener> {
    let fresh = socket.with_extension("new");
    let listener = UnixListener::bind(&fresh)?;
    std::fs::set_permissions(&fresh, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    std::fs::rename(&fresh, socket)?;
    Ok(listener)
}

impl Board {
    /// Passes the rest of the output on, and ends all connections.
    pub(super) fn finish(self) {
        let state = self.shared.state();
        let waited = self
            .shared
            .changed
            .wait_timeout_while(state, LATE, |state| !state.flows);
        if let Ok((mut state, _)) = waited {
            state.flows = true;
        }
        self.shared.changed.notify_all();
        for reader in self.readers {
            // A reader that panicked has nothing more to pass on.
            let _ = reader.join();
        }
        let mut state = self.shared.state();
        state.over = true;
        for stream in state.outputs.drain(..) {
            let _ = stream.shutdown(Shutdown::Write);
        }
        for stream in state.inputs.drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
        let _ = std::fs::remove_file(&self.socket);
    }
}

/// Passes one stream of output on to the launcher's own and to everybody who is attached.
fn pump(shared: &Shared, mut file: File, kind: process_io::data::Type) {
    {
        let state = shared.state();
        drop(shared.changed.wait_while(state, |state| !state.flows));
    }
    let mut piece = vec![0; PIECE];
    loop {
        // A terminal that everybody has left answers with an error.
        let count = match file.read(&mut piece) {
            Ok(0) | Err(_) => return,
            Ok(count) => count,
        };
        let Some(bytes) = piece.get(..count) else {
            return;
        };
        // The sandbox's files may be full or gone; those who are attached still see the output.
        let _ = match kind {
            process_io::data::Type::STDERR => io::stderr().write_all(bytes),
            _ => io::stdout()
                .lock()
                .write_all(bytes)
                .and_then(|()| io::stdout().flush()),
        };
        let record = data(kind, bytes);
        shared
            .state()
            .outputs
            .retain_mut(|stream| stream.write_all(&record).is_ok());
    }
}

/// A record of output or input.
pub(crate) fn data(kind: process_io::data::Type, bytes: &[u8]) -> bytes::Bytes {
    let mut io = ProcessIO::new();
    io.set_type(process_io::Type::DATA);
    let data = io.data.mut_or_insert_default();
    data.set_type(kind);
    data.set_data(bytes.to_vec());
    recordio::encode(&io.write_to_bytes().unwrap_or_default())
}

fn attach(shared: &Shared, mut stream: UnixStream) {
    let mut way = [0];
    let _ = stream.set_write_timeout(Some(PATIENCE));
    if stream.read_exact(&mut way).is_err() {
        return;
    }
    match way {
        [OUTPUT] => {
            let mut state = shared.state();
            if !state.over {
                state.outputs.push(stream);
                state.flows = true;
                shared.changed.notify_all();
            }
        }
        [INPUT] => {
            let answer = take_input(shared, &stream);
            let _ = stream.write_all(answer.as_bytes());
            let _ = stream.shutdown(Shutdown::Both);
        }
        _ => {}
    }
}

fn take_input(shared: &Shared, stream: &UnixStream) -> String {
    {
        let mut state = shared.state();
        if state.has_input {
            return "409 Multiple input connections are not allowed".to_string();
        }
        state.has_input = true;
        state.inputs.extend(stream.try_clone());
    }
    let answer = match read_input(shared, stream) {
        Ok(()) => "200 ".to_string(),
        Err((status, text)) => format!("{status} {text}"),
    };
    let mut state = shared.state();
    state.has_input = false;
    state.inputs.clear();
    answer
}

fn read_input(shared: &Shared, mut stream: &UnixStream) -> Result<(), (u16, String)> {
    let mut decoder = Decoder::new(MAX_INPUT);
    let mut piece = vec![0; PIECE];
    loop {
        while let Some(record) = decoder.next_record().map_err(|e| (400, e.to_string()))? {
            let io = ProcessIO::parse_from_bytes(&record).map_err(|e| (400, e.to_string()))?;
            apply(shared, &io)?;
        }
        match stream.read(&mut piece) {
            Ok(0) | Err(_) => return Ok(()),
            Ok(count) => decoder.push(piece.get(..count).unwrap_or_default()),
        }
    }
}

fn apply(shared: &Shared, io: &ProcessIO) -> Result<(), (u16, String)> {
    let mut input = shared.input.lock().unwrap_or_else(PoisonError::into_inner);
    match io.type_() {
        process_io::Type::CONTROL => {
            let Some(size) = io.control.tty_info.window_size.as_ref() else {
                return Ok(());
            };
            let side = |number: u32| u16::try_from(number).unwrap_or(u16::MAX);
            let (rows, columns) = (side(size.rows()), side(size.columns()));
            let resized = match input.as_ref() {
                Some(terminal) => terminal::resize(terminal, rows, columns),
                None => Ok(()),
            };
            resized.map_err(|error| (400, format!("Unable to set the window size: {error}")))
        }
        _ => {
            let bytes = io.data.data();
            // Without a terminal nothing means the end; a terminal is told by the character for it.
            if bytes.is_empty() && !shared.is_terminal {
                *input = None;
            }
            match input.as_mut() {
                Some(file) => file
                    .write_all(bytes)
                    .map_err(|error| (500, format!("Failed writing to stdin: {error}"))),
                None => Ok(()),
            }
        }
    }
}
