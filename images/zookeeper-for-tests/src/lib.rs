//! As much of a ZooKeeper as an election needs, inside a test: sessions that expire, ephemeral and sequential
//! znodes, and watches that fire once. A client that says something which it does not understand loses its connection.

// It serves a test alone: there a panic is the report.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

const NO_NODE: i32 = -101;
const NODE_EXISTS: i32 = -110;
const UNIMPLEMENTED: i32 = -6;
const CREATED: i32 = 1;
const DELETED: i32 = 2;
const CHILDREN_CHANGED: i32 = 4;

struct Node {
    data: Vec<u8>,
    zxid: i64,
    ctime: i64,
    owner: i64,
    children_made: i32,
}

struct Session {
    seen: Instant,
    connection: u64,
    timeout: Duration,
}

#[derive(Default)]
struct State {
    zxid: i64,
    /// Whether a session ends with its connection.
    ends_with_connection: bool,
    nodes: BTreeMap<String, Node>,
    sessions: BTreeMap<i64, Session>,
    streams: BTreeMap<u64, TcpStream>,
    /// Who watches a znode itself, and who its children.
    watches: BTreeSet<(bool, String, u64)>,
}

/// A server of its own on a free port of this host, for as long as the test's process lives.
#[derive(Clone)]
pub struct ZooKeeper {
    /// Where it listens.
    pub address: SocketAddr,
    state: Arc<Mutex<State>>,
}

/// Reads what jute wrote.
struct Input<'a>(&'a [u8]);

impl Input<'_> {
    fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let (head, rest) = self.0.split_at(N);
        self.0 = rest;
        head.try_into().unwrap()
    }

    fn int(&mut self) -> i32 {
        i32::from_be_bytes(self.bytes())
    }

    fn long(&mut self) -> i64 {
        i64::from_be_bytes(self.bytes())
    }

    fn buffer(&mut self) -> Vec<u8> {
        let size = usize::try_from(self.int()).unwrap_or(0);
        let (head, rest) = self.0.split_at(size);
        self.0 = rest;
        head.to_vec()
    }

    fn text(&mut self) -> String {
        String::from_utf8(self.buffer()).unwrap()
    }

    fn flag(&mut self) -> bool {
        self.bytes::<1>() == [1]
    }
}

fn put(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend(i32::try_from(bytes.len()).unwrap().to_be_bytes());
    out.extend(bytes);
}

fn parent(path: &str) -> &str {
    match path.rsplit_once('/') {
        Some(("", _)) | None => "/",
        Some((parent, _)) => parent,
    }
}

fn read_frame(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut size = [0; 4];
    stream.read_exact(&mut size).ok()?;
    let mut frame = vec![0; usize::try_from(i32::from_be_bytes(size)).ok()?];
    stream.read_exact(&mut frame).ok()?;
    Some(frame)
}

fn send(mut stream: &TcpStream, body: &[u8]) {
    let mut frame = Vec::new();
    put(&mut frame, body);
    let _ = stream.write_all(&frame);
}

impl State {
    fn stat(&self, path: &str) -> Option<Vec<u8>> {
        let node = self.nodes.get(path)?;
        let mut out = Vec::new();
        for long in [node.zxid, node.zxid, node.ctime, node.ctime] {
            out.extend(long.to_be_bytes());
        }
        out.extend([0; 12]);
        out.extend(node.owner.to_be_bytes());
        out.extend(i32::try_from(node.data.len()).unwrap().to_be_bytes());
        let children = self.children(path).len();
        out.extend(i32::try_from(children).unwrap().to_be_bytes());
        out.extend(node.zxid.to_be_bytes());
        Some(out)
    }

    fn children(&self, path: &str) -> Vec<String> {
        let prefix = format!("{}/", path.trim_end_matches('/'));
        let below = self
            .nodes
            .keys()
            .filter_map(|key| key.strip_prefix(&prefix));
        below
            .filter(|name| !name.is_empty() && !name.contains('/'))
            .map(str::to_string)
            .collect()
    }

    fn fire(&mut self, of_children: bool, path: &str, kind: i32) {
        let (fired, kept) = std::mem::take(&mut self.watches)
            .into_iter()
            .partition(|(children, watched, _)| *children == of_children && watched == path);
        self.watches = kept;
        for (_, _, connection) in fired {
            let mut event = Vec::new();
            event.extend((-1_i32).to_be_bytes());
            event.extend((-1_i64).to_be_bytes());
            event.extend(0_i32.to_be_bytes());
            event.extend(kind.to_be_bytes());
            event.extend(3_i32.to_be_bytes());
            put(&mut event, path.as_bytes());
            if let Some(stream) = self.streams.get(&connection) {
                send(stream, &event);
            }
        }
    }

    fn create(
        &mut self,
        path: &str,
        data: Vec<u8>,
        flags: i32,
        session: i64,
    ) -> Result<String, i32> {
        let above = parent(path).to_string();
        let is_sequential = flags & 2 != 0;
        let counter = match self.nodes.get_mut(&above) {
            Some(node) => {
                node.children_made += 1;
                node.children_made - 1
            }
            None => return Err(NO_NODE),
        };
        let path = match is_sequential {
            true => format!("{path}{counter:010}"),
            false => path.to_string(),
        };
        if self.nodes.contains_key(&path) {
            return Err(NODE_EXISTS);
        }
        self.zxid += 1;
        let node = Node {
            data,
            zxid: self.zxid,
            ctime: 1_600_000_000_000,
            owner: if flags & 1 != 0 { session } else { 0 },
            children_made: 0,
        };
        self.nodes.insert(path.clone(), node);
        self.fire(false, &path, CREATED);
        self.fire(true, &above, CHILDREN_CHANGED);
        Ok(path)
    }

    fn delete(&mut self, path: &str) -> Result<(), i32> {
        self.nodes.remove(path).ok_or(NO_NODE)?;
        self.zxid += 1;
        self.fire(false, path, DELETED);
        self.fire(true, path, DELETED);
        self.fire(true, parent(path), CHILDREN_CHANGED);
        Ok(())
    }

    /// Ends a session that its client has not been heard in: as the original does, with its connection, and after
    /// what others are told of that.
    fn expire(&mut self, session: i64) {
        let connection = self
            .sessions
            .get(&session)
            .map(|session| session.connection);
        self.end_session(session);
        if let Some(stream) = connection.and_then(|connection| self.streams.get(&connection)) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    fn end_session(&mut self, session: i64) {
        self.sessions.remove(&session);
        let owned: Vec<String> = self
            .nodes
            .iter()
            .filter(|(_, node)| node.owner == session)
            .map(|(path, _)| path.clone())
            .collect();
        for path in owned {
            let _ = self.delete(&path);
        }
    }

    fn serve(
        &mut self,
        op: i32,
        input: &mut Input<'_>,
        session: i64,
        connection: u64,
    ) -> Result<Vec<u8>, i32> {
        let mut out = Vec::new();
        match op {
            // create, create2
            1 | 15 => {
                let (path, data) = (input.text(), input.buffer());
                for _ in 0..input.int() {
                    let _ = (input.int(), input.text(), input.text());
                }
                let path = self.create(&path, data, input.int(), session)?;
                put(&mut out, path.as_bytes());
                if op == 15 {
                    out.extend(self.stat(&path).ok_or(NO_NODE)?);
                }
            }
            2 => self.delete(&input.text())?,
            // exists, getData
            3 | 4 => {
                let (path, watch) = (input.text(), input.flag());
                if watch && (op == 3 || self.nodes.contains_key(&path)) {
                    self.watches.insert((false, path.clone(), connection));
                }
                let stat = self.stat(&path).ok_or(NO_NODE)?;
                if op == 4 {
                    put(&mut out, &self.nodes.get(&path).ok_or(NO_NODE)?.data);
                }
                out.extend(stat);
            }
            // getChildren, getChildren2
            8 | 12 => {
                let (path, watch) = (input.text(), input.flag());
                let stat = self.stat(&path).ok_or(NO_NODE)?;
                if watch {
                    self.watches.insert((true, path.clone(), connection));
                }
                let children = self.children(&path);
                out.extend(i32::try_from(children.len()).unwrap().to_be_bytes());
                children
                    .iter()
                    .for_each(|name| put(&mut out, name.as_bytes()));
                if op == 12 {
                    out.extend(stat);
                }
            }
            9 => put(&mut out, input.text().as_bytes()),
            // ping, removeWatches, setWatches, closeSession
            11 | 18 | 101 | 105 => {}
            -11 => self.end_session(session),
            _ => return Err(UNIMPLEMENTED),
        }
        Ok(out)
    }
}

impl ZooKeeper {
    /// From now on a session ends as soon as its connection does, and not when its time is over. So tests may give their
    /// programs a time that is long enough for any machine, and need not wait for it when they kill one.
    pub fn end_sessions_with_connections(&self) {
        self.lock().ends_with_connection = true;
    }

    /// Ends the session that owns a znode, as if its client had not been heard for too long.
    pub fn expire_owner(&self, path: &str) {
        let mut state = self.lock();
        if let Some(owner) = state.nodes.get(path).map(|node| node.owner) {
            state.expire(owner);
        }
    }

    /// What is in the znodes below a path, by their names.
    pub fn children(&self, path: &str) -> BTreeMap<String, Vec<u8>> {
        let state = self.lock();
        let names = state.children(path).into_iter();
        let full = |name: &str| format!("{}/{name}", path.trim_end_matches('/'));
        names
            .filter_map(|name| Some((name.clone(), state.nodes.get(&full(&name))?.data.clone())))
            .collect()
    }

    /// Starts one.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let zookeeper = Self {
            address: listener.local_addr().unwrap(),
            state: Arc::default(),
        };
        let root = Node {
            data: Vec::new(),
            zxid: 0,
            ctime: 0,
            owner: 0,
            children_made: 0,
        };
        zookeeper.lock().nodes.insert("/".to_string(), root);
        let served = zookeeper.clone();
        std::thread::spawn(move || {
            for (connection, stream) in (1..).zip(listener.incoming().flatten()) {
                let zookeeper = served.clone();
                std::thread::spawn(move || zookeeper.connection(connection, stream));
            }
        });
        let expiring = zookeeper.clone();
        std::thread::spawn(move || {
            loop {
                std::thread::sleep(Duration::from_millis(20));
                let mut state = expiring.lock();
                let sessions = state.sessions.iter();
                let expired: Vec<i64> = sessions
                    .filter(|(_, session)| session.seen.elapsed() > session.timeout)
                    .map(|(id, _)| *id)
                    .collect();
                expired.into_iter().for_each(|id| state.expire(id));
            }
        });
        zookeeper
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn connection(&self, connection: u64, mut stream: TcpStream) {
        let Some(session) = self.greet(connection, &mut stream) else {
            return;
        };
        while let Some(frame) = read_frame(&mut stream) {
            let mut input = Input(&frame);
            let (xid, op) = (input.int(), input.int());
            let mut state = self.lock();
            if let Some(session) = state.sessions.get_mut(&session) {
                session.seen = Instant::now();
            }
            let (error, body) = match state.serve(op, &mut input, session, connection) {
                Ok(body) => (0, body),
                Err(error) => (error, Vec::new()),
            };
            let mut reply = Vec::new();
            reply.extend(xid.to_be_bytes());
            reply.extend(state.zxid.to_be_bytes());
            reply.extend(error.to_be_bytes());
            reply.extend(body);
            // Under the lock, so that an answer and the events around it keep their order.
            send(&stream, &reply);
        }
        let mut state = self.lock();
        state.streams.remove(&connection);
        let is_its = |found: &Session| found.connection == connection;
        if state.ends_with_connection && state.sessions.get(&session).is_some_and(is_its) {
            state.end_session(session);
        }
    }

    fn greet(&self, connection: u64, stream: &mut TcpStream) -> Option<i64> {
        let frame = read_frame(stream)?;
        let mut input = Input(&frame);
        let _ = (input.int(), input.long());
        let (timeout, known) = (input.int(), input.long());
        let mut state = self.lock();
        let id = match known {
            0 => i64::try_from(connection).unwrap() + 1000,
            known if state.sessions.contains_key(&known) => known,
            _ => 0,
        };
        if id != 0 {
            let session = Session {
                seen: Instant::now(),
                connection,
                timeout: Duration::from_millis(u64::try_from(timeout).unwrap()),
            };
            state.sessions.insert(id, session);
        }
        state
            .streams
            .insert(connection, stream.try_clone().unwrap());
        let mut reply = Vec::new();
        reply.extend(0_i32.to_be_bytes());
        reply.extend((if id == 0 { 0 } else { timeout }).to_be_bytes());
        reply.extend(id.to_be_bytes());
        put(&mut reply, &[0; 16]);
        reply.push(0);
        send(stream, &reply);
        (id != 0).then_some(id)
    }
}
